"""Jobs: fits with what is measured of them, spread over processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from threadpoolctl import threadpool_limits

from lst_raster.errors import CancelledError, InputError, LstRasterError
from tests.benchmarks.accuracy.fits import Fit, Fitter, Retrieval, fit
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.setting import EVERYTHING, Selection, Setting

Measure: TypeAlias = Callable[[Setting, Retrieval], Rows]
"""Measures a retrieval; it must be a function of a module, or a `functools.partial` of one, for it is sent around."""
Progress: TypeAlias = Callable[[int, int], bool]
"""Called with the jobs done and their total; returns False to stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A retrieval, and what one section measures of it."""

    section: str
    """Name of the section that the rows go to."""
    measure: Measure
    """What is measured."""
    retrieval: Fit | Retrieval
    """What is measured on: a fit to be made, or something that retrieves already."""
    selection: Selection = EVERYTHING
    """Columns that the fit learns."""

    @property
    def key(self) -> str:
        """Text that is the same for jobs with one and the same fit."""
        return f"{self.retrieval.key} {self.selection}" if isinstance(self.retrieval, Fit) else f"{id(self.retrieval)}"


def count_fits(jobs: Sequence[Job]) -> int:
    """Count the gradient descents that jobs need; a fit that several sections measure is made once."""
    return len({job.key for job in jobs if isinstance(job.retrieval, Fit) and job.retrieval.steps})


def run_jobs(
    jobs: Sequence[Job], setting: Setting, fitter: Fitter, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Rows]:
    """Run jobs, each fit once, and collect the rows of every section.

    Parameters
    ----------
    jobs : sequence of Job
        In any order; those with most to learn are begun first.
    setting : Setting
        The sets.
    fitter : callable
        Fits what is not refitted here; a function of a module.
    workers : int, optional
        Processes at a time, by default one for each core; 1 works in this process.
    progress : callable, optional
        Called with the fits done and their total; returns False to stop.

    Returns
    -------
    dict of str to list
        Rows by section, in the order of the jobs not in that of their ends.

    Raises
    ------
    CancelledError
        `progress` asked to stop; no process is left.
    InputError
        A process was ended from outside.
    """
    bundles: dict[str, list[tuple[int, Job]]] = defaultdict(list)
    for number, job in enumerate(jobs):
        bundles[job.key].append((number, job))
    longest_first = sorted(bundles.values(), key=lambda bundle: -_cost(bundle[0][1]))
    found: list[Rows] = [[] for _ in jobs]
    for done, result in enumerate(_results(longest_first, setting, fitter, workers or os.cpu_count() or 1), start=1):
        for number, rows in result:
            found[number] = rows
        if progress is not None and not progress(done, len(bundles)):
            raise CancelledError(f"the benchmark was stopped after {done} of {len(bundles)} fits; nothing was written")
    sections: dict[str, Rows] = {job.section: [] for job in jobs}
    for job, rows in zip(jobs, found, strict=True):
        sections[job.section] += rows
    return sections


_Bundle: TypeAlias = list[tuple[int, Job]]
_Result: TypeAlias = list[tuple[int, Rows]]
_COST = {"profile": 3.0, "surface": 2.0, "column": 1.5}


def _cost(job: Job) -> float:
    asked = job.retrieval
    return asked.steps * _COST.get(asked.tier, 1.0) if isinstance(asked, Fit) else 0.0


def _results(bundles: Sequence[_Bundle], setting: Setting, fitter: Fitter, workers: int) -> Iterator[_Result]:
    if workers == 1:
        for bundle in bundles:
            yield _run(bundle, setting, fitter)
        return
    with _pool(min(workers, len(bundles)), setting, fitter) as pool:
        waiting = {pool.submit(_run_here, bundle) for bundle in bundles}
        while waiting:
            ended, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)  # wakes for Ctrl-C everywhere
            for one in ended:
                yield _outcome(one)


def _outcome(future: Future[_Result]) -> _Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InputError("a process of the benchmark was ended from outside, perhaps for lack of memory") from error


@contextmanager
def _pool(workers: int, setting: Setting, fitter: Fitter) -> Iterator[ProcessPoolExecutor]:
    """Open a pool whose processes end with it, even in the middle of a fit."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(setting, fitter)
    )
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        # The pool's own thread waits for them: of two who wait for one process the other never learns of its end.
        pool.shutdown(cancel_futures=True)
        raise


_here: list[tuple[Setting, Fitter]] = []  # what a process works with; sent once, not with every job


def _begin(setting: Setting, fitter: Fitter) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends its children
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _here[:] = [(setting, fitter)]


def _end_with_parent() -> None:
    """Wait for the parent's end, which a kill may have made, and end too: no process needs the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_here(bundle: _Bundle) -> _Result:
    return _run(bundle, *_here[0])


def _run(bundle: _Bundle, setting: Setting, fitter: Fitter) -> _Result:
    """Fit once, and measure all that is asked of it."""
    first = bundle[0][1]
    with threadpool_limits(1, "blas"):  # the processes fill the cores
        retrieval = first.retrieval
        if isinstance(retrieval, Fit):
            retrieval = _fitted(retrieval, first.selection, setting, fitter)
        return [(number, job.measure(setting, retrieval)) for number, job in bundle]


def _fitted(asked: Fit, selection: Selection, setting: Setting, fitter: Fitter) -> Retrieval:
    try:
        return fit(asked, [selection.of(setting.library)], fitter)
    except LstRasterError as error:
        raise type(error)(f"{asked.method} {asked.tier}, seed {asked.seed}: {error}") from error
