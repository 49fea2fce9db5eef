"""Files of other programs: uniform errors for damaged files; netCDF files and attributes of any writer."""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lst_raster.errors import InputError, LstRasterError

if TYPE_CHECKING:
    import xarray as xr


try:
    from lzma import LZMAError
except ImportError:  # Python may be built without it
    LZMAError = EOFError  # type: ignore[misc,assignment]

ENGINES = {b"\x89HDF": "h5netcdf", b"CDF\x01": "scipy", b"CDF\x02": "scipy"}
"""xarray engine of each netCDF format, by the first bytes of a file."""

DAMAGE: tuple[type[Exception], ...] = (
    # MemoryError and OverflowError: wrong sizes in the file; AssertionError: of header readers
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
    AssertionError, zlib.error, LZMAError, struct.error, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""Errors of libraries for files that are damaged, truncated or of another format."""

_KEPT = ("_FillValue", "missing_value")  # bytes for character variables
_LONGEST = 200  # characters of a library's message that are shown


@contextmanager
def reading(complaint: str, remedy: str = "fetch it again", more: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Convert a library's errors for a damaged file, `DAMAGE` and `more`, to InputError; package errors pass.

    `complaint` names the file and the failure, for example ``era5.nc cannot be read as netCDF``; the library's message
    and `remedy` are appended.
    """
    try:
        yield
    except LstRasterError:
        raise
    except (*DAMAGE, *more) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        shown = reason if len(reason) <= _LONGEST else reason[:_LONGEST] + "..."
        raise InputError(f"{complaint} ({shown}); {remedy}") from error


def text_of(value: Any) -> Any:
    r"""Text of a netCDF or HDF5 attribute in any storage form; numbers are returned unchanged.

    Texts of fixed length are read as bytes, those of MATLAB and Fortran also as arrays of one element or of single
    characters, padded with NUL or blanks.

    Examples
    --------
    >>> text_of(np.array([b"kg kg-1"])), text_of(b"hPa\0\0"), text_of(0.5)
    ('kg kg-1', 'hPa', 0.5)
    """
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype.kind in "SUO"):
        parts = np.asarray(value)
        if parts.size == 1:
            value = parts.item()
        elif parts.dtype == "S1":
            value = parts.tobytes()
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            value = value.decode("latin-1")
    return value.partition("\0")[0].rstrip() if isinstance(value, str) else value


@contextmanager
def open_netcdf(path: Path, name: str, *, decode: bool = True, decode_times: bool = True) -> Iterator[xr.Dataset]:
    """Open a netCDF 3 or 4 file, or another HDF5 file; values are read when they are used.

    Variables are scaled, with NaN for fill, and attributes converted by `text_of`; times stay numbers unless
    `decode_times` is set. Without `decode` they are as stored. Raises InputError, with `name`, where the file cannot be
    opened; errors of values that are read in the block are the caller's (`reading`).
    """
    import h5py  # slow imports
    import xarray as xr

    with reading(f"{name} cannot be read as netCDF"):
        with path.open("rb") as file:
            engine = ENGINES.get(file.read(4), "h5netcdf")
        options: dict[str, Any] = {}
        if engine == "h5netcdf":
            options = {"phony_dims": "access"}  # HDF5 dimensions may have no names
            with h5py.File(path) as found:  # h5netcdf prints a traceback for damaged attributes
                dict(found.attrs)
        raw = xr.open_dataset(path, engine=engine, decode_cf=False, cache=False, **options)
    with raw:
        with reading(f"{name} cannot be read as netCDF"):
            for attributes in (raw.attrs, *(variable.attrs for variable in raw.variables.values())):
                attributes.update({key: text_of(each) for key, each in attributes.items() if key not in _KEPT})
            dataset = xr.decode_cf(raw, decode_times=decode_times, decode_timedelta=False) if decode else raw
        yield dataset
