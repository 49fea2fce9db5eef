"""Settings of a benchmark: the sets, the size of the fits, and the training columns of the library."""

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
"""Share of the columns that is all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is fitted and measured."""

    steps: int = 1500
    """Gradient steps of a fit, those of the shipped models; twice as many in the tier `profile`."""
    seeds: int = 3
    """Seeds of the comparison, the learning curves and the fits without humid air."""
    fewer_seeds: int = 2
    """Seeds of the other studies."""
    fractions: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """Fractions of the columns in training, in addition to all. [1]"""
    continents: tuple[str, ...] = tuple(BOXES)
    """Continents that are left out in turn."""
    per_profile: int = SURFACES_PER_PROFILE
    """Surfaces drawn for each profile that is measured on."""


FULL = Plan()
"""The plan behind the figures of the documentation."""
QUICK = Plan(
    steps=300, seeds=1, fewer_seeds=1, fractions=(0.03,), continents=("Africa", "South America"), per_profile=5
)
"""Minutes instead of an hour: it shows that all works, its numbers are not the project's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """The sets of a benchmark and its plan; it travels to every process, so it holds arrays and numbers alone."""

    sensor: str
    """Sensor band."""
    library: SimulatedSet
    """Training columns; those with `split` = 1 are not used."""
    tests: Mapping[str, SimulatedSet]
    """Held-out sets by title, with nominal gases and aerosol."""
    varied: Mapping[str, SimulatedSet] = field(default_factory=dict)
    """The same with gases, aerosol and continuum drawn for each column, by the same titles."""
    shipped: tuple[str, ...] = ()
    """Tiers of the shipped models to measure; none where they were trained on the held-out columns."""
    plan: Plan = FULL
    """How much is fitted and measured."""

    def __post_init__(self) -> None:
        for title, simulated in {"the library": self.library, **self.tests, **self.varied}.items():
            if simulated.sensor != self.sensor:
                raise InputError(f"{title} is simulated for {simulated.sensor}; the benchmark is for {self.sensor}")
        for title in self.varied:
            if title not in self.tests:
                raise InputError(f"no --test is called {title!r}; known are {', '.join(self.tests)}")

    @property
    def tiers(self) -> tuple[str, ...]:
        """Tiers that the sets serve: `profile` where all of them have their sigma levels."""
        sets = (self.library, *self.tests.values(), *self.varied.values())
        levels = all(one.air_temperature_sigma is not None for one in sets)
        return tuple(tier for tier in TIER_NAMES if levels or tier != "profile")

    def fit(self, method: str, tier: str = "", seed: int = 0, loss: Mapping[str, float] | None = None) -> Fit:
        """Describe a fit by the plan."""
        steps = 0 if method in REFITS else self.plan.steps * (2 if tier == "profile" else 1)
        return Fit(sensor=self.sensor, method=method, tier=tier, seed=seed, steps=steps, loss=dict(loss or {}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Training columns of the library."""

    fraction: float = WHOLE
    """Share of the columns, drawn at random. [1]"""
    draw: int = 0
    """Seed of the draw."""
    without: str = ""
    """Continent that is left out, seas within its boxes too."""
    below: float = math.inf
    """Water vapour from which columns are left out. [kg m-2]"""

    def of(self, library: SimulatedSet) -> SimulatedSet:
        """Select training columns, without those kept for validation (`split` = 1)."""
        chosen = library.water_vapour < self.below
        if self.fraction < WHOLE:
            chosen &= np.random.default_rng(self.draw).random(len(library)) < self.fraction
        if self.without and library.latitude is not None and library.longitude is not None:
            chosen &= continent_of(library.latitude, library.longitude) != self.without
        if library.split is not None:
            chosen &= library.split == 0
        if not chosen.any():
            raise InputError(f"{self} leaves no column of the library to learn from; give a larger one")
        return library.select(chosen)


EVERYTHING = Selection()
"""All columns."""


def hold_out_last_date(library: SimulatedSet) -> tuple[SimulatedSet, dict[str, SimulatedSet]]:
    """Divide a library into training columns and its last date, where there is no held-out set.

    Synthetic columns of that date are used for neither.

    Returns
    -------
    tuple of SimulatedSet and dict
        The other dates, and the last one's real columns by their title.

    Raises
    ------
    InputError
        The library has one date, or none.
    """
    dates = np.unique(library.time) if library.time is not None else np.array([])
    if dates.size < 2:
        raise InputError("the library has no second date to hold out; give a held-out set with --test")
    last = library.time == dates[-1]
    real = np.ones(len(library), bool) if library.perturbation is None else library.perturbation == 0
    title = f"{np.datetime_as_string(dates[-1], unit='D')} of the library"
    return library.select(~last), {title: library.select(last & real)}
