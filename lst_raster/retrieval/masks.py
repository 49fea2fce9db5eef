"""From the scene's quality bands: masks of pixels without a temperature, and the distance to cloud."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import InputError, LstRasterError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import (
    KIND_BITS,
    KINDS,
    Kinds,
    Quality,
    QualityReader,
    find_quality,
    is_any,
    open_quality,
)
from lst_raster.io.scene import Scene
from lst_raster.product.quality_flags import FAR_CLOUD_DISTANCE, NEAR_CLOUD_DISTANCE
from lst_raster.retrieval.workers import over_tiles, windows_over

Mask: TypeAlias = NDArray[np.bool_]
DistanceClasses: TypeAlias = NDArray[np.uint8]
DistanceReader: TypeAlias = Callable[[Any], DistanceClasses]
"""Takes a window; returns the values of the field ``cloud_distance``, or one number for all pixels."""

CLOUDY = ("cloud", "dilated_cloud", "cloud_shadow", "cirrus")
"""Kinds of pixels that are masked as cloud, and around which the mask is dilated."""
DILATION = "dilation"
"""Kind of the pixels that the dilation adds."""
MASK_BITS: Mapping[str, int] = {**KIND_BITS, DILATION: 1 << len(KINDS)}
"""Bit of each kind of pixel in a window's masks."""
CELL = 8
"""Side of the cells between which cloud distances are measured; distances are accurate to two cells. [pixel]"""
_SIDE = 64 * CELL  # of the windows read for the distances [pixel]
_MAX_DILATION = 5000.0  # [m]; a larger one is probably in another unit
_ROUNDING = 1e-9  # [pixel]


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """Rules of masking: quality bands and dilation."""

    quality: Quality | None  # None without quality bands
    reason: str  # why nothing is masked, empty where pixels are masked
    dilation: float = 0.0  # distance by which clouds, shadows and cirrus are dilated [m]
    radius: tuple[float, float] = (0.0, 0.0)  # the same distance in columns and rows [pixel]

    @property
    def hides(self) -> tuple[str, ...]:
        """Kinds of pixels that get no temperature."""
        return () if self.reason else ("fill", *CLOUDY, "saturated", DILATION)

    @property
    def available(self) -> frozenset[str]:
        """Kinds of pixels that the quality bands distinguish, and that of the dilation."""
        kinds = self.quality.kinds if self.quality else frozenset()
        return kinds | {DILATION} if self.dilation else kinds

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


def mask_warnings(scene: Scene, masking: Masking) -> list[str]:
    """What the user should know of the quality bands, one line each."""
    quality, lines = masking.quality, []
    if quality is not None and quality.misnamed:
        lines.append(
            f"{quality.place.name} has the bits of {quality.layout.name}, unlike its name: they are read as such"
        )
    elevation = scene.files.mtl.number("SUN_ELEVATION") if scene.files.mtl else None
    if quality is not None and elevation is not None and elevation < 0.0:
        lines.append(
            f"{scene.stem} is a night scene (sun elevation {elevation:.1f} degrees): {quality.place.name} needs "
            "reflected sunlight to detect cloud, water and snow, so cloud may be undetected; look at the quicklook"
        )
    return lines


