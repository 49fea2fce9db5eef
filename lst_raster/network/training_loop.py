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
from lst_raster.network.loss import error_scales, predict_batch, total_loss
from lst_raster.network.model import CoupledNetwork, Mechanism, mechanism_inputs, mechanism_terms
from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.mechanism import smallest_coefficients
from lst_raster.physics.planck import brightness_temperature

RIDGE = 1e-6  # relative to the mean square of the terms: limits the coefficients of collinear terms

Progress = Callable[[int, int], bool]  # called with the steps done and their total; returns False to stop the run


def offset_progress(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Report the steps of one part of a run as steps of the whole run."""
    return None if progress is None else lambda done, _: progress(before + done, total)


def fit_mechanism(training: TrainingSet) -> Mechanism:
    """Fit the mechanism of a band and a tier to weighted profiles with exact inputs.

    The optical depth is fitted by its relative error. The emission temperatures are weighted with the square of the
    atmosphere's emissivity: an atmosphere that hardly emits does not determine them.
    """
    inputs = mechanism_inputs({name: torch.from_numpy(values[:, 0]) for name, values in training.true.items()})
    air_temperature = inputs["air_temperature"]
    transmittance, upwelling, downwelling = (term[:, 0].double() for term in training.atmosphere)
    depth, weight = -torch.log(transmittance), training.weight[:, 0].double().sqrt()
    absorption, emission = mechanism_terms(inputs)
    emission_weight = weight * (1.0 - transmittance)
    up = brightness_temperature(upwelling / -torch.expm1(-depth), training.band)
    down = brightness_temperature(downwelling / -torch.expm1(-DIFFUSIVITY_FACTOR * depth), training.band)
    lower_bounds = np.asarray(smallest_coefficients(len(absorption)))
    return Mechanism(
        optical_depth=_least_squares(absorption, depth, weight / depth, lower_bounds),
        upwelling_temperature=_least_squares(emission, up - air_temperature, emission_weight),
        downwelling_temperature=_least_squares(emission, down - air_temperature, emission_weight),
    )


def _least_squares(
    terms: Sequence[Tensor], target: Tensor, weight: Tensor, lower_bounds: NDArray[np.float64] | float = -np.inf
) -> tuple[float, ...]:
    """Bounded ridge regression of a target on terms; `weight` multiplies the residuals."""
    columns = (torch.stack(tuple(terms), dim=1) * weight[:, None]).numpy()
    ridge = np.sqrt(RIDGE * np.mean(np.sum(np.square(columns), axis=0))) * np.eye(columns.shape[1])
    right_side = np.concatenate([(target * weight).numpy(), np.zeros(len(ridge))])
    return tuple(map(float, lsq_linear(np.vstack([columns, ridge]), right_side, bounds=(lower_bounds, np.inf)).x))


class TrainableMethod(Protocol):
    """A retrieval method that `optimise` can train."""

    def __init__(self, training: TrainingSet, config: TrainingConfig) -> None: ...

    def network(self) -> nn.Module:
        """Create a network with new weights."""

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Loss of a batch, a scalar with gradient."""

    def temperature(self, network: Any, batch: Batch) -> Tensor:
        """Retrieve the surface temperature, (profile, surface), NaN without retrieval. [K]"""


class CoupledMethod:
    """The coupled network: it predicts the atmosphere, and the equation gives the temperature."""

    network_class = CoupledNetwork

    def __init__(self, training: TrainingSet, config: TrainingConfig) -> None:
        self.config = config
        self.scales = error_scales(training, config.loss)
        self.band = training.band
        self.normalisation = normalisation(training, config)
        self.mechanism = fit_mechanism(training)

    def network(self) -> CoupledNetwork:
        """Create the network of the configuration, with the constants of the training set."""
        return self.network_class(**self.settings())

    def settings(self) -> dict[str, Any]:
        """Arguments of the network."""
        size = self.config.network
        return {
            "tier": self.config.tier, "band": self.band, "normalisation": self.normalisation,
            "mechanism": self.mechanism, "width": size.width, "depth": size.depth,
        }  # fmt: skip

    def loss(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Weighted sum of the terms of `lst_raster.network.loss`."""
        return total_loss(predict_batch(network, batch), self.scales, self.config.loss)

    def temperature(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Temperature without the nuisance parameters, as in use. [K]"""
        return network.retrieve(batch.radiance, batch.emissivity, network(*batch.predictors))


def optimise(
    method: TrainableMethod, training: TrainingSet, config: TrainingConfig, progress: Progress | None = None
) -> Any:
    """Train the network of a method and return the moving average of its weights.

    There is no early stopping, so no profiles are kept back for it: the weight decay limits what is learned from few
    profiles. Raises CancelledError when `progress` returns False, ConfigError when the training diverges.
    """
    plan = config.optimiser
    with _seeded(config):
        rng = np.random.default_rng(config.seed)
        network = method.network()
        average = copy.deepcopy(network)
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=plan.weight_decay / len(training))

        for step in range(plan.steps):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, plan)
            batch = draw_batch(training, config, rng)
            loss = method.loss(network, batch)
            if not torch.isfinite(loss):
                raise ConfigError(f"training diverged at step {step + 1}; lower optimiser.learning_rate")
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            torch.nn.utils.clip_grad_norm_(network.parameters(), plan.gradient_norm)
            optimiser.step()

            decay = min(plan.average, (1.0 + step) / (10.0 + step))
            with torch.no_grad():
                for mean, latest in zip(average.parameters(), network.parameters(), strict=True):
                    mean.lerp_(latest, 1.0 - decay)
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
def _seeded(config: TrainingConfig) -> Iterator[None]:
    """Seed torch and set its threads, and restore both."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(config.threads, 1))  # sums are split among threads, so their number affects the result
    try:
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            yield
    finally:
        torch.set_num_threads(threads)
