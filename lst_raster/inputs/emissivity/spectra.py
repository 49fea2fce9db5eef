"""Emissivity spectra of surfaces, and the band emissivities of components made from them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.tables import BandTable, band_table
from lst_raster.physics.planck import planck_radiance
from lst_raster.reading import reading
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band, sensor_names
from lst_raster.sensors.response import load_response

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
    with reading(
        f"{path} is not a table of numbers", "give wavelength [um] and a column for each spectrum", (csv.Error,)
    ):
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        table = np.array(rows, dtype=np.float64)
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
    with atomic_write(output) as temporary:
        temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return output


_PREDICTORS = ("landsat5-b6", "landsat8-b10")
_CLASSES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "soil": tuple(
        ("soil", name)
        for name in ("Alfisol", "Aridisol", "Entisol", "Inceptisol", "Mollisol", "Spodosol", "Utisol", "Vertisol")
    ),
    "rock": (("rock", "Igneous"), ("rock", "Metamorphic"), ("rock", "Sedimentary")),
    "built": (("manmade", "Concrete"), ("manmade", "Road"), ("manmade", "Roofing Material")),
    "water": (("Water", "Distilled Water"), ("Water", "Sea Water"), ("Water", "Tap Water")),
    "snow": (("Water", "Snow"),),
}
_LEAST = 0.005  # standard uncertainty at least: roughness, view angle, a laboratory sample for a pixel
_COLUMNS = ("sensor", "component", "emissivity", "uncertainty", "spectra")


def make_components(index: Path, urban_spectra: Path, output: Path) -> Path:
    """Write the table.

    Of a component the mean over the library's spectra is taken, and as its standard uncertainty their standard
    deviation, but not less than 0.005. Bands that the index lacks come from a linear fit, without constant, to two
    that it has, over the spectra of SLUM. Vegetation is the closed canopy of the published band tables: single leaves,
    which the library holds, emit less than a canopy.

    Parameters
    ----------
    index : path
        Band emissivities of the ECOSTRESS library's spectra, CSV.
    urban_spectra : path
        Spectral Library of Impervious Urban Materials, CSV: wavelength [um], then a column for each spectrum.
    output : path
        File to write.

    Raises
    ------
    InputError
        A file lacks a column or a class.
    """
    library = _read_index(index)
    weights = _fits(urban_spectra)
    rows = [row for sensor in (*_indexed(), *_fitted()) for row in _rows(sensor, library, weights)]
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
    return output


def _indexed() -> dict[str, str]:
    """Column of the library's index, by sensor band."""
    columns = {name: sensor_band(name).emissivity_index for name in sensor_names()}
    return {name: column for name, column in columns.items() if column is not None}


def _fitted() -> list[str]:
    """Sensor bands that the index lacks."""
    return [name for name in sensor_names() if sensor_band(name).emissivity_index is None]


def _read_index(path: Path) -> dict[str, dict[str, Float]]:
    """Emissivity of every spectrum, by component and indexed band."""
    unreadable = reading(f"{path} is not a table of text", "give the index of the ECOSTRESS library", (csv.Error,))
    with unreadable, path.open(newline="", encoding="utf-8") as file:
        entries = list(csv.DictReader(file))
    library = {}
    for component, classes in _CLASSES.items():
        chosen = [entry for entry in entries if (entry.get("type"), entry.get("class")) in classes]
        if not chosen:
            raise InputError(f"{path} has no spectra of {component}; give the index of the ECOSTRESS library")
        library[component] = {
            sensor: np.array([float(entry[column]) for entry in chosen]) for sensor, column in _indexed().items()
        }
    return library


def _fits(path: Path) -> dict[str, Float]:
    """Weights of the predictors for every band that the index lacks."""
    with reading(f"{path} is not a table of spectra", "give LUMA_SLUM_IR.csv"):
        table = np.genfromtxt(path, delimiter=",", skip_header=1)
    if table.ndim != 2 or table.shape[1] < 3:
        raise InputError(f"{path} is not a table of spectra; give LUMA_SLUM_IR.csv")
    bands = {sensor: _band_means(table[:, 0], table[:, 1:], sensor) for sensor in (*_PREDICTORS, *_fitted())}
    predictors = np.column_stack([bands[sensor] for sensor in _PREDICTORS])
    return {
        sensor: np.asarray(np.linalg.lstsq(predictors, bands[sensor], rcond=None)[0], float) for sensor in _fitted()
    }


def _band_means(wavelength: Float, spectra: Float, sensor: str) -> Float:
    """Emissivity of every spectrum in a band, weighted as the radiance of a black body at 300 K."""
    response = load_response(sensor)
    weights = response.value * planck_radiance(np.float64(300.0), response.wavelength)
    columns: Iterable[Float] = spectra.T
    means = [np.average(np.interp(response.wavelength, wavelength, column), weights=weights) for column in columns]
    return np.array(means)


def _rows(
    sensor: str, library: Mapping[str, Mapping[str, Float]], weights: Mapping[str, Float]
) -> list[tuple[str, str, str, str, int]]:
    rows = []
    for component, bands in library.items():
        values = bands[sensor] if sensor in bands else weights[sensor] @ np.array([bands[x] for x in _PREDICTORS])
        spread = max(float(values.std()), _LEAST)
        rows.append((sensor, component, f"{values.mean():.4f}", f"{spread:.4f}", values.size))
    table: BandTable = band_table(sensor)
    canopy = table.aster.vegetation if table.aster else table.vegetation
    rows.append((sensor, "vegetation", f"{canopy:.4f}", f"{_LEAST:.4f}", 0))
    return rows
