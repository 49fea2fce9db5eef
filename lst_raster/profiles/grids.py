"""Readers of gridded netCDF files of profiles: the mean June of the NCEP reanalysis, and ERA5 over the sea."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.constants import GRAVITY
from lst_raster.profiles.profile_sets import DRIEST, UNKNOWN, Float, profile_dataset
from lst_raster.reading import open_netcdf, reading

NCEP = ("T", "SHUM", "PS", "TS", "TREFHT", "PREH2O", "lev", "lev2", "lat", "lon")
ERA5_SEA = (
    *("temperature", "specific_humidity", "geopotential", "sea_surface_temperature", "sea_ice_cover"),
    *("level", "latitude", "longitude", "time"),
)
"""Variables of the files."""

STRATOSPHERE = 2.5e-6
"""Specific humidity at and above 100 hPa, 4 parts per million by volume as in the AFGL atmospheres. [kg kg-1]"""
TROPOPAUSE = 100.0  # lowest pressure of the troposphere in the tropics [hPa]
MEAN_TIME = np.datetime64("1988-06-15T12", "ns")  # middle of the mean of the Junes from 1979 to 1998
PLAUSIBLE_PRESSURE = 1050.0  # larger surface pressures are overshoots of the spectral model next to mountains [hPa]
OPEN_WATER = 0.15  # largest fraction of sea ice of open water [1]


def _load(path: Path, names: Sequence[str], title: str) -> xr.Dataset:
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be {title} as netCDF")
    with open_netcdf(path, str(path), decode=False) as dataset, reading(f"{path} cannot be read as netCDF"):
        missing = [name for name in names if name not in dataset.variables]
        if missing:
            raise InputError(f"{path} has no variable {', '.join(missing)}; give {title}")
        data = dataset[[*names]].load()
        for variable in data.variables.values():
            variable.attrs.pop("missing_value", None)  # next to another _FillValue in NCEP files; none is used
        return xr.decode_cf(data, decode_times=False)  # NCEP counts months


def read_ncep_mean(path: Path) -> xr.Dataset:
    """Read the mean June of the NCEP reanalysis, with its `precipitable_water` [kg m-2] for comparison.

    Specific humidity of the file ends at 300 hPa; between 300 and 100 hPa its logarithm is interpolated in ln p to the
    value `STRATOSPHERE`, which holds above. Humidity at 2 m is interpolated from the levels, relative humidity
    follows from the means of temperature and humidity. Columns with negative precipitable water or a surface pressure
    above 1050 hPa, overshoots of the spectral model, are left out. All have the time `MEAN_TIME`. Raises
    InputNotFoundError or InputError.

    References
    ----------
    E. Kalnay et al., Bull. Am. Meteorol. Soc. 77, 437 (1996), doi:10.1175/1520-0477(1996)077<0437:TNYRP>2.0.CO;2
    G. P. Anderson et al., AFGL-TR-86-0110 (1986), for the stratosphere
    """
    with reading(f"{path} cannot be read as netCDF"):
        data = _load(path, NCEP, "the mean June of the NCEP reanalysis")
        latitude, longitude = (values.ravel() for values in np.meshgrid(data["lat"], data["lon"], indexing="ij"))

        def on_levels(name: str, level: str) -> Float:
            values = data[name].isel(time=0).transpose("lat", "lon", level).values
            return np.asarray(values.reshape(latitude.size, -1), dtype=float)

        def column(name: str) -> Float:
            return np.asarray(data[name].isel(time=0).transpose("lat", "lon").values.ravel(), dtype=float)

        temperature, humid = on_levels("T", "lev"), on_levels("SHUM", "lev2") / 1000.0  # the file has g kg-1
        pressure, humid_levels = (np.asarray(data[name].values, dtype=float) for name in ("lev", "lev2"))
        surface, water = column("PS"), column("PREH2O")
        near, skin = column("TREFHT"), column("TS")
    nodes = np.append(humid_levels, TROPOPAUSE)
    logarithm = np.log(np.maximum(np.append(humid, np.full((latitude.size, 1), STRATOSPHERE), axis=1), DRIEST))
    order = np.argsort(nodes)
    humidity = np.exp([np.interp(np.log(pressure), np.log(nodes[order]), row[order]) for row in logarithm])
    levels = {
        "pressure": np.broadcast_to(pressure, temperature.shape),
        "air_temperature": temperature,
        "specific_humidity": humidity,
    }
    columns = {
        "surface_pressure": surface,
        "air_temperature_2m": near,
        "surface_temperature": skin,
        "latitude": latitude,
        "longitude": longitude,
    }
    land = np.full(latitude.size, UNKNOWN)
    profiles = profile_dataset(levels, columns, time=MEAN_TIME, source="NCEP mean June", land=land)
    profiles["precipitable_water"] = "profile", water, {"units": "kg m-2"}
    return profiles.isel(profile=(water >= 0.0) & (surface <= PLAUSIBLE_PRESSURE))


def read_era5_sea(path: Path) -> xr.Dataset:
    """Read the columns over the sea of an ERA5 file without surface pressure and orography.

    The surface is at the height zero: its pressure is interpolated from the geopotential of the levels, temperature and
    humidity at 2 m from the levels. On land the file has copies of sea surface temperatures nearby: cells with the
    value of a neighbour and all cells next to them are left out, which leaves the open sea. The surface temperature is
    that of water, NaN under ice. Raises InputNotFoundError or InputError.
    """
    title = "ERA5 on pressure levels with sea surface temperature"
    data = _load(path, ERA5_SEA, title)
    with reading(f"{path} cannot be read as netCDF", f"give {title}"):
        data = xr.decode_cf(data).transpose("latitude", "longitude", "level", missing_dims="ignore")
        time = np.datetime64(data["time"].values.astype("datetime64[ns]").item(), "ns")
        shape = data["sea_surface_temperature"].shape
        sea_temperature, ice = (np.asarray(data[name]) for name in ("sea_surface_temperature", "sea_ice_cover"))
        temperature, humidity, geopotential = (
            np.asarray(data[name].values, dtype=float).reshape(shape[0] * shape[1], -1)
            for name in ("temperature", "specific_humidity", "geopotential")
        )
        pressure = np.broadcast_to(np.asarray(data["level"].values, dtype=float), temperature.shape)
        latitude, longitude = np.meshgrid(data["latitude"], data["longitude"], indexing="ij")
    sea = _open_sea(sea_temperature).ravel()
    levels = {
        "pressure": pressure,
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
    }
    columns = {
        "surface_pressure": _pressure_at_sea_level(geopotential / GRAVITY, pressure),
        "surface_temperature": np.where(ice < OPEN_WATER, sea_temperature, np.nan).ravel(),
        "latitude": latitude.ravel(),
        "longitude": longitude.ravel(),
    }
    source = f"ERA5 {np.datetime_as_string(time, unit='D')}"
    profiles = profile_dataset(levels, columns, time=time, source=source, land=np.zeros(sea.size))
    return profiles.isel(profile=sea)


def _neighbours(values: NDArray[Any]) -> NDArray[Any]:
    """The eight neighbours of each cell, (neighbour, row, column); columns are cyclic, polar rows repeated."""
    padded = np.pad(np.pad(values, ((0, 0), (1, 1)), mode="wrap"), ((1, 1), (0, 0)), mode="edge")
    shifted = [
        np.roll(padded, (row, column), (0, 1))[1:-1, 1:-1]
        for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)
    ]  # fmt: skip
    return np.stack(shifted)


def _open_sea(sea_temperature: Float) -> NDArray[np.bool_]:
    """Mask of the cells whose temperature, and those of all neighbours, are not copies of a neighbour."""
    copied = (_neighbours(sea_temperature) == sea_temperature).any(axis=0)
    return np.asarray(~(copied | _neighbours(copied).any(axis=0)))


def _pressure_at_sea_level(height: Float, pressure: Float) -> Float:
    """Pressure at the height zero, ln p linear in height, from the two levels nearest to it. [hPa]"""
    order = np.argsort(np.abs(height), axis=1)[:, :2]
    (z0, z1), (p0, p1) = (np.take_along_axis(values, order, axis=1).T for values in (height, np.log(pressure)))
    return np.asarray(np.exp(p0 - z0 * (p1 - p0) / (z1 - z0)))
