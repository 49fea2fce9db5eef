"""A quantity on a coarse grid over the scene, read bilinearly between its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRIP = 32  # rows at a time: what is between two steps stays in the processor's cache

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Nodes:
    """Values at the crossings of some rows and columns of the scene."""

    rows: Float
    """Rows of the nodes, ascending; 0 is the upper edge of the first pixel. [pixel]"""
    columns: Float
    """Columns of the nodes, likewise. [pixel]"""
    values: Float
    """Values of shape (rows, columns), NaN where there are none."""
    label: str
    """Where they come from, for people."""
    notes: tuple[str, ...] = ()
    """What is to be known about the values, one line each."""

    def __str__(self) -> str:
        return self.label

    @property
    def mean(self) -> float:
        """Mean over the scene, of what has a value."""
        weights = np.outer(_shares(self.rows), _shares(self.columns))
        known = np.isfinite(self.values)
        return float(np.average(self.values[known], weights=weights[known]))

    def read(self, window: Any) -> Float32:
        """Values at the centres of a window's pixels, NaN beside a node without a value."""
        return spread(self.rows, self.columns, self.values, window)

    def at(self, row: Float, column: Float) -> Float:
        """Values at places of any shape, NaN beside a node without a value. [pixel]"""
        return at_places(self.rows, self.columns, self.values, row, column)


def at_places(rows: Float, columns: Float, values: Float, row: Float, column: Float) -> Float:
    """Values between nodes, bilinearly, at places.

    Parameters
    ----------
    rows, columns : array of shape (rows,) and (columns,)
        Places of the nodes, ascending. [pixel]
    values : array of shape (..., rows, columns)
        Values at the nodes.
    row, column : array, any shape
        The places. [pixel]

    Returns
    -------
    array of shape (..., *shape of `row`)
        Values, NaN beside a node without one.
    """
    above, down = _between(rows, row)
    left, right = _between(columns, column)
    upper, lower = (
        values[..., line, left] + right * (values[..., line, left + 1] - values[..., line, left])
        for line in (above, above + 1)
    )
    return np.asarray(upper + down * (lower - upper), float)


def spread(rows: Float, columns: Float, values: NDArray[Any], window: Any) -> Float32:
    """Values between nodes, bilinearly, at the centres of a window's pixels.

    Parameters
    ----------
    rows, columns : array of shape (rows,) and (columns,)
        Places of the nodes, ascending. [pixel]
    values : array of shape (..., rows, columns)
        Values at the nodes.
    window : rasterio.windows.Window
        The window.

    Returns
    -------
    array of shape (..., height, width), float32
        Values, NaN beside a node without one; the same for a pixel whatever window it is in.
    """
    lines, column, right = _lines(rows, columns, values, window)
    return _mix(lines[..., column], lines[..., column + 1], right)


def spread_levels(
    rows: Float, columns: Float, levels: NDArray[Any], window: Any, level: NDArray[np.intp], share: Float32
) -> Float32:
    """Values between nodes and between two levels, at the centres of a window's pixels.

    Parameters
    ----------
    rows, columns : array of shape (rows,) and (columns,)
        Places of the nodes, ascending. [pixel]
    levels : array of shape (levels, layers, rows, columns)
        Values at the nodes, level by level.
    window : rasterio.windows.Window
        The window.
    level : array of shape (height, width)
        Number of the lower of a pixel's two levels.
    share : array of shape (height, width)
        Share of the upper one, 0 to 1; where it is NaN there is no value. [1]

    Returns
    -------
    array of shape (layers, height, width), float32
        Values, as `spread` has them.
    """
    lines, column, right = _lines(rows, columns, levels, window)
    width = lines.shape[-1]
    found = np.empty((levels.shape[1], window.height, window.width), np.float32)
    for start in range(0, window.height, _STRIP):
        part = slice(start, min(start + _STRIP, window.height))
        size = part.stop - part.start
        # Places in one layer's table of (level, row, node), which is small enough to stay in the processor's cache.
        place = ((level[part] * size + np.arange(size)[:, None]) * width + column).ravel()
        between, above = np.broadcast_to(right, (size, window.width)).ravel(), size * width
        for number, layer in enumerate(np.moveaxis(lines, 1, 0)):
            table = layer[:, part].ravel()
            lower = _mix(table.take(place), table[1:].take(place), between)
            upper = _mix(table[above:].take(place), table[above + 1 :].take(place), between)
            found[number, part] = _mix(lower, upper, share[part].ravel()).reshape(size, -1)
    return found


def _lines(rows: Float, columns: Float, values: NDArray[Any], window: Any) -> tuple[Float32, NDArray[np.intp], Float32]:
    """Values on every row of a window at the columns of the nodes around it; which of them is left of each pixel."""
    row, below = _between(rows, window.row_off + 0.5 + np.arange(window.height))
    column, right = _between(columns, window.col_off + 0.5 + np.arange(window.width))
    near = values[..., column[0] : column[-1] + 2]
    lines = _mix(near[..., row, :], near[..., row + 1, :], below[:, None])
    return lines, column - column[0], right.astype(np.float32)


def _between(nodes: Float, places: Float) -> tuple[NDArray[np.intp], Float]:
    before = np.clip(np.searchsorted(nodes, places, side="right") - 1, 0, nodes.size - 2)
    return before, (places - nodes[before]) / (nodes[before + 1] - nodes[before])


def _shares(nodes: Float) -> Float:
    """Give every node the half of the space to both neighbours."""
    halves = np.diff(nodes) / 2.0
    return np.asarray(np.append(halves, 0.0) + np.append(0.0, halves), float)


def _mix(a: Any, b: Any, weight: Any) -> Float32:
    mixed: Float32 = (a + weight * (b - a)).astype(np.float32)
    return mixed
