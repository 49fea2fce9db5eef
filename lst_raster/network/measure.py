"""Accuracy of a network on simulated sets, and cross-validation that calibrates its predicted uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.uncertainty import Retrieved
from lst_raster.network.config import TIERS, TrainingConfig
from lst_raster.network.data import training_set
from lst_raster.network.model import IDENTITY, Atmosphere, Calibration, CoupledNetwork
from lst_raster.network.onnx_export import AtmosphereGraph
from lst_raster.network.training_loop import Progress, offset_progress, train
from lst_raster.physics.error_metrics import coverage, summarise
from lst_raster.profiles.sampling import (
    SURFACES_PER_PROFILE,
    InputErrors,
    Samples,
    add_input_errors,
    conditions,
    draw_surfaces,
    observe,
    retrieve_samples,
)
from lst_raster.profiles.simulated_set import SimulatedSet, regime_masks

Float = NDArray[np.float64]

SEED = 0  # seed of surfaces and errors, shared with `lst-raster evaluate` and the accuracy benchmark
FOLDS, SURFACES_PER_FOLD_PROFILE, FOLD_SEED = 4, 10, 0

CALIBRATED = ("noisy", "noisy vapour", "nothing")  # conditions for which the uncertainty is calibrated

COVERAGE = 0.6827  # fraction of errors within one standard uncertainty, as of a normal distribution [1]
FACTOR_LIMITS = (0.2, 4.0)  # smallest and largest calibration factor [1]
NODE_SPACING = 10.0  # water vapour interval between calibration nodes [kg m-2]
MINIMUM_PROFILES = 20  # minimum number of profiles for a node


def measure(network: CoupledNetwork, simulated: SimulatedSet, calibration: Calibration = IDENTITY) -> dict[str, Any]:
    """Measure the errors of a network on a simulated set that it was not trained on.

    Returns a dictionary of "profiles"; "surfaces_per_profile"; "atmosphere", the error of each term of the equation for
    exact inputs in its unit; and for each of `conditions` a dictionary of "lst", the temperature errors [K] by regime
    (`lst_raster.profiles.simulated_set.REGIMES`), and "coverage", the fraction of errors within one standard
    uncertainty, by regime.
    """
    surfaces = draw_surfaces(simulated.air_temperature_2m, SURFACES_PER_PROFILE, SEED)
    exact = observe(simulated, surfaces, SEED)
    regimes = {name: mask for name, mask in regime_masks(simulated).items() if mask.any()}
    result: dict[str, Any] = {
        "profiles": len(simulated),
        "surfaces_per_profile": SURFACES_PER_PROFILE,
        "atmosphere": _errors_of_terms(network, exact),
    }
    for condition, errors in conditions(network.tier).items():
        retrieved = estimate(network, add_input_errors(exact, errors, SEED + 1), errors, calibration)
        error = retrieved.temperature - surfaces.surface_temperature
        result[condition] = {
            "lst": {name: asdict(summarise(error[mask])) for name, mask in regimes.items()},
            "coverage": {name: coverage(error[mask], retrieved.uncertainty[mask]) for name, mask in regimes.items()},
        }
    return result


def _errors_of_terms(network: CoupledNetwork, samples: Samples) -> dict[str, dict[str, float]]:
    graph = AtmosphereGraph(network)
    terms = _run(graph, [samples.atmosphere[name][:, :1] for name in TIERS[network.tier]])
    true = zip(Atmosphere._fields, terms, samples.simulated.terms, strict=False)
    return {name: asdict(summarise(predicted[:, 0] - value)) for name, predicted, value in true}


def estimate(
    network: CoupledNetwork, samples: Samples, errors: InputErrors, calibration: Calibration = IDENTITY
) -> Retrieved:
    """Retrieve temperatures [K] and uncertainties from samples with input errors, as `lst-raster retrieve` does."""
    graph, names = AtmosphereGraph(network, calibration), TIERS[network.tier]

    def atmosphere(**inputs: Float) -> PredictedAtmosphere:
        return PredictedAtmosphere(*_run(graph, [inputs[name] for name in names]))

    return retrieve_samples(atmosphere, samples, errors, names)


def _run(graph: torch.nn.Module, inputs: Sequence[Float]) -> list[Float]:
    """Run a graph on arrays of one shape, in float32."""
    columns = [torch.from_numpy(values.astype(np.float32).ravel()) for values in inputs]
    with torch.no_grad():
        return [values.double().numpy().reshape(inputs[0].shape) for values in graph(*columns)]


def fold_of(simulated: SimulatedSet) -> NDArray[np.int64]:
    """Fold of each profile: sources alternate, so that whole dates are held out; without, dates or profiles do.

    Neighbouring profiles of one date are almost identical, and differences between dates are part of the error.
    """
    for groups in (simulated.profile_source, simulated.time):
        if groups is not None:
            names, rank = np.unique(groups, return_inverse=True)
            if names.size >= FOLDS:
                return np.asarray(rank % FOLDS)
    return np.arange(len(simulated)) % FOLDS


def fold_steps(config: TrainingConfig) -> int:
    """Gradient steps of the network of one fold."""
    return min(config.calibration.steps, config.optimiser.steps)


def calibrate(
    network: CoupledNetwork, sets: Sequence[SimulatedSet], config: TrainingConfig, progress: Progress | None = None
) -> Calibration:
    """Calibrate the predicted uncertainty of a network by cross-validation over all its training data.

    For each fold a network is trained on the others, and its errors on the fold are compared with the uncertainty that
    the finished network predicts. Synthetic profiles are used in training but not in the comparison: they extend the
    range and do not represent the frequency of atmospheres. Returns `IDENTITY` if `calibration.steps` is zero;
    `progress` is called with the steps done and their total over all folds.
    """
    folds = [fold_of(one) for one in sets]
    steps = fold_steps(config)
    if steps == 0 or any(not any((fold == number).any() for fold in folds) for number in range(FOLDS)):
        return IDENTITY
    shorter = replace(config, optimiser=replace(config.optimiser, steps=steps))
    water_vapour, factors = [], []
    for number in range(FOLDS):
        training = [one.select(fold != number) for one, fold in zip(sets, folds, strict=True)]
        reporting = offset_progress(progress, number * steps, FOLDS * steps)
        fold_network = train(training_set(training, config), shorter, reporting)
        for one, fold in zip(sets, folds, strict=True):
            held_out = one.select((fold == number) & one.is_unmodified)
            water_vapour.append(held_out.water_vapour)
            factors.append(_critical_factors(network, fold_network, held_out))
    return fit_calibration(np.concatenate(water_vapour), np.concatenate(factors))


def _critical_factors(network: CoupledNetwork, fold_network: CoupledNetwork, held_out: SimulatedSet) -> Float:
    """Critical factors of a fold network's errors under the finished one's uncertainty, for `CALIBRATED` conditions."""
    surfaces = draw_surfaces(held_out.air_temperature_2m, SURFACES_PER_FOLD_PROFILE, FOLD_SEED)
    exact = observe(held_out, surfaces, FOLD_SEED)
    factors = []
    for name, errors in conditions(network.tier).items():
        if name in CALIBRATED:
            samples = add_input_errors(exact, errors, FOLD_SEED + 1)
            error = estimate(fold_network, samples, errors).temperature - exact.surface_temperature
            predicted = estimate(network, samples, errors)
            factors.append(critical_factor(error, predicted.from_inputs, predicted.from_model))
    return np.concatenate(factors, axis=1)


def critical_factor(error: Float, from_inputs: Float, from_model: Float) -> Float:
    """Smallest factor on the model's part of the uncertainty that covers the error; infinite if nothing was retrieved.

    `error` is retrieved less true temperature, NaN where nothing was retrieved; `from_inputs` and `from_model` are the
    two parts of the standard uncertainty. [K]
    """
    factor = np.sqrt(np.maximum(error**2 - from_inputs**2, 0.0)) / from_model
    return np.where(np.isfinite(factor), factor, np.inf)


def fit_calibration(water_vapour: Float, factors: Float) -> Calibration:
    """Fit the factor that covers the fraction `COVERAGE` of the errors, as a smooth function of the water vapour.

    The likelihood fits a standard deviation. Heavy tails make it wider than the interval that contains 68 % of the
    errors. The uncertainty in products is defined by the 68 % interval.

    `water_vapour` is (profile,) [kg m-2]; `factors` are the `critical_factor` of every sample, (profile, sample). The
    factor of a node is the weighted quantile over all profiles nearer than `NODE_SPACING`, with weights that fall
    linearly with the distance; a node needs `MINIMUM_PROFILES`.
    """
    nodes: list[tuple[float, float]] = []
    for node in np.arange(0.5 * NODE_SPACING, water_vapour.max(initial=0.0) + NODE_SPACING, NODE_SPACING).tolist():
        weight = np.maximum(1.0 - np.abs(water_vapour - node) / NODE_SPACING, 0.0)
        if np.count_nonzero(weight) >= MINIMUM_PROFILES:
            nodes.append((node, round(float(np.clip(_weighted_quantile(factors, weight), *FACTOR_LIMITS)), 3)))
    if not nodes:
        return IDENTITY
    columns, chosen = zip(*nodes, strict=True)
    return Calibration(water_vapour=columns, factors=chosen)


def _weighted_quantile(values: Float, weight: Float) -> float:
    """Weighted quantile, at the fraction `COVERAGE`, of values (profile, sample) with weights (profile,)."""
    order = np.argsort(values, axis=None)
    cumulative = np.cumsum(np.broadcast_to(weight[:, None], values.shape).ravel()[order])
    return float(values.ravel()[order][np.searchsorted(cumulative, COVERAGE * cumulative[-1])])
