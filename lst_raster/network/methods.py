"""Training of a coupled network of one or two bands."""

from __future__ import annotations

from lst_raster.network.config import TrainingConfig, has_two_bands
from lst_raster.network.data import TrainingSet
from lst_raster.network.model import CoupledNetwork
from lst_raster.network.training_loop import CoupledMethod, Progress, optimise
from lst_raster.network.two_bands import TwoBandMethod


def train(training: TrainingSet, config: TrainingConfig, progress: Progress | None = None) -> CoupledNetwork:
    """Train the coupled network of a tier; arguments and errors as in `optimise`."""
    method = TwoBandMethod if has_two_bands(config.tier) else CoupledMethod
    network: CoupledNetwork = optimise(method(training, config), training, config, progress)
    return network
