"""MERRA-2 from NASA's GES DISC, cut out by its OPeNDAP server (DAP4). Needs an Earthdata account."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from lst_raster.inputs.reanalysis.fetch.http import NotThereError, download_file, find_login
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, by_day, stamp, steps_around
from lst_raster.io.grid import Box

SERVER = "https://opendap.earthdata.nasa.gov"
ROW, COLUMN = 0.5, 0.625  # [degree]
ROWS, COLUMNS = 361, 576  # from 90 S and from 180 W
VARIABLES = ("TQV", "T2M", "PS")
HUMIDITY_2M = "QV2M"
SURFACE = "PHIS"
LEVELS_VARIABLES = ("T", "QV")
LEVELS = 42

# Collections M2T1NXSLV (hourly averages, centred on the half hour), M2C0NXASM (constants) and M2I3NPASM (levels, every
# three hours), and their numbers in NASA's catalogue of metadata.
_HOURLY = "collections/C1276812863-GES_DISC/granules/M2T1NXSLV.5.12.4%3AMERRA2_{stream}.tavg1_2d_slv_Nx.{day}.nc4"
_CONSTANT = "collections/C1276812819-GES_DISC/granules/M2C0NXASM.5.12.4%3AMERRA2_101.const_2d_asm_Nx.00000000.nc4"
_ON_LEVELS = "collections/C1276812879-GES_DISC/granules/M2I3NPASM.5.12.4%3AMERRA2_{stream}.inst3_3d_asm_Np.{day}.nc4"
_EVERY = 3  # [h]
_STREAMS = ((1992, 100), (2001, 200), (2011, 300), (10_000, 400))  # of the production, by the first year after each
_AGAIN = 401  # months of stream 400 that were produced again


class Merra2:
    """The source ``merra2``."""

    def plan(
        self, stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False
    ) -> Plan:  # fmt: skip
        """One file for each day that the two steps are of, one of the surface's elevation, and those of the levels."""
        box, steps = _whole_rows(box.widened(ROW, COLUMN)), steps_around(when, past_the_hour=30)
        base = (server or SERVER).rstrip("/")
        variables = (*VARIABLES, HUMIDITY_2M) if levels else VARIABLES
        parts = [
            Part(
                file=f"{stem}_merra2_{stamp(times[0])}.nc",
                details={"urls": _hourly(base, day, times, box, variables)},
            )
            for day, times in by_day(steps).items()
        ]
        constraint = _constraint((SURFACE,), (0, 0), box)
        parts.append(Part(file=f"{stem}_merra2_surface.nc", details={"urls": [_url(base, _CONSTANT, constraint)]}))
        if levels:
            parts += [
                Part(
                    file=f"{stem}_merra2_levels_{stamp(times[0])}.nc",
                    details={"urls": _on_levels(base, day, times, box)},
                )
                for day, times in by_day(steps_around(when, hours=_EVERY)).items()
            ]
        return Plan(source="merra2", steps=steps, box=box, parts=tuple(parts), script=_script(parts))

    def download(self, plan: Plan, folder: Path, server: str | None, say: Say) -> None:
        """Ask the server for each file."""
        login = find_login()
        for part in plan.parts:
            say(f"asking for {part.file}")
            *others, last = part.details["urls"]
            for url in others:
                try:
                    download_file(url, folder / part.file, login)
                    break
                except NotThereError:
                    continue
            else:
                download_file(last, folder / part.file, login)


def _whole_rows(box: Box) -> Box:
    """Take whole rows where the box crosses the grid's seam at 180 W: an index range cannot."""
    if box.east < 180.0 and box.west >= -180.0:
        return box
    return Box(south=box.south, north=box.north, west=-180.0, east=180.0)


def _hourly(
    base: str, day: np.datetime64, times: list[np.datetime64], box: Box, variables: tuple[str, ...]
) -> list[str]:  # fmt: skip
    hours = _hours(day, times)
    return _of_streams(base, _HOURLY, day, _constraint(variables, (hours[0], hours[-1]), box))


def _on_levels(base: str, day: np.datetime64, times: list[np.datetime64], box: Box) -> list[str]:
    steps = [hour // _EVERY for hour in _hours(day, times)]
    return _of_streams(base, _ON_LEVELS, day, _constraint(LEVELS_VARIABLES, (steps[0], steps[-1]), box, LEVELS))


def _hours(day: np.datetime64, times: list[np.datetime64]) -> list[int]:
    return [int((time - day.astype("datetime64[s]")) / np.timedelta64(1, "h")) for time in times]


def _of_streams(base: str, granule: str, day: np.datetime64, constraint: str) -> list[str]:
    """Addresses of a day's file, of each stream of which it may be."""
    year = int(str(day)[:4])
    stream = next(number for end, number in _STREAMS if year < end)
    streams = (stream, _AGAIN) if stream == 400 else (stream,)
    name = str(day).replace("-", "")
    return [_url(base, granule.format(stream=number, day=name), constraint) for number in streams]


def _constraint(variables: tuple[str, ...], steps: tuple[int, int], box: Box, levels: int = 0) -> str:
    """Expression of DAP4 for some variables and their coordinates; ranges include their ends."""
    time = f"[{steps[0]}:1:{steps[1]}]"
    south, north = round((box.south + 90.0) / ROW), round((box.north + 90.0) / ROW)
    west, east = round((box.west + 180.0) / COLUMN), round((box.east + 180.0) / COLUMN)
    rows, columns = f"[{south}:1:{min(north, ROWS - 1)}]", f"[{west}:1:{min(east, COLUMNS - 1)}]"
    level = f"[0:1:{levels - 1}]" if levels else ""
    chosen = [f"/{name}{time}{level}{rows}{columns}" for name in variables]
    axes = [f"/time{time}", *([f"/lev{level}"] if levels else []), f"/lat{rows}", f"/lon{columns}"]
    return ";".join([*chosen, *axes])


def _url(base: str, granule: str, constraint: str) -> str:
    return f"{base}/{granule}.dap.nc4?dap4.ce={quote(constraint, safe='/:;')}"


def _script(parts: list[Part]) -> str:
    return "".join(f"{_curl(part.details, part.file)}\n" for part in parts)


def _curl(details: Mapping[str, Any], file: str) -> str:
    output = shlex.quote(f"./{file}")  # never taken for an option
    calls = [
        f'curl --fail --location --header "Authorization: Bearer $EARTHDATA_TOKEN" --output {output} {shlex.quote(url)}'
        for url in details["urls"]
    ]
    return " || ".join(calls)
