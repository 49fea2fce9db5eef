"""Calibration of the predicted uncertainty by cross-validation: errors on dates that a network had not learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lst_raster.simulation.samples import observe, with_errors
from lst_raster.simulation.sampling import EXACT, InputErrors, surface_samples
from lst_raster.simulation.simulated_set import SimulatedSet
from lst_raster.training.calibration import IDENTITY, Calibration, critical_factor, fit
from lst_raster.training.config import TrainingConfig
from lst_raster.training.data import learning_set
from lst_raster.training.loop import Progress, train
from lst_raster.training.measure import estimate
from lst_raster.training.network import CoupledNetwork

FOLDS = 2
PER_PROFILE, SEED = 10, 0  # surfaces under each profile, and their seed
INPUTS = (EXACT, InputErrors())
"""Errors of the inputs for which it is calibrated; between them it is interpolated."""

Float = NDArray[np.float64]


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
        other = train(learning_set(learnt, config), shorter, part_of(progress, part * steps, FOLDS * steps))
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
    exact = observe(held, surface_samples(held.air_temperature_2m, PER_PROFILE, SEED))
    columns = []
    for errors in INPUTS:
        given = with_errors(exact, errors, SEED + 1)
        error = estimate(other, given, errors).temperature - exact.surface_temperature
        expected = estimate(network, given, errors)
        columns.append(critical_factor(error, expected.from_inputs, expected.from_model))
    return columns
