"""Water vapour continuum MT_CKD."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lst_raster.errors import InputNotFoundError
from lst_raster.physics.constants import C2
from lst_raster.reading import reading
from lst_raster.resources import require
from lst_raster.simulator.cross_sections import Float

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

    wavenumber: Float  # Equidistant nodes, ascending [cm-1]
    self_coefficient: Float  # Self continuum at the reference state, without the radiation term [cm2 molecule-1 / cm-1]
    foreign_coefficient: Float
    """Foreign continuum at the reference state, without the radiation term. [cm2 molecule-1 / cm-1]"""
    self_exponent: Float  # Exponent of the self continuum's temperature dependence [1]
    reference_pressure: float  # Pressure of the reference density [hPa]
    reference_temperature: float  # Temperature of the reference density [K]


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
