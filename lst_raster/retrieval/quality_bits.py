"""Quality bits of a product's pixels, and the distance to cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.inputs.emissivity.registry import QUALITY_VALUES
from lst_raster.inputs.resolve import Inputs
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import open_quality
from lst_raster.product.quality_flags import FAR, FROM_SCENE, NEAR, UNCERTAIN, Bits, flag
from lst_raster.retrieval.masks import CLOUDY, Masking
from lst_raster.retrieval.tiles import Float32, Mask, Tile

_CODES = {name: code for code, (name, _) in QUALITY_VALUES.items()}
_ASSUMED = ("water_vapour", "air_temperature")


@dataclass(frozen=True, kw_only=True, slots=True)
class Flagging:
    """What of the flags is the same for the whole scene."""

    codes: NDArray[np.uint32]
    """Bits of the field ``emissivity_source`` for every number of a source, counted from 1."""
    always: int
    """Bits that every pixel has for which something was measured."""

    @classmethod
    def of(cls, inputs: Inputs) -> Flagging:
        """Take it from what is fed to the model."""
        offset = flag("emissivity_source").offset
        codes = [0, *(_CODES[source.kind] << offset for source in inputs.emissivity.sources)]
        assumed = any(
            name in inputs.atmosphere and inputs.atmosphere[name].origin == "standard atmosphere" for name in _ASSUMED
        )
        return cls(codes=np.array(codes, np.uint32), always=flag("assumed_atmosphere").mask if assumed else 0)

    def bits(self, tile: Tile, temperature: Float32, uncertainty: Float32, distance: NDArray[np.uint8]) -> Bits:
        """Bits of a tile.

        Parameters
        ----------
        tile : Tile
            What is known.
        temperature, uncertainty : array of shape (rows, columns)
            What was made of it. [K]
        distance : array of shape (rows, columns), or one number
            Values of the field ``cloud_distance``.

        Returns
        -------
        array of shape (rows, columns)
            Bits, as `lst_raster.product.quality_flags` tells.
        """
        measured = tile.measured
        bits = np.where(measured, np.uint32(self.always), np.uint32(0))
        bits |= self.codes[tile.emissivity.source] * measured
        bits |= distance.astype(np.uint32) << np.uint32(flag("cloud_distance").offset)
        _set(bits, "fill", ~measured)
        _set(bits, "saturated", tile.saturated)
        for name, kinds in FROM_SCENE.items():
            for kind in kinds:
                if kind in tile.masks:
                    _set(bits, name, tile.masks[kind])
        for kind in ("fill", "saturated"):
            if kind in tile.masks:  # nothing is known there, unless the user takes what the file holds all the same
                lost = tile.masks[kind] & tile.hidden
                _set(bits, "fill", lost)
                _set(bits, kind, lost)
        _set(bits, "no_input", measured & ~tile.hidden & ~tile.known)
        _set(bits, "no_solution", tile.known & np.isnan(temperature))
        with np.errstate(invalid="ignore"):
            _set(bits, "uncertain", uncertainty > UNCERTAIN)
            if tile.air.outside is not None:
                _set(bits, "outside_range", (tile.air.outside > 0.0) & measured)
        return bits


def _set(bits: Bits, name: str, mask: Mask) -> None:
    """Set a bit where the mask is; the array belongs to the caller alone."""
    bits |= mask * np.uint32(flag(name).mask)


Classes: TypeAlias = NDArray[np.uint8]
DistanceReader: TypeAlias = Callable[[Any], Classes]
"""Takes a window; returns the values of the field ``cloud_distance``, or one number for all."""

CELL = 8
"""Pixels on the side of a cell in which clouds are counted: the distance is right within two of them. [pixel]"""
_ROWS = 512  # read at a time; a multiple of CELL


def measure_cloud_distance(masking: Masking, grid: Grid) -> DistanceReader:
    """Read the quality band through, and measure the distance from every cell to the nearest with a cloud or shadow.

    Parameters
    ----------
    masking : Masking
        The quality bands.
    grid : Grid
        The scene's grid.

    Returns
    -------
    DistanceReader
        Reads the classes of a window; 0, unknown, where there is no quality band or no size of a pixel.

    Raises
    ------
    LstRasterError
        The quality band is damaged.
    """
    size = grid.pixel_size()
    if masking.quality is None or size is None:
        unknown = np.asarray(0, np.uint8)
        return lambda window: unknown
    classes = _classes(_cloudy_cells(masking, grid), (size[1] * CELL, size[0] * CELL))
    return lambda window: _read(classes, window)


def _cloudy_cells(masking: Masking, grid: Grid) -> NDArray[np.bool_]:
    cells = np.zeros((-(-grid.height // CELL), -(-grid.width // CELL)), bool)
    assert masking.quality is not None
    with open_quality(masking.quality, grid, CLOUDY) as read:
        for top in range(0, grid.height, _ROWS):
            masks = read(Window(0, top, grid.width, min(_ROWS, grid.height - top)))
            cloudy = np.logical_or.reduce(list(masks.values()))
            padded = np.pad(cloudy, [(0, -part % CELL) for part in cloudy.shape])
            blocks = padded.reshape(padded.shape[0] // CELL, CELL, padded.shape[1] // CELL, CELL)
            cells[top // CELL : top // CELL + blocks.shape[0]] = blocks.any(axis=(1, 3))
    return cells


def _classes(cells: NDArray[np.bool_], size: tuple[float, float]) -> Classes:
    from scipy.ndimage import distance_transform_edt  # takes a while to import, and is needed here alone

    if not cells.any():
        return np.full(cells.shape, 3, np.uint8)
    distance = distance_transform_edt(~cells, sampling=size)
    classes: Classes = (1 + (distance >= NEAR).astype(np.uint8) + (distance >= FAR).astype(np.uint8)).astype(np.uint8)
    return classes


def _read(classes: Classes, window: Any) -> Classes:
    rows = (window.row_off + np.arange(window.height)) // CELL
    columns = (window.col_off + np.arange(window.width)) // CELL
    return classes[np.ix_(rows, columns)]
