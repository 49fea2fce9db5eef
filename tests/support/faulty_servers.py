"""Wrong answers of servers of reanalysis, each with the words by which a warning names it."""

import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from tests.support.ncar_server import BASE, NAMES, UNITS, Archive, linear_air

HTML = "<!DOCTYPE html><html><body>Sign in</body></html>"


@dataclass
class Fault:
    """A fault: `answer` is given the request and the right answer; `server` makes another archive or store instead."""

    name: str
    words: str
    answer: object = None
    server: object = None
    only: str = ""  # part of the paths that are concerned
    options: dict = field(default_factory=dict)

    def __str__(self):
        return self.name


def status(code, **headers):
    return lambda request, right: request.answer(code, b"no", **headers)


def text(content):
    return lambda request, right: request.answer(200, content)


def too_slow(request, right):
    threading.Event().wait(1.5)
    request.answer(200, right)


def reset(request, right):
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()
    request.close_connection = True


def truncated(request, right):
    request.answer(200, right[: len(right) // 2], length=len(right))


def shortened(request, right):
    request.answer(200, right[:-4])


def loop(request, right):
    request.answer(302, Location=request.path)


def to_a_login(request, right):
    if "login" in request.path:
        return request.answer(200, HTML)
    return request.answer(302, Location="/login" + request.path)


def huge(request, right):
    request.send_response(200)
    request.send_header("Content-Length", str(10**12))
    request.end_headers()
    request.close_connection = True


def endless(request, right):
    request.send_response(200)
    request.end_headers()
    request.close_connection = True
    try:
        while True:
            request.wfile.write(b"x" * 65536)
    except OSError:  # the reader has seen enough
        pass


def replaced(old, new):
    def answer(request, right):
        assert old in right
        request.answer(200, right.replace(old, new))

    return answer


def archive(**options):
    return lambda: Archive(**options)


def _units(**units):
    return archive(units={**UNITS, **units})


def _air(change):
    return archive(air=lambda name, times, *where: change(name, linear_air(name, times, *where).astype("f4")))


def _filled(name, values):
    return np.full_like(values, 9.999e20)


def _second_step_filled(name, values):
    values = values.copy()
    values[-1] = 9.999e20
    return values


def _late(dataset):
    (grid,) = (dataset[name] for name in NAMES if name in dataset)
    grid["time"].data = grid["time"].data + 24


def _elsewhere(dataset):
    (grid,) = (dataset[name] for name in NAMES if name in dataset)
    grid["latitude"].data = grid["latitude"].data - 5.0


def _wrong_epoch(dataset):
    dataset["time"].attributes["units"] = "hours since yesterday"


_TCWV = ".dods?TCWV"

OPENDAP = [
    Fault("not found", "does not exist", status(404)),
    Fault("gone", "does not exist", status(410)),
    Fault("unauthorized", "is refused (401", status(401)),
    Fault("forbidden", "is refused (403", status(403)),
    Fault("forbidden attributes", "is refused (403", status(403), only=".das"),
    Fault("too many requests", "reports an error (429", status(429, Retry_After="600")),
    Fault("bad request", "reports an error (400", status(400)),
    Fault("server error", "reports an error (500", status(500)),
    Fault("bad gateway", "reports an error (502", status(502)),
    Fault("unavailable", "reports an error (503", status(503)),
    Fault("unavailable in the middle", "reports an error (503", status(503), only="134_sp"),
    Fault("timeout", "no response from the server within", too_slow),
    Fault("reset", "no connection to the server", reset),
    Fault("truncated", "the connection ended before all data arrived", truncated),
    Fault("shortened", "sent only a part of the data", shortened, only=".dods"),
    Fault("web page", "sent a web page instead", text(HTML)),
    Fault("redirect to a login", "sent a web page instead", to_a_login),
    Fault("redirect loop", "too many redirects", loop),
    Fault("empty", "sent nothing instead of OPeNDAP data", text(b"")),
    Fault("garbage", "a text or a file of another kind", text(bytes(range(256)))),
    Fault("error in OPeNDAP", "reports an error (no memory)", text('Error { code = 500; message = "no memory"; };')),
    Fault("not found in OPeNDAP", "does not exist", text('Error { code = 404; message = "x"; };')),
    Fault("huge declared length", "sends more than the expected", huge),
    Fault("endless", "sends more than the expected", endless),
    Fault("huge declared shape", "sent only a part", replaced(b"[time = 2]", b"[time = 2000000000]"), only=_TCWV),
    Fault("wrong shape", "the length of TCWV", replaced(b"[time = 2][latitude", b"[time = 1][latitude"), only=_TCWV),
    Fault("wrong variable", "and not TCWV", replaced(b"TCWV", b"TCRW"), only=_TCWV),
    Fault("strings", "is of type String", replaced(b"Float32 TCWV", b"String TCWV"), only=_TCWV),
    Fault("no attributes", "the scene needs", text("nothing"), only=".das"),
    Fault("wrong units", "m s-1", server=_units(TCWV="m s-1")),
    Fault("no units", "declares no unit", server=_units(TCWV="")),
    Fault("fill values over the scene", "has no values there", server=_air(_filled)),
    Fault("fill values at one step", "has no values there", server=_air(_second_step_filled)),
    Fault("implausible values", "outside", server=_air(lambda name, values: values * 100.0)),
    Fault("missing times", "as requested", server=archive(hours=449)),
    Fault("no times", "is not the declared one", server=archive(hours=10)),
    Fault("wrong times", "the scene needs", server=archive(change=_late)),
    Fault("wrong epoch", "invalid units", server=archive(change=_wrong_epoch)),
    Fault("another area", "is of another area than requested", server=archive(change=_elsewhere)),
]  # fmt: skip
"""Faults of a server of OPeNDAP."""


class FaultyArchive:
    """An archive with a fault."""

    def __init__(self, fault):
        self._fault, self._archive = fault, fault.server() if fault.server else Archive()

    def __call__(self, request):
        path = request.path
        if self._fault.answer is None or self._fault.only not in path:
            return self._archive(request)
        inside = urlsplit(path).path.startswith(BASE)
        right = self._archive.answer_to(path)[2] if inside else b""
        return self._fault.answer(request, right)


def _metadata(change):
    """A store whose consolidated metadata are changed."""

    def edit(folder):
        file = folder / ".zmetadata"
        content = json.loads(file.read_text())
        change(content["metadata"])
        file.write_text(json.dumps(content))

    return edit


def _without_variable(metadata):
    for name in [name for name in metadata if name.startswith("surface_pressure/")]:
        del metadata[name]


def _with_units(metadata):
    metadata["total_column_water_vapour/.zattrs"]["units"] = "m s-1"


def _huge_chunks(metadata):
    metadata["total_column_water_vapour/.zarray"]["chunks"] = [1, 100_000, 100_000]


def _without_chunks(folder):
    for file in (folder / "total_column_water_vapour").glob("[0-9]*"):
        file.unlink()


_DATA, _META = "total_column_water_vapour/", ".zmetadata"

ZARR = [
    Fault("not found", "there is no zarr store", status(404)),
    Fault("unauthorized", "401", status(401)),
    Fault("forbidden", "403", status(403)),
    Fault("forbidden chunks", "403", status(403), only=_DATA),
    Fault("too many requests", "429", status(429, Retry_After="600")),
    Fault("server error", "500", status(500)),
    Fault("unavailable", "503", status(503)),
    Fault("unavailable chunks", "503", status(503), only=_DATA),
    Fault("timeout", "does not answer", too_slow),
    Fault("timeout of chunks", "does not answer", too_slow, only=_DATA),
    Fault("reset", "does not answer", reset),
    Fault("truncated chunk", "does not answer", truncated, only=_DATA),
    Fault("truncated metadata", "does not answer", truncated, only=_META),
    Fault("web page", "cannot be read as zarr", text(HTML)),
    Fault("redirect loop", "TooManyRedirects", loop),
    Fault("empty", "cannot be read as zarr", text(b"")),
    Fault("garbage", "cannot be read as zarr", text(bytes(range(256)))),
    Fault("garbage chunks", "cannot be read as zarr", text(bytes(range(256))), only=_DATA),
    Fault("empty chunks", "cannot be read as zarr", text(b""), only=_DATA),
    Fault("missing chunks", "has no values of total_column_water_vapour", server=_without_chunks),
    Fault("missing variable", "has no surface_pressure", server=_metadata(_without_variable)),
    Fault("wrong units", "m s-1", server=_metadata(_with_units)),
    Fault("huge declared length", "does not answer", huge, only=_DATA),
    Fault("huge declared chunks", "cannot be read as zarr", server=_metadata(_huge_chunks)),
]  # fmt: skip
"""Faults of a server with a store."""


class FaultyStore:
    """The files of a folder, with a fault."""

    def __init__(self, folder, fault):
        self._folder, self._fault = Path(folder), fault
        self.asked = []

    def __call__(self, request):
        path = urlsplit(request.path).path
        self.asked.append(path)
        file = self._folder / path.lstrip("/")
        if path.endswith("zarr.json"):  # of the other format, which is looked for first
            return (
                request.answer(404) if self._fault.only or not self._fault.answer else self._fault.answer(request, b"")
            )
        if self._fault.answer and self._fault.only in path:
            return self._fault.answer(request, file.read_bytes() if file.is_file() else b"")
        return request.answer(200, file.read_bytes()) if file.is_file() else request.answer(404)
