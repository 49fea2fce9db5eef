"""Simulated atmospheres of the overpasses: effects of gases, aerosol, continuum and height."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from examples.studies.lake.table import WATER_EMISSIVITY, Float, LakeTable
from lst_raster.errors import CancelledError
from lst_raster.physics.elevation import pressure_at
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.library import perturb
from lst_raster.profiles.profile_sets import library_path, read_profiles, water_vapour
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.atmosphere import Column, column, layers
from lst_raster.simulator.band_simulation import simulate_effective
from lst_raster.simulator.gases import Composition

Progress: TypeAlias = Callable[[int, int], bool]
"""Takes the simulations done and their total; False stops."""

MEAN_YEAR = 2012.5
"""Middle of the years over which the minor gases were drawn when the models of Landsat 7 were trained."""

_ALL = Composition().absorbers
_CONTINUUM_4_1 = ((8.5, 29.2, 41.0), (0.972, 1.085, 1.103))
"""Vapour [kg m-2], and the factor on MT_CKD 4.3 that gives the optical depth of MT_CKD 4.1 in band 6 of Landsat 7:
AFGL mid-latitude winter, summer and tropical atmosphere, RFM v5.13 against a line-by-line code with 4.3."""
_LATITUDES, _LOWLAND = (35.0, 55.0), 900.0  # [degree], [hPa]: what counts as air like that over the lake
_SCALES = (0.5, 4.0)  # root of the vapour, air temperature [K]: a step in one is worth a step in the other


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One way to simulate an overpass."""

    composition: Callable[[float, float], Composition]
    """Composition from the year and the water vapour [kg m-2] of the overpass."""
    at_sea_level: bool = False
    """Whether the ground lies at sea level, under the same vapour, not at the lake's height."""


def _as_trained(**changes: Any) -> Callable[[float, float], Composition]:
    return lambda year, vapour: Composition(**{"year": MEAN_YEAR, **changes})


def _older_continuum(year: float, vapour: float) -> Composition:
    return Composition(year=MEAN_YEAR, continuum_scaling=float(np.interp(vapour, *_CONTINUUM_4_1)))


BASE = "base"
VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        BASE: Variant(composition=_as_trained()),
        "year": Variant(composition=lambda year, vapour: Composition(year=year)),
        "no minor gases": Variant(composition=_as_trained(absorbers=_ALL - {"minor_gases"})),
        "no aerosol": Variant(composition=_as_trained(aerosol_optical_depth=0.0)),
        "twice the aerosol": Variant(composition=_as_trained(aerosol_optical_depth=0.04)),
        "continuum 3 % stronger": Variant(composition=_as_trained(continuum_scaling=1.03)),
        "MT_CKD 4.1": Variant(composition=_older_continuum),
        "sea level": Variant(composition=_as_trained(), at_sea_level=True),
    }
)
"""By name. The base is the mean over which the models were trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAir:
    """Simulated terms of the radiative transfer equation over the lake."""

    rows: NDArray[np.intp]
    """Overpasses of the table that were simulated."""
    terms: Mapping[str, tuple[Float, Float, Float]]
    """By variant: transmittance [1], up- and downwelling radiance [W m-2 sr-1 um-1], shape (overpass,)."""

    def temperature(self, table: LakeTable, radiance: Float, variant: str = BASE) -> Float:
        """Surface temperature of the simulated overpasses from the radiance of all of them. [K]."""
        planck = sensor_band(table.sensor).planck
        return np.asarray(surface_temperature(radiance[self.rows], WATER_EMISSIVITY, *self.terms[variant], planck))

    def change(self, table: LakeTable, radiance: Float, variant: str) -> float:
        """Mean change of the surface temperature from the base to a variant, over common overpasses. [K]."""
        difference = self.temperature(table, radiance, variant) - self.temperature(table, radiance)
        return float(difference[table.common[self.rows]].mean())


def simulate_air(table: LakeTable, *, every: int = 1, progress: Progress | None = None) -> SimulatedAir:
    """Simulate the atmospheres of overpasses.

    No sounding is known. Each overpass gets the column of the profile library, land within 35 to 55 degrees north
    below about 1 km, whose vapour and air temperature are nearest; it is warmed and moistened to those of the
    overpass, and its levels are moved in proportion to the surface pressure.

    Parameters
    ----------
    table : LakeTable
        Match-ups.
    every : int
        Simulate every so many overpasses.
    progress : callable, optional
        Called after each simulation.

    Returns
    -------
    SimulatedAir
        A fifth of a second for each overpass and variant.

    Raises
    ------
    CancelledError
        The progress callable returned False.
    """
    rows = np.arange(0, table.date.size, every)
    profiles = _analogues(table, rows)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in VARIANTS}
    for index, row in enumerate(rows):
        for name, variant in VARIANTS.items():
            found[name].append(_terms(table, int(row), profiles.isel(profile=index), variant))
        if progress is not None and not progress(index + 1, rows.size):
            raise CancelledError("stopped on request; nothing was written")
    columns = {name: np.array(terms).T for name, terms in found.items()}
    return SimulatedAir(rows=rows, terms={name: (terms[0], terms[1], terms[2]) for name, terms in columns.items()})


def _analogues(table: LakeTable, rows: NDArray[np.intp]) -> Any:
    """Columns nearest to the overpasses, brought to their air temperature."""
    library = read_profiles(library_path())
    latitude = library["latitude"].values
    alike = (library["perturbation"].values == 0) & (library["land"].values == 1)
    alike &= (latitude > _LATITUDES[0]) & (latitude < _LATITUDES[1]) & (library["surface_pressure"].values > _LOWLAND)
    pool = library.isel(profile=alike)
    air, root = table.air_temperature[rows], np.sqrt(table.water_vapour[rows])
    distance = ((np.sqrt(water_vapour(pool)) - root[:, None]) / _SCALES[0]) ** 2
    distance += ((pool["air_temperature_2m"].values - air[:, None]) / _SCALES[1]) ** 2
    nearest = pool.isel(profile=np.argmin(distance, axis=1))
    warming = air - nearest["air_temperature_2m"].values
    return perturb(nearest, warming, np.ones_like(warming))


def _terms(table: LakeTable, row: int, profile: Any, variant: Variant) -> tuple[float, float, float]:
    vapour = float(table.water_vapour[row])
    pressure = float(pressure_at(0.0 if variant.at_sea_level else table.lake.elevation))
    composition = variant.composition(float(table.year[row]), vapour)
    band = simulate_effective(_column(profile, vapour, pressure), [table.sensor], composition)[table.sensor]
    return band.transmittance, band.upwelling_radiance, band.downwelling_radiance


def _column(profile: Any, vapour: float, pressure: float) -> Column:
    """Move a profile to a surface pressure, and scale its humidity to a column."""

    def moistened(factor: float) -> Column:
        return column(
            profile["pressure"].values * pressure / float(profile["surface_pressure"]),
            profile["air_temperature"].values,
            profile["specific_humidity"].values * factor,
            profile["ozone"].values,
            surface_pressure=pressure,
            air_temperature_2m=float(profile["air_temperature_2m"]),
            specific_humidity_2m=float(profile["specific_humidity_2m"]) * factor,
        )

    return moistened(vapour / layers(moistened(1.0)).water_vapour)
