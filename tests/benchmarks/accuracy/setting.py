"""Settings of a benchmark: simulated sets, extent of fits, and selection of training columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.network.config import CalibrationConfig, OptimiserConfig
from lst_raster.profiles.sampling import SURFACES_PER_PROFILE
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.continents import BOXES, continent_of
from tests.benchmarks.accuracy.fits import COUPLED, TIER_NAMES, TWO_BAND_TIERS, Fit
from tests.benchmarks.accuracy.refit import EVERY_REFIT

WHOLE = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Extent of fits and evaluations."""

    steps: int = OptimiserConfig().steps
    """Gradient steps of a fit of the comparison, as for the shipped models."""
    fewer_steps: int = 1200
    """Gradient steps of a fit of the other sections."""
    calibration: int = CalibrationConfig().steps
    """Gradient steps of a network that calibrates the uncertainty."""
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
    steps=200, fewer_steps=100, calibration=100, seeds=1, fewer_seeds=1, fractions=(0.03,),
    continents=("Africa", "South America"), per_profile=5,
)  # fmt: skip
"""Plan of a trial run of a few minutes; its figures are not representative."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Simulated sets and plan of a benchmark; pickled for every process, so only arrays and numbers.

    The sections of both bands use the sets with a second band, and need it in the library.
    """

    sensor: str
    library: SimulatedSet
    """Training columns."""
    tests: Mapping[str, SimulatedSet]
    """Test sets by title; the first is that of the learning curves, left-out columns and ablations."""
    shipped: tuple[str, ...] = ()
    """Tiers of the evaluated shipped models."""
    plan: Plan = FULL
    """Extent of fits and evaluations."""
    fits: Path | None = None
    """Folder of finished fits, which an interrupted benchmark uses again; None to keep none."""

    def __post_init__(self) -> None:
        for title, simulated in {"the library": self.library, **self.tests}.items():
            if simulated.sensor != self.sensor:
                raise InputError(f"{title} is simulated for {simulated.sensor}; the benchmark is for {self.sensor}")
            if simulated.profile_source is None:
                raise InputError(f"{title} lacks the sources of its profiles; simulate it again with this version")
        for title, simulated in self.tests.items():
            if len(sources := common_sources(simulated, self.library)) > 1:
                raise InputError(f"{title} has columns of {', '.join(sources)}; give one source of the library per set")

    def source_of(self, title: str) -> str:
        """Source of the library from which a test set is, and which is left out for it; "" for none."""
        return "".join(common_sources(self.tests[title], self.library))

    @property
    def first(self) -> str:
        """Title of the first test set."""
        return next(iter(self.tests))

    @property
    def tiers(self) -> tuple[str, ...]:
        """Tiers available for the sets; `profile` requires sigma levels in all of them."""
        levels = all(one.air_temperature_sigma is not None for one in (self.library, *self.tests.values()))
        return tuple(tier for tier in TIER_NAMES if levels or tier != "profile")

    @property
    def two_band_tiers(self) -> tuple[str, ...]:
        """Tiers of both bands, with the inputs of `tiers`; none for a library without the second band."""
        pairs = zip(TIER_NAMES, TWO_BAND_TIERS, strict=True)
        return tuple(both for one, both in pairs if one in self.tiers and self.library.second_band is not None)

    @property
    def two_band_tests(self) -> tuple[str, ...]:
        """Titles of the test sets with the second band; none for a library without it."""
        titled = self.tests.items() if self.library.second_band is not None else ()
        return tuple(title for title, one in titled if one.second_band is not None)

    def fit(self, method: str, tier: str = "", seed: int = 0) -> Fit:
        """Specify a fit of the comparison; the uncertainty of one coupled network for each set is calibrated."""
        steps = 0 if method in EVERY_REFIT else self.plan.steps
        calibration = self.plan.calibration if method == COUPLED and seed == 0 else 0
        return Fit(sensor=self.sensor, method=method, tier=tier, seed=seed, steps=steps, calibration=calibration)

    def shorter_fit(self, method: str, tier: str = "", seed: int = 0, loss: Mapping[str, float] | None = None) -> Fit:
        """Specify a fit of the other sections."""
        steps = 0 if method in EVERY_REFIT else self.plan.fewer_steps
        return Fit(sensor=self.sensor, method=method, tier=tier, seed=seed, steps=steps, loss=dict(loss or {}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Selection of training columns of the library."""

    source: str = ""
    """Excluded source, with the perturbed columns derived from it; "" for none."""
    fraction: float = WHOLE
    """Random fraction of the columns. [1]"""
    draw: int = 0
    """Seed of the random fraction."""
    without: str = ""
    """Excluded continent, with the seas within its boxes."""
    below: float = math.inf
    """Upper limit of water vapour, exclusive. [kg m-2]"""

    def of(self, library: SimulatedSet) -> SimulatedSet:
        """Select training columns."""
        chosen = (library.water_vapour < self.below) & (library.profile_source != self.source)
        if self.fraction < WHOLE:
            chosen &= np.random.default_rng(self.draw).random(len(library)) < self.fraction
        if self.without and library.latitude is not None and library.longitude is not None:
            chosen &= continent_of(library.latitude, library.longitude) != self.without
        if not chosen.any():
            raise InputError(f"{self} leaves no column of the library for training; use a larger library")
        return library.select(chosen)


EVERYTHING = Selection()


def common_sources(simulated: SimulatedSet, library: SimulatedSet) -> list[str]:
    """Sources of the columns of a set that are sources of the library too; none for sets without sources."""
    both = [set() if one.profile_source is None else set(one.profile_source.tolist()) for one in (simulated, library)]
    return sorted(both[0] & both[1])


def by_source(title: str, simulated: SimulatedSet, library: SimulatedSet) -> dict[str, SimulatedSet]:
    """Divide a test set with columns of several sources of the library; the sources are the titles."""
    sources = common_sources(simulated, library)
    if len(sources) < 2:
        return {title: simulated}
    return {source: simulated.select(np.asarray(simulated.profile_source) == source) for source in sources}


def last_date(library: SimulatedSet) -> dict[str, SimulatedSet]:
    """Columns of the source of the last date of a library, without the perturbed ones, by title, as a test set.

    Sources with less than a twentieth of the columns are not considered. Raises `InputError` if the library has fewer
    than two sources.
    """
    source = np.asarray(library.profile_source)
    masks = {name: source == name for name in common_sources(library, library)}
    large = [name for name, mask in masks.items() if mask.sum() >= len(library) / 20]
    if library.time is None or len(masks) < 2:
        raise InputError("the library has only one source, none can be left out; specify a test set with --test")
    times = library.time
    last = max(large, key=lambda name: times[masks[name]].max())
    return {f"{last} of the library": library.select(library.is_unmodified & masks[last])}
