"""ERA5 from the Copernicus Climate Data Store, with its client. Needs the extra `era5` and an account."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lst_raster.errors import RemoteAccessError, RemoteError
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, by_day, stamp, steps_around, values_in
from lst_raster.io.grid import Box
from lst_raster.io.remote import is_brief
from lst_raster.resources import require

DATASET = "reanalysis-era5-single-levels"
VARIABLES = ["total_column_water_vapour", "2m_temperature", "surface_pressure", "geopotential"]
LEVELS_DATASET = "reanalysis-era5-pressure-levels"
LEVELS = (
    1, 2, 3, 5, 7, 10, 20, 30, 50, 70, *range(100, 251, 25), *range(300, 751, 50), *range(775, 1001, 25),
)  # all levels [hPa] # fmt: skip
CELL = 0.25  # [degree]

_ACCOUNT = (
    "make an account at https://cds.climate.copernicus.eu, accept the licence of ERA5 hourly data on single levels "
    "there, and put the two lines of your profile's page into ~/.cdsapirc, or set CDSAPI_URL and CDSAPI_KEY"
)
_PATIENCE = {"timeout": 60, "retry_max": 5, "sleep_max": 30}  # [s] and attempts
_BRIEF = {"timeout": 20, "retry_max": 2, "sleep_max": 5}  # likewise, where another source serves instead
_OVERHEAD = 40_000  # bytes of a file that are not values


def plan(stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
    """Plan one request per day, and one more for its levels."""
    box, steps = box.widened(CELL, CELL), steps_around(when)
    variables = [*VARIABLES, "2m_dewpoint_temperature"] if levels else VARIABLES
    datasets: list[tuple[str, str, dict[str, Any]]] = [("", DATASET, {"variable": variables})]
    if levels:
        selection = {"variable": ["temperature", "specific_humidity"], "pressure_level": [str(p) for p in LEVELS]}
        datasets.append(("levels_", LEVELS_DATASET, selection))
    parts = tuple(
        Part(
            file=f"{stem}_era5_{prefix}{stamp(times[0])}.nc",
            details={"dataset": dataset, "request": _request(day, times, box, selection)},
            size=_OVERHEAD + 4 * len(times) * _planes(selection) * values_in(box, CELL, CELL),
        )
        for prefix, dataset, selection in datasets
        for day, times in by_day(steps).items()
    )
    lines = ["import cdsapi", "", "client = cdsapi.Client()"]
    for part in parts:
        request = json.dumps(part.details["request"], indent=4)
        lines.append(f"client.retrieve({part.details['dataset']!r}, {request}, {part.file!r})")
    return Plan(source="era5", steps=steps, box=box, parts=parts, script="\n".join(lines) + "\n")


def download(plan: Plan, folder: Path, server: str | None, say: Say) -> Iterator[Part]:
    """Submit the requests, wait for them, and download their files."""
    api = require("cdsapi", "era5").api
    url, key = _credentials(api, server)

    def report(*arguments: Any, **_: Any) -> None:
        say(str(arguments[0]))

    with require("requests", "era5").Session() as session:
        client = api.Client(
            url=url, key=key, quiet=True, progress=False, session=session, info_callback=report,
            warning_callback=report, error_callback=report, **(_BRIEF if is_brief() else _PATIENCE),
        )  # fmt: skip
        for part in plan.parts:
            try:
                client.retrieve(part.details["dataset"], dict(part.details["request"]), str(folder / part.file))
            except Exception as reason:  # errors of requests, and RuntimeError
                detail = str(reason).replace(client.key, "***")
                raise RemoteError(f"the Climate Data Store did not send {part.file}: {detail}") from None
            yield part


def has_credentials() -> bool:
    """Whether there is a key, or a file with one."""
    file = Path(os.environ.get("CDSAPI_RC") or Path.home() / ".cdsapirc")
    return bool(os.environ.get("CDSAPI_KEY")) or file.is_file()


def _planes(selection: Mapping[str, Any]) -> int:
    return len(selection["variable"]) * len(selection.get("pressure_level", "1"))


def _request(day: np.datetime64, times: list[np.datetime64], box: Box, selection: Mapping[str, Any]) -> dict[str, Any]:
    year, month, date = str(day).split("-")
    return {
        "product_type": ["reanalysis"], **selection, "year": [year], "month": [month], "day": [date],
        "time": [str(time)[11:16] for time in times], "data_format": "netcdf", "download_format": "unarchived",
        "area": [box.north, box.west, box.south, box.east],
    }  # fmt: skip


def _credentials(api: Any, server: str | None) -> tuple[str, str]:
    try:
        url, key, _ = api.get_url_key_verify(server, None, None)
    except Exception as reason:  # the client has no specific error class
        raise RemoteAccessError(f"there are no credentials for the Climate Data Store; {_ACCOUNT}") from reason
    if ":" in key:
        raise RemoteAccessError(
            f"the key for the Climate Data Store has a colon: it is one of the service that closed in 2024; {_ACCOUNT}"
        )
    return url, key
