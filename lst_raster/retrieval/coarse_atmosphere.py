"""The atmosphere on a coarse grid of nodes, interpolated to pixels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from lst_raster.inputs.fields import Field, FieldReader, open_field, value_at
from lst_raster.inputs.resolve import Inputs
from lst_raster.io.coarse_grid import Float, Nodes, at_places, spread, spread_levels
from lst_raster.io.grid import Grid
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR
from lst_raster.retrieval.atmosphere_terms import (
    DEPTHS,
    AtmosphereReader,
    AtmosphereTerms,
    Float32,
    Mask,
    all_inputs,
    atmosphere_terms,
    extremes_of,
    solve_atmosphere,
)
from lst_raster.simulator.sigma_levels import Profiles

LOST: Mapping[str, float] = MappingProxyType(
    {WATER_VAPOUR.name: 0.05, AIR_TEMPERATURE.name: 0.03, SURFACE_PRESSURE.name: 0.5, ELEVATION.name: 5.0}
)
"""What of an input may be lost between nodes, in its unit: one fiftieth of a reanalysis' own uncertainty, some
millikelvins of the surface temperature."""

_EVERY = (8, 4, 2)  # one node of so many is tried, in each direction


def min_nodes(fields: Sequence[Field]) -> tuple[Float, Float] | None:
    """Choose among the nodes of a model's inputs.

    A pixel's inputs need more nodes than its terms: the model runs many times at each, for every elevation of the
    ground and every cause of uncertainty.

    Parameters
    ----------
    fields : sequence of Field
        The inputs.

    Returns
    -------
    tuple of array, or None
        Rows and columns [pixel] of the densest input, or every second, fourth or eighth of them, where all inputs
        read from these are as they were within `LOST`. None where no input has nodes.
    """
    held = [part for field in fields for part in _nodes_of(field)]
    if not held:
        return None
    densest = max((nodes for nodes, _ in held), key=lambda nodes: nodes.values.size)
    for every in _EVERY:
        rows, columns = (np.append(axis[:-1:every], axis[-1]) for axis in (densest.rows, densest.columns))
        if all(_lost(nodes, rows, columns) <= allowed for nodes, allowed in held):
            return rows, columns
    return densest.rows, densest.columns


def _nodes_of(field: Field) -> list[tuple[Nodes, float]]:
    """Nodes of an input and of the surface that it is brought from, with what may be lost of them."""
    parts = [(field.source, field.quantity.name)] + ([(field.lift.surface, ELEVATION.name)] if field.lift else [])
    return [(part, LOST.get(name, 0.0)) for part, name in parts if isinstance(part, Nodes)]


def _lost(nodes: Nodes, rows: Float, columns: Float) -> float:
    """Largest difference at the nodes when they are read from others; endless where some have no value."""
    column, row = np.meshgrid(columns, rows)
    own_column, own_row = np.meshgrid(nodes.columns, nodes.rows)
    read = at_places(rows, columns, nodes.at(row, column), own_row, own_column)
    lost = np.abs(read - nodes.values).max()
    return float(lost) if np.isfinite(lost) else np.inf


STEP = 50.0
"""Distance of two elevations. [m]"""


def is_smooth(inputs: Inputs) -> bool:
    """Whether the air is smooth enough for a coarse grid: there is a model, and no input of it is a raster."""
    return inputs.model is not None and not any(given.is_raster for given in inputs.fields.values())


@dataclass(kw_only=True, slots=True)
class CoarseAtmosphere:
    """Terms of the air at nodes over the scene, level by level as they are asked for; shared by all threads."""

    inputs: Inputs
    """The model and its inputs, none of them a raster."""
    rows: Float
    """Rows of the nodes. [pixel]"""
    columns: Float
    """Columns of the nodes. [pixel]"""
    uncertainty: bool
    """Whether the uncertainty is wanted."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every input at the nodes that were used."""
    _profiles: Profiles | None = None
    _levels: dict[float, Float32] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def over(cls, inputs: Inputs, grid: Grid, *, uncertainty: bool) -> CoarseAtmosphere:
        """Lay nodes over a scene: those of the profile, else the fewest that serve the inputs, else its corners."""
        nodes: tuple[Float, Float] | None
        if inputs.profile is not None:
            nodes = inputs.profile.levels.rows, inputs.profile.levels.columns
        else:
            nodes = min_nodes(list(inputs.fields.values()))
        rows, columns = nodes or (np.array([0.0, grid.height]), np.array([0.0, grid.width]))
        return cls(inputs=inputs, rows=rows, columns=columns, uncertainty=uncertainty)

    @property
    def ground(self) -> Field | None:
        """Elevation of the pixels, None where nothing is brought to it."""
        return next((given.lift.ground for given in self.inputs.fields.values() if given.lift), None)

    def level(self, elevation: float) -> Float32:
        """Layers of `solve_atmosphere` at all nodes for one elevation [m], of shape (layers, rows, columns)."""
        with self._lock:
            if elevation not in self._levels:
                values = self._at_nodes(elevation)
                for name, (low, high) in extremes_of(self.inputs, values).items():
                    before = self.extremes.get(name, (np.inf, -np.inf))
                    self.extremes[name] = (min(before[0], low), max(before[1], high))
                self._levels[elevation] = solve_atmosphere(
                    self.inputs.network, self.inputs.origins, values, uncertainty=self.uncertainty
                )
            return self._levels[elevation]

    def values(self, row: Any, column: Any, elevation: Any) -> dict[str, Any]:
        """Find the inputs of the model at places in the scene.

        Parameters
        ----------
        row, column : array, any shape
            Places. [pixel]
        elevation : float or array
            Elevation of the ground there. [m]
        """
        return all_inputs(self.inputs, self._of_fields(row, column, elevation), row, column)

    def _of_fields(self, row: Any, column: Any, elevation: Any) -> dict[str, Any]:
        return {
            name: np.broadcast_to(value_at(given, row, column, elevation), np.shape(row))
            for name, given in self.inputs.fields.items()
        }

    def _at_nodes(self, elevation: float) -> dict[str, Any]:
        """Find the inputs at the nodes; the profiles over them are the same for every elevation."""
        column, row = np.meshgrid(self.columns, self.rows)
        known, profile = self._of_fields(row, column, elevation), self.inputs.profile
        if profile is None:
            return known
        if self._profiles is None:
            self._profiles = profile.over(row, column)
        return profile.inputs(known, self._profiles)


