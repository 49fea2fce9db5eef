"""Layers of a product: pixel types, and the overviews of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[Any]
Resampling: TypeAlias = Literal["average", "nearest", "mode"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """The one band of a product."""

    description: str
    """What it is."""
    units: str = ""
    """Its unit."""
    dtype: Literal["float32", "uint8", "uint16", "uint32"] = "float32"
    """Type of the numbers in the file."""
    scale: float | None = None
    """A step of the numbers in the file, in the unit; None where they are the values themselves."""
    nodata: float | None = math.nan
    """Number that stands for no value; None where every pixel has one."""
    resampling: Resampling = "average"
    """How a pixel of an overview follows from the four below it: mean of the values, the first, or the commonest."""
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Metadata of the band."""

    def __post_init__(self) -> None:
        floats = self.dtype == "float32"
        if floats and not (self.scale is None and self.nodata is not None and math.isnan(self.nodata)):
            raise ValueError(f"{self.description}: float32 is kept as it is, with NaN for nodata")
        if self.resampling == "average" and not floats and self.nodata != 0:
            raise ValueError(f"{self.description}: nodata is {self.nodata}; integers that are averaged need nodata 0")
        if self.scale is not None and self.nodata != 0:
            raise ValueError(f"{self.description}: nodata is {self.nodata}; scaled values need nodata 0")

    @property
    def padding(self) -> float:
        """Number that stands where nothing has been written."""
        return 0 if self.nodata is None else self.nodata

    def stored(self, values: Values) -> Values:
        """Numbers of the file for values of the layer.

        Parameters
        ----------
        values : array, any shape
            Values in the layer's unit, NaN where there are none; of a layer without scale the numbers themselves.

        Returns
        -------
        array of the same shape
            The nearest numbers; nodata where there is no value, or one beyond the range of the type.
        """
        if self.scale is None:
            return np.array(values, dtype=self.dtype)  # a copy: the caller may go on with its own
        steps = np.multiply(values, np.float32(1 / self.scale), dtype=np.float32)
        np.rint(steps, out=steps)
        inside = (steps >= 1) & (steps <= np.iinfo(self.dtype).max)  # NaN is not
        if not inside.all():
            np.copyto(steps, 0, where=~inside)
        return steps.astype(self.dtype)

    def is_empty(self, block: Values) -> bool:
        """Whether no number of the file is a value."""
        if self.nodata is None:
            return False
        missing = np.isnan(block) if self.dtype == "float32" else block == self.nodata
        return bool(missing.all())


def halved(layer: Layer, block: Values) -> Values:
    """Make the overview of a block.

    Parameters
    ----------
    layer : Layer
        What it holds: its resampling and its nodata, which is never blended with values.
    block : array of shape (rows, columns)
        Numbers of the file; both sides are even.

    Returns
    -------
    array of shape (rows / 2, columns / 2)
        For every 2 x 2 pixels one: the mean of those with a value (halves of an integer go up), the first, or the
        commonest with a value (of several the first); nodata where none has one.
    """
    if layer.resampling == "nearest":
        return np.ascontiguousarray(block[::2, ::2])
    if layer.resampling == "mode":
        return _mode(block, layer.nodata)
    return _mean_floats(block) if layer.dtype == "float32" else _mean_integers(block)


def _mean_integers(block: Values) -> Values:
    """Mean where 0 is nodata."""
    total = _sum(block, np.uint32)
    if block.all():
        mean: Values = (total + 2) >> 2
    else:
        count = _sum(block != 0, np.uint32)
        mean = (2 * total + count) // np.maximum(2 * count, 1)
    return mean.astype(block.dtype)


def _mean_floats(block: Values) -> Values:
    """Mean where NaN is nodata."""
    total = _sum(block, np.float32)
    missing = np.isnan(block)
    if not missing.any():
        return total * np.float32(0.25)
    count = _sum(~missing, np.float32)
    total = _sum(np.where(missing, np.float32(0), block), np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan)).astype(np.float32)


def _sum(block: Values, dtype: type) -> Values:
    """Add up 2 x 2 pixels."""
    rows = np.add(block[::2], block[1::2], dtype=dtype)
    return rows[:, ::2] + rows[:, 1::2]


def _mode(block: Values, nodata: float | None) -> Values:
    corners = [block[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    best = corners[0].copy()
    votes = np.zeros(best.shape, np.uint8)
    for corner in corners:
        own: Values = np.add.reduce([corner == other for other in corners], dtype=np.uint8)
        if nodata is not None:
            own[corner == nodata] = 0
        better = own > votes
        best[better], votes[better] = corner[better], own[better]
    return best


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """What the statistics of a block add to those of the whole."""

    count: int
    """Number of pixels with a value."""
    low: float
    """Least of them."""
    high: float
    """Greatest of them."""
    total: float
    """Their sum; of integers exact."""
    squares: float
    """Sum of their squares; of integers exact."""


def moments(layer: Layer, block: Values) -> Moments | None:
    """Add up the numbers of a block.

    Parameters
    ----------
    layer : Layer
        What it holds.
    block : array of shape (rows, columns), at most 512 x 512 pixels
        Numbers of the file.

    Returns
    -------
    Moments, optional
        None where no pixel has a value.
    """
    valid = ~np.isnan(block) if layer.dtype == "float32" else block != layer.nodata
    values = block.ravel() if valid.all() else block[valid]
    if not values.size:
        return None
    numbers = values.astype(np.float64)  # sums of squares of 16 bits stay below 2^53: exact
    number = float if layer.dtype == "float32" else int
    return Moments(
        count=values.size, low=number(values.min()), high=number(values.max()), total=number(numbers.sum()),
        squares=number(np.square(numbers, out=numbers).sum()),
    )  # fmt: skip


def statistics(blocks: Iterable[Moments], pixels: int) -> dict[str, str]:
    """Statistics of a band from those of its blocks, whatever their order.

    Parameters
    ----------
    blocks : iterable of Moments
        Of all blocks with a value.
    pixels : int
        Number of pixels of the band.

    Returns
    -------
    dict
        Metadata under the names that GDAL gives them; empty where no pixel has a value.
    """
    found = list(blocks)
    if not found:
        return {}
    count = sum(part.count for part in found)
    add: Callable[[Iterable[float]], float] = sum if isinstance(found[0].total, int) else math.fsum
    total, squares = add(part.total for part in found), add(part.squares for part in found)
    mean = total / count
    variance = (count * squares - total * total) / count / count  # of integers without rounding up to here
    numbers: Mapping[str, float] = {
        "MAXIMUM": max(part.high for part in found), "MEAN": mean, "MINIMUM": min(part.low for part in found),
        "STDDEV": math.sqrt(max(variance, 0.0)),
    }  # fmt: skip
    texts = {f"STATISTICS_{name}": f"{number:.14g}" for name, number in numbers.items()}
    return {**texts, "STATISTICS_VALID_PERCENT": f"{100 * count / pixels:.4g}"}
