"""Drawing: a map with its colour bar, a histogram with its marks. The same numbers make the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lst_raster._files import written_whole
from lst_raster.pictures.axes import labels, ticks
from lst_raster.pictures.colours import Colours, paint

Picture: TypeAlias = Image.Image
Colour: TypeAlias = tuple[int, int, int]

LARGEST = 880
"""Columns and rows that a map has at most: with margin and colour bar the picture is about 1000 wide. [pixel]"""

_SMALLEST = 320  # [pixel] of the longer side: smaller rasters are enlarged
_MARGIN, _GAP, _BAR, _LABELS, _LINE, _TICK = 16, 14, 18, 64, 22, 5  # [pixel]
_NARROWEST = 420  # [pixel], so that titles have room
_WHITE, _INK, _MISSING = (255, 255, 255), (34, 34, 34), (200, 200, 200)
_FILL, _MARK, _ZERO = (104, 130, 160), (178, 34, 34), (90, 90, 90)
_SIZE, _TITLE = 13, 16  # [pixel] of the letters
_WIDTH, _HEIGHT = 720, 320  # [pixel] of a histogram, without its margins
_HEADROOM = 3 * _LINE  # above its bars, for the notes and the names of two marks


def draw_map(
    values: NDArray[Any],
    table: Colours,
    limits: tuple[float, float] | None,
    *,
    title: str,
    unit: str,
    missing: str,
) -> Picture:
    """Draw a map.

    Parameters
    ----------
    values : array of shape (rows, columns)
        Values, NaN where there are none; at most `LARGEST` either way, see `shape_of_map`.
    table : array of shape (colours, 3)
        Colours, from low to high.
    limits : tuple of float or None
        Values of the first and the last colour; None where there is no value at all.
    title : str
        Line above the map.
    unit : str
        Unit of the values, above the colour bar.
    missing : str
        What it means where there is no value.

    Returns
    -------
    PIL.Image.Image
        Picture.
    """
    times = max(1, -(-_SMALLEST // max(values.shape)))
    large = np.repeat(np.repeat(values, times, axis=0), times, axis=1)
    rows, columns = large.shape
    picture, pen, top = _page(columns + _GAP + _BAR + _LABELS, max(rows, _SMALLEST // 2), title)
    low, high = limits or (0.0, 1.0)
    picture.paste(Image.fromarray(paint(large, table, low, high, _MISSING)), (_MARGIN, top))
    if limits is None:
        pen.text((_MARGIN + columns / 2, top + rows / 2), missing, _INK, _font(_TITLE), anchor="mm")
        return picture
    _colour_bar(picture, pen, (_MARGIN + columns + _GAP, top), max(rows, _SMALLEST // 2), table, limits, unit)
    if not np.isfinite(values).all():
        _swatch(pen, picture.height - _MARGIN, missing)
    return picture


def draw_histogram(
    edges: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    title: str,
    label: str,
    marks: Mapping[str, float],
    notes: Sequence[str],
) -> Picture:
    """Draw a histogram.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Edges of the bins, rising.
    counts : array of shape (bins,)
        Numbers in the bins.
    title : str
        Line above it.
    label : str
        What is counted, with its unit, below the axis.
    marks : mapping of str to float
        Names of values to mark with a line, one or two.
    notes : sequence of str
        What is written above it, on one line.

    Returns
    -------
    PIL.Image.Image
        Picture.
    """
    picture, pen, top = _page(_WIDTH, _HEIGHT + _LINE, title)
    low, high = float(edges[0]), float(edges[-1])
    bottom = top + _HEIGHT

    def at(value: float) -> float:
        return _MARGIN + (value - low) / (high - low) * _WIDTH

    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            height = max(1, round(int(count) / int(counts.max()) * (_HEIGHT - _HEADROOM)))
            pen.rectangle((round(at(left)), bottom - height, max(round(at(left)), round(at(right)) - 1), bottom), _FILL)
    pen.line((_MARGIN, bottom, _MARGIN + _WIDTH, bottom), _INK)
    values = ticks(low, high, 9)
    for value, text in zip(values, labels(values), strict=True):
        pen.line((at(value), bottom, at(value), bottom + _TICK), _INK)
        pen.text((at(value), bottom + _TICK + 2), text, _INK, _font(_SIZE), anchor="ma")
    pen.text((_MARGIN + _WIDTH / 2, bottom + 2 * _LINE), label, _INK, _font(_SIZE), anchor="mb")
    for number, (name, value) in enumerate(marks.items()):
        _mark(pen, at(value), (top + (number + 1) * _LINE, bottom), name, _MARK if number else _ZERO)
    pen.text((_MARGIN, top), "      ".join(notes), _INK, _font(_SIZE))
    return picture


def shape_of_map(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the map of a raster: as it is, or made smaller to fit `LARGEST`.

    Examples
    --------
    >>> shape_of_map(7800, 3900)
    (880, 440)
    """
    longest = max(height, width)
    if longest <= LARGEST:
        return height, width
    return max(1, round(height * LARGEST / longest)), max(1, round(width * LARGEST / longest))


