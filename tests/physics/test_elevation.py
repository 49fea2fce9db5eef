"""The air at the elevation of the ground."""

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from lst_raster import Scene, retrieve
from lst_raster.errors import GridMismatchError, InputError
from lst_raster.inputs.climatology import climatology
from lst_raster.physics.elevation import (
    air_temperature_between,
    pressure_at,
    surface_pressure_between,
    water_vapour_between,
)
from tests.support.factories import make_scene, ramp, write_raster
from tests.support.reanalysis_files import write_reanalysis

DATE = "2015-07-19T16:00"
SHAPE = (60, 70)
ELEVATION = ramp(300.0, 2100.0, SHAPE)
FORMULAS = (water_vapour_between, air_temperature_between, surface_pressure_between)
MODEL_SURFACE = 800.0  # [m]
AIR = {"tcwv": 15.0, "t2m": 290.0, "sp": 920e2, "z": MODEL_SURFACE * 9.80665}

elevations = st.floats(-400.0, 8000.0)


def seen(folder, dem=ELEVATION, surface=MODEL_SURFACE, vapour=15.0, air=290.0, pressure=920.0):
    """A scene of 300 K whose air is computed here, by hand, at every pixel's elevation."""
    climb = dem - surface
    state = {
        "water_vapour": vapour * np.exp(-climb / 2000.0),
        "air_temperature": air - 0.0065 * climb,
        "surface_pressure": pressure * ((288.15 - 0.0065 * dem) / (288.15 - 0.0065 * surface)) ** 5.25588,
    }
    return make_scene(folder, lst=np.full(SHAPE, 300.0), atmosphere=state)


def reanalysis(path, names=tuple(AIR)):
    fields = {name: np.full((3, 2, 2), AIR[name]) for name in names}
    return write_reanalysis(path, fields, latitude=[30.0, 32.0], longitude=[-88.0, -87.0])


