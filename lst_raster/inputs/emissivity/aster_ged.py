"""Emissivity from ASTER GED tiles, adjusted to the vegetation of the scene."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.source import Estimate, EstimateReader, Float32
from lst_raster.inputs.emissivity.tables import AsterTable, band_table
from lst_raster.io.address import Location, path_of
from lst_raster.io.bundle import is_hidden
from lst_raster.io.coarse_grid import Nodes
from lst_raster.io.grid import Box, box_over
from lst_raster.io.reflectance import Reflectance, find_reflectance
from lst_raster.io.scene import Scene
from lst_raster.physics.emissivity import (
    emissivity_from_aster,
    ndvi,
    root_sum_square,
    vegetation_adjusted_emissivity,
    vegetation_cover,
)
from lst_raster.reading import reading

Float = NDArray[np.float64]
T = TypeVar("T")

SIZES = {1000: 0.001, 100: 0.01}
"""Rows and columns of a tile of AG100 and of AG1km, each with the width of a cell. [degree]"""
FIELDS = ("band_13", "band_14", "spread_13", "spread_14", "index")
"""Emissivity of the bands 13 and 14, their standard deviation over the years, and the vegetation index. [1]"""

_NAME = re.compile(r"AG(?:100|1km)\.v\d+\.(-?\d+)\.(-?\d+)\.\d+\.h5$", re.IGNORECASE)
_BAND_13, _BAND_14 = 3, 4  # of the bands 10 to 14
_MEAN, _SPREAD, _INDEX = 1e-3, 1e-4, 1e-2  # scales of the stored integers
_LEAST = 100  # stored emissivity; 0 is a gap between observations, negative is fill


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Mosaic:
    """Cells over an area, row by row from the north."""

    box: Box
    """The area: centres of the outermost cells."""
    cell: float
    """Width of a cell. [degree]"""
    fields: dict[str, Float32]
    """Every one of `FIELDS`, of shape (rows, columns), NaN where there is none."""


def find_tiles(path: Path) -> list[Path]:
    """Tiles in a folder, or a single one.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    InputError
        The folder holds none.
    """
    if not path.exists():
        raise InputNotFoundError(f"ASTER GED {path} does not exist; give a folder of AG100 or AG1km tiles, or one tile")
    if path.is_file():
        return [path]
    tiles = sorted(tile for tile in path.iterdir() if _NAME.search(tile.name) and not is_hidden(tile.name))
    if not tiles:
        raise InputError(f"ASTER GED {path} holds no AG100.v003.*.h5 or AG1km.v003.*.h5; give the folder that does")
    return tiles


def read_mosaic(tiles: Iterable[Path], box: Box) -> Mosaic:
    """Put together what the tiles have of an area.

    Tiles are placed by the coordinates they hold, never by their names; names, which carry the north-western corner,
    only keep tiles far away from being opened. The width of the cells follows from the number of rows and columns.

    Raises
    ------
    InputError
        A file is damaged, or not such a tile; or tiles of AG100 and of AG1km lie over the area.
    """
    near = list(_near(tiles, box))
    cells = {tile: _opened(tile, _cell) for tile in near}
    cell = min(cells.values(), default=min(SIZES.values()))
    other = next((tile for tile in near if cells[tile] != cell), None)
    if other is not None:
        raise InputError(
            f"{other.parent} holds tiles of {cell:g} and of {cells[other]:g} degrees ({other.name}) near the scene; "
            "give a folder of one kind, AG100 or AG1km"
        )
    box = _snapped(box, cell)
    fields = {name: np.full(_shape(box, cell), np.nan, np.float32) for name in FIELDS}
    for tile in near:
        _opened(tile, lambda file: _place(file, box, cell, fields))
    return Mosaic(box=box, cell=cell, fields=fields)


def _opened(tile: Path, work: Callable[[Any], T]) -> T:
    """Open a tile and do something with it; says what is wrong with one that is damaged."""
    import h5py  # takes a while, and is needed here alone

    with reading(f"{tile} is not a tile of ASTER GED AG100 or AG1km, or damaged"), h5py.File(tile) as file:
        return work(file)


def _cell(file: Any) -> float:
    """Width of the cells of a tile. [degree]"""
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
    return (
        np.asarray(file["Geolocation/Latitude"][:, 0], float),
        np.asarray(file["Geolocation/Longitude"][0, :], float),
    )


def _centres(axis: Float, cell: float) -> Float:
    """Centres of the cells of a tile. [degree]

    A tile has whole degrees as its edges; its coordinates tell which, and the direction. They are not taken as they
    are: some are those of a cell's centre, others go from one edge of the tile to the other.
    """
    edge = round(float(axis.mean()) - 0.5)
    centres = edge + cell * (np.arange(axis.size) + 0.5)
    return np.asarray(centres if axis[0] < axis[-1] else centres[::-1])


def _snapped(box: Box, cell: float) -> Box:
    """Widen to cells, whose centres lie half a cell beside whole multiples of their width."""
    south, west = (np.floor(edge / cell - 1.0) * cell + cell / 2 for edge in (box.south, box.west))
    north, east = (np.ceil(edge / cell + 1.0) * cell + cell / 2 for edge in (box.north, box.east))
    return Box(south=float(south), north=float(north), west=float(west), east=float(east))


def _shape(box: Box, cell: float) -> tuple[int, int]:
    """Rows and columns of cells."""
    return round((box.north - box.south) / cell) + 1, round((box.east - box.west) / cell) + 1


def _near(tiles: Iterable[Path], box: Box) -> Iterator[Path]:
    for tile in tiles:
        corner = _NAME.search(tile.name)
        if corner is None:
            yield tile  # renamed: look into it
            continue
        north, west = int(corner[1]), int(corner[2])
        # two degrees of room: the name's corner is the tile's, but a mistaken one must not lose it
        is_beside = (west + 3 - box.west) % 360.0 < box.east - box.west + 5
        if is_beside and north - 3 < box.north and north + 2 > box.south:
            yield tile


def _place(file: Any, box: Box, cell: float, fields: dict[str, Float32]) -> None:
    latitude, longitude = (_centres(axis, cell) for axis in _coordinates(file))
    rows = np.rint((box.north - latitude) / cell).astype(int)
    columns = ((longitude - box.west + cell / 2) % 360.0 / cell).astype(int)  # the nearest, also just west of the first
    height, width = _shape(box, cell)
    inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    if not inside[0].size or not inside[1].size:
        return
    target = np.ix_(rows[inside[0].ravel()], columns[inside[1].ravel()])
    part = (slice(inside[0].min(), inside[0].max() + 1), slice(inside[1].min(), inside[1].max() + 1))
    for name, values in _read(file, part).items():
        fields[name][target] = values


def _read(file: Any, part: tuple[slice, slice]) -> dict[str, Float32]:
    mean, spread = file["Emissivity/Mean"], file["Emissivity/SDev"]
    raw = {
        "band_13": mean[_BAND_13][part], "band_14": mean[_BAND_14][part],
        "spread_13": spread[_BAND_13][part], "spread_14": spread[_BAND_14][part], "index": file["NDVI/Mean"][part],
    }  # fmt: skip
    scales = dict(zip(FIELDS, (_MEAN, _MEAN, _SPREAD, _SPREAD, _INDEX), strict=True))
    known = (raw["band_13"] >= _LEAST) & (raw["band_14"] >= _LEAST)
    found = {name: np.where(known, values * np.float32(scales[name]), np.nan) for name, values in raw.items()}
    for name in ("spread_13", "spread_14", "index"):
        found[name] = np.where(raw[name] > -9999, found[name], 0.0)  # the emissivity counts without them
    return {name: values.astype(np.float32) for name, values in found.items()}


BARE, FULL = 0.2, 0.86
"""Vegetation index of bare soil and of a closed canopy. [1] Ermida et al. (2020), doi:10.3390/rs12091471"""

_LEAST_BARE = 0.3  # share of bare ground from which the soil's emissivity is told: below, errors grow threefold
_RETRIEVAL = (0.0164, 0.0174)
"""Standard uncertainty of ASTER's emissivity in bands 13 and 14. [1] USGS surface temperature code"""

