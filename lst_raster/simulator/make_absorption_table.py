"""Computation of the absorption table: ``lst-raster build absorption``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import CancelledError, InputError, InputNotFoundError
from lst_raster.physics.constants import C2
from lst_raster.reading import reading
from lst_raster.resources import require
from lst_raster.sensors.response import FIRST_WAVENUMBER as FIRST
from lst_raster.sensors.response import LAST_WAVENUMBER as LAST
from lst_raster.simulator.absorption_table import BAND_POINTS, wavenumber_grid
from lst_raster.simulator.cross_sections import Float, LineList, cross_section, read_lines
from lst_raster.simulator.minor_gases import (
    CROSS_SECTION_GASES,
    MINOR_GASES,
    nitric_acid_absorption,
    pseudo_spectrum,
    read_cross_sections,
    read_k_distribution,
)

_VARIABLES = {
    "wavenumber": "wavenumbers",
    "self_coefficient": "self_absco_ref",
    "foreign_coefficient": "for_absco_ref",
    "self_exponent": "self_texp",
    "reference_pressure": "ref_press",
    "reference_temperature": "ref_temp",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Continuum:
    """Coefficients of MT_CKD on nodes of 10 cm-1; arrays of shape (nodes,)."""

    wavenumber: Float  # equidistant nodes, ascending [cm-1]
    self_coefficient: Float  # self continuum at the reference state, without the radiation term [cm2 molecule-1 / cm-1]
    foreign_coefficient: Float
    """Foreign continuum at the reference state, without the radiation term. [cm2 molecule-1 / cm-1]"""
    self_exponent: Float  # exponent of the self continuum's temperature dependence [1]
    reference_pressure: float  # pressure of the reference density [hPa]
    reference_temperature: float  # temperature of the reference density [K]


def read_continuum(path: Path) -> Continuum:
    """Read the continuum file of the MT_CKD authors (``absco-ref_wv-mt-ckd.nc``, versions 4.1 to 4.3).

    Raises InputNotFoundError, InputError for other files, and MissingExtraError without scipy (extra ``tables``).
    """
    if not path.is_file():
        raise InputNotFoundError(f"continuum file {path} not found")
    reader = require("scipy.io", "tables").netcdf_file  # the file is NetCDF 3
    with reading(f"{path} is not an MT_CKD water vapour continuum file"), reader(path, mmap=False) as file:
        values = {name: np.array(file.variables[variable][...], float) for name, variable in _VARIABLES.items()}
    pressure, temperature = (float(values.pop(name)) for name in ("reference_pressure", "reference_temperature"))
    return Continuum(reference_pressure=pressure, reference_temperature=temperature, **values)


def radiation_term(wavenumber: Float, temperature: float) -> Float:
    """Factor for stimulated emission that turns a coefficient into absorption, ``nu tanh(h c nu / 2 k T)``. [cm-1]."""
    return np.asarray(wavenumber * np.tanh(C2 * 1e-4 * wavenumber / (2.0 * temperature)))


def _four_point(values: Float, nodes: Float, wavenumber: Float) -> Float:
    """Four-point cubic interpolation of MT_CKD, continuous in value and slope at the nodes."""
    step = nodes[1] - nodes[0]
    position = (wavenumber - nodes[0]) / step
    index = np.clip(np.floor(position).astype(int), 1, len(nodes) - 3)
    p = position - index
    c = (3.0 - 2.0 * p) * p * p
    b = 0.5 * p * (1.0 - p)
    b1, b2 = b * (1.0 - p), b * p
    inner = values[index] * (1.0 - c + b2) + values[index + 1] * (c + b1)
    return np.asarray(inner - values[index - 1] * b1 - values[index + 2] * b2)


def continuum_cross_sections(continuum: Continuum, wavenumber: Float, temperature: float) -> tuple[Float, Float]:
    """Self and foreign continuum per water molecule at the reference density. [cm2 molecule-1]

    In pure vapour and in dry air of density ``reference_pressure / reference_temperature``; both scale with ``p / T``
    and with the mole fraction of vapour and of dry air respectively. Wavenumber in cm-1, temperature in K.

    References
    ----------
    E. J. Mlawer et al., Phil. Trans. R. Soc. A 370, 2520 (2012), doi:10.1098/rsta.2011.0295;
    E. J. Mlawer et al., J. Quant. Spectrosc. Radiat. Transf. 306, 108645 (2023), doi:10.1016/j.jqsrt.2023.108645
    """
    nodes, ratio = continuum.wavenumber, continuum.reference_temperature / temperature
    radiation = radiation_term(nodes, temperature)  # at the nodes, before interpolation, as in MT_CKD
    self_broadened = continuum.self_coefficient * ratio**continuum.self_exponent * radiation
    foreign = continuum.foreign_coefficient * radiation
    return _four_point(self_broadened, nodes, wavenumber), _four_point(foreign, nodes, wavenumber)


PRESSURE = np.geomspace(1.0, 1100.0, 19)  # pressure nodes [hPa]
HUMID_PRESSURE = PRESSURE[-6:]  # pressure nodes where self broadening counts, from 157 hPa down [hPa]
TEMPERATURE = np.linspace(180.0, 330.0, 9)  # temperature nodes [K]
HUMID_FRACTION = 0.04  # mole fraction of vapour at which self broadening is computed; linear in it between [1]
LINES_FROM = 808.0  # where carbon dioxide changes from the k-distribution to lines [cm-1]
_CONTINUUM_STEP = 1.0  # [cm-1]

Progress = Callable[[int, int], bool]
Tables = dict[str, tuple[tuple[str, ...], NDArray[Any]]]  # variables of the file: their dimensions and values


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSources:
    """The files that an absorption table is made from."""

    water_lines: Path  # HITRAN lines of water vapour
    carbon_dioxide_lines: tuple[Path, ...]  # HITRAN lines of carbon dioxide, one file or one for each isotopologue
    continuum: Path  # MT_CKD water vapour continuum, NetCDF
    k_distribution: Path  # SOCRATES spectral file with 10 cm-1 bands
    cross_sections: tuple[Path, ...]  # HITRAN cross sections of CFC-113, HCFC-22 and carbon tetrachloride


def _node(lines: LineList, remove_pedestal: bool, node: tuple[float, float, float]) -> Float:
    pressure, temperature, fraction = node
    return cross_section(
        lines,
        wavenumber_grid(),
        pressure=pressure,
        temperature=temperature,
        mole_fraction=fraction,
        remove_pedestal=remove_pedestal,
    )


def _nodes(
    lines: LineList, remove_pedestal: bool, nodes: Iterable[tuple[float, float, float]], tick: Callable[[], None]
) -> Float:
    rows = []
    with ProcessPoolExecutor() as pool:
        for row in pool.map(partial(_node, lines, remove_pedestal), nodes):
            rows.append(row)
            tick()
    return np.array(rows)


def _half(rows: Float, scale: Float, shape: tuple[int, ...]) -> NDArray[np.float16]:
    return (rows / scale).astype(np.float16).reshape(*shape, -1)


def _line_tables(sources: TableSources, tick: Callable[[], None]) -> Tables:
    """Line absorption relative to its value near the ground, so that half precision has an error of 0.05 %."""
    water = read_lines(sources.water_lines)
    carbon_dioxide = read_lines(*sources.carbon_dioxide_lines)
    dry = [(float(p), float(t), 0.0) for p, t in product(PRESSURE, TEMPERATURE)]
    humid = [(float(p), float(t), HUMID_FRACTION) for p, t in product(HUMID_PRESSURE, TEMPERATURE)]
    in_dry = _nodes(water, True, dry, tick)
    in_humid = _nodes(water, True, humid, tick)
    other = _nodes(carbon_dioxide, False, dry, tick)
    other[:, wavenumber_grid() < LINES_FROM] = 0.0
    shape = (PRESSURE.size, TEMPERATURE.size)
    humid_shape = (HUMID_PRESSURE.size, TEMPERATURE.size)
    near_ground = (shape[0] - 2) * shape[1] + 6
    water_scale = in_dry[near_ground]
    other_scale = np.where(other[near_ground] > 0.0, other[near_ground], 1.0)
    slope = (in_humid - in_dry[-len(humid) :]) / HUMID_FRACTION
    grid, humid_grid = ("pressure", "temperature", "wavenumber"), ("humid_pressure", "temperature", "wavenumber")
    return {
        "water_scale": (("wavenumber",), water_scale.astype(np.float32)),
        "water": (grid, _half(in_dry, water_scale, shape)),
        "self_broadening": (humid_grid, _half(slope, water_scale, humid_shape)),
        "carbon_dioxide_scale": (("wavenumber",), other_scale.astype(np.float32)),
        "carbon_dioxide": (grid, _half(other, other_scale, shape)),
    }


def _continuum_tables(continuum: Continuum) -> Tables:
    grid = np.arange(FIRST, LAST + _CONTINUUM_STEP / 2, _CONTINUUM_STEP)
    pairs = [continuum_cross_sections(continuum, grid, float(temperature)) for temperature in TEMPERATURE]
    dims = ("temperature", "continuum_wavenumber")
    return {
        "continuum_wavenumber": (("continuum_wavenumber",), grid),
        "self_continuum": (dims, np.array([broadened for broadened, _ in pairs], dtype=np.float32)),
        "foreign_continuum": (dims, np.array([foreign for _, foreign in pairs], dtype=np.float32)),
    }


def _gas_tables(sources: TableSources) -> Tables:
    bands = round((LAST - FIRST) / 10.0)
    coefficients = np.zeros((len(MINOR_GASES), bands, BAND_POINTS))
    scaling = np.tile([1000.0, 250.0, 0.0, 0.0, 0.0], (len(MINOR_GASES), bands, 1))
    for terms in read_k_distribution(sources.k_distribution, FIRST, LAST):
        place = MINOR_GASES.index(terms.gas), terms.band - round(FIRST / 10.0)
        coefficients[place] = pseudo_spectrum(terms, BAND_POINTS)
        scaling[place] = terms.scaling
    spectra = coefficients.reshape(len(MINOR_GASES), -1)
    spectra[MINOR_GASES.index("carbon_dioxide"), wavenumber_grid() >= LINES_FROM] = 0.0
    edges = np.arange(FIRST, LAST + 0.5)  # cells of 1 cm-1: these gases absorb less than a hundredth
    cross_sections = dict(read_cross_sections(path, edges) for path in sources.cross_sections)
    if missing := set(CROSS_SECTION_GASES.values()) - set(cross_sections):
        raise InputError(f"no cross sections of {', '.join(sorted(missing))}; give the HITRAN files of all three gases")
    for gas, values in {**cross_sections, "nitric_acid": nitric_acid_absorption(edges)}.items():
        spectra[MINOR_GASES.index(gas)] = np.repeat(values, spectra.shape[1] // values.size)
    return {
        "gas_coefficients": (("gas", "wavenumber"), spectra.astype(np.float32)),
        "gas_scaling": (("gas", "band", "parameter"), scaling),
    }


def make_table(sources: TableSources, target: Path, progress: Progress | None = None) -> None:
    """Compute the absorption table and write it as NetCDF.

    `progress` is called with completed and total nodes; False stops the run with CancelledError. Raises
    InputNotFoundError, InputError for a source of another format, MissingExtraError without the extra ``tables``, and
    OutputError.
    """
    import h5netcdf

    total = (2 * PRESSURE.size + HUMID_PRESSURE.size) * TEMPERATURE.size
    done = iter(range(1, total + 1))

    def tick() -> None:
        if progress is not None and not progress(next(done), total):
            raise CancelledError("stopped on request")

    continuum = read_continuum(sources.continuum)
    tables = _continuum_tables(continuum) | _gas_tables(sources)
    tables |= {
        name: ((name,), nodes)
        for name, nodes in (("pressure", PRESSURE), ("humid_pressure", HUMID_PRESSURE), ("temperature", TEMPERATURE))
    }
    tables |= _line_tables(sources, tick)
    with atomic_write(target) as temporary, h5netcdf.File(temporary, "w") as file:
        for name, (dims, values) in tables.items():
            file.dimensions.update(
                {dim: size for dim, size in zip(dims, values.shape, strict=True) if dim not in file.dimensions}
            )
            chunks = None if values.ndim < 2 else (*(1 for _ in dims[:-1]), values.shape[-1])
            file.create_variable(
                name, dims, data=values, chunks=chunks, compression="gzip", compression_opts=9, shuffle=True
            )
        file.attrs["gases"] = " ".join(MINOR_GASES)
        file.attrs["continuum_reference_pressure_hPa"] = continuum.reference_pressure
        file.attrs["continuum_reference_temperature_K"] = continuum.reference_temperature
        file.attrs["sources"] = (
            "H2O lines HITRAN 2012; CO2 lines HITRAN; water vapour continuum MT_CKD 4.3; "
            "minor gases SOCRATES 300-band k-distribution, HITRAN cross sections, nitric acid from its band strength; "
            "partition sums TIPS-2021"
        )
