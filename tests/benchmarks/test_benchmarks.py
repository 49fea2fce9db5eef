"""Speed benchmark with a small scene, and its arithmetic."""

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lst_raster import read_scene_list, retrieve
from lst_raster.product.paths import OutputFormat
from tests.benchmarks import __main__ as program
from tests.benchmarks import batch, peers, same_products
from tests.benchmarks.__main__ import _HIGH, BEGIN, END, OURS, PAGE, PROGRAMS, command_of, page, run, to_floor, update
from tests.benchmarks.benchmark_scene import STEM, make_benchmark_scene, shape_of
from tests.benchmarks.measure import Run, in_turns, measure, summary
from tests.benchmarks.peers import PEERS

NUMBERS = {"emissivity": "ndvi", "water_vapour": 29.0, "air_temperature": 294.0, "surface_pressure": 1000.0}
BUSY = "a = bytearray(200 << 20)\nfor i in range(2_000_000): pass"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_benchmark_scene(tmp_path_factory.mktemp("benchmark scene"), shape_of(0.3))


def pixels(path):
    """Values of a raster, NaN where missing."""
    with rasterio.open(path) as dataset:
        return dataset.read(1, masked=True).filled(0) * dataset.scales[0] + np.where(dataset.read_masks(1), 0, np.nan)


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
    files = [scene / "era5.nc", scene / "era5-levels.nc"]
    levels = retrieve(scene, output=tmp_path / "c.tif", reanalysis=files, dem=scene / "dem.tif", **options)
    assert (high.tags["model"], levels.tags["model"]) == ("landsat8-b10/surface", "landsat8-b10/profile")
    assert all(high.tags[name].startswith("era5.nc") for name in ("water_vapour", "air_temperature"))
    by_fields, without_dem, by_levels = (pixels(product.path) for product in (high, low, levels))
    assert np.nanmax(np.abs(by_fields - without_dem)) > 1.0
    assert 0.0 < np.nanmean(np.abs(by_fields - by_levels)) < 0.5  # the same water vapour


def test_files_in_the_options_are_those_of_the_scene(scene, tmp_path):
    given = {part for name in OURS for part in command_of(name, scene, tmp_path / "out.tif") if isinstance(part, Path)}
    assert {path.name for path in given} >= {"emissivity.tif", "dem.tif", "era5.nc", "era5-levels.nc"}
    assert all(path.exists() for path in given - {tmp_path / "out.tif"})


