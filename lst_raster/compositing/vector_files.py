"""Polygons and points from vector files and tables, and their coordinates in pixels of a product."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.io.address import path_of
from lst_raster.io.csv_table import CsvTable, read_csv
from lst_raster.io.grid import Grid
from lst_raster.resources import require

_LOGGER = logging.getLogger(__name__)

EXTRA = "zones"
"""Extra with the libraries for vector data."""

_LAYER = "|layername="  # between file and layer, as in QGIS
_PARQUET = (".parquet", ".geoparquet")
_IDENTIFIERS = ("id", "name")  # columns that identify a feature, by priority
_LONGITUDES, _LATITUDES = ("longitude", "lon", "lng"), ("latitude", "lat")
_SEGMENTS = 100  # of the longer side of a polygon, between which it is projected exactly


def read_polygons(source: str | Path, identifier: str | None = None) -> Any:
    """Read polygons from a vector file as a GeoDataFrame with the columns ``zone`` and ``geometry``.

    Parameters
    ----------
    source : str or path
        GeoPackage, GeoJSON, Shapefile, GeoParquet or another file that pyogrio reads; ``FILE|layername=NAME`` for one
        of several layers.
    identifier : str, optional
        Column with unique names; by default ``id`` or ``name``, if unique, else the number of the feature.

    Raises
    ------
    InputNotFoundError, InputError
        The file does not exist or cannot be read, has no coordinate reference system, other geometries or no polygon,
        or names are not unique.
    MissingExtraError
        The libraries for vector data are not installed.
    """
    frame = _read_vectors(source, "zones")
    frame = _with_names(frame, "zone", identifier, source)
    shapely = require("shapely", EXTRA)
    given = frame.geometry.values
    frame["geometry"] = _polygonal(given)
    flat = shapely.area(frame.geometry.values) == 0.0
    if flat.any():
        kinds = ", ".join(dict.fromkeys(given.geom_type[flat]))
        raise InputError(
            f"zones {source}: {', '.join(frame['zone'][flat][:5])} without area ({kinds}); zones need polygons, leave "
            "others out, or give points to series"
        )
    invalid = ~shapely.is_valid(given)
    if invalid.any():
        _LOGGER.warning(f"zones {source}: the outline of {', '.join(frame['zone'][invalid][:5])} is invalid: repaired")
    return frame


def _polygonal(geometries: Any) -> list[Any]:
    """Valid polygons: the areas of each geometry, without its lines and points."""
    shapely = require("shapely", EXTRA)
    found = []
    for geometry in shapely.make_valid(geometries):
        parts = shapely.get_parts(geometry)
        is_mixed = geometry.geom_type == "GeometryCollection"
        found.append(shapely.union_all(parts[shapely.area(parts) > 0.0]) if is_mixed else geometry)
    return found


def read_points(source: str | Path, identifier: str | None = None) -> Any:
    """Read points as a GeoDataFrame with the columns ``point`` and ``geometry``.

    `source` is a table (``.csv``) with the columns longitude and latitude (WGS 84) [degrees], or a vector file.
    `identifier` and errors as `read_polygons`.
    """
    path = path_of(source, "points")
    if path.suffix.lower() in (".csv", ".txt"):
        return _read_point_table(read_csv(path, "points"), identifier, source)
    frame = _read_vectors(source, "points")
    frame = _with_names(frame, "point", identifier, source)
    other = frame.geometry.geom_type != "Point"
    if other.any():
        raise InputError(f"points {source}: {frame.geometry.geom_type[other].iloc[0]} found; give points, or use zones")
    return frame


def _read_vectors(source: str | Path, what: str) -> Any:
    geopandas, pyogrio = require("geopandas", EXTRA), require("pyogrio", EXTRA)
    text, _, layer = str(source).partition(_LAYER)
    path = path_of(text, what)
    if not path.exists():
        raise InputNotFoundError(f"{what} {path} does not exist; check the path")
    try:
        if path.suffix.lower() in _PARQUET:
            require("pyarrow", EXTRA)
            frame = geopandas.read_parquet(path)
        else:
            layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
            if len(layers) > 1 and not layer:
                raise InputError(f"{what} {path} has the layers {', '.join(layers)}; give {path.name}{_LAYER}NAME")
            frame = geopandas.read_file(path, layer=layer or None, engine="pyogrio", fid_as_index=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{what} {path} cannot be read: {' '.join(str(error).split())}; give a GeoPackage, GeoJSON, Shapefile or "
            "GeoParquet"
        ) from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise InputError(f"{what} {path} has no geometry; give a layer with coordinates")
    missing = frame.geometry.isna() | frame.geometry.is_empty
    frame = frame[~missing]
    if frame.empty:
        raise InputError(f"{what} {path} has no feature with a geometry; give others")
    if missing.any():
        _LOGGER.warning(f"{what} {path}: {missing.sum()} of {missing.size} features have no geometry and are left out")
    if frame.crs is None:
        raise InputError(f"{what} {path} has no coordinate reference system; assign one, for example in QGIS")
    return frame


def _with_names(frame: Any, column: str, identifier: str | None, source: str | Path) -> Any:
    """Reduce a frame to names and geometries."""
    geopandas = require("geopandas", EXTRA)
    names = _names([str(name) for name in frame.columns if name != frame.geometry.name], identifier, source)
    values = [str(number) for number in frame.index]
    for name in names:
        found = [_text(value) for value in frame[name]]
        if identifier is not None and "" in found:
            raise InputError(f"{source}: the column {name} has no value in {found.count('')} features; give another")
        if "" not in found and len(set(found)) == len(found):
            values = found
            break
        if identifier is not None:
            raise _not_unique(source, name, found)
    return geopandas.GeoDataFrame({column: values}, geometry=list(frame.geometry), crs=frame.crs)


def _text(value: Any) -> str:
    """Name in a column, empty for a missing value; columns of integers with gaps are read as floats."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _names(columns: Sequence[str], identifier: str | None, source: str | Path) -> list[str]:
    """Columns that may identify features, by priority."""
    if identifier is None:
        return [name for wanted in _IDENTIFIERS for name in columns if name.lower() == wanted]
    if identifier not in columns:
        raise InputError(f"{source} has no column {identifier}; its columns are {', '.join(columns) or 'none'}")
    return [identifier]


