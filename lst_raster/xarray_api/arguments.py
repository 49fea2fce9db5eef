"""Arguments of the xarray functions: arrays on a common grid, and profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from lst_raster.errors import GridMismatchError, InputError
from lst_raster.inputs.reanalysis.products import ON_LEVELS as LEVEL_VARIABLES
from lst_raster.physics.quantities import SPECIFIC_HUMIDITY, SURFACE_PRESSURE, TEMPERATURE, Quantity
from lst_raster.reading import text_of

Float64: TypeAlias = NDArray[np.float64]


def as_array(quantity: Quantity, value: Any) -> xr.DataArray:
    """Convert a number or an array to the quantity's unit; lazy arrays stay lazy.

    The attribute ``units`` of an array is applied, and its ``_FillValue`` becomes NaN. Raises InputError: the value is
    neither, its unit is unknown, the array is not decoded, or the number is impossible.
    """
    if not isinstance(value, xr.DataArray):
        number = _number(quantity, value)
        quantity.check(number, quantity.title)
        return xr.DataArray(np.float32(number))
    if value.dtype.kind not in "fiu":
        raise InputError(f"{quantity.title} holds {value.dtype} values; give an array of real numbers")
    scale, offset = value.attrs.get("scale_factor", 1.0), value.attrs.get("add_offset", 0.0)
    if (scale, offset) != (1.0, 0.0):
        raise InputError(
            f"{quantity.title} has the attributes scale_factor {scale:g} and add_offset {offset:g}, so its numbers are "
            "not decoded; open it with mask_and_scale=True, or delete the attributes if they are"
        )
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
            f"{quantity.title} is {kind}; give a number{units}, or an xarray.DataArray with named dimensions"
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            f"{quantity.title} is of type {type(value).__name__}; give a number or an xarray.DataArray"
        ) from None


def align_arrays(arrays: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Require that named arrays share a grid, the first being the reference, and unify their chunks if any has some.

    Raises GridMismatchError: along a shared dimension two differ in size or coordinates, or their coordinate systems
    differ.
    """
    (first, reference), *others = arrays.items()
    seen = dict.fromkeys(reference.dims, (first, reference))
    for name, array in others:
        for dimension in array.dims:
            seen_name, seen_array = seen.setdefault(dimension, (name, array))
            _require_same(dimension, seen_name, seen_array, name, array)
        _require_same_crs(first, reference, name, array)
    return _same_chunks(list(arrays.values()))


def _require_same(dimension: Any, first: str, reference: xr.DataArray, name: str, array: xr.DataArray) -> None:
    same = reference.sizes[dimension] == array.sizes[dimension]
    if same and dimension in reference.indexes and dimension in array.indexes:
        same = reference.indexes[dimension].equals(array.indexes[dimension])
    if not same:
        raise GridMismatchError(
            f"{name} has along {dimension} {_extent(array, dimension)}, {first} {_extent(reference, dimension)}; "
            f"regrid it with {name}.rio.reproject_match({first}) or {name}.interp_like({first})"
        )


def _extent(array: xr.DataArray, dimension: Any) -> str:
    count = array.sizes[dimension]
    if dimension not in array.indexes or not count:
        return f"{count} values"
    values = array.indexes[dimension]
    return f"{count} values from {values[0]} to {values[-1]}"


def _require_same_crs(first: str, reference: xr.DataArray, name: str, array: xr.DataArray) -> None:
    expected, found = _crs(reference), _crs(array)
    if expected is not None and found is not None and expected != found:
        raise GridMismatchError(
            f"{name} is in {found.name}, {first} in {expected.name}; regrid it with {name}.rio.reproject_match({first})"
        )


def _crs(array: xr.DataArray) -> CRS | None:
    """Coordinate system as rioxarray stores it, without loading rioxarray."""
    found = [coordinate.attrs.get("crs_wkt") for coordinate in array.coords.values() if not coordinate.ndim]
    text = next((text for text in found if text), None)
    return None if text is None else CRS.from_user_input(text)


def _same_chunks(arrays: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """Cut arrays in memory into the chunks of the others: else work on them would be done at once."""
    chunks: dict[Any, tuple[int, ...]] = {}
    for array in arrays:
        chunks = {**array.chunksizes, **chunks}
    if not chunks:
        return list(arrays)
    cut = []
    for array in arrays:
        if array.ndim and array.chunks is None:
            array = array.chunk({dimension: chunks[dimension] for dimension in array.dims if dimension in chunks})
        cut.append(array)
    return [array for array in xr.unify_chunks(*cut) if isinstance(array, xr.DataArray)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArrayProfile:
    """Temperature and humidity on pressure levels."""

    dimension: Any  # of the levels
    pressures: tuple[float, ...]  # levels, increasing [hPa]
    temperature: xr.DataArray  # in the order of the levels [K]
    specific_humidity: xr.DataArray  # likewise [kg kg-1]


def as_profile(given: xr.Dataset) -> ArrayProfile:
    """Read a profile from a dataset.

    It has temperature (``t``, ``temperature``) and specific humidity (``q``, ``specific_humidity``), with a common
    dimension of pressure, in hPa unless it has units; InputError where something is missing.
    """
    if not isinstance(given, xr.Dataset):
        raise InputError(f"profile is of type {type(given).__name__}; give an xarray.Dataset with t and q")
    temperature, humidity = (_variable(given, quantity) for quantity in (TEMPERATURE, SPECIFIC_HUMIDITY))
    dimension, pressures = _find_levels(temperature, humidity)
    order = np.argsort(pressures)
    sorted_parts = []
    for quantity, array in ((TEMPERATURE, temperature), (SPECIFIC_HUMIDITY, humidity)):
        part = as_array(quantity, array).isel({dimension: order})
        sorted_parts.append(part if part.chunks is None else part.chunk({dimension: -1}))
    return ArrayProfile(
        dimension=dimension, pressures=tuple(map(float, pressures[order])), temperature=sorted_parts[0],
        specific_humidity=sorted_parts[1],
    )  # fmt: skip


def _variable(given: xr.Dataset, quantity: Quantity) -> xr.DataArray:
    found = [name for name in given.data_vars if LEVEL_VARIABLES.get(str(name).lower()) is quantity]
    if len(found) != 1:
        names = ", ".join(map(str, given.data_vars)) or "nothing"
        raise InputError(f"profile holds {names}; give a dataset with t and q, temperature and specific humidity")
    return given[found[0]]


def _find_levels(temperature: xr.DataArray, humidity: xr.DataArray) -> tuple[Any, Float64]:
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


def _pressures(levels: xr.DataArray) -> Float64 | None:
    """Convert a dimension's coordinate to pressures [hPa]; None where it is another quantity."""
    if levels.dtype.kind not in "iuf" or levels.size < 2:
        return None
    units = str(text_of(levels.attrs.get("units", ""))).strip()
    named = any(part in str(levels.name).lower() for part in ("pres", "level", "lev", "isobaric"))
    conversion = SURFACE_PRESSURE.conversion(units or "hPa")
    if conversion is None or not (units or named):
        return None
    pressures = np.asarray(levels.values * conversion[0], np.float64)
    possible = (pressures > 0.0).all() and pressures.max() <= SURFACE_PRESSURE.high
    return pressures if possible and np.unique(pressures).size == pressures.size else None
