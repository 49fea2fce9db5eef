"""Options that commands share, with their shell completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from lst_raster.inputs.emissivity.registry import SOURCES
from lst_raster.resources import quick_imports

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)


def files(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete files."""
    return [CompletionItem(incomplete, type="file")]


def sensors(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of sensor bands."""
    from lst_raster.sensors.bands import custom_sensor_names, sensor_names

    return _matching((*sensor_names(), *custom_sensor_names()), incomplete)


def models(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of models, or files if none matches."""
    from lst_raster.resources import models_path, user_path

    folders = (models_path(), user_path("models"))
    names = (path.parent.relative_to(one).as_posix() for one in folders for path in one.glob("*/*/model.onnx"))
    return _matching(sorted(names), incomplete) or files(context, param, incomplete)


def files_or_models(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete files, and names of models once the first letter is given."""
    return models(context, param, incomplete) if incomplete else files(context, param, incomplete)


def emissivities(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of emissivity sources, or files if none matches."""
    names = (source.keyword + ":" * bool(source.argument) for source in SOURCES.values())
    return _matching(names, incomplete) or files(context, param, incomplete)


def reanalyses(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the words for an automatic download, or files if none matches."""
    from lst_raster.inputs.reanalysis.products import AUTOMATIC

    return _matching(AUTOMATIC, incomplete) or files(context, param, incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def combine(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """Combine several options into one decorator, in the order of the help."""

    def decorate(command: F) -> F:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _output_form(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """Combine options for the content of files; the command gets them as one OutputFormat, `form`."""

    def decorate(command: F) -> F:
        @wraps(command)
        def with_form(
            *args: Any, dtype: Any, compress: Any, precision: Any, lst_only: bool = False,
            uncertainty: Any = "total", angles: bool = False, **values: Any,
        ) -> Any:  # fmt: skip
            with quick_imports():
                from lst_raster.product.paths import OutputFormat

            form = OutputFormat(
                lst_only=lst_only, dtype=dtype, compress=compress, precision=precision, uncertainty=uncertainty,
                angles=angles,
            )  # fmt: skip
            return command(*args, form=form, **values)

        return combine(*decorators)(with_form)  # type: ignore[return-value]

    return decorate


output = click.option("-o", "--output", default=".", show_default=True, metavar="OUT", shell_complete=files,
    help="Folder of the product, or its path, which ends in .tif; local or s3://.")  # fmt: skip
band = click.option("--band", metavar="BAND",
    help="Band of a product with several: 10 (default) or 11; 6_VCID_1 (low gain, default) or 6_VCID_2; of a "
    "raster with several also its name or number.")  # fmt: skip
bands = click.option("--bands", type=click.Choice(["auto", "both", "one"]), default="auto", show_default=True,
    help="Thermal bands of Landsat 8 and 9 to use; auto: both, unless --band is given or stray light is not "
    "corrected.")  # fmt: skip
date = click.option("--date", metavar="DATE",
    help="2015-01-17T16:20 (UTC), 2015-01-17 or 2015-01, if there are no metadata.")  # fmt: skip
sensor = click.option("--sensor", metavar="NAME", shell_complete=sensors,
    help="Sensor band, such as landsat8-b10, if it is not in the file name or the metadata.")  # fmt: skip
quantity = click.option("--quantity", type=click.Choice(["radiance", "brightness-temperature", "digital-numbers"]),
    help="With --sensor: at-sensor quantity in SCENE, any raster: radiance [W m-2 sr-1 um-1] or temperature [K].",
)  # fmt: skip
level_2 = click.option("--level-2", is_flag=True,
    help="Use the atmosphere of SCENE, a Level-2 product, in place of a model.")  # fmt: skip
bbox = click.option("--bbox", metavar="W,S,E,N",
    help="Box in degrees: only the pixels that it touches are read and retrieved.")  # fmt: skip
threads = click.option("--threads", type=click.IntRange(min=1), metavar="N",
    help="Tiles processed in parallel. [default: all cores]")  # fmt: skip
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing output.")
as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document instead of lines.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
_RASTER_FORM = (
    click.option("--dtype", type=click.Choice(["float32", "uint16"]), default="float32", show_default=True,
        help="uint16: hundredths of a kelvin, half the size."),
    click.option("--compress", type=click.Choice(["deflate", "zstd", "lzw", "lerc_zstd", "none"]), default="deflate",
        show_default=True, help="deflate: readable everywhere; lerc_zstd: rounded to 0.01 K."),
    click.option("--precision", type=click.Choice(["rounded", "full"]), default="rounded", show_default=True,
        help="rounded: float32 to 1/128 K, uncertainty to 1/64 K; full: as computed, three times the size."),
)  # fmt: skip
selection = combine(
    click.option("--from", "first_date", metavar="DATE", help="First day: 2015-06-01, 2015-06 or 2015."),
    click.option("--to", "last_date", metavar="DATE", help="Last day, in the same form."),
    click.option("--months", default="", metavar="LIST", help="Months of the year: 6,7,8 or 6-8 or 12-2."),
    click.option("--exclude", multiple=True, metavar="FLAG", help="Omit pixels: water, cloud_distance=near, ..."),
    click.option("--keep", multiple=True, metavar="FLAG", help="Use such pixels only: emissivity_source=ndvi, ..."),
    click.option("--max-uncertainty", type=float, metavar="K", help="Omit pixels of a higher uncertainty."),
    click.option("--skip-unreadable", is_flag=True, help="Skip unreadable products, with a warning."),
)
"""Options that select products and pixels."""
raster_form = _output_form(*_RASTER_FORM)
retrieval = combine(
    click.option("--emissivity", multiple=True, metavar="SOURCE", shell_complete=emissivities,
        help=f"Number in (0, 1], raster, {', '.join(source.form for source in SOURCES.values())}. "
        "Repeated: the first that has a value. [default: 0.97]"),
    click.option("--water-vapour", "--water-vapor", "water_vapour", metavar="VALUE", shell_complete=files,
        help="Column in kg m-2, or with a unit (29mm, 2.9cm, 2.9g/cm2), or raster; with its standard uncertainty: "
        "29mm±2mm, 29+-2, wv.tif+-10%. [default uncertainty: 5 %, at least 0.5 kg m-2]"),
    click.option("--air-temperature", metavar="VALUE", shell_complete=files,
        help="At 2 m, in K, or with a unit (25C), or raster; with its standard uncertainty: 25C+-2C. "
        "[default uncertainty: 1 K]"),
    click.option("--surface-pressure", metavar="VALUE", shell_complete=files, help="In hPa, or raster."),
    click.option("--aerosol", metavar="VALUE", shell_complete=files,
        help="Absorption optical depth at 11 um, or raster; with its standard uncertainty: 0.1+-0.05. "
        "[default: 0.02+-0.015]"),
    click.option("--reanalysis", multiple=True, metavar="PATH", shell_complete=reanalyses,
        help="Reanalysis file with water vapour at the scene's time, or with temperature and humidity on levels: "
        "NetCDF, GRIB, Zarr, or a ZIP of them. Repeatable. auto: fetch it into a cache; auto:levels: with the levels."),
    click.option("--dem", metavar="VALUE", shell_complete=files,
        help="Elevation in m, or raster, to which reanalysis and climatology are adjusted."),
    click.option("--align", is_flag=True, help="Warp rasters on another grid onto the scene's."),
    level_2,
    click.option("--downwelling", type=click.Choice(["corrected", "usgs"]),
        help="With --level-2: ST_DRAD times pi (default), or unchanged, which reproduces the temperature of the "
        "product."),
    click.option("--mask-clouds/--keep-clouds", default=True, show_default=True,
        help="Mask clouds, cloud shadows and cirrus, if the scene has a quality band."),
    click.option("--mask-dilation", type=float, default=0.0, show_default=True, metavar="METRES",
        help="Distance around clouds to mask as well."),
    bbox, band, bands, date, sensor, quantity,
    click.option("--model", metavar="MODEL", shell_complete=models,
        help="Name of a shipped model, such as landsat8-b10/surface, or a path."),
    _output_form(
        click.option("--lst-only", is_flag=True,
            help="Write the temperature only, no uncertainty, quality or sidecars."),
        click.option("--uncertainty", type=click.Choice(["total", "components"]), default="total", show_default=True,
            help="components: also its random, atmospheric, surface and systematic parts, for means over areas and "
            "dates."),
        click.option("--angles", is_flag=True,
            help="Write the angles of view and sun at every pixel too, from the scene's *_ANG.txt."),
        *_RASTER_FORM,
    ),
    click.option("--exact", is_flag=True, help="Run the model at every pixel, not on a coarse grid."),
    threads, overwrite, quiet,
)  # fmt: skip
"""All options of a retrieval, of one scene or of many."""
