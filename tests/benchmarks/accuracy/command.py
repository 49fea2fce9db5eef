"""Command line of the accuracy benchmark, `python -m tests.benchmarks.accuracy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lst_raster.cli import messages, options
from lst_raster.cli.command import Command, show
from lst_raster.cli.messages import progress_bar

if TYPE_CHECKING:
    from tests.benchmarks.accuracy.fits import Fitter
    from tests.benchmarks.accuracy.section import Section


PROGRAM = "python -m tests.benchmarks.accuracy"
"""Name of the command in usage lines."""
_FILE = click.Path(path_type=Path)


def _titled(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """Parse TITLE=PATH."""
    titled = {}
    for value in values:
        title, equals, path = value.partition("=")
        if not (title.strip() and equals and path):
            raise click.BadParameter(f'{value!r} is not TITLE=PATH; example: "September 2015=gfs2015.nc"')
        titled[title.strip()] = Path(path)
    return titled


@click.command(
    cls=Command,
    sections={
        "What is measured": (
            *("sensor", "library", "tests", "second", "second_tests", "sections", "quick", "source"),
        ),
    },
)  # fmt: skip
@click.option(
    "-o", "--output", required=True, type=_FILE, metavar="DIR", help="Output folder for page, tables and figures."
)
@click.option("--sensor", default="landsat8-b10", show_default=True, metavar="NAME", help="Sensor band.")
@click.option("--library", type=_FILE, metavar="PATH", help="Simulated training set [default: simulated into DIR].")
@click.option(
    "--test", "tests", multiple=True, callback=_titled, metavar="TITLE=PATH",
    help="Simulated test set, whose source is left out of training; repeatable [default: last date of the library].",
)  # fmt: skip
@click.option("--second", type=_FILE, metavar="PATH", help="Library in the second band, for both_bands.")
@click.option(
    "--second-test", "second_tests", multiple=True, callback=_titled, metavar="TITLE=PATH",
    help="Test set in the second band, with the title of a --test; repeatable.",
)  # fmt: skip
@click.option("--sections", multiple=True, metavar="NAME", help="Only this section; repeatable.")
@click.option("--quick", is_flag=True, help="Short trial run of a few minutes.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Number of processes. [default: all cores]")
@click.option(
    "--from",
    "source",
    type=_FILE,
    metavar="JSON",
    help="Write the output of an earlier results.json, without a new run.",
)
@options.overwrite
@options.quiet
@options.as_json
def benchmark(
    output: Path, source: Path | None, sections: tuple[str, ...], overwrite: bool, as_json: bool,
    **arguments: Any,
) -> None:  # fmt: skip
    """Reproduce all accuracy figures: method comparison, fewer training data, ablations.

    Writes benchmark.md with figures, one CSV file per section, and results.json to DIR. Finished fits are kept in
    DIR/fits, and a benchmark that was interrupted continues with them. Sections: accuracy, comparison, learning_curves,
    continents, humid_left_out, ablations, sensitivity, and with `--second` both_bands, both_bands_curves,
    both_bands_errors.

    Examples
    --------
    python -m tests.benchmarks.accuracy -o benchmark --quick
    python -m tests.benchmarks.accuracy -o benchmark --sections accuracy --overwrite
    """
    from tests.benchmarks.accuracy.results import read_results
    from tests.benchmarks.accuracy.run import refuse_existing, write_benchmark
    from tests.benchmarks.accuracy.sections import sections_named

    earlier = read_results(source) if source is not None else None
    wanted = sections_named(tuple(earlier.sections) if earlier is not None else sections)
    refuse_existing(output, [section.name for section in wanted], overwrite)
    results = earlier if earlier is not None else _run(output, wanted, **arguments)
    written = write_benchmark(results, output)
    show({"files": written}, written, as_json)


def _run(
    output: Path, sections: list[Section], *, sensor: str, library: Path | None, tests: dict[str, Path],
    second: Path | None, second_tests: dict[str, Path], quick: bool, workers: int | None, quiet: bool,
) -> Any:  # fmt: skip
    from tests.benchmarks.accuracy import setting
    from tests.benchmarks.accuracy.prepare import prepare, simulate_library
    from tests.benchmarks.accuracy.run import FITS, run_benchmark

    fitter = _fitter(sections)
    if library is None:
        with progress_bar("Simulating the library", quiet=quiet) as progress:
            library = simulate_library(output, sensor, quick=quick, progress=progress)
    plan = setting.QUICK if quick else setting.FULL
    ready = prepare(sensor, library, tests, plan, output / FITS, second, second_tests)
    for note in ready.notes:
        messages.note(note)
    with progress_bar("Benchmark", quiet=quiet) as progress:
        return run_benchmark(
            ready.setting, sections, fitter,
            digests=ready.digests, notes=ready.notes, workers=workers, progress=progress,
        )  # fmt: skip


def _fitter(sections: list[Section]) -> Fitter:
    from lst_raster.resources import require
    from tests.benchmarks.accuracy.fits import no_fitter

    if not any(section.trains for section in sections):
        return no_fitter
    require("torch", "train")
    from tests.benchmarks.accuracy.baselines import fit

    return fit
