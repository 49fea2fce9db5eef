"""Spectral responses of sensor bands: weights, fits of the Planck function, and the packaged files."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputNotFoundError
from lst_raster.physics.constants import C1, C2
from lst_raster.physics.planck import BandPlanck, planck_radiance
from lst_raster.resources import require
from lst_raster.sensors.bands import response_path, shipped_entries

FIRST_WAVENUMBER, LAST_WAVENUMBER, WAVENUMBER_STEP = 760.0, 1000.0, 0.01
"""Spectral range and step of the simulator. [cm-1]"""

Float = NDArray[np.float64]

_FIT_RANGE = (170.0, 390.0)  # [K], a little wider than the specified range of 180-380 K

WINDOW = (10.0, 13.15)
"""Wavelengths of the packaged responses: those of the simulator, 760 to 1000 cm-1. [um]

Outside, the published tables contain the noise floor of the measurement, under 0.2 % of the peak.
"""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Response:
    """Relative spectral response of a sensor band."""

    wavelength: Float  # Wavelength, ascending [um]
    value: Float  # Response relative to its peak [1]

    def mean(self, radiance: Float) -> Float:
        """Average a spectrum over the band, in wavelength; its last axis is `wavelength`."""
        weighted = np.trapezoid(radiance * self.value, self.wavelength, axis=-1)
        return np.asarray(weighted / np.trapezoid(self.value, self.wavelength))


def load_response(sensor: str) -> Response:
    """Spectral response of a shipped or custom sensor band; errors as in `sensor_band`."""
    path = response_path(sensor)
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, modified: int) -> Response:
    """Read a table, again when it was modified: those of custom bands may be."""
    wavelength, value = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
    return Response(wavelength=wavelength, value=value)


def wavenumber_weights(response: Response, wavenumber: Float) -> Float:
    """Weights for the band average of a radiance per wavelength on an even, ascending wavenumber grid. [cm-1]

    They are ``response(wavelength) |d wavelength / d wavenumber|`` and sum to one.
    """
    wavelength = 1e4 / wavenumber
    value = np.interp(wavelength, response.wavelength, response.value, left=0.0, right=0.0)
    weights = value * wavelength**2
    return np.asarray(weights / weights.sum())


def _fine(response: Response) -> Response:
    """Interpolate a response linearly to a grid fine enough for the trapezoid rule."""
    grid = np.union1d(np.linspace(response.wavelength[0], response.wavelength[-1], 4001), response.wavelength)
    return Response(wavelength=grid, value=np.interp(grid, response.wavelength, response.value))


def exact_band_radiance(response: Response, temperature: Float) -> Float:
    """Planck radiance averaged over a response, the reference of the fits: array of any shape. [W m-2 sr-1 um-1]"""
    fine = _fine(response)
    return fine.mean(planck_radiance(np.asarray(temperature)[..., None], fine.wavelength))


def effective_wavelength(response: Response) -> float:
    """Mean wavelength of a response. [um]"""
    fine = _fine(response)
    return float(fine.mean(fine.wavelength))


def fit_band_planck(response: Response) -> BandPlanck:
    """Fit the coefficients of `band_radiance` to a response.

    The amplitude is that of the effective wavelength; the exponent ``log1p(amplitude / B)`` is then a quadratic in
    1/T, fitted by least squares weighted to even errors in temperature.
    """
    temperature = np.arange(_FIT_RANGE[0], _FIT_RANGE[1] + 0.5, 1.0)
    amplitude = C1 / effective_wavelength(response) ** 5
    exponent = np.log1p(amplitude / exact_band_radiance(response, temperature))
    inverse = 1.0 / temperature
    # An error dy in the exponent is an error dT = T**2 dy / slope, so T**2 is the weight.
    design = np.stack([np.ones_like(inverse), inverse, inverse**2], axis=1) * temperature[:, None] ** 2
    offset, slope, curvature = np.linalg.lstsq(design, exponent * temperature**2, rcond=None)[0]
    return BandPlanck(amplitude=float(amplitude), offset=float(offset), slope=float(slope), curvature=float(curvature))


def fit_two_constants(response: Response, low: float = 200.0, high: float = 350.0) -> tuple[float, float]:
    """Fit K1 [W m-2 sr-1 um-1] and K2 [K] of Landsat metadata to a response between two temperatures [K].

    The errors in temperature are even over the range.
    """
    temperature = np.arange(low, high + 0.5, 1.0)
    radiance = exact_band_radiance(response, temperature)
    k2 = C2 / effective_wavelength(response)
    k1 = C1 / effective_wavelength(response) ** 5
    for _ in range(20):  # Gauss-Newton on T(k1, k2) = k2 / log1p(k1 / L); two or three rounds suffice
        logarithm = np.log1p(k1 / radiance)
        by_k1 = -k2 / logarithm**2 / (radiance + k1)
        jacobian = np.stack([by_k1, 1.0 / logarithm], axis=1)
        step = np.linalg.lstsq(jacobian, temperature - k2 / logarithm, rcond=None)[0]
        k1, k2 = k1 + step[0], k2 + step[1]
    return float(k1), float(k2)


def _published(folder: Path, source: str) -> Response:
    """Read a published response: a text file of two columns, or a sheet of a workbook."""
    file, _, sheet = source.partition("#")
    path = folder / file
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a published spectral response")
    if not sheet:
        header = 0 if path.parent.name == "usgs" else 1
        wavelength, value = np.loadtxt(path, skiprows=header, unpack=True)
        return Response(wavelength=wavelength, value=value)
    load = require("openpyxl", "tables").load_workbook
    with path.open("rb") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the workbook has an extension that openpyxl skips
        rows = [[cell.value for cell in row[:2]] for row in load(opened, data_only=True)[sheet].iter_rows(min_row=2)]
    numbers = [row for row in rows if all(isinstance(value, float | int) for value in row)]
    wavelength, value = np.array(numbers, dtype=float).T
    return Response(wavelength=wavelength, value=value)


def crop_to_window(response: Response) -> Response:
    """Cut a response to `WINDOW`, with nodes at its edges."""
    inside = (response.wavelength > WINDOW[0]) & (response.wavelength < WINDOW[1])
    low, high = max(WINDOW[0], response.wavelength[0]), min(WINDOW[1], response.wavelength[-1])
    wavelength = np.unique(np.concatenate([[low], response.wavelength[inside], [high]]))
    value = np.interp(wavelength, response.wavelength, response.value)
    return Response(wavelength=wavelength, value=np.maximum(value, 0.0))


def make_bands(responses: Path, target: Path) -> list[Path]:
    """Write the response tables of the bands in ``bands.toml``, and ``planck.toml``, into the folder `target`.

    `responses` is the folder with ``usgs/``, ``pyrsr/`` and ``grsdriver/`` as described in SOURCE.md. Returns the
    files; InputNotFoundError for a missing response.
    """
    written, entries = [], []
    for name, entry in shipped_entries().items():
        response = crop_to_window(_published(responses, entry["response"]))
        planck = fit_band_planck(response)
        coefficients = (f"{key} = {getattr(planck, key):.9g}" for key in ("amplitude", "offset", "slope", "curvature"))
        wavelength = f"wavelength = {effective_wavelength(response):.4f}  # um"
        entries.append("\n".join([f"[{name}]", wavelength, f"[{name}.planck]", *coefficients, ""]))
        rows = [
            f"{w:.4g},{v:.6g}" if w < 10 else f"{w:.3f},{v:.6g}"
            for w, v in zip(response.wavelength, response.value, strict=True)
        ]
        written.append(target / f"{name}.csv")
        written[-1].write_text("\n".join(["wavelength_um,response", *rows, ""]))
    written.append(target / "planck.toml")
    written[-1].write_text("# Written by: lst-raster build bands\n\n" + "\n".join(entries))
    return written
