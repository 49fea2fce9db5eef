"""Model errors for mid-latitude land columns in the morning, at the time of Landsat overpasses, by simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.studies.lake.simulated import MEAN_YEAR
from examples.studies.lake.table import WATER_EMISSIVITY, Float
from lst_raster.inference.model import Model
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.profile_sets import library_path, read_profiles, water_vapour
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.atmosphere import Column, column
from lst_raster.simulator.band_simulation import simulate_effective
from lst_raster.simulator.gases import Composition

HOURS = (8.5, 11.5)
"""Local solar time of the columns, 10:00 +- 1.5 h. [h]"""
_LATITUDES, _LEAST_PRESSURE, _DRY_TO_HUMID, _MILD = (30.0, 58.0), 900.0, (3.0, 27.0), (268.0, 300.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class MorningError:
    """Errors of the models on simulated morning columns, retrieved minus true."""

    count: int
    """Number of columns."""
    column: float
    """Mean error of the column model. [K]"""
    surface: float
    """Mean error of the surface model, given the air temperature. [K]"""
    spread: float
    """Standard deviation of the surface model's error. [K]"""


def local_hours(time: NDArray[np.datetime64], longitude: Float) -> Float:
    """Local solar time, without the equation of time.

    Parameters
    ----------
    time : array of datetime64
        Time, UTC.
    longitude : array
        Longitude, east positive. [degree]

    Returns
    -------
    array
        Hours, 0 to 24. [h]

    Examples
    --------
    >>> float(local_hours(np.array(["2011-10-11T00"], "datetime64[h]"), np.array([150.0]))[0])
    10.0
    """
    since_midnight = (time - time.astype("datetime64[D]")).astype("timedelta64[m]").astype(float) / 60.0
    return np.asarray((since_midnight + longitude / 15.0) % 24.0)


def morning_error(sensor: str, contrast: float, hours: tuple[float, float] = HOURS) -> MorningError:
    """Evaluate the shipped models on library columns over mid-latitude lowland within `hours` of local solar time.

    `contrast` is the surface temperature minus the air temperature at 2 m [K]. The columns are simulated without
    perturbation, 0.2 s each. The training set was drawn from the same library, at all hours.
    """
    profiles = read_profiles(library_path())
    chosen = profiles.isel(profile=np.flatnonzero(_similar(profiles, hours)))
    terms = []
    for index in range(chosen.sizes["profile"]):
        profile = _column(chosen.isel(profile=index))
        band = simulate_effective(profile, [sensor], Composition(year=MEAN_YEAR))[sensor]
        terms.append((band.transmittance, band.upwelling_radiance, band.downwelling_radiance))
    return _measure(sensor, chosen, np.array(terms).T, contrast)


def _column(profile: Any) -> Column:
    return column(
        *(profile[name].values for name in ("pressure", "air_temperature", "specific_humidity", "ozone")),
        surface_pressure=float(profile["surface_pressure"]),
        air_temperature_2m=float(profile["air_temperature_2m"]),
        specific_humidity_2m=float(profile["specific_humidity_2m"]),
    )


def _similar(profiles: Any, hours: tuple[float, float]) -> NDArray[np.bool_]:
    hour = local_hours(profiles["time"].values, profiles["longitude"].values)
    latitude, vapour = np.abs(profiles["latitude"].values), water_vapour(profiles)
    air = profiles["air_temperature_2m"].values
    similar = (profiles["perturbation"].values == 0) & (profiles["land"].values == 1)
    similar &= (profiles["surface_pressure"].values > _LEAST_PRESSURE) & (hour >= hours[0]) & (hour < hours[1])
    for values, (low, high) in ((latitude, _LATITUDES), (vapour, _DRY_TO_HUMID), (air, _MILD)):
        similar &= (values > low) & (values < high)
    return np.asarray(similar)


def _measure(sensor: str, profiles: Any, terms: Float, contrast: float) -> MorningError:
    air = profiles["air_temperature_2m"].values.astype(float)
    truth = air + contrast
    transmittance, upwelling, downwelling = terms
    planck = sensor_band(sensor).planck
    inputs = {
        "radiance": sensor_radiance(truth, WATER_EMISSIVITY, transmittance, upwelling, downwelling, planck),
        "emissivity": WATER_EMISSIVITY,
        "water_vapour": water_vapour(profiles),
        "surface_pressure": profiles["surface_pressure"].values,
        "input_error": 0.0,
    }
    by_column = Model.load(f"{sensor}/column").predict(**inputs)["lst"] - truth
    by_surface = Model.load(f"{sensor}/surface").predict(**inputs, air_temperature=air)["lst"] - truth
    return MorningError(
        count=air.size,
        column=float(by_column.mean()),
        surface=float(by_surface.mean()),
        spread=float(by_surface.std()),
    )
