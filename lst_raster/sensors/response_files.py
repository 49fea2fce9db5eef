"""Spectral responses as users have them: two columns of text, read, checked, and brought to the simulator's range."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.sensors.response import FIRST_WAVENUMBER as FIRST
from lst_raster.sensors.response import LAST_WAVENUMBER as LAST
from lst_raster.sensors.response import WINDOW, Float, Response, crop_to_window

UNITS = {"um": (1.0, 1.0), "nm": (1e-3, 1.0), "cm-1": (1e4, -1.0)}
"""Units of the first column: the wavelength in um is the first number times the value to the power of the second."""

_UNIT_WORDS = {
    "cm-1": re.compile(r"cm\s*\^?\s*[-\u2212\u207b]\s*[1¹]|1\s*/\s*cm|wave[\s_]*number", re.IGNORECASE),
    "nm": re.compile(r"(?<![a-z])nm(?![a-z])|nanomet", re.IGNORECASE),
    "um": re.compile(r"(?<![a-z])[uµμ]m(?![a-z])|micron|micromet", re.IGNORECASE),
}
_SEPARATOR = re.compile(r"[;\t]|\s*,\s*|\s+")
_FEWEST = 5  # points of a table
_FEWEST_ABOVE_HALF = 3  # points where the response is above half its peak
_FINE = 10  # points across the width, below which a table is coarse
_DARK = 0.01  # share of the peak that noise of the measurement may be below zero
_CUT = 0.05  # share of the peak at an end of the table, from which on it is cut off there
_OUTSIDE = 0.01  # share of the response's area that may lie outside the simulator's range
_PLAUSIBLE = (1.0, 100.0)  # [um], wavelengths; a unit that is not the file's leads far away


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseTable:
    """A response that may be used, with what is to be known of it."""

    response: Response
    """The response, within the simulator's range, its peak 1."""
    limits: tuple[float, float]
    """Wavelengths at half the peak. [um]"""
    points: int
    """Points of the file."""
    outside: float
    """Share of the response outside the simulator's range, which is left out. [1]"""
    warnings: tuple[str, ...]
    """What is unusual, one line each."""


def read_response(path: Path, unit: str | None = None) -> ResponseTable:
    """Read a spectral response.

    Parameters
    ----------
    path : Path
        Text of two columns, separated by commas, semicolons, tabs or blanks: wavelength or wavenumber, rising or
        falling, and relative response in any unit. A first line of words and lines that begin with # are no values.
    unit : {"um", "nm", "cm-1"}, optional
        Unit of the first column; else the words before the values must tell it.

    Returns
    -------
    ResponseTable
        The response, checked.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is not such a table, its unit is not told, the response is no response, or more than 1 % of it lies outside
        the range of the simulator; the message says what to do.
    """
    words, first, value = _read_table(path)
    found = _unit(path, words, unit)
    factor, power = UNITS[found]
    if first.min() <= 0.0:
        raise InputError(f"{path} has a {found} of {first.min():g}; give positive values")
    whole = _ascending(path, Response(wavelength=factor * first**power, value=value))
    _require_plausible(path, whole, found)
    whole, dark = _require_response(path, whole)
    outside = _share_outside(whole)
    if outside > _OUTSIDE:
        raise InputError(_beyond(path, whole, outside))
    response = crop_to_window(whole)
    response = replace(response, value=response.value / response.value.max())
    limits = half_limits(response)
    return ResponseTable(
        response=response, limits=limits, points=value.size, outside=outside,
        warnings=(*dark, *_coarse(whole, limits), *_cut_off(whole)),
    )  # fmt: skip


def half_limits(response: Response) -> tuple[float, float]:
    """Outermost wavelengths at which a response is half its peak. [um]"""
    fine = np.linspace(response.wavelength[0], response.wavelength[-1], 20_001)
    bright = fine[np.interp(fine, response.wavelength, response.value) >= 0.5 * response.value.max()]
    return float(bright[0]), float(bright[-1])


def _read_table(path: Path) -> tuple[str, Float, Float]:
    """Words before the values, and the two columns."""
    if not path.is_file():
        raise InputNotFoundError(f"response {path} does not exist; check the path")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as reason:
        raise InputError(f"response {path} is not a text ({reason}); give a CSV file of two columns") from reason
    words: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().strip(",;")
        row = None if text.startswith("#") else _numbers(text)
        if row is None and rows and text and not text.startswith("#"):
            raise InputError(f"{path} line {number} is {text[:40]!r}, not numbers; correct it or take it out")
        if row is None:
            words.append(text)
        elif len(row) != 2:
            raise InputError(f"{path} line {number} has {len(row)} columns; give two: wavelength and response")
        else:
            rows.append(row)
    if len(rows) < _FEWEST:
        raise InputError(f"{path} has {len(rows)} rows of numbers; a response takes at least {_FEWEST}")
    table = np.array(rows, dtype=float)
    if not np.isfinite(table).all():
        raise InputError(f"{path} has values that are not finite; take those rows out")
    return " ".join(words), table[:, 0], table[:, 1]


