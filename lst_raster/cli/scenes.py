"""Commands on scenes: `example`, `info`, `retrieve` and `batch`."""

from __future__ import annotations

import logging
import pkgutil
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, make_folder, show
from lst_raster.cli.config import files
from lst_raster.cli.messages import progress_bar, say, silent_c_libraries
from lst_raster.errors import InputError, OutputError
from lst_raster.resources import quick_imports

if TYPE_CHECKING:
    from lst_raster.batch.scene_lists import ListedScene
    from lst_raster.batch.task import Planned, SceneResult
    from lst_raster.io.stac_services import FoundItem

_LOGGER = logging.getLogger(__name__)
_SHOWN = 20  # failures on standard error; the report has all
SCENE = "LC08_alabama_B10.tif"
_OPENING = ("band", "sensor", "date", "level_2", "downwelling", "quantity", "bbox")  # options on how to open a scene


@click.command("example", cls=Command)
@click.option("-o", "--output", default=".", show_default=True, type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR", help="Folder to write into; created if missing.")  # fmt: skip
@options.overwrite
@options.as_json
def example(output: Path, overwrite: bool, as_json: bool) -> None:
    """Write the example scene, LC08_alabama_B10.tif, and its metadata.

    It is Landsat 8 band 10 over southern Alabama in January 2015, 400 x 603 pixels, CC0. It is part of the
    installation; no network is needed.

    Examples
    --------
    lst-raster example
    lst-raster example -o scenes
    """
    from lst_raster.atomic_write import atomic_write
    from lst_raster.resources import example_path

    targets = [output / name for name in (SCENE, "LC08_alabama_MTL.txt")]
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists; pass --overwrite to replace it, or -o DIR to write elsewhere")
    make_folder(output)
    for target in targets:
        with atomic_write(target) as temporary:
            shutil.copyfile(example_path() / target.name, temporary)
    show({"scene": targets[0], "files": targets}, targets[:1], as_json)


@click.command("info", cls=Command)
@click.argument("thing", metavar="SCENE|MODEL|PRODUCT", shell_complete=options.files_or_models)
@options.band
@options.date
@options.sensor
@options.quantity
@options.level_2
@options.as_json
def info(thing: str, as_json: bool, **values: Any) -> None:
    """Describe SCENE, MODEL or PRODUCT; for a scene, also the inputs that retrieve would use, and why.

    SCENE is as for retrieve, MODEL the name of a shipped model or a path, PRODUCT the output of retrieve.

    Examples
    --------
    lst-raster info LC08_alabama_B10.tif
    lst-raster info landsat8-b10/surface
    lst-raster info LC08_alabama_LST.tif --json
    """
    from lst_raster.retrieval.describe import describe

    found = describe(_of_item(thing, values), **values)
    if used := [str(path) for path in files()]:
        found = {**found, "configuration": used}
    show(found, _lines(found), as_json)


def _lines(found: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in found.items():
        title = f"{indent}{name.replace('_', ' ')}:"
        if isinstance(value, dict):
            yield title
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list):
            yield f"{title} {'; '.join(value) or 'none'}"
        else:
            yield f"{title} {'none' if value is None else value}"


@click.command("retrieve", cls=Command)
@click.argument("scene", shell_complete=options.files)
@options.output
@options.retrieval
@options.as_json
def retrieve(scene: str, quiet: bool, as_json: bool, **values: Any) -> None:
    r"""Retrieve the land surface temperature of SCENE, a Level-1 thermal band or product.

    SCENE is a GeoTIFF or VRT of one thermal band or of several bands (also SCENE.tif:B10), or the folder, the metadata
    file (*_MTL.txt, .xml, .json), the archive (.zip, .tar, .tar.gz, ...) or the STAC item of a product, or an https or
    s3 address of one of these; or the identifier of a Landsat Collection 2 product, which is found in public services.
    The result, SCENE_LST.tif, is a Cloud Optimized GeoTIFF in kelvin, on the scene's grid. Missing inputs are assumed,
    with a warning: the climatology of place and day, and an emissivity of 0.97.

    Of a Collection 2 Level-2 product (L2SP) the at-sensor radiance is used, and its atmosphere with --level-2. With
    --quantity, SCENE is a raster of radiance or brightness temperature of any sensor band (lst-raster sensor list).

    Examples
    --------
    lst-raster retrieve LC08_alabama_B10.tif
    # with measurements of the surface and the atmosphere
    lst-raster retrieve LC08_alabama_B10.tif -o known.tif --emissivity 0.98 \
      --water-vapour 18mm --air-temperature 12C
    # with ERA5, and emissivity from the NDVI of the scene
    lst-raster retrieve LC08_L1TP_PRODUCT.tar --reanalysis era5.nc \
      --emissivity quality --emissivity ndvi
    # a city, by the identifier of the product, without an account
    lst-raster retrieve --bbox 8.4,49.3,8.8,49.5 \
      LC09_L2SP_195025_20230707_20230709_02_T1 --reanalysis auto
    # a Level-2 product, with its atmosphere and another emissivity
    lst-raster retrieve LC08_L2SP_PRODUCT --level-2 --emissivity 0.98
    """
    with quick_imports():
        from lst_raster.io.open_scene import open_scene
        from lst_raster.retrieval.retrieve import retrieve as run

    _check_kind(values)
    if quiet:
        logging.getLogger("lst_raster.inputs.reanalysis.fetch").setLevel(logging.WARNING)
    opening = {name: values.pop(name) for name in _OPENING}
    source = _of_item(scene, opening)
    with progress_bar("Downloading", quiet=quiet) as progress:
        opened = open_scene(
            source, **opening, emissivity=values["emissivity"], angles=values["form"].angles,
            say=None if quiet else say, progress=progress,
        )  # fmt: skip
    with silent_c_libraries(), progress_bar("Retrieving", quiet=quiet) as progress:
        product = run(opened, progress=progress, **values)
    found = {field.name: getattr(product, field.name) for field in fields(product)}
    show({"product": found.pop("path"), **found}, [product.path], as_json)


def _of_item(path: str, opening: Mapping[str, Any]) -> str | FoundItem:
    """Path or item of the scene of a STAC item on disk; other paths are returned unchanged."""
    from lst_raster.io.bundle import is_metadata

    if "://" in path or not path.lower().endswith((".json", ".geojson")) or is_metadata(Path(path)):
        return path
    from lst_raster.batch.read_lists import read_scene_list

    scenes = read_scene_list(path, band=opening["band"], level_2=opening["level_2"])
    if len(scenes) != 1:
        raise InputError(f"{Path(path).name} has {len(scenes)} scenes; give it to lst-raster batch")
    return scenes[0].source(is_part=opening.get("bbox") is not None, level_2=opening["level_2"])


def _check_kind(values: Mapping[str, Any]) -> None:
    if values["level_2"] and values["quantity"] is not None:
        raise click.UsageError("--level-2 and --quantity exclude each other; give one of them")
    if values["downwelling"] is not None and not values["level_2"]:
        raise click.UsageError("--downwelling is for Level-2 products; add --level-2")


@click.command("batch", cls=Command)
@click.argument("lists", metavar="LIST...", nargs=-1, shell_complete=options.files)
@click.option("-o", "--output", required=True, metavar="DIR", shell_complete=options.files,
    help="Folder of the products; created if missing.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes on this machine, one scene each. [default: one scene at a time]")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS",
    help="Scheduler of a dask cluster, or its file (.json); not with --workers.")  # fmt: skip
