"""The sensor bands, those of the package and the user's own, with their Planck coefficients and default constants.

The package's stand in ``data/bands/bands.toml``, and what follows from their spectral responses in ``planck.toml``;
each of the user's own has a folder, ``sensors/NAME`` in the user's folder, with ``sensor.toml`` and ``response.csv``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lst_raster.errors import ConfigError, UnknownSensorError
from lst_raster.physics.planck import BandPlanck
from lst_raster.resources import data_path, user_path

DEFINITION, RESPONSE = "sensor.toml", "response.csv"
"""Files that define a sensor band of the user's own."""
CUSTOM_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
"""What such a band may be called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BandFile:
    """Files of a band in Landsat products: those with one suffix."""

    gain: float
    """Default RADIANCE_MULT of a Level-1 product. [W m-2 sr-1 um-1]"""
    offset: float
    """Default RADIANCE_ADD of a Level-1 product. [W m-2 sr-1 um-1]"""
    stac_key: str
    """Key of the asset in STAC items."""
    saturation_bits: Mapping[str, int]
    """Bits of QA_RADSAT that concern the band, by kind: ``fill``, ``saturated``."""


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
    satellite: int | None = None
    """Number of the Landsat satellite; None for a band that the user has defined."""
    instrument: str = ""
    """Instrument, as STAC items name it."""
    common_name: str = ""
    """Common name of the band in STAC items."""
    ground_sample_distance: float = 0.0
    """Ground sample distance of the instrument. [m]"""
    largest_digital_number: int = 65535
    """Digital number at which a Level-1 product saturates."""
    files: Mapping[str, BandFile] = field(default_factory=dict)
    """Files of the band in Landsat products by the suffix of their names, for example ``B10``; the preferred first."""
    response: str = ""
    """Published file of the spectral response; of a workbook with its sheet, after ``#``."""
    emissivity_index: str | None = None
    """Column of the band in the index of the ECOSTRESS library."""
    is_custom: bool = False
    """Whether the user has defined it."""


@cache
def _table() -> dict[str, SensorBand]:
    derived = tomllib.loads(data_path("bands", "planck.toml").read_text(encoding="utf-8"))
    return {name: _shipped(name, entry, derived[name]) for name, entry in shipped_entries().items()}


def shipped_entries() -> dict[str, dict[str, Any]]:
    """Entries of ``bands.toml``, by sensor band."""
    return tomllib.loads(data_path("bands", "bands.toml").read_text(encoding="utf-8"))


def _shipped(name: str, entry: dict[str, Any], derived: dict[str, Any]) -> SensorBand:
    files = {suffix: BandFile(**values) for suffix, values in entry.pop("files").items()}
    first = next(iter(files.values()))
    return _band(name, {**entry, **derived}, files=files, gain=first.gain, radiance_offset=first.offset)


def _band(name: str, entry: dict[str, Any], **more: Any) -> SensorBand:
    return SensorBand(name=name, planck=BandPlanck(**entry.pop("planck")), **entry, **more)


def landsat_bands() -> Mapping[int, Mapping[str, str]]:
    """Sensor band of every thermal band's file suffix, by Landsat satellite; the preferred suffix first.

    Examples
    --------
    >>> landsat_bands()[8]
    {'B10': 'landsat8-b10', 'B11': 'landsat8-b11'}
    """
    found: dict[int, dict[str, str]] = {}
    for name, band in _table().items():
        if band.satellite is not None:
            found.setdefault(band.satellite, {}).update(dict.fromkeys(band.files, name))
    return found


def thermal_files() -> dict[str, BandFile]:
    """Files of the thermal bands of all Landsat satellites, by suffix."""
    return {suffix: file for band in _table().values() for suffix, file in band.files.items()}


def sensor_names() -> list[str]:
    """Names of the sensor bands that come with the package.

    Examples
    --------
    >>> "landsat8-b10" in sensor_names()
    True
    """
    return sorted(_table())


def custom_sensor_names() -> list[str]:
    """Names of the sensor bands that the user has defined."""
    names = (path.parent.name for path in user_path("sensors").glob(f"*/{DEFINITION}"))
    return sorted(name for name in names if CUSTOM_NAME.fullmatch(name))


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
    if CUSTOM_NAME.fullmatch(name.lower()) and path.is_file():
        return _own_band(path, path.stat().st_mtime_ns)
    known = ", ".join([*sensor_names(), *custom_sensor_names()])
    raise UnknownSensorError(f"unknown sensor band {name!r}; known are {known}; lst-raster sensor new defines another")


@lru_cache(maxsize=64)
def _own_band(path: Path, changed: int) -> SensorBand:
    """Read a definition; once, until it changes."""
    try:
        return _band(path.parent.name, tomllib.loads(path.read_text(encoding="utf-8"))["sensor"], is_custom=True)
    except (KeyError, TypeError, AttributeError, ValueError) as reason:
        raise ConfigError(
            f"{path} does not define a sensor band ({reason}); make it again: lst-raster sensor new"
        ) from reason


def definition_path(name: str) -> Path | None:
    """File that defines a sensor band of the user's own, None for one of the package; errors as `sensor_band`."""
    band = sensor_band(name)
    return user_path("sensors", band.name, DEFINITION) if band.is_custom else None


def response_path(name: str) -> Path:
    """Path of the table with a sensor band's spectral response; errors as `sensor_band`."""
    band = sensor_band(name)
    return user_path("sensors", band.name, RESPONSE) if band.is_custom else data_path("bands", f"{band.name}.csv")
