"""The training loop, from top to bottom."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from lst_raster.errors import CancelledError, ConfigError
from lst_raster.training.config import OptimiserConfig, TrainingConfig
from lst_raster.training.data import LearningSet, draw_batch
from lst_raster.training.method import Coupled, Method
from lst_raster.training.network import CoupledNetwork

Progress = Callable[[int, int], bool]
"""Called with the steps done and their total; returns False to stop the run."""


def train(learning: LearningSet, config: TrainingConfig, progress: Progress | None = None) -> CoupledNetwork:
    """Train the coupled network: `optimise` with its loss; arguments, result and errors are those."""
    network: CoupledNetwork = optimise(Coupled(learning, config), learning, config, progress)
    return network


def optimise(
    method: Method,
    learning: LearningSet,
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
    learning : LearningSet
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
