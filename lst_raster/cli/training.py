"""Commands that make models and tables: `profiles`, `train` and `build`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, Group, show
from lst_raster.cli.messages import progress_bar
from lst_raster.errors import OutputError

_TIERS = ("surface", "profile")  # of sensors with one band
_csv = click.option("-o", "--output", required=True, type=options.PATH, help="CSV file to write.")
_netcdf = click.option("-o", "--output", required=True, type=options.PATH, help="NetCDF file to write.")


@click.group(cls=Group)
def profiles() -> None:
    """Make atmospheric profiles, which simulate takes instead of the packaged library."""


@profiles.command("from-era5")
@click.argument("files", nargs=-1, required=True, type=options.PATH)
@_netcdf
@click.option("--every", default=1, show_default=True, type=click.IntRange(min=1), help="Every N-th row and column.")
@click.option(
    "--columns",
    type=click.IntRange(min=2),
    metavar="N",
    help="Choose N columns, spread over temperature, water vapour and latitude as in the packaged library.",
)
@click.option("--clear-below", default=0.95, show_default=True, type=click.FloatRange(0.0, 1.5, min_open=True),
    help="Maximum relative humidity of a clear column, on any level.")  # fmt: skip
@options.overwrite
@options.as_json
def from_era5(files: tuple[Path, ...], output: Path, overwrite: bool, as_json: bool, **values: Any) -> None:
    r"""Make profiles from FILES of ERA5 on pressure levels (NetCDF, GRIB with the extra grib, ZIP).

    Required are t and q (or r) on levels, and for the same times and grid sp at the surface (or z on levels and at the
    surface); t2m, d2m and o3 are optional.

    Examples
    --------
    lst-raster profiles from-era5 era5_levels.nc era5_surface.nc \
      --columns 500 -o profiles.nc
    """
    from lst_raster.profiles.era5 import profiles_from_era5
    from lst_raster.profiles.profile_sets import write_profiles

    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; pass --overwrite to replace it")
    made = profiles_from_era5(files, **values)
    write_profiles(made, output)
    columns, levels = made.sizes["profile"], made.sizes["level"]
    line = f"{output}: {columns} clear columns on {levels} levels"
    show({"profiles": output, "columns": columns, "levels": levels}, [line], as_json)


@click.command("train", cls=Command)
@click.argument("config", type=options.PATH, required=False)
@click.option("--sensor", metavar="NAME", help="Custom sensor band to train for, without CONFIG.")
@click.option("--tier", "tiers", multiple=True, type=click.Choice(_TIERS),
    help="With --sensor. Repeatable. [default: all]")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=10), metavar="N", help="With --sensor: fewer steps, for a trial.")
@click.option("-o", "--output", type=options.PATH,
    help="Folder to write the model to. [default with --sensor: where retrieve finds it]")  # fmt: skip
@click.option("--data", type=options.PATH,
    help="Folder of the simulated sets [default: as in CONFIG]; with --sensor the simulated set.")  # fmt: skip
@options.overwrite
@options.quiet
@options.as_json
def train(
    config: Path | None, sensor: str | None, tiers: tuple[str, ...], steps: int | None, output: Path | None,
    data: Path | None, overwrite: bool, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train a model as specified in the TOML file CONFIG, with cross-validation and evaluation on its test sets.

    With --sensor NAME no CONFIG is needed: all tiers are trained like the shipped models on the output of lst-raster
    simulate --sensor NAME, and evaluated by cross-validation. The folder contains model.onnx, atmosphere.onnx,
    metrics.json, MODEL_CARD.md and a copy of CONFIG.

    Examples
    --------
    lst-raster train train.toml --data simulated -o my-model
    lst-raster train --sensor my-band --tier surface
    """
    from lst_raster.resources import require

    if (config is None) == (sensor is None):
        raise click.UsageError("give CONFIG, or --sensor NAME for a custom sensor band, not both")
    for module in ("torch", "onnx"):
        require(module, "train")
    from lst_raster.network.train import train_custom_sensor, train_model

    made: list[tuple[Path, Mapping[str, Any]]] = []
    if config is None:
        for tier in tiers or _TIERS:
            folder = output / tier if output else None
            with progress_bar(f"Training {tier}", quiet=quiet) as progress:
                trained = train_custom_sensor(
                    str(sensor), tier, simulated=data, output=folder, steps=steps, overwrite=overwrite,
                    progress=progress,
                )  # fmt: skip
            made.append(trained)
    elif output is None:
        raise click.UsageError("give the folder of the model with -o")
    elif tiers or steps:
        raise click.UsageError("--tier and --steps are for --sensor; set them in CONFIG")
    else:
        with progress_bar("Training", quiet=quiet) as progress:
            made.append((output, train_model(config, output, data=data, overwrite=overwrite, progress=progress)))
    models = [{"model": folder, "metrics": metrics} for folder, metrics in made]
    lines: list[object] = []
    for folder, metrics in made:
        for title, result in metrics.items():
            exact, noisy = (result[condition]["lst"]["all"] for condition in ("exact", "noisy"))
            lines.append(
                f"{title}: RMSE {exact['rmse']:.2f} K with exact and {noisy['rmse']:.2f} K with noisy inputs, "
                f"bias {exact['bias']:+.2f} and {noisy['bias']:+.2f} K, {result['profiles']} profiles"
            )
        lines.append(folder)
    show(models[0] if config is not None else {"models": models}, lines, as_json)


@click.group(cls=Group)
def build() -> None:
    """Rebuild the packaged tables from their published sources."""


