"""The climatological atmosphere: its figures, its grid, seasons, elevations and uncertainties."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lst_raster.errors import InputError
from lst_raster.inputs.climatology import ClimatologicalAtmosphere, climatology, climatology_at_pressure
from lst_raster.inputs.fields import BETWEEN_ELEVATIONS
from lst_raster.inputs.resolve import resolve_inputs
from lst_raster.io.scene import Scene
from lst_raster.profiles.gfs import read_gfs
from lst_raster.profiles.profile_sets import water_vapour
from tests.support.factories import make_scene, ramp
from tests.support.shared import shared_path

VALUES = ("water_vapour", "air_temperature", "surface_pressure")
JUNE, JULY, JANUARY = 166, 197, 15


def rms(values):
    return float(np.sqrt(np.mean(values**2)))


def cell_of_the_source(latitude, longitude):
    """Row of the grid of GPT3 whose centre is at a place."""
    table = np.loadtxt(shared_path("data", "climatology", "gpt3_5.grd"), comments="%")
    (row,) = table[(table[:, 0] == latitude) & (table[:, 1] == longitude)]
    return row


@pytest.mark.parametrize(("latitude", "longitude"), [(27.5, 77.5), (-32.5, 147.5), (62.5, 27.5), (2.5, 2.5)])
@pytest.mark.parametrize("day", [15, 100, 244])
def test_at_the_centre_of_a_cell_the_figures_are_those_of_the_source(latitude, longitude, day):
    row, angle = cell_of_the_source(latitude, longitude), 2.0 * np.pi * day / 365.25
    harmonics = np.array([1.0, np.cos(angle), np.sin(angle), np.cos(2.0 * angle), np.sin(2.0 * angle)])
    pressure, temperature, humidity, decrease = (row[first : first + 5] @ harmonics for first in (2, 7, 12, 34))
    pressure, humidity = pressure / 100.0, humidity / 1000.0
    vapour_pressure = humidity * pressure / (0.622 + 0.378 * humidity)
    column = 0.622 * 100.0 * vapour_pressure / (9.80665 * (decrease + 1.0))
    found = climatology(latitude, longitude, day)
    assert found.surface_pressure == pytest.approx(pressure, abs=0.3)  # stored in steps of 0.1 hPa
    assert found.air_temperature == pytest.approx(temperature, abs=1e-6)
    assert found.water_vapour == pytest.approx(column, rel=2e-3)
    assert found.elevation == pytest.approx(row[23], abs=0.5)


def test_it_is_warm_and_humid_where_it_should_be():
    monsoon, winter = (climatology(28.6, 77.2, day).at_elevation(216.0) for day in (JULY, JANUARY))  # Delhi
    assert monsoon.water_vapour > 50.0 and winter.water_vapour < 18.0
    sahara, yakutsk = climatology(23.0, 10.0, JULY), climatology(62.0, 129.7, JANUARY)
    assert sahara.air_temperature > 303.0 and sahara.water_vapour < 25.0
    assert yakutsk.air_temperature < 242.0 and yakutsk.water_vapour < 4.0
    lhasa = climatology(29.6, 91.1, JULY)
    assert lhasa.elevation > 3500.0 and lhasa.surface_pressure < 660.0


@given(st.floats(-90.0, 90.0), st.floats(-360.0, 360.0), st.one_of(st.none(), st.floats(1.0, 366.0)))
def test_it_is_an_atmosphere_everywhere_and_always(latitude, longitude, day):
    found = climatology(latitude, longitude, day)
    assert 0.03 < found.water_vapour < 75.0
    assert 195.0 < found.air_temperature < 315.0
    assert 500.0 < found.surface_pressure < 1050.0
    assert 0.1 < found.water_vapour_uncertainty / found.water_vapour < 2.0
    assert 4.0 < found.air_temperature_uncertainty < 30.0
    assert 2.0 < found.surface_pressure_uncertainty < 30.0


def test_it_is_continuous_across_date_line_greenwich_equator_and_at_the_poles():
    latitudes = np.arange(-85.0, 86.0, 10.0)
    for west, east in ((-180.0, 180.0), (179.9999, -179.9999), (359.9999, 0.0001)):
        for name in ("air_temperature", "water_vapour_uncertainty"):
            left, right = (getattr(climatology(latitudes, at, 50), name) for at in (west, east))
            np.testing.assert_allclose(left, right, rtol=1e-4)
    for pole in (-90.0, 90.0):
        around = climatology(pole, np.arange(0.0, 360.0, 30.0), JANUARY)
        assert np.ptp(around.air_temperature) < 1e-9
        near = climatology(0.9999 * pole, 45.0, JANUARY)
        assert near.air_temperature == pytest.approx(around.air_temperature[0], abs=0.05)
    south, north = (climatology(at, 20.0, JULY) for at in (-1e-6, 1e-6))
    for name in VALUES:
        assert getattr(south, f"{name}_uncertainty") == pytest.approx(getattr(north, f"{name}_uncertainty"), rel=1e-4)


def test_arrays_broadcast_and_equal_single_places():
    latitude, longitude, days = np.array([[10.0], [50.0]]), np.array([0.0, 100.0, 200.0]), np.array([[15.0], [197.0]])
    found = climatology(latitude, longitude, days)
    for name in ClimatologicalAtmosphere.__dataclass_fields__:
        values = getattr(found, name)
        assert values.shape == (2, 3)
        assert values[1, 2] == pytest.approx(float(getattr(climatology(50.0, 200.0, 197.0), name)))


def test_without_a_day_it_is_the_mean_of_the_year_with_its_variation():
    days = np.arange(1.0, 366.0)
    year, unknown = climatology(55.0, 100.0, days), climatology(55.0, 100.0)
    assert unknown.air_temperature == pytest.approx(year.air_temperature.mean(), abs=0.05)
    assert unknown.air_temperature_uncertainty > year.air_temperature_uncertainty.max()
    total = np.hypot(year.air_temperature.std(), rms(year.air_temperature_uncertainty))
    assert unknown.air_temperature_uncertainty == pytest.approx(total, rel=0.02)


def test_uncertainty_is_greater_in_winter_and_at_high_latitudes():
    for place in ((60.0, 100.0), (-45.0, 170.0)):
        winter, summer = (climatology(*place, day) for day in ((JANUARY, JULY) if place[0] > 0 else (JULY, JANUARY)))
        assert winter.air_temperature_uncertainty > summer.air_temperature_uncertainty
        fractions = [one.water_vapour_uncertainty / one.water_vapour for one in (winter, summer)]
        assert fractions[0] > fractions[1]
    tropics, poles = climatology(5.0, 100.0, JANUARY), climatology(65.0, 100.0, JANUARY)
    assert poles.air_temperature_uncertainty > 1.5 * tropics.air_temperature_uncertainty


def test_elevation_is_less_certain_at_mountains_than_in_plains():
    plain, mountains = climatology(60.0, 75.0, JULY), climatology(28.6, 77.2, JULY)  # West Siberia, Delhi
    assert plain.elevation_uncertainty < 230.0 and mountains.elevation_uncertainty > 900.0


@pytest.mark.parametrize("latitude", [452475.0, -90.1, np.nan])
def test_a_latitude_that_cannot_be_is_refused(latitude):
    with pytest.raises(InputError, match="outside -90 to 90"):
        climatology(np.array([10.0, latitude]), 0.0, 15)


def test_at_an_elevation_it_is_what_a_retrieval_with_a_dem_uses():
    mean = climatology(35.0, 80.0, 100)
    there = mean.at_elevation(2500.0)
    for name in VALUES:
        expected = BETWEEN_ELEVATIONS[name](getattr(mean, name), mean.elevation, 2500.0)
        assert getattr(there, name) == pytest.approx(expected)
    assert mean.elevation_uncertainty > 500.0 and there.elevation_uncertainty == 0.0
    ratios = [one.water_vapour_uncertainty / one.water_vapour for one in (mean, there)]
    assert ratios[0] == pytest.approx(ratios[1])
    assert there.elevation == 2500.0


@given(st.floats(-60.0, 75.0), st.floats(-180.0, 180.0), st.floats(500.0, 1040.0))
def test_at_a_pressure_it_is_that_of_the_elevation_with_this_pressure(latitude, longitude, pressure):
    found = climatology_at_pressure(latitude, longitude, 100, pressure)
    assert found.surface_pressure == pytest.approx(pressure)
    same = climatology(latitude, longitude, 100).at_elevation(found.elevation)
    assert found.water_vapour == pytest.approx(same.water_vapour)
    assert found.air_temperature == pytest.approx(same.air_temperature)
    higher = climatology_at_pressure(latitude, longitude, 100, 0.95 * pressure)
    assert 2.0 < found.air_temperature - higher.air_temperature < 3.3
    assert higher.water_vapour < 0.87 * found.water_vapour


def test_its_june_is_that_of_an_independent_climatology():
    path = shared_path("data", "profiles", "ncep_june_mean.nc")
    with xr.open_dataset(path, engine="scipy", mask_and_scale=False, decode_times=False) as june:
        vapour, air, pressure = (june[name].values[0].astype(float) for name in ("PREH2O", "TREFHT", "PS"))
        latitude, longitude = np.meshgrid(june["lat"].values, june["lon"].values, indexing="ij")
    found = climatology_at_pressure(latitude, longitude, JUNE, pressure)
    chosen = np.abs(latitude) < 60.0
    area = np.cos(np.radians(latitude[chosen]))

    def mean_and_deviation(difference):
        mean = np.average(difference[chosen], weights=area)
        return mean, np.sqrt(np.average((difference[chosen] - mean) ** 2, weights=area))

    mean, deviation = mean_and_deviation(found.water_vapour - vapour)
    assert abs(mean) < 0.4 and deviation < 3.2  # +0.2, 3.1 kg m-2
    mean, deviation = mean_and_deviation(found.air_temperature - air)
    assert abs(mean) < 0.3 and deviation < 1.5  # +0.1, 1.3 K


@pytest.mark.slow
@pytest.mark.parametrize(
    # Differences of the AFGL standard atmospheres by latitude and season, adjusted to the pressure in the same way
    ("name", "day", "vapour", "temperature"),
    [
        ("gfs_20041212.grb", 347, 8.46, 7.40), ("gfs_20110115T12.grib2", 15, 11.37, 8.70),
        ("gfs_20111011T00.grb", 284, 9.92, 5.20), ("gfs_20150912T18.grib2", 255, 9.55, 8.85),
    ],
)  # fmt: skip
def test_it_is_closer_to_analyses_than_standard_atmospheres_are(name, day, vapour, temperature):
    columns = read_gfs(shared_path("data", "profiles", "gfs") / name)
    columns = columns.isel(profile=(columns["land"].values == 1) & (np.abs(columns["latitude"].values) < 60.0))
    place = columns["latitude"].values, columns["longitude"].values
    found = climatology_at_pressure(*place, day, columns["surface_pressure"].values)
    assert rms(found.water_vapour - water_vapour(columns)) < 0.8 * vapour  # 6.0, 6.3, 6.6, 7.2 kg m-2
    assert rms(found.air_temperature - columns["air_temperature_2m"].values) < 0.8 * temperature  # 5.0, 6.6, 3.9, 5.4 K


def test_the_defaults_of_a_retrieval_carry_its_uncertainty(tmp_path, model_path):
    scene = Scene.open(make_scene(tmp_path, lst=ramp(280, 300)))
    mean = climatology(scene.latitude, scene.longitude, scene.date.day_of_year)
    flat = resolve_inputs(scene, {}, model_path, dem=10.0)
    plain = resolve_inputs(scene, {}, model_path)
    for name in VALUES:
        field = flat.atmosphere[name]
        assert field.origin == "climatology"
        assert field.source == pytest.approx(getattr(mean, name), abs=0.051)
        value = float(getattr(mean, name))
        uncertainty = float(getattr(mean, f"{name}_uncertainty"))
        assert field.uncertainty.at(value) == pytest.approx(uncertainty)
        assert field.adjustment.surface == pytest.approx(float(mean.elevation))
        assert plain.atmosphere[name].adjustment is None
        assert plain.atmosphere[name].uncertainty.at(value) > uncertainty  # as the elevation is not known
    vapour = flat.uncertainties["water_vapour"]
    assert vapour.at(10.0) == pytest.approx(10.0 * mean.water_vapour_uncertainty / mean.water_vapour, rel=5e-3)
    assert flat.uncertainties["air_temperature"].at(290.0) == pytest.approx(mean.air_temperature_uncertainty)
    known = resolve_inputs(scene, {"air_temperature": 290.0}, model_path)
    assert known.uncertainties["air_temperature"].at(290.0) == 1.0
