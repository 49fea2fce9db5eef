"""Registry of sensor bands, shipped and custom, with their Planck coefficients and default constants.

Shipped bands are defined in ``data/bands/bands.toml``, and the constants derived from their spectral responses are in
``planck.toml``. A custom band is defined by ``sensor.toml`` and ``response.csv`` in the folder ``sensors/NAME`` of the
user's data folder.
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

DEFINITION, RESPONSE = "sensor.toml", "response.csv"  # files that define a custom sensor band
CUSTOM_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")  # valid names of custom sensor bands


@dataclass(frozen=True, kw_only=True, slots=True)
class BandFile:
    """Properties of the files of a band in Landsat products, for one suffix of the file name."""

    gain: float  # default RADIANCE_MULT of a Level-1 product [W m-2 sr-1 um-1]
    offset: float  # default RADIANCE_ADD of a Level-1 product [W m-2 sr-1 um-1]
    stac_key: str  # key of the asset in STAC items
    saturation_bits: Mapping[str, int]  # bits of QA_RADSAT for the band, by kind: ``fill``, ``saturated``


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorBand:
    """One thermal band of one satellite."""

    name: str  # identifier in commands and models, for example ``landsat8-b10``
    title: str  # display name, for example ``Landsat 8 TIRS band 10``
    first_year: int  # first year of operation
    last_year: int  # last year of operation (end of the current decade for active satellites)
    gain: float  # default RADIANCE_MULT of a Level-1 product; 0 without digital numbers [W m-2 sr-1 um-1]
    radiance_offset: float  # default RADIANCE_ADD of a Level-1 product [W m-2 sr-1 um-1]
    k1: float  # K1_CONSTANT of the metadata [W m-2 sr-1 um-1]
    k2: float  # K2_CONSTANT of the metadata [K]
    wavelength: float  # effective wavelength: mean weighted with the response [um]
    noise: float  # noise equivalent temperature difference at 300 K [K]
    calibration_uncertainty: float
    """Standard uncertainty of the radiometric calibration, common to all pixels of a scene, at 300 K. [K]"""
    planck: BandPlanck  # coefficients of the band-averaged Planck function
    stray_light: float = 0.0
    """Standard uncertainty of a second thermal band relative to the first, common to a scene: stray light. [K]"""
    satellite: int | None = None  # number of the Landsat satellite; None for a custom band
    instrument: str = ""  # instrument, as in STAC items
    common_name: str = ""  # common name of the band in STAC items
    ground_sample_distance: float = 0.0  # ground sample distance of the instrument [m]
    largest_digital_number: int = 65535  # digital number at which a Level-1 product saturates
    files: Mapping[str, BandFile] = field(default_factory=dict)
    """Files of the band in Landsat products, by the suffix of their names, for example ``B10``; preferred first."""
    response: str = ""  # published file of the spectral response; for a workbook followed by ``#`` and the sheet
    emissivity_index: str | None = None  # column of the band in the index of the ECOSTRESS library
    is_custom: bool = False  # whether the band is defined by the user


def shipped_entries() -> dict[str, dict[str, Any]]:
    """Entries of ``bands.toml``, by sensor band."""
    return tomllib.loads(data_path("bands", "bands.toml").read_text(encoding="utf-8"))


@cache
def _shipped_bands() -> dict[str, SensorBand]:
    derived = tomllib.loads(data_path("bands", "planck.toml").read_text(encoding="utf-8"))
    bands = {}
    for name, entry in shipped_entries().items():
        files = {suffix: BandFile(**values) for suffix, values in entry.pop("files").items()}
        first = next(iter(files.values()))
        bands[name] = _band(name, entry | derived[name], files=files, gain=first.gain, radiance_offset=first.offset)
    return bands


def _band(name: str, entry: dict[str, Any], **more: Any) -> SensorBand:
    return SensorBand(name=name, planck=BandPlanck(**entry.pop("planck")), **entry, **more)


def landsat_bands() -> Mapping[int, Mapping[str, str]]:
    """Sensor band of each file suffix, by Landsat satellite; the preferred suffix first.

    Examples
    --------
    >>> landsat_bands()[8]
    {'B10': 'landsat8-b10', 'B11': 'landsat8-b11'}
    """
    bands: dict[int, dict[str, str]] = {}
    for name, band in _shipped_bands().items():
        if band.satellite is not None:
            bands.setdefault(band.satellite, {}).update(dict.fromkeys(band.files, name))
    return bands


def second_band(name: str) -> SensorBand | None:
    """Second thermal band of a satellite, for the sensor band that is its first; None where there is none.

    Examples
    --------
    >>> second_band("landsat8-b10").name, second_band("landsat8-b11"), second_band("landsat7-b6")
    ('landsat8-b11', None, None)
    """
    band = sensor_band(name)
    names = list(dict.fromkeys(landsat_bands().get(band.satellite or 0, {}).values()))
    return sensor_band(names[1]) if names[:1] == [band.name] and len(names) > 1 else None


def thermal_files() -> dict[str, BandFile]:
    """Files of the thermal bands of all Landsat satellites, by suffix."""
    return {suffix: file for band in _shipped_bands().values() for suffix, file in band.files.items()}


def sensor_names() -> list[str]:
    """Names of the shipped sensor bands.

    Examples
    --------
    >>> "landsat8-b10" in sensor_names()
    True
    """
    return sorted(_shipped_bands())


def custom_sensor_names() -> list[str]:
    """Names of the custom sensor bands."""
    names = (path.parent.name for path in user_path("sensors").glob(f"*/{DEFINITION}"))
    return sorted(name for name in names if CUSTOM_NAME.fullmatch(name))


def sensor_band(name: str) -> SensorBand:
    """Look up a shipped or custom sensor band by its name, for example ``landsat8-b10``; case is ignored.

    Raises UnknownSensorError with the known names, or ConfigError for a damaged definition of a custom band.
    """
    shipped = _shipped_bands().get(name.lower())
    if shipped is not None:
        return shipped
    path = user_path("sensors", name.lower(), DEFINITION)
    if CUSTOM_NAME.fullmatch(name.lower()) and path.is_file():
        return _custom_band(path, path.stat().st_mtime_ns)
    known = ", ".join([*sensor_names(), *custom_sensor_names()])
    raise UnknownSensorError(
        f"unknown sensor band {name!r}; known are {known}; define another with lst-raster sensor new"
    )


@lru_cache(maxsize=64)
def _custom_band(path: Path, modified: int) -> SensorBand:
    """Read a definition; `modified` is its time of modification, so that a changed file is read again."""
    try:
        return _band(path.parent.name, tomllib.loads(path.read_text(encoding="utf-8"))["sensor"], is_custom=True)
    except (KeyError, TypeError, AttributeError, ValueError) as reason:
        raise ConfigError(
            f"{path} does not define a sensor band ({reason}); define it again with lst-raster sensor new"
        ) from reason


def definition_path(name: str) -> Path | None:
    """File that defines a custom sensor band, None for a shipped one; raises the errors of `sensor_band`."""
    band = sensor_band(name)
    return user_path("sensors", band.name, DEFINITION) if band.is_custom else None


def response_path(name: str) -> Path:
    """Path of the spectral response of a sensor band; raises the errors of `sensor_band`."""
    band = sensor_band(name)
    return user_path("sensors", band.name, RESPONSE) if band.is_custom else data_path("bands", f"{band.name}.csv")
