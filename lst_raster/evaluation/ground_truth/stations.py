"""What a match-up lacks of the ground, from the files of the station where it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from lst_raster.evaluation.ground_truth.matchups import Matchups
from lst_raster.evaluation.ground_truth.surfrad import REACH, Stations
from lst_raster.physics.longwave import longwave_temperature, longwave_temperature_uncertainty

IRRADIANCE_UNCERTAINTY = 5.0
"""Standard uncertainty of a pyrgeometer's irradiance in the field: our assumption, 1 to 2 %, by which laboratories'
calibrations differ (R. Philipona et al., J. Atmos. Oceanic Technol. 15, 687 (1998)). [W m-2]"""
BROADBAND_EMISSIVITY_UNCERTAINTY = 0.01
"""Standard uncertainty of the broadband emissivity: our assumption. [1]"""

_AIR = ("air_temperature", "surface_pressure")
_NONE: Mapping[str, float] = MappingProxyType({})


def fill_from_stations(matchups: Matchups, stations: Stations) -> Matchups:
    """Give the rows that lack them a ground temperature, an air temperature and a pressure.

    Irradiances are interpolated linearly to the time of the overpass, `longwave_temperature` makes a temperature of
    them. What a row has already is kept.

    Parameters
    ----------
    matchups : Matchups
        The table; rows with a site and a time are filled, the ground temperature of those with a broadband emissivity.
    stations : Stations
        Files of the stations.

    Returns
    -------
    Matchups
        The same rows, with remarks where there is no ground temperature.

    Raises
    ------
    InputError
        A file of a station is damaged.
    """
    values = {name: array.copy() for name, array in matchups.values.items()}
    remarks = list(matchups.remarks)
    for row in range(len(matchups)):
        measured, remark = _measured(matchups, stations, row)
        emissivity = float(values["broadband_emissivity"][row])
        if math.isnan(values["ground_temperature"][row]):
            found, remarks[row] = _ground(measured, emissivity) if measured else (_NONE, remark)
            for name, value in found.items():
                values[name][row] = value
        for name in _AIR:
            if math.isnan(values[name][row]):
                values[name][row] = measured.get(name, math.nan)
    return replace(matchups, values=values, remarks=tuple(remarks))


def _measured(matchups: Matchups, stations: Stations, row: int) -> tuple[Mapping[str, float], str]:
    """Look up what the station measured, or tell why nothing is known."""
    site, time = matchups.site[row], matchups.time[row]
    if not site or time is None:
        return _NONE, f"no in-situ LST, and no {'time' if site else 'site'} to look it up"
    found = stations.at(site, time)
    return (_NONE, found) if isinstance(found, str) else (found, "")


def _ground(measured: Mapping[str, float], emissivity: float) -> tuple[Mapping[str, float], str]:
    if math.isnan(emissivity):
        return _NONE, "no broadband emissivity"
    up, down = np.float64(measured["upwelling"]), np.float64(measured["downwelling"])
    temperature = longwave_temperature(up, down, emissivity)
    if np.isnan(temperature):
        return _NONE, f"no good longwave records within {REACH} minutes"
    uncertainty = longwave_temperature_uncertainty(
        temperature, down, emissivity, IRRADIANCE_UNCERTAINTY, BROADBAND_EMISSIVITY_UNCERTAINTY
    )
    return {"ground_temperature": float(temperature), "ground_uncertainty": float(uncertainty)}, ""