def _not_unique(source: str | Path, name: str, values: Sequence[str]) -> InputError:
    twice = next(value for value in values if values.count(value) > 1)
    return InputError(f"{source}: {twice!r} occurs several times in the column {name}; give one with unique names")


def _read_point_table(table: CsvTable, identifier: str | None, source: str | Path) -> Any:
    geopandas = require("geopandas", EXTRA)
    header = [title.lower() for title in table.header]
    places = []
    for titles, limit in ((_LONGITUDES, 360.0), (_LATITUDES, 90.0)):
        column = next((header.index(title) for title in titles if title in header), None)
        if column is None:
            raise InputError(f"{table.name} has no column {titles[0]}; it needs longitude and latitude in degrees")
        places.append([_degrees(table, number, column, limit) for number in range(len(table.rows))])
    values = [str(number + 1) for number in range(len(table.rows))]
    for name in _names(table.header, identifier, source):
        found = [row[table.header.index(name)] for row in table.rows]
        if len(set(found)) == len(found):
            values = found
            break
        if identifier is not None:
            raise _not_unique(source, name, found)
    return geopandas.GeoDataFrame({"point": values}, geometry=geopandas.points_from_xy(*places), crs="EPSG:4326")


def _degrees(table: CsvTable, row: int, column: int, limit: float) -> float:
    cell = table.rows[row][column]
    try:
        value = float(cell.replace(",", ".") if table.decimal_comma else cell)
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        raise InputError(f"{table.name}, line {table.lines[row]}: {table.header[column]} is {cell!r}; give degrees")
    return value


def in_pixels(frame: Any, grid: Grid) -> NDArray[Any]:
    """Convert geometries to columns and rows of a grid, measured from its upper left corner.

    Edges of polygons in another coordinate system are divided before. Geometries outside the area of the projection
    become empty. Raise InputError if the grid has no coordinate system.
    """
    if grid.crs is None:
        raise InputError(f"the product is on {grid}; zones and points need products with a coordinate system")
    shapely, crs = require("shapely", EXTRA), require("pyproj", EXTRA).CRS.from_wkt(grid.crs.to_wkt())
    if frame.crs != crs:
        bounds = shapely.bounds(frame.geometry.values)
        sides = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
        if (sides > 0.0).any():  # not points
            divided = shapely.segmentize(frame.geometry.values, np.maximum(sides / _SEGMENTS, 1e-9))
            frame = frame.set_geometry(list(divided), crs=frame.crs)
        projected = frame.to_crs(crs)
        beyond = ~np.isfinite(shapely.bounds(projected.geometry.values)).all(axis=1)
        if beyond.any() and (sides > 0.0).any():  # beyond the area of the projection
            part = frame[beyond].set_geometry(_near(frame[beyond], crs, grid), crs=frame.crs).to_crs(crs)
            projected.loc[beyond, "geometry"] = list(part.geometry)
        frame = projected
    a, b, c, d, e, f = (~grid.transform)[:6]

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    geometries = np.array(frame.geometry.values, dtype=object)
    finite = np.isfinite(shapely.bounds(geometries)).all(axis=1)
    geometries[~finite] = shapely.Point()
    result: NDArray[Any] = shapely.transform(geometries, to_pixels)
    return result


def _near(frame: Any, crs: Any, grid: Grid) -> list[Any]:
    """Parts of polygons within a product, in their own coordinate system; empty where that is not possible."""
    shapely, geopandas = require("shapely", EXTRA), require("geopandas", EXTRA)
    a, b, c, d, e, f = grid.transform[:6]
    corners = ((0, 0), (grid.width, 0), (grid.width, grid.height), (0, grid.height))
    outline = shapely.Polygon([(a * x + b * y + c, d * x + e * y + f) for x, y in corners])
    outline = shapely.segmentize(outline, math.sqrt(outline.area) / _SEGMENTS)
    (area,) = geopandas.GeoSeries([outline], crs=crs).to_crs(frame.crs)
    left, _, right, _ = area.bounds
    is_cut = frame.crs.is_geographic and right - left > 180.0  # by the date line
    if is_cut or not (np.isfinite(area.bounds).all() and area.is_valid):
        return [shapely.Polygon()] * len(frame)
    return _polygonal(shapely.intersection(frame.geometry.values, area))


def on_grids(frame: Any, grids: Iterable[Grid]) -> Callable[[Grid], NDArray[Any]]:
    """Convert geometries to pixels of several grids with `in_pixels`; the function returns those of one of them."""

    def key(grid: Grid) -> tuple[str, tuple[float, ...]]:
        return str(grid.crs), tuple(grid.transform)

    found: dict[tuple[str, tuple[float, ...]], NDArray[Any]] = {}
    for grid in grids:
        if key(grid) not in found:
            found[key(grid)] = in_pixels(frame, grid)
    return lambda grid: found[key(grid)]
