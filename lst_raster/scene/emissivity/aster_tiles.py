"""Tiles of the ASTER Global Emissivity Dataset (AG100, version 3), put together over a scene."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.scene.box import Box

Float32 = NDArray[np.float32]
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
