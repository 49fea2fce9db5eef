"""Atmospheric columns and their layers for radiative transfer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lst_raster.errors import InputError
from lst_raster.physics.constants import STANDARD_PRESSURE
from lst_raster.physics.humidity import layer_mass, mole_fraction
from lst_raster.sensors.response import Float
from lst_raster.simulator.gases import standard_profile
from lst_raster.simulator.sigma_levels import SMALLEST_HUMIDITY

_SCALE_HEIGHT = 7.5  # [km], for the layer spacing only
_TOP = 0.1  # [hPa], top of the atmosphere
_SUBLAYERS = 8  # integration points per layer, in addition to the levels of the profile
AEROSOL_SCALE_HEIGHT = 1.5  # scale height of the background aerosol [km]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """Atmospheric profile from the ground up; arrays of shape (levels,)."""

    pressure: Float  # pressure, decreasing; the first level is the ground [hPa]
    air_temperature: Float  # air temperature [K]
    specific_humidity: Float  # mass of water vapour per mass of moist air [kg kg-1]
    ozone: Float  # mass mixing ratio of ozone [kg kg-1]

    def __post_init__(self) -> None:
        if self.pressure.size < 5:
            raise InputError(f"a profile needs at least 5 levels above the ground, found {self.pressure.size}")
        if not np.all(np.diff(self.pressure) < 0.0):
            raise InputError("pressure must decrease from level to level; two levels have the same pressure")
        low, high = float(self.air_temperature.min()), float(self.air_temperature.max())
        if not (low > 100.0 and high < 400.0):
            raise InputError(f"air temperature {low:g} to {high:g} is not in kelvin")
        most_humid = float(self.specific_humidity.max())
        if not (self.specific_humidity.min() >= 0.0 and most_humid < 0.1):
            raise InputError(f"specific humidity up to {most_humid:g} is not in kg kg-1")


def column(
    pressure: Float,
    air_temperature: Float,
    specific_humidity: Float,
    ozone: Float | None = None,
    *,
    surface_pressure: float | None = None,
    air_temperature_2m: float | None = None,
    specific_humidity_2m: float | None = None,
) -> Column:
    """Make a column from a profile: sorted from the ground up, without levels that are missing or below the ground.

    `pressure` [hPa], `air_temperature` [K], `specific_humidity` [kg kg-1] and `ozone` (mass mixing ratio; the US
    Standard Atmosphere where missing) have the shape (levels,), in any order, with NaN for missing levels. The surface
    pressure [hPa] and the values at 2 m default to those of the lowest level. Raises InputError for too few levels and
    for values that are implausible in these units.
    """
    bottom = float(np.nanmax(pressure)) if surface_pressure is None else surface_pressure
    if not 300.0 < bottom < 1100.0:
        raise InputError(f"surface pressure {bottom:g} is not in hPa")
    usable = np.isfinite(pressure) & np.isfinite(air_temperature) & np.isfinite(specific_humidity)
    order = np.flatnonzero(usable & (pressure <= bottom))
    order = order[np.argsort(-pressure[order])]
    if order.size == 0:
        raise InputError("the profile has no level above the ground")
    above = order[pressure[order] < bottom]  # a level at the surface pressure is replaced by the ground

    def from_ground(values: Float, at_ground: float | None) -> Float:
        known = at_ground is not None and np.isfinite(at_ground)
        return np.concatenate([[at_ground if known else values[order[0]]], values[above]]).astype(float)

    levels = np.concatenate([[bottom], pressure[above]]).astype(float)
    standard = standard_profile("ozone", levels)
    given = standard if ozone is None else from_ground(ozone, None)
    return Column(
        pressure=levels,
        air_temperature=from_ground(air_temperature, air_temperature_2m),
        specific_humidity=np.maximum(from_ground(specific_humidity, specific_humidity_2m), 0.0),
        ozone=np.where(np.isfinite(given), given, standard),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """Layers of a column, from the ground up; arrays of shape (layers,) except `boundary_temperature`."""

    boundary_temperature: Float  # air temperature at the layer boundaries, shape (layers + 1,) [K]
    pressure: Float  # mean pressure, weighted with air mass [hPa]
    temperature: Float  # mean temperature, weighted with air mass [K]
    water_pressure: Float  # mean pressure, weighted with water vapour [hPa]
    water_temperature: Float  # mean temperature, weighted with water vapour [K]
    water_fraction: Float  # mean mole fraction of vapour, weighted with water vapour [1]
    water: Float  # water vapour [kg m-2]
    dry_air: Float  # dry air [kg m-2]
    ozone: Float  # ozone [kg m-2]
    aerosol: Float
    """Fraction of the sea-level aerosol column within the layer; the sum is less than 1 for elevated ground. [1]"""

    @property
    def water_vapour(self) -> float:
        """Total column water vapour. [kg m-2]"""
        return float(self.water.sum())


def _layer_boundaries(bottom: float, refinement: int) -> Float:
    """Pressure at the layer boundaries, at intervals of 0.2 km near the ground, increasing with height."""
    edges = ((0.0, 0.2), (3.0, 0.4), (8.0, 1.0), (16.0, 2.5), (31.0, 8.0))
    stops = [start for start, _ in edges[1:]] + [_SCALE_HEIGHT * np.log(bottom / _TOP)]
    pieces = [
        np.linspace(start, stop, refinement * max(1, round((stop - start) / step)), endpoint=False)
        for (start, step), stop in zip(edges, stops, strict=True)
    ]
    height = np.concatenate([*pieces, [stops[-1]]])
    return np.asarray(bottom * np.exp(-height / _SCALE_HEIGHT))


def layers(profile: Column, refinement: int = 1) -> Layers:
    """Divide a column into layers that conserve mass, from the ground to 0.1 hPa.

    Between levels temperature is linear in ln p and humidity a power law in pressure; layer masses and means are
    integrals of these profiles, so the water vapour column is independent of the boundaries. `refinement` multiplies
    the number of layers (about 45).
    """
    boundary = _layer_boundaries(profile.pressure[0], refinement)
    between = np.linspace(0.0, 1.0, _SUBLAYERS, endpoint=False)
    logarithm = np.log(boundary)
    fine = (logarithm[:-1, None] + np.diff(logarithm)[:, None] * between).ravel()
    levels = np.log(profile.pressure[profile.pressure > _TOP])
    grid = np.unique(np.concatenate([fine, levels, logarithm[-1:]]))[::-1]
    level = np.log(profile.pressure[::-1])

    def at(values: Float) -> Float:
        return np.asarray(np.interp(grid, level, values[::-1]))

    pressure, temperature = np.exp(grid), at(profile.air_temperature)
    humidity = np.exp(at(np.log(np.maximum(profile.specific_humidity, SMALLEST_HUMIDITY))))
    thickness = -np.diff(pressure)
    first = np.searchsorted(-grid, -logarithm[:-1] - 1e-12)  # first integration step of each layer

    def mean(values: Float) -> Float:
        return np.asarray(0.5 * (values[1:] + values[:-1]))

    def total(values: Float) -> Float:
        return np.asarray(np.add.reduceat(values, first))

    air = layer_mass(np.ones_like(thickness), thickness)
    water = layer_mass(mean(humidity), thickness)
    water_total, air_total = total(water), total(air)
    aerosol_at = np.exp(-_SCALE_HEIGHT * np.log(STANDARD_PRESSURE / boundary) / AEROSOL_SCALE_HEIGHT)
    return Layers(
        boundary_temperature=np.interp(logarithm, level, profile.air_temperature[::-1]),
        pressure=total(air * mean(pressure)) / air_total,
        temperature=total(air * mean(temperature)) / air_total,
        water_pressure=total(water * mean(pressure)) / water_total,
        water_temperature=total(water * mean(temperature)) / water_total,
        water_fraction=total(water * mean(mole_fraction(humidity))) / water_total,
        water=water_total,
        dry_air=air_total - water_total,
        ozone=total(layer_mass(mean(at(profile.ozone)), thickness)),
        aerosol=-np.diff(aerosol_at),
    )
