"""In-situ temperatures from the longwave irradiances of SURFRAD stations."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.longwave import longwave_temperature, longwave_temperature_uncertainty
from lst_raster.validation.matchups import Matchups

Float = NDArray[np.float64]

MAX_GAP = 5  # longest time between two records that are interpolated; before 2009 there is one every 3 minutes [min]
IRRADIANCE_UNCERTAINTY = 5.0
"""Standard uncertainty of a pyrgeometer's irradiance in the field: our assumption, 1 to 2 %, by which laboratories'
calibrations differ (R. Philipona et al., J. Atmos. Oceanic Technol. 15, 687 (1998)). [W m-2]"""
BROADBAND_EMISSIVITY_UNCERTAINTY = 0.01  # standard uncertainty of the broadband emissivity: our assumption [1]

_NAME = re.compile(r"(?:.*[^a-z0-9])?([a-z0-9]{3})(\d{2})(\d{3})\.dat", re.IGNORECASE)
_CENTURY = 90  # years of two digits from here on are of the 1900s: the network began in 1993
_COLUMNS = 48
_MISSING = -9999.0  # and below
# Column of each quantity (the next column is its flag), with factor and offset to our units
_QUANTITIES = {
    "downwelling": (16, 0.0),  # [W m-2]
    "upwelling": (22, 0.0),  # [W m-2]
    "air_temperature": (38, 273.15),  # degrees Celsius to [K]
    "surface_pressure": (46, 0.0),  # mbar [hPa]
}
_PLACE = ("latitude", "longitude", "elevation")


@dataclass(frozen=True, kw_only=True, slots=True)
class StationDay:
    """One day of one station; arrays of shape (record,), NaN where a value is missing or its flag is not 0."""

    station: str  # name of the station in the file
    latitude: float  # latitude [degree north]
    longitude: float  # longitude [degree east]
    elevation: float  # elevation above sea level [m]
    seconds: Float  # time of the records, since 1970-01-01 UTC [s]
    values: Mapping[str, Float]
    """Irradiances ``upwelling`` and ``downwelling`` [W m-2], ``air_temperature`` [K], ``surface_pressure`` [hPa]."""


def read_surfrad(path: Path) -> StationDay:
    """Read a daily file in NOAA's format, for example ``bon16001.dat``.

    Raises InputNotFoundError, and InputError where it is another kind of file or damaged.

    References
    ----------
    J. A. Augustine et al., J. Atmos. Oceanic Technol. 22, 1460 (2005), doi:10.1175/JTECH1806.1; README of the files,
    https://gml.noaa.gov/aftp/data/radiation/surfrad/
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a daily file of a SURFRAD station")
    station, position, *lines = [*path.read_text(encoding="latin-1").splitlines(), "", ""]
    try:
        latitude, west, elevation = (float(text) for text in position.split()[:3])
        rows = np.array([line.split() for line in lines if line.strip()], dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != _COLUMNS:
            raise ValueError(f"rows of {rows.shape[-1]} numbers, not {_COLUMNS}")
        year, _, month, day, hour, minute = rows[:, :6].astype(int).T.tolist()
        times = (
            datetime.datetime(*moment, tzinfo=datetime.UTC)
            for moment in zip(year, month, day, hour, minute, strict=True)
        )
        seconds = np.array([time.timestamp() for time in times])
    except (ValueError, OverflowError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path.name} is not a daily file of SURFRAD, or damaged ({reason}); download it again"
        ) from None
    order = np.argsort(seconds, kind="stable")
    values = {}
    for name, (column, offset) in _QUANTITIES.items():
        numbers, flags = rows[order, column], rows[order, column + 1]
        values[name] = np.where((flags == 0) & (numbers > _MISSING), numbers + offset, np.nan)
    return StationDay(
        station=station.strip(),
        latitude=latitude,
        longitude=-west,  # the files have degrees west
        elevation=elevation,
        seconds=seconds[order],
        values=values,
    )


