"""ERA5 from the archive of NSF NCAR (dataset d633000), by OPeNDAP. Needs no account and no extra.

The server cuts time and area, so the downloads are small. Files near the surface have one variable and one month, those
on levels one variable and one day; grids are global, from 90 N and from 0 E.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lst_raster.errors import InputNotFoundError, RemoteAccessError, RemoteError
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, Steps, by_day, stamp, steps_around, values_in
from lst_raster.inputs.reanalysis.opendap import read_subset
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.grid import Box
from lst_raster.io.remote import BusyError

if TYPE_CHECKING:
    import xarray as xr

SERVERS = (
    "https://tds.gdex.ucar.edu/thredds/dodsC/files/g/d633000",
    "https://thredds.rda.ucar.edu/thredds/dodsC/files/g/d633000",  # name of the same archive until 2025
)
VARIABLES = {"TCWV": "128_137_tcwv", "VAR_2T": "128_167_2t", "SP": "128_134_sp"}  # and the part of the file name
ELEVATION = "Z"  # geopotential of the surface
_ELEVATION_FILE = "e5.oper.invariant/197901/e5.oper.invariant.128_129_z.ll025sc.1979010100_1979010100.nc"
HUMIDITY = {"VAR_2D": "128_168_2d"}
ON_LEVELS = {"T": "128_130_t", "Q": "128_133_q"}
CELL = 0.25  # [degree]
ROWS, COLUMNS, LEVELS = 721, 1440, 37
_OVERHEAD = 20_000  # bytes of the responses to the requests for one variable that are not values

_SCRIPT = """import xarray as xr

files = {files}
for file, arrays in files.items():
    parts = [
        xr.open_dataset(url)[[variable]].isel(
            {{axis: slice(first, last + 1) for axis, (first, last) in ranges.items()}}
        )
        for url, variable, ranges in arrays
    ]
    parts = [part.squeeze("time", drop=True) if {elevation!r} in part else part for part in parts]
    xr.combine_by_coords([part.load().drop_encoding() for part in parts]).to_netcdf(file)
