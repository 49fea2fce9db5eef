"""Names and metadata of Landsat files."""

from pathlib import Path

import pytest

from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.io.landsat import AcquisitionDate, Mtl, find_calibration, find_sensor, read_file_name
from lst_raster.io.scene_files import find_files
from tests.support.shared import shared_path


@pytest.mark.parametrize(
    ("name", "stem", "band", "satellite", "date"),
    [
        ("LC08_alabama_B10.tif", "LC08_alabama", "B10", 8, None),
        ("lc09_town_b11.TIFF", "lc09_town", "B11", 9, None),
        (
            "LE07_L1TP_107068_20220310_20220405_02_T1_B6_VCID_1.TIF",
            "LE07_L1TP_107068_20220310_20220405_02_T1",
            "B6_VCID_1",
            7,
            "2022-03-10",
        ),
        ("LC81950252013188LGN00_B10.TIF", "LC81950252013188LGN00", "B10", 8, "2013-07-07"),
        ("LT51670552010352MLK00_B6.tif", "LT51670552010352MLK00", "B6", 5, "2010-12-18"),
        ("LT04_L1TP_015033_19881332_20200917_02_T1_B6.TIF", "LT04_L1TP_015033_19881332_20200917_02_T1", "B6", 4, None),
        ("thermal.tif", "thermal", None, None, None),
        ("Lakeside_B10.tif", "Lakeside", "B10", None, None),
    ],
)
def test_a_name_gives_stem_band_satellite_and_date(name, stem, band, satellite, date):
    found = read_file_name(Path("folder") / name)
    assert (found.stem, found.band, found.satellite) == (stem, band, satellite)
    assert (str(found.date) if found.date else None) == date


@pytest.mark.parametrize(
    "name",
    [
        "LC08_L2SP_098084_20210503_20210508_02_T1_ST_B10.TIF",
        "lc08_mine_st_b10.tif",
        "LC09_L2SR_098084_B10.tif",
        "LC08_x_ST_EMIS.TIF",
        "LT05_x_SR_B4.TIF",
    ],
)
def test_the_name_of_a_level_2_file_is_refused(name):
    with pytest.raises(SceneError, match=r"Level-2 file .* give the thermal band of the Level-1 product"):
        read_file_name(Path(name))


def test_a_saint_in_a_name_is_not_level_2():
    assert read_file_name(Path("LC08_st_louis_B10.tif")).stem == "LC08_st_louis"


def mtl(**entries):
    return Mtl(path=Path("x_MTL.txt"), entries=entries)


@pytest.mark.parametrize(
    ("name", "metadata", "stated", "sensor", "band"),
    [
        ("LC08_x_B10.tif", None, None, "landsat8-b10", "B10"),
        ("LC08_x_B11.tif", None, None, "landsat8-b11", "B11"),
        ("LT05_x_B6.tif", None, None, "landsat5-b6", "B6"),
        ("LT04_x.tif", None, None, "landsat4-b6", "B6"),
        ("LE07_x_B6_VCID_2.tif", None, None, "landsat7-b6", "B6_VCID_2"),
        ("x_B10.tif", {"SPACECRAFT_ID": "LANDSAT_9"}, None, "landsat9-b10", "B10"),
        ("LC08_x_B10.tif", {"SPACECRAFT_ID": "LANDSAT_9"}, None, "landsat9-b10", "B10"),
        ("x_B6.tif", {"SPACECRAFT_ID": "Landsat5"}, None, "landsat5-b6", "B6"),
        ("thermal.tif", None, "Landsat8-B10", "landsat8-b10", "B10"),
        ("thermal.tif", None, "landsat7-b6", "landsat7-b6", "B6_VCID_1"),
        ("x_B6_VCID_2.tif", None, "landsat7-b6", "landsat7-b6", "B6_VCID_2"),
    ],
)
def test_the_sensor_comes_from_the_user_the_metadata_or_the_name(name, metadata, stated, sensor, band):
    found = find_sensor(read_file_name(Path(name)), mtl(**metadata) if metadata else None, stated)
    assert found == (sensor, band)


@pytest.mark.parametrize(
    ("name", "metadata", "stated", "error", "words"),
    [
        ("thermal.tif", None, None, UnknownSensorError, "add --sensor"),
        ("LM01_x_B6.tif", None, None, UnknownSensorError, "is of Landsat 1; supported are"),
        ("LC06_x_B6.tif", None, None, UnknownSensorError, "is of Landsat 6"),
        ("LC08_x.tif", None, None, SceneError, "_B10; add --band or --sensor"),
        ("LC08_x_B4.tif", None, None, SceneError, "B4 of Landsat 8 is not thermal; give _B10 or _B11"),
        ("LC08_x_B10.tif", None, "landsat3-b8", UnknownSensorError, "known are landsat4-b6"),
        ("x_B10.tif", {"SPACECRAFT_ID": "LANDSAT_9"}, "landsat8-b10", SceneError, "Landsat 9; correct one"),
        ("LC08_x_B11.tif", None, "landsat8-b10", SceneError, "the file's name has B11; correct one"),
    ],
)
def test_a_sensor_that_cannot_be_is_refused(name, metadata, stated, error, words):
    with pytest.raises(error, match=words):
        find_sensor(read_file_name(Path(name)), mtl(**metadata) if metadata else None, stated)


