"""A profile of the air as arrays: temperature and humidity along a dimension of pressure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from lst_raster.engine.arrays.given import as_array
from lst_raster.errors import InputError
from lst_raster.scene.fields import SURFACE_PRESSURE, Quantity
from lst_raster.scene.reanalysis.variables import SPECIFIC_HUMIDITY, TEMPERATURE, quantity_of

_HUNDREDS = ("millibars", "millibar", "mb")  # spellings of hPa
_FEWEST = 2  # levels, below which it is no profile


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArrayProfile:
    """Temperature and humidity on levels of pressure."""

    dimension: Any
    """Name of the dimension of the levels."""
    pressures: tuple[float, ...]
    """The levels, rising: from the top of the air down. [hPa]"""
    temperature: xr.DataArray
    """Air temperature, in the order of the levels. [K]"""
    specific_humidity: xr.DataArray
    """Specific humidity, likewise. [kg kg-1]"""


def as_profile(given: xr.Dataset) -> ArrayProfile:
    """Take a profile from a dataset.

    Parameters
    ----------
    given : Dataset
        Temperature (``t``, ``temperature``) and specific humidity (``q``, ``specific_humidity``) with one dimension
        whose coordinate is the pressure, in hPa where it tells no unit.

    Raises
    ------
    InputError
        One of them is missing, or they have no such dimension in common.
    """
    if not isinstance(given, xr.Dataset):
        raise InputError(f"profile is of type {type(given).__name__}; give an xarray.Dataset with t and q")
    temperature, humidity = (_variable(given, quantity) for quantity in (TEMPERATURE, SPECIFIC_HUMIDITY))
    dimension, pressures = _levels(temperature, humidity)
    order = np.argsort(pressures)
    arrays = [
        as_array(quantity, part) for quantity, part in ((TEMPERATURE, temperature), (SPECIFIC_HUMIDITY, humidity))
    ]
    ordered = [part.isel({dimension: order}) for part in arrays]
    whole = [part if part.chunks is None else part.chunk({dimension: -1}) for part in ordered]
    return ArrayProfile(
        dimension=dimension, pressures=tuple(map(float, pressures[order])), temperature=whole[0],
        specific_humidity=whole[1],
    )  # fmt: skip


def _variable(given: xr.Dataset, quantity: Quantity) -> xr.DataArray:
    found = [name for name in given.data_vars if quantity_of(str(name), on_levels=True) is quantity]
    if len(found) != 1:
        names = ", ".join(map(str, given.data_vars)) or "nothing"
        raise InputError(f"profile holds {names}; give a dataset with t and q, temperature and specific humidity")
    return given[found[0]]


def _levels(temperature: xr.DataArray, humidity: xr.DataArray) -> tuple[Any, np.ndarray[Any, np.dtype[np.float64]]]:
    """Find the dimension of the levels and their pressures. [hPa]"""
    for dimension in temperature.dims:
        if dimension not in humidity.dims or dimension not in temperature.coords:
            continue
        pressures = _pressures(temperature.coords[dimension])
        if pressures is not None:
            return dimension, pressures
    raise InputError(
        f"temperature and humidity of the profile have the dimensions {', '.join(map(str, temperature.dims))} and "
        f"{', '.join(map(str, humidity.dims))}; one must be levels of pressure, with a coordinate in hPa or Pa"
    )


def _pressures(levels: xr.DataArray) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Pressures of a dimension's coordinate, None where it is something else. [hPa]"""
    if levels.dtype.kind not in "iuf" or levels.size < _FEWEST:
        return None
    units = str(levels.attrs.get("units", "")).strip()
    named = any(part in str(levels.name).lower() for part in ("pres", "level", "lev", "isobaric"))
    conversion = SURFACE_PRESSURE.conversion("hPa" if units.lower() in _HUNDREDS or not units else units)
    if conversion is None or not (units or named):
        return None
    pressures = np.asarray(levels.values * conversion[0], np.float64)
    possible = (pressures > 0.0).all() and pressures.max() <= SURFACE_PRESSURE.high
    return pressures if possible and np.unique(pressures).size == pressures.size else None
