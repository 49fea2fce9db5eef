"""MERRA-2 from the OPeNDAP server (DAP4) of NASA's GES DISC. Needs an Earthdata account."""

from __future__ import annotations

import http.client
import netrc
import os
import shlex
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

import numpy as np

from lst_raster.errors import RemoteAccessError, RemoteError
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, Steps, by_day, stamp, steps_around, values_in
from lst_raster.io.grid import Box
from lst_raster.io.remote import BusyError, SilentError, timeouts, with_retries

SERVER = "https://opendap.earthdata.nasa.gov"
ROW, COLUMN = 0.5, 0.625  # [degree]
ROWS, COLUMNS = 361, 576  # from 90 S and from 180 W
_LEVELS = 42
# Collections M2T1NXSLV (hourly averages, centred on the half hour), M2C0NXASM (constants) and M2I3NPASM (levels, every
# three hours), and their identifiers in NASA's metadata catalogue.
_HOURLY = "collections/C1276812863-GES_DISC/granules/M2T1NXSLV.5.12.4%3AMERRA2_{stream}.tavg1_2d_slv_Nx.{day}.nc4"
_CONSTANT = "collections/C1276812819-GES_DISC/granules/M2C0NXASM.5.12.4%3AMERRA2_101.const_2d_asm_Nx.00000000.nc4"
_ON_LEVELS = "collections/C1276812879-GES_DISC/granules/M2I3NPASM.5.12.4%3AMERRA2_{stream}.inst3_3d_asm_Np.{day}.nc4"
_LEVELS_STEP = 3  # [h]
_STREAMS = ((1992, 100), (2001, 200), (2011, 300), (10_000, 400))  # production streams, each until before a year
_REPROCESSED = 401  # stream of the reprocessed months of stream 400

LOGIN = "https://urs.earthdata.nasa.gov"  # Login server, to which data servers redirect

_ACCOUNT = (
    "make an account at https://urs.earthdata.nasa.gov, authorize there the application NASA GESDISC DATA ARCHIVE, and "
    "set EARTHDATA_TOKEN to a token of yours, or write into ~/.netrc: "
    "machine urs.earthdata.nasa.gov login NAME password WORD"
)
_TIMEOUT = 60.0  # without data [s]
_BLOCK = 1 << 16  # [byte]
_OVERHEAD = 40_000  # bytes of a file that are not values
_BUSY = (408, 425, 429)  # in addition to all status codes from 500 on


