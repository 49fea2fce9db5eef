"""Tiles in parallel: a few threads, each with its own open files, and a bounded number of tiles in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

from rasterio.windows import Window

from lst_raster.io.grid import Grid
from lst_raster.io.raster import copied_gdal_settings

Item = TypeVar("Item")
Result = TypeVar("Result")
Worker = Callable[[Item], Result]


def available_threads() -> int:
    """Count the processors available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def windows_over(grid: Grid, side: int) -> list[Window]:
    """Square windows with a side [pixel] that cover a grid row by row, smaller at its edges."""
    return [
        Window(column, row, min(side, grid.width - column), min(side, grid.height - row))
        for row in range(0, grid.height, side)
        for column in range(0, grid.width, side)
    ]


def over_tiles(
    windows: Sequence[Item], open_worker: Callable[[], AbstractContextManager[Worker[Item, Result]]], threads: int
) -> Generator[Result, None, None]:
    """Process tiles, or other parts of the work, in `threads` threads and yield the results in order of completion.

    `open_worker` is called once per thread and returns the function that processes a tile; with one thread all runs in
    the caller's. If the function raises, running tiles are completed and the error is raised here; if the caller stops
    early no further tiles are started.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(open_worker()) for _ in range(min(threads, len(windows)))]
        if len(workers) == 1:
            yield from map(workers[0], windows)
        else:
            yield from _in_threads(windows, workers)


def _in_threads(windows: Sequence[Item], workers: Sequence[Worker[Item, Result]]) -> Generator[Result, None, None]:
    free: SimpleQueue[Worker[Item, Result]] = SimpleQueue()
    for worker in workers:
        free.put(worker)
    settings = copied_gdal_settings()

    def work(window: Item) -> Result:
        worker = free.get()
        try:
            with settings():
                return worker(window)
        finally:
            free.put(worker)

    with ThreadPoolExecutor(len(workers), thread_name_prefix="tile") as pool:
        remaining = iter(windows)
        pending: set[Future[Result]] = set()
        try:
            while True:
                # One more than there are threads, so that no thread waits for this one.
                pending |= {pool.submit(work, window) for window in islice(remaining, len(workers) + 1 - len(pending))}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)
