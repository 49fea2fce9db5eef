"""How two sets of temperatures agree: the statistics that tables of differences tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

ROBUST = 1.4826
"""From the median absolute deviation to the standard deviation, for normal errors. [1]"""

_OUTLIER = 3.0  # robust standard deviations


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How retrieved temperatures agree with those on the ground."""

    count: int
    """Number of match-ups."""
    bias: float
    """Mean of retrieved less ground. [K]"""
    sd: float
    """Standard deviation about that mean. [K]"""
    rmse: float
    """Root mean square of the differences. [K]"""
    median: float
    """Median of the differences: the bias that a few failures do not move. [K]"""
    robust_sd: float
    """Standard deviation by the median absolute deviation from the median. [K]"""
    outliers: int
    """Match-ups more than three robust standard deviations from the median: cloud, or a failing instrument. None
    is left out of the other figures."""


def agreement(error: Float) -> Agreement:
    """Summarise differences between retrieved and ground temperatures.

    Parameters
    ----------
    error : array of shape (match-up,)
        Retrieved less ground, finite. [K]

    Returns
    -------
    Agreement
        Statistics; NaN where there are fewer than two match-ups.
    """
    if error.size < 2:
        none = math.nan
        return Agreement(count=error.size, bias=none, sd=none, rmse=none, median=none, robust_sd=none, outliers=0)
    median = float(np.median(error))
    return Agreement(
        count=error.size,
        bias=float(np.mean(error)),
        sd=float(np.std(error, ddof=1)),
        rmse=float(np.sqrt(np.mean(error**2))),
        median=median,
        robust_sd=ROBUST * float(np.median(np.abs(error - median))),
        outliers=int(np.count_nonzero(outliers(error))),
    )


def outliers(error: Float) -> NDArray[np.bool_]:
    """Tell which differences lie more than three robust standard deviations from their median.

    Parameters
    ----------
    error : array of shape (match-up,)
        Differences; one that is NaN is none. [K]

    Returns
    -------
    array of bool
        True for outliers.
    """
    known = error[np.isfinite(error)]
    if known.size < 2:
        return np.zeros(error.shape, bool)
    distance = np.abs(error - np.median(known))
    return np.asarray(distance > _OUTLIER * ROBUST * np.median(np.abs(known - np.median(known))))
