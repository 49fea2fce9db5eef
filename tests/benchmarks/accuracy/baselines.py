"""Baselines and ablations of the coupled network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lst_raster.errors import ConfigError
from lst_raster.inference.contract import SECOND_SURFACE_INPUTS, SURFACE_INPUTS
from lst_raster.network.config import TIERS, CalibrationConfig, DataConfig, LossConfig, OptimiserConfig, TrainingConfig
from lst_raster.network.data import Batch, SecondBandBatch, TrainingSet, simulate_batch, training_set, whitening
from lst_raster.network.loss import pseudo_huber
from lst_raster.network.measure import calibrate, estimate, train_folds
from lst_raster.network.model import (
    NUISANCE_PARAMETERS,
    Atmosphere,
    Calibration,
    CoupledNetwork,
    EffectiveAtmosphere,
    FirstGuess,
    Squareplus,
    features,
    softplus,
)
from lst_raster.network.training_loop import CoupledMethod, TrainableMethod, optimise
from lst_raster.network.two_bands import TwoBandMethod, TwoBandNetwork
from lst_raster.physics.planck import BandPlanck, band_radiance_slope, brightness_temperature
from lst_raster.profiles.sampling import InputErrors, Samples
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.fits import (
    COUPLED,
    NO_MECHANISM,
    PLAIN,
    SEES_BOTH,
    SEES_NEITHER,
    SEES_PIXEL,
    TWO_BAND_TIERS,
    UNBOUNDED,
)

SCALE = 10.0  # scale of the output: typical surface minus brightness temperature [K]
MIDDLE_EMISSIVITY, EMISSIVITY_SCALE = 0.95, 0.03  # of the emissivity as an input [1]
EXACT_PIXELS = 1.0 / 3.0  # fraction of the profiles of a batch whose radiance and emissivity are exact [1]


class PlainNetwork(nn.Module):
    """Network that predicts the temperature directly, as an offset from the brightness temperature.

    `mean` and `whitener` standardise the features over the training set; `width` and `depth` are units per hidden layer
    and number of hidden layers.
    """

    mean: Tensor
    whitener: Tensor

    def __init__(self, *, mean: Tensor, whitener: Tensor, width: int, depth: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("whitener", whitener)
        self.first = nn.Linear(len(mean), width)
        self.nuisance = nn.Linear(len(NUISANCE_PARAMETERS), width, bias=False)
        hidden = [layer for pair in pairwise([width] * depth) for layer in (nn.Linear(*pair), Squareplus())]
        self.body = nn.Sequential(Squareplus(), *hidden, nn.Linear(width, 1))

    def forward(self, seen: Tensor, nuisance: Tensor | None = None) -> Tensor:
        """Temperature [K], shape (profile, surface), from features, brightness temperature first, (..., feature).

        `nuisance` is (profile, 1, parameter).
        """
        hidden = self.first((seen - self.mean) @ self.whitener)
        if nuisance is not None:
            hidden = hidden + self.nuisance(nuisance)
        offset: Tensor = SCALE * self.body(hidden)[..., 0]
        return seen[..., 0] + offset


def all_features(
    radiance: Tensor, emissivity: Tensor, predictors: tuple[Tensor, ...], tier: str, band: BandPlanck
) -> Tensor:
    """Brightness temperature, emissivity and atmospheric features, shape (profile, surface, feature)."""
    brightness = brightness_temperature(radiance, band)
    air = features(torch.stack(predictors, dim=-1), tier).expand(*radiance.shape, -1)
    return torch.cat([brightness[..., None], emissivity[..., None], air], dim=-1)


def noisy_pixels(batch: Batch, band: BandPlanck) -> tuple[Tensor, Tensor]:
    """Radiance and emissivity with the errors of `InputErrors` times a factor from 0 to 1, drawn for each profile."""
    shape, errors = (len(batch.radiance), 1), InputErrors()
    factor = torch.where(torch.rand(shape) < EXACT_PIXELS, 0.0, torch.rand(shape))
    brightness = brightness_temperature(batch.radiance, band)
    slope = band_radiance_slope(brightness, band)
    radiance = batch.radiance + factor * errors.sensor * slope * torch.randn_like(brightness)
    emissivity = batch.emissivity + factor * errors.emissivity * torch.randn_like(brightness)
    return radiance, torch.clamp(torch.as_tensor(emissivity), max=1.0)


class Plain:
    """Plain network as a training method: robust loss on the temperature only, with noisy radiance and emissivity.

    The coupled network does not see these two inputs, so batches contain their exact values. This network sees them and
    must learn from their errors (`noisy_pixels`).
    """

    def __init__(self, profiles: TrainingSet, config: TrainingConfig) -> None:
        self.config, self.band = config, profiles.band
        seen = self.seen(simulate_batch(profiles, config, np.random.default_rng(config.seed))).flatten(0, 1)
        self.mean, self.whitener = seen.mean(dim=0), whitening(seen)

    def network(self) -> PlainNetwork:
        """Create the network of the configuration."""
        size = self.config.network
        return PlainNetwork(mean=self.mean, whitener=self.whitener, width=size.width, depth=size.depth)

    def seen(self, batch: Batch) -> Tensor:
        """Features of the pixels and atmospheres of a batch, (profile, surface, feature)."""
        return all_features(batch.radiance, batch.emissivity, batch.predictors, self.config.tier, self.band)

    def noisy(self, batch: Batch) -> Batch:
        """Batch with errors of radiance and emissivity."""
        radiance, emissivity = noisy_pixels(batch, self.band)
        return batch._replace(radiance=radiance, emissivity=emissivity)

    def loss(self, network: PlainNetwork, batch: Batch) -> Tensor:
        """Robust loss on the temperature. [K2]"""
        lst = network(self.seen(self.noisy(batch)), batch.nuisance.unsqueeze(1))
        return pseudo_huber(lst - batch.surface_temperature, self.config.loss.robust_scale).mean()

    def temperature(self, network: PlainNetwork, batch: Batch) -> Tensor:
        """Predict the temperature, with zero for the nuisance parameters. [K]"""
        lst: Tensor = network(self.seen(batch))
        return lst


class PlainTwoBands(Plain):
    """Plain network of two bands, with the radiances and emissivities that the coupled one observes in training.

    The second band is seen as differences from the first, which have much smaller variances.
    """

    def __init__(self, profiles: TrainingSet, config: TrainingConfig) -> None:
        assert profiles.second is not None
        self.second_band = profiles.second.band
        super().__init__(profiles, config)

    def seen(self, batch: Batch) -> Tensor:
        """Features of the pixels in both bands, (profile, surface, feature)."""
        assert batch.second is not None
        radiances, emissivities = batch.second.observed_radiance, batch.second.observed_emissivity
        first = all_features(radiances[0], emissivities[0], batch.predictors, self.config.tier, self.band)
        difference = first[..., 0] - brightness_temperature(radiances[1], self.second_band)
        return torch.cat([first, torch.stack([difference, emissivities[1] - emissivities[0]], dim=-1)], dim=-1)

    def noisy(self, batch: Batch) -> Batch:
        """Return the batch: what is observed of its pixels has errors."""
        return batch


Float = NDArray[np.float64]
SPAN = 80.0  # largest difference of T_up and T_down from the air temperature without linear model [K]
ROWS = 100_000  # samples per batch of inference


class UnboundedNetwork(CoupledNetwork):
    """Coupled network without bounds: the outputs are the terms of the equation.

    They are scaled by the training set for an equivalent initialisation; the transmittance is not limited to (0, 1).
    """

    centre: Tensor
    scale: Tensor

    def set_scale(self, profiles: TrainingSet) -> UnboundedNetwork:
        """Set mean and standard deviation of the terms from a training set."""
        terms = torch.cat(profiles.atmosphere, dim=1)
        self.register_buffer("centre", terms.mean(dim=0))
        self.register_buffer("scale", terms.std(dim=0))
        return self

    def constrain(self, outputs: Tensor, guess: FirstGuess) -> EffectiveAtmosphere:
        """Return the outputs unchanged."""
        return EffectiveAtmosphere(*outputs.unbind(-1))

    def atmosphere_terms(self, effective: EffectiveAtmosphere) -> Atmosphere:
        """Rescale the outputs to the terms of the equation."""
        outputs = zip(effective[:3], self.centre, self.scale, strict=True)
        return Atmosphere(*(centre + scale * values for values, centre, scale in outputs))


class Unbounded(CoupledMethod):
    """Coupled network without bounds, and without the likelihood, which requires bounded quantities."""

    network_class = UnboundedNetwork

    def __init__(self, profiles: TrainingSet, config: TrainingConfig) -> None:
        super().__init__(profiles, replace(config, loss=replace(config.loss, likelihood=0.0)))
        self.profiles = profiles

    def network(self) -> UnboundedNetwork:
        """Create the network, scaled by the training set."""
        network = super().network()
        assert isinstance(network, UnboundedNetwork)
        return network.set_scale(self.profiles)


class NoMechanismNetwork(CoupledNetwork):
    """Coupled network without the linear model: optical depth and temperatures are predicted without a first guess.

    The bounds remain: positive optical depth, temperatures near the air temperature.
    """

    def _initialise_output(self) -> None:
        super()._initialise_output()
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.bias[0] = -1.0  # an optical depth of 0.3

    def constrain(self, outputs: Tensor, guess: FirstGuess) -> EffectiveAtmosphere:
        """Convert the outputs to a physically possible atmosphere."""
        corrected, air = super().constrain(outputs, guess), guess.air_temperature
        return corrected._replace(
            optical_depth=softplus(outputs[..., 0]),
            upwelling_temperature=air + SPAN * torch.tanh(outputs[..., 1]),
            downwelling_temperature=air + SPAN * torch.tanh(outputs[..., 2]),
        )


class NoMechanism(CoupledMethod):
    """Coupled network without the linear model."""

    network_class = NoMechanismNetwork


class PixelNetwork(CoupledNetwork):
    """Coupled network whose body sees the pixel: the last two predictors are brightness temperature and emissivity."""

    sees_neighbourhood, sees_pixel = True, True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.sees_pixel:
            self.first = nn.Linear(self.first.in_features + 2, self.first.out_features)

    def first_guess(self, predictors: Sequence[Tensor]) -> FirstGuess:
        """Add the pixel to the features, and hide the neighbourhood behind the air temperature."""
        *known, brightness, emissivity = torch.broadcast_tensors(*predictors)  # type: ignore[no-untyped-call]
        air = known[TIERS[self.tier].index("air_temperature")]
        if not self.sees_neighbourhood:
            known[TIERS[self.tier].index("brightness_temperature")] = air
        guess = super().first_guess(known)
        if not self.sees_pixel:
            return guess
        pixel = torch.stack([(brightness - air) / SCALE, (emissivity - MIDDLE_EMISSIVITY) / EMISSIVITY_SCALE], dim=-1)
        return guess._replace(features=torch.cat([guess.features, pixel], dim=-1))


class PixelOnlyNetwork(PixelNetwork):
    """Coupled network whose body sees the pixel in place of the neighbourhood."""

    sees_neighbourhood = False


class BlindNetwork(PixelNetwork):
    """Coupled network whose body sees neither."""

    sees_neighbourhood, sees_pixel = False, False


class Pixel(CoupledMethod):
    """Coupled network with the pixel among the inputs of its body."""

    network_class: type[CoupledNetwork] = PixelNetwork

    def loss(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Loss of the coupled network; the equation has the exact radiance and emissivity, the body noisy ones."""
        return super().loss(network, self._seen(batch, *noisy_pixels(batch, self.band)))

    def temperature(self, network: CoupledNetwork, batch: Batch) -> Tensor:
        """Temperature without the nuisance parameters. [K]"""
        return super().temperature(network, self._seen(batch, batch.radiance, batch.emissivity))

    def _seen(self, batch: Batch, radiance: Tensor, emissivity: Tensor) -> Batch:
        pixel = brightness_temperature(radiance, self.band), emissivity
        return batch._replace(predictors=(*batch.predictors, *pixel))


