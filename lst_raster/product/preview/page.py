"""Preview as an HTML page in one file, which needs no network."""

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
from lst_raster.plots.colours import Colours, cloud_free_limits, inferno, labels, pale_to_dark, ticks
from lst_raster.product.preview.run import CLOUD_FLAGS, View
from lst_raster.product.quality_flags import VALUES, Flag, flag
from lst_raster.product.sidecars import QUALITY_CLASSES
from lst_raster.resources import page_path

STEP = 0.01  # resolution of temperatures and uncertainties in the page [K]

_TICKS = 5  # at most, of the narrow colour bar
_ANGLES = 7, 5  # decimals of longitude and latitude of pixels below 10 m, and of others
_TOLERANCE = 0.25  # [displayed value], largest error of a place that is interpolated in the mesh
_MOST_CELLS = 32  # along a side of the mesh
_DECIMALS = 9  # of the vectors: about a centimetre


def page_of(view: View, unit: tuple[str, float]) -> str:
    """Return the complete HTML; `unit` is the name of the unit of temperatures, and its zero [K].

    The page refers to no other file, and its content security policy forbids the browser to load any.
    """
    style = page_path("page.css").read_text(encoding="utf-8")
    script = "".join(page_path(name).read_text(encoding="utf-8") for name in ("values.js", "map.js", "page.js"))
    data: dict[str, NDArray[Any]] = {"temperature": hundredths(view.kelvin)}
    if view.uncertainty is not None:
        data["uncertainty"] = hundredths(view.uncertainty)
    data |= {role: hundredths(values) for role, values in view.components.items()}
    if view.bits is not None:
        data["quality"] = view.bits
    parts = {
        "title": html.escape(view.title), "subtitle": html.escape(view.subtitle),
        "policy": f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}",
        "meta": _json(_metadata(view, unit)),
        "data": "\n".join(
            f'<script type="text/plain" id="data-{name}">{encoded(numbers)}</script>' for name, numbers in data.items()
        ),
        "style": style, "script": script,
    }  # fmt: skip
    page = page_path("page.html").read_text(encoding="utf-8")
    pieces = page.split("{{")  # in one pass: a product's name may contain the name of a part in braces
    return pieces[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))


