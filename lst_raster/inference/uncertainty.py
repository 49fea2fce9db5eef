"""Uncertainty of temperatures retrieved with a model, and default standard uncertainties of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import Terms, atmosphere_variance, temperature_uncertainty, term_changes

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


def model_changes(predicted: PredictedAtmosphere, band: BandPlanck) -> tuple[Terms, Terms]:
    """Changes of the terms for one predicted standard uncertainty of optical depth and of upwelling temperature.

    The predicted uncertainties include those of the inputs, which are inputs of the model too. Double precision, as the
    changes are small.
    """
    exact = PredictedAtmosphere(*(np.asarray(values, np.float64) for values in predicted))
    return term_changes(
        exact.transmittance, exact.upwelling_radiance, exact.optical_depth_uncertainty,
        exact.upwelling_temperature_uncertainty, band,
    )  # fmt: skip


def retrieve_with_uncertainty(
    atmosphere: AtmosphereModel, radiance: Values, emissivity: Values, inputs: Mapping[str, Values], *,
    sensor_noise: Values | float, emissivity_uncertainty: Values | float, band: BandPlanck,
) -> Retrieved:  # fmt: skip
    """Retrieve temperatures and their uncertainty; all arrays have one shape.

    Radiance and its uncertainty `sensor_noise` are in W m-2 sr-1 um-1; `inputs` are the atmosphere inputs.
    """
    predicted = atmosphere(**inputs)
    terms: Terms = predicted.terms
    transmittance, _, downwelling = terms
    lst = surface_temperature(radiance, emissivity, *terms, band)

    def total(changes: tuple[Terms, ...], noise: Values | float, of_emissivity: Values | float) -> Values:
        variance = atmosphere_variance(terms, changes)
        return np.asarray(
            temperature_uncertainty(
                lst, radiance, emissivity, of_emissivity, transmittance, downwelling, noise, variance, band
            )
        )

    from_pixel = total((), sensor_noise, emissivity_uncertainty)
    return Retrieved(
        temperature=lst, from_pixel=from_pixel, from_atmosphere=total(model_changes(predicted, band), 0.0, 0.0)
    )
