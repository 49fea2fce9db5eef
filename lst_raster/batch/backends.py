"""Backends of a batch: the current process, a pool of processes, a dask cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import pickle
import queue
import signal
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Self

import pebble

from lst_raster.batch.task import SceneResult, Task, run_task, worker_failure
from lst_raster.errors import CancelledError, InputError, WorkerError
from lst_raster.io.address import without_secrets
from lst_raster.resources import ignore_library_warnings, require

Completed = tuple[Task, SceneResult]
"""A task and its result."""


class Backend(ABC):
    """Executor of tasks; a context manager that stops all running tasks on exit, without partial files."""

    may_lose_other_tasks = False
    """Whether a task that kills its workers may fail other tasks too."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity  # number of tasks that may be submitted at a time
        self._tasks: dict[Any, Task] = {}  # by future
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def can_retry(self) -> bool:
        """Whether a failed task can be submitted again."""
        return True

    def submit(self, task: Task) -> None:
        """Submit a task."""
        self._watch(self._schedule(task), task)

    def completed(self, timeout: float) -> list[Completed]:
        """Return tasks completed since the last call; wait at most `timeout` [s] for one."""
        with suppress(queue.Empty):
            future = self._done.get(timeout=timeout)
            task = self._tasks.pop(future)
            result = self._result(future, task)
            if result is not None:
                return [(task, result)]
            self._watch(future, task)
        return []

    @abstractmethod
    def _schedule(self, task: Task) -> Any:
        """Submit a task and return its future."""

    @abstractmethod
    def _result(self, future: Any, task: Task) -> SceneResult | None:
        """Return the result of a completed future, None if it is being computed again."""

    @abstractmethod
    def _stop(self) -> None:
        """Stop running tasks."""

    def _watch(self, future: Any, task: Task) -> None:
        self._tasks[future] = task
        future.add_done_callback(self._done.put)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()
        self._tasks.clear()


class SerialBackend(Backend):
    """Run one scene after the other in the current process."""

    def __init__(self, should_continue: Callable[[], bool]) -> None:
        super().__init__(capacity=1)
        self._should_continue = should_continue

    def _schedule(self, task: Task) -> Any:
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        future.set_result(None)
        return future

    def _result(self, future: Any, task: Task) -> SceneResult:
        """Run the task; raise CancelledError if the caller stops the run."""
        return run_task(task, lambda done, total: self._should_continue())

    def _stop(self) -> None:
        """Nothing runs outside `completed`."""


class ProcessBackend(Backend):
    """Run scenes in a pool of processes on this machine."""

    def __init__(self, count: int) -> None:
        super().__init__(capacity=count)
        self._pool: pebble.ProcessPool | None = None
        self._started: dict[int, float] = {}  # [s] by number of task
        self._has_run = False

    def _schedule(self, task: Task) -> Any:
        if self._pool is None or not self._pool.active:
            self._stop()
            # Spawned, not forked: this process has threads, and a fork would inherit GDAL's locks as they are.
            self._pool = pebble.ProcessPool(
                self.capacity, initializer=_initialise_worker, context=multiprocessing.get_context("spawn")
            )
        self._started[task.number] = time.monotonic()
        # As bytes: a task that kills the process while it is unpickled must be assigned to the process by then.
        return self._pool.schedule(_run_pickled, (pickle.dumps(task),))

    def _result(self, future: Any, task: Task) -> SceneResult:
        try:
            result: SceneResult = future.result()
            self._has_run = True
            return result
        except pebble.ProcessExpired as error:
            reason = _exit_reason(error.exitcode)
        except BrokenProcessPool:
            if not self._has_run:
                raise WorkerError(
                    'worker processes cannot be started; in a script put the call under: if __name__ == "__main__"'
                ) from None
            reason = "ended before it reported a result; try again, with fewer workers if memory is short"
        except SystemExit as error:  # SIGTERM from outside
            reason = _exit_reason(error.code)
        except Exception as error:  # the task cannot be unpickled in the worker; `run_task` raises nothing else
            reason = f"cannot run it: {type(error).__name__}: {without_secrets(' '.join(str(error).split()))}"
        self._has_run = True
        seconds = time.monotonic() - self._started[task.number]
        return worker_failure(task, f"the worker process {reason}", seconds)

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # pebble's types are incomplete
            self._pool.join()


