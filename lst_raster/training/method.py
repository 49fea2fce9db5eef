"""What a training optimises: a network, its loss, and the temperature by which its states are compared."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from lst_raster.training.config import TrainingConfig
from lst_raster.training.data import Batch, LearningSet
from lst_raster.training.fit_mechanism import fit_mechanism
from lst_raster.training.loss import look, scales_of, total_loss
from lst_raster.training.network import CoupledNetwork
from lst_raster.training.normalise import normalisation


class Method(Protocol):
    """A way to retrieve that can be trained; made from what it learns and the configuration."""

    def __init__(self, learning: LearningSet, config: TrainingConfig) -> None: ...

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

    def __init__(self, learning: LearningSet, config: TrainingConfig) -> None:
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
        """Weighted sum of the terms of `lst_raster.training.loss`."""
        return total_loss(look(network, batch), self.scales, self.config.loss)

    def temperature(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Temperature without the unknowns, as a user has it. [K]"""
        return network.retrieve(batch.radiance, batch.emissivity, network(*batch.predictors))
