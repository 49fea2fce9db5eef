"""Measure lst-raster and other software on the benchmark scene, and write the figures to the page on performance."""

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import lst_raster
from tests.benchmarks.benchmark_scene import FULL, STEM, make_benchmark_scene, shape_of
from tests.benchmarks.measure import ROOT, in_turns, summary
from tests.benchmarks.peers import PEERS

BASELINE = "notebook"
WHOLE = FULL[0] * FULL[1] / 1e6
LARGE = 100.0
"""Larger scenes are measured once, and without programs that keep whole arrays in memory. [million pixels]"""
COLUMNS = 2000
"""Width of the scenes of different heights. [pixel]"""
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by python -m tests.benchmarks -->", "<!-- end of figures -->"
RETRIEVE = ("-c", "from lst_raster.cli.main import main; main()", "retrieve", "--overwrite", "--quiet")
_ATMOSPHERE = ("--water-vapour", "29mm", "--air-temperature", "294", "--surface-pressure", "1000")
_NDVI = ("--emissivity", "ndvi", *_ATMOSPHERE)
_INTEGERS = ("--lst-only", "--dtype", "uint16")
_REANALYSIS = ("--emissivity", "ndvi", "--reanalysis", "era5.nc", "--dem", "dem.tif")
OURS = {
    "LST only, uint16": (*_NDVI, *_INTEGERS),
    "LST only, uint16, 1 thread": (*_NDVI, *_INTEGERS, "--threads", "1"),
    "LST only, uint16, zstd": (*_NDVI, *_INTEGERS, "--compress", "zstd"),
    "LST only, uint16, emissivity raster": ("--emissivity", "emissivity.tif", *_ATMOSPHERE, *_INTEGERS),
    "LST only, float32": (*_NDVI, "--lst-only"),
    "all files": _NDVI,
    "all files, 1 thread": (*_NDVI, "--threads", "1"),
    "all files, reanalysis and DEM": _REANALYSIS,
    "all files, pressure levels and DEM": (*_REANALYSIS, "--reanalysis", "era5-levels.nc"),
}
"""Configurations of lst-raster: options of the command; files are in the folder of the scene."""
PROGRAMS = (*OURS, *(name for name in PEERS if name != "pylandtemp" or find_spec("pylandtemp")))
_LARGE = ("LST only, uint16", "all files", "COG driver")  # measured for large scenes
_SIZES = (*_LARGE, "LST only, uint16, 1 thread", "all files, 1 thread", BASELINE)  # for scenes of other sizes
_HIGH = ("all files", "all files, reanalysis and DEM")  # for different heights


def command_of(name, scene, out):
    """Command that processes the scene in a folder."""
    if name in PEERS:
        return [sys.executable, "-m", "tests.benchmarks.peers", name, scene, out]
    options = [scene / option if option.endswith((".tif", ".nc")) else option for option in OURS[name]]
    return [sys.executable, *RETRIEVE, scene / f"{STEM}_B10.TIF", "-o", out, *options]


def measure_programs(folder, shape, names, rounds):
    """Measure programs on a scene, which is kept in the folder with the last output of each; returns runs and table."""
    if not names:
        return {}, {}
    scene = folder / f"{shape[0]} x {shape[1]}"
    if not (scene / f"{STEM}_MTL.txt").exists():  # written last
        make_benchmark_scene(scene, shape)
    outputs = {name: scene / name / "lst.tif" for name in names}
    for output in outputs.values():
        output.parent.mkdir(exist_ok=True)
    runs = in_turns({name: command_of(name, scene, output) for name, output in outputs.items()}, rounds)
    table = summary(runs, BASELINE if BASELINE in runs else names[0])
    for name, output in outputs.items():
        table[name]["files_mb"] = sum(file.stat().st_size for file in output.parent.iterdir()) / 1e6
    return runs, table


