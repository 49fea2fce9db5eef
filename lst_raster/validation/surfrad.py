"""Surface temperature from SURFRAD stations."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.longwave import longwave_temperature, longwave_temperature_uncertainty
from lst_raster.validation.matchups import Matchups

Float = NDArray[np.float64]

REACH = 5
"""Longest time between the two records that a moment is interpolated from; before 2009 there is one every 3. [min]"""

_NAME = re.compile(r"(?:.*[^a-z0-9])?([a-z0-9]{3})(\d{2})(\d{3})\.dat", re.IGNORECASE)
_CENTURY = 90  # two digits from here on are of the 1900s: the network began in 1993
_COLUMNS = 48
_MISSING = -9999.0  # and below
# Places of the quantities in a row (each followed by its flag), with the factor and the offset to our units.
_PLACES = {
    "downwelling": (16, 1.0, 0.0),  # [W m-2]
    "upwelling": (22, 1.0, 0.0),  # [W m-2]
    "air_temperature": (38, 1.0, 273.15),  # degrees Celsius to [K]
    "surface_pressure": (46, 1.0, 0.0),  # mbar, [hPa]
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StationDay:
    """One day of one station; all arrays of shape (record,), NaN where a value is missing or its flag is not 0."""

    station: str
    """Name of the station, as the file has it."""
    latitude: float
    """Latitude. [degree north]"""
    longitude: float
    """Longitude. [degree east]"""
    elevation: float
    """Height above the sea. [m]"""
    seconds: Float
    """Time of the records, since 1970-01-01 UTC. [s]"""
    values: Mapping[str, Float]
    """Irradiances ``upwelling`` and ``downwelling`` [W m-2], ``air_temperature`` [K], ``surface_pressure`` [hPa]."""


def read_surfrad(path: Path) -> StationDay:
    """Read a daily file in NOAA's format.

    Parameters
    ----------
    path : Path
        The file, for example ``bon16001.dat``.

    Returns
    -------
    StationDay
        Its records.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is no such file, or damaged.

    References
    ----------
    J. A. Augustine et al., J. Atmos. Oceanic Technol. 22, 1460 (2005), doi:10.1175/JTECH1806.1; the README beside the
    files, https://gml.noaa.gov/aftp/data/radiation/surfrad/
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a daily file of a SURFRAD station")
    station, place, *lines = [*path.read_text(encoding="latin-1").splitlines(), "", ""]
    try:
        latitude, west, elevation = (float(text) for text in place.split()[:3])
        rows = np.array([line.split() for line in lines if line.strip()], dtype=np.float64)
        seconds = _seconds(rows)
        order = np.argsort(seconds, kind="stable")
    except (ValueError, OverflowError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path.name} is no daily file of SURFRAD, or damaged ({reason}); fetch it again") from None
    return StationDay(
        station=station.strip(),
        latitude=latitude,
        longitude=-west,  # the files count degrees west
        elevation=elevation,
        seconds=seconds[order],
        values={name: _good(rows[order], *place) for name, place in _PLACES.items()},
    )


