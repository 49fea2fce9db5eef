"""Profile libraries for training: real profiles, perturbed ones beyond their range, and the held-out sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.physics.humidity import relative_humidity, specific_humidity
from lst_raster.profiles.profile_sets import Float, join, water_vapour
from lst_raster.profiles.source_files import read_gfs, read_tigr

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


CLEAR = 0.95  # largest relative humidity of a column that counts as clear
REAL, HOT, HUMID = 5200, 300, 300  # columns in the library
SEED = 2011

_SCALE_TEMPERATURE = 8.0  # [K]; the three scales make a step in one direction worth a step in another
_SCALE_VAPOUR = 0.6  # on the square root of the column: about 1 kg m-2 in dry air, 8 kg m-2 in the tropics
_SCALE_LATITUDE = 15.0  # [degree]


def clear(profiles: xr.Dataset, limit: float) -> xr.Dataset:
    """Columns whose largest relative humidity stays below a limit, a fraction."""
    return profiles.isel(profile=profiles["largest_relative_humidity"].values < limit)


def spread(features: Float, count: int, seed: int) -> NDArray[np.intp]:
    """Choose points that lie as far from each other as can be: each next one farthest from those chosen.

    Parameters
    ----------
    features : array of shape (points, dimensions)
        Points, scaled so that distances compare.
    count : int
        Number to choose.
    seed : int
        Seed that decides the first point.

    Returns
    -------
    array of shape (count,)
        Indices of the chosen points, in the order of choice.

    References
    ----------
    T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5
    """
    chosen = np.empty(min(count, len(features)), dtype=np.intp)
    chosen[0] = np.random.default_rng(seed).integers(len(features))
    distance = np.full(len(features), np.inf)
    for step in range(1, len(chosen)):
        new = np.sum((features - features[chosen[step - 1]]) ** 2, axis=1)
        distance = np.minimum(distance, new)
        chosen[step] = np.argmax(distance)
    return chosen


def features(profiles: xr.Dataset) -> Float:
    """Points in which columns are spread, shape (profile, 3): 2 m temperature, water vapour, latitude, scaled. [1]"""
    return np.stack(
        [
            profiles["air_temperature_2m"].values / _SCALE_TEMPERATURE,
            np.sqrt(water_vapour(profiles)) / _SCALE_VAPOUR,
            profiles["latitude"].values / _SCALE_LATITUDE,
        ],
        axis=1,
    )


def validation_split(region: NDArray[np.int16]) -> NDArray[np.int8]:
    """Split by region: every seventh 30-degree box, along diagonals, is for validation.

    Neighbouring columns are nearly copies of each other; a random split would test on what was trained on.

    Parameters
    ----------
    region : array of int, shape (profile,)
        Box as in `lst_raster.profiles.profile_sets.region_of`.

    Returns
    -------
    array of int8, shape (profile,)
        0 for training, 1 for validation.
    """
    row, column = region // 12, region % 12
    return np.asarray((column + 3 * row) % 7 == 0, dtype=np.int8)


def make_library(paths: Sequence[Path]) -> xr.Dataset:
    """Make the training library from GFS files: clear columns chosen for spread, and perturbed extremes.

    5,200 clear columns are chosen for spread in 2 m temperature, water vapour and latitude; 300 hot and 300 humid
    columns beyond the files' range are made from them by the changes that `lst_raster.profiles.library` states.

    Parameters
    ----------
    paths : sequence of Path
        GFS GRIB files.

    Returns
    -------
    xarray.Dataset
        Profiles, with `perturbation` (see `Perturbation`) and `split` (0 training, 1 validation).
    """
    pool = clear(join([read_gfs(path) for path in paths]).drop_vars("precipitable_water"), CLEAR)
    real = pool.isel(profile=np.sort(spread(features(pool), REAL, SEED)))
    real["perturbation"] = "profile", np.full(real.sizes["profile"], Perturbation.NONE, dtype=np.int8)
    random = np.random.default_rng(SEED)
    library = join([real, hot_columns(real, HOT, random), humid_columns(real, HUMID, random)])
    library["perturbation"].attrs = {
        "long_name": "what was done to the column",
        "flag_values": np.array([int(kind) for kind in Perturbation], dtype=np.int8),
        "flag_meanings": " ".join(kind.name.lower() for kind in Perturbation),
    }
    library["split"] = "profile", validation_split(library["region"].values)
    library["split"].attrs = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "training validation"}
    library.attrs = {
        "title": "Clear atmospheric columns for training land surface temperature retrievals",
        "source": "NCEP Global Forecast System, 2.5 degree, forecasts valid "
        + ", ".join(np.unique(np.datetime_as_string(real["time"].values, unit="h"))),
        "license": "NCEP data are in the public domain",
        "history": "lst-raster build profiles",
        "Conventions": "CF-1.11",
    }
    return library


def make_held_out(paths: Sequence[Path], limit: float = CLEAR) -> xr.Dataset:
    """Read every clear column of files that are kept for testing.

    Parameters
    ----------
    paths : sequence of Path
        GFS GRIB files, or TIGR-2000 as a NumPy archive (.npz); of one kind, for their levels differ.
    limit : float
        Largest relative humidity of a clear column. The smaller, the surer that there is no cloud, and the fewer
        humid columns are left. [1]

    Returns
    -------
    xarray.Dataset
        Profiles as they are: nothing is chosen for spread, nothing is perturbed.

    Raises
    ------
    InputError
        The files are of both kinds.
    """
    archives = {path.suffix == ".npz" for path in paths}
    if len(archives) > 1:
        raise InputError("GFS files and the TIGR archive have different levels; write one file for each")
    parts = [read_tigr(path) if archives == {True} else read_gfs(path) for path in paths]
    held_out = clear(join(parts), limit).drop_vars("precipitable_water", errors="ignore")
    held_out.attrs = {
        "title": "Clear atmospheric columns, held out for testing",
        "history": f"lst-raster build profiles --held-out --clear-below {limit:g}",
    }
    return held_out
