"""Training data: predictors and targets from simulated sets, batches, normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lst_raster.errors import ConfigError
from lst_raster.network.config import PROFILE, TIERS, TrainingConfig
from lst_raster.network.model import NUISANCE_PARAMETERS, Atmosphere, Normalisation, features
from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.sampling import (
    draw_input_errors,
    draw_surfaces,
    given_inputs,
    neighbourhood_radiance,
    neighbourhood_temperature,
    prior_inputs,
    skin_temperature,
)
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.sigma_levels import TEMPERATURE_LEVELS

Float = NDArray[np.float64]

SMALLEST_DEVIATION = 1e-5  # floor of standard deviations, against division by zero for constant values
RANGE_MARGIN = 0.02  # margin of the valid range at each end, as a fraction of the span of the training set [1]
SMALLEST_VARIANCE = 0.003  # floor of the variance of a principal component, of standardised features [1]


class Batch(NamedTuple):
    """Profiles in rows, the surfaces of each profile in columns; values of a profile have one column."""

    predictors: tuple[Tensor, ...]  # the tier's predictors with their errors, (profile, 1)
    atmosphere: Atmosphere  # true terms of the radiative transfer equation, (profile, 1)
    surface_temperature: Tensor  # true land surface temperature, (profile, surface) [K]
    emissivity: Tensor  # emissivity, (profile, surface) [1]
    radiance: Tensor  # at-sensor radiance, (profile, surface) [W m-2 sr-1 um-1]
    nuisance: Tensor  # `NUISANCE_PARAMETERS`, in standard deviations from the mean, (profile, parameter) [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSet:
    """Profiles of one or more simulated sets, for one tier; all are (profile, 1)."""

    band: BandPlanck  # Planck coefficients of the band
    true: Mapping[str, Float]  # atmospheric inputs without errors, by name
    prior: Mapping[str, Float]  # water vapour and air temperature of the climatology with their uncertainties, by name
    surface_temperature: Float  # skin temperature of the source, NaN where unknown [K]
    atmosphere: Atmosphere  # terms of the radiative transfer equation
    nuisance: Tensor  # `NUISANCE_PARAMETERS`, in standard deviations from the mean, (profile, parameter) [1]
    weight: Tensor  # weight of a profile [1]

    def __len__(self) -> int:
        return len(self.weight)

    def subset(self, indices: NDArray[np.intp]) -> TrainingSet:
        """Return the profiles of the given indices."""

        def chosen(values: Mapping[str, Float]) -> dict[str, Float]:
            return {name: array[indices] for name, array in values.items()}

        return replace(
            self,
            true=chosen(self.true),
            prior=chosen(self.prior),
            surface_temperature=self.surface_temperature[indices],
            atmosphere=Atmosphere(*(values[indices] for values in self.atmosphere)),
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


def training_set(sets: Sequence[SimulatedSet], config: TrainingConfig) -> TrainingSet:
    """Join simulated sets; raises ConfigError where one lacks an input of the tier."""
    names = [name for name in TIERS[config.tier] if name in sets[0].atmosphere_inputs]
    if config.tier == PROFILE and TEMPERATURE_LEVELS[0] not in names:
        raise ConfigError(
            f"the simulated set has no levels, which the tier {PROFILE} needs; simulate it again with this version"
        )
    inputs = [one.atmosphere_inputs for one in sets]
    priors = [prior_inputs(one) for one in sets]
    terms = [np.concatenate(parts) for parts in zip(*(one.terms for one in sets), strict=True)]
    return TrainingSet(
        band=sensor_band(config.sensor).planck,
        true={name: np.concatenate([one[name] for one in inputs])[:, None] for name in names},
        prior={name: np.concatenate([one[name] for one in priors]) for name in priors[0]},
        surface_temperature=np.concatenate([skin_temperature(one) for one in sets]),
        atmosphere=Atmosphere(*(_tensor(term)[:, None] for term in terms)),
        nuisance=_standardised_nuisance(sets),
        weight=torch.from_numpy(np.concatenate([one.weights for one in sets]).astype(np.float32))[:, None],
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
    return simulate_batch(training.subset(drawn), config, rng)


def simulate_batch(profiles: TrainingSet, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """Draw surfaces for every profile and simulate their at-sensor radiance; draw the errors of the inputs.

    Radiance and emissivity of the pixels are exact: the network does not see them, and their errors are propagated
    through the equation.
    """
    air = profiles.true["air_temperature"]
    surfaces = draw_surfaces(air[:, 0], config.samples.per_profile, int(rng.integers(2**32)))
    temperature, emissivity = _tensor(surfaces.surface_temperature), _tensor(surfaces.emissivity)
    return Batch(
        predictors=draw_predictors(profiles, config.tier, rng),
        atmosphere=profiles.atmosphere,
        nuisance=profiles.nuisance,
        surface_temperature=temperature,
        emissivity=emissivity,
        radiance=sensor_radiance(temperature, emissivity, *profiles.atmosphere, profiles.band),
    )


def draw_predictors(profiles: TrainingSet, tier: str, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Predictors of a tier with errors and their uncertainties, and the brightness temperature, each (profile, 1)."""
    true, band = profiles.true, profiles.band
    errors = draw_input_errors(true["aerosol_optical_depth"], rng, has_levels=tier == PROFILE)
    given = given_inputs(true, profiles.prior, errors, (len(profiles), 1), rng)
    around = neighbourhood_temperature(true["air_temperature"], profiles.surface_temperature, rng, wide=True)
    transmittance, upwelling, downwelling = (term.numpy() for term in profiles.atmosphere)
    radiance = neighbourhood_radiance(around, (transmittance, upwelling, downwelling), band, rng)
    given["brightness_temperature"] = brightness_temperature(radiance, band)
    return tuple(_tensor(given[name]) for name in TIERS[tier])


def _tensor(values: Float) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


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
    """Constants of the network from its training set and a draw of input errors."""
    predictors = draw_predictors(training, config.tier, np.random.default_rng(config.seed))
    training_features = features(torch.cat(predictors, dim=-1), config.tier)
    given = dict(zip(TIERS[config.tier], predictors, strict=True))
    ranges = [valid_range(training.true[name] if name in training.true else given[name].numpy()) for name in given]
    return Normalisation(
        low=tuple(low for low, _ in ranges),
        high=tuple(high for _, high in ranges),
        mean=tuple(training_features.mean(dim=0).tolist()),
        whitening=tuple(map(tuple, whitening(training_features).tolist())),
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
