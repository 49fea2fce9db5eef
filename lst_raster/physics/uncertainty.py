"""Uncertainty of surface temperatures and of their averages, by first-order propagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope, brightness_temperature, slope_at


def inverse_variance(uncertainty: Array) -> Array:
    """Inverse-variance weight [K-2] of measurements with independent errors and a standard uncertainty [K].

    References
    ----------
    A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1935), doi:10.1017/S0370164600014346
    """
    return 1.0 / (uncertainty * uncertainty)


def uncertainty_if_independent(variances: Array, weights: Array) -> Array:
    """Uncertainty of a weighted mean of measurements with independent errors. [K]

    ``u = sqrt(sum(w**2 u_i**2)) / sum(w)``, the lower bound unless errors are negatively correlated.

    Parameters
    ----------
    variances, weights : array, any shape
        ``sum(w**2 u_i**2)`` [K-2 for weights in K-2, K2 for weights in 1] and ``sum(w)``. [K-2] or [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(variances, weights)
    return xp.sqrt(variances) / weights


def uncertainty_if_correlated(deviations: Array, weights: Array) -> Array:
    """Uncertainty of a weighted mean of measurements with fully correlated errors. [K]

    ``u = sum(w u_i) / sum(w)``, with all correlation coefficients 1: the upper bound.

    Parameters
    ----------
    deviations, weights : array, any shape
        ``sum(w u_i)`` [K-1 for weights in K-2, K for weights in 1] and ``sum(w)``. [K-2] or [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, note 1 of 5.2.2.
    """
    return deviations / weights


Terms: TypeAlias = tuple[Array, Array, Array]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], or changes of them."""

NOISE_TEMPERATURE = 300.0  # reference temperature of noise-equivalent temperature differences [K]


def atmosphere_uncertainty(
    surface_temperature: Array,
    emissivity: Array,
    optical_depth: Array,
    upwelling_temperature: Array,
    optical_depth_uncertainty: Array,
    upwelling_temperature_uncertainty: Array,
    band: BandPlanck,
) -> Array:
    """Uncertainty of the surface temperature due to the predicted atmosphere. [K]

    In the variables of `coupled_atmosphere`, the at-sensor radiance is ``tau M + (1 - tau) B(T_up)`` with M the
    radiance leaving the surface. Independent errors of the optical depth d and of T_up change it by
    ``-tau (M - B(T_up))`` and ``(1 - tau) B'(T_up)``; division by ``tau e B'(Ts)`` converts both to surface
    temperature. The optical depth has no effect where T_up equals the surface temperature. M is approximated by
    ``B(Ts)``; the error of the reflected radiance, a few per cent of the others, is neglected.

    Parameters
    ----------
    surface_temperature, emissivity : array, any shape
        Land surface temperature Ts [K], surface emissivity e in the band [1].
    optical_depth, upwelling_temperature : array
        Effective optical depth d along the view path [1] and emission temperature T_up of the upwelling radiance [K].
    optical_depth_uncertainty, upwelling_temperature_uncertainty : array
        Standard uncertainty of each, in the same units.

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(optical_depth, surface_temperature)
    # Both contributions are divided by tau; expm1(d) = 1 / tau - 1 = (1 - tau) / tau.
    contrast = band_radiance(surface_temperature, band) - band_radiance(upwelling_temperature, band)
    from_depth = contrast * optical_depth_uncertainty
    emission = xp.expm1(optical_depth) * band_radiance_slope(upwelling_temperature, band)
    from_temperature = emission * upwelling_temperature_uncertainty
    ground = emissivity * band_radiance_slope(surface_temperature, band)
    return xp.sqrt(from_depth * from_depth + from_temperature * from_temperature) / ground


class AtmosphereVariance(NamedTuple):
    """Variance of the transmitted surface emission, ``Var(tau e B(Ts)) = A + B L + C L**2`` at radiance L.

    The coefficients vary smoothly over a scene, as the atmosphere does; only L differs from pixel to pixel.
    """

    constant: Array  # A [(W m-2 sr-1 um-1)2]
    linear: Array  # B [W m-2 sr-1 um-1]
    quadratic: Array  # C [1]


def term_changes(
    transmittance: Array,
    upwelling_radiance: Array,
    optical_depth_uncertainty: Array,
    upwelling_temperature_uncertainty: Array,
    band: BandPlanck,
) -> tuple[Terms, Terms]:
    """Changes of the atmospheric terms for one standard uncertainty of optical depth or upwelling temperature.

    The optical depth changes ``tau = exp(-d)`` and ``Lu = (1 - tau) B(T_up)``; T_up changes Lu only. The reflected
    radiance is neglected, as in `atmosphere_uncertainty`; for a black surface both functions agree. Parameters as in
    `sensor_radiance` and `atmosphere_uncertainty`. Returns the changes of transmittance [1], upwelling and downwelling
    radiance [W m-2 sr-1 um-1], for the optical depth and for the temperature.
    """
    xp = namespace(transmittance)
    absorptance = 1.0 - transmittance
    absorbing = xp.maximum(absorptance, xp.full_like(absorptance, 1e-6))  # avoids 0 / 0 without an atmosphere
    emitted = upwelling_radiance / absorbing  # B(T_up)
    slope = band_radiance_slope(brightness_temperature(emitted, band), band)
    less_transmittance = transmittance * optical_depth_uncertainty
    unchanged = 0.0 * less_transmittance
    more_upwelling = absorptance * slope * upwelling_temperature_uncertainty
    return (-less_transmittance, less_transmittance * emitted, unchanged), (unchanged, more_upwelling, unchanged)


