"""Whether the overviews of a product show the same as its full resolution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.scene.raster import read_stored

Values: TypeAlias = NDArray[Any]

_PART = 256  # rows and columns of an overview that are compared at a time
_PARTS = 4  # such parts along each side of an overview; spread over it
_TOLERANCE = 0.0101  # twice what a lossy compression changes floats by; whole numbers are exact


def overview_problems(path: Path, *, exact: bool) -> list[str]:
    """Compare a sample of every overview with the level below it.

    Parameters
    ----------
    path : path
        A raster of one band.
    exact : bool
        Whether a pixel must be the mean of the four below it that have a value (of classes: one of the four); else it
        must lie within the range of those and their neighbours, as the overviews of other programs do.

    Returns
    -------
    list of str
        What differs.

    Raises
    ------
    SceneError
        The file is damaged.
    """
    with rasterio.open(path) as dataset:
        count = len(dataset.overviews(1))
    problems = []
    for level in range(count):
        wrong = sum(_differing(path, level, part, exact) for part in _parts(path, level))
        if wrong:
            problems.append(f"{path.name}: {wrong} pixels of overview {level + 1} differ from what is below them")
    return problems


def _parts(path: Path, level: int) -> Iterator[Window]:
    with rasterio.open(path, overview_level=level) as overview:
        height, width = overview.shape
    for row in _starts(height):
        for column in _starts(width):
            yield Window(column, row, min(_PART, width - column), min(_PART, height - row))


def _starts(length: int) -> list[int]:
    """First pixels of parts that cover a side, or are spread over it, the first and the last pixel among them."""
    if length <= _PART * _PARTS:
        return list(range(0, length, _PART))
    return sorted({int(start) for start in np.linspace(0, max(length - _PART, 0), _PARTS)})


def _differing(path: Path, level: int, part: Window, exact: bool) -> int:
    """Count the pixels of a part of an overview that do not follow from the level below."""
    with rasterio.open(path, overview_level=level) as overview:
        found, valid = read_stored(overview, "product", SceneError, window=part)
        is_class = overview.dtypes[0] != "float32" and overview.nodata is None
    below, has = _below(path, level, part, margin=0 if exact else 1)
    if is_class:
        return int((~(below == found[..., None]).any(axis=-1)).sum())
    any_value: Values = np.any(has, axis=-1)
    with np.errstate(all="ignore"):  # damaged numbers may be any
        values = np.where(has, below.astype(np.float64), np.nan)
        low, high = _limits(values, any_value, exact, found.dtype.kind == "f")
        off = valid & any_value & ~((found >= low) & (found <= high))
    return int((off | (valid != any_value if exact else valid & ~any_value)).sum())


def _limits(values: Values, any_value: Values, exact: bool, floats: bool) -> tuple[Values, Values]:
    """Least and greatest number that an overview may have. Halves of whole numbers go up."""
    filled = np.where(any_value[..., None], values, 0.0)
    tolerance = _TOLERANCE if floats else 0.0
    if not exact:
        return np.nanmin(filled, axis=-1) - tolerance, np.nanmax(filled, axis=-1) + tolerance
    mean = np.nanmean(filled, axis=-1)
    mean = mean if floats else np.floor(mean + 0.5)
    return mean - tolerance, mean + tolerance


def _below(path: Path, level: int, part: Window, margin: int) -> tuple[Values, Values]:
    """Pixels of the level below for each pixel of a part: four, or with a margin sixteen; and which have a value."""
    where = {"overview_level": level - 1} if level else {}
    size = 2 + 2 * margin
    with rasterio.open(path, **where) as dataset:
        top, left = 2 * part.row_off - margin, 2 * part.col_off - margin
        bottom, right = top + 2 * part.height + 2 * margin, left + 2 * part.width + 2 * margin
        height, width = dataset.shape
        inside = Window.from_slices((max(top, 0), min(bottom, height)), (max(left, 0), min(right, width)))
        stored, valid = read_stored(dataset, "product", SceneError, window=inside)
    around = (
        (max(-top, 0), max(bottom - height, 0)),
        (max(-left, 0), max(right - width, 0)),
    )
    views = [
        np.lib.stride_tricks.sliding_window_view(np.pad(array, around, **options), (size, size))[::2, ::2]
        for array, options in ((stored, {"mode": "edge"}), (valid, {"constant_values": False}))
    ]
    values, has = (view.reshape(*view.shape[:2], size * size) for view in views)
    return values, has
