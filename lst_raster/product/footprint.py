"""Footprint of a grid in longitude and latitude, as GeoJSON."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from lst_raster.io.grid import Grid

Ring: TypeAlias = NDArray[np.float64]  # longitudes and latitudes of a closed line, (points, 2) [degree]

_TOLERANCE = 0.5  # [pixel], largest distance of a straight line between two points from the edge of the grid
_MAX_PIECES = 4096  # of an edge; a continent in a polar projection needs a few hundred
_DECIMALS = 7  # [degree], a centimetre


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """Outline of a grid in longitude and latitude."""

    geometry: dict[str, Any] | None
    """GeoJSON Polygon, counter-clockwise; MultiPolygon if the grid crosses the antimeridian. None without location."""
    bbox: list[float] | None
    """West, south, east and north; west is greater than east if the grid crosses the antimeridian. [degree]"""


def footprint(grid: Grid) -> Footprint:
    """Outline of a grid, within half a pixel of its edges; empty if its location on Earth is not known.

    Source: RFC 7946, The GeoJSON Format (2016), sections 3.1.6, 3.1.9 and 5.2
    """
    if grid.crs is None:
        return Footprint(geometry=None, bbox=None)
    try:
        ring, has_pole = _close_around_pole(_outline(grid))
    except ProjError:
        return Footprint(geometry=None, bbox=None)
    polygons = [[_counter_clockwise(part).tolist()] for part in _split(ring) if len(part) > 3]
    if len(polygons) == 1:
        geometry = {"type": "Polygon", "coordinates": polygons[0]}
    else:
        geometry = {"type": "MultiPolygon", "coordinates": polygons}
    return Footprint(geometry=geometry, bbox=_bbox(ring, has_pole))


def _outline(grid: Grid) -> Ring:
    """Points along the edges of a grid; longitudes continue beyond 180 degrees."""
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs.to_wkt(), always_xy=True)
    a, b, c, d, e, f = (~grid.transform)[:6]
    pieces = 1
    while True:
        ring = _edge_points(grid, pieces)
        middle = (ring[1:] + ring[:-1]) / 2
        x, y = to_grid.transform(middle[:, 0], middle[:, 1], errcheck=True)
        column, row = a * x + b * y + c, d * x + e * y + f
        distance = np.abs([column, column - grid.width, row, row - grid.height]).min(axis=0).max()
        if pieces >= _MAX_PIECES or distance <= _TOLERANCE:
            return ring
        pieces *= 2


def _edge_points(grid: Grid, pieces: int) -> Ring:
    """Corners of a grid and points between them, counter-clockwise if north is up; the last point is the first."""
    fraction = np.arange(pieces) / pieces
    zero, one = np.zeros(pieces), np.ones(pieces)
    column = np.concatenate([zero, fraction, one, 1 - fraction, [0.0]]) * grid.width
    row = np.concatenate([fraction, one, 1 - fraction, zero, [0.0]]) * grid.height
    latitude, longitude = grid.degrees(column, row)
    return np.column_stack([np.unwrap(np.asarray(longitude), period=360.0), latitude])


def _close_around_pole(ring: Ring) -> tuple[Ring, bool]:
    """Close a line around a pole via the pole; also returns whether it is one."""
    turns = round((ring[-1, 0] - ring[0, 0]) / 360.0)
    if not turns:
        return ring, False
    latitude = 90.0 if ring[:, 1].mean() > 0 else -90.0
    return np.vstack([ring, [[ring[-1, 0], latitude], [ring[0, 0], latitude]], ring[:1]]), True


def _split(ring: Ring) -> list[Ring]:
    """Cut a line at the antimeridian into parts between -180 and 180 degrees."""
    first, last = (int(np.floor((end + 180.0) / 360.0)) for end in (ring[:, 0].min(), ring[:, 0].max() - 1e-9))
    parts = []
    for turn in range(first, last + 1):
        part = ring - [360.0 * turn, 0.0]
        parts.append(_clip(_clip(part, 180.0, 1.0), -180.0, -1.0))
    return parts


def _clip(ring: Ring, limit: float, side: float) -> Ring:
    """Clip a line to the part west (`side` 1) or east (-1) of a meridian."""
    inside = side * (ring[:, 0] - limit) <= 0
    if inside.all():
        return ring
    points: list[Ring] = []
    for (start, end), (start_inside, end_inside) in zip(pairwise(ring), pairwise(inside), strict=True):
        if start_inside:
            points.append(start)
        if start_inside != end_inside:
            fraction = (limit - start[0]) / (end[0] - start[0])
            points.append(np.array([limit, start[1] + fraction * (end[1] - start[1])]))
    return np.array([*points, points[0]]) if points else np.empty((0, 2))


def _counter_clockwise(ring: Ring) -> Ring:
    x, y = ring.T
    area = float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return (ring if area > 0 else ring[::-1]).round(_DECIMALS)


def _bbox(ring: Ring, has_pole: bool) -> list[float]:
    (west, south), (east, north) = ring.min(axis=0), ring.max(axis=0)
    if has_pole or east - west >= 360.0:
        west, east = -180.0, 180.0
    elif west < -180.0 or east > 180.0:
        west, east = ((end + 180.0) % 360.0 - 180.0 for end in (west, east))
    return [round(float(end), _DECIMALS) for end in (west, south, east, north)]
