"""Quantities on a coarse grid over the scene, interpolated bilinearly between its nodes."""

from __future__ import annotations

from dataclasses import dataclass
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


def interpolate_at(rows: Float, columns: Float, values: Float, row: Float, column: Float) -> Float:
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
    lines, column, right = _lines(rows, columns, values, window)
    return _mix(lines[..., column], lines[..., column + 1], right)


def interpolate_levels(
    rows: Float, columns: Float, levels: NDArray[Any], window: Any, level: NDArray[np.intp], share: Float32
) -> Float32:
    """Interpolate between nodes and between two levels at a window's pixels, of shape (layers, height, width).

    `levels` has the shape (levels, layers, rows, columns); `level` is the index of the lower of a pixel's two levels,
    `share` the weight of the upper one (0 to 1, NaN where missing), both of shape (height, width).
    """
    lines, column, right = _lines(rows, columns, levels, window)
    width = lines.shape[-1]
    found = np.empty((levels.shape[1], window.height, window.width), np.float32)
    for start in range(0, window.height, _STRIP):
        part = slice(start, min(start + _STRIP, window.height))
        size = part.stop - part.start
        # Indices into one layer's table of (level, row, node), which is small enough for the processor's cache.
        place = ((level[part] * size + np.arange(size)[:, None]) * width + column).ravel()
        between, above = np.broadcast_to(right, (size, window.width)).ravel(), size * width
        for number, layer in enumerate(np.moveaxis(lines, 1, 0)):
            table = layer[:, part].ravel()
            lower = _mix(table.take(place), table[1:].take(place), between)
            upper = _mix(table[above:].take(place), table[above + 1 :].take(place), between)
            found[number, part] = _mix(lower, upper, share[part].ravel()).reshape(size, -1)
    return found


def _lines(rows: Float, columns: Float, values: NDArray[Any], window: Any) -> tuple[Float32, NDArray[np.intp], Float32]:
    """Values on every row of a window at the nearby columns of nodes; each pixel's left column, and weight."""
    row, below = _between(rows, window.row_off + 0.5 + np.arange(window.height))
    column, right = _between(columns, window.col_off + 0.5 + np.arange(window.width))
    near = values[..., column[0] : column[-1] + 2]
    lines = _mix(near[..., row, :], near[..., row + 1, :], below[:, None])
    return lines, column - column[0], right.astype(np.float32)


def _between(nodes: Float, points: Float) -> tuple[NDArray[np.intp], Float]:
    before = np.clip(np.searchsorted(nodes, points, side="right") - 1, 0, nodes.size - 2)
    return before, (points - nodes[before]) / (nodes[before + 1] - nodes[before])


def _mix(a: Any, b: Any, weight: Any) -> Float32:
    mixed: Float32 = (a + weight * (b - a)).astype(np.float32)
    return mixed
