"""Jobs: fits and their evaluation, distributed over processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

import lst_raster
from lst_raster.atomic_write import atomic_write
from lst_raster.errors import CancelledError, InputError, LstRasterError
from tests.benchmarks.accuracy.fits import Fit, Fitter, Retrieval, fit
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.setting import EVERYTHING, Selection, Setting

Measure: TypeAlias = Callable[[Setting, Retrieval], Rows]
"""Evaluates a retrieval; a module-level function or a `functools.partial` of one, as it is pickled."""
Progress: TypeAlias = Callable[[int, int], bool]
"""Called with completed and total jobs; returns False to stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A retrieval and its evaluation for one section."""

    section: str
    measure: Measure
    retrieval: Fit | Retrieval
    """A fit to be made, or a retrieval that needs none."""
    selection: Selection = EVERYTHING
    """Training columns of the fit."""

    @property
    def key(self) -> str:
        """Identifier, equal for jobs with the same fit."""
        return f"{self.retrieval.key} {self.selection}" if isinstance(self.retrieval, Fit) else f"{id(self.retrieval)}"


def count_fits(jobs: Sequence[Job]) -> int:
    """Count the trainings of jobs; a fit of several sections is made once."""
    return len({job.key for job in jobs if isinstance(job.retrieval, Fit) and job.retrieval.steps})


def run_jobs(
    jobs: Sequence[Job], setting: Setting, fitter: Fitter, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Rows]:
    """Run jobs, each fit once and the longest first, and collect the rows of every section in the order of the jobs.

    `fitter` is a module-level function; `workers` is the number of processes (default: one per core; 1 uses the
    current process). Raises `CancelledError` if `progress` (called with completed and total fits) returns False,
    `InputError` if a process was terminated.
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
            raise CancelledError(f"benchmark cancelled after {done} of {len(bundles)} fits")
    sections: dict[str, Rows] = {job.section: [] for job in jobs}
    for job, rows in zip(jobs, found, strict=True):
        sections[job.section] += rows
    return sections


_Bundle: TypeAlias = list[tuple[int, Job]]
_Result: TypeAlias = list[tuple[int, Rows]]


def _cost(job: Job) -> float:
    fit_spec = job.retrieval
    folds = 4.0
    return fit_spec.steps + folds * fit_spec.calibration if isinstance(fit_spec, Fit) else 0.0


def _results(bundles: Sequence[_Bundle], setting: Setting, fitter: Fitter, workers: int) -> Iterator[_Result]:
    if workers == 1:
        for bundle in bundles:
            yield _run(bundle, setting, fitter)
        return
    with _pool(min(workers, len(bundles)), setting, fitter) as pool:
        waiting = {pool.submit(_run_here, bundle) for bundle in bundles}
        while waiting:
            # the timeout allows Ctrl-C on all systems
            ended, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for one in ended:
                yield _outcome(one)


def _outcome(future: Future[_Result]) -> _Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process of the benchmark was terminated, possibly for lack of memory; use fewer --workers"
        ) from error


@contextmanager
def _pool(workers: int, setting: Setting, fitter: Fitter) -> Iterator[ProcessPoolExecutor]:
    """Open a pool and terminate its processes on exit, even during a fit."""
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
        # The thread of the pool waits for the processes; waiting for them here as well could block forever.
        pool.shutdown(cancel_futures=True)
        raise


_here: list[tuple[Setting, Fitter]] = []  # state of a worker process; sent once, not with every job


def _begin(setting: Setting, fitter: Fitter) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is sent to all processes; the parent terminates the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _here[:] = [(setting, fitter)]


def _end_with_parent() -> None:
    """Exit when the parent has ended, for instance if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_here(bundle: _Bundle) -> _Result:
    return _run(bundle, *_here[0])


def _run(bundle: _Bundle, setting: Setting, fitter: Fitter) -> _Result:
    """Fit once and run all evaluations of the fit."""
    first = bundle[0][1]
    with threadpool_limits(1):  # the processes use all cores
        retrieval = first.retrieval
        if isinstance(retrieval, Fit):
            retrieval = _fitted(retrieval, first.selection, setting, fitter)
        return [(number, job.measure(setting, retrieval)) for number, job in bundle]


def _fitted(fit_spec: Fit, selection: Selection, setting: Setting, fitter: Fitter) -> Retrieval:
    try:
        training = selection.of(setting.library)
        if not fit_spec.has_two_bands:
            training = replace(training, second_band=None)
        if setting.fits is None or not fit_spec.steps:
            return fit(fit_spec, [training], fitter)
        sets = [training] if training.second_band is None else [training, training.second_band]
        arrays = [getattr(one, entry.name) for one in sets for entry in fields(one)]
        known = [one.tobytes() for one in arrays if isinstance(one, np.ndarray)]
        content = b"".join([fit_spec.key.encode(), *known, _training_code()])
        path = setting.fits / f"{hashlib.sha256(content).hexdigest()[:24]}.pickle"
        if path.is_file():
            return _unpickled(path)
        fitted = fit(fit_spec, [training], fitter)
        with atomic_write(path) as temporary:
            temporary.write_bytes(pickle.dumps(fitted))
        return fitted
    except LstRasterError as error:
        raise type(error)(f"{fit_spec.method} {fit_spec.tier}, seed {fit_spec.seed}: {error}") from error


def _training_code() -> bytes:
    """Modules and data of the training: a fit is not used again after a change of them."""
    package = Path(lst_raster.__file__).parent
    names = (
        "profiles/sampling.py", "profiles/two_band_sampling.py", "inputs/climatology.py", "inference/uncertainty.py",
        "physics/mechanism.py", "physics/two_bands.py", "physics/uncertainty.py", "data/climatology/climatology.npz",
        "data/emissivity/bands.toml",
    )  # fmt: skip
    modules = [*sorted((package / "network").glob("*.py")), *(package / name for name in names)]
    return b"".join(path.read_bytes() for path in (*modules, Path(__file__).with_name("baselines.py")))


def _unpickled(path: Path) -> Retrieval:
    fitted: Retrieval = pickle.loads(path.read_bytes())
    return fitted
