"""Profile libraries from GFS and TIGR: readers, selection of real profiles, synthetic extremes, and held-out sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.humidity import (
    mole_fraction,
    relative_humidity,
    saturation_pressure_water,
    specific_humidity,
    specific_humidity_from_mixing_ratio,
)
from lst_raster.profiles.profile_sets import Float, join, profile_dataset, water_vapour
from lst_raster.reading import reading
from lst_raster.resources import require

_LEVELS = "isobaricInhPa"
_COLUMNS = {
    "surface_pressure": ("sp", "surface", 0),
    "surface_temperature": ("t", "surface", 0),
    "land": ("lsm", "surface", 0),
    "air_temperature_2m": ("2t", "heightAboveGround", 2),
    "specific_humidity_2m": ("2sh", "heightAboveGround", 2),
    "precipitable_water": ("pwat", "atmosphereSingleLayer", 0),
}
_KEYS = ("shortName", "typeOfLevel", "level")
_Fields = dict[tuple[str, str, int], Float]

DRIEST = 1e-7
"""Lower bound of specific humidity before taking logarithms; GRIB packing rounds the stratosphere to 0. [kg kg-1]"""


def _read_fields(path: Path) -> tuple[_Fields, Float, Float, np.datetime64]:
    """Fields by (name, kind of level, level), latitude, longitude and the valid time of the fields."""
    eccodes = require("eccodes", "grib")
    fields: _Fields = {}
    latitude = longitude = np.empty(0)
    time: np.datetime64 = np.datetime64("NaT", "ns")
    with path.open("rb") as file:
        while (message := eccodes.codes_grib_new_from_file(file)) is not None:
            try:
                key = tuple(eccodes.codes_get(message, name) for name in _KEYS)
                if not (key in _COLUMNS.values() or (key[0] in ("t", "r", "o3mr") and key[1] == _LEVELS)):
                    continue
                fields[key] = eccodes.codes_get_values(message)
                if key[0] == "sp":
                    latitude = eccodes.codes_get_array(message, "latitudes")
                    longitude = eccodes.codes_get_array(message, "longitudes")
                    day, clock = (eccodes.codes_get(message, name) for name in ("validityDate", "validityTime"))
                    date = f"{day // 10000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"
                    time = np.datetime64(f"{date}T{clock // 100:02d}:{clock % 100:02d}", "ns")
            finally:
                eccodes.codes_release(message)
    return fields, latitude, longitude, time


def _stack(fields: _Fields, name: str, pressure: Float, count: int) -> Float:
    """Levels of one variable, (profile, level), NaN for missing levels."""
    missing = np.full(count, np.nan)
    return np.stack([fields.get((name, _LEVELS, int(level)), missing) for level in pressure], axis=1)


def _fill_levels(values: Float, pressure: Float) -> Float:
    """Fill missing levels, linearly in the logarithm of pressure; those above the highest level get its value."""
    available = np.asarray(np.isfinite(values).all(axis=0))
    filled = values.copy()
    x = np.log(pressure)
    top = int(np.argmax(available))
    filled[:, :top] = values[:, [top]]
    for level in top + np.flatnonzero(~available[top:]):
        low, high = np.flatnonzero(available & (x < x[level]))[-1], np.flatnonzero(available & (x > x[level]))[0]
        weight = (x[level] - x[low]) / (x[high] - x[low])
        filled[:, level] = (1.0 - weight) * values[:, low] + weight * values[:, high]
    return filled


def one_column_per_pole(latitude: Float) -> NDArray[np.bool_]:
    """Mask that keeps the first column of each pole: the grid repeats it at every longitude."""
    keep = np.abs(latitude) < 90.0
    for pole in (-90.0, 90.0):
        keep[np.flatnonzero(latitude == pole)[:1]] = True
    return keep


def read_gfs(path: Path) -> xr.Dataset:
    """Read all columns of a GFS file in GRIB 1 or 2, with its `precipitable_water` [kg m-2] for comparison.

    Relative humidity is converted to specific humidity with mixed-phase saturation, as the model defines it. A level
    without humidity (20 hPa before 2015) is interpolated. Levels above the highest with humidity (above 100 hPa in
    2004) get the specific humidity of that level: specific humidity hardly changes with height in the stratosphere,
    which contains less than 0.02 kg m-2 of water vapour. Ozone is NaN where the file has none (below 100 hPa before
    2015).

    Raises InputNotFoundError, InputError for a missing field, or MissingExtraError without eccodes.
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a GFS GRIB file")
    eccodes = require("eccodes", "grib")
    with reading(f"{path} cannot be read as GRIB", more=(eccodes.CodesInternalError,)):
        fields, latitude, longitude, time = _read_fields(path)
    lacking = [f"{name} ({key[0]})" for name, key in _COLUMNS.items() if key not in fields]
    pressure = np.array(sorted(level for name, kind, level in fields if (name, kind) == ("t", _LEVELS)), dtype=float)
    humid = [level for name, kind, level in fields if (name, kind) == ("r", _LEVELS) and level in pressure]
    lacking += [] if pressure.size else ["temperature on pressure levels"]
    lacking += [] if humid and max(humid) == pressure.max() else ["relative humidity on the lowest pressure levels"]
    if lacking:
        raise InputError(f"{path} lacks {', '.join(lacking)}; give a GFS file")
    if {values.size for values in fields.values()} != {latitude.size}:
        raise InputError(f"{path} has fields on several grids; split it into one file per grid")

    temperature = _stack(fields, "t", pressure, latitude.size)
    relative = _stack(fields, "r", pressure, latitude.size) / 100.0
    humidity = _fill_levels(specific_humidity(relative, temperature, pressure), pressure)
    columns = {name: fields[key] for name, key in _COLUMNS.items()}
    columns["surface_pressure"] = columns["surface_pressure"] / 100.0  # GRIB has Pa
    columns["latitude"], columns["longitude"] = latitude, (longitude + 180.0) % 360.0 - 180.0
    above = pressure < columns["surface_pressure"][:, None]
    columns["largest_relative_humidity"] = np.where(above, np.nan_to_num(relative), 0.0).max(axis=1)
    levels = {
        "pressure": np.broadcast_to(pressure, temperature.shape),
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
        "ozone": _stack(fields, "o3mr", pressure, latitude.size),
    }
    source = path.name.split(".")[0]
    profiles = profile_dataset(levels, columns, time=time, source=source, land=columns["land"].round())
    profiles["precipitable_water"] = "profile", columns["precipitable_water"], {"units": "kg m-2"}
    return profiles.isel(profile=one_column_per_pole(latitude))


