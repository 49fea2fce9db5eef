"""Files on web servers and in object stores: retries, byte ranges, file objects, downloads, and GDAL settings."""

from __future__ import annotations

import io
import logging
import os
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import rasterio
from rasterio.session import DummySession

from lst_raster import __version__
from lst_raster.errors import InputError, InputNotFoundError, LstRasterError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address, without_secrets

T = TypeVar("T")

_is_brief: ContextVar[bool] = ContextVar("is_brief", default=False)

ATTEMPTS = 4  # number of attempts of every request, to servers of all kinds
PAUSE = 1.0  # pause before the second attempt; it doubles with each further attempt. [s]
TIMEOUT = 30.0  # time without a response after which an attempt has failed. [s]
_LONGEST_PAUSE = 60.0  # [s], also where the server's Retry-After is longer
_FEW_ATTEMPTS, _SHORT_PAUSE, _CONNECTION, _SHORT_TIMEOUT = 2, 5.0, 10.0, 20.0  # where another server serves instead
_WHOLE = 120.0  # longest time for the whole body of a response [s]
_MISSING, _REFUSED, TEMPORARY = (404, 410), (401, 403, 407, 409, 451), (408, 429, 500, 502, 503, 504)
_BEYOND_END = 416
_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_BEGINNING = 512  # bytes, enough to distinguish a web page from a file
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
_LOGGERS = (  # those that log file names and addresses
    *(f"rasterio.{name}" for name in ("_env", "_err", "_io", "_base", "_filepath", "env", "session")),
    *(f"urllib3.{name}" for name in ("connectionpool", "poolmanager", "util.retry")),
)


class BusyError(RemoteError):
    """Server error that may be temporary."""

    retry_after = 0.0  # pause requested by the server. [s]


@contextmanager
def brief_requests() -> Iterator[None]:
    """Make two attempts with short timeouts in this block, and none after a long Retry-After: another server serves."""
    token = _is_brief.set(True)
    try:
        yield
    finally:
        _is_brief.reset(token)


def is_brief() -> bool:
    """Whether the caller is in `brief_requests`."""
    return _is_brief.get()


def timeouts() -> tuple[float, float]:
    """Times to wait for a connection and for data: those of GDAL if set, else `TIMEOUT`, less in `brief_requests`. [s]

    With the same variable for GDAL and this package, both wait equally long.
    """
    try:
        limit = float(os.environ["GDAL_HTTP_TIMEOUT"])
    except (KeyError, ValueError):
        limit = _SHORT_TIMEOUT if _is_brief.get() else TIMEOUT
    return min(limit, _CONNECTION) if _is_brief.get() else limit, limit


class SilentError(BusyError):
    """A server cannot be reached or does not answer in time."""


requests_stopped: ContextVar[threading.Event | None] = ContextVar("requests_stopped", default=None)
"""Event after which requests are not repeated, as their results are not needed."""