class PixelOnly(Pixel):
    """Coupled network with the pixel in place of the neighbourhood."""

    network_class = PixelOnlyNetwork


class Blind(Pixel):
    """Coupled network with neither pixel nor neighbourhood among the inputs of its body."""

    network_class = BlindNetwork


METHODS: Mapping[str, Callable[[TrainingSet, TrainingConfig], TrainableMethod]] = {
    COUPLED: CoupledMethod,
    PLAIN: Plain,
    UNBOUNDED: Unbounded,
    NO_MECHANISM: NoMechanism,
    SEES_BOTH: Pixel,
    SEES_PIXEL: PixelOnly,
    SEES_NEITHER: Blind,
}
"""Training methods by name."""
TWO_BAND_METHODS: Mapping[str, Callable[[TrainingSet, TrainingConfig], TrainableMethod]] = {
    COUPLED: TwoBandMethod,
    PLAIN: PlainTwoBands,
}
"""The same for tiers of two bands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A trained network as a retrieval."""

    method: TrainableMethod
    network: nn.Module
    tier: str
    """A name in `TIERS`."""
    calibration: Calibration | None = None
    """Calibration of the predicted uncertainty of a coupled network; None where it was not calibrated."""

    def uncertainty(self, given: Samples, errors: InputErrors) -> Float | None:
        """Calibrated standard uncertainty, shape (profile, sample); None without calibration. [K]"""
        if self.calibration is None:
            return None
        assert isinstance(self.network, CoupledNetwork)
        return estimate(self.network, given, errors, self.calibration).uncertainty

    def temperature(self, given: Samples, errors: InputErrors) -> Float:
        """Retrieve temperatures as `__call__`; the errors are the weights of the bands of a coupled network. [K]"""
        if isinstance(self.network, TwoBandNetwork):
            return np.asarray(estimate(self.network, given, errors).temperature)
        return self(given)

    def __call__(self, given: Samples) -> Float:
        """Retrieve temperatures, shape (profile, sample), NaN where the retrieval fails. [K]"""
        shape = given.radiance.shape
        known = given.inputs()
        pixels = (*SURFACE_INPUTS, *(SECOND_SURFACE_INPUTS if self.tier in TWO_BAND_TIERS else ()))
        columns = [known[name].ravel() for name in (*TIERS[self.tier], *pixels)]
        parts = [
            self._some([column[start : start + ROWS] for column in columns])
            for start in range(0, columns[0].size, ROWS)
        ]
        return np.concatenate(parts).reshape(shape)

    def _some(self, columns: Sequence[Float]) -> Float:
        given = [torch.from_numpy(one.astype(np.float32))[:, None] for one in columns]
        predictors, (radiance, emissivity, *other) = given[: len(TIERS[self.tier])], given[len(TIERS[self.tier]) :]
        nothing = torch.zeros_like(radiance)
        unknown = Atmosphere(nothing, nothing, nothing)
        second = None
        if other:
            second = SecondBandBatch(
                atmosphere=unknown,
                emissivity=other[1],
                radiance=other[0],
                observed_radiance=(radiance, other[0]),
                observed_emissivity=(emissivity, other[1]),
                noise=(nothing, nothing),
                emissivity_uncertainty=nothing,
                difference_uncertainty=nothing,
            )
        batch = Batch(
            predictors=tuple(predictors),
            second=second,
            atmosphere=unknown,
            nuisance=torch.zeros(len(radiance), len(NUISANCE_PARAMETERS)),
            surface_temperature=nothing,
            emissivity=emissivity,
            radiance=radiance,
        )
        with torch.no_grad():
            lst = self.method.temperature(self.network, batch)
        return lst[:, 0].double().numpy()


def fit(fit_spec: Any, training: Sequence[SimulatedSet]) -> Fitted:
    """Train a network as specified by a `tests.benchmarks.accuracy.fits.Fit`; the result can be pickled.

    Raises `ConfigError` for an unknown method or if the training diverges.
    """
    methods = TWO_BAND_METHODS if fit_spec.has_two_bands else METHODS
    if fit_spec.method not in methods:
        raise ConfigError(f"unknown method {fit_spec.method!r}; available: {', '.join(methods)}")
    config = TrainingConfig(
        sensor=fit_spec.sensor,
        tier=fit_spec.tier,
        seed=fit_spec.seed,
        data=DataConfig(train=()),
        optimiser=OptimiserConfig(steps=fit_spec.steps),
        loss=replace(LossConfig(), **fit_spec.loss),
        calibration=CalibrationConfig(steps=fit_spec.calibration),
    )
    profiles = training_set(training, config)
    method = methods[fit_spec.method](profiles, config)
    network = optimise(method, profiles, config)
    calibration = calibrate(network, train_folds(training, config)) if fit_spec.calibration else None
    return Fitted(method=method, network=network, tier=fit_spec.tier, calibration=calibration)
