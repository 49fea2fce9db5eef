"""Opening scenes: what is believed, and what is refused."""

import pickle
import re

import numpy as np
import pytest
import rasterio

from lst_raster import retrieve
from lst_raster.errors import InputError, InputNotFoundError, SceneError
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Scene
from tests.support.factories import STEM, make_scene, ramp, write_raster
from tests.support.shared import shared_path


def test_everything_is_read_from_the_metadata_next_to_the_file(tmp_path):
    scene = Scene.open(make_scene(tmp_path, lst=ramp(280, 310), gain=3.3e-4, offset=0.2))
    assert (scene.stem, scene.sensor, str(scene.date)) == (STEM, "landsat8-b10", "2015-07-19")
    assert (scene.calibration.gain, scene.calibration.offset) == (3.3e-4, 0.2)
    assert (scene.latitude, scene.longitude) == pytest.approx((30.80, -87.49), abs=0.01)
    assert (scene.grid.width, scene.grid.height) == (70, 60)


def test_without_metadata_name_and_defaults_serve(tmp_path):
    scene = Scene.open(make_scene(tmp_path, lst=ramp(280, 310), mtl=False))
    assert (scene.sensor, str(scene.date), scene.calibration.source) == ("landsat8-b10", "2015-07-19", "default")


def test_the_date_the_user_states_goes_first_and_the_file_s_own_last(tmp_path):
    path = make_scene(
        tmp_path, lst=ramp(270, 290), name="LC08_x_B10.tif", mtl=False, tags={"ACQUISITION_DATE": "2015-01"}
    )
    assert str(Scene.open(path).date) == "2015-01"
    assert str(Scene.open(path, date="2016-02-03").date) == "2016-02-03"
    assert Scene.open(make_scene(tmp_path / "b", lst=ramp(270, 290), name="LC08_x_B10.tif", mtl=False)).date is None
    with pytest.raises(InputError, match="is not a day such as"):
        Scene.open(path, date="soon")


def test_a_scene_without_coordinates_has_the_centre_of_its_metadata_or_none(tmp_path):
    path = make_scene(tmp_path, lst=ramp(280, 300), crs=None, transform=None)
    assert (Scene.open(path).latitude, Scene.open(path).longitude) == (None, None)
    mtl = tmp_path / f"{STEM}_MTL.txt"
    for axis, value in (("LAT", 31.0), ("LON", -88.0)):
        corners = [f"CORNER_{corner}_{axis}_PRODUCT = {value}\n" for corner in ("UL", "UR", "LL", "LR")]
        mtl.write_text(mtl.read_text() + "".join(corners))
    assert (Scene.open(path).latitude, Scene.open(path).longitude) == (31.0, -88.0)


def test_a_scene_can_be_sent_to_another_process(tmp_path):
    scene = Scene.open(make_scene(tmp_path, lst=ramp(280, 310)))
    assert pickle.loads(pickle.dumps(scene)) == scene


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
def test_digital_numbers_of_any_type_give_the_same_radiance(tmp_path, dtype):
    nodata = -1.7e308 if dtype == "float64" else None
    path = make_scene(tmp_path, lst=ramp(270, 300), fill=ramp(0, 1) > 0.9, dtype=dtype, nodata=nodata)
    scene = Scene.open(path)
    with open_raster(path, "scene", SceneError) as dataset:
        radiance, measured, _ = scene.read(dataset)
    assert radiance.dtype == np.float32
    assert (~measured).sum() == (ramp(0, 1) > 0.9).sum()
    assert 5.0 < radiance[measured].min() < radiance[measured].max() < 12.0


@pytest.mark.parametrize(("sensor", "name", "dtype", "full"), [
    ("landsat8-b10", "LC08_x_B10.tif", "uint16", 65535),
    ("landsat5-b6", "LT05_x_B6.tif", "uint8", 255),
    ("landsat7-b6", "LE07_x_B6_VCID_1.tif", "float64", 255),
])  # fmt: skip
def test_fill_saturation_and_nodata_are_no_measurements(tmp_path, sensor, name, dtype, full):
    values = np.full((60, 70), 26000 if full > 255 else 130, dtype)
    values[0, :4] = (0, full, 7, 1)
    path = write_raster(tmp_path / name, values, nodata=7)
    scene = Scene.open(path)
    with open_raster(path, "scene", SceneError) as dataset:
        _, measured, _ = scene.read(dataset)
    assert measured[0, :4].tolist() == [False, False, False, True]
    assert measured.sum() == measured.size - 3


