"""Canvas and axes of pictures: text, margins, ticks and limits."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Picture: TypeAlias = Image.Image
Colour: TypeAlias = tuple[int, int, int]

MARGIN, GAP, LINE, TICK = 16, 14, 22, 5
"""Edge of the page, room below the title, height of a line, length of an axis's marks. [pixel]"""
TEXT, TITLE = 13, 16
"""Size of the letters. [pixel]"""
WHITE: Colour = (255, 255, 255)
INK: Colour = (34, 34, 34)

_NARROWEST = 420  # [pixel], so that titles have room


def page(width: int, height: int, title: str) -> tuple[Picture, ImageDraw.ImageDraw, int]:
    """White page with a title, room for a line below, and where the drawing begins."""
    top = MARGIN + LINE + GAP
    picture = Image.new("RGB", (max(width, _NARROWEST) + 2 * MARGIN, top + height + LINE + MARGIN), WHITE)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, MARGIN), fitting(title, picture.width - 2 * MARGIN), INK, letters(TITLE))
    return picture, pen, top


def fitting(text: str, width: float, size: int = TITLE) -> str:
    """Shorten a text in its middle, where file names differ least, until it fits."""
    font, kept = letters(size), len(text)
    shown = text
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return shown


@cache
def letters(size: int) -> Any:
    """Letters of a size; they come with Pillow, so that they are the same everywhere."""
    return ImageFont.load_default(size)


_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)  # steps that people read without thinking


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers between two values.

    Parameters
    ----------
    low, high : float
        Ends of the axis, `low` below `high`.
    most : int
        How many there may be, at least 2.

    Returns
    -------
    list of float
        Rising, evenly spaced, all within the ends; at least one.

    Examples
    --------
    >>> ticks(-3.2, 17.0)
    [0.0, 5.0, 10.0, 15.0]
    """
    step = _step((high - low) / most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)] or [0.5 * (low + high)]


def labels(values: list[float]) -> list[str]:
    """Texts of numbers, all with as many digits after the point as the finest of them needs.

    Examples
    --------
    >>> labels([0.0, 2.5, 5.0])
    ['0.0', '2.5', '5.0']
    """
    digits = next(number for number in range(11) if np.allclose(values, np.round(values, number), rtol=0.0, atol=1e-9))
    return [f"{value:.{digits}f}" for value in values]


def robust_limits(values: np.ndarray, low: float = 2.0, high: float = 98.0) -> tuple[float, float] | None:
    """Limits between which most values lie; a few outliers do not move them.

    Parameters
    ----------
    values : array, any shape
        Values, NaN where there are none.
    low, high : float
        Percentiles.

    Returns
    -------
    tuple of float or None
        Lower and upper limit, at least 0.1 apart so that noise is not spread over all colours; None without values.

    Examples
    --------
    >>> robust_limits(np.array([[300.0, np.nan]]))
    (299.95, 300.05)
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return None
    lower, upper = (float(value) for value in np.percentile(known, (low, high)))
    return widened(lower, upper, 0.1)


def trusted_limits(values: np.ndarray, doubtful: np.ndarray | None) -> tuple[float, float] | None:
    """Limits of what is not in doubt, so that clouds do not take the colours; of all where everything is.

    Parameters
    ----------
    values : array, any shape
        Values, NaN where there are none.
    doubtful : array of bool, or None
        Where they are not to be trusted, of the same shape.

    Returns
    -------
    tuple of float or None
        As `robust_limits`.

    Examples
    --------
    >>> trusted_limits(np.array([300.0, 220.0]), np.array([False, True]))
    (299.95, 300.05)
    """
    trusted = values if doubtful is None else np.where(doubtful, np.nan, values)
    return robust_limits(trusted) or robust_limits(values)


def widened(low: float, high: float, least: float) -> tuple[float, float]:
    """Move two limits apart, evenly, until they are so far apart."""
    lack = max(0.0, least - (high - low)) / 2.0
    return round(low - lack, 10), round(high + lack, 10)


def _step(rough: float) -> float:
    scale = 10.0 ** math.floor(math.log10(rough))
    return next(number * scale for number in _ROUND if number * scale >= rough * (1.0 - 1e-9))
