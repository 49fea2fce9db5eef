"""Retries of requests to servers, and byte ranges of files on web servers."""

from __future__ import annotations

import logging
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from lst_raster import __version__
from lst_raster.errors import InputNotFoundError, LstRasterError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address, without_secrets

T = TypeVar("T")

ATTEMPTS = 4  # number of attempts of every request, to servers of all kinds
PAUSE = 1.0  # pause before the second attempt; it doubles with each further attempt. [s]
TIMEOUT = 30.0  # time without a response after which an attempt has failed. [s]
_LONGEST_PAUSE = 60.0  # [s], also where the server's Retry-After is longer


class BusyError(RemoteError):
    """A server failure that may be temporary."""

    retry_after = 0.0  # pause that the server demands. [s]


def with_retries(request: Callable[[], T]) -> T:
    """Call a function, and again after a pause as long as it raises `BusyError`, `ATTEMPTS` times in total."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return request()
        except BusyError as error:
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
    """Size of the whole file from a ``Content-Range`` header, None where it is missing. [byte]

    Examples
    --------
    >>> size_of_range("bytes 0-0/1234")
    1234
    """
    size = (text or "").rpartition("/")[2]
    return int(size) if size.isdecimal() else None


_MISSING = (404, 410)
_REFUSED = (401, 403, 407, 451)
_TEMPORARY = (408, 429, 500, 502, 503, 504)
_BEYOND_END = 416
_REDIRECTS = 10


def fetch_range(address: Address, start: int, length: int) -> Part:
    """Read a byte range of a file on a web server; parameters and errors as `lst_raster.io.remote.fetch`."""
    return with_retries(lambda: _get(address, start, length))


def _get(address: Address, start: int, length: int) -> Part:
    import urllib3

    parts = urlsplit(address.url)
    user, _, host = parts.netloc.rpartition("@")
    headers = {"Range": f"bytes={start}-{start + length - 1}", "User-Agent": f"lst-raster/{__version__}"}
    headers |= urllib3.make_headers(basic_auth=unquote(user)) if user else {}  # not sent on to other hosts
    retries = urllib3.Retry(total=None, connect=False, read=False, redirect=_REDIRECTS, status=0, other=0)
    try:
        with secrets_hidden(address):
            response = _pool(os.getpid(), _proxy(parts.scheme, host)).request(
                "GET", urlunsplit(parts._replace(netloc=host)), headers=headers, timeout=_timeout(), retries=retries,
                preload_content=False,
            )  # fmt: skip
            try:
                content = response.read(length) if response.status < 300 else b""
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


@lru_cache(maxsize=4)
def _pool(process: int, proxy: str | None) -> Any:
    """Make the connection pool of one process: a forked process must not share its parent's connections."""
    import urllib3

    if proxy is None:
        return urllib3.PoolManager(maxsize=8)
    user = urlsplit(proxy).netloc.rpartition("@")[0]
    headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if user else {}
    return urllib3.ProxyManager(proxy, maxsize=8, proxy_headers=headers)


def _proxy(scheme: str, host: str) -> str | None:
    """Proxy from the environment or the system's settings, as the standard library finds it."""
    return None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)


def _timeout() -> float:
    """Timeout; GDAL's setting comes first, as both read the same files. [s]"""
    try:
        return float(os.environ["GDAL_HTTP_TIMEOUT"])
    except (KeyError, ValueError):
        return TIMEOUT


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
    if response.status not in _TEMPORARY:
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
        return BusyError(
            f"{address}: no response from the server within {_timeout():g} s; try again later, or set GDAL_HTTP_TIMEOUT"
        )
    cause = error.__cause__ if error and error.__cause__ else (error.args or (error,))[-1] if error else None
    reason = getattr(cause, "strerror", None) or type(error).__name__
    return BusyError(
        f"{address}: no connection to the server ({reason}); check the address and the network, or try again later"
    )


_LOGGERS = (  # those that log file names and addresses
    *(f"rasterio.{name}" for name in ("_env", "_err", "_io", "_base", "_filepath", "env", "session")),
    *(f"urllib3.{name}" for name in ("connectionpool", "poolmanager", "util.retry")),
)


@contextmanager
def secrets_hidden(address: Address) -> Iterator[None]:
    """Remove signatures and passwords from the log records of rasterio, GDAL and urllib3."""
    has_query = bool(urlsplit(address.url).query)

    def clean(record: logging.LogRecord) -> bool:
        text = without_secrets(record.getMessage())
        record.msg, record.args = re.sub(r"\?[^\s'\"<>}]+", "", text) if has_query else text, ()  # of paths only too
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(clean)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(clean)
