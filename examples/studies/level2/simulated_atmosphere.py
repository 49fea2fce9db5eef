"""Simulated air with a product's transmittance and upwelling radiance: what it sends down, how moist and warm it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from examples.studies.columns import column_of
from lst_raster.physics.elevation import pressure_at
from lst_raster.physics.humidity import relative_humidity
from lst_raster.profiles.library import FULL_BELOW, NONE_ABOVE
from lst_raster.profiles.profile_sets import water_vapour
from lst_raster.simulator.atmosphere import Column, layers
from lst_raster.simulator.band_simulation import BandAtmosphere, band_average, effective_average, simulate_spectrum
from lst_raster.simulator.gases import Composition

Float = NDArray[np.float64]

SHAPES = 6
"""Profiles of the library whose shape is tried."""
GROUNDS = (273.0, 310.0)
"""Temperatures of the ground for `effective_average`, those of the method behind the product. [K]"""

_PRESSURE = 40.0  # [hPa], how far a profile's ground may lie from the product's
_SCALES = (0.2, 4.0)  # what counts as far: in the logarithm of the vapour [1], in the air temperature [K]
_ROUNDS = 6
_CLOSE = 1e-3  # relative, in optical depth and upwelling radiance: about the steps in which the product is stored
_PROBES = (0.05, 2.0)  # of the logarithm of the humidity's factor [1] and of the warming [K], for the slopes
_LEAPS = (0.7, 15.0)  # largest step of each in one round
_WETTEST = 0.05  # [kg kg-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedAir:
    """One profile, moistened and warmed until its transmittance and upwelling radiance are those asked for."""

    profile: int
    """Number of the profile in the library."""
    transmittance: float
    """Transmittance that was asked for. [1]"""
    upwelling_radiance: float
    """Upwelling radiance that was asked for. [W m-2 sr-1 um-1]"""
    water_vapour: float
    """Water vapour that it takes. [kg m-2]"""
    air_temperature: float
    """Air temperature at 2 m that it takes. [K]"""
    largest_relative_humidity: float
    """Largest relative humidity below 300 hPa; above one the profile cannot be. [1]"""
    effective: float
    """Downwelling radiance by `effective_average`. [W m-2 sr-1 um-1]"""
    plain: float
    """Downwelling radiance by `band_average`. [W m-2 sr-1 um-1]"""


def choose_shapes(
    profiles: xr.Dataset, vapour: float, air_temperature: float, elevation: float, count: int = SHAPES
) -> list[int]:
    """Choose profiles that are nearly as moist and as warm as a scene, so that little has to be changed.

    Parameters
    ----------
    profiles : xarray.Dataset
        Profiles; those that were perturbed are left out.
    vapour : float
        Water vapour that is expected. [kg m-2]
    air_temperature : float
        Air temperature at 2 m that is expected. [K]
    elevation : float
        Height of the ground. [m]
    count : int
        How many.

    Returns
    -------
    list of int
        Their numbers, the nearest first.
    """
    low = np.abs(profiles["surface_pressure"].values - pressure_at(elevation)) < _PRESSURE
    usable = np.flatnonzero(low & (profiles["perturbation"].values == 0))
    moister = np.log(water_vapour(profiles)[usable] / vapour) / _SCALES[0]
    warmer = (profiles["air_temperature_2m"].values[usable] - air_temperature) / _SCALES[1]
    return [int(index) for index in usable[np.argsort(np.hypot(moister, warmer), kind="stable")[:count]]]


def match_air(
    profiles: xr.Dataset, index: int, points: Sequence[tuple[float, float]], sensor: str, composition: Composition
) -> list[MatchedAir]:
    """Moisten and warm one profile until it has a transmittance and an upwelling radiance.

    Two unknowns, a factor on the humidity and an amount added to the temperature below 300 hPa (falling to nothing at
    100 hPa), against two numbers: Newton's method, which starts from the point before. The terms are those of
    `effective_average`.

    Parameters
    ----------
    profiles : xarray.Dataset
        Profiles.
    index : int
        Which one.
    points : sequence of tuple of float
        Transmittance [1] and upwelling radiance [W m-2 sr-1 um-1], from one to the next not far.
    sensor : str
        Sensor band.
    composition : Composition
        Other gases, and aerosol.

    Returns
    -------
    list of MatchedAir
        One a point; those that were not met within 0.1 % are left out.
    """
    base, state = column_of(profiles, index), np.zeros(2)
    matched = []
    for transmittance, upwelling in points:
        solved = _solve(base, (transmittance, upwelling), state, sensor, composition)
        if solved is None:
            continue
        state = solved
        profile = changed(base, *state)
        spectrum = simulate_spectrum(profile, composition)
        matched.append(
            MatchedAir(
                profile=index,
                transmittance=transmittance,
                upwelling_radiance=upwelling,
                water_vapour=layers(profile).water_vapour,
                air_temperature=float(profile.air_temperature[0]),
                largest_relative_humidity=_largest_humidity(profile),
                effective=effective_average(spectrum, sensor, GROUNDS).downwelling_radiance,
                plain=band_average(spectrum, sensor).downwelling_radiance,
            )
        )
    return matched


def changed(profile: Column, moistening: float, warming: float) -> Column:
    """Moisten and warm a profile, evenly below 300 hPa and by nothing above 100 hPa.

    Parameters
    ----------
    profile : Column
        The profile.
    moistening : float
        Logarithm of the factor on the humidity. [1]
    warming : float
        Added to the temperature. [K]

    Returns
    -------
    Column
        Another profile.
    """
    share = np.clip((profile.pressure - NONE_ABOVE) / (FULL_BELOW - NONE_ABOVE), 0.0, 1.0)
    humidity = profile.specific_humidity * np.exp(share * moistening)
    return Column(
        pressure=profile.pressure,
        air_temperature=profile.air_temperature + share * warming,
        specific_humidity=np.minimum(humidity, _WETTEST),
        ozone=profile.ozone,
    )


def _largest_humidity(profile: Column) -> float:
    low = profile.pressure > FULL_BELOW
    state = profile.specific_humidity[low], profile.air_temperature[low], profile.pressure[low]
    return float(relative_humidity(*state).max())


def _solve(
    base: Column, point: tuple[float, float], start: Float, sensor: str, composition: Composition
) -> Float | None:
    """Moistening and warming with which a profile has a transmittance and an upwelling radiance."""
    wanted = np.log([-np.log(point[0]), point[1]])

    def misfit(state: Float) -> Float:
        spectrum = simulate_spectrum(changed(base, *state), composition)
        air: BandAtmosphere = effective_average(spectrum, sensor, GROUNDS)
        return np.asarray(np.log([-np.log(air.transmittance), air.upwelling_radiance]) - wanted)

    state, found = start, misfit(start)
    for _ in range(_ROUNDS):
        if np.abs(found).max() < _CLOSE:
            return state
        slopes = np.stack([(misfit(state + probe) - found) / probe.sum() for probe in np.diag(_PROBES)], axis=1)
        step = -np.linalg.lstsq(slopes, found, rcond=None)[0]
        state = state + np.clip(step, -np.array(_LEAPS), _LEAPS)
        found = misfit(state)
    return state if np.abs(found).max() < _CLOSE else None
