"""What the network is told off for: one function a term, each switched and weighted by the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lst_raster.network.config import LossConfig
from lst_raster.network.data import REFERENCE_TEMPERATURE, Batch, TrainingSet
from lst_raster.network.model import Atmosphere, CoupledNetwork, Effective
from lst_raster.physics.planck import band_radiance_slope
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.physics.uncertainty import atmosphere_uncertainty

SMALLEST_UNCERTAINTY = 0.02  # floor under the predicted uncertainty, so that no sample's likelihood diverges [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scales:
    """What one unit of each error is."""

    transmittance: float
    """Standard deviation over the training set. [1]"""
    upwelling_radiance: float
    """Standard deviation over the training set. [W m-2 sr-1 um-1]"""
    downwelling_radiance: float
    """Standard deviation over the training set. [W m-2 sr-1 um-1]"""
    radiance: float
    """Radiance of one kelvin at 300 K. [W m-2 sr-1 um-1]"""
    robust: float
    """Error above which the robust terms grow linearly. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the network made of a batch."""

    network: CoupledNetwork
    """The network."""
    batch: Batch
    """What it was given, and the truth."""
    atmosphere: Atmosphere
    """Terms of the equation, predicted by a network that is told what no user knows, (profile, 1)."""
    error: Tensor
    """Retrieved less true temperature, zero where nothing was retrieved, (profile, surface). [K]"""
    effective: Effective
    """Effective quantities that it predicts as a user has it, (profile, 1)."""
    error_of_user: Tensor
    """Error of the temperature then, likewise; without gradient. [K]"""


def scales_of(learning: TrainingSet, config: LossConfig) -> Scales:
    """Units of the errors from the training set."""
    deviations = {name: float(getattr(learning.atmosphere, name).std()) for name in Atmosphere._fields}
    slope = band_radiance_slope(torch.tensor(REFERENCE_TEMPERATURE), learning.band)
    return Scales(**deviations, radiance=float(slope), robust=config.robust_scale)


def look(network: CoupledNetwork, batch: Batch) -> Outcome:
    """Run the network on a batch."""
    atmosphere = network.couple(network.effective(batch.predictors, batch.unknowns.unsqueeze(1)))
    effective = network.effective(batch.predictors)
    with torch.no_grad():
        error_of_user = _error(network, batch, network.couple(effective))
    return Outcome(
        network=network,
        batch=batch,
        atmosphere=atmosphere,
        error=_error(network, batch, atmosphere),
        effective=effective,
        error_of_user=error_of_user,
    )


def _error(network: CoupledNetwork, batch: Batch, atmosphere: Atmosphere) -> Tensor:
    error = network.retrieve(batch.radiance, batch.emissivity, atmosphere) - batch.surface_temperature
    # Early in training an atmosphere may outshine the ground: the other terms mend that, this one has no gradient.
    return torch.where(torch.isfinite(error), error, torch.zeros_like(error))


def robust(error: Tensor, scale: float) -> Tensor:
    """Pseudo-Huber loss: half the square of small errors, linear in errors far above `scale`, of the same unit."""
    penalty: Tensor = scale * scale * (torch.sqrt(1.0 + torch.square(error / scale)) - 1.0)
    return penalty


def lst_loss(outcome: Outcome, scales: Scales) -> Tensor:
    """Robust error of the temperature. [K2]"""
    return robust(outcome.error, scales.robust).mean()


def supervision(name: str) -> Callable[[Outcome, Scales], Tensor]:
    """Squared error of one of the atmosphere's terms, in variances of the training set. [1]"""

    def term(outcome: Outcome, scales: Scales) -> Tensor:
        error = getattr(outcome.atmosphere, name) - getattr(outcome.batch.atmosphere, name)
        return torch.square(error / getattr(scales, name)).mean()

    return term


def closure_loss(outcome: Outcome, scales: Scales) -> Tensor:
    """Robust difference between the radiance recomputed at the true temperature and the observed one. [K2]

    It weighs an atmosphere by what the sensor sees of it, where `lst_loss` divides by the transmittance: dry and
    humid air count alike.
    """
    batch = outcome.batch
    recomputed = sensor_radiance(batch.surface_temperature, batch.emissivity, *outcome.atmosphere, outcome.network.band)
    return robust((recomputed - batch.radiance) / scales.radiance, scales.robust).mean()


def likelihood_loss(outcome: Outcome, scales: Scales) -> Tensor:
    """Negative logarithm of the Gaussian likelihood of the error under the predicted uncertainty. [1]

    The error and the atmosphere are taken as given, so that this term shapes the uncertainty and not the mean:
    otherwise the network would trade accuracy in humid air for a large uncertainty there.
    """
    deviation = predicted_uncertainty(outcome)
    return (torch.log(deviation) + 0.5 * (outcome.error_of_user / deviation) ** 2).mean()


def predicted_uncertainty(outcome: Outcome) -> Tensor:
    """Uncertainty of the temperature that the network expects, (profile, surface). [K]"""
    batch, effective = outcome.batch, outcome.effective
    deviation: Tensor = atmosphere_uncertainty(
        batch.surface_temperature,
        batch.emissivity,
        effective.optical_depth.detach(),
        effective.upwelling_temperature.detach(),
        effective.optical_depth_uncertainty,
        effective.upwelling_temperature_uncertainty,
        outcome.network.band,
    )
    return deviation + SMALLEST_UNCERTAINTY


TERMS: Mapping[str, Callable[[Outcome, Scales], Tensor]] = {
    "lst": lst_loss,
    "transmittance": supervision("transmittance"),
    "upwelling_radiance": supervision("upwelling_radiance"),
    "downwelling_radiance": supervision("downwelling_radiance"),
    "closure": closure_loss,
    "likelihood": likelihood_loss,
}
"""The terms of the loss, by the name of their weight in `LossConfig`."""


def total_loss(outcome: Outcome, scales: Scales, config: LossConfig) -> Tensor:
    """Weighted sum of the terms; those of weight zero are not computed."""
    weights = {name: getattr(config, name) for name in TERMS}
    terms = [weight * TERMS[name](outcome, scales) for name, weight in weights.items() if weight > 0.0]
    return torch.stack(terms).sum()
