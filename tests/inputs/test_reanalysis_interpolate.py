"""Fields between their points: on a globe, and in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.gridded import interpolate, normalise
from lst_raster.physics.quantities import ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR

NOON = np.datetime64("2015-07-19T12:00:00")
HOUR = np.timedelta64(1, "h")
AROUND = np.arange(0.0, 360.0, 2.5)
POLE_TO_POLE = np.arange(90.0, -91.0, -2.5)


def field(values, latitude, longitude, times=(NOON,), quantity=SURFACE_PRESSURE):
    values = np.broadcast_to(values, (len(times), len(latitude), len(longitude)))
    return normalise(quantity, np.array(times), latitude, longitude, values, source="era5.nc", variable="sp")


def in_time(*hours, quantity=SURFACE_PRESSURE):
    """A field whose value is the hour of its step."""
    values = np.array(hours, float)[:, None, None]
    return field(values, [0.0, 10.0], [0.0, 10.0], [NOON + int(hour * 60) * HOUR / 60 for hour in hours], quantity)


@given(latitude=st.floats(-90.0, 90.0), longitude=st.floats(-720.0, 720.0))
def test_a_field_that_is_linear_in_latitude_is_met_everywhere_on_the_globe(latitude, longitude):
    linear = field(500.0 + POLE_TO_POLE[:, None], POLE_TO_POLE, AROUND)
    assert interpolate(linear, NOON, latitude, longitude) == pytest.approx(500.0 + latitude, abs=1e-9)


@given(longitude=st.floats(-179.99, 179.99), turns=st.integers(-2, 2))
def test_a_turn_around_the_earth_changes_nothing(longitude, turns):
    random = field(np.random.default_rng(3).uniform(900.0, 1000.0, (73, 144)), POLE_TO_POLE, AROUND)
    there, again = (interpolate(random, NOON, 33.3, east) for east in (longitude, longitude + 360.0 * turns))
    assert there == pytest.approx(again, abs=1e-6)


def test_the_date_line_is_crossed_without_a_seam():
    values = np.cos(np.radians(AROUND)) * np.ones((73, 1))
    found = interpolate(field(values, POLE_TO_POLE, AROUND), NOON, np.zeros(3), np.array([178.75, 180.0, -178.75]))
    np.testing.assert_allclose(
        found, [(np.cos(np.radians(177.5)) - 1.0) / 2.0, -1.0, (np.cos(np.radians(177.5)) - 1) / 2]
    )


def test_a_regional_file_across_the_date_line_is_one_area():
    region = field(np.arange(5.0), [-20.0, -10.0], [170.0, 175.0, 180.0, -175.0, -170.0])
    assert region.longitude.tolist() == [170.0, 175.0, 180.0, 185.0, 190.0]
    np.testing.assert_allclose(
        interpolate(region, NOON, np.full(3, -15.0), np.array([-177.5, 182.5, 177.5])), [2.5, 2.5, 1.5]
    )


def test_it_is_bilinear_between_four_points():
    square = field([[1.0, 3.0], [5.0, 11.0]], [0.0, 10.0], [20.0, 30.0])
    assert interpolate(square, NOON, 2.5, 25.0) == pytest.approx(0.75 * 2.0 + 0.25 * 8.0)


def test_a_place_outside_a_regional_file_is_refused_with_both_areas():
    region = field(0.0, [45.0, 55.0], [0.0, 10.0])
    with pytest.raises(
        InputError, match=r"covers latitude 45 to 55, longitude 0 to 10, the scene latitude 44 to 50, lon"
    ):
        interpolate(region, NOON, np.array([44.0, 50.0]), np.array([5.0, 6.0]))
    with pytest.raises(InputError, match="longitude -1 to 5"):
        interpolate(region, NOON, np.array([50.0, 50.0]), np.array([-1.0, 5.0]))


def test_the_edge_of_a_regional_file_belongs_to_it():
    region = field(np.arange(2.0), [45.0, 55.0], [0.0, 10.0])
    found = interpolate(region, NOON, np.array([45.0, 55.0]), np.array([10.0, 360.0]))
    assert found.tolist() == [1.0, 0.0]


def test_a_missing_neighbour_that_weighs_nothing_does_not_count():
    holed = field([[1.0, np.nan], [1.0, 1.0]], [0.0, 10.0], [0.0, 10.0])
    assert np.isnan(interpolate(holed, NOON, 5.0, 5.0))
    assert interpolate(holed, NOON, 10.0, 5.0) == 1.0


@given(minutes=st.integers(0, 120))
def test_it_is_linear_in_time_between_steps(minutes):
    found = interpolate(in_time(0, 1, 2), NOON + np.timedelta64(minutes, "m"), 5.0, 5.0)
    assert found == pytest.approx(minutes / 60.0)


@pytest.mark.parametrize(("hours", "minutes", "value"), [((0, 3), -90, 0.0), ((0, 3), 270, 3.0), ((0,), 30, 0.0)])
def test_half_a_step_outside_the_nearest_value_is_taken(hours, minutes, value):
    assert interpolate(in_time(*hours), NOON + np.timedelta64(minutes, "m"), 5.0, 5.0) == value


@pytest.mark.parametrize(("hours", "minutes"), [((0, 3), -91), ((0, 3), 271), ((0,), 31), ((0, 24), 1440 + 181)])
def test_more_than_half_a_step_outside_is_refused(hours, minutes):
    with pytest.raises(InputError, match=r"nearest to the scene.*give the steps before and after"):
        interpolate(in_time(*hours), NOON + np.timedelta64(minutes, "m"), 5.0, 5.0)


def test_steps_too_far_apart_are_not_interpolated_between():
    with pytest.raises(InputError, match=r"no step between 2015-07-19T12:00:00 and 2015-07-20T12:00:00"):
        interpolate(in_time(0, 24), NOON + 3 * HOUR, 5.0, 5.0)


def test_an_elevation_holds_at_any_time():
    assert interpolate(in_time(0, quantity=ELEVATION), NOON + 9999 * HOUR, 5.0, 5.0) == 0.0


def test_negative_water_vapour_becomes_zero():
    vapour = field([[-1.0, 3.0], [5.0, 11.0]], [0.0, 10.0], [20.0, 30.0], quantity=WATER_VAPOUR)
    assert vapour.values.min() == 0.0 and "down to -1 kg m-2" in vapour.notes[0]
