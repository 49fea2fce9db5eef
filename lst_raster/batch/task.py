"""One scene of a batch: the task and its result."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rasterio.errors import RasterioError

from lst_raster.batch.scene_lists import MULTI_VALUED, SCENE_OPTIONS, ListedScene
from lst_raster.errors import CancelledError, LstRasterError, SceneError, WorkerError
from lst_raster.io.address import Location, without_secrets
from lst_raster.io.bundle import Place
from lst_raster.io.level2_scene import Downwelling, Level2Scene
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import MeasuredScene, Scene
from lst_raster.retrieval.retrieve import Product, retrieve
from lst_raster.retrieval.run import Progress

Status = Literal["ok", "kept", "failed"]


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
    def status(self) -> Status:
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
    level_2: bool = False  # Level-2 products instead of Level 1
    downwelling: Downwelling | None = None  # interpretation of ST_DRAD in Level-2 products
    quantity: str | None = None  # quantity of rasters that are not Landsat scenes, as for MeasuredScene.open


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

    def open(self) -> Scene:
        """Open the scene; errors as `Scene.open`."""
        listed = self.scene.options
        options = {name: listed.get(name) or getattr(self.opening, name) for name in SCENE_OPTIONS}
        path = self.scene.signed_path()
        if self.opening.level_2:
            return Level2Scene.open(path, downwelling=self.opening.downwelling or "corrected", **options)
        if self.opening.quantity is not None:
            return MeasuredScene.open(path, quantity=self.opening.quantity, **options)
        return Scene.open(path, **options)

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


def run_task(task: Task, progress: Progress | None = None) -> SceneResult:
    """Retrieve a scene; failures are part of the result.

    Raise CancelledError, without partial files, if `progress`, which is called after every tile, returns False.
    """
    started = time.monotonic()
    with _collect_log() as lines:
        product = error = mean = None
        try:
            product = retrieve(task.open(), output=task.target, progress=progress, **task.arguments())
            mean = mean_temperature(product.path)
        except CancelledError:
            raise
        except LstRasterError as known:
            error = known
            lines.append(f"ERROR {known}")
        except Exception as unknown:  # any other error must not end the batch
            text = f"{type(unknown).__name__}: {without_secrets(' '.join(str(unknown).split()))}"
            error = WorkerError(f"unexpected error: {text}; the traceback is in the scene's log")
            lines.append(f"ERROR {without_secrets(traceback.format_exc())}")
    seconds = time.monotonic() - started
    scene = replace(task.scene, sign=None)  # the receiver may be unable to import the signing function
    return SceneResult(
        scene=scene, product=product, error=error, seconds=seconds, attempts=task.attempt,
        mean=mean, log=_log(task, product, lines, seconds),
    )  # fmt: skip


def worker_failure(task: Task, reason: str, seconds: float = 0.0) -> SceneResult:
    """Return the result of a scene that its worker did not complete."""
    error = WorkerError(reason)
    log = _log(task, None, [f"ERROR {error}"], seconds)
    return SceneResult(
        scene=replace(task.scene, sign=None), error=error, seconds=seconds, attempts=task.attempt, log=log
    )


def mean_temperature(path: Location) -> float | None:
    """Mean temperature in the metadata of a product, None if missing. [K]"""
    try:
        with open_raster(Place.of(path), "product", SceneError) as dataset:
            text, step = dataset.tags(1).get("STATISTICS_MEAN"), dataset.scales[0]
        return float(text) * float(step) if text else None
    except (LstRasterError, RasterioError, ValueError):
        return None  # the product itself is complete


def _log(task: Task, product: Product | None, lines: list[str], seconds: float) -> str:
    head = [f"scene {task.scene.name}: {task.scene.shown}", *(f"{k}: {v}" for k, v in task.scene.options.items())]
    end = f"failed after {seconds:.1f} s"
    if product is not None:
        how = "kept" if product.reused else f"made in {seconds:.1f} s"
        end = f"{product.path} {how}: {product.retrieved} of {product.pixels} pixels"
    return without_secrets("\n".join([*head, f"attempt {task.attempt}", *lines, end])) + "\n"


class _LogCollector(logging.Handler):
    """Collects the messages of one thread: other threads may process other scenes."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self._lines, self._thread = lines, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Store a message."""
        if record.thread == self._thread:
            self._lines.append(f"{record.levelname} {record.getMessage()}")


@contextmanager
def _collect_log() -> Iterator[list[str]]:
    lines: list[str] = []
    logger, collector = logging.getLogger("lst_raster"), _LogCollector(lines)
    logger.addHandler(collector)
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