def run(folder, whole, sizes, heights, rounds, only=PROGRAMS):
    """Measure programs on one scene, some for other sizes (million pixels), and two for other heights."""

    def measure_size(size, names):
        chosen = [name for name in only if name in (names if size <= LARGE else _LARGE)]
        return measure_programs(folder, shape_of(size), chosen, rounds if size <= LARGE else 1)

    runs, table = measure_size(whole, PROGRAMS)
    growth = {f"{size:g}": measure_size(size, _SIZES)[1] for size in sizes}
    high = [name for name in _HIGH if name in only]
    machine = {"processor": platform.machine(), "cores": len(os.sched_getaffinity(0)), "system": platform.system()}
    return {
        "machine": machine,
        "versions": {"lst-raster": lst_raster.__version__, "python": platform.python_version()},
        "megapixels": whole, "rounds": rounds, "whole_scene": table, "floor": to_floor(runs), "growth": growth,
        "heights": {str(rows): measure_programs(folder, (rows, COLUMNS), high, 1)[1] for rows in heights},
    }  # fmt: skip


def to_floor(runs):
    """Medians of the time of all files relative to that of reading and writing alone in the same round."""
    if not {"reading", "writing"} <= runs.keys():
        return {}
    floor = [one.wall + two.wall for one, two in zip(runs["reading"], runs["writing"], strict=True)]
    ours = {name: zip(runs[name], floor, strict=True) for name in OURS if name in runs and "all files" in name}
    return {name: median(run.wall / least for run, least in pairs) for name, pairs in ours.items()}


def page(found):
    """Format the figures as Markdown."""
    machine, versions, table = found["machine"], found["versions"], found["whole_scene"]
    lines = [
        f"lst-raster {versions['lst-raster']}, Python {versions['python']}, {machine['cores']} cores "
        f"({machine['processor']}, {machine['system']}); medians of {found['rounds']} runs in turns, of memory the "
        f"largest; scenes of more than {LARGE:g} million pixels and of different heights: one run.",
    ]
    columns = ["wall [s]", "CPU [s]", "peak [MiB]", "files [MB]"]
    baseline = BASELINE if BASELINE in table else next(iter(table), "program")
    title = [f"{found['megapixels']:.1f} million pixels", *columns, f"wall to {baseline}", f"CPU to {baseline}"]
    lines += _table(title, [[name, *_figures(row)] for name, row in table.items()])
    if found["floor"]:
        ratios = "; ".join(f"{name}: {ratio:.2f}" for name, ratio in found["floor"].items())
        lines += ["", f"Wall time relative to reading and writing alone: {ratios}."]
    if found["growth"]:
        cells = [
            [size, name, *_figures(row)[:4]] for size, rows in found["growth"].items() for name, row in rows.items()
        ]
        lines += _table(["million pixels", "", *columns], cells)
    if found["heights"]:
        peaks = [[rows, *(f"{row['peak_mib']:.0f}" for row in one.values())] for rows, one in found["heights"].items()]
        lines += _table([f"rows of {COLUMNS} pixels", *(f"{name}: peak [MiB]" for name in _HIGH)], peaks)
    return "\n".join(lines)


def _figures(row):
    """Cells of a program: wall time, CPU time, peak memory, size of the files, ratios to the baseline."""
    cells = [f"{row['wall_s']:.2f}", f"{row['cpu_s']:.2f}", f"{row['peak_mib']:.0f}", f"{row['files_mb']:.1f}"]
    return [*cells, f"{row['wall_ratio']:.2f}", f"{row['cpu_ratio']:.2f}"]


def _table(title, rows):
    return ["", *("| " + " | ".join(cells) + " |" for cells in (title, ["---"] * len(title), *rows))]


def update(path, figures):
    """Replace the figures in a page."""
    text = path.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    path.write_text(f"{before}\n{figures}\n{after}")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each, after a warm-up run")
    parser.add_argument("--scene", type=float, default=WHOLE, help="million pixels [default: a full scene]")
    parser.add_argument("--sizes", type=float, nargs="*", default=[], help="sizes of further scenes")
    parser.add_argument("--only", nargs="+", default=PROGRAMS, choices=PROGRAMS, metavar="NAME", help="programs to run")
    parser.add_argument("--heights", type=int, nargs="*", default=[], help="rows of further scenes, to measure memory")
    parser.add_argument("--folder", type=Path, help="folder of reusable scenes and products [default: temporary]")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder, only = options.folder or Path(temporary), options.only
        found = run(folder, options.scene, options.sizes, options.heights, options.rounds, only)
    figures = page(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.write:
        update(PAGE, figures)
    print(figures)  # noqa: T201


if __name__ == "__main__":
    main()
