"""Stations in a folder, and in-situ temperatures from their longwave irradiances."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.longwave import longwave_temperature, longwave_temperature_uncertainty
from lst_raster.validation.matchups import Matchups
from lst_raster.validation.stations.arm import arm_files
from lst_raster.validation.stations.bsrn import bsrn_files
from lst_raster.validation.stations.fluxnet import SiteInformation, fluxnet_files, read_sites
from lst_raster.validation.stations.records import PLACE, QUANTITIES, StationFile, joined
from lst_raster.validation.stations.surfrad import surfrad_files

FORMATS = (surfrad_files, bsrn_files, arm_files, fluxnet_files)
"""Functions that recognise the files of a format among those of a folder."""
IRRADIANCE_UNCERTAINTY = 5.0
"""Standard uncertainty of a pyrgeometer's irradiance in the field: our assumption, 1 to 2 %, by which laboratories'
calibrations differ (R. Philipona et al., J. Atmos. Oceanic Technol. 15, 687 (1998)). [W m-2]"""
BROADBAND_EMISSIVITY_UNCERTAINTY = 0.01  # standard uncertainty of the broadband emissivity: our assumption [1]

_NEAR = datetime.timedelta(hours=1)  # records of the day before or after are read within this time of midnight


class Stations:
    """Station files of `FORMATS` in a folder and its sub-folders.

    Raises InputNotFoundError where there is no such folder, InputError where it has no such file.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputNotFoundError(f"{folder} is not a folder; give the one with the files of stations")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files: dict[str, list[StationFile]] = {}
        for find in FORMATS:
            for file in find(paths):
                for name in dict.fromkeys(file.names):
                    self._files.setdefault(name, []).append(file)
        if not self._files:
            raise InputError(
                f"{folder} has no station file; names are like bon16001.dat (SURFRAD), pay0616.dat (BSRN), "
                "sgpsirsE13.b1.20190101.000000.cdf (ARM) and AMF_US-NR1_BASE_HH_19-5.csv (FLUXNET, with LW_OUT)"
            )
        self._sites = read_sites(paths)
        self._read_file = cache(lambda file: file.read(file.path))
        self._read = cache(lambda files: joined([self._read_file(file) for file in files]))

    def information(self, site: str) -> SiteInformation:
        """Entries of a site in the tables of sites."""
        return self._sites.get(site.lower(), SiteInformation())

    def at(self, site: str, time: datetime.datetime, utc_offset: float = math.nan) -> dict[str, float] | str:
        """Place of a station, and its `QUANTITIES` at a time, linear between good records; NaN where there are none.

        `site` is a name of the station, `utc_offset` its local standard time minus UTC [h], for files in local time
        whose site is not in a table of sites. Without a file the reason is returned. Raises InputError where a file is
        damaged.
        """
        known = self._files.get(site.lower())
        if known is None:
            return f"no file of a station {site}"
        information = self.information(site)
        offset = information.utc_offset if math.isnan(utc_offset) else utc_offset
        days = (time - _NEAR).date(), (time + _NEAR).date()
        files = [file for file in known if file.first <= days[1] and days[0] <= file.last]
        if not files:
            return f"no station file of the day at {site}"
        if math.isnan(offset):
            files = [file for file in files if not file.local_time]
            if not files:
                return "no UTC offset of the station"
        found = dict.fromkeys((*QUANTITIES, *PLACE), math.nan)
        for network in dict.fromkeys(file.network for file in files):
            records = self._read(tuple(file for file in files if file.network == network))
            is_local = any(file.local_time for file in files if file.network == network)
            moment = time.timestamp() + (3600.0 * offset if is_local else 0.0)
            values = {name: records.at(name, moment) for name in QUANTITIES}
            values |= {name: float(getattr(records, name)) for name in PLACE}
            found = {name: values[name] if math.isnan(value) else value for name, value in found.items()}
        return {name: getattr(information, name) if math.isnan(found[name]) else found[name] for name in PLACE} | {
            name: found[name] for name in QUANTITIES
        }


def fill_from_stations(matchups: Matchups, stations: Stations) -> Matchups:
    """Fill missing in-situ temperatures, air temperatures, pressures, places and surface types of rows with site, time.

    The in-situ temperature is `longwave_temperature` of the irradiances, for rows with a broadband emissivity. Values
    of the table are kept. Returns the same rows, with the reasons of missing in-situ temperatures.
    """
    values = {name: array.copy() for name, array in matchups.values.items()}
    reasons, surface_types = list(matchups.insitu_reasons), list(matchups.surface_type)
    for row, (site, time) in enumerate(zip(matchups.site, matchups.time, strict=True)):
        measured: dict[str, float] | str = f"no in-situ LST, and no {'time' if site else 'site'} to look it up"
        if site and time is not None:
            measured = stations.at(site, time, float(values["utc_offset"][row]))
        if math.isnan(values["ground_temperature"][row]):
            emissivity = float(values["broadband_emissivity"][row])
            if isinstance(measured, str):
                reasons[row] = measured
            elif math.isnan(emissivity):
                reasons[row] = "no broadband emissivity"
            else:
                temperature, uncertainty = _longwave_temperature(measured, emissivity)
                values["ground_temperature"][row] = temperature
                if not math.isnan(temperature):
                    values["ground_uncertainty"][row] = uncertainty
                reasons[row] = "no good longwave records around the overpass" if math.isnan(temperature) else ""
        if not isinstance(measured, str):
            for name in ("air_temperature", "surface_pressure", *PLACE):
                if math.isnan(values[name][row]):
                    values[name][row] = measured[name]
        surface_types[row] = surface_types[row] or stations.information(site).surface_type
    return replace(matchups, values=values, surface_type=tuple(surface_types), insitu_reasons=tuple(reasons))


def _longwave_temperature(measured: Mapping[str, float], emissivity: float) -> tuple[float, float]:
    """Surface temperature and its uncertainty, NaN without irradiances. [K]"""
    up, down = np.float64(measured["upwelling"]), np.float64(measured["downwelling"])
    temperature = longwave_temperature(up, down, emissivity)
    uncertainty = longwave_temperature_uncertainty(
        temperature, down, emissivity, IRRADIANCE_UNCERTAINTY, BROADBAND_EMISSIVITY_UNCERTAINTY
    )
    return float(temperature), float(uncertainty)
