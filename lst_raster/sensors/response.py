"""Spectral responses of the sensor bands and what follows from them: weights, Planck fits, the packaged files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputNotFoundError
from lst_raster.physics.constants import C1, C2
from lst_raster.physics.planck import BandPlanck, planck_radiance
from lst_raster.resources import require
from lst_raster.sensors.bands import response_path

FIRST_WAVENUMBER, LAST_WAVENUMBER, WAVENUMBER_STEP = 760.0, 1000.0, 0.01
"""Spectral range and step of the simulator. [cm-1]"""

Float = NDArray[np.float64]

_FIT_RANGE = (170.0, 390.0)  # [K], a little wider than the 180-380 K for which accuracy is promised


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Response:
    """Relative spectral response of a sensor band."""

    wavelength: Float
    """Wavelength, ascending. [um]"""
    value: Float
    """Response relative to its peak. [1]"""

    def mean(self, radiance: Float) -> Float:
        """Average a spectrum over the band, in wavelength; its last axis is `wavelength`."""
        weighted = np.trapezoid(radiance * self.value, self.wavelength, axis=-1)
        return np.asarray(weighted / np.trapezoid(self.value, self.wavelength))


def load_response(sensor: str) -> Response:
    """Spectral response of a sensor band, from the packaged tables or the user's own.

    Parameters
    ----------
    sensor : str
        Name of the band, for example ``landsat8-b10``.

    Raises
    ------
    UnknownSensorError
        The name is not known.
    """
    path = response_path(sensor)
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Response:
    """Read a table; once, until it changes: the user's own may."""
    wavelength, value = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
    return Response(wavelength=wavelength, value=value)


def wavenumber_weights(response: Response, wavenumber: Float) -> Float:
    """Weights that average a radiance per wavelength over a band on an even wavenumber grid.

    Parameters
    ----------
    response : Response
        The band's response, by wavelength.
    wavenumber : array of shape (points,)
        Even, ascending grid. [cm-1]

    Returns
    -------
    array of shape (points,)
        Weights that sum to one: ``response(wavelength) |d wavelength / d wavenumber|``. [1]
    """
    wavelength = 1e4 / wavenumber
    value = np.interp(wavelength, response.wavelength, response.value, left=0.0, right=0.0)
    weights = value * wavelength**2
    return np.asarray(weights / weights.sum())


def _fine(response: Response) -> Response:
    """Put a response, linear between its nodes, on a grid fine enough for the trapezoid rule."""
    grid = np.union1d(np.linspace(response.wavelength[0], response.wavelength[-1], 4001), response.wavelength)
    return Response(wavelength=grid, value=np.interp(grid, response.wavelength, response.value))


def exact_band_radiance(response: Response, temperature: Float) -> Float:
    """Planck radiance integrated over a response: what the fitted coefficients must follow.

    Parameters
    ----------
    response : Response
        The band's response.
    temperature : array, any shape
        Temperature. [K]

    Returns
    -------
    array
        Band radiance. [W m-2 sr-1 um-1]
    """
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
    """Fit the metadata's K1 [W m-2 sr-1 um-1] and K2 [K] to a response, with even errors in temperature.

    Parameters
    ----------
    response : Response
        The band's response.
    low, high : float
        Temperature range of the fit. [K]
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


WINDOW = (10.0, 13.15)
"""Wavelengths that are kept: those of the simulator, 760 to 1000 cm-1. [um]

