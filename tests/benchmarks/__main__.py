"""Measure lst-raster and other software on the benchmark scene, and write the figures to the page on performance."""

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import lst_raster
from tests.benchmarks.benchmark_scene import FULL, STEM, make_benchmark_scene, shape_of
from tests.benchmarks.measure import ROOT, in_turns, summary
from tests.benchmarks.peers import PEERS

BASELINE = "notebook"
WHOLE = FULL[0] * FULL[1] / 1e6
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by python -m tests.benchmarks -->", "<!-- end of figures -->"
RETRIEVE = ("-c", "from lst_raster.cli.main import main; main()", "retrieve", "--overwrite", "--quiet")
_ATMOSPHERE = ("--water-vapour", "29mm", "--air-temperature", "294", "--surface-pressure", "1000")
_REANALYSIS = ("--reanalysis", "era5.nc", "--dem", "dem.tif")
_SMALL = ("--dtype", "uint16", "--lst-only", *_ATMOSPHERE)
OURS = {
    "lst-raster": ("--emissivity", "ndvi", *_SMALL),
    "lst-raster, zstd": ("--emissivity", "ndvi", "--compress", "zstd", *_SMALL),
    "lst-raster, all files": ("--emissivity", "ndvi", "--dtype", "uint16", *_ATMOSPHERE),
    "lst-raster, reanalysis and DEM": ("--emissivity", "ndvi", "--dtype", "uint16", *_REANALYSIS),
    "lst-raster, emissivity raster": ("--emissivity", "emissivity.tif", *_SMALL),
    "lst-raster, float32": ("--emissivity", "ndvi", "--lst-only", *_ATMOSPHERE),
}
"""Configurations of lst-raster: options of the command; files are in the folder of the scene."""
COLUMNS = 2000
"""Width of the scenes of different heights. [pixel]"""
_HIGH = ("lst-raster", "lst-raster, reanalysis and DEM")  # configurations measured for different heights


def commands(folder, out):
    """All measured commands by name."""
    known = {name for name in PEERS if name != "pylandtemp" or find_spec("pylandtemp")}
    others = {name: [sys.executable, "-m", "tests.benchmarks.peers", name, folder, out] for name in PEERS}
    return {**ours(folder, out), **{name: command for name, command in others.items() if name in known}}


def ours(folder, out):
    """Commands of the configurations of lst-raster by name."""
    scene = folder / f"{STEM}_B10.TIF"
    given = {
        name: [folder / option if option.endswith((".tif", ".nc")) else option for option in options]
        for name, options in OURS.items()
    }
    return {name: [sys.executable, *RETRIEVE, scene, "-o", out, *options] for name, options in given.items()}


def some_of_ours(folder, shape, names, rounds):
    """Measure configurations of lst-raster on a temporary scene of another shape."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        chosen = ours(make_benchmark_scene(Path(temporary), shape), Path(temporary) / "out.tif")
        return summary(in_turns({name: chosen[name] for name in names}, rounds), names[0])


def run(folder, whole, sizes, heights, rounds):
    """Measure all commands on one scene, the first for other sizes (million pixels), and two for other heights."""
    scene = make_benchmark_scene(folder / "scene", shape_of(whole))
    table = summary(in_turns(commands(scene, folder / "out.tif"), rounds), BASELINE)
    first = next(iter(OURS))
    growth = {f"{size:g}": some_of_ours(folder, shape_of(size), [first], rounds)[first] for size in sizes}
    high = {str(rows): some_of_ours(folder, (rows, COLUMNS), _HIGH, rounds) for rows in heights}
    machine = {"processor": platform.machine(), "cores": len(os.sched_getaffinity(0)), "system": platform.system()}
    return {
        "machine": machine,
        "versions": {"lst-raster": lst_raster.__version__, "python": platform.python_version()},
        "megapixels": whole, "rounds": rounds, "whole_scene": table, "growth": growth, "heights": high,
    }  # fmt: skip


def page(found):
    """Format the figures as Markdown."""
    machine, versions = found["machine"], found["versions"]
    size, rounds = f"{found['megapixels']:.1f} million pixels", found["rounds"]
    lines = [
        f"lst-raster {versions['lst-raster']}, Python {versions['python']}, {machine['cores']} cores "
        f"({machine['processor']}, {machine['system']}); medians of {rounds} runs in turns, of memory the largest.",
        "",
        f"| {size} | wall [s] | CPU [s] | peak [MiB] | wall to {BASELINE} | CPU to {BASELINE} |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {row['wall_s']:.2f} | {row['cpu_s']:.2f} | {row['peak_mib']:.0f} | {row['wall_ratio']:.2f} "
            f"| {row['cpu_ratio']:.2f} |"
            for name, row in found["whole_scene"].items()
        ),
    ]
    if found["growth"]:
        lines += [
            "",
            f"| {next(iter(OURS))}, million pixels | wall [s] | CPU [s] | peak [MiB] |",
            "|---|---|---|---|",
            *(
                f"| {size} | {row['wall_s']:.2f} | {row['cpu_s']:.2f} | {row['peak_mib']:.0f} |"
                for size, row in found["growth"].items()
            ),
        ]
    if found["heights"]:
        lines += [
            "",
            f"| rows of {COLUMNS} pixels | " + " | ".join(f"{name}: peak [MiB]" for name in _HIGH) + " |",
            "|---" * (1 + len(_HIGH)) + "|",
            *(
                f"| {rows} | " + " | ".join(f"{peaks[name]['peak_mib']:.0f}" for name in _HIGH) + " |"
                for rows, peaks in found["heights"].items()
            ),
        ]
    return "\n".join(lines)


def update(path, figures):
    """Replace the figures in a page."""
    text = path.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    path.write_text(f"{before}\n{figures}\n{after}")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each, after a warm-up run")
    parser.add_argument("--scene", type=float, default=WHOLE, help="million pixels [default: a full scene]")
    parser.add_argument("--sizes", type=float, nargs="*", default=[], help="sizes of further scenes, lst-raster only")
    parser.add_argument("--heights", type=int, nargs="*", default=[], help="rows of further scenes, to measure memory")
    parser.add_argument("--folder", type=Path, help="folder of scene and products [default: temporary]")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        found = run(options.folder or Path(temporary), options.scene, options.sizes, options.heights, options.rounds)
    figures = page(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.write:
        update(PAGE, figures)
    print(figures)  # noqa: T201


if __name__ == "__main__":
    main()
