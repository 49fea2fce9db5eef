"""Training loop of the coupled network."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from torch import Tensor, nn

from lst_raster.errors import CancelledError, ConfigError
from lst_raster.network.config import OptimiserConfig, TrainingConfig
from lst_raster.network.data import Batch, TrainingSet, draw_batch, normalisation
from lst_raster.network.loss import look, scales_of, total_loss
from lst_raster.network.model import CoupledNetwork, Mechanism, known_atmosphere
from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.mechanism import emission_temperature_terms, optical_depth_terms, smallest_coefficients
from lst_raster.physics.planck import brightness_temperature

RIDGE = 1e-6  # of the mean of the terms' squares, lest terms that go together in few columns have huge coefficients


def fit_mechanism(learning: TrainingSet, tier: str) -> Mechanism:
    """Fit the mechanism of a band and a tier.

    The optical depth is fitted by its relative error, the temperatures with the square of the air's emissivity: where
    it hardly emits, its temperature does not matter.

    Parameters
    ----------
    learning : TrainingSet
        Profiles, counted by their weight.
    tier : str
        A name in `lst_raster.network.config.TIERS`.

    Returns
    -------
    Mechanism
        The coefficients.
    """
    known = known_atmosphere([values[:, 0].double() for values in learning.predictors], tier)
    air = known.get("air_temperature", learning.air_temperature.double().mean())
    transmittance, upwelling, downwelling = (term[:, 0].double() for term in learning.atmosphere)
    depth, weight = -torch.log(transmittance), learning.weight[:, 0].double().sqrt()
    absorbers, emission = optical_depth_terms(**known), emission_temperature_terms(**known)
    counts = weight * (1.0 - transmittance)
    up = brightness_temperature(upwelling / -torch.expm1(-depth), learning.band)
    down = brightness_temperature(downwelling / -torch.expm1(-DIFFUSIVITY_FACTOR * depth), learning.band)
    lowest = np.asarray(smallest_coefficients(len(absorbers)))
    return Mechanism(
        optical_depth=_fitted(absorbers, depth, weight / depth, lowest),
        upwelling_temperature=_fitted(emission, up - air, counts),
        downwelling_temperature=_fitted(emission, down - air, counts),
    )


def _fitted(
    terms: Sequence[Tensor], wanted: Tensor, counts: Tensor, lowest: NDArray[np.float64] | float = -np.inf
) -> tuple[float, ...]:
    """Coefficients, none below its `lowest`, of terms whose sum is wanted; `counts` multiplies each row's error."""
    columns = (torch.stack(tuple(terms), dim=1) * counts[:, None]).numpy()
    ridge = np.sqrt(RIDGE * np.mean(np.sum(np.square(columns), axis=0))) * np.eye(columns.shape[1])
    target = np.concatenate([(wanted * counts).numpy(), np.zeros(len(ridge))])
    return tuple(map(float, lsq_linear(np.vstack([columns, ridge]), target, bounds=(lowest, np.inf)).x))


class Method(Protocol):
    """A way to retrieve that can be trained; made from what it learns and the configuration."""

    def __init__(self, learning: TrainingSet, config: TrainingConfig) -> None: ...

    def network(self) -> nn.Module:
        """Make a network with fresh weights."""

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Tell how bad it is on a batch; a scalar with gradient."""

    def temperature(self, network: Any, batch: Batch) -> Tensor:
        """Surface temperature that a user would get, (profile, surface), NaN where there is none. [K]"""


class Coupled:
    """The coupled network: an atmosphere is predicted, the equation gives the temperature."""

    kind = CoupledNetwork
    """Class of the network."""

    def __init__(self, learning: TrainingSet, config: TrainingConfig) -> None:
        self.config = config
        self.scales = scales_of(learning, config.loss)
        self.band = learning.band
        self.normalisation = normalisation(learning, config)
        self.mechanism = fit_mechanism(learning, config.tier)

    def network(self) -> CoupledNetwork:
        """Make the network of the configuration, with the training set's constants."""
        size = self.config.network
        return self.kind(
            tier=self.config.tier,
            band=self.band,
            normalisation=self.normalisation,
            mechanism=self.mechanism,
            width=size.width,
            depth=size.depth,
        )

    def loss(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Weighted sum of the terms of `lst_raster.network.loss`."""
        return total_loss(look(network, batch), self.scales, self.config.loss)

    def temperature(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Temperature without the unknowns, as a user has it. [K]"""
        return network.retrieve(batch.radiance, batch.emissivity, network(*batch.predictors))


Progress = Callable[[int, int], bool]
"""Called with the steps done and their total; returns False to stop the run."""


def train(learning: TrainingSet, config: TrainingConfig, progress: Progress | None = None) -> CoupledNetwork:
    """Train the coupled network: `optimise` with its loss; arguments, result and errors are those."""
    network: CoupledNetwork = optimise(Coupled(learning, config), learning, config, progress)
    return network


def optimise(
    method: Method,
    learning: TrainingSet,
    config: TrainingConfig,
    progress: Progress | None = None,
) -> Any:
    """Train a network.

    There is no choice among its states: what few profiles cannot tell, the decay of the weights keeps from being
    learnt, and no profile has to be kept back for it.

    Parameters
    ----------
    method : Method
        What is optimised.
    learning : TrainingSet
        Profiles to learn from.
    config : TrainingConfig
        The run.
    progress : callable, optional
        Called with the steps done and their total; returns False to stop the run.

    Returns
    -------
    torch.nn.Module
        The method's network: the moving average of its weights.

    Raises
    ------
    CancelledError
        `progress` asked to stop.
    ConfigError
        The training diverged.
    """
    plan = config.optimiser
    with _reproducible(config):
        rng = np.random.default_rng(config.seed)
        network = method.network()
        average = copy.deepcopy(network)
        descent = torch.optim.AdamW(network.parameters(), weight_decay=plan.weight_decay / len(learning))

        for step in range(plan.steps):
            for group in descent.param_groups:
                group["lr"] = learning_rate(step, plan)
            batch = draw_batch(learning, config, rng)
            loss = method.loss(network, batch)
            if not torch.isfinite(loss):
                raise ConfigError(f"training diverged at step {step + 1}; lower optimiser.learning_rate")
            descent.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            torch.nn.utils.clip_grad_norm_(network.parameters(), plan.gradient_norm)
            descent.step()
            _follow(average, network, min(plan.average, (1.0 + step) / (10.0 + step)))

            if progress is not None and not progress(step + 1, plan.steps):
                raise CancelledError(f"training was stopped after step {step + 1} of {plan.steps}")
    return average.eval()


def learning_rate(step: int, plan: OptimiserConfig) -> float:
    """Learning rate of a step: a linear rise, then half a cosine to zero.

    Examples
    --------
    >>> plan = OptimiserConfig(steps=100, warmup=10, learning_rate=1.0)
    >>> [round(learning_rate(step, plan), 2) for step in (0, 9, 55, 99)]
    [0.1, 1.0, 0.5, 0.0]
    """
    rise = min((step + 1) / max(plan.warmup, 1), 1.0)
    fall = max(step - plan.warmup, 0) / max(plan.steps - plan.warmup, 1)
    return plan.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * fall))


@contextmanager
def _reproducible(config: TrainingConfig) -> Iterator[None]:
    """Seed torch and fix its threads, and leave both as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(config.threads, 1))  # sums are split among threads, so their number enters the result
    try:
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for mean, latest in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(latest, 1.0 - decay)
