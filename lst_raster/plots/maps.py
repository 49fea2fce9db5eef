"""Quicklook maps drawn with Pillow: title, map, colour bar. The same values give the same bytes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lst_raster.atomic_write import atomic_write
from lst_raster.plots.canvas import labels, ticks
from lst_raster.plots.colours import Colours, paint

Picture: TypeAlias = Image.Image

LARGEST = 880
"""Largest number of rows and columns of a map, which makes a picture about 1000 pixels wide. [pixel]"""
SMALLEST = 320
"""Smallest length of a map's longer side: smaller rasters are enlarged. [pixel]"""
MARGIN, GAP, LINE = 16, 14, 22
"""Margin of the page, space between its parts, height of a line of text. [pixel]"""
BAR, LABELS = 18, 64
"""Width of the colour bar and of its labels. [pixel]"""
MISSING = (200, 200, 200)
"""Colour of pixels without a value."""
INK = (34, 34, 34)
"""Colour of text and lines."""

_WHITE = (255, 255, 255)
_TEXT, _TITLE = 13, 16  # [pixel], font sizes
_TICK, _SWATCH = 5, 12  # [pixel], length of a tick, side of a colour sample
_NARROWEST = 420  # [pixel], so that titles fit


def draw_map(
    values: NDArray[Any],
    table: Colours,
    limits: tuple[float, float] | None,
    *,
    title: str,
    unit: str,
    missing: str,
) -> Picture:
    """Draw a map of shape (rows, columns), NaN where there is no value.

    `limits` are the values of the first and the last colour, None where there is no value at all; `unit` is written
    above the colour bar, `missing` is the meaning of NaN.
    """
    large = enlarged(values, enlargement(values.shape))
    rows, columns = large.shape
    bar_height, top = max(rows, SMALLEST // 2), MARGIN + LINE + GAP
    width = max(columns + GAP + BAR + LABELS, _NARROWEST) + 2 * MARGIN
    picture = Image.new("RGB", (width, top + bar_height + LINE + MARGIN), _WHITE)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, MARGIN), _shortened(title, width - 2 * MARGIN), INK, _font(_TITLE))
    low, high = limits or (0.0, 1.0)
    picture.paste(Image.fromarray(paint(large, table, low, high, MISSING)), (MARGIN, top))
    if limits is None:
        pen.text((MARGIN + columns / 2, top + rows / 2), missing, INK, _font(_TITLE), anchor="mm")
        return picture
    _colour_bar(picture, (MARGIN + columns + GAP, top), bar_height, table, limits, unit)
    if not np.isfinite(values).all():
        bottom = picture.height - MARGIN
        pen.rectangle((MARGIN, bottom - _SWATCH, MARGIN + _SWATCH, bottom), MISSING, INK)
        pen.text((MARGIN + _SWATCH + 6, bottom - _SWATCH // 2), missing, INK, _font(_TEXT), anchor="lm")
    return picture


def shape_of_map(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of the map of a raster, reduced to fit `LARGEST`.

    Examples
    --------
    >>> shape_of_map(7800, 3900)
    (880, 440)
    """
    longest = max(height, width)
    if longest <= LARGEST:
        return height, width
    return max(1, round(height * LARGEST / longest)), max(1, round(width * LARGEST / longest))


def enlargement(shape: tuple[int, ...]) -> int:
    """Return the integer factor that enlarges a small map to at least `SMALLEST`.

    Examples
    --------
    >>> enlargement((100, 60)), enlargement((880, 440))
    (4, 1)
    """
    return max(1, -(-SMALLEST // max(shape)))


def enlarged(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """Repeat every pixel `factor` times along rows and columns."""
    return np.repeat(np.repeat(values, factor, axis=0), factor, axis=1)


def save(picture: Picture, target: Path) -> None:
    """Write a picture as PNG, completely or not at all; raises OutputError."""
    with atomic_write(target) as path:
        picture.save(path, format="PNG", compress_level=6)


def _colour_bar(
    picture: Picture, corner: tuple[int, int], height: int, table: Colours, limits: tuple[float, float], unit: str
) -> None:
    (left, top), (low, high) = corner, limits
    values = np.linspace(high, low, height)[:, None].repeat(BAR, axis=1)
    picture.paste(Image.fromarray(paint(values, table, low, high, MISSING)), corner)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((left - 1, top - 1, left + BAR, top + height), outline=INK)
    pen.text((left, top - 4), unit, INK, _font(_TEXT), anchor="ls")
    marks = ticks(low, high)
    for value, text in zip(marks, labels(marks), strict=True):
        y = top + round((high - value) / (high - low) * (height - 1))
        pen.line((left + BAR, y, left + BAR + _TICK, y), INK)
        pen.text((left + BAR + _TICK + 3, y), text, INK, _font(_TEXT), anchor="lm")


def _shortened(text: str, width: int) -> str:
    """Shorten a title in its middle, where file names differ least, to a width in pixels."""
    shown, kept = text, len(text)
    while _font(_TITLE).getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return shown


@cache
def _font(size: int) -> Any:
    """Pillow's own font, which is the same on every system."""
    return ImageFont.load_default(size)
