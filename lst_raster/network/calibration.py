"""Calibration of the predicted uncertainty: a factor fitted to errors of networks on profiles they were not trained on.

The likelihood fits a standard deviation, which heavy tails make wider than the interval that holds 68 % of the errors,
and which includes some of the noise on the training inputs. The product promises 68 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Float = NDArray[np.float64]

COVERAGE = 0.6827  # Fraction of errors within one standard uncertainty, as of a normal distribution [1]
FACTOR_LIMITS = (0.2, 4.0)  # Smallest and largest factor [1]
NODE_SPACING = 10.0  # Distance of the nodes [kg m-2]
MINIMUM_PROFILES = 20  # Fewest profiles around a node


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Factors on the predicted uncertainties, linear between nodes of water vapour and constant beyond them."""

    water_vapour: tuple[float, ...] = (0.0,)  # Nodes, ascending [kg m-2]
    exact: tuple[float, ...] = (1.0,)  # Factor at each node for exact inputs [1]
    noisy: tuple[float, ...] = (1.0,)  # Factor at each node for inputs with the errors of a reanalysis [1]

    def factor_at(self, water_vapour: Tensor, input_error: Tensor) -> Tensor:
        """Factor at a water vapour column [kg m-2] and an input error, which is clamped to 0 to 1."""
        exact, noisy = self._interpolate(self.exact, water_vapour), self._interpolate(self.noisy, water_vapour)
        return exact + input_error.clamp(0.0, 1.0) * (noisy - exact)

    def _interpolate(self, factors: tuple[float, ...], water_vapour: Tensor) -> Tensor:
        """Interpolate as `numpy.interp`, in operators that ONNX has."""
        factor = torch.full_like(water_vapour, factors[0])
        nodes = self.water_vapour
        for low, high, before, after in zip(nodes[:-1], nodes[1:], factors[:-1], factors[1:], strict=True):
            factor = factor + (after - before) * ((water_vapour - low) / (high - low)).clamp(0.0, 1.0)
        return factor


IDENTITY = Calibration()  # No change of the predicted uncertainties


def critical_factor(error: Float, from_inputs: Float, from_model: Float) -> Float:
    """Smallest factor on the model's part of the uncertainty that covers the error; infinite without retrieval.

    `error` is retrieved less true temperature, NaN where nothing was retrieved; `from_inputs` and `from_model` are the
    two parts of the standard uncertainty. [K]
    """
    factor = np.sqrt(np.maximum(error**2 - from_inputs**2, 0.0)) / from_model
    return np.where(np.isfinite(factor), factor, np.inf)


def fit(water_vapour: Float, exact: Float, noisy: Float) -> Calibration:
    """Fit the factor that covers the fraction `COVERAGE` of the errors, as a smooth function of the water vapour.

    `water_vapour` is (profile,) [kg m-2]; `exact` and `noisy` hold the `critical_factor` of every sample, (profile,
    sample). The factor of a node is the weighted quantile over all profiles nearer than `NODE_SPACING`, with weights
    that fall linearly with the distance; a node needs `MINIMUM_PROFILES`.
    """
    nodes: list[tuple[float, float, float]] = []
    for node in np.arange(0.5 * NODE_SPACING, water_vapour.max(initial=0.0) + NODE_SPACING, NODE_SPACING).tolist():
        weight = np.maximum(1.0 - np.abs(water_vapour - node) / NODE_SPACING, 0.0)
        if np.count_nonzero(weight) >= MINIMUM_PROFILES:
            quantiles = (_weighted_quantile(values, weight) for values in (exact, noisy))
            nodes.append((node, *(round(float(np.clip(factor, *FACTOR_LIMITS)), 3) for factor in quantiles)))
    if not nodes:
        return IDENTITY
    columns, exact_factors, noisy_factors = zip(*nodes, strict=True)
    return Calibration(water_vapour=columns, exact=exact_factors, noisy=noisy_factors)


def _weighted_quantile(values: Float, weight: Float) -> float:
    """Smallest value, (profile, sample), at or below which lies the fraction `COVERAGE` of the weight, (profile,)."""
    order = np.argsort(values, axis=None)
    cumulative = np.cumsum(np.broadcast_to(weight[:, None], values.shape).ravel()[order])
    return float(values.ravel()[order][np.searchsorted(cumulative, COVERAGE * cumulative[-1])])
