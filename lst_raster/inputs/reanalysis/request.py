"""Requests to reanalysis files: variables and their units, area and time of a scene, nodes of its coarse grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.products import ON_LEVELS, VARIABLES, variable_names
from lst_raster.io.coarse_grid import Float
from lst_raster.io.grid import Box, Grid, box_over
from lst_raster.io.scene import Scene
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR, Quantity

Indices = NDArray[np.intp]

PROFILE_SPACING = 128  # Largest spacing of nodes with profiles, which have many values each [pixel]
_SPACING = 32  # largest spacing of nodes with single values: 1 km of Landsat [pixel]
_NODES_PER_CELL = 8  # at least, along each axis of the reanalysis grid
_DECIMALS = 6  # of a degree
_ROUNDING = 1e-4  # error of float32 coordinates [degree]
_WITH_CLOUD = ("tcw", "total_column_water")
_USABLE_ON_LEVELS = "t and q (or r) on levels of pressure"
_USABLE = f"{variable_names(WATER_VAPOUR)} for the water vapour, " + ", ".join(
    variable_names(quantity) for quantity in (AIR_TEMPERATURE, SURFACE_PRESSURE, ELEVATION)
)


class NothingFoundError(InputError):
    """A readable file has none of the requested variables."""


def unit_conversion(quantity: Quantity, units: str, where: str) -> tuple[float, float]:
    """Factor and offset from the unit of a file to the unit of the quantity.

    Raises InputError for an unknown or missing unit: reanalyses declare it, and a guess may be wrong by a factor 100.
    """
    if not units.strip():
        raise InputError(f"{where} declares no unit; set its attribute units, such as {quantity.units}")
    return quantity.require_conversion(units, where)


def nothing_found(source: str, found: Sequence[str], reason: str = "", *, on_levels: bool = False) -> NothingFoundError:
    """Error for a file without a usable variable, with the variables that it has."""
    names = sorted(set(found))
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    cloudy = next((name for name in found if name.lower() in _WITH_CLOUD), None)
    note = f"{cloudy} is the water of vapour and clouds together, not the vapour only (tcwv)" if cloudy else ""
    reasons = "; ".join(part for part in (reason, note) if part)
    return NothingFoundError(
        f"{source} contains {listed or 'no variables'}{f' ({reasons})' if reasons else ''}; give a file with "
        f"{_USABLE_ON_LEVELS if on_levels else _USABLE}, on latitude and longitude"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Time, area and kind of the fields to read."""

    when: np.datetime64 | None = None  # Time, UTC: only the two steps around it are read. None for all
    box: Box | None = None  # Area: of large files only the points around it are read. None for all
    # Whether to read temperature and humidity on pressure levels instead of fields near the surface and of the whole
    # column
    on_levels: bool = False
    more: Mapping[str, Quantity] = field(default_factory=dict)  # Additional variables, by their names in lower case

    def quantity_of(self, variable: str) -> Quantity | None:
        """Quantity of a variable by its name, None if it is not requested."""
        name = variable.lower()
        return (ON_LEVELS if self.on_levels else VARIABLES).get(name) or self.more.get(name)


def make_request(scene: Scene, *, on_levels: bool = False) -> Request:
    """Request for the acquisition time and the extent of a scene.

    Raises InputError if the scene has no acquisition time or no coordinate system.
    """
    moment = scene.date.moment if scene.date else None
    if moment is None:
        example = f"{scene.date.date}" if scene.date and not scene.date.month_only else "2015-01-17"
        raise InputError(
            f"the acquisition time of {scene.place.label} is unknown, and a reanalysis is hourly; "
            f"add --date {example}T16:20 with its own time (UTC)"
        )
    if scene.grid.crs is None:
        raise InputError(f"{scene.place.label} has no coordinate system, so no reanalysis can be interpolated to it")
    return Request(when=np.datetime64(moment, "s"), box=box_over(scene.grid), on_levels=on_levels)


def crop(latitude: Any, longitude: Any, box: Box | None) -> tuple[Indices, Indices]:
    """Rows and columns needed to interpolate within a box: the points in it and one on each side.

    Coordinates may be in any order and longitude convention [degree]. The indices ascend; all are returned along an
    axis that does not cover the box, and without a box.
    """
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    everything = np.arange(latitude.size), np.arange(longitude.size)
    if box is None or min(latitude.size, longitude.size) < 3:
        return everything
    if latitude.min() > box.south or latitude.max() < box.north:
        return everything  # beyond the last row: at a pole, where all columns are needed, or outside
    row = float(np.diff(np.sort(latitude)).max())
    rows = np.flatnonzero((latitude >= box.south - row - _ROUNDING) & (latitude <= box.north + row + _ROUNDING))
    return rows, _columns(longitude, box)


def _columns(longitude: NDArray[np.float64], box: Box) -> Indices:
    column = float(np.median(np.diff(np.unique((longitude % 360.0).round(_DECIMALS)))))
    span = box.east - box.west
    east_of = (longitude - box.west + column + _ROUNDING) % 360.0  # from one column west of the box
    kept = np.flatnonzero(east_of <= span + 2.0 * (column + _ROUNDING))
    is_covered = kept.size and east_of[kept].min() <= column + 2.0 * _ROUNDING and east_of[kept].max() >= span + column
    return kept if is_covered and span + 2.0 * column < 360.0 else np.arange(longitude.size)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NodePositions:
    """Positions of nodes over a scene."""

    rows: Float  # Rows of the nodes, ascending, from the first edge of the scene to its last [pixel]
    columns: Float  # Columns of the nodes, likewise [pixel]
    latitude: Float  # Latitudes of shape (rows, columns) [degree]
    longitude: Float  # Longitudes of shape (rows, columns) [degree]


def node_positions(grid: Grid, cell: float = np.inf, spacing: int = _SPACING) -> NodePositions:
    """Nodes over a scene, at most `spacing` [pixel] apart, closer for small reanalysis cells [degree].

    Raises InputError if the coordinates of the scene cannot be converted to latitude and longitude.
    """
    x, y = grid.width / 2, grid.height / 2
    try:
        latitude, _ = grid.degrees(np.array([x, x, x + 1]), np.array([y, y + 1, y]))
        pixel = float(np.hypot(*(latitude[1:] - latitude[0])))  # size on the ground [degree of latitude]
        step = int(np.clip(cell / _NODES_PER_CELL / max(pixel, 1e-9), 1, spacing))
        rows, columns = (np.append(np.arange(0.0, size, step), size) for size in (grid.height, grid.width))
        latitude, longitude = grid.degrees(*np.meshgrid(columns, rows))
    except ProjError as reason:
        raise InputError(f"the scene's coordinates have no latitude and longitude ({reason})") from reason
    return NodePositions(rows=rows, columns=columns, latitude=latitude, longitude=longitude)
