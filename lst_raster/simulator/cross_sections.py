"""Absorption cross sections from HITRAN line lists: Voigt line shapes and partition functions."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.constants import AVOGADRO, BOLTZMANN, C2, SPEED_OF_LIGHT, STANDARD_PRESSURE
from lst_raster.reading import reading
from lst_raster.resources import require

Float = NDArray[np.float64]

_ISOTOPOLOGUE_CODES = "1234567890AB"  # HITRAN writes the tenth as 0, the eleventh as A
_FIELDS = {
    "wavenumber": slice(3, 15),
    "intensity": slice(15, 25),
    "air_width": slice(35, 40),
    "self_width": slice(40, 45),
    "lower_energy": slice(45, 55),
    "temperature_exponent": slice(55, 59),
    "pressure_shift": slice(59, 67),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LineList:
    """Spectral lines of one molecule; every array has shape (lines,)."""

    molecule: int  # HITRAN molecule number: 1 water vapour, 2 carbon dioxide
    isotopologue: NDArray[np.int64]  # HITRAN isotopologue number, 1 for the most abundant
    wavenumber: Float  # line centre in vacuum [cm-1]
    intensity: Float  # intensity at 296 K, weighted with the natural abundance [cm-1 / (molecule cm-2)]
    air_width: Float  # air-broadened half width at half maximum at 296 K [cm-1 atm-1]
    self_width: Float  # self-broadened half width at 296 K [cm-1 atm-1]
    lower_energy: Float  # energy of the lower state [cm-1]
    temperature_exponent: Float  # exponent of the temperature dependence of the air width [1]
    pressure_shift: Float  # pressure shift in air [cm-1 atm-1]

    def __len__(self) -> int:
        return len(self.wavenumber)


def read_lines(*paths: Path) -> LineList:
    """Read the lines of one molecule from HITRAN files of 160-character records, sorted by wavenumber.

    Raises InputNotFoundError, and InputError for another format or for several molecules.

    References
    ----------
    L. S. Rothman et al., J. Quant. Spectrosc. Radiat. Transf. 96, 139 (2005), doi:10.1016/j.jqsrt.2004.10.008
    """
    records = [line for path in paths for line in _records(path)]
    try:
        molecules = {int(line[:2]) for line in records}
        isotopologue = np.array([_ISOTOPOLOGUE_CODES.index(line[2]) + 1 for line in records])
        fields = {name: np.array([float(line[part]) for line in records]) for name, part in _FIELDS.items()}
    except (ValueError, IndexError) as error:
        raise InputError(f"{paths[0]} is not a HITRAN line file of 160-character records: {error}") from error
    if len(molecules) != 1:
        raise InputError(f"expected the lines of one molecule, found HITRAN molecules {sorted(molecules)}")
    order = np.argsort(fields["wavenumber"], kind="stable")
    return LineList(
        molecule=molecules.pop(),
        isotopologue=isotopologue[order],
        **{name: values[order] for name, values in fields.items()},
    )


def _records(path: Path) -> list[str]:
    if not path.is_file():
        raise InputNotFoundError(f"line file {path} not found")
    with reading(f"{path} is not a HITRAN line file of 160-character records"):
        return [line for line in path.read_text().splitlines() if len(line) > 66]


REFERENCE_TEMPERATURE = 296.0  # temperature of HITRAN's intensities and widths [K]


@cache
def _hapi() -> ModuleType:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # prints a banner on import
        warnings.simplefilter("ignore")
        return require("hapi", "tables")


@cache
def partition_ratio(molecule: int, isotopologue: int, temperature: float) -> float:
    """Ratio of the partition sums at 296 K and at a temperature [K], which scales line intensities. [1]

    Molecule and isotopologue are HITRAN numbers. Raises MissingExtraError without hitran-api.

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


WING_CUT = 25.0  # cut-off distance from the line centre, as assumed by MT_CKD [cm-1]
_CORE = 0.3  # [cm-1], beyond it a Voigt profile equals its Lorentz wing within 2e-5 at terrestrial temperatures
_C2_CM = C2 * 1e-4  # second radiation constant [cm K]


def _broaden(lines: LineList, pressure: float, temperature: float, fraction: float) -> tuple[Float, ...]:
    """Centre, intensity, Lorentz and Doppler width of lines [cm-1, cm2]; pressure in hPa, temperature in K."""
    kinds = lines.isotopologue.tolist()
    ratio = np.array([partition_ratio(lines.molecule, kind, temperature) for kind in kinds])
    mass = np.array([molecular_mass(lines.molecule, kind) for kind in kinds]) * 1e-3 / AVOGADRO
    boltzmann = np.exp(-_C2_CM * lines.lower_energy * (1.0 / temperature - 1.0 / REFERENCE_TEMPERATURE))
    stimulated = np.expm1(-_C2_CM * lines.wavenumber / temperature) / np.expm1(
        -_C2_CM * lines.wavenumber / REFERENCE_TEMPERATURE
    )
    atmospheres = pressure / STANDARD_PRESSURE
    width = lines.air_width * (1.0 - fraction) + lines.self_width * fraction
    centre = lines.wavenumber + lines.pressure_shift * atmospheres
    lorentz = width * atmospheres * (REFERENCE_TEMPERATURE / temperature) ** lines.temperature_exponent
    doppler = lines.wavenumber * np.sqrt(2.0 * BOLTZMANN * temperature / mass) / SPEED_OF_LIGHT
    return centre, lines.intensity * ratio * boltzmann * stimulated, lorentz, doppler


def cross_section(
    lines: LineList,
    wavenumber: Float,
    *,
    pressure: float,
    temperature: float,
    mole_fraction: float = 0.0,
    remove_pedestal: bool = False,
) -> Float:
    """Absorption cross section of a gas, summed over its lines, on an equidistant grid [cm-1]. [cm2 molecule-1]

    Voigt profiles, cut off 25 cm-1 from the line centre, at a pressure [hPa], a temperature [K] and a mole fraction of
    the absorber, for self broadening [1]. With `remove_pedestal` (water vapour) each profile is reduced by its value at
    the cut-off, which is included in the MT_CKD continuum. Raises MissingExtraError without scipy or hitran-api (extra
    ``tables``).

    References
    ----------
    L. S. Rothman et al., J. Quant. Spectrosc. Radiat. Transf. 60, 665 (1998), doi:10.1016/S0022-4073(98)00078-8,
    appendix A; S. A. Clough et al., Atmos. Res. 23, 229 (1989), doi:10.1016/0169-8095(89)90020-3, for the pedestal.
    """
    wofz = require("scipy.special", "tables").wofz
    broadened = _broaden(lines, pressure, temperature, mole_fraction)
    total = np.zeros_like(wavenumber)
    centres = broadened[0]
    ends = np.searchsorted(wavenumber, [centres - WING_CUT, centres + WING_CUT])
    cores = np.searchsorted(wavenumber, [centres - _CORE, centres + _CORE])
    rows = zip(*broadened, *ends, *cores, strict=True)
    for centre, intensity, lorentz, doppler, low, high, left, right in rows:
        if low == high:
            continue
        scale = intensity * lorentz / np.pi
        pedestal = scale / (WING_CUT**2 + lorentz**2) if remove_pedestal else 0.0
        distance = wavenumber[low:high] - centre
        wing = scale / (distance * distance + lorentz**2)
        core = slice(left - low, right - low)
        voigt = wofz((distance[core] + 1j * lorentz) / doppler).real
        wing[core] = intensity * voigt / (doppler * np.sqrt(np.pi))
        total[low:high] += wing - pedestal
    return total
