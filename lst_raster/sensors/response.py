"""Spectral responses of sensor bands: packaged and published files, users' tables, fits of the Planck function."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
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

    wavelength: Float  # wavelength, ascending [um]
    value: Float  # response relative to its peak [1]

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


UNITS = {"um": (1.0, 1.0), "nm": (1e-3, 1.0), "cm-1": (1e4, -1.0)}
"""Units of the first column: factor and power of its conversion to a wavelength in um."""

_UNIT_PATTERNS = {
    "cm-1": re.compile(r"cm\s*\^?\s*[-\u2212\u207b]\s*[1¹]|1\s*/\s*cm|wave[\s_]*number", re.IGNORECASE),
    "nm": re.compile(r"(?<![a-z])nm(?![a-z])|nanomet", re.IGNORECASE),
    "um": re.compile(r"(?<![a-z])[uµμ]m(?![a-z])|micron|micromet", re.IGNORECASE),
}
_SEPARATOR = re.compile(r"[;\t]|\s*,\s*|\s+")
_FEWEST = 5  # points of a table
_FEWEST_ABOVE_HALF = 3  # points where the response is above half its peak
_FINE = 10  # points across the width, below which a table is coarse
_NEGATIVE_NOISE = 0.01  # largest negative noise, as a fraction of the peak
_CUT_OFF = 0.05  # fraction of the peak at an end of the table, above which the response is cut off there
_LARGEST_OUTSIDE = 0.01  # largest fraction of the area outside the range of the simulator
_PLAUSIBLE = (1.0, 100.0)  # [um], range of wavelengths; a wrong unit is far outside


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseTable:
    """A valid response, with its properties."""

    response: Response  # the response within the range of the simulator, with a peak of 1
    limits: tuple[float, float]  # wavelengths at half the peak [um]
    points: int  # points of the file
    outside: float  # fraction of the response outside the range of the simulator, which is ignored [1]
    warnings: tuple[str, ...]  # warnings, one line each


def read_response(path: Path, unit: str | None = None) -> ResponseTable:
    """Read a spectral response from a text of two columns, and check it.

    The columns, separated by commas, semicolons, tabs or blanks, are wavelength or wavenumber, ascending or descending,
    and relative response in any unit. A first line of words and lines that begin with # are a header. `unit` is that of
    the first column, a key of `UNITS`, by default from the header.

    Raises InputNotFoundError, and InputError where the file is not such a table, its unit is unknown, the response is
    not valid, or more than 1 % of it is outside the range of the simulator; the message says how to correct it.
    """
    header, first, value = _read_table(path)
    unit = _unit(path, header, unit)
    factor, power = UNITS[unit]
    if first.min() <= 0.0:
        raise InputError(f"{path} has a {unit} of {first.min():g}; give positive values")
    table = _ascending(path, Response(wavelength=factor * first**power, value=value))
    low, high = table.wavelength[0], table.wavelength[-1]
    if low < _PLAUSIBLE[0] or high > _PLAUSIBLE[1]:
        raise InputError(f"{path} spans {low:g} to {high:g} um when its first column is {unit}; state another --unit")
    notes = _check_values(path, table.value)
    table = replace(table, value=np.maximum(table.value, 0.0) / table.value.max())
    outside = _fraction_outside(table)
    limits = half_power_wavelengths(table)
    if outside > _LARGEST_OUTSIDE:
        raise InputError(
            f"{outside:.0%} of the response in {path} (half its peak at {limits[0]:.2f} and {limits[1]:.2f} um) is "
            f"outside {WINDOW[0]:g} to {WINDOW[1]:g} um: the simulator's absorption covers only "
            f"{FIRST_WAVENUMBER:g} to {LAST_WAVENUMBER:g} cm-1, so no model can be trained for it. Uncooled cameras "
            "(7.5 to 14 um) and bands at 8 to 9 um are out of scope"
        )
    response = crop_to_window(table)
    response = replace(response, value=response.value / response.value.max())
    limits = half_power_wavelengths(response)
    inside = int(((table.wavelength >= limits[0]) & (table.wavelength <= limits[1])).sum())
    if inside < _FINE:
        notes.append(
            f"the table is coarse: {inside} points across the {limits[1] - limits[0]:.2f} um at half the peak; "
            "the response is interpolated linearly"
        )
    for end in (0, -1):
        if table.value[end] > _CUT_OFF:
            notes.append(
                f"the table is cut off at {table.wavelength[end]:.2f} um, where the response is still "
                f"{table.value[end]:.0%} of its peak; beyond it is 0"
            )
    return ResponseTable(response=response, limits=limits, points=value.size, outside=outside, warnings=tuple(notes))


def half_power_wavelengths(response: Response) -> tuple[float, float]:
    """Outermost wavelengths at which a response is half its peak. [um]"""
    fine = np.linspace(response.wavelength[0], response.wavelength[-1], 20_001)
    above = fine[np.interp(fine, response.wavelength, response.value) >= 0.5 * response.value.max()]
    return float(above[0]), float(above[-1])


def _read_table(path: Path) -> tuple[str, Float, Float]:
    """Words of the header, and the two columns."""
    if not path.is_file():
        raise InputNotFoundError(f"response {path} does not exist; check the path")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as reason:
        raise InputError(f"response {path} is not a text ({reason}); give a CSV file of two columns") from reason
    header: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().strip(",;")
        row = None if text.startswith("#") else _numbers(text)
        if row is None and rows and text and not text.startswith("#"):
            raise InputError(f"{path} line {number} is {text[:40]!r}, not numbers; correct or remove it")
        if row is None:
            header.append(text)
        elif len(row) != 2:
            raise InputError(f"{path} line {number} has {len(row)} columns; give two: wavelength and response")
        else:
            rows.append(row)
    if len(rows) < _FEWEST:
        raise InputError(f"{path} has {len(rows)} rows of numbers; give at least {_FEWEST}")
    table = np.array(rows, dtype=float)
    if not np.isfinite(table).all():
        raise InputError(f"{path} has values that are not finite; remove those rows")
    return " ".join(header), table[:, 0], table[:, 1]


def _numbers(text: str) -> list[float] | None:
    """Numbers of a line; with semicolons the decimal sign may be a comma."""
    cells = text.replace(",", ".").split(";") if ";" in text else _SEPARATOR.split(text)
    try:
        return [float(cell.strip().strip('"')) for cell in cells]
    except ValueError:
        return None


def _unit(path: Path, header: str, stated: str | None) -> str:
    named = [name for name, pattern in _UNIT_PATTERNS.items() if pattern.search(header)]
    if stated is not None:
        if named and stated not in named:
            raise InputError(f"--unit says {stated}, the header of {path} says {named[0]}; correct one")
        return stated
    if len(named) != 1:
        problem = f"names several units ({', '.join(named)})" if named else "has no unit of the first column"
        raise InputError(f"the header of {path} {problem}; state it: --unit um, --unit nm or --unit cm-1")
    return named[0]


def _ascending(path: Path, response: Response) -> Response:
    """Reverse a descending table; InputError where the order is mixed."""
    steps = np.diff(response.wavelength)
    if (steps < 0.0).all():
        return Response(wavelength=response.wavelength[::-1], value=response.value[::-1])
    if not (steps > 0.0).all():
        wrong = int(np.flatnonzero(steps * np.sign(np.median(steps)) <= 0.0)[0]) + 2
        raise InputError(f"the first column of {path} does not rise or fall throughout: see row {wrong}; sort it")
    return response


def _check_values(path: Path, values: Float) -> list[str]:
    """Check that values are a response, and return warnings."""
    peak, lowest = float(values.max()), float(values.min())
    if peak <= 0.0:
        raise InputError(f"the response in {path} is nowhere positive; check its second column")
    if lowest < -_NEGATIVE_NOISE * peak:
        raise InputError(
            f"the response in {path} has negative values, {lowest / peak:.1%} of its peak; check its second column"
        )
    above_half = int((values >= 0.5 * peak).sum())
    if above_half < _FEWEST_ABOVE_HALF:
        raise InputError(
            f"the response in {path} has {above_half} points above half its peak; give a finer table, {_FINE} or more "
            "points across its width"
        )
    return ["negative values, less than 1 % of the peak, are set to zero"] if lowest < 0.0 else []


def _fraction_outside(response: Response) -> float:
    """Fraction of the area under a response outside the range of the simulator."""
    grid = np.union1d(np.linspace(response.wavelength[0], response.wavelength[-1], 20_001), WINDOW)
    value = np.interp(grid, response.wavelength, response.value, left=0.0, right=0.0)
    inside = (grid >= WINDOW[0]) & (grid <= WINDOW[1])
    if not inside.any():
        return 1.0
    return float(1.0 - np.trapezoid(value[inside], grid[inside]) / np.trapezoid(value, grid))
