"""Retrieval of many scenes in one call: the loop over tasks, on any backend."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

from lst_raster.batch.backends import Backend, ClusterBackend, ProcessBackend, SerialBackend
from lst_raster.batch.read_lists import SceneList, read_scene_list
from lst_raster.batch.task import Opening, RetrieveOptions, SceneResult, Task, folder_of, make_tasks
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
"""Called with each result, in the order in which the scenes are completed."""

_POLL_INTERVAL = 0.5  # [s] between two calls of `progress`


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
    bbox: str | Sequence[float] | None = None,
    progress: Progress | None = None,
    on_result: OnResult | None = None,
    **options: Unpack[RetrieveOptions],
) -> list[SceneResult]:
    """Retrieve the land surface temperature of many scenes; a scene that fails does not stop the others.

    The products are identical, byte for byte, in one process, in several processes and on a cluster. An existing
    product of the same inputs is kept, so that a stopped run can be resumed.

    Parameters
    ----------
    scenes : str, path, mapping, ListedScene, or sequence of them
        The scenes: any argument or result of `read_scene_list`, or the result of `search_scenes`.
    out : str or path
        Folder of the products, ``<name>_LST.tif`` each; created if missing. For a cluster it must be visible to all
        machines.
    client : distributed.Client, optional
        A dask client: its cluster processes the scenes, one task each. Tasks of lost workers are rescheduled as
        often as the dask setting ``allowed-failures`` permits, and then retried once with no other task running.
    workers : int, optional
        Number of processes on this machine, each with one scene at a time. Without `workers` and `client` the scenes
        are processed in the current process, one after the other. In a script the call must then be under
        ``if __name__ == "__main__":``.
    retries : int
        Number of further attempts for a scene whose worker was killed or whose server did not answer.
    band, sensor, date : str, optional
        As for `open_scene`, for scenes without these values in the list.
    level_2 : bool
        Whether to use the atmospheric terms of Level-2 products in place of a model.
    downwelling : {"corrected", "usgs"}, optional
        As for `Level2Scene.open`.
    quantity : str, optional
        As for `MeasuredScene.open`, for rasters of radiance or brightness temperature.
    bbox : str or sequence of float, optional
        Box west, south, east, north: only the pixels that it touches are read and retrieved. [degree]
    progress : callable, optional
        Called with the number of completed scenes and the total, a few times per second; stops the run by returning
        False.
    on_result : callable, optional
        Called with each result as soon as it is available.
    **options
        Arguments of `retrieve`, for all scenes: emissivity, water_vapour, reanalysis, model, form, overwrite, and so
        on. Values of a scene in the list take precedence. The default of `threads` in workers is 1.

    Returns
    -------
    list of SceneResult
        One per scene, in the order of the list, with `product`, or `error` if the scene failed.

    Raises
    ------
    InputError, InputNotFoundError, SceneError, RemoteError
        A list cannot be read, two scenes would have the same product, or an argument is invalid. Nothing was written.
    OutputError
        The folder cannot be created.
    WorkerError
        Processes cannot be started.
    CancelledError
        `progress` returned False. Complete products are kept.
    """
    opening = Opening(
        band=band, sensor=sensor, date=date, level_2=level_2, downwelling=downwelling, quantity=quantity, bbox=bbox
    )
    if client is not None and workers is not None:
        raise InputError("client and workers exclude each other; give one of them")
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}; give 1 or more")
    if retries < 0:
        raise InputError(f"retries is {retries}; give 0 or more")
    shared = dict(options)
    if shared.get("threads") is None and (client is not None or workers is not None):
        shared["threads"] = 1
    tasks = make_tasks(read_scene_list(scenes, band=band, level_2=level_2), out, opening, shared)
    if workers is not None:
        try:
            pickle.dumps(tasks)
        except Exception as error:  # pickle raises many types
            raise InputError(
                f"an argument cannot be sent to a worker process: {error}; a signing function must be defined in a "
                "module, not as a lambda"
            ) from error
    folder = folder_of(out)
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}; choose another") from error
    new = {task.number for task in tasks if folder is not None and not Path(task.target).exists()}
    if client is not None:  # dask repeats tasks itself
        tasks = [replace(task, may_replace=task.number in new) for task in tasks]
    batch = _Batch(tasks=tasks, new=new, retries=retries, progress=progress, on_result=on_result)
    backend: Backend = SerialBackend(batch.should_continue)
    if client is not None:
        backend = ClusterBackend(client)
    elif workers is not None:
        backend = ProcessBackend(min(workers, len(tasks)))
    try:
        with backend:
            batch.run(backend)
    finally:
        if folder is not None:
            with suppress(LstRasterError), new_files(folder):  # removes temporary files of killed workers
                pass
    return [batch.results[task.number] for task in tasks]


@dataclass(kw_only=True, slots=True)
class _Batch:
    """The tasks of a run and their results."""

    tasks: Sequence[Task]
    new: set[int]  # numbers of tasks without a product at the start of the run
    retries: int
    progress: Progress | None
    on_result: OnResult | None
    results: dict[int, SceneResult] = field(default_factory=dict)
    logs: dict[int, str] = field(default_factory=dict)  # of earlier attempts

    def should_continue(self) -> bool:
        return self.progress is None or self.progress(len(self.results), len(self.tasks))

    def run(self, backend: Backend) -> None:
        """Process all tasks; raise CancelledError if the caller stops the run."""
        waiting, suspects, running = deque(self.tasks), deque[Task](), 0
        try:
            while waiting or suspects or running:
                while waiting and running < backend.capacity:
                    backend.submit(waiting.popleft())
                    running += 1
                if suspects and not running:
                    backend.submit(suspects.popleft())
                    running += 1
                if not self.should_continue():
                    raise CancelledError("stopped")
                for task, result in backend.completed(_POLL_INTERVAL):
                    running -= 1
                    log = self.logs[task.number] = self.logs.get(task.number, "") + result.log
                    if not (backend.can_retry and self._is_worth_a_retry(task, result)):
                        self.results[task.number] = replace(result, log=log)
                        if self.on_result is not None:
                            self.on_result(self.results[task.number])
                        continue
                    exclusive = backend.may_lose_other_tasks and isinstance(result.error, WorkerError)
                    retry = replace(
                        task, attempt=task.attempt + 1, is_exclusive=exclusive, may_replace=task.number in self.new
                    )
                    (suspects if exclusive else waiting).append(retry)  # after all first attempts
        except CancelledError:
            raise CancelledError(
                f"stopped after {len(self.results)} of {len(self.tasks)} scenes; the products made so far are complete"
            ) from None
        self.should_continue()

    def _is_worth_a_retry(self, task: Task, result: SceneResult) -> bool:
        if task.attempt > self.retries:
            return False
        if isinstance(result.error, WorkerError):
            return not task.is_exclusive
        return isinstance(result.error, RemoteError) and not isinstance(result.error, RemoteAccessError)
