"""``lst-raster build profiles``: the profile library, or a held-out set."""

from __future__ import annotations

from pathlib import Path

import click

from lst_raster.cli import options
from lst_raster.cli.helping import Command
from lst_raster.cli.results import show


@click.command(
    "profiles",
    cls=Command,
    examples="""
    lst-raster build profiles first.grib2 second.grib2 -o library.nc
    lst-raster build profiles analysis.grib2 --held-out -o test.nc
""",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="NetCDF file to write.")
@click.option("--held-out", is_flag=True, help="Write every clear column as it is, for testing, not the library.")
@click.option(
    "--clear-below",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0.0, 1.1),
    help="With --held-out: largest relative humidity of a clear column.",
)
@options.as_json
def profiles(files: tuple[Path, ...], output: Path, held_out: bool, clear_below: float, as_json: bool) -> None:
    """Make a profiles file from atmospheric FILES (GFS GRIB; with --held-out also TIGR-2000 as .npz).

    Without --held-out this is the maker of the packaged library: clear columns chosen for spread, perturbed
    extremes, and a split into training and validation by region.
    """
    from lst_raster.simulation.library import make_held_out, make_library
    from lst_raster.simulation.profiles import write_profiles

    made = make_held_out(files, clear_below) if held_out else make_library(files)
    write_profiles(made, output)
    columns, levels = made.sizes["profile"], made.sizes["level"]
    line = f"{output}: {columns} columns on {levels} levels"
    show({"files": [output], "columns": columns, "levels": levels}, [line], as_json)
