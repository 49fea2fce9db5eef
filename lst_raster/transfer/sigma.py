"""Sigma levels: where the `profile` tier takes temperature and humidity, as shares of the surface pressure.

They follow the ground, so that a level means the same air over a coast and over a plateau.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SIGMA = (0.975, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Pressure over surface pressure, from the ground up: dense where the vapour is. [1]"""
TEMPERATURE_LEVELS = tuple(f"air_temperature_sigma{1000 * sigma:.0f}" for sigma in SIGMA)
"""Names of the temperatures on them; the number is sigma in thousandths."""
HUMIDITY_LEVELS = tuple(f"specific_humidity_sigma{1000 * sigma:.0f}" for sigma in SIGMA)
"""Names of the specific humidities."""
SMALLEST_HUMIDITY = 1e-8
"""Floor under a humidity before its logarithm is taken; drier air does not absorb in the window. [kg kg-1]"""


def at_sigma(pressure: Float, air_temperature: Float, specific_humidity: Float) -> tuple[Float, Float]:
    """Temperature and humidity of one profile on the sigma levels.

    Between its levels temperature is linear and humidity a power law in pressure, as in `layers`; above the highest
    level both keep its values.

    Parameters
    ----------
    pressure : array of shape (levels,)
        Pressure, falling; the first level is the ground. [hPa]
    air_temperature, specific_humidity : array of shape (levels,)
        The profile. [K], [kg kg-1]

    Returns
    -------
    tuple of array of shape (11,)
        Temperature [K] and specific humidity [kg kg-1] at `SIGMA`.

    Examples
    --------
    >>> pressure = np.array([1000.0, 500.0, 100.0])
    >>> warmth, humidity = at_sigma(pressure, np.array([300.0, 270.0, 210.0]), np.array([0.02, 0.002, 2e-6]))
    >>> round(float(warmth[SIGMA.index(0.5)]), 2), round(float(humidity[SIGMA.index(0.5)]), 6)
    (270.0, 0.002)
    """
    places = np.log(pressure[0] * np.array(SIGMA))
    known = np.log(pressure[::-1])
    humidity = np.log(np.maximum(specific_humidity[::-1], SMALLEST_HUMIDITY))
    return (
        np.asarray(np.interp(places, known, air_temperature[::-1])),
        np.asarray(np.exp(np.interp(places, known, humidity))),
    )
