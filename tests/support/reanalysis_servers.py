"""Local reanalysis servers with the protocols of the real ones, which serve linear fields.

Each response is computed from the request, so that a wrong request gives wrong fields.
"""

import json
import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

import numpy as np

from tests.support.linear_air import START, cube
from tests.support.profile_air import LEVELS, profile_humidity, profile_temperature
from tests.support.reanalysis_files import write_levels, write_reanalysis, write_store

KEY = "11112222-secret-key"
TOKEN = "eyJ-secret-token"


class ClimateDataStore:
    """Protocol of the Climate Data Store: submit, poll, results, asset."""

    def __init__(self, folder, *, failures=0, short=False, content=None, refuse=None, air=cube):
        self._folder, self._failures, self._short = folder, failures, short
        self._content, self._refuse, self._air = content, refuse, air
        self.requests, self.polls, self._files = [], [], []

    def __call__(self, request):
        path = urlsplit(request.path).path
        base = f"http://{request.headers['Host']}/api/retrieve/v1"
        if path.startswith("/asset/"):
            return self._send(request, int(path.rpartition("/")[2]))
        if "catalogue" in path:
            return request.answer(200, json.dumps({"messages": []}))
        if request.headers.get("PRIVATE-TOKEN") != KEY:
            return request.answer(401, json.dumps({"title": "Unauthorized", "detail": "operation not allowed"}))
        if self._refuse:
            return request.answer(403, json.dumps({"title": "required licences not accepted", "detail": self._refuse}))
        if path.endswith("/execution"):
            return self._submit(request, base)
        if path.endswith("/results"):
            return self._results(request, int(path.split("/")[-2]))
        if "/jobs/" in path:
            return self._poll(request, base, int(path.rpartition("/")[2]))
        return request.answer(200, json.dumps({"id": path.rpartition("/")[2]}))

    def _submit(self, request, base):
        dataset = request.path.split("/")[-2]
        inputs = json.loads(request.body())["inputs"]
        self.requests.append((dataset, inputs))
        link = {"rel": "monitor", "href": f"{base}/jobs/{len(self.requests) - 1}"}
        request.answer(201, json.dumps({"jobID": "0", "status": "accepted", "links": [link]}))

    def _poll(self, request, base, job):
        self.polls.append(job)
        if self._failures:
            self._failures -= 1
            return request.answer(503)
        link = {"rel": "results", "href": f"{base}/jobs/{job}/results"}
        return request.answer(200, json.dumps({"processID": "era5", "status": "successful", "links": [link]}))

    def _results(self, request, job):
        dataset, inputs = self.requests[job]
        content = self._made(dataset, inputs, self._folder / f"{job}.nc") if self._content is None else self._content
        self._files.append(content)
        asset = {"href": f"/asset/{job}", "file:size": len(content), "type": "application/netcdf"}
        request.answer(200, json.dumps({"asset": {"value": asset}}))

    def _send(self, request, job):
        content = self._files[job]
        request.answer(200, content[: len(content) // 2] if self._short else content)

    def _made(self, dataset, inputs, path):
        north, west, south, east = inputs["area"]
        latitude = np.arange(north, south - 0.01, -0.25)
        longitude = np.arange(west, east + 0.01, 0.25)
        (year,), (month,), (day,) = inputs["year"], inputs["month"], inputs["day"]
        times = np.array([f"{year}-{month}-{day}T{time}" for time in inputs["time"]], "datetime64[s]")
        if dataset == "reanalysis-era5-pressure-levels":
            levels = np.array(inputs["pressure_level"], float)
            names = [ERA5[name] for name in inputs["variable"]]
            fields = {name: on_levels(name, times, levels, latitude, longitude) for name in names}
            where = {"latitude": latitude, "longitude": longitude}
            return write_levels(path, fields, levels=levels, times=times, **where).read_bytes()
        fields = {ERA5[name]: self._air(ERA5[name], times, latitude, longitude) for name in inputs["variable"]}
        write_reanalysis(path, fields, latitude=latitude, longitude=longitude, times=times, epoch="1970-01-01")
        return path.read_bytes()


ERA5 = {
    "total_column_water_vapour": "tcwv", "2m_temperature": "t2m", "surface_pressure": "sp", "geopotential": "z",
    "2m_dewpoint_temperature": "d2m", "temperature": "t", "specific_humidity": "q",
}  # fmt: skip
LATITUDE = np.arange(361) * 0.5 - 90.0
LONGITUDE = np.arange(576) * 0.625 - 180.0
COLDEST = 140.0
"""Minimum temperature of the profile, at high levels. [K]"""
MERRA_LEVELS = np.array(
    [*range(1000, 699, -25), *range(650, 99, -50), 70, 50, 40, 30, 20, 10, 7, 5, 4, 3, 2, 1, 0.7, 0.5, 0.4, 0.3, 0.1]
)  # [hPa]


class Opendap:
    """Protocol of OPeNDAP (DAP4, as netCDF), with Earthdata login by token or redirect."""

    def __init__(self, folder, *, missing=(), failures=0, short=False, login=None, air=cube):
        self._folder, self._missing, self._failures, self._short = folder, missing, failures, short
        self._air = air
        self.login = login  # address of the login server, None if only tokens are accepted
        self.asked, self.authorizations = [], []

    def __call__(self, request):
        parts = urlsplit(request.path)
        self.asked.append(request.path)
        self.authorizations.append(request.headers.get("Authorization"))
        if parts.path == "/callback":
            return request.answer(302, Location=parse_qs(parts.query)["to"][0], Set_Cookie="session=yes")
        if not self._is_known(request):
            if self.login is None:
                return request.answer(401)
            back = quote(f"http://{request.headers['Host']}{request.path}", safe="")
            return request.answer(302, Location=f"{self.login}/oauth?back={back}")
        if self._failures:
            self._failures -= 1
            return request.answer(502)
        granule = parts.path.rpartition("/")[2].replace("%3A", ":").partition(":")[2]
        if any(name in granule for name in self._missing):
            return request.answer(404)
        content = self._cut(granule, _constraint(parts.query))
        return request.answer(200, content[:-5] if self._short else content, length=len(content))

    def _is_known(self, request):
        return request.headers.get("Authorization") == f"Bearer {TOKEN}" or "session=yes" in request.headers.get(
            "Cookie", ""
        )

    def _cut(self, granule, constraint):
        chosen = {}
        for part in constraint.split(";"):
            name, ranges = re.fullmatch(r"/(\w+)((?:\[\d+:1:\d+\])+)", part).groups()
            chosen[name] = [slice(int(a), int(b) + 1) for a, b in re.findall(r"\[(\d+):1:(\d+)\]", ranges)]
        latitude, longitude = LATITUDE[chosen.pop("lat")[0]], LONGITUDE[chosen.pop("lon")[0]]
        (hours,) = chosen.pop("time")
        path = self._folder / "cut.nc"
        if "inst3_3d" in granule:
            levels = MERRA_LEVELS[chosen.pop("lev")[0]]
            times = (_day(granule) + np.arange(8) * np.timedelta64(3, "h"))[hours]
            ours = {"T": "t", "QV": "q"}
            fields = {name: on_levels(ours[name], times, levels, latitude, longitude) for name in chosen}
            where = {"latitude": latitude, "longitude": longitude, "level": ("lev", "hPa")}
            return write_levels(path, fields, levels=levels, times=times, **where).read_bytes()
        if "const_2d" in granule:
            times = np.array(["1992-01-02T00:00"], "datetime64[s]")[hours]
            fields = {"PHIS": np.zeros((times.size, latitude.size, longitude.size))}
        else:
            start = _day(granule) + np.timedelta64(30, "m")
            times = (start + np.arange(24) * np.timedelta64(1, "h"))[hours]
            ours = {"TQV": "tcwv", "T2M": "t2m", "PS": "sp", "QV2M": "q2m"}
            fields = {name: self._air(ours[name], times, latitude, longitude) for name in chosen}
        write_reanalysis(
            path, fields, latitude=latitude, longitude=longitude, times=times, names=("time", "lat", "lon"), fill=1e15
        )
        return path.read_bytes()


def _day(granule):
    return np.datetime64("-".join(re.search(r"\.(\d{4})(\d{2})(\d{2})\.nc4", granule).groups()) + "T00:00", "s")


def on_levels(name, times, levels, latitude, longitude):
    """Temperature or humidity of the linear profile, shape (time, level, latitude, longitude)."""
    hours = ((np.asarray(times, "datetime64[s]") - START) / np.timedelta64(1, "h"))[:, None, None, None]
    east = np.asarray(longitude, float) % 360.0
    where = levels[:, None, None], np.asarray(latitude)[:, None], east, hours
    return np.maximum(profile_temperature(*where), COLDEST) if name == "t" else profile_humidity(*where)


def _constraint(query):
    name, _, value = query.partition("=")
    assert name == "dap4.ce" and "[" not in value, "brackets must be quoted"
    return unquote(value)


class EarthdataLogin:
    """Requires name and password, and redirects back with a code."""

    def __init__(self):
        self.authorizations = []

    def __call__(self, request):
        self.authorizations.append(request.headers.get("Authorization"))
        back = parse_qs(urlsplit(request.path).query)["back"][0]
        if self.authorizations[-1] != "Basic bWU6c2VjcmV0LXdvcmQ=":  # me:secret-word
            return request.answer(401)
        host = "/".join(back.split("/")[:3])
        return request.answer(302, Location=f"{host}/callback?to={quote(back, safe='')}")


def arco_store(path):
    """Write a store in the layout of ARCO: two days of linear fields over the southern United States, with levels."""
    times = np.datetime64("2015-07-19T00:00", "s") + np.arange(48) * np.timedelta64(1, "h")
    latitude, longitude = np.arange(33.0, 28.9, -0.25), np.arange(268.0, 277.1, 0.25)
    names = {"total_column_water_vapour": "tcwv", "2m_temperature": "t2m", "surface_pressure": "sp"}
    names |= {"2m_dewpoint_temperature": "d2m"}
    fields = {name: cube(ours, times, latitude, longitude) for name, ours in names.items()}
    fields["geopotential_at_surface"] = np.zeros((latitude.size, longitude.size))
    for name in ("temperature", "specific_humidity"):
        fields[name] = on_levels(ERA5[name], times, LEVELS, latitude, longitude)
    where = {"latitude": latitude, "longitude": longitude, "times": times, "levels": LEVELS}
    return write_store(path, fields, static=("geopotential_at_surface",), **where)
