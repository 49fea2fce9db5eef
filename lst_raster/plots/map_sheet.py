"""A map to hand around: title, colour bar, scale bar, north, hatching where it is in doubt, and a legend."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lst_raster.plots.canvas import (
    GAP,
    INK,
    LINE,
    MARGIN,
    TEXT,
    TICK,
    TITLE,
    WHITE,
    Picture,
    fitting,
    letters,
    page,
    trusted_limits,
)
from lst_raster.plots.colours import Colours, paint
from lst_raster.plots.maps import BAR, LABELS, MISSING, SMALLEST, SWATCH, colour_bar, enlarged, swatch, times_of

Pen: TypeAlias = ImageDraw.ImageDraw
Entry: TypeAlias = tuple[float, Callable[[Pen, tuple[int, int]], None]]
"""An entry of the legend: how wide it is, and how it is drawn at its lower left corner. [pixel]"""

_STRIPES = 8  # [pixel] between two lines of the hatching; each is a light and a dark one, seen on every colour
_LIGHT, _DARK = (255, 255, 255), (48, 48, 48)
_SHARE = 0.25  # of the map's width that its scale bar has at most
_NARROWEST = 500  # [pixel], so that the line below the title has room
_ARROW = 22  # [pixel], radius of the disc on which the arrow lies


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What is on a sheet."""

    values: NDArray[Any]
    """Values of shape (rows, columns), NaN where there are none."""
    doubtful: NDArray[np.bool_] | None
    """Where the map is hatched, of the same shape; None where nobody can tell."""
    title: str
    """Line above the map."""
    subtitle: str
    """Smaller line below it."""
    unit: str
    """Unit of the values."""
    pixel: float | None
    """Width of one of the values on the ground, None where it is not known. [m]"""
    north: float | None
    """Direction of north, clockwise from up, None where it is up or not known. [degree]"""


def draw_sheet(sheet: Sheet, table: Colours) -> Picture:
    """Draw a sheet; its colours rise from the 2nd to the 98th percentile of the values that are not in doubt.

    Parameters
    ----------
    sheet : Sheet
        What is on it.
    table : array of shape (colours, 3)
        Colours, from low to high.

    Returns
    -------
    PIL.Image.Image
        Picture. The map begins at `corner_of_map`, one value a pixel; a small one is enlarged by `times_of`.
    """
    times = times_of(sheet.values.shape)
    rows, columns = (side * times for side in sheet.values.shape)
    width, high = max(columns + GAP + BAR + LABELS, _NARROWEST), max(rows, SMALLEST // 2)
    lines = _in_lines(_legend(sheet, columns, times), width)
    left, top = corner_of_map()
    picture, pen, _ = page(width, LINE + TICK + high + LINE * max(0, len(lines) - 1) + GAP, sheet.title)
    pen.text((left, MARGIN + LINE + 4), fitting(sheet.subtitle, picture.width - 2 * MARGIN, TEXT), INK, letters(TEXT))
    limits = trusted_limits(sheet.values, sheet.doubtful)
    picture.paste(Image.fromarray(_painted(sheet, table, limits, times)), (left, top))
    if sheet.north is not None:
        _arrow(pen, (left + columns - _ARROW - 6, top + _ARROW + 6), sheet.north)
    if limits is None:
        pen.text((left + columns / 2, top + rows / 2), "no temperature", INK, letters(TITLE), anchor="mm")
    else:
        colour_bar(picture, pen, (left + columns + GAP, top), high, table, limits, sheet.unit)
    _write_legend(pen, lines, top + high + GAP - 6)
    return picture


def corner_of_map() -> tuple[int, int]:
    """Column and row of the picture at which the map begins. [pixel]"""
    return MARGIN, MARGIN + 2 * LINE + GAP + TICK


def hatched(colours: Colours, mask: NDArray[np.bool_]) -> Colours:
    """Draw stripes over a part of a map; they run on from one part to the next."""
    rows, columns = (np.arange(side) % _STRIPES for side in mask.shape)
    phase = np.add.outer(rows.astype(np.uint8), columns.astype(np.uint8)) % _STRIPES
    striped = np.where((mask & (phase == 0))[..., None], np.array(_LIGHT, np.uint8), colours)
    return np.asarray(np.where((mask & (phase == 1))[..., None], np.array(_DARK, np.uint8), striped))


def scale_bar(pixel: float, columns: int) -> tuple[int, str]:
    """Round length of a scale bar, at most a quarter of the map's width.

    Parameters
    ----------
    pixel : float
        Width of a pixel on the ground. [m]
    columns : int
        Width of the map. [pixel]

    Returns
    -------
    tuple of int and str
        Its length in pixels, and what it is.

    Examples
    --------
    >>> scale_bar(30.0, 800)
    (167, '5 km')
    """
    most = max(pixel * columns * _SHARE, 1e-6)
    power = 10.0 ** math.floor(math.log10(most))
    metres = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most * (1.0 + 1e-9))
    return max(1, round(metres / pixel)), f"{metres / 1000.0:g} km" if metres >= 1000.0 else f"{metres:g} m"


