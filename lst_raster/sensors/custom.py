"""Custom sensor bands: defined from a spectral response, and removed."""

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

_LARGEST_ERROR = 0.05  # of the Planck fit, which is far smaller for a response with one peak [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorProperties:
    """Properties of a sensor band in addition to its response; InputError for impossible values."""

    title: str | None = None  # display name, by default the name of the band
    noise: float = 0.1  # noise equivalent temperature difference at 300 K [K]
    calibration_uncertainty: float = 0.5  # standard uncertainty of the calibration at 300 K [K]
    gain: float = 0.0  # radiance per digital number, 0 for files of radiance or temperature [W m-2 sr-1 um-1]
    radiance_offset: float = 0.0  # radiance of the digital number 0 [W m-2 sr-1 um-1]
    first_year: int = 2000  # first year of operation: the range of the minor gases in simulations
    last_year: int = 2029  # last year of operation

    def __post_init__(self) -> None:
        for name in ("noise", "calibration_uncertainty", "gain", "radiance_offset"):
            value = getattr(self, name)
            if not math.isfinite(value) or (value < 0.0 and name != "radiance_offset"):
                raise InputError(f"{name.replace('_', ' ')} is {value:g}; give a number, not negative")
        if self.noise > 10.0:
            raise InputError(f"noise is {self.noise:g}; give kelvin at 300 K, such as 0.1")
        if not 1970 <= self.first_year <= self.last_year <= 2100:
            raise InputError(f"years are {self.first_year} to {self.last_year}; give the first one first")


def define_sensor(
    name: str, table: ResponseTable, facts: SensorProperties, *, folder: Path | None = None, overwrite: bool = False
) -> Path:
    """Write the definition of a custom sensor band, and return its folder.

    `name` has letters, digits and hyphens. `folder` is the user's folder, by default ``LST_RASTER_DATA`` or that of the
    system. With `overwrite` a definition of that name is replaced, and its simulated set and models are removed.

    Raises InputError where the name cannot be used or the Planck function over the response cannot be fitted, and
    OutputError where the sensor band exists or the folder cannot be written; no partial definition stays.
    """
    key = name.lower()
    if not CUSTOM_NAME.fullmatch(key):
        raise InputError(f"{name!r} cannot be a sensor's name; give letters, digits and hyphens, such as aster-b13")
    if key in sensor_names():
        raise InputError(f"{key} comes with the package; choose another name")
    base = folder if folder is not None else user_path()
    target = base / "sensors" / key
    if target.exists() and not overwrite:
        raise OutputError(
            f"the sensor {key} exists in {target}; pass --overwrite to replace it, or choose another name"
        )
    text = _definition(key, table.response, facts)
    with _staged(target) as stage:
        (stage / RESPONSE).write_text(_response_text(table.response), encoding="utf-8")
        (stage / DEFINITION).write_text(text, encoding="utf-8")
        shutil.rmtree(base / "models" / key, ignore_errors=True)  # models of the former response
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
        raise OutputError(f"{key} has models ({', '.join(trained)}), which need it; pass --models to remove them too")
    existing = [folder for folder in folders if folder.exists()]
    try:
        for folder in existing:
            shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"cannot remove {error.filename}: {error.strerror or error}") from error
    return existing


def _definition(name: str, response: Response, facts: SensorProperties) -> str:
    """Constants of the band as TOML."""
    planck, (k1, k2) = fit_band_planck(response), fit_two_constants(response)
    kelvin = np.arange(200.0, 361.0, 1.0)
    difference = band_radiance(kelvin, planck) - exact_band_radiance(response, kelvin)
    error = np.abs(difference / band_radiance_slope(kelvin, planck)).max()
    if not error < _LARGEST_ERROR:
        raise InputError(
            f"the Planck function fitted to the response has errors up to {error:.2f} K, not below {_LARGEST_ERROR:g} "
            "K: the response may have several peaks far apart; define each as a separate band"
        )
    values = {
        "title": facts.title or name,
        "first_year": facts.first_year,
        "last_year": facts.last_year,
        "gain": facts.gain,
        "radiance_offset": facts.radiance_offset,
        "k1": k1,
        "k2": k2,
        "wavelength": round(effective_wavelength(response), 4),
        "noise": facts.noise,
        "calibration_uncertainty": facts.calibration_uncertainty,
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
