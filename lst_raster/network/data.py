"""Training data: predictors and targets from simulated sets, batches, normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lst_raster.errors import ConfigError
from lst_raster.network.config import TIERS, TrainingConfig
from lst_raster.network.model import NUISANCE_PARAMETERS, Atmosphere, Normalisation, features
from lst_raster.physics.planck import BandPlanck, band_radiance_slope
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.sampling import InputErrors, draw_surfaces
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR, input_error_sources
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS

SMALLEST_DEVIATION = 1e-5  # floor of standard deviations, against division by zero for constant values
EXACT = 0.5  # profiles without input errors, as a fraction of those with errors [1]
SMALLEST_FRACTION = 0.05  # lower limit of noisy water vapour and humidity, as a fraction of the true value [1]
REFERENCE_TEMPERATURE = 300.0  # at which radiance differences are converted to temperatures [K]
RANGE_MARGIN = 0.02  # margin of the valid range at each end, as a fraction of the span of the training set [1]
SMALLEST_VARIANCE = 0.003  # floor of the variance of a principal component, of standardised features [1]


class Batch(NamedTuple):
    """Profiles in rows, the surfaces of each profile in columns; values of a profile have one column."""

    predictors: tuple[Tensor, ...]  # the tier's predictors with their errors, (profile, 1)
    atmosphere: Atmosphere  # true terms of the radiative transfer equation, (profile, 1)
    surface_temperature: Tensor  # true land surface temperature, (profile, surface) [K]
    emissivity: Tensor  # emissivity with its error, (profile, surface) [1]
    radiance: Tensor  # at-sensor radiance with its error, (profile, surface) [W m-2 sr-1 um-1]
    nuisance: Tensor  # `NUISANCE_PARAMETERS`, in standard deviations from the mean, (profile, 3) [1]
    weight: Tensor  # weight of a profile in statistics over all profiles, (profile, 1) [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSet:
    """Profiles of one or more simulated sets as tensors, for one tier; all are (profile, 1) unless stated."""

    band: BandPlanck  # Planck coefficients of the band
    predictors: tuple[Tensor, ...]  # the tier's predictors
    atmosphere: Atmosphere  # terms of the radiative transfer equation
    air_temperature: Tensor  # air temperature at 2 m, around which surface temperatures are drawn [K]
    nuisance: Tensor  # `NUISANCE_PARAMETERS`, in standard deviations from the mean, (profile, 3) [1]
    weight: Tensor  # weight of a profile [1]

    def __len__(self) -> int:
        return len(self.air_temperature)

    def subset(self, indices: Tensor) -> TrainingSet:
        """Return the profiles of the given indices."""
        return replace(
            self,
            predictors=tuple(values[indices] for values in self.predictors),
            atmosphere=Atmosphere(*(values[indices] for values in self.atmosphere)),
            air_temperature=self.air_temperature[indices],
            nuisance=self.nuisance[indices],
            weight=self.weight[indices],
        )


def read_sets(paths: Sequence[str], folder: Path, sensor: str) -> list[SimulatedSet]:
    """Read simulated sets at paths relative to a folder; ConfigError where one is of another sensor band."""
    sets = [read_simulated(folder / path) for path in paths]
    for path, simulated in zip(paths, sets, strict=True):
        if simulated.sensor != sensor:
            raise ConfigError(f"{path} is simulated for {simulated.sensor}, the model is for {sensor}")
    return sets


def split_sets(sets: Sequence[SimulatedSet]) -> tuple[list[SimulatedSet], list[SimulatedSet]]:
    """Divide each set by its `split` into training and validation profiles; either may be empty."""
    masks = [np.zeros(len(one), bool) if one.split is None else one.split == 1 for one in sets]
    training = [one.select(~mask) for one, mask in zip(sets, masks, strict=True)]
    return training, [one.select(mask) for one, mask in zip(sets, masks, strict=True)]


def predictors_of(simulated: SimulatedSet, tier: str) -> tuple[NDArray[np.float64], ...]:
    """Exact predictors of a tier, in its order; the input error runs from 0 to 1 over the profiles."""
    available = {**simulated.atmosphere_inputs, INPUT_ERROR: np.linspace(0.0, 1.0, len(simulated))}
    missing = [name for name in TIERS[tier] if name not in available]
    if missing:
        raise ConfigError(
            f"the simulated set has no {missing[0]} and {len(missing) - 1} others that the tier {tier} needs; "
            "simulate it again with this version"
        )
    return tuple(available[name] for name in TIERS[tier])


def training_set(sets: Sequence[SimulatedSet], config: TrainingConfig) -> TrainingSet:
    """Join simulated sets into float32 tensors of one column."""

    def column(parts: Sequence[NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(np.float32)).unsqueeze(-1)

    return TrainingSet(
        band=sensor_band(config.sensor).planck,
        predictors=tuple(map(column, zip(*(predictors_of(one, config.tier) for one in sets), strict=True))),
        atmosphere=Atmosphere(*map(column, zip(*(one.terms for one in sets), strict=True))),
        air_temperature=column([one.air_temperature_2m for one in sets]),
        nuisance=_standardised_nuisance(sets),
        weight=column([np.where(one.is_unmodified, 1.0, config.samples.perturbed) for one in sets]),
    )


def _standardised_nuisance(sets: Sequence[SimulatedSet]) -> Tensor:
    """Standardise the nuisance parameters; zero where one is constant or missing in a set."""
    columns = []
    for name in NUISANCE_PARAMETERS:
        parts = [getattr(one, name) for one in sets]
        available = np.concatenate([part for part in parts if part is not None] or [np.zeros(1)])
        mean, deviation = available.mean(), max(float(available.std()), SMALLEST_DEVIATION)
        filled = [
            np.zeros(len(one)) if part is None else (part - mean) / deviation
            for one, part in zip(sets, parts, strict=True)
        ]
        columns.append(np.concatenate(filled))
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def draw_batch(training: TrainingSet, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """Draw profiles by weight, then surfaces, input errors and radiances for them."""
    cumulative = np.cumsum(training.weight[:, 0].numpy(), dtype=np.float64)
    drawn = np.searchsorted(cumulative, cumulative[-1] * rng.random(config.optimiser.batch), side="right")
    return simulate_batch(training.subset(torch.from_numpy(drawn)), config, rng)


def simulate_batch(profiles: TrainingSet, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """Draw surfaces for every profile and simulate their at-sensor radiance, with errors of a random size."""
    shape = (len(profiles), config.samples.per_profile)

    def normal(columns: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal((shape[0], columns), np.float32))

    error_scale = torch.from_numpy(np.maximum(rng.random((shape[0], 1), np.float32) * (1.0 + EXACT) - EXACT, 0.0))
    surfaces = draw_surfaces(profiles.air_temperature[:, 0].numpy(), shape[1], int(rng.integers(2**32)))
    temperature = torch.from_numpy(surfaces.surface_temperature.astype(np.float32))
    emissivity = torch.from_numpy(surfaces.emissivity.astype(np.float32))
    radiance = sensor_radiance(temperature, emissivity, *profiles.atmosphere, profiles.band)
    noise = config.noise
    radiance_per_kelvin = float(band_radiance_slope(np.float64(REFERENCE_TEMPERATURE), profiles.band))
    return Batch(
        predictors=_noisy_predictors(profiles, noise, config.tier, error_scale, normal),
        atmosphere=profiles.atmosphere,
        nuisance=profiles.nuisance,
        surface_temperature=temperature,
        emissivity=(emissivity + error_scale * noise.emissivity * normal(shape[1])).clamp(0.5, 1.0),
        radiance=radiance + error_scale * noise.sensor * radiance_per_kelvin * normal(shape[1]),
        weight=profiles.weight,
    )


def _noisy_predictors(
    profiles: TrainingSet, noise: InputErrors, tier: str, error_scale: Tensor, normal: Callable[[int], Tensor]
) -> tuple[Tensor, ...]:
    """Predictors with scaled input errors, (profile, 1); the last predictor is the scale itself."""
    exact = dict(zip(TIERS[tier], profiles.predictors, strict=True))
    noisy = {**exact, INPUT_ERROR: error_scale}
    arrays = {name: values.numpy() for name, values in exact.items()}
    for changes in input_error_sources(arrays, noise.deviation).values():
        drawn = error_scale * normal(1)
        for name, change in changes.items():
            noisy[name] = noisy[name] + drawn * torch.from_numpy(change)
    for name in ("water_vapour", *HUMIDITY_LEVELS):
        if name in noisy:
            noisy[name] = torch.maximum(noisy[name], SMALLEST_FRACTION * exact[name])
    return tuple(noisy.values())


def valid_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Range of training values widened by `RANGE_MARGIN` of its span at each end, not below zero.

    Examples
    --------
    >>> valid_range(np.array([10.0, 60.0]))
    (9.0, 61.0)
    """
    low, high = float(np.min(values)), float(np.max(values))
    margin = RANGE_MARGIN * (high - low)
    return round_limit(max(low - margin, 0.0)), round_limit(high + margin)