@pytest.mark.parametrize("name", ["notebook", "expression"])
def test_other_methods_write_temperatures_where_the_scene_is_valid(scene, tmp_path, name):
    PEERS[name](scene, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        lst = dataset.read(1)
    assert 280 < np.nanmedian(lst) < 310
    assert np.isfinite(lst).mean() == pytest.approx(0.64, abs=0.01)


def test_the_prototype_retrieves_the_same_temperatures_into_a_cog(scene, tmp_path):
    peers.cog_driver(scene, tmp_path / "a.tif")
    retrieve(scene, output=tmp_path / "b.tif", form=OutputFormat(dtype="uint16", lst_only=True), **NUMBERS)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert (dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"], dataset.overviews(1)) == ("COG", [2])
    difference = pixels(tmp_path / "a.tif") - pixels(tmp_path / "b.tif")
    assert np.isfinite(difference).mean() == pytest.approx(0.64, abs=0.01)
    # Planck coefficients of the metadata and of the package, and an atmosphere that follows the neighbourhood
    assert np.nanmax(np.abs(difference)) < 0.4


def test_reading_alone_reads_every_pixel_of_all_bands_once(scene, tmp_path, monkeypatch):
    counts, read = np.zeros((4, *shape_of(0.3)), int), peers._read

    def counted(folder, window):
        counts[(slice(None), *window.toslices())] += [[[values.size > 0]] for values in read(folder, window)]

    monkeypatch.setattr(peers, "_read", counted)
    peers.reading(scene, tmp_path / "out.tif")
    assert (counts == 1).all()


def test_writing_alone_writes_the_rasters_of_a_product_from_its_arrays(scene, tmp_path):
    peers.writing(scene, tmp_path / "lst.tif")
    retrieve(scene, output=tmp_path / "product.tif", **NUMBERS)
    for suffix in (".tif", "_UNC.tif", "_QA.tif"):
        assert np.array_equal(pixels(f"{tmp_path}/lst{suffix}"), pixels(f"{tmp_path}/product{suffix}"), equal_nan=True)
    np.save(scene / "lst.npy", np.load(scene / "lst.npy") + np.float32(1))
    peers.writing(scene, tmp_path / "lst.tif")
    assert np.nanmean(pixels(tmp_path / "lst.tif") - pixels(tmp_path / "product.tif")) == pytest.approx(1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no wait4")
def test_the_chosen_programs_are_measured_with_the_size_of_their_files(tmp_path):
    found = run(tmp_path, 0.05, [0.04], [], 1, ["all files", "COG driver", "reading", "writing"])
    table, scene = found["whole_scene"], tmp_path / "{} x {}".format(*shape_of(0.05))
    assert list(table) == ["all files", "COG driver", "reading", "writing"]
    files = list((scene / "all files").iterdir())
    assert {"lst.tif", "lst_UNC.tif", "lst_QA.tif", "lst.json"} <= {file.name for file in files}
    assert table["all files"]["files_mb"] == sum(file.stat().st_size for file in files) / 1e6
    assert table["reading"]["files_mb"] == 0 < table["writing"]["files_mb"] < table["all files"]["files_mb"]
    assert found["floor"].keys() == {"all files"} and found["growth"]["0.04"].keys() == {"all files", "COG driver"}


def test_large_scenes_are_measured_once_without_programs_that_need_much_memory(tmp_path, monkeypatch):
    measured = {}

    def record(folder, shape, *how):
        measured[shape] = how
        return {}, {}

    monkeypatch.setattr(program, "measure_programs", record)
    run(tmp_path, program.WHOLE, [1, 237.12], [4000], 3)
    assert measured[7800, 7600] == (list(PROGRAMS), 3)
    assert measured[15600, 15200] == (["LST only, uint16", "all files", "COG driver"], 1)
    assert measured[4000, 2000] == (list(_HIGH), 1)
    assert "notebook" in measured[shape_of(1)][0] and len(measured) == 4


def test_times_are_relative_to_reading_and_writing_of_the_same_round():
    runs = {"all files": (4, 9, 8), "notebook": (1, 1, 1), "reading": (1, 2, 1), "writing": (1, 1, 1)}
    runs = {name: [Run(wall=wall, cpu=1.0, peak=1.0) for wall in walls] for name, walls in runs.items()}
    assert to_floor(runs) == {"all files": 3}
    assert to_floor({"all files": runs["all files"]}) == {}


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
    row = {"wall_s": 1.0, "cpu_s": 2.0, "peak_mib": 3.0, "wall_ratio": 0.4, "cpu_ratio": 0.5, "files_mb": 6.0}
    found = {
        "machine": {"cores": 2, "processor": "x", "system": "y"}, "versions": {"lst-raster": "1", "python": "3"},
        "rounds": 3, "megapixels": 59.28, "whole_scene": {"all files": row},
        "floor": {"all files": 1.5}, "growth": {"15": {"all files": row}},
        "heights": {"32000": {name: {**row, "peak_mib": peak} for name, peak in zip(_HIGH, (301, 402), strict=True)}},
    }  # fmt: skip
    copy = tmp_path / "page.md"
    copy.write_text(PAGE.read_text())
    update(copy, page(found))
    update(copy, page(found))  # a second update replaces them
    text = copy.read_text()
    assert text.count("| all files | 1.00 | 2.00 | 3 | 6.0 | 0.40 | 0.50 |") == 1
    assert text.count("reading and writing alone: all files: 1.50.") == 1
    assert text.count("| 15 | all files | 1.00 | 2.00 | 3 | 6.0 |") == 1
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
