"""Overpasses of a lake with the radiative terms and the surface temperature of USGS Level-2 products."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

SENSORS: Mapping[str, str] = {
    "LANDSAT_4": "landsat4-b6", "LANDSAT_5": "landsat5-b6", "LANDSAT_7": "landsat7-b6",
}  # fmt: skip
"""Sensor band by mission of the table."""
CLEAR_DISTANCE = 1.0
"""Least distance from a cloud, as in the lowest class of the uncertainty `st_qa_K` of the product. [km]"""
_COLUMNS: Mapping[str, str] = {
    "latitude": "lat", "longitude": "lon", "elevation": "elev_m", "radiance": "st_trad", "transmittance": "st_atran",
    "emissivity": "st_emis", "temperature": "usgs_st_K", "uncertainty": "st_qa_K",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Overpasses:
    """Overpasses of the lake, means over the water pixels around a point; arrays of shape (overpass,)."""

    sensor: NDArray[np.str_]
    """Sensor band."""
    date: NDArray[np.datetime64]
    """Day of the overpass."""
    latitude: Float
    """Latitude, north positive. [degree]"""
    longitude: Float
    """Longitude, east positive. [degree]"""
    elevation: Float
    """Elevation of the water surface. [m]"""
    radiance: Float
    """ST_TRAD, at-sensor radiance. [W m-2 sr-1 um-1]"""
    transmittance: Float
    """ST_ATRAN. [1]"""
    emissivity: Float
    """ST_EMIS. [1]"""
    temperature: Float
    """Surface temperature of the USGS. [K]"""
    uncertainty: Float
    """ST_QA, uncertainty of that temperature. [K]"""
    clear: Mask
    """No pixel flagged as cloud, and the nearest cloud at least `CLEAR_DISTANCE` away."""

    def __len__(self) -> int:
        return self.date.size


def read_overpasses(path: Path) -> Overpasses:
    """Read a table (CSV, gzip) with the columns of the repository Landsat_C2_SRST_GSL.

    Raises `InputNotFoundError` or `InputError` for a missing or invalid table.
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} does not exist; give the table of overpasses")
    try:
        with gzip.open(path, "rt", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError("no rows")
        values = {name: np.array([float(row[column]) for row in rows]) for name, column in _COLUMNS.items()}
        clouds, distance = (np.array([float(row[name]) for row in rows]) for name in ("prop_clouds", "cloud_dist_km"))
        sensor = np.array([SENSORS[row["mission"]] for row in rows])
        date = np.array([row["date"] for row in rows], dtype="datetime64[D]")
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a table of overpasses ({error}); its columns are {_COLUMNS}") from error
    clear = (clouds == 0.0) & (distance >= CLEAR_DISTANCE)
    return Overpasses(sensor=sensor, date=date, clear=clear, **values)
