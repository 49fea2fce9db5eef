"""Elevation of the sun: against the zenith angles of a station, and at solstices and equinoxes."""

import numpy as np
import pytest

from lst_raster.physics.solar import solar_elevation
from tests.support.shared import shared_path

EPOCH = np.datetime64("2000-01-01T12:00", "s")


def days(time):
    return (np.asarray(time, "datetime64[s]") - EPOCH) / np.timedelta64(1, "D")


def test_it_agrees_with_the_zenith_angles_in_a_file_of_surfrad():
    text = (shared_path("data", "landsat", "surfrad") / "surfrad-slv16001.dat").read_text()
    rows = np.array([line.split() for line in text.splitlines()[2:]], float)
    time = np.datetime64("2016-01-01T00:00", "s") + (60.0 * rows[:, 4] + rows[:, 5]).astype("timedelta64[m]")
    middle = time - np.timedelta64(30, "s")  # the time of a record is the end of its minute
    found, measured = solar_elevation(37.70, -105.92, days(middle)), 90.0 - rows[:, 7]
    below, above = measured < -5.0, measured > 12.0
    assert below.sum() > 700 and above.sum() > 400
    assert np.abs(found - measured)[below].max() < 0.02
    assert 0.02 < (measured - found)[above].min() < (measured - found)[above].max() < 0.1  # theirs has refraction


@pytest.mark.parametrize(
    ("time", "latitude", "longitude", "elevation"),
    [
        ("2021-06-21T12:00", 23.44, 0.4, 90.0),  # solstice: in the zenith of the tropic
        ("2021-12-21T12:00", 66.56, 0.0, 0.0),  # at noon on the horizon of the polar circle
        ("2021-06-21T00:00", 66.56, 0.0, 0.0),  # at midnight
        ("2021-03-20T09:37", 90.0, 77.0, 0.0),  # equinox at the pole
        ("2021-06-21T00:00", -23.44, 180.0, 43.1),
    ],
)
def test_known_places_of_the_sun(time, latitude, longitude, elevation):
    assert float(solar_elevation(latitude, longitude, days(time))) == pytest.approx(elevation, abs=0.5)


def test_an_unknown_time_or_place_has_none():
    found = solar_elevation(np.array([np.nan, 10.0]), np.array([0.0, 0.0]), np.array([1.0, np.nan]))
    assert np.isnan(found).all()
