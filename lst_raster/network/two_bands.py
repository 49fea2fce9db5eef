"""The coupled network for two thermal bands: one atmosphere, two equations, one temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lst_raster.network.config import LossConfig, TrainingConfig
from lst_raster.network.data import Batch, SecondBandBatch, TrainingSet
from lst_raster.network.loss import SMALLEST_UNCERTAINTY, Scales, error_scales, pseudo_huber
from lst_raster.network.model import (
    Atmosphere,
    CoupledNetwork,
    EffectiveAtmosphere,
    FirstGuess,
    Mechanism,
    MechanismLayer,
    softplus,
)
from lst_raster.network.training_loop import CoupledMethod, fit_mechanism
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import (
    coupled_atmosphere,
    sensor_radiance,
    sensor_radiance_of_black_body,
    surface_radiance,
)
from lst_raster.physics.two_bands import BandState, TwoBandTemperature, two_band_temperature
from lst_raster.physics.uncertainty import atmosphere_errors

DEPTH_DIFFERENCE_SPAN = 0.3
"""Largest further correction to the logarithm of the optical depth of the second band. [1]"""
TEMPERATURE_DIFFERENCE_SPAN = 3.0
"""Largest further correction to the emission temperatures of the second band. [K]"""
SMALLEST_BLACK_BODY = 0.5  # smallest radiance of the surface for a solution, that of 170 K [W m-2 sr-1 um-1]
DIFFERENCE_SPREAD = 0.2
"""Scale of the further error of the optical depth of the second band, over the error common to both. [1]"""


class TwoBandAtmosphere(NamedTuple):
    """The atmosphere in both bands: the outputs of the network's body."""

    first: EffectiveAtmosphere
    second: EffectiveAtmosphere  # its uncertainties are those of errors common to both bands
    depth_difference: Tensor  # further error of the optical depth of the second band, over the common one [1]


