"""Accuracy of a network on simulated sets, and the calibration of its uncertainty by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lst_raster.inference.contract import SURFACE_INPUTS, PredictedAtmosphere
from lst_raster.inference.uncertainty import Retrieved
from lst_raster.network.calibration import IDENTITY, Calibration, critical_factor, fit
from lst_raster.network.config import TIERS, TrainingConfig
from lst_raster.network.data import training_set
from lst_raster.network.model import Atmosphere, CoupledNetwork
from lst_raster.network.onnx_export import AtmosphereGraph, RetrievalGraph
from lst_raster.network.training_loop import Progress, train
from lst_raster.physics.error_metrics import coverage, summarise
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
from lst_raster.profiles.simulated_set import SimulatedSet, regimes_of

SEED = 0  # as `lst-raster evaluate` and the accuracy benchmark draw, for the same figures

Float = NDArray[np.float64]


def measure(network: CoupledNetwork, simulated: SimulatedSet, calibration: Calibration = IDENTITY) -> dict[str, Any]:
    """Errors of a network on a simulated set.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    simulated : SimulatedSet
        Atmospheres that it has not learnt.
    calibration : Calibration
        Factor on the predicted uncertainties.

    Returns
    -------
    dict
        "profiles", "surfaces_per_profile"; with exact inputs "lst", the error of the temperature [K] in all and by
        regime (`lst_raster.profiles.simulated_set.REGIMES`), "lst_noisy" with those of `InputErrors`;
        "atmosphere", the error of each term of the equation in its unit, and "predicted_uncertainty" of the temperature
        [K]: its mean, and "standardised_rmse", the root mean square of error over uncertainty; "coverage", the share of
        errors within one standard uncertainty, in all and by regime, with exact inputs and with the errors of
        `InputErrors` on them ("noisy").
    """
    surfaces = surface_samples(simulated.air_temperature_2m, SURFACES_PER_PROFILE, SEED)
    lst, terms = retrieve(network, simulated, surfaces)
    error = lst - surfaces.surface_temperature
    regimes = {name: where for name, where in regimes_of(simulated).items() if where.any()}
    exact = observe(simulated, surfaces)
    noisy = with_errors(exact, InputErrors(), SEED + 1)
    sure = estimate(network, exact, EXACT, calibration)
    with_noise = estimate(network, noisy, InputErrors(), calibration)
    noisy_error = with_noise.temperature - surfaces.surface_temperature
    return {
        "profiles": len(simulated),
        "surfaces_per_profile": SURFACES_PER_PROFILE,
        "lst": {name: asdict(summarise(error[where])) for name, where in regimes.items()},
        "lst_noisy": {name: asdict(summarise(noisy_error[where])) for name, where in regimes.items()},
        "atmosphere": {name: asdict(summarise(terms[name][:, 0] - getattr(simulated, name))) for name in terms},
        "predicted_uncertainty": {
            "mean": float(np.nanmean(sure.uncertainty)),
            "standardised_rmse": summarise(error / sure.uncertainty).rmse,
        },
        "coverage": {
            "exact": {name: coverage(error[where], sure.uncertainty[where]) for name, where in regimes.items()},
            "noisy": {
                name: coverage(noisy_error[where], with_noise.uncertainty[where]) for name, where in regimes.items()
            },
        },
    }


def retrieve(network: CoupledNetwork, simulated: SimulatedSet, surfaces: Surfaces) -> tuple[Float, dict[str, Float]]:
    """Run the graph that is shipped on surfaces under simulated atmospheres.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    simulated : SimulatedSet
        Atmospheres.
    surfaces : Surfaces
        Surfaces, (profile, sample).

    Returns
    -------
    tuple of array and dict
        Temperature [K] and the terms of the equation by name, all (profile, sample).
    """
    known = observe(simulated, surfaces).inputs()
    inputs = [known[name] for name in (*SURFACE_INPUTS, *TIERS[network.tier])]
    lst, *terms = _run(RetrievalGraph(network), inputs)
    return lst, dict(zip(Atmosphere._fields, terms, strict=False))


def estimate(
    network: CoupledNetwork, given: Samples, errors: InputErrors, calibration: Calibration = IDENTITY
) -> Retrieved:
    """Retrieve temperatures with their uncertainty, as `lst-raster retrieve` does.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    given : Samples
        What the retrieval is told.
    errors : InputErrors
        Standard deviations of the errors that are in it.
    calibration : Calibration
        Factor on the predicted uncertainties.

    Returns
    -------
    Retrieved
        Temperatures and their uncertainties, (profile, sample). [K]
    """
    graph, names = AtmosphereGraph(network, calibration), TIERS[network.tier]

    def atmosphere(**inputs: Float) -> PredictedAtmosphere:
        return PredictedAtmosphere(*_run(graph, [inputs[name] for name in names]))

    return retrieve_samples(atmosphere, given, errors, names, network.band)


def _run(graph: torch.nn.Module, inputs: Sequence[Float]) -> list[Float]:
    """Run a graph on arrays of one shape, in its precision."""
    columns = [torch.from_numpy(values.astype(np.float32).ravel()) for values in inputs]
    with torch.no_grad():
        return [values.double().numpy().reshape(inputs[0].shape) for values in graph(*columns)]


FOLDS = 2
PER_PROFILE, FOLD_SEED = 10, 0  # surfaces under each profile, and their seed
INPUTS = (EXACT, InputErrors())
"""Errors of the inputs for which it is calibrated; between them it is interpolated."""


def fold_of(simulated: SimulatedSet) -> NDArray[np.int64]:
    """Fold of each profile: dates in turns, so that whole dates are held out; without dates, profiles in turns.

    Neighbours on one date are nearly copies of each other, and what differs from date to date is part of the error.
    """
    if simulated.time is not None:
        dates, rank = np.unique(simulated.time, return_inverse=True)
        if dates.size >= FOLDS:
            return np.asarray(rank % FOLDS)
    return np.arange(len(simulated)) % FOLDS


def fold_steps(config: TrainingConfig) -> int:
    """Count the steps of the training of one fold's network."""
    return min(config.calibration.steps, config.optimiser.steps)