_STEP = 32  # [pixel] between the places whose coordinates are computed


@dataclass(frozen=True, kw_only=True, slots=True)
class AsterEmissivity:
    """Tiles of ASTER GED, and the scene's vegetation where its bands are there."""

    path: Path
    """Folder of tiles, or one tile."""
    tiles: tuple[Path, ...]
    """The tiles."""
    table: AsterTable
    """The sensor band's coefficients."""
    reflectance: Reflectance | None
    """Red and near infrared of the scene, None where they are not there: then vegetation is as ASTER saw it."""

    @classmethod
    def of(cls, scene: Scene, argument: str, *, align: bool = False) -> AsterEmissivity:
        """Look at a folder of tiles.

        Raises
        ------
        InputNotFoundError, InputError
            There are no tiles, no published relation to the sensor band, or the scene has no coordinate system.
        """
        path = path_of(argument, "ASTER GED")
        band = band_table(scene.sensor)
        if band.aster is None:
            raise InputError(
                f"no relation between ASTER's emissivity and {scene.sensor} is published; give another emissivity, "
                "or the other band with --band"
            )
        if scene.grid.crs is None:
            raise InputError(f"{scene.stem} has no coordinate system, so ASTER GED cannot be laid over it")
        try:
            reflectance = find_reflectance(scene, band.red, band.near_infrared, band.solar_irradiance, align=align)
        except InputError:
            reflectance = None  # the tiles serve without it
        return cls(path=path, tiles=tuple(find_tiles(path)), table=band.aster, reflectance=reflectance)

    @property
    def name(self) -> str:
        """Name for people."""
        return "aster-ged" + ("" if self.reflectance else " (vegetation as in the dataset)")

    @property
    def kind(self) -> str:
        """What kind of source it is."""
        return "aster_ged"

    @property
    def rasters(self) -> list[Location]:
        """Tiles, and the scene's bands."""
        return [*self.tiles, *(self.reflectance.rasters if self.reflectance else ())]

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Read the tiles over the scene into memory, and open its bands."""
        mosaic = read_mosaic(self.tiles, box_over(scene.grid))
        latitude, longitude, positions = _scene_coordinates(scene)
        layers = _layers(mosaic, self.table)
        row = Nodes(**positions, values=(mosaic.box.north - latitude) / mosaic.cell, label="row")
        column = Nodes(**positions, values=(longitude - mosaic.box.west) % 360.0 / mosaic.cell, label="column")
        with ExitStack() as stack:
            bands = stack.enter_context(self.reflectance.open(scene.grid)) if self.reflectance else None

            def read(window: Any) -> Estimate:
                value, uncertainty, cover = sample_cells(layers, row.read(window), column.read(window))
                if bands is not None:
                    value = _adjusted(value, cover, *bands(window), self.table)
                return Estimate(np.minimum(value, np.float32(1.0)), uncertainty)

            yield read


def _layers(mosaic: Mosaic, table: AsterTable) -> Float32:
    """Emissivity in the sensor band, its uncertainty, and vegetation cover, on the dataset's own grid."""
    fields = mosaic.fields
    weights = (table.band_13, table.band_14)
    of_13, of_14 = (
        weight * root_sum_square(fields[name], np.full_like(fields[name], retrieval))
        for weight, name, retrieval in zip(weights, ("spread_13", "spread_14"), _RETRIEVAL, strict=True)
    )
    emissivity = emissivity_from_aster(fields["band_13"], fields["band_14"], *weights, table.constant)
    uncertainty = root_sum_square(of_13, of_14, np.full_like(of_13, table.fit))
    return np.stack([emissivity, uncertainty, vegetation_cover(fields["index"], BARE, FULL)]).astype(np.float32)


