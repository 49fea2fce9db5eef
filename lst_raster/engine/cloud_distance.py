"""How far the nearest cloud is, in classes: beside clouds a scene is warmed or cooled by what no mask shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.engine.masks import CLOUDY, Masking
from lst_raster.engine.product.flags import FAR, NEAR
from lst_raster.scene.grid import Grid
from lst_raster.scene.quality import open_quality

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
