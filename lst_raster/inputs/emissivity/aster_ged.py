"""Emissivity from ASTER GED tiles, adjusted to the vegetation of the scene."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.source import EmissivitySource, Estimate, EstimateReader, Float32
from lst_raster.inputs.emissivity.tables import AsterTable, band_table
from lst_raster.inputs.reanalysis.request import node_positions
from lst_raster.io.address import path_of
from lst_raster.io.bundle import is_hidden
from lst_raster.io.coarse_grid import Nodes
from lst_raster.io.grid import Box, box_over
from lst_raster.io.reflectance import Reflectance, find_reflectance
from lst_raster.io.scene import Scene
from lst_raster.physics import emissivity as formulas
from lst_raster.reading import reading

Float = NDArray[np.float64]
T = TypeVar("T")

SIZES = {1000: 0.001, 100: 0.01}  # Rows and columns of a tile of AG100 and of AG1km, each with its cell size [degree]
BARE, FULL = 0.2, 0.86  # NDVI of bare soil and of a closed canopy. [1] Ermida et al. (2020), doi:10.3390/rs12091471

_SCALES = {"band_13": 1e-3, "band_14": 1e-3, "spread_13": 1e-4, "spread_14": 1e-4, "index": 1e-2}
# Scales of the stored emissivity in bands 13 and 14, its standard deviation over the years, and NDVI. [1]
_NAME = re.compile(r"AG(?:100|1km)\.v\d+\.(-?\d+)\.(-?\d+)\.\d+\.h5$", re.IGNORECASE)
_BAND_13, _BAND_14 = 3, 4  # positions among the bands 10 to 14
_MIN_STORED = 100  # emissivity as integer; 0 is a gap between observations, negative is fill
_MIN_BARE = 0.3  # fraction of bare ground needed to derive the soil emissivity: below, errors grow threefold
_RETRIEVAL = (0.0164, 0.0174)
"""Standard uncertainty of ASTER's emissivity in bands 13 and 14. [1] USGS surface temperature code"""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Mosaic:
    """Cells over an area, row by row from the north."""

    box: Box  # Extent of the centres of the outermost cells
    cell: float  # Cell size [degree]
    # Emissivity ``band_13`` and ``band_14``, their standard deviations ``spread_13`` and ``spread_14``, and the NDVI
    # ``index``, of shape (rows, columns), NaN where missing [1]
    fields: dict[str, Float32]


def _find_tiles(path: Path) -> list[Path]:
    """Tiles in a folder, or a single tile.

    Raises InputNotFoundError if the path does not exist, InputError if the folder has no tiles.
    """
    if not path.exists():
        raise InputNotFoundError(f"ASTER GED {path} does not exist; give a folder of AG100 or AG1km tiles, or one tile")
    if path.is_file():
        return [path]
    tiles = sorted(tile for tile in path.iterdir() if _NAME.search(tile.name) and not is_hidden(tile.name))
    if not tiles:
        raise InputError(f"ASTER GED {path} contains no AG100.v003.*.h5 or AG1km.v003.*.h5; give the folder that does")
    return tiles


def read_mosaic(tiles: Iterable[Path], box: Box) -> Mosaic:
    """Mosaic of the tiles over an area.

    Tiles are placed by their coordinates; the north-western corner in their names is used only to skip distant tiles.
    The cell size follows from the number of rows and columns. Raises InputError for a damaged file, one that is no such
    tile, and tiles of AG100 and of AG1km over the same area.
    """
    near = [tile for tile in tiles if _is_near(tile, box)]
    cells = {tile: _opened(tile, _cell) for tile in near}
    cell = min(cells.values(), default=min(SIZES.values()))
    other = next((tile for tile in near if cells[tile] != cell), None)
    if other is not None:
        raise InputError(
            f"{other.parent} contains tiles of {cell:g} and of {cells[other]:g} degrees ({other.name}) near the scene; "
            "give a folder of one kind, AG100 or AG1km"
        )
    # Extend to cells, whose centres are half a cell from whole multiples of their size.
    south, west = (float(np.floor(edge / cell - 1.0) * cell + cell / 2) for edge in (box.south, box.west))
    north, east = (float(np.ceil(edge / cell + 1.0) * cell + cell / 2) for edge in (box.north, box.east))
    box = Box(south=south, north=north, west=west, east=east)
    shape = round((north - south) / cell) + 1, round((east - west) / cell) + 1
    mosaic = Mosaic(box=box, cell=cell, fields={name: np.full(shape, np.nan, np.float32) for name in _SCALES})
    for tile in near:
        _opened(tile, lambda file: _insert(file, mosaic))
    return mosaic


