"""Total internal partition sums, needed only when absorption tables are built."""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import cache
from types import ModuleType

from lst_raster._resources import require

REFERENCE_TEMPERATURE = 296.0
"""Temperature of HITRAN's intensities and widths. [K]"""


@cache
def _hapi() -> ModuleType:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it greets on import
        warnings.simplefilter("ignore")
        return require("hapi", "tables")


@cache
def partition_ratio(molecule: int, isotopologue: int, temperature: float) -> float:
    """Partition sum at 296 K over that at a temperature: the factor by which intensities scale.

    Parameters
    ----------
    molecule, isotopologue : int
        HITRAN numbers.
    temperature : float
        Temperature. [K]

    Returns
    -------
    float
        ``Q(296) / Q(T)``. [1]

    Raises
    ------
    MissingExtraError
        hitran-api, which carries the sums, is not installed.

    References
    ----------
    R. R. Gamache et al., J. Quant. Spectrosc. Radiat. Transf. 271, 107713 (2021), doi:10.1016/j.jqsrt.2021.107713
    """
    total = _hapi().partitionSum
    return float(total(molecule, isotopologue, REFERENCE_TEMPERATURE) / total(molecule, isotopologue, temperature))


@cache
def molecular_mass(molecule: int, isotopologue: int) -> float:
    """Molar mass of an isotopologue. [g mol-1]."""
    return float(_hapi().molecularMass(molecule, isotopologue))
