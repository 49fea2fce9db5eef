"""Uncertainty of means over areas and dates: components by the length over which their errors are correlated."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.arrays import Array

CORRELATION_LENGTHS = {"atmosphere": 800e3, "surface": 30e3}
"""Distances at which the correlation of the errors of two pixels has fallen to 1/e, by component. [m]"""
_INSIDE_SQUARE = 0.5214  # mean distance of two points of a square, in sides


class Components(NamedTuple):
    """Standard uncertainty by the correlation of its errors; arrays of any shape. [K]

    The components of the LST_cci products of ESA.

    References
    ----------
    D. Ghent et al., Remote Sensing 11, 1021 (2019), doi:10.3390/rs11091021
    """

    random: Array  # noise, independent between pixels and dates
    atmosphere: Array  # correlated over hundreds of kilometres, independent between dates
    surface: Array  # emissivity: correlated over tens of kilometres, common to the dates of a place
    systematic: Array  # calibration, common to all pixels and dates of a sensor

    def combined(self) -> Array:
        """Combined standard uncertainty: the root sum square of the components. [K]"""
        return np.sqrt(sum(np.square(part) for part in self))


def distance_correlation(distance: Array, length: float) -> Array:
    """Correlation of the errors of two pixels at a distance [m]: ``exp(-d / length)``. [1]

    `length` is the correlation length. [m]

    References
    ----------
    N. Cressie, Statistics for Spatial Data, Wiley (1993), section 2.3.1 (exponential model).
    """
    return np.exp(-np.asarray(distance) / length)


def correlated_sum(deviations: NDArray[Any], cell_size: tuple[float, float], length: float) -> float:
    """Standard uncertainty of a sum over the cells of a grid, with `distance_correlation` between them.

    ``u**2 = sum_ij D_i D_j exp(-d_ij / length)``, by fast Fourier transform. The correlation within a cell is that at
    the mean distance of two points of a square of the same area.

    Parameters
    ----------
    deviations : array of shape (rows, columns)
        Weight times standard uncertainty of each cell; weights may be negative. [K]
    cell_size : tuple of float
        Height and width of a cell, at most a fifth of the correlation length. [m]
    length : float
        Correlation length, may be infinite. [m]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """
    if math.isinf(length):
        return float(abs(deviations.sum()))
    rows, columns = deviations.shape
    shape = 2 * rows, 2 * columns  # no two cells are neighbours across the edge
    down, across = (np.minimum(np.arange(n), n - np.arange(n)) * side for n, side in zip(shape, cell_size, strict=True))
    kernel = distance_correlation(np.hypot(down[:, None], across[None, :]), length)
    kernel[0, 0] = distance_correlation(_INSIDE_SQUARE * math.sqrt(cell_size[0] * cell_size[1]), length)
    spectrum = np.fft.rfft2(kernel) * np.fft.rfft2(deviations, s=shape)
    around = np.fft.irfft2(spectrum, s=shape)[:rows, :columns]
    return math.sqrt(max(float(np.vdot(deviations, around)), 0.0))


def independent_samples(pixels: float, pixel_area: float, footprint: float) -> float:
    """Number of independent samples of the noise among the pixels of an area. [1]

    Thermal bands are distributed on pixels smaller than their ground sample distance, so that neighbours share
    detector samples: ``1 + (n - 1) / max(footprint**2 / pixel_area, 1)``, exact for one pixel and for large areas.

    Parameters
    ----------
    pixels : float
        Number of pixels n.
    pixel_area : float
        Area of a pixel. [m2]
    footprint : float
        Ground sample distance of the band. [m]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """
    return 1.0 + (pixels - 1.0) / max(footprint * footprint / pixel_area, 1.0)


def components_of_sum(
    components: Components, weights: NDArray[Any], cell_size: tuple[float, float], random: float
) -> Components:
    """Components of a weighted sum over the cells of a grid, such as the mean of an area or a difference of two. [K]

    Parameters
    ----------
    components : Components
        Of the pixels in each cell, shape (rows, columns); cells of weight 0 may have NaN. [K]
    weights : array of shape (rows, columns)
        Weight of each cell: for a mean its share of the pixels, for a difference of two means the difference of both.
    cell_size : tuple of float
        Height and width of a cell. [m]
    random : float
        Random component of the sum, which depends on the pixels of the cells (`random_of_mean`). [K]
    """
    used = weights != 0.0
    deviations = {
        name: np.where(used, weights * part, 0.0) for name, part in components._asdict().items() if name != "random"
    }
    sums = {
        name: correlated_sum(values, cell_size, CORRELATION_LENGTHS.get(name, math.inf))
        for name, values in deviations.items()
    }
    return Components(random=random, **sums)


def random_of_mean(components: Components, weights: NDArray[Any], samples: float) -> float:
    """Random component of the mean of an area with a number of `independent_samples`. [K]

    `components` and `weights` as in `components_of_sum`, with the weights of one mean.

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    squares = np.where(weights != 0.0, weights * np.square(components.random), 0.0)
    return math.sqrt(float(squares.sum()) / float(weights.sum()) / samples)


class MeanOverDates:
    """Components of a weighted mean over dates, summed up date by date; arrays of any shape.

    Random and atmospheric errors of two dates are independent. Errors of the emissivity of a place are common to all
    dates; those of the calibration are common to the dates of a sensor and independent between sensors.

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 13.
    """

    def __init__(self) -> None:
        self._weight: Any = 0.0
        self._random: Any = 0.0
        self._atmosphere: Any = 0.0
        self._surface: Any = 0.0
        self._systematic: dict[Hashable, Any] = {}

    def add(self, weight: Array, components: Components, sensor: Hashable) -> None:
        """Add a date with its weight, 0 where it has no value, and its components. [K]"""
        self._weight = self._weight + weight
        self._random = self._random + np.square(weight * components.random)
        self._atmosphere = self._atmosphere + np.square(weight * components.atmosphere)
        self._surface = self._surface + weight * components.surface
        self._systematic[sensor] = self._systematic.get(sensor, 0.0) + weight * components.systematic

    def components(self) -> Components:
        """Components of the mean; NaN where no date has a value. [K]"""
        systematic = sum((np.square(part) for part in self._systematic.values()), start=np.zeros(()))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Components(
                random=np.sqrt(self._random) / self._weight,
                atmosphere=np.sqrt(self._atmosphere) / self._weight,
                surface=self._surface / self._weight,
                systematic=np.sqrt(systematic) / self._weight,
            )
