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


def radiance_two_constants(temperature: Array, k1: float, k2: float) -> Array:
    """Radiance from a brightness temperature that was made by the two constants: their form, inverted.

    Parameters
    ----------
    temperature : array, any shape
        Brightness temperature by `brightness_temperature_two_constants`. [K]
    k1, k2 : float
        The constants of the metadata. [W m-2 sr-1 um-1], [K]

    Returns
    -------
    array
        Radiance at the sensor. [W m-2 sr-1 um-1]

    References
    ----------
    USGS, Landsat 8 Data Users Handbook (LSDS-1574), section 5.3
    """
    xp = namespace(temperature)
    return k1 / xp.expm1(k2 / temperature)


def rescaling_from_limits(
    lowest_radiance: float, highest_radiance: float, lowest_number: float, highest_number: float
) -> tuple[float, float]:
    """Gain and offset from the radiances of two digital numbers, as metadata before 2012 give them.

    Parameters
    ----------
    lowest_radiance, highest_radiance : float
        LMIN and LMAX of the metadata. [W m-2 sr-1 um-1]
    lowest_number, highest_number : float
        QCALMIN and QCALMAX, the digital numbers that stand for them, which must differ. [1]

    Returns
    -------
    tuple of float
        Gain and offset of `radiance_from_digital_number`. [W m-2 sr-1 um-1]

    References
    ----------
    G. Chander et al., Remote Sens. Environ. 113, 893 (2009), doi:10.1016/j.rse.2009.01.007

    Examples
    --------
    >>> gain, offset = rescaling_from_limits(1.238, 15.303, 1.0, 255.0)
    >>> round(gain, 6), round(offset, 5)
    (0.055374, 1.18263)
    """
    gain = (highest_radiance - lowest_radiance) / (highest_number - lowest_number)
    return gain, lowest_radiance - gain * lowest_number
