"""Profiles of the user's own, from ERA5 on pressure levels, in the form of the library that models are trained with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.gridded import GriddedField, merge_times
from lst_raster.inputs.reanalysis.read import read_if_present
from lst_raster.inputs.reanalysis.request import Request
from lst_raster.inputs.reanalysis.variables import NothingFoundError
from lst_raster.physics.humidity import relative_humidity, specific_humidity, specific_humidity_from_dew_point
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
from lst_raster.profiles.library import CLEAR, SEED, Perturbation, clear, features, spread
from lst_raster.profiles.profile_sets import Float, profile_dataset
from lst_raster.profiles.source_files import DRIEST, one_column_per_pole

_LOGGER = logging.getLogger(__name__)

HEIGHT = replace(ELEVATION, name="height", low=-2000.0, high=100_000.0)
OZONE = replace(SPECIFIC_HUMIDITY, name="ozone", hint="give ozone per moist air in kg kg-1")
_MORE: Mapping[str, Quantity] = MappingProxyType(
    {"z": HEIGHT, "geopotential": HEIGHT, "o3": OZONE, "ozone_mass_mixing_ratio": OZONE}
)
_BOXES = (30.0, 15.0, 7.5, 3.0, 1.0)  # sides of the boxes that are parted into training and validation [degree]
_VALIDATION = (0.07, 0.3)  # share of the columns that may be for validation
_FEWEST = 8  # levels, below which no profile of the whole air can be told


@dataclass(frozen=True, kw_only=True, slots=True)
class _Air:
    """Fields of one grid and its times, each of shape (time, rows, columns), on levels with those before it."""

    pressure: Float
    """Levels, from the top down. [hPa]"""
    levels: Mapping[str, Float]
    """By name, of shape (level, time, rows, columns); NaN where a level lacks it."""
    ground: Mapping[str, Float]
    """By name, of shape (time, rows, columns)."""
    like: GriddedField
    """A field with the times, and the places."""


def profiles_from_era5(
    paths: Sequence[Path], *, every: int = 1, columns: int | None = None, clear_below: float = CLEAR
) -> xr.Dataset:
    """Make profiles to train with from ERA5 on pressure levels.

    Clear columns are those whose relative humidity stays below a limit on all levels above the ground, as in the
    packaged library; what lies below the ground is cut. The surface pressure is the file's own, or else that at which
    the geopotential of the levels is the surface's. Temperature and humidity at 2 m are the file's own, or else those
    of the levels at the surface. Every seventh box of 30 degrees (smaller ones where the files cover a region) is for
    validation.

    Parameters
    ----------
    paths : sequence of Path
        netCDF, GRIB or ZIP: t and q (or r) on levels; sp, or z on levels and of the surface; perhaps t2m, d2m, o3.
    every : int
        Take every so-many-th row and column of the grid.
    columns : int, optional
        Number of columns to choose, spread over temperature, water vapour and latitude as in the library.
    clear_below : float
        Largest relative humidity of a clear column. [1]

    Returns
    -------
    xarray.Dataset
        Profiles, with `split` and `perturbation`, as `lst-raster simulate` takes them.

    Raises
    ------
    InputNotFoundError, InputError, MissingExtraError
        A file cannot be read, or something is missing; the message says what to add.
    """
    air = _read(paths, every)
    surface = _surface_pressure(air)
    made = _assemble(air, surface, ", ".join(path.name for path in paths))
    found = clear(made, clear_below)
    _LOGGER.info(f"{found.sizes['profile']} of {made.sizes['profile']} columns are clear")
    if found.sizes["profile"] < 2:
        raise InputError(
            f"{found.sizes['profile']} of {made.sizes['profile']} columns are clear, below {clear_below:.0%} relative "
            "humidity on all levels; give more files, or a higher --clear-below"
        )
    parted = _with_parts(found)
    if columns is None:
        return parted
    return parted.isel(profile=np.sort(spread(features(parted), columns, SEED)))


def _read(paths: Sequence[Path], every: int) -> _Air:
    on_levels = merge_times(read_if_present(paths, Request(on_levels=True, more=_MORE)))
    try:
        near = merge_times(read_if_present(paths, Request()))
    except NothingFoundError:
        near = []
    warm = _levels(on_levels, TEMPERATURE)
    moist = _levels(on_levels, SPECIFIC_HUMIDITY) or _levels(on_levels, RELATIVE_HUMIDITY)
    pressure = np.array(sorted(set(warm) & set(moist)))
    if pressure.size < _FEWEST:
        raise InputError(
            f"the files have temperature on {len(warm)} and humidity on {len(moist)} levels, {pressure.size} in common;"
            f" give t and q (or r) on at least {_FEWEST}, from the ground to 10 hPa"
        )
    like = warm[pressure[0]]
    part = (slice(None), slice(None, None, every), slice(None, None, every))
    others = {quantity.name: _levels(on_levels, quantity) for quantity in (HEIGHT, OZONE)}
    held = {TEMPERATURE.name: warm, SPECIFIC_HUMIDITY.name: moist} | others
    levels = {
        name: np.stack([_plane(fields.get(level), like)[part] for level in pressure])
        for name, fields in held.items()
        if fields
    }
    if next(iter(moist.values())).quantity.name == RELATIVE_HUMIDITY.name:
        moisture = np.maximum(levels[SPECIFIC_HUMIDITY.name], 0.0)
        levels[SPECIFIC_HUMIDITY.name] = specific_humidity(
            moisture, levels[TEMPERATURE.name], pressure[:, None, None, None]
        )
    ground = {field.quantity.name: _plane(field, like)[part] for field in near}
    thinned = replace(like, latitude=like.latitude[::every], longitude=like.longitude[::every])
    return _Air(pressure=pressure, levels=levels, ground=ground, like=thinned)


def _levels(fields: Sequence[GriddedField], quantity: Quantity) -> dict[float, GriddedField]:
    return {
        field.pressure: field for field in fields if field.pressure is not None and field.quantity.name == quantity.name
    }


def _plane(field: GriddedField | None, like: GriddedField) -> Float:
    """Values of a field, once it is on the grid and of the times of another; NaN where there is none."""
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


def _surface_pressure(air: _Air) -> Float:
    """Pressure at the ground, of shape (time, rows, columns). [hPa]"""
    if SURFACE_PRESSURE.name in air.ground:
        return air.ground[SURFACE_PRESSURE.name]
    if HEIGHT.name not in air.levels or ELEVATION.name not in air.ground:
        lacks = "z on levels" if HEIGHT.name not in air.levels else "z of the surface"
        raise InputError(
            f"the files have no surface pressure, nor {lacks}, from which it follows; add a file with sp of the same "
            "times and grid"
        )
    height, ground = air.levels[HEIGHT.name], air.ground[ELEVATION.name]
    logarithm = np.broadcast_to(np.log(air.pressure)[:, None, None, None], height.shape)
    return np.asarray(np.exp(_crossing(-height, logarithm, -ground)))


def _crossing(axis: Float, values: Float, at: Float) -> Float:
    """Values where an axis that rises along the first dimension has a value, straight between and beyond its nodes."""
    above = np.clip((axis < at).sum(axis=0), 1, len(axis) - 1)[None]
    (x0, x1), (y0, y1) = (
        [np.take_along_axis(array, index, axis=0)[0] for index in (above - 1, above)] for array in (axis, values)
    )
    return np.asarray(y0 + (at - x0) / (x1 - x0) * (y1 - y0))


def _near_ground(air: _Air, surface: Float) -> tuple[Float, Float]:
    """Temperature and specific humidity at 2 m: the file's own, or those of the levels at the ground."""
    axis = np.broadcast_to(np.log(air.pressure)[:, None, None, None], air.levels[TEMPERATURE.name].shape)
    warmth = air.ground.get(AIR_TEMPERATURE.name)
    moisture = air.ground.get(HUMIDITY_2M.name)
    if moisture is None and DEW_POINT.name in air.ground:
        moisture = np.asarray(specific_humidity_from_dew_point(air.ground[DEW_POINT.name], surface))
    if warmth is None or moisture is None:
        _LOGGER.warning("no t2m and d2m: temperature and humidity at the ground are those of the levels there")
        warmth = _crossing(axis, air.levels[TEMPERATURE.name], np.log(surface))
        moisture = _crossing(axis, air.levels[SPECIFIC_HUMIDITY.name], np.log(surface))
    return warmth, np.maximum(moisture, DRIEST)


