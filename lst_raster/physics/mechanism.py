"""What the air's optical depth and emission temperatures mostly hang on: sums that a few coefficients fit to a band.

The coefficients differ from band to band and are fitted to simulations; here stand the terms that they multiply.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.constants import STANDARD_PRESSURE

TYPICAL_COLUMN = 30.0  # water vapour of which the terms are multiples [kg m-2]
TYPICAL_HUMIDITY = 0.01  # specific humidity of which they are [kg kg-1]
TYPICAL_TEMPERATURE, TEMPERATURE_SCALE = 290.0, 20.0  # around which, and in what, air temperatures are counted [K]
LAPSE = 10.0  # in which the difference of levels from the air at 2 m is [K]


def optical_depth_terms(
    water_vapour: Array,
    surface_pressure: Array,
    air_temperature: Array | None = None,
    temperatures: Sequence[Array] = (),
    humidities: Sequence[Array] = (),
) -> tuple[Array, ...]:
    """Quantities of whose multiples the optical depth of clear air is nearly the sum.

    With vapour w and pressure p, ``p`` for the gases that are well mixed, ``w p`` for lines of water vapour and its
    continuum with air, ``w^2`` for the continuum of water vapour with itself; the last two change with temperature, so
    they come a second time, times the temperature, where it is known. On levels the same with humidity in place of the
    column.

    Parameters
    ----------
    water_vapour : array, any shape
        Column of water vapour w. [kg m-2]
    surface_pressure : array
        Pressure p at the surface. [hPa]
    air_temperature : array, optional
        Temperature of the air at 2 m. [K]
    temperatures, humidities : sequence of array, optional
        Temperature [K] and specific humidity [kg kg-1] on levels at fixed shares of the surface pressure, as many of
        one as of the other.

    Returns
    -------
    tuple of array
        Three terms, five with the temperature, three more for each level; each of order one. [1]

    References
    ----------
    S. A. Clough, F. X. Kneizys and R. W. Davies, Atmos. Res. 23, 229 (1989), doi:10.1016/0169-8095(89)90020-3, for what
    is proportional to the vapour's own and to the air's density.
    """
    vapour, pressure = water_vapour / TYPICAL_COLUMN, surface_pressure / STANDARD_PRESSURE
    terms: tuple[Array, ...] = (pressure, vapour * pressure, vapour * vapour)
    if air_temperature is not None:
        warmth = _warmth(air_temperature)
        terms = (*terms, vapour * warmth, vapour * vapour * warmth)
    for temperature, humidity in zip(temperatures, humidities, strict=True):
        moisture = humidity / TYPICAL_HUMIDITY
        terms = (*terms, moisture * pressure, moisture * moisture, moisture * moisture * _warmth(temperature))
    return terms


def smallest_coefficients(count: int) -> tuple[float, ...]:
    """Smallest coefficient that each of so many terms of the optical depth may have: no gas takes absorption away.

    What is multiplied by a temperature, which is counted from a typical one, may have either sign.

    Parameters
    ----------
    count : int
        Number of terms that `optical_depth_terms` gave.

    Returns
    -------
    tuple of float
        Zero, or minus infinity, in the order of the terms. [1]
    """
    near_ground, of_a_level = (0.0, 0.0, 0.0, -inf, -inf), (0.0, 0.0, -inf)
    return (*near_ground, *of_a_level * count)[:count]


def emission_temperature_terms(
    water_vapour: Array,
    surface_pressure: Array,
    air_temperature: Array | None = None,
    temperatures: Sequence[Array] = (),
    humidities: Sequence[Array] = (),
) -> tuple[Array, ...]:
    """Quantities of whose multiples the temperature at which clear air emits is nearly the sum.

    A constant, the vapour and its root, the pressure, and the temperature near the ground where it is known: humid air
    emits from nearer the ground, dry air from all of its height. Of levels, how much colder they are than the air at
    2 m, and the root of their humidity. The form is empirical.

    Parameters
    ----------
    water_vapour, surface_pressure, air_temperature, temperatures, humidities : array
        As in `optical_depth_terms`; levels need the air temperature.

    Returns
    -------
    tuple of array
        Four terms, seven with the temperature, two more for each level; each of order one. [1]

    References
    ----------
    Fits of this kind for the mean temperature of the air: Z. Qin, A. Karnieli and P. Berliner, Int. J. Remote Sens. 22,
    3719 (2001), doi:10.1080/01431160010006971
    """
    xp = namespace(water_vapour)
    vapour, pressure = water_vapour / TYPICAL_COLUMN, surface_pressure / STANDARD_PRESSURE
    root = xp.sqrt(vapour)
    terms: tuple[Array, ...] = (xp.ones_like(vapour), root, vapour, pressure)
    if air_temperature is not None:
        warmth = _warmth(air_temperature)
        terms = (*terms, warmth, warmth * warmth, warmth * root)
    for temperature, humidity in zip(temperatures, humidities, strict=True):
        terms = (*terms, (temperature - air_temperature) / LAPSE, xp.sqrt(humidity / TYPICAL_HUMIDITY))
    return terms


def _warmth(temperature: Array) -> Array:
    return (temperature - TYPICAL_TEMPERATURE) / TEMPERATURE_SCALE
