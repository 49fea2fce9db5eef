"""Parsing of names, addresses and small values, on the cases that explain each function."""

import struct
from pathlib import Path

import numpy as np
import pytest

from lst_raster.io.address import Address, location_of, without_secrets
from lst_raster.io.bundle import Place, is_hidden, metadata_stem
from lst_raster.io.grid import Box
from lst_raster.io.landsat import AcquisitionDate, file_stem, parse_band, read_edited_name, read_file_name
from lst_raster.io.plausibility import Expectation, usual_air_temperature
from lst_raster.io.quality_band import COLLECTION_2
from lst_raster.io.raster import has_all_tags
from lst_raster.io.remote import size_of_range
from tests.support.shared import shared_path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.com/a/LC08_x_B10.TIF?sig=secret", "https://example.com/a/LC08_x_B10.TIF"),
        ("/vsis3/bucket/LC08_x_B10.TIF", "s3://bucket/LC08_x_B10.TIF"),
        ("abfs://container/LC08_x_B10.TIF", "az://container/LC08_x_B10.TIF"),
        ("s3://bucket/a/x.tif", "s3://bucket/a/x.tif"),
    ],
)
def test_an_address_is_shown_without_its_query(text, shown):
    assert repr(Address.parse(text)) == f"Address(shown={shown!r})" == repr(location_of(text))


def test_a_path_is_not_an_address():
    assert Address.parse("folder/LC08_x_B10.TIF") is None


def test_text_is_shown_without_secrets():
    text = "GET /vsicurl/https://me:word@example.com/x.TIF?sig=secret failed"
    assert without_secrets(text) == "GET /vsicurl/https://example.com/x.TIF failed"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (size_of_range("bytes 0-0/1234"), 1234),
        (Place.of("/vsizip//data/LC08_x.zip/LC08_x_B10.TIF").member, "LC08_x_B10.TIF"),
        (is_hidden("._LC08_x_B10.TIF"), True),
        (is_hidden("__MACOSX/LC08_x_B10.TIF"), True),
        (is_hidden("./LC08_x_B10.TIF"), False),
        (metadata_stem("LC08_alabama_MTL.txt"), "LC08_alabama"),
        (str(AcquisitionDate.parse("2015-01")), "2015-01"),
        (file_stem("LC08_x", "B10"), "LC08_x_B10"),
        (file_stem("L71092085_08520100315", "B6_VCID_2"), "L72092085_08520100315_B62"),
        (read_file_name(Path("LC08_alabama_B10.tif")).stem, "LC08_alabama"),
        (parse_band("10"), "B10"),
        (parse_band("6_VCID_2"), "B6_VCID_2"),
        (bool(COLLECTION_2.decode(np.array(22280))["cloud"]), True),
        (
            Expectation(latitude=45.0, day_of_year=197).other_quantities(2900.0),
            "tenths of a kelvin (290 K) or hundredths of a degree Celsius (302 K)",
        ),
        (
            Box(south=30.1, north=30.9, west=179.9, east=180.2).widened(0.25, 0.25),
            Box(south=29.75, north=31.25, west=179.5, east=180.5),
        ),
    ],
)
def test_a_value_is_parsed_as_documented(found, expected):
    assert found == expected


def test_names_before_2012_and_edited_names_are_parsed():
    old = read_file_name(Path("L72092085_08520100315_B62.TIF"))
    assert (old.stem, old.band, old.satellite) == ("L71092085_08520100315", "B6_VCID_2", 7)
    edited = read_edited_name(Path("clip_LC08_alabama_B10_utm.tif"), "LC08_alabama")
    assert (edited.stem, edited.band, edited.product) == ("clip_LC08_alabama_utm", "B10", "LC08_alabama")


def test_a_tag_beyond_the_end_of_a_tiff_is_found(tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 34737, 2, 9, 26, 0) + b"WGS 84|")
    assert not has_all_tags(path)


@pytest.mark.parametrize(
    ("table", "latitude", "day"),
    [("t", 0.0, 1), ("ms", 45.0, 197), ("mw", 45.0, 14.4), ("mw", -45.0, 197), ("ss", 60.0, 197), ("sw", 80.0, 14.4)],
)
def test_the_usual_air_temperatures_are_those_of_the_afgl_tables(table, latitude, day):
    ground = np.loadtxt(shared_path("data", "profiles", "afgl", f"afgl{table}.dat"))[-1]
    assert usual_air_temperature(latitude, day) == pytest.approx(ground[2], abs=0.1)
    year = usual_air_temperature(60.0, None)
    assert usual_air_temperature(60.0, 15) < year < usual_air_temperature(60.0, 197)
