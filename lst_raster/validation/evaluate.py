"""Errors of a model on a simulated set, compared with published methods on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.physics.error_metrics import ErrorSummary, coverage_by_water_vapour, summarise_by_water_vapour
from lst_raster.profiles.sampling import (
    EXACT,
    SURFACES_PER_PROFILE,
    InputErrors,
    add_input_errors,
    draw_surfaces,
    observe,
    retrieve_samples,
)
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.validation.compare import without_nan
from lst_raster.validation.published import retrieve_published


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Errors of a model and of the published methods on the same samples."""

    model: str  # name of the model, sensor band and tier; also its key in `methods`
    sensor: str  # sensor band
    profiles: int  # number of profiles
    per_profile: int  # number of surfaces per profile
    seed: int  # seed of the surfaces and of the input errors
    input_errors: InputErrors  # standard deviations of the input errors; infinite for inputs of the climatology
    methods: Mapping[str, Mapping[str, ErrorSummary]]
    """Errors of land surface temperature by method and class of water vapour [kg m-2]. [K]"""
    coverage: Mapping[str, float | None]
    """Fraction of the model's errors within one standard uncertainty by class of water vapour, None without a sample;
    0.68 for a correct uncertainty, which accounts for the input errors. [1]"""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries, lists and numbers for JSON, None for infinite numbers and NaN."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain


def evaluate(
    model: Model,
    simulated: SimulatedSet,
    *,
    per_profile: int = SURFACES_PER_PROFILE,
    seed: int = 0,
    input_errors: InputErrors = EXACT,
) -> Evaluation:
    """Measure the errors of a retrieval graph on simulated atmospheres of its sensor band.

    `per_profile` surfaces are drawn for each profile (`lst_raster.profiles.sampling.draw_surfaces`); `input_errors`,
    such as those of `lst_raster.profiles.sampling.CONDITIONS`, are added to the inputs, which are exact by default;
    `seed` is that of both. Raises InputError where the set is of another sensor band, or lacks the second band for a
    model of two, or the model is not a retrieval graph.
    """
    contract = model.contract
    if contract.graph != "retrieval":
        raise InputError(f"{contract.name} is an {contract.graph} graph; give the retrieval graph, model.onnx")
    if contract.sensor != simulated.sensor:
        raise InputError(
            f"the model is for {contract.sensor}, the simulated set for {simulated.sensor}; give a set of the same band"
        )
    true = observe(simulated, draw_surfaces(simulated.air_temperature_2m, per_profile, seed), seed)
    # Another random stream than that of the surfaces, with which the errors would otherwise be correlated
    given = add_input_errors(true, input_errors, seed + 1)
    names = [variable.name for variable in contract.atmosphere_inputs]
    estimate = retrieve_samples(model.atmosphere, given, input_errors, names)
    retrieved = {contract.name: np.asarray(estimate.temperature, float)}
    retrieved |= retrieve_published(simulated.sensor, given.radiance, given.emissivity, given.water_vapour)
    return Evaluation(
        model=contract.name,
        sensor=simulated.sensor,
        profiles=len(simulated),
        per_profile=per_profile,
        seed=seed,
        input_errors=input_errors,
        methods={
            method: summarise_by_water_vapour(values - true.surface_temperature, true.water_vapour)
            for method, values in retrieved.items()
        },
        coverage=coverage_by_water_vapour(
            estimate.temperature - true.surface_temperature, estimate.uncertainty, true.water_vapour
        ),
    )
