"""Emissivity from ASTER GED tiles, adjusted to the vegetation of the scene."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.source import Estimate, EstimateReader, Float32
from lst_raster.inputs.emissivity.tables import AsterTable, band_table
from lst_raster.io.address import Location, path_of
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

Float = NDArray[np.float64]

CELL = 0.001
"""Width of a cell. [degree]"""
FIELDS = ("band_13", "band_14", "spread_13", "spread_14", "index")
"""Emissivity of the bands 13 and 14, their standard deviation over the years, and the vegetation index. [1]"""

_NAME = re.compile(r"AG100\.v\d+\.(-?\d+)\.(-?\d+)\.\d+\.h5$", re.IGNORECASE)
_BAND_13, _BAND_14 = 3, 4  # of the bands 10 to 14
_MEAN, _SPREAD, _INDEX = 1e-3, 1e-4, 1e-2  # scales of the stored integers
_LEAST = 100  # stored emissivity; 0 is a gap between observations, negative is fill


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Mosaic:
    """Cells over an area, row by row from the north."""

    box: Box
    """The area: centres of the outermost cells."""
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
        raise InputNotFoundError(f"ASTER GED {path} does not exist; give a folder of AG100.v003.*.h5, or one of them")
    if path.is_file():
        return [path]
    tiles = sorted(tile for tile in path.iterdir() if _NAME.search(tile.name))
    if not tiles:
        raise InputError(f"ASTER GED {path} holds no AG100.v003.*.h5; give the folder that does")
    return tiles


def read_mosaic(tiles: Iterable[Path], box: Box) -> Mosaic:
    """Put together what the tiles have of an area.

    Tiles are placed by the coordinates they hold, never by their names; names, which carry the north-western corner,
    only keep tiles far away from being opened.

    Raises
    ------
    InputError
        A file is damaged, or not such a tile.
    """
    import h5py  # takes a while, and is needed here alone

    box = _snapped(box)
    fields = {name: np.full(_shape(box), np.nan, np.float32) for name in FIELDS}
    for tile in _near(tiles, box):
        try:
            with h5py.File(tile) as file:
                _place(file, box, fields)
        except (OSError, KeyError, ValueError, TypeError) as reason:
            raise InputError(
                f"{tile} is not a tile of ASTER GED AG100, or damaged ({reason}); fetch it again"
            ) from reason
    return Mosaic(box=box, fields=fields)


def _snapped(box: Box) -> Box:
    """Widen to cells, whose centres lie half a cell beside whole thousandths of a degree."""
    south, west = (np.floor(edge / CELL - 1.0) * CELL + CELL / 2 for edge in (box.south, box.west))
    north, east = (np.ceil(edge / CELL + 1.0) * CELL + CELL / 2 for edge in (box.north, box.east))
    return Box(south=float(south), north=float(north), west=float(west), east=float(east))


def _shape(box: Box) -> tuple[int, int]:
    """Rows and columns of cells."""
    return round((box.north - box.south) / CELL) + 1, round((box.east - box.west) / CELL) + 1


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


def _place(file: Any, box: Box, fields: dict[str, Float32]) -> None:
    latitude = np.asarray(file["Geolocation/Latitude"][:, 0], float)
    longitude = np.asarray(file["Geolocation/Longitude"][0, :], float)
    rows = np.rint((box.north - latitude) / CELL).astype(int)
    columns = ((longitude - box.west + CELL / 2) % 360.0 / CELL).astype(int)  # the nearest, also just west of the first
    height, width = _shape(box)
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
            reflectance = find_reflectance(scene, band.red, band.near_infrared, band.solar_irradiance)
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
        latitude, longitude, positions = _coordinates(scene)
        layers = _layers(mosaic, self.table)
        row = Nodes(**positions, values=(mosaic.box.north - latitude) / CELL, label="row")
        column = Nodes(**positions, values=(longitude - mosaic.box.west) % 360.0 / CELL, label="column")
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


def _coordinates(scene: Scene) -> tuple[Any, Any, dict[str, Any]]:
    """Latitude and longitude at places over the scene, and those places."""
    rows, columns = (np.append(np.arange(0.0, n, _STEP), n) for n in (scene.grid.height, scene.grid.width))
    try:
        latitude, longitude = scene.grid.degrees(*np.meshgrid(columns, rows))
    except ProjError as reason:
        raise InputError(f"the scene's coordinates have no latitude and longitude ({reason})") from reason
    return latitude, longitude, {"rows": rows, "columns": columns}
