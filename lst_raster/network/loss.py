"""Loss of the coupled network: one function for each term, each with a weight in the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lst_raster.network.config import LossConfig
from lst_raster.network.data import Batch, TrainingSet
from lst_raster.network.model import Atmosphere, CoupledNetwork, EffectiveAtmosphere
from lst_raster.physics.planck import band_radiance_slope
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.physics.uncertainty import NOISE_TEMPERATURE, atmosphere_uncertainty

SMALLEST_UNCERTAINTY = 0.02  # lower bound of the predicted uncertainty, to keep the likelihood finite [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scales:
    """Scales by which the errors in the loss are divided."""

    transmittance: float  # standard deviation over the training set [1]
    upwelling_radiance: float  # standard deviation over the training set [W m-2 sr-1 um-1]
    downwelling_radiance: float  # standard deviation over the training set [W m-2 sr-1 um-1]
    radiance: float  # change of the radiance for 1 K at 300 K [W m-2 sr-1 um-1]
    robust: float  # error above which the robust terms grow linearly [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPrediction:
    """Predictions of the network for a batch."""

    network: CoupledNetwork  # the network
    batch: Batch  # inputs and true values
    atmosphere: Atmosphere  # terms of the equation, predicted with the nuisance parameters, (profile, 1)
    error: Tensor  # retrieved less true temperature, zero where nothing was retrieved, (profile, surface) [K]
    effective: EffectiveAtmosphere
    """Effective atmosphere predicted without the nuisance parameters, as in use, (profile, 1)."""
    error_in_use: Tensor  # temperature error without the nuisance parameters, without gradient [K]


def error_scales(training: TrainingSet, config: LossConfig) -> Scales:
    """Scales of the errors, computed from the training set."""
    deviations = {name: float(getattr(training.atmosphere, name).std()) for name in Atmosphere._fields}
    slope = band_radiance_slope(torch.tensor(NOISE_TEMPERATURE), training.band)
    return Scales(**deviations, radiance=float(slope), robust=config.robust_scale)


def predict_batch(network: CoupledNetwork, batch: Batch) -> BatchPrediction:
    """Run the network on a batch, with and without the nuisance parameters."""
    guess = network.first_guess(batch.predictors)
    atmosphere = network.atmosphere_terms(network.correct(guess, batch.nuisance.unsqueeze(1)))
    effective = network.correct(guess)
    with torch.no_grad():
        error_in_use = _temperature_error(network, batch, network.atmosphere_terms(effective))
    return BatchPrediction(
        network=network,
        batch=batch,
        atmosphere=atmosphere,
        error=_temperature_error(network, batch, atmosphere),
        effective=effective,
        error_in_use=error_in_use,
    )


def _temperature_error(network: CoupledNetwork, batch: Batch, atmosphere: Atmosphere) -> Tensor:
    error = network.retrieve(batch.radiance, batch.emissivity, atmosphere) - batch.surface_temperature
    # Early in training the predicted path radiance may exceed the at-sensor one: the other loss terms correct this.
    return torch.where(torch.isfinite(error), error, torch.zeros_like(error))


def pseudo_huber(error: Tensor, scale: float) -> Tensor:
    """Pseudo-Huber loss: half the square of small errors, linear far above `scale`, in the unit of the error."""
    penalty: Tensor = scale * scale * (torch.sqrt(1.0 + torch.square(error / scale)) - 1.0)
    return penalty


def lst_loss(prediction: BatchPrediction, scales: Scales) -> Tensor:
    """Pseudo-Huber loss of the temperature error. [K2]"""
    return pseudo_huber(prediction.error, scales.robust).mean()


def supervision(name: str) -> Callable[[BatchPrediction, Scales], Tensor]:
    """Loss term of one atmospheric term: its squared error over its variance in the training set. [1]"""

    def term(prediction: BatchPrediction, scales: Scales) -> Tensor:
        error = getattr(prediction.atmosphere, name) - getattr(prediction.batch.atmosphere, name)
        return torch.square(error / getattr(scales, name)).mean()

    return term


def closure_loss(prediction: BatchPrediction, scales: Scales) -> Tensor:
    """Pseudo-Huber loss of the radiance recomputed at the true temperature less the observed radiance. [K2]

    It weights errors by their effect on the at-sensor radiance, so dry and humid atmospheres have the same weight; the
    error in `lst_loss` is divided by the transmittance.
    """
    batch, band = prediction.batch, prediction.network.band
    recomputed = sensor_radiance(batch.surface_temperature, batch.emissivity, *prediction.atmosphere, band)
    return pseudo_huber((recomputed - batch.radiance) / scales.radiance, scales.robust).mean()


def likelihood_loss(prediction: BatchPrediction, scales: Scales) -> Tensor:
    """Negative logarithm of the Gaussian likelihood of the error under the predicted uncertainty. [1]

    Error and atmosphere are constants here, so that the term trains the uncertainty only: otherwise the network would
    trade accuracy in humid atmospheres for a large uncertainty there.
    """
    batch, effective = prediction.batch, prediction.effective
    deviation: Tensor = SMALLEST_UNCERTAINTY + atmosphere_uncertainty(
        batch.surface_temperature,
        batch.emissivity,
        effective.optical_depth.detach(),
        effective.upwelling_temperature.detach(),
        effective.optical_depth_uncertainty,
        effective.upwelling_temperature_uncertainty,
        prediction.network.band,
    )
    return (torch.log(deviation) + 0.5 * (prediction.error_in_use / deviation) ** 2).mean()


TERMS: Mapping[str, Callable[[BatchPrediction, Scales], Tensor]] = {
    "lst": lst_loss,
    "transmittance": supervision("transmittance"),
    "upwelling_radiance": supervision("upwelling_radiance"),
    "downwelling_radiance": supervision("downwelling_radiance"),
    "closure": closure_loss,
    "likelihood": likelihood_loss,
}
"""Terms of the loss, by the name of their weight in `LossConfig`."""


def total_loss(prediction: BatchPrediction, scales: Scales, config: LossConfig) -> Tensor:
    """Weighted sum of the terms; those of weight zero are not computed."""
    weights = {name: getattr(config, name) for name in TERMS}
    terms = [weight * TERMS[name](prediction, scales) for name, weight in weights.items() if weight > 0.0]
    return torch.stack(terms).sum()
