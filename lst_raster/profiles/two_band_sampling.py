"""Sampling of surfaces, neighbourhoods and errors in two thermal bands, for training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.contract import BOTH_BANDS
from lst_raster.inputs.emissivity.tables import relation_to_first
from lst_raster.physics.planck import BandPlanck, band_radiance, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.sensors.bands import sensor_band

if TYPE_CHECKING:
    from lst_raster.profiles.sampling import Surfaces, Terms

Float = NDArray[np.float64]

EMISSIVITY_SPREAD = 0.006
"""Standard deviation of the emissivity of the second band about its relation to that of the first. [1]"""
COMMON_FRACTION = 0.5
"""Fraction of the variance of the errors of the emissivity that is common to the neighbourhood of the pixel. [1]"""
LARGEST_DIFFERENCE_ERROR = 0.02  # of the emissivities of two bands in training, standard uncertainty [1]
LARGEST_STRAY_LIGHT = 0.6  # in training, standard uncertainty of the brightness temperature of the second band [K]


def second_emissivity(emissivity: Float, sensor: str, random: np.random.Generator) -> Float:
    """Draw the emissivity in the second band `sensor` of surfaces, from that in the first. [1]"""
    typical = relation_to_first(sensor).second(emissivity)
    return np.minimum(np.asarray(typical) + EMISSIVITY_SPREAD * random.standard_normal(emissivity.shape), 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoBandErrors:
    """Drawn errors of emissivities and of the second band, for pixels and their neighbourhood.

    Part of those of the emissivity is common to both (`COMMON_FRACTION`).
    """

    emissivity: Float  # of both bands, (profile, sample) [1]
    difference: Float  # of the second less the first band, (profile, sample) [1]
    around: Float  # mean of `emissivity` over the neighbourhood, (profile, 1) [1]
    difference_around: Float  # mean of `difference` over the neighbourhood, (profile, 1) [1]
    stray_light: Float  # brightness temperature of the second band, (profile, 1) [K]

    @classmethod
    def draw(
        cls, emissivity: Float | float, difference: Float | float, stray_light: Float | float, shape: tuple[int, int],
        random: np.random.Generator, common: float = COMMON_FRACTION,
    ) -> TwoBandErrors:  # fmt: skip
        """Draw them with given standard deviations for samples of a shape (profile, sample).

        `common` replaces `COMMON_FRACTION`. [1]
        """

        def of(deviation: Float | float) -> tuple[Float, Float]:
            around = np.sqrt(common) * deviation * random.standard_normal((shape[0], 1))
            own = np.sqrt(1.0 - common) * deviation * random.standard_normal(shape)
            return around + own, around

        of_pixel, around = of(emissivity)
        difference_of_pixel, difference_around = of(difference)
        return cls(
            emissivity=of_pixel, difference=difference_of_pixel, around=around, difference_around=difference_around,
            stray_light=stray_light * random.standard_normal((shape[0], 1)),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbourhood:
    """Mean surface around the pixels, as both bands see it; all (profile, 1)."""

    brightness_temperature: Float  # of the first band [K]
    second_brightness_temperature: Float  # [K]
    emissivity: Float  # of the first band [1]
    second_emissivity: Float  # [1]

    def inputs(
        self, errors: TwoBandErrors | None, stray_light: Float | float, emissivity_difference: Float | float
    ) -> dict[str, Float]:
        """Inputs of models of two bands by their names in the contract, with errors and their standard deviations."""
        difference = self.brightness_temperature - self.second_brightness_temperature
        emissivity, contrast = self.emissivity, self.second_emissivity - self.emissivity
        if errors is not None:
            difference = difference - errors.stray_light
            emissivity, contrast = np.minimum(emissivity + errors.around, 1.0), contrast + errors.difference_around
        values = difference, stray_light, emissivity, contrast, emissivity_difference
        return dict(zip(BOTH_BANDS, np.broadcast_arrays(*values), strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondBand:
    """Pixels in the second band."""

    sensor: str  # second sensor band
    radiance: Float  # at-sensor radiance, (profile, sample) [W m-2 sr-1 um-1]
    emissivity: Float  # emissivity, (profile, sample) [1]
    around: Neighbourhood  # true neighbourhood of the pixels

    def with_errors(self, drawn: TwoBandErrors, noise: Float | float, random: np.random.Generator) -> SecondBand:
        """Add errors and a noise [K] to the pixels."""
        planck = sensor_band(self.sensor).planck
        brightness = brightness_temperature(self.radiance, planck) + drawn.stray_light
        brightness = brightness + noise * random.standard_normal(brightness.shape)
        emissivity = np.minimum(self.emissivity + drawn.emissivity + drawn.difference, 1.0)
        return replace(self, radiance=band_radiance(brightness, planck), emissivity=emissivity)


def observe_neighbourhood(
    temperature: Float, emissivity: Float, terms: Terms, second_terms: Terms, second: str, band: BandPlanck,
    random: np.random.Generator,
) -> Neighbourhood:  # fmt: skip
    """Simulate the neighbourhood in both bands, and draw its emissivity in the second one, all (profile, 1).

    `temperature` [K] and `emissivity` [1] are its means, `terms` and `second_terms` those of the equation in the first
    `band` and in the sensor band `second`.
    """
    planck, second_around = sensor_band(second).planck, second_emissivity(emissivity, second, random)
    radiance = sensor_radiance(temperature, emissivity, *terms, band)
    second_radiance = sensor_radiance(temperature, second_around, *second_terms, planck)
    return Neighbourhood(
        brightness_temperature=brightness_temperature(radiance, band),
        second_brightness_temperature=brightness_temperature(second_radiance, planck),
        emissivity=emissivity,
        second_emissivity=second_around,
    )


def observe_second_band(
    simulated: SimulatedSet, surfaces: Surfaces, around: Float, emissivity_around: Float, random: np.random.Generator
) -> SecondBand:
    """Simulate surfaces, and their neighbourhood, in the second band of a simulated set.

    `around` is the mean temperature [K] and `emissivity_around` the mean emissivity [1] in the first band of the
    neighbourhood, (profile, 1).
    """
    second = simulated.second_band
    assert second is not None
    planck, other = sensor_band(simulated.sensor).planck, sensor_band(second.sensor).planck
    terms, others = _columns(simulated), _columns(second)
    neighbourhood = observe_neighbourhood(around, emissivity_around, terms, others, second.sensor, planck, random)
    emissivity = second_emissivity(surfaces.emissivity, second.sensor, random)
    return SecondBand(
        sensor=second.sensor,
        radiance=sensor_radiance(surfaces.surface_temperature, emissivity, *others, other),
        emissivity=emissivity,
        around=neighbourhood,
    )


def _columns(simulated: SimulatedSet) -> Terms:
    transmittance, upwelling, downwelling = (term[:, None] for term in simulated.terms)
    return transmittance, upwelling, downwelling
