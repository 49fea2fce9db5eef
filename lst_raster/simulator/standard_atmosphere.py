"""Standard atmosphere by latitude and season, the default for missing atmospheric inputs."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lst_raster.errors import InputError
from lst_raster.resources import data_path

_MID_JULY = 197  # day of the year of the summer atmospheres
_YEAR = 365.25  # [day]


@dataclass(frozen=True, kw_only=True, slots=True)
class StandardAtmosphere:
    """Atmospheric state at the ground, as needed by the models."""

    water_vapour: float  # water vapour column [kg m-2]
    air_temperature: float  # air temperature at the ground [K]
    surface_pressure: float  # air pressure at the ground, at sea level [hPa]


def standard_atmosphere(latitude: float, day_of_year: float | None) -> StandardAtmosphere:
    """AFGL standard atmosphere by latitude [degree] and day of the year (None: mean of summer and winter).

    Temperature, pressure and the logarithm of the water vapour are linear between the latitudes of the tropical,
    mid-latitude and sub-arctic atmospheres (15, 45, 60 degrees) and between summer and winter (a cosine from mid-July
    to mid-January, half a year later in the south). On a given day the water vapour may be half or twice as much.
    Raises InputError for a latitude outside -90 to 90.

    References
    ----------
    G. P. Anderson et al., AFGL Atmospheric Constituent Profiles (0-120 km), AFGL-TR-86-0110 (1986)

    Examples
    --------
    >>> standard_atmosphere(45.0, 197).water_vapour
    29.2
    """
    if not -90.0 <= latitude <= 90.0:
        raise InputError(f"latitude {latitude} is outside -90 to 90 degrees; check the scene's coordinate system")
    summer = _summer_weight(latitude, day_of_year)
    vapour = _blend("water_vapour", latitude, summer, logarithmic=True)
    return StandardAtmosphere(
        water_vapour=round(vapour, 1),
        air_temperature=round(_blend("air_temperature", latitude, summer), 1),
        surface_pressure=round(_blend("surface_pressure", latitude, summer), 1),
    )


def _summer_weight(latitude: float, day_of_year: float | None) -> float:
    """Weight of the local summer, 1 in mid-summer and 0 in mid-winter."""
    if day_of_year is None:
        return 0.5
    northern = 0.5 + 0.5 * math.cos(2.0 * math.pi * (day_of_year - _MID_JULY) / _YEAR)
    return northern if latitude >= 0.0 else 1.0 - northern


def _blend(name: str, latitude: float, summer: float, *, logarithmic: bool = False) -> float:
    table = _table()
    latitudes = [zone["latitude"] for zone in table.values()]
    ends = np.array([[zone[season][name] for season in ("summer", "winter")] for zone in table.values()])
    ends = np.log(ends) if logarithmic else ends
    value = np.interp(abs(latitude), latitudes, ends @ np.array([summer, 1.0 - summer]))
    return float(np.exp(value) if logarithmic else value)


@cache
def _table() -> Mapping[str, Any]:
    with data_path("standard_atmospheres", "standard_atmospheres.toml").open("rb") as file:
        return tomllib.load(file)
