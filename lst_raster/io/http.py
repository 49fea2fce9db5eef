"""Files on web servers: ranges read, with retries."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from lst_raster import __version__
from lst_raster.errors import InputNotFoundError, LstRasterError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address

T = TypeVar("T")

ATTEMPTS = 4
"""How often a server is asked before it is given up."""
PAUSE = 2.0
"""Time before the second attempt; it doubles with each. [s]"""


class BusyError(RemoteError):
    """A server fails in a way that may be over soon."""


def with_retries(ask: Callable[[], T]) -> T:
    """Ask a server, and again after a pause where it is busy.

    Parameters
    ----------
    ask : callable
        What asks it.

    Raises
    ------
    RemoteError
        The server failed every time, or once in a way that does not pass.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return ask()
        except BusyError:
            time.sleep(PAUSE * 2**attempt)
    return ask()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Part of a file on a server."""

    content: bytes
    """The bytes that were asked for, fewer at the end of the file."""
    partial: bool
    """Whether the server gives parts of files at all."""
    size: int | None = None
    """Size of the whole file, None where the server does not tell. [byte]"""
    version: str | None = None
    """What changes when the file does: its ETag, or the time of its last change; None where the server tells none."""


def size_of_range(text: str | None) -> int | None:
    """Size of the whole file that a ``Content-Range`` tells, None where it does not. [byte]

    Examples
    --------
    >>> size_of_range("bytes 0-0/1234")
    1234
    """
    size = (text or "").rpartition("/")[2]
    return int(size) if size.isdecimal() else None


_ATTEMPTS = 3
_DELAY = 0.5  # [s] before the second attempt, twice as long before the third
_TIMEOUT = 30.0  # [s] without an answer
_MISSING = (404, 410)
_REFUSED = (401, 403, 407, 451)
_PASSING = (408, 429, 500, 502, 503, 504)  # that may be better a moment later
_BEYOND = 416  # the part that was asked for lies behind the end


def fetch_range(address: Address, start: int, length: int) -> Part:
    """Read part of a file on a web server; parameters and errors as `lst_raster.io.remote.fetch`."""
    for attempt in range(_ATTEMPTS):
        last = attempt == _ATTEMPTS - 1
        try:
            return _get(address, start, length)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _BEYOND:
                return Part(content=b"", partial=True)
            if last or error.code not in _PASSING:
                raise _refusal(address, error.code, str(error.reason)) from None  # an address may be in the chain
        except (OSError, http.client.HTTPException) as error:
            if last or _is_final(error):
                raise RemoteError(f"{address}: {_trouble(address, error)}") from None
        time.sleep(_DELAY * 2**attempt)
    raise AssertionError("unreachable")


def _get(address: Address, start: int, length: int) -> Part:
    with urllib.request.urlopen(_request(address, start, length), timeout=_timeout()) as answer:
        content, headers = answer.read(length), answer.headers
        partial, sent = answer.status == http.HTTPStatus.PARTIAL_CONTENT, headers.get("Content-Length", "")
        if sent.isdecimal() and len(content) < min(length, int(sent)):
            raise http.client.IncompleteRead(content)  # which a reading of so many bytes does not tell
        whole = size_of_range(headers.get("Content-Range")) if partial else int(sent) if sent.isdecimal() else None
        version = headers.get("ETag") or headers.get("Last-Modified")
        return Part(content=content, partial=partial, size=whole, version=version)


def _request(address: Address, start: int, length: int) -> urllib.request.Request:
    parts = urlsplit(address.url)
    user, _, host = parts.netloc.rpartition("@")
    headers = {"Range": f"bytes={start}-{start + length - 1}", "User-Agent": f"lst-raster/{__version__}"}
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)), headers=headers)
    if user:  # not for those to whom the server sends us on
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(unquote(user).encode()).decode()}")
    return request


def _timeout() -> float:
    """Time to wait, GDAL's own setting where there is one: both read the same files. [s]"""
    try:
        return float(os.environ["GDAL_HTTP_TIMEOUT"])
    except (KeyError, ValueError):
        return _TIMEOUT


def _refusal(address: Address, code: int, reason: str) -> LstRasterError:
    if code in _MISSING:
        return InputNotFoundError(f"{address} does not exist ({code} {reason}); check the address")
    if code in _REFUSED:
        return RemoteAccessError(
            f"{address} is refused ({code} {reason}): it needs a login, or a signature that is still valid; "
            "give a signed address, or fetch the file first"
        )
    return RemoteError(f"{address} is answered with an error of the server ({code} {reason}); try again later")


def _is_final(error: Exception) -> bool:
    """Whether a second attempt would meet the same."""
    reason = getattr(error, "reason", error)
    return isinstance(reason, socket.gaierror | ssl.SSLCertVerificationError | http.client.InvalidURL | ValueError)


def _trouble(address: Address, error: Exception) -> str:
    """Say what became of a connection."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"the server gives no answer within {_timeout():g} s; try again later, or set GDAL_HTTP_TIMEOUT"
    if isinstance(reason, socket.gaierror):
        return f"there is no server {urlsplit(address.url).hostname}, or no network; check the address"
    if isinstance(reason, ssl.SSLError):
        return f"the connection is not safe ({reason.reason}); check the address, and the date of this machine"
    if isinstance(reason, http.client.InvalidURL):
        return "the address has characters that none may have; check it"
    said = getattr(reason, "strerror", None) or type(reason).__name__
    return f"there is no connection to the server ({said}); check the address and the network, or try again later"
