"""Backends of a batch: this process, processes of this machine, a dask cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import queue
import signal
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol, Self

from lst_raster.batch.task import SceneResult, Task, lost, work
from lst_raster.errors import CancelledError, InputError, WorkerError
from lst_raster.io.address import without_secrets
from lst_raster.resources import ignore_library_warnings, require

Ended = tuple[Task, SceneResult]
"""A task, and what became of it."""


class Backend(Protocol):
    """A place where scenes are worked on; a context manager, which leaves no work behind."""

    takes_others_along: bool
    """Whether it may give up other tasks together with one that its workers do not survive."""

    @property
    def can_repeat(self) -> bool:
        """Whether it makes sense to give it a task again."""

    @property
    def free(self) -> int:
        """Number of tasks that it would take now."""

    def begin(self, task: Task) -> None:
        """Take a task."""

    def ended(self, patience: float) -> list[Ended]:
        """Tasks that have ended since the last call; waits for one at most so long. [s]"""

    def __enter__(self) -> Self:
        """Open it."""

    def __exit__(self, *error: object) -> None:
        """Stop what is still being worked on, leaving nothing half written."""


class ThisProcess:
    """Scenes one after the other, here."""

    takes_others_along = False
    can_repeat = True

    def __init__(self, go_on: Callable[[], bool]) -> None:
        self._go_on = go_on
        self._task: Task | None = None

    @property
    def free(self) -> int:
        """One, if there is none."""
        return 0 if self._task else 1

    def begin(self, task: Task) -> None:
        """Take a task."""
        self._task = task

    def ended(self, patience: float) -> list[Ended]:
        """Work on the task.

        Raises
        ------
        CancelledError
            The caller does not want to go on.
        """
        task, self._task = self._task, None
        if task is None:
            return []
        return [(task, work(task, lambda done, total: self._go_on()))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._task = None


_GRACE = 20.0  # [s] in which a worker removes its temporary files
_TERMINATED = 143  # 128 + SIGTERM


class _Worker:
    """A process, and the line to it."""

    def __init__(self) -> None:
        # A new process, not a fork: this one has threads, and GDAL's locks would stay as they were.
        context = multiprocessing.get_context("spawn")
        self.line, far = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(far,), daemon=True)
        self.process.start()
        far.close()
        self.task: Task | None = None
        self.since = 0.0

    def begin(self, task: Task) -> None:
        """Hand over a task; that the process has ended meanwhile is found out by its line."""
        self.task, self.since = task, time.monotonic()
        with suppress(OSError):
            self.line.send(task)

    def stop(self) -> None:
        """Ask the process to end."""
        if self.task is None:
            self.line.close()  # it waits for a task, and none will come
        else:
            self.process.terminate()

    def join(self) -> None:
        """Wait for the end, and see to it."""
        self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.line.close()
        self.process.close()


class Processes:
    """Scenes in so many processes of this machine at the same time."""

    takes_others_along = False
    can_repeat = True

    def __init__(self, count: int) -> None:
        self._count = count
        self._workers: list[_Worker] = []
        self._can_start = False

    @property
    def free(self) -> int:
        """Processes without a task."""
        return self._count - sum(worker.task is not None for worker in self._workers)

    def begin(self, task: Task) -> None:
        """Give a task to a process, a new one if need be."""
        idle = next((worker for worker in self._workers if worker.task is None), None)
        if idle is None:
            idle = _Worker()
            self._workers.append(idle)
        idle.begin(task)

    def ended(self, patience: float) -> list[Ended]:
        """Tasks that have ended; that of a process that was lost has an error.

        Raises
        ------
        WorkerError
            Processes cannot be started.
        """
        told = wait([worker.line for worker in self._workers], timeout=patience)
        found = [self._hear(worker) for worker in list(self._workers) if worker.line in told]
        return [ended for ended in found if ended is not None]

    def _hear(self, worker: _Worker) -> Ended | None:
        """Take what a process says: that it is ready, a result, or, by the end of its line, that it is gone."""
        try:
            answer = worker.line.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if not isinstance(answer, SceneResult):
            self._can_start = True
            return None
        task, worker.task = worker.task, None
        return (task, answer) if task is not None else None

    def _bury(self, worker: _Worker) -> Ended | None:
        self._workers.remove(worker)
        worker.process.join(_GRACE)
        code = worker.process.exitcode
        worker.join()
        if not self._can_start:
            raise WorkerError(
                f"processes for scenes cannot be started (the first ended with {code}); in a script of your own put "
                'the call under: if __name__ == "__main__"'
            )
        if worker.task is None:
            return None
        seconds = time.monotonic() - worker.since
        return worker.task, lost(worker.task, f"the process that worked on it {_how(code)}", seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join()
        self._workers.clear()


def _how(code: int | None) -> str:
    """Say how a process ended."""
    if code is not None and code < 0:
        return f"was killed (signal {-code}); if memory is short, use fewer workers"
    return f"ended by itself (code {code}); try again, with fewer workers if memory is short"


def _serve(line: Connection[Any, Any]) -> None:
    """Work on tasks until none comes any more."""
    ignore_library_warnings()
    if sys.platform != "win32":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells us what to do
        signal.signal(signal.SIGTERM, _leave)
    with suppress(EOFError, OSError):  # the first process is gone, or has had enough
        line.send("ready")
        while True:
            line.send(work(line.recv()))


def _leave(number: int, frame: Any) -> None:
    sys.exit(_TERMINATED)  # as an exception, so that temporary files are removed


_MANY = 1 << 30  # the scheduler holds what waits
_FETCH = 5.0  # [s] for a result that is said to be there
_CLUSTER_GRACE = 60.0  # [s] in which tasks that run see that they are to stop
_EVERY = 1.0  # [s] between two questions whether to stop
_GIVEN_UP = ("cancelled", "lost")
_NO_SCHEDULER = "the cluster gave it up; is the scheduler still there?"


class Cluster:
    """Scenes as tasks of a cluster."""

    def __init__(self, client: Any) -> None:
        self._distributed = require("distributed", "dask")
        if getattr(client, "asynchronous", False):
            raise InputError("the client is asynchronous; give a distributed.Client that is not")
        self._client, self._run = client, uuid.uuid4().hex
        self._futures: dict[Any, Task] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    takes_others_along = True  # all that wait for a worker that is lost count as guilty of it

    @property
    def can_repeat(self) -> bool:
        """Whether the scheduler is still there."""
        return bool(self._client.status == "running")

    @property
    def free(self) -> int:
        """All that there are: the scheduler holds what waits."""
        return _MANY

    def begin(self, task: Task) -> None:
        """Submit a task; of those that were given first the first begins."""
        future = self._client.submit(
            work_on_cluster, task, self._run, pure=False, priority=-task.number,
            key=f"lst_raster_retrieve-{self._run}-{task.number}-{task.attempt}",
        )  # fmt: skip
        self._follow(future, task)

    def ended(self, patience: float) -> list[Ended]:
        """Tasks that have ended; that of workers that were lost has an error."""
        with suppress(queue.Empty):
            future = self._done.get(timeout=patience)
            task = self._futures.pop(future)
            result = self._result(future, task)
            if result is not None:
                return [(task, result)]
            self._follow(future, task)
        return []

    def _follow(self, future: Any, task: Task) -> None:
        self._futures[future] = task
        future.add_done_callback(self._done.put)

    def _result(self, future: Any, task: Task) -> SceneResult | None:
        """Fetch a result; None where it was lost with its worker, and is being made again."""
        if future.status in _GIVEN_UP:  # to ask for its reason would wait for a scheduler that is gone
            return lost(task, _NO_SCHEDULER)
        try:
            result: SceneResult = future.result(timeout=_FETCH)
            return result
        except TimeoutError:
            return None
        except require("distributed.scheduler", "dask").KilledWorker:
            return lost(task, "the workers that it was given to were lost, one after the other; give them more memory")
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            return lost(task, _NO_SCHEDULER)
        except Exception as error:  # of the cluster's own: `work` raises none
            said = f"{type(error).__name__}: {without_secrets(' '.join(str(error).split()))}"
            return lost(task, f"the cluster says {said}; has every worker the same lst-raster installed?")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._futures:
            return
        with suppress(Exception):  # a scheduler that is gone has stopped already
            self._distributed.Event(self._run, client=self._client).set()
            self._wait()
            self._client.cancel(list(self._futures))
        self._futures.clear()

    def _wait(self) -> None:
        """Wait until all tasks have seen that they are to stop; those that had not begun end at once."""
        until = time.monotonic() + _CLUSTER_GRACE
        with suppress(queue.Empty):
            while self._futures:
                self._futures.pop(self._done.get(timeout=max(0.0, until - time.monotonic())), None)


def work_on_cluster(task: Task, run: str) -> SceneResult:
    """Retrieve a scene in a worker of a cluster, unless the run is to stop.

    Parameters
    ----------
    task : Task
        The scene, and how.
    run : str
        Name of the event that tells to stop.
    """
    stop = require("distributed", "dask").Event(run)
    asked = -_EVERY

    def go_on(done: int, total: int) -> bool:
        nonlocal asked
        if time.monotonic() - asked < _EVERY:
            return True
        asked = time.monotonic()
        return not stop.is_set()

    if not go_on(0, 1):
        raise CancelledError("the run was stopped before this scene")
    return work(task, go_on)
