"""Error budget of the bias over a lake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.studies.lake.error_sources import (
    DEFAULT,
    ECOSTRESS_WATER,
    ErrorSource,
    error_sources,
    fresnel_emissivity,
    height_factor,
    vapour_ratio,
)
from examples.studies.lake.retrieval import AIR_UNCERTAINTY, measure, residuals, retrieve
from examples.studies.lake.table import SUNAPEE, Agreement, Float, Lake, LakeTable, agreement, read_lake
from lst_raster.physics.error_metrics import coverage

USGS_EMISSIVITY = 0.9779
"""Emissivity of the lake in the USGS product, from ASTER. [1]"""
GIVEN, ASTER = "water vapour given", "water vapour given, emissivity of ASTER"
NOTHING, DAILY_AIR = "only place and date", "water vapour and daily mean air temperature given"
USGS, AS_USGS = "USGS Collection 2", "water vapour given, emissivity and ST_DRAD of the USGS"
USGS_AS_OURS = "USGS Collection 2, emissivity of water and hemispheric downwelling radiance"
BRIGHTNESS = "brightness temperature"
DIFFERENCE = "water vapour given, minus USGS Collection 2"
WITHOUT_OUTLIERS = ", without outliers of either"
_NOT_STATED = ("cool skin", "cool skin in light wind, in addition", "diurnal warm layer", "sensor calibration")
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
    methods: Mapping[str, Agreement]
    """Settings of the retrieval and other methods, compared with the skin temperature; the first are the defaults."""
    expected: float
    """Root mean square of the uncertainty stated with default settings. [K]"""
    expected_of_atmosphere: float
    """The part of it due to the atmosphere. [K]"""
    within: float | None
    """Fraction of the residuals within the uncertainty, combined with that of calibration and reference. [1]"""
    error_sources: tuple[ErrorSource, ...]
    """Error sources of the bias with default settings."""
    scatter: Mapping[str, float]
    """Contributions to the standard deviation. [K]"""
    trends: tuple[Trend, ...]
    """Dependence of the residuals on other variables."""
    vapour_ratio: float
    """Median ratio of the water vapour of the table to that from the surface humidity. [1]"""

    @property
    def uncertainty(self) -> float:
        """Standard uncertainty of the bias with default settings: error sources and standard error of the mean. [K]"""
        parts = [entry.uncertainty for entry in self.error_sources]
        default = self.methods[GIVEN]
        return float(np.sqrt(np.sum(np.square(parts)) + default.sd**2 / default.count))

    @property
    def known(self) -> float:
        """Sum of the known effects that are not applied. [K]"""
        return sum(entry.effect for entry in self.error_sources if not entry.applied)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as plain dictionaries and numbers, for JSON."""
        return {**asdict(self), "uncertainty": self.uncertainty, "known_not_applied": self.known}


def run(path: Path, *, lake: Lake = SUNAPEE, air: Path | None = None) -> LakeBudget:
    """Compute the error budget from a table of match-ups over a lake.

    `air` is the table of daily air temperatures (default: packaged). Raises `InputNotFoundError` or `InputError` if a
    table cannot be read.
    """
    table = read_lake(path, lake, air)
    sources = error_sources(table)
    expected, of_atmosphere, within = _stated(table, sources)
    return LakeBudget(
        lake=table.lake,
        sensor=table.sensor,
        total=table.date.size,
        compared=int(np.count_nonzero(table.common)),
        with_air_temperature=int(np.count_nonzero(np.isfinite(table.measured_air))),
        methods=_methods(table),
        expected=expected,
        expected_of_atmosphere=of_atmosphere,
        within=within,
        error_sources=tuple(sources),
        scatter=_scatter(table),
        trends=tuple(_trends(table)),
        vapour_ratio=vapour_ratio(table),
    )


# ST_DRAD is the hemispheric radiance divided by pi: docs/science/level2.md
_LIKE_USGS = replace(DEFAULT, emissivity=USGS_EMISSIVITY, downwelling_factor=1.0 / np.pi)


