"""How far the network's predicted uncertainty is trusted: a factor on it, found on columns it had not learnt.

The likelihood fits a standard deviation, and heavy tails make that wider than what holds two thirds of the errors; it
also holds some of the noise that the training put on the inputs. What is promised is two thirds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Float = NDArray[np.float64]

COVERAGE = 0.6827
"""Share of errors within one standard uncertainty, as of a normal distribution. [1]"""
FACTORS = (0.2, 4.0)
"""Smallest and largest factor. [1]"""
SPACING = 10.0
"""Distance of the nodes. [kg m-2]"""
FEWEST = 20
"""Profiles around a node without which there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Factors on the predicted uncertainties, linear between nodes of the water vapour and constant beyond them."""

    water_vapour: tuple[float, ...] = (0.0,)
    """Nodes, rising. [kg m-2]"""
    exact: tuple[float, ...] = (1.0,)
    """Factor at each where the inputs are exact. [1]"""
    noisy: tuple[float, ...] = (1.0,)
    """Factor at each where they are as sure as a reanalysis. [1]"""

    def factor_at(self, water_vapour: Tensor, input_error: Tensor) -> Tensor:
        """Factor at a water vapour column [kg m-2] and an error of the inputs (0 to 1; beyond, the nearer end)."""
        exact, noisy = self._along(self.exact, water_vapour), self._along(self.noisy, water_vapour)
        return exact + input_error.clamp(0.0, 1.0) * (noisy - exact)

    def _along(self, factors: tuple[float, ...], water_vapour: Tensor) -> Tensor:
        factor = torch.full_like(water_vapour, factors[0])
        nodes = self.water_vapour
        for low, high, before, after in zip(nodes[:-1], nodes[1:], factors[:-1], factors[1:], strict=True):
            factor = factor + (after - before) * ((water_vapour - low) / (high - low)).clamp(0.0, 1.0)
        return factor


IDENTITY = Calibration()
"""The predicted uncertainties as they are."""


def critical_factor(error: Float, from_inputs: Float, from_model: Float) -> Float:
    """Smallest factor on the model's part with which an error lies within one standard uncertainty.

    Parameters
    ----------
    error : array, any shape
        Retrieved less true temperature, NaN where nothing was retrieved. [K]
    from_inputs, from_model : array
        Parts of the uncertainty, the model's not calibrated. [K]

    Returns
    -------
    array
        Factor, infinite where nothing was retrieved. [1]
    """
    left = np.sqrt(np.maximum(error**2 - from_inputs**2, 0.0)) / from_model
    return np.where(np.isfinite(left), left, np.inf)


def fit(water_vapour: Float, exact: Float, noisy: Float) -> Calibration:
    """Find the factor with which `COVERAGE` of the errors lie within, as a smooth function of the water vapour.

    At each node it is the weighted quantile of the critical factors of all profiles nearer than `SPACING`, their weight
    falling linearly with the distance.

    Parameters
    ----------
    water_vapour : array of shape (profile,)
        True column. [kg m-2]
    exact, noisy : array of shape (profile, sample)
        `critical_factor` of every sample, with exact inputs and with noisy ones.

    Returns
    -------
    Calibration
        One node in the middle of each `SPACING` of the column that has `FEWEST` profiles around it.
    """
    nodes: list[tuple[float, float, float]] = []
    for node in np.arange(0.5 * SPACING, water_vapour.max(initial=0.0) + SPACING, SPACING).tolist():
        weight = np.maximum(1.0 - np.abs(water_vapour - node) / SPACING, 0.0)
        if np.count_nonzero(weight) >= FEWEST:
            found = [_quantile(factors, np.broadcast_to(weight[:, None], factors.shape)) for factors in (exact, noisy)]
            nodes.append((node, *(round(float(np.clip(factor, *FACTORS)), 3) for factor in found)))
    if not nodes:
        return IDENTITY
    places, of_exact, of_noisy = zip(*nodes, strict=True)
    return Calibration(water_vapour=places, exact=of_exact, noisy=of_noisy)


def _quantile(values: Float, weight: Float) -> float:
    """Smallest value below or at which lies `COVERAGE` of the weight."""
    order = np.argsort(values, axis=None)
    below = np.cumsum(weight.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(below, COVERAGE * below[-1])])