def with_retries(request: Callable[[], T]) -> T:
    """Call a function, and repeat the call after a pause while it raises `BusyError`, at most `ATTEMPTS` calls."""
    is_brief = _is_brief.get()
    for attempt in range((_FEW_ATTEMPTS if is_brief else ATTEMPTS) - 1):
        try:
            return request()
        except BusyError as error:
            stop = requests_stopped.get()
            if stop is not None and stop.is_set():
                raise
            if is_brief and error.retry_after > _SHORT_PAUSE:
                raise
            time.sleep(max(PAUSE * 2**attempt, min(error.retry_after, _LONGEST_PAUSE)))
    return request()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Part of a file on a server."""

    content: bytes  # the requested bytes, fewer at the end of the file
    partial: bool  # whether the server supports byte ranges
    size: int | None = None  # size of the whole file, None where the server does not report it. [byte]
    version: str | None = None  # ETag, or time of the last change; None where the server reports neither


def size_of_range(text: str | None) -> int | None:
    """Size of the whole file from a header such as ``Content-Range: bytes 0-0/1234``, None where missing. [byte]"""
    size = (text or "").rpartition("/")[2]
    return int(size) if size.isdecimal() else None


def fetch(address: Address, start: int, length: int) -> Part:
    """Read a byte range of a file on a server.

    Raises InputNotFoundError for a missing file; RemoteAccessError if the server refuses access or sends a web page, as
    many login services do; RemoteError for a failed connection, a timeout or a server error; MissingExtraError for
    object stores without the extra ``s3`` or ``cloud``.
    """
    if address.is_object:
        from lst_raster.io import object_stores

        return object_stores.fetch_object(address, start, length)
    part = with_retries(lambda: _get(address, start, length))
    if start == 0:
        _require_no_page(address, part.content)
    return part


def fetch_whole(address: Address, limit: int) -> bytes:
    """Read a small response of a web server completely, without byte ranges; raises the errors of `fetch`.

    Raises RemoteError if it has more than `limit` bytes, before they are read.
    """
    content = with_retries(lambda: _get(address, 0, limit, is_whole=True)).content
    _require_no_page(address, content)
    return content


def _require_no_page(address: Address, content: bytes) -> None:
    if _PAGE.search(content[:_BEGINNING]):
        raise RemoteAccessError(
            f"{address}: the server sent a web page instead of the file, perhaps a login form; give a public or signed "
            "address, or download the file first"
        )


def list_objects(folder: Address) -> list[Address]:
    """Files in a folder of an object store, without those in its subfolders; raises the errors of `fetch`."""
    from lst_raster.io import object_stores

    return object_stores.list_objects(folder)


def state_of(address: Address) -> tuple[int | None, str | None] | None:
    """Size [byte] and version of a file on a server, each None if not reported; None if it cannot be read."""
    try:
        part = fetch(address, 0, 1)
    except (InputNotFoundError, RemoteError):
        return None
    return part.size, part.version


def require_parts(address: Address) -> bytes:
    """Read the first bytes of a raster or archive, whose server must support byte ranges.

    Raises RemoteError where the server sends whole files only, and the errors of `fetch`.
    """
    part = fetch(address, 0, _BEGINNING)
    if not part.partial:
        raise RemoteError(
            f"{address}: the server sends whole files only and does not support byte ranges; download the file first"
        )
    return part.content


def download_whole(address: Address, target: Path) -> None:
    """Download a file in parts, each with its own retries.

    Raises InputError if the disk is full, RemoteError if the file changes during the download or is incomplete, and the
    errors of `fetch`.
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
        raise RemoteError(f"{address}: the server sent {done} of {first.size} bytes; download the file first")


