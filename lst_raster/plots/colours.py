"""Colour tables and a palette for series; limits, ticks and labels of colour bars and axes."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.resources import data_path

Colours = NDArray[np.uint8]  # red, green and blue along the last dimension, 0 to 255

# Colours of series, distinguishable with any colour vision: M. Okabe, K. Ito, "Color Universal Design" (2008)
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#666666")

# Lightness of the middle, chroma of the ends, and hues of both sides [degree] of the tables of differences, in Oklab
_BRIGHT, _CHROMA, _BLUE, _RED = 0.96, 0.15, 258.0, 27.0
# From Oklab to cube roots of the cone responses, and from their cubes to linear red, green and blue. Bjorn Ottosson,
# "A perceptual color space for image processing" (2020), https://bottosson.github.io/posts/oklab/
_TO_ROOTS = np.array([
    [1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480],
])  # fmt: skip
_TO_LINEAR = np.array([
    [4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
    [-0.0041960863, -0.7034186147, 1.7076147010],
])  # fmt: skip


@cache
def inferno() -> Colours:
    """Return matplotlib's inferno, shape (256, 3): black, purple, red, yellow. Kept as data for use without it."""
    table = np.loadtxt(data_path("colours", "inferno.csv"), delimiter=",", skiprows=1, dtype=np.uint8)
    table.setflags(write=False)
    return table


@cache
def blue_to_red() -> Colours:
    """Return the diverging table, shape (257, 3): blue below zero, nearly white at zero, red above."""
    return _blended(np.linspace(-1.0, 1.0, 257), lightness=0.42)


@cache
def pale_to_dark() -> Colours:
    """Return the sequential table, shape (256, 3): nearly white to dark blue."""
    return _blended(-np.linspace(0.0, 1.0, 256), lightness=0.30)


def _blended(positions: NDArray[np.float64], lightness: float) -> Colours:
    """Colours at positions from -1 (blue) over 0 (nearly white) to 1 (red); `lightness` is that of the ends."""
    distance = np.abs(positions)
    chroma = _CHROMA * np.sin(0.5 * np.pi * distance)
    hue = np.deg2rad(np.where(positions < 0.0, _BLUE, _RED))
    oklab = np.stack([_BRIGHT - (_BRIGHT - lightness) * distance, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear = np.clip((oklab @ _TO_ROOTS.T) ** 3 @ _TO_LINEAR.T, 0.0, 1.0)
    # transfer curve of sRGB, IEC 61966-2-1
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    table: Colours = np.rint(255.0 * curved).astype(np.uint8)
    table.setflags(write=False)
    return table


def paint(values: NDArray[Any], table: Colours, low: float, high: float, missing: tuple[int, int, int]) -> Colours:
    """Map values of any shape linearly to colours, clipped at both ends; NaN and infinity get `missing`.

    >>> paint(np.array([0.0, 9.0, np.nan]), np.array([[0, 0, 0], [255, 0, 0]], np.uint8), 0.0, 1.0, (9, 9, 9)).tolist()
    [[0, 0, 0], [255, 0, 0], [9, 9, 9]]
    """
    known = np.isfinite(values)
    fraction = np.clip((np.where(known, values, low) - low) / (high - low), 0.0, 1.0)
    index = np.where(known, np.minimum((fraction * len(table)).astype(np.intp), len(table) - 1), len(table))
    painted: Colours = np.concatenate([table, np.array([missing], np.uint8)]).take(index, axis=0)
    return painted


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return at most about `most` evenly spaced round numbers from `low` to `high`; at least one.

    >>> ticks(-3.2, 17.0)
    [0.0, 5.0, 10.0, 15.0]
    """
    rough = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(size * scale for size in (1.0, 2.0, 2.5, 5.0, 10.0) if size * scale >= rough * (1.0 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)] or [0.5 * (low + high)]


def labels(values: list[float]) -> list[str]:
    """Format numbers with the fewest decimals that show all of them exactly: 0.0, 2.5, 5.0."""
    digits = next(number for number in range(11) if np.allclose(values, np.round(values, number), rtol=0.0, atol=1e-9))
    return [f"{value:.{digits}f}" for value in values]


def robust_limits(values: np.ndarray) -> tuple[float, float] | None:
    """Return the 2nd and 98th percentile of the finite values; None without a finite value.

    They are at least 0.1 apart, which keeps noise from filling the whole range of colours.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = np.percentile(known, (2.0, 98.0)).tolist()
    return widened(low, high, 0.1)


def cloud_free_limits(values: np.ndarray, cloudy: np.ndarray | None) -> tuple[float, float] | None:
    """Return `robust_limits` of the values outside the cloud mask, or of all values where everything is cloudy."""
    clear = values if cloudy is None else np.where(cloudy, np.nan, values)
    return robust_limits(clear) or robust_limits(values)


def widened(low: float, high: float, least: float) -> tuple[float, float]:
    """Move two limits apart, evenly, to a distance of at least `least`."""
    margin = max(0.0, least - (high - low)) / 2.0
    return round(low - margin, 10), round(high + margin, 10)