class Stations:
    """SURFRAD files in a folder and its sub-folders, with NOAA's names ``sssyyddd.dat``: station, year, day of year.

    Raises InputNotFoundError where there is no such folder, InputError where it has no such file.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputNotFoundError(f"{folder} is not a folder; give the one with the daily SURFRAD files")
        self._files: dict[tuple[str, datetime.date], Path] = {}
        self._stations: dict[str, str] = {}  # by the letters, and by the name in the first line of a file
        for path in sorted(folder.rglob("*.dat")):
            found = _NAME.fullmatch(path.name)
            if found is None:
                continue
            station, year = found[1].lower(), int(found[2]) + (1900 if int(found[2]) >= _CENTURY else 2000)
            day = datetime.date(year, 1, 1) + datetime.timedelta(days=int(found[3]) - 1)
            self._files[station, day] = path
            if station not in self._stations:
                with path.open(encoding="latin-1") as file:
                    self._stations |= {file.readline().strip().lower(): station, station: station}
        if not self._files:
            raise InputError(f"{folder} has no SURFRAD file; their names are like bon16001.dat")
        self._read = cache(read_surfrad)

    def at(self, site: str, time: datetime.datetime) -> dict[str, float] | str:
        """Place of a station, and the quantities of `StationDay` at a time, linear between records with good flags.

        `site` are the three letters of the station, or the name in the first line of its files. Values are NaN where
        the records are more than `MAX_GAP` apart; without a file the reason is returned. Raises InputError where a
        file is damaged.
        """
        station = self._stations.get(site.lower())
        if station is None:
            return f"no SURFRAD file of a station {site}"
        near = datetime.timedelta(minutes=MAX_GAP)
        days = sorted({(time - near).date(), (time + near).date()})
        records = [self._read(self._files[station, day]) for day in days if (station, day) in self._files]
        if not records:
            return f"no SURFRAD file of the day at {site}"
        seconds = np.concatenate([day.seconds for day in records])
        place = {name: float(getattr(records[0], name)) for name in _PLACE}
        return place | {
            name: _interpolated(seconds, np.concatenate([day.values[name] for day in records]), time.timestamp())
            for name in _QUANTITIES
        }


def _interpolated(seconds: Float, values: Float, moment: float) -> float:
    good = np.isfinite(values)
    seconds, values = seconds[good], values[good]
    after = int(np.searchsorted(seconds, moment, "left"))
    if after < seconds.size and seconds[after] == moment:
        return float(values[after])
    if not 0 < after < seconds.size or seconds[after] - seconds[after - 1] > 60.0 * MAX_GAP:
        return math.nan
    return float(np.interp(moment, seconds[after - 1 : after + 1], values[after - 1 : after + 1]))


def fill_from_stations(matchups: Matchups, stations: Stations) -> Matchups:
    """Fill missing in-situ temperatures, air temperatures, pressures and places of rows with a site and a time.

    The in-situ temperature is `longwave_temperature` of the irradiances, for rows with a broadband emissivity. Values
    of the table are kept. Returns the same rows, with the reasons of missing in-situ temperatures.
    """
    values = {name: array.copy() for name, array in matchups.values.items()}
    reasons = list(matchups.insitu_reasons)
    for row, (site, time) in enumerate(zip(matchups.site, matchups.time, strict=True)):
        measured: dict[str, float] | str = f"no in-situ LST, and no {'time' if site else 'site'} to look it up"
        if site and time is not None:
            measured = stations.at(site, time)
        if math.isnan(values["ground_temperature"][row]):
            emissivity = float(values["broadband_emissivity"][row])
            if isinstance(measured, str):
                reasons[row] = measured
            elif math.isnan(emissivity):
                reasons[row] = "no broadband emissivity"
            else:
                temperature, uncertainty = _longwave_temperature(measured, emissivity)
                values["ground_temperature"][row] = temperature
                if not math.isnan(temperature):
                    values["ground_uncertainty"][row] = uncertainty
                reasons[row] = f"no good longwave records within {MAX_GAP} minutes" if math.isnan(temperature) else ""
        if not isinstance(measured, str):
            for name in ("air_temperature", "surface_pressure", *_PLACE):
                if math.isnan(values[name][row]):
                    values[name][row] = measured[name]
    return replace(matchups, values=values, insitu_reasons=tuple(reasons))


def _longwave_temperature(measured: Mapping[str, float], emissivity: float) -> tuple[float, float]:
    """Surface temperature and its uncertainty, NaN without irradiances. [K]"""
    up, down = np.float64(measured["upwelling"]), np.float64(measured["downwelling"])
    temperature = longwave_temperature(up, down, emissivity)
    uncertainty = longwave_temperature_uncertainty(
        temperature, down, emissivity, IRRADIANCE_UNCERTAINTY, BROADBAND_EMISSIVITY_UNCERTAINTY
    )
    return float(temperature), float(uncertainty)
