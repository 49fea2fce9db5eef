"""Statistics of one product over one area, weighted with the covered part of every pixel.

The covered parts are exact (exactextract); the uncertainty of a mean is a sum over coarser cells, since the components
of the uncertainty and the correlation of their errors vary slowly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.compositing.source_reader import SourceReader
from lst_raster.compositing.vector_files import EXTRA
from lst_raster.physics.correlated_errors import (
    CORRELATION_LENGTHS,
    Components,
    components_of_sum,
    independent_samples,
    random_of_mean,
)
from lst_raster.resources import require

STEPS_PER_KELVIN = 128
"""Temperatures of products are multiples of 1/128 K: with this step the quantiles of a histogram are exact."""
_CELLS = 64  # along the longer side of an area, at least, where pixels are small enough
_LARGEST_CELL = min(CORRELATION_LENGTHS.values()) / 5.0  # [m]
_WINDOW_PIXELS = 1 << 19  # read at a time

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """Weights on square cells of a product: the covered and valid pixels of an area."""

    side: int  # side of a cell, a power of two [pixel]
    row: int  # first row [cell]
    column: int  # first column [cell]
    weights: Float64  # shape (rows, columns) [pixel]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row, first column, and those after the last. [pixel]"""
        rows, columns = self.weights.shape
        top, left = self.row * self.side, self.column * self.side
        return top, left, top + rows * self.side, left + columns * self.side

    def on(self, side: int, row: int, column: int, shape: tuple[int, int]) -> Float64:
        """Weights on other cells, at least as large, as an array of a shape that begins at a row and a column."""
        rows = ((np.arange(self.weights.shape[0]) + self.row) * self.side) // side - row
        columns = ((np.arange(self.weights.shape[1]) + self.column) * self.side) // side - column
        result = np.zeros(shape)
        np.add.at(result, (rows[:, None], columns[None, :]), self.weights)
        return result


@dataclass(frozen=True, kw_only=True, slots=True)
class AreaStatistics:
    """Statistics of the temperatures in an area; NaN if none is valid."""

    count: float = 0.0  # sum of the covered parts of the valid pixels [pixel]
    valid_fraction: float = math.nan  # of the area; NaN if it is outside the product [1]
    effective: float = 0.0  # number of pixels of equal weight with the same variance of the mean [1]
    mean: float = math.nan  # [K]
    deviation: float = math.nan  # spatial standard deviation of the pixels [K]
    minimum: float = math.nan  # [K]
    maximum: float = math.nan  # [K]
    quantiles: tuple[float, ...] = ()  # [K]
    cells: Cells | None = None  # None if no pixel is valid


def summarise(polygon: Any, source: SourceReader, quantiles: Sequence[float]) -> AreaStatistics:
    """Compute statistics of the temperatures in a polygon, window by window.

    Parameters
    ----------
    polygon : shapely geometry
        Area in columns and rows of the product.
    source : SourceReader
        The open product.
    quantiles : sequence of float
        0 to 1; a quantile is the lowest temperature that this part of the area does not exceed, to 1/128 K.
    """
    grid = source.grid
    sums, place = _Sums(), _cells_over(polygon, source)
    if place is None:
        return AreaStatistics(quantiles=(math.nan,) * len(quantiles))
    for window in _windows(polygon, grid.height, grid.width):
        index, covered = _coverage(polygon, window)
        if not index.size:
            continue
        values = source.temperature(window).ravel()[index].astype(np.float64)
        valid = np.isfinite(values)
        weights = np.zeros(int(window.height) * int(window.width))
        weights[index] = np.where(valid, covered, 0.0)
        if valid.any():
            sums.add(values[valid], covered[valid])
            _add_to_cells(place, weights.reshape(int(window.height), int(window.width)), window)
    if not sums.count:
        return AreaStatistics(valid_fraction=0.0, quantiles=(math.nan,) * len(quantiles))
    return AreaStatistics(
        count=sums.count, valid_fraction=min(sums.count / polygon.area, 1.0),
        effective=max(sums.count**2 / sums.squared_weights, 1.0), mean=sums.mean, deviation=sums.deviation,
        minimum=sums.minimum, maximum=sums.maximum, quantiles=tuple(map(sums.quantile, quantiles)), cells=place,
    )  # fmt: skip


