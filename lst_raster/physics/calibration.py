"""From the numbers in a Landsat file to radiance."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace


def radiance_from_digital_number(digital_number: Array, gain: float, offset: float) -> Array:
    """Radiance at the sensor from a Level-1 digital number.

    Parameters
    ----------
    digital_number : array, floating point, any shape
        Quantised and calibrated pixel value. [1]
    gain : float
        RADIANCE_MULT of the metadata. [W m-2 sr-1 um-1]
    offset : float
        RADIANCE_ADD of the metadata. [W m-2 sr-1 um-1]

    Returns
    -------
    array
        Radiance. [W m-2 sr-1 um-1]

    References
    ----------
    USGS, Landsat 8 Data Users Handbook (LSDS-1574), section 5.1
    """
    return digital_number * gain + offset


def brightness_temperature_two_constants(radiance: Array, k1: float, k2: float) -> Array:
    """Brightness temperature by the two constants of the metadata, for comparison with other products.

    `lst_raster.physics.planck.brightness_temperature` is the accurate form; this one is off by up to 0.4 K.

    Parameters
    ----------
    radiance : array, any shape
        Radiance at the sensor, positive. [W m-2 sr-1 um-1]
    k1 : float
        K1_CONSTANT of the metadata. [W m-2 sr-1 um-1]
    k2 : float
        K2_CONSTANT of the metadata. [K]

    Returns
    -------
    array
        Brightness temperature. [K]

    References
    ----------
    USGS, Landsat 8 Data Users Handbook (LSDS-1574), section 5.3
    """
    xp = namespace(radiance)
    return k2 / xp.log1p(k1 / radiance)
