"""Scenes in processes of this machine; one that is killed takes no other scene with it."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Self

from lst_raster._resources import ignore_library_warnings
from lst_raster.engine.batch.backends import Ended
from lst_raster.engine.batch.result import SceneResult
from lst_raster.engine.batch.task import Task, lost, work
from lst_raster.errors import WorkerError

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
