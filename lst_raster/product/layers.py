"""Layers of a product: pixel types, overviews and statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """The band of a raster of one band."""

    description: str
    units: str = ""
    dtype: Literal["float32", "uint16", "uint32"] = "float32"  # data type in the file
    scale: float | None = None  # of the stored numbers; None if they are the values
    nodata: float | None = math.nan  # None if every pixel is valid
    resampling: Literal["average", "nearest"] = "average"  # overviews: mean of valid pixels of 2 x 2, or first of them
    step: float | None = None  # power of two to whose multiples float32 is rounded; None for unrounded values

    def __post_init__(self) -> None:
        floats = self.dtype == "float32"
        if floats and not (self.scale is None and self.nodata is not None and math.isnan(self.nodata)):
            raise ValueError(f"{self.description}: float32 must have no scale and nodata NaN")
        if self.resampling == "average" and not floats and self.nodata != 0:
            raise ValueError(f"{self.description}: nodata is {self.nodata}; averaged integers need nodata 0")
        if self.scale is not None and self.nodata != 0:
            raise ValueError(f"{self.description}: nodata is {self.nodata}; scaled values need nodata 0")
        if self.step is not None and not (floats and math.frexp(self.step)[0] == 0.5):
            raise ValueError(
                f"{self.description}: {self.dtype} in steps of {self.step}; only float32 is rounded, to "
                "powers of two, whose multiples are exact"
            )

    @property
    def precision(self) -> str:
        """Rounding of the values, for the metadata; empty if they are not rounded."""
        return f"rounded to 1/{1 / self.step:g} {self.units}" if self.step is not None else ""

    def stored(self, values: Values) -> Values:
        """Convert values to the numbers in the file; NaN and values outside the range of the type become nodata.

        Without a scale the values are the numbers in the file; the result is a copy.
        """
        if self.scale is None:
            return self.rounded(np.array(values, dtype=self.dtype))
        steps = np.multiply(values, np.float32(1 / self.scale), dtype=np.float32)
        np.rint(steps, out=steps)
        inside = (steps >= 1) & (steps <= np.iinfo(self.dtype).max)  # False for NaN
        np.copyto(steps, 0, where=~inside)
        return steps.astype(self.dtype)

    def rounded(self, values: Values) -> Values:
        """Round values to multiples of `step`, in place, and return them."""
        if self.step is not None:
            values *= np.float32(1 / self.step)
            np.rint(values, out=values)
            values *= np.float32(self.step)
        return values

    def is_empty(self, block: Values) -> bool:
        """Whether a block of stored numbers has no valid pixel."""
        return self.nodata is not None and not self.valid(block).any()

    def valid(self, block: Values) -> Values:
        """Mask of the valid pixels of a block of stored numbers."""
        return ~np.isnan(block) if self.dtype == "float32" else np.asarray(block != self.nodata)


def overview_block(layer: Layer, block: Values) -> Values:
    """Compute the overview (rows / 2, columns / 2) of a block of stored numbers with even sides.

    Nodata is never blended with values: a pixel is the mean of the valid ones among 2 x 2 pixels (halves of integers
    are rounded up), or the first of them.
    """
    if layer.resampling == "nearest":
        return np.ascontiguousarray(block[::2, ::2])
    valid, is_float = layer.valid(block), layer.dtype == "float32"
    dtype = np.float32 if is_float else np.uint32
    if valid.all():  # four times faster than the general case
        total = _sum(block, dtype)
        return layer.rounded(total * np.float32(0.25)) if is_float else ((total + 2) >> 2).astype(block.dtype)
    total = _sum(np.where(valid, block, block.dtype.type(0)), dtype)
    count = _sum(valid, dtype)
    if is_float:
        mean: Values = np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
        return layer.rounded(mean.astype(np.float32))
    mean = (2 * total + count) // np.maximum(2 * count, 1)
    return mean.astype(block.dtype)


def _sum(block: Values, dtype: type) -> Values:
    rows = np.add(block[::2], block[1::2], dtype=dtype)
    return rows[:, ::2] + rows[:, 1::2]


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockStatistics:
    """Statistics of the valid pixels of a block; sums of integers are exact."""

    count: int
    low: float
    high: float
    total: float
    squares: float  # sum of the squares


def block_statistics(layer: Layer, block: Values) -> BlockStatistics | None:
    """Statistics of the stored numbers of a block of at most 512 x 512 pixels; None if no pixel is valid."""
    valid = layer.valid(block)
    values = block.ravel() if valid.all() else block[valid]
    if not values.size:
        return None
    numbers = values.astype(np.float64)  # sums of squares of 16-bit integers are below 2^53: exact
    number = float if layer.dtype == "float32" else int
    return BlockStatistics(
        count=values.size, low=number(values.min()), high=number(values.max()), total=number(numbers.sum()),
        squares=number(np.square(numbers, out=numbers).sum()),
    )  # fmt: skip


def band_statistics(blocks: list[BlockStatistics], pixels: int) -> dict[str, str]:
    """Combine the statistics of the blocks of a band of `pixels` pixels, independent of their order.

    Returns metadata under GDAL's names; empty if no pixel is valid.
    """
    if not blocks:
        return {}
    count = sum(block.count for block in blocks)
    add: Callable[[Iterable[float]], float] = sum if isinstance(blocks[0].total, int) else math.fsum
    total, squares = add(block.total for block in blocks), add(block.squares for block in blocks)
    variance = (count * squares - total * total) / count / count  # of integers exact up to the divisions
    numbers: Mapping[str, float] = {
        "MAXIMUM": max(block.high for block in blocks), "MEAN": total / count,
        "MINIMUM": min(block.low for block in blocks), "STDDEV": math.sqrt(max(variance, 0.0)),
    }  # fmt: skip
    texts = {f"STATISTICS_{name}": f"{number:.14g}" for name, number in numbers.items()}
    return {**texts, "STATISTICS_VALID_PERCENT": f"{100 * count / pixels:.4g}"}