_ON_LEVELS, _ON_PROFILES = ("t", "h2o_mmr", "o3_mmr"), ("ts", "lat", "lon", "yymmdd")
_ARRAYS = ("p_hPa", *_ON_LEVELS, *_ON_PROFILES)
COLD_SURFACE, HUMID_COLUMN = 285.0, 30.0
"""A colder surface under a more humid column implies supersaturation. [K], [kg m-2]"""


def _dates(yymmdd: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Dates as datetime64; a day given as 00 (only the month is known) is replaced by the 15th."""
    year, month, day = yymmdd // 10000, yymmdd // 100 % 100, yymmdd % 100
    first = (1900 - 1970 + year).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = np.where(day == 0, 15, day) - 1
    return np.asarray(first.astype("datetime64[D]") + days.astype("timedelta64[D]"))


def _check_arrays(path: Path, data: Mapping[str, NDArray[Any]]) -> None:
    missing = [name for name in _ARRAYS if name not in data]
    if missing:
        raise InputError(f"{path} has no array {', '.join(missing)}; give the TIGR-2000 archive")
    levels, profiles = data["p_hPa"].shape, data["ts"].shape
    expected = dict.fromkeys(_ON_LEVELS, (*profiles, *levels)) | dict.fromkeys(_ON_PROFILES, profiles)
    for name, shape in expected.items():
        if data[name].shape != shape or data[name].dtype.kind not in "fiu":
            raise InputError(
                f"{name} of {path} has shape {data[name].shape} and type {data[name].dtype}, not numbers of shape "
                f"{shape}; give the TIGR-2000 archive"
            )


def read_tigr(path: Path) -> xr.Dataset:
    """Read TIGR-2000, without its unphysical profiles (a surface below 285 K under more than 30 kg m-2 of vapour).

    The file is a NumPy archive with ``p_hPa`` (level,), ``t``, ``h2o_mmr``, ``o3_mmr`` (profile, level), ``ts``,
    ``lat``, ``lon`` and ``yymmdd`` (profile,). The mass mixing ratios are per mass of dry air; with this interpretation
    they agree with the water vapour column of TIGR. The last level, 1013 hPa, is taken as the surface, and its values
    as those at 2 m. Relative humidity is over liquid water, as reported by radiosondes. Raises InputNotFoundError, or
    InputError for a damaged file.

    References
    ----------
    A. Chedin et al., J. Climate Appl. Meteor. 24, 128 (1985), doi:10.1175/1520-0450(1985)024<0128:TIIIMF>2.0.CO;2
    F. Chevallier et al., Q. J. R. Meteorol. Soc. 126, 777 (2000), doi:10.1002/qj.49712656319
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be the TIGR-2000 archive (.npz)")
    with reading(f"{path} cannot be read as a NumPy archive"), path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        data = {name: np.asarray(archive[name]) for name in _ARRAYS if name in archive}
    _check_arrays(path, data)
    temperature = data["t"].astype(float)
    pressure = np.broadcast_to(data["p_hPa"].astype(float), temperature.shape)
    ratio = data["h2o_mmr"].astype(float)
    humidity = np.asarray(specific_humidity_from_mixing_ratio(ratio))
    relative = mole_fraction(humidity) * pressure / saturation_pressure_water(temperature)
    levels = {
        "pressure": pressure,
        "air_temperature": temperature,
        "specific_humidity": humidity,
        "ozone": data["o3_mmr"] / (1.0 + ratio),
    }
    columns = {
        "surface_pressure": pressure[:, -1],
        "air_temperature_2m": temperature[:, -1],
        "specific_humidity_2m": humidity[:, -1],
        "surface_temperature": data["ts"],
        "latitude": data["lat"],
        "longitude": data["lon"],
        "largest_relative_humidity": relative.max(axis=1),
    }
    profiles = profile_dataset(levels, columns, time=_dates(data["yymmdd"]), source="TIGR-2000")
    unphysical = (profiles["surface_temperature"].values < COLD_SURFACE) & (water_vapour(profiles) > HUMID_COLUMN)
    return profiles.isel(profile=~unphysical)


CLEAR = 0.95  # largest relative humidity of a clear column [1]
HUMIDITY_CAP = 0.95  # largest relative humidity of a modified column, so that it remains clear [1]
FULL_BELOW, NONE_ABOVE = 300.0, 100.0
"""Changes are uniform below the first level (about 9 km) and zero above the second (tropopause). [hPa]"""
REAL, HOT, HUMID = 5200, 300, 300  # columns in the library
SEED = 2011

_DRAWS_PER_COLUMN = 8  # draws per synthetic column; at least a third of them are within the limits
_SCALE_TEMPERATURE = 8.0  # [K]; the three scales make distances in the features comparable
_SCALE_VAPOUR = 0.6  # [(kg m-2)**0.5]; about 1 kg m-2 in dry atmospheres, 8 kg m-2 in the tropics
_SCALE_LATITUDE = 15.0  # [degree]
SPLIT_FLAGS = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "training validation"}
"""Attributes of the variable `split`."""


