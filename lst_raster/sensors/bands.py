"""The sensor bands, those of the package and the user's own, with their Planck coefficients and default constants.

The package's stand in one table; each of the user's own has a folder, ``sensors/NAME`` in the user's folder, with
``sensor.toml`` and ``response.csv``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lst_raster.errors import ConfigError, UnknownSensorError
from lst_raster.physics.planck import BandPlanck
from lst_raster.resources import data_path, user_path

DEFINITION, RESPONSE = "sensor.toml", "response.csv"
"""Files that define a sensor band of the user's own."""
OWN_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
"""What such a band may be called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorBand:
    """One thermal band of one satellite."""

    name: str
    """Name by which commands and models refer to it, for example ``landsat8-b10``."""
    title: str
    """Name for people, for example ``Landsat 8 TIRS band 10``."""
    first_year: int
    """First year of operation."""
    last_year: int
    """Last year of operation (the current decade's end for those still flying)."""
    gain: float
    """Default RADIANCE_MULT of a Level-1 product; 0 where there are no digital numbers. [W m-2 sr-1 um-1]"""
    radiance_offset: float
    """Default RADIANCE_ADD of a Level-1 product. [W m-2 sr-1 um-1]"""
    k1: float
    """K1_CONSTANT of the metadata. [W m-2 sr-1 um-1]"""
    k2: float
    """K2_CONSTANT of the metadata. [K]"""
    wavelength: float
    """Effective wavelength: the response's mean. [um]"""
    noise: float
    """Standard deviation of the noise of a pixel, as a temperature at 300 K. [K]"""
    calibration_uncertainty: float
    """Standard uncertainty of the radiometric calibration, common to all pixels of a scene, likewise at 300 K. [K]"""
    planck: BandPlanck
    """Coefficients of the band-averaged Planck function."""
    is_own: bool = False
    """Whether the user has defined it."""


@cache
def _table() -> dict[str, SensorBand]:
    with data_path("bands", "bands.toml").open("rb") as file:
        entries = tomllib.load(file)
    return {name: _band(name, entry) for name, entry in entries.items()}


def _band(name: str, entry: dict[str, Any], **more: Any) -> SensorBand:
    return SensorBand(name=name, planck=BandPlanck(**entry.pop("planck")), **entry, **more)


def sensor_names() -> list[str]:
    """Names of the sensor bands that come with the package.

    Examples
    --------
    >>> "landsat8-b10" in sensor_names()
    True
    """
    return sorted(_table())


def own_sensor_names() -> list[str]:
    """Names of the sensor bands that the user has defined."""
    names = (path.parent.name for path in user_path("sensors").glob(f"*/{DEFINITION}"))
    return sorted(name for name in names if OWN_NAME.fullmatch(name))


def sensor_band(name: str) -> SensorBand:
    """Look up a sensor band by name.

    Parameters
    ----------
    name : str
        For example ``landsat8-b10``, or that of one of the user's own; case does not matter.

    Raises
    ------
    UnknownSensorError
        The name is not known; the message lists those that are.
    ConfigError
        The definition of one of the user's own is damaged.
    """
    shipped = _table().get(name.lower())
    if shipped is not None:
        return shipped
    path = user_path("sensors", name.lower(), DEFINITION)
    if OWN_NAME.fullmatch(name.lower()) and path.is_file():
        return _own_band(path, path.stat().st_mtime_ns)
    known = ", ".join([*sensor_names(), *own_sensor_names()])
    raise UnknownSensorError(f"unknown sensor band {name!r}; known are {known}; lst-raster sensor new defines another")


@lru_cache(maxsize=64)
def _own_band(path: Path, changed: int) -> SensorBand:
    """Read a definition; once, until it changes."""
    try:
        return _band(path.parent.name, tomllib.loads(path.read_text(encoding="utf-8"))["sensor"], is_own=True)
    except (KeyError, TypeError, AttributeError, ValueError) as reason:
        raise ConfigError(
            f"{path} does not define a sensor band ({reason}); make it again: lst-raster sensor new"
        ) from reason


def response_path(name: str) -> Path:
    """Path of the table with a sensor band's spectral response; errors as `sensor_band`."""
    band = sensor_band(name)
    return user_path("sensors", band.name, RESPONSE) if band.is_own else data_path("bands", f"{band.name}.csv")
