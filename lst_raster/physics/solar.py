"""Position of the sun."""

from __future__ import annotations

import numpy as np

from lst_raster.physics.arrays import Array


def solar_elevation(latitude: Array, longitude: Array, days: Array) -> Array:
    """Elevation of the sun above the horizon, without refraction; within 0.01 degrees from 1950 to 2050.

    Parameters
    ----------
    latitude, longitude : array or float, broadcast against each other
        Place. [degree north, degree east]
    days : array or float
        Time since 2000-01-01 12:00 UTC. [day]

    Returns
    -------
    array
        Elevation, negative at night. [degree]

    References
    ----------
    J. J. Michalsky, Solar Energy 40, 227 (1988), doi:10.1016/0038-092X(88)90045-X

    Examples
    --------
    >>> round(float(solar_elevation(0.0, 0.0, 0.0)), 2)
    66.95
    """
    anomaly = np.radians(357.528 + 0.9856003 * days)
    mean_longitude = 280.460 + 0.9856474 * days  # [degree]
    ecliptic = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    sine_of_declination = np.sin(obliquity) * np.sin(ecliptic)
    hours = 24.0 * ((days + 0.5) % 1.0)  # UTC
    sidereal = np.radians(15.0 * (6.697375 + 0.0657098242 * days + hours) + longitude)  # local mean sidereal time
    cosine_of_declination = np.sqrt(1.0 - sine_of_declination * sine_of_declination)
    hour_angle, north = sidereal - right_ascension, np.radians(latitude)
    sine = np.sin(north) * sine_of_declination + np.cos(north) * cosine_of_declination * np.cos(hour_angle)
    return np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
