"""Self-check of a run at sampled pixels: error of the coarse atmosphere, and components of the uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.inputs.resolve import Inputs
from lst_raster.io.grid import Grid
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import AtmosphereVariance, atmosphere_error, temperature_uncertainty
from lst_raster.retrieval.atmosphere_terms import Float32, terms_and_changes
from lst_raster.retrieval.tiles import Tile
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import group_of

TOLERANCE = 0.05
"""Largest difference without a warning. [K]"""
_SAMPLE_SIZE = 10_000
_SEED = 20_150_719
_SURFACE_PARTS = ("sensor", "emissivity")
_MODEL_PART = "model"  # prefix of the names of the model's own error sources


@dataclass(frozen=True, kw_only=True, slots=True)
class InterpolationCheck:
    """Sampled pixels, the same in every run of a scene. Each is in one tile, so threads write to different elements."""

    inputs: Inputs
    noise: float  # standard uncertainty of the radiance [W m-2 sr-1 um-1]
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    difference: Float32  # temperature minus that of the model at the pixel, NaN without one [K]
    parts: dict[str, Float32] = field(default_factory=dict)  # standard uncertainty by error source, likewise [K]

    @classmethod
    def over(cls, grid: Grid, inputs: Inputs, noise: float) -> InterpolationCheck:
        """Sample the pixels of a scene; of small scenes every pixel is checked."""
        count = grid.width * grid.height
        if count > _SAMPLE_SIZE:
            sample = np.sort(np.random.default_rng(_SEED).integers(0, count, _SAMPLE_SIZE))
        else:
            sample = np.arange(count)
        row, column = np.divmod(sample, grid.width)
        empty = np.full(sample.size, np.nan, np.float32)
        names = [*_SURFACE_PARTS, *map(group_of, inputs.names), _MODEL_PART] if inputs.level2 is None else []
        parts = {name: empty.copy() for name in names}
        return cls(inputs=inputs, noise=noise, row=row, column=column, difference=empty, parts=parts)

    def add(self, tile: Tile, temperature: Float32) -> None:
        """Check the sampled pixels of a tile."""
        if tile.atmosphere.inputs_at is None:
            return
        row, column = self.row - tile.window.row_off, self.column - tile.window.col_off
        inside = np.flatnonzero((row >= 0) & (row < tile.window.height) & (column >= 0) & (column < tile.window.width))
        inside = inside[np.isfinite(temperature[row[inside], column[inside]])]
        if not inside.size:
            return
        row, column = row[inside], column[inside]
        model = self.inputs.network
        band = sensor_band(model.contract.sensor).planck
        terms, changes = terms_and_changes(model, self.inputs.origins, tile.atmosphere.inputs_at(row, column))
        radiance, emissivity, emissivity_uncertainty = (
            values[row, column] if values.ndim else values
            for values in (tile.radiance, tile.emissivity.value, tile.emissivity.uncertainty)
        )
        exact = surface_temperature(radiance, emissivity, *terms, band)
        self.difference[inside] = temperature[row, column] - exact
        no_variance = AtmosphereVariance(0.0, 0.0, 0.0)
        surface = temperature_uncertainty(
            exact, radiance, emissivity, emissivity_uncertainty, terms[0], terms[2], self.noise, no_variance, band
        )
        self.parts["sensor"][inside], self.parts["emissivity"][inside] = surface.sensor, surface.emissivity
        squares: dict[str, Any] = {name: 0.0 for name in self.parts if name not in _SURFACE_PARTS}
        for source, change in changes.items():
            error = atmosphere_error(exact, radiance, emissivity, terms, change, band)
            squares[group_of(source.partition(":")[0])] += error * error
        for name, total in squares.items():
            self.parts[name][inside] = np.sqrt(total)

    @property
    def checked(self) -> int:
        """Number of pixels checked."""
        return int(np.isfinite(self.difference).sum())

    @property
    def largest(self) -> float:
        """Largest absolute difference. [K]"""
        return float(np.nanmax(np.abs(self.difference))) if self.checked else 0.0

    @property
    def rms(self) -> float:
        """Root mean square of the differences. [K]"""
        return _rms(self.difference) if self.checked else 0.0

    def uncertainty_parts(self) -> str:
        """Root mean square of the uncertainty by error source, for the provenance."""
        if not self.checked:
            return "unknown"
        parts = ", ".join(f"{name.replace('_', ' ')} {_rms(part):.2f} K" for name, part in self.parts.items())
        return f"{parts} (root mean squares at {self.checked} pixels)"

    def __str__(self) -> str:
        return f"largest difference {self.largest:.4f} K, rms {self.rms:.4f} K, at {self.checked} pixels"


def _rms(values: Float32) -> float:
    return float(np.sqrt(np.nanmean(np.square(values, dtype=np.float64))))
