"""Absorbers other than water vapour: concentrations by year, ozone and background aerosol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lst_raster.errors import InputError
from lst_raster.physics.constants import MOLAR_MASS_DRY_AIR
from lst_raster.resources import data_path
from lst_raster.sensors.response import Float

_MOLAR_MASS = {  # [kg mol-1], IUPAC standard atomic weights
    "carbon_dioxide": 44.0095e-3,
    "nitrous_oxide": 44.0128e-3,
    "cfc11": 137.368e-3,
    "cfc12": 120.914e-3,
}
_UNIT = {"ppm": 1e-6, "ppb": 1e-9, "ppt": 1e-12}


@dataclass(frozen=True, kw_only=True, slots=True)
class Composition:
    """Absorbers and their amounts."""

    year: float = 2018.0  # year of the carbon dioxide, nitrous oxide and CFC concentrations; 1980 to 2030
    aerosol_optical_depth: float = 0.02
    """Absorption optical depth of the background aerosol at 11 um, vertical, above sea level. [1]

    0.00 to 0.06 occurs; 0.02 is a continental background at a visibility of about 23 km.
    """
    continuum_scaling: float = 1.0
    """Factor on the water vapour continuum, self and foreign: its uncertainty is a few per cent. [1]"""
    absorbers: frozenset[str] = frozenset(
        {"water_lines", "water_continuum", "carbon_dioxide", "minor_gases", "aerosol"}
    )
    """What takes part; fewer only to compare with codes that leave things out.

    ``carbon_dioxide`` is its lines above 808 cm-1; what it absorbs below is with the ``minor_gases``.
    """

    def __post_init__(self) -> None:
        if not 1980.0 <= self.year <= 2030.0:
            raise InputError(f"year {self.year:g} is outside 1980 to 2030, for which concentrations are known")
        if not 0.0 <= self.aerosol_optical_depth <= 1.0:
            raise InputError(f"aerosol optical depth {self.aerosol_optical_depth:g} is outside 0 to 1")
        if not 0.5 <= self.continuum_scaling <= 1.5:
            raise InputError(f"continuum scaling {self.continuum_scaling:g} is outside 0.5 to 1.5")


@cache
def _concentrations() -> dict[str, Float]:
    path = data_path("gases", "concentrations.csv")
    names = path.read_text().splitlines()[0].split(",")
    columns = dict(zip(names, np.loadtxt(path, delimiter=",", skiprows=1, unpack=True), strict=True))
    mole_fractions = {"year": columns.pop("year")}
    for name, values in columns.items():
        gas, unit = name.rsplit("_", 1)
        mole_fractions[gas] = values * _UNIT[unit]
    return mole_fractions


def mole_fraction(gas: str, year: float) -> float:
    """Moles of a well-mixed gas (``carbon_dioxide``, ``nitrous_oxide``, ``cfc11``, ``cfc12``) per mole of dry air. [1]

    Examples
    --------
    >>> round(mole_fraction("carbon_dioxide", 2010) * 1e6, 1)
    388.7
    """
    table = _concentrations()
    return float(np.interp(year, table["year"], table[gas]))


def mass_mixing_ratio(gas: str, year: float) -> float:
    """Mass of a well-mixed gas per mass of dry air, see `mole_fraction`. [kg kg-1]"""
    return mole_fraction(gas, year) * _MOLAR_MASS[gas] / MOLAR_MASS_DRY_AIR


@cache
def _ozone() -> tuple[Float, Float]:
    pressure, ozone = np.loadtxt(data_path("gases", "ozone.csv"), delimiter=",", skiprows=1, unpack=True)
    return np.log(pressure[::-1]), ozone[::-1]


def standard_ozone(pressure: Float) -> Float:
    """Mass mixing ratio of ozone in the US Standard Atmosphere [kg kg-1] at a pressure [hPa]."""
    logarithm, ozone = _ozone()
    return np.interp(np.log(pressure), logarithm, ozone)
