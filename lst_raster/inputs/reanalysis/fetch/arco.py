"""ERA5 from the zarr store of ARCO in Google's public cloud. Needs the extra `zarr`, and no account."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lst_raster.errors import RemoteError
from lst_raster.inputs.reanalysis.datasets import open_store
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, Steps, stamp, steps_around
from lst_raster.inputs.reanalysis.request import crop
from lst_raster.io.address import without_secrets
from lst_raster.io.grid import Box
from lst_raster.io.remote import with_retries

if TYPE_CHECKING:
    import xarray as xr

STORE = "https://storage.googleapis.com/gcp-public-data-arco-era5/ar/full_37-1h-0p25deg-chunk-1.zarr-v3"
VARIABLES = ("total_column_water_vapour", "2m_temperature", "surface_pressure", "geopotential_at_surface")
HUMIDITY = "2m_dewpoint_temperature"
ON_LEVELS = ("temperature", "specific_humidity")
CELL = 0.25  # [degree]
_LEVELS = 37
_CHUNK = 4 * 721 * 1440  # bytes of a plane, which is global; less as it is compressed
_METADATA = 2_000_000  # bytes, with the coordinates
_LARGEST = {"latitude": 20_000, "longitude": 40_000, "time": 10_000_000}  # of axes that are read

_SCRIPT = """import xarray as xr

store = xr.open_zarr({store!r}, chunks=None)
files = {files}
for file, (variables, times) in files.items():
    part = store[variables].sel(time=times, latitude=slice({north}, {south}), longitude={longitudes})
    part.load().drop_encoding().to_netcdf(file)
"""


def plan(stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
    """Plan one file of the surface; with levels also one of the humidity there, and one per variable and step."""
    box, steps = box.widened(CELL, CELL), steps_around(when)
    store = server or STORE
    parts = [_part(f"{stem}_era5-arco_", store, VARIABLES, steps, 7)]
    if levels:
        prefix = f"{stem}_era5-arco_levels_"
        parts.append(_part(f"{prefix}{HUMIDITY}_", store, (HUMIDITY,), steps, 2))
        parts += [
            _part(f"{prefix}{name}_", store, (name,), (step,), _LEVELS) for name in ON_LEVELS for step in steps
        ]  # fmt: skip
    columns = round((box.east - box.west) / CELL) + 1
    longitudes = [(box.west + CELL * column) % 360.0 for column in range(columns)]
    script = _SCRIPT.format(
        store=store, files={part.file: (part.details["variables"], part.details["times"]) for part in parts},
        north=box.north, south=box.south,
        longitudes="slice(None)" if box.spans_all_longitudes else longitudes,
    )  # fmt: skip
    return Plan(source="era5-arco", steps=steps, box=box, parts=tuple(parts), script=script)


def _part(prefix: str, store: str, variables: tuple[str, ...], steps: Steps, planes: int) -> Part:
    details = {"store": store, "variables": list(variables), "times": [str(step) for step in steps]}
    return Part(file=f"{prefix}{stamp(steps[0])}.nc", details=details, size=_METADATA + planes * _CHUNK)


def download(plan: Plan, folder: Path, server: str | None, say: Say) -> Iterator[Part]:
    """Read the chunks around time and area, and write them as netCDF."""
    for part in plan.parts:
        subset = with_retries(partial(_read, part, plan.box))
        # Without the zarr encoding, which netCDF lacks; not in `_read`, as a full disk is not an error of the store.
        subset.drop_encoding().to_netcdf(folder / part.file, engine="h5netcdf")
        yield part


def _read(part: Part, box: Box) -> xr.Dataset:
    address, names = part.details["store"], part.details["variables"]
    shown = without_secrets(address)
    with open_store(address) as store:
        missing = [name for name in names if name not in store]
        if missing:
            raise RemoteError(
                f"{shown} has no {', '.join(missing)}; give the address of a store with the variables of ARCO "
                "with --server"
            )
        for axis, largest in _LARGEST.items():
            if axis not in store or store[axis].size > largest:
                found = store[axis].size if axis in store else "no"
                raise RemoteError(f"{shown} has {found} values of {axis}; give the address of a store such as ARCO's")
        times, wanted = store["time"].values.astype("datetime64[s]"), np.array(part.details["times"], "datetime64[s]")
        steps = np.flatnonzero(np.isin(times, wanted))
        if steps.size < wanted.size:
            raise RemoteError(
                f"{shown} has the times {times.min()} to {times.max()}, the scene needs {part.details['times'][0]}"
            )
        within = box.narrowed(CELL / 2.0)  # `crop` adds a point on each side
        rows, columns = crop(store["latitude"].values, store["longitude"].values, within)
        chosen = {"time": steps, "latitude": rows, "longitude": columns}
        subset: xr.Dataset = store[names]
        subset = subset.isel({axis: where for axis, where in chosen.items() if axis in subset.dims}).load()
    for name, variable in subset.data_vars.items():
        others = [axis for axis in variable.dims if axis != "time"]
        if not bool(variable.notnull().any(others).all()):
            raise RemoteError(f"{shown} has no values of {name} there at {part.details['times'][0]}; is it too recent?")
    return subset
