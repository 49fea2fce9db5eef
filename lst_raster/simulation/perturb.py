"""Atmospheres hotter or more humid than any that the source files hold, by stated changes to real columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import xarray as xr

from lst_raster.physics.humidity import relative_humidity, specific_humidity
from lst_raster.simulation.profiles import Float, water_vapour

HUMIDITY_CAP = 0.95  # largest relative humidity that a change may lead to: the columns stay clear
FULL_BELOW, NONE_ABOVE = 300.0, 100.0  # [hPa] the change holds up to about 9 km and fades out by the tropopause

_TRIES = 8  # draws for each column wanted; a third and more end between the limits


class Perturbation(IntEnum):
    """What was done to a column."""

    NONE = 0
    """Nothing: the column is as the source has it."""
    HOT = 1
    """Warmed to 2 m temperatures of 315 to 328 K, humidity scaled by 0.6 to 1.6; the column stays under 65 kg m-2."""
    HUMID = 2
    """Humidity scaled by 1 to 1.8 and warmed by 0 to 5 K, to a column of 57 to 80 kg m-2."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Changes to a set of columns."""

    warming: Float
    """Added to the temperature of the air and of the surface, shape (profile,). [K]"""
    moistening: Float
    """Factor on specific humidity, shape (profile,). [1]"""


def _moisten(humidity: Float, factor: Float, temperature: Float, pressure: Float) -> Float:
    """Scale specific humidity up to the cap; air that was above the cap before keeps its humidity."""
    cap = specific_humidity(np.full_like(temperature, HUMIDITY_CAP), temperature, pressure)
    return np.asarray(np.minimum(humidity * factor, np.maximum(cap, humidity)))


def perturb(profiles: xr.Dataset, change: Change) -> xr.Dataset:
    """Warm and moisten columns, keeping them below `HUMIDITY_CAP`.

    The change is uniform below 300 hPa, so that the lapse rate stays the column's own, and falls to nothing
    linearly in pressure at 100 hPa.

    Parameters
    ----------
    profiles : xarray.Dataset
        Profiles.
    change : Change
        What to do to each.

    Returns
    -------
    xarray.Dataset
        Changed profiles; the input is left as it is.
    """
    changed = profiles.copy()
    warming, factor = change.warming, change.moistening
    pressure = profiles["pressure"].values
    share = np.clip((pressure - NONE_ABOVE) / (FULL_BELOW - NONE_ABOVE), 0.0, 1.0)
    temperature = profiles["air_temperature"].values + share * warming[:, None]
    scale = 1.0 + share * (factor[:, None] - 1.0)
    humidity = _moisten(profiles["specific_humidity"].values, scale, temperature, pressure)
    changed["air_temperature"] = profiles["air_temperature"].copy(data=temperature)
    changed["specific_humidity"] = profiles["specific_humidity"].copy(data=humidity)
    changed["surface_temperature"] = profiles["surface_temperature"] + warming
    changed["surface_temperature"].attrs = profiles["surface_temperature"].attrs
    at_2m = profiles["air_temperature_2m"].values + warming
    humidity_2m = profiles["specific_humidity_2m"].values
    humidity_2m = _moisten(humidity_2m, factor, at_2m, profiles["surface_pressure"].values)
    changed["air_temperature_2m"] = profiles["air_temperature_2m"].copy(data=at_2m)
    changed["specific_humidity_2m"] = profiles["specific_humidity_2m"].copy(data=humidity_2m)
    largest = np.nan_to_num(relative_humidity(humidity, temperature, pressure)).max(axis=1)
    changed["largest_relative_humidity"] = profiles["largest_relative_humidity"].copy(data=largest)
    return changed


def _draw(pool: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    return pool.isel(profile=random.integers(pool.sizes["profile"], size=count))


def hot_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Columns warmer than the files hold: land columns above 303 K, taken to 315 to 328 K.

    The highest air temperature on record is 329.9 K (Furnace Creek, 1913; 327 K is undisputed).

    Parameters
    ----------
    profiles : xarray.Dataset
        Clear columns to start from.
    count : int
        Number to make.
    random : numpy.random.Generator
        Source of the draws.
    """
    warm = (profiles["air_temperature_2m"].values > 303.0) & (profiles["land"].values == 1)
    tries = _TRIES * count
    base = _draw(profiles.isel(profile=warm), tries, random)
    warming = random.uniform(315.0, 328.0, tries) - base["air_temperature_2m"].values
    change = Change(warming=np.maximum(warming, 0.0), moistening=random.uniform(0.6, 1.6, tries))
    return _first_within(perturb(base, change), (0.0, 65.0), count, Perturbation.HOT)


def humid_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Columns more humid than the files hold, 57 to 80 kg m-2: from clear ones above 35 kg m-2.

    Parameters
    ----------
    profiles : xarray.Dataset
        Clear columns to start from.
    count : int
        Number to make.
    random : numpy.random.Generator
        Source of the draws.
    """
    humid = water_vapour(profiles) > 35.0
    tries = _TRIES * count
    base = _draw(profiles.isel(profile=humid), tries, random)
    change = Change(warming=random.uniform(0.0, 5.0, tries), moistening=random.uniform(1.0, 1.8, tries))
    return _first_within(perturb(base, change), (57.0, 80.0), count, Perturbation.HUMID)


def _first_within(profiles: xr.Dataset, limits: tuple[float, float], count: int, kind: Perturbation) -> xr.Dataset:
    """Keep and mark the first columns whose water vapour lies between the limits. [kg m-2]"""
    column = water_vapour(profiles)
    wanted = np.flatnonzero((column > limits[0]) & (column < limits[1]))[:count]
    kept = profiles.isel(profile=wanted)
    kept["perturbation"] = "profile", np.full(wanted.size, kind, dtype=np.int8)
    return kept
