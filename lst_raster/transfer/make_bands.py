"""Maker of the packaged sensor bands: ``lst-raster build bands FOLDER``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lst_raster._resources import require
from lst_raster.errors import InputNotFoundError
from lst_raster.transfer.response import Float, Response, effective_wavelength, fit_band_planck

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
