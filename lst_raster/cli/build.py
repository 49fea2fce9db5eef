"""``lst-raster build``: make the packaged tables again from their published sources."""

from __future__ import annotations

from pathlib import Path

import click

from lst_raster.cli import options
from lst_raster.cli.build_profiles import profiles
from lst_raster.cli.helping import Group
from lst_raster.cli.progress import progress_bar
from lst_raster.cli.results import show
from lst_raster.scene.emissivity.make_components import make_components
from lst_raster.simulation.emissivity_spectra import crop_spectra
from lst_raster.spectroscopy.make_table import TableSources, make_table
from lst_raster.transfer.make_bands import make_bands

_FILE = click.Path(path_type=Path)


@click.group(cls=Group)
def build() -> None:
    """Rebuild the packaged tables from their published sources."""


build.add_command(profiles)


@build.command(
    examples="""
    lst-raster build absorption --water-lines h2o.par \\
      --carbon-dioxide-lines co2.par --continuum mt_ckd_h2o.nc \\
      --k-distribution sp_lw_300 -o absorption.nc
"""
)
@click.option("--water-lines", required=True, type=_FILE, help="HITRAN lines of H2O.")
@click.option(
    "--carbon-dioxide-lines", required=True, multiple=True, type=_FILE, help="HITRAN lines of CO2; may be repeated."
)
@click.option("--continuum", required=True, type=_FILE, help="MT_CKD water vapour continuum, NetCDF.")
@click.option("--k-distribution", required=True, type=_FILE, help="SOCRATES spectral file with 300 bands.")
@click.option("-o", "--output", required=True, type=_FILE, help="NetCDF file to write.")
@options.quiet
@options.as_json
def absorption(
    water_lines: Path, carbon_dioxide_lines: tuple[Path, ...], continuum: Path, k_distribution: Path, output: Path,
    quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Rebuild the absorption table from line lists, continuum and k-distribution."""
    sources = TableSources(
        water_lines=water_lines,
        carbon_dioxide_lines=carbon_dioxide_lines,
        continuum=continuum,
        k_distribution=k_distribution,
    )
    with progress_bar("Absorption", quiet=quiet) as progress:
        make_table(sources, output, progress)
    show({"files": [output]}, [output], as_json)


@build.command(
    examples="""
    lst-raster build emissivity index.csv LUMA_SLUM_IR.csv -o components.csv
"""
)
@click.argument("index", type=_FILE)
@click.argument("urban_spectra", type=_FILE)
@click.option("-o", "--output", required=True, type=_FILE, help="CSV file to write.")
@options.as_json
def emissivity(index: Path, urban_spectra: Path, output: Path, as_json: bool) -> None:
    """Rebuild the emissivity of soil, rock, water, ... from ECOSTRESS band emissivities (INDEX) and SLUM's spectra."""
    written = make_components(index, urban_spectra, output)
    show({"files": [written]}, [written], as_json)


@build.command(
    examples="""
    lst-raster build spectra LUMA_SLUM_IR.csv -o slum.csv
"""
)
@click.argument("library", type=_FILE)
@click.option("-o", "--output", required=True, type=_FILE, help="CSV file to write.")
@options.as_json
def spectra(library: Path, output: Path, as_json: bool) -> None:
    """Rebuild the packaged emissivity spectra from SLUM's table (LIBRARY): the part that the sensor bands see."""
    written = crop_spectra(library, output)
    show({"files": [written]}, [written], as_json)


@build.command(
    examples="""
    lst-raster build bands responses -o bands
"""
)
@click.argument("responses", type=_FILE)
@click.option("-o", "--output", required=True, type=_FILE, help="Folder to write into.")
@options.as_json
def bands(responses: Path, output: Path, as_json: bool) -> None:
    """Rebuild the sensor bands from the published spectral responses in the folder RESPONSES."""
    written = list(make_bands(responses, output))
    show({"files": written}, written, as_json)
