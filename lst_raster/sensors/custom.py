"""Definition of custom sensor bands from a spectral response, and their removal."""

from __future__ import annotations

import json
import logging
import math
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError, OutputError, UnknownSensorError
from lst_raster.physics.planck import band_radiance, band_radiance_slope
from lst_raster.resources import user_path
from lst_raster.sensors.bands import CUSTOM_NAME, DEFINITION, RESPONSE, custom_sensor_names, sensor_names
from lst_raster.sensors.response import (
    Response,
    ResponseTable,
    effective_wavelength,
    exact_band_radiance,
    fit_band_planck,
    fit_two_constants,
)

_LOGGER = logging.getLogger(__name__)

SIMULATED = "simulated.nc"  # name of the simulated set in the folder of a custom sensor band

_LARGEST_ERROR = 0.05  # largest accepted error of the Planck fit; responses with one peak have far smaller ones [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorProperties:
    """Properties of a sensor band in addition to its response; InputError for impossible values."""

    title: str | None = None  # display name, by default the name of the band
    noise: float = 0.1  # noise equivalent temperature difference at 300 K [K]
    calibration_uncertainty: float = 0.5  # standard uncertainty of the calibration at 300 K [K]
    gain: float = 0.0  # radiance per digital number, 0 for files of radiance or temperature [W m-2 sr-1 um-1]
    radiance_offset: float = 0.0  # radiance of the digital number 0 [W m-2 sr-1 um-1]
    first_year: int = 2000  # first year of operation
    last_year: int = 2029  # last year of operation

    def __post_init__(self) -> None:
        for name in ("noise", "calibration_uncertainty", "gain", "radiance_offset"):
            value = getattr(self, name)
            if not math.isfinite(value) or (value < 0.0 and name != "radiance_offset"):
                expected = "a finite number" if name == "radiance_offset" else "a finite number, 0 or more"
                raise InputError(f"{name.replace('_', ' ')} is {value:g}; give {expected}")
        if self.noise > 10.0:
            raise InputError(f"noise is {self.noise:g}; give kelvin at 300 K, such as 0.1")
        if not 1970 <= self.first_year <= self.last_year <= 2100:
            raise InputError(
                f"years are {self.first_year} to {self.last_year}; give two years from 1970 to 2100 in ascending order"
            )


def define_sensor(
    name: str,
    table: ResponseTable,
    properties: SensorProperties,
    *,
    folder: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the definition of a custom sensor band, and return its folder.

    `name` consists of letters, digits and hyphens. `folder` is the user's data folder, by default the environment
    variable ``LST_RASTER_DATA`` or the standard folder of the operating system. With `overwrite` a definition of that
    name is replaced, and its simulated set and models are removed.

    Raises InputError for an invalid name or a response for which the Planck function cannot be fitted, and OutputError
    if the sensor band exists or the folder cannot be written. No partial definition remains after an error.
    """
    key = name.lower()
    if not CUSTOM_NAME.fullmatch(key):
        raise InputError(f"{name!r} is not a valid sensor name; use letters, digits and hyphens, such as aster-b13")
    if key in sensor_names():
        raise InputError(f"{key} is a shipped sensor band; choose another name")
    base = folder if folder is not None else user_path()
    target = base / "sensors" / key
    if target.exists() and not overwrite:
        raise OutputError(
            f"the sensor {key} exists in {target}; pass --overwrite to replace it, or choose another name"
        )
    text = _definition(key, table.response, properties)
    with _staged(target) as stage:
        (stage / RESPONSE).write_text(_response_text(table.response), encoding="utf-8")
        (stage / DEFINITION).write_text(text, encoding="utf-8")
        shutil.rmtree(base / "models" / key, ignore_errors=True)  # models trained for the previous response
    for line in table.warnings:
        _LOGGER.warning(line)
    return target


def remove_sensor(name: str, *, models: bool = False) -> list[Path]:
    """Remove a custom sensor band, with `models` also the models trained for it, and return the removed folders.

    Raises UnknownSensorError, or OutputError where it has models and `models` is false, or a folder cannot be removed.
    """
    key = name.lower()
    if key not in custom_sensor_names():
        known = ", ".join(custom_sensor_names()) or "none"
        raise UnknownSensorError(f"{name!r} is not a custom sensor; custom sensors are: {known}")
    folders = [user_path("sensors", key), user_path("models", key)]
    trained = sorted(path.name for path in folders[1].glob("*") if path.is_dir())
    if trained and not models:
        raise OutputError(f"{key} has trained models ({', '.join(trained)}); pass --models to remove them too")
    existing = [folder for folder in folders if folder.exists()]
    try:
        for folder in existing:
            shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"cannot remove {error.filename}: {error.strerror or error}") from error
    return existing


def _definition(name: str, response: Response, properties: SensorProperties) -> str:
    """Definition of the band as TOML, with the constants derived from its response."""
    planck, (k1, k2) = fit_band_planck(response), fit_two_constants(response)
    kelvin = np.arange(200.0, 361.0, 1.0)
    difference = band_radiance(kelvin, planck) - exact_band_radiance(response, kelvin)
    error = np.abs(difference / band_radiance_slope(kelvin, planck)).max()
    if not error < _LARGEST_ERROR:
        raise InputError(
            f"the Planck function fitted to the response has errors up to {error:.2f} K; accepted are "
            f"{_LARGEST_ERROR:g} K. If the response has several peaks far apart, define each as a separate band"
        )
    values = {
        "title": properties.title or name,
        "first_year": properties.first_year,
        "last_year": properties.last_year,
        "gain": properties.gain,
        "radiance_offset": properties.radiance_offset,
        "k1": k1,
        "k2": k2,
        "wavelength": round(effective_wavelength(response), 4),
        "noise": properties.noise,
        "calibration_uncertainty": properties.calibration_uncertainty,
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    coefficients = [f"{field.name} = {getattr(planck, field.name)!r}" for field in fields(planck)]
    return "\n".join(["# Written by: lst-raster sensor new", "[sensor]", *lines, "[sensor.planck]", *coefficients, ""])


def _response_text(response: Response) -> str:
    rows = (f"{w:.5f},{v:.6g}" for w, v in zip(response.wavelength, response.value, strict=True))
    return "wavelength_um,response\n" + "\n".join(rows) + "\n"


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces the target when the block completes."""
    stage = target.parent / f".{target.name}.{secrets.token_hex(8)}.tmp"
    try:
        stage.mkdir(parents=True)
        yield stage
        if target.exists():
            shutil.rmtree(target)
        stage.rename(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
