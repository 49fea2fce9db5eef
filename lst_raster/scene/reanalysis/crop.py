"""The points of a grid that are needed around a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.scene.box import Box

Indices = NDArray[np.intp]

_DIGITS = 6  # of a degree
_ROUNDING = 1e-4  # [degree], by which coordinates of single precision are off


def crop(latitude: Any, longitude: Any, box: Box | None) -> tuple[Indices, Indices]:
    """Choose the points of a grid that are needed to interpolate within a box: those in it and one on each side.

    Parameters
    ----------
    latitude, longitude : array of shape (latitude,) and (longitude,)
        Coordinates in any order and any convention. [degree]
    box : Box or None
        The box, None for all points.

    Returns
    -------
    tuple of array
        Rows and columns, ascending; all of them in a direction in which the grid does not cover the box.
    """
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    every = np.arange(latitude.size), np.arange(longitude.size)
    if box is None or min(latitude.size, longitude.size) < 3:
        return every
    if latitude.min() > box.south or latitude.max() < box.north:
        return every  # beyond the last row: at a pole, where all columns count, or outside
    row = float(np.diff(np.sort(latitude)).max())
    rows = np.flatnonzero((latitude >= box.south - row - _ROUNDING) & (latitude <= box.north + row + _ROUNDING))
    return rows, _columns(longitude, box)


def _columns(longitude: NDArray[np.float64], box: Box) -> Indices:
    column = float(np.median(np.diff(np.unique((longitude % 360.0).round(_DIGITS)))))
    span = box.east - box.west
    east_of = (longitude - box.west + column + _ROUNDING) % 360.0  # a column west of the box is 0
    kept = np.flatnonzero(east_of <= span + 2.0 * (column + _ROUNDING))
    is_covered = kept.size and east_of[kept].min() <= column + 2.0 * _ROUNDING and east_of[kept].max() >= span + column
    return kept if is_covered and span + 2.0 * column < 360.0 else np.arange(longitude.size)
