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
    BEST,
    COLUMN,
    DEFAULT,
    ECOSTRESS_WATER,
    SURFACE,
    ErrorSource,
    error_sources,
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
_VAPOUR_ERROR = 0.15  # fraction of the column: 2.5 degree reanalysis, single hour


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """Linear trend of the residuals with a variable, without outliers."""

    method: str
    variable: str
    """Name and unit."""
    slope: float
    """Change of the residual per unit of the variable. [K per unit]"""
    correlation: float
    """Correlation coefficient. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LakeBudget:
    """Error budget of the bias over a lake."""

    lake: Lake
    sensor: str
    total: int
    """Number of overpasses in the table."""
    compared: int
    """Number of overpasses with results of all methods; all statistics are over these."""
    with_air_temperature: int
    """Number of overpasses with a daily mean air temperature."""
    steps: Mapping[str, Agreement]
    """Settings from default to best; each step has one more change."""
    variants: Mapping[str, Agreement]
    """Other settings and methods."""
    error_sources: tuple[ErrorSource, ...]
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
        parts = [entry.uncertainty for entry in self.error_sources]
        best = list(self.steps.values())[-1]
        return float(np.sqrt(np.sum(np.square(parts)) + best.sd**2 / best.count))

    @property
    def known(self) -> float:
        """Sum of the known effects that are not applied. [K]"""
        return sum(entry.effect for entry in self.error_sources if not entry.applied)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as plain dictionaries and numbers, for JSON."""
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
    """Compute the error budget from a table of match-ups over a lake.

    `air` is the table of daily air temperatures (default: packaged); `every` selects every n-th overpass for the
    simulation, which takes one to two minutes on one core. Raises `InputNotFoundError` or `InputError` if a table
    cannot be read, `CancelledError` if `progress` returns False.
    """
    matchups = read_lake(table, lake, air)
    if not simulate:
        return budget(matchups, None, None)
    contrast = float(np.nanmean(matchups.ground_temperature - matchups.air_temperature))
    simulated = simulate_air(matchups, every=every, progress=progress)
    return budget(matchups, simulated, morning_error(matchups.sensor, contrast))


def budget(table: LakeTable, air: SimulatedAir | None, morning: MorningError | None) -> LakeBudget:
    """Compute the error budget from given simulations; parameters as in `error_sources`."""
    return LakeBudget(
        lake=table.lake,
        sensor=table.sensor,
        total=table.date.size,
        compared=int(np.count_nonzero(table.common)),
        with_air_temperature=int(np.count_nonzero(np.isfinite(table.measured_air))),
        steps={name: measure(table, settings) for name, settings in STEPS.items()},
        variants=_variants(table, air),
        error_sources=tuple(error_sources(table, air, morning)),
        simulated={} if air is None else _changes(table, air),
        morning=morning,
        scatter=_scatter(table),
        trends=tuple(_trends(table)),
        vapour_ratio=vapour_ratio(table),
    )


STEPS: Mapping[str, Settings] = {
    "column model, bulk water": DEFAULT,
    "radiance from K1 and K2": COLUMN,
    "air temperature (surface model)": SURFACE,
    "skin temperature as reference": BEST,
}
"""Each step has one more change than the previous one; none was selected with the match-ups."""


def _variants(table: LakeTable, air: SimulatedAir | None) -> dict[str, Agreement]:
    fresnel = fresnel_emissivity(table.sensor)
    variants = {
        "surface model, climatology on all days": replace(SURFACE, climatological_air=True),
        "surface model, air temperature +2 K": replace(SURFACE, air_temperature_change=AIR_UNCERTAINTY),
        "surface model, water vapour above the lake only": replace(SURFACE, vapour_factor=height_factor(table)),
        "surface model, water vapour from surface humidity": replace(SURFACE, vapour_factor=1.0 / vapour_ratio(table)),
        "surface model, sea-level pressure": replace(SURFACE, pressure_elevation=0.0),
        "column model, sea-level pressure": replace(COLUMN, pressure_elevation=0.0),
        "surface model, emissivity from measured spectra": replace(SURFACE, emissivity=ECOSTRESS_WATER),
        "surface model, emissivity from the Fresnel equation": replace(SURFACE, emissivity=fresnel),
        "surface model, emissivity and ST_DRAD of the USGS": _usgs_settings(),
    }
    found = {name: measure(table, settings) for name, settings in variants.items()}
    if air is not None:
        rows = air.rows
        radiance = sensor_radiances(table, two_constants=True)
        error = air.temperature(table, radiance) - table.ground_temperature[rows]
        found["simulation of similar library columns"] = agreement(error[table.common[rows]])
    found["USGS Collection 2"] = agreement(_usgs(table)[table.common])
    found["USGS Collection 2, skin temperature as reference"] = agreement(_usgs(table)[table.common] + BEST.skin)
    found["USGS, emissivity of water and hemispheric downwelling radiance"] = agreement(
        (_usgs(table) - _usgs_effect(table))[table.common]
    )
    found["brightness temperature"] = agreement((table.brightness_temperature - table.ground_temperature)[table.common])
    clear = table.common & _inside(table, residuals(table, BEST)) & _inside(table, _usgs(table))
    found["best settings, without outliers of either method"] = agreement(residuals(table, BEST)[clear])
    found["USGS Collection 2, without outliers of either method"] = agreement(_usgs(table)[clear])
    known = np.isfinite(table.measured_air) & table.common
    found["best settings, days with known air temperature"] = agreement(residuals(table, BEST)[known])
    found["USGS Collection 2, days with known air temperature"] = agreement(_usgs(table)[known])
    return found


