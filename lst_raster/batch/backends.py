"""Backends of a batch: the current process, several processes, a dask cluster."""

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
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from lst_raster.batch.scene_lists import one_line
from lst_raster.batch.task import SceneResult, Task, run_task, worker_failure
from lst_raster.errors import CancelledError, InputError, WorkerError
from lst_raster.resources import ignore_library_warnings, require


class Backend(ABC):
    """Executor of tasks; a context manager that stops all running tasks on exit, without partial files."""

    capacity: int = 1  # number of tasks that may be submitted at a time
    can_retry: bool = True  # whether a failed task can be submitted again
    may_lose_other_tasks = False  # whether a task that kills its workers may fail other tasks too

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Submit a task."""

    @abstractmethod
    def completed(self, timeout: float) -> list[tuple[Task, SceneResult]]:
        """Return tasks completed since the last call and their results; wait at most `timeout` [s] for one."""

    def stop(self) -> None:  # noqa: B027  # optional
        """Stop running tasks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class SerialBackend(Backend):
    """Run one scene after the other in the current process."""

    def __init__(self, should_continue: Callable[[], bool]) -> None:
        self._should_continue = should_continue
        self._tasks: list[Task] = []

    def submit(self, task: Task) -> None:
        """Hold the task until `completed`."""
        self._tasks.append(task)

    def completed(self, timeout: float) -> list[tuple[Task, SceneResult]]:
        """Run the task; raise CancelledError if the caller stops the run."""
        task = self._tasks.pop()
        return [(task, run_task(task, lambda done, total: self._should_continue()))]


_EXIT_TIMEOUT = 20.0  # [s] for a worker to remove its temporary files


class _Worker:
    """A worker process and the pipe to it; the end of the process, for any reason, closes the pipe."""

    def __init__(self) -> None:
        # Spawned, not forked: this process has threads, and a fork would inherit GDAL's locks as they are.
        context = multiprocessing.get_context("spawn")
        self.pipe, worker_end = context.Pipe()
        self.process = context.Process(target=_run_tasks, args=(worker_end,), daemon=True)
        self.process.start()
        worker_end.close()  # now only the worker has it
        self.task: Task | None = None
        self.started = 0.0  # time at which the task was submitted [s]

    def submit(self, task: Task) -> None:
        self.task, self.started = task, time.monotonic()
        with suppress(OSError):  # the process has ended; `completed` finds the closed pipe
            self.pipe.send_bytes(pickle.dumps(task))

    def join(self) -> int | None:
        """Wait for the end of the process, kill it if it takes too long, and return its exit code."""
        self.process.join(_EXIT_TIMEOUT)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode
        self.pipe.close()
        self.process.close()
        return code


class ProcessBackend(Backend):
    """Run scenes in worker processes on this machine; a worker that dies fails only its own task.

    Each worker has its own pipe and shares no queue or lock with the others: a worker that is killed while it receives
    a task or sends a result cannot block them, as it can in the pools of concurrent.futures and pebble.
    """

    def __init__(self, count: int) -> None:
        self.capacity = count
        self._workers: list[_Worker] = []
        self._has_started = False  # whether any worker was ready to run tasks

    def submit(self, task: Task) -> None:
        """Submit a task to a free worker, a new one if necessary."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            worker = _Worker()
            self._workers.append(worker)
        worker.submit(task)

    def completed(self, timeout: float) -> list[tuple[Task, SceneResult]]:
        """Return completed tasks, also those of dead workers; raise WorkerError if workers cannot be started."""
        readable = wait([worker.pipe for worker in self._workers], timeout)
        results = []
        for worker in [worker for worker in self._workers if worker.pipe in readable]:
            task = worker.task
            result = self._receive(worker)
            if task is not None and result is not None:
                results.append((task, result))
        return results

    def _receive(self, worker: _Worker) -> SceneResult | None:
        """Receive the result of the worker's task, a failure if the worker is dead, None if it reports its start."""
        try:
            message: SceneResult | str | None = worker.pipe.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            code = worker.join()
            if not self._has_started and (code is None or code >= 0):
                raise WorkerError(
                    f"worker processes cannot be started (exit code {code}); in a script put the call under: "
                    'if __name__ == "__main__"'
                ) from None
            message = f"exited (code {code}); try again, with fewer workers if memory is short"
            if code is not None and code < 0:
                message = f"was killed (signal {-code}); if memory is short, use fewer workers"
        task, self._has_started = worker.task, True
        if message is None or task is None:
            return None
        worker.task = None
        if isinstance(message, str):
            return worker_failure(task, f"the worker process {message}", time.monotonic() - worker.started)
        return message

    def stop(self) -> None:
        """Stop all workers."""
        for worker in self._workers:
            if worker.task is None:
                worker.pipe.close()  # it waits for a task, and ends
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.join()
        self._workers.clear()


def _run_tasks(pipe: Connection[Any, Any]) -> None:
    """Run tasks in a worker process until the pipe is closed."""
    ignore_library_warnings()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one stops its workers
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # removes temporary files
    with suppress(EOFError, OSError):
        pipe.send(None)  # ready
        while True:
            content = pipe.recv_bytes()
            try:
                task: Task = pickle.loads(content)
            except Exception as error:  # of any type, for example if a signing function cannot be imported here
                pipe.send(f"cannot run it: {one_line(error)}")
            else:
                pipe.send(run_task(task))


_FETCH_TIMEOUT = 5.0  # [s] for a result that is reported as available
_STOP_TIMEOUT = 60.0  # [s] for running tasks to notice that the run was stopped
_POLL_INTERVAL = 1.0  # [s] between two checks for a stop in a worker
_NO_SCHEDULER = "the cluster cancelled the task; check that the scheduler is running"


class ClusterBackend(Backend):
    """Run scenes as tasks of a dask cluster."""

    capacity = 1 << 30  # the scheduler queues tasks
    may_lose_other_tasks = True  # dask blames all tasks that wait for a lost worker

    def __init__(self, client: Any) -> None:
        self._distributed = require("distributed", "dask")
        if getattr(client, "asynchronous", False):
            raise InputError("the client is asynchronous; give a synchronous distributed.Client")
        self._client, self._run = client, uuid.uuid4().hex
        self._tasks: dict[Any, Task] = {}  # by future
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def can_retry(self) -> bool:  # type: ignore[override]  # read only
        """Whether the scheduler is running."""
        return bool(self._client.status == "running")

    def submit(self, task: Task) -> None:
        """Submit a task; the earlier ones have priority."""
        key = f"lst_raster_retrieve-{self._run}-{task.number}-{task.attempt}"
        future = self._client.submit(run_on_cluster, task, self._run, pure=False, priority=-task.number, key=key)
        self._watch(future, task)

    def _watch(self, future: Any, task: Task) -> None:
        self._tasks[future] = task
        future.add_done_callback(self._done.put)

    def completed(self, timeout: float) -> list[tuple[Task, SceneResult]]:
        """Return a completed task, also one of a lost worker."""
        with suppress(queue.Empty):
            future = self._done.get(timeout=timeout)
            task = self._tasks.pop(future)
            result = self._result(future, task)
            if result is not None:
                return [(task, result)]
            self._watch(future, task)
        return []

    def _result(self, future: Any, task: Task) -> SceneResult | None:
        """Return the result of a completed future, None if it is being computed again."""
        if future.status in ("cancelled", "lost"):  # asking for the reason would wait for a scheduler that is gone
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
            advice = "check that every worker has the same release of lst-raster"
            return worker_failure(task, f"cluster error: {one_line(error)}; {advice}")

    def stop(self) -> None:
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
