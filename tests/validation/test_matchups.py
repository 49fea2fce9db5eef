"""Tables of match-ups: all common text formats are read, and errors name the line."""

import datetime
import re
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import InputError, InputNotFoundError, UnknownSensorError
from lst_raster.validation.matchups import ALIASES, NUMERIC_COLUMNS, TEXT_COLUMNS, USGS, read_matchups
from tests.support.matchup_tables import HEADER, row, write_table
from tests.support.shared import shared_path

DOCS = Path(__file__).resolve().parents[2] / "docs" / "validate.md"


def read(tmp_path, *rows, header=HEADER, **options):
    forms = {name: options.pop(name) for name in ("separator", "ends", "encoding") if name in options}
    return read_matchups(write_table(tmp_path / "table.csv", *rows, header=header, **forms), **options)


def test_every_cell_arrives_where_it_belongs(tmp_path):
    header = (*HEADER, "usgs_lst_K", "other_MODIS_v6_K", "excluded", "scene")
    found = read(
        tmp_path, (*row(), "291.5", "", "cloud", "LC08_x"), (*row(sensor=""), "", "290.5", "no"), header=header
    )
    assert found.lines == (2, 3)
    assert found.sensor == ("landsat8-b10", "")
    assert found.site == ("bon", "bon")
    assert found.time == (datetime.datetime(2016, 1, 1, 17, 30, tzinfo=datetime.UTC),) * 2
    assert found.excluded == ("cloud", "")
    values = {"brightness_temperature": 290.0, "emissivity": 0.97, "water_vapour": 15.0, "surface_pressure": 980.0}
    for name, value in {**values, "ground_temperature": 292.0}.items():
        assert found.values[name].tolist() == [value, value], name
    for name in set(NUMERIC_COLUMNS) - {*values, "air_temperature", "ground_temperature"}:
        assert np.isnan(found.values[name]).all(), name
    assert list(found.products) == ["USGS Collection 2", "MODIS v6"]
    assert found.products["USGS Collection 2"][0] == 291.5 and np.isnan(found.products["USGS Collection 2"][1])
    assert found.extra_columns == {"scene": ("LC08_x", "")}


@pytest.mark.parametrize(
    ("time", "product", "day"),
    [
        ("2016-01-01T23:30-05:00", "LC08_L1TP_020039_20150719_20200908_02_T1", "2016-01-02"),
        ("", "LC08_L1TP_020039_20150719_20200908_02_T1", "2015-07-19"),
        ("", "LE07_013030_20070805", "2007-08-05"),
        ("", "LE07_013030_20071305", "NaT"),
        ("", "scene 4", "NaT"),
    ],
)
def test_the_day_is_that_of_the_time_or_of_the_product(tmp_path, time, product, day):
    found = read(tmp_path, (*row(time=time), product), header=(*HEADER, "product"))
    assert str(found.date[0]) == day
    assert found.extra_columns == {"product": (product,)}


@pytest.mark.parametrize(
    "form",
    [
        {"ends": "\r\n"},
        {"ends": "\r"},
        {"encoding": "utf-8-sig"},
        {"encoding": "utf-16"},
        {"separator": ";"},
        {"separator": "\t", "encoding": "utf-8-sig", "ends": "\r\n"},
    ],
)
def test_the_form_of_the_file_makes_no_difference(tmp_path, form):
    rows = row(site="Lac Léman"), row(insitu_lst_K="")
    plain, other = read(tmp_path, *rows), read(tmp_path, *rows, **form)
    assert (other.site, other.time, other.sensor) == (plain.site, plain.time, plain.sensor)
    for name, values in plain.values.items():
        assert np.array_equal(other.values[name], values, equal_nan=True), name


def test_decimal_commas_are_read_where_commas_do_not_separate(tmp_path):
    found = read(tmp_path, row(brightness_temperature_K="290,25", emissivity="0,97"), separator=";")
    assert found.values["brightness_temperature"].tolist() == [290.25]
    with pytest.raises(InputError, match=r"line 2 has 10 cells, the header 9.*point"):
        read(tmp_path, row(brightness_temperature_K="290,25"))


def test_comments_and_empty_lines_are_passed_over_and_lines_still_counted(tmp_path):
    path = tmp_path / "table.csv"
    lines = ["# made by hand, in spring", ",".join(HEADER), "", ",".join(row()), ",,,,,,,", "# end", ",".join(row())]
    path.write_text("\n".join(lines))
    assert read_matchups(path).lines == (4, 7)


@pytest.mark.parametrize("cell", ["", "NaN", "NA", "n/a", "null", "-", "-9999", "-9999.9", " "])
def test_missing_values_have_many_names(tmp_path, cell):
    assert np.isnan(read(tmp_path, row(insitu_lst_K=cell)).values["ground_temperature"]).all()


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("2016-01-01T17:30:00Z", False),
        ("2016-01-01 17:30 UTC", False),
        ("2016-01-01T18:30:00.0000000+01:00", False),
        ("20160101T123000-0500", False),
        ("2016-01-01 17:30", True),
    ],
)
def test_times_are_brought_to_utc(tmp_path, cell, utc):
    (found,) = read(tmp_path, row(time=cell), utc=utc).time
    assert found == datetime.datetime(2016, 1, 1, 17, 30, tzinfo=datetime.UTC)


