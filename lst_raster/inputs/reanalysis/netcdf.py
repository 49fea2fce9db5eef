"""Reanalysis in netCDF and, read likewise, zarr: ERA5 of the old and the new layout, MERRA-2, NCEP/NCAR R1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.gridded import GriddedField, Times, nearest_steps, normalise
from lst_raster.inputs.reanalysis.request import Request, crop
from lst_raster.inputs.reanalysis.variables import nothing_found, unit_conversion
from lst_raster.physics.quantities import ELEVATION, PRESSURE, Quantity
from lst_raster.reading import open_netcdf, reading, text_of

if TYPE_CHECKING:
    import xarray as xr


_TIMES = ("valid_time", "time")  # the first is the one meant where both are there
_LATITUDES = ("latitude", "lat")
_LONGITUDES = ("longitude", "lon")
_LEVELS = ("plev", "lev", "isobaricInhPa")
_IN_HPA = ("level", "pressure_level", "isobaricinhpa")  # also where no unit is told, as in ARCO's store
_ONE_LEVEL = "one level"  # of what has none
_VERSIONS = "expver"  # ERA5 and its preliminary part, each missing where the other is


def read_netcdf(path: Path, source: str, ask: Request) -> list[GriddedField]:
    """Read what is known in a netCDF file; only the steps around a time are taken into memory.

    Parameters
    ----------
    path : path
        The file.
    source : str
        Its name for messages.
    ask : Ask
        What is asked for.

    Raises
    ------
    InputError
        It is damaged, holds nothing that is known, or is on another grid than one of latitude and longitude.
    """
    with open_netcdf(path, source) as dataset, reading(f"{source} cannot be read as netCDF"):
        # Surfaces are small even of the whole Earth; the notes on them are then of the whole file too.
        return read_dataset(dataset, source, ask if ask.on_levels else replace(ask, box=None))


def read_dataset(dataset: xr.Dataset, source: str, ask: Request) -> list[GriddedField]:
    """Read what is asked for and known in an open dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        The dataset, whose values are read when they are used.
    source : str
        Its name for messages.
    ask : Ask
        What is asked for.

    Raises
    ------
    InputError
        There is nothing that is known, or it is on another grid than one of latitude and longitude.
    """
    names = [str(name) for name in dataset.data_vars]
    fields: list[GriddedField] = []
    reasons = []
    for name in names:
        quantity = ask.quantity_of(name)
        if quantity is None:
            continue
        levels = _levels_of(dataset[name])
        if bool(levels) is not ask.on_levels:
            reasons.append(f"{name} is on {' and '.join(levels) or 'no levels'}")
            continue
        fields += _read(_without_single_dimensions(dataset[name], levels), quantity, source, levels, ask)
    if not fields:
        raise nothing_found(source, names, ", ".join(reasons), on_levels=ask.on_levels)
    return fields


def _without_single_dimensions(variable: xr.DataArray, levels: list[str]) -> xr.DataArray:
    """Drop the dimensions of size 1 that are neither time nor place: number, step, height."""
    keep = (*_TIMES, *_LATITUDES, *_LONGITUDES, *levels)
    single = [name for name, size in variable.sizes.items() if size == 1 and str(name) not in keep]
    return variable.isel(dict.fromkeys(single, 0))


def _levels_of(variable: xr.DataArray) -> list[str]:
    """Coordinates that make a variable one on levels, if there are any: the surface's geopotential has none."""
    names = sorted({str(name) for name in (*variable.dims, *variable.coords)})
    return [name for name in names if "level" in name.lower() or name in _LEVELS]


