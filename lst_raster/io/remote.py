"""Files on web servers and in object stores: byte ranges, file objects, whole files, and GDAL's settings."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio.session import DummySession

from lst_raster.errors import InputError, InputNotFoundError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address
from lst_raster.io.http import ATTEMPTS, PAUSE, Part, fetch_range, secrets_hidden

_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_BEGINNING = 512  # bytes, enough to distinguish a web page from a file
_BUFFER = 1 << 16  # [byte] per request of a file object
_PART = 16 << 20  # [byte] per request of a whole file
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # else GDAL requests every file of the folder
    "GDAL_HTTP_MAX_RETRY": f"{ATTEMPTS - 1}",
    "GDAL_HTTP_RETRY_DELAY": f"{PAUSE}",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "CPL_VSIL_CURL_USE_HEAD": "NO",  # a signature for GET is not valid for HEAD
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/:/vsigs/:/vsiaz/",  # a replaced file is read again
}


def fetch(address: Address, start: int, length: int) -> Part:
    """Read a byte range of a file on a server.

    InputNotFoundError without such a file; RemoteAccessError where the server refuses access, or sends a web page, as
    many login services do; RemoteError without a connection, a response in time, or for a server error;
    MissingExtraError for object stores without the extra ``s3`` or ``cloud``.
    """
    if address.is_s3:
        from lst_raster.io import s3

        return s3.fetch_object(address, start, length)
    if address.is_object:
        from lst_raster.io import cloud

        return cloud.fetch_object(address, start, length)
    part = fetch_range(address, start, length)
    if start == 0 and _PAGE.search(part.content[:_BEGINNING]):
        raise RemoteAccessError(
            f"{address}: the server sent a web page instead of the file, perhaps a login form; give a public or signed "
            "address, or download the file first"
        )
    return part


def list_objects(folder: Address) -> list[Address]:
    """Files in a folder of an object store, without those in its subfolders; errors as `fetch`."""
    if folder.is_s3:
        from lst_raster.io import s3

        return s3.list_objects(folder)
    from lst_raster.io import cloud

    return cloud.list_objects(folder)


def state_of(address: Address) -> tuple[int | None, str | None] | None:
    """Size [byte] and version of a file on a server, None where not reported; None without a file."""
    try:
        part = fetch(address, 0, 1)
    except (InputNotFoundError, RemoteError):
        return None
    return part.size, part.version


def require_parts(address: Address) -> bytes:
    """Return the first bytes of a file that must support byte ranges, as rasters and archives do.

    Raises RemoteError where the server sends whole files only, and the errors of `fetch`.
    """
    part = fetch(address, 0, _BEGINNING)
    if not part.partial:
        raise RemoteError(
            f"{address}: the server sends whole files only and does not support byte ranges; download the file first"
        )
    return part.content


@contextmanager
def gdal_reading(address: Address) -> Iterator[None]:
    """Set GDAL up for a file on a server, or an archive there: retries, no folder listings, no secrets in messages.

    GDAL's own settings in the environment take precedence.
    """
    options = {key: value for key, value in _GDAL.items() if key not in os.environ}
    session: Any = DummySession()
    if address.is_s3:
        from lst_raster.io.s3 import gdal_options, gdal_session

        session, options = gdal_session(), {**options, **gdal_options()}
    with secrets_hidden(address), rasterio.Env(session=session, **options):
        yield


class RemoteFile(io.RawIOBase):
    """File object of a file on a server; it requests only the parts that are read."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        require_parts(address)
        self._address, self._position = address, 0
        self._size: int | None = None

    @classmethod
    def buffered(cls, address: Address) -> io.BufferedReader:
        """Open a file with a buffer, so that small reads share a request."""
        return io.BufferedReader(cls(address), _BUFFER)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, as `io.IOBase.seek`."""
        if whence == io.SEEK_END and self._size is None:
            self._size = fetch(self._address, 0, 1).size
            if self._size is None:
                raise RemoteError(f"{self._address}: the server does not report its size; download the file first")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size or 0}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffers that io passes
        """Read from the position on, as `io.RawIOBase.readinto`."""
        if self._size is not None and self._position >= self._size:
            return 0
        content = fetch(self._address, self._position, len(buffer)).content
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def download_whole(address: Address, target: Path) -> None:
    """Download a file in parts, each with its own retries.

    Raises InputError where the disk is full, RemoteError where the file changes during the download or is incomplete,
    and the errors of `fetch`.
    """
    try:
        with target.open("wb") as file:
            first = part = fetch(address, 0, _PART)
            done = file.write(part.content)
            while part.partial and len(part.content) == _PART and done != part.size:
                part = fetch(address, done, _PART)
                if part.version != first.version:
                    raise RemoteError(f"{address} changed during the download; run again")
                done += file.write(part.content)
    except OSError as error:
        raise InputError(
            f"{address} cannot be stored as a temporary file ({error.strerror or error}); set TMPDIR, or download it "
            "first"
        ) from None
    if first.size is not None and done != first.size:
        raise RemoteError(f"{address}: the server sent {done} of {first.size} bytes; download it first")
