"""Uncertainty of surface temperatures and of their averages, by first-order propagation."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.correlated_errors import Components
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope, brightness_temperature, slope_at


def inverse_variance(uncertainty: Array) -> Array:
    """Inverse-variance weight [K-2] of measurements with independent errors and a standard uncertainty [K].

    References
    ----------
    A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1935), doi:10.1017/S0370164600014346
    """
    return 1.0 / (uncertainty * uncertainty)


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


class AtmosphereErrors(NamedTuple):
    """Errors of the transmitted surface emission ``tau e B(Ts)`` for one standard uncertainty of the atmosphere.

    That of the optical depth is ``A L - B`` at radiance L, that of T_up is ``-C``. The coefficients vary smoothly over
    a scene, as the atmosphere does; only L differs from pixel to pixel.
    """

    depth: Array  # A [1]
    depth_radiance: Array  # B [W m-2 sr-1 um-1]
    emission: Array  # C [W m-2 sr-1 um-1]


EXACT_ATMOSPHERE = AtmosphereErrors(0.0, 0.0, 0.0)  # no errors


def atmosphere_errors(
    transmittance: Array,
    upwelling_radiance: Array,
    optical_depth_uncertainty: Array,
    upwelling_temperature_uncertainty: Array,
    band: BandPlanck,
) -> AtmosphereErrors:
    """Coefficients ``A = u(d)``, ``B = u(d) B(T_up)`` and ``C = (1 - tau) B'(T_up) u(T_up)``.

    The optical depth changes ``tau = exp(-d)`` and ``Lu = (1 - tau) B(T_up)``; T_up changes Lu only. The reflected
    radiance is neglected, as in `atmosphere_uncertainty`; for a black surface both functions agree. Parameters and
    units as in `sensor_radiance` and `atmosphere_uncertainty`.
    """
    xp = namespace(transmittance)
    absorptance = 1.0 - transmittance
    absorbing = xp.maximum(absorptance, xp.full_like(absorptance, 1e-6))  # avoids 0 / 0 without an atmosphere
    emitted = upwelling_radiance / absorbing  # B(T_up)
    slope = band_radiance_slope(brightness_temperature(emitted, band), band)
    return AtmosphereErrors(
        depth=optical_depth_uncertainty,
        depth_radiance=optical_depth_uncertainty * emitted,
        emission=absorptance * slope * upwelling_temperature_uncertainty,
    )


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


def quantisation_noise(gain: Array | float) -> Array | float:
    """Standard uncertainty due to quantisation: the radiance step [W m-2 sr-1 um-1] over the square root of twelve.

    References
    ----------
    JCGM 100:2008, F.2.2.1 (resolution of a digital indication).
    """
    return gain / 12.0**0.5


class TemperatureErrors(NamedTuple):
    """Errors of a retrieved surface temperature, each for one standard uncertainty of one independent source. [K]"""

    noise: Array  # sensor noise
    emissivity: Array  # emissivity, for an error of 1
    optical_depth: Array  # optical depth of the atmosphere
    emission: Array  # emission temperature of the atmosphere


def temperature_errors(
    surface_temperature: Array,
    radiance: Array,
    emissivity: Array,
    transmittance: Array,
    downwelling_radiance: Array,
    sensor_noise: Array | float,
    atmosphere: AtmosphereErrors,
    band: BandPlanck,
    black_body: Array | None = None,
) -> TemperatureErrors:
    """Errors of a retrieved surface temperature, to first order. [K]

    Those of the sensor noise, of ``tau (B(Ts) - Ld)`` and of the atmosphere, divided by ``tau e B'(Ts)``.

    Parameters
    ----------
    surface_temperature, radiance, emissivity, transmittance, downwelling_radiance : array, any shape
        Terms of the radiative transfer equation, as in `sensor_radiance`.
    sensor_noise : array or float
        Standard uncertainty of the radiance. [W m-2 sr-1 um-1]
    atmosphere : AtmosphereErrors
        From `atmosphere_errors`.
    black_body : array, optional
        Band radiance ``B(Ts)``, if it is known from the retrieval. [W m-2 sr-1 um-1]
    """
    if black_body is None:
        black_body = band_radiance(surface_temperature, band)
    ground = emissivity * slope_at(surface_temperature, black_body, band)
    per_radiance = 1.0 / (transmittance * ground)
    return TemperatureErrors(
        noise=sensor_noise * per_radiance,
        emissivity=(black_body - downwelling_radiance) / ground,
        optical_depth=(atmosphere.depth * radiance - atmosphere.depth_radiance) * per_radiance,
        emission=-atmosphere.emission * per_radiance,
    )


def temperature_uncertainty(errors: TemperatureErrors, emissivity_uncertainty: Array | float) -> Array:
    """Standard uncertainty of a retrieved surface temperature: the root sum square of its errors. [K]

    `emissivity_uncertainty` is the standard uncertainty of the emissivity. [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    noise, per_emissivity, depth, emission = errors
    from_emissivity = per_emissivity * emissivity_uncertainty
    variance = noise * noise + from_emissivity * from_emissivity + depth * depth + emission * emission
    return namespace(variance).sqrt(variance)


def error_components(
    errors: TemperatureErrors, emissivity_uncertainty: Array | float, calibration: Array
) -> Components:
    """Uncertainty of a retrieved surface temperature by the correlation of its errors. [K]

    The root sum square of all components but the systematic one is `temperature_uncertainty`.

    Parameters
    ----------
    errors : TemperatureErrors
        From `temperature_errors`.
    emissivity_uncertainty : array or float
        Standard uncertainty of the emissivity. [1]
    calibration : array
        Error of the temperature for one standard uncertainty of the calibration. [K]
    """
    xp = namespace(errors.noise)
    return Components(
        random=abs(errors.noise),
        atmosphere=xp.sqrt(errors.optical_depth * errors.optical_depth + errors.emission * errors.emission),
        surface=abs(errors.emissivity * emissivity_uncertainty),
        systematic=abs(calibration),
    )


def noise_radiance(noise: float, band: BandPlanck) -> Array:
    """Noise-equivalent radiance [W m-2 sr-1 um-1] from a noise-equivalent temperature difference at 300 K [K].

    Detector noise is about constant in radiance, not in temperature.
    """
    return noise * band_radiance_slope(NOISE_TEMPERATURE, band)
