"""Match-ups over a lake, with daily atmospheric data. Only this module reads the table of match-ups."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.studies.points import climatological_inputs
from lst_raster.errors import InputError
from lst_raster.physics.error_metrics import Agreement as Agreement
from lst_raster.physics.error_metrics import agreement as agreement
from lst_raster.resources import data_path
from lst_raster.validation.matchups import USGS, product_title, read_matchups

Float = NDArray[np.float64]

WATER_EMISSIVITY = 0.99
"""Emissivity of calm water at nadir, 10 to 12.5 um. [1]

K. Masuda, T. Takashima, Y. Takayama, Remote Sens. Environ. 24, 313 (1988), doi:10.1016/0034-4257(88)90032-6
"""
Days = NDArray[np.datetime64]

_DAY = re.compile(r"_(\d{4})(\d{2})(\d{2})$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lake:
    """Name and location of a lake."""

    name: str
    latitude: float
    """Latitude, north positive. [degree]"""
    longitude: float
    """Longitude, east positive. [degree]"""
    elevation: float
    """Elevation of the water surface above sea level. [m]"""


SUNAPEE = Lake(name="Lake Sunapee", latitude=43.38, longitude=-72.05, elevation=333.0)
"""Lake Sunapee, New Hampshire, USA, site of the buoy of the Landsat 7 match-ups."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LakeTable:
    """Overpasses of one sensor band over a lake; arrays of shape (overpass,), NaN where missing."""

    lake: Lake
    sensor: str
    date: Days
    """Day of the overpass."""
    water_vapour: Float
    """Water vapour column. [kg m-2]"""
    brightness_temperature: Float
    """At-sensor brightness temperature. [K]"""
    ground_temperature: Float
    """Water temperature of the buoy. [K]"""
    usgs_temperature: Float
    """Surface temperature of the USGS Collection 2 product. [K]"""
    measured_air: Float
    """Daily mean air temperature at 2 m. [K]"""
    relative_humidity: Float
    """Daily mean relative humidity at 2 m, a fraction. [1]"""
    wind_speed: Float
    """Daily mean wind speed at 10 m. [m s-1]"""

    @property
    def day_of_year(self) -> NDArray[np.int64]:
        """Day of the year, starting at 1."""
        return np.asarray((self.date - self.date.astype("datetime64[Y]")).astype(np.int64) + 1)

    @property
    def climatology(self) -> dict[str, Float]:
        """Atmospheric inputs from place, elevation and day, see `climatological_inputs`."""
        return climatological_inputs(self.lake.latitude, self.lake.longitude, self.lake.elevation, self.date)

    @property
    def common(self) -> NDArray[np.bool_]:
        """Mask of overpasses with all compared quantities, including the USGS product."""
        return np.isfinite(self.usgs_temperature + self.ground_temperature + self.brightness_temperature)


def read_lake(path: Path, lake: Lake = SUNAPEE, air: Path | None = None) -> LakeTable:
    """Read match-ups over a lake (see `lst_raster.validation.matchups.read_matchups`) and daily mean air temperatures.

    The column `product` ends in the date, as names of Landsat products do: LE07_013030_20070805. `air` is a CSV file
    with date, air_temperature_K, relative_humidity_percent, wind_speed_m_s (default: packaged for Lake Sunapee);
    missing days and empty cells are NaN. Raises `InputNotFoundError` or `InputError` for a missing or invalid table.
    """
    matchups = read_matchups(path)
    sensors = set(matchups.sensor)
    if len(sensors) != 1:
        raise InputError(f"{path} has {', '.join(sorted(sensors)) or 'no sensor'}; use match-ups of one sensor band")
    date = _dates(path, matchups.extra_columns.get("product", ()))
    known = _air(air or data_path("lake_sunapee", "air.csv"))
    unknown = (np.nan, np.nan, np.nan)
    temperature, humidity, wind = np.array([known.get(str(day), unknown) for day in date]).T
    return LakeTable(
        lake=lake,
        sensor=sensors.pop(),
        date=date,
        water_vapour=matchups.values["water_vapour"],
        brightness_temperature=matchups.values["brightness_temperature"],
        ground_temperature=matchups.values["ground_temperature"],
        usgs_temperature=matchups.products[product_title(USGS)],
        measured_air=temperature,
        relative_humidity=humidity / 100.0,
        wind_speed=wind,
    )


def _dates(path: Path, names: Sequence[str]) -> Days:
    found = [_DAY.search(name) for name in names]
    if not found or not all(found):
        odd = names[found.index(None)] if found else ""
        raise InputError(f"product {odd!r} of {path} does not end in a date; use names such as LE07_013030_20070805")
    return np.array(["-".join(match.groups()) for match in found if match], dtype="datetime64[D]")


def _air(path: Path) -> dict[str, tuple[float, float, float]]:
    names = ("air_temperature_K", "relative_humidity_percent", "wind_speed_m_s")

    def number(text: str) -> float:
        return float(text) if text else np.nan

    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {row["date"]: (number(row[names[0]]), number(row[names[1]]), number(row[names[2]])) for row in rows}
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a table of date, {', '.join(names)} ({error})") from error
