"""Make `components.csv`: band emissivities of what the ground consists of, from the ECOSTRESS library and from SLUM."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.physics.planck import planck_radiance
from lst_raster.scene.emissivity.tables import BandTable, band_table
from lst_raster.transfer.response import load_response

Float = NDArray[np.float64]

_INDEXED = {"landsat4-b6": "eps_L4", "landsat5-b6": "eps_L5", "landsat7-b6": "eps_L7", "landsat8-b10": "eps_L8"}
_FITTED = ("landsat8-b11", "landsat9-b10", "landsat9-b11")  # the index lacks them
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
    rows = [row for sensor in (*_INDEXED, *_FITTED) for row in _rows(sensor, library, weights)]
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
    return output


def _read_index(path: Path) -> dict[str, dict[str, Float]]:
    """Emissivity of every spectrum, by component and indexed band."""
    with path.open(newline="", encoding="utf-8") as file:
        entries = list(csv.DictReader(file))
    library = {}
    for component, classes in _CLASSES.items():
        chosen = [entry for entry in entries if (entry.get("type"), entry.get("class")) in classes]
        if not chosen:
            raise InputError(f"{path} has no spectra of {component}; give the index of the ECOSTRESS library")
        library[component] = {
            sensor: np.array([float(entry[column]) for entry in chosen]) for sensor, column in _INDEXED.items()
        }
    return library


def _fits(path: Path) -> dict[str, Float]:
    """Weights of the predictors for every band that the index lacks."""
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    if table.ndim != 2 or table.shape[1] < 3:
        raise InputError(f"{path} is not a table of spectra; give LUMA_SLUM_IR.csv")
    bands = {sensor: _band_means(table[:, 0], table[:, 1:], sensor) for sensor in (*_PREDICTORS, *_FITTED)}
    predictors = np.column_stack([bands[sensor] for sensor in _PREDICTORS])
    return {sensor: np.asarray(np.linalg.lstsq(predictors, bands[sensor], rcond=None)[0], float) for sensor in _FITTED}


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
