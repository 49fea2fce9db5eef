"""Speed benchmark with a small scene, and its arithmetic."""

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lst_raster import read_scene_list, retrieve
from lst_raster.product.paths import OutputFormat
from tests.benchmarks import batch, same_products
from tests.benchmarks.__main__ import _HIGH, BEGIN, END, OURS, PAGE, ours, page, update
from tests.benchmarks.benchmark_scene import STEM, make_benchmark_scene, shape_of
from tests.benchmarks.measure import Run, in_turns, measure, summary
from tests.benchmarks.peers import PEERS

BUSY = "a = bytearray(200 << 20)\nfor i in range(2_000_000): pass"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_benchmark_scene(tmp_path_factory.mktemp("benchmark scene"), shape_of(0.3))


def test_the_scene_has_the_fill_and_the_temperatures_of_a_real_one(scene):
    with rasterio.open(scene / f"{STEM}_B10.TIF") as dataset:
        numbers = dataset.read(1)
    assert (numbers > 0).mean() == pytest.approx(0.64, abs=0.01)
    assert numbers.size == pytest.approx(0.3e6, rel=0.01)
    assert len(np.unique(numbers)) > 1000


def test_elevation_and_reanalysis_cover_the_scene_and_change_its_temperature(scene, tmp_path):
    with rasterio.open(scene / "dem.tif") as dataset:
        elevation = dataset.read(1)
    assert (elevation.min(), elevation.max()) == (0, 2500) and 300 < elevation.std() < 1000
    options = {"emissivity": 0.97, "form": OutputFormat(lst_only=True)}
    high = retrieve(scene, output=tmp_path / "a.tif", reanalysis=scene / "era5.nc", dem=scene / "dem.tif", **options)
    low = retrieve(scene, output=tmp_path / "b.tif", reanalysis=scene / "era5.nc", dem=0.0, **options)
    assert all(high.tags[name].startswith("era5.nc") for name in ("water_vapour", "air_temperature"))
    with rasterio.open(high.path) as ours, rasterio.open(low.path) as theirs:
        difference = ours.read(1) - theirs.read(1)
    assert np.nanmax(np.abs(difference)) > 1.0


def test_files_in_the_options_are_those_of_the_scene(scene, tmp_path):
    paths = ours(scene, tmp_path / "out.tif")
    assert paths.keys() == OURS.keys()
    given = {part for command in paths.values() for part in command if isinstance(part, Path)}
    assert {path.name for path in given} >= {"emissivity.tif", "dem.tif", "era5.nc"}
    assert all(path.exists() for path in given - {tmp_path / "out.tif"})


@pytest.mark.parametrize("name", ["notebook", "expression"])
def test_other_methods_write_temperatures_where_the_scene_is_valid(scene, tmp_path, name):
    PEERS[name](scene, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        lst = dataset.read(1)
    assert 280 < np.nanmedian(lst) < 310
    assert np.isfinite(lst).mean() == pytest.approx(0.64, abs=0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no wait4")
def test_time_and_memory_of_a_process_are_measured():
    idle, busy = measure([sys.executable, "-c", "import time; time.sleep(0.5)"]), measure([sys.executable, "-c", BUSY])
    assert idle.wall > 0.5 > idle.cpu
    assert busy.peak > 200 > idle.peak
    with pytest.raises(SystemExit, match="ended with 3"):
        measure([sys.executable, "-c", "raise SystemExit(3)"])


def test_ratios_are_computed_within_a_round(monkeypatch):
    speeds = iter([1, 9, 2, 4, 3, 6, 8, 4])  # a warm-up round, then three
    monkeypatch.setattr(
        "tests.benchmarks.measure.measure", lambda command: Run(wall=next(speeds), cpu=1.0, peak=float(command))
    )
    table = summary(in_turns({"a": 10, "b": 20}, 3), "b")
    assert table["a"] == {"wall_s": 3, "cpu_s": 1, "peak_mib": 10, "wall_ratio": 0.5, "cpu_ratio": 1}
    assert table["b"]["wall_ratio"] == 1


def test_the_throughput_of_workers_is_written_to_its_page(tmp_path):
    paths = batch.commands(tmp_path, 3, 0.05, [1, 2])
    assert [scene.name for scene in read_scene_list(tmp_path / "list.csv")] == ["scene 01", "scene 02", "scene 03"]
    assert [command[command.index("--workers") + 1] for command in paths.values()] == [1, 2]
    rows = {"1 worker": {"wall_s": 30.0, "wall_ratio": 1.0}, "2 workers": {"wall_s": 15.0, "wall_ratio": 0.5}}
    copy = tmp_path / "page.md"
    copy.write_text(batch.PAGE.read_text())
    batch.update(copy, batch.page(rows, 12, 15.0, 3))
    assert "| 2 workers | 15.0 | 2.00 |" in copy.read_text()
    assert copy.read_text().split(batch.END)[1] == batch.PAGE.read_text().split(batch.END)[1]


def test_the_page_gets_the_figures_between_its_marks(tmp_path):
    row = {"wall_s": 1.0, "cpu_s": 2.0, "peak_mib": 3.0, "wall_ratio": 0.4, "cpu_ratio": 0.5}
    found = {
        "machine": {"cores": 2, "processor": "x", "system": "y"}, "versions": {"lst-raster": "1", "python": "3"},
        "rounds": 3, "megapixels": 59.28, "whole_scene": {"lst-raster": row}, "growth": {"15": row},
        "heights": {"32000": {name: {**row, "peak_mib": peak} for name, peak in zip(_HIGH, (301, 402), strict=True)}},
    }  # fmt: skip
    copy = tmp_path / "page.md"
    copy.write_text(PAGE.read_text())
    update(copy, page(found))
    update(copy, page(found))  # a second update replaces them
    text = copy.read_text()
    assert text.count("| lst-raster | 1.00 | 2.00 | 3 | 0.40 | 0.50 |") == 1
    assert text.count("| 15 | 1.00 | 2.00 | 3 |") == 1
    assert text.count("| 32000 | 301 | 402 |") == 1
    assert (text.split(BEGIN)[0], text.split(END)[1]) == (
        PAGE.read_text().split(BEGIN)[0],
        PAGE.read_text().split(END)[1],
    )


def test_products_of_two_installations_are_compared_bit_by_bit(tmp_path):
    example = same_products.EXAMPLES / "LC08_alabama_B10.tif"
    known = ("--water-vapour", "29", "--air-temperature", "294", "--surface-pressure", "1000", "--emissivity")
    first, again, other = (
        same_products.made_by(sys.executable, (example, *known, emissivity), tmp_path / str(number))
        for number, emissivity in enumerate(("0.97", "0.97", "0.96"))
    )
    assert first["temperature"].size == 241200
    assert {"uncertainty", "fill", "cloud", "emissivity_source", "cloud_distance"} < first.keys()
    assert same_products.differences(first, again) == []
    assert "temperature" in same_products.differences(first, other)
    assert same_products.differences(first, {"error": "Error: no"}) != []
