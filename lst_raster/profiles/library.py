"""Profile libraries: real profiles and synthetic extremes for training, and held-out sets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.physics.humidity import relative_humidity, specific_humidity
from lst_raster.profiles.profile_sets import Float, join, water_vapour
from lst_raster.profiles.source_files import read_gfs, read_tigr

CLEAR = 0.95  # Largest relative humidity of a clear column [1]
HUMIDITY_CAP = 0.95  # largest relative humidity of a modified column, which so stays clear
FULL_BELOW, NONE_ABOVE = 300.0, 100.0  # [hPa] a change is uniform up to about 9 km and zero from the tropopause on
REAL, HOT, HUMID = 5200, 300, 300  # columns in the library
SEED = 2011

_DRAWS_PER_COLUMN = 8  # a third and more of the draws are within the limits
_SCALE_TEMPERATURE = 8.0  # [K]; the three scales make distances in the features comparable
_SCALE_VAPOUR = 0.6  # of the square root of the column: about 1 kg m-2 in dry atmospheres, 8 kg m-2 in the tropics
_SCALE_LATITUDE = 15.0  # [degree]
SPLIT_FLAGS = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "training validation"}
"""Attributes of the variable `split`."""


class SyntheticExtreme(IntEnum):
    """Modification of a column: values of the variable `perturbation`."""

    NONE = 0  # Unmodified column of the source
    HOT = 1
    """Warmed to 2 m temperatures of 315 to 328 K, humidity scaled by 0.6 to 1.6; the column stays under 65 kg m-2."""
    HUMID = 2  # Humidity scaled by 1 to 1.8 and warmed by 0 to 5 K, to a column of 57 to 80 kg m-2


def perturb(profiles: xr.Dataset, temperature_change: Float, humidity_factor: Float) -> xr.Dataset:
    """Change temperature and humidity of columns, up to the relative humidity `HUMIDITY_CAP`.

    `temperature_change` [K] is added to the temperatures of atmosphere and surface, `humidity_factor` [1] multiplies
    specific humidity; both have the shape (profile,). The change is uniform below 300 hPa, which keeps the lapse rate
    of the column, and decreases linearly in pressure to zero at 100 hPa.
    """
    modified = profiles.copy()
    pressure = profiles["pressure"].values
    fraction = np.clip((pressure - NONE_ABOVE) / (FULL_BELOW - NONE_ABOVE), 0.0, 1.0)
    temperature = profiles["air_temperature"].values + fraction * temperature_change[:, None]
    factor = 1.0 + fraction * (humidity_factor[:, None] - 1.0)
    humidity = _scale_humidity(profiles["specific_humidity"].values, factor, temperature, pressure)
    temperature_2m = profiles["air_temperature_2m"].values + temperature_change
    humidity_2m = profiles["specific_humidity_2m"].values
    humidity_2m = _scale_humidity(humidity_2m, humidity_factor, temperature_2m, profiles["surface_pressure"].values)
    values = {
        "air_temperature": temperature,
        "specific_humidity": humidity,
        "surface_temperature": profiles["surface_temperature"].values + temperature_change,
        "air_temperature_2m": temperature_2m,
        "specific_humidity_2m": humidity_2m,
        "largest_relative_humidity": np.nan_to_num(relative_humidity(humidity, temperature, pressure)).max(axis=1),
    }
    return modified.assign({name: profiles[name].copy(data=data) for name, data in values.items()})


def _scale_humidity(humidity: Float, factor: Float, temperature: Float, pressure: Float) -> Float:
    """Scale specific humidity up to the cap; values above the cap before stay unchanged."""
    cap = specific_humidity(np.full_like(temperature, HUMIDITY_CAP), temperature, pressure)
    return np.asarray(np.minimum(humidity * factor, np.maximum(cap, humidity)))


def make_hot_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Warm land columns above 303 K to 2 m temperatures of 315 to 328 K, beyond the range of the sources.

    The highest air temperature on record is 329.9 K (Furnace Creek, 1913; 327 K is undisputed).
    """
    warm = (profiles["air_temperature_2m"].values > 303.0) & (profiles["land"].values == 1)
    base = _draw(profiles.isel(profile=warm), count, random)
    draws = base.sizes["profile"]
    warming = random.uniform(315.0, 328.0, draws) - base["air_temperature_2m"].values
    hot = perturb(base, np.maximum(warming, 0.0), random.uniform(0.6, 1.6, draws))
    return _first_within(hot, (0.0, 65.0), count, SyntheticExtreme.HOT)


