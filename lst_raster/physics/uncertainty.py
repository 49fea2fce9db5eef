"""Uncertainty of surface temperatures and of their averages, by first-order propagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope, brightness_temperature, slope_at


def inverse_variance(uncertainty: Array) -> Array:
    """Weight that minimises the uncertainty of the weighted mean of independent measurements.

    Parameters
    ----------
    uncertainty : array, any shape
        Standard uncertainty of each measurement. [K]

    Returns
    -------
    array
        Weight, ``1 / u**2``. [K-2]

    References
    ----------
    A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1935), doi:10.1017/S0370164600014346
    """
    return 1.0 / (uncertainty * uncertainty)


def uncertainty_if_independent(variances: Array, weights: Array) -> Array:
    """Uncertainty of a weighted mean of measurements with independent errors.

    ``u = sqrt(sum(w**2 u_i**2)) / sum(w)``, the lower bound unless errors are negatively correlated.

    Parameters
    ----------
    variances : array, any shape
        Sum of squared weight times squared uncertainty. [K-2 for weights in K-2]
    weights : array
        Sum of the weights. [K-2], or [1] for an unweighted mean

    Returns
    -------
    array
        Standard uncertainty. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(variances, weights)
    return xp.sqrt(variances) / weights


def uncertainty_if_common(deviations: Array, weights: Array) -> Array:
    """Uncertainty of a weighted mean of measurements with fully correlated errors.

    ``u = sum(w u_i) / sum(w)``, with all correlation coefficients 1: the upper bound.

    Parameters
    ----------
    deviations : array, any shape
        Sum of weight times uncertainty. [K-1 for weights in K-2]
    weights : array
        Sum of the weights. [K-2], or [1] for an unweighted mean

    Returns
    -------
    array
        Standard uncertainty. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, note 1 of 5.2.2.
    """
    return deviations / weights


Terms: TypeAlias = tuple[Array, Array, Array]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], or changes of them."""

NOISE_TEMPERATURE = 300.0  # at which the noise of thermal sensors is stated [K]

TYPICAL_EMISSIVITY = 0.97
"""Emissivity for the error of the reflected radiance before the emissivity of the pixel is available. [1]"""


def atmosphere_uncertainty(
    surface_temperature: Array,
    emissivity: Array,
    optical_depth: Array,
    upwelling_temperature: Array,
    optical_depth_uncertainty: Array,
    upwelling_temperature_uncertainty: Array,
    band: BandPlanck,
) -> Array:
    """Uncertainty of the surface temperature due to the predicted atmosphere.

    In the terms of `coupled_atmosphere` the at-sensor radiance is ``tau M + (1 - tau) B(T_up)`` with M the
    radiance leaving the surface. Independent errors of the optical depth d and of T_up change it by
    ``-tau (M - B(T_up))`` and ``(1 - tau) B'(T_up)``; division by ``tau e B'(Ts)`` converts both to surface
    temperature. The optical depth has no effect where T_up equals the surface temperature. M is approximated by
    ``B(Ts)``; the error of the reflected radiance, a few per cent of the others, is neglected.

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature Ts. [K]
    emissivity : array
        Surface emissivity e in the band. [1]
    optical_depth : array
        Effective optical depth d of the band along the view path. [1]
    upwelling_temperature : array
        Effective emission temperature T_up of the upwelling radiance. [K]
    optical_depth_uncertainty : array
        Standard uncertainty of `optical_depth`. [1]
    upwelling_temperature_uncertainty : array
        Standard uncertainty of `upwelling_temperature`. [K]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Standard uncertainty of the surface temperature. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(optical_depth, surface_temperature)
    # Both parts are divided by tau: 1 / tau - 1 is (1 - tau) / tau.
    contrast = band_radiance(surface_temperature, band) - band_radiance(upwelling_temperature, band)
    from_depth = contrast * optical_depth_uncertainty
    emission = xp.expm1(optical_depth) * band_radiance_slope(upwelling_temperature, band)
    from_temperature = emission * upwelling_temperature_uncertainty
    ground = emissivity * band_radiance_slope(surface_temperature, band)
    return xp.sqrt(from_depth * from_depth + from_temperature * from_temperature) / ground


