"""Lines over named places, such as an error by class of water vapour, with a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import ImageDraw

from lst_raster.plots.canvas import (
    GAP,
    INK,
    LINE,
    MARGIN,
    TEXT,
    TICK,
    Colour,
    Picture,
    labels,
    letters,
    page,
    ticks,
    widened,
)

# Colours for colour-blind readers: M. Okabe, K. Ito, "Color Universal Design" (2008)
_COLOURS: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0), (0, 0, 0),
)  # fmt: skip
_WIDTH, _HEIGHT = 620, 320  # [pixel] of the drawing
_SCALE, _LEGEND = 52, 190  # [pixel] left of it for the numbers, right of it for the names
_FAINT = (225, 225, 225)
_DOT = 3  # [pixel]
_LEAST = 0.01  # of the axis, so that noise is not drawn large


def draw_lines(places: Sequence[str], lines: Mapping[str, Sequence[float]], *, title: str, label: str) -> Picture:
    """Draw one line for each name, over places that are evenly spaced.

    Parameters
    ----------
    places : sequence of str
        Names along the axis, at least two.
    lines : mapping of str to sequence of float
        Values at the places by the line's name, NaN where there is none; at most seven lines.
    title : str
        Line above the drawing.
    label : str
        What is at the two axes, with units, below the drawing.

    Returns
    -------
    PIL.Image.Image
        Picture; zero is always on the axis.
    """
    values = np.array(list(lines.values()), dtype=float)
    shown = np.append(values[np.isfinite(values)], 0.0)
    low, high = widened(float(shown.min()), float(shown.max()), _LEAST)
    margin = 0.05 * (high - low)
    picture, pen, top = page(_SCALE + _WIDTH + _LEGEND, _HEIGHT + LINE, title)
    left = MARGIN + _SCALE

    def x(place: int) -> float:
        return left + (place + 0.5) / len(places) * _WIDTH

    def y(value: float) -> float:
        return top + (high + margin - value) / (high - low + 2.0 * margin) * _HEIGHT

    marks = ticks(low, high)
    for mark, text in zip(marks, labels(marks), strict=True):
        pen.line((left, y(mark), left + _WIDTH, y(mark)), INK if mark == 0.0 else _FAINT)
        pen.text((left - TICK - 2, y(mark)), text, INK, letters(TEXT), anchor="rm")
    for place, name in enumerate(places):
        pen.text((x(place), top + _HEIGHT + TICK), name, INK, letters(TEXT), anchor="ma")
    pen.text((left + _WIDTH / 2, top + _HEIGHT + 2 * LINE), label, INK, letters(TEXT), anchor="mb")
    for (name, heights), colour in zip(lines.items(), _COLOURS, strict=False):
        known = [(x(place), y(value)) for place, value in enumerate(heights) if np.isfinite(value)]
        if len(known) > 1:
            pen.line(known, colour, width=2)
        for across, down in known:
            pen.ellipse((across - _DOT, down - _DOT, across + _DOT, down + _DOT), colour)
        _legend(pen, (left + _WIDTH + GAP, top + LINE * list(lines).index(name)), name, colour)
    return picture


def _legend(pen: ImageDraw.ImageDraw, corner: tuple[float, float], name: str, colour: Colour) -> None:
    left, top = corner
    middle = top + LINE / 2
    pen.line((left, middle, left + 2 * GAP, middle), colour, width=2)
    pen.text((left + 2 * GAP + TICK, middle), name, INK, letters(TEXT), anchor="lm")
