"""Remote files read by ranges, or copied as a whole."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rasterio
from rasterio.session import DummySession

from lst_raster.errors import InputError, InputNotFoundError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.http import Part

_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_BEGINNING = 512  # bytes, enough to tell a web page from a file
_BUFFER = 1 << 16  # bytes that are read at once of a file on a server
_LOGGERS = ("_env", "_err", "_io", "_base", "_filepath", "env", "session")  # of rasterio: those that write file names
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # else every file of the folder is asked for
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "CPL_VSIL_CURL_USE_HEAD": "NO",  # an address that is signed for reading may not be asked about
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/",  # a file that was replaced is read anew
}


def fetch(address: Address, start: int, length: int) -> Part:
    """Read part of a file on a server.

    Parameters
    ----------
    address : Address
        The file.
    start, length : int
        Which part. [byte]

    Raises
    ------
    InputNotFoundError
        There is no such file.
    RemoteAccessError
        The server refuses it, or answers with a web page, which is how many ask for a login.
    RemoteError
        There is no connection, no answer in time, or the server fails.
    MissingExtraError
        An object store needs the extra ``s3``.
    """
    if address.is_s3:
        from lst_raster.io.s3 import fetch_object

        return fetch_object(address, start, length)
    from lst_raster.io.http import fetch_range

    part = fetch_range(address, start, length)
    if start == 0 and _PAGE.search(part.content[:_BEGINNING]):
        raise RemoteAccessError(
            f"{address} is answered with a web page, not with the file: the server may want a login; "
            "give an address that needs none, or a signed one, or fetch the file first"
        )
    return part


def state_of(address: Address) -> tuple[int | None, str | None] | None:
    """Size [byte] and version of a file on a server, None for what the server does not give; None without a file.

    Raises
    ------
    MissingExtraError
        As `fetch`.
    """
    try:
        part = fetch(address, 0, 1)
    except (InputNotFoundError, RemoteError):
        return None
    return part.size, part.version


def require_parts(address: Address) -> bytes:
    """Make sure that a file can be read in parts, as rasters and archives are; return how it begins.

    Raises
    ------
    InputNotFoundError, RemoteError
        As `fetch`; or the server gives whole files alone.
    """
    part = fetch(address, 0, _BEGINNING)
    if not part.partial:
        raise RemoteError(f"{address}: the server gives whole files alone, no parts of them; fetch the file first")
    return part.content


@contextmanager
def gdal_reading(address: Address) -> Iterator[None]:
    """Let GDAL read from a server: with retries, without listing folders, and without secrets in its messages.

    Parameters
    ----------
    address : Address
        The file, or the archive that holds it. GDAL's own settings in the environment come first.
    """
    options = {key: value for key, value in _GDAL.items() if key not in os.environ}
    session: Any = DummySession()
    if address.is_s3:
        from lst_raster.io.s3 import gdal_options, gdal_session

        session, options = gdal_session(), {**options, **gdal_options()}
    with _discreet(address), rasterio.Env(session=session, **options):
        yield


@contextmanager
def _discreet(address: Address) -> Iterator[None]:
    """Take signatures and passwords out of the messages of rasterio and GDAL."""
    query = urlsplit(address.url).query

    def clean(record: logging.LogRecord) -> bool:
        text = without_secrets(record.getMessage())
        record.msg, record.args = text.replace(f"?{query}", "") if query else text, ()  # GDAL tells names alone too
        return True

    loggers = [logging.getLogger(f"rasterio.{name}") for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(clean)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(clean)


class RemoteFile(io.RawIOBase):
    """A file on a server, as a file object that reads the parts that are asked for."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        require_parts(address)
        self._address, self._position = address, 0
        self._size: int | None = None

    @classmethod
    def buffered(cls, address: Address) -> io.BufferedReader:
        """Open a file so that small reads do not become requests of their own."""
        return io.BufferedReader(cls(address), _BUFFER)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning, from here or from the end."""
        if whence == io.SEEK_END and self._size is None:
            self._size = fetch(self._address, 0, 1).size
            if self._size is None:
                raise RemoteError(f"{self._address}: the server does not give its size; fetch the file first")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size or 0}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffers that io gives
        """Read on from here."""
        if self._size is not None and self._position >= self._size:
            return 0
        content = fetch(self._address, self._position, len(buffer)).content
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


_PART = 16 << 20  # [byte] that are fetched at once


def fetch_whole(address: Address, target: Path) -> None:
    """Copy a file from a server to disk, part by part; each part is tried again by itself.

    Parameters
    ----------
    address : Address
        The file.
    target : path
        File to be written.

    Raises
    ------
    InputNotFoundError, RemoteError, RemoteAccessError, MissingExtraError
        As `lst_raster.io.remote.fetch`; or it changes meanwhile, or does not come whole.
    InputError
        There is no room for it.
    """
    try:
        with target.open("wb") as file:
            first = part = fetch(address, 0, _PART)
            done = file.write(part.content)
            while part.partial and len(part.content) == _PART and done != part.size:
                part = fetch(address, done, _PART)
                if part.version != first.version:
                    raise RemoteError(f"{address} has changed while it was fetched; run again")
                done += file.write(part.content)
    except OSError as error:
        raise InputError(
            f"{address} finds no room among the temporary files ({error.strerror or error}); set TMPDIR, or fetch it "
            "first"
        ) from None
    if first.size is not None and done != first.size:
        raise RemoteError(f"{address} does not come whole, {done} of {first.size} bytes did; fetch it first")
