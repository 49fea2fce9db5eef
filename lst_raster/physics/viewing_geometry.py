"""Directions towards the satellite and the sun from the rational polynomials of Landsat's angle coefficient files."""

from __future__ import annotations

from collections.abc import Sequence
from math import degrees

from lst_raster.physics.arrays import Array, namespace


def detector_position(
    line: Array, sample: Array, height: Array | float, numerator: Sequence[float], denominator: Sequence[float]
) -> Array:
    """Line or sample in the image before map projection, of a pixel of the projected image, by a rational polynomial.

    Parameters
    ----------
    line, sample : array, any shape
        Line and sample of the pixel relative to their means. [pixel]
    height : array or float
        Height above the ellipsoid relative to its mean. [m]
    numerator, denominator : sequence of 5 and 4 floats
        Coefficients of line, sample, height, and line times sample; those of the numerator begin with a constant.

    Returns
    -------
    array
        Line or sample relative to its mean. [pixel]

    References
    ----------
    USGS, Landsat 8-9 Calibration and Validation Algorithm Description Document, LSDS-1747, "LOS Model Correction and
    angle coefficients"; https://www.usgs.gov/landsat-missions/solar-illumination-and-sensor-viewing-angle-coefficient-files

    Examples
    --------
    >>> detector_position(10.0, 4.0, 0.0, [1.0, 0.3, -0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0])
    3.0
    """
    terms = (line, sample, height, line * sample)
    return _ratio(terms, numerator, denominator)


def direction_component(
    line: Array, sample: Array, height: Array | float, detector_line: Array, detector_sample: Array,
    numerator: Sequence[float], denominator: Sequence[float],
) -> Array:  # fmt: skip
    """Deviation of one component of a direction from its mean, by a rational polynomial.

    Parameters
    ----------
    line, sample : array, any shape
        Line and sample of the pixel relative to their means. [pixel]
    height : array or float
        Height above the ellipsoid relative to its mean. [m]
    detector_line, detector_sample : array
        Position in the image before map projection relative to its mean, of the shape of `line`. [pixel]
    numerator, denominator : sequence of 10 and 9 floats
        Coefficients of the nine terms; those of the numerator begin with a constant.

    Returns
    -------
    array
        Deviation of the component of the unit vector. [1]

    References
    ----------
    USGS, as for `detector_position`

    Examples
    --------
    >>> direction_component(1e3, 0.0, 0.0, 0.0, 0.0, [0.01, 1e-5] + 8 * [0.0], 9 * [0.0])
    0.02
    """
    cube = detector_line * detector_line
    terms = (
        line, sample, height, detector_line, line * line, line * sample, sample * sample, detector_sample * cube,
        detector_line * cube,
    )  # fmt: skip
    return _ratio(terms, numerator, denominator)


def zenith_and_azimuth(east: Array, north: Array, up: Array) -> tuple[Array, Array]:
    """Zenith angle and azimuth of a direction in the local horizontal system.

    Parameters
    ----------
    east, north, up : array, any shape
        Components of a vector of any length. [any, the same]

    Returns
    -------
    zenith : array
        Angle from the vertical, 0 to 180. [degree]
    azimuth : array
        Angle from north towards east, 0 to 360. [degree]

    Notes
    -----
    From the tangents, which are exact near the zenith, where the cosine is not.

    Examples
    --------
    >>> import numpy as np
    >>> zenith, azimuth = zenith_and_azimuth(np.float64(-1.0), np.float64(0.0), np.float64(1.0))
    >>> round(float(zenith), 6), round(float(azimuth), 6)
    (45.0, 270.0)
    """
    xp = namespace(east, north, up)
    horizontal = xp.sqrt(east * east + north * north)
    scale = degrees(1.0)
    return xp.arctan2(horizontal, up) * scale, xp.arctan2(east, north) * scale % 360.0


def _ratio(terms: Sequence[Array | float], numerator: Sequence[float], denominator: Sequence[float]) -> Array:
    above, below = numerator[0], 1.0
    for term, up, down in zip(terms, numerator[1:], denominator, strict=True):
        above, below = above + up * term, below + down * term
    return above / below
