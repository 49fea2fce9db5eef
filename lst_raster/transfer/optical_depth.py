"""From layers to optical depth: one matrix product for each block of 10 cm-1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lst_raster.physics.constants import AVOGADRO, MOLAR_MASS_DRY_AIR, MOLAR_MASS_WATER
from lst_raster.spectroscopy.minor import scaling_factor
from lst_raster.spectroscopy.table import AbsorptionTable, Single, lagrange_weights
from lst_raster.transfer.atmosphere import Layers
from lst_raster.transfer.gases import Composition, mass_mixing_ratio, mole_fraction
from lst_raster.transfer.response import Float

_PER_CM2 = 1e-4  # m-2 to cm-2


def _grid_weights(pressure: Float, temperature: Float, nodes: Float, table: AbsorptionTable) -> Float:
    """Interpolation weights over (pressure, temperature) nodes, cubic in ln p and in T, shape (layers, nodes)."""
    by_pressure = lagrange_weights(np.log(np.clip(pressure, nodes[0], nodes[-1])), np.log(nodes))
    by_temperature = lagrange_weights(temperature, table.temperature)
    return np.asarray((by_pressure[:, :, None] * by_temperature[:, None, :]).reshape(len(pressure), -1))


def _row_weights(layers: Layers, composition: Composition, table: AbsorptionTable) -> Single:
    """Molecules per cm2 in each layer, spread over the rows of the table, shape (layers, rows)."""
    water = layers.water / MOLAR_MASS_WATER * AVOGADRO * _PER_CM2
    moles = layers.dry_air / MOLAR_MASS_DRY_AIR
    carbon_dioxide = moles * mole_fraction("carbon_dioxide", composition.year) * AVOGADRO * _PER_CM2
    density = (layers.water_pressure / table.reference_pressure) * (
        table.reference_temperature / layers.water_temperature
    )
    continuum = (water * density * composition.continuum_scaling)[:, None] * lagrange_weights(
        layers.water_temperature, table.temperature
    )
    fraction = layers.water_fraction[:, None]
    state = layers.water_pressure, layers.water_temperature
    taking_part = {
        "water": ("water_lines", water[:, None] * _grid_weights(*state, table.pressure, table)),
        "self_broadening": (
            "water_lines",
            fraction * water[:, None] * _grid_weights(*state, table.humid_pressure, table),
        ),
        "self_continuum": ("water_continuum", fraction * continuum),
        "foreign_continuum": ("water_continuum", (1.0 - fraction) * continuum),
        "carbon_dioxide": (
            "carbon_dioxide",
            carbon_dioxide[:, None] * _grid_weights(layers.pressure, layers.temperature, table.pressure, table),
        ),
    }
    rows = np.zeros((len(water), table.coefficients.shape[1]), dtype=np.float32)
    for name, part in table.row_slices.items():
        absorber, weights = taking_part[name]
        if absorber in composition.absorbers:
            rows[:, part] = weights
    return rows


def _gas_amounts(layers: Layers, composition: Composition, table: AbsorptionTable) -> Single:
    """Minor gases scaled to the reference state of their terms, shape (blocks, layers, gases). [kg m-2]."""
    amounts = [
        layers.ozone if gas == "ozone" else layers.dry_air * mass_mixing_ratio(gas, composition.year)
        for gas in table.gases
    ]
    factor = scaling_factor(
        table.gas_scaling[:, None, :, :], layers.pressure[None, :, None], layers.temperature[None, :, None]
    )
    taking_part = float("minor_gases" in composition.absorbers)
    return (taking_part * np.stack(amounts, axis=1) * factor).astype(np.float32)


def optical_depth_blocks(
    layers: Layers, composition: Composition, table: AbsorptionTable, blocks: Sequence[int] | None = None
) -> Iterator[Single]:
    """Vertical optical depth of the layers, one block of 10 cm-1 after the other.

    Parameters
    ----------
    layers : Layers
        The atmosphere.
    composition : Composition
        What absorbs besides water vapour.
    table : AbsorptionTable
        Absorption coefficients.
    blocks : sequence of int, optional
        Which blocks, counted from 0 at 760 cm-1; all by default.

    Yields
    ------
    array of shape (layers, 1000)
        Optical depth of each layer along the vertical; 24 blocks cover 760 to 1000 cm-1. [1]
    """
    rows = _row_weights(layers, composition, table)
    gases = _gas_amounts(layers, composition, table)
    aerosol = np.zeros((len(layers.aerosol), 1), dtype=np.float32)
    if "aerosol" in composition.absorbers:
        aerosol[:, 0] = composition.aerosol_optical_depth * layers.aerosol
    for block in range(len(table.coefficients)) if blocks is None else blocks:
        depth = rows @ table.coefficients[block]
        depth += gases[block] @ table.gas_coefficients[block]
        depth += aerosol
        yield np.maximum(depth, 0.0)  # cubic interpolation may dip below zero where nothing absorbs
