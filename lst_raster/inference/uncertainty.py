"""Uncertainty of temperatures retrieved with a model, and default standard uncertainties of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.contract import EMISSIVITY_DIFFERENCE, PredictedAtmosphere, uncertainty_name
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.two_bands import BandState, band_temperature, two_band_temperature
from lst_raster.physics.uncertainty import AtmosphereErrors, atmosphere_errors, temperature_uncertainty

Values: TypeAlias = NDArray[Any]
AtmosphereModel: TypeAlias = Callable[..., PredictedAtmosphere]
"""Takes the atmosphere inputs by name, returns the prediction: `Model.atmosphere`, or a graph not yet exported."""


@dataclass(frozen=True, slots=True)
class InputUncertainty:
    """Standard uncertainty of one atmosphere input."""

    absolute: float  # lower limit, in the unit of the input
    relative: float = 0.0  # fraction of the value [1]

    def at(self, value: Values | float) -> Values:
        """Return the standard uncertainty of a value in its unit: the larger of the two."""
        return np.maximum(self.absolute, self.relative * np.asarray(value))


REANALYSIS, GIVEN = "reanalysis", "given"  # origins of inputs
INPUT_UNCERTAINTIES: Mapping[str, Mapping[str, InputUncertainty]] = MappingProxyType(
    {
        REANALYSIS: {"water_vapour": InputUncertainty(1.0, relative=0.10), "air_temperature": InputUncertainty(1.5)},
        GIVEN: {
            "water_vapour": InputUncertainty(0.5, relative=0.05), "air_temperature": InputUncertainty(1.0),
            "aerosol_optical_depth": InputUncertainty(0.01, relative=0.20),
        },
    }
)  # fmt: skip
"""Default standard uncertainties by origin of the input, then by its name; units as in the contract.

reanalysis: assumptions; for comparison, ERA5 differs from 2,000 stations in China by 1.8 K (root mean square) in air
temperature (W. Zhang et al., J. Geodesy 93, 1897 (2019), doi:10.1007/s00190-019-01290-6).
given: assumption for a sounding, a station or a sun photometer nearby.
"""


KNOWN_DIFFERENCE_UNCERTAINTY = 0.005
"""Standard uncertainty of the difference of emissivities that are given for two bands, or of known surfaces: that of
the emissivity of a material in a band. [1]"""


def default_uncertainty(name: str, origin: str) -> InputUncertainty:
    """Default standard uncertainty of an input by its origin; a reanalysis has no aerosol, which is always given."""
    return INPUT_UNCERTAINTIES[origin].get(name) or INPUT_UNCERTAINTIES[GIVEN][name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """Temperatures retrieved with a model, and their uncertainty."""

    temperature: Values  # [K]
    from_pixel: Values  # standard uncertainty due to sensor and emissivity [K]
    from_atmosphere: Values
    """Standard uncertainty due to the atmosphere: its inputs, and variability they do not describe. [K]"""

    @property
    def uncertainty(self) -> Values:
        """Combined standard uncertainty. [K]"""
        return np.hypot(self.from_pixel, self.from_atmosphere)


class PixelValues(NamedTuple):
    """Pixels in one band; all arrays have one shape."""

    radiance: Values  # at-sensor radiance [W m-2 sr-1 um-1]
    emissivity: Values  # [1]
    noise: Values | float  # standard uncertainty of the radiance [W m-2 sr-1 um-1]
    band: BandPlanck


def model_errors(predicted: PredictedAtmosphere, band: BandPlanck) -> AtmosphereErrors:
    """Errors for one predicted standard uncertainty of optical depth and of upwelling temperature.

    The predicted uncertainties include those of the inputs, which are inputs of the model too.
    """
    return atmosphere_errors(
        predicted.transmittance, predicted.upwelling_radiance, predicted.optical_depth_uncertainty,
        predicted.upwelling_temperature_uncertainty, band,
    )  # fmt: skip


def second_of(predicted: PredictedAtmosphere) -> PredictedAtmosphere:
    """Terms and uncertainties of the second band, of a model of two bands; T_up has one uncertainty in both."""
    assert predicted.second_transmittance is not None
    assert predicted.second_upwelling_radiance is not None
    assert predicted.second_downwelling_radiance is not None
    assert predicted.second_optical_depth_uncertainty is not None
    return PredictedAtmosphere(
        predicted.second_transmittance, predicted.second_upwelling_radiance, predicted.second_downwelling_radiance,
        predicted.second_optical_depth_uncertainty, predicted.upwelling_temperature_uncertainty,
    )  # fmt: skip


def retrieve_with_uncertainty(
    atmosphere: AtmosphereModel,
    pixels: PixelValues,
    inputs: Mapping[str, Values],
    emissivity_uncertainty: Values | float,
) -> Retrieved:
    """Retrieve temperatures and their uncertainty; all arrays have one shape.

    `inputs` are the atmosphere inputs; the uncertainty of the emissivity is a standard uncertainty. [1]
    """
    predicted = atmosphere(**inputs)
    lst, errors = band_temperature(_state(predicted, pixels))
    nothing = np.zeros_like(lst)
    from_pixel = temperature_uncertainty(
        errors._replace(optical_depth=nothing, emission=nothing), emissivity_uncertainty
    )
    from_atmosphere = temperature_uncertainty(errors._replace(noise=nothing), 0.0)
    return Retrieved(temperature=lst, from_pixel=from_pixel, from_atmosphere=from_atmosphere)


def retrieve_two_bands(
    atmosphere: AtmosphereModel, first: PixelValues, second: PixelValues, inputs: Mapping[str, Values],
    emissivity_uncertainty: Values | float,
) -> Retrieved:  # fmt: skip
    """Retrieve temperatures from two bands; parameters as in `retrieve_with_uncertainty`."""
    predicted = atmosphere(**inputs)
    found = two_band_temperature(
        _state(predicted, first), _state(second_of(predicted), second), emissivity_uncertainty,
        inputs[uncertainty_name(EMISSIVITY_DIFFERENCE)], predicted.depth_difference,
    )  # fmt: skip
    return Retrieved(
        temperature=found.temperature, from_pixel=np.sqrt(found.variance(found.noise, found.emissivity)),
        from_atmosphere=np.sqrt(found.variance(found.atmosphere)),
    )  # fmt: skip


def _state(predicted: PredictedAtmosphere, pixels: PixelValues) -> BandState:
    """Pixels and their atmosphere in double precision."""
    exact = PredictedAtmosphere(*(np.asarray(values, np.float64) for values in predicted[:5]))
    return BandState(
        radiance=pixels.radiance, emissivity=pixels.emissivity, noise=pixels.noise, band=pixels.band,
        terms=exact.terms, errors=model_errors(exact, pixels.band),
    )  # fmt: skip