@click.option("--retries", type=click.IntRange(min=0), default=2, show_default=True, metavar="N",
    help="Further attempts at a scene if its process was killed or its server did not answer.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="List the scenes and what would be done with each; write nothing.")
@click.option("--report", type=options.PATH, metavar="PATH",
    help="Report, .csv or .json, or without extension both. [default: DIR/report]")  # fmt: skip
@click.option("--search", metavar="SERVICE",
    help="STAC API to search for scenes within --bbox, in addition to those of LIST: planetary-computer, usgs, or an "
    "address.")  # fmt: skip
@click.option("--collection", multiple=True, metavar="NAME",
    help="Collection to search, such as landsat-c2l1. [default: that of the service]")  # fmt: skip
@click.option("--datetime", metavar="RANGE", help="Search dates: 2015-07, or 2015-06-01/2015-08-31.")
@click.option("--query", multiple=True, metavar="TEXT", help="Condition: 'eo:cloud_cover<20'. Repeatable.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Maximum number of scenes found.")
@click.option("--sign", metavar="MODULE:FUNCTION", help="Function that signs URLs: planetary_computer:sign.")
@click.option("--alternate", metavar="NAME", help="Alternate address of STAC items to prefer, such as s3.")
@options.retrieval
@options.as_json
def batch(
    lists: tuple[str, ...], output: str, workers: int | None, scheduler: str | None, retries: int, dry_run: bool,
    report: Path | None, quiet: bool, as_json: bool, **values: Any,
) -> int:  # fmt: skip
    r"""Retrieve the land surface temperature of many scenes; a scene that fails does not stop the others.

    LIST is a folder (every scene in it and below it), a pattern in quotes, a table (.csv) with the column scene, a text
    file (.txt) with one scene per line, STAC items (.json), or a scene as retrieve takes it, also the identifier of a
    product. Products are
    DIR/NAME_LST.tif, logs DIR/logs/NAME.log. An existing product of the same inputs is kept, so a run that was stopped
    can be continued. With --workers or --scheduler, --threads is 1 by default. The exit code is 1 if a scene failed.

    Examples
    --------
    lst-raster batch scenes -o products --dry-run
    lst-raster batch scenes -o products --workers 2
    # a list, on a cluster
    lst-raster batch scenes.csv -o products --scheduler tcp://head:8786
    # the results of a search, without an account
    lst-raster batch --search planetary-computer --bbox 8.4,49.3,8.8,49.5 \
      --datetime 2023-06-01/2023-08-31 --query "eo:cloud_cover<20" -o products
    """
    from lst_raster.atomic_write import atomic_write
    from lst_raster.batch.report import Report
    from lst_raster.batch.retrieve_many import retrieve_many
    from lst_raster.batch.task import Opening, folder_of, make_tasks, plan

    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers and --scheduler exclude each other; give one of them")
    _check_kind(values)
    scenes = _scenes(lists, values)
    opening = {name: values.pop(name) for name in _OPENING}
    tasks = make_tasks(scenes, output, Opening(**opening), values)
    if dry_run:
        return _show_plan([plan(task) for task in tasks], as_json)
    folder = folder_of(output) or Path()  # None for an object store
    made = Report(scenes, report or folder / "report")

    def record(result: SceneResult) -> None:
        with atomic_write(folder / "logs" / f"{result.scene.name}.log") as temporary:
            temporary.write_text(result.log, encoding="utf-8")
        made.add(result)

    with ExitStack() as stack:
        client = stack.enter_context(_client(scheduler)) if scheduler is not None else None
        make_folder(folder / "logs")
        made.write()
        stack.enter_context(_messages_in_logs_only())
        stack.callback(made.write)  # also if the batch is stopped
        stack.enter_context(silent_c_libraries())
        progress = stack.enter_context(progress_bar("Scenes", quiet=quiet))
        results = retrieve_many(
            scenes, out=output, client=client, workers=workers, retries=retries, progress=progress, on_result=record,
            **opening, **values,
        )  # fmt: skip
    failed = [result for result in results if result.error is not None]
    for result in failed[:_SHOWN]:
        _LOGGER.error("%s: %s", result.scene.name, result.error)
    if len(failed) > _SHOWN:
        _LOGGER.error("%d more scenes failed; the report lists them", len(failed) - _SHOWN)
    counts = made.counts
    kept = f" ({counts['kept']} of them kept)" if "kept" in counts else ""
    failures = f", {counts['failed']} failed" if "failed" in counts else ""
    products = counts.get("ok", 0) + counts.get("kept", 0)
    line = f"{products} products in {output}{kept}{failures}; report: {made.paths[0]}"
    show({**made.as_dict(), "report": made.paths}, [line], as_json)
    return int(bool(failed))


@contextmanager
def _messages_in_logs_only() -> Iterator[None]:
    """Keep messages on scenes off the terminal, where they do not show to which scene they belong."""
    logger = logging.getLogger("lst_raster")
    handlers, logger.handlers = logger.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        logger.handlers = handlers


def _show_plan(scenes: Iterable[Planned], as_json: bool) -> int:
    """Write what would be done with each scene; returns the exit code."""
    entries, lines = [], []
    for planned in scenes:
        error = None if planned.error is None else " ".join(str(planned.error).split())
        plain = {name: getattr(planned, name) for name in ("product", "exists", "sensor", "date", "model")}
        entries.append({"scene": planned.scene.shown, **plain, "error": error})
        state = "exists: kept if made of the same inputs" if planned.exists else "new"
        model = planned.model or "atmosphere of the product"
        date = planned.date or "no date"
        text = f"{planned.sensor}, {date}, {model}, {state}" if planned.sensor else f"to download, {date}, {state}"
        lines.append(f"{planned.scene.shown} -> {planned.product}: {f'would fail: {error}' if error else text}")
    failing = sum(entry["error"] is not None for entry in entries)
    lines.append(f"{len(entries)} scenes, {failing} would fail; nothing was written")
    show({"scenes": entries, "would_fail": failing}, lines, as_json)
    return int(failing > 0)


def _scenes(lists: tuple[str, ...], values: dict[str, Any]) -> list[ListedScene]:
    """Read the lists, and search; removes the options of the search from `values`."""
    from lst_raster.batch.read_lists import read_scene_list, search_scenes

    url, box = values.pop("search"), values["bbox"]
    where = {name: values.pop(name) for name in ("datetime", "query", "limit")}
    collections, sign = values.pop("collection"), _function(values.pop("sign"))
    shared = {"band": values["band"], "level_2": values["level_2"], "alternate": values.pop("alternate"), "sign": sign}
    if url is None and (collections or any(where.values())):
        raise click.UsageError("--collection, --datetime, --query and --limit are for --search SERVICE")
    if url is None and not lists:
        raise click.UsageError("give a LIST of scenes, or --search SERVICE")
    scenes = read_scene_list(lists, **shared)
    if url is None:
        return scenes
    return scenes + search_scenes(url, collections=collections, bbox=box, **where, **shared)


def _function(text: str | None) -> Any:
    """Import the function that signs URLs."""
    if text is None:
        return None
    try:
        found = pkgutil.resolve_name(text)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"--sign {text}: {error}; give MODULE:FUNCTION that Python can import") from None
    if not callable(found):
        raise click.UsageError(f"--sign {text} is not a function; give MODULE:FUNCTION")
    return found


def _client(scheduler: str) -> Any:
    """Connect to a dask scheduler."""
    from lst_raster.errors import RemoteError
    from lst_raster.resources import require

    distributed = require("distributed", "dask")
    is_file = Path(scheduler).is_file()
    try:
        return distributed.Client(**{"scheduler_file" if is_file else "address": scheduler}, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RemoteError(f"the scheduler {scheduler} does not answer ({reason}); check its address") from None