def components_of_mean(area: AreaStatistics, source: SourceReader) -> Components:
    """Components of the uncertainty of the mean of an area. [K]"""
    cells = area.cells
    if cells is None or source.components is None:
        return Components(*(math.nan,) * 4)
    components = _components(source, cells.side, cells.row, cells.column, cells.weights)
    weights, size = cells.weights / cells.weights.sum(), _size(source, cells.side)
    return components_of_sum(components, weights, size, _random(area, components, weights, source))


def components_of_difference(area: AreaStatistics, reference: AreaStatistics, source: SourceReader) -> Components:
    """Components of the uncertainty of the difference of the means of two areas that do not overlap. [K]

    Errors of the atmosphere and the calibration, which are correlated between the areas, partly cancel. Those of the
    emissivity are taken as independent, since the areas mostly have different surfaces.
    """
    if area.cells is None or reference.cells is None or source.components is None:
        return Components(*(math.nan,) * 4)
    (top, left, bottom, right), (top2, left2, bottom2, right2) = area.cells.box, reference.cells.box
    top, left, bottom, right = min(top, top2), min(left, left2), max(bottom, bottom2), max(right, right2)
    side = max(_side(bottom - top, right - left, source), area.cells.side, reference.cells.side)
    row, column = top // side, left // side
    shape = -(-bottom // side) - row, -(-right // side) - column
    one, other = (part.on(side, row, column, shape) for part in (area.cells, reference.cells))
    components = _components(source, side, row, column, one + other)
    one, other = one / one.sum(), other / other.sum()
    noise = [_random(part, components, weights, source) for part, weights in ((area, one), (reference, other))]
    found = components_of_sum(components, one - other, _size(source, side), math.hypot(*noise))
    surfaces = (components_of_sum(components, share, _size(source, side), 0.0).surface for share in (one, other))
    return found._replace(surface=math.hypot(*surfaces))


def _random(area: AreaStatistics, components: Components, weights: Float64, source: SourceReader) -> float:
    height, width = source.pixel_size
    samples = independent_samples(area.effective, height * width, source.sample_distance)
    return random_of_mean(components, weights, samples)


def _components(source: SourceReader, side: int, row: int, column: int, weights: Float64) -> Components:
    """Components of the uncertainty of the pixels in the cells; where one has none, the mean of the others. [K]"""
    assert source.components is not None
    rows, columns = weights.shape
    top, left = row * side, column * side
    height, width = min(rows * side, source.grid.height - top), min(columns * side, source.grid.width - left)
    found = source.components(Window(left, top, width, height), side)
    used = weights > 0.0

    def filled(part: Float64) -> Float64:
        missing = used & ~np.isfinite(part)
        known = used & ~missing
        return np.where(missing, np.average(part[known], weights=weights[known]) if known.any() else np.nan, part)

    return Components(*map(filled, found))


def _size(source: SourceReader, side: int) -> tuple[float, float]:
    """Height and width of a cell. [m]"""
    height, width = source.pixel_size
    return height * side, width * side


def _side(rows: int, columns: int, source: SourceReader) -> int:
    """Side of the cells of an area with a number of rows and columns. [pixel]"""
    side, largest = 1, max(source.pixel_size)
    while max(rows, columns) >= 2 * side * _CELLS and 2 * side * largest <= _LARGEST_CELL:
        side *= 2
    return side


def _box(polygon: Any, height: int, width: int) -> tuple[int, int, int, int] | None:
    """Rows and columns of a grid that a polygon touches, None outside the grid."""
    if polygon.is_empty:
        return None
    left, top, right, bottom = polygon.bounds
    first, last = max(math.floor(top), 0), min(math.ceil(bottom), height)
    start, stop = max(math.floor(left), 0), min(math.ceil(right), width)
    return (first, start, last, stop) if first < last and start < stop else None


def _windows(polygon: Any, height: int, width: int) -> Iterator[Window]:
    """Windows over a polygon, whole rows of blocks where possible."""
    box = _box(polygon, height, width)
    if box is None:
        return
    top, left, bottom, right = box
    rows = 1 << max(0, (_WINDOW_PIXELS // (right - left)).bit_length() - 1)  # divides a block, or is a multiple
    for start in range(top // rows * rows, bottom, rows):
        first, last = max(start, top), min(start + rows, bottom)
        yield Window(left, first, right - left, last - first)


def _cells_over(polygon: Any, source: SourceReader) -> Cells | None:
    """Empty cells over a polygon, None outside the product."""
    box = _box(polygon, source.grid.height, source.grid.width)
    if box is None:
        return None
    top, left, bottom, right = box
    side = _side(bottom - top, right - left, source)
    row, column = top // side, left // side
    return Cells(
        side=side, row=row, column=column, weights=np.zeros((-(-bottom // side) - row, -(-right // side) - column))
    )


def _add_to_cells(cells: Cells, weights: Float64, window: Window) -> None:
    top, left = int(window.row_off), int(window.col_off)
    rows = np.arange(top, top + weights.shape[0]) // cells.side - cells.row
    columns = np.arange(left, left + weights.shape[1]) // cells.side - cells.column
    starts = [np.flatnonzero(np.diff(numbers, prepend=-1)) for numbers in (rows, columns)]
    sums = np.add.reduceat(np.add.reduceat(weights, starts[0], axis=0), starts[1], axis=1)
    cells.weights[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += sums


def _coverage(polygon: Any, window: Window) -> tuple[NDArray[np.int32], Float64]:
    """Indices of the pixels of a window that a polygon touches, and the covered part of each."""
    rasters, extract = require("exactextract.raster", EXTRA), require("exactextract", EXTRA).exact_extract
    rows, columns = int(window.height), int(window.width)
    numbers = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    left, top = window.col_off, window.row_off
    raster = rasters.NumPyRasterSource(numbers[::-1], left, top, left + columns, top + rows)  # from the largest row
    feature = {"type": "Feature", "properties": {}, "geometry": polygon.__geo_interface__}
    (found,) = extract(raster, feature, ["values", "coverage"])
    return found["properties"]["values"], found["properties"]["coverage"]


@dataclass(slots=True)
class _Sums:
    """Weighted sums of temperatures, and their histogram in steps of 1/128 K."""

    count: float = 0.0
    squared_weights: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    _origin: float = math.nan  # [K], about which the moments are summed up
    _first: float = 0.0
    _second: float = 0.0
    _lowest: int = 0  # step of the first bin
    _histogram: Float64 = field(default_factory=lambda: np.zeros(0))

    def add(self, values: Float64, weights: Float64) -> None:
        if math.isnan(self._origin):
            self._origin = float(values[0])
        self.count += float(weights.sum())
        self.squared_weights += float(np.square(weights).sum())
        self.minimum, self.maximum = min(self.minimum, float(values.min())), max(self.maximum, float(values.max()))
        steps = np.rint(values * STEPS_PER_KELVIN).astype(np.int64)
        self._add_steps(steps, weights)
        differences = values - self._origin
        weighted = weights * differences  # without BLAS, whose threads would compete with those of the caller
        self._first += float(weighted.sum())
        self._second += float((weighted * differences).sum())

    def _add_steps(self, steps: NDArray[np.int64], weights: Float64) -> None:
        low = int(steps.min())
        if self._histogram.size:
            low = min(low, self._lowest)
            before = np.zeros(self._lowest - low)
            self._histogram = np.concatenate([before, self._histogram])
        counts = np.bincount(steps - low, weights=weights, minlength=self._histogram.size)
        added = counts.astype(np.float64, copy=False)
        added[: self._histogram.size] += self._histogram
        self._lowest, self._histogram = low, added

    @property
    def mean(self) -> float:
        return self._origin + self._first / self.count

    @property
    def deviation(self) -> float:
        return math.sqrt(max(self._second / self.count - (self._first / self.count) ** 2, 0.0))

    def quantile(self, quantile: float) -> float:
        """Lowest temperature that a part of the area does not exceed: Hyndman and Fan (1996), definition 1."""
        cumulative = np.cumsum(self._histogram)
        wanted = quantile * cumulative[-1] * (1.0 - 1e-12)
        step = int(np.searchsorted(cumulative, max(wanted, 1e-300)))
        value = (self._lowest + step) / STEPS_PER_KELVIN
        return min(max(value, self.minimum), self.maximum)
