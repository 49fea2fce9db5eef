"""Quantities for a scene, as numbers and as rasters; grids."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError
from lst_raster.inputs.fields import open_field, parse_field
from lst_raster.io.grid import Grid, require_same_grid
from lst_raster.physics import quantities
from lst_raster.physics.quantities import (
    AEROSOL_OPTICAL_DEPTH,
    AIR_TEMPERATURE,
    ELEVATION,
    EMISSIVITY,
    SPELLINGS,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
)
from tests.support.factories import write_raster

SHAPE = (60, 70)
GRID = Grid(crs=CRS.from_epsg(32616), transform=Affine(30, 0, 452475, 0, -30, 3408645), width=70, height=60)
ALL = Window(0, 0, 70, 60)


@pytest.mark.parametrize(
    ("quantity", "text", "value"),
    [
        (WATER_VAPOUR, "29", 29.0),
        (WATER_VAPOUR, "29mm", 29.0),
        (WATER_VAPOUR, "2.9cm", 29.0),
        (WATER_VAPOUR, "2.9 CM", 29.0),
        (WATER_VAPOUR, "2.9g/cm2", 29.0),
        (WATER_VAPOUR, "2.9 g cm^-2", 29.0),
        (WATER_VAPOUR, "29 kg m**-2", 29.0),
        (WATER_VAPOUR, ".29e2kg/m2", 29.0),
        (WATER_VAPOUR, 29, 29.0),
        (WATER_VAPOUR, np.float32(29), 29.0),
        (AIR_TEMPERATURE, "25C", 298.15),
        (AIR_TEMPERATURE, "-5 degC", 268.15),
        (AIR_TEMPERATURE, "298.15K", 298.15),
        (SURFACE_PRESSURE, "98.5kPa", 985.0),
        (SURFACE_PRESSURE, "98500 Pa", 985.0),
        (AIR_TEMPERATURE, "25\N{DEGREE SIGN}C", 298.15),
        (ELEVATION, "1000ft", 304.8),
        (EMISSIVITY, "1", 1.0),
    ],
)
def test_a_number_may_carry_its_unit(quantity, text, value):
    assert parse_field(quantity, text).source == pytest.approx(value)


@given(st.floats(0.0, 100.0))
def test_a_number_survives_its_own_spelling(value):
    assert parse_field(WATER_VAPOUR, repr(value)).source == value


@pytest.mark.parametrize(
    ("quantity", "source", "words"),
    [
        (EMISSIVITY, "0", r"emissivity is 0, outside \(0, 1\]"),
        (EMISSIVITY, 1.01, r"is 1.01, outside \(0, 1\]"),
        (EMISSIVITY, "97%", "has an unknown unit"),
        (EMISSIVITY, float("nan"), "is nan, outside"),
        (EMISSIVITY, np.ones((60, 70)), "is of type ndarray; give a number, a text or the path"),
        (WATER_VAPOUR, "-5", r"is -5, outside \[0, 100\] kg m-2"),
        (WATER_VAPOUR, "290", "is 290, outside"),
        (WATER_VAPOUR, "29 furlongs", "has an unknown unit"),
        (AIR_TEMPERATURE, "25", "give the air temperature in K, or in degrees Celsius with their unit"),
        (SURFACE_PRESSURE, "101325", "give the surface pressure in hPa, or with its unit"),
    ],
)
def test_a_number_that_cannot_be_is_refused(quantity, source, words):
    with pytest.raises(InputError, match=words):
        parse_field(quantity, source)


@pytest.mark.parametrize("source", ["nowhere.tif", "", "nan", "1,5"])
def test_a_text_that_is_no_number_or_file_is_refused(source):
    with pytest.raises(InputNotFoundError, match="is not a number or an existing file"):
        parse_field(EMISSIVITY, source)


@pytest.mark.parametrize(
    ("quantity", "text", "value", "uncertainty"),
    [
        (WATER_VAPOUR, "21mm±2mm", 21.0, (2.0, 0.0)),
        (WATER_VAPOUR, "21 ± 2", 21.0, (2.0, 0.0)),
        (WATER_VAPOUR, "2.1cm+-0.2", 21.0, (2.0, 0.0)),  # in the unit of the value
        (WATER_VAPOUR, "2.1cm+-2mm", 21.0, (2.0, 0.0)),
        (WATER_VAPOUR, "21+/-10%", 21.0, (0.0, 0.1)),
        (WATER_VAPOUR, "21±0", 21.0, (0.0, 0.0)),
        (AIR_TEMPERATURE, "25C±1C", 298.15, (1.0, 0.0)),  # a difference: no offset
        (AIR_TEMPERATURE, "25C±1.5", 298.15, (1.5, 0.0)),
        (AIR_TEMPERATURE, "77F±1.8F", 298.15, (1.0, 0.0)),
        (AIR_TEMPERATURE, "-5 degC ± 2 K", 268.15, (2.0, 0.0)),
        (AEROSOL_OPTICAL_DEPTH, "0.1±0.05", 0.1, (0.05, 0.0)),
        (AEROSOL_OPTICAL_DEPTH, "0.1+-50%", 0.1, (0.0, 0.5)),
    ],
)
def test_a_number_may_carry_its_uncertainty(quantity, text, value, uncertainty):
    field = parse_field(quantity, text)
    assert field.source == pytest.approx(value)
    assert (field.uncertainty.absolute, field.uncertainty.relative) == pytest.approx(uncertainty)


def test_without_an_uncertainty_that_of_the_origin_applies():
    assert parse_field(WATER_VAPOUR, "21").uncertainty is None


@pytest.mark.parametrize(
    ("quantity", "text", "error", "words"),
    [
        (WATER_VAPOUR, "21±-2", InputError, "has the uncertainty '-2', which is not a number with a known unit"),
        (WATER_VAPOUR, "21±2 furlongs", InputError, "'2 furlongs', which is not a number"),
        (WATER_VAPOUR, "21±", InputError, "has the uncertainty ''"),
        (WATER_VAPOUR, "21±much", InputError, "give it for example as ±2mm or ±10%"),
        (WATER_VAPOUR, "21mm±2mm±5mm", InputError, "has more than one uncertainty; give one"),
        (WATER_VAPOUR, "21±1e9", InputError, "or too large"),
        (WATER_VAPOUR, "21±1e999", InputError, "or too large"),
        (WATER_VAPOUR, f"21±{'0' * 3000}x", InputError, "which is not a number"),
        (WATER_VAPOUR, f"x{'0' * 3000}", InputNotFoundError, "is not a number or an existing file"),
        (AIR_TEMPERATURE, "12C±10%", InputError, "with a known unit, or too large; give it for example as ±1C"),
        (AEROSOL_OPTICAL_DEPTH, "0.1±2mm", InputError, "as ±0.01 or ±20%"),
        (WATER_VAPOUR, "±2", InputNotFoundError, "is not a number or an existing file"),
        (WATER_VAPOUR, "210±2", InputError, "is 210, outside"),
        (SURFACE_PRESSURE, "1000±5", InputError, "has an uncertainty, which it cannot have; leave it out"),
        (EMISSIVITY, "0.97±0.01", InputError, "has an uncertainty, which it cannot have"),
    ],
)
def test_an_uncertainty_that_cannot_be_is_refused(quantity, text, error, words):
    with pytest.raises(error, match=words):
        parse_field(quantity, text)


@pytest.mark.parametrize("mark", ["±", "+-", " +/- "])
def test_a_raster_may_carry_an_uncertainty_unless_that_is_its_name(tmp_path, mark):
    path = write_raster(tmp_path / "w.tif", np.full(SHAPE, 20.0, "f4"))
    field = parse_field(WATER_VAPOUR, f"{path}{mark}10%")
    assert (field.source, field.uncertainty.relative) == (path, 0.1)
    named = path.rename(tmp_path / "w+-1.tif")
    assert parse_field(WATER_VAPOUR, str(named)).source == named
    assert parse_field(WATER_VAPOUR, f"{named}±0.2cm").uncertainty.absolute == pytest.approx(2.0)
    with pytest.raises(InputError, match="not a number with a known unit"):  # the unit of the raster is not known here
        parse_field(WATER_VAPOUR, f"{named}±2")


@pytest.mark.parametrize(
    ("quantity", "text", "shown"),
    [
        (WATER_VAPOUR, "2.1cm±10%", "21 kg m-2 ± 2.1 kg m-2 (given)"),
        (AIR_TEMPERATURE, "25C±1C", "298.15 K ± 1 K (given)"),
        (AEROSOL_OPTICAL_DEPTH, "0.1±0.05", "0.1 ± 0.05 (given)"),
        (WATER_VAPOUR, "21", "21 kg m-2 (given)"),
    ],
)
def test_the_provenance_states_value_and_uncertainty(quantity, text, shown):
    assert str(parse_field(quantity, text)) == shown


def test_the_provenance_of_a_raster_states_the_uncertainty_as_it_was_given(tmp_path):
    path = write_raster(tmp_path / "w.tif", np.full(SHAPE, 20.0, "f4"))
    assert str(parse_field(WATER_VAPOUR, f"{path}±10%")) == "w.tif ± 10 % (given)"
    assert str(parse_field(WATER_VAPOUR, f"{path}±2mm")) == "w.tif ± 2 kg m-2 (given)"


def test_a_file_whose_name_begins_like_a_number_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_raster(tmp_path / "10m.tif", np.full(SHAPE, 0.9, "f4"))
    assert parse_field(EMISSIVITY, "10m.tif").source == Path("10m.tif")


def read(quantity, path, grid=GRID):
    with open_field(parse_field(quantity, path), grid) as reader:
        return reader(ALL)


def test_a_raster_is_read_with_its_scale_offset_and_nodata(tmp_path):
    stored = np.full(SHAPE, 4700, "i2")
    stored[3, 4] = -9999
    values = read(EMISSIVITY, write_raster(tmp_path / "e.tif", stored, scale=1e-4, offset=0.5, nodata=-9999))
    assert np.argwhere(np.isnan(values)).tolist() == [[3, 4]]
    np.testing.assert_allclose(values[0], 0.97, rtol=1e-6)
    assert values.dtype == np.float32


def test_nodata_next_to_nan_does_not_leak(tmp_path):
    stored = np.full(SHAPE, 20.0)
    stored[0, 0], stored[0, 1], stored[0, 2] = -9999.0, np.nan, np.inf
    values = read(WATER_VAPOUR, write_raster(tmp_path / "w.tif", stored, nodata=-9999))
    assert np.isnan(values[0, :3]).all()
    assert np.isfinite(values).sum() == values.size - 3


@pytest.mark.parametrize(
    ("quantity", "units", "stored", "expected"),
    [
        (WATER_VAPOUR, "cm", 2.5, 25.0),
        (WATER_VAPOUR, "kg m**-2", 25.0, 25.0),
        (AIR_TEMPERATURE, "degC", 20.0, 293.15),
        (SURFACE_PRESSURE, "Pa", 98000.0, 980.0),
        (EMISSIVITY, "fraction", 0.9, 0.9),
        (WATER_VAPOUR, "centimeters", 2.5, 25.0),
        (WATER_VAPOUR, "[kg/(m^2)]", 25.0, 25.0),
        (WATER_VAPOUR, "kg m\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT TWO}", 25.0, 25.0),
        (AIR_TEMPERATURE, "degrees_C", 20.0, 293.15),
        (AIR_TEMPERATURE, "\N{DEGREE SIGN}F", 77.0, 298.15),
        (SURFACE_PRESSURE, "millibars", 980.0, 980.0),
        (ELEVATION, "foot", 1000.0, 304.8),
        (ELEVATION, "feet", 1000.0, 304.8),
        (ELEVATION, "US survey foot", 1000.0, 1200000.0 / 3937.0),
        (ELEVATION, "metre", 300.0, 300.0),
        (ELEVATION, "", 300.0, 300.0),
    ],
)
def test_a_raster_s_own_unit_is_heeded(tmp_path, quantity, units, stored, expected):
    path = write_raster(tmp_path / "x.tif", np.full(SHAPE, stored, "f4"), units=units)
    np.testing.assert_allclose(read(quantity, path), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("quantity", "units", "words"),
    [
        (ELEVATION, "fathom", "has the unit 'fathom', which is not one of m, km, ft, US survey foot, .* values to m"),
        (WATER_VAPOUR, "inches", "has the unit 'inches', which is not one of kg m-2, mm, cm, g cm-2; convert"),
        (AIR_TEMPERATURE, "hPa", "has the unit 'hPa', which is not one of K, degC, degF"),
        (WATER_VAPOUR, "1", "has the unit '1'"),
        (EMISSIVITY, "%", "has the unit '%', which is not one of 1"),
    ],
)
def test_a_raster_of_a_unit_that_is_not_known_is_refused(tmp_path, quantity, units, words):
    path = write_raster(tmp_path / "x.tif", np.full(SHAPE, 20.0, "f4"), units=units)
    with pytest.raises(InputError, match=words) as caught:
        read(quantity, path)
    assert str(path) in str(caught.value)


def test_the_unit_of_a_vertical_coordinate_system_is_heeded(tmp_path):
    crs = "EPSG:32616+6360"  # heights in US survey feet
    path = write_raster(tmp_path / "x.tif", np.full(SHAPE, 1000.0, "f4"), crs=crs)
    grid = Grid(crs=CRS.from_user_input(crs), transform=GRID.transform, width=70, height=60)
    np.testing.assert_allclose(read(ELEVATION, path, grid), 1200000.0 / 3937.0)


def test_every_spelling_of_a_unit_stands_for_one_unit():
    spelled = [quantities._plain(text) for name, others in SPELLINGS.items() for text in (name, *others)]
    assert len(spelled) == len(set(spelled))


def test_a_number_is_the_same_in_every_window():
    with open_field(parse_field(EMISSIVITY, 0.9), GRID) as reader:
        assert reader(ALL).shape == ()
        assert reader(ALL) == np.float32(0.9)


@pytest.mark.parametrize(
    "other",
    [
        {"crs": "EPSG:32617"},
        {"crs": None},
        {"transform": Affine(30, 0, 452505, 0, -30, 3408645)},
        {"transform": Affine(30.01, 0, 452475, 0, -30, 3408645)},
        {"values": np.ones((60, 69), "f4")},
    ],
)
def test_a_raster_of_another_grid_is_refused_and_both_grids_are_named(tmp_path, other):
    path = write_raster(tmp_path / "e.tif", other.pop("values", np.ones(SHAPE, "f4")), **other)
    with pytest.raises(GridMismatchError, match=r"EPSG:32616 70x60 .*; pass --align") as caught:
        read(EMISSIVITY, path)
    assert str(path) in str(caught.value)


ACROSS = Grid(crs=CRS.from_epsg(32601), transform=Affine(300, 0, 120000, 0, -300, 1168000), width=300, height=100)


@pytest.mark.parametrize(
    ("grid", "west", "columns"),
    [
        *((ACROSS, west, 3600) for west in (-180.0, 0.0, -180.05, -180.15)),
        (ACROSS, 170.0, 200),
        (ACROSS, -190.0, 200),
        *((replace(ACROSS, crs=CRS.from_epsg(4326), transform=Affine(0.01, 0, west, 0, -0.01, 11)), 170.0, 200)
          for west in (178.5, -181.5)),
        *((replace(ACROSS, crs=CRS.from_epsg(4326), transform=Affine(0.01, 0, west, 0, -0.01, 11)), -180.0, 3600)
          for west in (178.5, -181.5)),
        (replace(ACROSS, crs=CRS.from_epsg(32618)), 0.0, 3600),
        (replace(ACROSS, crs=CRS.from_epsg(32731), transform=Affine(300, 0, 120000, 0, -300, 9000000)), -10.0, 200),
    ],
)  # fmt: skip
def test_a_raster_in_degrees_is_warped_whole_however_its_longitudes_are_counted(tmp_path, grid, west, columns):
    def height(longitude):  # the same a whole turn on
        return 1000.0 + 500.0 * np.sin(np.radians(longitude)) + 300.0 * np.cos(np.radians(3.0 * longitude))

    stored = np.broadcast_to(height(west + 0.1 * (np.arange(columns) + 0.5)), (600, columns)).astype("f4")
    path = write_raster(tmp_path / "dem.tif", stored, crs="EPSG:4326", transform=Affine(0.1, 0, west, 0, -0.1, 30))
    with open_field(parse_field(ELEVATION, path, align=True), grid) as reader:
        found = np.hstack([reader(Window(left, 0, 100, 100)) for left in (0, 100, 200)])
    _, longitude = grid.degrees(*(np.mgrid[0:100, 0:300][::-1] + 0.5))
    np.testing.assert_allclose(found, height(longitude), atol=2.0)  # half a cell at the seam of the raster


def test_beside_a_raster_across_180_degrees_there_is_nothing(tmp_path):
    degrees = {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 179.8, 0, -0.1, 30)}
    path = write_raster(tmp_path / "dem.tif", np.full((600, 4), 5.0, "f4"), **degrees)
    with open_field(parse_field(ELEVATION, path, align=True), ACROSS) as reader:
        found = reader(Window(0, 0, 300, 100))
    _, longitude = ACROSS.degrees(*(np.mgrid[0:100, 0:300][::-1] + 0.5))
    beyond = np.abs(longitude % 360.0 - 180.0) - 0.2  # [degree], a pixel is 0.003 wide
    assert np.isfinite(found[beyond < -0.003]).all() and (beyond < -0.003).any()
    assert np.isnan(found[beyond > 0.003]).all() and (beyond > 0.003).any()


def test_a_grid_that_differs_by_rounding_is_the_same(tmp_path):
    path = write_raster(tmp_path / "e.tif", np.ones(SHAPE, "f4"), transform=Affine(30, 0, 452475.1, 0, -30, 3408645))
    assert read(EMISSIVITY, path).shape == SHAPE


def test_a_grid_without_a_code_is_named_by_its_projection():
    crs = CRS.from_proj4("+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +datum=WGS84 +units=m")
    other = Grid(crs=crs, transform=GRID.transform, width=70, height=60)
    with pytest.raises(GridMismatchError, match="unknown 70x60"):
        require_same_grid("emissivity", other, GRID)


def test_latitude_is_that_of_the_centre():
    assert GRID.latitude() == pytest.approx(30.80, abs=0.01)
    assert Grid(crs=None, transform=GRID.transform, width=1, height=1).latitude() is None
    nowhere = Grid(crs=GRID.crs, transform=Affine(30, 0, 1e12, 0, -30, 1e12), width=1, height=1)
    assert nowhere.latitude() is None
    assert GRID.centre() == pytest.approx((30.80, -87.49), abs=0.01)
