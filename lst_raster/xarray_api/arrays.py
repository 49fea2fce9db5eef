"""Arguments as DataArrays in the units of the package, on one grid and in the same chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from pyproj import CRS

from lst_raster.errors import GridMismatchError, InputError
from lst_raster.physics.quantities import Quantity
from lst_raster.reading import text_of


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
    given = "a text" if isinstance(value, str) else f"of type {type(value).__name__}"
    if isinstance(value, str) or np.ndim(value):
        units = "" if quantity.units == "1" else f" in {quantity.units}"
        raise InputError(
            f"{quantity.title} is {given}; give a number{units}, or an xarray.DataArray with named dimensions"
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{quantity.title} is {given}; give a number or an xarray.DataArray") from None


def align_arrays(arrays: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Require that named arrays share a grid, the first being the reference, and unify their chunks if any has some.

    Raises GridMismatchError: along a shared dimension two differ in size or coordinates, or their coordinate systems
    differ.
    """
    (first, reference), *others = arrays.items()
    expected_crs = crs_of(reference)
    seen = dict.fromkeys(reference.dims, (first, reference))
    for name, array in others:
        for dimension in array.dims:
            seen_name, seen_array = seen.setdefault(dimension, (name, array))
            same = seen_array.sizes[dimension] == array.sizes[dimension]
            if same and dimension in seen_array.indexes and dimension in array.indexes:
                same = seen_array.indexes[dimension].equals(array.indexes[dimension])
            if not same:
                raise GridMismatchError(
                    f"{name} has along {dimension} {_extent(array, dimension)}, {seen_name} "
                    f"{_extent(seen_array, dimension)}; regrid it with {name}.rio.reproject_match({seen_name}) or "
                    f"{name}.interp_like({seen_name})"
                )
        crs = crs_of(array)
        if expected_crs is not None and crs is not None and expected_crs != crs:
            raise GridMismatchError(
                f"{name} is in {crs.name}, {first} in {expected_crs.name}; regrid it with "
                f"{name}.rio.reproject_match({first})"
            )
    return _same_chunks(list(arrays.values()))


def _extent(array: xr.DataArray, dimension: Any) -> str:
    count = array.sizes[dimension]
    if dimension not in array.indexes or not count:
        return f"{count} values"
    values = array.indexes[dimension]
    return f"{count} values from {values[0]} to {values[-1]}"


def crs_of(array: xr.DataArray) -> CRS | None:
    """Coordinate system as rioxarray stores it, without loading rioxarray."""
    for coordinate in array.coords.values():
        if not coordinate.ndim and coordinate.attrs.get("crs_wkt"):
            return CRS.from_user_input(coordinate.attrs["crs_wkt"])
    return None


def _same_chunks(arrays: list[xr.DataArray]) -> list[xr.DataArray]:
    """Cut arrays in memory into the chunks of the others: else work on them would be done at once."""
    chunks: dict[Any, tuple[int, ...]] = {}
    for array in arrays:
        chunks = {**array.chunksizes, **chunks}
    if not chunks:
        return arrays
    cut = []
    for array in arrays:
        if array.ndim and array.chunks is None:
            array = array.chunk({dimension: chunks[dimension] for dimension in array.dims if dimension in chunks})
        cut.append(array)
    return [array for array in xr.unify_chunks(*cut) if isinstance(array, xr.DataArray)]