class Stations:
    """The SURFRAD files in a folder and its sub-folders, by station and day.

    Parameters
    ----------
    folder : Path
        Files with NOAA's names, ``sssyyddd.dat``: station, year, and day of the year.

    Raises
    ------
    InputNotFoundError
        There is no such folder.
    InputError
        There is no such file in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputNotFoundError(f"{folder} is not a folder; give the one with the daily SURFRAD files")
        self._files = {key: path for path in sorted(folder.rglob("*.dat")) if (key := _key(path)) is not None}
        if not self._files:
            raise InputError(f"{folder} holds no SURFRAD file; their names are like bon16001.dat")
        self._read = cache(read_surfrad)
        first = {station: path for (station, _), path in reversed(self._files.items())}
        titles = {_title(path): station for station, path in first.items()}
        self._stations = titles | {station: station for station in first}

    def at(self, site: str, time: datetime.datetime) -> dict[str, float] | str:
        """Look up what a station measured at a moment, linear between the good records before and after it.

        Parameters
        ----------
        site : str
            The three letters of the station, or the name that its files begin with; case does not matter.
        time : datetime
            The moment, UTC.

        Returns
        -------
        dict of str to float, or str
            Irradiances ``upwelling`` and ``downwelling`` [W m-2], ``air_temperature`` [K] and ``surface_pressure``
            [hPa], NaN where no good records are near enough; or why there is none.

        Raises
        ------
        InputError
            A file is damaged.
        """
        station = self._stations.get(site.lower())
        if station is None:
            return f"no SURFRAD file of a station {site}"
        near = datetime.timedelta(minutes=REACH)
        days = sorted({(time - near).date(), (time + near).date()})
        files = [self._files[station, day] for day in days if (station, day) in self._files]
        if not files:
            return f"no SURFRAD file of the day at {site}"
        found = [self._read(path) for path in files]
        seconds = np.concatenate([day.seconds for day in found])
        return {
            name: _between(seconds, np.concatenate([day.values[name] for day in found]), time.timestamp())
            for name in _PLACES
        }


def _between(seconds: Float, values: Float, moment: float) -> float:
    """Interpolate between the good records around a moment, NaN where they are too far apart."""
    good = np.isfinite(values)
    seconds, values = seconds[good], values[good]
    after = int(np.searchsorted(seconds, moment, "left"))
    if after < seconds.size and seconds[after] == moment:
        return float(values[after])
    if not 0 < after < seconds.size or seconds[after] - seconds[after - 1] > 60.0 * REACH:
        return float("nan")
    return float(np.interp(moment, seconds[after - 1 : after + 1], values[after - 1 : after + 1]))


def _good(rows: Float, place: int, factor: float, offset: float) -> Float:
    values, flags = rows[:, place], rows[:, place + 1]
    return np.where((flags == 0) & (values > _MISSING), values * factor + offset, np.nan)


def _seconds(rows: Float) -> Float:
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS:
        raise ValueError(f"rows of {rows.shape[-1]} numbers, not {_COLUMNS}")
    years, months, days, hours, minutes = (rows[:, index].astype(int).tolist() for index in (0, 2, 3, 4, 5))
    moments = zip(years, months, days, hours, minutes, strict=True)
    return np.array([datetime.datetime(*moment, tzinfo=datetime.UTC).timestamp() for moment in moments])


def _key(path: Path) -> tuple[str, datetime.date] | None:
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    year = int(found[2]) + (1900 if int(found[2]) >= _CENTURY else 2000)
    return found[1].lower(), datetime.date(year, 1, 1) + datetime.timedelta(days=int(found[3]) - 1)


def _title(path: Path) -> str:
    with path.open(encoding="latin-1") as file:
        return file.readline().strip().lower()


IRRADIANCE_UNCERTAINTY = 5.0
"""Standard uncertainty of a pyrgeometer's irradiance in the field: our assumption, 1 to 2 %, by which laboratories'
calibrations differ (R. Philipona et al., J. Atmos. Oceanic Technol. 15, 687 (1998)). [W m-2]"""
BROADBAND_EMISSIVITY_UNCERTAINTY = 0.01
"""Standard uncertainty of the broadband emissivity: our assumption. [1]"""

_AIR = ("air_temperature", "surface_pressure")
_NONE: Mapping[str, float] = MappingProxyType({})


def fill_from_stations(matchups: Matchups, stations: Stations) -> Matchups:
    """Give the rows that lack them a ground temperature, an air temperature and a pressure.

    Irradiances are interpolated linearly to the time of the overpass, `longwave_temperature` makes a temperature of
    them. What a row has already is kept.

    Parameters
    ----------
    matchups : Matchups
        The table; rows with a site and a time are filled, the ground temperature of those with a broadband emissivity.
    stations : Stations
        Files of the stations.

    Returns
    -------
    Matchups
        The same rows, with remarks where there is no ground temperature.

    Raises
    ------
    InputError
        A file of a station is damaged.
    """
    values = {name: array.copy() for name, array in matchups.values.items()}
    remarks = list(matchups.remarks)
    for row in range(len(matchups)):
        measured, remark = _measured(matchups, stations, row)
        emissivity = float(values["broadband_emissivity"][row])
        if math.isnan(values["ground_temperature"][row]):
            found, remarks[row] = _ground(measured, emissivity) if measured else (_NONE, remark)
            for name, value in found.items():
                values[name][row] = value
        for name in _AIR:
            if math.isnan(values[name][row]):
                values[name][row] = measured.get(name, math.nan)
    return replace(matchups, values=values, remarks=tuple(remarks))


def _measured(matchups: Matchups, stations: Stations, row: int) -> tuple[Mapping[str, float], str]:
    """Look up what the station measured, or tell why nothing is known."""
    site, time = matchups.site[row], matchups.time[row]
    if not site or time is None:
        return _NONE, f"no in-situ LST, and no {'time' if site else 'site'} to look it up"
    found = stations.at(site, time)
    return (_NONE, found) if isinstance(found, str) else (found, "")


def _ground(measured: Mapping[str, float], emissivity: float) -> tuple[Mapping[str, float], str]:
    if math.isnan(emissivity):
        return _NONE, "no broadband emissivity"
    up, down = np.float64(measured["upwelling"]), np.float64(measured["downwelling"])
    temperature = longwave_temperature(up, down, emissivity)
    if np.isnan(temperature):
        return _NONE, f"no good longwave records within {REACH} minutes"
    uncertainty = longwave_temperature_uncertainty(
        temperature, down, emissivity, IRRADIANCE_UNCERTAINTY, BROADBAND_EMISSIVITY_UNCERTAINTY
    )
    return {"ground_temperature": float(temperature), "ground_uncertainty": float(uncertainty)}, ""
