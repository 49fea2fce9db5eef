"""Measured errors of a method on a simulated set."""

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
    """Errors of retrieved temperatures; NaN where there is no sample."""

    samples: int
    """Number of samples with a retrieved value."""
    missing: int
    """Number of samples without one (NaN), which the others leave out."""
    bias: float
    """Mean error. [K]"""
    mae: float
    """Mean absolute error. [K]"""
    rmse: float
    """Root mean square error. [K]"""
    r2: float
    """Share of the variance of the true values that the retrieved ones explain; can be negative. [1]"""
    p95: float
    """Absolute error that 95 % of the samples stay below. [K]"""


MEASURES = ("bias", "mae", "rmse", "r2", "p95")
"""Names of the measures of a `Score`."""


def score(retrieved: Float, truth: Float) -> Score:
    """Hold retrieved values against true ones.

    Parameters
    ----------
    retrieved, truth : array, of one shape
        Values; NaN where nothing was retrieved. [K]

    Returns
    -------
    Score
        Measures over the samples with a value.

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
"""One line of a table: what was measured, under what circumstances, and what was found."""
Rows: TypeAlias = list[Row]
Parts: TypeAlias = Callable[[SimulatedSet], Mapping[str, NDArray[np.bool_]]]
"""Takes a set, gives the profiles of each part of it that is measured by itself."""

EXACT, NOISY, VARIED = "exact", "noisy", "noisy, aerosol drawn"
CONDITIONS = (EXACT, NOISY, VARIED)
"""Conditions of the inputs: as in the simulation; with the errors of `InputErrors`; and these over the set whose gases,
aerosol and continuum were drawn for each column, which no user knows."""
SEED = 0  # of the surfaces, as in `lst-raster evaluate`; the errors' is the next


def headline(simulated: SimulatedSet) -> Mapping[str, NDArray[np.bool_]]:
    """Masks of the two parts of the headline: all, and extreme humidity."""
    masks = regime_masks(simulated)
    return {name: masks[name] for name in ("all", HUMID)}


def given_samples(
    setting: Setting, conditions: tuple[str, ...] = CONDITIONS
) -> Iterator[tuple[str, str, SimulatedSet, Samples]]:
    """Yield title, condition, set and what a retrieval is given; the truth is in it."""
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
    """Measure a retrieval on every held-out set.

    Parameters
    ----------
    setting : Setting
        The benchmark's sets.
    retrieval : callable
        What is measured.
    facts : mapping
        What the rows say of it, before what is measured.
    parts : callable
        Parts of a set that are measured by themselves, by default the regimes.
    conditions : tuple of str
        Conditions of the inputs.

    Returns
    -------
    list of dict
        One row for each set, condition and part that has a sample.
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
