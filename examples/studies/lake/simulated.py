"""Simulated atmospheres of the overpasses: effects of gases, aerosol, continuum and elevation."""

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
"""Called with completed and total simulations; returns False to stop."""

MEAN_YEAR = 2012.5
"""Mean of the years from which minor gas concentrations were sampled in training of the Landsat 7 models."""

_ALL = Composition().absorbers
_CONTINUUM_4_1 = ((8.5, 29.2, 41.0), (0.972, 1.085, 1.103))
"""Water vapour [kg m-2], and scaling of MT_CKD 4.3 for the optical depth of MT_CKD 4.1 in band 6 of Landsat 7:
AFGL mid-latitude winter, summer and tropical atmosphere, RFM v5.13 compared with a line-by-line code with 4.3."""
_LATITUDES, _LEAST_PRESSURE = (
    (35.0, 55.0),
    900.0,
)  # [degree], [hPa]: limits of similar columns
_SCALES = (0.5, 4.0)  # distance scales of square root of water vapour and air temperature [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """Settings of a simulation."""

    composition: Callable[[float, float], Composition]
    """Composition as a function of year and water vapour [kg m-2] of the overpass."""
    at_sea_level: bool = False
    """Whether the surface is at sea level, with the same water vapour, in place of the elevation of the lake."""


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
"""Variants by name. The base has the mean composition of training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAir:
    """Simulated terms of the radiative transfer equation over the lake."""

    rows: NDArray[np.intp]
    """Rows of the simulated overpasses in the table."""
    terms: Mapping[str, tuple[Float, Float, Float]]
    """Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1] by variant, shape (overpass,)."""

    def temperature(self, table: LakeTable, radiance: Float, variant: str = BASE) -> Float:
        """Surface temperature of the simulated overpasses, from the radiance of all overpasses. [K]"""
        planck = sensor_band(table.sensor).planck
        return np.asarray(surface_temperature(radiance[self.rows], WATER_EMISSIVITY, *self.terms[variant], planck))

    def change(self, table: LakeTable, radiance: Float, variant: str) -> float:
        """Mean change of the surface temperature from the base to a variant, over common overpasses. [K]"""
        difference = self.temperature(table, radiance, variant) - self.temperature(table, radiance)
        return float(difference[table.common[self.rows]].mean())


def simulate_air(table: LakeTable, *, every: int = 1, progress: Progress | None = None) -> SimulatedAir:
    """Simulate the atmospheres of every n-th overpass, a fifth of a second per overpass and variant.

    Soundings are not available. Each overpass is assigned the library column with the nearest water vapour and air
    temperature, over land at 35 to 55 degrees north below about 1 km. Its temperature and humidity are adjusted to
    those of the overpass, and its levels scaled with the surface pressure. Raises `CancelledError` if `progress`
    returns False.
    """
    rows = np.arange(0, table.date.size, every)
    profiles = _analogues(table, rows)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in VARIANTS}
    for index, row in enumerate(rows):
        for name, variant in VARIANTS.items():
            found[name].append(_terms(table, int(row), profiles.isel(profile=index), variant))
        if progress is not None and not progress(index + 1, rows.size):
            raise CancelledError("simulation cancelled; no file was written")
    columns = {name: np.array(terms).T for name, terms in found.items()}
    return SimulatedAir(rows=rows, terms={name: (terms[0], terms[1], terms[2]) for name, terms in columns.items()})


def _analogues(table: LakeTable, rows: NDArray[np.intp]) -> Any:
    """Library columns nearest to the overpasses, adjusted to their air temperature."""
    library = read_profiles(library_path())
    latitude = library["latitude"].values
    similar = (library["perturbation"].values == 0) & (library["land"].values == 1)
    similar &= (latitude > _LATITUDES[0]) & (latitude < _LATITUDES[1])
    similar &= library["surface_pressure"].values > _LEAST_PRESSURE
    pool = library.isel(profile=similar)
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
    """Scale the levels of a profile to a surface pressure and its humidity to a total column water vapour."""

    def with_humidity(factor: float) -> Column:
        return column(
            profile["pressure"].values * pressure / float(profile["surface_pressure"]),
            profile["air_temperature"].values,
            profile["specific_humidity"].values * factor,
            profile["ozone"].values,
            surface_pressure=pressure,
            air_temperature_2m=float(profile["air_temperature_2m"]),
            specific_humidity_2m=float(profile["specific_humidity_2m"]) * factor,
        )

    return with_humidity(vapour / layers(with_humidity(1.0)).water_vapour)
