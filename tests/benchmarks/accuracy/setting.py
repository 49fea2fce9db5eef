"""Settings of a benchmark: simulated sets, extent of fits, and selection of training columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lst_raster.errors import InputError
from lst_raster.profiles.sampling import SURFACES_PER_PROFILE
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.continents import BOXES, continent_of
from tests.benchmarks.accuracy.fits import TIER_NAMES, Fit
from tests.benchmarks.accuracy.refit import REFITS

WHOLE = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Extent of fits and evaluations."""

    steps: int = 1500
    """Gradient steps of a fit, as for the shipped models; twice as many in the tier `profile`."""
    seeds: int = 3
    """Number of seeds of the comparison, the learning curves and the fits without humid columns."""
    fewer_seeds: int = 2
    """Number of seeds of the other sections."""
    fractions: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """Fractions of the columns in training, in addition to 1. [1]"""
    continents: tuple[str, ...] = tuple(BOXES)
    """Continents excluded from training in turn."""
    per_profile: int = SURFACES_PER_PROFILE
    """Number of surfaces per test profile."""


FULL = Plan()
"""Plan of the figures in the documentation."""
QUICK = Plan(
    steps=300, seeds=1, fewer_seeds=1, fractions=(0.03,), continents=("Africa", "South America"), per_profile=5
)
"""Plan of a trial run of a few minutes; its figures are not representative."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Simulated sets and plan of a benchmark; pickled for every process, so only arrays and numbers."""

    sensor: str
    library: SimulatedSet
    """Training columns; those with `split` = 1 are excluded (validation)."""
    tests: Mapping[str, SimulatedSet]
    """Held-out sets by title, with nominal gases and aerosol."""
    varied: Mapping[str, SimulatedSet] = field(default_factory=dict)
    """The same sets with random gases, aerosol and continuum in each column, by the same titles."""
    shipped: tuple[str, ...] = ()
    """Tiers of the evaluated shipped models; empty if the test columns were in their training set."""
    plan: Plan = FULL
    """Extent of fits and evaluations."""

    def __post_init__(self) -> None:
        for title, simulated in {"the library": self.library, **self.tests, **self.varied}.items():
            if simulated.sensor != self.sensor:
                raise InputError(f"{title} is simulated for {simulated.sensor}; the benchmark is for {self.sensor}")
        for title in self.varied:
            if title not in self.tests:
                raise InputError(f"no --test has the title {title!r}; titles: {', '.join(self.tests)}")

    @property
    def tiers(self) -> tuple[str, ...]:
        """Tiers available for the sets; `profile` requires sigma levels in all of them."""
        sets = (self.library, *self.tests.values(), *self.varied.values())
        levels = all(one.air_temperature_sigma is not None for one in sets)
        return tuple(tier for tier in TIER_NAMES if levels or tier != "profile")

    def fit(self, method: str, tier: str = "", seed: int = 0, loss: Mapping[str, float] | None = None) -> Fit:
        """Specify a fit with the steps of the plan."""
        steps = 0 if method in REFITS else self.plan.steps * (2 if tier == "profile" else 1)
        return Fit(sensor=self.sensor, method=method, tier=tier, seed=seed, steps=steps, loss=dict(loss or {}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Selection of training columns of the library."""

    fraction: float = WHOLE
    """Random fraction of the columns. [1]"""
    draw: int = 0
    """Seed of the random fraction."""
    without: str = ""
    """Excluded continent, with the seas within its boxes."""
    below: float = math.inf
    """Upper limit of water vapour, exclusive. [kg m-2]"""

    def of(self, library: SimulatedSet) -> SimulatedSet:
        """Select training columns, without those for validation (`split` = 1)."""
        chosen = library.water_vapour < self.below
        if self.fraction < WHOLE:
            chosen &= np.random.default_rng(self.draw).random(len(library)) < self.fraction
        if self.without and library.latitude is not None and library.longitude is not None:
            chosen &= continent_of(library.latitude, library.longitude) != self.without
        if library.split is not None:
            chosen &= library.split == 0
        if not chosen.any():
            raise InputError(f"{self} leaves no column of the library for training; use a larger library")
        return library.select(chosen)


EVERYTHING = Selection()


def split_last_date(library: SimulatedSet) -> tuple[SimulatedSet, dict[str, SimulatedSet]]:
    """Split a library into training columns and the real columns of its last date, by title, for testing.

    Dates with less than a twentieth of the columns are for training. Perturbed columns of the last date are excluded
    from both. Raises `InputError` if the library has fewer than two dates.
    """
    dates = np.array([])
    if library.time is not None:
        all_dates, columns = np.unique(library.time, return_counts=True)
        dates = all_dates[columns >= len(library) / 20]
    if dates.size < 2:
        raise InputError("the library has only one date, none can be held out; specify a held-out set with --test")
    last = library.time == dates[-1]
    real = np.ones(len(library), bool) if library.perturbation is None else library.perturbation == 0
    title = f"{np.datetime_as_string(dates[-1], unit='D')} of the library"
    return library.select(~last), {title: library.select(last & real)}
