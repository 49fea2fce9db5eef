"""The benchmark from sets to files."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import OutputError
from lst_raster.resources import require
from tests.benchmarks.accuracy.charts import save_chart
from tests.benchmarks.accuracy.fits import Fitter
from tests.benchmarks.accuracy.jobs import Job, run_jobs
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.page import FIGURES, page
from tests.benchmarks.accuracy.results import Results, about, rounded, write_results
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.sections import SECTIONS
from tests.benchmarks.accuracy.setting import Setting

PAGE, RESULTS = "benchmark.md", "results.json"

Progress = Callable[[int, int], bool]


def run_benchmark(
    setting: Setting,
    sections: Sequence[Section],
    fitter: Fitter,
    *,
    digests: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Results:
    """Fit and measure all that sections ask for.

    Parameters
    ----------
    setting : Setting
        Sets and plan.
    sections : sequence of Section
        What is asked, in the order of the page.
    fitter : callable
        Fits networks; a function of a module, for it is sent to other processes.
    digests : mapping, optional
        SHA-256 of the sets' files by title.
    notes : sequence of str
        What else a reader of the page must know, in sentences.
    workers : int, optional
        Processes at a time, by default one for each core.
    progress : callable, optional
        Called with the fits done and their total; returns False to stop.

    Returns
    -------
    Results
        Rows of every section that found something to measure.

    Raises
    ------
    CancelledError
        `progress` asked to stop.
    InputError
        A set is too small for what is asked.
    """
    begun = time.monotonic()
    workers = workers or os.cpu_count() or 1
    jobs: list[Job] = [job for section in sections for job in section.jobs(setting)]
    found = run_jobs(jobs, setting, fitter, workers, progress)
    record = about(setting, digests or {}, list(notes))
    record |= {"workers": workers, "minutes": round((time.monotonic() - begun) / 60.0, 2)}
    return Results(
        about=record, sections={one.name: rounded(found[one.name]) for one in sections if found.get(one.name)}
    )


def outputs(sections: Sequence[str]) -> list[str]:
    """Names of the files that sections always write, without their pictures."""
    return [PAGE, RESULTS, *(f"{name}.csv" for name in sections)]


def refuse_existing(folder: Path, sections: Sequence[str], overwrite: bool) -> None:
    """Stop before the work where its files are there already, or could not be drawn or written.

    Raises
    ------
    OutputError
        A file is there and may not be replaced, or the folder cannot be made.
    MissingExtraError
        matplotlib is not installed.
    """
    require("matplotlib.figure", "plot")
    found = [name for name in outputs(sections) if (folder / name).exists()]
    if found and not overwrite:
        raise OutputError(f"{folder} holds {', '.join(found)} already; pass --overwrite to replace them")
    try:
        (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error


def write_benchmark(results: Results, folder: Path) -> list[Path]:
    """Write tables, pictures and the page; each file whole.

    Parameters
    ----------
    results : Results
        What was found, or what `tests.benchmarks.accuracy.results.read_results` read.
    folder : Path
        Where to write; it holds a folder `FIGURES`.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    OutputError
        One cannot be written.
    MissingExtraError
        matplotlib is not installed.
    """
    written = []
    for name, rows in results.sections.items():
        written.append(_write_csv(rows, folder / f"{name}.csv"))
        for file, chart in SECTIONS[name].charts(rows).items():
            save_chart(chart, folder / FIGURES / f"{file}.png")
            written.append(folder / FIGURES / f"{file}.png")
    write_results(results, folder / RESULTS)
    with atomic_write(folder / PAGE) as path:
        path.write_text(page(results), encoding="utf-8")
    return [*written, folder / RESULTS, folder / PAGE]


def _write_csv(rows: Rows, target: Path) -> Path:
    with atomic_write(target) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(
            {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()} for row in rows
        )
    return target
