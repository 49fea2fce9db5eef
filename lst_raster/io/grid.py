"""Grids of rasters, warping to them, and their geographic extents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from lst_raster.errors import GridMismatchError, InputError

_TOLERANCE = 0.01  # of a pixel: files round their coordinates
_DEGREE = 111_195.0  # [m] along a meridian of a sphere of 6371 km
_SAMPLE_SIZE = 256  # largest number of rows and columns of a subsampled raster
_SAMPLES = 65  # rows and columns at which the extent is sampled: edges are curved in degrees
_WIDEST_GAP = 45.0  # [degree] between longitudes of a scene around a pole that does not contain it
_DIGITS = 6  # of a degree


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Coordinate reference system, position and size of a raster."""

    crs: Any  # coordinate reference system of rasterio, None where the file has none
    transform: Any  # affine transform from pixels to coordinates
    width: int  # number of columns
    height: int  # number of rows

    @classmethod
    def of(cls, dataset: Any) -> Grid:
        """Grid of an open rasterio dataset."""
        return cls(crs=dataset.crs, transform=dataset.transform, width=dataset.width, height=dataset.height)

    def __str__(self) -> str:
        x, y = self.transform.c, self.transform.f
        step = math.hypot(self.transform.a, self.transform.d)
        name = "a grid without coordinate system,"
        if self.crs is not None:
            code = self.crs.to_epsg()
            name = f"EPSG:{code}" if code else str(self.crs.to_wkt()).partition('"')[2].partition('"')[0]
        return f"{name} {self.width}x{self.height} from ({x:.10g}, {y:.10g}) in steps of {step:.6g}"

    @property
    def sample_shape(self) -> tuple[int, int]:
        """Rows and columns to which a raster is subsampled when its values are checked."""
        return min(self.height, _SAMPLE_SIZE), min(self.width, _SAMPLE_SIZE)

    def matches(self, other: Grid) -> bool:
        """Whether two grids have the same system, size and corners, within a hundredth of a pixel."""
        return (self.width, self.height) == (other.width, other.height) and other.offset_in(self) == (0, 0)

    def offset_in(self, other: Grid) -> tuple[int, int] | None:
        """Row and column of another grid at which this one begins, regardless of sizes.

        None where the systems differ, or the pixels do not coincide within a hundredth of a pixel.
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

    def covers(self, other: Grid) -> bool:
        """Whether another grid is a part of this one, with the same pixels."""
        row, column = (other.offset_in(self) if self.crs is not None else None) or (-1, -1)
        return 0 <= row <= self.height - other.height and 0 <= column <= self.width - other.width

    def centre(self) -> tuple[float | None, float | None]:
        """Latitude and longitude of the centre, None where the raster is not georeferenced. [degree]"""
        if self.crs is None:
            return None, None
        try:
            latitude, longitude = self.degrees(self.width / 2, self.height / 2)
        except ProjError:
            return None, None
        return float(latitude), float(longitude)

    def latitude(self) -> float | None:
        """Latitude of the centre, None where the raster is not georeferenced. [degree]"""
        return self.centre()[0]

    def pixel_size(self) -> tuple[float, float] | None:
        """Width and height of a pixel at the centre, None where the raster is not georeferenced. [m]"""
        latitude = self.latitude()
        if latitude is None:
            return None
        width = math.hypot(self.transform.a, self.transform.d)
        height = math.hypot(self.transform.b, self.transform.e)
        if self.crs.is_geographic:
            return width * _DEGREE * math.cos(math.radians(latitude)), height * _DEGREE
        return width * self.crs.linear_units_factor[1], height * self.crs.linear_units_factor[1]

    def degrees(self, column: Any, row: Any) -> tuple[Any, Any]:
        """Latitude and longitude [degree] of points in a georeferenced raster, from its upper left corner [pixel].

        Raises `pyproj.exceptions.ProjError` for points without coordinates.
        """
        to_degrees = Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(*_apply(self.transform, column, row), errcheck=True)
        return latitude, longitude

    def window_over(self, box: Box, what: str) -> Window:
        """Window of the pixels that a box touches.

        Raises InputError for a raster `what` without a coordinate system, or outside the box.
        """
        if self.crs is None:
            raise InputError(f"{what} has no coordinate system, so no part of it can be chosen; leave out the box")
        extent = box_over(self)
        parts = box.shared_with(extent)
        if not parts:
            raise InputError(f"{what} covers {extent} (west,south,east,north), and nothing of the box {box}")
        from_degrees = Transformer.from_crs("EPSG:4326", self.crs.to_wkt(), always_xy=True)
        ranges = []
        for part in parts:
            longitude, latitude = np.meshgrid(
                np.linspace(part.west, part.east, _SAMPLES), np.linspace(part.south, part.north, _SAMPLES)
            )
            for turn in (0.0, -360.0, 360.0) if self.crs.is_geographic else (0.0,):
                x, y = (longitude + turn, latitude) if turn else from_degrees.transform(longitude, latitude)
                columns, rows = _apply(~self.transform, x, y)
                found = (*_pixels(columns, self.width), *_pixels(rows, self.height))
                if found[0] < found[1] and found[2] < found[3]:
                    ranges.append(found)
        if not ranges:
            raise InputError(f"{what} covers {extent} (west,south,east,north), and no pixel of the box {box}")
        ranges.sort()
        for (_, end, *_), (start, *_) in pairwise(ranges):
            if start > end:
                raise InputError(f"the box {box} has parts at both edges of {what}; give a box of one part")
        left, top = min(one[0] for one in ranges), min(one[2] for one in ranges)
        right, bottom = max(one[1] for one in ranges), max(one[3] for one in ranges)
        return Window(left, top, right - left, bottom - top)

    def part(self, window: Window) -> Grid:
        """Grid of a window."""
        a, b, _, d, e, _ = self.transform[:6]
        x, y = _apply(self.transform, window.col_off, window.row_off)
        return Grid(crs=self.crs, transform=Affine(a, b, x, d, e, y), width=window.width, height=window.height)

    def positions(self, latitude: Any, longitude: Any) -> tuple[Any, Any]:
        """Columns and rows of places [degree] in a georeferenced raster, from its upper left corner [pixel].

        Infinite for places without coordinates.
        """
        from_degrees = Transformer.from_crs("EPSG:4326", self.crs.to_wkt(), always_xy=True)
        return _apply(~self.transform, *from_degrees.transform(longitude, latitude))

    def contains(self, latitude: float, longitude: float) -> bool:
        """Whether a point lies in a georeferenced raster. [degree]"""
        column, row = self.positions(latitude, longitude)
        return bool(0.0 <= column <= self.width and 0.0 <= row <= self.height)


def _apply(transform: Any, column: Any, row: Any) -> tuple[Any, Any]:
    """Apply an affine transform; its operator differs between versions 2 and 3 of the library."""
    a, b, c, d, e, f = transform[:6]
    return a * column + b * row + c, d * column + e * row + f


def _pixels(positions: NDArray[np.float64], size: int) -> tuple[int, int]:
    """First pixel, and the one after the last, that positions along an axis touch."""
    known = positions[np.isfinite(positions)]
    if not known.size:
        return 0, 0
    low, high = math.floor(known.min() + _TOLERANCE), math.ceil(known.max() - _TOLERANCE)
    return max(low, 0), min(max(high, low + 1), size)


def require_same_grid(what: str, grid: Grid, scene: Grid, remedy: str = "") -> None:
    """Raise GridMismatchError, with both grids and a remedy, for a raster `what` that is not on the scene's grid."""
    if not grid.matches(scene):
        message = f"{what} is {grid}; the scene is {scene}; pass --align to warp it onto the scene's grid"
        raise GridMismatchError(f"{what} is {grid}; the scene is {scene}; {remedy}" if remedy else message)


