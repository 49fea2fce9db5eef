"""Error metrics: error statistics, coverage of uncertainties and robust agreement statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WATER_VAPOUR_CLASSES: Mapping[str, tuple[float, float]] = {
    "0-10": (0.0, 10.0),
    "10-20": (10.0, 20.0),
    "20-30": (20.0, 30.0),
    "30-40": (30.0, 40.0),
    "40-50": (40.0, 50.0),
    "50+": (50.0, math.inf),
}
"""Classes of the water vapour column, lower end included. [kg m-2]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorSummary:
    """Statistics of retrieved minus true values; NaN without samples."""

    samples: int  # number of samples with a retrieved value
    missing: int  # number of samples without retrieved value (NaN), excluded from the statistics
    bias: float  # mean error, in the unit of the errors
    rmse: float  # root mean square error, in the unit of the errors
    mae: float  # mean absolute error, in the unit of the errors


def summarise(error: NDArray[np.floating]) -> ErrorSummary:
    """Bias, root mean square and mean absolute error of the finite errors, retrieved minus true value; NaN is missing.

    Examples
    --------
    >>> summarise(np.array([1.0, -1.0, 3.0, np.nan]))
    ErrorSummary(samples=3, missing=1, bias=1.0, rmse=1.9148542155126762, mae=1.6666666666666667)
    """
    flat = np.asarray(error, dtype=np.float64).ravel()
    known = flat[np.isfinite(flat)]
    if not known.size:
        return ErrorSummary(samples=0, missing=flat.size, bias=math.nan, rmse=math.nan, mae=math.nan)
    return ErrorSummary(
        samples=known.size,
        missing=flat.size - known.size,
        bias=float(np.mean(known)),
        rmse=float(np.sqrt(np.mean(known**2))),
        mae=float(np.mean(np.abs(known))),
    )


def coverage(error: NDArray[np.floating], uncertainty: NDArray[np.floating]) -> float | None:
    """Fraction of errors within one standard uncertainty; 0.68 for a correct uncertainty of normal errors.

    Errors and uncertainties have one shape and unit. NaN does not count; None without samples.

    Examples
    --------
    >>> coverage(np.array([0.5, -2.0, np.nan]), np.array([1.0, 1.0, 1.0]))
    0.5
    """
    known = np.isfinite(error)
    return float(np.mean(np.abs(error[known]) <= uncertainty[known])) if known.any() else None


def water_vapour_masks(water_vapour: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
    """Masks of the samples in each of `WATER_VAPOUR_CLASSES`, by name, from their water vapour column. [kg m-2]"""
    limits = WATER_VAPOUR_CLASSES.items()
    return {name: (water_vapour >= low) & (water_vapour < high) for name, (low, high) in limits}


def coverage_by_water_vapour(
    error: NDArray[np.floating], uncertainty: NDArray[np.floating], water_vapour: NDArray[np.floating]
) -> dict[str, float | None]:
    """`coverage` over all samples and over each class of water vapour, as in `summarise_by_water_vapour`."""
    error, uncertainty, column = np.broadcast_arrays(error, uncertainty, water_vapour)
    masks = water_vapour_masks(column)
    return {"all": coverage(error, uncertainty)} | {
        name: coverage(error[mask], uncertainty[mask]) for name, mask in masks.items()
    }


def summarise_by_water_vapour(
    error: NDArray[np.floating], water_vapour: NDArray[np.floating]
) -> dict[str, ErrorSummary]:
    """`summarise` over all samples ("all") and each of `WATER_VAPOUR_CLASSES`, by name.

    `water_vapour` is the column of the samples, broadcast against `error`. [kg m-2]
    """
    error, column = np.broadcast_arrays(error, water_vapour)
    masks = water_vapour_masks(column)
    return {"all": summarise(error)} | {name: summarise(error[mask]) for name, mask in masks.items()}


Float = NDArray[np.float64]

ROBUST = 1.4826  # ratio of standard deviation to median absolute deviation for normal errors [1]

_OUTLIER = 3.0  # robust standard deviations


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Agreement between retrieved and in-situ temperatures."""

    count: int  # number of match-ups
    bias: float  # mean of retrieved minus in-situ temperature [K]
    sd: float  # standard deviation about that mean [K]
    rmse: float  # root mean square of the differences [K]
    median: float  # median of the differences, robust against outliers [K]
    robust_sd: float  # standard deviation by the median absolute deviation from the median [K]
    outliers: int
    """Match-ups more than three robust standard deviations from the median (undetected cloud, instrument failure); they
    are included in the other statistics."""


def agreement(error: Float) -> Agreement:
    """Statistics of finite differences, retrieved minus in-situ temperature [K]; NaN for fewer than two match-ups."""
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
    """Mask of the differences more than three robust standard deviations from their median; NaN is not an outlier."""
    known = error[np.isfinite(error)]
    if known.size < 2:
        return np.zeros(error.shape, bool)
    distance = np.abs(error - np.median(known))
    return np.asarray(distance > _OUTLIER * ROBUST * np.median(np.abs(known - np.median(known))))