def _read(
    variable: xr.DataArray, quantity: Quantity, source: str, levels: list[str], ask: Request
) -> Iterator[GriddedField]:
    """Read a variable: one field, or one for each of its levels."""
    name = str(variable.name)
    where = f"{source} {name}"
    latitude, longitude = (_axis(variable, names, where) for names in (_LATITUDES, _LONGITUDES))
    times, dimension = _times_of(variable, quantity, where)
    steps = nearest_steps(times, ask.when)
    steps = steps[:1] if quantity is ELEVATION else steps
    rows, columns = crop(latitude.values, longitude.values, ask.box)
    variable = variable.isel({latitude.dims[0]: rows, longitude.dims[0]: columns})
    variable = variable.isel({dimension: steps}) if dimension else variable.expand_dims("time")
    if _VERSIONS in variable.dims:
        variable = _one_version(variable)
    pressures, level = _pressures(variable, levels, where) if levels else ([None], None)
    variable = variable if level else variable.expand_dims(_ONE_LEVEL)
    order = (level or _ONE_LEVEL, dimension or "time", latitude.dims[0], longitude.dims[0])
    if set(variable.dims) != set(order):
        named = ", ".join(str(dimension) for dimension in variable.dims if dimension != _ONE_LEVEL)
        raise InputError(f"{where} has the dimensions {named}; give time, latitude, longitude")
    factor, offset = unit_conversion(quantity, str(text_of(variable.attrs.get("units", ""))), where)
    values = variable.transpose(*order).values.astype(float) * factor + offset
    for pressure, plane in zip(pressures, values, strict=True):
        yield normalise(
            quantity, times[steps], latitude.values[rows], longitude.values[columns], plane,
            source=source, variable=name, pressure=pressure,
        )  # fmt: skip


def _pressures(variable: xr.DataArray, levels: list[str], where: str) -> tuple[list[float], str | None]:
    """Pressures of the levels [hPa], and the dimension that they are along, None where there is a single one."""
    for name in levels:
        axis = variable.coords.get(name)
        if axis is None or axis.ndim > 1:
            continue
        units = str(text_of(axis.attrs.get("units", ""))).strip()
        conversion = PRESSURE.conversion("hPa" if not units and name.lower() in _IN_HPA else units)
        if conversion is not None:
            pressures = [float(value) * conversion[0] for value in np.atleast_1d(axis.values)]
            return pressures, str(axis.dims[0]) if axis.ndim else None
    raise InputError(f"{where} is on {' and '.join(levels)}, whose unit is not one of pressure; give pressure levels")


def _axis(variable: Any, names: tuple[str, ...], where: str) -> Any:
    """Latitude or longitude: by its name, or by its unit where the file has its own names."""
    unit = f"degrees_{'north' if 'lat' in names else 'east'}"
    for name, axis in variable.coords.items():
        if str(name).lower() in names or text_of(axis.attrs.get("units")) == unit:
            if axis.ndim == 1:
                return axis
            if axis.ndim == 2:
                raise InputError(
                    f"{where} has a {name} for every point: its grid is projected; regrid it to latitude and longitude"
                )
    raise InputError(f"{where} has no {names[0]}; give a file on latitude and longitude")


def _times_of(variable: xr.DataArray, quantity: Quantity, where: str) -> tuple[Times, str | None]:
    """Find the times of a variable, and the dimension that they are along, None where there is a single one."""
    named = [variable.coords[name] for name in _TIMES if name in variable.coords]
    others = [axis for axis in variable.coords.values() if axis.dtype.kind == "M"]
    for axis in (*named, *others):
        if axis.dtype.kind == "M" and axis.ndim <= 1:
            dimension = str(axis.dims[0]) if axis.ndim else None
            return np.atleast_1d(axis.values).astype("datetime64[s]"), dimension
    if quantity is ELEVATION and not set(variable.dims) & set(_TIMES):
        return np.array(["1970-01-01"], "datetime64[s]"), None
    raise InputError(f"{where} has no times; give a file with time or valid_time")


def _one_version(variable: xr.DataArray) -> xr.DataArray:
    """Join ERA5 with its preliminary part, which stand in two layers."""
    layers = [variable.isel({_VERSIONS: layer}, drop=True) for layer in range(variable.sizes[_VERSIONS])]
    joined = layers[0]
    for layer in layers[1:]:
        joined = joined.fillna(layer)
    return joined.assign_attrs(variable.attrs)
