"""Training profiles from ERA5 on pressure levels, in the form of the profile library."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import xarray as xr

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.gridded import GriddedField, merge_times
from lst_raster.inputs.reanalysis.read import read_if_present
from lst_raster.inputs.reanalysis.request import NothingFoundError, Request
from lst_raster.physics.humidity import specific_humidity, specific_humidity_from_dew_point
from lst_raster.physics.quantities import (
    AIR_TEMPERATURE,
    DEW_POINT,
    ELEVATION,
    HUMIDITY_2M,
    RELATIVE_HUMIDITY,
    SPECIFIC_HUMIDITY,
    SURFACE_PRESSURE,
    TEMPERATURE,
    Quantity,
)
from lst_raster.profiles.library import (
    CLEAR,
    SyntheticExtreme,
    select_clear,
    select_diverse,
)
from lst_raster.profiles.profile_sets import DRIEST, Float, one_column_per_pole, profile_dataset

_LOGGER = logging.getLogger(__name__)

HEIGHT = replace(ELEVATION, name="height", low=-2000.0, high=100_000.0)
OZONE = replace(SPECIFIC_HUMIDITY, name="ozone", hint="give ozone per moist air in kg kg-1")
_MORE: Mapping[str, Quantity] = MappingProxyType(
    {"z": HEIGHT, "geopotential": HEIGHT, "o3": OZONE, "ozone_mass_mixing_ratio": OZONE}
)
_FEWEST = 8  # levels, for a profile of the whole atmosphere


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fields:
    """Fields of one grid at its times."""

    pressure: Float  # levels, from the top down [hPa]
    levels: Mapping[str, Float]  # by name, (level, time, rows, columns); NaN for missing levels
    ground: Mapping[str, Float]  # by name, (time, rows, columns)
    like: GriddedField  # A field with the times and coordinates


def profiles_from_era5(
    paths: Sequence[Path], *, every: int = 1, columns: int | None = None, clear_below: float = CLEAR
) -> xr.Dataset:
    """Make training profiles from ERA5 on pressure levels, with `perturbation`, for `lst-raster simulate`.

    The files are netCDF, GRIB or ZIP with t and q (or r) on levels; sp, or z on levels and of the surface; optionally
    t2m, d2m, o3. `every` is the step of rows and columns; `columns` is the number of columns to select, diverse in
    temperature, water vapour and latitude as in the library.

    Clear columns have a relative humidity below `clear_below` [1] on all levels above the ground, as in the packaged
    library; levels below the ground are removed. The surface pressure is from the file, or else the pressure at which
    the geopotential of the levels equals that of the surface. Temperature and humidity at 2 m are from the file, or
    else interpolated from the levels to the surface.

    Raises InputNotFoundError, InputError or MissingExtraError; the message says what to add.
    """
    fields = _read(paths, every)
    profiles = _assemble(fields, _surface_pressure(fields), ", ".join(path.name for path in paths))
    clear = select_clear(profiles, clear_below)
    count = clear.sizes["profile"]
    _LOGGER.info(f"{count} of {profiles.sizes['profile']} columns are clear")
    if count < 2:
        raise InputError(
            f"{count} of {profiles.sizes['profile']} columns are clear, below {clear_below:.0%} relative "
            "humidity on all levels; give more files, or a higher --clear-below"
        )
    clear["perturbation"] = "profile", np.full(count, SyntheticExtreme.NONE, dtype=np.int8)
    return clear if columns is None else select_diverse(clear, columns)


def _read(paths: Sequence[Path], every: int) -> _Fields:
    on_levels = merge_times(read_if_present(paths, Request(on_levels=True, more=_MORE)))
    try:
        near = merge_times(read_if_present(paths, Request()))
    except NothingFoundError:
        near = []
    temperature = _levels(on_levels, TEMPERATURE)
    humidity = _levels(on_levels, SPECIFIC_HUMIDITY) or _levels(on_levels, RELATIVE_HUMIDITY)
    pressure = np.array(sorted(set(temperature) & set(humidity)))
    if pressure.size < _FEWEST:
        raise InputError(
            f"the files have temperature on {len(temperature)} and humidity on {len(humidity)} levels, "
            f"{pressure.size} in common; give t and q (or r) on at least {_FEWEST}, from the ground to 10 hPa"
        )
    like = temperature[pressure[0]]
    part = (slice(None), slice(None, None, every), slice(None, None, every))
    others = {quantity.name: _levels(on_levels, quantity) for quantity in (HEIGHT, OZONE)}
    by_name = {TEMPERATURE.name: temperature, SPECIFIC_HUMIDITY.name: humidity} | others
    levels = {
        name: np.stack([_plane(fields.get(level), like)[part] for level in pressure])
        for name, fields in by_name.items()
        if fields
    }
    if next(iter(humidity.values())).quantity.name == RELATIVE_HUMIDITY.name:
        relative = np.maximum(levels[SPECIFIC_HUMIDITY.name], 0.0)
        levels[SPECIFIC_HUMIDITY.name] = specific_humidity(
            relative, levels[TEMPERATURE.name], pressure[:, None, None, None]
        )
    ground = {field.quantity.name: _plane(field, like)[part] for field in near}
    thinned = replace(like, latitude=like.latitude[::every], longitude=like.longitude[::every])
    return _Fields(pressure=pressure, levels=levels, ground=ground, like=thinned)


def _levels(fields: Sequence[GriddedField], quantity: Quantity) -> dict[float, GriddedField]:
    return {
        field.pressure: field for field in fields if field.pressure is not None and field.quantity.name == quantity.name
    }


def _plane(field: GriddedField | None, like: GriddedField) -> Float:
    """Values of a field at the times of another on the same grid; NaN for None."""
    if field is None:
        return np.full(like.values.shape, np.nan)
    same = np.array_equal(field.latitude, like.latitude) and np.array_equal(field.longitude, like.longitude)
    if not same:
        raise InputError(f"{field} is on another grid ({field.area}) than {like} ({like.area}); request both on one")
    if field.quantity is ELEVATION:
        return np.broadcast_to(field.values[:1], like.values.shape)
    places = [int(np.flatnonzero(field.times == time)[0]) for time in like.times if time in field.times]
    if len(places) != len(like.times):
        raise InputError(f"{field} lacks times that {like} has; request both for the same times")
    return field.values[places]


def _surface_pressure(fields: _Fields) -> Float:
    """Surface pressure, (time, rows, columns). [hPa]"""
    if SURFACE_PRESSURE.name in fields.ground:
        return fields.ground[SURFACE_PRESSURE.name]
    if HEIGHT.name not in fields.levels or ELEVATION.name not in fields.ground:
        lacks = "z on levels" if HEIGHT.name not in fields.levels else "z of the surface"
        raise InputError(
            f"the files have no surface pressure, and no {lacks} to compute it from; add a file with sp of the same "
            "times and grid"
        )
    height, ground = fields.levels[HEIGHT.name], fields.ground[ELEVATION.name]
    logarithm = np.broadcast_to(np.log(fields.pressure)[:, None, None, None], height.shape)
    return np.asarray(np.exp(_interpolate(-height, logarithm, -ground)))


def _interpolate(axis: Float, values: Float, at: Float) -> Float:
    """Interpolate linearly along the first dimension, on which `axis` rises, and extrapolate beyond its nodes."""
    above = np.clip((axis < at).sum(axis=0), 1, len(axis) - 1)[None]
    (x0, x1), (y0, y1) = (
        [np.take_along_axis(array, index, axis=0)[0] for index in (above - 1, above)] for array in (axis, values)
    )
    return np.asarray(y0 + (at - x0) / (x1 - x0) * (y1 - y0))


def _near_ground(fields: _Fields, surface: Float) -> tuple[Float, Float]:
    """Temperature and specific humidity at 2 m, from the file or from the levels."""
    temperature = fields.ground.get(AIR_TEMPERATURE.name)
    humidity = fields.ground.get(HUMIDITY_2M.name)
    if humidity is None and DEW_POINT.name in fields.ground:
        humidity = np.asarray(specific_humidity_from_dew_point(fields.ground[DEW_POINT.name], surface))
    if temperature is None or humidity is None:
        _LOGGER.warning("no t2m and d2m: temperature and humidity at the ground are interpolated from the levels")
        on_levels = fields.levels[TEMPERATURE.name]
        axis = np.broadcast_to(np.log(fields.pressure)[:, None, None, None], on_levels.shape)
        temperature = _interpolate(axis, on_levels, np.log(surface))
        humidity = _interpolate(axis, fields.levels[SPECIFIC_HUMIDITY.name], np.log(surface))
    return temperature, np.maximum(humidity, DRIEST)


def _assemble(fields: _Fields, surface: Float, names: str) -> xr.Dataset:
    """Flatten the grid to profiles in the schema of `profile_dataset`."""

    def column(values: Float) -> Float:
        return np.asarray(np.broadcast_to(values, surface.shape).reshape(-1), dtype=float)

    def on_levels(values: Float) -> Float:
        return values.reshape(len(fields.pressure), -1).T

    temperature_2m, humidity_2m = _near_ground(fields, surface)
    temperature = on_levels(fields.levels[TEMPERATURE.name])
    humidity = on_levels(fields.levels[SPECIFIC_HUMIDITY.name])
    columns = {
        "surface_pressure": column(surface),
        "air_temperature_2m": column(temperature_2m),
        "specific_humidity_2m": column(humidity_2m),
        "latitude": column(fields.like.latitude[None, :, None]),
        "longitude": column(fields.like.longitude[None, None, :]),
    }
    levels = {
        "pressure": np.broadcast_to(fields.pressure, temperature.shape),
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
    }
    if OZONE.name in fields.levels:
        levels["ozone"] = on_levels(fields.levels[OZONE.name])
    times = np.repeat(fields.like.times, surface[0].size)
    profiles = profile_dataset(levels, columns, time=times, source="ERA5")
    first = one_column_per_pole(columns["latitude"][: surface[0].size])
    complete = np.isfinite(columns["surface_pressure"]) & np.isfinite(columns["air_temperature_2m"])
    selected = profiles.isel(profile=np.tile(first, len(fields.like.times)) & complete)
    stamps = np.unique(np.datetime_as_string(fields.like.times, unit="h"))
    dates = ", ".join(stamps) if len(stamps) <= 4 else f"{len(stamps)} times from {stamps[0]} to {stamps[-1]}"
    selected.attrs = {
        "title": "Clear atmospheric columns of ERA5",
        "source": f"ERA5 on {len(fields.pressure)} pressure levels ({names}), valid {dates}",
        "license": "contains modified Copernicus Climate Change Service information; the European Commission and "
        "ECMWF are not responsible for any use of it",
        "history": "lst-raster profiles from-era5",
        "Conventions": "CF-1.11",
    }
    return selected
