"""Sigma levels of the `profile` tier: temperature and humidity at fixed fractions of the surface pressure.

Sigma levels follow the terrain, so a model has the same levels at sea level and on a plateau.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.humidity import layer_mass_between

Float = NDArray[np.float64]

SIGMA = (0.975, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Pressure divided by surface pressure, from the ground up, at closer intervals in the humid lower atmosphere. [1]"""
TEMPERATURE_LEVELS = tuple(f"air_temperature_sigma{1000 * sigma:.0f}" for sigma in SIGMA)
"""Input names of the temperatures; the number is 1000 sigma."""
HUMIDITY_LEVELS = tuple(f"specific_humidity_sigma{1000 * sigma:.0f}" for sigma in SIGMA)
"""Input names of the specific humidities."""
SMALLEST_HUMIDITY = 1e-8
"""Lower bound of humidity before taking logarithms; absorption in the thermal window is negligible. [kg kg-1]"""


class Ground(NamedTuple):
    """Lower boundary of profiles; arrays of one shape."""

    pressure: Any  # pressure at the surface [hPa]
    air_temperature: Any  # air temperature at 2 m [K]
    specific_humidity: Any  # specific humidity at 2 m [kg kg-1]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Profiles:
    """Profiles at any number of locations on common pressure levels. Create with `Profiles.of`.

    At each location the highest level without a value, all levels below it, and levels below the ground are ignored.
    """

    pressure: Float  # pressure of shape (levels,), increasing downwards [hPa]
    air_temperature: Float  # air temperature of shape (levels, ...) [K]
    log_humidity: Float  # logarithm of the specific humidity, of the same shape
    mass: Float  # water vapour above each level, of the same shape; zero at the highest level [kg m-2]
    known: NDArray[np.intp]  # number of levels with values, counted from the top, of shape (...)

    @classmethod
    def of(cls, pressure: Float, air_temperature: Float, specific_humidity: Float) -> Profiles:
        """Make profiles from temperature [K] and humidity [kg kg-1], (levels, ...), at increasing pressure [hPa]."""
        humidity = np.maximum(specific_humidity, SMALLEST_HUMIDITY)
        levels = pressure.reshape(-1, *([1] * (humidity.ndim - 1)))
        layers = layer_mass_between(humidity[:-1], humidity[1:], levels[:-1], levels[1:])
        whole = np.logical_and.accumulate(np.isfinite(air_temperature) & np.isfinite(humidity), axis=0)
        return cls(
            pressure=pressure, air_temperature=air_temperature, log_humidity=np.log(humidity),
            mass=np.concatenate([np.zeros_like(humidity[:1]), np.cumsum(layers, axis=0)]),
            known=whole.sum(axis=0),
        )  # fmt: skip

    def lowest(self, surface_pressure: Any) -> tuple[Float, Float, Float]:
        """Pressure [hPa], temperature [K] and humidity [kg kg-1] of the lowest level above the ground, or NaN."""
        level = self._lowest(surface_pressure)
        values = (self.pressure[level], _take(self.air_temperature, level), np.exp(_take(self.log_humidity, level)))
        none = np.where(level < 0, np.nan, 0.0)
        return values[0] + none, values[1] + none, values[2] + none

    def on_sigma(self, ground: Ground) -> tuple[Float, Float]:
        """Interpolate temperature [K] and humidity [kg kg-1] to `SIGMA`, shape (11, ...).

        Between the ground and the levels above it temperature is linear in ln p and humidity a power law in pressure,
        as in `lst_raster.simulator.atmosphere.layers`; both are constant above the highest level. NaN at locations
        without a level above the ground.
        """
        logarithm, bottom = np.log(self.pressure), np.log(ground.pressure)
        places = np.log(np.array(SIGMA)).reshape(-1, *([1] * np.ndim(bottom))) + bottom
        lowest = self._lowest(ground.pressure)
        above = np.maximum(np.minimum(np.searchsorted(logarithm, places, side="right") - 1, lowest), 0)
        on_ground = above == lowest
        below = np.minimum(above + 1, np.maximum(lowest, 0))
        under = np.where(lowest < 0, np.nan, np.where(on_ground, bottom, logarithm[below]))
        weight = np.maximum((places - logarithm[above]) / (under - logarithm[above]), 0.0)

        def interpolated(values: Float, at_ground: Any) -> Float:
            upper, lower = _take(values, above), np.where(on_ground, at_ground, _take(values, below))
            return np.asarray(upper + weight * (lower - upper))

        humid = np.log(np.maximum(ground.specific_humidity, SMALLEST_HUMIDITY))
        temperature = interpolated(self.air_temperature, ground.air_temperature)
        return temperature, np.exp(interpolated(self.log_humidity, humid))

    def water_vapour(self, ground: Ground) -> Float:
        """Water vapour column above the ground, NaN without a level above it. [kg m-2]"""
        pressure, _, humidity = self.lowest(ground.pressure)
        near_ground = np.maximum(ground.specific_humidity, SMALLEST_HUMIDITY)
        lowest_layer = layer_mass_between(humidity, near_ground, pressure, ground.pressure)
        return np.asarray(_take(self.mass, self._lowest(ground.pressure)) + lowest_layer)

    def _lowest(self, surface_pressure: Any) -> NDArray[np.intp]:
        """Index of the lowest level above the ground, -1 without one; a level at the surface pressure is excluded."""
        above = np.searchsorted(self.pressure, surface_pressure, side="left")
        return np.asarray(np.minimum(above, self.known) - 1)


def at_sigma(pressure: Float, air_temperature: Float, specific_humidity: Float) -> tuple[Float, Float]:
    """Temperature [K] and specific humidity [kg kg-1] of one profile at `SIGMA`, see `Profiles.on_sigma`.

    `pressure` [hPa] is decreasing, and the first level is the ground.

    Examples
    --------
    >>> pressure = np.array([1000.0, 500.0, 100.0])
    >>> temperature, humidity = at_sigma(pressure, np.array([300.0, 270.0, 210.0]), np.array([0.02, 0.002, 2e-6]))
    >>> round(float(temperature[SIGMA.index(0.5)]), 2), round(float(humidity[SIGMA.index(0.5)]), 6)
    (270.0, 0.002)
    """
    above = Profiles.of(pressure[:0:-1], air_temperature[:0:-1], specific_humidity[:0:-1])
    return above.on_sigma(Ground(pressure[0], air_temperature[0], specific_humidity[0]))


def _take(values: Float, level: NDArray[np.intp]) -> Float:
    """Select one level per location, `level` of shape (...), or several, of shape (n, ...), from (levels, ...)."""
    if level.ndim == values.ndim:
        return np.asarray(np.take_along_axis(values, level, axis=0))
    return np.asarray(np.take_along_axis(values, level[None], axis=0)[0])
