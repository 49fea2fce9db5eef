"""Preview of a product as a page for a browser, in one file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from lst_raster.io.grid import Grid
from lst_raster.plots.canvas import labels, ticks, trusted_limits
from lst_raster.plots.colours import Colours, inferno, pale_to_dark
from lst_raster.product.preview.view import DOUBTFUL, View
from lst_raster.product.quality_flags import VALUES, Flag, flag
from lst_raster.product.styles import QUALITY_CLASSES
from lst_raster.resources import page_path

_TOLERANCE = 0.25  # [value of the page] by which a place may be off
_MOST = 32  # cells along a side
_DECIMALS = 9  # of the vectors: a centimetre


def mesh_of(grid: Grid, shape: tuple[int, int]) -> dict[str, Any] | None:
    """Nodes between which places are interpolated.

    They are unit vectors of longitude and latitude, not the angles themselves, which jump at the date line and have no
    meaning at a pole.

    Parameters
    ----------
    grid : Grid
        The raster's grid.
    shape : tuple of int
        Rows and columns of the page, by which the places are held exact.

    Returns
    -------
    dict or None
        ``cells`` along each side, and ``vectors`` of shape (cells + 1, cells + 1, 3), flat; None where the raster
        has no place on Earth.
    """
    if grid.crs is None:
        return None
    try:
        cells = 1
        while cells < _MOST and _off(grid, cells, shape) > _TOLERANCE:
            cells *= 2
        return {"cells": cells, "vectors": _vectors(grid, cells).round(_DECIMALS).ravel().tolist()}
    except ProjError:
        return None


def _vectors(grid: Grid, cells: int) -> NDArray[np.float64]:
    share = np.linspace(0.0, 1.0, cells + 1)
    columns, rows = np.meshgrid(share * grid.width, share * grid.height)
    latitude, longitude = (np.radians(np.asarray(angle)) for angle in grid.degrees(columns, rows))
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=-1)


def _off(grid: Grid, cells: int, shape: tuple[int, int]) -> float:
    """How far places halfway between the nodes are off, at most. [value of the page]"""
    true = _vectors(grid, 2 * cells)
    coarse = true[::2, ::2]
    wide = np.repeat(coarse, 2, axis=1)[:, :-1]
    wide[:, 1::2] = 0.5 * (coarse[:, :-1] + coarse[:, 1:])
    guess = np.repeat(wide, 2, axis=0)[:-1]
    guess[1::2] = 0.5 * (wide[:-1] + wide[1:])
    guess /= np.linalg.norm(guess, axis=-1, keepdims=True)
    side = _side(true, shape)
    return float(np.linalg.norm(guess - true, axis=-1).max() / side)


def _side(vectors: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """Side of a value of the page, along the shorter way across it. [radian]"""
    middle = vectors.shape[0] // 2
    across = np.linalg.norm(np.diff(vectors[middle], axis=0), axis=-1).sum() / shape[1]
    down = np.linalg.norm(np.diff(vectors[:, middle], axis=0), axis=-1).sum() / shape[0]
    return float(max(min(across, down), 1e-12))


STEP = 0.01
"""Step of temperatures and uncertainties in the page. [K]"""

_SCRIPTS = ("values.js", "map.js", "page.js")
_LARGEST = np.iinfo(np.uint16).max
_FEW = 5  # ticks: the bar is narrow
_ANGLES = 7, 5  # decimals of longitude and latitude where pixels are smaller than 10 m, and where they are not


def page_of(view: View, unit: tuple[str, float]) -> str:
    """Make the page.

    Parameters
    ----------
    view : View
        What it shows.
    unit : tuple of str and float
        Unit of temperatures, and its zero. [K]

    Returns
    -------
    str
        HTML, whole: no other file is needed, and its own policy forbids the browser to fetch one.
    """
    style = page_path("page.css").read_text(encoding="utf-8")
    script = "".join(page_path(name).read_text(encoding="utf-8") for name in _SCRIPTS)
    parts = {
        "title": html.escape(view.title),
        "subtitle": html.escape(view.subtitle),
        "policy": f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}",
        "meta": _json(_meta(view, unit)),
        "data": "\n".join(_data(name, numbers) for name, numbers in _numbers(view).items()),
        "style": style,
        "script": script,
    }
    page = page_path("page.html").read_text(encoding="utf-8")
    pieces = page.split("{{")  # not replaced one after the other: a name may hold what looks like a part
    return pieces[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))


def encoded(numbers: NDArray[np.unsignedinteger[Any]]) -> str:
    """Pack numbers into text: differences to the left, lowest bytes first, deflate, base64.

    Numbers of 16 bits have two bytes, quality bits as many as `VALUES` needs.

    Examples
    --------
    >>> len(encoded(np.full((100, 100), 29315, np.uint16))) < 200
    True
    """
    steps = np.diff(numbers, axis=1, prepend=numbers.dtype.type(0))  # they wrap around, and so does the sum of the page
    places = range(2 if numbers.dtype == np.uint16 else -(-(VALUES - 1).bit_length() // 8))
    packed = b"".join((steps >> 8 * place & 0xFF).astype(np.uint8).tobytes() for place in places)
    return base64.b64encode(zlib.compress(packed, 6)).decode("ascii")


def hundredths(kelvin: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Whole numbers of `STEP`, 0 where there is no value.

    Examples
    --------
    >>> hundredths(np.array([293.154, np.nan, 0.001])).tolist()
    [29315, 0, 1]
    """
    known = np.isfinite(kelvin)
    steps = np.clip(np.rint(np.where(known, kelvin, 0.0) / STEP), 1, _LARGEST)
    return np.where(known, steps, 0).astype(np.uint16)