def _opened(tile: Path, work: Callable[[Any], T]) -> T:
    """Call `work` with an open tile; raises InputError for damaged files."""
    import h5py  # slow to import

    with reading(f"{tile} is not a tile of ASTER GED AG100 or AG1km, or damaged"), h5py.File(tile) as file:
        return work(file)


def _is_near(tile: Path, box: Box) -> bool:
    corner = _NAME.search(tile.name)
    if corner is None:
        return True  # renamed
    north, west = int(corner[1]), int(corner[2])
    # A margin of two degrees, so that no tile with a wrong corner in its name is lost.
    overlaps = (west + 3 - box.west) % 360.0 < box.east - box.west + 5
    return overlaps and north - 3 < box.north and north + 2 > box.south


def _cell(file: Any) -> float:
    """Cell size of a tile. [degree]"""
    shape = tuple(file["Emissivity/Mean"].shape[1:])
    latitude, longitude = _coordinates(file)
    if shape[0] != shape[1] or shape[0] not in SIZES or (latitude.size, longitude.size) != shape:
        raise InputError(
            f"{file.filename} has {' x '.join(map(str, shape))} cells; a tile of one degree has 1000 x 1000 (AG100) or "
            "100 x 100 (AG1km): give the files as they were published"
        )
    cell = SIZES[shape[0]]
    if max(abs(float(np.ptp(axis)) - 1.0) for axis in (latitude, longitude)) > 2.0 * cell:
        raise InputError(f"{file.filename} is not of one degree; give the files as they were published")
    return cell


def _coordinates(file: Any) -> tuple[Float, Float]:
    """Latitudes of the rows, longitudes of the columns. [degree]"""
    latitude, longitude = file["Geolocation/Latitude"][:, 0], file["Geolocation/Longitude"][0, :]
    return np.asarray(latitude, float), np.asarray(longitude, float)


def _centres(axis: Float, cell: float) -> Float:
    """Centres of the cells of a tile between whole degrees. [degree]

    The stored coordinates are used only to find these degrees and the direction: in some tiles they are cell centres,
    in others they reach from one edge of the tile to the other.
    """
    edge = round(float(axis.mean()) - 0.5)
    centres = edge + cell * (np.arange(axis.size) + 0.5)
    return np.asarray(centres if axis[0] < axis[-1] else centres[::-1])


def _insert(file: Any, mosaic: Mosaic) -> None:
    """Copy the cells of a tile into the mosaic."""
    box, cell = mosaic.box, mosaic.cell
    latitude, longitude = (_centres(axis, cell) for axis in _coordinates(file))
    rows = np.rint((box.north - latitude) / cell).astype(int)
    columns = ((longitude - box.west + cell / 2) % 360.0 / cell).astype(int)  # nearest, also just west of the first
    height, width = mosaic.fields["index"].shape
    inside_rows = np.flatnonzero((rows >= 0) & (rows < height))
    inside_columns = np.flatnonzero((columns >= 0) & (columns < width))
    if not inside_rows.size or not inside_columns.size:
        return
    target = np.ix_(rows[inside_rows], columns[inside_columns])
    part = tuple(slice(inside[0], inside[-1] + 1) for inside in (inside_rows, inside_columns))
    mean, spread = file["Emissivity/Mean"], file["Emissivity/SDev"]
    stored = {"index": file["NDVI/Mean"][part]}
    for band, position in (("13", _BAND_13), ("14", _BAND_14)):
        stored |= {f"band_{band}": mean[position][part], f"spread_{band}": spread[position][part]}
    is_valid = (stored["band_13"] >= _MIN_STORED) & (stored["band_14"] >= _MIN_STORED)
    for name, values in stored.items():
        scaled = np.where(is_valid, values * np.float32(_SCALES[name]), np.nan)
        if name not in ("band_13", "band_14"):
            scaled = np.where(values > -9999, scaled, 0.0)  # the emissivity is valid without them
        mosaic.fields[name][target] = scaled.astype(np.float32)


def aster_source(scene: Scene, argument: str, *, align: bool = False) -> EmissivitySource:
    """ASTER GED tiles (a folder, or one tile), with the vegetation of the scene if its bands are available.

    Raises InputNotFoundError or InputError if there are no tiles, no published relation to the sensor band, or no
    coordinate system of the scene.
    """
    path, band = path_of(argument, "ASTER GED"), band_table(scene.sensor)
    if band.aster is None:
        raise InputError(
            f"no relation between ASTER's emissivity and {scene.sensor} is published; give another emissivity, "
            "or the other band with --band"
        )
    if scene.grid.crs is None:
        raise InputError(f"{scene.stem} has no coordinate system, so ASTER GED cannot be interpolated to it")
    bands: Reflectance | None
    try:
        bands = find_reflectance(scene, band.red, band.near_infrared, band.solar_irradiance, align=align)
    except InputError:
        bands = None
    tiles = _find_tiles(path)
    return EmissivitySource(
        name="aster-ged" if bands else "aster-ged (vegetation as in the dataset)", kind="aster_ged",
        rasters=[*tiles, *(bands.rasters if bands else ())], open=partial(_open_aster, tiles, band.aster, bands),
    )  # fmt: skip


