"""The equation solved for many pixels, with its uncertainty: what the tiles of a scene and arrays have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import (
    AtmosphereVariance,
    noise_radiance,
    quantisation_noise,
    temperature_uncertainty,
)
from lst_raster.retrieval.atmosphere_terms import AtmosphereTerms
from lst_raster.sensors.bands import SensorBand

Float32 = NDArray[np.float32]

_AT_ONCE = 16_384  # pixels solved at a time: what is between two steps of the formula stays in the processor's cache


def solve_temperature(radiance: Float32, emissivity: Float32, air: AtmosphereTerms, band: BandPlanck) -> Float32:
    """Land surface temperature: the equation, solved by physics.

    Parameters
    ----------
    radiance : array of shape (rows, ...)
        Radiance at the sensor. [W m-2 sr-1 um-1]
    emissivity : array of the same shape, or one number for all
        Emissivity. [1]
    air : Air
        The air, likewise.
    band : BandPlanck
        Planck function of the sensor band.

    Returns
    -------
    array of the same shape
        Temperature, NaN where something is NaN or the atmosphere alone exceeds the radiance. [K]
    """
    temperature = np.empty(radiance.shape, np.float32)
    parts = (radiance, emissivity, *air.terms)
    with np.errstate(all="ignore"):  # of pixels that are not known
        for rows in _strips(radiance.shape):
            here, ground, *terms = (part[rows] if part.ndim else part for part in parts)
            temperature[rows] = surface_temperature(here, ground, terms[0], terms[1], terms[2], band)
    return temperature


def solve_uncertainty(
    temperature: Float32, radiance: Float32, emissivity: Float32, emissivity_uncertainty: Float32, air: AtmosphereTerms,
    noise: float, band: BandPlanck,
) -> Float32:  # fmt: skip
    """Uncertainty of temperatures.

    Parameters
    ----------
    temperature : array of shape (rows, ...)
        What `solve_temperature` made of the others. [K]
    radiance : array of the same shape
        Radiance at the sensor. [W m-2 sr-1 um-1]
    emissivity, emissivity_uncertainty : array of the same shape, or one number for all
        Emissivity, and its standard uncertainty. [1]
    air : Air
        The air, likewise.
    noise : float
        Standard uncertainty of the radiance. [W m-2 sr-1 um-1]
    band : BandPlanck
        Planck function of the sensor band.

    Returns
    -------
    array of the same shape
        Standard uncertainty, NaN where there is no temperature, or where nothing tells that of the air. [K]
    """
    uncertainty = np.full(temperature.shape, np.nan, np.float32)
    if air.variance is None:
        return uncertainty
    transmittance, _, downwelling = air.terms
    parts: tuple[Any, ...] = (
        temperature, radiance, emissivity, emissivity_uncertainty, transmittance, downwelling, np.float32(noise),
        *air.variance,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        for rows in _strips(temperature.shape):
            now = [part[rows] if part.ndim else part for part in parts]
            uncertainty[rows] = temperature_uncertainty(
                now[0], now[1], now[2], now[3], now[4], now[5], now[6], AtmosphereVariance(*now[7:]), band
            ).total
    return uncertainty


def sensor_noise(band: SensorBand, gain: float) -> float:
    """Add the rounding to digital numbers to the noise of the sensor.

    Parameters
    ----------
    band : SensorBand
        The sensor band.
    gain : float
        Radiance of one digital number. [W m-2 sr-1 um-1]

    Returns
    -------
    float
        Standard uncertainty. [W m-2 sr-1 um-1]
    """
    return float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(gain)))


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array, a few at a time."""
    rows = max(1, _AT_ONCE // max(1, math.prod(shape[1:])))
    return (slice(start, start + rows) for start in range(0, shape[0], rows))
