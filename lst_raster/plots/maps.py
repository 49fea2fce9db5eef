"""Drawing: a map with its colour bar, a histogram with its marks. The same numbers make the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lst_raster.atomic_write import atomic_write
from lst_raster.plots.canvas import (
    GAP,
    INK,
    LINE,
    MARGIN,
    TEXT,
    TICK,
    TITLE,
    Colour,
    Picture,
    labels,
    letters,
    page,
    ticks,
)
from lst_raster.plots.colours import Colours, paint

LARGEST = 880
"""Columns and rows that a map has at most: with margin and colour bar the picture is about 1000 wide. [pixel]"""

SMALLEST = 320
"""Longer side that a map has at least: smaller rasters are enlarged. [pixel]"""
BAR, LABELS, SWATCH = 18, 64, 12
"""Width of the colour bar and of the numbers beside it, side of a colour in the legend. [pixel]"""
MISSING: Colour = (200, 200, 200)
"""Colour of pixels without value."""

_FILL, _MARK, _ZERO = (104, 130, 160), (178, 34, 34), (90, 90, 90)
_WIDTH, _HEIGHT = 720, 320  # [pixel] of a histogram, without its margins
_HEADROOM = 3 * LINE  # above its bars, for the notes and the names of two marks


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
    large = enlarged(values, times_of(values.shape))
    rows, columns = large.shape
    picture, pen, top = page(columns + GAP + BAR + LABELS, max(rows, SMALLEST // 2), title)
    low, high = limits or (0.0, 1.0)
    picture.paste(Image.fromarray(paint(large, table, low, high, MISSING)), (MARGIN, top))
    if limits is None:
        pen.text((MARGIN + columns / 2, top + rows / 2), missing, INK, letters(TITLE), anchor="mm")
        return picture
    colour_bar(picture, pen, (MARGIN + columns + GAP, top), max(rows, SMALLEST // 2), table, limits, unit)
    if not np.isfinite(values).all():
        swatch(pen, (MARGIN, picture.height - MARGIN), missing)
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
    picture, pen, top = page(_WIDTH, _HEIGHT + LINE, title)
    low, high = float(edges[0]), float(edges[-1])
    bottom = top + _HEIGHT

    def at(value: float) -> float:
        return MARGIN + (value - low) / (high - low) * _WIDTH

    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            height = max(1, round(int(count) / int(counts.max()) * (_HEIGHT - _HEADROOM)))
            pen.rectangle((round(at(left)), bottom - height, max(round(at(left)), round(at(right)) - 1), bottom), _FILL)
    pen.line((MARGIN, bottom, MARGIN + _WIDTH, bottom), INK)
    values = ticks(low, high, 9)
    for value, text in zip(values, labels(values), strict=True):
        pen.line((at(value), bottom, at(value), bottom + TICK), INK)
        pen.text((at(value), bottom + TICK + 2), text, INK, letters(TEXT), anchor="ma")
    pen.text((MARGIN + _WIDTH / 2, bottom + 2 * LINE), label, INK, letters(TEXT), anchor="mb")
    for number, (name, value) in enumerate(marks.items()):
        _mark(pen, at(value), (top + (number + 1) * LINE, bottom), name, _MARK if number else _ZERO)
    pen.text((MARGIN, top), "      ".join(notes), INK, letters(TEXT))
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


def times_of(shape: tuple[int, ...]) -> int:
    """How many times a small map is enlarged.

    Examples
    --------
    >>> times_of((100, 60)), times_of((880, 440))
    (4, 1)
    """
    return max(1, -(-SMALLEST // max(shape)))


def enlarged(values: NDArray[Any], times: int) -> NDArray[Any]:
    """Draw every pixel as a square of so many."""
    return np.repeat(np.repeat(values, times, axis=0), times, axis=1)


def save(picture: Picture, target: Path) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises
    ------
    OutputError
        The operating system refuses.
    """
    with atomic_write(target) as path:
        picture.save(path, format="PNG", compress_level=6)


def colour_bar(
    picture: Picture, pen: ImageDraw.ImageDraw, corner: tuple[int, int], height: int, table: Colours,
    limits: tuple[float, float], unit: str,
) -> None:  # fmt: skip
    """Draw the colours and their values, from a corner down; `BAR` and `LABELS` tell the room that they take."""
    left, top = corner
    low, high = limits
    values = np.linspace(high, low, height)[:, None].repeat(BAR, axis=1)
    picture.paste(Image.fromarray(paint(values, table, low, high, MISSING)), corner)
    pen.rectangle((left - 1, top - 1, left + BAR, top + height), outline=INK)
    pen.text((left, top - 4), unit, INK, letters(TEXT), anchor="ls")
    marks = ticks(low, high)
    for value, text in zip(marks, labels(marks), strict=True):
        y = top + round((high - value) / (high - low) * (height - 1))
        pen.line((left + BAR, y, left + BAR + TICK, y), INK)
        pen.text((left + BAR + TICK + 3, y), text, INK, letters(TEXT), anchor="lm")


def swatch(pen: ImageDraw.ImageDraw, corner: tuple[int, int], text: str) -> None:
    """Draw what no value looks like, and say what it means; the corner is the lower left one."""
    left, bottom = corner
    pen.rectangle((left, bottom - SWATCH, left + SWATCH, bottom), MISSING, INK)
    pen.text((left + SWATCH + 6, bottom - SWATCH // 2), text, INK, letters(TEXT), anchor="lm")


def _mark(pen: ImageDraw.ImageDraw, x: float, ends: tuple[int, int], name: str, colour: Colour) -> None:
    top, bottom = ends
    if not MARGIN <= x <= MARGIN + _WIDTH:
        return
    pen.line((x, top, x, bottom), colour)
    pen.text((x + 4, top), name, colour, letters(TEXT))
