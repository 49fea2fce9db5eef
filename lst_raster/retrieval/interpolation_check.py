"""Every run looks at itself: drawn pixels tell how far off the coarse air is, and what makes temperatures unsure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lst_raster.inputs.resolve import Inputs
from lst_raster.io.grid import Grid
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import AtmosphereVariance, atmosphere_error, temperature_uncertainty
from lst_raster.retrieval.atmosphere_terms import Terms, error_sources
from lst_raster.retrieval.tiles import Tile
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import group_of

TOLERANCE = 0.05
"""Largest difference that passes without a warning. [K]"""

_POINTS = 10_000
_SEED = 20_150_719
_OF_THE_GROUND = ("sensor", "emissivity")
_MODEL = "model"  # begins the names of causes that are the model's own

Float32 = NDArray[np.float32]
Index = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class InterpolationCheck:
    """Pixels drawn over the scene, the same in every run of it. Every pixel is in one tile, so threads do not meet."""

    inputs: Inputs
    """What is fed to the model."""
    noise: float
    """Standard uncertainty of the radiance. [W m-2 sr-1 um-1]"""
    row: Index
    """Rows."""
    column: Index
    """Columns."""
    difference: Float32
    """Temperature less that of the model at the pixel, NaN where it has none; filled tile by tile. [K]"""
    parts: dict[str, Float32] = field(default_factory=dict)
    """Uncertainty of the temperature by each cause, likewise. [K]"""

    @classmethod
    def over(cls, grid: Grid, inputs: Inputs, noise: float) -> InterpolationCheck:
        """Draw pixels of a scene; small scenes are checked at every pixel."""
        count = grid.width * grid.height
        if count > _POINTS:
            drawn = np.sort(np.random.default_rng(_SEED).integers(0, count, _POINTS))
        else:
            drawn = np.arange(count)
        row, column = np.divmod(drawn, grid.width)
        nothing = np.full(drawn.size, np.nan, np.float32)
        names = [*_OF_THE_GROUND, *map(group_of, inputs.names), _MODEL] if inputs.level2 is None else []
        parts = {name: nothing.copy() for name in names}
        return cls(inputs=inputs, noise=noise, row=row, column=column, difference=nothing, parts=parts)

    def add(self, tile: Tile, temperature: Float32) -> None:
        """Look at the drawn pixels of a tile."""
        if tile.air.inputs_at is None:
            return
        row, column = self.row - tile.window.row_off, self.column - tile.window.col_off
        inside = np.flatnonzero((row >= 0) & (row < tile.window.height) & (column >= 0) & (column < tile.window.width))
        inside = inside[np.isfinite(temperature[row[inside], column[inside]])]
        if not inside.size:
            return
        row, column = row[inside], column[inside]
        terms, changes = error_sources(self.inputs.network, self.inputs.origins, tile.air.inputs_at(row, column))
        band = sensor_band(self.inputs.network.contract.sensor).planck
        radiance, emissivity = tile.radiance[row, column], _at(tile.emissivity.value, row, column)
        exact = surface_temperature(radiance, emissivity, *terms, band)
        self.difference[inside] = temperature[row, column] - exact
        spread = _at(tile.emissivity.uncertainty, row, column)
        self._add_parts(inside, exact, radiance, emissivity, spread, terms, changes)

    def _add_parts(
        self, inside: Index, exact: Float32, radiance: Float32, emissivity: Float32, spread: Float32, terms: Terms,
        changes: dict[str, Terms],
    ) -> None:  # fmt: skip
        band = sensor_band(self.inputs.network.contract.sensor).planck
        none = AtmosphereVariance(0.0, 0.0, 0.0)
        transmittance, _, downwelling = terms
        ground = temperature_uncertainty(
            exact, radiance, emissivity, spread, transmittance, downwelling, self.noise, none, band
        )
        self.parts["sensor"][inside], self.parts["emissivity"][inside] = ground.sensor, ground.emissivity
        errors = {
            name: atmosphere_error(exact, radiance, emissivity, terms, change, band) for name, change in changes.items()
        }
        for name in (name for name in self.parts if name not in _OF_THE_GROUND):
            own = [error for cause, error in errors.items() if group_of(cause.partition(":")[0]) == name]
            self.parts[name][inside] = np.sqrt(sum(error * error for error in own))

    @property
    def checked(self) -> int:
        """Number of pixels that were looked at."""
        return int(np.isfinite(self.difference).sum())

    @property
    def largest(self) -> float:
        """Largest difference. [K]"""
        return float(np.nanmax(np.abs(self.difference))) if self.checked else 0.0

    @property
    def rms(self) -> float:
        """Root mean square of the differences. [K]"""
        return _rms(self.difference) if self.checked else 0.0

    def budget(self) -> str:
        """Say what the uncertainty is made of, root mean squares over the pixels."""
        if not self.checked:
            return "unknown"
        shares = ", ".join(f"{name.replace('_', ' ')} {_rms(part):.2f} K" for name, part in self.parts.items())
        return f"{shares} (root mean squares at {self.checked} pixels)"

    def __str__(self) -> str:
        return f"largest difference {self.largest:.4f} K, rms {self.rms:.4f} K, at {self.checked} pixels"


def _at(values: Float32, row: Index, column: Index) -> Float32:
    return values[row, column] if values.ndim else values


def _rms(values: Float32) -> float:
    return float(np.sqrt(np.nanmean(np.square(values, dtype=np.float64))))
