"""Solution of the radiative transfer equation for many pixels, with its uncertainty; for tiles and xarray blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lst_raster.io.plausibility import TEMPERATURE_RANGE
from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.physics.radiative_transfer import surface_radiance
from lst_raster.physics.two_bands import BandState, TwoBandTemperature, two_band_temperature
from lst_raster.physics.uncertainty import (
    noise_radiance,
    quantisation_noise,
    temperature_errors,
    temperature_uncertainty,
)
from lst_raster.retrieval.atmosphere import AtmosphereTerms, Float32
from lst_raster.sensors.bands import SensorBand, second_band

_STRIP_SIZE = 16_384  # pixels: intermediate results of the formula stay in the processor's cache


class Sensor(NamedTuple):
    """Properties of a sensor band that the solution needs."""

    band: BandPlanck
    noise: float  # standard uncertainty of the radiance [W m-2 sr-1 um-1]


class PixelState(NamedTuple):
    """Pixels in one or two bands; arrays of shape (rows, ...), or one number for all pixels."""

    radiance: Float32  # [W m-2 sr-1 um-1]
    emissivity: Float32  # [1]
    emissivity_uncertainty: Float32  # standard uncertainty [1]
    second_radiance: Float32 | None = None  # of the second band [W m-2 sr-1 um-1]
    second_emissivity: Float32 | None = None  # [1]
    difference_uncertainty: Float32 | None = None  # standard uncertainty of the difference of the emissivities [1]

    def map(self, function: Callable[[Float32], Float32]) -> PixelState:
        """Apply a function to every array that there is."""
        first, second, third, *others = (None if part is None else function(part) for part in self)
        assert first is not None
        assert second is not None
        assert third is not None
        return PixelState(first, second, third, *others)


def solve_equation(
    pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor]
) -> tuple[Float32, Float32]:
    """Land surface temperature and its standard uncertainty, both of the shape of the radiance. [K]

    Emissivity and atmosphere have the shape of the radiance, or are one number for all pixels; `sensors` are the bands.
    NaN where an input is NaN or the path radiance of the atmosphere exceeds the radiance or leaves less than a surface
    of the lowest of `TEMPERATURE_RANGE` emits in one of the bands, as over cold clouds; the uncertainty also where that
    of the atmosphere is unknown.
    """
    shape = pixels.radiance.shape
    temperature = np.empty(shape, np.float32)
    uncertainty = np.full(shape, np.nan, np.float32)
    step = max(1, _STRIP_SIZE // max(1, math.prod(shape[1:])))
    layers = atmosphere.layers()
    with np.errstate(all="ignore"):  # pixels without valid inputs
        for start in range(0, shape[0], step):
            rows = slice(start, start + step)
            strip = pixels.map(partial(_rows, rows))
            terms = AtmosphereTerms.from_layers([part[rows] if part.ndim else part for part in layers])
            solve = _solve_one if terms.second is None else _solve_two
            temperature[rows], deviation = solve(strip, terms, sensors)
            if deviation is not None:
                uncertainty[rows] = deviation
    return temperature, uncertainty


def _rows(rows: slice, part: Float32) -> Float32:
    return part[rows] if part.ndim else part


def _solve_one(pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor]) -> tuple[Any, Any]:
    """Temperature and uncertainty of a strip from one band; the latter is None where it is unknown."""
    band, noise = sensors[0]
    tau, upwelling, downwelling = atmosphere.terms
    black_body = surface_radiance(pixels.radiance, pixels.emissivity, tau, upwelling, downwelling)
    found = _without_cold(brightness_temperature(black_body, band))
    if atmosphere.errors is None:
        return found, None
    errors = temperature_errors(
        found, pixels.radiance, pixels.emissivity, tau, downwelling, np.float32(noise), atmosphere.errors, band,
        black_body,
    )  # fmt: skip
    return found, temperature_uncertainty(errors, pixels.emissivity_uncertainty)


def _solve_two(pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor]) -> tuple[Any, Any]:
    """Temperature and uncertainty of a strip from two bands."""
    found = two_bands(pixels, atmosphere, sensors)
    return found.temperature, np.sqrt(found.variance())


def two_bands(pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor]) -> TwoBandTemperature:
    """Temperature from two bands, with its parts, for arrays of one shape; NaN as in `solve_equation`."""
    first, second = sensors
    assert atmosphere.errors is not None
    assert atmosphere.second is not None
    found = two_band_temperature(
        BandState(
            pixels.radiance, pixels.emissivity, atmosphere.terms, atmosphere.errors, np.float32(first.noise), first.band
        ),
        BandState(
            pixels.second_radiance, pixels.second_emissivity, atmosphere.second.terms, atmosphere.second.errors,
            np.float32(second.noise), second.band,
        ),
        pixels.emissivity_uncertainty, pixels.difference_uncertainty, atmosphere.second.depth_difference,
        lowest=TEMPERATURE_RANGE[0],
    )  # fmt: skip
    return found


def _without_cold(temperature: Any) -> Any:
    """Replace temperatures below `TEMPERATURE_RANGE` by NaN, in place. [K]"""
    cold = temperature < TEMPERATURE_RANGE[0]
    if cold.any():
        temperature[cold] = np.nan
    return temperature


def both_sensors(
    band: SensorBand, gain: float, second_gain: float | None = None, stray_light: float = 0.0
) -> tuple[Sensor, ...]:
    """Bands and noise of a scene from the gains of its bands; the second is None for one band. [W m-2 sr-1 um-1]

    Stray light of the second band, a temperature at 300 K [K], is part of its noise.
    """
    sensors = [Sensor(band.planck, sensor_noise(band, gain))]
    other = second_band(band.name)
    if second_gain is not None and other is not None:
        noise = math.hypot(sensor_noise(other, second_gain), float(noise_radiance(stray_light, other.planck)))
        sensors.append(Sensor(other.planck, noise))
    return tuple(sensors)


def sensor_noise(band: SensorBand, gain: float) -> float:
    """Combine the noise of the sensor and the rounding to digital numbers, each `gain` apart. [W m-2 sr-1 um-1]."""
    return float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(gain)))
