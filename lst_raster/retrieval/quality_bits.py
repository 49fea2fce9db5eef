"""Quality bits of a product's pixels, and the distance to cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.inputs.emissivity.registry import QUALITY_VALUES
from lst_raster.inputs.resolve import STANDARD, Inputs
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import open_quality
from lst_raster.product.quality_flags import (
    FAR_CLOUD_DISTANCE,
    NEAR_CLOUD_DISTANCE,
    SCENE_QUALITY_KINDS,
    UNCERTAINTY_LIMIT,
    Bits,
    flag,
)
from lst_raster.retrieval.atmosphere_terms import Float32, Mask
from lst_raster.retrieval.masks import CLOUDY, Masking
from lst_raster.retrieval.tiles import Tile

DistanceClasses: TypeAlias = NDArray[np.uint8]
DistanceReader: TypeAlias = Callable[[Any], DistanceClasses]
"""Takes a window; returns the values of the field ``cloud_distance``, or one number for all pixels."""

CELL = 8
"""Side of the cells between which cloud distances are measured; distances are accurate to two cells. [pixel]"""
_ROWS = 512  # read at a time; a multiple of CELL


@dataclass(frozen=True, kw_only=True, slots=True)
class Flagging:
    """Quality bits that are the same for the whole scene."""

    source_bits: NDArray[np.uint32]
    """Bits of the field ``emissivity_source`` by number of the source, counted from 1."""
    common_bits: int
    """Bits of every pixel with a radiance."""

    @classmethod
    def of(cls, inputs: Inputs) -> Flagging:
        """Derive them from the inputs."""
        codes = {name: code for code, (name, _) in QUALITY_VALUES.items()}
        offset = flag("emissivity_source").offset
        source_bits = [0, *(codes[source.kind] << offset for source in inputs.emissivity.sources)]
        assumed = any(
            name in inputs.atmosphere and inputs.atmosphere[name].origin == STANDARD
            for name in ("water_vapour", "air_temperature")
        )
        common_bits = flag("assumed_atmosphere").mask if assumed else 0
        return cls(source_bits=np.array(source_bits, np.uint32), common_bits=common_bits)

    def bits(self, tile: Tile, temperature: Float32, uncertainty: Float32, distance: DistanceClasses) -> Bits:
        """Quality bits of a tile with its temperature and uncertainty [K]; see `lst_raster.product.quality_flags`."""
        measured = tile.measured
        bits = np.where(measured, np.uint32(self.common_bits), np.uint32(0))
        bits |= self.source_bits[tile.emissivity.source] * measured
        bits |= distance.astype(np.uint32) << np.uint32(flag("cloud_distance").offset)
        _set(bits, "fill", ~measured)
        _set(bits, "saturated", tile.saturated)
        for name, kinds in SCENE_QUALITY_KINDS.items():
            for kind in kinds:
                if kind in tile.masks:
                    _set(bits, name, tile.masks[kind])
        for kind in ("fill", "saturated"):
            if kind in tile.masks:  # without a valid radiance, unless the user keeps the values of the file
                lost = tile.masks[kind] & tile.hidden
                _set(bits, "fill", lost)
                _set(bits, kind, lost)
        _set(bits, "no_input", measured & ~tile.hidden & ~tile.valid)
        _set(bits, "no_solution", tile.valid & np.isnan(temperature))
        with np.errstate(invalid="ignore"):
            _set(bits, "uncertain", uncertainty > UNCERTAINTY_LIMIT)
            if tile.atmosphere.outside_range is not None:
                _set(bits, "outside_range", (tile.atmosphere.outside_range > 0.0) & measured)
        return bits


def _set(bits: Bits, name: str, mask: Mask) -> None:
    """Set a bit, in place, where the mask is True."""
    bits |= mask * np.uint32(flag(name).mask)


def measure_cloud_distance(masking: Masking, grid: Grid) -> DistanceReader:
    """Read the whole quality band, and classify the distance of each cell to the nearest one with cloud or shadow.

    The class is 0 (unknown) without a quality band or pixel size. Raises LstRasterError: the quality band is damaged.
    """
    size = grid.pixel_size()
    if masking.quality is None or size is None:
        unknown = np.asarray(0, np.uint8)
        return lambda window: unknown
    classes = _distance_classes(_cloudy_cells(masking, grid), (size[1] * CELL, size[0] * CELL))

    def read(window: Any) -> DistanceClasses:
        rows = (window.row_off + np.arange(window.height)) // CELL
        columns = (window.col_off + np.arange(window.width)) // CELL
        return classes[np.ix_(rows, columns)]

    return read


def _cloudy_cells(masking: Masking, grid: Grid) -> Mask:
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


def _distance_classes(cells: Mask, size: tuple[float, float]) -> DistanceClasses:
    from scipy.ndimage import distance_transform_edt  # slow to import

    if not cells.any():
        return np.full(cells.shape, 3, np.uint8)
    distance = distance_transform_edt(~cells, sampling=size)
    return np.asarray(
        1 + (distance >= NEAR_CLOUD_DISTANCE).astype(np.uint8) + (distance >= FAR_CLOUD_DISTANCE).astype(np.uint8),
        np.uint8,
    )
