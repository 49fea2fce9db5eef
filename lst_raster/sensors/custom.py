"""Sensor bands of the user's own: defined from a spectral response, listed, removed."""

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
    effective_wavelength,
    exact_band_radiance,
    fit_band_planck,
    fit_two_constants,
)
from lst_raster.sensors.response_files import ResponseTable

_LOGGER = logging.getLogger(__name__)

SIMULATED = "simulated.nc"
"""Name of a sensor band's simulated set, beside its definition."""

_LARGEST_ERROR = 0.05  # [K], of the Planck function's fit: what a response of one peak stays far below
_KELVIN = np.arange(200.0, 361.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorFacts:
    """What the response does not tell of a sensor band.

    Raises
    ------
    InputError
        At birth: a value is not possible.
    """

    title: str | None = None
    """Name for people; by default the band's name."""
    noise: float = 0.1
    """Standard deviation of the noise of a pixel, as a temperature at 300 K. [K]"""
    calibration_uncertainty: float = 0.5
    """Standard uncertainty of the calibration, likewise. [K]"""
    gain: float = 0.0
    """Radiance of one digital number, 0 where files hold radiance or temperature. [W m-2 sr-1 um-1]"""
    radiance_offset: float = 0.0
    """Radiance of the digital number 0. [W m-2 sr-1 um-1]"""
    first_year: int = 2000
    """First year of operation, from which on the minor gases are drawn."""
    last_year: int = 2029
    """Last year of operation."""

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
    name: str, users: ResponseTable, facts: SensorFacts, *, folder: Path | None = None, overwrite: bool = False
) -> Path:
    """Write the definition of a sensor band.

    Parameters
    ----------
    name : str
        Name by which commands refer to it: small letters, digits, hyphens.
    users : ResponseTable
        Its spectral response.
    facts : SensorFacts
        What else is known of it.
    folder : Path, optional
        Folder to be used as the user's own (``LST_RASTER_DATA``), by default the one that is.
    overwrite : bool
        Whether a definition of that name is replaced; what was simulated and trained with it goes with it.

    Returns
    -------
    Path
        Folder of the definition.

    Raises
    ------
    InputError
        The name cannot be used, or Planck's function over the response cannot be followed.
    OutputError
        The sensor band exists, or the folder cannot be written; nothing half written stays.
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
    text = _definition(key, users, facts)
    with _staged(target) as stage:
        (stage / RESPONSE).write_text(_table(users.response), encoding="utf-8")
        (stage / DEFINITION).write_text(text, encoding="utf-8")
        shutil.rmtree(base / "models" / key, ignore_errors=True)  # they are of the response that was
    for line in users.warnings:
        _LOGGER.warning(line)
    return target


def remove_sensor(name: str, *, models: bool = False) -> list[Path]:
    """Remove a sensor band of the user's own.

    Parameters
    ----------
    name : str
        Its name.
    models : bool
        Whether the models that are trained for it go, too.

    Returns
    -------
    list of Path
        The folders that were removed.

    Raises
    ------
    UnknownSensorError
        There is none of that name.
    OutputError
        It has models and they are to stay, or a folder cannot be removed.
    """
    key = name.lower()
    if key not in custom_sensor_names():
        known = ", ".join(custom_sensor_names()) or "none"
        raise UnknownSensorError(f"{name!r} is not a sensor of your own; there are: {known}")
    folders = [user_path("sensors", key), user_path("models", key)]
    trained = sorted(path.name for path in folders[1].glob("*") if path.is_dir())
    if trained and not models:
        raise OutputError(f"{key} has models ({', '.join(trained)}), of no use without it; --models removes them too")
    there = [folder for folder in folders if folder.exists()]
    try:
        for folder in there:
            shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"cannot remove {error.filename}: {error.strerror or error}") from error
    return there


def _definition(name: str, users: ResponseTable, facts: SensorFacts) -> str:
    """Write the band's constants as TOML."""
    response = users.response
    planck, (k1, k2) = fit_band_planck(response), fit_two_constants(response)
    error = np.abs(_fit_error(response))
    if not error.max() < _LARGEST_ERROR:
        raise InputError(
            f"Planck's function over the response is followed within {error.max():.2f} K, not {_LARGEST_ERROR:g} K: "
            "it may have several peaks far apart; define each as a band of its own"
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


def _fit_error(response: Response) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Error of the fitted Planck function as a temperature. [K]"""
    planck = fit_band_planck(response)
    exact = exact_band_radiance(response, _KELVIN)
    return np.asarray((band_radiance(_KELVIN, planck) - exact) / band_radiance_slope(_KELVIN, planck))


def _table(response: Response) -> str:
    rows = (f"{w:.5f},{v:.6g}" for w, v in zip(response.wavelength, response.value, strict=True))
    return "wavelength_um,response\n" + "\n".join(rows) + "\n"


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Yield a folder that takes the place of another when the block ends well."""
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