def test_defaults_serve_the_rows_that_lack_a_value(tmp_path):
    rows = row(emissivity="", sensor=""), row()
    found = read(tmp_path, *rows, defaults={"emissivity": 0.99, "elevation": 333.0}, sensor="landsat7-b6")
    assert found.values["emissivity"].tolist() == [0.99, 0.97]
    assert found.values["elevation"].tolist() == [333.0, 333.0]
    assert found.sensor == ("landsat7-b6", "landsat8-b10")


def test_headers_are_known_in_any_case_by_other_names_and_by_those_the_user_gives(tmp_path):
    header = (
        *("Sensor", "station", "TIME", "bt", "emissivity", "water_vapor_kg_m2", "t2", "e2"),
        "insitu_water_temperature_K",
    )
    names = {"brightness_temperature_K": "BT", "emissivity": "e2", "site": "station"}
    found = read(tmp_path, row(surface_pressure_hPa="0.95"), header=header, columns=names)
    expected = {"brightness_temperature": 290.0, "emissivity": 0.95, "water_vapour": 15.0, "ground_temperature": 292.0}
    assert {name: found.values[name][0] for name in expected} == expected
    assert found.site == ("bon",)
    assert list(found.extra_columns) == ["emissivity", "t2"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"insitu_lst_K": "18.9"}, r"table\.csv, line 3: insitu_lst_K is 18\.9, .*Celsius; add 273\.15"),
        ({"brightness_temperature_K": "-3"}, "Celsius; add 273.15"),
        ({"brightness_temperature_K": "9.1"}, "Celsius|outside"),
        ({"emissivity": "97"}, "per cent; divide by 100"),
        ({"emissivity": "0"}, r"emissivity is 0, outside \(0, 1\]"),
        ({"surface_pressure_hPa": "98000"}, "looks like Pa; divide by 100"),
        ({"surface_pressure_hPa": "98"}, "looks like kPa; multiply by 10"),
        ({"water_vapour_kg_m2": "250"}, r"outside \[0, 100\]"),
        ({"insitu_lst_K": "inf"}, "insitu_lst_K is inf"),
        ({"insitu_lst_K": "cloudy"}, "line 3: insitu_lst_K 'cloudy' is not a number"),
        ({"insitu_lst_K": "292 K"}, "not a number"),
        ({"time": "2016-01-01T17:30"}, "has no time zone; write 2016-01-01T17:30Z for UTC, or add --utc"),
        ({"time": "01/02/2016 17:30"}, "line 3: time .* is not of the form"),
    ],
)
def test_an_error_of_a_cell_names_its_line_and_the_remedy(tmp_path, cells, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, row(), row(**cells))


def test_an_error_of_an_unknown_sensor_names_its_line(tmp_path):
    with pytest.raises(UnknownSensorError, match=r"line 2: .*landsat8-b12.*landsat8-b10"):
        read(tmp_path, row(sensor="landsat8-b12"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"# nothing\n\n", "is empty"),
        (b"sensor,site\n", "has a header and no row"),
        (b"PK\x03\x04rest", "workbook; save the sheet as CSV"),
        (b"\x1f\x8b\x08rest", "cannot be unpacked"),
        ("sensor,site\nx,Léman\n".encode("latin-1"), "not UTF-8"),
        (b"sensor,site,Sensor\na,b,c\n", "column sensor twice"),
        (b"insitu_lst_K,insitu_water_temperature_K\n290,291\n", "both insitu_lst_K and insitu_water_temperature_K"),
    ],
)
def test_a_file_that_is_not_a_table_is_an_error(tmp_path, content, message):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_matchups(path)


def test_a_file_that_is_not_there_and_names_that_are_not(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.csv"):
        read_matchups(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_matchups(tmp_path)
    with pytest.raises(InputError, match=r"lst is not a standard column.*insitu_lst_K"):
        read(tmp_path, row(), columns={"lst": "site"})
    with pytest.raises(InputError, match=r"has no column ground; it has sensor, site"):
        read(tmp_path, row(), columns={"insitu_lst_K": "ground"})
    with pytest.raises(InputError, match=r"value for all rows: emissivity is 97.*per cent"):
        read(tmp_path, row(), defaults={"emissivity": 97.0})


def test_the_page_names_every_column():
    text = DOCS.read_text()
    columns = {*TEXT_COLUMNS, *(column.header for column in NUMERIC_COLUMNS.values()), USGS, *ALIASES}
    assert {name for name in columns if f"`{name}`" not in text} == set()


def test_the_lake_match_ups_are_read_whole():
    found = read_matchups(shared_path("data", "matchups", "lake_sunapee_l7.csv"))
    assert len(found) == 56
    assert np.isfinite(found.values["ground_temperature"]).sum() == 56
    assert np.isfinite(found.products["USGS Collection 2"]).sum() == 53
    assert list(found.extra_columns) == ["product", "emissivity_aster", "insitu_count"]
    assert all(re.fullmatch(r"LE07_\d{6}_\d{8}", name) for name in found.extra_columns["product"])