@dataclass(frozen=True, slots=True)
class _JoinedViews:
    """Views of one raster in degrees, shifted by whole turns, read as one: NaN in one is filled from the next."""

    views: tuple[Any, ...]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.views[0], name)

    def read(self, *arguments: Any, **where: Any) -> NDArray[Any]:
        stored: NDArray[Any] = self.views[0].read(*arguments, **where)
        for view in self.views[1:]:
            missing = np.isnan(stored)
            if missing.any():
                stored = np.where(missing, view.read(*arguments, **where), stored)
        return stored

    def read_masks(self, *arguments: Any, **where: Any) -> NDArray[np.uint8]:
        return np.where(np.isnan(self.read(*arguments, **where)), np.uint8(0), np.uint8(255))


@contextmanager
def on_grid(
    dataset: Any, grid: Grid, what: str, *, align: bool, classes: bool = False, nodata: float | None = None
) -> Iterator[Any]:
    """Show an open raster `what` on the scene's grid: the dataset itself, or a warped view, NaN outside.

    With `align` a raster on another grid is warped without scale and offset, bilinearly, or classes by nearest
    neighbour; `nodata` is used where the raster does not declare one. GridMismatchError without `align`, or without a
    coordinate system.
    """
    own = Grid.of(dataset)
    if own.matches(grid):
        yield dataset
        return
    if not align and not own.covers(grid):
        require_same_grid(what, own, grid)
    if own.crs is None or grid.crs is None:
        raise GridMismatchError(
            f"{what} is {own}; the scene is {grid}; without a coordinate system it cannot be warped"
        )
    declared = dataset.nodata if dataset.nodata is not None else nodata
    a, b, c, d, e, f = dataset.transform[:6]
    with ExitStack() as stack:
        views = [
            stack.enter_context(
                WarpedVRT(
                    dataset, **({"src_transform": Affine(a, b, c + shift, d, e, f)} if shift else {}),
                    crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height, dtype="float32",
                    src_nodata=np.nan if declared is None else declared, nodata=np.nan,
                    resampling=Resampling.nearest if classes else Resampling.bilinear,
                )
            )
            for shift in (0.0, *_shifts(own, grid))
        ]  # fmt: skip
        yield views[0] if len(views) == 1 else _JoinedViews(tuple(views))


