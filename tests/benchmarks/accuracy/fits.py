"""Fits of the benchmark. Networks are trained by a fitter passed as an argument, so that torch is not imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.profiles.sampling import InputErrors, Samples
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.refit import EVERY_REFIT, TWO_BAND_REFITS

COUPLED, PLAIN = "coupled", "plain network"
UNBOUNDED, NO_MECHANISM = "coupled, unbounded", "coupled, no mechanism"
SEES_BOTH, SEES_PIXEL, SEES_NEITHER = "coupled, pixel and neighbourhood", "coupled, pixel", "coupled, neither"
"""Methods of `tests.benchmarks.accuracy.baselines.METHODS`."""

TIER_NAMES = ("surface", "profile")
"""Tiers, in order of required inputs."""
TWO_BAND_TIERS = ("dual", "dual-profile")
"""Tiers of both bands with the same inputs."""

Retrieval: TypeAlias = Callable[[Samples], NDArray[np.float64]]
"""Function of samples that returns land surface temperatures of the same shape, NaN where the retrieval fails. [K]"""


@runtime_checkable
class WithUncertainty(Protocol):
    """A retrieval that predicts its uncertainty."""

    def uncertainty(self, given: Samples, errors: InputErrors) -> NDArray[np.float64] | None:
        """Standard uncertainty of each temperature for inputs with these errors; None without calibration. [K]"""


@runtime_checkable
class WithErrors(Protocol):
    """A retrieval that weights its inputs by their errors, as the coupled network of two bands does."""

    def temperature(self, given: Samples, errors: InputErrors) -> NDArray[np.float64]:
        """Retrieve temperatures from inputs with these errors, as `Retrieval`. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Specification of a fit."""

    sensor: str
    method: str
    """A key of `tests.benchmarks.accuracy.baselines.METHODS` or of `tests.benchmarks.accuracy.refit.EVERY_REFIT`."""
    tier: str = ""
    """Tier of atmospheric inputs; "" for the refitted methods, which use the water vapour."""
    seed: int = 0
    steps: int = 0
    """Gradient steps; 0 for the refitted methods."""
    calibration: int = 0
    """Gradient steps of the networks that calibrate the predicted uncertainty; 0 for no calibration."""
    loss: Mapping[str, float] = field(default_factory=dict)
    """Non-default weights of loss terms."""

    @property
    def has_two_bands(self) -> bool:
        """Whether the method needs training columns with the second band."""
        return self.tier in TWO_BAND_TIERS or self.method in TWO_BAND_REFITS

    @property
    def key(self) -> str:
        """Identifier, equal for equal fits."""
        return repr(
            (self.sensor, self.method, self.tier, self.seed, self.steps, self.calibration, sorted(self.loss.items()))
        )


Fitter: TypeAlias = Callable[[Fit, Sequence[SimulatedSet]], Retrieval]


def fit(fit_spec: Fit, training: Sequence[SimulatedSet], fitter: Fitter) -> Retrieval:
    """Fit a method: refitted methods by least squares, the others with the fitter."""
    if fit_spec.method in EVERY_REFIT:
        return EVERY_REFIT[fit_spec.method](training, fit_spec.seed)
    return fitter(fit_spec, training)


def no_fitter(fit_spec: Fit, training: Sequence[SimulatedSet]) -> Retrieval:
    """Raise `InputError`: fitter of benchmarks without training."""
    raise InputError(f"{fit_spec.method} requires training, but this benchmark has no fitter")