@contextmanager
def _open_aster(
    tiles: list[Path], table: AsterTable, reflectance: Reflectance | None, scene: Scene
) -> Iterator[EstimateReader]:
    """Load the tiles over the scene, and open its bands."""
    mosaic = read_mosaic(tiles, box_over(scene.grid))
    at = node_positions(scene.grid)
    layers = _layers(mosaic, table)
    row_values = (mosaic.box.north - at.latitude) / mosaic.cell
    column_values = (at.longitude - mosaic.box.west) % 360.0 / mosaic.cell
    row = Nodes(rows=at.rows, columns=at.columns, values=row_values, label="row")
    column = Nodes(rows=at.rows, columns=at.columns, values=column_values, label="column")
    with ExitStack() as stack:
        bands = stack.enter_context(reflectance.open(scene.grid)) if reflectance else None

        def read(window: Any) -> Estimate:
            value, uncertainty, cover = _sample_cells(layers, row.read(window), column.read(window))
            if bands is not None:
                value = _adjusted(value, cover, *bands(window), table)
            return Estimate(np.minimum(value, np.float32(1.0)), uncertainty)

        yield read


def _layers(mosaic: Mosaic, table: AsterTable) -> Float32:
    """Emissivity in the sensor band, its uncertainty, and vegetation cover, on the grid of the dataset."""
    fields = mosaic.fields
    weights = (table.band_13, table.band_14)
    of_13, of_14 = (
        weight * formulas.root_sum_square(fields[name], np.full_like(fields[name], retrieval))
        for weight, name, retrieval in zip(weights, ("spread_13", "spread_14"), _RETRIEVAL, strict=True)
    )
    emissivity = formulas.emissivity_from_aster(fields["band_13"], fields["band_14"], *weights, table.constant)
    uncertainty = formulas.root_sum_square(of_13, of_14, np.full_like(of_13, table.fit))
    return np.stack([emissivity, uncertainty, formulas.vegetation_cover(fields["index"], BARE, FULL)]).astype(
        np.float32
    )


def _sample_cells(layers: Float32, row: Float32, column: Float32) -> Float32:
    """Interpolate bilinearly between cells, without those that have no value.

    `layers` has shape (layers, rows, columns), NaN in all layers of a cell without a value. `row` and `column` are
    positions of any shape, in cells from the centre of the first. The result has shape (layers, ...), NaN where the
    nearest cell has no value, so that gaps keep their size, and outside.
    """
    height, width = layers.shape[1:]
    inside = (row >= 0) & (row <= height - 1) & (column >= 0) & (column <= width - 1)
    top = np.clip(np.floor(row), 0, height - 2).astype(np.intp)
    left = np.clip(np.floor(column), 0, width - 2).astype(np.intp)
    down, right = row - top, column - left
    total = np.zeros((layers.shape[0], *row.shape), np.float32)
    weights = np.zeros(row.shape, np.float32)
    for below in (0, 1):
        for next_to in (0, 1):
            values = layers[:, top + below, left + next_to]
            valid = np.isfinite(values[0])
            weight = np.abs(1 - below - down) * np.abs(1 - next_to - right) * valid
            total += np.where(valid, values, np.float32(0.0)) * weight
            weights += weight
    nearest = layers[0, top + (down >= 0.5), left + (right >= 0.5)]
    found = inside & np.isfinite(nearest)
    return np.where(found, total / np.where(found, weights, np.float32(1.0)), np.float32("nan")).astype(np.float32)


def _adjusted(value: Float32, cover: Float32, red: Float32, near_infrared: Float32, table: AsterTable) -> Float32:
    """Adjust to the vegetation of the scene, where it is known."""
    now = formulas.vegetation_cover(
        formulas.ndvi(*(np.maximum(band, np.float32(0.0)) for band in (red, near_infrared))), BARE, FULL
    )
    adjusted = formulas.vegetation_adjusted_emissivity(value, cover, now, table.vegetation, _MIN_BARE)
    return np.asarray(np.where(np.isfinite(now), adjusted, value), np.float32)
