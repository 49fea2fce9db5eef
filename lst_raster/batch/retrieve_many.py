"""Many scenes in one call: the loop over them, whatever works on them."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

from lst_raster.batch.backends import Backend, Cluster, Processes, ThisProcess
from lst_raster.batch.plan import RetrieveOptions, folder_of, make_tasks
from lst_raster.batch.read_lists import SceneList, read_scene_list
from lst_raster.batch.task import Opening, SceneResult, Task
from lst_raster.errors import (
    CancelledError,
    InputError,
    LstRasterError,
    OutputError,
    RemoteAccessError,
    RemoteError,
    WorkerError,
)
from lst_raster.io.level2_scene import Downwelling
from lst_raster.product.staging import new_files
from lst_raster.retrieval.run import Progress

OnResult = Callable[[SceneResult], None]
"""Called with the result of a scene when it is known, in the order in which scenes end."""

_PATIENCE = 0.5  # [s] between two questions to the caller whether to go on


def retrieve_many(
    scenes: SceneList,
    *,
    out: str | Path,
    client: Any = None,
    workers: int | None = None,
    retries: int = 2,
    band: str | None = None,
    sensor: str | None = None,
    date: str | None = None,
    level_2: bool = False,
    downwelling: Downwelling | None = None,
    quantity: str | None = None,
    progress: Progress | None = None,
    on_result: OnResult | None = None,
    **options: Unpack[RetrieveOptions],
) -> list[SceneResult]:
    """Retrieve the land surface temperature of many scenes; one that fails never loses the rest.

    The products are the same, byte for byte, whether the scenes are worked on one after the other, in processes, or on
    a cluster. A product that exists and is made of the same inputs is kept, so that a run that was stopped goes on
    where it was.

    Parameters
    ----------
    scenes : str, path, mapping, ListedScene, or sequence of them
        The scenes, as `read_scene_list` takes them, or what it or `search_scenes` returned.
    out : str or path
        Folder of the products, ``<name>_LST.tif`` each; it is made where it is missing. For a cluster it must be one
        that all machines see.
    client : distributed.Client, optional
        A client of dask: the scenes are worked on by its cluster, one task each. Tasks of lost workers are given to
        others as often as its setting ``allowed-failures`` says, and tried once more alone.
    workers : int, optional
        Number of processes of this machine, each with one scene at a time; without it, and without a client, the scenes
        are worked on in this process, one after the other. In a script of your own the call must then stand under
        ``if __name__ == "__main__":``.
    retries : int
        How often a scene is tried again whose worker was killed, or whose server did not answer.
    band, sensor, date : str, optional
        As for `Scene.open`, for scenes of which the list does not say it.
    level_2 : bool
        Whether the scenes are Level-2 products, to be solved again.
    downwelling : {"corrected", "usgs"}, optional
        As for `Level2Scene.open`.
    quantity : str, optional
        As for `MeasuredScene.open`, where the scenes are rasters of radiance or brightness temperature.
    progress : callable, optional
        Called with the scenes done and their total, some times a second; where it returns False the run stops.
    on_result : callable, optional
        Called with each result when it is known.
    **options
        Arguments of `retrieve`, for all scenes: emissivity, water_vapour, reanalysis, model, form, overwrite, and so
        on. What a list states of a scene comes before them. `threads` is 1 in workers.

    Returns
    -------
    list of SceneResult
        One for each scene, in the order given: `product`, and `error`, which is None where it went well.

    Raises
    ------
    InputError, InputNotFoundError, SceneError, RemoteError
        A list cannot be read, two scenes would have one product, or an argument is not possible. Nothing was done.
    OutputError
        The folder cannot be made.
    WorkerError
        Processes cannot be started.
    CancelledError
        `progress` returned False. Products that are complete stay.
    """
    opening = Opening(band=band, sensor=sensor, date=date, level_2=level_2, downwelling=downwelling, quantity=quantity)
    _check(client, workers, retries)
    shared = dict(options)
    if shared.get("threads") is None and (client is not None or workers is not None):
        shared["threads"] = 1
    tasks = make_tasks(read_scene_list(scenes, band=band, level_2=level_2), out, opening, shared)
    if workers is not None:
        _require_sendable(tasks)
    folder = folder_of(out)
    if folder is not None:
        _make(folder)
    fresh = {task.number for task in tasks if folder is not None and not Path(task.target).exists()}
    if client is not None:  # a cluster tries tasks again by itself
        tasks = [replace(task, may_replace=task.number in fresh) for task in tasks]
    batch = _Batch(
        tasks=tasks, fresh=fresh, retries=retries, progress=progress or _unwatched, on_result=on_result or _unheard
    )
    try:
        with _backend(client, workers, batch.go_on) as backend:
            batch.through(backend)
    finally:
        if folder is not None:
            _sweep(folder)
    return [batch.results[task.number] for task in tasks]


@dataclass(kw_only=True, slots=True)
class _Batch:
    """The scenes of a run, and what became of them."""

    tasks: Sequence[Task]
    fresh: set[int]  # numbers of tasks that had no product when the run began
    retries: int
    progress: Progress
    on_result: OnResult
    results: dict[int, SceneResult] = field(default_factory=dict)
    logs: dict[int, str] = field(default_factory=dict)  # of attempts that were not the last

    def go_on(self) -> bool:
        """Ask the caller."""
        return self.progress(len(self.results), len(self.tasks))

    def through(self, backend: Backend) -> None:
        """Work on all scenes.

        Raises
        ------
        CancelledError
            The caller does not want to go on.
        """
        waiting, suspects, running = deque(self.tasks), deque[Task](), 0
        try:
            while waiting or suspects or running:
                while waiting and backend.free > 0:
                    backend.begin(waiting.popleft())
                    running += 1
                if suspects and not running:
                    backend.begin(suspects.popleft())
                    running += 1
                if not self.go_on():
                    raise CancelledError("stopped")
                for task, result in backend.ended(_PATIENCE):
                    running -= 1
                    if not (backend.can_repeat and self._is_worth_another(task, result)):
                        self._keep(task, result)
                        continue
                    self.logs[task.number] = self.logs.get(task.number, "") + result.log
                    alone = backend.takes_others_along and isinstance(result.error, WorkerError)
                    fresh = task.number in self.fresh
                    again = replace(task, attempt=task.attempt + 1, is_alone=alone, may_replace=fresh)
                    (suspects if alone else waiting).append(again)  # when the others have had their turn
        except CancelledError:
            raise CancelledError(
                f"stopped after {len(self.results)} of {len(self.tasks)} scenes; the products made so far are complete"
            ) from None
        self.go_on()

    def _keep(self, task: Task, result: SceneResult) -> None:
        whole = replace(result, log=self.logs.pop(task.number, "") + result.log)
        self.results[task.number] = whole
        self.on_result(whole)

    def _is_worth_another(self, task: Task, result: SceneResult) -> bool:
        if task.attempt > self.retries:
            return False
        if isinstance(result.error, WorkerError):
            return not task.is_alone
        return isinstance(result.error, RemoteError) and not isinstance(result.error, RemoteAccessError)


def _check(client: Any, workers: int | None, retries: int) -> None:
    if client is not None and workers is not None:
        raise InputError("scenes are worked on by a client's cluster, or by workers of this machine; give one of them")
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers can do nothing; give 1 or more")
    if retries < 0:
        raise InputError(f"retries is {retries}; give 0 or more")


def _require_sendable(tasks: Sequence[Task]) -> None:
    """Refuse what cannot be sent to another process, before any work."""
    try:
        for task in tasks:
            pickle.dumps(task)
    except Exception as error:  # of many kinds
        raise InputError(
            f"something that was given cannot be sent to a worker: {error}; a function that signs must be one of a "
            "module, not a lambda"
        ) from error


def _backend(client: Any, workers: int | None, go_on: Callable[[], bool]) -> Backend:
    if client is not None:
        return Cluster(client)
    return Processes(workers) if workers is not None else ThisProcess(go_on)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}; choose another") from error


def _sweep(folder: Path) -> None:
    """Remove what killed workers left: those whose scene nobody tried again."""
    with suppress(LstRasterError), new_files(folder):
        pass


def _unwatched(done: int, total: int) -> bool:
    return True


def _unheard(result: SceneResult) -> None:
    """Nobody wants to know before the end."""
