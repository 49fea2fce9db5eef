"""Limits, ticks and labels of axes and colour bars."""

from __future__ import annotations

import math

import numpy as np

_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return at most about `most` evenly spaced round numbers from `low` to `high`; at least one.

    Examples
    --------
    >>> ticks(-3.2, 17.0)
    [0.0, 5.0, 10.0, 15.0]
    """
    rough = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(number * scale for number in _ROUND_STEPS if number * scale >= rough * (1.0 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)] or [0.5 * (low + high)]


def labels(values: list[float]) -> list[str]:
    """Format numbers with the fewest decimals that show all of them exactly.

    Examples
    --------
    >>> labels([0.0, 2.5, 5.0])
    ['0.0', '2.5', '5.0']
    """
    digits = next(number for number in range(11) if np.allclose(values, np.round(values, number), rtol=0.0, atol=1e-9))
    return [f"{value:.{digits}f}" for value in values]


def robust_limits(values: np.ndarray, low: float = 2.0, high: float = 98.0) -> tuple[float, float] | None:
    """Return two percentiles of the finite values, at least 0.1 apart; None without a finite value.

    The minimum distance keeps noise from filling the whole range of colours.

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


def cloud_free_limits(values: np.ndarray, cloudy: np.ndarray | None) -> tuple[float, float] | None:
    """Return `robust_limits` of the values outside the cloud mask, or of all values where everything is cloudy.

    Examples
    --------
    >>> cloud_free_limits(np.array([300.0, 220.0]), np.array([False, True]))
    (299.95, 300.05)
    """
    clear = values if cloudy is None else np.where(cloudy, np.nan, values)
    return robust_limits(clear) or robust_limits(values)


def widened(low: float, high: float, least: float) -> tuple[float, float]:
    """Move two limits apart, evenly, to a distance of at least `least`."""
    margin = max(0.0, least - (high - low)) / 2.0
    return round(low - margin, 10), round(high + margin, 10)