def _exit_reason(code: Any) -> str:
    if isinstance(code, int) and code < 0:
        return f"was killed (signal {-code}); if memory is short, use fewer workers"
    return f"exited (code {code}); try again, with fewer workers if memory is short"


def _initialise_worker() -> None:
    ignore_library_warnings()
    # SystemExit removes temporary files; pebble's own handler ends the process at once
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def _run_pickled(content: bytes) -> SceneResult:
    task: Task = pickle.loads(content)
    return run_task(task)


_UNLIMITED = 1 << 30  # the scheduler queues tasks
_FETCH_TIMEOUT = 5.0  # [s] for a result that is reported as available
_STOP_TIMEOUT = 60.0  # [s] for running tasks to notice that the run was stopped
_POLL_INTERVAL = 1.0  # [s] between two checks for a stop in a worker
_GIVEN_UP = ("cancelled", "lost")
_NO_SCHEDULER = "the cluster cancelled the task; check that the scheduler is running"


class ClusterBackend(Backend):
    """Run scenes as tasks of a dask cluster."""

    may_lose_other_tasks = True  # dask blames all tasks that wait for a lost worker

    def __init__(self, client: Any) -> None:
        super().__init__(capacity=_UNLIMITED)
        self._distributed = require("distributed", "dask")
        if getattr(client, "asynchronous", False):
            raise InputError("the client is asynchronous; give a synchronous distributed.Client")
        self._client, self._run = client, uuid.uuid4().hex

    @property
    def can_retry(self) -> bool:
        """Whether the scheduler is running."""
        return bool(self._client.status == "running")

    def _schedule(self, task: Task) -> Any:
        return self._client.submit(
            run_on_cluster, task, self._run, pure=False, priority=-task.number,
            key=f"lst_raster_retrieve-{self._run}-{task.number}-{task.attempt}",
        )  # fmt: skip

    def _result(self, future: Any, task: Task) -> SceneResult | None:
        if future.status in _GIVEN_UP:  # asking for the reason would wait for a scheduler that is gone
            return worker_failure(task, _NO_SCHEDULER)
        try:
            result: SceneResult = future.result(timeout=_FETCH_TIMEOUT)
            return result
        except TimeoutError:
            return None  # lost with its worker and being computed again
        except require("distributed.scheduler", "dask").KilledWorker:
            return worker_failure(task, "all cluster workers that ran it were lost; give them more memory")
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            return worker_failure(task, _NO_SCHEDULER)
        except Exception as error:  # of the cluster: `run_task` raises none
            text = f"{type(error).__name__}: {without_secrets(' '.join(str(error).split()))}"
            return worker_failure(
                task, f"cluster error: {text}; check that every worker has the same release of lst-raster"
            )

    def _stop(self) -> None:
        """Wait until all tasks have noticed the stop; those that have not begun end at once."""
        if not self._tasks:
            return
        deadline = time.monotonic() + _STOP_TIMEOUT
        with suppress(Exception):  # if the scheduler is gone the tasks have stopped already
            self._distributed.Event(self._run, client=self._client).set()
            with suppress(queue.Empty):
                while self._tasks:
                    self._tasks.pop(self._done.get(timeout=max(0.0, deadline - time.monotonic())), None)
            self._client.cancel(list(self._tasks))


def run_on_cluster(task: Task, run: str) -> SceneResult:
    """Retrieve a scene in a cluster worker, unless the event named `run` stops it (CancelledError)."""
    stop = require("distributed", "dask").Event(run)
    last_check = -_POLL_INTERVAL

    def should_continue(done: int, total: int) -> bool:
        nonlocal last_check
        if time.monotonic() - last_check < _POLL_INTERVAL:
            return True
        last_check = time.monotonic()
        return not stop.is_set()

    if not should_continue(0, 1):
        raise CancelledError("the run was stopped before this scene")
    return run_task(task, should_continue)
