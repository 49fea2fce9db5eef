"""Simulated profiles with the transmittance and upwelling radiance of a product."""

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
"""Number of library profiles used as shapes."""
GROUNDS = (273.0, 310.0)
"""Surface temperatures for `effective_average`, as in the method of the product. [K]"""

_PRESSURE = 40.0  # [hPa], largest difference of surface pressure between profile and product
_SCALES = (0.2, 4.0)  # distance scales of the logarithm of water vapour [1] and of air temperature [K]
_ITERATIONS = 6
_TOLERANCE = 1e-3  # relative, of optical depth and upwelling radiance: about the quantization of the product
_DIFFERENCES = (0.05, 2.0)  # finite differences of log humidity factor [1] and temperature change [K]
_LARGEST_STEPS = (0.7, 15.0)  # per iteration
_LARGEST_HUMIDITY = 0.05  # [kg kg-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedProfile:
    """A profile with humidity and temperature adjusted to a transmittance and an upwelling radiance."""

    profile: int
    """Number of the profile in the library."""
    transmittance: float
    """Target transmittance. [1]"""
    upwelling_radiance: float
    """Target upwelling radiance. [W m-2 sr-1 um-1]"""
    water_vapour: float
    """Water vapour of the adjusted profile. [kg m-2]"""
    air_temperature: float
    """Air temperature at 2 m of the adjusted profile. [K]"""
    largest_relative_humidity: float
    """Largest relative humidity below 300 hPa; above 1 the profile is unphysical. [1]"""
    effective: float
    """Downwelling radiance by `effective_average`. [W m-2 sr-1 um-1]"""
    plain: float
    """Downwelling radiance by `band_average`. [W m-2 sr-1 um-1]"""


def choose_shapes(
    profiles: xr.Dataset, vapour: float, air_temperature: float, elevation: float, count: int = SHAPES
) -> list[int]:
    """Select profiles with water vapour [kg m-2] and air temperature [K] close to those expected of a scene.

    Perturbed profiles are excluded. Returns indices, the nearest first.
    """
    low = np.abs(profiles["surface_pressure"].values - pressure_at(elevation)) < _PRESSURE
    usable = np.flatnonzero(low & (profiles["perturbation"].values == 0))
    humid = np.log(water_vapour(profiles)[usable] / vapour) / _SCALES[0]
    warm = (profiles["air_temperature_2m"].values[usable] - air_temperature) / _SCALES[1]
    return [int(index) for index in usable[np.argsort(np.hypot(humid, warm), kind="stable")[:count]]]


def match_air(
    profiles: xr.Dataset, index: int, points: Sequence[tuple[float, float]], sensor: str, composition: Composition
) -> list[MatchedProfile]:
    """Adjust humidity and temperature of a profile to each (transmittance, upwelling radiance) of `points`.

    Newton's method for two unknowns, a factor on the humidity and an increment of the temperature below 300 hPa
    (decreasing to zero at 100 hPa), with the terms of `effective_average`. Each solution is the first guess for the
    next point, so consecutive points should be close. Points without a solution within 0.1 % are omitted.
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
            MatchedProfile(
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
    """Multiply the humidity by exp(`moistening`) and add `warming` [K] below 300 hPa, decreasing to zero at 100 hPa."""
    weight = np.clip((profile.pressure - NONE_ABOVE) / (FULL_BELOW - NONE_ABOVE), 0.0, 1.0)
    humidity = profile.specific_humidity * np.exp(weight * moistening)
    return Column(
        pressure=profile.pressure,
        air_temperature=profile.air_temperature + weight * warming,
        specific_humidity=np.minimum(humidity, _LARGEST_HUMIDITY),
        ozone=profile.ozone,
    )


def _largest_humidity(profile: Column) -> float:
    low = profile.pressure > FULL_BELOW
    state = profile.specific_humidity[low], profile.air_temperature[low], profile.pressure[low]
    return float(relative_humidity(*state).max())


def _solve(
    base: Column, point: tuple[float, float], start: Float, sensor: str, composition: Composition
) -> Float | None:
    """Solve for humidity and temperature change with which a profile has a transmittance and an upwelling radiance."""
    wanted = np.log([-np.log(point[0]), point[1]])

    def misfit(state: Float) -> Float:
        spectrum = simulate_spectrum(changed(base, *state), composition)
        air: BandAtmosphere = effective_average(spectrum, sensor, GROUNDS)
        return np.asarray(np.log([-np.log(air.transmittance), air.upwelling_radiance]) - wanted)

    state, found = start, misfit(start)
    for _ in range(_ITERATIONS):
        if np.abs(found).max() < _TOLERANCE:
            return state
        slopes = np.stack([(misfit(state + probe) - found) / probe.sum() for probe in np.diag(_DIFFERENCES)], axis=1)
        step = -np.linalg.lstsq(slopes, found, rcond=None)[0]
        state = state + np.clip(step, -np.array(_LARGEST_STEPS), _LARGEST_STEPS)
        found = misfit(state)
    return state if np.abs(found).max() < _TOLERANCE else None
