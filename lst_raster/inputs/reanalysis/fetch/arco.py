"""ERA5 from the zarr store of ARCO in Google's public cloud. Needs the extra `zarr`, and no account."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lst_raster.errors import RemoteError
from lst_raster.inputs.reanalysis.datasets import open_store
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, stamp, steps_around
from lst_raster.inputs.reanalysis.request import crop
from lst_raster.io.grid import Box
from lst_raster.io.remote import with_retries

STORE = "https://storage.googleapis.com/gcp-public-data-arco-era5/ar/full_37-1h-0p25deg-chunk-1.zarr-v3"
VARIABLES = ("total_column_water_vapour", "2m_temperature", "surface_pressure", "geopotential_at_surface")
WITH_LEVELS = ("2m_dewpoint_temperature", "temperature", "specific_humidity")
CELL = 0.25  # [degree]

_SCRIPT = """import xarray as xr

store = xr.open_zarr({store!r}, chunks=None)
part = store[{variables}].sel(
    time={times}, latitude=slice({north}, {south}), longitude={longitudes}
)
part.load().drop_encoding().to_netcdf({file!r})
"""


def plan(stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
    """Plan one file, a subset of the store."""
    box, steps = box.widened(CELL, CELL), steps_around(when)
    details = {
        "store": server or STORE,
        "variables": [*VARIABLES, *(WITH_LEVELS if levels else ())],
        "times": [str(step) for step in steps],
    }
    part = Part(file=f"{stem}_era5-arco_{'levels_' if levels else ''}{stamp(steps[0])}.nc", details=details)
    columns = round((box.east - box.west) / CELL) + 1
    longitudes = [(box.west + CELL * column) % 360.0 for column in range(columns)]
    script = _SCRIPT.format(
        **details, north=box.north, south=box.south, file=part.file,
        longitudes="slice(None)" if box.spans_all_longitudes else longitudes,
    )  # fmt: skip
    return Plan(source="era5-arco", steps=steps, box=box, parts=(part,), script=script)


def download(plan: Plan, folder: Path, server: str | None, say: Say) -> None:
    """Read the chunks around time and area, and write them as netCDF."""
    (part,) = plan.parts
    with_retries(lambda: _download(plan, part, folder / part.file))


def _download(plan: Plan, part: Part, target: Path) -> None:
    address = part.details["store"]
    with open_store(address) as store:
        missing = [name for name in part.details["variables"] if name not in store]
        if missing:
            raise RemoteError(
                f"{address} has no {', '.join(missing)}; give the address of a store with the variables of ARCO "
                "with --server"
            )
        times = store["time"].values.astype("datetime64[s]")
        steps = np.flatnonzero(np.isin(times, np.array(plan.steps)))
        if steps.size < len(plan.steps):
            raise RemoteError(
                f"{address} has the times {times.min()} to {times.max()}, the scene needs {plan.steps[0]}"
            )
        within = plan.box.narrowed(CELL / 2.0)  # `crop` adds a point on each side
        rows, columns = crop(store["latitude"].values, store["longitude"].values, within)
        subset = store[part.details["variables"]].isel(time=steps, latitude=rows, longitude=columns).load()
    # Without the zarr encoding, which netCDF lacks; outside the block, as a full disk is not an error of the store.
    subset.drop_encoding().to_netcdf(target, engine="h5netcdf")
