"""Solution of the radiative transfer equation for many pixels, with its uncertainty; for tiles and xarray blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
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
from lst_raster.retrieval.atmosphere import AtmosphereTerms, Float32
from lst_raster.sensors.bands import SensorBand

_STRIP_SIZE = 16_384  # pixels: intermediate results of the formula stay in the processor's cache


def solve_temperature(radiance: Float32, emissivity: Float32, atmosphere: AtmosphereTerms, band: BandPlanck) -> Float32:
    """Land surface temperature [K] of radiances of shape (rows, ...) [W m-2 sr-1 um-1].

    Emissivity and atmosphere have the same shape, or are one number for all pixels. NaN where an input is NaN or the
    path radiance of the atmosphere exceeds the radiance.
    """
    return _in_strips(partial(surface_temperature, band=band), radiance, emissivity, *atmosphere.terms)


def solve_uncertainty(
    temperature: Float32, radiance: Float32, emissivity: Float32, emissivity_uncertainty: Float32,
    atmosphere: AtmosphereTerms, noise: float, band: BandPlanck,
) -> Float32:  # fmt: skip
    """Propagate the uncertainty of inputs and radiance (`noise`) to the temperatures of `solve_temperature` [K].

    NaN where there is no temperature, or where the uncertainty of the atmosphere is unknown.
    """
    if atmosphere.variance is None:
        return np.full(temperature.shape, np.nan, np.float32)

    def total(lst: Any, radiance: Any, emissivity: Any, spread: Any, tau: Any, down: Any, *variance: Any) -> Any:
        parts = temperature_uncertainty(
            lst, radiance, emissivity, spread, tau, down, np.float32(noise), AtmosphereVariance(*variance), band
        )
        return parts.total

    tau, _, down = atmosphere.terms
    inputs = (temperature, radiance, emissivity, emissivity_uncertainty, tau, down)
    return _in_strips(total, *inputs, *atmosphere.variance)


def sensor_noise(band: SensorBand, gain: float) -> float:
    """Combine the noise of the sensor and the rounding to digital numbers, each `gain` apart. [W m-2 sr-1 um-1]."""
    return float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(gain)))


def _in_strips(formula: Callable[..., Any], first: Float32, *others: Any) -> Float32:
    """Apply a formula to a few rows at a time; the first argument has the shape of the result."""
    result = np.empty(first.shape, np.float32)
    step = max(1, _STRIP_SIZE // max(1, math.prod(first.shape[1:])))
    with np.errstate(all="ignore"):  # pixels without valid inputs
        for start in range(0, first.shape[0], step):
            rows = slice(start, start + step)
            result[rows] = formula(first[rows], *(part[rows] if part.ndim else part for part in others))
    return result