def _assemble(air: _Air, surface: Float, names: str) -> xr.Dataset:
    """Put columns one after the other into the schema."""

    def column(values: Float) -> Float:
        return np.asarray(np.broadcast_to(values, surface.shape).reshape(-1), dtype=float)

    def on_levels(values: Float) -> Float:
        return values.reshape(len(air.pressure), -1).T

    warmth, moisture = _near_ground(air, surface)
    temperature = on_levels(air.levels[TEMPERATURE.name])
    humidity = on_levels(air.levels[SPECIFIC_HUMIDITY.name])
    pressure = np.broadcast_to(air.pressure, temperature.shape)
    above = (pressure < column(surface)[:, None]) & np.isfinite(temperature)
    relative = np.where(above, np.nan_to_num(relative_humidity(humidity, temperature, pressure)), 0.0)
    longitude = (air.like.longitude + 180.0) % 360.0 - 180.0
    columns = {
        "surface_pressure": column(surface),
        "air_temperature_2m": column(warmth),
        "specific_humidity_2m": column(moisture),
        "surface_temperature": np.full(surface.size, np.nan),
        "latitude": column(air.like.latitude[None, :, None]),
        "longitude": column(longitude[None, None, :]),
        "largest_relative_humidity": relative.max(axis=1),
    }
    ozone = air.levels.get(OZONE.name)
    levels = {
        "pressure": pressure,
        "air_temperature": temperature,
        "specific_humidity": np.maximum(humidity, DRIEST),
        "ozone": np.full(temperature.shape, np.nan) if ozone is None else on_levels(ozone),
    }
    times = np.repeat(air.like.times, surface[0].size)
    profiles = profile_dataset(levels, columns, time=times, source="ERA5")
    first = one_column_per_pole(columns["latitude"][: surface[0].size])
    complete = np.isfinite(columns["surface_pressure"]) & np.isfinite(columns["air_temperature_2m"])
    chosen = profiles.isel(profile=np.tile(first, len(air.like.times)) & complete)
    stamps = np.unique(np.datetime_as_string(air.like.times, unit="h"))
    chosen.attrs = {
        "title": "Clear atmospheric columns of ERA5",
        "source": f"ERA5 on {len(air.pressure)} pressure levels ({names}), valid " + _shortened(stamps),
        "license": "contains modified Copernicus Climate Change Service information; neither the European Commission "
        "nor ECMWF is responsible for any use of it",
        "history": "lst-raster profiles from-era5",
        "Conventions": "CF-1.11",
    }
    return chosen


