"""Colours for numbers: evenly perceived, from tables and formulas."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.resources import data_path

Colours = NDArray[np.uint8]
"""Red, green and blue; the last dimension is 3."""

# Of the colours of differences: lightness at the ends and in the middle, chroma, and the hues of both sides in degrees.
_DARK, _BRIGHT, _CHROMA, _BLUE, _RED = 0.42, 0.96, 0.15, 258.0, 27.0
_DARKEST = 0.30  # lightness of the last of the colours that only go from pale to dark
_STEPS = 257  # an odd number: zero has a colour of its own

# From Oklab to the cubes' roots, and from their cubes to linear red, green and blue. Bjorn Ottosson, "A perceptual
# color space for image processing" (2020), https://bottosson.github.io/posts/oklab/
_TO_ROOTS = np.array(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@cache
def inferno() -> Colours:
    """Colours from cold to hot, of shape (256, 3): black, purple, red, yellow."""
    table = np.loadtxt(data_path("colours", "inferno.csv"), delimiter=",", skiprows=1, dtype=np.uint8)
    table.setflags(write=False)
    return table


@cache
def blue_to_red() -> Colours:
    """Colours of differences, of shape (257, 3): blue below zero, nearly white at it, red above."""
    side = np.linspace(-1.0, 1.0, _STEPS)
    lightness = _BRIGHT - (_BRIGHT - _DARK) * np.abs(side)
    chroma = _CHROMA * np.sin(0.5 * np.pi * np.abs(side))
    hue = np.deg2rad(np.where(side < 0.0, _BLUE, _RED))
    table = _from_oklab(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1))
    table.setflags(write=False)
    return table


@cache
def pale_to_dark() -> Colours:
    """Colours from little to much of what is not wanted, of shape (256, 3): nearly white to dark blue."""
    share = np.linspace(0.0, 1.0, 256)
    chroma, hue = _CHROMA * np.sin(0.5 * np.pi * share), np.deg2rad(_BLUE)
    lightness = _BRIGHT - (_BRIGHT - _DARKEST) * share
    table = _from_oklab(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1))
    table.setflags(write=False)
    return table


def paint(values: NDArray[Any], table: Colours, low: float, high: float, missing: tuple[int, int, int]) -> Colours:
    """Give every value its colour.

    Parameters
    ----------
    values : array, any shape
        Values, NaN where there are none.
    table : array of shape (colours, 3)
        Colours, in the order of the values.
    low, high : float
        Values of the first and of the last colour, `low` below `high`; beyond them the colours stay the same.
    missing : tuple of int
        Colour where there is no value.

    Returns
    -------
    array of that shape and 3
        Colours.

    Examples
    --------
    >>> paint(np.array([0.0, 9.0, np.nan]), np.array([[0, 0, 0], [255, 0, 0]], np.uint8), 0.0, 1.0, (9, 9, 9)).tolist()
    [[0, 0, 0], [255, 0, 0], [9, 9, 9]]
    """
    known = np.isfinite(values)
    share = np.clip((np.where(known, values, low) - low) / (high - low), 0.0, 1.0)
    painted: Colours = table[np.minimum((share * len(table)).astype(np.intp), len(table) - 1)]
    return np.asarray(np.where(known[..., None], painted, np.array(missing, np.uint8)))


def _from_oklab(colours: NDArray[np.float64]) -> Colours:
    linear = np.clip((colours @ _TO_ROOTS.T) ** 3 @ _TO_LINEAR.T, 0.0, 1.0)
    # the transfer curve of sRGB, IEC 61966-2-1
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    return np.asarray(np.rint(255.0 * curved), np.uint8)
