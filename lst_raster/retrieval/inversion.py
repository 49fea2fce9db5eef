"""Solution of the radiative transfer equation for many pixels, with its uncertainty; for tiles and xarray blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lst_raster.io.plausibility import TEMPERATURE_RANGE
from lst_raster.physics.correlated_errors import Components
from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.physics.radiative_transfer import surface_radiance
from lst_raster.physics.two_bands import BandState, TwoBandTemperature, two_band_components, two_band_temperature
from lst_raster.physics.uncertainty import (
    error_components,
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
    calibration: float = 0.0  # likewise, of an error common to all pixels and scenes, which is not in the noise
    stray_light: float = 0.0  # likewise, of an error common to the scene, which is in the noise


class Solution(NamedTuple):
    """Solution of the equation at pixels, NaN where there is none; arrays of one shape."""

    temperature: Float32  # [K]
    uncertainty: Float32  # standard uncertainty, NaN where that of the atmosphere is unknown [K]
    components: Components | None  # its components, on request [K]


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
    pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor], *, components: bool = False
) -> Solution:
    """Land surface temperature and its standard uncertainty, both of the shape of the radiance. [K]

    Emissivity and atmosphere have the shape of the radiance, or are one number for all pixels; `sensors` are the bands.
    NaN where an input is NaN or the path radiance of the atmosphere exceeds the radiance or leaves less than a surface
    of the lowest of `TEMPERATURE_RANGE` emits in one of the bands, as over cold clouds; the uncertainty also where that
    of the atmosphere is unknown. `components` adds those of the uncertainty.
    """
    shape = pixels.radiance.shape
    temperature = np.empty(shape, np.float32)
    uncertainty = np.full(shape, np.nan, np.float32)
    parts = Components(*(np.full(shape, np.nan, np.float32) for _ in range(4))) if components else None
    step = max(1, _STRIP_SIZE // max(1, math.prod(shape[1:])))
    layers = atmosphere.layers()
    with np.errstate(all="ignore"):  # pixels without valid inputs
        for start in range(0, shape[0], step):
            rows = slice(start, start + step)
            strip = pixels.map(partial(_rows, rows))
            terms = AtmosphereTerms.from_layers([part[rows] if part.ndim else part for part in layers])
            solve = _solve_one if terms.second is None else _solve_two
            temperature[rows], deviation, by_correlation = solve(strip, terms, sensors, components)
            if deviation is not None:
                uncertainty[rows] = deviation
            for part, values in zip(parts or (), by_correlation or (), strict=False):
                part[rows] = values
    return Solution(temperature, uncertainty, parts)


def _rows(rows: slice, part: Float32) -> Float32:
    return part[rows] if part.ndim else part


def _solve_one(
    pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor], components: bool
) -> tuple[Any, Any, Components | None]:
    """Temperature, uncertainty and its components of a strip from one band; None where they are unknown."""
    band, noise, calibration, _ = sensors[0]
    tau, upwelling, downwelling = atmosphere.terms
    black_body = surface_radiance(pixels.radiance, pixels.emissivity, tau, upwelling, downwelling)
    found = _without_cold(brightness_temperature(black_body, band))
    if atmosphere.errors is None:
        return found, None, None
    errors_of = partial(
        temperature_errors, found, pixels.radiance, pixels.emissivity, tau, downwelling, atmosphere=atmosphere.errors,
        band=band, black_body=black_body,
    )  # fmt: skip
    errors, parts = errors_of(sensor_noise=np.float32(noise)), None
    if components:
        shifted = errors_of(sensor_noise=np.float32(calibration))
        parts = error_components(errors, pixels.emissivity_uncertainty, shifted.noise)
    return found, temperature_uncertainty(errors, pixels.emissivity_uncertainty), parts


def _solve_two(
    pixels: PixelState, atmosphere: AtmosphereTerms, sensors: Sequence[Sensor], components: bool
) -> tuple[Any, Any, Components | None]:
    """Temperature, uncertainty and its components of a strip from two bands."""
    found = two_bands(pixels, atmosphere, sensors)
    parts = None
    if components:
        first, second = sensors
        calibration = first.calibration / first.noise, second.calibration / second.noise
        parts = two_band_components(found, calibration, second.stray_light / second.noise)
    return found.temperature, np.sqrt(found.variance()), parts


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

    Stray light of the second band, a temperature at 300 K [K], is part of its noise. The calibration error is common to
    both bands; further ones of the second are stray light.
    """
    sensors = [Sensor(band.planck, sensor_noise(band, gain), _calibration(band, band.calibration_uncertainty))]
    other = second_band(band.name)
    if second_gain is not None and other is not None:
        stray = float(noise_radiance(stray_light, other.planck))
        noise = math.hypot(sensor_noise(other, second_gain), stray)
        sensors.append(Sensor(other.planck, noise, _calibration(other, band.calibration_uncertainty), stray))
    return tuple(sensors)


def _calibration(band: SensorBand, uncertainty: float) -> float:
    return float(noise_radiance(uncertainty, band.planck))


def sensor_noise(band: SensorBand, gain: float) -> float:
    """Combine the noise of the sensor and the rounding to digital numbers, each `gain` apart. [W m-2 sr-1 um-1]."""
    return float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(gain)))
