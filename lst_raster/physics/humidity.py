"""Water vapour: saturation, specific humidity, mixing ratio, column."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.constants import EPSILON_WATER, GAS_CONSTANT_DRY_AIR, GRAVITY
from lst_raster.physics.elevation import VAPOUR_SCALE_HEIGHT

ICE_ONLY_BELOW = 253.16  # [K], saturation over ice below; as in the GFS and IFS models, about 20 K below freezing
WATER_ONLY_ABOVE = 273.16  # [K], triple point


def saturation_pressure_water(temperature: Array) -> Array:
    """Saturation vapour pressure [hPa] over liquid water at an air temperature [K], an array of any shape.

    References
    ----------
    A. L. Buck, J. Appl. Meteorol. 20, 1527 (1981), doi:10.1175/1520-0450(1981)020<1527:NEFCVP>2.0.CO;2,
    in the form of the ECMWF IFS documentation, part IV, section 7.4.2.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(saturation_pressure_water(np.float64(293.15))), 2)
    23.36
    """
    xp = namespace(temperature)
    return 6.1121 * xp.exp(17.502 * (temperature - 273.16) / (temperature - 32.19))


def saturation_pressure_ice(temperature: Array) -> Array:
    """Saturation vapour pressure over ice; parameters, unit and source as in `saturation_pressure_water`."""
    xp = namespace(temperature)
    return 6.1121 * xp.exp(22.587 * (temperature - 273.16) / (temperature + 0.7))


def saturation_pressure_mixed(temperature: Array) -> Array:
    """Saturation vapour pressure [hPa] over ice below 253 K, water above 273 K, linear in temperature between.

    Weather models give relative humidity with respect to this mixture; saturation over water only makes columns
    0.5 kg m-2 too humid on average.
    """
    xp = namespace(temperature)
    zero, one = xp.full_like(temperature, 0.0), xp.ones_like(temperature)
    fraction = (temperature - ICE_ONLY_BELOW) / (WATER_ONLY_ABOVE - ICE_ONLY_BELOW)
    water = xp.minimum(xp.maximum(fraction, zero), one)
    ice_part = (1.0 - water) * saturation_pressure_ice(temperature)
    return water * saturation_pressure_water(temperature) + ice_part


def vapour_density(vapour_pressure: Array, temperature: Array) -> Array:
    """Density of water vapour [kg m-3] from its partial pressure [hPa] and air temperature [K], by the ideal gas law.

    References
    ----------
    J. M. Wallace, P. V. Hobbs, Atmospheric Science, 2nd ed. (2006), section 3.1

    Examples
    --------
    >>> round(vapour_density(23.36, 293.15), 4)
    0.0173
    """
    return vapour_pressure * 100.0 * EPSILON_WATER / (GAS_CONSTANT_DRY_AIR * temperature)


def saturated_column(temperature: Array) -> Array:
    """Water vapour of a column that is saturated at the ground and decreases with `VAPOUR_SCALE_HEIGHT`. [kg m-2]

    `temperature` is the air temperature at the ground. [K]

    Examples
    --------
    >>> round(float(saturated_column(293.0)), 1)
    34.2
    """
    return vapour_density(saturation_pressure_water(temperature), temperature) * VAPOUR_SCALE_HEIGHT


def column_from_vapour_pressure(vapour_pressure: Array, decrease_factor: Array | float) -> Array:
    """Water vapour column above a surface where vapour pressure decreases with height as a power of pressure. [kg m-2]

    With the vapour pressure at the surface [hPa] and the decrease factor [1], vapour pressure is proportional to the
    air pressure to the power of `decrease_factor` + 1; the integral of 0.622 e / p over p / g is closed.

    References
    ----------
    J. Askne, H. Nordius, Radio Sci. 22, 379 (1987), doi:10.1029/RS022i003p00379

    Examples
    --------
    >>> round(column_from_vapour_pressure(20.0, 2.5), 1)
    36.2
    """
    return vapour_pressure * (100.0 * EPSILON_WATER / GRAVITY) / (decrease_factor + 1.0)


def specific_humidity_from_vapour_pressure(vapour_pressure: Array, pressure: Array) -> Array:
    """Mass of water vapour per mass of moist air [kg kg-1], from partial pressure of vapour and air pressure [hPa]."""
    return EPSILON_WATER * vapour_pressure / (pressure - (1.0 - EPSILON_WATER) * vapour_pressure)


def specific_humidity_from_dew_point(dew_point: Array, pressure: Array) -> Array:
    """Specific humidity [kg kg-1] from dew point [K] and air pressure [hPa], over liquid water as in the IFS.

    References
    ----------
    ECMWF, IFS documentation CY41R2, part IV, section 7.4.2 (saturation with respect to water)
    """
    return specific_humidity_from_vapour_pressure(saturation_pressure_water(dew_point), pressure)


def specific_humidity_from_mixing_ratio(mixing_ratio: Array) -> Array:
    """Specific humidity from the mixing ratio, the mass of water vapour per mass of dry air. [kg kg-1]"""
    return mixing_ratio / (1.0 + mixing_ratio)


def specific_humidity(relative_humidity: Array, temperature: Array, pressure: Array) -> Array:
    """Specific humidity [kg kg-1] from relative humidity over mixed-phase saturation, as a fraction [1].

    Temperature [K] and pressure [hPa] are those of the level.
    """
    vapour_pressure = relative_humidity * saturation_pressure_mixed(temperature)
    return specific_humidity_from_vapour_pressure(vapour_pressure, pressure)


def relative_humidity(specific_humidity: Array, temperature: Array, pressure: Array) -> Array:
    """Relative humidity over mixed-phase saturation: the inverse of `specific_humidity`. [1]"""
    mixture = EPSILON_WATER + (1.0 - EPSILON_WATER) * specific_humidity
    return specific_humidity * pressure / mixture / saturation_pressure_mixed(temperature)


def mole_fraction(specific_humidity: Array) -> Array:
    """Moles of water vapour per mole of moist air [1], from the specific humidity. [kg kg-1]"""
    return specific_humidity / (EPSILON_WATER + (1.0 - EPSILON_WATER) * specific_humidity)


def layer_mass(mass_fraction: Array, pressure_thickness: Array) -> Array:
    """Column mass [kg m-2] of a constituent in a layer in hydrostatic balance.

    Takes its mean mass per mass of air [kg kg-1] and the pressure difference between bottom and top. [hPa]
    """
    return mass_fraction * pressure_thickness * (100.0 / GRAVITY)  # hPa to Pa


def layer_mass_between(
    humidity_above: Array, humidity_below: Array, pressure_above: Array | float, pressure_below: Array | float
) -> Array:
    """Column mass of water vapour in a layer where humidity is a power law in pressure. [kg m-2]

    The integral of humidity over pressure is that of ``q p`` over ln p, in which ``q p`` is exponential; its mean is
    the logarithmic mean of the two ends. Specific humidity [kg kg-1], positive, and pressure [hPa] are those at the top
    and the bottom of the layer.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(layer_mass_between(np.float64(0.001), np.float64(0.008), 500.0, 1000.0)), 3)  # (p / 1000 hPa)^3
    19.12
    """
    xp = namespace(humidity_above, humidity_below)
    above, below = humidity_above * pressure_above, humidity_below * pressure_below
    ratio = xp.log(below / above)
    near = xp.abs(ratio) < 1e-4  # arithmetic and logarithmic mean differ by 1e-9
    mean = xp.where(near, 0.5 * (above + below), (below - above) / xp.where(near, xp.ones_like(ratio), ratio))
    return layer_mass(mean, xp.log(pressure_below / pressure_above * xp.ones_like(ratio)))
