"""Readers of profile archives: GFS analyses in GRIB and TIGR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.humidity import (
    mole_fraction,
    saturation_pressure_water,
    specific_humidity,
    specific_humidity_from_mixing_ratio,
)
from lst_raster.profiles.profile_sets import Float, profile_dataset, water_vapour
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

DRIEST = 1e-7  # floor of specific humidity [kg kg-1]: GRIB rounds the stratosphere to zero, and logarithms are taken


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
    """Fill missing levels: linearly in the logarithm of pressure, above the highest with its value."""
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
    2004) get the specific humidity of that level: in the stratosphere it hardly changes with height, and less than
    0.02 kg m-2 of vapour are there. Ozone is NaN where the file has none (below 100 hPa before 2015).

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
        raise InputError(f"{path} has its fields on several grids; give a file for each")

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
COLD_SURFACE, HUMID_COLUMN = 285.0, 30.0  # [K], [kg m-2]: a combination that exceeds saturation


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
    ``lat``, ``lon`` and ``yymmdd`` (profile,). Its mass mixing ratios are per mass of dry air: only then do they agree
    with its vapour column. The last level, 1013 hPa, is the surface, and its values those at 2 m. Relative humidity is
    over liquid water, as reported by radiosondes. Raises InputNotFoundError, or InputError for a damaged file.

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