def make_humid_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Moisten columns above 35 kg m-2 to 57 to 80 kg m-2, beyond the range of the sources."""
    base = _draw(profiles.isel(profile=water_vapour(profiles) > 35.0), count, random)
    draws = base.sizes["profile"]
    humid = perturb(base, random.uniform(0.0, 5.0, draws), random.uniform(1.0, 1.8, draws))
    return _first_within(humid, (57.0, 80.0), count, SyntheticExtreme.HUMID)


def _draw(pool: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    return pool.isel(profile=random.integers(pool.sizes["profile"], size=_DRAWS_PER_COLUMN * count))


def _first_within(profiles: xr.Dataset, limits: tuple[float, float], count: int, kind: SyntheticExtreme) -> xr.Dataset:
    """Select and mark the first columns with a water vapour column between the limits. [kg m-2]"""
    column = water_vapour(profiles)
    chosen = np.flatnonzero((column > limits[0]) & (column < limits[1]))[:count]
    selected = profiles.isel(profile=chosen)
    selected["perturbation"] = "profile", np.full(chosen.size, kind, dtype=np.int8)
    return selected


def select_clear(profiles: xr.Dataset, limit: float) -> xr.Dataset:
    """Select columns with a largest relative humidity [1] below a limit."""
    return profiles.isel(profile=profiles["largest_relative_humidity"].values < limit)


def farthest_points(points: Float, count: int, seed: int) -> NDArray[np.intp]:
    """Choose points far from each other, each next one farthest from those chosen; the seed decides the first.

    `points` is (point, dimension), scaled so that distances are comparable. Returns indices in the order of choice.

    References
    ----------
    T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5
    """
    chosen = np.empty(min(count, len(points)), dtype=np.intp)
    chosen[0] = np.random.default_rng(seed).integers(len(points))
    distance = np.full(len(points), np.inf)
    for step in range(1, len(chosen)):
        to_latest = np.sum((points - points[chosen[step - 1]]) ** 2, axis=1)
        distance = np.minimum(distance, to_latest)
        chosen[step] = np.argmax(distance)
    return chosen


def select_diverse(profiles: xr.Dataset, count: int) -> xr.Dataset:
    """Select columns that cover 2 m temperature, water vapour and latitude evenly."""
    features = [
        profiles["air_temperature_2m"].values / _SCALE_TEMPERATURE,
        np.sqrt(water_vapour(profiles)) / _SCALE_VAPOUR,
        profiles["latitude"].values / _SCALE_LATITUDE,
    ]
    return profiles.isel(profile=np.sort(farthest_points(np.stack(features, axis=1), count, SEED)))


def validation_split(region: NDArray[np.int16]) -> NDArray[np.int8]:
    """Split by region: every seventh 30-degree box, along diagonals, is for validation (1), the others for training.

    Neighbouring columns are nearly copies of each other; a random split would validate on training data. `region` is
    as in `lst_raster.profiles.profile_sets.region_of`.
    """
    row, column = region // 12, region % 12
    return np.asarray((column + 3 * row) % 7 == 0, dtype=np.int8)


def make_library(paths: Sequence[Path]) -> xr.Dataset:
    """Make the training library from GFS files: a diverse selection of clear columns, and synthetic extremes.

    5,200 clear columns cover 2 m temperature, water vapour and latitude; 300 hot and 300 humid columns beyond the range
    of the files are made from them. The variables `perturbation` (`SyntheticExtreme`) and `split` are added.
    """
    clear = select_clear(join([read_gfs(path) for path in paths]).drop_vars("precipitable_water"), CLEAR)
    real = select_diverse(clear, REAL)
    real["perturbation"] = "profile", np.full(real.sizes["profile"], SyntheticExtreme.NONE, dtype=np.int8)
    random = np.random.default_rng(SEED)
    library = join([real, make_hot_columns(real, HOT, random), make_humid_columns(real, HUMID, random)])
    library["perturbation"].attrs = {
        "long_name": "what was done to the column",
        "flag_values": np.array([int(kind) for kind in SyntheticExtreme], dtype=np.int8),
        "flag_meanings": " ".join(kind.name.lower() for kind in SyntheticExtreme),
    }
    library["split"] = "profile", validation_split(library["region"].values), SPLIT_FLAGS
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
    """Read every clear column of test files, without selection or modification.

    The files are GFS GRIB files, or TIGR-2000 as a NumPy archive (.npz); InputError for both together, as their levels
    differ. A smaller `limit` of the relative humidity [1] excludes clouds more surely, and more humid columns.
    """
    archives = {path.suffix == ".npz" for path in paths}
    if len(archives) > 1:
        raise InputError("GFS files and the TIGR archive have different levels; write one file for each")
    parts = [read_tigr(path) if archives == {True} else read_gfs(path) for path in paths]
    held_out = select_clear(join(parts), limit).drop_vars("precipitable_water", errors="ignore")
    held_out.attrs = {
        "title": "Clear atmospheric columns, held out for testing",
        "history": f"lst-raster build profiles --held-out --clear-below {limit:g}",
    }
    return held_out