def _changes(table: LakeTable, air: SimulatedAir) -> dict[str, float]:
    radiance = sensor_radiances(table, two_constants=True)
    return {name: air.change(table, radiance, name) for name in air.terms if name != BASE}


def _inside(table: LakeTable, error: Float) -> NDArray[np.bool_]:
    """Mask of the errors within three robust standard deviations of the median."""
    found = agreement(error[table.common])
    return np.asarray(np.abs(error - found.median) <= 3.0 * found.robust_sd)


def _usgs_settings() -> Settings:
    # ST_DRAD is the hemispheric radiance divided by pi: docs/science/level2.md
    return replace(SURFACE, emissivity=USGS_EMISSIVITY, downwelling_factor=1.0 / np.pi)


def _usgs_effect(table: LakeTable) -> Float:
    """Temperature change from the emissivity and ST_DRAD of the USGS product, with the atmosphere of lst-raster. [K]"""
    return residuals(table, _usgs_settings()) - residuals(table, SURFACE)


def _usgs(table: LakeTable) -> Float:
    return table.usgs_temperature - table.ground_temperature


def _scatter(table: LakeTable) -> dict[str, float]:
    def root_mean_square(change: Settings) -> float:
        difference = residuals(table, change) - residuals(table, SURFACE)
        return float(np.sqrt(np.mean(difference[table.common] ** 2)))

    counts = np.unique(table.brightness_temperature)
    steps = np.diff(counts[np.isfinite(counts)])
    return {
        "water vapour error of 15 %": root_mean_square(replace(SURFACE, vapour_factor=1.0 + _VAPOUR_ERROR)),
        "air temperature error of 2 K": root_mean_square(replace(SURFACE, air_temperature_change=AIR_UNCERTAINTY)),
        # the smallest step is one digital number; the error is uniform within it
        "quantization": float(steps.min() / np.sqrt(12.0)) if steps.size else 0.0,
    }


def _trends(table: LakeTable) -> list[Trend]:
    phase = 2.0 * np.pi * table.day_of_year / 365.25
    variables = {
        "water vapour [kg m-2]": table.water_vapour,
        "annual cosine, maximum in mid-April [1]": np.cos(phase - 2.0 * np.pi * 105.0 / 365.25),
        "buoy minus air temperature [K]": table.ground_temperature - table.measured_air,
        "brightness temperature [K]": table.brightness_temperature,
        "year [1]": table.year,
    }
    methods = {
        "default settings": residuals(table, DEFAULT),
        "best settings": residuals(table, BEST),
        "USGS Collection 2": _usgs(table),
    }
    return [
        _trend(method, error, variable, values)
        for method, error in methods.items()
        for variable, values in variables.items()
    ]


def _trend(method: str, error: Float, variable: str, values: Float) -> Trend:
    known = np.isfinite(error + values)
    found = agreement(error[known])
    known &= np.abs(error - found.median) <= 3.0 * found.robust_sd  # outliers among the overpasses with this variable
    if np.count_nonzero(known) < 3:
        return Trend(method=method, variable=variable, slope=float("nan"), correlation=float("nan"))
    slope = float(np.polyfit(values[known], error[known], 1)[0])
    correlation = float(np.corrcoef(values[known], error[known])[0, 1])
    return Trend(method=method, variable=variable, slope=slope, correlation=correlation)
