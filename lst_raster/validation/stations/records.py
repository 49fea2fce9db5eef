"""Files of stations, and the records in them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

QUANTITIES = ("upwelling", "downwelling", "air_temperature", "surface_pressure")
"""Longwave irradiances [W m-2], air temperature [K] and surface pressure [hPa] of `StationRecords.values`."""
PLACE = ("latitude", "longitude", "elevation")
MINUTES_GAP = 300.0  # longest time between two records of a minute that are interpolated; SURFRAD had one in 3 min [s]


@dataclass(frozen=True, kw_only=True, slots=True)
class StationRecords:
    """Records of one file of one station; arrays of shape (record,), NaN where a value is missing or not good."""

    latitude: float = math.nan  # latitude, NaN where the file has none [degree north]
    longitude: float = math.nan  # longitude [degree east]
    elevation: float = math.nan  # elevation above sea level [m]
    seconds: Float  # time of the records since 1970-01-01, UTC or the local standard time of the file [s]
    values: Mapping[str, Float]  # some of `QUANTITIES`
    longest_gap: float = MINUTES_GAP  # longest time between two records that are interpolated [s]

    def at(self, name: str, moment: float) -> float:
        """Value of a quantity at a time [s], linear between the good records before and after; NaN across a gap."""
        values = self.values.get(name)
        good = np.isfinite(values) if values is not None else np.zeros(0, bool)
        if values is None or not good.any():
            return math.nan
        seconds, values = self.seconds[good], values[good]
        after = int(np.searchsorted(seconds, moment, "left"))
        if after < seconds.size and seconds[after] == moment:
            return float(values[after])
        if not 0 < after < seconds.size or seconds[after] - seconds[after - 1] > self.longest_gap:
            return math.nan
        return float(np.interp(moment, seconds[after - 1 : after + 1], values[after - 1 : after + 1]))


def joined(records: list[StationRecords]) -> StationRecords:
    """Join the records of files of one format in the order of time; the place is that of the first file."""
    seconds = np.concatenate([one.seconds for one in records])
    order = np.argsort(seconds, kind="stable")
    values = {}
    for name in QUANTITIES:
        parts = [one.values.get(name, np.full(one.seconds.shape, math.nan)) for one in records]
        values[name] = np.concatenate(parts)[order]
    first = records[0]
    return StationRecords(
        latitude=first.latitude, longitude=first.longitude, elevation=first.elevation,
        seconds=seconds[order], values=values, longest_gap=first.longest_gap,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class StationFile:
    """A file of a station, recognised by its name or header."""

    path: Path
    network: str  # name of the format: the files of a station with the same one are joined
    names: tuple[str, ...]  # names of the station in lower case, the first one for messages
    first: datetime.date = datetime.date.min  # first day that may be in the file
    last: datetime.date = datetime.date.max
    local_time: bool = False  # whether times are local standard time
    read: Callable[[Path], StationRecords]
    """Read the file; raises InputError where it is damaged."""


def year_of(digits: str) -> int:
    """Year of two digits, 1990 to 2089: SURFRAD and BSRN began in 1992 and 1993."""
    return int(digits) + (1900 if int(digits) >= 90 else 2000)
