"""Tasks of a batch, one per scene: their plan, their execution and their results."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypedDict

from rasterio.errors import RasterioError

from lst_raster.batch.scene_lists import MULTI_VALUED, SCENE_OPTIONS, ListedScene, one_line
from lst_raster.errors import CancelledError, InputError, LstRasterError, OutputError, SceneError, WorkerError
from lst_raster.inference.model import Model
from lst_raster.inputs.automatic_reanalysis import awaits_levels, reanalysis_files
from lst_raster.inputs.fields import Source
from lst_raster.inputs.resolve import choose_bands, resolve_inputs
from lst_raster.io.address import Address, Location, without_secrets
from lst_raster.io.bundle import Place
from lst_raster.io.level2_scene import Downwelling
from lst_raster.io.open_scene import open_scene
from lst_raster.io.raster import open_raster
from lst_raster.io.remote import fetch
from lst_raster.io.scene import Scene
from lst_raster.io.scene_download import is_product_or_item
from lst_raster.io.stac_services import FoundItem, find_item
from lst_raster.product.paths import OutputFormat
from lst_raster.retrieval.masks import choose_masking
from lst_raster.retrieval.retrieve import Product, retrieve
from lst_raster.retrieval.run import Progress


class RetrieveOptions(TypedDict, total=False):
    """Arguments of `retrieve` except the scene, the output and the progress."""

    emissivity: Source | Sequence[Source] | None
    water_vapour: Source | None
    air_temperature: Source | None
    surface_pressure: Source | None
    aerosol: Source | None
    bands: str
    reanalysis: str | Path | Sequence[str | Path]
    dem: Source | None
    align: bool
    model: Model | str | Path | None
    mask_clouds: bool
    mask_dilation: float
    form: OutputFormat
    exact: bool
    threads: int | None
    overwrite: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneResult:
    """Result of one scene of a batch."""

    scene: ListedScene
    """The scene."""
    product: Product | None = None
    """The product, None if the scene failed."""
    error: LstRasterError | None = None
    """Reason of the failure, None on success."""
    seconds: float = 0.0
    """Duration of the last attempt. [s]"""
    attempts: int = 1
    """Number of attempts."""
    mean: float | None = None
    """Mean temperature of the product, None if unknown. [K]"""
    log: str = field(default="", repr=False)
    """Log lines of all attempts."""

    @property
    def status(self) -> Literal["ok", "kept", "failed"]:
        """``ok``, ``kept`` if the product existed and has the same inputs, or ``failed``."""
        if self.product is None:
            return "failed"
        return "kept" if self.product.reused else "ok"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Assumptions and unusual conditions of the product, one line each."""
        return self.product.warnings if self.product is not None else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """How to open the scenes of a batch; values in the scene list take precedence."""

    band: str | None = None  # thermal band where a scene has several
    sensor: str | None = None  # sensor band
    date: str | None = None  # date of acquisition
    level_2: bool = False  # Level-2 products with their atmospheric terms
    downwelling: Downwelling | None = None  # interpretation of ST_DRAD in Level-2 products
    quantity: str | None = None  # quantity of rasters that are not Landsat scenes, as for MeasuredScene.open
    bbox: str | Sequence[float] | None = None  # box outside which nothing is read: west, south, east, north [degree]


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One scene to retrieve; can be pickled."""

    number: int  # position in the list, from 0
    scene: ListedScene
    target: str  # path or address of the product
    opening: Opening
    options: Mapping[str, Any] = field(default_factory=dict)  # arguments of `retrieve` for all scenes
    attempt: int = 1
    is_exclusive: bool = False  # no other task runs meanwhile, so a lost worker is this task's fault
    may_replace: bool = False  # a file at the target can only be from a killed attempt of this run

    def source(self) -> str | FoundItem:
        """Path or address of the scene, or its item; errors as `ListedScene.signed_path`."""
        return self.scene.source(is_part=self.opening.bbox is not None, level_2=self.opening.level_2)

    def open(self) -> Scene:
        """Open the scene, which downloads that of an item; errors as `open_scene`."""
        listed = self.scene.options
        opening = self.opening
        options: dict[str, Any] = {name: listed.get(name) or getattr(opening, name) for name in SCENE_OPTIONS}
        form = self.options.get("form")
        return open_scene(
            self.source(), level_2=opening.level_2, downwelling=opening.downwelling, quantity=opening.quantity,
            bbox=opening.bbox, emissivity=self.arguments().get("emissivity"),
            angles=form is not None and form.angles, **options,
        )  # fmt: skip

    def arguments(self) -> dict[str, Any]:
        """Arguments of `retrieve`: those of all scenes, overridden by those of this scene in the list."""
        arguments = dict(self.options)
        for name, value in self.scene.options.items():
            if name in MULTI_VALUED:
                arguments[name] = [part.strip() for part in value.split("|") if part.strip()]
            elif name not in SCENE_OPTIONS:
                arguments[name] = value
        if self.may_replace:
            arguments["overwrite"] = True
        return arguments


def make_tasks(
    scenes: Sequence[ListedScene], out: str | Path, opening: Opening, options: Mapping[str, Any]
) -> list[Task]:
    """Make a task of every scene; `out` is the folder of the products, `options` are arguments of `retrieve`.

    Raise InputError if there are no scenes, two have the same product, or an option is unknown, and OutputError if
    the folder is a file.
    """
    unknown = options.keys() - RetrieveOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(RetrieveOptions.__annotations__)
        raise InputError(f"unknown options for many scenes: {', '.join(sorted(unknown))}; valid are {known}")
    if not scenes:
        raise InputError("the list has no scenes; give at least one")
    folder = folder_of(out)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is not a folder; choose another")
    by_name: dict[str, list[ListedScene]] = {}
    for scene in scenes:
        by_name.setdefault(scene.name.lower(), []).append(scene)  # some file systems ignore case
    shared = [same for same in by_name.values() if len(same) > 1]
    if shared:
        first = shared[0]
        more = f" ({len(shared) - 1} other products are not unique either)" if len(shared) > 1 else ""
        raise InputError(
            f"{len(first)} scenes would have the same product {first[0].name}_LST.tif: "
            f"{', '.join(scene.shown for scene in first[:4])}{more}; leave out all but one, or give them names in a "
            "table (.csv, column name)"
        )
    tasks = []
    for number, scene in enumerate(scenes):
        name = f"{scene.name}_LST.tif"
        target = f"{str(out).rstrip('/')}/{name}" if folder is None else str(folder / name)
        tasks.append(Task(number=number, scene=scene, target=target, opening=opening, options=options))
    return tasks


def folder_of(out: str | Path) -> Path | None:
    """Folder on a local disk, None for an address in an object store."""
    return Path(out) if Address.parse(str(out)) is None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Planned processing of a scene."""

    scene: ListedScene
    product: str  # path or address of the product
    exists: bool  # whether the product exists; it is kept if its inputs are the same
    sensor: str | None = None  # sensor band, None if the scene cannot be opened, or is not downloaded
    date: str | None = None  # date of acquisition, None if unknown
    model: str | None = None  # name of the model
    error: LstRasterError | None = None  # expected failure, as far as known without the pixels


