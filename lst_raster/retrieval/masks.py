"""Clouds out of the scene: which pixels the quality band takes away, and how far around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import InputError, LstRasterError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import Quality, QualityReader, find_quality, open_quality
from lst_raster.io.scene import Scene

Mask: TypeAlias = NDArray[np.bool_]
MaskReader: TypeAlias = Callable[[Window], dict[str, Mask]]
"""Takes a window; returns what the quality bands tell, by kind. A pixel may have several."""

CLOUDY = ("cloud", "dilated_cloud", "cloud_shadow", "cirrus")
"""What is masked of the sky, and dilated."""
DILATION = "dilation"
"""What lies close to them."""
_LARGEST = 5000.0  # [m] of dilation; more is a slip of units

_ROUNDING = 1e-9  # [pixel]


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """What is masked, and by which bands."""

    quality: Quality | None
    """The quality bands, None where there are none."""
    reason: str
    """Why nothing is masked, empty where something is."""
    dilation: float
    """Distance by which clouds, shadows and cirrus are dilated. [m]"""
    radius: tuple[float, float]
    """The same, in columns and rows. [pixel]"""

    @property
    def hides(self) -> tuple[str, ...]:
        """Kinds of pixels that get no temperature."""
        return () if self.reason else ("fill", *CLOUDY, "saturated", DILATION)

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return self.quality.rasters if self.quality else []

    def __str__(self) -> str:
        if self.quality is None or self.reason:
            return f"none: {self.reason}"
        around = f", dilated by {self.dilation:g} m" if self.dilation else ""
        told = [name.replace("_", " ") for name in CLOUDY if name in self.quality.layout.kinds]
        return f"{', '.join(told)}{around}, by {self.quality}"


def choose_masking(scene: Scene, *, clouds: bool, dilation: float, align: bool = False) -> Masking:
    """Decide what is masked.

    Parameters
    ----------
    scene : Scene
        The scene.
    clouds : bool
        Whether clouds are masked, where a quality band tells them.
    dilation : float
        Distance by which they are dilated. [m]
    align : bool
        Whether quality bands on another grid are warped onto the scene's.

    Raises
    ------
    InputError
        The dilation is negative or too large, or the scene has no coordinates to measure it by.
    SceneError, GridMismatchError
        The quality band is not one, or not on the scene's grid.
    """
    if not 0.0 <= dilation <= _LARGEST:
        raise InputError(f"mask dilation is {dilation:g}, outside 0 to {_LARGEST:g} m; give a distance in metres")
    if not clouds:
        return Masking(
            quality=_quality_if_usable(scene, align), reason="clouds are kept", dilation=0.0, radius=(0.0, 0.0)
        )
    quality = find_quality(scene.files, scene.grid, align=align)
    if quality is None:
        return Masking(quality=None, reason="the scene has no quality band", dilation=0.0, radius=(0.0, 0.0))
    radius = _radius(scene, dilation) if dilation else (0.0, 0.0)
    return Masking(quality=quality, reason="", dilation=dilation, radius=radius)


def _quality_if_usable(scene: Scene, align: bool) -> Quality | None:
    """Find the quality bands for what they tell; where clouds are kept one that cannot be read is done without."""
    try:
        return find_quality(scene.files, scene.grid, align=align)
    except LstRasterError:
        return None


@contextmanager
def open_masks(masking: Masking, grid: Grid) -> Iterator[MaskReader]:
    """Open what masks, for reading tile by tile; a tile does not show where clouds beside it reach into it.

    Parameters
    ----------
    masking : Masking
        What is masked.
    grid : Grid
        The scene's grid.

    Yields
    ------
    MaskReader
        Reads the masks of a window.

    Raises
    ------
    LstRasterError
        A quality band is missing, damaged or on another grid (also raised by the reader).
    """
    if masking.quality is None:
        yield lambda window: {}
        return
    with open_quality(masking.quality, grid) as read:
        yield lambda window: _read(read, window, masking, grid)


def dilate(mask: Mask, radius: tuple[float, float]) -> Mask:
    """Grow a mask by an ellipse.

    Parameters
    ----------
    mask : array of shape (rows, columns)
        Mask.
    radius : tuple of float
        Half-axes of the ellipse, in columns and rows. [pixel]

    Returns
    -------
    array of shape (rows, columns)
        Every pixel whose centre is at most so far from that of a pixel of `mask`.

    Examples
    --------
    >>> dilate(np.array([[False, False, True, False]]), (1.0, 1.0)).tolist()
    [[False, True, True, True]]
    """
    columns, rows = radius
    grown = np.zeros_like(mask)
    for step in range(min(math.floor(rows + _ROUNDING), mask.shape[0] - 1) + 1):
        reach = math.floor(columns * math.sqrt(max(0.0, 1.0 - (step / rows) ** 2)) + _ROUNDING) if rows else 0
        wide = _widen(mask, reach)
        grown[step:] |= wide[: wide.shape[0] - step]
        grown[: wide.shape[0] - step] |= wide[step:]
    return grown


def _widen(mask: Mask, reach: int) -> Mask:
    """Grow a mask by a number of columns to both sides: whether a run of columns holds any is a difference of sums."""
    sums = np.cumsum(np.pad(mask, ((0, 0), (reach + 1, reach))), axis=1, dtype=np.int32)
    return sums[:, 2 * reach + 1 :] > sums[:, : -2 * reach - 1]


def _read(read: QualityReader, window: Window, masking: Masking, grid: Grid) -> dict[str, Mask]:
    wider, inner = _with_margin(window, masking.radius, grid)
    masks = read(wider)
    found = {name: mask[inner] for name, mask in masks.items()}
    if masking.dilation:
        cloudy = np.logical_or.reduce([masks[name] for name in CLOUDY if name in masks])
        found[DILATION] = dilate(cloudy, masking.radius)[inner] & ~cloudy[inner]
    return found


def _with_margin(window: Window, radius: tuple[float, float], grid: Grid) -> tuple[Window, Any]:
    """Grow a window by what a dilation reaches, inside the grid; and where the window lies in the grown one."""
    columns, rows = (math.ceil(part) for part in radius)
    left, top = max(0, window.col_off - columns), max(0, window.row_off - rows)
    right = min(grid.width, window.col_off + window.width + columns)
    bottom = min(grid.height, window.row_off + window.height + rows)
    row, column = window.row_off - top, window.col_off - left
    inner = (slice(row, row + window.height), slice(column, column + window.width))
    return Window(left, top, right - left, bottom - top), inner


def _radius(scene: Scene, dilation: float) -> tuple[float, float]:
    size = scene.grid.pixel_size()
    if size is None:
        raise InputError(f"{scene.place.name} has no coordinate system to measure metres by; leave out --mask-dilation")
    return dilation / size[0], dilation / size[1]
