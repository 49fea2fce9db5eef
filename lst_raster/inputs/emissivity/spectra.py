"""Emissivity spectra of surfaces, and the band emissivities of components derived from them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.tables import band_table
from lst_raster.physics.planck import planck_radiance
from lst_raster.reading import reading
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band, sensor_names
from lst_raster.sensors.response import load_response

Float = NDArray[np.float64]

SLUM_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "A": "asphalt", "B": "brick", "C": "concrete and cement", "G": "granite", "L": "roofing shingle",
        "R": "roofing tile", "S": "sandstone and limestone", "V": "PVC roofing sheet", "X": "quartzite conglomerate",
        "Z": "metal",
    }
)  # fmt: skip
"""Materials of the Spectral Library of Impervious Urban Materials, by the first letter of a spectrum's name."""

_CROP = (9.9, 13.3)  # [um], slightly wider than all sensor bands
_DECIMALS = 4  # the uncertainty of the library is about 0.01
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
_MIN_UNCERTAINTY = 0.005  # for roughness, view angle, and a laboratory sample in place of a pixel
_COLUMNS = ("sensor", "component", "emissivity", "uncertainty", "spectra")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmissivitySpectra:
    """Emissivity of materials by wavelength; raises InputError for inconsistent shapes and impossible values."""

    wavelength: Float  # Wavelength, ascending, shape (points,) [um]
    emissivity: Float  # Emissivity, shape (spectra, points) [1]
    names: tuple[str, ...]  # Names of the spectra
    kinds: tuple[str, ...]  # Material of each

    def __post_init__(self) -> None:
        shape = (len(self.names), self.wavelength.size)
        if self.emissivity.shape != shape or len(self.kinds) != shape[0]:
            found = f"{self.emissivity.shape} with {len(self.kinds)} kinds"
            raise InputError(f"emissivity has shape {found}, names and wavelengths {shape}; give one row a name")
        if self.wavelength.size < 2 or not np.all(np.diff(self.wavelength) > 0.0):
            raise InputError("wavelengths of the emissivity spectra are not ascending; sort them")
        if not (np.all(self.emissivity > 0.0) and np.all(self.emissivity <= 1.0)):
            raise InputError("an emissivity is outside (0, 1]; give fractions, not percent, and no gaps")

    def at(self, wavelength: Float) -> Float:
        """Interpolate linearly to other wavelengths [um]; raises InputError outside those of the spectra."""
        low, high = float(wavelength.min()), float(wavelength.max())
        if low < self.wavelength[0] or high > self.wavelength[-1]:
            raise InputError(
                f"the spectra cover {self.wavelength[0]:.2f} to {self.wavelength[-1]:.2f} um, "
                f"{low:.2f} to {high:.2f} um are needed; give wider ones"
            )
        return np.stack([np.interp(wavelength, self.wavelength, one) for one in self.emissivity])