def _shortened(stamps: NDArray[np.str_]) -> str:
    return ", ".join(stamps) if len(stamps) <= 4 else f"{len(stamps)} times from {stamps[0]} to {stamps[-1]}"


def _with_parts(profiles: xr.Dataset) -> xr.Dataset:
    """Mark what is for validation, by region; none is invented."""
    split = _split(profiles["latitude"].values, profiles["longitude"].values)
    profiles["split"] = "profile", split
    profiles["split"].attrs = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "training validation"}
    profiles["perturbation"] = "profile", np.full(profiles.sizes["profile"], Perturbation.NONE, dtype=np.int8)
    return profiles


def _split(latitude: Float, longitude: Float) -> NDArray[np.int8]:
    """Every seventh box, along diagonals, of the largest size that gives validation its share."""
    for box in _BOXES:
        row, column = np.floor((latitude + 90.0) / box), np.floor(((longitude + 180.0) % 360.0) / box)
        split = np.asarray((column + 3.0 * row) % 7.0 == 0.0, dtype=np.int8)
        if _VALIDATION[0] <= split.mean() <= _VALIDATION[1]:
            return split
    _LOGGER.warning("the columns lie too close together to part them by region: every seventh is for validation")
    return np.asarray(np.arange(latitude.size) % 7 == 0, dtype=np.int8)
