"""What changes with height above the sea, in the standard atmosphere."""

from __future__ import annotations

from lst_raster.physics.arrays import Array
from lst_raster.physics.constants import GAS_CONSTANT_DRY_AIR, GRAVITY

SEA_LEVEL_PRESSURE = 1013.25  # [hPa], ISO 2533
SEA_LEVEL_TEMPERATURE = 288.15  # [K], ISO 2533
LAPSE_RATE = 6.5e-3  # [K m-1], ISO 2533


def pressure_at(elevation: Array, sea_level_pressure: Array | float = SEA_LEVEL_PRESSURE) -> Array:
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
