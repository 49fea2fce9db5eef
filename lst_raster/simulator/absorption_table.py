"""Absorption coefficients on a grid of pressure, temperature and wavenumber, and their interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputNotFoundError
from lst_raster.resources import data_path
from lst_raster.sensors.response import FIRST_WAVENUMBER, LAST_WAVENUMBER, WAVENUMBER_STEP
from lst_raster.simulator.cross_sections import Float

Single = NDArray[np.float32]
BAND_POINTS = 1000  # points of a 10 cm-1 block; spectra are computed in blocks


def wavenumber_grid() -> Float:
    """Centres of the 0.01 cm-1 cells between 760 and 1000 cm-1, shape (24000,). [cm-1]."""
    return np.asarray(
        FIRST_WAVENUMBER
        + WAVENUMBER_STEP * (np.arange(round((LAST_WAVENUMBER - FIRST_WAVENUMBER) / WAVENUMBER_STEP)) + 0.5),
        dtype=np.float64,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AbsorptionTable:
    """Absorption coefficients in 24 blocks of 10 cm-1 (1,000 points), for matrix products.

    Rows of `coefficients`: water vapour lines in dry air (pressure x temperature nodes), their change per mole fraction
    of vapour due to self broadening (humid pressure x temperature nodes), self continuum and foreign continuum
    (temperature nodes), carbon dioxide lines (pressure x temperature nodes).
    """

    pressure: Float  # pressure nodes, ascending [hPa]
    humid_pressure: Float  # pressure nodes of the self broadening, ascending [hPa]
    temperature: Float  # temperature nodes, ascending [K]
    reference_pressure: float  # pressure of the continuum's reference density [hPa]
    reference_temperature: float  # temperature of the continuum's reference density [K]
    coefficients: Single  # cross sections, shape (24, rows, 1000) [cm2 molecule-1]
    gases: tuple[str, ...]  # names of the minor gases
    gas_coefficients: Single  # minor gases at their reference state, shape (24, gases, 1000) [m2 kg-1]
    gas_scaling: Float  # parameters of `scaling_factor`, shape (24, gases, 5)
    sources: str  # sources of the table

    @property
    def row_slices(self) -> dict[str, slice]:
        """Rows of `coefficients` by absorber."""
        dry, humid = len(self.pressure) * len(self.temperature), len(self.humid_pressure) * len(self.temperature)
        sizes = {
            "water": dry,
            "self_broadening": humid,
            "self_continuum": len(self.temperature),
            "foreign_continuum": len(self.temperature),
            "carbon_dioxide": dry,
        }
        ends = np.cumsum(list(sizes.values())).tolist()
        return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


def lagrange_weights(position: Float, nodes: Float) -> Float:
    """Weights of a four-point (cubic) Lagrange interpolation, shape (positions, nodes); nodes are ascending.

    The outermost cubic extrapolates.

    Examples
    --------
    >>> nodes = np.arange(6.0)
    >>> np.round(lagrange_weights(np.array([2.5]), nodes) @ nodes**3, 6)
    array([15.625])
    """
    first = np.clip(np.searchsorted(nodes, position) - 2, 0, len(nodes) - 4)
    columns = first[:, None] + np.arange(4)
    near = nodes[columns]
    distance = position[:, None] - near
    weights = np.ones_like(near)
    for node in range(4):
        for other in range(4):
            if node != other:
                weights[:, node] *= distance[:, other] / (near[:, node] - near[:, other])
    dense = np.zeros((len(position), len(nodes)))
    np.put_along_axis(dense, columns, weights, axis=1)
    return dense


def _blocks(rows: Single) -> Single:
    """Reshape (rows, points) into (blocks, rows, block points), contiguous."""
    count = rows.shape[-1] // BAND_POINTS
    return np.ascontiguousarray(rows.reshape(-1, count, BAND_POINTS).transpose(1, 0, 2))


def read_table(path: Path) -> AbsorptionTable:
    """Read an absorption table (NetCDF) written by ``lst-raster build absorption``."""
    import h5netcdf

    if not path.is_file():
        raise InputNotFoundError(f"absorption table {path} not found")
    with h5netcdf.File(path, "r") as file:
        arrays = {name: np.asarray(variable[...]) for name, variable in file.variables.items()}
        attributes = dict(file.attrs)
    grid = wavenumber_grid()
    lines = [
        arrays[name].reshape(-1, grid.size).astype(np.float32) * arrays[f"{scale}_scale"]
        for name, scale in (("water", "water"), ("self_broadening", "water"), ("carbon_dioxide", "carbon_dioxide"))
    ]
    continua = [
        np.array([np.interp(grid, arrays["continuum_wavenumber"], row) for row in arrays[name]], dtype=np.float32)
        for name in ("self_continuum", "foreign_continuum")
    ]
    return AbsorptionTable(
        pressure=arrays["pressure"],
        humid_pressure=arrays["humid_pressure"],
        temperature=arrays["temperature"],
        reference_pressure=float(attributes["continuum_reference_pressure_hPa"]),
        reference_temperature=float(attributes["continuum_reference_temperature_K"]),
        coefficients=_blocks(np.concatenate([lines[0], lines[1], *continua, lines[2]])),
        gases=tuple(str(attributes["gases"]).split()),
        gas_coefficients=_blocks(arrays["gas_coefficients"]),
        gas_scaling=arrays["gas_scaling"].transpose(1, 0, 2),
        sources=str(attributes["sources"]),
    )


@cache
def packaged_table() -> AbsorptionTable:
    """Packaged absorption table, read once per process."""
    return read_table(data_path("absorption", "absorption.nc"))
