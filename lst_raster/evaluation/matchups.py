"""Match-ups: a satellite overpass beside a temperature measured on the ground."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.evaluation.published import retrieve_published
from lst_raster.inference.model import Model
from lst_raster.physics.band import sensor_band
from lst_raster.physics.elevation import pressure_at
from lst_raster.physics.planck import band_radiance

Float = NDArray[np.float64]

WATER_EMISSIVITY = 0.99
"""Emissivity of calm water seen from above, 10 to 12.5 um. [1]

K. Masuda, T. Takashima, Y. Takayama, Remote Sens. Environ. 24, 313 (1988), doi:10.1016/0034-4257(88)90032-6
"""

_COLUMNS = {
    "water_vapour": "water_vapour_kg_m2",
    "brightness_temperature": "brightness_temperature_K",
    "ground_temperature": "insitu_water_temperature_K",
    "usgs_temperature": "usgs_c2_surface_temperature_K",
}
_OUTLIER = 3.0  # robust standard deviations
_ROBUST = 1.4826  # from median absolute deviation to standard deviation, for normal errors


@dataclass(frozen=True, kw_only=True, slots=True)
class Matchups:
    """Overpasses of one sensor band over one place; all arrays of shape (overpass,), NaN where unknown."""

    sensor: str
    """Sensor band."""
    water_vapour: Float
    """Water vapour column. [kg m-2]"""
    brightness_temperature: Float
    """Brightness temperature at the sensor. [K]"""
    ground_temperature: Float
    """Temperature measured on the ground. [K]"""
    usgs_temperature: Float
    """Surface temperature of the USGS Collection 2 product. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How retrieved temperatures agree with those on the ground."""

    count: int
    """Number of match-ups."""
    bias: float
    """Mean of retrieved less ground. [K]"""
    sd: float
    """Standard deviation about that mean. [K]"""
    rmse: float
    """Root mean square of the differences. [K]"""
    median: float
    """Median of the differences: the bias that a few failures do not move. [K]"""
    robust_sd: float
    """Standard deviation by the median absolute deviation from the median. [K]"""
    outliers: int
    """Match-ups more than three robust standard deviations from the median: cloud, or a failing instrument. None
    is left out of the other figures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchupReport:
    """Agreement of a model, of published methods and of the USGS product on the same match-ups."""

    model: str
    """Name of the model."""
    total: int
    """Match-ups in the table."""
    compared: int
    """Those for which every method has a value: all statistics are over these."""
    methods: Mapping[str, Agreement]
    """Method to agreement."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries and numbers, for JSON."""
        return asdict(self)


def read_matchups(path: Path) -> Matchups:
    """Read a table of match-ups.

    Parameters
    ----------
    path : Path
        Comma-separated values with a header: sensor, water_vapour_kg_m2, brightness_temperature_K,
        insitu_water_temperature_K, usgs_c2_surface_temperature_K; an empty cell is a missing value.

    Returns
    -------
    Matchups
        The table.

    Raises
    ------
    InputNotFoundError
        The file does not exist.
    InputError
        A column is missing, a cell is not a number, or the table is of several sensors.
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a table of match-ups (.csv)")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in ("sensor", *_COLUMNS.values()) if not rows or name not in rows[0]]
    if missing:
        raise InputError(f"{path} lacks the column {', '.join(missing)}; see the table's description")
    sensors = {row["sensor"] for row in rows}
    if len(sensors) > 1:
        raise InputError(f"{path} has several sensors, {', '.join(sorted(sensors))}; give one table for each")
    columns = {field: _numbers(rows, name, path) for field, name in _COLUMNS.items()}
    return Matchups(sensor=sensors.pop(), **columns)


def _numbers(rows: list[dict[str, str]], name: str, path: Path) -> Float:
    try:
        return np.array([float(row[name]) if row[name] else math.nan for row in rows])
    except ValueError as error:
        raise InputError(f"{path}: {error} in column {name}") from None


def compare(
    model: Model, matchups: Matchups, *, elevation: float, emissivity: float = WATER_EMISSIVITY
) -> MatchupReport:
    """Compare retrievals with the ground.

    Parameters
    ----------
    model : Model
        Retrieval graph that needs no air temperature (tier ``column``): the table has none.
    matchups : Matchups
        Match-ups of the model's sensor band.
    elevation : float
        Height of the place above sea level, from which the surface pressure follows. [m]
    emissivity : float
        Emissivity of the place; by default that of water. [1]

    Returns
    -------
    MatchupReport
        Agreement of the model beside the published methods, the USGS product and the raw brightness temperature.

    Raises
    ------
    InputError
        The model is of another sensor band, or needs inputs that the table does not have.
    """
    if model.contract.sensor != matchups.sensor:
        raise InputError(f"the model is for {model.contract.sensor}, the match-ups are of {matchups.sensor}")
    retrieved = _retrieve(model, matchups, elevation, emissivity)
    errors = {name: values - matchups.ground_temperature for name, values in retrieved.items()}
    known = np.isfinite(np.stack(list(errors.values()))).all(axis=0)
    return MatchupReport(
        model=model.contract.name,
        total=known.size,
        compared=int(np.count_nonzero(known)),
        methods={name: agreement(error[known]) for name, error in errors.items()},
    )


def _retrieve(model: Model, matchups: Matchups, elevation: float, emissivity: float) -> dict[str, Float]:
    radiance = band_radiance(matchups.brightness_temperature, sensor_band(matchups.sensor).planck)
    inputs = {
        "radiance": radiance,
        "emissivity": emissivity,
        "water_vapour": matchups.water_vapour,
        "surface_pressure": float(pressure_at(elevation)),
    }
    lst = np.asarray(model.predict(**inputs)["lst"], dtype=float)
    given = np.full_like(radiance, emissivity)
    return {
        model.contract.name: lst,
        **retrieve_published(matchups.sensor, radiance, given, matchups.water_vapour),
        "USGS Collection 2": matchups.usgs_temperature,
        "brightness temperature": matchups.brightness_temperature,
    }


def agreement(error: Float) -> Agreement:
    """Summarise differences between retrieved and ground temperatures.

    Parameters
    ----------
    error : array of shape (match-up,)
        Retrieved less ground, finite. [K]

    Returns
    -------
    Agreement
        Statistics; NaN where there are fewer than two match-ups.
    """
    if error.size < 2:
        none = math.nan
        return Agreement(count=error.size, bias=none, sd=none, rmse=none, median=none, robust_sd=none, outliers=0)
    median = float(np.median(error))
    robust = _ROBUST * float(np.median(np.abs(error - median)))
    return Agreement(
        count=error.size,
        bias=float(np.mean(error)),
        sd=float(np.std(error, ddof=1)),
        rmse=float(np.sqrt(np.mean(error**2))),
        median=median,
        robust_sd=robust,
        outliers=int(np.count_nonzero(np.abs(error - median) > _OUTLIER * robust)),
    )
