"""Published retrievals of land surface temperature, for comparison; coefficients are arguments."""

from __future__ import annotations

from collections.abc import Sequence

from lst_raster.physics.arrays import Array
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope


def single_channel_temperature(
    radiance: Array,
    brightness_temperature: Array,
    emissivity: Array,
    water_vapour: Array,
    psi: Sequence[Sequence[float]],
    b_gamma: float,
) -> Array:
    """Land surface temperature [K] by the generalised single-channel method.

    ``Ts = gamma [(psi1 L + psi2) / e + psi3] + delta`` with ``gamma = T**2 / (b_gamma L)``,
    ``delta = T - T**2 / b_gamma`` and each psi a quadratic of the water vapour.

    Parameters
    ----------
    radiance, brightness_temperature : array, any shape
        At-sensor radiance L [W m-2 sr-1 um-1] and brightness temperature T [K].
    emissivity, water_vapour : array
        Surface emissivity e [1] and water vapour column [kg m-2].
    psi : three sequences of three floats
        Coefficients of the psi functions, quadratic term first, for water vapour in g cm-2.
    b_gamma : float
        C2 divided by the effective wavelength of the band. [K]

    References
    ----------
    J. C. Jimenez-Munoz et al., IEEE Trans. Geosci. Remote Sens. 47, 339 (2009), doi:10.1109/TGRS.2008.2007125
    J. C. Jimenez-Munoz et al., IEEE Geosci. Remote Sens. Lett. 11, 1840 (2014), doi:10.1109/LGRS.2014.2312032
    """
    column = 0.1 * water_vapour  # g cm-2
    psi1, psi2, psi3 = ((quadratic * column + linear) * column + constant for quadratic, linear, constant in psi)
    curvature = brightness_temperature * brightness_temperature / b_gamma
    gamma = curvature / radiance
    return gamma * ((psi1 * radiance + psi2) / emissivity + psi3) + brightness_temperature - curvature


def mono_window_temperature(
    brightness_temperature: Array, emissivity: Array, slope: Array, emissivity_term: Array, constant: Array
) -> Array:
    """Land surface temperature [K] by the statistical mono-window method.

    ``Ts = A T / e + B / e + C`` with brightness temperature T [K] and surface emissivity e [1]. The coefficients A
    (`slope`) [1], B (`emissivity_term`) [K] and C (`constant`) [K] depend on the class of water vapour of the pixel.

    References
    ----------
    A. Duguay-Tetzlaff et al., Remote Sens. 7, 13139 (2015), doi:10.3390/rs71013139
    S. L. Ermida et al., Remote Sens. 12, 1471 (2020), doi:10.3390/rs12091471
    """
    return (slope * brightness_temperature + emissivity_term) / emissivity + constant


def split_window_temperature(
    brightness_temperature: Array,
    second_brightness_temperature: Array,
    emissivity: Array,
    second_emissivity: Array,
    water_vapour: Array,
    coefficients: Sequence[float],
) -> Array:
    """Land surface temperature [K] from two bands by the split-window method.

    ``Ts = T + c1 d + c2 d**2 + c0 + (c3 + c4 w) (1 - e) + (c5 + c6 w) de`` with ``d = T - T2``, mean emissivity e of
    the bands and ``de = e1 - e2``.

    Parameters
    ----------
    brightness_temperature, second_brightness_temperature : array, any shape
        Brightness temperature T and T2 of each band. [K]
    emissivity, second_emissivity : array
        Surface emissivity e1 and e2 in each band. [1]
    water_vapour : array
        Water vapour column. [kg m-2]
    coefficients : seven floats
        c0 [K], c1 [1], c2 [K-1], c3 and c5 [K], c4 and c6 [K cm2 g-1], for water vapour w in g cm-2.

    References
    ----------
    J. C. Jimenez-Munoz et al., IEEE Geosci. Remote Sens. Lett. 11, 1840 (2014), doi:10.1109/LGRS.2014.2312032
    """
    c0, c1, c2, c3, c4, c5, c6 = coefficients
    column = 0.1 * water_vapour  # g cm-2
    difference = brightness_temperature - second_brightness_temperature
    mean, contrast = 0.5 * (emissivity + second_emissivity), emissivity - second_emissivity
    atmosphere = c0 + (c1 + c2 * difference) * difference
    return brightness_temperature + atmosphere + (c3 + c4 * column) * (1.0 - mean) + (c5 + c6 * column) * contrast


def wien_temperature(temperature: Array | float, band: BandPlanck) -> Array:
    """Parameter b_gamma [K] of `single_channel_temperature` for bands without a published value.

    ``T**2 B'(T) / B(T)`` at a typical surface temperature T [K]; in Wien's approximation it is C2 divided by the
    effective wavelength of the band at all temperatures. Source as in `single_channel_temperature`.
    """
    return temperature * temperature * band_radiance_slope(temperature, band) / band_radiance(temperature, band)