def _numbers(view: View) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {"temperature": hundredths(view.kelvin)}
    if view.uncertainty is not None:
        found["uncertainty"] = hundredths(view.uncertainty)
    return found if view.bits is None else {**found, "quality": view.bits}


def _data(name: str, numbers: NDArray[Any]) -> str:
    return f'<script type="text/plain" id="data-{name}">{encoded(numbers)}</script>'


def _digest(text: str) -> str:
    """Name a style or a script that a page may use: by what is in it, so that nothing else can pass for it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _json(meta: dict[str, Any]) -> str:
    r"""Write JSON that cannot end the element that it stands in.

    Examples
    --------
    >>> _json({"unit": "</script>"})
    '{"unit":"\\u003c/script>"}'
    """
    return json.dumps(meta, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _meta(view: View, unit: tuple[str, float]) -> dict[str, Any]:
    rows, columns = view.kelvin.shape
    grid, pixel = view.grid, view.pixel
    doubt = view.doubtful
    layers = [_layer(("temperature", "Temperature"), view.kelvin, doubt, inferno(), unit)]
    if view.uncertainty is not None:
        layers.append(_layer(("uncertainty", "Uncertainty"), view.uncertainty, doubt, pale_to_dark(), ("K", 0.0)))
    geographic = grid.crs is not None and bool(grid.crs.is_geographic)
    return {
        "rows": rows,
        "columns": columns,
        "step": STEP,
        "layers": layers,
        "quality": None if view.bits is None else _quality(view.fields),
        "width": grid.width,
        "height": grid.height,
        "transform": [float(number) for number in tuple(grid.transform)[:6]],
        "geographic": geographic,
        **_system(view),
        "mesh": mesh_of(grid, (rows, columns)),
        "pixel": pixel[0] if pixel else None,
        "north": view.north(),
        "cell": _cell(view),
    }


def _layer(
    names: tuple[str, str],
    kelvin: NDArray[np.float64],
    doubtful: NDArray[np.bool_] | None,
    table: Colours,
    unit: tuple[str, float],
) -> dict[str, Any]:
    (key, title), (name, zero) = names, unit
    limits = trusted_limits(kelvin - zero, doubtful)
    marks = ticks(*limits, _FEW) if limits else []
    return {
        "key": key,
        "title": title,
        "unit": name,
        "zero": zero,
        "limits": limits,
        "ticks": list(zip(marks, labels(marks), strict=True)),
        "colours": [f"#{bytes(colour).hex()}" for colour in table.tolist()],
    }


def _quality(told: tuple[Flag, ...]) -> dict[str, Any]:
    fields = [
        {
            "mask": field.mask,
            "offset": field.offset,
            "words": [field.words(value) if value in field.values else "" for value in range(1 << field.length)],
        }
        for field in told
    ]
    classes = [
        {
            "name": kind.name,
            "mask": flag(kind.field).mask,
            "bits": kind.value << flag(kind.field).offset,
            "colour": kind.colour,
            "opacity": kind.opacity,
        }
        for kind in QUALITY_CLASSES
        if flag(kind.field) in told
    ]
    return {"flags": fields, "classes": classes, "doubtful": sum(flag(name).mask for name in DOUBTFUL)}


def _system(view: View) -> dict[str, Any]:
    """Name of the coordinate system, its unit, and how many decimals its coordinates are shown with."""
    grid, crs, pixel = view.grid, view.grid.crs, view.pixel
    step = min(math.hypot(grid.transform.a, grid.transform.d), math.hypot(grid.transform.b, grid.transform.e))
    code = crs.to_epsg() if crs else None
    unit = "°" if crs and crs.is_geographic else f" {crs.linear_units}" if crs else ""
    return {
        "crs": f"EPSG:{code}" if code else "Column, row" if grid.transform.is_identity else "x, y",
        "crsUnit": " m" if unit.lower() in (" metre", " meter") else unit,
        "decimals": max(0, math.ceil(1.0 - math.log10(step))),
        "angleDecimals": _ANGLES[pixel is None or min(pixel) >= 10.0],
    }


def _cell(view: View) -> str:
    """Say what a value of the page is of the raster."""
    rows, columns = view.kelvin.shape
    across, down = view.grid.width / columns, view.grid.height / rows
    size = f" ({_length(view.pixel[0])})" if view.pixel else ""
    if max(across, down) <= 1.0:
        return f"Each value is a pixel of the raster{size}."
    mean = f"Each value is the mean of {across:.3g} by {down:.3g} pixels of the raster{size}"
    return f"{mean}." if view.bits is None else f"{mean}; its quality is that of one of them."


def _length(metres: float) -> str:
    return f"{metres / 1000.0:.3g} km" if metres >= 1000.0 else f"{metres:.3g} m"
