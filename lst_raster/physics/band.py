"""The sensor bands that the package knows, with their Planck coefficients and default constants."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from lst_raster._resources import data_path
from lst_raster.errors import UnknownSensorError
from lst_raster.physics.planck import BandPlanck


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
    """Default RADIANCE_MULT of a Level-1 product. [W m-2 sr-1 um-1]"""
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


@cache
def _table() -> dict[str, SensorBand]:
    with data_path("bands", "bands.toml").open("rb") as file:
        entries = tomllib.load(file)
    return {
        name: SensorBand(name=name, planck=BandPlanck(**entry.pop("planck")), **entry)
        for name, entry in entries.items()
    }


def sensor_names() -> list[str]:
    """Names of the sensor bands that `sensor_band` knows.

    Examples
    --------
    >>> "landsat8-b10" in sensor_names()
    True
    """
    return sorted(_table())


def sensor_band(name: str) -> SensorBand:
    """Look up a sensor band by name.

    Parameters
    ----------
    name : str
        For example ``landsat8-b10``; case does not matter.

    Raises
    ------
    UnknownSensorError
        The name is not known; the message lists those that are.
    """
    try:
        return _table()[name.lower()]
    except KeyError:
        known = ", ".join(sensor_names())
        raise UnknownSensorError(f"unknown sensor band {name!r}; known are {known}") from None