@build.command("profiles")
@click.argument("files", nargs=-1, required=True, type=options.PATH)
@_netcdf
@click.option("--held-out", is_flag=True, help="Write all clear columns unchanged, for testing, instead of a library.")
@click.option("--clear-below", default=0.95, show_default=True, type=click.FloatRange(0.0, 1.5),
    help="With --held-out: maximum relative humidity of a clear column; 1.5 keeps all. "
    "ERA-Interim columns are chosen by cloud cover.")  # fmt: skip
@options.as_json
def profile_library(files: tuple[Path, ...], output: Path, held_out: bool, clear_below: float, as_json: bool) -> None:
    """Make a file of profiles from atmospheric FILES, which are recognised by their contents.

    These are GFS as GRIB, the mean June of the NCEP reanalysis and ERA5 with sea surface temperature as netCDF, and
    ERA-Interim, ERA5 off West Antarctica, TIGR-2000 and the ECMWF diverse profiles as NumPy archives.

    Without --held-out the result is a library like the packaged one: clear columns of each file sampled for diversity,
    with weights, and perturbed extremes.

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


@build.command("climatology")
@click.argument("grid", metavar="GPT3.grd", type=options.PATH)
@click.argument("columns", nargs=-1, required=True, type=options.PATH)
@click.option("-o", "--output", required=True, type=options.PATH, help="NumPy archive (.npz) to write.")
@options.as_json
def climatology_table(grid: Path, columns: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Rebuild the climatology from the grid of GPT3 on 5 degrees.

    Its uncertainties are root mean square differences from the profiles in the NetCDF files COLUMNS, which must cover
    the globe and the seasons.

    Examples
    --------
    lst-raster build climatology gpt3_5.grd january.nc june.nc -o climatology.npz
    """
    from lst_raster.inputs.climatology import BANDS
    from lst_raster.profiles.make_climatology import make_climatology

    table = make_climatology(grid, columns, output)
    winter, summer = ({name: rows[i] for name, rows in table.items()} for i in (0, 1))
    lines: list[object] = ["latitude: water vapour, air temperature, surface pressure in winter; in summer"]
    for index, latitude in enumerate(BANDS):
        seasons = (
            f"{one['water_vapour'][index]:.0%}, {one['air_temperature'][index]:.1f} K, "
            f"{one['surface_pressure'][index]:.1f} hPa"
            for one in (winter, summer)
        )
        lines.append(f"{latitude:.0f}: {'; '.join(seasons)}")
    uncertainties = {name: rows.round(4).tolist() for name, rows in table.items()}
    result = {"files": [output], "latitudes": BANDS.tolist(), "uncertainties": uncertainties}
    show(result, [*lines, output], as_json)


@build.command()
@click.option("--water-lines", required=True, type=options.PATH, help="HITRAN lines of H2O.")
@click.option("--carbon-dioxide-lines", required=True, multiple=True, type=options.PATH,
    help="HITRAN lines of CO2. Repeatable.")  # fmt: skip
@click.option("--continuum", required=True, type=options.PATH, help="MT_CKD water vapour continuum, NetCDF.")
@click.option("--k-distribution", required=True, type=options.PATH, help="SOCRATES spectral file with 300 bands.")
@click.option("--cross-sections", required=True, multiple=True, type=options.PATH,
    help="HITRAN cross sections of CFC-113, HCFC-22 and CCl4. Repeatable.")  # fmt: skip
@_netcdf
@options.quiet
@options.as_json
def absorption(output: Path, quiet: bool, as_json: bool, **sources: Any) -> None:
    r"""Rebuild the absorption table from line lists, continuum, k-distribution and cross sections.

    Examples
    --------
    lst-raster build absorption --water-lines h2o.par \
      --carbon-dioxide-lines co2.par --continuum mt_ckd_h2o.nc \
      --k-distribution sp_lw_300 --cross-sections cfc113.xsc \
      --cross-sections hcfc22.xsc --cross-sections ccl4.xsc -o absorption.nc
    """
    from lst_raster.simulator.make_absorption_table import TableSources, make_table

    with progress_bar("Absorption", quiet=quiet) as progress:
        make_table(TableSources(**sources), output, progress)
    show({"files": [output]}, [output], as_json)


@build.command()
@click.argument("index", type=options.PATH)
@click.argument("urban_spectra", type=options.PATH)
@_csv
@options.as_json
def emissivity(index: Path, urban_spectra: Path, output: Path, as_json: bool) -> None:
    """Rebuild the emissivity of soil, rock, water, ... from ECOSTRESS band emissivities (INDEX) and SLUM spectra.

    Examples
    --------
    lst-raster build emissivity index.csv LUMA_SLUM_IR.csv -o components.csv
    """
    from lst_raster.inputs.emissivity.spectra import make_components

    written = make_components(index, urban_spectra, output)
    show({"files": [written]}, [written], as_json)


@build.command()
@click.argument("library", type=options.PATH)
@_csv
@options.as_json
def spectra(library: Path, output: Path, as_json: bool) -> None:
    """Rebuild the packaged emissivity spectra from the SLUM table (LIBRARY), cropped to the sensor bands.

    Examples
    --------
    lst-raster build spectra LUMA_SLUM_IR.csv -o slum.csv
    """
    from lst_raster.inputs.emissivity.spectra import crop_spectra

    written = crop_spectra(library, output)
    show({"files": [written]}, [written], as_json)


@build.command()
@click.argument("responses", type=options.PATH)
@click.option("-o", "--output", required=True, type=options.PATH, help="Folder to write into.")
@options.as_json
def bands(responses: Path, output: Path, as_json: bool) -> None:
    """Rebuild the sensor bands from the published spectral responses in the folder RESPONSES.

    Examples
    --------
    lst-raster build bands responses -o bands
    """
    from lst_raster.sensors.response import make_bands

    written = list(make_bands(responses, output))
    show({"files": written}, written, as_json)
