"""Measure a model on a simulated set, beside the published methods on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import Retrieved
from lst_raster.physics.error_metrics import ErrorSummary, coverage_by_water_vapour, summarise_by_water_vapour
from lst_raster.profiles.sampling import (
    EXACT,
    SURFACES_PER_PROFILE,
    InputErrors,
    Samples,
    Surfaces,
    observe,
    retrieve_samples,
    surface_samples,
    with_errors,
)
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.published import retrieve_published

Float = NDArray[np.float64]
Summaries = Mapping[str, Mapping[str, ErrorSummary]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Errors of a model and of the published methods on the same samples."""

    model: str
    """Name of the model, sensor and tier; also its key in `methods`."""
    sensor: str
    """Sensor band."""
    profiles: int
    """Number of profiles."""
    per_profile: int
    """Surfaces drawn for each."""
    seed: int
    """Seed of the surfaces and of the input errors."""
    input_errors: InputErrors | None
    """Standard deviations of the errors put on the inputs; None for exact inputs."""
    methods: Summaries
    """Method, then class of water vapour [kg m-2], to the errors of land surface temperature. [K]"""
    coverage: Mapping[str, float | None]
    """Class of water vapour to the share of the model's errors within one standard uncertainty, None without sample;
    0.68 where the uncertainty is right. The uncertainty is told how large the errors of the inputs are. [1]"""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries, lists and numbers, for JSON."""
        return asdict(self)


def evaluate(
    model: Model,
    simulated: SimulatedSet,
    *,
    per_profile: int = SURFACES_PER_PROFILE,
    seed: int = 0,
    input_errors: InputErrors | None = None,
) -> Evaluation:
    """Measure a model on a simulated set.

    Parameters
    ----------
    model : Model
        A retrieval graph.
    simulated : SimulatedSet
        Atmospheres of the model's sensor band.
    per_profile : int
        Surfaces drawn for each profile (`lst_raster.profiles.sampling.surface_samples`).
    seed : int
        Seed of the surfaces, and of the input errors.
    input_errors : InputErrors, optional
        Errors to put on the inputs; by default the inputs are exact.

    Returns
    -------
    Evaluation
        Errors in all and by class of the true water vapour, beside those of the published methods.

    Raises
    ------
    InputError
        The set is of another sensor band, or the graph retrieves nothing.
    """
    contract = model.contract
    if contract.graph != "retrieval":
        raise InputError(f"{contract.name} is an {contract.graph} graph; give the retrieval graph, model.onnx")
    if contract.sensor != simulated.sensor:
        raise InputError(f"the model is for {contract.sensor}, the simulated set for {simulated.sensor}")
    exact = observe(simulated, surface_samples(simulated.air_temperature_2m, per_profile, seed))
    # Another stream than the surfaces', or an error would go with its surface.
    given = exact if input_errors is None else with_errors(exact, input_errors, seed + 1)
    sure = estimate(model, given, input_errors or EXACT)
    retrieved = {contract.name: _predict(model, given)} | _published(given)
    return Evaluation(
        model=contract.name,
        sensor=simulated.sensor,
        profiles=len(simulated),
        per_profile=per_profile,
        seed=seed,
        input_errors=input_errors,
        methods=_summaries(retrieved, exact),
        coverage=coverage_by_water_vapour(
            sure.temperature - exact.surface_temperature, sure.uncertainty, exact.water_vapour
        ),
    )


def estimate(model: Model, given: Samples, errors: InputErrors) -> Retrieved:
    """Retrieve temperatures with their uncertainty, by the formula of `lst-raster retrieve`.

    Parameters
    ----------
    model : Model
        Any graph of the samples' sensor band.
    given : Samples
        What the retrieval is told.
    errors : InputErrors
        Standard deviations of the errors that are in it.

    Returns
    -------
    Retrieved
        Temperatures and their uncertainties, (profile, sample). [K]
    """
    names = [variable.name for variable in model.contract.atmosphere_inputs]
    return retrieve_samples(model.atmosphere, given, errors, names, sensor_band(given.sensor).planck)


def evaluate_published(simulated: SimulatedSet, surfaces: Surfaces) -> Summaries:
    """Errors of the published methods over given surfaces under simulated atmospheres.

    Parameters
    ----------
    simulated : SimulatedSet
        Atmospheres.
    surfaces : Surfaces
        Surfaces, shape (profile, sample).

    Returns
    -------
    mapping
        Method, then class of water vapour, to the errors of land surface temperature. [K]
    """
    samples = observe(simulated, surfaces)
    return _summaries(_published(samples), samples)


def _predict(model: Model, samples: Samples) -> Float:
    inputs = samples.inputs()
    return np.asarray(
        model.predict(**{variable.name: inputs[variable.name] for variable in model.contract.inputs})["lst"], float
    )


def _published(samples: Samples) -> dict[str, Float]:
    return retrieve_published(samples.sensor, samples.radiance, samples.emissivity, samples.water_vapour)


def _summaries(retrieved: Mapping[str, Float], truth: Samples) -> Summaries:
    return {
        method: summarise_by_water_vapour(values - truth.surface_temperature, truth.water_vapour)
        for method, values in retrieved.items()
    }