def sample_cells(layers: Float32, row: Float32, column: Float32) -> Float32:
    """Bilinear values between cells; cells without a value do not count.

    Parameters
    ----------
    layers : array of shape (layers, rows, columns)
        Values at the cells, NaN in all layers where there is none.
    row, column : array, any shape
        Where to look, counted in cells from the centre of the first.

    Returns
    -------
    array of shape (layers, ...)
        Values; NaN where the nearest cell has none, so that holes keep their size, and outside.
    """
    height, width = layers.shape[1:]
    inside = (row >= 0) & (row <= height - 1) & (column >= 0) & (column <= width - 1)
    top = np.clip(np.floor(row), 0, height - 2).astype(np.intp)
    left = np.clip(np.floor(column), 0, width - 2).astype(np.intp)
    down, right = row - top, column - left
    total = np.zeros((layers.shape[0], *row.shape), np.float32)
    weights = np.zeros(row.shape, np.float32)
    for below in (0, 1):
        for beside in (0, 1):
            values = layers[:, top + below, left + beside]
            known = np.isfinite(values[0])
            share = np.abs(1 - below - down) * np.abs(1 - beside - right) * known
            total += np.where(known, values, np.float32(0.0)) * share
            weights += share
    nearest = layers[0, top + (down >= 0.5), left + (right >= 0.5)]
    found = inside & np.isfinite(nearest)
    return np.where(found, total / np.where(found, weights, np.float32(1.0)), np.float32("nan")).astype(np.float32)


def _adjusted(value: Float32, cover: Float32, red: Float32, near_infrared: Float32, table: AsterTable) -> Float32:
    """Adjust to the scene's vegetation, where the scene tells it."""
    now = vegetation_cover(ndvi(*(np.maximum(band, np.float32(0.0)) for band in (red, near_infrared))), BARE, FULL)
    adjusted = vegetation_adjusted_emissivity(value, cover, now, table.vegetation, _LEAST_BARE)
    return np.asarray(np.where(np.isfinite(now), adjusted, value), np.float32)


def _scene_coordinates(scene: Scene) -> tuple[Any, Any, dict[str, Any]]:
    """Latitude and longitude at places over the scene, and those places."""
    rows, columns = (np.append(np.arange(0.0, n, _STEP), n) for n in (scene.grid.height, scene.grid.width))
    try:
        latitude, longitude = scene.grid.degrees(*np.meshgrid(columns, rows))
    except ProjError as reason:
        raise InputError(f"the scene's coordinates have no latitude and longitude ({reason})") from reason
    return latitude, longitude, {"rows": rows, "columns": columns}
