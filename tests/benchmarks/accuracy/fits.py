"""What a benchmark wants fitted, and who fits it: evaluation knows no network, so the fitter is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.profiles.sampling import Samples
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.refit import REFITS

COUPLED, PLAIN = "coupled", "plain network"
UNBOUNDED, NO_MECHANISM = "coupled, unbounded", "coupled, no mechanism"
NO_NUISANCE = "coupled, no nuisance parameters"
TRAINED = (COUPLED, PLAIN, UNBOUNDED, NO_MECHANISM, NO_NUISANCE)
"""Methods that a fitter must know; those of `tests.benchmarks.accuracy.refit.REFITS` are fitted here."""

TIER_NAMES = ("column", "surface", "profile")
"""Tiers, in the order of what a user must know."""

Retrieval: TypeAlias = Callable[[Samples], NDArray[np.float64]]
"""Takes samples, gives land surface temperatures of their shape, NaN where there is none. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """One thing to be fitted."""

    sensor: str
    """Sensor band."""
    method: str
    """One of `TRAINED`, or of `tests.benchmarks.accuracy.refit.REFITS`."""
    tier: str = ""
    """Its atmospheric inputs; "" for the refitted methods, which use the water vapour."""
    seed: int = 0
    """Seed of everything random."""
    steps: int = 0
    """Gradient steps; those of the refitted methods are none."""
    noise: Mapping[str, float] = field(default_factory=dict)
    """Standard deviations of the errors put on the inputs in training, where they differ from the default."""
    loss: Mapping[str, float] = field(default_factory=dict)
    """Weights of loss terms that differ from the default."""

    @property
    def key(self) -> str:
        """Text that is the same for the same fit."""
        return repr(
            (self.sensor, self.method, self.tier, self.seed, self.steps, *map(_sorted, (self.noise, self.loss)))
        )


Fitter: TypeAlias = Callable[[Fit, Sequence[SimulatedSet]], Retrieval]
"""Fits on sets."""


def fit(asked: Fit, learn: Sequence[SimulatedSet], fitter: Fitter) -> Retrieval:
    """Fit a method: the refitted ones here, by least squares, the others by the fitter; all on the same columns."""
    if asked.method in REFITS:
        return REFITS[asked.method](learn, asked.seed)
    return fitter(asked, learn)


def no_fitter(asked: Fit, learn: Sequence[SimulatedSet]) -> Retrieval:
    """Stand in where nothing is to be trained.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError(f"{asked.method} needs training, and no fitter is given")


def _sorted(mapping: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(mapping.items())
