"""`lst-raster sensor`: shipped and custom sensor bands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Group
from lst_raster.cli.command import show as show_result
from lst_raster.inference.model import custom_models, shipped_models
from lst_raster.resources import user_path
from lst_raster.sensors.bands import custom_sensor_names, response_path, sensor_band, sensor_names
from lst_raster.sensors.custom import SIMULATED
from lst_raster.sensors.response import half_power_wavelengths, load_response


def describe_sensor(name: str) -> dict[str, Any]:
    """Properties of a sensor band, ready for JSON; keys end in their unit, missing values are None."""
    band, response = sensor_band(name), load_response(name)
    path, simulated = response_path(name), user_path("sensors", band.name, SIMULATED)
    models = [model.partition("/") for model in (custom_models() if band.is_custom else shipped_models())]
    return {
        "name": band.name,
        "kind": "own" if band.is_custom else "shipped",
        "title": band.title,
        "wavelength_um": band.wavelength,
        "half_power_um": [round(limit, 3) for limit in half_power_wavelengths(response)],
        "response_points": int(response.value.size),
        "noise_K": band.noise,
        "calibration_uncertainty_K": band.calibration_uncertainty,
        "gain": band.gain or None,
        "radiance_offset": band.radiance_offset if band.gain else None,
        "years": [band.first_year, band.last_year],
        "folder": str(path.parent),
        "simulated_set": str(simulated) if simulated.is_file() else None,
        "models": [tier for sensor, _, tier in models if sensor == band.name],
    }


@click.group(cls=Group)
def sensor() -> None:
    """List and show sensor bands, define custom ones from a spectral response, remove them."""


@sensor.command()
@click.argument("name")
@click.option(
    "--response", required=True, type=click.Path(path_type=Path), metavar="FILE.csv",
    help="Two columns: wavelength or wavenumber, and relative response.",
)  # fmt: skip
@click.option("--unit", type=click.Choice(["um", "nm", "cm-1"]), help="Unit of the first column, if no header has it.")
@click.option("--title", metavar="TEXT", help="Descriptive name, such as 'ASTER band 13'. [default: NAME]")
@click.option(
    "--noise", type=float, default=0.1, show_default=True, metavar="KELVIN", help="Noise of a pixel, at 300 K."
)
@click.option(
    "--calibration", type=float, default=0.5, show_default=True, metavar="KELVIN",
    help="Standard uncertainty of the calibration, at 300 K.",
)  # fmt: skip
@click.option("--gain", type=float, default=0.0, metavar="NUMBER", help="Radiance of one digital number.")
@click.option("--offset", type=float, default=0.0, metavar="NUMBER", help="Radiance of the digital number 0.")
@click.option(
    "--years", type=int, nargs=2, default=(2000, 2029), show_default=True, metavar="FIRST LAST",
    help="Years of operation, which determine the minor gases in the training.",
)  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Instead of the user's data folder.")
@click.option("--overwrite", is_flag=True, help="Replace an existing definition, and the files made with it.")
@options.as_json
def new(
    name: str, response: Path, unit: str | None, title: str | None, noise: float, calibration: float, gain: float,
    offset: float, years: tuple[int, int], folder: Path | None, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Define the sensor band NAME from its spectral response.

    At least 99 % of the response must be within 10.0 to 13.15 um, the range of the simulator. NAME can then be used as
    a sensor in all commands, first in lst-raster simulate. Definitions are stored in the user's data folder:
    LST_RASTER_DATA, or the default one of the system.

    Examples
    --------
    lst-raster sensor new my-band --response response.csv
    """
    from lst_raster.sensors.custom import SensorProperties, define_sensor
    from lst_raster.sensors.response import read_response

    facts = SensorProperties(
        title=title, noise=noise, calibration_uncertainty=calibration, gain=gain, radiance_offset=offset,
        first_year=years[0], last_year=years[1],
    )  # fmt: skip
    table = read_response(response, unit)
    target = define_sensor(name, table, facts, folder=folder, overwrite=overwrite)
    low, high = table.limits
    result = {
        "name": target.name, "folder": str(target), "points": table.points,
        "half_power_um": [round(low, 3), round(high, 3)], "left_out_percent": round(100 * table.outside, 2),
        "warnings": list(table.warnings),
    }  # fmt: skip
    lines = [f"{target.name}: half power at {low:.2f} and {high:.2f} um, {table.points} points", target]
    if folder is not None:
        lines.append(f"other commands find it with LST_RASTER_DATA={folder}")
    show_result(result, [*lines, f"next: lst-raster simulate --sensor {target.name}"], as_json)


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
    show_result(found, lines, as_json)


@sensor.command()
@click.argument("name")
@options.as_json
def show(name: str, as_json: bool) -> None:
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
    show_result(found, lines, as_json)


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
    from lst_raster.sensors.custom import remove_sensor

    removed = list(remove_sensor(name, models=models))
    show_result({"removed": removed}, [f"removed {folder}" for folder in removed], as_json)
