"""The plane-parallel solver: emission and absorption, no scattering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lst_raster.spectroscopy.table import Single

STREAMS = 4
"""Directions of the Gauss-Legendre quadrature over the hemisphere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spectrum:
    """Spectral result for one atmosphere; arrays of shape (points,)."""

    transmittance: Single
    """Along the view path. [1]"""
    upwelling: Single
    """Radiance emitted towards the sensor. [W m-2 sr-1 um-1]"""
    downwelling: Single
    """Hemispheric mean of the radiance emitted towards the ground. [W m-2 sr-1 um-1]"""


def hemisphere(streams: int = STREAMS) -> tuple[Single, Single]:
    """Cosines and weights that average a radiance over the hemisphere, weighted with the cosine.

    ``mean = 2 * integral of L(mu) mu d mu`` from 0 to 1, by Gauss-Legendre quadrature.

    Parameters
    ----------
    streams : int
        Number of directions.

    Returns
    -------
    tuple of array of shape (streams,)
        Cosines of the zenith angle, and weights that sum to one. [1]
    """
    rule: Single = np.array(np.polynomial.legendre.leggauss(streams), dtype=np.float32)
    cosine = np.asarray(0.5 * (rule[0] + 1.0), dtype=np.float32)
    return cosine, np.asarray(rule[1] * cosine, dtype=np.float32)


def _emission(slant: Single, planck_entry: Single, planck_change: Single) -> tuple[Single, Single]:
    """Transmission of each layer, and the radiance that leaves it at its far side.

    `planck_entry` is the Planck radiance at the side where the path enters, `planck_change` its change to the far side.
    """
    transmission = np.exp(-slant)
    absorption = 1.0 - transmission
    # The weight 1 - (1 - exp(-s)) / s of the change, by its series where s is small.
    series = slant * (0.5 - slant * (np.float32(1.0 / 6.0) - slant * np.float32(1.0 / 24.0)))
    weight = np.where(slant < 0.03, series, 1.0 - absorption / np.maximum(slant, np.float32(1e-3)))
    emission = absorption * planck_entry + weight * planck_change
    return transmission, np.asarray(emission, dtype=np.float32)


def _accumulate(transmission: Single, emission: Single) -> Single:
    """Radiance at the end of a path through layers given in the order of travel."""
    radiance: Single = np.zeros_like(emission[0])
    for layer_transmission, layer_emission in zip(transmission, emission, strict=True):
        radiance *= layer_transmission
        radiance += layer_emission
    return radiance


def solve(
    optical_depth: Single,
    planck: Single,
    *,
    view_cosine: float = 1.0,
    down_cosines: Single | None = None,
    down_weights: Single | None = None,
) -> Spectrum:
    """Transmittance and path radiances of a stack of layers.

    Within a layer the Planck function is linear in optical depth.

    Parameters
    ----------
    optical_depth : array of shape (layers, points)
        Vertical optical depth, from the ground up. [1]
    planck : array of shape (layers + 1, points)
        Planck radiance at the layers' boundaries, from the ground up. [W m-2 sr-1 um-1]
    view_cosine : float
        Cosine of the sensor's zenith angle; 1 is nadir. [1]
    down_cosines, down_weights : array of shape (streams,), optional
        Directions of the downwelling radiance; else those of `hemisphere`. [1]

    Returns
    -------
    Spectrum
        Transmittance and radiances, for each point.

    References
    ----------
    S. A. Clough, M. J. Iacono and J.-L. Moncet, J. Geophys. Res. 97, 15761 (1992), doi:10.1029/92JD01419
    """
    if down_cosines is None or down_weights is None:
        down_cosines, down_weights = hemisphere()
    view = np.float32(view_cosine)
    upward = _emission(optical_depth / view, planck[:-1], np.diff(planck, axis=0))
    upwelling = _accumulate(*upward)
    slant = (optical_depth / down_cosines[:, None, None]).swapaxes(0, 1)[
        ::-1
    ]  # from space down, (layers, streams, ...)
    downward = _emission(slant, planck[:0:-1, None], np.diff(planck[::-1], axis=0)[:, None])
    downwelling = _accumulate(*downward)
    return Spectrum(
        transmittance=np.exp(-optical_depth.sum(axis=0) / view),
        upwelling=upwelling,
        downwelling=np.asarray(down_weights @ downwelling),
    )
