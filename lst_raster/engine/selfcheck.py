"""Every run checks itself: temperatures from the coarse grid against those of the model at the pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.tiles import Tile
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.surface import surface_temperature
from lst_raster.scene.grid import Grid

TOLERANCE = 0.05
"""Largest difference that passes without a warning. [K]"""

_POINTS = 10_000
_SEED = 20_150_719

Float32 = NDArray[np.float32]
Index = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfCheck:
    """Pixels drawn over the scene, the same in every run of it, and how far off they are."""

    row: Index
    """Rows."""
    column: Index
    """Columns."""
    difference: Float32
    """Coarse less exact temperature of each, NaN where it has none; filled tile by tile. [K]"""

    @classmethod
    def over(cls, grid: Grid) -> SelfCheck:
        """Draw pixels of a scene; small scenes are checked at every pixel."""
        count = grid.width * grid.height
        if count > _POINTS:
            drawn = np.sort(np.random.default_rng(_SEED).integers(0, count, _POINTS))
        else:
            drawn = np.arange(count)
        row, column = np.divmod(drawn, grid.width)
        return cls(row=row, column=column, difference=np.full(drawn.size, np.nan, np.float32))

    def add(self, tile: Tile, temperature: Float32, band: BandPlanck) -> None:
        """Compare the drawn pixels of a tile. Every pixel is in one tile alone, so threads do not meet."""
        if tile.air.exact is None:
            return
        row, column = self.row - tile.window.row_off, self.column - tile.window.col_off
        inside = np.flatnonzero((row >= 0) & (row < tile.window.height) & (column >= 0) & (column < tile.window.width))
        inside = inside[np.isfinite(temperature[row[inside], column[inside]])]
        if not inside.size:
            return
        row, column = row[inside], column[inside]
        emissivity = tile.emissivity.value
        exact = surface_temperature(
            tile.radiance[row, column],
            emissivity[row, column] if emissivity.ndim else emissivity,
            *tile.air.exact(row, column),
            band,
        )
        self.difference[inside] = temperature[row, column] - exact

    @property
    def checked(self) -> int:
        """Number of pixels that were compared."""
        return int(np.isfinite(self.difference).sum())

    @property
    def largest(self) -> float:
        """Largest difference. [K]"""
        return float(np.nanmax(np.abs(self.difference))) if self.checked else 0.0

    @property
    def rms(self) -> float:
        """Root mean square of the differences. [K]"""
        return float(np.sqrt(np.nanmean(np.square(self.difference, dtype=np.float64)))) if self.checked else 0.0

    def __str__(self) -> str:
        return f"largest difference {self.largest:.4f} K, rms {self.rms:.4f} K, at {self.checked} pixels"
