"""Masks of clouds, shadows and other pixels without a temperature, from the scene's quality bands."""

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
from lst_raster.io.quality_band import Quality, find_quality, open_quality
from lst_raster.io.scene import Scene

Mask: TypeAlias = NDArray[np.bool_]
MaskReader: TypeAlias = Callable[[Window], dict[str, Mask]]
"""Takes a window; returns masks by kind, of which a pixel may be in several."""

CLOUDY = ("cloud", "dilated_cloud", "cloud_shadow", "cirrus")
"""Kinds of pixels that are masked as cloud, and around which the mask is dilated."""
DILATION = "dilation"
"""Kind of the pixels that the dilation adds."""
_MAX_DILATION = 5000.0  # [m]; a larger one is probably in another unit
_ROUNDING = 1e-9  # [pixel]


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """Rules of masking: quality bands and dilation."""

    quality: Quality | None
    """The quality bands, None without any."""
    reason: str
    """Why nothing is masked, empty where pixels are masked."""
    dilation: float = 0.0
    """Distance by which clouds, shadows and cirrus are dilated. [m]"""
    radius: tuple[float, float] = (0.0, 0.0)
    """The same distance in columns and rows. [pixel]"""

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
        dilated = f", dilated by {self.dilation:g} m" if self.dilation else ""
        kinds = [name.replace("_", " ") for name in CLOUDY if name in self.quality.layout.kinds]
        return f"{', '.join(kinds)}{dilated}, by {self.quality}"


def choose_masking(scene: Scene, *, clouds: bool, dilation: float, align: bool = False) -> Masking:
    """Find the quality bands of a scene; `clouds` masks clouds and all within a `dilation` [m] of them.

    With `align` quality bands on another grid are warped onto the scene's. Without `clouds` the quality bands serve the
    quality bits of the product only, and unreadable ones are ignored.

    Raises
    ------
    InputError
        The dilation is negative or too large, or the scene has no coordinate system to measure it.
    SceneError, GridMismatchError
        The quality band is of another kind, or not on the scene's grid.
    """
    if not 0.0 <= dilation <= _MAX_DILATION:
        raise InputError(f"mask dilation is {dilation:g}, outside 0 to {_MAX_DILATION:g} m; give a distance in metres")
    try:
        quality = find_quality(scene.files, scene.grid, align=align)
    except LstRasterError:
        if clouds:
            raise
        quality = None
    if not clouds:
        return Masking(quality=quality, reason="clouds are kept")
    if quality is None:
        return Masking(quality=None, reason="the scene has no quality band")
    if not dilation:
        return Masking(quality=quality, reason="")
    size = scene.grid.pixel_size()
    if size is None:
        raise InputError(
            f"{scene.place.name} has no coordinate system, so distances in metres are unknown; omit --mask-dilation"
        )
    return Masking(quality=quality, reason="", dilation=dilation, radius=(dilation / size[0], dilation / size[1]))


@contextmanager
def open_masks(masking: Masking, grid: Grid) -> Iterator[MaskReader]:
    """Open the quality bands; clouds outside a window are dilated into it, so masks do not depend on the tiles.

    Raises LstRasterError, from the reader too: a quality band is missing, damaged or on another grid.
    """
    if masking.quality is None:
        yield lambda window: {}
        return
    with open_quality(masking.quality, grid) as read_quality:

        def read(window: Window) -> dict[str, Mask]:
            larger, inner = _with_margin(window, masking.radius, grid)
            masks = read_quality(larger)
            found = {name: mask[inner] for name, mask in masks.items()}
            if masking.dilation:
                cloudy = np.logical_or.reduce([masks[name] for name in CLOUDY if name in masks])
                found[DILATION] = dilate(cloudy, masking.radius)[inner] & ~cloudy[inner]
            return found

        yield read


def dilate(mask: Mask, radius: tuple[float, float]) -> Mask:
    """Dilate a mask of shape (rows, columns) by an ellipse with half-axes in columns and rows [pixel].

    Examples
    --------
    >>> dilate(np.array([[False, False, True, False]]), (1.0, 1.0)).tolist()
    [[False, True, True, True]]
    """
    columns, rows = radius
    dilated = np.zeros_like(mask)
    for step in range(min(math.floor(rows + _ROUNDING), mask.shape[0] - 1) + 1):
        reach = math.floor(columns * math.sqrt(max(0.0, 1.0 - (step / rows) ** 2)) + _ROUNDING) if rows else 0
        # Whether any of the columns from -reach to +reach is set, as a difference of cumulative sums.
        sums = np.cumsum(np.pad(mask, ((0, 0), (reach + 1, reach))), axis=1, dtype=np.int32)
        wide = sums[:, 2 * reach + 1 :] > sums[:, : -2 * reach - 1]
        dilated[step:] |= wide[: wide.shape[0] - step]
        dilated[: wide.shape[0] - step] |= wide[step:]
    return dilated


def _with_margin(window: Window, radius: tuple[float, float], grid: Grid) -> tuple[Window, Any]:
    """Enlarge a window by the reach of a dilation, within the grid; also slices of the window in the larger one."""
    columns, rows = (math.ceil(part) for part in radius)
    left, top = max(0, window.col_off - columns), max(0, window.row_off - rows)
    right = min(grid.width, window.col_off + window.width + columns)
    bottom = min(grid.height, window.row_off + window.height + rows)
    row, column = window.row_off - top, window.col_off - left
    inner = (slice(row, row + window.height), slice(column, column + window.width))
    return Window(left, top, right - left, bottom - top), inner