"""


def plan(stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
    """Plan one file of the surface; with levels also one of these, with the humidity at the surface."""
    box, steps = box.widened(CELL, CELL), steps_around(when)
    bases = [base.rstrip("/") for base in ((server,) if server else SERVERS)]
    surface = [array for name, file in VARIABLES.items() for array in _of_months(name, file, steps, box)]
    surface += _arrays(ELEVATION, _ELEVATION_FILE, {"time": (0, 0)}, box)
    count = values_in(box, CELL, CELL)
    file = f"{stem}_era5-ncar_{stamp(steps[0])}.nc"
    parts = [Part(file=file, details=_details(bases, surface), size=len(surface) * _OVERHEAD + 4 * 7 * count)]
    if levels:
        on_levels = [array for name, file in HUMIDITY.items() for array in _of_months(name, file, steps, box)]
        on_levels += [array for name, file in ON_LEVELS.items() for array in _of_days(name, file, steps, box)]
        file = f"{stem}_era5-ncar_levels_{stamp(steps[0])}.nc"
        size = len(on_levels) * _OVERHEAD + 4 * (2 + 4 * LEVELS) * count
        parts.append(Part(file=file, details=_details(bases, on_levels), size=size))
    files = {
        part.file: [(f"{bases[0]}/{one['file']}", one["variable"], one["ranges"]) for one in part.details["arrays"]]
        for part in parts
    }
    script = _SCRIPT.format(files=files, elevation=ELEVATION)
    return Plan(source="era5-ncar", steps=steps, box=box, parts=tuple(parts), script=script)


def download(plan: Plan, folder: Path, server: str | None, say: Say) -> Iterator[Part]:
    """Read the arrays around time and area, and write them as netCDF."""
    for part in plan.parts:
        found = _from_first_server(part, plan, say)
        found.to_netcdf(folder / part.file, engine="h5netcdf")
        yield part


def _from_first_server(part: Part, plan: Plan, say: Say) -> xr.Dataset:
    """Data of the first server that has them; the next is tried only if one has moved or lacks the files."""
    first: Exception | None = None
    for base in part.details["servers"]:
        try:
            return _read(part, base, plan, say)
        except (BusyError, RemoteAccessError):
            if first is None:
                raise
            break
        except (InputNotFoundError, RemoteError) as reason:
            first = first or reason
    assert first is not None
    if isinstance(first, InputNotFoundError):
        raise RemoteError(f"{str(first).partition('; ')[0]}; is the scene too recent?") from first
    raise first


def _read(part: Part, base: str, plan: Plan, say: Say) -> xr.Dataset:
    import xarray as xr

    by_variable: dict[str, list[list[xr.Dataset]]] = {}  # by file, and within one from west to east
    arrays = part.details["arrays"]
    for number, array in enumerate(arrays, start=1):
        name, file = array["variable"], array["file"]
        say(f"requesting {name} from {without_secrets(base)} ({number} of {len(arrays)})")
        address = Address.parse(f"{base.partition('?')[0]}/{file}{_query(base)}")
        if address is None:
            raise RemoteError(f"{without_secrets(base)} is not a web address; give one that begins with https://")
        found = read_subset(address, name, list(array["ranges"].values()))
        if tuple(found[name].dims) != tuple(array["ranges"]):
            raise RemoteError(f"{address}: {name} has the dimensions {', '.join(map(str, found[name].dims))}")
        if name == ELEVATION:
            found = found.isel(time=0, drop=True)
        files = by_variable.setdefault(name, [])
        if array["continues"]:
            files[-1].append(found)
        else:
            files.append([found])
    complete = [
        _placed(_joined([_joined(segments, "longitude") for segments in files], "time"), plan, base)
        for files in by_variable.values()
    ]
    return xr.merge(complete, join="exact", combine_attrs="override").drop_encoding()


def _joined(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    import xarray as xr

    if len(parts) == 1:
        return parts[0]
    joined: xr.Dataset = xr.concat(parts, dim=dim, data_vars="all", join="exact", combine_attrs="override")
    return joined


def _placed(found: xr.Dataset, plan: Plan, base: str) -> xr.Dataset:
    """Check times and area, and make the longitudes ascend."""
    (name,) = found.data_vars
    where = f"{without_secrets(base)}: {name}"
    if "time" in found.dims:
        times = found["time"].values.astype("datetime64[s]")
        if tuple(times) != plan.steps:
            raise RemoteError(f"{where} has the times {times.min()} to {times.max()}, the scene needs {plan.steps[0]}")
    rows, columns = _ranges(plan.box)
    latitude = 90.0 - CELL * np.arange(rows[0], rows[1] + 1)
    longitude = CELL * (columns[0][0] + np.arange(sum(last - first + 1 for first, last in columns)))
    offset = np.abs((found["longitude"].values - longitude + 180.0) % 360.0 - 180.0).max()
    if np.abs(found["latitude"].values - latitude).max() > CELL / 100.0 or offset > CELL / 100.0:
        raise RemoteError(f"{where} is of another area than requested; check the address")
    values = found[name]
    if not bool(values.notnull().any([axis for axis in values.dims if axis != "time"]).all()):
        raise RemoteError(f"{where} has no values there at {plan.steps[0]}; is it too recent?")
    units = {"units": "degrees_north"}, {"units": "degrees_east"}
    return found.assign_coords(latitude=("latitude", latitude, units[0]), longitude=("longitude", longitude, units[1]))


def _of_months(name: str, file: str, steps: Steps, box: Box) -> list[dict[str, Any]]:
    """Requests for a variable near the surface."""
    arrays = []
    months: dict[str, list[int]] = {}
    for step in steps:
        month = str(step.astype("datetime64[M]"))
        hours = int((step - np.datetime64(month, "s")) / np.timedelta64(1, "h"))
        months.setdefault(month.replace("-", ""), []).append(hours)
    for month, within in months.items():
        days = calendar.monthrange(int(month[:4]), int(month[4:]))[1]
        path = f"e5.oper.an.sfc/{month}/e5.oper.an.sfc.{file}.ll025sc.{month}0100_{month}{days:02}23.nc"
        arrays += _arrays(name, path, {"time": (within[0], within[-1])}, box)
    return arrays


def _of_days(name: str, file: str, steps: Steps, box: Box) -> list[dict[str, Any]]:
    """Requests for a variable on levels."""
    arrays = []
    for day, times in by_day(steps).items():
        text = str(day).replace("-", "")
        hours = [int((time - day.astype("datetime64[s]")) / np.timedelta64(1, "h")) for time in times]
        path = f"e5.oper.an.pl/{text[:6]}/e5.oper.an.pl.{file}.ll025sc.{text}00_{text}23.nc"
        arrays += _arrays(name, path, {"time": (hours[0], hours[-1]), "level": (0, LEVELS - 1)}, box)
    return arrays


def _arrays(name: str, file: str, axes: dict[str, tuple[int, int]], box: Box) -> list[dict[str, Any]]:
    """Requests for a variable of a file: two if the area crosses the meridian at which the grid begins."""
    rows, columns = _ranges(box)
    return [
        {
            "file": file, "variable": name, "ranges": {**axes, "latitude": rows, "longitude": segment},
            "continues": number > 0,
        }
        for number, segment in enumerate(columns)
    ]  # fmt: skip


def _ranges(box: Box) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """First and last row, and first and last column of each part of an area."""
    rows = max(round((90.0 - box.north) / CELL), 0), min(round((90.0 - box.south) / CELL), ROWS - 1)
    if box.spans_all_longitudes:
        return rows, [(0, COLUMNS - 1)]
    west = round(box.west / CELL) % COLUMNS
    east = west + round((box.east - box.west) / CELL)
    if east < COLUMNS:
        return rows, [(west, east)]
    return rows, [(west, COLUMNS - 1), (0, east - COLUMNS)]


def _details(bases: list[str], arrays: list[dict[str, Any]]) -> dict[str, Any]:
    return {"servers": bases, "arrays": arrays}


def _query(base: str) -> str:
    """Query of the address of a server, such as a signature."""
    return f"?{base.partition('?')[2]}" if "?" in base else ""
