"""The atmosphere on a coarse grid of nodes, interpolated to pixels."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lst_raster.inputs.fields import Field, FieldReader, open_field, value_at
from lst_raster.inputs.resolve import Inputs
from lst_raster.io.coarse_grid import Float, Nodes, interpolate_at, interpolate_levels, spread
from lst_raster.io.grid import Grid
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR
from lst_raster.retrieval.atmosphere_terms import (
    LAYER_COUNT,
    AtmosphereReader,
    AtmosphereTerms,
    Float32,
    Mask,
    Ranges,
    checked_ranges,
    solve_atmosphere,
    widen_ranges,
    with_profile,
)
from lst_raster.simulator.sigma_levels import Profiles

ELEVATION_STEP = 50.0
"""Distance between the elevations for which the model runs at each node. [m]"""
NODE_TOLERANCES: Mapping[str, float] = MappingProxyType(
    {WATER_VAPOUR.name: 0.05, AIR_TEMPERATURE.name: 0.03, SURFACE_PRESSURE.name: 0.5, ELEVATION.name: 5.0}
)
"""Largest error of an input when nodes are left out, in its unit: one fiftieth of the uncertainty of a reanalysis, a
few millikelvins of the surface temperature."""
_STRIDES = (8, 4, 2)  # tried in this order: every eighth node in each direction, every fourth, every second


def min_nodes(fields: Sequence[Field]) -> tuple[Float, Float] | None:
    """Choose the nodes at which the model runs, for every elevation and every error source.

    Returns rows and columns [pixel] of the densest input, or every second, fourth or eighth of them where all inputs
    stay within `NODE_TOLERANCES` when interpolated from these; None where no input has nodes.
    """
    parts = [part for field in fields for part in _nodes_of(field)]
    if not parts:
        return None
    densest = max((nodes for nodes, _ in parts), key=lambda nodes: nodes.values.size)
    for stride in _STRIDES:
        rows, columns = (np.append(axis[:-1:stride], axis[-1]) for axis in (densest.rows, densest.columns))
        if all(_interpolation_error(nodes, rows, columns) <= tolerance for nodes, tolerance in parts):
            return rows, columns
    return densest.rows, densest.columns


def _nodes_of(field: Field) -> list[tuple[Nodes, float]]:
    """Nodes of an input and of the surface elevation to which it belongs, with their tolerances."""
    parts = [(field.source, field.quantity.name)] + (
        [(field.adjustment.surface, ELEVATION.name)] if field.adjustment else []
    )
    return [(part, NODE_TOLERANCES.get(name, 0.0)) for part, name in parts if isinstance(part, Nodes)]


def _interpolation_error(nodes: Nodes, rows: Float, columns: Float) -> float:
    """Largest difference at the nodes when interpolated from other rows and columns; infinite where values lack."""
    column, row = np.meshgrid(columns, rows)
    node_column, node_row = np.meshgrid(nodes.columns, nodes.rows)
    interpolated = interpolate_at(rows, columns, nodes.at(row, column), node_row, node_column)
    error = np.abs(interpolated - nodes.values).max()
    return float(error) if np.isfinite(error) else np.inf


@dataclass(kw_only=True, slots=True)
class CoarseAtmosphere:
    """Terms of the atmosphere at nodes over the scene, computed on demand for each elevation; shared by all threads."""

    inputs: Inputs
    rows: Float  # of the nodes [pixel]
    columns: Float  # of the nodes [pixel]
    uncertainty: bool
    input_ranges: Ranges = field(default_factory=dict)  # at the nodes and elevations computed so far
    _profiles: Profiles | None = None
    _levels: dict[float, Float32] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def over(cls, inputs: Inputs, grid: Grid, *, uncertainty: bool) -> CoarseAtmosphere:
        """Choose nodes over a scene: those of the profile, else the fewest for the inputs, else the corners."""
        nodes: tuple[Float, Float] | None
        if inputs.profile is not None:
            nodes = inputs.profile.levels.rows, inputs.profile.levels.columns
        else:
            nodes = min_nodes(list(inputs.fields.values()))
        rows, columns = nodes or (np.array([0.0, grid.height]), np.array([0.0, grid.width]))
        return cls(inputs=inputs, rows=rows, columns=columns, uncertainty=uncertainty)

    @property
    def ground(self) -> Field | None:
        """Elevation of the pixels, None where no input is adjusted to it."""
        return next((given.adjustment.ground for given in self.inputs.fields.values() if given.adjustment), None)

    def level(self, elevation: float) -> Float32:
        """Layers of `solve_atmosphere` at all nodes for one elevation [m], of shape (layers, rows, columns)."""
        with self._lock:
            if elevation not in self._levels:
                values = self._node_inputs(elevation)
                widen_ranges(self.input_ranges, checked_ranges(self.inputs, values))
                self._levels[elevation] = solve_atmosphere(
                    self.inputs.network, self.inputs.origins, values, uncertainty=self.uncertainty
                )
            return self._levels[elevation]

    def values(self, row: Any, column: Any, elevation: Any) -> dict[str, Any]:
        """Model inputs at places of the scene [pixel] and their elevation [m]."""
        return with_profile(self.inputs, self._field_values(row, column, elevation), row, column)

    def _field_values(self, row: Any, column: Any, elevation: Any) -> dict[str, Any]:
        return {
            name: np.broadcast_to(value_at(given, row, column, elevation), np.shape(row))
            for name, given in self.inputs.fields.items()
        }

    def _node_inputs(self, elevation: float) -> dict[str, Any]:
        """Model inputs at the nodes; the profiles do not depend on the elevation and are read once."""
        column, row = np.meshgrid(self.columns, self.rows)
        values, profile = self._field_values(row, column, elevation), self.inputs.profile
        if profile is None:
            return values
        if self._profiles is None:
            self._profiles = profile.over(row, column)
        return profile.inputs(values, self._profiles)


@contextmanager
def open_coarse_atmosphere(coarse: CoarseAtmosphere, grid: Grid) -> Iterator[AtmosphereReader]:
    """Open the elevation of the pixels; the reader interpolates the atmosphere to the pixels of a window.

    Raises LstRasterError, from the reader too: the elevation raster is missing, damaged or on another grid, or a value
    is impossible.
    """
    with ExitStack() as stack:
        ground = stack.enter_context(open_field(coarse.ground, grid)) if coarse.ground is not None else None
        yield lambda window, needed: _interpolated_terms(coarse, ground, window, needed)


def _interpolated_terms(
    coarse: CoarseAtmosphere, ground: FieldReader | None, window: Any, needed: Mask
) -> AtmosphereTerms:
    elevation = np.asarray(0.0, np.float32) if ground is None else ground(window)
    if elevation.ndim and coarse.ground is not None:
        used = elevation[np.isfinite(elevation) & needed]
        coarse.ground.quantity.check(used, f"elevation {coarse.ground.source}")
        layers = _between_levels(coarse, elevation, window, needed)
    else:
        layers = _at_one_level(coarse, float(elevation), window)
    inputs_at = partial(_inputs_at, coarse, elevation, window)
    return AtmosphereTerms.from_layers(layers, input_ranges=dict(coarse.input_ranges), inputs_at=inputs_at)


def _between_levels(coarse: CoarseAtmosphere, elevation: Float32, window: Any, needed: Mask) -> Float32:
    """Interpolate linearly between the two levels below and above each pixel's elevation."""
    height = elevation / np.float32(ELEVATION_STEP)
    below = np.floor(height)
    used = below[np.isfinite(below) & needed]
    if not used.size:
        return np.full((LAYER_COUNT[coarse.uncertainty], *elevation.shape), np.nan, np.float32)
    bottom, top = int(used.min()), int(used.max())
    levels = np.stack([coarse.level(number * ELEVATION_STEP) for number in range(bottom, top + 2)])
    inside = (below >= bottom) & (below <= top)
    level = np.where(inside, below - bottom, 0.0).astype(np.intp)
    fraction = np.where(inside, height - below, np.float32("nan"))
    return interpolate_levels(coarse.rows, coarse.columns, levels, window, level, fraction)


def _at_one_level(coarse: CoarseAtmosphere, elevation: float, window: Any) -> Float32:
    nodes = coarse.level(elevation)
    if (nodes == nodes[:, :1, :1]).all():
        return nodes[:, 0, 0]  # the same for all pixels
    return spread(coarse.rows, coarse.columns, nodes, window)


def _inputs_at(coarse: CoarseAtmosphere, elevation: Float32, window: Any, row: Any, column: Any) -> dict[str, Any]:
    """Model inputs at rows and columns of a window."""
    height = elevation[row, column] if elevation.ndim else elevation
    return coarse.values(window.row_off + row + 0.5, window.col_off + column + 0.5, height.astype(float))
