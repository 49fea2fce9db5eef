"""Scores of a retrieval: how far its temperatures lie from the truth, in the measures that studies state."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Errors of retrieved temperatures; NaN where there is no sample."""

    samples: int
    """Number of samples with a retrieved value."""
    missing: int
    """Number of samples without one (NaN), which the others leave out."""
    bias: float
    """Mean error. [K]"""
    mae: float
    """Mean absolute error. [K]"""
    rmse: float
    """Root mean square error. [K]"""
    r2: float
    """Share of the variance of the true values that the retrieved ones explain; can be negative. [1]"""
    p95: float
    """Absolute error that 95 % of the samples stay below. [K]"""


MEASURES = ("bias", "mae", "rmse", "r2", "p95")
"""Names of the measures of a `Score`."""


def score(retrieved: Float, truth: Float) -> Score:
    """Hold retrieved values against true ones.

    Parameters
    ----------
    retrieved, truth : array, of one shape
        Values; NaN where nothing was retrieved. [K]

    Returns
    -------
    Score
        Measures over the samples with a value.

    Examples
    --------
    >>> found = score(np.array([291.0, 299.0, 310.0, np.nan]), np.array([290.0, 300.0, 310.0, 320.0]))
    >>> found.samples, found.missing, found.bias, round(found.rmse, 3), found.r2
    (3, 1, 0.0, 0.816, 0.99)
    """
    known = np.isfinite(retrieved)
    right = np.asarray(truth, np.float64)[known]
    error = np.asarray(retrieved, np.float64)[known] - right
    missing = int(known.size - error.size)
    if not error.size:
        return Score(samples=0, missing=missing, **dict.fromkeys(MEASURES, math.nan))
    variance = float(np.mean((right - right.mean()) ** 2))
    squares = float(np.mean(error**2))
    return Score(
        samples=error.size,
        missing=missing,
        bias=float(np.mean(error)),
        mae=float(np.mean(np.abs(error))),
        rmse=math.sqrt(squares),
        r2=1.0 - squares / variance if variance > 0.0 else math.nan,
        p95=float(np.percentile(np.abs(error), 95.0)),
    )
