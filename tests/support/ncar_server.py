"""NCAR's archive of ERA5 on this machine: a THREDDS server's part of OPeNDAP, answered by pydap, with linear air."""

import re
import warnings
from io import BytesIO
from urllib.parse import urlsplit

import numpy as np

from tests.support.linear_air import cube
from tests.support.profile_air import LEVELS
from tests.support.reanalysis_servers import on_levels

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of cgi, which webob imports
    from pydap.handlers.lib import BaseHandler
    from pydap.model import BaseType, DatasetType, GridType

BASE = "/thredds/dodsC/files/g/d633000"
LATITUDE, LONGITUDE = 90.0 - 0.25 * np.arange(721), 0.25 * np.arange(1440)
NAMES = {"TCWV": "tcwv", "VAR_2T": "t2m", "VAR_2D": "d2m", "SP": "sp", "Z": "z", "T": "t", "Q": "q"}
UNITS = {
    "TCWV": "kg m**-2", "VAR_2T": "K", "VAR_2D": "K", "SP": "Pa", "Z": "m**2 s**-2", "T": "K", "Q": "kg kg**-1",
}  # fmt: skip
FILES = {
    "128_137_tcwv": "TCWV", "128_167_2t": "VAR_2T", "128_168_2d": "VAR_2D", "128_134_sp": "SP", "128_129_z": "Z",
    "128_130_t": "T", "128_133_q": "Q",
}  # fmt: skip
_FILE = re.compile(r"e5\.oper\.(an\.sfc|an\.pl|invariant)/(\d{6})/e5\.oper\.\1\.(\w+)\.ll025sc\.(\d{10})_(\d{10})\.nc")
_EPOCH = np.datetime64("1900-01-01T00", "h")


class Lazy:
    """Array that is computed where it is read."""

    def __init__(self, name, axes, air):
        self._name, self._axes, self._air = name, axes, air
        self.shape, self.ndim, self.dtype = tuple(map(len, axes)), len(axes), np.dtype("f4")

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        index = index + (slice(None),) * (self.ndim - len(index))
        return self._air(self._name, *(axis[one] for axis, one in zip(self._axes, index, strict=True))).astype("f4")


def linear_air(name, times, *where):
    """Air of the variable `name`; `where` has the axes after the time."""
    return on_levels(NAMES[name], times, *where) if name in "TQ" else cube(NAMES[name], times, *where)


class Archive:
    """Answers as the archive does; `asked` has the paths. `change` may alter a dataset of pydap before it is cut."""

    def __init__(self, *, air=linear_air, units=UNITS, change=None, hours=None):
        self._air, self._units, self._change, self._hours = air, units, change, hours
        self.asked = []

    def __call__(self, request):
        self.asked.append(request.path)
        status, headers, content = self.answer_to(request.path)
        request.answer(status, content, **headers)

    def answer_to(self, path):
        """Status, headers and content."""
        parts = urlsplit(path)
        file = parts.path.removeprefix(f"{BASE}/").rpartition(".")[0]
        found = _FILE.fullmatch(file)
        if (
            not parts.path.startswith(BASE)
            or found is None
            or found[3] not in FILES
            or not _is_named_right(*found.groups())
        ):
            message = f'Error {{\n    code = 404;\n    message = "{file}";\n}};\n'
            return 404, {"Content_Type": "text/plain"}, message.encode()
        query = "&".join(part for part in parts.query.split("&") if not part.startswith("sig="))
        content = _answer(self._dataset(*found.groups()), parts.path, query)
        return 200, {"Content_Type": "application/octet-stream"}, content

    def _dataset(self, kind, month, code, first, last):
        name = FILES[code]
        begin = np.datetime64(f"{first[:4]}-{first[4:6]}-{first[6:8]}T{first[8:]}", "h")
        end = np.datetime64(f"{last[:4]}-{last[4:6]}-{last[6:8]}T{last[8:]}", "h")
        times = np.arange(begin, end + 1)[: self._hours]
        axes = {"time": times, "level": LEVELS, "latitude": LATITUDE, "longitude": LONGITUDE}
        if kind != "an.pl":
            del axes["level"]
        attributes = {
            "time": {"units": "hours since 1900-01-01 00:00:00", "calendar": "gregorian", "long_name": "time"},
            "level": {"units": "hPa", "positive": "down"}, "latitude": {"units": "degrees_north"},
            "longitude": {"units": "degrees_east"},
        }  # fmt: skip
        values = {**axes, "time": ((times - _EPOCH) / np.timedelta64(1, "h")).astype("i4")}
        dataset = DatasetType(code)
        more = {
            "units": self._units[name],
            "_FillValue": np.float32(9.999e20),
            "original_format": "GRIB 1 {ECMWF}; local table",
        }
        dataset[name] = GridType(name, attributes=more)
        dataset[name][name] = BaseType(name, Lazy(name, list(axes.values()), self._air), dims=tuple(axes))
        for axis in axes:
            dataset[name][axis] = BaseType(axis, values[axis], dims=(axis,), attributes=attributes[axis])
        for axis in axes:
            dataset[axis] = BaseType(axis, values[axis], dims=(axis,), attributes=attributes[axis])
        if self._change:
            self._change(dataset)
        return dataset


def _is_named_right(kind, month, code, first, last):
    """Whether the dates in a file's name are those of the archive."""
    if kind == "invariant":
        return (month, first, last) == ("197901", "1979010100", "1979010100")
    start = np.datetime64(f"{month[:4]}-{month[4:]}", "M")
    final = str((start + 1).astype("datetime64[D]") - 1).replace("-", "")
    if kind == "an.sfc":
        return (first, last) == (f"{month}0100", f"{final}23")
    return first[:6] == month and (first[8:], last) == ("00", f"{first[:8]}23")


def served_by_pydap(arrays):
    """Response with data for arrays, given as dimensions and values by name."""
    dataset = DatasetType("data")
    for name, (dimensions, values) in arrays.items():
        dataset[name] = BaseType(name, values, dims=tuple(dimensions))
    return _answer(dataset, "/data.dods", "")


def _answer(dataset, path, query):
    started = []
    environment = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "", "SERVER_NAME": "here",
        "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": BytesIO(),
    }  # fmt: skip
    content = b"".join(BaseHandler(dataset)(environment, lambda status, *_: started.append(status)))
    assert started[0].startswith("200"), started
    return content
