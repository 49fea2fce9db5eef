"""Coefficients of the mechanism: least squares on the training set, before anything is learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from torch import Tensor

from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.mechanism import emission_temperature_terms, optical_depth_terms, smallest_coefficients
from lst_raster.physics.planck import brightness_temperature
from lst_raster.training.data import LearningSet
from lst_raster.training.network import Mechanism, known_air

RIDGE = 1e-6  # of the mean of the terms' squares, lest terms that go together in few columns have huge coefficients


def fit_mechanism(learning: LearningSet, tier: str) -> Mechanism:
    """Fit the mechanism of a band and a tier.

    The optical depth is fitted by its relative error, the temperatures with the square of the air's emissivity: where
    it hardly emits, its temperature does not matter.

    Parameters
    ----------
    learning : LearningSet
        Profiles, counted by their weight.
    tier : str
        A name in `lst_raster.training.tiers.TIERS`.

    Returns
    -------
    Mechanism
        The coefficients.
    """
    known = known_air([values[:, 0].double() for values in learning.predictors], tier)
    air = known.get("air_temperature", learning.air_temperature.double().mean())
    transmittance, upwelling, downwelling = (term[:, 0].double() for term in learning.atmosphere)
    depth, weight = -torch.log(transmittance), learning.weight[:, 0].double().sqrt()
    absorbers, emission = optical_depth_terms(**known), emission_temperature_terms(**known)
    counts = weight * (1.0 - transmittance)
    up = brightness_temperature(upwelling / -torch.expm1(-depth), learning.band)
    down = brightness_temperature(downwelling / -torch.expm1(-DIFFUSIVITY_FACTOR * depth), learning.band)
    lowest = np.asarray(smallest_coefficients(len(absorbers)))
    return Mechanism(
        optical_depth=_fitted(absorbers, depth, weight / depth, lowest),
        upwelling_temperature=_fitted(emission, up - air, counts),
        downwelling_temperature=_fitted(emission, down - air, counts),
    )


def _fitted(
    terms: Sequence[Tensor], wanted: Tensor, counts: Tensor, lowest: NDArray[np.float64] | float = -np.inf
) -> tuple[float, ...]:
    """Coefficients, none below its `lowest`, of terms whose sum is wanted; `counts` multiplies each row's error."""
    columns = (torch.stack(tuple(terms), dim=1) * counts[:, None]).numpy()
    ridge = np.sqrt(RIDGE * np.mean(np.sum(np.square(columns), axis=0))) * np.eye(columns.shape[1])
    target = np.concatenate([(wanted * counts).numpy(), np.zeros(len(ridge))])
    return tuple(map(float, lsq_linear(np.vstack([columns, ridge]), target, bounds=(lowest, np.inf)).x))
