"""Pitfalls of Landsat files, in addition to those in the tests of names, forms and quality bands."""

import numpy as np
import pytest
import rasterio

from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, SceneError
from lst_raster.sensors.bands import sensor_band
from tests.support.factories import FULL_PRECISION, STATE, make_scene, ramp, write_raster
from tests.support.products import CLEAR, CLOUD

EXACT = {**STATE, "emissivity": 0.97, "form": FULL_PRECISION}
AIR = ("--water-vapour", "20", "--air-temperature", "295", "--surface-pressure", "1000", "--emissivity", "0.97")
TRUTH = ramp(275, 305)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_a_scene_without_georeference_works_with_date_and_air_by_numbers(tmp_path, model_path, command):
    """Clouds are masked and the emissivity is a raster, for these have no coordinates either."""
    nowhere = {"crs": None, "transform": None}
    path = make_scene(tmp_path / "in", lst=TRUTH, name="LC08_x_B10.tif", mtl=False, **nowhere)
    cloud = ramp(0, 1) > 0.8
    write_raster(tmp_path / "in" / "LC08_x_QA_PIXEL.tif", np.where(cloud, CLOUD[2], CLEAR[2]).astype("u2"), **nowhere)
    emissivity = write_raster(tmp_path / "e.tif", np.full(TRUTH.shape, 0.97, "f4"), **nowhere)
    options = [*AIR[:6], "--emissivity", emissivity, "--date", "2015-07-19", "--model", model_path]
    code, out, err = command("retrieve", path, "--precision", "full", *options)
    assert (code, len(out)) == (0, 1)
    assert [line for line in err if "radiance constants" not in line] == []
    with rasterio.open(out[0]) as dataset:
        lst, tags = dataset.read(1), dataset.tags()
        assert (dataset.crs, dataset.shape) == (None, TRUTH.shape)
    np.testing.assert_array_equal(np.isnan(lst), cloud)
    assert np.abs(lst - TRUTH)[~cloud].max() < 0.005
    assert tags["acquisition_date"] == "2015-07-19"


def test_a_scene_without_georeference_takes_the_climatology_of_the_metadata_s_centre_or_fails(tmp_path, model_path):
    path = make_scene(tmp_path / "in", lst=TRUTH, crs=None, transform=None)
    with pytest.raises(InputError, match="has no coordinate system"):
        retrieve(path, model=model_path, output="x.tif")
    (mtl,) = path.parent.glob("*_MTL.txt")
    place, names = {"LAT": 31.0, "LON": -88.0}, ("UL", "UR", "LL", "LR")
    corners = [f"CORNER_{c}_{axis}_PRODUCT = {value}\n" for c in names for axis, value in place.items()]
    mtl.write_text(mtl.read_text() + "".join(corners))
    product = retrieve(path, model=model_path, output="x.tif")
    assert "climatology of latitude 31.0, longitude -88.0" in product.warnings[1]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
def test_without_a_nodata_tag_0_is_fill(tmp_path, model_path, dtype):
    fill = ramp(0, 1) > 0.6
    path = make_scene(tmp_path / "in", lst=TRUTH, fill=fill, dtype=dtype)
    with rasterio.open(path) as dataset:
        assert dataset.nodata is None
    lst = read(retrieve(path, model=model_path, output="x.tif", **EXACT).path)
    np.testing.assert_array_equal(np.isnan(lst), fill)
    assert np.abs(lst - TRUTH)[~fill].max() < 0.005


@pytest.mark.parametrize("fills", [(-9999,), (-9999, -32768)])
def test_negative_values_that_stand_for_nothing_are_fill_without_a_tag_too(tmp_path, model_path, fills):
    path = make_scene(tmp_path / "in", lst=TRUTH, dtype="int16")
    numbers = read(path)
    for row, value in enumerate(fills):
        numbers[row] = value
    write_raster(path, numbers)
    lst = read(retrieve(path, model=model_path, output="x.tif", **EXACT).path)
    assert np.isnan(lst).all(axis=1).sum() == len(fills)


def test_numbers_that_wrapped_around_in_16_bits_with_sign_are_refused(tmp_path):
    """Above 313 K, where digital numbers exceed 32767, pixels would be lost without a word."""
    hot = ramp(300, 330)
    path = make_scene(tmp_path, lst=hot, atmosphere={**STATE, "water_vapour": 2.0})
    numbers = read(path)
    assert numbers.max() > 32767
    write_raster(path, numbers.view("i2"))
    with pytest.raises(
        SceneError, match=r"negative numbers such as -\d+ in int16: larger numbers have overflowed; .* as uint16"
    ):
        Scene.open(path)


BAND = sensor_band("landsat8-b10")


@pytest.mark.parametrize(("gain", "offset", "words"), [
    (BAND.gain * 10.0, 0.1, r"a brightness temperature of \d{3,4} K, outside the range of scenes; check the sensor"),
    (BAND.gain / 40.0, 0.1, r"a brightness temperature of 1\d\d K, outside the range of scenes; check the sensor"),
    (BAND.gain, -20.0, "a radiance below 0, outside the range of scenes; check the sensor and the calibration"),
])  # fmt: skip
def test_constants_that_make_most_of_a_scene_too_hot_or_too_cold_are_refused(tmp_path, gain, offset, words):
    path = make_scene(tmp_path, lst=TRUTH)
    (mtl,) = tmp_path.glob("*_MTL.txt")
    lines = [line for line in mtl.read_text().splitlines() if "RADIANCE" not in line]
    constants = [f"RADIANCE_MULT_BAND_10 = {gain}", f"RADIANCE_ADD_BAND_10 = {offset}"]
    mtl.write_text("\n".join([*lines, *constants]))
    with pytest.raises(SceneError, match=words):
        Scene.open(path)


def test_a_part_of_a_scene_beyond_all_bounds_is_no_reason_to_refuse_it(tmp_path, model_path):
    """A fire, or the top of a storm, in a scene like others."""
    path = make_scene(tmp_path / "in", lst=TRUTH)
    numbers = read(path)
    numbers[:2], numbers[2:12] = 60000, 3000
    write_raster(path, numbers)
    assert np.isfinite(read(retrieve(path, model=model_path, output="x.tif", **EXACT).path)[:2]).all()


def test_the_response_of_landsat_9_is_not_that_of_landsat_8(tmp_path):
    eight, nine = (sensor_band(f"landsat{number}-b10") for number in (8, 9))
    assert (round(eight.wavelength, 2), round(nine.wavelength, 2)) == (10.90, 10.84)
    named = {"LANDSAT_8": "landsat8-b10", "LANDSAT_9": "landsat9-b10"}
    path = make_scene(tmp_path, lst=TRUTH)
    (mtl,) = tmp_path.glob("*_MTL.txt")
    for spacecraft, sensor in named.items():
        mtl.write_text(mtl.read_text().replace("LANDSAT_8", spacecraft))
        assert Scene.open(path).sensor == sensor
