"""Requests to reanalysis files: variables, area and times around a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.variables import quantity_of
from lst_raster.io.coarse_grid import Float
from lst_raster.io.grid import Box, Grid, box_over
from lst_raster.io.scene import Scene
from lst_raster.physics.quantities import Quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Time, place and kind of the fields that are to be read."""

    when: np.datetime64 | None = None
    """Time that is asked for, UTC: only the two steps around it are read. None for all."""
    box: Box | None = None
    """Extent that is asked for; where a file is large, only the points around it are read. None for all."""
    on_levels: bool = False
    """Whether temperature and humidity on levels of pressure are asked for, instead of fields of the whole column and
    near the ground."""
    more: Mapping[str, Quantity] = field(default_factory=dict)
    """Further variables that are asked for, by their names in lower case."""

    def quantity_of(self, variable: str) -> Quantity | None:
        """Quantity that a variable holds by its name, None where it is not asked for."""
        return quantity_of(variable, on_levels=self.on_levels) or self.more.get(variable.lower())


Indices = NDArray[np.intp]

_DIGITS = 6  # of a degree
_ROUNDING = 1e-4  # [degree], by which coordinates of single precision are off


def crop(latitude: Any, longitude: Any, box: Box | None) -> tuple[Indices, Indices]:
    """Choose the points of a grid that are needed to interpolate within a box: those in it and one on each side.

    Parameters
    ----------
    latitude, longitude : array of shape (latitude,) and (longitude,)
        Coordinates in any order and any convention. [degree]
    box : Box or None
        The box, None for all points.

    Returns
    -------
    tuple of array
        Rows and columns, ascending; all of them in a direction in which the grid does not cover the box.
    """
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    every = np.arange(latitude.size), np.arange(longitude.size)
    if box is None or min(latitude.size, longitude.size) < 3:
        return every
    if latitude.min() > box.south or latitude.max() < box.north:
        return every  # beyond the last row: at a pole, where all columns count, or outside
    row = float(np.diff(np.sort(latitude)).max())
    rows = np.flatnonzero((latitude >= box.south - row - _ROUNDING) & (latitude <= box.north + row + _ROUNDING))
    return rows, _columns(longitude, box)


def _columns(longitude: NDArray[np.float64], box: Box) -> Indices:
    column = float(np.median(np.diff(np.unique((longitude % 360.0).round(_DIGITS)))))
    span = box.east - box.west
    east_of = (longitude - box.west + column + _ROUNDING) % 360.0  # a column west of the box is 0
    kept = np.flatnonzero(east_of <= span + 2.0 * (column + _ROUNDING))
    is_covered = kept.size and east_of[kept].min() <= column + 2.0 * _ROUNDING and east_of[kept].max() >= span + column
    return kept if is_covered and span + 2.0 * column < 360.0 else np.arange(longitude.size)


_WIDEST = 32  # [pixel] between two nodes: 1 km of Landsat
WIDE = 128
"""Widest distance of two nodes of profiles, of which each has many values. [pixel]"""
_PER_CELL = 8  # nodes for a cell of the reanalysis, at least


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Places:
    """Nodes over a scene."""

    rows: Float
    """Rows of the nodes, ascending, from the scene's first edge to its last. [pixel]"""
    columns: Float
    """Columns of the nodes, likewise. [pixel]"""
    latitude: Float
    """Latitudes of shape (rows, columns). [degree]"""
    longitude: Float
    """Longitudes of shape (rows, columns). [degree]"""


def make_request(scene: Scene, *, on_levels: bool = False) -> Request:
    """Say what a scene needs of a reanalysis: its time and its extent.

    Raises
    ------
    InputError
        The scene has no time of acquisition or no coordinate system.
    """
    when = _time_of(scene)
    if scene.grid.crs is None:
        raise InputError(f"{scene.place.label} has no coordinate system, so no reanalysis can be laid over it")
    return Request(when=when, box=box_over(scene.grid), on_levels=on_levels)


def places_over(grid: Grid, cell: float, widest: int = _WIDEST) -> Places:
    """Nodes over a scene: 32 pixels apart by default, closer where the cells of the reanalysis are small.

    Parameters
    ----------
    grid : Grid
        The scene's grid.
    cell : float
        Smallest distance of two points of the reanalysis. [degree]
    widest : int
        Distance of two nodes that is not exceeded. [pixel]

    Raises
    ------
    InputError
        The scene's coordinates have no latitude and longitude.
    """
    try:
        rows, columns = _positions(grid, cell, widest)
        latitude, longitude = grid.degrees(*np.meshgrid(columns, rows))
    except ProjError as reason:
        raise InputError(f"the scene's coordinates have no latitude and longitude ({reason})") from reason
    return Places(rows=rows, columns=columns, latitude=latitude, longitude=longitude)


def _time_of(scene: Scene) -> np.datetime64:
    moment = scene.date.moment if scene.date else None
    if moment is None:
        example = f"{scene.date.date}" if scene.date and not scene.date.month_only else "2015-01-17"
        raise InputError(
            f"the time at which {scene.place.label} was taken is not known, and a reanalysis changes by the hour; "
            f"add --date {example}T16:20 with its own time (UTC)"
        )
    return np.datetime64(moment, "s")


def _positions(grid: Grid, cell: float, widest: int) -> tuple[Float, Float]:
    """Rows and columns of the nodes."""
    x, y = grid.width / 2, grid.height / 2
    latitude, _ = grid.degrees(np.array([x, x, x + 1]), np.array([y, y + 1, y]))
    pixel = float(np.hypot(*(latitude[1:] - latitude[0])))  # [degree], of latitude: its size on the ground
    step = int(np.clip(cell / _PER_CELL / max(pixel, 1e-9), 1, widest))
    rows, columns = (np.append(np.arange(0.0, size, step), size) for size in (grid.height, grid.width))
    return rows, columns