def read_spectra(path: Path) -> EmissivitySpectra:
    """Read emissivity spectra from a CSV table: wavelength [um], then a column per spectrum, with names in the header.

    The material follows from the first letter of a name, by `SLUM_KINDS`; others are of the kind "other". Raises
    InputNotFoundError if there is no such file, InputError if it is not such a table.
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
    names = tuple(header[1:])
    materials = tuple(SLUM_KINDS.get(name[:1], "other") for name in names)
    return EmissivitySpectra(wavelength=table[:, 0], emissivity=table[:, 1:].T.copy(), names=names, kinds=materials)


def packaged_spectra() -> EmissivitySpectra:
    """Read the packaged spectra: 74 impervious urban materials between 9.9 and 13.3 um."""
    return read_spectra(data_path("emissivity", "slum.csv"))


def crop_spectra(source: Path, output: Path) -> Path:
    """Write the part of a spectral library (as for `read_spectra`) in the range of the sensor bands, 9.9 to 13.3 um.

    Raises InputNotFoundError or InputError as `read_spectra`, OutputError if the file cannot be written.
    """
    spectra = read_spectra(source)
    low, high = _CROP
    rows = [",".join(("wavelength_um", *spectra.names))]
    for wavelength, values in zip(spectra.wavelength, spectra.emissivity.T, strict=True):
        if low <= wavelength <= high:
            rows.append(",".join((f"{wavelength:.4f}", *(f"{value:.{_DECIMALS}f}" for value in values))))
    with atomic_write(output) as temporary:
        temporary.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return output


def make_components(index: Path, urban_spectra: Path, output: Path) -> Path:
    """Write the table of component emissivities in all sensor bands.

    The value of a component is the mean over the spectra of the library, and its standard uncertainty their standard
    deviation, at least 0.005. For bands that the index lacks, values follow from a linear fit without constant to two
    bands that it has, over the spectra of SLUM. Vegetation is the closed canopy of the published band tables, because
    the library has single leaves, which emit less than a canopy.

    `index` is a CSV file with band emissivities of the spectra of the ECOSTRESS library, `urban_spectra` the Spectral
    Library of Impervious Urban Materials (SLUM) as for `read_spectra`. Raises InputError for a missing column or class.
    """
    columns = {name: sensor_band(name).emissivity_index for name in sensor_names()}
    indexed = {name: column for name, column in columns.items() if column is not None}
    fitted = [name for name, column in columns.items() if column is None]
    library = _read_index(index, indexed)
    weights = _fit_weights(urban_spectra, fitted)
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for sensor in (*indexed, *fitted):
            for component, bands in library.items():
                predictors = np.array([bands[name] for name in _PREDICTORS])
                values = bands[sensor] if sensor in bands else weights[sensor] @ predictors
                spread = max(float(values.std()), _MIN_UNCERTAINTY)
                writer.writerow((sensor, component, f"{values.mean():.4f}", f"{spread:.4f}", values.size))
            table = band_table(sensor)
            canopy = table.aster.vegetation if table.aster else table.vegetation
            writer.writerow((sensor, "vegetation", f"{canopy:.4f}", f"{_MIN_UNCERTAINTY:.4f}", 0))
    return output


def _read_index(path: Path, columns: Mapping[str, str]) -> dict[str, dict[str, Float]]:
    """Emissivity of every spectrum, by component and sensor band."""
    unreadable = reading(f"{path} is not a table of text", "give the index of the ECOSTRESS library", (csv.Error,))
    with unreadable, path.open(newline="", encoding="utf-8") as file:
        entries = list(csv.DictReader(file))
    library = {}
    for component, classes in _CLASSES.items():
        chosen = [entry for entry in entries if (entry.get("type"), entry.get("class")) in classes]
        if not chosen:
            raise InputError(f"{path} has no spectra of {component}; give the index of the ECOSTRESS library")
        library[component] = {
            sensor: np.array([float(entry[column]) for entry in chosen]) for sensor, column in columns.items()
        }
    return library


def _fit_weights(path: Path, sensors: list[str]) -> dict[str, Float]:
    """Weights of the predictor bands for other bands, fitted to the spectra of a table."""
    spectra = read_spectra(path)
    bands = {sensor: _band_means(spectra, sensor) for sensor in (*_PREDICTORS, *sensors)}
    predictors = np.column_stack([bands[sensor] for sensor in _PREDICTORS])
    return {sensor: np.asarray(np.linalg.lstsq(predictors, bands[sensor], rcond=None)[0], float) for sensor in sensors}


def _band_means(spectra: EmissivitySpectra, sensor: str) -> Float:
    """Emissivity of every spectrum in a band, weighted by the radiance of a black body at 300 K."""
    response = load_response(sensor)
    weights = response.value * planck_radiance(np.float64(300.0), response.wavelength)
    return np.array([np.average(values, weights=weights) for values in spectra.at(response.wavelength)])
