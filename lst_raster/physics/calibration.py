"""Radiometric calibration of thermal bands, and the downwelling radiance of USGS Level-2 products."""

from __future__ import annotations

import math

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.planck import BandPlanck, band_radiance_slope


def radiance_from_digital_number(digital_number: Array, gain: float, offset: float) -> Array:
    """At-sensor radiance from a Level-1 digital number.

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
    """Brightness temperature by the constants K1 and K2 of the metadata, for comparison with other products.

    `lst_raster.physics.planck.brightness_temperature` is the accurate form; this one has errors of up to 0.4 K.

    Parameters
    ----------
    radiance : array, any shape
        At-sensor radiance, positive. [W m-2 sr-1 um-1]
    k1, k2 : float
        K1_CONSTANT [W m-2 sr-1 um-1] and K2_CONSTANT [K] of the metadata.

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
    """At-sensor radiance [W m-2 sr-1 um-1]: the inverse of `brightness_temperature_two_constants`."""
    xp = namespace(temperature)
    return k1 / xp.expm1(k2 / temperature)


def rescaling_from_limits(
    lowest_radiance: float, highest_radiance: float, lowest_number: float, highest_number: float
) -> tuple[float, float]:
    """Gain and offset from the radiances of two digital numbers, as given in metadata before 2012.

    Parameters
    ----------
    lowest_radiance, highest_radiance : float
        LMIN and LMAX of the metadata. [W m-2 sr-1 um-1]
    lowest_number, highest_number : float
        QCALMIN and QCALMAX, the corresponding digital numbers; they must differ. [1]

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


def downwelling_from_st_drad(st_drad: Array) -> Array:
    """Hemispheric mean downwelling radiance from the band ST_DRAD of a Collection 2 Level-2 product.

    ``Ld = pi ST_DRAD``, with the scale factor 0.001 of ST_DRAD applied [W m-2 sr-1 um-1]; inferred from two Landsat 8
    products. The values of the band are below the upwelling radiance of the same atmosphere, which is impossible where
    temperature decreases with height, and simulated atmospheres give 3.0 to 3.3 times as much. docs/science/level2.md
    shows the evidence and its limits.

    References
    ----------
    USGS LSDS-1619, Landsat 8-9 Collection 2 Level 2 Science Product Guide, for the band and its
    scale factor; the factor pi is a result of this project.
    """
    return math.pi * st_drad


def temperature_change_by_downwelling(
    surface_temperature: Array, emissivity: Array, excess: Array, band: BandPlanck
) -> Array:
    """Change of the surface temperature [K] for an increase of the downwelling radiance, to first order.

    ``dTs = -(1 - e) dLd / (e dB/dT)``, the derivative of `lst_raster.physics.radiative_transfer.surface_radiance`; the
    transmittance cancels. `excess` is dLd [W m-2 sr-1 um-1]; the other parameters are as in `sensor_radiance`.
    """
    return -(1.0 - emissivity) * excess / (emissivity * band_radiance_slope(surface_temperature, band))