class SyntheticExtreme(IntEnum):
    """Modification of a column: values of the variable `perturbation`."""

    NONE = 0  # unmodified column of the source
    HOT = 1
    """Warmed to 2 m temperatures of 315 to 328 K, humidity scaled by 0.6 to 1.6; the column stays under 65 kg m-2."""
    HUMID = 2  # humidity scaled by 1 to 1.8 and warmed by 0 to 5 K, to a column of 57 to 80 kg m-2


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
    """Scale specific humidity up to the cap; values that exceed the cap already are unchanged."""
    cap = specific_humidity(np.full_like(temperature, HUMIDITY_CAP), temperature, pressure)
    return np.asarray(np.minimum(humidity * factor, np.maximum(cap, humidity)))


def make_hot_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Warm land columns with 2 m temperatures above 303 K to 315 to 328 K, beyond the range of the sources.

    The highest air temperature on record is 329.9 K (Furnace Creek, 1913; 327 K is undisputed).
    """
    warm = (profiles["air_temperature_2m"].values > 303.0) & (profiles["land"].values == 1)
    base = _draw(profiles.isel(profile=warm), count, random)
    draws = base.sizes["profile"]
    warming = random.uniform(315.0, 328.0, draws) - base["air_temperature_2m"].values
    hot = perturb(base, np.maximum(warming, 0.0), random.uniform(0.6, 1.6, draws))
    return _first_within(hot, (0.0, 65.0), count, SyntheticExtreme.HOT)


def make_humid_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Increase water vapour columns above 35 kg m-2 to 57 to 80 kg m-2, beyond the range of the sources."""
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
    """Select the columns whose relative humidity [1] is below a limit at all levels."""
    return profiles.isel(profile=profiles["largest_relative_humidity"].values < limit)


def farthest_points(points: Float, count: int, seed: int) -> NDArray[np.intp]:
    """Select points by farthest-point sampling: each is the farthest from those before; the first is random (`seed`).

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

    5,200 clear columns cover 2 m temperature, water vapour and latitude; 300 hot and 300 humid columns, beyond the
    range of the files, are derived from them. The variables `perturbation` (`SyntheticExtreme`) and `split` are added.
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
    differ. A lower `limit` of the relative humidity [1] excludes clouds more reliably, but also more of the humid clear
    columns.
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