Outside it the published tables hold the floor of the measurement, under 0.2 % of the peak.
"""


def _text_table(path: Path) -> Response:
    header = 0 if path.parent.name == "usgs" else 1
    wavelength, value = np.loadtxt(path, skiprows=header, unpack=True)
    return Response(wavelength=wavelength, value=value)


def _workbook(sheet: str) -> Callable[[Path], Response]:
    def read(path: Path) -> Response:
        load = require("openpyxl", "tables").load_workbook
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the workbook carries an extension that openpyxl skips
            rows = [[cell.value for cell in row[:2]] for row in load(file, data_only=True)[sheet].iter_rows(min_row=2)]
        numbers = [row for row in rows if all(isinstance(value, float | int) for value in row)]
        wavelength, value = np.array(numbers, dtype=float).T
        return Response(wavelength=wavelength, value=value)

    return read


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """Where a band's response comes from, and the constants of its products' metadata."""

    title: str
    file: str
    years: tuple[int, int]
    gain: float
    offset: float
    k1: float
    k2: float
    noise: float
    calibration: float
    read: Callable[[Path], Response] = _text_table


_L9 = "grsdriver/L9_TIRS2_Relative_Spectral_Responses.BA.v1.0.xlsx"
SOURCES = {
    "landsat4-b6": _Source(
        title="Landsat 4 TM band 6", file="usgs/L4_Spectral_Response.txt", years=(1982, 1993),
        gain=5.5376e-2, offset=1.2378, k1=671.62, k2=1284.30,
        noise=0.3, calibration=0.9,
    ),
    "landsat5-b6": _Source(
        title="Landsat 5 TM band 6", file="usgs/L5_Spectral_Response.txt", years=(1984, 2013),
        gain=5.5375e-2, offset=1.18243, k1=607.76, k2=1260.56,
        noise=0.3, calibration=0.9,
    ),
    "landsat7-b6": _Source(
        title="Landsat 7 ETM+ band 6", file="usgs/L7_Spectral_Response.txt", years=(1999, 2024),
        gain=6.7087e-2, offset=-0.06709, k1=666.09, k2=1282.71,
        noise=0.15, calibration=0.4,
    ),
    "landsat8-b10": _Source(
        title="Landsat 8 TIRS band 10", file="usgs/L8_Spectral_Response.txt", years=(2013, 2029),
        gain=3.3420e-4, offset=0.1, k1=774.8853, k2=1321.0789,
        noise=0.05, calibration=0.51,
    ),
    "landsat8-b11": _Source(
        title="Landsat 8 TIRS band 11", file="pyrsr/Landsat-8_OLI_TIRS_band_11.txt", years=(2013, 2029),
        gain=3.3420e-4, offset=0.1, k1=480.8883, k2=1201.1442,
        noise=0.05, calibration=0.84,
    ),
    "landsat9-b10": _Source(
        title="Landsat 9 TIRS-2 band 10", file=_L9, years=(2021, 2029), read=_workbook("TIRS Band 10 BA RSR"),
        gain=3.8000e-4, offset=0.1, k1=799.0284, k2=1329.2405,
        noise=0.1, calibration=0.51,
    ),
    "landsat9-b11": _Source(
        title="Landsat 9 TIRS-2 band 11", file=_L9, years=(2021, 2029), read=_workbook("TIRS Band 11 BA RSR"),
        gain=3.4900e-4, offset=0.1, k1=475.6581, k2=1198.3494,
        noise=0.1, calibration=0.84,
    ),
}  # fmt: skip
"""Metadata constants as in the Level-1 MTL files of each satellite (Landsat 7: the low-gain channel VCID_1)."""


def crop_to_window(response: Response) -> Response:
    """Cut a response to `WINDOW`, with nodes at its edges."""
    inside = (response.wavelength > WINDOW[0]) & (response.wavelength < WINDOW[1])
    low, high = max(WINDOW[0], response.wavelength[0]), min(WINDOW[1], response.wavelength[-1])
    wavelength = np.concatenate([[low], response.wavelength[inside], [high]])
    wavelength = np.unique(wavelength)
    value = np.interp(wavelength, response.wavelength, response.value)
    return Response(wavelength=wavelength, value=np.maximum(value, 0.0))


def _entry(name: str, source: _Source, response: Response) -> str:
    planck = fit_band_planck(response)
    lines = [
        f"[{name}]",
        f'title = "{source.title}"',
        f"first_year = {source.years[0]}",
        f"last_year = {source.years[1]}",
        f"gain = {source.gain!r}  # W m-2 sr-1 um-1",
        f"radiance_offset = {source.offset!r}  # W m-2 sr-1 um-1",
        f"k1 = {source.k1!r}  # W m-2 sr-1 um-1",
        f"k2 = {source.k2!r}  # K",
        f"wavelength = {effective_wavelength(response):.4f}  # um",
        f"noise = {source.noise!r}  # K at 300 K",
        f"calibration_uncertainty = {source.calibration!r}  # K at 300 K",
        f"[{name}.planck]",
        *(f"{field} = {getattr(planck, field):.9g}" for field in ("amplitude", "offset", "slope", "curvature")),
    ]
    return "\n".join(lines) + "\n"


def _table(wavelength: Float, value: Float) -> str:
    rows = (f"{w:.4g},{v:.6g}" if w < 10 else f"{w:.3f},{v:.6g}" for w, v in zip(wavelength, value, strict=True))
    return "wavelength_um,response\n" + "\n".join(rows) + "\n"


def make_bands(responses: Path, target: Path) -> list[Path]:
    """Write the packaged response tables and ``bands.toml`` from the published files.

    Parameters
    ----------
    responses : Path
        Folder with ``usgs/``, ``pyrsr/`` and ``grsdriver/`` as named in SOURCE.md.
    target : Path
        Folder to write into.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputNotFoundError
        A response file is missing.
    """
    written, entries = [], []
    for name, source in SOURCES.items():
        path = responses / source.file
        if not path.is_file():
            raise InputNotFoundError(f"{path} not found; it holds the spectral response of {name}")
        response = crop_to_window(source.read(path))
        entries.append(_entry(name, source, response))
        written.append(target / f"{name}.csv")
        written[-1].write_text(_table(response.wavelength, response.value))
    written.append(target / "bands.toml")
    written[-1].write_text("# Written by: lst-raster build bands\n\n" + "\n".join(entries))
    return written
