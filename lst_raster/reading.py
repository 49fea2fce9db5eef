"""Files of other programs: errors of damaged files as one error of the package, netCDF and attributes of any writer."""

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
"""xarray's reader of each form of netCDF, by the first bytes of a file."""

DAMAGE: tuple[type[Exception], ...] = (
    # MemoryError and OverflowError: sizes that are stored in the file; AssertionError: of readers of headers
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
    AssertionError, zlib.error, LZMAError, struct.error, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""What the libraries that read files raise where a file is damaged, cut off or of another kind."""

_KEPT = ("_FillValue", "missing_value")  # of a character variable they are bytes
_LONGEST = 200  # characters of a library's reason that are shown


@contextmanager
def reading(complaint: str, remedy: str = "fetch it again", more: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Raise what a library raises over a damaged file as an InputError; errors of the package pass.

    Parameters
    ----------
    complaint : str
        What is wrong with which file, for example ``era5.nc cannot be read as netCDF``; the library's reason follows.
    remedy : str
        What to do.
    more : tuple of exception classes
        Errors of the library that have none of `DAMAGE` as parent.

    Raises
    ------
    InputError
        The block raised one of `DAMAGE` or `more`.
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
    r"""Text of an attribute of netCDF or HDF5, however its writer stored it; numbers are returned as they are.

    Texts of fixed length arrive as bytes, those of MATLAB and Fortran also as arrays of one element or of single
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
def open_netcdf(path: Path, name: str, *, decode_times: bool = True) -> Iterator[xr.Dataset]:
    """Open a netCDF file, version 3 or 4, or another HDF5 file, of any writer; values are read when they are used.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Its name for messages.
    decode_times : bool
        Whether times become datetime64; else they stay numbers.

    Yields
    ------
    xarray.Dataset
        The file's variables, scaled, NaN where they hold their fill value; attributes as `text_of` gives them.

    Raises
    ------
    InputError
        The file cannot be opened. Errors of values that are read in the block are the caller's (`reading`).
    """
    import h5py  # take half a second
    import xarray as xr

    with reading(f"{name} cannot be read as netCDF"):
        with path.open("rb") as file:
            engine = ENGINES.get(file.read(4), "h5netcdf")
        options: dict[str, Any] = {}
        if engine == "h5netcdf":
            options = {"phony_dims": "access"}  # HDF5 need not name its dimensions
            with h5py.File(path) as found:  # where these attributes are damaged, h5netcdf writes a traceback
                dict(found.attrs)
        raw = xr.open_dataset(path, engine=engine, decode_cf=False, cache=False, **options)
    with raw:
        with reading(f"{name} cannot be read as netCDF"):
            for attributes in (raw.attrs, *(variable.attrs for variable in raw.variables.values())):
                attributes.update({key: text_of(each) for key, each in attributes.items() if key not in _KEPT})
            dataset = xr.decode_cf(raw, decode_times=decode_times, decode_timedelta=False)
        yield dataset
