"""Uncertainty of temperatures retrieved with a model: standard uncertainties of its inputs, and their propagation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import Terms, atmosphere_variance, temperature_uncertainty, term_changes
from lst_raster.simulator.input_errors import Changes

Values: TypeAlias = NDArray[Any]
AtmosphereModel: TypeAlias = Callable[..., PredictedAtmosphere]
"""Takes the atmosphere inputs by name, returns the prediction: `Model.atmosphere`, or a graph not yet exported."""
_ROWS_AT_ONCE = 16_384  # of all error sources together; a call takes as long as several hundred rows


@dataclass(frozen=True, slots=True)
class InputUncertainty:
    """Standard uncertainty of one atmosphere input."""

    absolute: float  # lower limit, in the unit of the input
    relative: float = 0.0  # fraction of the value [1]

    def at(self, value: Values | float) -> Values:
        """Return the standard uncertainty of a value in its unit: the larger of the two."""
        return np.maximum(self.absolute, self.relative * np.asarray(value))


INPUT_UNCERTAINTIES: Mapping[str, Mapping[str, InputUncertainty]] = MappingProxyType(
    {
        "reanalysis": {
            "water_vapour": InputUncertainty(1.0, relative=0.10), "air_temperature": InputUncertainty(1.5),
            "surface_pressure": InputUncertainty(2.0), "profile_temperature": InputUncertainty(1.0),
            "level_temperature": InputUncertainty(0.7), "level_humidity": InputUncertainty(1e-6, relative=0.10),
        },
        "climatology": {
            "water_vapour": InputUncertainty(1.0, relative=0.36), "air_temperature": InputUncertainty(5.3),
            "surface_pressure": InputUncertainty(20.0),
        },
        "given": {
            "water_vapour": InputUncertainty(0.5, relative=0.05), "air_temperature": InputUncertainty(1.0),
            "surface_pressure": InputUncertainty(2.0),
        },
    }
)  # fmt: skip
"""Standard uncertainties by origin of the input, then by its name or the kind of error
(`lst_raster.simulator.input_errors.KINDS`); units as in the contract.

reanalysis: ERA5 differs from 2,000 stations in China by 1.8 K (root mean square) in air temperature and 0.7 hPa in
pressure (W. Zhang et al., J. Geodesy 93, 1897 (2019), doi:10.1007/s00190-019-01290-6); where the elevation of the pixel
differs from that of the reanalysis the pressure is less certain. The models are calibrated for an error of 10 % of the
water vapour column.
climatology: root mean square differences of clear land columns of five days within 60 degrees of latitude; where place
and day are known the uncertainties are those of `lst_raster.inputs.climatology`. Pressure is that of open sea and
lowland.
given: assumption for a sounding or a station nearby.
"""

INPUT_ERROR_BY_ORIGIN: Mapping[str, float] = MappingProxyType({"given": 0.5, "reanalysis": 1.0, "climatology": 1.0})
"""Value of the model input `lst_raster.simulator.input_errors.INPUT_ERROR` by origin of the other inputs: ratio of
`INPUT_UNCERTAINTIES` to those of a reanalysis. Models are not trained for the larger errors of the climatology. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """Temperatures retrieved with a model, and their uncertainty."""

    temperature: Values  # [K]
    from_inputs: Values  # standard uncertainty due to sensor, emissivity and atmosphere inputs [K]
    from_model: Values  # standard uncertainty due to atmospheric variability that the inputs do not describe [K]

    @property
    def uncertainty(self) -> Values:
        """Combined standard uncertainty. [K]"""
        return np.hypot(self.from_inputs, self.from_model)


def perturbed_terms(
    atmosphere: AtmosphereModel, inputs: Mapping[str, Values], error_sources: Mapping[str, Changes], band: BandPlanck
) -> tuple[Terms, dict[str, Terms], dict[str, Terms]]:
    """Run a model, and once more for each error source with its inputs raised by one standard uncertainty.

    `error_sources` has the perturbation of each input by each source
    (`lst_raster.simulator.input_errors.input_error_sources`). Returns the terms, transmittance [1], upwelling and
    downwelling radiance [W m-2 sr-1 um-1], in double precision as their changes are small; their change by each error
    source; their change by one standard uncertainty of the model's own predictions, ``model: optical depth`` and
    ``model: temperature``.
    """
    runs = _runs(atmosphere, inputs, [{}, *error_sources.values()])
    predicted = next(runs)
    reference = predicted.terms
    by_inputs = {}
    for source, run in zip(error_sources, runs, strict=True):
        terms = run.terms
        by_inputs[source] = (terms[0] - reference[0], terms[1] - reference[1], terms[2] - reference[2])
    exact = PredictedAtmosphere(*(np.asarray(values, np.float64) for values in predicted))
    by_depth, by_temperature = term_changes(
        exact.transmittance, exact.upwelling_radiance, exact.optical_depth_uncertainty,
        exact.upwelling_temperature_uncertainty, band,
    )  # fmt: skip
    return exact.terms, by_inputs, {"model: optical depth": by_depth, "model: temperature": by_temperature}


def _runs(
    atmosphere: AtmosphereModel, inputs: Mapping[str, Values], perturbations: Sequence[Changes]
) -> Iterator[PredictedAtmosphere]:
    """Run a model with its inputs raised by each perturbation; for few values in one call."""
    shape = np.broadcast_shapes(*(np.shape(values) for values in inputs.values()))
    if len(perturbations) * math.prod(shape) > _ROWS_AT_ONCE:
        for changes in perturbations:
            raised = {name: inputs[name] + change for name, change in changes.items()}
            yield atmosphere(**{**inputs, **raised})
        return
    stacked = {name: np.empty((len(perturbations), *shape)) for name in inputs}
    for name, values in inputs.items():
        for number, changes in enumerate(perturbations):
            stacked[name][number] = values + changes.get(name, 0.0)
    predicted = atmosphere(**stacked)
    for number in range(len(perturbations)):
        yield PredictedAtmosphere(*(values[number] for values in predicted))


def retrieve_with_uncertainty(
    atmosphere: AtmosphereModel, radiance: Values, emissivity: Values, inputs: Mapping[str, Values], *,
    error_sources: Mapping[str, Changes], sensor_noise: Values | float, emissivity_uncertainty: float, band: BandPlanck,
) -> Retrieved:  # fmt: skip
    """Retrieve temperatures and their uncertainty; all arrays have one shape.

    Radiance and its uncertainty `sensor_noise` are in W m-2 sr-1 um-1; `inputs` are the atmosphere inputs, with
    `error_sources` as in `perturbed_terms`.
    """
    terms, by_inputs, by_model = perturbed_terms(atmosphere, inputs, error_sources, band)
    transmittance, _, downwelling = terms
    lst = surface_temperature(radiance, emissivity, *terms, band)

    def total(changes: Mapping[str, Terms], noise: Values | float, of_emissivity: float) -> Values:
        variance = atmosphere_variance(terms, changes.values())
        return np.asarray(
            temperature_uncertainty(
                lst, radiance, emissivity, of_emissivity, transmittance, downwelling, noise, variance, band
            )
        )

    from_inputs = total(by_inputs, sensor_noise, emissivity_uncertainty)
    return Retrieved(temperature=lst, from_inputs=from_inputs, from_model=total(by_model, 0.0, 0.0))
