"""Arguments of the xarray functions: arrays lined up with the scene, and profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from pyproj import CRS

from lst_raster.errors import GridMismatchError, InputError
from lst_raster.inputs.reanalysis.variables import quantity_of
from lst_raster.physics.quantities import SPECIFIC_HUMIDITY, SURFACE_PRESSURE, TEMPERATURE, Quantity
from lst_raster.reading import text_of


def as_array(quantity: Quantity, value: Any) -> xr.DataArray:
    """Take a number or an array, in the quantity's unit.

    Parameters
    ----------
    quantity : Quantity
        What is meant.
    value : float or DataArray
        What was given. An array's attribute ``units`` is believed, and its ``_FillValue`` stands for nothing.

    Returns
    -------
    DataArray
        The values; lazy where the given ones are.

    Raises
    ------
    InputError
        It is neither, its unit is not known, it is not decoded, or the number is not possible.
    """
    if not isinstance(value, xr.DataArray):
        number = _number(quantity, value)
        quantity.check(number, quantity.title)
        return xr.DataArray(np.float32(number))
    if value.dtype.kind not in "fiu":
        raise InputError(f"{quantity.title} holds {value.dtype} values; give an array of real numbers")
    _require_decoded(quantity, value)
    fill = value.attrs.get("_FillValue", value.attrs.get("missing_value"))
    if fill is not None and np.ndim(fill) == 0 and np.isfinite(fill):
        value = value.where(value != fill)
    units = text_of(value.attrs.get("units"))
    factor, offset = quantity.require_conversion(None if units is None else str(units), quantity.title)
    converted: xr.DataArray = value if (factor, offset) == (1.0, 0.0) else value * factor + offset
    return converted


def _number(quantity: Quantity, value: Any) -> float:
    if isinstance(value, str) or np.ndim(value):
        kind = "a text" if isinstance(value, str) else f"of type {type(value).__name__}"
        units = "" if quantity.units == "1" else f" in {quantity.units}"
        raise InputError(
            f"{quantity.title} is {kind}; give a number{units}, or an xarray.DataArray, whose dimensions tell how it "
            "lies against the others"
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            f"{quantity.title} is of type {type(value).__name__}; give a number or an xarray.DataArray"
        ) from None


def _require_decoded(quantity: Quantity, value: xr.DataArray) -> None:
    scale, offset = value.attrs.get("scale_factor", 1.0), value.attrs.get("add_offset", 0.0)
    if (scale, offset) != (1.0, 0.0):
        raise InputError(
            f"{quantity.title} has the attributes scale_factor {scale:g} and add_offset {offset:g}, which say that its "
            "numbers are not the values yet; open it with mask_and_scale=True, or delete the attributes if they are"
        )


def line_up(arrays: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Make sure that arrays lie on the same grid, and cut them into the same chunks where one has any.

    Parameters
    ----------
    arrays : mapping of str to DataArray
        The arrays by name, the one that the others are held against first.

    Raises
    ------
    GridMismatchError
        Along a dimension that two have in common they differ in size or coordinates, or in their coordinate systems.
    """
    (first, reference), *others = arrays.items()
    seen = dict.fromkeys(reference.dims, (first, reference))
    for name, array in others:
        for dimension in array.dims:
            where, known = seen.setdefault(dimension, (name, array))
            _require_same(dimension, where, known, name, array)
        _require_same_crs(first, reference, name, array)
    return _same_chunks(list(arrays.values()))


def _require_same(dimension: Any, first: str, known: xr.DataArray, name: str, array: xr.DataArray) -> None:
    same = known.sizes[dimension] == array.sizes[dimension]
    if same and dimension in known.indexes and dimension in array.indexes:
        same = known.indexes[dimension].equals(array.indexes[dimension])
    if not same:
        raise GridMismatchError(
            f"{name} lies along {dimension} at {_range(array, dimension)}, {first} at {_range(known, dimension)}; "
            f"bring it onto the same places, with {name}.rio.reproject_match({first}) or {name}.interp_like({first})"
        )


def _range(array: xr.DataArray, dimension: Any) -> str:
    count = array.sizes[dimension]
    if dimension not in array.indexes or not count:
        return f"{count} places"
    values = array.indexes[dimension]
    return f"{count} places from {values[0]} to {values[-1]}"


def _require_same_crs(first: str, known: xr.DataArray, name: str, array: xr.DataArray) -> None:
    ours, theirs = _crs(known), _crs(array)
    if ours is not None and theirs is not None and CRS.from_user_input(ours) != CRS.from_user_input(theirs):
        raise GridMismatchError(
            f"{name} is in {CRS.from_user_input(theirs).name}, {first} in {CRS.from_user_input(ours).name}; bring it "
            f"onto the same grid, with {name}.rio.reproject_match({first})"
        )


def _crs(array: xr.DataArray) -> str | None:
    """Coordinate system as rioxarray keeps it, without loading rioxarray."""
    found = [coordinate.attrs.get("crs_wkt") for coordinate in array.coords.values() if not coordinate.ndim]
    return next((text for text in found if text), None)


def _same_chunks(arrays: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """Cut what is in memory as the others are cut: else the work on it would be done at once."""
    chunks: dict[Any, tuple[int, ...]] = {}
    for array in arrays:
        chunks = {**array.chunksizes, **chunks}
    if not chunks:
        return list(arrays)
    cut = [
        array.chunk({dimension: chunks[dimension] for dimension in array.dims if dimension in chunks})
        if array.ndim and array.chunks is None
        else array
        for array in arrays
    ]
    return [array for array in xr.unify_chunks(*cut) if isinstance(array, xr.DataArray)]


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
    units = str(text_of(levels.attrs.get("units", ""))).strip()
    named = any(part in str(levels.name).lower() for part in ("pres", "level", "lev", "isobaric"))
    conversion = SURFACE_PRESSURE.conversion(units or "hPa")
    if conversion is None or not (units or named):
        return None
    pressures = np.asarray(levels.values * conversion[0], np.float64)
    possible = (pressures > 0.0).all() and pressures.max() <= SURFACE_PRESSURE.high
    return pressures if possible and np.unique(pressures).size == pressures.size else None
