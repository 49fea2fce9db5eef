"""Options that commands share, with their completion in shells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from lst_raster.inputs.emissivity.registry import SOURCES


def files(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete files."""
    return [CompletionItem(incomplete, type="file")]


def sensors(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of sensor bands."""
    from lst_raster.sensors.bands import custom_sensor_names, sensor_names

    return _beginning((*sensor_names(), *custom_sensor_names()), incomplete)


def models(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of shipped models, or else files."""
    return _beginning(_models(), incomplete) or files(context, param, incomplete)


def things(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, and names of models where one is begun."""
    return (_beginning(_models(), incomplete) if incomplete else []) or files(context, param, incomplete)


def emissivities(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of sources of emissivity, or else files."""
    named = (source.keyword + ":" * bool(source.argument) for source in SOURCES.values())
    return _beginning(named, incomplete) or files(context, param, incomplete)


def _models() -> list[str]:
    from lst_raster.resources import models_path, user_path

    folders = (models_path(), user_path("models"))
    return sorted(path.parent.relative_to(one).as_posix() for one in folders for path in one.glob("*/*/model.onnx"))


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


F = TypeVar("F", bound=Callable[..., Any])

output = click.option(
    "-o", "--output", default=".", show_default=True, metavar="OUT", shell_complete=files,
    help="Folder of the product, or its path, which ends in .tif; on disk or s3://.",
)  # fmt: skip
band = click.option(
    "--band", metavar="BAND",
    help="Band where a product has several: 10 (default) or 11; 6_VCID_1 (low gain, default) or 6_VCID_2.",
)  # fmt: skip
date = click.option(
    "--date", metavar="DATE", help="2015-01-17T16:20 (UTC), 2015-01-17 or 2015-01, where nothing else tells it."
)
sensor = click.option(
    "--sensor",
    metavar="NAME",
    shell_complete=sensors,
    help="Sensor band, such as landsat8-b10, where nothing else tells it.",
)
quantity = click.option(
    "--quantity", type=click.Choice(["radiance", "brightness-temperature", "digital-numbers"]),
    help="With --sensor: what SCENE, any raster, holds at the sensor: radiance [W m-2 sr-1 um-1] or temperature [K].",
)  # fmt: skip
level_2 = click.option(
    "--level-2", is_flag=True,
    help="SCENE is a Level-2 product: solve it again from its own terms, by default with its own emissivity.",
)  # fmt: skip
downwelling = click.option(
    "--downwelling", type=click.Choice(["corrected", "usgs"]),
    help="With --level-2: ST_DRAD times pi (default), or as it stands, which gives the product's temperature.",
)  # fmt: skip
_MASKS = (
    click.option(
        "--mask-clouds/--keep-clouds", default=True, show_default=True,
        help="No temperature under clouds, shadows and cirrus, where there is a quality band.",
    ),
    click.option(
        "--mask-dilation", type=float, default=0.0, show_default=True, metavar="METRES", help="Nor so far around them.",
    ),
)  # fmt: skip
threads = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Tiles at the same time. [default: all cores]"
)
_EXECUTION = (
    click.option("--exact", is_flag=True, help="Run the model at every pixel, not on a coarse grid."),
    threads,
)
_RASTER_FORM = (
    click.option(
        "--dtype", type=click.Choice(["float32", "uint16"]), default="float32", show_default=True,
        help="uint16: hundredths of a kelvin, half the size.",
    ),
    click.option(
        "--compress", type=click.Choice(["deflate", "zstd", "lzw", "lerc_zstd", "none"]), default="deflate",
        show_default=True, help="deflate opens everywhere; lerc_zstd rounds to 0.01 K.",
    ),
)  # fmt: skip
_FORM = (
    click.option("--lst-only", is_flag=True, help="Write the temperature alone, no uncertainty, quality or sidecars."),
    *_RASTER_FORM,
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace a product that exists.")
as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document instead of lines.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
reanalysis = click.option(
    "--reanalysis", multiple=True, metavar="PATH", shell_complete=files,
    help="Reanalysis file with water vapour for the scene's time, or temperature and humidity on levels: netCDF, GRIB, "
    "zarr, or a ZIP of them. Repeatable.",
)  # fmt: skip
model = click.option(
    "--model",
    metavar="MODEL",
    shell_complete=models,
    help="Name of a shipped model, such as landsat8-b10/surface, or a path.",
)
align = click.option("--align", is_flag=True, help="Warp rasters on another grid onto the scene's.")
dem = click.option(
    "--dem",
    metavar="VALUE",
    shell_complete=files,
    help="Elevation in m, or raster: the air is brought to it.",
)

_ATMOSPHERE = (
    click.option(
        "--emissivity", multiple=True, metavar="SOURCE", shell_complete=emissivities,
        help=f"Number in (0, 1], raster, {', '.join(source.form for source in SOURCES.values())}. "
        "Repeated: the first that has a value. [default: 0.97]",
    ),
    click.option(
        "--water-vapour", "--water-vapor", "water_vapour", metavar="VALUE", shell_complete=files,
        help="Column in kg m-2, or with a unit (29mm, 2.9cm, 2.9g/cm2), or raster.",
    ),
    click.option("--air-temperature", metavar="VALUE", shell_complete=files,
        help="At 2 m, in K, or with a unit (25C), or raster."),
    click.option("--surface-pressure", metavar="VALUE", shell_complete=files,
        help="At the ground, in hPa, or raster."),
)  # fmt: skip


def masks(command: F) -> F:
    """Add the options for clouds."""
    for option in reversed(_MASKS):
        command = option(command)
    return command


def form(command: F) -> F:
    """Add the options for what is written, and how; they arrive together, as `form`."""

    @wraps(command)
    def with_form(*args: Any, lst_only: bool, dtype: Any, compress: Any, **values: Any) -> Any:
        from lst_raster.product.paths import OutputForm

        return command(*args, form=OutputForm(lst_only=lst_only, dtype=dtype, compress=compress), **values)

    for option in reversed(_FORM):
        with_form = option(with_form)
    return with_form  # type: ignore[return-value]


def raster_form(command: F) -> F:
    """Add the options for the type and the compression of rasters; they arrive together, as `form`."""

    @wraps(command)
    def with_form(*args: Any, dtype: Any, compress: Any, **values: Any) -> Any:
        from lst_raster.product.paths import OutputForm

        return command(*args, form=OutputForm(dtype=dtype, compress=compress), **values)

    for option in reversed(_RASTER_FORM):
        with_form = option(with_form)
    return with_form  # type: ignore[return-value]


def execution(command: F) -> F:
    """Add the options for how the work is done."""
    for option in reversed(_EXECUTION):
        command = option(command)
    return command


def atmosphere(command: F) -> F:
    """Add the options for emissivity and atmosphere, each a number or a raster."""
    for option in reversed(_ATMOSPHERE):
        command = option(command)
    return command


def retrieval(command: F) -> F:
    """Add all options that tell how scenes are retrieved."""
    shared = (
        atmosphere, reanalysis, dem, align, level_2, downwelling, masks, band, date, sensor, quantity, model, form,
        execution, overwrite, quiet,
    )  # fmt: skip
    for option in reversed(shared):
        command = option(command)
    return command


def open_scene(
    path: str, level_2: bool, downwelling: str | None, quantity: str | None = None, **stated: str | None
) -> Any:
    """Open a scene of Level 1, or what the user says it is: a product of Level 2, or a raster of a quantity."""
    if level_2 and quantity is not None:
        raise click.UsageError("--level-2 and --quantity exclude each other; give one of them")
    if level_2:
        from lst_raster.io.level2_scene import Level2Scene

        return Level2Scene.open(path, downwelling="usgs" if downwelling == "usgs" else "corrected", **stated)
    if downwelling is not None:
        raise click.UsageError("--downwelling is for Level-2 products; add --level-2")
    if quantity is not None:
        from lst_raster.io.scene import MeasuredScene

        return MeasuredScene.open(path, quantity=quantity, **stated)
    from lst_raster.io.scene import Scene

    return Scene.open(path, **stated)
