"""Reanalysis in netCDF: ERA5 of the old and the new layout, MERRA-2, NCEP/NCAR R1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lst_raster.errors import InputError
from lst_raster.scene.fields import ELEVATION, Quantity
from lst_raster.scene.reanalysis.gridded import GriddedField, Times, nearest_steps, normalise
from lst_raster.scene.reanalysis.variables import nothing_found, quantity_of, unit_conversion

if TYPE_CHECKING:
    import xarray as xr

_TIMES = ("valid_time", "time")  # the first is the one meant where both are there
_LATITUDES = ("latitude", "lat")
_LONGITUDES = ("longitude", "lon")
_LEVELS = ("plev", "lev", "isobaricInhPa")
_VERSIONS = "expver"  # ERA5 and its preliminary part, each missing where the other is


def read_netcdf(path: Path, source: str, engine: str, when: np.datetime64 | None) -> list[GriddedField]:
    """Read what is known in a netCDF file; only the steps around a time are taken into memory.

    Parameters
    ----------
    path : path
        The file.
    source : str
        Its name for messages.
    engine : str
        xarray's reader for its format: ``h5netcdf`` or ``scipy``.
    when : numpy.datetime64 or None
        Time that is asked for, None for all.

    Raises
    ------
    InputError
        It is damaged, holds nothing that is known, or is on another grid than one of latitude and longitude.
    """
    import xarray as xr  # takes half a second: only who has a file pays for it

    try:
        with xr.open_dataset(path, engine=engine, decode_timedelta=False, cache=False) as dataset:
            return _read_all(dataset, source, when)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError) as reason:
        raise InputError(f"{source} cannot be read as netCDF ({reason}); fetch it again") from reason


def _read_all(dataset: xr.Dataset, source: str, when: np.datetime64 | None) -> list[GriddedField]:
    names = [str(name) for name in dataset.data_vars]
    fields, reasons = [], []
    for name in names:
        quantity = quantity_of(name)
        if quantity is None:
            continue
        levels = _levels_of(dataset[name])
        if levels:
            reasons.append(f"{name} is on {' and '.join(levels)}")
            continue
        fields.append(_read(_without_single_dimensions(dataset[name]), quantity, source, name, when))
    if not fields:
        raise nothing_found(source, names, ", ".join(reasons))
    return fields


def _without_single_dimensions(variable: xr.DataArray) -> xr.DataArray:
    """Drop the dimensions of size 1 that are neither time nor place: number, step, height."""
    keep = (*_TIMES, *_LATITUDES, *_LONGITUDES)
    single = [name for name, size in variable.sizes.items() if size == 1 and str(name) not in keep]
    return variable.isel(dict.fromkeys(single, 0))


def _levels_of(variable: xr.DataArray) -> list[str]:
    """Coordinates that make a variable one on levels, if there are any: the surface's geopotential has none."""
    names = sorted({str(name) for name in (*variable.dims, *variable.coords)})
    return [name for name in names if "level" in name.lower() or name in _LEVELS]


def _read(variable: xr.DataArray, quantity: Quantity, source: str, name: str, when: Any) -> GriddedField:
    where = f"{source} {name}"
    latitude, longitude = (_axis(variable, names, where) for names in (_LATITUDES, _LONGITUDES))
    times, dimension = _times_of(variable, quantity, where)
    steps = nearest_steps(times, when)
    steps = steps[:1] if quantity is ELEVATION else steps
    variable = variable.isel({dimension: steps}) if dimension else variable.expand_dims("time")
    if _VERSIONS in variable.dims:
        variable = _one_version(variable)
    order = (dimension or "time", latitude.dims[0], longitude.dims[0])
    if set(variable.dims) != set(order):
        raise InputError(
            f"{where} has the dimensions {', '.join(map(str, variable.dims))}; give time, latitude, longitude"
        )
    factor, offset = unit_conversion(quantity, str(variable.attrs.get("units", "")), where)
    values = variable.transpose(*order).values.astype(float) * factor + offset
    return normalise(quantity, times[steps], latitude.values, longitude.values, values, source=source, variable=name)


def _axis(variable: Any, names: tuple[str, ...], where: str) -> Any:
    """Latitude or longitude: by its name, or by its unit where the file has its own names."""
    unit = f"degrees_{'north' if 'lat' in names else 'east'}"
    for name, axis in variable.coords.items():
        if str(name).lower() in names or axis.attrs.get("units") == unit:
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