@contextmanager
def open_coarse_atmosphere(air: CoarseAtmosphere, grid: Grid) -> Iterator[AtmosphereReader]:
    """Open the elevation of the ground, for reading the air window by window.

    Parameters
    ----------
    air : CoarseAtmosphere
        The air at nodes.
    grid : Grid
        The scene's grid.

    Yields
    ------
    AtmosphereReader
        Interpolates to the pixels of a window.

    Raises
    ------
    LstRasterError
        The raster of elevation is missing, damaged or on another grid, or a value is not possible (also raised by
        the reader).
    """
    with ExitStack() as stack:
        ground = stack.enter_context(open_field(air.ground, grid)) if air.ground is not None else None
        yield lambda window, wanted: _interpolated(air, ground, window, wanted)


def _interpolated(air: CoarseAtmosphere, ground: FieldReader | None, window: Any, wanted: Mask) -> AtmosphereTerms:
    elevation = np.asarray(0.0, np.float32) if ground is None or air.ground is None else ground(window)
    if elevation.ndim and air.ground is not None:
        checked_elevation = elevation[np.isfinite(elevation) & wanted]
        air.ground.quantity.check(checked_elevation, f"elevation {air.ground.source}")
    layers = _at_levels(air, elevation, window, wanted)
    return atmosphere_terms(layers, extremes=dict(air.extremes), inputs_at=_inputs_at(air, elevation, window))


def _at_levels(air: CoarseAtmosphere, elevation: Float32, window: Any, wanted: Mask) -> Float32:
    """Interpolate, linearly between the two levels next to a pixel's elevation."""
    if not elevation.ndim:
        return _at_one_level(air, float(elevation), window)
    height = elevation / np.float32(STEP)
    below = np.floor(height)
    used = below[np.isfinite(below) & wanted]
    if not used.size:
        return np.full((DEPTHS[air.uncertainty], *elevation.shape), np.nan, np.float32)
    bottom, top = int(used.min()), int(used.max())
    levels = np.stack([air.level(number * STEP) for number in range(bottom, top + 2)])
    inside = (below >= bottom) & (below <= top)
    level = np.where(inside, below - bottom, 0.0).astype(np.intp)
    share = np.where(inside, height - below, np.float32("nan"))
    return spread_levels(air.rows, air.columns, levels, window, level, share)


def _at_one_level(air: CoarseAtmosphere, elevation: float, window: Any) -> Float32:
    nodes = air.level(elevation)
    if (nodes == nodes[:, :1, :1]).all():
        return nodes[:, 0, 0]  # the same everywhere
    return spread(air.rows, air.columns, nodes, window)


def _inputs_at(air: CoarseAtmosphere, elevation: Float32, window: Any) -> Callable[[Any, Any], dict[str, Any]]:
    def values(row: Any, column: Any) -> dict[str, Any]:
        height = elevation[row, column] if elevation.ndim else elevation
        return air.values(window.row_off + row + 0.5, window.col_off + column + 0.5, height.astype(float))

    return values
