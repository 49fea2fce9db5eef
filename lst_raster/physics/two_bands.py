"""One surface temperature from two thermal bands: generalised least squares of two equations."""

from __future__ import annotations

from typing import NamedTuple

from lst_raster.physics.arrays import Array, keep_where, namespace
from lst_raster.physics.correlated_errors import Components
from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.physics.radiative_transfer import surface_radiance
from lst_raster.physics.uncertainty import AtmosphereErrors, TemperatureErrors, Terms, temperature_errors

EQUATION_ERROR = 0.02
"""Independent error of the temperature of each band: the atmosphere as one layer, and the fitted Planck functions. [K]
"""


class Covariance(NamedTuple):
    """Covariance of the errors of the temperatures of two bands, arrays of any shape. [K2]"""

    first: Array  # variance of the first band's
    second: Array  # variance of the second band's
    both: Array  # covariance


def noise_covariance(first: TemperatureErrors, second: TemperatureErrors) -> Covariance:
    """Covariance due to noise, with `EQUATION_ERROR`; both are independent in the bands. [K2]

    `first` and `second` are the errors of the temperature of each band, from `temperature_errors`.

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """
    floor = EQUATION_ERROR * EQUATION_ERROR
    return Covariance(first=first.noise * first.noise + floor, second=second.noise * second.noise + floor, both=0.0)


def emissivity_covariance(
    first: TemperatureErrors,
    second: TemperatureErrors,
    emissivity_uncertainty: Array | float,
    difference_uncertainty: Array | float,
) -> Covariance:
    """Covariance due to the emissivity. [K2]

    An error of the emissivity is common to both bands; the second has a further one, independent of it.

    Parameters
    ----------
    first, second : TemperatureErrors
        Errors of the temperature of each band, from `temperature_errors`.
    emissivity_uncertainty, difference_uncertainty : array or float
        Standard uncertainties of the emissivity of the first band and of the difference of the emissivities. [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """
    of_first, of_second = (emissivity_uncertainty * one.emissivity for one in (first, second))
    further = difference_uncertainty * second.emissivity
    return Covariance(
        first=of_first * of_first, second=of_second * of_second + further * further, both=of_first * of_second
    )


def atmosphere_covariance(
    first: TemperatureErrors, second: TemperatureErrors, depth_difference: Array | float
) -> Covariance:
    """Covariance due to the atmosphere. [K2]

    The relative error of the optical depth and the error of T_up are common to both bands. The optical depth of the
    second band has a further error, independent of them, of `depth_difference` times the common one. [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """
    own = (1.0 + depth_difference * depth_difference) * second.optical_depth * second.optical_depth
    return Covariance(
        first=first.optical_depth * first.optical_depth + first.emission * first.emission,
        second=own + second.emission * second.emission,
        both=first.optical_depth * second.optical_depth + first.emission * second.emission,
    )


def first_band_weight(covariance: Covariance) -> Array:
    """Weight of the first band in the mean of least variance; that of the second is the rest. [1]

    ``w = (V2 - V12) / (V1 + V2 - 2 V12)``. It exceeds 1 where errors common to both bands are larger in the second one,
    as those of the water vapour: their difference corrects the first band.

    References
    ----------
    A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1935), doi:10.1017/S0370164600014346
    """
    first, second, both = covariance
    return (second - both) / (first + second - 2.0 * both)


def weighted_variance(weight: Array, covariance: Covariance) -> Array:
    """Variance of ``w T1 + (1 - w) T2``. [K2]

    ``w**2 V1 + (1 - w)**2 V2 + 2 w (1 - w) V12`` with the weight w of the first band. [1]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """
    first, second, both = covariance
    rest = 1.0 - weight
    return weight * (weight * first + 2.0 * rest * both) + rest * rest * second


def total_covariance(*parts: Covariance) -> Covariance:
    """Sum of the covariances of independent errors, in the unit of the arguments. [K2]"""
    return Covariance(*(sum(terms[1:], terms[0]) for terms in zip(*parts, strict=True)))


class BandState(NamedTuple):
    """Pixels and atmosphere in one band; arrays of one shape, or that broadcast to it."""

    radiance: Array  # at-sensor radiance [W m-2 sr-1 um-1]
    emissivity: Array  # [1]
    terms: Terms  # transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]
    errors: AtmosphereErrors  # of these terms
    noise: Array | float  # standard uncertainty of the radiance [W m-2 sr-1 um-1]
    band: BandPlanck