def plan(stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
    """Plan one file per day, one of the surface elevation, and those of the levels."""
    box = box.widened(ROW, COLUMN)
    if box.west < -180.0 or box.east >= 180.0:  # index ranges cannot cross the seam of the grid
        box = Box(south=box.south, north=box.north, west=-180.0, east=180.0)
    base = (server or SERVER).rstrip("/")
    steps = steps_around(when, past_the_hour=30)
    variables = ("TQV", "T2M", "PS", *(("QV2M",) if levels else ()))
    parts = _daily(f"{base}/{_HOURLY}", f"{stem}_merra2_", steps, variables, box)
    surface = _url(f"{base}/{_CONSTANT}", _constraint(("PHIS",), (0, 0), box))
    size = _OVERHEAD + 4 * values_in(box, ROW, COLUMN)
    parts.append(Part(file=f"{stem}_merra2_surface.nc", details={"urls": [surface]}, size=size))
    if levels:
        on_levels = steps_around(when, hours=_LEVELS_STEP)
        prefix = f"{stem}_merra2_levels_"
        parts += _daily(f"{base}/{_ON_LEVELS}", prefix, on_levels, ("T", "QV"), box, _LEVELS_STEP, _LEVELS)
    script = "".join(f"{_curl(part)}\n" for part in parts)
    return Plan(source="merra2", steps=steps, box=box, parts=tuple(parts), script=script)


def download(plan: Plan, folder: Path, server: str | None, say: Say) -> Iterator[Part]:
    """Download each file from the first of its addresses that exists."""
    login = _find_login(server or SERVER)
    for part in plan.parts:
        say(f"requesting {part.file}")
        for url in part.details["urls"]:
            try:
                with_retries(partial(_download, url, folder / part.file, login))
                break
            except _NotThereError:
                if url == part.details["urls"][-1]:
                    raise
        yield part


def _daily(
    url: str, prefix: str, steps: Steps, variables: tuple[str, ...], box: Box, every: int = 1, levels: int = 0
) -> list[Part]:
    """One file per day, with an address for each production stream that may contain it."""
    parts = []
    for day, times in by_day(steps).items():
        hours = [int((time - day.astype("datetime64[s]")) / np.timedelta64(1, "h")) for time in times]
        constraint = _constraint(variables, (hours[0] // every, hours[-1] // every), box, levels)
        year, name = int(str(day)[:4]), str(day).replace("-", "")
        stream = next(number for end, number in _STREAMS if year < end)
        streams = (stream, _REPROCESSED) if stream == 400 else (stream,)
        urls = [_url(url.format(stream=number, day=name), constraint) for number in streams]
        values = len(times) * len(variables) * max(levels, 1) * values_in(box, ROW, COLUMN)
        file = f"{prefix}{stamp(times[0])}.nc"
        parts.append(Part(file=file, details={"urls": urls}, size=_OVERHEAD + 4 * values))
    return parts


def _constraint(variables: tuple[str, ...], steps: tuple[int, int], box: Box, levels: int = 0) -> str:
    """DAP4 constraint expression for variables and their coordinates; index ranges include their ends."""
    time = f"[{steps[0]}:1:{steps[1]}]"
    south, north = round((box.south + 90.0) / ROW), round((box.north + 90.0) / ROW)
    west, east = round((box.west + 180.0) / COLUMN), round((box.east + 180.0) / COLUMN)
    rows, columns = f"[{south}:1:{min(north, ROWS - 1)}]", f"[{west}:1:{min(east, COLUMNS - 1)}]"
    level = f"[0:1:{levels - 1}]" if levels else ""
    chosen = [f"/{name}{time}{level}{rows}{columns}" for name in variables]
    axes = [f"/time{time}", *([f"/lev{level}"] if levels else []), f"/lat{rows}", f"/lon{columns}"]
    return ";".join([*chosen, *axes])


def _url(granule: str, constraint: str) -> str:
    return f"{granule}.dap.nc4?dap4.ce={quote(constraint, safe='/:;')}"


def _curl(part: Part) -> str:
    output = shlex.quote(f"./{part.file}")  # never taken for an option
    calls = [
        f'curl --fail --location --header "Authorization: Bearer $EARTHDATA_TOKEN" --output {output} {shlex.quote(url)}'
        for url in part.details["urls"]
    ]
    return " || ".join(calls)


def has_credentials() -> bool:
    """Whether there are credentials, or a file of them that cannot be read."""
    try:
        return bool(_find_login(SERVER))
    except RemoteAccessError as reason:
        return "cannot be read" in str(reason)


class _NotThereError(RemoteError):
    """The file does not exist on the server."""


def _find_login(server: str) -> dict[str, str]:
    """Authorization header by the server to which it may be sent: a token for the data server, a password for `LOGIN`.

    The token is that in EARTHDATA_TOKEN, name and password are those in ~/.netrc. Raises RemoteAccessError, with
    instructions, if there is none.
    """
    token = os.environ.get("EARTHDATA_TOKEN", "").strip()
    if token:
        return {_origin(server): f"Bearer {token}"}
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entry = netrc.netrc(path).authenticators(urlsplit(LOGIN).hostname or "")
    except FileNotFoundError:
        entry = None
    except (OSError, netrc.NetrcParseError):
        raise RemoteAccessError(f"{path} cannot be read; {_ACCOUNT}") from None  # the reason may quote it
    if entry is None:
        raise RemoteAccessError(f"there are no credentials for NASA's Earthdata; {_ACCOUNT}")
    return {LOGIN: "Basic " + b64encode(f"{entry[0]}:{entry[2] or ''}".encode()).decode()}


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def _download(url: str, target: Path, login: Mapping[str, str]) -> None:
    """Download a file.

    Raises _NotThereError if there is no such file, RemoteAccessError if the login is refused, RemoteError if the
    request is refused, BusyError if the server does not answer or the file is incomplete.
    """
    server = _origin(url)
    request = Request(url, headers={"User-Agent": "lst-raster"})
    if server in login:
        request.add_unredirected_header("Authorization", login[server])
    try:
        with build_opener(HTTPCookieProcessor(), _Redirects(login)).open(
            request, timeout=min(timeouts()[1], _TIMEOUT)
        ) as response:
            expected, size = response.headers.get("Content-Length"), 0
            with target.open("wb") as file:
                while block := response.read(_BLOCK):
                    size += file.write(block)
    except HTTPError as reason:
        reason.close()
        raise _refusal(reason.code, server, url) from None
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as reason:
        detail = getattr(reason, "reason", reason)
        raise SilentError(f"{server} does not answer ({detail}); try again later") from reason
    if expected is not None and size != int(expected):
        raise BusyError(f"{server} sent {size} of {expected} bytes; try again later")


class _Redirects(HTTPRedirectHandler):
    """Redirects, with the header of `_find_login` for the next server."""

    def __init__(self, login: Mapping[str, str]) -> None:
        self._login = login

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        """Follow as the standard library does, with the header for the next server."""
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _origin(newurl) in self._login:
            request.add_unredirected_header("Authorization", self._login[_origin(newurl)])
        return request


def _refusal(code: int, server: str, url: str) -> RemoteError:
    if code == 404:
        return _NotThereError(f"{server} has no {urlsplit(url).path.rpartition('/')[2]}; is the scene too recent?")
    if code in (401, 403):
        return RemoteAccessError(f"{server} refuses the login (status {code}); {_ACCOUNT}")
    if code >= 500 or code in _BUSY:
        return BusyError(f"{server} fails (status {code}); try again later")
    return RemoteError(f"{server} rejects the request (status {code}): {url}")