class RemoteFile(io.RawIOBase):
    """File object for a file on a server; only the parts that are read are requested."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        require_parts(address)
        self._address, self._position = address, 0
        self._size: int | None = None

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


@contextmanager
def gdal_reading(address: Address) -> Iterator[None]:
    """Configure GDAL for a file or an archive on a server: retries, no folder listings, no secrets in messages.

    GDAL options set in the environment take precedence.
    """
    options = {key: value for key, value in _GDAL.items() if key not in os.environ}
    session: Any = DummySession()
    if address.is_s3:
        from lst_raster.io import object_stores

        session, store_options = object_stores.gdal_s3_settings()
        options |= store_options
    with _secrets_hidden(address), rasterio.Env(session=session, **options):
        yield


@contextmanager
def _secrets_hidden(address: Address) -> Iterator[None]:
    """Remove signatures and passwords from the log records of rasterio, GDAL and urllib3."""
    has_query = bool(urlsplit(address.url).query)

    def clean(record: logging.LogRecord) -> bool:
        text = without_secrets(record.getMessage())
        # The query is removed also if only the path is logged.
        record.msg, record.args = re.sub(r"\?[^\s'\"<>}]+", "", text) if has_query else text, ()
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(clean)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(clean)


def _get(address: Address, start: int, length: int, *, is_whole: bool = False) -> Part:
    """Read a byte range of a file on a web server, or all of at most `length` bytes, without retries."""
    import urllib3

    parts = urlsplit(address.url)
    user, _, host = parts.netloc.rpartition("@")
    url = urlunsplit(parts._replace(netloc=host))
    headers = {"User-Agent": f"lst-raster/{__version__}"}
    if not is_whole:
        headers["Range"] = f"bytes={start}-{start + length - 1}"
    headers |= urllib3.make_headers(basic_auth=unquote(user)) if user else {}  # not forwarded to other hosts
    retries = urllib3.Retry(total=None, connect=False, read=False, redirect=10, status=0, other=0)
    timeout = urllib3.Timeout(connect=timeouts()[0], read=timeouts()[1])
    options = {"headers": headers, "timeout": timeout, "retries": retries, "preload_content": False}
    proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(parts.scheme)
    try:
        with _secrets_hidden(address):
            response = _pool(os.getpid(), proxy).request("GET", url, **options)
            try:
                content = b""
                if response.status < 300:
                    content = _read_whole(address, response, length) if is_whole else response.read(length)
            finally:
                response.close()  # a connection whose response was read completely is kept open for the next request
    except urllib3.exceptions.HTTPError as error:
        reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        raise _connection_error(address, reason) from None  # the chain may contain the complete address
    if response.status == _BEYOND_END:
        return Part(content=b"", partial=True)
    if response.status >= 300:
        raise _status_error(address, response)
    partial, sent = response.status == 206, response.headers.get("Content-Length", "")
    size = size_of_range(response.headers.get("Content-Range")) if partial else int(sent) if sent.isdecimal() else None
    version = response.headers.get("ETag") or response.headers.get("Last-Modified")
    return Part(content=content, partial=partial, size=size, version=version)


def _read_whole(address: Address, response: Any, limit: int) -> bytes:
    sent, until = response.headers.get("Content-Length", ""), time.monotonic() + _WHOLE
    blocks: list[bytes] = []
    size = int(sent) if sent.isdecimal() else 0
    while size <= limit:
        block = response.read(1 << 16)
        if not block:
            return b"".join(blocks)
        blocks.append(block)
        size = max(size, sum(map(len, blocks)))
        if time.monotonic() > until:
            raise BusyError(f"{address}: the server sent less than expected within {_WHOLE:g} s; try again later")
    raise RemoteError(f"{address}: the server sends more than the expected {limit} bytes; check the address")


@lru_cache(maxsize=4)
def _pool(process: int, proxy: str | None) -> Any:
    """Make the connection pool of one process: a forked process must not share its parent's connections."""
    import urllib3

    if proxy is None:
        return urllib3.PoolManager(maxsize=8)
    user = urlsplit(proxy).netloc.rpartition("@")[0]
    headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if user else {}
    return urllib3.ProxyManager(proxy, maxsize=8, proxy_headers=headers)


def _status_error(address: Address, response: Any) -> LstRasterError:
    status = f"{response.status} {response.reason}"
    if response.status in _MISSING:
        return InputNotFoundError(f"{address} does not exist ({status}); check the address")
    if response.status in _REFUSED:
        return RemoteAccessError(
            f"{address} is refused ({status}): it needs a login or a valid signature; give a signed address, or "
            "download the file first"
        )
    message = f"{address}: the server reports an error ({status}); try again later"
    if response.status not in TEMPORARY:
        return RemoteError(message)
    busy, wait = BusyError(message), response.headers.get("Retry-After", "")
    busy.retry_after = float(wait) if wait.isdecimal() else 0.0
    return busy


def _connection_error(address: Address, error: Exception | None) -> RemoteError:
    from urllib3 import exceptions

    if isinstance(error, exceptions.NameResolutionError):
        host = urlsplit(address.url).hostname
        return RemoteError(f"{address}: no server {host}, or no network; check the address and the network")
    if isinstance(error, exceptions.SSLError):
        reason = without_secrets(str(error.args[0] if error.args else error))
        return RemoteError(f"{address}: no secure connection ({reason}); check the address and this computer's date")
    if isinstance(error, exceptions.LocationValueError):
        return RemoteError(f"{address} is not a valid web address; check it")
    if isinstance(error, exceptions.TimeoutError) and not isinstance(error, exceptions.NewConnectionError):
        return SilentError(
            f"{address}: no response from the server within {timeouts()[1]:g} s; try again later, or set "
            "GDAL_HTTP_TIMEOUT"
        )
    if isinstance(error, exceptions.ResponseError):
        return RemoteError(f"{address}: {error}; check the address")
    if isinstance(error, exceptions.ProtocolError) and isinstance(error.args[-1], exceptions.IncompleteRead):
        return BusyError(f"{address}: the connection ended before all data arrived; try again later")
    cause = error.__cause__ if error and error.__cause__ else (error.args or (error,))[-1] if error else None
    reason = getattr(cause, "strerror", None) or type(error).__name__
    return SilentError(
        f"{address}: no connection to the server ({reason}); check the address and the network, or try again later"
    )