def _shifts(raster: Grid, grid: Grid) -> list[float]:
    """Whole turns by which a raster in degrees must also be shifted to cover a grid. [degree]

    GDAL compares longitudes as numbers when it warps a raster: 181 is not -179.
    """
    if not raster.crs.is_geographic:
        return []
    try:
        ranges = _longitudes(grid)
    except InputError:
        return []  # parts of the grid are not on the Earth
    ((left, right),) = _longitudes(raster)
    return [
        shift
        for shift in (-360.0, 360.0)
        if any(min(east, right + shift) > max(west, left + shift) for west, east in ranges)
    ]


def _longitudes(grid: Grid) -> list[tuple[float, float]]:
    """Ranges of the longitudes of a grid: its own where it is in degrees, else from -180 to 180. [degree]"""
    if grid.crs.is_geographic:
        a, b, c = grid.transform[:3]
        edges = [c + a * column + b * row for column in (0, grid.width) for row in (0, grid.height)]
        return [(min(edges), max(edges))]
    box = box_over(grid)
    return [(box.west, min(box.east, 180.0)), *([(-180.0, box.east - 360.0)] if box.east > 180.0 else [])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Extent in latitude and longitude. [degree]"""

    south: float  # lowest latitude
    north: float  # highest latitude
    west: float  # western edge, -180 to 180
    east: float  # eastern edge, above `west`, beyond 180 across the date line; `west` + 360 for all longitudes

    @property
    def spans_all_longitudes(self) -> bool:
        """Whether it contains all longitudes."""
        return self.east - self.west >= 360.0

    def widened(self, row: float, column: float) -> Box:
        """Widen to whole cells of a grid with nodes at multiples of its steps [degree], and one cell on each side."""
        south, north = _outward(self.south, self.north, row)
        west, east = _outward(self.west, self.east, column)
        if east - west + column > 360.0:
            west, east = -180.0, 180.0
        elif west < -180.0:
            west, east = west + 360.0, east + 360.0
        return Box(south=max(south, -90.0), north=min(north, 90.0), west=west, east=east)

    @classmethod
    def parse(cls, text: str | Sequence[float]) -> Box:
        """Parse ``west,south,east,north`` [degree]; west is greater than east across the date line.

        Raises InputError for other texts and impossible coordinates.

        Examples
        --------
        >>> Box.parse("8.4,49.3,8.8,49.5")
        Box(south=49.3, north=49.5, west=8.4, east=8.8)
        """
        try:
            west, south, east, north = (float(part) for part in (text.split(",") if isinstance(text, str) else text))
        except (TypeError, ValueError):
            raise InputError(
                f"the bounding box {text!r} is not WEST,SOUTH,EAST,NORTH in degrees, such as 8.4,49.3,8.8,49.5"
            ) from None
        shown = text if isinstance(text, str) else ",".join(f"{value:g}" for value in (west, south, east, north))
        if not (-90.0 <= south < north <= 90.0 and -180.0 <= west <= 180.0 and -180.0 <= east <= 180.0):
            raise InputError(
                f"the bounding box {shown} is impossible: it needs degrees in the order west,south,east,north, with "
                "south below north"
            )
        if west == east or (west, east) == (180.0, -180.0):
            raise InputError(f"the bounding box {shown} has no width: west and east are the same")
        return cls(south=south, north=north, west=west, east=east if east > west else east + 360.0)

    def __str__(self) -> str:
        east = self.east - 360.0 if self.east > 180.0 else self.east
        return ",".join(f"{round(value, _DIGITS):.10g}" for value in (self.west, self.south, east, self.north))

    def shared_with(self, other: Box) -> list[Box]:
        """Common parts of two boxes, two of them for boxes that overlap at both ends."""
        south, north = max(self.south, other.south), min(self.north, other.north)
        parts = []
        for turn in (0.0, -360.0, 360.0):
            west, east = max(self.west, other.west + turn), min(self.east, other.east + turn)
            if south < north and west < east:
                parts.append(Box(south=south, north=north, west=west, east=east))
        return parts

    def narrowed(self, margin: float) -> Box:
        """Narrow by a margin on each side. [degree]"""
        west, east = (self.west, self.east) if self.spans_all_longitudes else (self.west + margin, self.east - margin)
        return Box(south=self.south + margin, north=self.north - margin, west=west, east=east)


def box_over(grid: Grid) -> Box:
    """Extent of a georeferenced raster, which may cross the date line or contain a pole.

    Raises InputError where coordinates have no latitude and longitude.
    """
    columns, rows = (np.linspace(0.0, size, _SAMPLES) for size in (grid.width, grid.height))
    try:
        latitude, longitude = grid.degrees(*np.meshgrid(columns, rows))
    except ProjError as reason:
        raise InputError(f"the scene's coordinates have no latitude and longitude ({reason})") from reason
    south, north = float(np.min(latitude)), float(np.max(latitude))
    west, east = _span(np.ravel(longitude))
    for pole in (-90.0, 90.0):
        if grid.contains(pole, 0.0):
            south, north, west, east = min(south, pole), max(north, pole), -180.0, 180.0
    return Box(south=south, north=north, west=west, east=east)


def _outward(low: float, high: float, step: float) -> tuple[float, float]:
    first, last = np.floor(round(low / step, _DIGITS)) - 1, np.ceil(round(high / step, _DIGITS)) + 1
    return round(float(first) * step, _DIGITS), round(float(last) * step, _DIGITS)


def _span(longitude: NDArray[np.float64]) -> tuple[float, float]:
    """Western and eastern edge of longitudes: the ends of the widest gap between them."""
    unique = np.unique((longitude + 180.0) % 360.0 - 180.0)
    gaps = np.diff(unique, append=unique[0] + 360.0)
    if gaps.max() < _WIDEST_GAP:
        return -180.0, 180.0
    widest = int(np.argmax(gaps))
    west = float(unique[(widest + 1) % unique.size])
    return west, west + 360.0 - float(gaps[widest])
