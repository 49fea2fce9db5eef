"""Readers of NumPy archives of profiles: TIGR-2000, ERA-Interim, ERA5 off West Antarctica, ECMWF diverse profiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.constants import MOLAR_MASS_DRY_AIR
from lst_raster.physics.humidity import (
    mole_fraction,
    saturation_pressure_water,
    specific_humidity_from_mixing_ratio,
)
from lst_raster.profiles.profile_sets import DRIEST, profile_dataset, water_vapour
from lst_raster.reading import reading

_Layout = Mapping[str, tuple[str, ...]]
_P, _L = "profile", "level"
_TEXTS = ("time", "datetime")

TIGR: _Layout = MappingProxyType(
    {"p_hPa": (_L,), **dict.fromkeys(("t", "h2o_mmr", "o3_mmr"), (_P, _L))}
    | dict.fromkeys(("ts", "lat", "lon", "yymmdd"), (_P,))
)
ERA_INTERIM: _Layout = MappingProxyType(
    {"p": (_L,), **dict.fromkeys(("T", "q", "cc", "o3_vmr"), (_P, _L))}
    | dict.fromkeys(("ps", "t2m", "sst", "lsm", "lat", "lon"), (_P,))
    | {"time": ()}
)
_DIVERSE: _Layout = {"p": (_L,), **dict.fromkeys(("T", "q"), (_P, _L))} | dict.fromkeys(
    ("ps", "land", "lat", "lon"), (_P,)
)
DIVERSE_83: _Layout = MappingProxyType({**_DIVERSE, **dict.fromkeys(("year", "month", "day"), (_P,))})
DIVERSE_52: _Layout = MappingProxyType({**_DIVERSE, "datetime": (_P,)})
WEST_ANTARCTIC: _Layout = MappingProxyType(
    {f"m{month:02d}": (f"month {month}", _L, "quantity") for month in range(1, 13)}
)
"""Arrays of the archives and their dimensions."""

COLD_SURFACE, HUMID_COLUMN = 285.0, 30.0
"""A colder surface under a more humid column implies supersaturation. [K], [kg m-2]"""
CIRRUS_ABOVE = 400.0
"""Clouds above this pressure are ice: they hardly change temperature and humidity of the layers below. [hPa]"""
FREEZING_SEA = 271.5  # sea surface temperature that may belong to water under ice [K]
MOLAR_MASS_OZONE = 47.9982e-3  # [kg mol-1]


def _load(path: Path, layout: _Layout, title: str) -> dict[str, NDArray[Any]]:
    """Read the arrays of a layout and check their shapes and types; InputNotFoundError or InputError."""
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be the {title} archive (.npz)")
    with reading(f"{path} cannot be read as a NumPy archive"), path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        data = {name: np.asarray(archive[name]) for name in layout if name in archive}
    missing = [name for name in layout if name not in data]
    if missing:
        raise InputError(f"{path} has no array {', '.join(missing)}; give the {title} archive")
    sizes: dict[str, int] = {}
    for name, dimensions in layout.items():
        shape = data[name].shape
        if len(shape) == len(dimensions):
            for dimension, size in zip(dimensions, shape, strict=True):
                sizes.setdefault(dimension, size)
        expected = tuple(sizes.get(dimension, 0) for dimension in dimensions)
        if shape != expected or data[name].dtype.kind not in ("U" if name in _TEXTS else "fiu"):
            kind = "texts" if name in _TEXTS else "numbers"
            raise InputError(
                f"{name} of {path} has shape {shape} and type {data[name].dtype}, not {kind} of shape {expected}; "
                f"give the {title} archive"
            )
    return data


def _dates(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Dates as datetime64; a day given as 0 (only the month is known) is replaced by the 15th."""
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = np.where(day == 0, 15, day) - 1
    return np.asarray(first.astype("datetime64[D]") + days.astype("timedelta64[D]"))