def choose_masking(scene: Scene, *, clouds: bool, dilation: float, align: bool = False) -> Masking:
    """Find the quality bands of a scene; `clouds` masks clouds and all within a `dilation` [m] of them.

    With `align` quality bands on another grid are warped onto the scene's. Without `clouds` the quality bands serve the
    quality bits of the product only, and unreadable ones are ignored.

    Raises InputError: the dilation is negative or too large, or the scene has no coordinate system to measure it;
    SceneError or GridMismatchError: the quality band is of another kind, or not on the scene's grid.
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
def open_masks(masking: Masking, grid: Grid) -> Iterator[QualityReader]:
    """Open the quality bands, for the kinds of the pixels of a window as bits (`MASK_BITS`), 0 without quality bands.

    Clouds outside a window are dilated into it, so masks do not depend on the tiles. The last window is kept for a
    second reader of it.

    Raises LstRasterError, from the reader too: a quality band is missing, damaged or on another grid.
    """
    if masking.quality is None:
        none = np.asarray(0, np.uint16)
        yield lambda window: none
        return
    columns, rows = (math.ceil(part) for part in masking.radius)
    with open_quality(masking.quality, grid) as read_quality:

        def read(window: Window) -> Kinds:
            left, top = max(0, window.col_off - columns), max(0, window.row_off - rows)
            right = min(grid.width, window.col_off + window.width + columns)
            bottom = min(grid.height, window.row_off + window.height + rows)
            row, column = window.row_off - top, window.col_off - left
            inner = (slice(row, row + window.height), slice(column, column + window.width))
            kinds = read_quality(Window(left, top, right - left, bottom - top))
            found = kinds[inner]
            if masking.dilation:
                cloudy = is_any(kinds, CLOUDY)
                added = dilate(cloudy, masking.radius)[inner] & ~cloudy[inner]
                found = found | added * np.uint16(MASK_BITS[DILATION])
            return found

        yield lru_cache(maxsize=1)(read)


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


def measure_cloud_distance(masking: Masking, grid: Grid, threads: int = 1) -> DistanceReader:
    """Read the whole quality band, and classify the distance of each cell to the nearest one with cloud or shadow.

    The class is 0 (unknown) without a quality band or pixel size. Raises LstRasterError: the quality band is damaged.
    """
    size = grid.pixel_size()
    if masking.quality is None or size is None:
        unknown = np.asarray(0, np.uint8)
        return lambda window: unknown
    cells = np.zeros((-(-grid.height // CELL), -(-grid.width // CELL)), bool)
    opened = partial(_open_cloudy_cells, masking.quality, grid)
    with closing(over_tiles(windows_over(grid, _SIDE), opened, threads)) as parts:
        for row, column, part in parts:
            cells[row : row + part.shape[0], column : column + part.shape[1]] = part
    classes = _distance_classes(cells, (size[1] * CELL, size[0] * CELL))

    def read(window: Any) -> DistanceClasses:
        row, column = window.row_off // CELL, window.col_off // CELL
        below, right = window.row_off % CELL + window.height, window.col_off % CELL + window.width
        near = classes[row : row - (-below // CELL), column : column - (-right // CELL)]
        pixels = near.repeat(CELL, axis=0).repeat(CELL, axis=1)
        return pixels[below - window.height : below, right - window.width : right]

    return read


@contextmanager
def _open_cloudy_cells(quality: Quality, grid: Grid) -> Iterator[Callable[[Window], tuple[int, int, Mask]]]:
    """Open the quality band; yield a function that finds the first row and column and the cloudy cells of a window."""
    with open_quality(quality, grid) as read_quality:

        def read(window: Window) -> tuple[int, int, Mask]:
            kinds = read_quality(window)
            padded = np.pad(kinds, [(0, -part % CELL) for part in kinds.shape])
            blocks = padded.reshape(padded.shape[0] // CELL, CELL, padded.shape[1] // CELL, CELL)
            combined = np.bitwise_or.reduce(np.bitwise_or.reduce(blocks, axis=1), axis=2)
            return window.row_off // CELL, window.col_off // CELL, is_any(combined, CLOUDY)

        yield read


def _distance_classes(cells: Mask, size: tuple[float, float]) -> DistanceClasses:
    """Classify the distance of cells of a size in rows and columns [m] to the nearest one of the mask."""
    classes = np.full(cells.shape, 3, np.uint8)
    if cells.any():
        for limit in (NEAR_CLOUD_DISTANCE, FAR_CLOUD_DISTANCE):
            limit *= 1.0 - _ROUNDING * 10  # a distance equal to the limit is in the class above
            classes -= dilate(cells, (limit / size[1], limit / size[0]))
    return classes
