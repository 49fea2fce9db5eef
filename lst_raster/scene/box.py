"""The part of the Earth that a raster covers: its extent in degrees, across the date line and over the poles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from lst_raster.errors import InputError
from lst_raster.scene.grid import Grid

_SAMPLES = 65  # rows and columns at which a scene's extent is looked for: its edges are curved in degrees
_AROUND = 45.0  # [degree], the widest gap between longitudes of a scene that goes around a pole without meeting it
_DIGITS = 6  # of a degree


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Extent in latitude and longitude. [degree]"""

    south: float
    """Lowest latitude."""
    north: float
    """Highest latitude."""
    west: float
    """Western edge, -180 to 180."""
    east: float
    """Eastern edge, above `west`, beyond 180 across the date line; `west` + 360 for all longitudes."""

    @property
    def is_around(self) -> bool:
        """Whether it has all longitudes."""
        return self.east - self.west >= 360.0

    def widened(self, row: float, column: float) -> Box:
        """Widen to whole cells of a grid that has points at multiples of its steps, and a cell more on each side.

        Parameters
        ----------
        row, column : float
            Steps of the grid in latitude and longitude. [degree]

        Examples
        --------
        >>> Box(south=30.1, north=30.9, west=179.9, east=180.2).widened(0.25, 0.25)
        Box(south=29.75, north=31.25, west=179.5, east=180.5)
        """
        south, north = _outward(self.south, self.north, row)
        west, east = _outward(self.west, self.east, column)
        if east - west + column > 360.0:
            west, east = -180.0, 180.0
        elif west < -180.0:
            west, east = west + 360.0, east + 360.0
        return Box(south=max(south, -90.0), north=min(north, 90.0), west=west, east=east)

    def narrowed(self, margin: float) -> Box:
        """Narrow by a margin on each side. [degree]"""
        west, east = (self.west, self.east) if self.is_around else (self.west + margin, self.east - margin)
        return Box(south=self.south + margin, north=self.north - margin, west=west, east=east)


def box_over(grid: Grid) -> Box:
    """Extent of a raster, across the date line and over the poles where it lies there.

    Parameters
    ----------
    grid : Grid
        The raster; it must have a coordinate system.

    Raises
    ------
    InputError
        Its coordinates have no latitude and longitude.
    """
    columns, rows = (np.linspace(0.0, size, _SAMPLES) for size in (grid.width, grid.height))
    try:
        latitude, longitude = grid.degrees(*np.meshgrid(columns, rows))
    except ProjError as reason:
        raise InputError(f"the scene's coordinates have no latitude and longitude ({reason})") from reason
    south, north = float(np.min(latitude)), float(np.max(latitude))
    west, east = _span(np.ravel(longitude))
    for pole in (-90.0, 90.0):
        if _holds(grid, pole):
            south, north, west, east = min(south, pole), max(north, pole), -180.0, 180.0
    return Box(south=south, north=north, west=west, east=east)


def _outward(low: float, high: float, step: float) -> tuple[float, float]:
    first, last = np.floor(round(low / step, _DIGITS)) - 1, np.ceil(round(high / step, _DIGITS)) + 1
    return round(float(first) * step, _DIGITS), round(float(last) * step, _DIGITS)


def _span(longitude: NDArray[np.float64]) -> tuple[float, float]:
    """Western and eastern edge of some longitudes: the ends of the widest gap between them."""
    unique = np.unique((longitude + 180.0) % 360.0 - 180.0)
    gaps = np.diff(unique, append=unique[0] + 360.0)
    if gaps.max() < _AROUND:
        return -180.0, 180.0
    widest = int(np.argmax(gaps))
    west = float(unique[(widest + 1) % unique.size])
    return west, west + 360.0 - float(gaps[widest])


def _holds(grid: Grid, pole: float) -> bool:
    """Whether a pole lies in a raster."""
    try:
        x, y = Transformer.from_crs("EPSG:4326", grid.crs.to_wkt(), always_xy=True).transform(0.0, pole, errcheck=True)
    except ProjError:
        return False
    a, b, c, d, e, f = (~grid.transform)[:6]
    column, row = a * x + b * y + c, d * x + e * y + f
    return bool(0.0 <= column <= grid.width and 0.0 <= row <= grid.height)
