"""Reanalysis in zarr stores, in a folder or on a server, such as ERA5 of ARCO. Needs the extra `zarr`."""

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
_TIMEOUTS = {"sock_connect": 30.0, "sock_read": 60.0}  # [s]


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
            network_errors = require("aiohttp", "zarr").ClientError | TimeoutError | ConnectionError
            if isinstance(reason, network_errors):
                raise BusyError(f"{shown} does not answer ({detail}); try again later") from cause
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
    options = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, **_TIMEOUTS), "trust_env": True}}
    return storage.FsspecStore.from_url(public_address(address), storage_options=options, read_only=True)
