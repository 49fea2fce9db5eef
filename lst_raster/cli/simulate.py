"""`lst-raster simulate`."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import progress_bar
from lst_raster.errors import OutputError
from lst_raster.profiles.profile_sets import library_path
from lst_raster.profiles.simulate import SimulationOptions, simulate_file, subsample
from lst_raster.sensors.bands import response_path, sensor_band
from lst_raster.sensors.custom import SIMULATED
from lst_raster.simulator.gases import Composition

_DEFAULT = Composition()
_SEED = 1  # of the simulated sets of the shipped models


@click.command("simulate", cls=Command)
@click.argument("profiles", type=click.Path(path_type=Path), required=False)
@click.option(
    "--sensor", "sensors", required=True, multiple=True, shell_complete=options.sensors,
    help="Sensor band, such as landsat8-b10. Repeatable.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="NetCDF file to write; for several sensors a folder, with files named <sensor>_<name of PROFILES>. "
    "[default: for a custom sensor simulated.nc in its folder, where train finds it]",
)  # fmt: skip
@click.option(
    "--columns", type=click.IntRange(min=50), metavar="N",
    help="Simulate a subsample of N columns, spread over the water vapour.",
)  # fmt: skip
@click.option("--year", default=_DEFAULT.year, show_default=True, help="Year of the gas concentrations.")
@click.option(
    "--aerosol", default=_DEFAULT.aerosol_optical_depth, show_default=True, help="Aerosol optical depth at 11 um."
)
@click.option("--continuum", default=_DEFAULT.continuum_scaling, show_default=True, help="Scaling of the continuum.")
@click.option(
    "--vary", type=int,
    help="Seed for drawing year, aerosol and continuum for each profile. [default: 1 without PROFILES]",
)  # fmt: skip
@options.overwrite
@options.quiet
@options.as_json
def simulate(
    profiles: Path | None, sensors: tuple[str, ...], output: Path | None, columns: int | None, year: float,
    aerosol: float, continuum: float, vary: int | None, overwrite: bool, quiet: bool, as_json: bool,
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
    source = click.get_current_context().get_parameter_source
    composed = any(source(name) is not ParameterSource.DEFAULT for name in ("year", "aerosol", "continuum"))
    if profiles is None and vary is None and not composed:
        vary = _SEED
    profiles = profiles or library_path()
    targets = _targets(profiles, sensors, output)
    for target in targets.values():
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists; pass --overwrite to replace it")
    composition = Composition(year=year, aerosol_optical_depth=aerosol, continuum_scaling=continuum)
    settings = SimulationOptions(composition=composition, vary_seed=vary)
    with progress_bar("Simulating", quiet=quiet) as progress, subsample(profiles, columns) as chosen:
        simulate_file(chosen, targets, settings, progress)
    show({"files": targets}, targets.values(), as_json)


def _targets(profiles: Path, sensors: tuple[str, ...], output: Path | None) -> dict[str, Path]:
    """Output file of each sensor band."""
    if output is None:
        shipped = [sensor for sensor in sensors if not sensor_band(sensor).is_custom]
        if shipped:
            raise click.UsageError(f"{shipped[0]} is a shipped sensor band; give the output with -o")
        return {sensor: response_path(sensor).with_name(SIMULATED) for sensor in sensors}
    single = len(sensors) == 1 and not output.is_dir()
    return {sensor: output if single else output / f"{sensor}_{profiles.name}" for sensor in sensors}