def read_tigr(path: Path) -> xr.Dataset:
    """Read TIGR-2000, without its unphysical profiles (a surface below 285 K under more than 30 kg m-2 of vapour).

    The mass mixing ratios of the archive are per mass of dry air; with this interpretation they agree with the water
    vapour column of TIGR. The last level, 1013 hPa, is taken as the surface, and its values as those at 2 m. Relative
    humidity is over liquid water, as reported by radiosondes. Raises InputNotFoundError, or InputError for a damaged
    file.

    References
    ----------
    A. Chedin et al., J. Climate Appl. Meteor. 24, 128 (1985), doi:10.1175/1520-0450(1985)024<0128:TIIIMF>2.0.CO;2
    F. Chevallier et al., Q. J. R. Meteorol. Soc. 126, 777 (2000), doi:10.1002/qj.49712656319
    """
    data = _load(path, TIGR, "TIGR-2000")
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
    date = data["yymmdd"]
    time = _dates(1900 + date // 10000, date // 100 % 100, date % 100)
    profiles = profile_dataset(levels, columns, time=time, source="TIGR-2000")
    unphysical = (profiles["surface_temperature"].values < COLD_SURFACE) & (water_vapour(profiles) > HUMID_COLUMN)
    return profiles.isel(profile=~unphysical)


def read_era_interim(path: Path) -> xr.Dataset:
    """Read columns of ERA-Interim on levels of constant pressure, with `cloud_cover` [1] of the model.

    Levels below the ground are removed. Humidity at 2 m is interpolated from the levels. The surface temperature is
    that of the sea where it is not near freezing (water under ice). `cloud_cover` is the largest of all layers below
    400 hPa; cirrus above is common in the tropics and not a reason to reject the column: the IFS model permits
    supersaturation over ice, and the water vapour is below. Raises InputNotFoundError or InputError.

    References
    ----------
    D. P. Dee et al., Q. J. R. Meteorol. Soc. 137, 553 (2011), doi:10.1002/qj.828
    """
    data = _load(path, ERA_INTERIM, "ERA-Interim")
    temperature, humidity = data["T"].astype(float), data["q"].astype(float)
    pressure, surface = np.broadcast_to(data["p"] / 100.0, temperature.shape), data["ps"] / 100.0  # the archive has Pa
    sea, land = data["sst"].astype(float), data["lsm"].round()
    levels = {
        "pressure": pressure,
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
        "ozone": data["o3_vmr"] * (MOLAR_MASS_OZONE / MOLAR_MASS_DRY_AIR),
    }
    columns = {
        "surface_pressure": surface,
        "air_temperature_2m": data["t2m"],
        "surface_temperature": np.where((land == 0) & (sea > FREEZING_SEA), sea, np.nan),
        "latitude": data["lat"],
        "longitude": data["lon"],
    }
    time = np.datetime64(str(data["time"]), "ns")
    source = f"ERA-Interim {np.datetime_as_string(time, unit='D')}"
    profiles = profile_dataset(levels, columns, time=time, source=source, land=land)
    counted = (pressure < surface[:, None]) & (pressure > CIRRUS_ABOVE)
    profiles["cloud_cover"] = "profile", np.where(counted, data["cc"], 0.0).max(axis=1).astype(float), {"units": "1"}
    return profiles


WEST_ANTARCTIC_PLACE = -70.25, -110.0
"""Centre of the region of the profiles, 65 to 75.5 S, 100 to 120 W; they have no places. [degree]"""
WEST_ANTARCTIC_YEAR = 2021  # the profiles have months only


def read_west_antarctic_sea(path: Path) -> xr.Dataset:
    """Read columns of ERA5 over the Amundsen Sea, off West Antarctica, of all months.

    The lowest level, 1000 hPa, is taken as the surface, and its values as those at 2 m: altitudes of the archive are
    those of a standard atmosphere. Places and days are not given: all columns are at the centre of the region on the
    15th of their month. Raises InputNotFoundError or InputError.
    """
    data = _load(path, WEST_ANTARCTIC, "ERA5 West Antarctic sea")
    months = np.repeat(np.arange(1, 13), [len(data[name]) for name in WEST_ANTARCTIC])
    _, pressure, temperature, humidity = np.moveaxis(np.concatenate([*data.values()]).astype(float), -1, 0)
    levels = {
        "pressure": pressure,
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
    }
    columns = {"surface_pressure": pressure.max(axis=1)}
    columns |= dict(
        zip(("latitude", "longitude"), (np.full(len(months), place) for place in WEST_ANTARCTIC_PLACE), strict=True)
    )
    time = _dates(np.full(len(months), WEST_ANTARCTIC_YEAR), months, np.zeros(len(months), int))
    return profile_dataset(levels, columns, time=time, source="ERA5 West Antarctic sea", land=np.zeros(len(months)))


def read_ecmwf_diverse(path: Path) -> xr.Dataset:
    """Read the diverse profiles of ECMWF models: the 83 of Matricardi (2008), or the 52 of Chevallier (2001).

    Temperature and humidity at 2 m are those of the profile at the surface. Raises InputNotFoundError or InputError.

    References
    ----------
    M. Matricardi, ECMWF Technical Memorandum 564 (2008), doi:10.21957/o0tbfuzrd
    F. Chevallier, NWP SAF report NWPSAF-EC-TR-010 (2001)
    """
    title = "ECMWF diverse profiles"
    data = _load(path, _DIVERSE, title)
    with np.load(path, allow_pickle=False) as archive:
        dated = "year" in archive
    data |= _load(path, DIVERSE_83 if dated else DIVERSE_52, title)
    temperature, humidity = data["T"].astype(float), data["q"].astype(float)
    if dated:
        time = _dates(data["year"], data["month"], data["day"])
    else:
        texts = [f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}" for text in data["datetime"].astype(str)]
        with reading(f"datetime of {path} cannot be read", "give YYYYMMDDHH"):
            time = np.array(texts, dtype="datetime64[ns]")
    levels = {
        "pressure": np.broadcast_to(data["p"] / 100.0, temperature.shape),  # the archive has Pa
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
    }
    columns = {"surface_pressure": data["ps"] / 100.0, "latitude": data["lat"], "longitude": data["lon"]}
    source = f"ECMWF diverse {83 if dated else 52}"
    return profile_dataset(levels, columns, time=time, source=source, land=data["land"].round())
