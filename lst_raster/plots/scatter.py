"""Drawing: two sets of values against each other, with the line on which they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
    Colour,
    Picture,
    fitting,
    labels,
    letters,
    page,
    ticks,
    widened,
)

Float = NDArray[np.float64]
Pen: TypeAlias = ImageDraw.ImageDraw

# Colours that people with any colour vision tell apart: M. Okabe, K. Ito, "Color Universal Design" (2008)
_COLOURS: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (102, 102, 102),
)  # fmt: skip
_GRID, _FRAME, _IDENTITY = (228, 228, 228), (34, 34, 34), (90, 90, 90)
_SIDE = 640  # [pixel] of the square
_LEFT = 58  # [pixel] for the numbers and the label beside it
_RADIUS, _FINE = 4.5, 8  # [pixel]; parts of a pixel that a marker is drawn in
_OPACITY = 190  # of 255: points that lie on each other are darker
_LEAST = 1.0  # range of the axes
_NAME, _CELL = 250, 78  # [pixel] of the legend's columns


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points of one colour."""

    name: str
    """Name in the legend."""
    x: Float
    """Values along the axis to the right, shape (points,); a point of which one is NaN is not drawn."""
    y: Float
    """Values along the axis that goes up, same shape and unit."""
    figures: Mapping[str, str]
    """Figures for the legend, by their titles; all series have the same."""


def draw_scatter(series: Sequence[Series], *, title: str, across: str, up: str, empty: str = "nothing") -> Picture:
    """Draw points, both axes with the same range, and the line on which both values are the same.

    Parameters
    ----------
    series : sequence of Series
        Points; those of the first lie on top.
    title : str
        Line above.
    across, up : str
        What the axes are, with their unit.
    empty : str
        What is written where there is no point at all.

    Returns
    -------
    PIL.Image.Image
        Picture.
    """
    above = LINE * (len(series) + 1) + GAP
    picture, pen, start = page(_LEFT + _SIDE, above + _SIDE + LINE, title)
    _legend(picture, pen, (MARGIN + _LEFT, start), series)
    left, top = MARGIN + _LEFT, start + above
    bottom = top + _SIDE
    limits = _limits(series)
    _frame(picture, pen, (left, top), limits, (across, up))
    for number, one in reversed(list(enumerate(series))):
        marker = _marker(number % len(_SHAPES))
        for x, y in zip(*_kept(one), strict=True):
            corner = _pixel(x, limits) + left - marker.width // 2, bottom - _pixel(y, limits) - marker.height // 2
            picture.paste(_COLOURS[number % len(_COLOURS)], corner, marker)
    if not any(_kept(one)[0].size for one in series):
        pen.text((left + _SIDE / 2, top + _SIDE / 2), empty, INK, letters(TEXT), anchor="mm")
    return picture


def _kept(one: Series) -> tuple[Float, Float]:
    both = np.isfinite(one.x) & np.isfinite(one.y)
    return one.x[both], one.y[both]


def _limits(series: Sequence[Series]) -> tuple[float, float]:
    values = np.concatenate([part for one in series for part in _kept(one)] or [np.zeros(0)])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return widened(low, high, max(_LEAST, 1.1 * (high - low)))


def _pixel(value: float, limits: tuple[float, float]) -> int:
    low, high = limits
    return round((value - low) / (high - low) * _SIDE)


def _frame(
    picture: Picture, pen: Pen, corner: tuple[int, int], limits: tuple[float, float], titles: tuple[str, str]
) -> None:
    """Draw both axes with their numbers, and the line on which both values are the same."""
    left, top = corner
    bottom, right = top + _SIDE, left + _SIDE
    marks = ticks(*limits, 8)
    for value, text in zip(marks, labels(marks), strict=True):
        x, y = left + _pixel(value, limits), bottom - _pixel(value, limits)
        pen.line((x, top, x, bottom), _GRID)
        pen.line((left, y, right, y), _GRID)
        pen.line((x, bottom, x, bottom + TICK), INK)
        pen.line((left - TICK, y, left, y), INK)
        pen.text((x, bottom + TICK + 2), text, INK, letters(TEXT), anchor="ma")
        pen.text((left - TICK - 3, y), text, INK, letters(TEXT), anchor="rm")
    picture.paste(_IDENTITY, (left, top), _diagonal())
    pen.rectangle((left, top, right, bottom), outline=_FRAME)
    pen.text((right, top - 4), "1:1", _IDENTITY, letters(TEXT), anchor="rs")
    pen.text((left + _SIDE / 2, bottom + 2 * LINE), titles[0], INK, letters(TEXT), anchor="mb")
    _upwards(picture, titles[1], (MARGIN, top + _SIDE // 2))


def _upwards(picture: Picture, text: str, place: tuple[int, int]) -> None:
    """Write a text that is read from below, its middle at a place."""
    width, height = round(letters(TEXT).getlength(text)) + 2, LINE
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).text((1, height / 2), text, 255, letters(TEXT), anchor="lm")
    turned = mask.transpose(Image.Transpose.ROTATE_90)
    picture.paste(INK, (place[0] - height // 2 + 4, place[1] - width // 2), turned)


def _legend(picture: Picture, pen: Pen, corner: tuple[int, int], series: Sequence[Series]) -> None:
    """Write the names and figures of all series, a line each, below the titles of the figures."""
    left, top = corner
    titles = list(series[0].figures) if series else []
    rights = [left + _NAME + _CELL * (number + 1) for number in range(len(titles))]
    for right, text in zip(rights, titles, strict=True):
        pen.text((right, top + LINE // 2), text, _IDENTITY, letters(TEXT), anchor="rm")
    for number, one in enumerate(series):
        y = top + LINE * (number + 1) + LINE // 2
        marker = _marker(number % len(_SHAPES))
        place = left + GAP // 2 - marker.width // 2, y - marker.height // 2
        picture.paste(_COLOURS[number % len(_COLOURS)], place, marker)
        pen.text((left + 3 * GAP // 2, y), fitting(one.name, _NAME - GAP, TEXT), INK, letters(TEXT), anchor="lm")
        for right, title in zip(rights, titles, strict=True):
            pen.text((right, y), one.figures[title], INK, letters(TEXT), anchor="rm")


_SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    (),  # a disc
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0.0, -1.1), (1.1, 0.9), (-1.1, 0.9)),
    ((0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)),
    ((0.0, 1.1), (1.1, -0.9), (-1.1, -0.9)),
)


@cache
def _marker(shape: int) -> Any:
    """Mask of a marker, with soft edges."""
    side = 2 * round(1.5 * _RADIUS) + 1
    middle, radius = side * _FINE / 2, _RADIUS * _FINE
    mask = Image.new("L", (side * _FINE, side * _FINE))
    pen = ImageDraw.Draw(mask)
    if _SHAPES[shape]:
        pen.polygon([(middle + radius * x, middle + radius * y) for x, y in _SHAPES[shape]], _OPACITY)
    else:
        pen.ellipse((middle - radius, middle - radius, middle + radius, middle + radius), _OPACITY)
    return mask.reduce(_FINE)


@cache
def _diagonal() -> Any:
    """Mask of the line from the lower left to the upper right, with soft edges."""
    fine = 4
    mask = Image.new("L", (_SIDE * fine, _SIDE * fine))
    ImageDraw.Draw(mask).line((0, _SIDE * fine, _SIDE * fine, 0), 255, round(1.3 * fine))
    return mask.reduce(fine)