def test_the_calibration_is_that_of_the_metadata():
    found = find_calibration("landsat8-b10", "B10", mtl(RADIANCE_MULT_BAND_10="3.3E-04", RADIANCE_ADD_BAND_10="0.2"))
    assert (found.gain, found.offset, found.source) == (3.3e-4, 0.2, "x_MTL.txt")


@pytest.mark.parametrize("metadata", [None, mtl(SPACECRAFT_ID="LANDSAT_7")])
@pytest.mark.parametrize(
    ("band", "gain", "offset"), [("B6_VCID_1", 0.067087, -0.06709), ("B6_VCID_2", 0.037205, 3.1628)]
)
def test_without_metadata_each_gain_of_landsat_7_has_its_own_default(metadata, band, gain, offset):
    found = find_calibration("landsat7-b6", band, metadata)
    assert (found.gain, found.offset, found.source) == (gain, offset, "default")


@pytest.mark.parametrize(
    ("gain", "words"), [("-1", "not positive"), ("oops", "is not a number"), ("nan", "not a number")]
)
def test_a_gain_that_cannot_be_is_refused(gain, words):
    with pytest.raises(SceneError, match=words):
        find_calibration("landsat5-b6", "B6", mtl(RADIANCE_MULT_BAND_6=gain, RADIANCE_ADD_BAND_6="1.2"))


def test_metadata_are_found_next_to_the_scene_in_any_case(tmp_path):
    scene = tmp_path / "LC08_x_B10.tif"
    scene.touch()
    assert find_files(scene).mtl is None
    (tmp_path / "lc08_X_mtl.TXT").write_text("GROUP = A\n  KEY = 1\nEND_GROUP = A\n")
    assert find_files(scene).mtl.entries == {"KEY": "1"}


def test_metadata_padded_with_nul_and_given_twice_are_read(tmp_path):
    path = tmp_path / "x_MTL.txt"
    path.write_bytes(
        b'GROUP = A\r\n  LEVEL = "L2SP"\r\nEND_GROUP = A\r\nGROUP = B\r\n LEVEL = "L1TP"\r\nEND\r\n' + b"\0" * 9000
    )
    assert Mtl.read(path).entries == {"LEVEL": "L2SP"}


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"hello", b"a = b", b"\xff\xfe\x00"])
def test_a_file_that_is_no_metadata_is_refused(tmp_path, content):
    path = tmp_path / "x_MTL.txt"
    path.write_bytes(content)
    with pytest.raises(SceneError, match="is not Landsat metadata"):
        Mtl.read(path)


def test_corners_in_the_metadata_give_the_centre():
    names = ("UL", "UR", "LL", "LR")
    corners = {f"CORNER_{name}_LAT_PRODUCT": value for name, value in zip(names, "4466", strict=True)}
    assert mtl(**corners).centre() == (5.0, None)
    across = {f"CORNER_{n}_LON_PRODUCT": v for n, v in zip(names, ("178", "-179", "177", "-180"), strict=True)}
    assert mtl(**corners, **across).centre() == (5.0, 179.0)
    assert mtl().centre() == (None, None)


def test_a_date_is_a_day_or_a_month():
    day, month = AcquisitionDate.parse("2015-01-17"), AcquisitionDate.parse(" 2015-01 ")
    assert (str(day), day.day_of_year) == ("2015-01-17", 17)
    assert (str(month), month.day_of_year) == ("2015-01", 15)


@pytest.mark.parametrize("text", ["2015", "2015-13", "2015-02-30", "17.1.2015", "today", ""])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(InputError, match="is not a day such as"):
        AcquisitionDate.parse(text)


@pytest.mark.parametrize(
    ("path", "entries"),
    [
        ("l8_l1_alabama_cc0/test_MTL.txt", ("LANDSAT_8", "3.3420E-04", "2015-08-04", "BAND_10")),
        (
            "c1_marburg/testdata/LE7/LE71950252001211EDC00_MTL.txt",
            ("LANDSAT_7", "6.7000E-02", "2001-07-30", "BAND_6_VCID_1"),
        ),
        (
            "LE07_L1TP_107068_20220310_20220405_02_T1/LE07_L1TP_107068_20220310_20220405_02_T1_MTL.txt",
            ("LANDSAT_7", "6.7087E-02", "2022-03-10", "BAND_6_VCID_1"),
        ),
        ("c1_marburg/testdata/LT5/LT51670552010352MLK00_MTL.txt", ("LANDSAT_5", "5.5000E-02", "2010-12-18", "BAND_6")),
    ],
)
def test_real_metadata_of_all_collections_are_read(path, entries):
    found = Mtl.read(shared_path("data", "landsat", *path.split("/"))).entries
    spacecraft, gain, date, band = entries
    assert found["SPACECRAFT_ID"] == spacecraft
    assert float(found[f"RADIANCE_MULT_{band}"]) == pytest.approx(float(gain), rel=2e-3)
    assert found["DATE_ACQUIRED"] == date