def numbers(value, dtype="uint16"):
    return np.full((60, 70), value, dtype)


LEVEL_2 = numbers((300.0 - 149.0) / 0.00341802)
SCENES = {
    "three bands": (np.ones((3, 60, 70), "u2"), {}, "has 3 bands; give a raster of one band"),
    "complex": (numbers(1j, "c8"), {}, "holds complex64 values"),
    "radiance": (numbers(9.5, "f4"), {}, "it may be radiance"),
    "kelvin": (numbers(295.0, "f4"), {}, "it may be a temperature already"),
    "celsius": (numbers(41.0, "f4"), {}, "it may be in degrees Celsius"),
    "other": (numbers(1000), {}, "outside the range of scenes; check the sensor"),
    "level 2": (LEVEL_2, {}, "as Level-2 surface temperature it is 300 K, which needs no retrieval"),
    "level 2 nowhere": (LEVEL_2, {"crs": None}, "as Level-2 surface temperature it is 300 K"),
    "level 2 scaled": (LEVEL_2, {"scale": 0.00341802, "offset": 149.0}, "it is a Level-2 surface temperature"),
    "scaled": (numbers(26000), {"scale": 0.01}, "has scale 0.01 and offset 0: it is no Level-1 band"),
}


@pytest.mark.parametrize("kind", SCENES)
def test_a_raster_that_is_no_level_1_band_is_refused(tmp_path, kind):
    values, options, words = SCENES[kind]
    with pytest.raises(SceneError, match=words):
        Scene.open(write_raster(tmp_path / "LC08_x_B10.tif", values, **options))


TROPICS = {"crs": "EPSG:32636", "transform": rasterio.Affine(30, 0, 5e5, 0, -30, 1.1e6)}  # at 10 degrees
OTHER = {
    "tenths of a kelvin": (numbers(2950), "may be in tenths of a kelvin (295 K)"),
    "tenths of a kelvin as floats": (numbers(2950.5, "f4"), "may be in tenths of a kelvin (295 K)"),
    "hundredths of a degree Celsius": (numbers(2600), "may be in hundredths of a degree Celsius (299 K)"),
    "tenths of a degree Celsius": (numbers(290), "it may be a temperature already"),
    "tenths of a degree Celsius, hot": (numbers(420), "may also be in tenths of a degree Celsius (315 K)"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_numbers_in_another_unit_are_refused_with_its_name(tmp_path, kind):
    values, words = OTHER[kind]
    with pytest.raises(SceneError, match=re.escape(words)):
        Scene.open(write_raster(tmp_path / "LC08_x_B10.tif", values, **TROPICS), date="2015-07-15")


@pytest.mark.parametrize("kelvin", [290.0, 296.0, 302.0])
def test_level_2_numbers_that_could_be_a_hot_level_1_band_are_reported_without_a_product(tmp_path, model_path, kelvin):
    path = write_raster(tmp_path / "LC08_x_B10.tif", numbers((kelvin - 149.0) / 0.00341802), **TROPICS)
    scene = Scene.open(path, date="2015-07-15")
    assert f"Level-2 surface temperature ({kelvin:.0f} K)" in scene.other_quantities
    if kelvin > 300:
        with pytest.raises(
            SceneError, match=r"100% of the temperatures retrieved from LC08_x_B10\.tif are above 343 K"
        ):
            retrieve(scene, output=tmp_path / "x.tif", water_vapour=45.0, air_temperature=300.0)
        assert not list(tmp_path.glob("*LST*")) and not (tmp_path / "x.tif").exists()
        return
    notes = retrieve(
        scene, output=tmp_path / "x.tif", water_vapour=5.0, air_temperature=300.0, model=model_path
    ).warnings
    assert f"may also be Level-2 surface temperature ({kelvin:.0f} K)" in notes[0]


def test_a_usual_scene_can_be_nothing_else(tmp_path):
    """Ground below 290 K in July would be cold in any other unit; with metadata there is no note."""
    scene = Scene.open(make_scene(tmp_path, lst=ramp(275, 290), mtl=False))
    assert scene.other_quantities == ""


def test_16_bit_numbers_are_not_taken_for_an_8_bit_sensor(tmp_path):
    with pytest.raises(SceneError, match="values up to 26000, a Level-1 file of landsat5-b6 at most 255"):
        Scene.open(write_raster(tmp_path / "LT05_x_B6.tif", numbers(26000)))


def test_the_hottest_desert_in_summer_is_believed(tmp_path):
    path = make_scene(tmp_path, lst=ramp(315, 333), emissivity=0.95, mtl=False)
    assert Scene.open(path, date="2015-07-15").stem == STEM


def test_the_scale_of_radiance_itself_is_believed(tmp_path):
    path = write_raster(tmp_path / "LC08_x_B10.tif", numbers(26000), scale=3.342e-4, offset=0.1)
    assert Scene.open(path).sensor == "landsat8-b10"


def test_metadata_of_a_level_2_product_are_refused(tmp_path):
    path = make_scene(tmp_path, lst=ramp(280, 300))
    mtl = tmp_path / f"{STEM}_MTL.txt"
    mtl.write_text(mtl.read_text().replace("L1TP", "L2SP"))
    with pytest.raises(SceneError, match="has the level L2SP: a Level-2 product"):
        Scene.open(path)


def test_what_is_not_there_or_no_raster_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError, match="does not exist; check the path"):
        Scene.open(tmp_path / "LC08_x_B10.tif")
    with pytest.raises(SceneError, match="holds no thermal band"):
        Scene.open(tmp_path)
    (tmp_path / "LC08_x_B10.tif").write_text("hello")
    with pytest.raises(SceneError, match="is not a raster that GDAL can read"):
        Scene.open(tmp_path / "LC08_x_B10.tif")


@pytest.mark.parametrize("tiled", [True, False])
@pytest.mark.parametrize("kept", [0.01, 0.3, 0.7, 0.95])
def test_a_truncated_file_is_refused(tmp_path, kept, tiled):
    noise = np.random.default_rng(0).integers(25000, 27000, (600, 500)).astype("u2")
    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64} if tiled else {}
    path = write_raster(tmp_path / "LC08_x_B10.tif", noise, compress="DEFLATE", **layout)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(SceneError, match="truncated or damaged; download it again"):
        Scene.open(path)


