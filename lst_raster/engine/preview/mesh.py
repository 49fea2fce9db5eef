"""Longitude and latitude over a grid, from few nodes: a page reads them without the mathematics of projections."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from lst_raster.scene.grid import Grid

_TOLERANCE = 0.25  # [value of the page] by which a place may be off
_MOST = 32  # cells along a side
_DECIMALS = 9  # of the vectors: a centimetre


def mesh_of(grid: Grid, shape: tuple[int, int]) -> dict[str, Any] | None:
    """Nodes between which places are interpolated.

    They are unit vectors of longitude and latitude, not the angles themselves, which jump at the date line and have no
    meaning at a pole.

    Parameters
    ----------
    grid : Grid
        The raster's grid.
    shape : tuple of int
        Rows and columns of the page, by which the places are held exact.

    Returns
    -------
    dict or None
        ``cells`` along each side, and ``vectors`` of shape (cells + 1, cells + 1, 3), flat; None where the raster
        has no place on Earth.
    """
    if grid.crs is None:
        return None
    try:
        cells = 1
        while cells < _MOST and _off(grid, cells, shape) > _TOLERANCE:
            cells *= 2
        return {"cells": cells, "vectors": _vectors(grid, cells).round(_DECIMALS).ravel().tolist()}
    except ProjError:
        return None


def _vectors(grid: Grid, cells: int) -> NDArray[np.float64]:
    share = np.linspace(0.0, 1.0, cells + 1)
    columns, rows = np.meshgrid(share * grid.width, share * grid.height)
    latitude, longitude = (np.radians(np.asarray(angle)) for angle in grid.degrees(columns, rows))
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=-1)


def _off(grid: Grid, cells: int, shape: tuple[int, int]) -> float:
    """How far places halfway between the nodes are off, at most. [value of the page]"""
    true = _vectors(grid, 2 * cells)
    coarse = true[::2, ::2]
    wide = np.repeat(coarse, 2, axis=1)[:, :-1]
    wide[:, 1::2] = 0.5 * (coarse[:, :-1] + coarse[:, 1:])
    guess = np.repeat(wide, 2, axis=0)[:-1]
    guess[1::2] = 0.5 * (wide[:-1] + wide[1:])
    guess /= np.linalg.norm(guess, axis=-1, keepdims=True)
    side = _side(true, shape)
    return float(np.linalg.norm(guess - true, axis=-1).max() / side)


def _side(vectors: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """Side of a value of the page, along the shorter way across it. [radian]"""
    middle = vectors.shape[0] // 2
    across = np.linalg.norm(np.diff(vectors[middle], axis=0), axis=-1).sum() / shape[1]
    down = np.linalg.norm(np.diff(vectors[:, middle], axis=0), axis=-1).sum() / shape[0]
    return float(max(min(across, down), 1e-12))
