"""Absorbers other than water vapour: concentrations by year, standard profiles, background aerosol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lst_raster.errors import InputError
from lst_raster.physics.constants import MOLAR_MASS_DRY_AIR
from lst_raster.resources import data_path
from lst_raster.sensors.response import Float

MOLAR_MASS = {  # [kg mol-1], IUPAC standard atomic weights
    "carbon_dioxide": 44.0095e-3,
    "nitrous_oxide": 44.0128e-3,
    "cfc11": 137.368e-3,
    "cfc12": 120.914e-3,
    "cfc113": 187.367e-3,
    "hcfc22": 86.465e-3,
    "carbon_tetrachloride": 153.811e-3,
    "nitric_acid": 63.012e-3,
}
_UNIT = {"ppm": 1e-6, "ppb": 1e-9, "ppt": 1e-12}

BACKGROUND_AEROSOL = (0.02, 0.015)
"""Mean and standard deviation of the absorption optical depth of background aerosol at 11 um. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Composition:
    """Absorbers and their amounts."""

    year: float = 2018.0  # year of the concentrations of well-mixed gases; 1980 to 2030
    aerosol_optical_depth: float = BACKGROUND_AEROSOL[0]
    """Absorption optical depth of the aerosol at 11 um, vertical, above sea level. [1]

    0.02 is a continental background at a visibility of about 23 km, 0.00 to 0.06 its range; haze and dust have more.
    """
    continuum_scaling: float = 1.0
    """Factor on the water vapour continuum, self and foreign: its uncertainty is a few per cent. [1]"""
    absorbers: frozenset[str] = frozenset(
        {"water_lines", "water_continuum", "carbon_dioxide", "minor_gases", "aerosol"}
    )
    """What takes part; fewer only to compare with codes that leave things out.

    ``carbon_dioxide`` is its lines above 808 cm-1; what it absorbs below is with the ``minor_gases``
    (`simulator.minor_gases.MINOR_GASES`).
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
    """Moles of a well-mixed gas per mole of dry air. [1]

    `gas` is ``carbon_dioxide``, ``nitrous_oxide``, ``cfc11``, ``cfc12``, ``cfc113``, ``hcfc22`` or
    ``carbon_tetrachloride``.

    Examples
    --------
    >>> round(mole_fraction("carbon_dioxide", 2010) * 1e6, 1)
    388.7
    """
    table = _concentrations()
    return float(np.interp(year, table["year"], table[gas]))


def mass_mixing_ratio(gas: str, year: float) -> float:
    """Mass of a well-mixed gas per mass of dry air, see `mole_fraction`. [kg kg-1]"""
    return mole_fraction(gas, year) * MOLAR_MASS[gas] / MOLAR_MASS_DRY_AIR


@cache
def _profile(gas: str) -> tuple[Float, Float]:
    pressure, mixing_ratio = np.loadtxt(data_path("gases", f"{gas}.csv"), delimiter=",", skiprows=1, unpack=True)
    return np.log(pressure[::-1]), mixing_ratio[::-1]


def standard_profile(gas: str, pressure: Float) -> Float:
    """Mass mixing ratio of ``ozone`` or ``nitric_acid`` in a standard atmosphere [kg kg-1] at a pressure [hPa]."""
    logarithm, mixing_ratio = _profile(gas)
    return np.interp(np.log(pressure), logarithm, mixing_ratio)