def _methods(table: LakeTable) -> dict[str, Agreement]:
    settings = {
        GIVEN: DEFAULT,
        ASTER: replace(DEFAULT, emissivity=USGS_EMISSIVITY),
        NOTHING: replace(DEFAULT, vapour_factor=None),
        DAILY_AIR: replace(DEFAULT, daily_air=True),
        "the same, air temperature +2 K": replace(DEFAULT, daily_air=True, air_temperature_change=AIR_UNCERTAINTY),
        "water vapour above the lake only": replace(DEFAULT, vapour_factor=height_factor(table)),
        "water vapour from surface humidity": replace(DEFAULT, vapour_factor=1.0 / vapour_ratio(table)),
        "emissivity from measured spectra": replace(DEFAULT, emissivity=ECOSTRESS_WATER),
        "emissivity from the Fresnel equation": replace(DEFAULT, emissivity=fresnel_emissivity(table.sensor)),
        AS_USGS: _LIKE_USGS,
    }
    ours, usgs = residuals(table, DEFAULT), _usgs(table)
    effect = residuals(table, _LIKE_USGS) - ours  # with the atmosphere of lst-raster
    skin = table.ground_temperature - DEFAULT.skin
    found = {name: measure(table, one) for name, one in settings.items()}
    found[USGS] = agreement(usgs[table.common])
    found[USGS_AS_OURS] = agreement((usgs - effect)[table.common])
    found[DIFFERENCE] = agreement((ours - usgs)[table.common])
    found[BRIGHTNESS] = agreement((table.brightness_temperature - skin)[table.common])
    clear = table.common & _inside(table, ours) & _inside(table, usgs)
    for name, error in ((GIVEN, ours), (USGS, usgs)):
        found[f"{name}{WITHOUT_OUTLIERS}"] = agreement(error[clear])
    return found


def _stated(table: LakeTable, sources: list[ErrorSource]) -> tuple[float, float, float | None]:
    """Root mean square of the stated uncertainty and of its atmospheric part [K], fraction of the residuals within."""
    retrieved = retrieve(table, DEFAULT)
    reference = [one.uncertainty for one in sources if one.name in _NOT_STATED]
    total = np.sqrt(retrieved.uncertainty**2 + np.sum(np.square(reference)))
    both = retrieved.uncertainty, retrieved.from_atmosphere
    whole, part = (float(np.sqrt(np.mean(values[table.common] ** 2))) for values in both)
    return whole, part, coverage(residuals(table, DEFAULT)[table.common], total[table.common])


def _inside(table: LakeTable, error: Float) -> NDArray[np.bool_]:
    """Mask of the errors within three robust standard deviations of the median."""
    found = agreement(error[table.common])
    return np.asarray(np.abs(error - found.median) <= 3.0 * found.robust_sd)


def _usgs(table: LakeTable) -> Float:
    return table.usgs_temperature - table.ground_temperature + DEFAULT.skin


def _scatter(table: LakeTable) -> dict[str, float]:
    def root_mean_square(**change: Any) -> float:
        difference = residuals(table, replace(DEFAULT, **change)) - residuals(table, DEFAULT)
        return float(np.sqrt(np.mean(difference[table.common] ** 2)))

    counts = np.unique(table.brightness_temperature)
    steps = np.diff(counts[np.isfinite(counts)])
    return {
        "water vapour error of 15 %": root_mean_square(vapour_factor=1.0 + _VAPOUR_ERROR),
        # the smallest step is one digital number; the error is uniform within it
        "quantization": float(steps.min() / np.sqrt(12.0)) if steps.size else 0.0,
    }


def _trends(table: LakeTable) -> list[Trend]:
    phase = 2.0 * np.pi * table.day_of_year / 365.25
    variables = {
        "water vapour [kg m-2]": table.water_vapour,
        "annual cosine, maximum in mid-April [1]": np.cos(phase - 2.0 * np.pi * 105.0 / 365.25),
        "buoy minus air temperature [K]": table.ground_temperature - table.measured_air,
    }
    return [
        _trend(method, error, variable, values)
        for method, error in ((GIVEN, residuals(table, DEFAULT)), (USGS, _usgs(table)))
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
