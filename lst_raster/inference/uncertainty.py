"""How sure a temperature is that was found with a model: how well its inputs are known, and what that does to it."""

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
from lst_raster.physics.uncertainty import (
    AtmosphereVariance,
    Terms,
    atmosphere_variance,
    network_changes,
    temperature_uncertainty,
)
from lst_raster.simulator.input_errors import Changes

Values: TypeAlias = NDArray[Any]
AtmosphereModel: TypeAlias = Callable[..., PredictedAtmosphere]
"""Takes the inputs of the air by name, gives the atmosphere: `Model.atmosphere`, or a graph that is not a file yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputUncertainty:
    """How well one input of the air is known, as one standard uncertainty."""

    absolute: float
    """In the unit of the input; the smallest it may be."""
    relative: float = 0.0
    """As a share of the value. [1]"""

    def at(self, value: Values | float) -> Values:
        """Return the standard uncertainty of a value in its unit: the larger of the two."""
        return np.maximum(self.absolute, self.relative * np.asarray(value))


INPUT_UNCERTAINTIES: Mapping[str, Mapping[str, InputUncertainty]] = MappingProxyType(
    {
        "reanalysis": MappingProxyType(
            {
                "water_vapour": InputUncertainty(absolute=1.0, relative=0.10),
                "air_temperature": InputUncertainty(absolute=1.5),
                "surface_pressure": InputUncertainty(absolute=2.0),
                "profile_temperature": InputUncertainty(absolute=1.0),
                "level_temperature": InputUncertainty(absolute=0.7),
                "level_humidity": InputUncertainty(absolute=1e-6, relative=0.10),
            }
        ),
        "standard atmosphere": MappingProxyType(
            {
                "water_vapour": InputUncertainty(absolute=1.0, relative=0.55),
                "air_temperature": InputUncertainty(absolute=9.0),
                "surface_pressure": InputUncertainty(absolute=20.0),
            }
        ),
        "given": MappingProxyType(
            {
                "water_vapour": InputUncertainty(absolute=0.5, relative=0.05),
                "air_temperature": InputUncertainty(absolute=1.0),
                "surface_pressure": InputUncertainty(absolute=2.0),
            }
        ),
    }
)
"""By where an input comes from, then by its name, or the kind of error (`lst_raster.simulator.input_errors.KINDS`);
units as in the contract.

reanalysis: ERA5 against 2,000 stations of China differs by 1.8 K (root mean square) in air temperature and 0.7 hPa in
pressure (W. Zhang et al., J. Geodesy 93, 1897 (2019), doi:10.1007/s00190-019-01290-6); where the pixel lies off the
model's ground the pressure is less sure. A tenth of the column is the error for which models here are calibrated.
standard atmosphere: root mean square difference of the land columns of the profile library within 60 degrees of
latitude from the standard atmosphere of their place and day: 56 %, 9.0 K; pressure is that of open sea and lowland
(two thirds of all columns within 60 degrees differ by less than 17 hPa). given: our assumption for a sounding or a
station nearby.
"""


TRUST: Mapping[str, float] = MappingProxyType({"given": 0.5, "reanalysis": 1.0, "standard atmosphere": 1.0})
"""What a model is told of the errors of its inputs (`lst_raster.simulator.input_errors.INPUT_ERROR`) by where they
come from:
`INPUT_UNCERTAINTIES` as a share of a reanalysis'. A standard atmosphere is less sure than any model has learnt. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """Temperatures found with a model, and how sure they are."""

    temperature: Values
    """Land surface temperature. [K]"""
    from_inputs: Values
    """Standard uncertainty from sensor, emissivity and the inputs of the air. [K]"""
    from_model: Values
    """Standard uncertainty from what the inputs do not tell of the air. [K]"""

    @property
    def uncertainty(self) -> Values:
        """Both parts together. [K]"""
        return np.hypot(self.from_inputs, self.from_model)


def input_changes(
    atmosphere: AtmosphereModel,
    inputs: Mapping[str, Values],
    error_sources: Mapping[str, Changes],
    here: Terms | None = None,
) -> dict[str, Terms]:
    """Change of the air's terms when each cause alone moves its inputs up by one standard uncertainty.

    Parameters
    ----------
    atmosphere : callable
        The model.
    inputs : mapping of str to array
        Inputs of the air by name, in the contract's units.
    error_sources : mapping of str to mapping of str to array
        Causes by name, and how far each moves which inputs (`lst_raster.simulator.input_errors.input_error_sources`).
    here : tuple of array, optional
        The terms that the model gives for the inputs as they are, where it was run already.

    Returns
    -------
    dict of str to tuple of array
        Cause to the change of transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1].
    """
    here = atmosphere(**inputs).terms if here is None else here
    changes = {}
    for cause, moves in error_sources.items():
        there = atmosphere(**{**inputs, **{name: inputs[name] + move for name, move in moves.items()}}).terms
        changes[cause] = (there[0] - here[0], there[1] - here[1], there[2] - here[2])
    return changes


def model_changes(predicted: PredictedAtmosphere, band: BandPlanck) -> tuple[Terms, Terms]:
    """Change of the air's terms by one standard uncertainty of each quantity that the model itself is unsure of."""
    transmittance, upwelling, _, of_depth, of_temperature = predicted
    return network_changes(transmittance, upwelling, of_depth, of_temperature, band)


def retrieve_with_uncertainty(
    atmosphere: AtmosphereModel,
    radiance: Values,
    emissivity: Values,
    inputs: Mapping[str, Values],
    *,
    error_sources: Mapping[str, Changes],
    sensor_noise: Values | float,
    emissivity_uncertainty: float,
    band: BandPlanck,
) -> Retrieved:
    """Retrieve temperatures and say how sure they are, pixel by pixel.

    Parameters
    ----------
    atmosphere : callable
        The model.
    radiance, emissivity : array, any shape
        Pixels. [W m-2 sr-1 um-1], [1]
    inputs : mapping of str to array
        Inputs of the air, of the same shape.
    error_sources : mapping of str to mapping of str to array
        What makes them uncertain, as `input_changes`.
    sensor_noise : array or float
        Standard uncertainty of the radiance. [W m-2 sr-1 um-1]
    emissivity_uncertainty : float
        Standard uncertainty of the emissivity. [1]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    Retrieved
        Temperatures and their uncertainties, of the inputs' shape. [K]
    """
    # float64: differences of the air's terms are small beside the terms.
    predicted = PredictedAtmosphere(*(np.asarray(values, np.float64) for values in atmosphere(**inputs)))
    lst = surface_temperature(radiance, emissivity, *predicted.terms, band)

    def total(air: AtmosphereVariance, noise: Values | float, of_emissivity: float) -> Values:
        parts = temperature_uncertainty(
            lst,
            radiance,
            emissivity,
            of_emissivity,
            predicted.transmittance,
            predicted.downwelling_radiance,
            noise,
            air,
            band,
        )
        return np.asarray(parts.total)

    from_inputs = atmosphere_variance(predicted.terms, input_changes(atmosphere, inputs, error_sources).values())
    from_model = atmosphere_variance(predicted.terms, model_changes(predicted, band))
    return Retrieved(
        temperature=lst,
        from_inputs=total(from_inputs, sensor_noise, emissivity_uncertainty),
        from_model=total(from_model, 0.0, 0.0),
    )
