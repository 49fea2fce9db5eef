"""ERA5 from the Climate Data Store of Copernicus, through its own client. Needs the extra `era5` and an account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lst_raster.errors import RemoteAccessError, RemoteError
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say, by_day, stamp, steps_around
from lst_raster.io.grid import Box
from lst_raster.resources import require

DATASET = "reanalysis-era5-single-levels"
VARIABLES = ("total_column_water_vapour", "2m_temperature", "surface_pressure", "geopotential")
DEW_POINT = "2m_dewpoint_temperature"
LEVELS_DATASET = "reanalysis-era5-pressure-levels"
LEVELS_VARIABLES = ("temperature", "specific_humidity")
LEVELS = (
    1, 2, 3, 5, 7, 10, 20, 30, 50, 70, *range(100, 251, 25), *range(300, 751, 50), *range(775, 1001, 25),
)  # all that there are [hPa] # fmt: skip
CELL = 0.25  # [degree]

_ACCOUNT = (
    "make an account at https://cds.climate.copernicus.eu, accept the licence of ERA5 hourly data on single levels "
    "there, and put the two lines of your profile's page into ~/.cdsapirc, or set CDSAPI_URL and CDSAPI_KEY"
)
_PATIENCE = {"timeout": 60, "retry_max": 5, "sleep_max": 30}  # [s] and attempts


class ClimateDataStore:
    """The source ``era5``."""

    def plan(
        self, stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False
    ) -> Plan:  # fmt: skip
        """One request for each day that the two steps are of, and one more for its levels."""
        box, steps = box.widened(CELL, CELL), steps_around(when)
        variables = (*VARIABLES, DEW_POINT) if levels else VARIABLES
        asked = [("", DATASET, {"variable": list(variables)})]
        if levels:
            pressures = {"variable": list(LEVELS_VARIABLES), "pressure_level": [str(level) for level in LEVELS]}
            asked.append(("levels_", LEVELS_DATASET, pressures))
        parts = tuple(
            Part(
                file=f"{stem}_era5_{kind}{stamp(times[0])}.nc",
                details={"dataset": dataset, "request": _request(day, times, box, what)},
            )
            for kind, dataset, what in asked
            for day, times in by_day(steps).items()
        )
        return Plan(source="era5", steps=steps, box=box, parts=parts, script=_script(parts))

    def download(self, plan: Plan, folder: Path, server: str | None, say: Say) -> None:
        """Submit the requests, wait for them, and write their files."""
        api = require("cdsapi", "era5").api
        url, key = _credentials(api, server)
        with require("requests", "era5").Session() as session:
            client = api.Client(
                url=url, key=key, quiet=True, progress=False, session=session, info_callback=_told(say),
                warning_callback=_told(say), error_callback=_told(say), **_PATIENCE,
            )  # fmt: skip
            for part in plan.parts:
                _retrieve(client, part, folder / part.file)


def _request(day: np.datetime64, times: list[np.datetime64], box: Box, what: Mapping[str, Any]) -> dict[str, Any]:
    year, month, date = str(day).split("-")
    return {
        "product_type": ["reanalysis"],
        **what,
        "year": [year],
        "month": [month],
        "day": [date],
        "time": [str(time)[11:16] for time in times],
        "data_format": "netcdf",
        "download_format": "unarchived",
        "area": [box.north, box.west, box.south, box.east],
    }


def _script(parts: tuple[Part, ...]) -> str:
    lines = ["import cdsapi", "", "client = cdsapi.Client()"]
    for part in parts:
        request = json.dumps(part.details["request"], indent=4)
        lines.append(f"client.retrieve({part.details['dataset']!r}, {request}, {part.file!r})")
    return "\n".join(lines) + "\n"


def _credentials(api: Any, server: str | None) -> tuple[str, str]:
    try:
        url, key, _ = api.get_url_key_verify(server, None, None)
    except Exception as reason:  # the client has no error of its own for this
        raise RemoteAccessError(f"there are no credentials for the Climate Data Store; {_ACCOUNT}") from reason
    if ":" in key:
        raise RemoteAccessError(
            f"the key for the Climate Data Store has a colon: it is one of the service that closed in 2024; {_ACCOUNT}"
        )
    return url, key


def _retrieve(client: Any, part: Part, target: Path) -> None:
    try:
        client.retrieve(part.details["dataset"], dict(part.details["request"]), str(target))
    except Exception as reason:  # those of requests, and RuntimeErrors
        raise RemoteError(
            f"the Climate Data Store did not send {part.file}: {_hidden(str(reason), client.key)}"
        ) from None


def _hidden(text: str, key: str) -> str:
    """Keep a key out of a message."""
    return text.replace(key, "***")


def _told(say: Say) -> Any:
    return lambda *arguments, **_: say(str(arguments[0]))