def _painted(sheet: Sheet, table: Colours, limits: tuple[float, float] | None, times: int) -> Colours:
    low, high = limits or (0.0, 1.0)
    colours = enlarged(paint(sheet.values, table, low, high, MISSING), times)
    return colours if sheet.doubtful is None else hatched(colours, enlarged(sheet.doubtful, times))


def _legend(sheet: Sheet, columns: int, times: int) -> list[Entry]:
    """Entries: the scale bar, what has no value, what is hatched."""
    entries: list[Entry] = []
    if sheet.pixel is not None:
        length, text = scale_bar(sheet.pixel / times, columns)
        entries.append((length + 6 + letters(TEXT).getlength(text), lambda pen, at: _bar(pen, at, length, text)))
    missing, doubtful = ~np.isfinite(sheet.values), sheet.doubtful
    if missing.any() and not missing.all():
        words = f"no temperature ({_percent(missing)})"
        entries.append((_width(words), lambda pen, at: swatch(pen, at, words)))
    if doubtful is None:
        told = "no quality bits: nothing is hatched"
        entries.append((letters(TEXT).getlength(told), lambda pen, at: _text(pen, at, told)))
    elif doubtful.any():
        why = f"cloud or its shadow, not to be trusted ({_percent(doubtful)})"
        entries.append((_width(why), lambda pen, at: _stripes(pen, at, why)))
    return entries


def _percent(mask: NDArray[np.bool_]) -> str:
    share = 100.0 * float(mask.mean())
    return f"{share:.0f} %" if share >= 1.0 else "below 1 %"


def _width(text: str) -> float:
    return float(SWATCH + 6 + letters(TEXT).getlength(text))


def _in_lines(entries: list[Entry], width: int) -> list[list[Entry]]:
    """Break a legend into lines that fit."""
    lines: list[list[Entry]] = []
    room = 0.0
    for entry in entries:
        if not lines or entry[0] > room:
            lines.append([])
            room = float(width)
        lines[-1].append(entry)
        room -= entry[0] + 2 * GAP
    return lines


def _write_legend(pen: Pen, lines: list[list[Entry]], top: int) -> None:
    for number, line in enumerate(lines, start=1):
        x = MARGIN
        for width, draw in line:
            draw(pen, (x, top + LINE * number))
            x += round(width) + 2 * GAP


def _bar(pen: Pen, corner: tuple[int, int], length: int, text: str) -> None:
    left, bottom = corner
    pen.rectangle((left, bottom - SWATCH // 2 - 2, left + length, bottom - SWATCH // 2 + 1), INK)
    for x in (left, left + length):
        pen.line((x, bottom - SWATCH, x, bottom), INK)
    pen.text((left + length + 6, bottom - SWATCH // 2), text, INK, letters(TEXT), anchor="lm")


def _text(pen: Pen, corner: tuple[int, int], text: str) -> None:
    pen.text((corner[0], corner[1] - SWATCH // 2), text, INK, letters(TEXT), anchor="lm")


def _stripes(pen: Pen, corner: tuple[int, int], text: str) -> None:
    left, bottom = corner
    swatch(pen, corner, text)
    for y in range(bottom - SWATCH + 1, bottom):
        for x in range(left + 1, left + SWATCH):
            phase = (x + y) % (_STRIPES // 2)
            if phase < 2:
                pen.point((x, y), _DARK if phase else _LIGHT)


def _arrow(pen: Pen, centre: tuple[int, int], north: float) -> None:
    """Draw an arrow on a white disc, the N beside its point."""
    x, y = centre
    pen.ellipse((x - _ARROW, y - _ARROW, x + _ARROW, y + _ARROW), WHITE, INK)
    across, up = math.sin(math.radians(north)), math.cos(math.radians(north))

    def at(along: float, aside: float) -> tuple[float, float]:
        return x + along * across + aside * up, y - along * up + aside * across

    pen.line((at(-16, 0), at(2, 0)), INK, width=2)
    pen.polygon((at(8, 0), at(-1, -5), at(-1, 5)), INK)
    pen.text(at(15, 0), "N", INK, letters(TEXT - 2), anchor="mm")
