"""Where over a scene the model is run: at as few nodes as its inputs need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from lst_raster.scene.fields import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR, Field
from lst_raster.scene.nodes import Float, Nodes, at_places

LOST: Mapping[str, float] = MappingProxyType(
    {WATER_VAPOUR.name: 0.05, AIR_TEMPERATURE.name: 0.03, SURFACE_PRESSURE.name: 0.5, ELEVATION.name: 5.0}
)
"""What of an input may be lost between nodes, in its unit: one fiftieth of a reanalysis' own uncertainty, some
millikelvins of the surface temperature."""

_EVERY = (8, 4, 2)  # one node of so many is tried, in each direction


def fewest_nodes(fields: Sequence[Field]) -> tuple[Float, Float] | None:
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