def calibrate(
    network: CoupledNetwork, sets: Sequence[SimulatedSet], config: TrainingConfig, progress: Progress | None = None
) -> Calibration:
    """Calibrate a network's predicted uncertainty on the columns it was made from, without believing its memory.

    For each fold a network learns the others, and its errors there are held against the uncertainty that the
    finished network predicts. Invented profiles are learnt but do not calibrate: they show where the range ends, not
    how often an atmosphere is found.

    Parameters
    ----------
    network : CoupledNetwork
        The finished network.
    sets : sequence of SimulatedSet
        All it was made from.
    config : TrainingConfig
        Its configuration; `calibration.steps` zero leaves the predicted uncertainty as it is.
    progress : callable, optional
        Called with the steps done and their total over all folds; returns False to stop.

    Returns
    -------
    Calibration
        Factor on the predicted uncertainties.
    """
    folds = [fold_of(one) for one in sets]
    steps = fold_steps(config)
    if steps == 0 or any(not any((fold == part).any() for fold in folds) for part in range(FOLDS)):
        return IDENTITY
    shorter = replace(config, optimiser=replace(config.optimiser, steps=steps))
    vapour, factors = [], []
    for part in range(FOLDS):
        learnt = [one.select(fold != part) for one, fold in zip(sets, folds, strict=True)]
        other = train(training_set(learnt, config), shorter, part_of(progress, part * steps, FOLDS * steps))
        for one, fold in zip(sets, folds, strict=True):
            held = one.select((fold == part) & _real(one))
            vapour.append(held.water_vapour)
            factors.append(_factors(network, other, held))
    exact, noisy = (np.concatenate(parts) for parts in zip(*factors, strict=True))
    return fit(np.concatenate(vapour), exact, noisy)


def part_of(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Report the steps of one part of a run as steps of the whole."""
    return None if progress is None else lambda done, _: progress(before + done, total)


def _real(simulated: SimulatedSet) -> NDArray[np.bool_]:
    if simulated.perturbation is None:
        return np.ones(len(simulated), bool)
    return np.asarray(simulated.perturbation == 0)


def _factors(network: CoupledNetwork, other: CoupledNetwork, held: SimulatedSet) -> list[Float]:
    """Critical factors of the error of one network under the uncertainty of another, for each of `INPUTS`."""
    exact = observe(held, surface_samples(held.air_temperature_2m, PER_PROFILE, FOLD_SEED))
    columns = []
    for errors in INPUTS:
        given = with_errors(exact, errors, FOLD_SEED + 1)
        error = estimate(other, given, errors).temperature - exact.surface_temperature
        expected = estimate(network, given, errors)
        columns.append(critical_factor(error, expected.from_inputs, expected.from_model))
    return columns
