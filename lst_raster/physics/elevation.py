"""Dependence of pressure, air temperature and water vapour on elevation."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.constants import GAS_CONSTANT_DRY_AIR, GRAVITY, STANDARD_PRESSURE

SEA_LEVEL_TEMPERATURE = 288.15  # [K], ISO 2533
LAPSE_RATE = 6.5e-3  # [K m-1], ISO 2533
VAPOUR_SCALE_HEIGHT = 2000.0  # [m], rounded from Anderson et al. (1986), see `water_vapour_between`


def pressure_at(elevation: Array, sea_level_pressure: Array | float = STANDARD_PRESSURE) -> Array:
    """Air pressure at an elevation, by the barometric formula of the standard troposphere.

    Parameters
    ----------
    elevation : array, any shape
        Height above sea level, up to 11 km. [m]
    sea_level_pressure : array or float
        Air pressure at sea level. [hPa]

    Returns
    -------
    array
        Air pressure. [hPa]

    References
    ----------
    ISO 2533:1975, Standard Atmosphere

    Examples
    --------
    >>> round(pressure_at(1000.0), 1)
    898.7
    """
    exponent = GRAVITY / (GAS_CONSTANT_DRY_AIR * LAPSE_RATE)
    return sea_level_pressure * (1.0 - LAPSE_RATE / SEA_LEVEL_TEMPERATURE * elevation) ** exponent


def elevation_at(pressure: Array, sea_level_pressure: Array | float = STANDARD_PRESSURE) -> Array:
    """Elevation [m] of an air pressure [hPa] in the standard troposphere, the inverse of `pressure_at`.

    Examples
    --------
    >>> round(elevation_at(898.7457), 1)
    1000.0
    """
    exponent = GAS_CONSTANT_DRY_AIR * LAPSE_RATE / GRAVITY
    return (1.0 - (pressure / sea_level_pressure) ** exponent) * (SEA_LEVEL_TEMPERATURE / LAPSE_RATE)


def surface_pressure_between(surface_pressure: Array, start: Array | float, end: Array | float) -> Array:
    """Surface pressure [hPa] adjusted from one surface elevation [m] to another, as in the standard troposphere.

    Elevations are below 11 km; source as in `pressure_at`.

    Examples
    --------
    >>> round(surface_pressure_between(898.7, 1000.0, 0.0), 1)
    1013.2
    """
    return surface_pressure * pressure_at(end) / pressure_at(start)


def air_temperature_between(air_temperature: Array, start: Array | float, end: Array | float) -> Array:
    """Near-surface air temperature [K] adjusted from one surface elevation [m] to another by the standard lapse rate.

    Source as in `pressure_at`.

    Examples
    --------
    >>> air_temperature_between(288.15, 0.0, 1000.0)
    281.65
    """
    return air_temperature - LAPSE_RATE * (end - start)


def air_temperature_between_pressures(air_temperature: Array, start: Array | float, end: Array | float) -> Array:
    """Air temperature [K] adjusted from one pressure [hPa] to another by the standard lapse rate.

    Assumes hydrostatic balance; source as in `pressure_at`.

    Examples
    --------
    >>> round(air_temperature_between_pressures(281.65, 898.7457, 1013.25), 2)
    288.15
    """
    return air_temperature * (end / start) ** (GAS_CONSTANT_DRY_AIR * LAPSE_RATE / GRAVITY)


def water_vapour_between(water_vapour: Array, start: Array | float, end: Array | float) -> Array:
    """Water vapour column [kg m-2] adjusted from one surface elevation [m] to another.

    Assumes an exponential decrease of vapour density. The scale height is 2.1 to 2.4 km in the tropical, mid-latitude
    and sub-arctic summer atmospheres; single days may differ widely.

    References
    ----------
    G. P. Anderson et al., AFGL Atmospheric Constituent Profiles (0-120 km), AFGL-TR-86-0110 (1986)

    Examples
    --------
    >>> round(float(water_vapour_between(20.0, 0.0, 1000.0)), 2)
    12.13
    """
    xp = namespace(water_vapour, start, end)
    return water_vapour * xp.exp((start - end) / VAPOUR_SCALE_HEIGHT)
