"""Planck's law: at one wavelength, and averaged over a sensor band."""

from __future__ import annotations

from dataclasses import dataclass

from lst_raster.physics.arrays import Array, keep_where, namespace
from lst_raster.physics.constants import C1, C2


def planck_radiance(temperature: Array, wavelength: Array | float) -> Array:
    """Spectral radiance of a black body.

    Parameters
    ----------
    temperature : array, any shape
        Temperature of the emitter. [K]
    wavelength : array or float
        Wavelength in vacuum, broadcast against `temperature`. [um]

    Returns
    -------
    array
        Spectral radiance. [W m-2 sr-1 um-1]

    References
    ----------
    M. Planck, Ann. Phys. 309, 553 (1901), doi:10.1002/andp.19013090310

    Examples
    --------
    >>> import numpy as np
    >>> round(float(planck_radiance(np.float64(300.0), 10.9)), 3)
    9.623
    """
    xp = namespace(temperature, wavelength)
    return C1 / wavelength**5 / xp.expm1(C2 / (wavelength * temperature))


@dataclass(frozen=True, kw_only=True, slots=True)
class BandPlanck:
    """Coefficients of the band-averaged Planck function of one sensor band.

    The band radiance is ``amplitude / expm1(offset + slope / T + curvature / T**2)``. With `offset` and
    `curvature` zero this is the two-constant form (K1, K2) of the Landsat metadata, with errors of up to
    0.4 K; with them it follows the exact integral over the spectral response within 0.01 K between 180 and 380 K
    and has a closed-form inverse.
    """

    amplitude: float  # radiance scale, C1 / wavelength**5 at the band's effective wavelength [W m-2 sr-1 um-1]
    offset: float  # constant term of the exponent [1]
    slope: float  # coefficient of 1 / T in the exponent [K]
    curvature: float  # coefficient of 1 / T**2 in the exponent [K2]


def band_radiance(temperature: Array, band: BandPlanck) -> Array:
    """Radiance of a black body averaged with the spectral response of a band; `brightness_temperature` is the inverse.

    Parameters
    ----------
    temperature : array, any shape
        Temperature of the emitter, 180 to 380 K for the stated accuracy. [K]
    band : BandPlanck
        The band's coefficients.

    Returns
    -------
    array
        Band radiance. [W m-2 sr-1 um-1]
    """
    xp = namespace(temperature)
    inverse = 1.0 / temperature
    return band.amplitude / xp.expm1(band.offset + inverse * (band.slope + band.curvature * inverse))


def band_radiance_slope(temperature: Array, band: BandPlanck) -> Array:
    """Derivative of `band_radiance` with respect to temperature [K], an array of any shape. [W m-2 sr-1 um-1 K-1]"""
    return slope_at(temperature, band_radiance(temperature, band), band)


def slope_at(temperature: Array, radiance: Array, band: BandPlanck) -> Array:
    """As `band_radiance_slope`, for a given band radiance at the temperature. [W m-2 sr-1 um-1]"""
    inverse = 1.0 / temperature
    exponent_slope = (band.slope + 2.0 * band.curvature * inverse) * inverse * inverse
    return radiance * (1.0 + radiance / band.amplitude) * exponent_slope


def brightness_temperature(radiance: Array, band: BandPlanck) -> Array:
    """Brightness temperature of a band radiance: the inverse of `band_radiance`.

    Parameters
    ----------
    radiance : array, any shape
        Band radiance. [W m-2 sr-1 um-1]
    band : BandPlanck
        The band's coefficients.

    Returns
    -------
    array
        Temperature, NaN where the radiance is not positive. [K]
    """
    xp = namespace(radiance)
    positive = radiance > 0.0
    safe = keep_where(positive, radiance, 1.0)  # keeps gradients finite
    exponent = xp.log1p(band.amplitude / safe) - band.offset
    # The smaller root of curvature u^2 + slope u = exponent with u = 1/T, written without cancellation.
    root = xp.sqrt(band.slope * band.slope + 4.0 * band.curvature * exponent)
    temperature = (band.slope + root) / (2.0 * exponent)
    return keep_where(positive, temperature, float("nan"))