class AtmosphereVariance(NamedTuple):
    """Variance of the transmitted surface emission, ``Var(tau e B(Ts)) = A + B L + C L**2`` at radiance L.

    The coefficients vary as smoothly over a scene as the atmosphere; only L is a property of the pixel.
    """

    constant: Array  # A [(W m-2 sr-1 um-1)2]
    linear: Array  # B [W m-2 sr-1 um-1]
    quadratic: Array  # C [1]


class UncertaintyParts(NamedTuple):
    """Standard uncertainty of a surface temperature and its independent parts; `total` is their root sum square."""

    total: Array  # Total [K]
    sensor: Array  # Due to sensor noise [K]
    emissivity: Array  # Due to the emissivity [K]
    air: Array  # Due to the atmospheric terms: model inputs and the model itself [K]


def network_changes(
    transmittance: Array,
    upwelling_radiance: Array,
    optical_depth_uncertainty: Array,
    upwelling_temperature_uncertainty: Array,
    band: BandPlanck,
) -> tuple[Terms, Terms]:
    """Change of the atmospheric terms for one standard uncertainty of optical depth and upwelling temperature.

    The optical depth changes ``tau = exp(-d)`` and ``Lu = (1 - tau) B(T_up)``; T_up changes Lu only. The reflected
    radiance is neglected, as in `atmosphere_uncertainty`; for a black surface both functions agree.

    Parameters
    ----------
    transmittance : array, any shape
        Transmittance tau along the view path. [1]
    upwelling_radiance : array
        Upwelling radiance Lu. [W m-2 sr-1 um-1]
    optical_depth_uncertainty : array
        Standard uncertainty of the optical depth. [1]
    upwelling_temperature_uncertainty : array
        Standard uncertainty of the upwelling temperature. [K]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    tuple of (array, array, array)
        Changes of transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], for the optical depth
        and for the temperature.
    """
    xp = namespace(transmittance)
    absorptance = 1.0 - transmittance
    some = xp.maximum(absorptance, xp.full_like(absorptance, 1e-6))  # avoids 0 / 0 without an atmosphere
    emitted = upwelling_radiance / some  # B(T_up)
    slope = band_radiance_slope(brightness_temperature(emitted, band), band)
    thinner = transmittance * optical_depth_uncertainty
    none = 0.0 * thinner
    warmer = absorptance * slope * upwelling_temperature_uncertainty
    return (-thinner, thinner * emitted, none), (none, warmer, none)


def atmosphere_error(
    surface_temperature: Array, radiance: Array, emissivity: Array, terms: Terms, change: Terms, band: BandPlanck
) -> Array:
    """Error of the surface temperature for a small error of the atmospheric terms, to first order.

    ``dB(Ts) = -(dLu + (L - Lu) / tau dtau) / (tau e) - (1 - e) / e dLd``, over B'(Ts).

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature Ts. [K]
    radiance : array
        At-sensor radiance L. [W m-2 sr-1 um-1]
    emissivity : array
        Surface emissivity e. [1]
    terms : tuple of array
        Transmittance tau [1], upwelling and downwelling radiance Lu, Ld [W m-2 sr-1 um-1].
    change : tuple of array
        Error of each term, in the same units.
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Error of the surface temperature. [K]
    """
    transmittance, upwelling, _ = terms
    d_transmittance, d_upwelling, d_downwelling = change
    seen = d_upwelling + (radiance - upwelling) / transmittance * d_transmittance
    reflected = transmittance * (1.0 - emissivity) * d_downwelling
    return -(seen + reflected) / (transmittance * emissivity * band_radiance_slope(surface_temperature, band))


def emissivity_error(
    surface_temperature: Array, emissivity: Array, downwelling_radiance: Array, change: Array | float, band: BandPlanck
) -> Array:
    """Error of the surface temperature for a small error of the emissivity, to first order.

    ``dB(Ts) = -(B(Ts) - Ld) / e de``, over B'(Ts), at constant radiance leaving the surface.

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature Ts. [K]
    emissivity : array
        Surface emissivity e. [1]
    downwelling_radiance : array
        Hemispheric mean radiance Ld that the atmosphere sends down. [W m-2 sr-1 um-1]
    change : array or float
        Error of the emissivity. [1]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Error of the surface temperature. [K]
    """
    contrast = band_radiance(surface_temperature, band) - downwelling_radiance
    return -contrast * change / (emissivity * band_radiance_slope(surface_temperature, band))


