"""Round numbers for the marks of an axis."""

from __future__ import annotations

import math

import numpy as np

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)  # steps that people read without thinking


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers between two values.

    Parameters
    ----------
    low, high : float
        Ends of the axis, `low` below `high`.
    most : int
        How many there may be, at least 2.

    Returns
    -------
    list of float
        Rising, evenly spaced, all within the ends; at least one.

    Examples
    --------
    >>> ticks(-3.2, 17.0)
    [0.0, 5.0, 10.0, 15.0]
    """
    step = _step((high - low) / most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)] or [0.5 * (low + high)]


def labels(values: list[float]) -> list[str]:
    """Texts of numbers, all with as many digits after the point as the finest of them needs.

    Examples
    --------
    >>> labels([0.0, 2.5, 5.0])
    ['0.0', '2.5', '5.0']
    """
    digits = next(number for number in range(11) if np.allclose(values, np.round(values, number), rtol=0.0, atol=1e-9))
    return [f"{value:.{digits}f}" for value in values]


def robust_limits(values: np.ndarray, low: float = 2.0, high: float = 98.0) -> tuple[float, float] | None:
    """Limits between which most values lie; a few outliers do not move them.

    Parameters
    ----------
    values : array, any shape
        Values, NaN where there are none.
    low, high : float
        Percentiles.

    Returns
    -------
    tuple of float or None
        Lower and upper limit, at least 0.1 apart so that noise is not spread over all colours; None without values.

    Examples
    --------
    >>> robust_limits(np.array([[300.0, np.nan]]))
    (299.95, 300.05)
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return None
    lower, upper = (float(value) for value in np.percentile(known, (low, high)))
    return widened(lower, upper, 0.1)


def trusted_limits(values: np.ndarray, doubtful: np.ndarray | None) -> tuple[float, float] | None:
    """Limits of what is not in doubt, so that clouds do not take the colours; of all where everything is.

    Parameters
    ----------
    values : array, any shape
        Values, NaN where there are none.
    doubtful : array of bool, or None
        Where they are not to be trusted, of the same shape.

    Returns
    -------
    tuple of float or None
        As `robust_limits`.

    Examples
    --------
    >>> trusted_limits(np.array([300.0, 220.0]), np.array([False, True]))
    (299.95, 300.05)
    """
    trusted = values if doubtful is None else np.where(doubtful, np.nan, values)
    return robust_limits(trusted) or robust_limits(values)


def widened(low: float, high: float, least: float) -> tuple[float, float]:
    """Move two limits apart, evenly, until they are so far apart."""
    lack = max(0.0, least - (high - low)) / 2.0
    return round(low - lack, 10), round(high + lack, 10)


def _step(rough: float) -> float:
    scale = 10.0 ** math.floor(math.log10(rough))
    return next(number * scale for number in _ROUND if number * scale >= rough * (1.0 - 1e-9))
