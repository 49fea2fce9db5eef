"""Reanalysis in zarr stores, in a folder or on a server: ERA5 as ARCO has it. Needs the extra `zarr`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lst_raster.errors import InputError, InputNotFoundError, LstRasterError
from lst_raster.inputs.reanalysis.gridded import GriddedField
from lst_raster.inputs.reanalysis.netcdf import read_dataset
from lst_raster.inputs.reanalysis.request import Request
from lst_raster.io.address import Address, Location, without_secrets
from lst_raster.io.remote import BusyError, with_retries
from lst_raster.resources import require

if TYPE_CHECKING:
    import xarray as xr


_WEB, _CLOUD = ("https://", "http://"), "gs://"
_FILES = (".nc", ".nc4", ".netcdf", ".grib", ".grib1", ".grib2", ".grb", ".grb1", ".grb2", ".zip")
_GOOGLE = "https://storage.googleapis.com/"  # public buckets, without an account
_MARKS = ("zarr.json", ".zgroup", ".zmetadata")
_PATIENCE = {"sock_connect": 30.0, "sock_read": 60.0}  # [s]


def is_address(path: str | Location) -> bool:
    """Whether a path is the address of a store on a server; one that ends as files do is that of a file.

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
    """Address at which a store is read without an account: that of a public bucket for one of Google's."""
    return (_GOOGLE + address.removeprefix("gs://") if address.startswith("gs://") else address).rstrip("/")


def is_store(folder: Path) -> bool:
    """Whether a folder is a zarr store."""
    return any((folder / mark).is_file() for mark in _MARKS)


def read_zarr(address: str, ask: Request) -> list[GriddedField]:
    """Read what is asked for of a zarr store; only the chunks around the time and the place are fetched.

    Parameters
    ----------
    address : str
        Folder, or address that starts with https, http or gs.
    ask : Ask
        What is asked for.

    Raises
    ------
    InputNotFoundError
        There is no such store.
    InputError
        It is damaged, holds nothing that is known, or is on another grid than one of latitude and longitude.
    RemoteError
        The server does not answer, or refuses.
    MissingExtraError
        zarr is not installed.
    """
    return with_retries(lambda: _read(address, ask))


def _read(address: str, ask: Request) -> list[GriddedField]:
    with open_store(address) as dataset:
        return read_dataset(dataset, store_name(address), ask)


@contextmanager
def open_store(address: str) -> Iterator[xr.Dataset]:
    """Open a zarr store, of format 2 or 3; values are read when they are used.

    Parameters
    ----------
    address : str
        As in `read_zarr`.

    Yields
    ------
    xarray.Dataset
        The store.

    Raises
    ------
    InputNotFoundError, InputError, RemoteError, MissingExtraError
        As `read_zarr`, also while values are read.
    """
    require("zarr", "zarr")
    shown = without_secrets(address)
    try:
        store = _remote(address) if is_address(address) else address
        with _opened(store) as dataset:
            yield dataset
    except FileNotFoundError as reason:
        raise InputNotFoundError(f"there is no zarr store at {shown}; check the address") from _cause(address, reason)
    except LstRasterError:
        raise
    except Exception as reason:  # aiohttp's, fsspec's, zarr's and the codecs' errors have no parent in common
        if is_address(address) and _is_of_the_network(reason):
            raise BusyError(f"{shown} does not answer ({_told(reason)}); try again later") from _cause(address, reason)
        if isinstance(reason, OSError | ValueError | KeyError | TypeError | IndexError | RuntimeError):
            raise InputError(f"{shown} cannot be read as zarr ({_told(reason)})") from _cause(address, reason)
        raise


def _opened(store: Any) -> xr.Dataset:
    """Open a store by its consolidated metadata, else without them, of which xarray would warn."""
    import xarray as xr

    options: dict[str, Any] = {"engine": "zarr", "chunks": None, "cache": False, "decode_timedelta": False}
    try:
        return xr.open_dataset(store, consolidated=True, **options)
    except (ValueError, KeyError):  # zarr 3 and 2
        return xr.open_dataset(store, consolidated=False, **options)


def _remote(address: str) -> Any:
    aiohttp, storage = require("aiohttp", "zarr"), require("zarr.storage", "zarr")
    options = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, **_PATIENCE), "trust_env": True}}
    return storage.FsspecStore.from_url(public_address(address), storage_options=options, read_only=True)


def _is_of_the_network(reason: Exception) -> bool:
    aiohttp = require("aiohttp", "zarr")
    return isinstance(reason, aiohttp.ClientError | TimeoutError | ConnectionError)


def _cause(address: str, reason: Exception) -> Exception | None:
    """Leave out what went wrong below where it may tell what is not to be shown."""
    return reason if without_secrets(address) == address else None


def _told(reason: Exception) -> str:
    return without_secrets(f"{type(reason).__name__}: {reason}") if str(reason) else type(reason).__name__
