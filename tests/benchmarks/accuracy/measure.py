"""Errors of a method on a simulated set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.error_metrics import coverage
from lst_raster.profiles.sampling import (
    LAND_AT_OVERPASS,
    InputErrors,
    Samples,
    add_input_errors,
    conditions,
    draw_surfaces,
    observe,
)
from lst_raster.profiles.simulated_set import HUMID, regime_masks
from tests.benchmarks.accuracy.fits import Retrieval, WithErrors, WithUncertainty
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
Parts: TypeAlias = Callable[[Samples], Mapping[str, NDArray[np.bool_]]]
"""Function of samples that returns a mask per evaluated part, (profile,) or (profile, sample)."""
AddErrors: TypeAlias = Callable[[Samples, InputErrors, int], Samples]
"""Function that adds errors to exact samples with a seed, as `add_input_errors`."""

EXACT, NOISY = "exact", "noisy"
VAPOUR, NOTHING = "noisy vapour", "nothing"
"""Names of `lst_raster.profiles.sampling.CONDITIONS` that sections single out."""
SEED = 0  # of the surfaces, as in `lst-raster evaluate`; the seed of the input errors is SEED + 1
LAND = "land"
TYPICAL, NEARLY_ALL = "typical surfaces", 2.0
"""Part of the samples whose surface less air temperature is within so many standard deviations of `LAND_AT_OVERPASS`,
where nearly all real ones are; the sampling design is wider."""


def headline(samples: Samples) -> Mapping[str, NDArray[np.bool_]]:
    """Parts of the summary: all profiles, and extreme humidity."""
    masks = regime_masks(samples.simulated)
    return {name: masks[name] for name in ("all", HUMID)}


def regimes_and_surfaces(samples: Samples) -> Mapping[str, NDArray[np.bool_]]:
    """Regimes, the profiles over land where the set has a land mask, and typical surfaces."""
    simulated = samples.simulated
    land = {} if simulated.land is None else {LAND: simulated.land == 1}
    mean, spread = LAND_AT_OVERPASS
    difference = samples.surface_temperature - simulated.air_temperature_2m[:, None]
    typical = np.abs(difference - mean) <= NEARLY_ALL * spread
    return {**regime_masks(simulated), **land, TYPICAL: typical}


def given_samples(
    setting: Setting, titles: Sequence[str], known: Mapping[str, InputErrors], both_bands: bool, add_errors: AddErrors
) -> Iterator[tuple[str, str, InputErrors, Samples]]:
    """Yield title, condition, its input errors and samples, which include the true temperature.

    `known` are input errors by condition; `both_bands` is whether the samples have the second band, which are others.
    """
    for title in titles:
        simulated = setting.tests[title]
        if not both_bands:
            simulated = replace(simulated, second_band=None)
        exact = observe(simulated, draw_surfaces(simulated.air_temperature_2m, setting.plan.per_profile, SEED), SEED)
        for name, errors in known.items():
            yield title, name, errors, add_errors(exact, errors, SEED + 1)


def measure(
    setting: Setting,
    retrieval: Retrieval,
    facts: Mapping[str, Any],
    *,
    parts: Parts = regimes_and_surfaces,
    titles: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    known: Mapping[str, InputErrors] | None = None,
    both_bands: bool = False,
    add_errors: AddErrors = add_input_errors,
) -> Rows:
    """Evaluate a retrieval on test sets (default: all): one row per set, condition and non-empty part.

    `facts` are the leading columns of the rows, `tier` among them; `names` selects from the conditions of the tier, or
    from `known`, input errors by name; `both_bands` and `add_errors` as in `given_samples`. The column `coverage` is
    the fraction of the errors within one predicted standard uncertainty, NaN without prediction.
    """
    rows = []
    chosen_titles = tuple(setting.tests) if titles is None else titles
    all_errors = conditions(facts["tier"]) if known is None else known
    chosen_errors = {name: errors for name, errors in all_errors.items() if names is None or name in names}
    for title, name, errors, given in given_samples(setting, chosen_titles, chosen_errors, both_bands, add_errors):
        retrieved = retrieval.temperature(given, errors) if isinstance(retrieval, WithErrors) else retrieval(given)
        truth = given.surface_temperature
        sigma = retrieval.uncertainty(given, errors) if isinstance(retrieval, WithUncertainty) else None
        for part, chosen in parts(given).items():
            if chosen.any():
                found = asdict(score(retrieved[chosen], truth[chosen]))
                within = math.nan
                if sigma is not None:
                    within = coverage(retrieved[chosen] - truth[chosen], sigma[chosen])
                profiles = int(chosen.reshape(len(chosen), -1).any(axis=1).sum())
                where = {"set": title, "inputs": name, "regime": part, "profiles": profiles}
                rows.append({**facts, **where, **found, "coverage": within})
    return rows
