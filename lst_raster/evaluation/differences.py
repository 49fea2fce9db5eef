"""Differences of two rasters, counted as they come: statistics and a small map, in memory that does not grow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.evaluation.agreement import ROBUST

Float = NDArray[np.float64]

PRECISION = 0.001
"""Width of the bins from which the median, the percentiles and the robust deviation are read. [K]"""
PERCENTILES = (1, 5, 25, 75, 95, 99)
"""Percentiles of the differences that are told."""

_REACH = 200.0  # [K], differences beyond are counted as this one
_NEAR = 290.0  # [K], taken from both before they are squared, so that no digits are lost
_LEAST_VARIANCE = 1e-9  # [K2], below it a raster is constant and correlates with nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """How two rasters differ, the first less the second; NaN where nothing was compared."""

    count: int
    """Pixels that were compared."""
    bias: float
    """Mean. [K]"""
    sd: float
    """Standard deviation about the mean. [K]"""
    rmse: float
    """Root mean square. [K]"""
    median: float
    """Median. [K]"""
    robust_sd: float
    """Standard deviation by the median absolute deviation from the median. [K]"""
    minimum: float
    """Lowest. [K]"""
    maximum: float
    """Highest. [K]"""
    percentiles: dict[str, float]
    """Percentiles, by their number. [K]"""
    correlation: float
    """Pearson's correlation of the two rasters, NaN where one is constant. [1]"""


class Tally:
    """Differences counted so far."""

    def __init__(self) -> None:
        self._sums = np.zeros(5)  # of a, b, a a, b b and a b
        self._difference = np.zeros(2)  # sums of the difference and of its square
        self._ends = (math.inf, -math.inf)
        self._bins = np.zeros(2 * round(_REACH / PRECISION) + 1, np.int64)

    def add(self, a: Float, b: Float) -> None:
        """Count pixels.

        Parameters
        ----------
        a, b : array of shape (pixels,)
            Temperatures, finite. [K]
        """
        if a.size == 0:
            return
        difference = a - b
        a, b = a - _NEAR, b - _NEAR
        self._sums += (a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum())
        self._difference += (difference.sum(), (difference * difference).sum())
        low, high = self._ends
        self._ends = min(low, float(difference.min())), max(high, float(difference.max()))
        numbers = np.rint(np.clip(difference, -_REACH, _REACH) / PRECISION).astype(np.int64)
        first = int(numbers.min())
        counts = np.bincount(numbers - first)
        start = first + self._bins.size // 2
        self._bins[start : start + counts.size] += counts

    @property
    def count(self) -> int:
        """Pixels counted."""
        return int(self._bins.sum())

    def statistics(self) -> Statistics:
        """Statistics of all that was counted."""
        count = self.count
        if not count:
            return _nothing()
        bias, square = (self._difference / count).tolist()
        values, counts = self._occupied()
        median = quantile(values, counts, 0.5)
        order = np.argsort(np.abs(values - median), kind="stable")
        deviation = quantile(np.abs(values - median)[order], counts[order], 0.5)
        return Statistics(
            count=count,
            bias=bias,
            sd=math.sqrt(max(0.0, square - bias**2)),
            rmse=math.sqrt(square),
            median=median,
            robust_sd=ROBUST * deviation,
            minimum=self._ends[0],
            maximum=self._ends[1],
            percentiles={str(number): quantile(values, counts, number / 100.0) for number in PERCENTILES},
            correlation=self._correlation(count),
        )

    def histogram(self, low: float, high: float, bins: int) -> tuple[Float, NDArray[np.int64]]:
        """Edges and counts of wider bins between two differences [K]; what lies beyond is left out."""
        values, counts = self._occupied()
        wide, edges = np.histogram(values, bins, range=(low, high), weights=counts)
        return edges, wide.astype(np.int64)

    def _occupied(self) -> tuple[Float, NDArray[np.int64]]:
        """Differences that occur, rising, and how often."""
        where = np.flatnonzero(self._bins)
        return np.round((where - self._bins.size // 2) * PRECISION, 3), self._bins[where]

    def _correlation(self, count: int) -> float:
        a, b, aa, bb, ab = (self._sums / count).tolist()
        variances = aa - a * a, bb - b * b
        if min(variances) < _LEAST_VARIANCE:
            return math.nan
        return float((ab - a * b) / math.sqrt(variances[0] * variances[1]))


class SmallMap:
    """Mean of a raster in cells that are larger than its pixels, whatever windows it comes in."""

    def __init__(self, height: int, width: int, shape: tuple[int, int]) -> None:
        self._rows = np.arange(height) * shape[0] // height
        self._columns = np.arange(width) * shape[1] // width
        self._sums, self._counts = np.zeros(shape), np.zeros(shape, np.int64)

    def add(self, values: Float, window: Any) -> None:
        """Add a window of shape (rows, columns), NaN where there is no value."""
        known = np.isfinite(values)
        rows = self._rows[window.row_off : window.row_off + window.height]
        columns = self._columns[window.col_off : window.col_off + window.width]
        place = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        self._sums[place] += _by_cells(np.where(known, values, 0.0), rows, columns)
        self._counts[place] += _by_cells(known.astype(np.int64), rows, columns)

    def means(self) -> Float:
        """Mean of every cell, NaN where none of its pixels has a value."""
        return np.where(self._counts, self._sums / np.maximum(self._counts, 1), np.nan)


def quantile(values: Float, counts: NDArray[np.int64], share: float) -> float:
    """Quantile of values that occur several times, linear between neighbours.

    Parameters
    ----------
    values : array of shape (values,)
        Values, rising.
    counts : array of that shape
        How often each occurs, at least once.
    share : float
        Share of the values that lie below, 0 to 1.

    Examples
    --------
    >>> quantile(np.array([1.0, 2.0]), np.array([1, 3]), 0.5)
    2.0
    """
    until = np.cumsum(counts)
    position = share * (until[-1] - 1)
    low, high = (float(values[np.searchsorted(until, rank, "right")]) for rank in (int(position), math.ceil(position)))
    return float(low + (position - int(position)) * (high - low))


def _by_cells(values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    """Sum of the pixels in each cell; `rows` and `columns` are the cells they fall into, never falling."""
    by_rows = np.add.reduceat(values, _starts(rows), axis=0)
    return np.asarray(np.add.reduceat(by_rows, _starts(columns), axis=1))


def _starts(cells: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))


def _nothing() -> Statistics:
    none = math.nan
    return Statistics(
        count=0, bias=none, sd=none, rmse=none, median=none, robust_sd=none, minimum=none, maximum=none,
        percentiles={str(number): none for number in PERCENTILES}, correlation=none,
    )  # fmt: skip
