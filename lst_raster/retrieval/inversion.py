"""Solution of the radiative transfer equation for many pixels, with its uncertainty; for tiles and xarray blocks."""

from __future__ import annotations

import math

import numpy as np

from lst_raster.io.plausibility import TEMPERATURE_RANGE
from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.physics.radiative_transfer import surface_radiance
from lst_raster.physics.uncertainty import (
    AtmosphereVariance,
    noise_radiance,
    quantisation_noise,
    temperature_uncertainty,
)
from lst_raster.retrieval.atmosphere import AtmosphereTerms, Float32
from lst_raster.sensors.bands import SensorBand

_STRIP_SIZE = 16_384  # pixels: intermediate results of the formula stay in the processor's cache


def solve_equation(
    radiance: Float32, emissivity: Float32, emissivity_uncertainty: Float32, atmosphere: AtmosphereTerms, noise: float,
    band: BandPlanck,
) -> tuple[Float32, Float32]:  # fmt: skip
    """Land surface temperature and its standard uncertainty, both of the shape of the radiance. [K]

    Radiance of shape (rows, ...) and its uncertainty `noise` are in W m-2 sr-1 um-1; emissivity and atmosphere have
    the same shape, or are one number for all pixels. NaN where an input is NaN or the path radiance of the atmosphere
    exceeds the radiance or leaves less than a surface of the lowest of `TEMPERATURE_RANGE` emits, as over cold clouds;
    the uncertainty also where that of the atmosphere is unknown.
    """
    temperature = np.empty(radiance.shape, np.float32)
    uncertainty = np.full(radiance.shape, np.nan, np.float32)
    inputs = (radiance, emissivity, emissivity_uncertainty, *atmosphere.terms, *(atmosphere.variance or ()))
    step = max(1, _STRIP_SIZE // max(1, math.prod(radiance.shape[1:])))
    with np.errstate(all="ignore"):  # pixels without valid inputs
        for start in range(0, radiance.shape[0], step):
            rows = slice(start, start + step)
            strip = (part[rows] if part.ndim else part for part in inputs)
            radiances, emissivities, spread, tau, upwelling, downwelling, *variance = strip
            black_body = surface_radiance(radiances, emissivities, tau, upwelling, downwelling)
            found = brightness_temperature(black_body, band)
            cold = found < TEMPERATURE_RANGE[0]
            if cold.any():
                found[cold] = np.nan
            temperature[rows] = found
            if variance:
                uncertainty[rows] = temperature_uncertainty(
                    temperature[rows], radiances, emissivities, spread, tau, downwelling, np.float32(noise),
                    AtmosphereVariance(*variance), band, black_body,
                )  # fmt: skip
    return temperature, uncertainty


def sensor_noise(band: SensorBand, gain: float) -> float:
    """Combine the noise of the sensor and the rounding to digital numbers, each `gain` apart. [W m-2 sr-1 um-1]."""
    return float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(gain)))
