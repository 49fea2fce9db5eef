"""Downloads from servers with NASA Earthdata login."""

from __future__ import annotations

import http.client
import netrc
import os
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

from lst_raster.errors import RemoteAccessError, RemoteError
from lst_raster.io.remote import BusyError, with_retries

LOGIN = "https://urs.earthdata.nasa.gov"  # Login server, to which data servers redirect

_ACCOUNT = (
    "make an account at https://urs.earthdata.nasa.gov, authorize there the application NASA GESDISC DATA ARCHIVE, and "
    "set EARTHDATA_TOKEN to a token of yours, or write into ~/.netrc: "
    "machine urs.earthdata.nasa.gov login NAME password WORD"
)
_TIMEOUT = 60.0  # without data [s]
_BLOCK = 1 << 16  # [byte]
_BUSY = (408, 425, 429)  # in addition to all status codes from 500 on


class NotThereError(RemoteError):
    """The file does not exist on the server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Authorization headers: each is sent to one server only."""

    token: str | None = field(default=None, repr=False)  # Header with the token, for the data server
    password: str | None = field(default=None, repr=False)  # Header with name and password, for `LOGIN`


def find_login() -> Login:
    """Earthdata login from the token in EARTHDATA_TOKEN, or from the name and password in ~/.netrc.

    Raises RemoteAccessError, with instructions, if there is none.
    """
    token = os.environ.get("EARTHDATA_TOKEN", "").strip()
    if token:
        return Login(token=f"Bearer {token}")
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entry = netrc.netrc(path).authenticators(urlsplit(LOGIN).hostname or "")
    except FileNotFoundError:
        entry = None
    except (OSError, netrc.NetrcParseError):
        raise RemoteAccessError(f"{path} cannot be read; {_ACCOUNT}") from None  # the reason may quote it
    if entry is None:
        raise RemoteAccessError(f"there are no credentials for NASA's Earthdata; {_ACCOUNT}")
    return Login(password="Basic " + b64encode(f"{entry[0]}:{entry[2] or ''}".encode()).decode())


def download_file(url: str, target: Path, login: Login) -> None:
    """Download a file, with retries while the server is busy.

    Raises NotThereError if there is no such file, RemoteAccessError if the login is refused, RemoteError if the request
    is refused, the server does not answer, or the file is incomplete.
    """
    with_retries(lambda: _download(url, target, login))


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def _download(url: str, target: Path, login: Login) -> None:
    server = _origin(url)
    request = Request(url, headers={"User-Agent": "lst-raster"})
    if login.token:
        request.add_unredirected_header("Authorization", login.token)
    try:
        with build_opener(HTTPCookieProcessor(), _Redirects(login, server)).open(request, timeout=_TIMEOUT) as response:
            expected, size = response.headers.get("Content-Length"), 0
            with target.open("wb") as file:
                while block := response.read(_BLOCK):
                    size += file.write(block)
    except HTTPError as reason:
        reason.close()
        raise _refusal(reason.code, server, url) from None
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as reason:
        detail = getattr(reason, "reason", reason)
        raise BusyError(f"{server} does not answer ({detail}); try again later") from reason
    if expected is not None and size != int(expected):
        raise BusyError(f"{server} sent {size} of {expected} bytes; try again later")


class _Redirects(HTTPRedirectHandler):
    """Redirects with the token for the data server only, and name and password for the login server only."""

    def __init__(self, login: Login, server: str) -> None:
        self._headers = {LOGIN: login.password, server: login.token}

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        """Follow as the standard library does, with the header for the next server."""
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        header = self._headers.get(_origin(newurl))
        if request is not None and header:
            request.add_unredirected_header("Authorization", header)
        return request


def _refusal(code: int, server: str, url: str) -> RemoteError:
    if code == 404:
        return NotThereError(f"{server} has no {urlsplit(url).path.rpartition('/')[2]}; is the scene too recent?")
    if code in (401, 403):
        return RemoteAccessError(f"{server} refuses the login (status {code}); {_ACCOUNT}")
    if code >= 500 or code in _BUSY:
        return BusyError(f"{server} fails (status {code}); try again later")
    return RemoteError(f"{server} rejects the request (status {code}): {url}")
