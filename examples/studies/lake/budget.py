"""Error budget of the bias over a lake, from default to best settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.studies.lake.error_sources import (
    AIR_UNCERTAINTY,
    CAREFUL,
    COLUMN,
    ECOSTRESS_WATER,
    SURFACE,
    TODAY,
    Cause,
    causes,
    fresnel_emissivity,
    height_factor,
    vapour_ratio,
)
from examples.studies.lake.morning import MorningError, morning_error
from examples.studies.lake.retrieval import Settings, measure, residuals, sensor_radiances
from examples.studies.lake.simulated import BASE, Progress, SimulatedAir, simulate_air
from examples.studies.lake.table import SUNAPEE, Agreement, Float, Lake, LakeTable, agreement, read_lake

USGS_EMISSIVITY = 0.9779
"""Emissivity of the lake in the USGS product, from ASTER. [1]"""
_VAPOUR_ERROR = 0.15  # share of the column: reanalysis of 2.5 degrees at one hour


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """Dependence of residuals on a variable, without outliers."""

    method: str
    """Method."""
    against: str
    """Variable, with its unit."""
    slope: float
    """Change of the residual for each unit. [K per unit]"""
    correlation: float
    """Correlation. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LakeBudget:
    """Error budget of the bias over a lake."""

    lake: Lake
    """The lake."""
    sensor: str
    """Sensor band."""
    total: int
    """Overpasses in the table."""
    compared: int
    """Those that all methods have: all statistics are over these."""
    with_air: int
    """Those of all for which the day's air temperature is known."""
    steps: Mapping[str, Agreement]
    """Settings from the default to the best, with one more change each."""
    variants: Mapping[str, Agreement]
    """Other settings and methods."""
    causes: tuple[Cause, ...]
    """Error sources."""
    scatter: Mapping[str, float]
    """Contributions to the standard deviation. [K]"""
    trends: tuple[Trend, ...]
    """Dependence of the residuals on other variables."""
    simulated: Mapping[str, float]
    """Mean temperature change for variants of the simulated atmosphere; empty without simulations. [K]"""
    morning: MorningError | None
    """Model errors on simulated morning columns."""
    vapour_ratio: float
    """Median ratio of the water vapour of the table to that from the surface humidity. [1]"""

    @property
    def uncertainty(self) -> float:
        """Standard uncertainty of the bias with best settings: error sources and standard error of the mean. [K]"""
        parts = [cause.uncertainty for cause in self.causes]
        careful = list(self.steps.values())[-1]
        return float(np.sqrt(np.sum(np.square(parts)) + careful.sd**2 / careful.count))

    @property
    def known(self) -> float:
        """Sum of the known effects that are not applied. [K]"""
        return sum(cause.effect for cause in self.causes if not cause.applied)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries and numbers, for JSON."""
        return {**asdict(self), "uncertainty": self.uncertainty, "known_not_applied": self.known}


def run(
    table: Path,
    *,
    lake: Lake = SUNAPEE,
    air: Path | None = None,
    simulate: bool = True,
    every: int = 1,
    progress: Progress | None = None,
) -> LakeBudget:
    """Error budget of a table of match-ups over a lake.

    Parameters
    ----------
    table : Path
        Table of match-ups, see `examples.studies.lake.table.read_lake`.
    lake : Lake
        The lake.
    air : Path, optional
        Table of the days' air; by default the packaged one.
    simulate : bool
        True to simulate the atmosphere of the overpasses, which takes one to two minutes on one core.
    every : int
        Simulate every so many overpasses.
    progress : callable, optional
        Called after each simulated overpass; returns whether to go on.

    Returns
    -------
    LakeBudget
        The budget.

    Raises
    ------
    InputNotFoundError, InputError
        The table cannot be used.
    CancelledError
        The progress callable returned False.
    """
    matchups = read_lake(table, lake, air)
    if not simulate:
        return budget(matchups, None, None)
    contrast = float(np.nanmean(matchups.ground_temperature - matchups.air_temperature))
    simulated = simulate_air(matchups, every=every, progress=progress)
    return budget(matchups, simulated, morning_error(matchups.sensor, contrast))


def budget(table: LakeTable, air: SimulatedAir | None, morning: MorningError | None) -> LakeBudget:
    """Error budget with given simulations; parameters as of `causes`."""
    return LakeBudget(
        lake=table.lake,
        sensor=table.sensor,
        total=table.date.size,
        compared=int(np.count_nonzero(table.common)),
        with_air=int(np.count_nonzero(np.isfinite(table.measured_air))),
        steps={name: measure(table, settings) for name, settings in STEPS.items()},
        variants=_variants(table, air),
        causes=tuple(causes(table, air, morning)),
        simulated={} if air is None else _changes(table, air),
        morning=morning,
        scatter=_scatter(table),
        trends=tuple(_trends(table)),
        vapour_ratio=vapour_ratio(table),
    )


STEPS: Mapping[str, Settings] = {
    "column model, bulk water": TODAY,
    "radiance by the two constants": COLUMN,
    "air temperature (surface model)": SURFACE,
    "reference is the skin": CAREFUL,
}
"""Each has one more change than the one before; none is chosen with the match-ups."""


def _variants(table: LakeTable, air: SimulatedAir | None) -> dict[str, Agreement]:
    variants = {
        "surface model, standard atmosphere on all days": replace(SURFACE, standard_air=True),
        "surface model, air 2 K warmer": replace(SURFACE, air_warmer=AIR_UNCERTAINTY),
        "surface model, vapour above the lake's height": replace(SURFACE, vapour_factor=height_factor(table)),
        "surface model, vapour by humidity": replace(SURFACE, vapour_factor=1.0 / vapour_ratio(table)),
        "surface model, pressure of the sea level": replace(SURFACE, pressure_elevation=0.0),
        "column model, pressure of the sea level": replace(COLUMN, pressure_elevation=0.0),
        "surface model, measured spectra's emissivity": replace(SURFACE, emissivity=ECOSTRESS_WATER),
        "surface model, Fresnel's emissivity": replace(SURFACE, emissivity=fresnel_emissivity(table.sensor)),
        "surface model, emissivity and sky of the USGS": _as_usgs(),
    }
    found = {name: measure(table, settings) for name, settings in variants.items()}
    if air is not None:
        rows = air.rows
        radiance = sensor_radiances(table, two_constants=True)
        error = air.temperature(table, radiance) - table.ground_temperature[rows]
        found["library columns like the lake's"] = agreement(error[table.common[rows]])
    found["USGS Collection 2"] = agreement(_usgs(table)[table.common])
    found["USGS Collection 2, reference is the skin"] = agreement(_usgs(table)[table.common] + CAREFUL.skin)
    found["USGS, water's emissivity and hemisphere's sky"] = agreement(
        (_usgs(table) - _usgs_effect(table))[table.common]
    )
    found["brightness temperature"] = agreement((table.brightness_temperature - table.ground_temperature)[table.common])
    clear = table.common & _inside(table, residuals(table, CAREFUL)) & _inside(table, _usgs(table))
    found["careful, outliers of either left out"] = agreement(residuals(table, CAREFUL)[clear])
    found["USGS Collection 2, outliers of either left out"] = agreement(_usgs(table)[clear])
    known = np.isfinite(table.measured_air) & table.common
    found["careful, days with known air"] = agreement(residuals(table, CAREFUL)[known])
    found["USGS Collection 2, days with known air"] = agreement(_usgs(table)[known])
    return found


def _changes(table: LakeTable, air: SimulatedAir) -> dict[str, float]:
    radiance = sensor_radiances(table, two_constants=True)
    return {name: air.change(table, radiance, name) for name in air.terms if name != BASE}


def _inside(table: LakeTable, error: Float) -> NDArray[np.bool_]:
    """Errors within three robust standard deviations of the median."""
    found = agreement(error[table.common])
    return np.asarray(np.abs(error - found.median) <= 3.0 * found.robust_sd)


def _as_usgs() -> Settings:
    # ST_DRAD is the hemispheric radiance divided by pi: docs/science/level2.md
    return replace(SURFACE, emissivity=USGS_EMISSIVITY, sky_factor=1.0 / np.pi)


def _usgs_effect(table: LakeTable) -> Float:
    """Effect of the choices of the USGS product on the temperature, with the atmosphere of lst-raster. [K]"""
    return residuals(table, _as_usgs()) - residuals(table, SURFACE)


def _usgs(table: LakeTable) -> Float:
    return table.usgs_temperature - table.ground_temperature


def _scatter(table: LakeTable) -> dict[str, float]:
    def root_mean_square(change: Settings) -> float:
        difference = residuals(table, change) - residuals(table, SURFACE)
        return float(np.sqrt(np.mean(difference[table.common] ** 2)))

    counts = np.unique(table.brightness_temperature)
    steps = np.diff(counts[np.isfinite(counts)])
    return {
        "vapour of the hour, 15 %": root_mean_square(replace(SURFACE, vapour_factor=1.0 + _VAPOUR_ERROR)),
        "air temperature, 2 K": root_mean_square(replace(SURFACE, air_warmer=AIR_UNCERTAINTY)),
        # one digital number is the smallest step that occurs; an even error within it
        "whole digital numbers": float(steps.min() / np.sqrt(12.0)) if steps.size else 0.0,
    }


def _trends(table: LakeTable) -> list[Trend]:
    phase = 2.0 * np.pi * table.day_of_year / 365.25
    against = {
        "water vapour [kg m-2]": table.water_vapour,
        "cosine of the day from mid-April [1]": np.cos(phase - 2.0 * np.pi * 105.0 / 365.25),
        "buoy less air [K]": table.ground_temperature - table.measured_air,
        "brightness temperature [K]": table.brightness_temperature,
        "year [1]": table.year,
    }
    methods = {
        "today": residuals(table, TODAY),
        "careful": residuals(table, CAREFUL),
        "USGS Collection 2": _usgs(table),
    }
    return [_trend(name, error, what, values) for name, error in methods.items() for what, values in against.items()]


def _trend(method: str, error: Float, against: str, values: Float) -> Trend:
    known = np.isfinite(error + values)
    found = agreement(error[known])
    known &= np.abs(error - found.median) <= 3.0 * found.robust_sd  # outliers, where this one has a value
    if np.count_nonzero(known) < 3:
        return Trend(method=method, against=against, slope=float("nan"), correlation=float("nan"))
    slope = float(np.polyfit(values[known], error[known], 1)[0])
    correlation = float(np.corrcoef(values[known], error[known])[0, 1])
    return Trend(method=method, against=against, slope=slope, correlation=correlation)
