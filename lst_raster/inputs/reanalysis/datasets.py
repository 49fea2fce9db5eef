"""Reanalysis in netCDF files and zarr stores: ERA5 (old and new layout, ARCO), MERRA-2 and NCEP/NCAR R1.

Stores, in a folder or on a server, need the extra `zarr`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError, LstRasterError
from lst_raster.inputs.reanalysis.gridded import GriddedField, Times, nearest_steps, normalise
from lst_raster.inputs.reanalysis.request import Request, crop, nothing_found, unit_conversion
from lst_raster.io.address import Address, Location, without_secrets
from lst_raster.io.remote import BusyError, SilentError, is_brief, timeouts, with_retries
from lst_raster.physics.quantities import ELEVATION, PRESSURE, Quantity
from lst_raster.reading import open_netcdf, reading, text_of
from lst_raster.resources import require

if TYPE_CHECKING:
    import xarray as xr


_TIMES = ("valid_time", "time")  # in order of preference
_LATITUDES = ("latitude", "lat")
_LONGITUDES = ("longitude", "lon")
_LEVELS = ("plev", "lev", "isobaricInhPa")
_LEVELS_IN_HPA = ("level", "pressure_level", "isobaricinhpa")  # units are optional, as in the ARCO store
_ONE_LEVEL = "one level"  # added dimension of a variable without levels
_VERSIONS = "expver"  # ERA5 and its preliminary part, each missing where the other is available

_WEB, _CLOUD = ("https://", "http://"), "gs://"
_FILES = (".nc", ".nc4", ".netcdf", ".grib", ".grib1", ".grib2", ".grb", ".grb1", ".grb2", ".zip")
_GOOGLE = "https://storage.googleapis.com/"  # public buckets, without an account
_TIMEOUTS = {"sock_connect": 30.0, "sock_read": 60.0}  # [s]


def read_netcdf(path: Path, source: str, request: Request) -> list[GriddedField]:
    """Read the requested quantities of a netCDF file; only the time steps around the requested time are loaded.

    Raises InputError if the file is damaged, has no known variable or is not on latitude and longitude.
    """
    with open_netcdf(path, source) as dataset, reading(f"{source} cannot be read as netCDF"):
        return read_dataset(dataset, source, request)


def read_dataset(
    dataset: xr.Dataset, source: str, request: Request, *, crop_surface: bool = False
) -> list[GriddedField]:
    """Read the requested quantities of an open dataset, as `read_netcdf`.

    Fields on levels are cropped to the requested area; fields near the surface only with `crop_surface`, as a global
    plane is small in a file, but not on a server.
    """
    names = [str(name) for name in dataset.data_vars]
    fields: list[GriddedField] = []
    reasons = []
    for name in names:
        quantity = request.quantity_of(name)
        if quantity is None:
            continue
        levels = _levels_of(dataset[name])
        if bool(levels) is not request.on_levels:
            reasons.append(f"{name} is on {' and '.join(levels) or 'no levels'}")
            continue
        fields += read_variable(dataset[name], quantity, source, request, crop_surface=crop_surface)
    if not fields:
        raise nothing_found(source, names, ", ".join(reasons), on_levels=request.on_levels)
    return fields


def _levels_of(variable: xr.DataArray) -> list[str]:
    """Names of the vertical coordinates of a variable: none for the geopotential of the surface."""
    names = sorted({str(name) for name in (*variable.dims, *variable.coords)})
    return [name for name in names if "level" in name.lower() or name in _LEVELS]


def read_variable(
    variable: xr.DataArray, quantity: Quantity, source: str, request: Request, *, crop_surface: bool = False
) -> Iterator[GriddedField]:
    """Select time and area of a variable, convert its units, and normalise it: one field per level."""
    name = str(variable.name)
    where = f"{source} {name}"
    levels = _levels_of(variable)
    keep = (*_TIMES, *_LATITUDES, *_LONGITUDES, *levels)
    single = [dim for dim, size in variable.sizes.items() if size == 1 and str(dim) not in keep]
    variable = variable.isel(dict.fromkeys(single, 0))  # number, step, height
    latitude, longitude = (_axis(variable, names, where) for names in (_LATITUDES, _LONGITUDES))
    times, time = _times_of(variable, quantity, where)
    steps = nearest_steps(times, request.when)
    steps = steps[:1] if quantity is ELEVATION else steps
    rows, columns = crop(latitude.values, longitude.values, request.box if request.on_levels or crop_surface else None)
    variable = variable.isel({latitude.dims[0]: rows, longitude.dims[0]: columns})
    variable = variable.isel({time: steps}) if time else variable.expand_dims("time")
    if _VERSIONS in variable.dims:
        variable = _without_versions(variable)
    pressures, level = _pressures(variable, levels, where) if levels else ([None], None)
    variable = variable if level else variable.expand_dims(_ONE_LEVEL)
    order = (level or _ONE_LEVEL, time or "time", latitude.dims[0], longitude.dims[0])
    if set(variable.dims) != set(order):
        found = ", ".join(str(dimension) for dimension in variable.dims if dimension != _ONE_LEVEL)
        raise InputError(f"{where} has the dimensions {found}; give time, latitude, longitude")
    factor, offset = unit_conversion(quantity, str(text_of(variable.attrs.get("units", ""))), where)
    values = variable.transpose(*order).values.astype(float) * factor + offset
    for pressure, plane in zip(pressures, values, strict=True):
        yield normalise(
            quantity, times[steps], latitude.values[rows], longitude.values[columns], plane,
            source=source, variable=name, pressure=pressure,
        )  # fmt: skip


def _axis(variable: Any, names: tuple[str, ...], where: str) -> Any:
    """Latitude or longitude coordinate, found by its name or its units."""
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
    """Find the times of a variable and their dimension, None for a single time."""
    named = [variable.coords[name] for name in _TIMES if name in variable.coords]
    for axis in (*named, *variable.coords.values()):
        if axis.dtype.kind == "M" and axis.ndim <= 1:
            return np.atleast_1d(axis.values).astype("datetime64[s]"), str(axis.dims[0]) if axis.ndim else None
    if quantity is ELEVATION and not set(variable.dims) & set(_TIMES):
        return np.array(["1970-01-01"], "datetime64[s]"), None
    raise InputError(f"{where} has no times; give a file with time or valid_time")


def _without_versions(variable: xr.DataArray) -> xr.DataArray:
    """Merge ERA5 and its preliminary part."""
    parts = (variable.isel({_VERSIONS: number}, drop=True) for number in range(variable.sizes[_VERSIONS]))
    return reduce(lambda merged, other: merged.fillna(other), parts).assign_attrs(variable.attrs)


def _pressures(variable: xr.DataArray, levels: list[str], where: str) -> tuple[list[float], str | None]:
    """Pressures of the levels [hPa] and their dimension, None for a single level."""
    for name in levels:
        axis = variable.coords.get(name)
        if axis is None or axis.ndim > 1:
            continue
        units = str(text_of(axis.attrs.get("units", ""))).strip()
        conversion = PRESSURE.conversion("hPa" if not units and name.lower() in _LEVELS_IN_HPA else units)
        if conversion is not None:
            pressures = [float(value) * conversion[0] for value in np.atleast_1d(axis.values)]
            return pressures, str(axis.dims[0]) if axis.ndim else None
    raise InputError(
        f"{where} is on {' and '.join(levels)}, of which the unit is not one of pressure; give pressure levels"
    )


def is_address(path: str | Location) -> bool:
    """Whether a path is the address of a store on a server, and not of a file.

    Examples
    --------
    >>> is_address("https://example.com/era5.zarr"), is_address("https://example.com/era5.nc?sig=x")
    (True, False)
    """
    text = path.url if isinstance(path, Address) else str(path)
    return text.startswith(_CLOUD) or (text.startswith(_WEB) and not urlsplit(text).path.lower().endswith(_FILES))


def store_name(address: str | Path) -> str:
    """Name of a store or a file, without folders, queries and passwords."""
    if not str(address).startswith((*_WEB, _CLOUD)):
        return Path(address).name
    return without_secrets(str(address)).rstrip("/").rpartition("/")[2]


def public_address(address: str) -> str:
    """HTTPS address that is read without an account, for stores in public Google buckets."""
    return (_GOOGLE + address.removeprefix("gs://") if address.startswith("gs://") else address).rstrip("/")


def read_zarr(address: str, request: Request) -> list[GriddedField]:
    """Read the requested quantities of a store; only the chunks around the time and the area are downloaded.

    `address` is a folder or starts with https, http or gs. Raises InputNotFoundError if there is no such store,
    InputError if it is damaged, has no known variable or is not on latitude and longitude, RemoteError if the server
    fails, MissingExtraError if zarr is not installed.
    """

    def read() -> list[GriddedField]:
        with open_store(address) as dataset:
            return read_dataset(dataset, store_name(address), request, crop_surface=True)

    return with_retries(read)


@contextmanager
def open_store(address: str) -> Iterator[xr.Dataset]:
    """Open a zarr store of format 2 or 3; values are loaded when they are used.

    Raises the errors of `read_zarr`, also while values are loaded.
    """
    require("zarr", "zarr")
    shown = without_secrets(address)
    try:
        with _opened(_remote(address) if is_address(address) else address) as dataset:
            yield dataset
    except LstRasterError:
        raise
    except Exception as reason:  # errors of aiohttp, fsspec, zarr and the codecs have no common base class
        cause = reason if shown == address else None  # its text may contain the secrets of the address
        name = type(reason).__name__
        detail = without_secrets(f"{name}: {reason}") if str(reason) else name
        if isinstance(reason, FileNotFoundError):
            raise InputNotFoundError(f"there is no zarr store at {shown}; check the address") from cause
        if is_address(address):
            aiohttp = require("aiohttp", "zarr")
            if isinstance(reason, aiohttp.ClientError | TimeoutError | ConnectionError):
                kind = BusyError if isinstance(reason, aiohttp.ClientResponseError) else SilentError
                raise kind(f"{shown} does not answer ({detail}); try again later") from cause
        if isinstance(reason, OSError | ValueError | KeyError | TypeError | IndexError | RuntimeError):
            raise InputError(f"{shown} cannot be read as zarr ({detail})") from cause
        raise


def _opened(store: Any) -> xr.Dataset:
    """Open a store by its consolidated metadata, or else without them (the default of xarray warns)."""
    import xarray as xr

    options: dict[str, Any] = {"engine": "zarr", "chunks": None, "cache": False, "decode_timedelta": False}
    try:
        return xr.open_dataset(store, consolidated=True, **options)
    except (ValueError, KeyError):  # of zarr 3 and 2
        return xr.open_dataset(store, consolidated=False, **options)


def _remote(address: str) -> Any:
    aiohttp, storage = require("aiohttp", "zarr"), require("zarr.storage", "zarr")
    limits = dict(zip(_TIMEOUTS, timeouts(), strict=True)) if is_brief() else _TIMEOUTS
    options = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, **limits), "trust_env": True}}
    return storage.FsspecStore.from_url(public_address(address), storage_options=options, read_only=True)