@pytest.mark.parametrize("place", ["LC08_L2SP_098084_20210503_20210508_02_T1", "l8_l2sp_017036"])
def test_real_level_2_files_are_refused_under_any_name(tmp_path, place):
    (real,) = shared_path("data", "landsat", place).glob("*_ST_B10.TIF")
    with pytest.raises(SceneError, match="Level-2"):
        Scene.open(real)
    renamed = tmp_path / "LC08_x_B10.TIF"
    renamed.write_bytes(real.read_bytes())
    with pytest.raises(SceneError, match=r"needs no retrieval|temperature already"):
        Scene.open(renamed)


@pytest.mark.parametrize(
    ("path", "sensor", "date"),
    [
        ("LC08_L1GT_089074_20220506_20220512_02_T2/*_B10.TIF", "landsat8-b10", "2022-05-06"),
        ("LC08_L1GT_089074_20220506_20220512_02_T2/*_B11.TIF", "landsat8-b11", "2022-05-06"),
        ("LE07_L1TP_107068_20220310_20220405_02_T1/*_VCID_2.TIF", "landsat7-b6", "2022-03-10"),
        ("c1_marburg/extdata/LC08*_B10.TIF", "landsat8-b10", "2013-07-07"),
        ("c1_marburg/testdata/LC8/*_B10.TIF", "landsat8-b10", "2013-07-07"),
        ("c1_marburg/testdata/LE7/*_VCID_1.TIF", "landsat7-b6", "2001-07-30"),
        ("c1_marburg/testdata/LT5/*_B6.tif", "landsat5-b6", "2010-12-18"),
        ("c1_marburg/testdata/LT05/*_B6.TIF", "landsat5-b6", "2000-03-09"),
    ],
)
def test_real_level_1_files_of_both_collections_are_opened(path, sensor, date):
    (file,) = shared_path("data", "landsat").glob(path)
    scene = Scene.open(file)
    assert (scene.sensor, str(scene.date)) == (sensor, date)
    assert scene.calibration.source.endswith("_MTL.txt")


def test_real_radiance_is_not_taken_for_digital_numbers():
    (file,) = shared_path("data", "landsat", "l8_radiance_float32", "input").glob("*_B10.TIF")
    with pytest.raises(SceneError, match="it may be radiance"):
        Scene.open(file)
