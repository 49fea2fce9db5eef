"""Where and when a scene asks a reanalysis: its time, and nodes between which the air is bilinear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj.exceptions import ProjError

from lst_raster.errors import InputError
from lst_raster.scene.box import box_over
from lst_raster.scene.grid import Grid
from lst_raster.scene.nodes import Float
from lst_raster.scene.reanalysis.ask import Ask
from lst_raster.scene.scene import Scene

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


def ask_for(scene: Scene, *, on_levels: bool = False) -> Ask:
    """Say what a scene needs of a reanalysis: its time and its extent.

    Raises
    ------
    InputError
        The scene has no time of acquisition or no coordinate system.
    """
    when = _time_of(scene)
    if scene.grid.crs is None:
        raise InputError(f"{scene.place.label} has no coordinate system, so no reanalysis can be laid over it")
    return Ask(when=when, box=box_over(scene.grid), on_levels=on_levels)


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