class TwoBandNetwork(CoupledNetwork):
    """Coupled network of two bands: a first guess for each, corrections that are common but for small differences.

    Errors of the atmosphere are common to both bands too, so that their difference corrects them: the temperature is
    the mean of least variance of those of both bands (`lst_raster.physics.two_bands`).
    """

    outputs = len(EffectiveAtmosphere._fields) + 4

    def __init__(
        self, *, second_band: BandPlanck, second_mechanism: Mechanism, second_smallest_depth: float, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.second_band = second_band
        self.second_mechanism = MechanismLayer(self.tier, second_mechanism, second_smallest_depth)

    def guess_both(self, predictors: Sequence[Tensor]) -> tuple[FirstGuess, FirstGuess]:
        """First guess in each band."""
        inside, excess = self.clamp(predictors)
        return self.guess_of(self.mechanism, inside, excess), self.guess_of(self.second_mechanism, inside, excess)

    def predict_both(self, predictors: Sequence[Tensor]) -> TwoBandAtmosphere:
        """Predict the atmosphere in both bands; `predictors` as in `effective_atmosphere`."""
        return self.correct_both(self.guess_both(predictors))

    def correct_both(self, guesses: tuple[FirstGuess, FirstGuess], nuisance: Tensor | None = None) -> TwoBandAtmosphere:
        """Correct the first guesses by the body; `nuisance` as in `effective_atmosphere`."""
        guess, other = guesses
        outputs = self.run_body(guess, nuisance)
        common = len(EffectiveAtmosphere._fields)
        first = self.constrain(outputs[..., :common], guess)
        depth, up, down, spread = outputs[..., common:].unbind(-1)
        correction = DEPTH_DIFFERENCE_SPAN * torch.tanh(depth)
        optical_depth = other.optical_depth * (first.optical_depth / guess.optical_depth) * torch.exp(correction)
        second = EffectiveAtmosphere(
            optical_depth=optical_depth,
            upwelling_temperature=other.upwelling_temperature
            + (first.upwelling_temperature - guess.upwelling_temperature)
            + TEMPERATURE_DIFFERENCE_SPAN * torch.tanh(up),
            downwelling_temperature=other.downwelling_temperature
            + (first.downwelling_temperature - guess.downwelling_temperature)
            + TEMPERATURE_DIFFERENCE_SPAN * torch.tanh(down),
            optical_depth_uncertainty=first.optical_depth_uncertainty * (optical_depth / first.optical_depth).detach(),
            upwelling_temperature_uncertainty=first.upwelling_temperature_uncertainty,
        )
        return TwoBandAtmosphere(first, second, DIFFERENCE_SPREAD * softplus(spread))

    def second_terms(self, second: EffectiveAtmosphere) -> Atmosphere:
        """Terms of the radiative transfer equation in the second band."""
        return Atmosphere(*coupled_atmosphere(*second[:3], self.second_band))


def combine_bands(network: TwoBandNetwork, predicted: TwoBandAtmosphere, pixels: SecondBandBatch) -> TwoBandTemperature:
    """Surface temperature of observed pixels in both bands, (profile, surface); NaN where one has no solution. [K]"""
    states, solved = [], []
    for index, (effective, band) in enumerate(
        ((predicted.first, network.band), (predicted.second, network.second_band))
    ):
        terms = coupled_atmosphere(*effective[:3], band)
        uncertainties = effective.optical_depth_uncertainty, effective.upwelling_temperature_uncertainty
        radiance, emissivity = pixels.observed_radiance[index], pixels.observed_emissivity[index]
        # Early in training the predicted path radiance may exceed the observed one. The equation of such pixels is
        # solved for another radiance: a NaN has no finite gradient, even where it is not used.
        known = surface_radiance(radiance, emissivity, *terms) > SMALLEST_BLACK_BODY
        coldest = torch.full_like(radiance, SMALLEST_BLACK_BODY)
        radiance = torch.where(known, radiance, sensor_radiance_of_black_body(coldest, emissivity, *terms).detach())
        solved.append(known)
        states.append(
            BandState(
                radiance=radiance,
                emissivity=emissivity,
                terms=terms,
                errors=atmosphere_errors(terms[0], terms[1], *uncertainties, band),
                noise=pixels.noise[index],
                band=band,
            )
        )
    found = two_band_temperature(
        states[0], states[1], pixels.emissivity_uncertainty, pixels.difference_uncertainty, predicted.depth_difference
    )
    temperature = torch.where(solved[0] & solved[1], found.temperature, torch.full_like(found.temperature, torch.nan))
    return found._replace(temperature=temperature)


class TwoBandMethod(CoupledMethod):
    """The coupled network of two bands, as a training method."""

    network_class: type[TwoBandNetwork] = TwoBandNetwork

    def __init__(self, training: TrainingSet, config: TrainingConfig) -> None:
        super().__init__(training, config)
        second = training.second
        assert second is not None
        self.second_scales = error_scales(second, config.loss)
        self.second_settings = {
            "second_band": second.band,
            "second_mechanism": fit_mechanism(second),
            "second_smallest_depth": float(-torch.log(second.atmosphere.transmittance.max())),
        }

    def settings(self) -> dict[str, Any]:
        """Arguments of the network."""
        return super().settings() | self.second_settings

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Weighted sum of the terms of the loss: those of one band for both, and the common temperature."""
        assert batch.second is not None
        weights, scales = self.config.loss, (self.scales, self.second_scales)
        guesses = network.guess_both(batch.predictors)
        predicted = network.correct_both(guesses, batch.nuisance.unsqueeze(1))
        error = _zero_where_unknown(
            combine_bands(network, predicted, batch.second).temperature - batch.surface_temperature
        )
        loss = weights.lst * pseudo_huber(error, weights.robust_scale).mean()
        bands: tuple[tuple[Atmosphere, Batch | SecondBandBatch, BandPlanck], ...] = (
            (network.atmosphere_terms(predicted.first), batch, network.band),
            (network.second_terms(predicted.second), batch.second, network.second_band),
        )
        for (terms, true, band), scale in zip(bands, scales, strict=True):
            loss = loss + _supervision(terms, true.atmosphere, scale, weights)
            recomputed = sensor_radiance(batch.surface_temperature, true.emissivity, *terms, band)
            closure = pseudo_huber((recomputed - true.radiance) / scale.radiance, scale.robust).mean()
            loss = loss + weights.closure * closure
        if weights.likelihood > 0.0:
            loss = loss + weights.likelihood * self._likelihood(network, guesses, batch)
        total: Tensor = loss
        return total

    def _likelihood(self, network: TwoBandNetwork, guesses: tuple[FirstGuess, FirstGuess], batch: Batch) -> Tensor:
        """Negative log-likelihood of the error without the nuisance parameters; it trains the uncertainty only. [1]"""
        assert batch.second is not None
        predicted = network.correct_both(guesses)
        fixed = [
            one._replace(**{name: getattr(one, name).detach() for name in one._fields[:3]}) for one in predicted[:2]
        ]
        found = combine_bands(network, TwoBandAtmosphere(fixed[0], fixed[1], predicted.depth_difference), batch.second)
        error = _zero_where_unknown(found.temperature.detach() - batch.surface_temperature)
        variance = SMALLEST_UNCERTAINTY**2 + found.variance()
        likelihood: Tensor = 0.5 * (torch.log(variance) + error**2 / variance).mean()
        return likelihood

    def temperature(self, network: Any, batch: Batch) -> Tensor:
        """Temperature without the nuisance parameters, as in use. [K]"""
        assert batch.second is not None
        found: Tensor = combine_bands(network, network.predict_both(batch.predictors), batch.second).temperature
        return found


def _zero_where_unknown(error: Tensor) -> Tensor:
    return torch.where(torch.isfinite(error), error, torch.zeros_like(error))


def _supervision(terms: Atmosphere, true: Atmosphere, scale: Scales, weights: LossConfig) -> Tensor:
    """Squared errors of the terms of one band over their variance in the training set. [1]"""
    parts = [
        getattr(weights, name) * torch.square((found - exact) / getattr(scale, name)).mean()
        for name, found, exact in zip(Atmosphere._fields, terms, true, strict=True)
    ]
    return torch.stack(parts).sum()
