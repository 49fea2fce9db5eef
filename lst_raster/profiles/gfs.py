"""Reader of the NCEP Global Forecast System (GFS) in GRIB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.humidity import specific_humidity
from lst_raster.profiles.profile_sets import DRIEST, Float, one_column_per_pole, profile_dataset
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
    columns["latitude"], columns["longitude"] = latitude, longitude
    above = pressure < columns["surface_pressure"][:, None]
    columns["largest_relative_humidity"] = np.where(above, np.nan_to_num(relative), 0.0).max(axis=1)
    levels = {
        "pressure": np.broadcast_to(pressure, temperature.shape),
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
        "ozone": _stack(fields, "o3mr", pressure, latitude.size),
    }
    source = f"GFS {np.datetime_as_string(time, unit='D')}"
    profiles = profile_dataset(levels, columns, time=time, source=source, land=columns["land"].round())
    profiles["precipitable_water"] = "profile", columns["precipitable_water"], {"units": "kg m-2"}
    return profiles.isel(profile=one_column_per_pole(latitude))
