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

from lst_raster.batch.scene_lists import REPEATED, SCENE_OPTIONS, ListedScene
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
    """What became of one scene."""

    scene: ListedScene
    """The scene."""
    product: Product | None = None
    """Its product, None where it failed."""
    error: LstRasterError | None = None
    """Why it failed, None where it went well."""
    seconds: float = 0.0
    """Time of the last attempt. [s]"""
    attempts: int = 1
    """How often it was tried."""
    mean: float | None = None
    """Mean temperature of the product, None where there is none. [K]"""
    log: str = field(default="", repr=False)
    """What was said on the way, line by line, in all attempts."""

    @property
    def status(self) -> Status:
        """``ok``, ``kept`` where the product existed already and was made of the same inputs, or ``failed``."""
        if self.product is None:
            return "failed"
        return "kept" if self.product.reused else "ok"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was assumed for the product, and what is unusual, one line each."""
        return self.product.warnings if self.product is not None else ()


_MEAN = "STATISTICS_MEAN"
_LOGGER = "lst_raster"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """How the scenes of a batch are opened, where their list does not say it."""

    band: str | None = None
    """Thermal band where there are several."""
    sensor: str | None = None
    """Sensor band."""
    date: str | None = None
    """Date of acquisition."""
    level_2: bool = False
    """Whether they are Level-2 products."""
    downwelling: Downwelling | None = None
    """What ``ST_DRAD`` of those is taken for."""
    quantity: str | None = None
    """What rasters hold that are no scenes of Landsat, as for `MeasuredScene.open`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One scene to be retrieved; it can be pickled."""

    number: int
    """Its place in the list, counted from 0."""
    scene: ListedScene
    """The scene."""
    target: str
    """Path or address of the product."""
    opening: Opening
    """How it is opened."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `retrieve` that all scenes share."""
    attempt: int = 1
    """Which attempt this is."""
    is_alone: bool = False
    """Whether no other is worked on meanwhile, so that the loss of a worker is its own fault."""
    may_replace: bool = False
    """Whether what lies at the target can only be what a killed attempt of this run has left."""

    def open(self) -> Scene:
        """Open the scene; errors as `Scene.open`."""
        own = self.scene.options
        stated = {name: own.get(name) or getattr(self.opening, name) for name in SCENE_OPTIONS}
        path = self.scene.opened_by()
        if self.opening.level_2:
            return Level2Scene.open(path, downwelling=self.opening.downwelling or "corrected", **stated)
        if self.opening.quantity is not None:
            return MeasuredScene.open(path, quantity=self.opening.quantity, **stated)
        return Scene.open(path, **stated)

    def arguments(self) -> dict[str, Any]:
        """Arguments of `retrieve`: those of all scenes, and over them what the list states of this one."""
        own = {name: value for name, value in self.scene.options.items() if name not in SCENE_OPTIONS}
        split = {name: _parts(value) if name in REPEATED else value for name, value in own.items()}
        return {**self.options, **split, **({"overwrite": True} if self.may_replace else {})}


def work(task: Task, progress: Progress | None = None) -> SceneResult:
    """Retrieve a scene; whatever goes wrong is told by the result.

    Parameters
    ----------
    task : Task
        The scene, and how.
    progress : callable, optional
        Called after every tile; where it returns False the work stops.

    Raises
    ------
    CancelledError
        `progress` returned False. Nothing half written stays.
    """
    started = time.monotonic()
    with _collected() as lines:
        product = error = mean = None
        try:
            product = retrieve(task.open(), output=task.target, progress=progress, **task.arguments())
            mean = mean_temperature(product.path)
        except CancelledError:
            raise
        except LstRasterError as known:
            error = known
            lines.append(f"ERROR {known}")
        except Exception as unknown:  # of whatever kind: the other scenes go on
            error = _unforeseen(unknown)
            lines.append(f"ERROR {without_secrets(traceback.format_exc())}")
    seconds = time.monotonic() - started
    return SceneResult(
        scene=_plain(task.scene), product=product, error=error, seconds=seconds, attempts=task.attempt, mean=mean,
        log=_log(task, product, lines, seconds),
    )  # fmt: skip


def lost(task: Task, reason: str, seconds: float = 0.0) -> SceneResult:
    """Give the result of a scene whose worker ended before it was done."""
    error = WorkerError(reason)
    log = _log(task, None, [f"ERROR {error}"], seconds)
    return SceneResult(
        scene=_plain(task.scene), error=error, seconds=seconds, attempts=task.attempt, log=log
    )  # fmt: skip


def mean_temperature(path: Location) -> float | None:
    """Mean temperature of a product, as its file tells it; None where it does not. [K]"""
    try:
        with open_raster(Place.of(path), "product", SceneError) as dataset:
            text, step = dataset.tags(1).get(_MEAN), dataset.scales[0]
        return float(text) * float(step) if text else None
    except (LstRasterError, RasterioError, ValueError):
        return None  # the product is there all the same


def _plain(scene: ListedScene) -> ListedScene:
    """Leave out the function that signs: it may not be known where the result goes."""
    return replace(scene, sign=None)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _unforeseen(error: Exception) -> WorkerError:
    said = without_secrets(" ".join(str(error).split()))
    return WorkerError(f"something unforeseen: {type(error).__name__}: {said}; the scene's log tells where")


def _log(task: Task, product: Product | None, lines: list[str], seconds: float) -> str:
    head = [f"scene {task.scene.name}: {task.scene.shown}", *(f"{k}: {v}" for k, v in task.scene.options.items())]
    end = f"failed after {seconds:.1f} s"
    if product is not None:
        kept = "kept" if product.reused else f"made in {seconds:.1f} s"
        end = f"{product.path} {kept}: {product.retrieved} of {product.pixels} pixels"
    return without_secrets("\n".join([*head, f"attempt {task.attempt}", *lines, end])) + "\n"


class _Collector(logging.Handler):
    """Takes what this thread says: another one may work on another scene."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self._lines, self._thread = lines, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        if record.thread == self._thread:
            self._lines.append(f"{record.levelname} {record.getMessage()}")


@contextmanager
def _collected() -> Iterator[list[str]]:
    lines: list[str] = []
    logger, collector = logging.getLogger(_LOGGER), _Collector(lines)
    logger.addHandler(collector)
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
