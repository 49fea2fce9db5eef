"""Errors of a method on a simulated set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.profiles.sampling import InputErrors, Samples, add_input_errors, draw_surfaces, observe
from lst_raster.profiles.simulated_set import HUMID, SimulatedSet, regime_masks
from tests.benchmarks.accuracy.fits import Retrieval
from tests.benchmarks.accuracy.setting import Setting

Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Errors of retrieved temperatures; NaN without samples."""

    samples: int
    """Number of samples with a retrieved value."""
    missing: int
    """Number of samples without one (NaN), excluded from the statistics."""
    bias: float
    """Mean error. [K]"""
    mae: float
    """Mean absolute error. [K]"""
    rmse: float
    """Root mean square error. [K]"""
    r2: float
    """Explained fraction of the variance of the true values; can be negative. [1]"""
    p95: float
    """95th percentile of the absolute error. [K]"""


MEASURES = ("bias", "mae", "rmse", "r2", "p95")


def score(retrieved: Float, truth: Float) -> Score:
    """Compare retrieved (NaN where missing) with true values of the same shape. [K]

    Examples
    --------
    >>> found = score(np.array([291.0, 299.0, 310.0, np.nan]), np.array([290.0, 300.0, 310.0, 320.0]))
    >>> found.samples, found.missing, found.bias, round(found.rmse, 3), found.r2
    (3, 1, 0.0, 0.816, 0.99)
    """
    known = np.isfinite(retrieved)
    right = np.asarray(truth, np.float64)[known]
    error = np.asarray(retrieved, np.float64)[known] - right
    missing = int(known.size - error.size)
    if not error.size:
        return Score(samples=0, missing=missing, **dict.fromkeys(MEASURES, math.nan))
    variance = float(np.mean((right - right.mean()) ** 2))
    squares = float(np.mean(error**2))
    return Score(
        samples=error.size,
        missing=missing,
        bias=float(np.mean(error)),
        mae=float(np.mean(np.abs(error))),
        rmse=math.sqrt(squares),
        r2=1.0 - squares / variance if variance > 0.0 else math.nan,
        p95=float(np.percentile(np.abs(error), 95.0)),
    )


Row: TypeAlias = dict[str, Any]
"""One table row: method, conditions and statistics."""
Rows: TypeAlias = list[Row]
Parts: TypeAlias = Callable[[SimulatedSet], Mapping[str, NDArray[np.bool_]]]
"""Function of a set that returns a profile mask per evaluated part."""

EXACT, NOISY, VARIED = "exact", "noisy", "noisy, aerosol drawn"
CONDITIONS = (EXACT, NOISY, VARIED)
"""Conditions of the inputs: exact; with the errors of `InputErrors`; with these errors, on the set with random gases,
aerosol and continuum in each column (unknown to the methods)."""
SEED = 0  # of the surfaces, as in `lst-raster evaluate`; the seed of the input errors is SEED + 1


def headline(simulated: SimulatedSet) -> Mapping[str, NDArray[np.bool_]]:
    """Parts of the summary: all profiles, and extreme humidity."""
    masks = regime_masks(simulated)
    return {name: masks[name] for name in ("all", HUMID)}


def given_samples(
    setting: Setting, conditions: tuple[str, ...] = CONDITIONS
) -> Iterator[tuple[str, str, SimulatedSet, Samples]]:
    """Yield title, condition, set and samples, which include the true temperature."""
    for condition in conditions:
        for title, simulated in (setting.varied if condition == VARIED else setting.tests).items():
            surfaces = draw_surfaces(simulated.air_temperature_2m, setting.plan.per_profile, SEED)
            given = observe(simulated, surfaces)
            if condition != EXACT:
                given = add_input_errors(given, InputErrors(), SEED + 1)
            yield title, condition, simulated, given


def measure(
    setting: Setting,
    retrieval: Retrieval,
    facts: Mapping[str, Any],
    *,
    parts: Parts = regime_masks,
    conditions: tuple[str, ...] = CONDITIONS,
) -> Rows:
    """Evaluate a retrieval on every held-out set: one row per set, condition and non-empty part.

    `facts` are the leading columns of the rows; `parts` defaults to the regimes.
    """
    rows = []
    for title, condition, simulated, given in given_samples(setting, conditions):
        retrieved = retrieval(given)
        for part, chosen in parts(simulated).items():
            if chosen.any():
                found = score(retrieved[chosen], given.surface_temperature[chosen])
                where = {"set": title, "inputs": condition, "regime": part, "profiles": int(chosen.sum())}
                rows.append({**facts, **where, **asdict(found)})
    return rows