def read(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("formula", FORMULAS)
@given(value=st.floats(250.0, 320.0), start=elevations, end=elevations)
def test_there_and_back_is_where_it_was(formula, value, start, end):
    assert formula(formula(value, start, end), end, start) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("formula", FORMULAS)
def test_higher_is_drier_colder_and_thinner_and_equal_is_equal(formula):
    there = np.array([0.0, 500.0, 1000.0, 4000.0])
    values = formula(np.float64(300.0), 500.0, there)
    assert (np.diff(values) < 0.0).all() and values[1] == pytest.approx(300.0)


@pytest.mark.parametrize("formula", FORMULAS)
def test_numpy_and_torch_agree(formula):
    import torch

    values, end = np.array([280.0, 300.0]), np.array([100.0, 3000.0])
    both = formula(torch.tensor(values), 500.0, torch.tensor(end))
    np.testing.assert_allclose(both.numpy(), formula(values, 500.0, end), rtol=1e-12)


def test_the_pressure_is_that_of_the_standard_atmosphere():
    assert surface_pressure_between(1013.25, 0.0, 2000.0) == pytest.approx(pressure_at(2000.0))


@pytest.mark.slow
def test_the_temperature_is_right_at_every_elevation(tmp_path, model_path):
    dem = write_raster(tmp_path / "dem.tif", ELEVATION.astype("f4"))
    scene = Scene.open(seen(tmp_path / "in"), date=DATE)
    options = {
        "output": tmp_path,
        "reanalysis": reanalysis(tmp_path / "era5.nc"),
        "model": model_path,
        "emissivity": 0.97,
    }
    product = retrieve(scene, dem=dem, **options)
    assert np.abs(read(product) - 300.0).max() < 0.01
    assert product.tags["water_vapour"] == (
        "era5.nc tcwv, mean 15 kg m-2 (reanalysis), adjusted to the elevation dem.tif (given)"
    )
    without = retrieve(scene, overwrite=True, **options)
    assert np.abs(read(without) - 300.0).max() > 0.5


def test_a_number_serves_as_elevation(tmp_path, model_path):
    scene = Scene.open(seen(tmp_path / "in", dem=np.full(SHAPE, 1500.0)), date=DATE)
    files = [reanalysis(tmp_path / "air.nc", ("tcwv", "t2m", "sp")), reanalysis(tmp_path / "z.nc", ("z",))]
    product = retrieve(scene, output=tmp_path, reanalysis=files, dem="1.5km", model=model_path, emissivity=0.97)
    assert np.abs(read(product) - 300.0).max() < 0.01


def test_the_climatology_is_adjusted_from_its_own_elevation(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=np.full(SHAPE, 300.0))
    product = retrieve(scene, output=tmp_path, dem=1000, water_vapour=10.0, air_temperature=290.0, model=model_path)
    assert product.tags["surface_pressure"].endswith("(climatology), adjusted to the elevation 1000 m (given)")
    assert product.tags["water_vapour"] == "10 kg m-2 (given)"
    mean = climatology(30.80, -87.49, 200)
    assert any(f"at {mean.elevation:.0f} m" in line for line in product.warnings)
    pressure = float(mean.at_elevation(1000.0).surface_pressure)
    known = {"water_vapour": 10.0, "air_temperature": 290.0, "surface_pressure": pressure}
    same = retrieve(scene, output=tmp_path / "same.tif", model=model_path, **known)
    np.testing.assert_allclose(read(product), read(same), atol=5e-3)


def test_where_the_elevation_is_missing_there_is_no_temperature(tmp_path, model_path):
    elevation = ELEVATION.astype("f4")
    elevation[:, :10] = -9999.0
    dem = write_raster(tmp_path / "dem.tif", elevation, nodata=-9999.0)
    scene = Scene.open(seen(tmp_path / "in"), date=DATE)
    product = retrieve(scene, output=tmp_path, reanalysis=reanalysis(tmp_path / "era5.nc"), dem=dem, model=model_path)
    assert product.retrieved == product.pixels - 10 * SHAPE[0]


def test_a_reanalysis_that_hides_its_elevation_is_refused(tmp_path, model_path):
    scene = Scene.open(seen(tmp_path / "in"), date=DATE)
    path = reanalysis(tmp_path / "era5.nc", ("tcwv", "t2m"))
    with pytest.raises(InputError, match=r"--dem requires; add a file with z \(not on levels\), PHIS or orog"):
        retrieve(scene, output=tmp_path, reanalysis=path, dem=500.0, model=model_path)


def test_impossible_elevations_and_other_grids_are_refused(tmp_path, model_path):
    scene = Scene.open(seen(tmp_path / "in"), date=DATE)
    options = {"output": tmp_path, "reanalysis": reanalysis(tmp_path / "era5.nc"), "model": model_path}
    wrong = write_raster(tmp_path / "wrong.tif", np.full(SHAPE, -9999.0, "f4"))
    with pytest.raises(InputError, match=r"elevation .*wrong.tif is -9999, outside \[-500, 9000\] m"):
        retrieve(scene, dem=wrong, **options)
    small = write_raster(tmp_path / "small.tif", np.full((5, 5), 10.0, "f4"))
    with pytest.raises(GridMismatchError, match="elevation"):
        retrieve(scene, dem=small, **options)


def test_the_command_takes_an_elevation(tmp_path, model_path, command):
    dem = write_raster(tmp_path / "dem.tif", ELEVATION.astype("f4"))
    code, out, err = command(
        "retrieve", seen(tmp_path / "in"), "-o", tmp_path / "out.tif", "--date", DATE, "--model", model_path, "-q",
        "--emissivity", "0.97", "--reanalysis", reanalysis(tmp_path / "era5.nc"), "--dem", dem,
    )  # fmt: skip
    assert (code, out, err) == (0, [str(tmp_path / "out.tif")], [])


def test_an_elevation_that_changes_nothing_is_said(tmp_path, model_path):
    scene = seen(tmp_path / "in")
    known = {"water_vapour": 10.0, "air_temperature": 290.0, "surface_pressure": 900.0}
    product = retrieve(scene, output=tmp_path, dem=500.0, model=model_path, **known)
    assert any("takes no elevation: not used" in line for line in product.warnings)
