"""Run of the benchmark and its output files."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, OutputError
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
FITS = "fits"
"""Folder of finished fits in the output folder."""

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
    """Run the fits and evaluations of sections, in the order of the page.

    `digests` are the SHA-256 of the files of the sets by title, `notes` remarks for the page. Other parameters and
    errors as in `run_jobs`. Sections without rows are omitted. Raises `InputError` if no section has anything to
    evaluate.
    """
    begun = time.monotonic()
    workers = workers or os.cpu_count() or 1
    jobs: list[Job] = [job for section in sections for job in section.jobs(setting)]
    if not jobs:
        names = ", ".join(section.name for section in sections)
        raise InputError(f"{names}: these sections are of both bands; give --second and --second-test too")
    found = run_jobs(jobs, setting, fitter, workers, progress)
    provenance = about(setting, digests or {}, list(notes))
    provenance |= {"workers": workers, "minutes": round((time.monotonic() - begun) / 60.0, 2)}
    measured = {one.name: rounded(found[one.name]) for one in sections if found.get(one.name)}
    return Results(about=provenance, sections=measured)


def outputs(sections: Sequence[str]) -> list[str]:
    """Names of the files always written by sections; figures depend on the results."""
    return [PAGE, RESULTS, *(f"{name}.csv" for name in sections)]


def refuse_existing(folder: Path, sections: Sequence[str], overwrite: bool) -> None:
    """Check the output before the run.

    Raises `OutputError` if files exist without `overwrite` or the folder cannot be created, `MissingExtraError`
    without matplotlib.
    """
    require("matplotlib.figure", "plot")
    found = [name for name in outputs(sections) if (folder / name).exists()]
    if found and not overwrite:
        raise OutputError(f"{folder} holds {', '.join(found)} already; pass --overwrite to replace them")
    try:
        for name in (FIGURES, FITS):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error


def write_benchmark(results: Results, folder: Path) -> list[Path]:
    """Write tables, figures, results and page, each atomically.

    Raises `OutputError` if a file cannot be written, `MissingExtraError` without matplotlib.
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