def encoded(numbers: NDArray[np.unsignedinteger[Any]]) -> str:
    """Encode integers as text: differences to the left neighbour, byte planes from the lowest, deflate, base64."""
    steps = np.diff(numbers, axis=1, prepend=numbers.dtype.type(0))  # wraps around, as the sum in the page does
    planes = range(2 if numbers.dtype == np.uint16 else -(-(VALUES - 1).bit_length() // 8))
    packed = b"".join((steps >> 8 * plane & 0xFF).astype(np.uint8).tobytes() for plane in planes)
    return base64.b64encode(zlib.compress(packed, 6)).decode("ascii")


def hundredths(kelvin: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Convert to multiples of `STEP`, at least 1; 0 where there is no value.

    >>> hundredths(np.array([293.154, np.nan, 0.001])).tolist()
    [29315, 0, 1]
    """
    known = np.isfinite(kelvin)
    steps = np.clip(np.rint(np.where(known, kelvin, 0.0) / STEP), 1, 65535)
    return np.where(known, steps, 0).astype(np.uint16)


def mesh_of(grid: Grid, shape: tuple[int, int]) -> dict[str, Any] | None:
    """Return nodes between which the page interpolates longitude and latitude to `_TOLERANCE`.

    They are unit vectors, not angles, which jump at the date line and are undefined at a pole: ``cells`` along each
    side, and ``vectors`` of shape (cells + 1, cells + 1, 3), flat. None for a raster without a coordinate system.
    `shape` are the rows and columns of the page.
    """
    if grid.crs is None:
        return None
    try:
        cells = 1
        while cells < _MOST_CELLS and _mesh_error(grid, cells, shape) > _TOLERANCE:
            cells *= 2
        return {"cells": cells, "vectors": _unit_vectors(grid, cells).round(_DECIMALS).ravel().tolist()}
    except ProjError:
        return None


def _unit_vectors(grid: Grid, cells: int) -> NDArray[np.float64]:
    fraction = np.linspace(0.0, 1.0, cells + 1)
    columns, rows = np.meshgrid(fraction * grid.width, fraction * grid.height)
    latitude, longitude = (np.radians(np.asarray(angle)) for angle in grid.degrees(columns, rows))
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=-1)


def _mesh_error(grid: Grid, cells: int, shape: tuple[int, int]) -> float:
    """Largest error of places halfway between the nodes. [displayed value]"""
    true = _unit_vectors(grid, 2 * cells)
    coarse = true[::2, ::2]
    wide = np.repeat(coarse, 2, axis=1)[:, :-1]
    wide[:, 1::2] = 0.5 * (coarse[:, :-1] + coarse[:, 1:])
    guess = np.repeat(wide, 2, axis=0)[:-1]
    guess[1::2] = 0.5 * (wide[:-1] + wide[1:])
    guess /= np.linalg.norm(guess, axis=-1, keepdims=True)
    middle_row, middle_column = true[cells], true[:, cells]
    across = np.linalg.norm(np.diff(middle_row, axis=0), axis=-1).sum() / shape[1]
    down = np.linalg.norm(np.diff(middle_column, axis=0), axis=-1).sum() / shape[0]
    side = max(min(across, down), 1e-12)  # [radian] of a displayed value
    return float(np.linalg.norm(guess - true, axis=-1).max() / side)


def _digest(text: str) -> str:
    """Source expression of a content security policy that allows exactly this style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _json(metadata: dict[str, Any]) -> str:
    """Format JSON that cannot end the script element around it."""
    return json.dumps(metadata, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _metadata(view: View, unit: tuple[str, float]) -> dict[str, Any]:
    """Everything but the values, as page.js reads it."""
    rows, columns = view.kelvin.shape
    grid, crs, pixel = view.grid, view.grid.crs, view.pixel
    layers = [_layer("temperature", view.kelvin, view.cloudy, inferno(), unit)]
    if view.uncertainty is not None:
        layers.append(_layer("uncertainty", view.uncertainty, view.cloudy, pale_to_dark(), ("K", 0.0)))
    layers += [_layer(role, part, view.cloudy, pale_to_dark(), ("K", 0.0)) for role, part in view.components.items()]
    step = min(math.hypot(grid.transform.a, grid.transform.d), math.hypot(grid.transform.b, grid.transform.e))
    code = crs.to_epsg() if crs else None
    crs_unit = "°" if crs and crs.is_geographic else f" {crs.linear_units}" if crs else ""
    return {
        "rows": rows, "columns": columns, "step": STEP, "layers": layers,
        "quality": None if view.bits is None else _quality(view.flags),
        "width": grid.width, "height": grid.height,
        "transform": [float(number) for number in tuple(grid.transform)[:6]],
        "geographic": bool(crs and crs.is_geographic),
        "crs": f"EPSG:{code}" if code else "Column, row" if grid.transform.is_identity else "x, y",
        "crsUnit": " m" if crs_unit.lower() in (" metre", " meter") else crs_unit,
        "decimals": max(0, math.ceil(1.0 - math.log10(step))),
        "angleDecimals": _ANGLES[pixel is None or min(pixel) >= 10.0],
        "mesh": mesh_of(grid, (rows, columns)),
        "pixel": pixel[0] if pixel else None, "north": view.north(), "cell": _resolution(view),
    }  # fmt: skip


def _layer(
    key: str, kelvin: NDArray[np.float64], cloudy: NDArray[np.bool_] | None, table: Colours, unit: tuple[str, float]
) -> dict[str, Any]:
    name, zero = unit
    limits = cloud_free_limits(kelvin - zero, cloudy)
    marks = ticks(*limits, _TICKS) if limits else []
    return {
        "key": key, "title": ": ".join(key.capitalize().split("_")), "unit": name, "zero": zero, "limits": limits,
        "ticks": list(zip(marks, labels(marks), strict=True)),
        "colours": [f"#{bytes(colour).hex()}" for colour in table.tolist()],
    }  # fmt: skip


def _quality(flags: tuple[Flag, ...]) -> dict[str, Any]:
    fields = []
    for field in flags:
        words = [field.words(value) if value in field.values else "" for value in range(1 << field.length)]
        fields.append({"mask": field.mask, "offset": field.offset, "words": words})
    classes = []
    for kind in QUALITY_CLASSES:
        if (field := flag(kind.field)) in flags:
            mask, bits = field.mask, kind.value << field.offset
            classes.append(
                {"name": kind.name, "mask": mask, "bits": bits, "colour": kind.colour, "opacity": kind.opacity}
            )
    return {"flags": fields, "classes": classes, "cloudy": sum(flag(name).mask for name in CLOUD_FLAGS)}


def _resolution(view: View) -> str:
    """Sentence about the number of raster pixels in a displayed value."""
    rows, columns = view.kelvin.shape
    across, down = view.grid.width / columns, view.grid.height / rows
    metres = view.pixel[0] if view.pixel else 0.0
    length = f"{metres / 1000.0:.3g} km" if metres >= 1000.0 else f"{metres:.3g} m"
    size = f" ({length})" if view.pixel else ""
    if max(across, down) <= 1.0:
        return f"Each value is a pixel of the raster{size}."
    quality = "" if view.bits is None else "; its quality is that of one of them"
    return f"Each value is the mean of {across:.3g} by {down:.3g} pixels of the raster{size}{quality}."