def plan(task: Task) -> Planned:
    """Check a scene and its inputs without reading the pixels; of a scene to download only its item."""
    known: dict[str, Any] = {"scene": task.scene, "product": task.target, "exists": _exists(task.target)}
    try:
        source = task.source()
        if isinstance(source, FoundItem) or is_product_or_item(source):
            found = source if isinstance(source, FoundItem) else find_item(source)
            return Planned(**known, date=str(found.item.get("properties", {}).get("datetime") or "")[:10] or None)
        given = task.arguments()
        scene = choose_bands(task.open(), given.get("bands", "auto"), given.get("model"))
        known |= {"sensor": scene.sensor, "date": str(scene.date) if scene.date else None}
        align, model = given.get("align", False), given.get("model")
        atmosphere = {name: given.get(name) for name in ("water_vapour", "air_temperature", "surface_pressure")}
        atmosphere["aerosol_optical_depth"] = given.get("aerosol")
        files, _ = reanalysis_files(scene, given.get("reanalysis", ()), (), model, fetches=False)
        is_late = awaits_levels(scene, given.get("reanalysis", ()), model)
        inputs = resolve_inputs(
            scene, atmosphere, None if is_late else model, emissivity=given.get("emissivity"), dem=given.get("dem"),
            align=align, reanalysis=files,
        )  # fmt: skip
        chosen = _loaded(model) if is_late and model is not None else inputs.model
        clouds, dilation = given.get("mask_clouds", True), given.get("mask_dilation", 0.0)
        choose_masking(scene, clouds=clouds, dilation=dilation, align=align)
        return Planned(**known, model=chosen.contract.name if chosen else None)
    except LstRasterError as error:
        return Planned(**known, error=error)


