"""Emissivity spectra of materials, where a band has one number."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster._files import written_whole
from lst_raster._resources import data_path
from lst_raster.errors import InputError, InputNotFoundError

Float = NDArray[np.float64]

SLUM_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "A": "asphalt",
        "B": "brick",
        "C": "concrete and cement",
        "G": "granite",
        "L": "roofing shingle",
        "R": "roofing tile",
        "S": "sandstone and limestone",
        "V": "PVC roofing sheet",
        "X": "quartzite conglomerate",
        "Z": "metal",
    }
)
"""Kinds of material in the Spectral Library of Impervious Urban Materials, by the first letter of a spectrum's name."""

_KEPT = (9.9, 13.3)  # [um], a little wider than every band
_DIGITS = 4  # after the point: the library's own uncertainty is some 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class EmissivitySpectra:
    """Emissivity of materials by wavelength.

    Raises
    ------
    InputError
        At birth: shapes differ, wavelengths do not rise, or an emissivity lies outside (0, 1].
    """

    wavelength: Float
    """Wavelength, rising, shape (points,). [um]"""
    emissivity: Float
    """Emissivity, shape (spectra, points). [1]"""
    names: tuple[str, ...]
    """Names of the spectra."""
    kinds: tuple[str, ...]
    """Kind of material of each."""

    def __post_init__(self) -> None:
        shape = (len(self.names), self.wavelength.size)
        if self.emissivity.shape != shape or len(self.kinds) != shape[0]:
            found = f"{self.emissivity.shape} with {len(self.kinds)} kinds"
            raise InputError(f"emissivity has shape {found}, names and wavelengths {shape}; give one row a name")
        if self.wavelength.size < 2 or not np.all(np.diff(self.wavelength) > 0.0):
            raise InputError("wavelengths of the emissivity spectra do not rise; sort them")
        if not (np.all(self.emissivity > 0.0) and np.all(self.emissivity <= 1.0)):
            raise InputError("an emissivity lies outside (0, 1]; give fractions, not percent, and no gaps")

    def at(self, wavelength: Float) -> Float:
        """Emissivity at other wavelengths, linear between, shape (spectra, wavelengths).

        Parameters
        ----------
        wavelength : array of shape (wavelengths,)
            Wavelengths. [um]

        Raises
        ------
        InputError
            They lie outside those of the spectra.
        """
        low, high = float(wavelength.min()), float(wavelength.max())
        if low < self.wavelength[0] or high > self.wavelength[-1]:
            raise InputError(
                f"the spectra reach from {self.wavelength[0]:.2f} to {self.wavelength[-1]:.2f} um, "
                f"{low:.2f} to {high:.2f} um are needed; give wider ones"
            )
        return np.stack([np.interp(wavelength, self.wavelength, one) for one in self.emissivity])


def read_spectra(path: Path, kinds: Mapping[str, str] = SLUM_KINDS) -> EmissivitySpectra:
    """Read emissivity spectra from a table.

    Parameters
    ----------
    path : Path
        Comma-separated values: wavelength [um], then a column for each spectrum, its name in the header.
    kinds : mapping
        Kind of material by the first letter of a name; one with another first letter is of the kind "other".

    Returns
    -------
    EmissivitySpectra
        The spectra.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is not such a table.
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a table of emissivity spectra (.csv)")
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    try:
        table = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path} is not a table of numbers ({error})") from error
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[1] != len(header):
        raise InputError(f"{path} is not a table of spectra; give wavelength [um] and a column for each spectrum")
    return EmissivitySpectra(
        wavelength=table[:, 0],
        emissivity=table[:, 1:].T.copy(),
        names=tuple(header[1:]),
        kinds=tuple(kinds.get(name[:1], "other") for name in header[1:]),
    )


def packaged_spectra() -> EmissivitySpectra:
    """Spectra of the package: 74 impervious urban materials between 9.9 and 13.3 um."""
    return read_spectra(data_path("emissivity", "slum.csv"))


def crop_spectra(source: Path, output: Path) -> Path:
    """Write the part of a library that the sensor bands see: 9.9 to 13.3 um, four digits.

    Parameters
    ----------
    source : Path
        Table as for `read_spectra`.
    output : Path
        File to write.

    Returns
    -------
    Path
        That file.

    Raises
    ------
    InputNotFoundError, InputError
        As `read_spectra`.
    OutputError
        It cannot be written.
    """
    spectra = read_spectra(source)
    low, high = _KEPT
    kept = np.flatnonzero((spectra.wavelength >= low) & (spectra.wavelength <= high))
    rows = [",".join(("wavelength_um", *spectra.names))]
    for index in kept:
        values = (f"{value:.{_DIGITS}f}" for value in spectra.emissivity[:, index])
        rows.append(",".join((f"{spectra.wavelength[index]:.4f}", *values)))
    with written_whole(output) as temporary:
        temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return output
