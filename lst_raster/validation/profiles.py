"""Inputs of match-ups from atmospheric profiles: one profile for each row of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inputs.profile_input import ON_LEVELS
from lst_raster.physics.elevation import air_temperature_between_pressures
from lst_raster.profiles.profile_sets import read_profiles
from lst_raster.profiles.simulate import check_profiles
from lst_raster.simulator.atmosphere import column, layers
from lst_raster.simulator.sigma_levels import at_sigma
from lst_raster.validation.matchups import Matchups

Float = NDArray[np.float64]

_LEVELS = ("pressure", "air_temperature", "specific_humidity")
_GROUND = ("surface_pressure", "air_temperature_2m", "specific_humidity_2m")


def fill_from_profiles(matchups: Matchups, path: Path) -> Matchups:
    """Add temperature and humidity on sigma levels, and fill in missing pressure, air temperature and water vapour.

    `path` is a NetCDF file of profiles (`lst_raster.profiles.profile_sets`), in the order of the rows; a row without a
    profile has NaN there. Values of the table are kept: the surface is at its pressure, to which the temperature at 2 m
    is adjusted, and the humidity is scaled to its water vapour. Raises InputNotFoundError, and InputError where the
    file has another number of profiles or an impossible one.
    """
    profiles = read_profiles(path)
    count = check_profiles(path, profiles)
    if count != len(matchups):
        raise InputError(
            f"{path.name} has {count} profiles, {matchups.name} {len(matchups)} rows; give one profile for each row, "
            "in their order, with NaN for rows without one"
        )
    values = {name: array.copy() for name, array in matchups.values.items()}
    none = np.full(count, np.nan)
    file = {name: profiles[name].values.astype(float) if name in profiles else none for name in (*_LEVELS, *_GROUND)}
    surface_pressure = np.where(
        np.isnan(values["surface_pressure"]), file["surface_pressure"], values["surface_pressure"]
    )
    at_2m = file["air_temperature_2m"]
    adjusted = air_temperature_between_pressures(at_2m, file["surface_pressure"], surface_pressure)
    air_temperature = np.where(np.isnan(adjusted), at_2m, adjusted)
    air_temperature = np.where(np.isnan(values["air_temperature"]), air_temperature, values["air_temperature"])
    values |= {name: none.copy() for name in ON_LEVELS}
    for row in range(count):
        pressure, temperature, humidity = (file[name][row] for name in _LEVELS)
        if not np.isfinite(pressure + temperature + humidity).any():
            continue
        try:
            profile = column(
                pressure, temperature, humidity, air_temperature_2m=air_temperature[row],
                surface_pressure=None if np.isnan(surface_pressure[row]) else surface_pressure[row],
                specific_humidity_2m=file["specific_humidity_2m"][row],
            )  # fmt: skip
        except InputError as error:
            raise InputError(f"{path.name}, profile of line {matchups.lines[row]}: {error}") from None
        vapour, given = layers(profile).water_vapour, values["water_vapour"][row]
        temperature, humidity = at_sigma(profile.pressure, profile.air_temperature, profile.specific_humidity)
        scale = given / vapour if np.isfinite(given) else 1.0
        found = dict(zip(ON_LEVELS, (*temperature, *(scale * humidity)), strict=True))
        found |= {"surface_pressure": profile.pressure[0], "air_temperature": profile.air_temperature[0]}
        for name, value in (found | {"water_vapour": scale * vapour}).items():
            values[name][row] = value
    return replace(matchups, values=values)
