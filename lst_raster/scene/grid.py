"""The grid of a raster: where its pixels lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyproj import Transformer
from pyproj.exceptions import ProjError

from lst_raster.errors import GridMismatchError

_TOLERANCE = 0.01  # of a pixel, by which two grids may differ and still be the same: files round their coordinates

_DEGREE = 111_195.0  # [m] along a meridian, of a sphere of 6371 km


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Coordinate reference system, position and size of a raster."""

    crs: Any
    """Coordinate reference system as rasterio has it, None where the file has none."""
    transform: Any
    """Affine transform from pixels to coordinates."""
    width: int
    """Number of columns."""
    height: int
    """Number of rows."""

    @classmethod
    def of(cls, dataset: Any) -> Grid:
        """Grid of an open rasterio dataset."""
        return cls(crs=dataset.crs, transform=dataset.transform, width=dataset.width, height=dataset.height)

    def __str__(self) -> str:
        x, y = self.transform.c, self.transform.f
        step = math.hypot(self.transform.a, self.transform.d)
        return f"{self._crs_name()} {self.width}x{self.height} from ({x:.10g}, {y:.10g}) in steps of {step:.6g}"

    def matches(self, other: Grid) -> bool:
        """Whether two grids have the same system, size and, within a hundredth of a pixel, corners."""
        if (self.crs, self.width, self.height) != (other.crs, other.width, other.height):
            return False
        for corner in ((0, 0), (self.width, 0), (0, self.height)):
            there = _apply(~self.transform, *_apply(other.transform, *corner))
            if max(abs(a - b) for a, b in zip(corner, there, strict=True)) > _TOLERANCE:
                return False
        return True

    def offset_in(self, other: Grid) -> tuple[int, int] | None:
        """Row and column of another grid at which this one begins, whatever the sizes of the two.

        Returns
        -------
        tuple of int, or None
            None where the systems differ, or pixels do not, within a hundredth of one, lie upon pixels.
        """
        if self.crs != other.crs:
            return None
        first = _apply(~other.transform, *_apply(self.transform, 0, 0))
        columns, rows = round(first[0]), round(first[1])
        for column, row in ((0, 0), (self.width, 0), (0, self.height)):
            x, y = _apply(~other.transform, *_apply(self.transform, column, row))
            if max(abs(x - columns - column), abs(y - rows - row)) > _TOLERANCE:
                return None
        return rows, columns

    def latitude(self) -> float | None:
        """Latitude of the centre, None where the raster is not georeferenced. [degree]"""
        if self.crs is None:
            return None
        try:
            latitude, _ = self.degrees(self.width / 2, self.height / 2)
        except ProjError:
            return None
        return float(latitude)

    def pixel_size(self) -> tuple[float, float] | None:
        """Width and height of a pixel, at the centre; None where the raster is not georeferenced. [m]"""
        latitude = self.latitude()
        if latitude is None:
            return None
        width = math.hypot(self.transform.a, self.transform.d)
        height = math.hypot(self.transform.b, self.transform.e)
        if self.crs.is_geographic:
            return width * _DEGREE * math.cos(math.radians(latitude)), height * _DEGREE
        return width * self.crs.linear_units_factor[1], height * self.crs.linear_units_factor[1]

    def degrees(self, column: Any, row: Any) -> tuple[Any, Any]:
        """Latitude and longitude of places in a raster that is georeferenced.

        Parameters
        ----------
        column, row : float or array
            Places, counted from the upper left corner. [pixel]

        Returns
        -------
        tuple of float or array
            Latitude and longitude. [degree]

        Raises
        ------
        pyproj.exceptions.ProjError
            A place has none.
        """
        to_degrees = Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(*_apply(self.transform, column, row), errcheck=True)
        return latitude, longitude

    def _crs_name(self) -> str:
        if self.crs is None:
            return "a grid without coordinate system,"
        code = self.crs.to_epsg()
        return f"EPSG:{code}" if code else str(self.crs.to_wkt()).partition('"')[2].partition('"')[0]


def _apply(transform: Any, column: Any, row: Any) -> tuple[Any, Any]:
    """Apply an affine transform; its operator for this is not the same in versions 2 and 3 of the library."""
    a, b, c, d, e, f = transform[:6]
    return a * column + b * row + c, d * column + e * row + f


def require_same_grid(what: str, grid: Grid, scene: Grid) -> None:
    """Refuse a raster that does not lie on the scene's grid.

    Parameters
    ----------
    what : str
        Name of the raster, for the message.
    grid, scene : Grid
        The raster's grid and the scene's.

    Raises
    ------
    GridMismatchError
        They differ; the message names both.
    """
    if not grid.matches(scene):
        raise GridMismatchError(
            f"{what} is {grid}; the scene is {scene}; pass --align to warp it onto the scene's grid"
        )
