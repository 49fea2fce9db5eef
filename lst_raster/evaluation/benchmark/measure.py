"""Measuring a retrieval for the benchmark: rows of scores, by set, condition of the inputs and regime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.evaluation.benchmark.fits import Retrieval
from lst_raster.evaluation.benchmark.setting import Setting
from lst_raster.evaluation.scores import score
from lst_raster.simulation.regimes import HUMID, REGIMES, regimes_of
from lst_raster.simulation.samples import Samples, observe, with_errors
from lst_raster.simulation.sampling import InputErrors, surface_samples
from lst_raster.simulation.simulated_set import SimulatedSet

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
    """Tell the two parts of the headline: all, and extreme humidity."""
    return {name: REGIMES[name].where(simulated) for name in ("all", HUMID)}


def given_samples(
    setting: Setting, conditions: tuple[str, ...] = CONDITIONS
) -> Iterator[tuple[str, str, SimulatedSet, Samples]]:
    """Yield title, condition, set and what a retrieval is given; the truth is in it."""
    for condition in conditions:
        for title, simulated in (setting.varied if condition == VARIED else setting.tests).items():
            surfaces = surface_samples(simulated.air_temperature_2m, setting.plan.per_profile, SEED)
            given = observe(simulated, surfaces)
            if condition != EXACT:
                given = with_errors(given, InputErrors(), SEED + 1)
            yield title, condition, simulated, given


def measure(
    setting: Setting,
    retrieval: Retrieval,
    facts: Mapping[str, Any],
    *,
    parts: Parts = regimes_of,
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
