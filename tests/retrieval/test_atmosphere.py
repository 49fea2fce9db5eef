"""The atmosphere on a coarse grid agrees with the model at every pixel; threads and tiles change nothing."""

import threading

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from lst_raster import Scene, retrieve
from lst_raster.errors import CancelledError, InputError
from lst_raster.io.coarse_grid import Nodes, interpolate_at, interpolate_levels, spread
from lst_raster.retrieval import run, workers
from lst_raster.retrieval import run as run_module
from tests.support.factories import STATE, make_scene, ramp, write_raster
from tests.support.reanalysis_files import write_reanalysis
from tests.support.shared import shared_path

BIG = (600, 1100)
DATE = "2015-07-19T16:00"
EXACT = {**STATE, "emissivity": 0.97}
_ROWS, _COLUMNS = np.mgrid[0 : BIG[0], 0 : BIG[1]]
TERRAIN = (800.0 + 700.0 * np.sin(_ROWS / 90.0) * np.cos(_COLUMNS / 130.0) + 3.0 * np.sin(_ROWS * 1.7)).astype("f4")


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of what is made once."""
    return tmp_path_factory.mktemp("air")


@pytest.fixture(scope="module")
def scene(folder):
    return make_scene(folder / "in", lst=ramp(280, 320, BIG))


@pytest.fixture(scope="module")
def reanalysis(folder):
    """A humid front across the scene: the column doubles within two cells."""
    latitude, longitude = np.arange(30.25, 31.51, 0.25), np.arange(-88.0, -86.9, 0.25)
    front = 1.0 + 1.0 / (1.0 + np.exp((longitude[None, :] + 87.4) / 0.06)) + 0.3 * np.sin(latitude[:, None] * 9.0)
    fields = {"tcwv": 16.0 * front, "t2m": 288.0 + 6.0 * front, "sp": 92e3 + 0.0 * front, "z": 7800.0 + 900.0 * front}
    fields = {name: np.broadcast_to(values, (3, *values.shape)) for name, values in fields.items()}
    return write_reanalysis(folder / "era5.nc", fields, latitude=latitude, longitude=longitude)


@pytest.fixture(scope="module")
def over_terrain(folder, reanalysis):
    """Options of a retrieval in the mountains."""
    dem = write_raster(folder / "dem.tif", TERRAIN)
    return {"reanalysis": reanalysis, "dem": dem, "emissivity": 0.97}


@pytest.fixture(scope="module")
def exact(folder, scene, over_terrain):
    """The product of the model at every pixel."""
    return retrieve(Scene.open(scene, date=DATE), output=folder / "exact.tif", exact=True, **over_terrain)


@pytest.fixture(scope="module")
def of_one_thread(folder, scene, over_terrain):
    """Options with a raster of emissivity, and the bytes of the temperature that one thread makes with them."""
    emissivity = write_raster(folder / "e.tif", ramp(0.9, 1.0, BIG).astype("f4"))
    options = {**over_terrain, "emissivity": [emissivity]}
    product = retrieve(Scene.open(scene, date=DATE), output=folder / "one.tif", threads=1, **options)
    return options, product.path.read_bytes()


@pytest.mark.slow
def test_the_coarse_grid_gives_the_temperature_of_the_model_at_every_pixel(tmp_path, scene, over_terrain, exact):
    coarse = retrieve(Scene.open(scene, date=DATE), output=tmp_path / "coarse.tif", **over_terrain)
    difference = read(coarse.path) - read(exact.path)
    assert np.sqrt(np.mean(difference**2)) < 0.005
    assert np.abs(difference).max() < 0.02
    assert exact.tags["air"] == "exact: the model at every pixel"
    assert coarse.tags["air"].startswith("interpolated between 20x36 nodes, steps of 50 m; largest difference 0.0")
    assert np.ptp(read(coarse.path) - ramp(280, 320, BIG)) > 2.0  # the atmosphere varies over the scene


@pytest.mark.slow
def test_the_run_reports_the_error_of_the_coarse_grid(tmp_path, scene, over_terrain, exact, monkeypatch):
    monkeypatch.setattr("lst_raster.retrieval.atmosphere.ELEVATION_STEP", 1500.0)
    coarse = retrieve(Scene.open(scene, date=DATE), output=tmp_path / "coarse.tif", **over_terrain)
    largest = np.abs(read(coarse.path) - read(exact.path)).max()
    assert largest > 0.3
    reported = float(coarse.tags["air"].partition("largest difference ")[2].split()[0])
    assert 0.9 * largest < reported <= largest + 1e-4
    assert any(
        "error of the coarse atmosphere exceeds 0.05 K" in line and "add --exact" in line for line in coarse.warnings
    )
    assert not any("coarse atmosphere" in line for line in exact.warnings)


@pytest.mark.slow
def test_with_a_raster_of_water_vapour_the_model_runs_at_every_pixel(tmp_path, scene, model_path):
    vapour = write_raster(tmp_path / "wv.tif", np.where(_COLUMNS % 2, 10.0, 40.0).astype("f4"))
    product = retrieve(scene, output=tmp_path, model=model_path, **{**EXACT, "water_vapour": vapour})
    assert product.tags["air"].startswith("exact")
    assert product.retrieved == ramp(0, 1, BIG).size


def test_an_impossible_elevation_is_an_error_on_the_coarse_grid_too(tmp_path, scene, model_path):
    low = write_raster(tmp_path / "dem.tif", np.full(BIG, 12_000.0, "f4"))
    with pytest.raises(InputError, match="elevation"):
        retrieve(scene, output=tmp_path, model=model_path, dem=low)


@pytest.mark.slow
def test_where_the_elevation_is_missing_there_is_no_temperature(tmp_path, scene, model_path):
    missing = TERRAIN < 300.0
    dem = write_raster(tmp_path / "dem.tif", np.where(missing, -9999, TERRAIN).astype("f4"), nodata=-9999)
    product = retrieve(scene, output=tmp_path, model=model_path, dem=dem, emissivity=0.97)
    np.testing.assert_array_equal(np.isnan(read(product.path)), missing)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("block", [512, 1024])
def test_threads_and_tiles_change_no_byte(tmp_path, scene, of_one_thread, monkeypatch, threads, block):
    options, expected = of_one_thread
    monkeypatch.setattr(run_module, "BLOCK", block)
    product = retrieve(Scene.open(scene, date=DATE), output=tmp_path / "b.tif", threads=threads, **options)
    assert product.path.read_bytes() == expected


def test_an_error_in_one_tile_ends_the_run_and_leaves_nothing(tmp_path, scene, model_path):
    emissivity = np.full(BIG, 0.97, "f4")
    emissivity[-1, -1] = 7.0
    path = write_raster(tmp_path / "e.tif", emissivity)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="emissivity"):
        retrieve(scene, output=tmp_path / "out", model=model_path, threads=3, **{**EXACT, "emissivity": path})
    assert not list((tmp_path / "out").iterdir())


def test_progress_stops_a_run_of_several_threads(tmp_path, scene, model_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(CancelledError):
        retrieve(
            scene, output=tmp_path / "out", model=model_path, threads=3, progress=lambda done, total: done < 2, **EXACT
        )
    assert not list((tmp_path / "out").iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tile")]


def test_at_most_one_tile_more_than_there_are_threads_is_started():
    begun, lock = [], threading.Lock()

    class Opened:
        def __enter__(self):
            return self.work

        def __exit__(self, *_):
            return None

        def work(self, window):
            with lock:
                begun.append(window)
            return window

    parts = workers.over_tiles(list(range(100)), Opened, threads=2)
    assert next(parts) in begun
    assert len(begun) <= 5
    parts.close()
    assert len(begun) <= 6


def test_the_self_check_samples_the_whole_scene():
    class Grid:
        width, height = 5000, 4000

    class Nothing:
        level2, names = None, ()

    check = run.InterpolationCheck.over(Grid, Nothing, 0.01)
    assert check.row.size == 10_000
    quarters = np.bincount(2 * (check.row >= 2000) + (check.column >= 2500), minlength=4)
    assert quarters.min() > 2300
    assert (check.checked, check.largest) == (0, 0.0)


@given(left=st.integers(0, 60), top=st.integers(0, 50), width=st.integers(1, 40), height=st.integers(1, 40))
def test_between_nodes_a_pixel_is_the_same_in_any_window(left, top, width, height):
    rows, columns = np.array([0.0, 32.0, 64.0, 90.0]), np.array([0.0, 32.0, 100.0])
    values = np.arange(12.0).reshape(4, 3) ** 1.5
    nodes = Nodes(rows=rows, columns=columns, values=values, label="x")
    whole = nodes.read(Window(0, 0, 100, 90))
    part = spread(rows, columns, values, Window(left, top, width, height))
    np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])
    row, column = np.mgrid[top : top + height, left : left + width] + 0.5
    np.testing.assert_allclose(nodes.at(row, column), part, rtol=1e-6)


_NODE_ROWS, _NODE_COLUMNS = np.array([0.0, 32.0, 64.0, 90.0]), np.array([0.0, 32.0, 100.0])
_LEVELS = np.random.default_rng(4).uniform(1.0, 2.0, (8, 5, 4, 3)).astype("f4")  # heights -3 to 4, five layers
_HEIGHT = np.random.default_rng(5).uniform(-3.0, 4.0, (90, 100)).astype("f4")
_HEIGHT[40, 30:60] = np.nan


def between_levels(window, height, first=-3, last=4):
    levels = list(_LEVELS[first + 3 : last + 4])
    return interpolate_levels(_NODE_ROWS, _NODE_COLUMNS, levels, first, window, height)


def test_between_levels_values_are_linear_in_height_and_bilinear_between_nodes():
    found = between_levels(Window(0, 0, 100, 90), _HEIGHT)
    row, column = np.mgrid[:90, :100] + 0.5
    below = np.nan_to_num(np.floor(_HEIGHT)).astype(int)
    at = interpolate_at(_NODE_ROWS, _NODE_COLUMNS, _LEVELS.astype(float), row, column)
    lower, upper = (np.take_along_axis(at, (below + number)[None, None], axis=0)[0] for number in (3, 4))
    np.testing.assert_allclose(found, lower + (_HEIGHT - below) * (upper - lower), rtol=1e-6)
    assert np.isnan(found[:, 40, 30:60]).all() and np.isfinite(found).sum() == 5 * (90 * 100 - 30)


@given(left=st.integers(0, 60), top=st.integers(0, 50), width=st.integers(1, 40), height=st.integers(1, 40))
def test_between_levels_a_pixel_is_the_same_in_any_window_and_with_any_other_levels(left, top, width, height):
    cut = np.s_[top : top + height, left : left + width]
    whole = between_levels(Window(0, 0, 100, 90), _HEIGHT)[(slice(None), *cut)]
    here = _HEIGHT[cut]
    first, last = (int(np.floor(f.reduce(here, axis=None, initial=0.0))) for f in (np.fmin, np.fmax))
    part = between_levels(Window(left, top, width, height), here, first, last + 1)
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize(("level", "lacks"), [(0, False), (3, True), (4, True), (5, False)])
def test_a_missing_node_of_a_level_lacks_only_next_to_it(level, lacks):
    levels = _LEVELS.copy()
    levels[level, :, 1, 1] = np.nan
    height = np.full((90, 100), 0.3, "f4")  # between the levels at 0 and 1
    found = interpolate_levels(_NODE_ROWS, _NODE_COLUMNS, list(levels), -3, Window(0, 0, 100, 90), height)
    missing = np.zeros((90, 100), bool)
    missing[:64, :] = lacks
    np.testing.assert_array_equal(np.isnan(found), np.broadcast_to(missing, found.shape))


def test_next_to_a_missing_node_the_uncertainty_lacks_where_the_temperature_does(tmp_path):
    latitude, longitude = np.arange(30.0, 32.1, 0.25), np.arange(-88.0, -85.9, 0.25)
    fields = {"tcwv": np.full((3, 9, 9), 20.0), "t2m": np.full((3, 9, 9), 290.0), "z": np.zeros((3, 9, 9))}
    fields["tcwv"][:, 4, :] = np.nan
    air = write_reanalysis(tmp_path / "era5.nc", fields, latitude=latitude, longitude=longitude)
    dem = write_raster(tmp_path / "dem.tif", TERRAIN)
    scene = Scene.open(make_scene(tmp_path / "in", lst=ramp(280, 320, BIG)), date=DATE)
    options = {"reanalysis": air, "dem": dem, "emissivity": 0.97}
    product = retrieve(scene, output=tmp_path / "lst.tif", **options)
    missing = np.isnan(read(product.path))
    assert 0.05 < missing.mean() < 0.95
    np.testing.assert_array_equal(np.isnan(read(tmp_path / "lst_UNC.tif")), missing)


@pytest.mark.slow
def test_over_real_terrain_under_a_real_reanalysis_the_coarse_grid_is_right_within_a_hundredth(tmp_path):
    scene = shared_path("data", "landsat", "c1_marburg", "extdata", "LC08_L1TP_195025_20130707_20170503_01_T1_B10.TIF")
    dem = scene.parent / "DEM.TIF"
    with xr.open_dataset(shared_path("data", "reanalysis", "era5_tcwv_new_cds_layout_derived.nc")) as era5:
        hours = era5.isel(valid_time=slice(9, 12)).load()
    # Its day is another one, and it has no surface elevation: one of 300 m stands for the hills that ERA5 has there.
    place = {"latitude": hours.latitude.values, "longitude": hours.longitude.values}
    fields = {"tcwv": 2.0 * hours.tcwv.values, "z": np.full(hours.tcwv.shape, 300.0 * 9.80665)}
    times = np.array(["2013-07-07T09:00", "2013-07-07T10:00", "2013-07-07T11:00"], "datetime64[s]")
    air = write_reanalysis(tmp_path / "era5.nc", fields, times=times, **place)
    opened = Scene.open(scene)
    options = {"reanalysis": air, "dem": dem, "emissivity": 0.97, "mask_clouds": False}
    coarse = retrieve(opened, output=tmp_path / "coarse.tif", **options)
    exact = retrieve(opened, output=tmp_path / "exact.tif", exact=True, **options)
    difference = read(coarse.path) - read(exact.path)
    assert np.sqrt(np.nanmean(difference**2)) < 0.01
    assert np.nanmax(np.abs(difference)) < 0.01
    assert "steps of 50 m" in coarse.tags["air"]
