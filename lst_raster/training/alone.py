"""Learning alone: the same body as the coupled network's, from the same inputs to the temperature itself.

It is there to be compared with. Nothing in it knows the equation: radiance and emissivity are inputs like the others.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.training.config import TrainingConfig
from lst_raster.training.data import Batch, LearningSet, with_surfaces
from lst_raster.training.loss import robust
from lst_raster.training.network import UNKNOWNS, Squareplus, features
from lst_raster.training.normalise import whitening

SCALE = 10.0  # one unit of the output: surfaces lie some kelvins from the brightness temperature [K]


class AloneNetwork(nn.Module):
    """Temperature from radiance, emissivity and the atmosphere's predictors, as an offset from that at the sensor.

    Parameters
    ----------
    tier : str
        A name in `lst_raster.training.tiers.TIERS`.
    band : BandPlanck
        The band's Planck coefficients, by which radiance is given as brightness temperature.
    mean, whitener : Tensor
        Mean of the features over the training set, and the matrix that whitens them.
    width, depth : int
        Units in a hidden layer, and hidden layers.
    """

    mean: Tensor
    whitener: Tensor

    def __init__(self, *, tier: str, band: BandPlanck, mean: Tensor, whitener: Tensor, width: int, depth: int) -> None:
        super().__init__()
        self.tier, self.band = tier, band
        self.register_buffer("mean", mean)
        self.register_buffer("whitener", whitener)
        self.first = nn.Linear(len(mean), width)
        self.unknown = nn.Linear(len(UNKNOWNS), width, bias=False)
        hidden = [layer for pair in pairwise([width] * depth) for layer in (nn.Linear(*pair), Squareplus())]
        self.body = nn.Sequential(Squareplus(), *hidden, nn.Linear(width, 1))

    def forward(
        self, radiance: Tensor, emissivity: Tensor, predictors: tuple[Tensor, ...], unknowns: Tensor | None = None
    ) -> Tensor:
        """Temperature [K] of shape (profile, surface); predictors are (profile, 1), unknowns (profile, 1, 3)."""
        seen = all_features(radiance, emissivity, predictors, self.tier, self.band)
        hidden = self.first((seen - self.mean) @ self.whitener)
        if unknowns is not None:
            hidden = hidden + self.unknown(unknowns)
        offset: Tensor = SCALE * self.body(hidden)[..., 0]
        return seen[..., 0] + offset


def all_features(
    radiance: Tensor, emissivity: Tensor, predictors: tuple[Tensor, ...], tier: str, band: BandPlanck
) -> Tensor:
    """Brightness temperature, emissivity, and the features of the atmosphere: (profile, surface, feature)."""
    warmth = brightness_temperature(radiance, band)
    air = features(torch.stack(predictors, dim=-1), tier).expand(*radiance.shape, -1)
    return torch.cat([warmth[..., None], emissivity[..., None], air], dim=-1)


class Alone:
    """Learning alone as a method: robust error of the temperature, nothing else."""

    def __init__(self, learning: LearningSet, config: TrainingConfig) -> None:
        self.config, self.band = config, learning.band
        batch = with_surfaces(learning, config, np.random.default_rng(config.seed))
        seen = all_features(batch.radiance, batch.emissivity, batch.predictors, config.tier, self.band).flatten(0, 1)
        self.mean, self.whitener = seen.mean(dim=0), whitening(seen)

    def network(self) -> AloneNetwork:
        """Make the network of the configuration."""
        size = self.config.network
        return AloneNetwork(
            tier=self.config.tier,
            band=self.band,
            mean=self.mean,
            whitener=self.whitener,
            width=size.width,
            depth=size.depth,
        )

    def loss(self, network: AloneNetwork, batch: Batch) -> Tensor:
        """Robust error of the temperature. [K2]"""
        lst = network(batch.radiance, batch.emissivity, batch.predictors, batch.unknowns.unsqueeze(1))
        return robust(lst - batch.surface_temperature, self.config.loss.robust_scale).mean()

    def temperature(self, network: AloneNetwork, batch: Batch) -> Tensor:
        """Temperature without the unknowns. [K]"""
        lst: Tensor = network(batch.radiance, batch.emissivity, batch.predictors)
        return lst
