"""ERA5 from Google's public cloud, where ARCO keeps it as zarr. Needs the extra `zarr`, and no account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lst_raster.errors import RemoteError
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, stamp, steps_around
from lst_raster.inputs.reanalysis.request import crop
from lst_raster.inputs.reanalysis.zarr_store import open_store
from lst_raster.io.grid import Box
from lst_raster.io.remote import with_retries

if TYPE_CHECKING:
    import xarray as xr


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


class Arco:
    """The source ``era5-arco``."""

    def plan(
        self, stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False
    ) -> Plan:  # fmt: skip
        """One file, cut out of the store."""
        box, steps = box.widened(CELL, CELL), steps_around(when)
        times = [str(step) for step in steps]
        variables = [*VARIABLES, *(WITH_LEVELS if levels else ())]
        details = {"store": server or STORE, "variables": variables, "times": times}
        part = Part(file=f"{stem}_era5-arco_{'levels_' if levels else ''}{stamp(steps[0])}.nc", details=details)
        script = _SCRIPT.format(
            store=details["store"], variables=variables, times=times, north=box.north, south=box.south,
            longitudes=_longitudes(box), file=part.file,
        )  # fmt: skip
        return Plan(source="era5-arco", steps=steps, box=box, parts=(part,), script=script)

    def download(self, plan: Plan, folder: Path, server: str | None, say: Say) -> None:
        """Read the chunks around time and place, and write them as netCDF."""
        (part,) = plan.parts
        with_retries(lambda: _cut(plan, part, folder / part.file))


def _longitudes(box: Box) -> str:
    if box.is_around:
        return "slice(None)"
    count = round((box.east - box.west) / CELL) + 1
    return str([(box.west + CELL * step) % 360.0 for step in range(count)])


def _cut(plan: Plan, part: Part, target: Path) -> None:
    address = part.details["store"]
    with open_store(address) as store:
        missing = [name for name in part.details["variables"] if name not in store]
        if missing:
            raise RemoteError(
                f"{address} has no {', '.join(missing)}; give the address of a store as ARCO's with --server"
            )
        times = store["time"].values.astype("datetime64[s]")
        steps = np.flatnonzero(np.isin(times, np.array(plan.steps)))
        if steps.size < len(plan.steps):
            raise RemoteError(
                f"{address} has the times {times.min()} to {times.max()}, the scene needs {plan.steps[0]}"
            )
        within = plan.box.narrowed(CELL / 2.0)  # so that its points are those that are chosen around it
        rows, columns = crop(store["latitude"].values, store["longitude"].values, within)
        chosen = store[part.details["variables"]].isel(time=steps, latitude=rows, longitude=columns).load()
    _plain(chosen).to_netcdf(target, engine="h5netcdf")  # outside: a full disk is no fault of the store


def _plain(dataset: xr.Dataset) -> Any:
    """Strip a dataset of how its store had packed it, which netCDF does not know."""
    return dataset.drop_encoding()
