"""Predictors of linear models of the optical depth and the emission temperatures of the clear atmosphere.

The coefficients are fitted to simulations for each band; this module has the terms that they multiply.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.constants import STANDARD_PRESSURE

TYPICAL_COLUMN = 30.0  # scale of water vapour [kg m-2]
TYPICAL_HUMIDITY = 0.01  # scale of specific humidity [kg kg-1]
TYPICAL_TEMPERATURE, TEMPERATURE_SCALE = 290.0, 20.0  # offset and scale of air temperature [K]
TYPICAL_AEROSOL = 0.02  # scale of the aerosol optical depth [1]
TYPICAL_YEAR, YEARS = 2000.0, 20.0  # offset and scale of the year of the gas concentrations
LAPSE = 10.0  # scale of the difference between levels and 2 m [K]


def optical_depth_terms(
    water_vapour: Array,
    surface_pressure: Array,
    air_temperature: Array,
    aerosol_optical_depth: Array,
    gas_year: Array,
    temperatures: Sequence[Array] = (),
    humidities: Sequence[Array] = (),
) -> tuple[Array, ...]:
    """Terms whose linear combination approximates the optical depth of the clear atmosphere.

    With vapour w and pressure p: ``p`` for well-mixed gases, ``w p`` for water vapour lines and the foreign continuum,
    ``w^2`` for the self continuum; both depend on the air temperature T: ``w T`` and ``w^2 T``. The aerosol adds its
    optical depth; well-mixed gases increase with the year. On levels as for vapour, with humidity in place of the
    column.

    Parameters
    ----------
    water_vapour, surface_pressure, air_temperature : array, any shape
        Column of water vapour [kg m-2], pressure at the surface [hPa] and air temperature at 2 m [K].
    aerosol_optical_depth, gas_year : array
        Absorption optical depth of aerosol at 11 um [1] and year of the gas concentrations.
    temperatures, humidities : sequence of array, optional
        Temperature [K] and specific humidity [kg kg-1] on sigma levels, of the same number.

    Returns
    -------
    tuple of array
        Seven terms, and three for each level; each of order one. [1]

    References
    ----------
    S. A. Clough, F. X. Kneizys and R. W. Davies, Atmos. Res. 23, 229 (1989), doi:10.1016/0169-8095(89)90020-3, for the
    self and foreign continuum.
    """
    vapour, pressure = water_vapour / TYPICAL_COLUMN, surface_pressure / STANDARD_PRESSURE
    scaled = _scaled_temperature(air_temperature)
    terms: tuple[Array, ...] = (
        pressure,
        vapour * pressure,
        vapour * vapour,
        vapour * scaled,
        vapour * vapour * scaled,
        aerosol_optical_depth / TYPICAL_AEROSOL,
        pressure * (gas_year - TYPICAL_YEAR) / YEARS,
    )
    for temperature, humidity in zip(temperatures, humidities, strict=True):
        scaled_humidity = humidity / TYPICAL_HUMIDITY
        terms = (
            *terms,
            scaled_humidity * pressure,
            scaled_humidity * scaled_humidity,
            scaled_humidity * scaled_humidity * _scaled_temperature(temperature),
        )
    return terms


def smallest_coefficients(count: int) -> tuple[float, ...]:
    """Lower bound of the coefficient of each of `count` optical depth terms: no gas has negative absorption. [1]

    Terms that are multiplied by a difference of temperature or year may have either sign.
    """
    near_ground, of_a_level = (0.0, 0.0, 0.0, -inf, -inf, 0.0, -inf), (0.0, 0.0, -inf)
    return (*near_ground, *of_a_level * count)[:count]


def emission_temperature_terms(
    water_vapour: Array,
    surface_pressure: Array,
    air_temperature: Array,
    temperatures: Sequence[Array] = (),
    humidities: Sequence[Array] = (),
) -> tuple[Array, ...]:
    """Terms whose linear combination approximates emission temperatures less air temperature, clear atmosphere.

    A constant, the vapour and its square root, the pressure, and the near-surface temperature: a humid atmosphere
    emits from nearer the ground. For levels, their temperature difference from 2 m and the square root of their
    humidity. The form is empirical.

    Parameters are as in `optical_depth_terms`. Returns seven terms, and two for each level; each of order one. [1]

    References
    ----------
    Similar fits of the mean atmospheric temperature: Z. Qin, A. Karnieli and P. Berliner, Int. J. Remote Sens. 22,
    3719 (2001), doi:10.1080/01431160010006971
    """
    xp = namespace(water_vapour)
    vapour, pressure = water_vapour / TYPICAL_COLUMN, surface_pressure / STANDARD_PRESSURE
    root, scaled = xp.sqrt(vapour), _scaled_temperature(air_temperature)
    terms: tuple[Array, ...] = (
        xp.ones_like(vapour), root, vapour, pressure, scaled, scaled * scaled, scaled * root
    )  # fmt: skip
    for temperature, humidity in zip(temperatures, humidities, strict=True):
        terms = (*terms, (temperature - air_temperature) / LAPSE, xp.sqrt(humidity / TYPICAL_HUMIDITY))
    return terms


def _scaled_temperature(temperature: Array) -> Array:
    return (temperature - TYPICAL_TEMPERATURE) / TEMPERATURE_SCALE