def atmosphere_error(
    surface_temperature: Array, radiance: Array, emissivity: Array, terms: Terms, change: Terms, band: BandPlanck
) -> Array:
    """Error of the surface temperature for a small error of the atmospheric terms, to first order. [K]

    ``dB(Ts) = -(dLu + (L - Lu) / tau dtau) / (tau e) - (1 - e) / e dLd``, over B'(Ts).

    Parameters
    ----------
    surface_temperature, radiance, emissivity : array, any shape
        Land surface temperature Ts [K], at-sensor radiance L [W m-2 sr-1 um-1], surface emissivity e [1].
    terms, change : tuple of array
        Transmittance tau [1], upwelling and downwelling radiance Lu, Ld [W m-2 sr-1 um-1], and the error of each.
    """
    transmittance, upwelling, _ = terms
    d_transmittance, d_upwelling, d_downwelling = change
    direct = d_upwelling + (radiance - upwelling) / transmittance * d_transmittance
    reflected = transmittance * (1.0 - emissivity) * d_downwelling
    return -(direct + reflected) / (transmittance * emissivity * band_radiance_slope(surface_temperature, band))


def emissivity_error(
    surface_temperature: Array, emissivity: Array, downwelling_radiance: Array, change: Array | float, band: BandPlanck
) -> Array:
    """Error of the surface temperature for a small error of the emissivity, to first order. [K]

    ``dB(Ts) = -(B(Ts) - Ld) / e de``, over B'(Ts), at constant radiance leaving the surface. `change` is de [1]; the
    other parameters are as in `sensor_radiance`.
    """
    contrast = band_radiance(surface_temperature, band) - downwelling_radiance
    return -contrast * change / (emissivity * band_radiance_slope(surface_temperature, band))


def atmosphere_variance(terms: Terms, changes: Iterable[Terms]) -> AtmosphereVariance:
    """Variance of the transmitted surface emission due to independent errors of transmittance and upwelling radiance.

    Each change is one standard uncertainty of one independent error source. With ``p = dLu - Lu dtau / tau`` and
    ``q = dtau / tau`` it changes ``tau e B(Ts)`` by ``-(p + q L)``;
    the squares are summed over the sources.

    Parameters
    ----------
    terms : tuple of array
        Transmittance tau [1], upwelling and downwelling radiance Lu, Ld [W m-2 sr-1 um-1].
    changes : iterable of tuple of array
        Changes of the three terms for each error source, in the same units; that of the downwelling radiance, of
        which surfaces reflect a few per cent, is not used.

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    transmittance, upwelling, _ = terms
    constant = linear = quadratic = 0.0 * transmittance
    for d_transmittance, d_upwelling, _ in changes:
        per_radiance = d_transmittance / transmittance
        offset = d_upwelling - upwelling * per_radiance
        constant = constant + offset * offset
        linear = linear + 2.0 * offset * per_radiance
        quadratic = quadratic + per_radiance * per_radiance
    return AtmosphereVariance(constant, linear, quadratic)


def quantisation_noise(gain: Array | float) -> Array | float:
    """Standard uncertainty due to quantisation: the radiance step [W m-2 sr-1 um-1] over the square root of twelve.

    References
    ----------
    JCGM 100:2008, F.2.2.1 (resolution of a digital indication).
    """
    return gain / 12.0**0.5


def temperature_uncertainty(
    surface_temperature: Array,
    radiance: Array,
    emissivity: Array,
    emissivity_uncertainty: Array | float,
    transmittance: Array,
    downwelling_radiance: Array,
    sensor_noise: Array | float,
    atmosphere: AtmosphereVariance,
    band: BandPlanck,
    black_body: Array | None = None,
) -> Array:
    """Propagate uncertainties to a retrieved surface temperature, to first order. [K]

    The root sum square of the sensor noise, ``tau |B(Ts) - Ld|`` times the emissivity uncertainty, and the square root
    of the atmospheric variance, divided by ``tau e B'(Ts)``.

    Parameters
    ----------
    surface_temperature, radiance, emissivity, transmittance, downwelling_radiance : array, any shape
        Terms of the radiative transfer equation, as in `sensor_radiance`.
    emissivity_uncertainty, sensor_noise : array or float
        Standard uncertainty of the emissivity [1] and of the radiance [W m-2 sr-1 um-1].
    atmosphere : AtmosphereVariance
        Variance due to the atmospheric terms, from `atmosphere_variance`.
    black_body : array, optional
        Band radiance ``B(Ts)``, if it is known from the retrieval. [W m-2 sr-1 um-1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    if black_body is None:
        black_body = band_radiance(surface_temperature, band)
    xp = namespace(radiance, surface_temperature, transmittance)
    per_kelvin = transmittance * emissivity * slope_at(surface_temperature, black_body, band)
    from_emissivity = transmittance * (black_body - downwelling_radiance) * emissivity_uncertainty
    # Rounding may leave a negative value where the terms cancel.
    from_atmosphere = xp.abs(atmosphere.constant + radiance * (atmosphere.linear + radiance * atmosphere.quadratic))
    variance = sensor_noise * sensor_noise + from_emissivity * from_emissivity + from_atmosphere
    return xp.sqrt(variance) / per_kelvin


def noise_radiance(noise: float, band: BandPlanck) -> Array:
    """Noise-equivalent radiance [W m-2 sr-1 um-1] from a noise-equivalent temperature difference at 300 K [K].

    Detector noise is about constant in radiance, not in temperature.
    """
    return noise * band_radiance_slope(NOISE_TEMPERATURE, band)
