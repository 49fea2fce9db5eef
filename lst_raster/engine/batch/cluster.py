"""Scenes on a cluster of dask: any that a `distributed.Client` speaks to."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import time
import uuid
from contextlib import suppress
from typing import Any, Self

from lst_raster._resources import require
from lst_raster.engine.batch.backends import Ended
from lst_raster.engine.batch.result import SceneResult
from lst_raster.engine.batch.task import Task, lost, work
from lst_raster.errors import CancelledError, InputError
from lst_raster.scene.address import without_secrets

_MANY = 1 << 30  # the scheduler holds what waits
_FETCH = 5.0  # [s] for a result that is said to be there
_GRACE = 60.0  # [s] in which tasks that run see that they are to stop
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
        until = time.monotonic() + _GRACE
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