def _numbers(text: str) -> list[float] | None:
    """Numbers of a line; with semicolons the decimal sign may be a comma."""
    cells = text.replace(",", ".").split(";") if ";" in text else _SEPARATOR.split(text)
    try:
        return [float(cell.strip().strip('"')) for cell in cells]
    except ValueError:
        return None


def _unit(path: Path, words: str, stated: str | None) -> str:
    told = [name for name, pattern in _UNIT_WORDS.items() if pattern.search(words)]
    if stated is not None:
        if told and stated not in told:
            raise InputError(f"--unit says {stated}, the header of {path} says {told[0]}; correct one")
        return stated
    if len(told) != 1:
        what = f"tells several units ({', '.join(told)})" if told else "does not tell the unit of its first column"
        raise InputError(f"{path} {what}; state it: --unit um, --unit nm or --unit cm-1")
    return told[0]


def _ascending(path: Path, response: Response) -> Response:
    """Turn a falling table around; refuse one that is neither."""
    steps = np.diff(response.wavelength)
    if (steps < 0.0).all():
        return Response(wavelength=response.wavelength[::-1], value=response.value[::-1])
    if not (steps > 0.0).all():
        wrong = int(np.flatnonzero(steps * np.sign(np.median(steps)) <= 0.0)[0]) + 2
        raise InputError(f"the first column of {path} does not rise or fall throughout: see row {wrong}; sort it")
    return response


def _require_plausible(path: Path, response: Response, unit: str) -> None:
    low, high = response.wavelength[0], response.wavelength[-1]
    if low < _PLAUSIBLE[0] or high > _PLAUSIBLE[1]:
        raise InputError(f"{path} spans {low:g} to {high:g} um when its first column is {unit}; state another --unit")


def _require_response(path: Path, response: Response) -> tuple[Response, tuple[str, ...]]:
    """Refuse what is no response; what the measurement's noise has left below zero becomes zero."""
    peak, lowest = float(response.value.max()), float(response.value.min())
    if peak <= 0.0:
        raise InputError(f"the response in {path} is nowhere positive; check its second column")
    if lowest < -_DARK * peak:
        raise InputError(
            f"the response in {path} falls to {lowest / peak:.1%} of its peak, and none is negative; "
            "check its second column"
        )
    bright = int((response.value >= 0.5 * peak).sum())
    if bright < _FEWEST_ABOVE_HALF:
        raise InputError(
            f"the response in {path} has {bright} points above half its peak; give a finer table, {_FINE} or more "
            "points across its width"
        )
    told = ("values below zero, less than 1 % of the peak, are taken as zero",) if lowest < 0.0 else ()
    return replace(response, value=np.maximum(response.value, 0.0) / peak), told


def _share_outside(response: Response) -> float:
    """Share of the area under a response outside the simulator's range."""
    grid = np.union1d(np.linspace(response.wavelength[0], response.wavelength[-1], 20_001), WINDOW)
    value = np.interp(grid, response.wavelength, response.value, left=0.0, right=0.0)
    inside = (grid >= WINDOW[0]) & (grid <= WINDOW[1])
    if not inside.any():
        return 1.0
    return float(1.0 - np.trapezoid(value[inside], grid[inside]) / np.trapezoid(value, grid))


def _beyond(path: Path, response: Response, outside: float) -> str:
    low, high = half_limits(response)
    return (
        f"{outside:.0%} of the response in {path} (half its peak at {low:.2f} and {high:.2f} um) lies outside "
        f"{WINDOW[0]:g} to {WINDOW[1]:g} um: the simulator's absorption covers {FIRST:g} to {LAST:g} cm-1 alone, so no "
        "model can be trained for it. Uncooled cameras (7.5 to 14 um) and bands at 8 to 9 um are out of scope"
    )


def _coarse(response: Response, limits: tuple[float, float]) -> list[str]:
    inside = (response.wavelength >= limits[0]) & (response.wavelength <= limits[1])
    if inside.sum() >= _FINE:
        return []
    return [
        f"the table is coarse: {inside.sum()} points across the {limits[1] - limits[0]:.2f} um at half the peak; "
        "between them the response is taken as straight"
    ]


def _cut_off(response: Response) -> list[str]:
    ends = {response.wavelength[0]: response.value[0], response.wavelength[-1]: response.value[-1]}
    return [
        f"the table is cut off at {where:.2f} um, where the response is still {value:.0%} of its peak; beyond it is 0"
        for where, value in ends.items()
        if value > _CUT
    ]