def round_limit(value: float) -> float:
    """Round a limit to what float32 resolves: seven digits, at most eight after the point.

    Examples
    --------
    >>> round_limit(0.98765432123), round_limit(1044.12345678), round_limit(0.0000123456)
    (0.9876543, 1044.123, 1.235e-05)
    """
    return round(float(f"{value:.7g}"), 8)


def normalisation(training: TrainingSet, config: TrainingConfig) -> Normalisation:
    """Constants of the network from its training set."""
    training_features = features(torch.stack([values[:, 0] for values in training.predictors], dim=-1), config.tier)
    ranges = [*(valid_range(values.numpy()) for values in training.predictors[:-1]), (0.0, 1.0)]
    return Normalisation(
        low=tuple(low for low, _ in ranges),
        high=tuple(high for _, high in ranges),
        mean=tuple(training_features.mean(dim=0).tolist()),
        whitening=tuple(map(tuple, whitening(training_features).tolist())),
        air_temperature=float(training.air_temperature.mean()),
        smallest_optical_depth=float(-torch.log(training.atmosphere.transmittance.max())),
    )


def whitening(values: Tensor) -> Tensor:
    """Whitening matrix of features by their principal components, (feature, component).

    Temperatures of neighbouring levels are nearly collinear; gradient descent would follow their common part long
    before it resolves their differences. Components of little variance stay small: they are noise.
    """
    deviation = values.std(dim=0).clamp_min(SMALLEST_DEVIATION)
    variances, vectors = torch.linalg.eigh(torch.cov((values.double() / deviation).T, correction=1))
    scale = torch.sqrt(variances.clamp_min(SMALLEST_VARIANCE))
    matrix: Tensor = (vectors / deviation.double()[:, None] / scale).float()
    return matrix
