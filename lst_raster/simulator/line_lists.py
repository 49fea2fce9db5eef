"""Line lists in the 160-character format of HITRAN."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.reading import reading

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
    wavenumber: Float  # Line centre in vacuum [cm-1]
    intensity: Float  # Intensity at 296 K, weighted with the natural abundance [cm-1 / (molecule cm-2)]
    air_width: Float  # Air-broadened half width at half maximum at 296 K [cm-1 atm-1]
    self_width: Float  # Self-broadened half width at 296 K [cm-1 atm-1]
    lower_energy: Float  # Energy of the lower state [cm-1]
    temperature_exponent: Float  # Exponent of the temperature dependence of the air width [1]
    pressure_shift: Float  # Pressure shift in air [cm-1 atm-1]

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
