"""Match-ups over a lake and atmospheric data of their days. The only module that reads the table of match-ups."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.physics.elevation import air_temperature_between
from lst_raster.physics.error_metrics import Agreement as Agreement
from lst_raster.physics.error_metrics import agreement as agreement
from lst_raster.resources import data_path
from lst_raster.simulator.standard_atmosphere import standard_atmosphere
from lst_raster.validation.matchups import USGS, product_title, read_matchups

Float = NDArray[np.float64]

WATER_EMISSIVITY = 0.99
"""Emissivity of calm water seen from above, 10 to 12.5 um. [1]

K. Masuda, T. Takashima, Y. Takayama, Remote Sens. Environ. 24, 313 (1988), doi:10.1016/0034-4257(88)90032-6
"""
Days = NDArray[np.datetime64]

_DAY = re.compile(r"_(\d{4})(\d{2})(\d{2})$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lake:
    """Where a lake lies."""

    name: str
    """Its name."""
    latitude: float
    """Latitude, north positive. [degree]"""
    elevation: float
    """Height of its surface above the sea. [m]"""


SUNAPEE = Lake(name="Lake Sunapee", latitude=43.38, elevation=333.0)
"""Lake Sunapee, New Hampshire, USA, whose buoy the Landsat 7 match-ups are of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LakeTable:
    """Overpasses of one sensor band over a lake; all arrays of shape (overpass,), NaN where unknown."""

    lake: Lake
    """The lake."""
    sensor: str
    """Sensor band."""
    date: Days
    """Day of the overpass."""
    water_vapour: Float
    """Water vapour column. [kg m-2]"""
    brightness_temperature: Float
    """Brightness temperature at the sensor. [K]"""
    ground_temperature: Float
    """Temperature of the water at the buoy. [K]"""
    usgs_temperature: Float
    """Surface temperature of the USGS Collection 2 product. [K]"""
    measured_air: Float
    """Air temperature at 2 m of that day. [K]"""
    relative_humidity: Float
    """Relative humidity at 2 m of that day, a fraction. [1]"""
    wind_speed: Float
    """Wind speed at 10 m of that day. [m s-1]"""

    @property
    def day_of_year(self) -> NDArray[np.int64]:
        """Days since the start of the year, the first is 1."""
        return np.asarray((self.date - self.date.astype("datetime64[Y]")).astype(np.int64) + 1)

    @property
    def year(self) -> Float:
        """Calendar year."""
        return self.date.astype("datetime64[Y]").astype(float) + 1970.0

    @property
    def standard_air(self) -> Float:
        """Air temperature of the standard atmosphere of place and day, at the lake's height. [K]."""
        days = [float(day) for day in self.day_of_year]
        air = np.array([standard_atmosphere(self.lake.latitude, day).air_temperature for day in days])
        return np.asarray(air_temperature_between(air, 0.0, self.lake.elevation))

    @property
    def air_temperature(self) -> Float:
        """Air temperature of that day where it is known, else that of the standard atmosphere. [K]."""
        return np.where(np.isfinite(self.measured_air), self.measured_air, self.standard_air)

    @property
    def common(self) -> NDArray[np.bool_]:
        """Overpasses for which all is known that is compared, the USGS product included."""
        return np.isfinite(self.usgs_temperature + self.ground_temperature + self.brightness_temperature)


def read_lake(path: Path, lake: Lake = SUNAPEE, air: Path | None = None) -> LakeTable:
    """Read match-ups over a lake and the air temperature of their days.

    Parameters
    ----------
    path : Path
        Table of match-ups, as `lst_raster.validation.matchups.read_matchups` takes it; its column
        `product` ends in the date, as names of Landsat products do: LE07_013030_20070805.
    lake : Lake
        The lake.
    air : Path, optional
        Comma-separated values: date, air_temperature_K, relative_humidity_percent, wind_speed_m_s; by default those
        packaged for Lake Sunapee. Days that it lacks and empty cells are unknown.

    Returns
    -------
    LakeTable
        The overpasses.

    Raises
    ------
    InputNotFoundError, InputError
        A file is missing or not such a table, or a product's name does not end in a date.
    """
    matchups = read_matchups(path)
    sensors = set(matchups.sensor)
    if len(sensors) != 1:
        raise InputError(f"{path} is of {', '.join(sorted(sensors)) or 'no sensor'}; give match-ups of one sensor band")
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
        raise InputError(f"product {odd!r} of {path} does not end in a date; give LE07_013030_20070805 or alike")
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