def atmosphere_variance(
    terms: Terms, changes: Iterable[Terms], emissivity: Array | float = TYPICAL_EMISSIVITY
) -> AtmosphereVariance:
    """Variance of the transmitted surface emission due to independent errors of the atmospheric terms.

    Each change is one standard uncertainty of one independent error source. With
    ``p = dLu + (1 - e) tau dLd - Lu dtau / tau`` and ``q = dtau / tau`` it changes ``tau e B(Ts)`` by ``-(p + q L)``;
    the squares are summed over the sources.

    Parameters
    ----------
    terms : tuple of array
        Transmittance tau [1], upwelling and downwelling radiance Lu, Ld [W m-2 sr-1 um-1].
    changes : iterable of tuple of array
        Changes of the three terms for each error source, in the same units.
    emissivity : array or float
        Emissivity e, which weights only the reflected radiance, so that a typical value is accurate to a few per
        cent. [1]

    Returns
    -------
    AtmosphereVariance
        Coefficients of the variance as a quadratic function of the at-sensor radiance.
        [(W m-2 sr-1 um-1)2], [W m-2 sr-1 um-1], [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    transmittance, upwelling, _ = terms
    constant = linear = quadratic = 0.0 * transmittance
    for d_transmittance, d_upwelling, d_downwelling in changes:
        per_radiance = d_transmittance / transmittance
        offset = d_upwelling + (1.0 - emissivity) * transmittance * d_downwelling - upwelling * per_radiance
        constant = constant + offset * offset
        linear = linear + 2.0 * offset * per_radiance
        quadratic = quadratic + per_radiance * per_radiance
    return AtmosphereVariance(constant, linear, quadratic)


def quantisation_noise(gain: Array | float) -> Array | float:
    """Standard uncertainty due to quantisation: the step divided by the square root of twelve.

    Parameters
    ----------
    gain : array or float
        Radiance step of one digital number. [W m-2 sr-1 um-1]

    Returns
    -------
    array or float
        Standard uncertainty of the radiance. [W m-2 sr-1 um-1]

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
    air: AtmosphereVariance,
    band: BandPlanck,
) -> UncertaintyParts:
    """Propagate uncertainties to a retrieved surface temperature, to first order.

    The parts are, divided by ``tau e B'(Ts)``: the sensor noise, ``tau |B(Ts) - Ld|`` times the emissivity
    uncertainty, and the square root of the atmospheric variance.

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature Ts. [K]
    radiance : array
        At-sensor radiance L. [W m-2 sr-1 um-1]
    emissivity : array
        Surface emissivity e. [1]
    emissivity_uncertainty : array or float
        Standard uncertainty of the emissivity. [1]
    transmittance : array
        Transmittance tau along the view path. [1]
    downwelling_radiance : array
        Hemispheric mean radiance Ld. [W m-2 sr-1 um-1]
    sensor_noise : array or float
        Standard uncertainty of `radiance`. [W m-2 sr-1 um-1]
    air : AtmosphereVariance
        Variance due to the atmospheric terms, from `atmosphere_variance`.
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    UncertaintyParts
        Total uncertainty and its parts. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(radiance, surface_temperature, transmittance)
    black_body = band_radiance(surface_temperature, band)
    per_kelvin = transmittance * emissivity * slope_at(surface_temperature, black_body, band)
    contrast = transmittance * xp.abs(black_body - downwelling_radiance)
    # Rounding may leave a negative value where the terms cancel.
    variance = xp.abs(air.constant + radiance * (air.linear + radiance * air.quadratic))
    from_sensor = sensor_noise / per_kelvin
    from_emissivity = contrast * emissivity_uncertainty / per_kelvin
    from_air = xp.sqrt(variance) / per_kelvin
    total = xp.sqrt(from_sensor * from_sensor + from_emissivity * from_emissivity + from_air * from_air)
    return UncertaintyParts(total, from_sensor, from_emissivity, from_air)


def noise_radiance(noise: float, band: BandPlanck) -> Array:
    """Noise-equivalent radiance from a noise-equivalent temperature at 300 K; detector noise is constant in radiance.

    Parameters
    ----------
    noise : float
        Noise-equivalent temperature difference at 300 K. [K]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Noise-equivalent radiance. [W m-2 sr-1 um-1]
    """
    return noise * band_radiance_slope(NOISE_TEMPERATURE, band)
