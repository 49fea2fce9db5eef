"""What a network must know of its training set before it learns: ranges, and scales of the features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lst_raster.training.config import TrainingConfig
from lst_raster.training.data import LearningSet
from lst_raster.training.network import Normalisation, features

RANGE_MARGIN = 0.02  # the valid range is that of the training set, widened at each end by this share of its span
SMALLEST_DEVIATION = 1e-5  # of a feature over the training set, lest one that is always the same be divided by zero
SMALLEST_VARIANCE = 0.003  # of a principal component, of features of variance one [1]


def valid_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Range of training values widened by `RANGE_MARGIN` of its span at each end, not below zero.

    Examples
    --------
    >>> valid_range(np.array([10.0, 60.0]))
    (9.0, 61.0)
    """
    low, high = float(np.min(values)), float(np.max(values))
    margin = RANGE_MARGIN * (high - low)
    return readable(max(low - margin, 0.0)), readable(high + margin)


def readable(value: float) -> float:
    """Round a limit to what a person reads and float32 holds: seven digits, at most eight after the point.

    Examples
    --------
    >>> readable(0.98765432123), readable(1044.12345678), readable(0.0000123456)
    (0.9876543, 1044.123, 1.235e-05)
    """
    return round(float(f"{value:.7g}"), 8)


def normalisation(learning: LearningSet, config: TrainingConfig) -> Normalisation:
    """Constants of the network from what it will learn."""
    seen = features(torch.stack([values[:, 0] for values in learning.predictors], dim=-1), config.tier)
    ranges = [*(valid_range(values.numpy()) for values in learning.predictors[:-1]), (0.0, 1.0)]
    return Normalisation(
        low=tuple(low for low, _ in ranges),
        high=tuple(high for _, high in ranges),
        mean=tuple(seen.mean(dim=0).tolist()),
        whitening=tuple(map(tuple, whitening(seen).tolist())),
        air_temperature=float(learning.air_temperature.mean()),
        smallest_optical_depth=float(-torch.log(learning.atmosphere.transmittance.max())),
    )


def whitening(seen: Tensor) -> Tensor:
    """Matrix that whitens features, by their principal components, (feature, component).

    Temperatures of neighbouring levels nearly say the same; a step down the gradient would go along what they have in
    common for long before it finds their difference. Components that hardly vary are left small: they are noise.
    """
    deviation = seen.std(dim=0).clamp_min(SMALLEST_DEVIATION)
    values, vectors = torch.linalg.eigh(torch.cov((seen.double() / deviation).T, correction=1))
    matrix: Tensor = (vectors / deviation.double()[:, None] / torch.sqrt(values.clamp_min(SMALLEST_VARIANCE))).float()
    return matrix
