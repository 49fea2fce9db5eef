"""`lst-raster build`: packaged tables and profile libraries from their sources."""

from __future__ import annotations

from pathlib import Path

import click

from lst_raster.cli import options
from lst_raster.cli.command import Group, show
from lst_raster.cli.progress import progress_bar
from lst_raster.inputs.emissivity.spectra import crop_spectra, make_components
from lst_raster.sensors.response import make_bands
from lst_raster.simulator.make_absorption_table import TableSources, make_table

_FILE = click.Path(path_type=Path)
_csv = click.option("-o", "--output", required=True, type=_FILE, help="CSV file to write.")
_netcdf = click.option("-o", "--output", required=True, type=_FILE, help="NetCDF file to write.")


@click.group(cls=Group)
def build() -> None:
    """Rebuild the packaged tables from their published sources."""


@build.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_netcdf
@click.option("--held-out", is_flag=True, help="Write all clear columns unchanged, for testing, instead of a library.")
@click.option(
    "--clear-below", default=0.95, show_default=True, type=click.FloatRange(0.0, 1.1),
    help="With --held-out: maximum relative humidity of a clear column.",
)  # fmt: skip
@options.as_json
def profiles(files: tuple[Path, ...], output: Path, held_out: bool, clear_below: float, as_json: bool) -> None:
    """Make a file of profiles from atmospheric FILES (GFS GRIB; with --held-out also TIGR-2000 as .npz).

    Without --held-out the result is a library like the packaged one: clear columns sampled for diversity, perturbed
    extremes, and a split into training and validation by region.

    Examples
    --------
    lst-raster build profiles first.grib2 second.grib2 -o library.nc
    lst-raster build profiles analysis.grib2 --held-out -o test.nc
    """
    from lst_raster.profiles.library import make_held_out, make_library
    from lst_raster.profiles.profile_sets import write_profiles

    made = make_held_out(files, clear_below) if held_out else make_library(files)
    write_profiles(made, output)
    columns, levels = made.sizes["profile"], made.sizes["level"]
    line = f"{output}: {columns} columns on {levels} levels"
    show({"files": [output], "columns": columns, "levels": levels}, [line], as_json)


@build.command()
@click.option("--water-lines", required=True, type=_FILE, help="HITRAN lines of H2O.")
@click.option(
    "--carbon-dioxide-lines", required=True, multiple=True, type=_FILE, help="HITRAN lines of CO2. Repeatable."
)
@click.option("--continuum", required=True, type=_FILE, help="MT_CKD water vapour continuum, NetCDF.")
@click.option("--k-distribution", required=True, type=_FILE, help="SOCRATES spectral file with 300 bands.")
@_netcdf
@options.quiet
@options.as_json
def absorption(
    water_lines: Path, carbon_dioxide_lines: tuple[Path, ...], continuum: Path, k_distribution: Path, output: Path,
    quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    r"""Rebuild the absorption table from line lists, continuum and k-distribution.

    Examples
    --------
    lst-raster build absorption --water-lines h2o.par \
      --carbon-dioxide-lines co2.par --continuum mt_ckd_h2o.nc \
      --k-distribution sp_lw_300 -o absorption.nc
    """
    sources = TableSources(
        water_lines=water_lines, carbon_dioxide_lines=carbon_dioxide_lines, continuum=continuum,
        k_distribution=k_distribution,
    )  # fmt: skip
    with progress_bar("Absorption", quiet=quiet) as progress:
        make_table(sources, output, progress)
    show({"files": [output]}, [output], as_json)


@build.command()
@click.argument("index", type=_FILE)
@click.argument("urban_spectra", type=_FILE)
@_csv
@options.as_json
def emissivity(index: Path, urban_spectra: Path, output: Path, as_json: bool) -> None:
    """Rebuild the emissivity of soil, rock, water, ... from ECOSTRESS band emissivities (INDEX) and SLUM spectra.

    Examples
    --------
    lst-raster build emissivity index.csv LUMA_SLUM_IR.csv -o components.csv
    """
    written = make_components(index, urban_spectra, output)
    show({"files": [written]}, [written], as_json)


@build.command()
@click.argument("library", type=_FILE)
@_csv
@options.as_json
def spectra(library: Path, output: Path, as_json: bool) -> None:
    """Rebuild the packaged emissivity spectra from the SLUM table (LIBRARY), cropped to the sensor bands.

    Examples
    --------
    lst-raster build spectra LUMA_SLUM_IR.csv -o slum.csv
    """
    written = crop_spectra(library, output)
    show({"files": [written]}, [written], as_json)


@build.command()
@click.argument("responses", type=_FILE)
@click.option("-o", "--output", required=True, type=_FILE, help="Folder to write into.")
@options.as_json
def bands(responses: Path, output: Path, as_json: bool) -> None:
    """Rebuild the sensor bands from the published spectral responses in the folder RESPONSES.

    Examples
    --------
    lst-raster build bands responses -o bands
    """
    written = list(make_bands(responses, output))
    show({"files": written}, written, as_json)