def _loaded(model: Model | str | Path) -> Model:
    return model if isinstance(model, Model) else Model.load(model)


def _exists(target: str) -> bool:
    address = Address.parse(target)
    if address is None:
        return Path(target).exists()
    try:
        return bool(fetch(address, 0, 1).content)
    except LstRasterError:
        return False


def run_task(task: Task, progress: Progress | None = None) -> SceneResult:
    """Retrieve a scene; failures are part of the result.

    Raise CancelledError, without partial files, if `progress`, which is called after every tile, returns False.
    """
    started = time.monotonic()
    with _collect_log() as lines:
        product = error = mean = None
        try:
            product = retrieve(task.open(), output=task.target, progress=progress, **task.arguments())
            mean = _mean_temperature(product.path)
        except CancelledError:
            raise
        except LstRasterError as known:
            error = known
            lines.append(f"ERROR {known}")
        except Exception as unknown:  # any other error must not end the batch
            error = WorkerError(f"unexpected error: {one_line(unknown)}; the traceback is in the scene's log")
            lines.append(f"ERROR {without_secrets(traceback.format_exc())}")
    return _result(task, lines, time.monotonic() - started, product=product, error=error, mean=mean)


def worker_failure(task: Task, reason: str, seconds: float = 0.0) -> SceneResult:
    """Return the result of a scene that its worker did not complete."""
    error = WorkerError(reason)
    return _result(task, [f"ERROR {error}"], seconds, error=error)


def _result(
    task: Task, lines: list[str], seconds: float, *, product: Product | None = None, mean: float | None = None,
    error: LstRasterError | None = None,
) -> SceneResult:  # fmt: skip
    head = [f"scene {task.scene.name}: {task.scene.shown}", *(f"{k}: {v}" for k, v in task.scene.options.items())]
    end = f"failed after {seconds:.1f} s"
    if product is not None:
        how = "kept" if product.reused else f"made in {seconds:.1f} s"
        end = f"{product.path} {how}: {product.retrieved} of {product.pixels} pixels"
    log = without_secrets("\n".join([*head, f"attempt {task.attempt}", *lines, end])) + "\n"
    scene = replace(task.scene, sign=None)  # the receiver may be unable to import the signing function
    return SceneResult(
        scene=scene, product=product, error=error, seconds=seconds, attempts=task.attempt, mean=mean, log=log
    )


def _mean_temperature(path: Location) -> float | None:
    """Mean temperature in the metadata of a product, None if missing. [K]"""
    try:
        with open_raster(Place.of(path), "product", SceneError) as dataset:
            text, step = dataset.tags(1).get("STATISTICS_MEAN"), dataset.scales[0]
        return float(text) * float(step) if text else None
    except (LstRasterError, RasterioError, ValueError):
        return None  # the product itself is complete


@contextmanager
def _collect_log() -> Iterator[list[str]]:
    """Collect the log messages of this thread; other threads may process other scenes."""
    lines: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                lines.append(f"{record.levelname} {record.getMessage()}")

    logger, collector = logging.getLogger("lst_raster"), Collector(logging.INFO)
    logger.addHandler(collector)
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
