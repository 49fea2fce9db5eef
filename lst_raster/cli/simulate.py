"""``lst-raster simulate``: radiative transfer through a file of atmospheric profiles."""

from __future__ import annotations

from pathlib import Path

import click

from lst_raster.cli import options
from lst_raster.cli.progress import progress_bar
from lst_raster.cli.results import show
from lst_raster.errors import OutputError
from lst_raster.simulation.simulate import SimulationOptions, simulate_file
from lst_raster.transfer.gases import Composition

_DEFAULT = Composition()


@click.command()
@click.argument("profiles", type=click.Path(path_type=Path))
@click.option(
    "--sensor", "sensors", required=True, multiple=True, help="Sensor band, as landsat8-b10; may be repeated."
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="NetCDF file to write; for several sensors a folder, for files named <sensor>_<name of PROFILES>.",
)
@click.option("--year", default=_DEFAULT.year, show_default=True, help="Year of the gas concentrations.")
@click.option(
    "--aerosol", default=_DEFAULT.aerosol_optical_depth, show_default=True, help="Aerosol optical depth at 11 um."
)
@click.option("--continuum", default=_DEFAULT.continuum_scaling, show_default=True, help="Factor on the continuum.")
@click.option("--vary", type=int, help="Seed: draw year, aerosol and continuum for each profile instead.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@options.quiet
@options.as_json
def simulate(
    profiles: Path,
    sensors: tuple[str, ...],
    output: Path,
    year: float,
    aerosol: float,
    continuum: float,
    vary: int | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Simulate transmittance, upwelling and downwelling radiance of every profile in PROFILES (NetCDF).

    PROFILES holds pressure [hPa], air_temperature [K] and specific_humidity [kg kg-1] on (profile, level), NaN below
    ground, in any level order, and optionally ozone [kg kg-1], surface_pressure [hPa], air_temperature_2m [K],
    specific_humidity_2m [kg kg-1] and surface_temperature [K].
    """
    single = len(sensors) == 1 and not output.is_dir()
    targets = {sensor: output if single else output / f"{sensor}_{profiles.name}" for sensor in sensors}
    for target in targets.values():
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists; pass --overwrite to replace it")
    composition = Composition(year=year, aerosol_optical_depth=aerosol, continuum_scaling=continuum)
    how = SimulationOptions(composition=composition, vary_seed=vary)
    with progress_bar("Simulating", quiet=quiet) as progress:
        simulate_file(profiles, targets, how, progress)
    show({"files": targets}, targets.values(), as_json)
