"""MERRA-2 from the OPeNDAP server (DAP4) of NASA's GES DISC. Needs an Earthdata account."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import quote

import numpy as np

from lst_raster.inputs.reanalysis.fetch.http import NotThereError, download_file, find_login
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, Steps, by_day, stamp, steps_around
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
# three hours), and their identifiers in NASA's metadata catalogue.
_HOURLY = "collections/C1276812863-GES_DISC/granules/M2T1NXSLV.5.12.4%3AMERRA2_{stream}.tavg1_2d_slv_Nx.{day}.nc4"
_CONSTANT = "collections/C1276812819-GES_DISC/granules/M2C0NXASM.5.12.4%3AMERRA2_101.const_2d_asm_Nx.00000000.nc4"
_ON_LEVELS = "collections/C1276812879-GES_DISC/granules/M2I3NPASM.5.12.4%3AMERRA2_{stream}.inst3_3d_asm_Np.{day}.nc4"
_LEVELS_STEP = 3  # [h]
_STREAMS = ((1992, 100), (2001, 200), (2011, 300), (10_000, 400))  # production streams, each until before a year
_REPROCESSED = 401  # stream of the reprocessed months of stream 400


class Merra2:
    """The source ``merra2``."""

    def plan(self, stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
        """Plan one file per day, one of the surface elevation, and those of the levels."""
        box = box.widened(ROW, COLUMN)
        if box.west < -180.0 or box.east >= 180.0:  # index ranges cannot cross the seam of the grid
            box = Box(south=box.south, north=box.north, west=-180.0, east=180.0)
        base = (server or SERVER).rstrip("/")
        steps = steps_around(when, past_the_hour=30)
        variables = (*VARIABLES, HUMIDITY_2M) if levels else VARIABLES
        parts = _daily(f"{stem}_merra2_", base, _HOURLY, steps, 1, variables, box)
        surface = _url(base, _CONSTANT, _constraint((SURFACE,), (0, 0), box))
        parts.append(Part(file=f"{stem}_merra2_surface.nc", details={"urls": [surface]}))
        if levels:
            steps_on_levels = steps_around(when, hours=_LEVELS_STEP)
            parts += _daily(
                f"{stem}_merra2_levels_", base, _ON_LEVELS, steps_on_levels, _LEVELS_STEP, LEVELS_VARIABLES, box, LEVELS
            )
        script = "".join(f"{_curl(part)}\n" for part in parts)
        return Plan(source="merra2", steps=steps, box=box, parts=tuple(parts), script=script)

    def download(self, plan: Plan, folder: Path, server: str | None, say: Say) -> None:
        """Download each file from the first of its addresses that exists."""
        login = find_login()
        for part in plan.parts:
            say(f"requesting {part.file}")
            *others, last = part.details["urls"]
            for url in others:
                try:
                    download_file(url, folder / part.file, login)
                    break
                except NotThereError:
                    continue
            else:
                download_file(last, folder / part.file, login)


def _daily(
    prefix: str, base: str, granule: str, steps: Steps, every: int, variables: tuple[str, ...], box: Box,
    levels: int = 0,
) -> list[Part]:  # fmt: skip
    """One file per day, with an address for each production stream that may contain it."""
    parts = []
    for day, times in by_day(steps).items():
        hours = [int((time - day.astype("datetime64[s]")) / np.timedelta64(1, "h")) for time in times]
        constraint = _constraint(variables, (hours[0] // every, hours[-1] // every), box, levels)
        year, name = int(str(day)[:4]), str(day).replace("-", "")
        stream = next(number for end, number in _STREAMS if year < end)
        streams = (stream, _REPROCESSED) if stream == 400 else (stream,)
        urls = [_url(base, granule.format(stream=number, day=name), constraint) for number in streams]
        parts.append(Part(file=f"{prefix}{stamp(times[0])}.nc", details={"urls": urls}))
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


def _url(base: str, granule: str, constraint: str) -> str:
    return f"{base}/{granule}.dap.nc4?dap4.ce={quote(constraint, safe='/:;')}"


def _curl(part: Part) -> str:
    output = shlex.quote(f"./{part.file}")  # never taken for an option
    calls = [
        f'curl --fail --location --header "Authorization: Bearer $EARTHDATA_TOKEN" --output {output} {shlex.quote(url)}'
        for url in part.details["urls"]
    ]
    return " || ".join(calls)
