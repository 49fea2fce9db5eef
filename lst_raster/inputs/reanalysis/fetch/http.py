"""Files from servers that ask for an Earthdata login."""

from __future__ import annotations

import http.client
import netrc
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

from lst_raster.errors import RemoteAccessError, RemoteError
from lst_raster.io.remote import BusyError, with_retries

LOGIN = "https://urs.earthdata.nasa.gov"
"""Where Earthdata asks who it is."""

_ACCOUNT = (
    "make an account at https://urs.earthdata.nasa.gov, authorize there the application NASA GESDISC DATA ARCHIVE, and "
    "set EARTHDATA_TOKEN to a token of yours, or write into ~/.netrc: "
    "machine urs.earthdata.nasa.gov login NAME password WORD"
)
_TIMEOUT = 60.0  # [s] of silence
_BLOCK = 1 << 16
_BUSY = (408, 425, 429)  # beside all from 500 on


class NotThereError(RemoteError):
    """The server has no such file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Who asks: by a token, or by name and password."""

    token: str | None = field(default=None, repr=False)
    """Token, sent to the server itself alone."""
    name: str = ""
    """Name, where there is no token."""
    password: str = field(default="", repr=False)
    """Password, sent to `LOGIN` alone."""


def find_login() -> Login:
    """Find the user's Earthdata login: the token in EARTHDATA_TOKEN, else the name and password in ~/.netrc.

    Raises
    ------
    RemoteAccessError
        There is none; the message says where to get one.
    """
    token = os.environ.get("EARTHDATA_TOKEN", "").strip()
    if token:
        return Login(token=token)
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entry = netrc.netrc(path).authenticators(urlsplit(LOGIN).hostname or "")
    except FileNotFoundError:
        entry = None
    except (OSError, netrc.NetrcParseError):
        raise RemoteAccessError(f"{path} cannot be read; {_ACCOUNT}") from None  # the reason may quote it
    if entry is None:
        raise RemoteAccessError(f"there are no credentials for NASA's Earthdata; {_ACCOUNT}")
    return Login(name=entry[0], password=entry[2] or "")


def download_file(url: str, target: Path, login: Login) -> None:
    """Write what a server sends into a file, asking again where it is busy.

    Parameters
    ----------
    url : str
        Address.
    target : path
        The file.
    login : Login
        Who asks.

    Raises
    ------
    NotThereError
        The server has no such file.
    RemoteAccessError
        It refuses the login.
    RemoteError
        It refuses the request, does not answer, or sends too little.
    """
    with_retries(lambda: _download(url, target, login))


def _download(url: str, target: Path, login: Login) -> None:
    server = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    request = Request(url, headers={"User-Agent": "lst-raster"})
    if login.token:
        request.add_unredirected_header("Authorization", f"Bearer {login.token}")
    try:
        with build_opener(HTTPCookieProcessor(), _Redirects(login, server)).open(request, timeout=_TIMEOUT) as response:
            _copy(response, target, server)
    except HTTPError as reason:
        reason.close()
        raise _refusal(reason.code, server, url) from None
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as reason:
        told = getattr(reason, "reason", reason)
        raise BusyError(f"{server} does not answer ({told}); try again later") from reason


class _Redirects(HTTPRedirectHandler):
    """Sends the token to its server alone, and name and password to the login alone."""

    def __init__(self, login: Login, server: str) -> None:
        self._login, self._server = login, server

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        """Follow, as the standard library does, with what the next server may know."""
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        host = f"{urlsplit(newurl).scheme}://{urlsplit(newurl).netloc}"
        if request is not None and self._login.token and host == self._server:
            request.add_unredirected_header("Authorization", f"Bearer {self._login.token}")
        elif request is not None and not self._login.token and host == LOGIN:
            request.add_unredirected_header("Authorization", _basic(self._login))
        return request


def _basic(login: Login) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{login.name}:{login.password}".encode()).decode()


def _copy(response: Any, target: Path, server: str) -> None:
    expected, size = response.headers.get("Content-Length"), 0
    with target.open("wb") as file:
        while block := response.read(_BLOCK):
            size += file.write(block)
    if expected is not None and size != int(expected):
        raise BusyError(f"{server} sent {size} of {expected} bytes; try again later")


def _refusal(code: int, server: str, url: str) -> RemoteError:
    if code == 404:
        return NotThereError(f"{server} has no {urlsplit(url).path.rpartition('/')[2]}; is the scene too recent?")
    if code in (401, 403):
        return RemoteAccessError(f"{server} refuses the login (status {code}); {_ACCOUNT}")
    if code >= 500 or code in _BUSY:
        return BusyError(f"{server} fails (status {code}); try again later")
    return RemoteError(f"{server} does not take the request (status {code}): {url}")