class TwoBandTemperature(NamedTuple):
    """Temperature of a surface from two bands, with the covariances of the bands; arrays of one shape."""

    temperature: Array  # [K]
    weight: Array  # weight of the first band [1]
    noise: Covariance  # [K2]
    emissivity: Covariance  # [K2]
    atmosphere: Covariance  # [K2]

    def variance(self, *parts: Covariance) -> Array:
        """Variance of the temperature due to some of the covariances, by default to all. [K2]"""
        return weighted_variance(
            self.weight, total_covariance(*(parts or (self.noise, self.emissivity, self.atmosphere)))
        )


def band_temperature(state: BandState) -> tuple[Array, TemperatureErrors]:
    """Surface temperature from one band, as `surface_temperature`, and its errors (`temperature_errors`). [K]"""
    transmittance, _, downwelling = state.terms
    black_body = surface_radiance(state.radiance, state.emissivity, *state.terms)
    temperature = brightness_temperature(black_body, state.band)
    errors = temperature_errors(
        temperature, state.radiance, state.emissivity, transmittance, downwelling, state.noise, state.errors,
        state.band, black_body,
    )  # fmt: skip
    return temperature, errors


def two_band_temperature(
    first: BandState,
    second: BandState,
    emissivity_uncertainty: Array | float,
    difference_uncertainty: Array | float,
    depth_difference: Array | float,
    lowest: float = 0.0,
) -> TwoBandTemperature:
    """Surface temperature from two bands: the mean of least variance of their temperatures. [K]

    Parameters
    ----------
    first, second : BandState
        Pixels and atmosphere in each band.
    emissivity_uncertainty, difference_uncertainty : array or float
        As in `emissivity_covariance`. [1]
    depth_difference : array or float
        As in `atmosphere_covariance`. [1]
    lowest : float
        Temperature below which there is no solution, in one of the bands or from both. [K]

    Returns
    -------
    TwoBandTemperature
        Temperature [K], weight of the first band [1], both NaN where there is no solution, and covariances [K2].
    """
    of_first, first_errors = band_temperature(first)
    of_second, second_errors = band_temperature(second)
    noise = noise_covariance(first_errors, second_errors)
    emissivity = emissivity_covariance(first_errors, second_errors, emissivity_uncertainty, difference_uncertainty)
    atmosphere = atmosphere_covariance(first_errors, second_errors, depth_difference)
    weight = first_band_weight(total_covariance(noise, emissivity, atmosphere))
    temperature = of_second + weight * (of_first - of_second)
    is_solved = (of_first >= lowest) & (of_second >= lowest) & (temperature >= lowest)
    return TwoBandTemperature(
        temperature=keep_where(is_solved, temperature, float("nan")),
        weight=keep_where(is_solved, weight, float("nan")),  # and with it the variance
        noise=noise,
        emissivity=emissivity,
        atmosphere=atmosphere,
    )


def two_band_components(found: TwoBandTemperature, calibration: tuple[float, float], stray_light: float) -> Components:
    """Uncertainty of a temperature from two bands by the correlation of its errors. [K]

    `EQUATION_ERROR` counts as atmosphere. The systematic component has the calibration error, common to both bands, at
    the predicted atmosphere, and stray light; the root sum square of all components without the calibration is that of
    `TwoBandTemperature.variance`.

    Parameters
    ----------
    found : TwoBandTemperature
        From `two_band_temperature`.
    calibration : tuple of float
        Standard uncertainty of the calibration of the radiance over that of its noise, in each band. [1]
    stray_light : float
        Standard uncertainty due to stray light in the second band over that of its noise, which it is a part of. [1]
    """
    xp = namespace(found.weight)
    floor = EQUATION_ERROR * EQUATION_ERROR
    first, second = found.noise.first - floor, found.noise.second - floor  # without the error of the equation
    rest = 1.0 - found.weight
    common = found.weight * xp.sqrt(first) * calibration[0] + rest * xp.sqrt(second) * calibration[1]
    stray = rest * xp.sqrt(second) * stray_light
    noise = Covariance(first=first, second=second * (1.0 - stray_light * stray_light), both=0.0)
    model_error = Covariance(first=floor, second=floor, both=0.0)
    return Components(
        random=xp.sqrt(found.variance(noise)),
        atmosphere=xp.sqrt(found.variance(found.atmosphere, model_error)),
        surface=xp.sqrt(found.variance(found.emissivity)),
        systematic=xp.sqrt(common * common + stray * stray),
    )
