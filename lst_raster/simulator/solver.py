"""Radiative transfer through a layered atmosphere: optical depths and radiances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lst_raster.physics.constants import AVOGADRO, MOLAR_MASS_DRY_AIR, MOLAR_MASS_WATER
from lst_raster.sensors.response import Float
from lst_raster.simulator.absorption_table import AbsorptionTable, Single, lagrange_weights
from lst_raster.simulator.atmosphere import Layers
from lst_raster.simulator.gases import Composition, mass_mixing_ratio, mole_fraction, standard_profile
from lst_raster.simulator.minor_gases import scaling_factor

_PER_CM2 = 1e-4  # m-2 to cm-2


def _grid_weights(pressure: Float, temperature: Float, nodes: Float, table: AbsorptionTable) -> Float:
    """Interpolation weights over (pressure, temperature) nodes, cubic in ln p and in T, shape (layers, nodes)."""
    by_pressure = lagrange_weights(np.log(np.clip(pressure, nodes[0], nodes[-1])), np.log(nodes))
    by_temperature = lagrange_weights(temperature, table.temperature)
    return np.asarray((by_pressure[:, :, None] * by_temperature[:, None, :]).reshape(len(pressure), -1))


def _row_weights(layers: Layers, composition: Composition, table: AbsorptionTable) -> Single:
    """Molecules per cm2 in each layer, weighted for the rows of the table, shape (layers, rows)."""
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
    absorbers = {
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
        absorber, weights = absorbers[name]
        if absorber in composition.absorbers:
            rows[:, part] = weights
    return rows


def _gas_amounts(layers: Layers, composition: Composition, table: AbsorptionTable) -> Single:
    """Amounts of minor gases scaled to their reference state, shape (blocks, layers, gases). [kg m-2]."""
    profiles = {
        "ozone": layers.ozone,
        "nitric_acid": layers.dry_air * standard_profile("nitric_acid", layers.pressure),
    }
    amounts = [
        profiles[gas] if gas in profiles else layers.dry_air * mass_mixing_ratio(gas, composition.year)
        for gas in table.gases
    ]
    factor = scaling_factor(
        table.gas_scaling[:, None, :, :], layers.pressure[None, :, None], layers.temperature[None, :, None]
    )
    included = float("minor_gases" in composition.absorbers)
    return (included * np.stack(amounts, axis=1) * factor).astype(np.float32)


def optical_depth_blocks(
    layers: Layers, composition: Composition, table: AbsorptionTable, blocks: Sequence[int] | None = None
) -> Iterator[Single]:
    """Vertical optical depth of each layer in blocks of 10 cm-1, arrays of shape (layers, 1000). [1]

    `blocks` are block numbers, counted from 0 at 760 cm-1; default all 24, which cover 760 to 1000 cm-1.
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
        yield np.maximum(depth, 0.0)  # cubic interpolation may give small negative values


STREAMS = 4  # number of directions of the Gauss-Legendre quadrature over the hemisphere


class Spectrum(NamedTuple):
    """Spectral result of one atmosphere; arrays of shape (points,)."""

    transmittance: Single  # along the view path [1]
    upwelling: Single  # upwelling radiance [W m-2 sr-1 um-1]
    downwelling: Single  # hemispheric mean of the downwelling radiance [W m-2 sr-1 um-1]


def hemisphere(streams: int = STREAMS) -> tuple[Single, Single]:
    """Cosines of the zenith angle and weights of the hemispheric mean, ``2 * integral of L(mu) mu d mu`` from 0 to 1.

    Gauss-Legendre quadrature; both arrays have the shape (streams,), and the weights sum to one.
    """
    rule: Single = np.array(np.polynomial.legendre.leggauss(streams), dtype=np.float32)
    cosine = np.asarray(0.5 * (rule[0] + 1.0), dtype=np.float32)
    return cosine, np.asarray(rule[1] * cosine, dtype=np.float32)


def _emission(slant: Single, planck_entry: Single, planck_change: Single) -> tuple[Single, Single]:
    """Transmission of each layer, and the radiance that it emits at the exit of the path.

    `planck_entry` is the Planck radiance at the entry of the path, `planck_change` the change from entry to exit.
    """
    transmission = np.exp(-slant)
    absorption = 1.0 - transmission
    # Weight 1 - (1 - exp(-s)) / s of the change, by its series for small s.
    series = slant * (0.5 - slant * (np.float32(1.0 / 6.0) - slant * np.float32(1.0 / 24.0)))
    weight = np.where(slant < 0.03, series, 1.0 - absorption / np.maximum(slant, np.float32(1e-3)))
    emission = absorption * planck_entry + weight * planck_change
    return transmission, np.asarray(emission, dtype=np.float32)


def _accumulate(transmission: Single, emission: Single) -> Single:
    """Radiance at the end of a path through layers in the order of propagation."""
    radiance: Single = np.zeros_like(emission[0])
    for layer_transmission, layer_emission in zip(transmission, emission, strict=True):
        radiance *= layer_transmission
        radiance += layer_emission
    return radiance


def solve(
    optical_depth: Single,
    planck: Single,
    *,
    view_cosine: float = 1.0,
    down_cosines: Single | None = None,
    down_weights: Single | None = None,
) -> Spectrum:
    """Transmittance and path radiances of a stack of layers, with the Planck function linear in optical depth in each.

    `optical_depth` is that of each layer from the ground up, vertical, (layers, points) [1]; `planck` is the Planck
    radiance at their boundaries, (layers + 1, points) [W m-2 sr-1 um-1]; `view_cosine` is the cosine of the view zenith
    angle; `down_cosines` and `down_weights` are the directions of the downwelling radiance, (streams,), by default
    `hemisphere`.

    References
    ----------
    S. A. Clough, M. J. Iacono and J.-L. Moncet, J. Geophys. Res. 97, 15761 (1992), doi:10.1029/92JD01419
    """
    if down_cosines is None or down_weights is None:
        down_cosines, down_weights = hemisphere()
    view = np.float32(view_cosine)
    upward = _emission(optical_depth / view, planck[:-1], np.diff(planck, axis=0))
    upwelling = _accumulate(*upward)
    slant = (optical_depth / down_cosines[:, None, None]).swapaxes(0, 1)[::-1]  # from the top, (layers, streams, ...)
    downward = _emission(slant, planck[:0:-1, None], np.diff(planck[::-1], axis=0)[:, None])
    downwelling = _accumulate(*downward)
    return Spectrum(
        transmittance=np.exp(-optical_depth.sum(axis=0) / view),
        upwelling=upwelling,
        downwelling=np.asarray(down_weights @ downwelling),
    )
