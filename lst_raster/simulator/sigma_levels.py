"""Sigma levels: where the `profile` tier takes temperature and humidity, as shares of the surface pressure.

They follow the ground, so that a level means the same air over a coast and over a plateau.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.humidity import layer_mass_between

Float = NDArray[np.float64]

SIGMA = (0.975, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Pressure over surface pressure, from the ground up: dense where the vapour is. [1]"""
TEMPERATURE_LEVELS = tuple(f"air_temperature_sigma{1000 * sigma:.0f}" for sigma in SIGMA)
"""Names of the temperatures on them; the number is sigma in thousandths."""
HUMIDITY_LEVELS = tuple(f"specific_humidity_sigma{1000 * sigma:.0f}" for sigma in SIGMA)
"""Names of the specific humidities."""
SMALLEST_HUMIDITY = 1e-8
"""Floor under a humidity before its logarithm is taken; drier air does not absorb in the window. [kg kg-1]"""


class Ground(NamedTuple):
    """Where profiles end below; arrays of one shape."""

    pressure: Any
    """Pressure at the surface. [hPa]"""
    air_temperature: Any
    """Air temperature at 2 m. [K]"""
    specific_humidity: Any
    """Specific humidity at 2 m. [kg kg-1]"""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Profiles:
    """Profiles over any number of places, on levels of pressure that they have in common. Make them with `of`.

    Where a level has no value, it and all below it are left out. So are levels that are not above the ground.
    """

    pressure: Float
    """Pressures of shape (levels,), rising: from the top of the air down. [hPa]"""
    air_temperature: Float
    """Air temperature of shape (levels, ...). [K]"""
    log_humidity: Float
    """Logarithm of the specific humidity, of the same shape."""
    mass: Float
    """Water vapour above each level, of the same shape; none above the highest. [kg m-2]"""
    known: NDArray[np.intp]
    """Number of levels, counted from the top, that have values, of shape (...)."""

    @classmethod
    def of(cls, pressure: Float, air_temperature: Float, specific_humidity: Float) -> Profiles:
        """Put profiles in order.

        Parameters
        ----------
        pressure : array of shape (levels,)
            Pressures, rising. [hPa]
        air_temperature, specific_humidity : array of shape (levels, ...)
            The profiles, NaN where there is no value. [K], [kg kg-1]
        """
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
        """Pressure [hPa], temperature [K] and humidity [kg kg-1] of the lowest level above the ground, NaN for none."""
        level = self._lowest(surface_pressure)
        values = (self.pressure[level], _take(self.air_temperature, level), np.exp(_take(self.log_humidity, level)))
        none = np.where(level < 0, np.nan, 0.0)
        return values[0] + none, values[1] + none, values[2] + none

    def on_sigma(self, ground: Ground) -> tuple[Float, Float]:
        """Temperature and humidity on the sigma levels.

        Between the levels above the ground and the ground itself temperature is linear and humidity a power law in
        pressure, as in `lst_raster.simulator.atmosphere.layers`; above the highest level both keep its values.

        Parameters
        ----------
        ground : Ground
            The ground, whose arrays have the shape of the places.

        Returns
        -------
        tuple of array of shape (11, ...)
            Temperature [K] and specific humidity [kg kg-1] at `SIGMA`, NaN where no level is above the ground.
        """
        logarithm, bottom = np.log(self.pressure), np.log(ground.pressure)
        places = np.log(np.array(SIGMA)).reshape(-1, *([1] * np.ndim(bottom))) + bottom
        lowest = self._lowest(ground.pressure)
        above = np.maximum(np.minimum(np.searchsorted(logarithm, places, side="right") - 1, lowest), 0)
        on_ground = above == lowest
        below = np.minimum(above + 1, np.maximum(lowest, 0))
        under = np.where(lowest < 0, np.nan, np.where(on_ground, bottom, logarithm[below]))
        weight = np.maximum((places - logarithm[above]) / (under - logarithm[above]), 0.0)

        def mixed(values: Float, at_ground: Any) -> Float:
            upper, lower = _take(values, above), np.where(on_ground, at_ground, _take(values, below))
            return np.asarray(upper + weight * (lower - upper))

        humid = np.log(np.maximum(ground.specific_humidity, SMALLEST_HUMIDITY))
        return mixed(self.air_temperature, ground.air_temperature), np.exp(mixed(self.log_humidity, humid))

    def water_vapour(self, ground: Ground) -> Float:
        """Water vapour column above the ground, NaN where no level is above it. [kg m-2]."""
        pressure, _, humidity = self.lowest(ground.pressure)
        near_ground = np.maximum(ground.specific_humidity, SMALLEST_HUMIDITY)
        lowest_layer = layer_mass_between(humidity, near_ground, pressure, ground.pressure)
        return np.asarray(_take(self.mass, self._lowest(ground.pressure)) + lowest_layer)

    def _lowest(self, surface_pressure: Any) -> NDArray[np.intp]:
        """Find the lowest level above the ground, -1 for none; a level at the ground itself is the ground."""
        above = np.searchsorted(self.pressure, surface_pressure, side="left")
        return np.asarray(np.minimum(above, self.known) - 1)


def at_sigma(pressure: Float, air_temperature: Float, specific_humidity: Float) -> tuple[Float, Float]:
    """Temperature and humidity of one profile on the sigma levels, as `Profiles.on_sigma` has them for many.

    Parameters
    ----------
    pressure : array of shape (levels,)
        Pressure, falling; the first level is the ground. [hPa]
    air_temperature, specific_humidity : array of shape (levels,)
        The profile. [K], [kg kg-1]

    Returns
    -------
    tuple of array of shape (11,)
        Temperature [K] and specific humidity [kg kg-1] at `SIGMA`.

    Examples
    --------
    >>> pressure = np.array([1000.0, 500.0, 100.0])
    >>> warmth, humidity = at_sigma(pressure, np.array([300.0, 270.0, 210.0]), np.array([0.02, 0.002, 2e-6]))
    >>> round(float(warmth[SIGMA.index(0.5)]), 2), round(float(humidity[SIGMA.index(0.5)]), 6)
    (270.0, 0.002)
    """
    above = Profiles.of(pressure[:0:-1], air_temperature[:0:-1], specific_humidity[:0:-1])
    return above.on_sigma(Ground(pressure[0], air_temperature[0], specific_humidity[0]))


def _take(values: Float, level: NDArray[np.intp]) -> Float:
    """Values of shape (levels, ...) at a level for each place, or at several: level of shape (...) or (n, ...)."""
    if level.ndim == values.ndim:
        return np.asarray(np.take_along_axis(values, level, axis=0))
    return np.asarray(np.take_along_axis(values, level[None], axis=0)[0])
