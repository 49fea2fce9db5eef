"""Tiles in parallel: a few threads, each with its own open files, and never more tiles in memory than they need."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

from rasterio.windows import Window

from lst_raster.io.raster import settings_of_this_thread

Result = TypeVar("Result")
Worker = Callable[[Window], Result]


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_tiles(
    windows: Sequence[Window], open_worker: Callable[[], AbstractContextManager[Worker[Result]]], threads: int
) -> Generator[Result, None, None]:
    """Work on tiles, in any order.

    Parameters
    ----------
    windows : sequence of rasterio.windows.Window
        The tiles.
    open_worker : callable
        Opens what a thread needs, and gives the function that works on a tile; called once for each thread.
    threads : int
        Number of threads; with one everything happens in the caller's.

    Yields
    ------
    object
        What the function returned, tile by tile as they are done. Where one raises, the others in work are waited for
        and the error is raised here; where the caller stops early nothing more is begun.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(open_worker()) for _ in range(min(threads, len(windows)))]
        if len(workers) == 1:
            yield from map(workers[0], windows)
        else:
            yield from _in_threads(windows, workers)


def _in_threads(windows: Sequence[Window], workers: Sequence[Worker[Result]]) -> Generator[Result, None, None]:
    free: SimpleQueue[Worker[Result]] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    settings = settings_of_this_thread()

    def work(window: Window) -> Result:
        worker = free.get()
        try:
            with settings():
                return worker(window)
        finally:
            free.put(worker)

    with ThreadPoolExecutor(len(workers), thread_name_prefix="tile") as pool:
        todo = iter(windows)
        pending: set[Future[Result]] = set()
        try:
            while True:
                # one more than there are threads, so that none waits for this one
                pending |= {pool.submit(work, window) for window in islice(todo, len(workers) + 1 - len(pending))}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)
