"""Solution of the radiative transfer equation for many pixels, with its uncertainty; for tiles and xarray blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import (
    AtmosphereVariance,
    noise_radiance,
    quantisation_noise,
    temperature_uncertainty,
)
from lst_raster.retrieval.atmosphere_terms import AtmosphereTerms, Float32
from lst_raster.sensors.bands import SensorBand

_STRIP_SIZE = 16_384  # pixels: intermediate results of the formula stay in the processor's cache


def solve_temperature(radiance: Float32, emissivity: Float32, atmosphere: AtmosphereTerms, band: BandPlanck) -> Float32:
    """Land surface temperature [K] of radiances of shape (rows, ...) [W m-2 sr-1 um-1].

    Emissivity and atmosphere have the same shape, or are one number for all pixels. NaN where an input is NaN or the
    path radiance of the atmosphere exceeds the radiance.
    """
    temperature = np.empty(radiance.shape, np.float32)
    parts = (radiance, emissivity, *atmosphere.terms)
    with np.errstate(all="ignore"):  # pixels without valid inputs
        for rows in _strips(radiance.shape):
            strip = [part[rows] if part.ndim else part for part in parts]
            temperature[rows] = surface_temperature(strip[0], strip[1], strip[2], strip[3], strip[4], band)
    return temperature


def solve_uncertainty(
    temperature: Float32, radiance: Float32, emissivity: Float32, emissivity_uncertainty: Float32,
    atmosphere: AtmosphereTerms, noise: float, band: BandPlanck,
) -> Float32:  # fmt: skip
    """Propagate the uncertainty of inputs and radiance (`noise`) to the temperatures of `solve_temperature` [K].

    NaN where there is no temperature, or where the uncertainty of the atmosphere is unknown.
    """
    uncertainty = np.full(temperature.shape, np.nan, np.float32)
    if atmosphere.variance is None:
        return uncertainty
    transmittance, _, downwelling = atmosphere.terms
    parts: tuple[Any, ...] = (
        temperature, radiance, emissivity, emissivity_uncertainty, transmittance, downwelling, np.float32(noise),
        *atmosphere.variance,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        for rows in _strips(temperature.shape):
            strip = [part[rows] if part.ndim else part for part in parts]
            variance = AtmosphereVariance(*strip[7:])
            uncertainty[rows] = temperature_uncertainty(
                strip[0], strip[1], strip[2], strip[3], strip[4], strip[5], strip[6], variance, band
            ).total
    return uncertainty


def sensor_noise(band: SensorBand, gain: float) -> float:
    """Combine the noise of the sensor and the rounding to digital numbers, each `gain` apart. [W m-2 sr-1 um-1]."""
    return float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(gain)))


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    rows = max(1, _STRIP_SIZE // max(1, math.prod(shape[1:])))
    return (slice(start, start + rows) for start in range(0, shape[0], rows))