def save(picture: Picture, target: Path) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises
    ------
    OutputError
        The operating system refuses.
    """
    with written_whole(target) as path:
        picture.save(path, format="PNG", compress_level=6)


def _page(width: int, height: int, title: str) -> tuple[Picture, ImageDraw.ImageDraw, int]:
    """White page with a title, room for a line below, and where the drawing begins."""
    top = _MARGIN + _LINE + _GAP
    picture = Image.new("RGB", (max(width, _NARROWEST) + 2 * _MARGIN, top + height + _LINE + _MARGIN), _WHITE)
    pen = ImageDraw.Draw(picture)
    pen.text((_MARGIN, _MARGIN), _fitting(title, picture.width - 2 * _MARGIN), _INK, _font(_TITLE))
    return picture, pen, top


def _colour_bar(
    picture: Picture, pen: ImageDraw.ImageDraw, corner: tuple[int, int], height: int, table: Colours,
    limits: tuple[float, float], unit: str,
) -> None:  # fmt: skip
    left, top = corner
    low, high = limits
    values = np.linspace(high, low, height)[:, None].repeat(_BAR, axis=1)
    picture.paste(Image.fromarray(paint(values, table, low, high, _MISSING)), corner)
    pen.rectangle((left - 1, top - 1, left + _BAR, top + height), outline=_INK)
    pen.text((left, top - 4), unit, _INK, _font(_SIZE), anchor="ls")
    marks = ticks(low, high)
    for value, text in zip(marks, labels(marks), strict=True):
        y = top + round((high - value) / (high - low) * (height - 1))
        pen.line((left + _BAR, y, left + _BAR + _TICK, y), _INK)
        pen.text((left + _BAR + _TICK + 3, y), text, _INK, _font(_SIZE), anchor="lm")


def _swatch(pen: ImageDraw.ImageDraw, bottom: int, text: str) -> None:
    pen.rectangle((_MARGIN, bottom - 12, _MARGIN + 12, bottom), _MISSING, _INK)
    pen.text((_MARGIN + 18, bottom - 6), text, _INK, _font(_SIZE), anchor="lm")


def _mark(pen: ImageDraw.ImageDraw, x: float, ends: tuple[int, int], name: str, colour: Colour) -> None:
    top, bottom = ends
    if not _MARGIN <= x <= _MARGIN + _WIDTH:
        return
    pen.line((x, top, x, bottom), colour)
    pen.text((x + 4, top), name, colour, _font(_SIZE))


def _fitting(text: str, width: int) -> str:
    """Shorten a text in its middle, where file names differ least, until it fits."""
    font, kept = _font(_TITLE), len(text)
    shown = text
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return shown


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)  # Aileron, which comes with Pillow: the same everywhere
