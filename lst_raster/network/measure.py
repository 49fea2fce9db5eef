"""Accuracy of a network on simulated sets, and cross-validation that calibrates its predicted uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.uncertainty import Retrieved
from lst_raster.network.config import TIERS, TrainingConfig
from lst_raster.network.data import training_set
from lst_raster.network.methods import train
from lst_raster.network.model import IDENTITY, Atmosphere, Calibration, CoupledNetwork
from lst_raster.network.onnx_export import AtmosphereGraph
from lst_raster.network.training_loop import Progress, offset_progress
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
FOLDS, SURFACES_PER_FOLD_PROFILE = 4, 10

REGION_SIDES = (30.0, 15.0, 7.5, 3.0, 1.0)  # sides of regions, held out where dates are fewer than folds [degree]

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
    return measure_folds([Fold(network=network, held_out=simulated)], network, calibration)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """A network and profiles that it was not trained on."""

    network: CoupledNetwork
    held_out: SimulatedSet


def measure_folds(
    folds: Sequence[Fold], network: CoupledNetwork, calibration: Calibration = IDENTITY
) -> dict[str, Any]:
    """Measure the errors of all folds together: temperatures of their networks, uncertainties of the finished network.

    The result is that of `measure`.
    """
    masks = [regime_masks(fold.held_out) for fold in folds]
    regimes = {name: np.concatenate([one[name] for one in masks]) for name in masks[0]}
    regimes = {name: mask for name, mask in regimes.items() if mask.any()}
    exact = [_observed(fold.held_out, SURFACES_PER_PROFILE, SEED) for fold in folds]
    result: dict[str, Any] = {
        "profiles": sum(len(fold.held_out) for fold in folds),
        "surfaces_per_profile": SURFACES_PER_PROFILE,
        "atmosphere": _errors_of_terms(folds, exact),
    }
    for condition, errors in conditions(network.tier).items():
        found: list[tuple[Float, Float]] = []
        for fold, samples in zip(folds, exact, strict=True):
            given = add_input_errors(samples, errors, SEED + 1)
            retrieved = estimate(fold.network, given, errors, calibration)
            predicted = retrieved if fold.network is network else estimate(network, given, errors, calibration)
            found.append((retrieved.temperature - samples.surface_temperature, predicted.uncertainty))
        error, uncertainty = (np.concatenate(parts) for parts in zip(*found, strict=True))
        result[condition] = {
            "lst": {name: asdict(summarise(error[mask])) for name, mask in regimes.items()},
            "coverage": {name: coverage(error[mask], uncertainty[mask]) for name, mask in regimes.items()},
        }
    return result


def _observed(simulated: SimulatedSet, per_profile: int, seed: int) -> Samples:
    return observe(simulated, draw_surfaces(simulated.air_temperature_2m, per_profile, seed), seed)


def _errors_of_terms(folds: Sequence[Fold], exact: Sequence[Samples]) -> dict[str, dict[str, float]]:
    errors: dict[str, list[Float]] = {name: [] for name in Atmosphere._fields}
    for fold, samples in zip(folds, exact, strict=True):
        names = TIERS[fold.network.tier]
        terms = _run(AtmosphereGraph(fold.network), [samples.atmosphere[name][:, :1] for name in names])
        for name, predicted, true in zip(errors, terms, fold.held_out.terms, strict=False):
            errors[name].append(predicted[:, 0] - true)
    return {name: asdict(summarise(np.concatenate(parts))) for name, parts in errors.items()}


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
    """Fold of each profile, which holds out whole sources; with too few sources, whole dates or regions.

    Neighbouring profiles of one date are almost identical, and differences between dates are part of the error. Without
    sources, dates and places, profiles alternate.
    """
    dates = None if simulated.time is None else simulated.time.astype("datetime64[D]")
    for groups in (simulated.profile_source, dates, *_regions(simulated)):
        if groups is not None:
            names, rank = np.unique(groups, return_inverse=True)
            if names.size >= FOLDS:
                return np.asarray(rank % FOLDS)
    return np.arange(len(simulated)) % FOLDS


def _regions(simulated: SimulatedSet) -> Iterator[NDArray[np.float64]]:
    """Number of the box of latitude and longitude of each profile, from large to small boxes."""
    if simulated.latitude is None or simulated.longitude is None:
        return
    for side in REGION_SIDES:
        yield np.floor(simulated.latitude / side) * (360.0 / side + 1.0) + np.floor(simulated.longitude / side)


def fold_steps(config: TrainingConfig) -> int:
    """Gradient steps of the network of one fold."""
    return min(config.calibration.steps, config.optimiser.steps)


def train_folds(sets: Sequence[SimulatedSet], config: TrainingConfig, progress: Progress | None = None) -> list[Fold]:
    """Train a network for each fold on the others.

    Synthetic profiles are used in training but are not held out: they extend the range and do not represent the
    frequency of atmospheres. Returns no folds if `calibration.steps` is zero or the profiles are too few; `progress` is
    called with the steps done and their total over all folds.
    """
    numbers, steps = [fold_of(one) for one in sets], fold_steps(config)
    if steps == 0 or any(not any((one == number).any() for one in numbers) for number in range(FOLDS)):
        return []
    shorter = replace(config, optimiser=replace(config.optimiser, steps=steps))
    folds = []
    for number in range(FOLDS):
        training = [one.select(fold != number) for one, fold in zip(sets, numbers, strict=True)]
        reporting = offset_progress(progress, number * steps, FOLDS * steps)
        network = train(training_set(training, config), shorter, reporting)
        held_out = [one.select((fold == number) & one.is_unmodified) for one, fold in zip(sets, numbers, strict=True)]
        folds += [Fold(network=network, held_out=one) for one in held_out if len(one)]
    return folds


def calibrate(network: CoupledNetwork, folds: Sequence[Fold]) -> Calibration:
    """Calibrate the predicted uncertainty of a network by cross-validation; `IDENTITY` without folds.

    The errors of the network of each fold are compared with the uncertainty that the finished network predicts.
    """
    if not folds:
        return IDENTITY
    water_vapour = [fold.held_out.water_vapour for fold in folds]
    factors = [_critical_factors(network, fold) for fold in folds]
    return fit_calibration(np.concatenate(water_vapour), np.concatenate(factors))


def _critical_factors(network: CoupledNetwork, fold: Fold) -> Float:
    """Critical factors of a fold network's errors under the finished one's uncertainty, for `CALIBRATED` conditions."""
    exact, factors = _observed(fold.held_out, SURFACES_PER_FOLD_PROFILE, SEED), []
    for name, errors in conditions(network.tier).items():
        if name in CALIBRATED:
            samples = add_input_errors(exact, errors, SEED + 1)
            error = estimate(fold.network, samples, errors).temperature - exact.surface_temperature
            predicted = estimate(network, samples, errors)
            factors.append(critical_factor(error, predicted.from_pixel, predicted.from_atmosphere))
    return np.concatenate(factors, axis=1)


def critical_factor(error: Float, from_pixel: Float, from_atmosphere: Float) -> Float:
    """Smallest factor on the model's part of the uncertainty that covers the error; infinite if nothing was retrieved.

    `error` is retrieved less true temperature, NaN where nothing was retrieved; `from_pixel` and `from_atmosphere`
    are the two parts of the standard uncertainty. [K]
    """
    factor = np.sqrt(np.maximum(error**2 - from_pixel**2, 0.0)) / from_atmosphere
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
