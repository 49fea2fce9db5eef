"""Quantities on a coarse grid over the scene, interpolated bilinearly between its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRIP = 32  # rows at a time, so that intermediate arrays fit into the processor's cache

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Nodes:
    """Values at the nodes of a coarse grid."""

    rows: Float  # rows of the nodes, ascending; 0 is the upper edge of the first pixel. [pixel]
    columns: Float  # columns of the nodes, ascending; 0 is the left edge of the first pixel. [pixel]
    values: Float  # values of shape (rows, columns), NaN where missing
    label: str  # source of the values
    notes: tuple[str, ...] = ()  # notes on the values for the user, one line each

    def __str__(self) -> str:
        return self.label

    @property
    def mean(self) -> float:
        """Mean over the scene, without missing values."""
        halves = [np.diff(nodes) / 2.0 for nodes in (self.rows, self.columns)]
        weights = np.outer(*(np.append(half, 0.0) + np.append(0.0, half) for half in halves))  # trapezoidal rule
        known = np.isfinite(self.values)
        return float(np.average(self.values[known], weights=weights[known]))

    def read(self, window: Any) -> Float32:
        """Values at the centres of a window's pixels, NaN next to a missing node."""
        return spread(self.rows, self.columns, self.values, window)

    def at(self, row: Float, column: Float) -> Float:
        """Values at points of any shape [pixel], NaN next to a missing node."""
        return interpolate_at(self.rows, self.columns, self.values, row, column)


def interpolate_at(rows: Float, columns: Float, values: NDArray[Any], row: Float, column: Float) -> Float:
    """Interpolate bilinearly at points of any shape [pixel], NaN next to a missing node.

    Nodes are at `rows` and `columns`, ascending [pixel], with values of shape (..., rows, columns); the result has the
    shape (..., *shape of `row`).
    """
    above, down = _between(rows, row)
    left, right = _between(columns, column)
    upper, lower = (
        values[..., line, left] + right * (values[..., line, left + 1] - values[..., line, left])
        for line in (above, above + 1)
    )
    return np.asarray(upper + down * (lower - upper), float)


def spread(rows: Float, columns: Float, values: NDArray[Any], window: Any) -> Float32:
    """Interpolate bilinearly at the centres of a window's pixels, of shape (..., height, width).

    Nodes as for `interpolate_at`. The value of a pixel does not depend on the window.
    """
    row, below = _between(rows, window.row_off + 0.5 + np.arange(window.height))
    column, right = _between(columns, window.col_off + 0.5 + np.arange(window.width))
    near = values[..., column[0] : column[-1] + 2]
    upper, lower = near[..., row, :], near[..., row + 1, :]
    lines = (upper + below[:, None] * (lower - upper)).astype(np.float32)  # at the nodes of every row
    slopes, weight = np.diff(lines, axis=-1), right.astype(np.float32)
    found = np.empty((*lines.shape[:-1], window.width), np.float32)
    ends = [0, *(np.flatnonzero(np.diff(column)) + 1), window.width]
    for start, stop in pairwise(ends):  # pixels between the same two nodes
        node, part = column[start] - column[0], found[..., start:stop]
        np.multiply(slopes[..., node, None], weight[start:stop], out=part)
        part += lines[..., node, None]
    return found


def interpolate_levels(
    rows: Float, columns: Float, levels: Sequence[Float32], first: int, window: Any, height: Float32
) -> Float32:
    """Interpolate between nodes and between levels at a window's pixels, of shape (layers, height, width).

    Each of the `levels` has the shape (layers, rows, columns); they are at the heights `first`, `first` + 1, and so on.
    `height` is that of the pixels, from `first` to below the last level, NaN where missing. The value of a pixel does
    not depend on the window or on levels that are not next to it.
    """
    row, below = _between(rows, window.row_off + 0.5 + np.arange(window.height))
    column, right = _between(columns, window.col_off + 0.5 + np.arange(window.width))
    near = np.s_[:, row[0] : row[-1] + 2, column[0] : column[-1] + 2]
    corner = np.stack([level[near] for level in levels], axis=2)  # (layers, rows, levels, columns)
    across = np.diff(corner, axis=-1)
    corner = corner[..., :-1]
    # A value is the sum of four numbers, each times a weight: 1, that of the upper level, of the right node, of both.
    parts = [corner[:, :, :-1], np.diff(corner, axis=2), across[:, :, :-1], np.diff(across, axis=2)]
    records = np.stack(parts, axis=-1).astype(np.float32)
    row, column, weight = row - row[0], column - column[0], below.astype(np.float32)[:, None]
    weights = np.ones((_STRIP, window.width, 4), np.float32)
    weights[..., 2] = right
    # Four numbers are fetched as one complex number of double precision, which takes no longer than one of them.
    fetched = np.empty((_STRIP, window.width), np.complex128)
    found = np.empty((len(records), window.height, window.width), np.float32)
    for start in range(0, window.height, _STRIP):
        part = slice(start, min(start + _STRIP, window.height))
        size, level = part.stop - start, np.floor(height[part])
        low, high = np.fmin.reduce(level, axis=None), np.fmax.reduce(level, axis=None)
        if np.isnan(low):
            found[:, part] = np.nan
            continue
        bottom, top = int(low) - first, int(high) - first
        table = records[:, row[start] : row[part.stop - 1] + 2, bottom : top + 1]
        table = table.reshape(*table.shape[:2], -1)
        upper, lower = (table[:, row[part] - row[start] + further] for further in (0, 1))
        lines = (upper + weight[part] * (lower - upper)).view(np.complex128).reshape(len(records), -1)
        place = (np.fmax(level, low) - low).astype(np.intp)  # at the lowest level where the height is missing
        place += np.arange(size)[:, None] * (top + 1 - bottom)
        place *= across.shape[-1]
        place += column
        of_strip, numbers = weights[:size], fetched[:size].view(np.float32).reshape(size, -1, 4)
        np.subtract(height[part], level, out=of_strip[..., 1])
        np.multiply(of_strip[..., 1], of_strip[..., 2], out=of_strip[..., 3])
        for line, values in zip(lines, found, strict=True):
            line.take(place, out=fetched[:size], mode="clip")  # "raise", the default, makes a copy
            numbers *= of_strip
            pairs = numbers.view(np.complex64)
            total = pairs[..., 0] + pairs[..., 1]
            np.add(total.real, total.imag, out=values[part])
    return found


def _between(nodes: Float, points: Float) -> tuple[NDArray[np.intp], Float]:
    before = np.clip(np.searchsorted(nodes, points, side="right") - 1, 0, nodes.size - 2)
    return before, (points - nodes[before]) / (nodes[before + 1] - nodes[before])
