"""Throughput of two workers compared with one: ``python -m tests.benchmarks.batch``. Run it on an idle machine."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

import lst_raster
from tests.benchmarks.benchmark_scene import make_benchmark_scene, shape_of
from tests.benchmarks.measure import ROOT, in_turns, summary

PAGE = ROOT / "docs" / "batch.md"
BEGIN, END = "<!-- figures: written by python -m tests.benchmarks.batch -->", "<!-- end of figures -->"
BATCH = ("-c", "from lst_raster.cli.main import main; main()", "batch", "--overwrite", "--quiet")
OPTIONS = (
    "--emissivity", "ndvi", "--dtype", "uint16", "--water-vapour", "29mm", "--air-temperature", "294",
    "--surface-pressure", "1000",
)  # fmt: skip


def commands(folder, scenes, megapixels, workers):
    """Batch commands by number of workers: repetitions of one scene with separate products."""
    scene = make_benchmark_scene(folder / "scene", shape_of(megapixels))
    table = folder / "list.csv"
    rows = (f"{scene},scene {number:02}\n" for number in range(1, scenes + 1))
    table.write_text("scene,name\n" + "".join(rows))
    return {
        f"{count} {'worker' if count == 1 else 'workers'}": [
            sys.executable, *BATCH, table, "-o", folder / f"out{count}", "--workers", count, *OPTIONS,
        ]
        for count in workers
    }  # fmt: skip


def page(table, scenes, megapixels, rounds):
    """Format the figures as Markdown."""
    cores = len(os.sched_getaffinity(0))
    lines = [
        f"lst-raster {lst_raster.__version__}, Python {platform.python_version()}, {cores} cores "
        f"({platform.machine()}, {platform.system()}); {scenes} scenes of {megapixels:g} million pixels; times "
        f"include start-up and imports; medians of {rounds} alternating runs.",
        "",
        "| | wall time [s] | speed-up |",
        "|---|---|---|",
        *(f"| {name} | {row['wall_s']:.1f} | {1.0 / row['wall_ratio']:.2f} |" for name, row in table.items()),
    ]
    return "\n".join(lines)


def update(path, figures):
    """Replace the figures in a page."""
    text = path.read_text()
    path.write_text(f"{text[: text.index(BEGIN) + len(BEGIN)]}\n{figures}\n{text[text.index(END) :]}")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.batch", description=__doc__)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--scene", type=float, default=15.0, help="million pixels of each")
    parser.add_argument(
        "--workers", type=int, nargs="*", default=[1, 2], help="numbers of workers; the first is the baseline"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each, after a warm-up run")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/batch.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        chosen = commands(Path(temporary), options.scenes, options.scene, options.workers)
        table = summary(in_turns(chosen, options.rounds), next(iter(chosen)))
    figures = page(table, options.scenes, options.scene, options.rounds)
    if options.write:
        update(PAGE, figures)
    print(figures)  # noqa: T201


if __name__ == "__main__":
    main()
