"""Commands `sensor` and `simulate`: shipped and custom sensor bands, and their simulated sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from lst_raster.cli import options
from lst_raster.cli.command import Command, Group, show
from lst_raster.cli.messages import progress_bar
from lst_raster.errors import OutputError
from lst_raster.inference.model import custom_models, shipped_models
from lst_raster.resources import user_path
from lst_raster.sensors.bands import custom_sensor_names, response_path, sensor_band, sensor_names
from lst_raster.sensors.custom import SIMULATED, SensorProperties, define_sensor, remove_sensor
from lst_raster.sensors.response import half_power_wavelengths, load_response, read_response
from lst_raster.simulator.gases import Composition

_DEFAULT = Composition()
_SEED = 1  # of the simulated sets of the shipped models


def describe_sensor(name: str) -> dict[str, Any]:
    """Properties of a sensor band, ready for JSON; keys end in their unit, missing values are None."""
    band, response = sensor_band(name), load_response(name)
    path, simulated = response_path(name), user_path("sensors", band.name, SIMULATED)
    models = [model.partition("/") for model in (custom_models() if band.is_custom else shipped_models())]
    return {
        "name": band.name, "kind": "custom" if band.is_custom else "shipped", "title": band.title,
        "wavelength_um": band.wavelength,
        "half_power_um": [round(limit, 3) for limit in half_power_wavelengths(response)],
        "response_points": int(response.value.size),
        "noise_K": band.noise, "calibration_uncertainty_K": band.calibration_uncertainty,
        "gain": band.gain or None, "radiance_offset": band.radiance_offset if band.gain else None,
        "years": [band.first_year, band.last_year], "folder": str(path.parent),
        "simulated_set": str(simulated) if simulated.is_file() else None,
        "models": [tier for sensor, _, tier in models if sensor == band.name],
    }  # fmt: skip


@click.group(cls=Group)
def sensor() -> None:
    """List and show sensor bands, define custom ones from a spectral response, remove them."""


@sensor.command()
@click.argument("name")
@click.option("--response", required=True, type=options.PATH, metavar="FILE.csv",
    help="Two columns: wavelength or wavenumber, and relative response.")  # fmt: skip
@click.option("--unit", type=click.Choice(["um", "nm", "cm-1"]), help="Unit of the first column, if no header has it.")
@click.option("--title", metavar="TEXT", help="Descriptive name, such as 'ASTER band 13'. [default: NAME]")
@click.option("--noise", type=float, default=0.1, show_default=True, metavar="KELVIN",
    help="Noise of a pixel, at 300 K.")  # fmt: skip
@click.option("--calibration", "calibration_uncertainty", type=float, default=0.5, show_default=True, metavar="KELVIN",
    help="Standard uncertainty of the calibration, at 300 K.")  # fmt: skip
@click.option("--gain", type=float, default=0.0, metavar="NUMBER", help="Radiance of one digital number.")
@click.option(
    "--offset", "radiance_offset", type=float, default=0.0, metavar="NUMBER", help="Radiance of the digital number 0."
)
@click.option("--years", type=int, nargs=2, default=(2000, 2029), show_default=True, metavar="FIRST LAST",
    help="Years of operation.")  # fmt: skip
@click.option("--folder", type=options.PATH, metavar="DIR", help="Instead of the user's data folder.")
@click.option("--overwrite", is_flag=True, help="Replace an existing definition, and the files made with it.")
@options.as_json
def new(
    name: str, response: Path, unit: str | None, years: tuple[int, int], folder: Path | None, overwrite: bool,
    as_json: bool, **properties: Any,
) -> None:  # fmt: skip
    """Define the sensor band NAME from its spectral response.

    At least 99 % of the response must be within 10.0 to 13.15 um, the range of the simulator. NAME can then be used as
    a sensor in all commands, first in lst-raster simulate. Definitions are stored in the user's data folder:
    LST_RASTER_DATA, or the default one of the system.

    Examples
    --------
    lst-raster sensor new my-band --response response.csv
    """
    facts = SensorProperties(**properties, first_year=years[0], last_year=years[1])
    table = read_response(response, unit)
    target = define_sensor(name, table, facts, folder=folder, overwrite=overwrite)
    low, high = table.limits
    result = {
        "name": target.name, "folder": target, "points": table.points, "half_power_um": [round(low, 3), round(high, 3)],
        "left_out_percent": round(100 * table.outside, 2), "warnings": table.warnings,
    }  # fmt: skip
    lines = [f"{target.name}: half power at {low:.2f} and {high:.2f} um, {table.points} points", target]
    if folder is not None:
        lines.append(f"other commands find it with LST_RASTER_DATA={folder}")
    show(result, [*lines, f"next: lst-raster simulate --sensor {target.name}"], as_json)


@sensor.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """List the shipped and custom sensor bands, and the models for each.

    Examples
    --------
    lst-raster sensor list
    """
    found = [describe_sensor(name) for name in (*sensor_names(), *custom_sensor_names())]
    width = max(len(one["name"]) for one in found) + 2
    lines = [
        f"{one['name']:<{width}}{one['kind']:<9}{one['wavelength_um']:6.2f} um  {one['title']}, "
        f"models: {', '.join(one['models']) or 'no model'}"
        for one in found
    ]
    show(found, lines, as_json)


@sensor.command("show")
@click.argument("name")
@options.as_json
def show_sensor(name: str, as_json: bool) -> None:
    """Show the properties of the sensor band NAME, its folder, its simulated set and its models.

    Examples
    --------
    lst-raster sensor show landsat8-b10
    """
    found = describe_sensor(name)
    lines = []
    for key, value in found.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        lines.append(f"{key.replace('_', ' ')}: {'none' if text in (None, '') else text}")
    show(found, lines, as_json)


@sensor.command()
@click.argument("name")
@click.option("--models", is_flag=True, help="Remove its models, too.")
@options.as_json
def remove(name: str, models: bool, as_json: bool) -> None:
    """Remove the custom sensor band NAME, and its simulated set.

    Examples
    --------
    lst-raster sensor remove my-band
    """
    removed = list(remove_sensor(name, models=models))
    show({"removed": removed}, [f"removed {folder}" for folder in removed], as_json)


@click.command("simulate", cls=Command)
@click.argument("profiles", type=options.PATH, required=False)
@click.option("--sensor", "sensors", required=True, multiple=True, shell_complete=options.sensors,
    help="Sensor band, such as landsat8-b10. Repeatable.")  # fmt: skip
@click.option(
    "-o", "--output", type=options.PATH,
    help="NetCDF file to write; for several sensors a folder, with files named <sensor>_<name of PROFILES>. "
    "[default: for a custom sensor simulated.nc in its folder, where train finds it]",
)  # fmt: skip
@click.option("--columns", type=click.IntRange(min=50), metavar="N",
    help="Simulate a subsample of N columns, spread over the water vapour.")  # fmt: skip
@click.option("--year", default=_DEFAULT.year, show_default=True, help="Year of the gas concentrations.")
@click.option("--aerosol", "aerosol_optical_depth", default=_DEFAULT.aerosol_optical_depth, show_default=True,
    help="Aerosol optical depth at 11 um.")  # fmt: skip
@click.option("--continuum", "continuum_scaling", default=_DEFAULT.continuum_scaling, show_default=True,
    help="Scaling of the continuum.")  # fmt: skip
@click.option("--vary", type=int,
    help="Seed for drawing year, aerosol and continuum for each profile. [default: 1 without PROFILES]")  # fmt: skip
@options.overwrite
@options.quiet
@options.as_json
def simulate(
    profiles: Path | None, sensors: tuple[str, ...], output: Path | None, columns: int | None, vary: int | None,
    overwrite: bool, quiet: bool, as_json: bool, **composition: Any,
) -> None:  # fmt: skip
    r"""Simulate transmittance, upwelling and downwelling radiance of every profile in PROFILES (NetCDF).

    PROFILES has pressure [hPa], air_temperature [K] and specific_humidity [kg kg-1] on (profile, level), NaN below
    ground, in any level order, and optionally ozone [kg kg-1], surface_pressure [hPa], air_temperature_2m [K],
    specific_humidity_2m [kg kg-1] and surface_temperature [K]. Without PROFILES it is the packaged library, and year,
    aerosol and continuum are drawn for each profile, as for the training of models.

    Examples
    --------
    lst-raster simulate library.nc --sensor landsat8-b10 \
      -o simulated/landsat8-b10_library.nc
    lst-raster simulate --sensor my-band
    """
    from lst_raster.profiles.profile_sets import library_path
    from lst_raster.profiles.simulate import SimulationOptions, simulate_file, subsample

    source = click.get_current_context().get_parameter_source
    composed = any(source(name) is not ParameterSource.DEFAULT for name in composition)
    if profiles is None and vary is None and not composed:
        vary = _SEED
    profiles = profiles or library_path()
    if output is None:
        shipped = [sensor for sensor in sensors if not sensor_band(sensor).is_custom]
        if shipped:
            raise click.UsageError(f"{shipped[0]} is a shipped sensor band; give the output with -o")
        targets = {sensor: response_path(sensor).with_name(SIMULATED) for sensor in sensors}
    elif len(sensors) == 1 and not output.is_dir():
        targets = {sensors[0]: output}
    else:
        targets = {sensor: output / f"{sensor}_{profiles.name}" for sensor in sensors}
    for target in targets.values():
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists; pass --overwrite to replace it")
    settings = SimulationOptions(composition=Composition(**composition), vary_seed=vary)
    with progress_bar("Simulating", quiet=quiet) as progress, subsample(profiles, columns) as chosen:
        simulate_file(chosen, targets, settings, progress)
    show({"files": targets}, targets.values(), as_json)
