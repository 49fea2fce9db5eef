"""`lst-raster profiles`: atmospheric profiles for training."""

from __future__ import annotations

from pathlib import Path

import click

from lst_raster.cli import options
from lst_raster.cli.command import Group, show


@click.group(cls=Group)
def profiles() -> None:
    """Make atmospheric profiles, which simulate takes instead of the packaged library."""


@profiles.command("from-era5")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="NetCDF file to write.")
@click.option("--every", default=1, show_default=True, type=click.IntRange(min=1), help="Every N-th row and column.")
@click.option(
    "--columns", type=click.IntRange(min=2), metavar="N",
    help="Choose N columns, spread over temperature, water vapour and latitude as in the packaged library.",
)  # fmt: skip
@click.option(
    "--clear-below", default=0.95, show_default=True, type=click.FloatRange(0.0, 1.5, min_open=True),
    help="Maximum relative humidity of a clear column, on any level.",
)  # fmt: skip
@options.overwrite
@options.as_json
def from_era5(
    files: tuple[Path, ...], output: Path, every: int, columns: int | None, clear_below: float, overwrite: bool,
    as_json: bool,
) -> None:  # fmt: skip
    r"""Make profiles from FILES of ERA5 on pressure levels (NetCDF, GRIB with the extra grib, ZIP).

    Required are t and q (or r) on levels, and for the same times and grid sp at the surface (or z on levels and at the
    surface); t2m, d2m and o3 are optional.

    Examples
    --------
    lst-raster profiles from-era5 era5_levels.nc era5_surface.nc \
      --columns 500 -o profiles.nc
    """
    from lst_raster.errors import OutputError
    from lst_raster.profiles.era5 import profiles_from_era5
    from lst_raster.profiles.profile_sets import write_profiles

    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; pass --overwrite to replace it")
    made = profiles_from_era5(files, every=every, columns=columns, clear_below=clear_below)
    write_profiles(made, output)
    result = {"profiles": output, "columns": made.sizes["profile"], "levels": made.sizes["level"],
              "validation_share": float(made["split"].mean())}  # fmt: skip
    line = "{profiles}: {columns} clear columns on {levels} levels, {validation_share:.0%} for validation"
    show(result, [line.format(**result)], as_json)
