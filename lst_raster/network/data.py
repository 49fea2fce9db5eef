"""Training data: predictors and targets of simulated sets, batches and normalisation."""

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
from lst_raster.network.model import UNKNOWNS, Atmosphere, Normalisation, features
from lst_raster.physics.planck import BandPlanck, band_radiance_slope
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.sampling import InputErrors, surface_samples
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR, input_error_sources
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS

SMALLEST_DEVIATION = 1e-5  # of an unknown over the training set, lest one that is always the same be divided by zero
EXACT = 0.5  # profiles without errors, as a share of those with some [1]
SMALLEST_SHARE = 0.05  # of the true vapour or humidity, below which no error takes it [1]
REFERENCE_TEMPERATURE = 300.0  # at which radiances are spoken of as temperatures [K]


class Batch(NamedTuple):
    """Profiles in rows, the surfaces under each in columns; what holds for a profile has one column."""

    predictors: tuple[Tensor, ...]
    """The tier's predictors, with their errors, (profile, 1)."""
    atmosphere: Atmosphere
    """True terms of the radiative transfer equation, (profile, 1)."""
    surface_temperature: Tensor
    """True land surface temperature, (profile, surface). [K]"""
    emissivity: Tensor
    """Emissivity that the retrieval is told, (profile, surface). [1]"""
    radiance: Tensor
    """Radiance that the sensor sees, (profile, surface). [W m-2 sr-1 um-1]"""
    unknowns: Tensor
    """What no user knows of the air (`UNKNOWNS`), in standard deviations from the mean, (profile, 3). [1]"""
    weight: Tensor
    """How much a profile counts where all are looked at, (profile, 1). [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSet:
    """Profiles of one or more simulated sets as tensors, for one tier."""

    band: BandPlanck
    """The band's Planck coefficients."""
    predictors: tuple[Tensor, ...]
    """The tier's predictors, (profile, 1)."""
    atmosphere: Atmosphere
    """Terms of the radiative transfer equation, (profile, 1)."""
    air_temperature: Tensor
    """Air temperature at 2 m, which the surfaces' temperatures are drawn around, (profile, 1). [K]"""
    unknowns: Tensor
    """What no user knows of the air (`UNKNOWNS`), in standard deviations from the mean, (profile, 3). [1]"""
    weight: Tensor
    """How much a profile counts, (profile, 1). [1]"""

    def __len__(self) -> int:
        return len(self.air_temperature)

    def take(self, picked: Tensor) -> TrainingSet:
        """Return the profiles of the given indices."""
        return replace(
            self,
            predictors=tuple(values[picked] for values in self.predictors),
            atmosphere=Atmosphere(*(values[picked] for values in self.atmosphere)),
            air_temperature=self.air_temperature[picked],
            unknowns=self.unknowns[picked],
            weight=self.weight[picked],
        )


def predictors_of(simulated: SimulatedSet, tier: str) -> tuple[NDArray[np.float64], ...]:
    """Exact predictors of a tier, in its order, from a simulated set; the error of the inputs runs from 0 to 1."""
    known = {**simulated.atmosphere_inputs, INPUT_ERROR: np.linspace(0.0, 1.0, len(simulated))}
    missing = [name for name in TIERS[tier] if name not in known]
    if missing:
        raise ConfigError(
            f"the simulated set has no {missing[0]} and {len(missing) - 1} others that the tier {tier} needs; "
            "simulate it again with this version"
        )
    return tuple(known[name] for name in TIERS[tier])


def read_sets(paths: Sequence[str], folder: Path, sensor: str) -> list[SimulatedSet]:
    """Read simulated sets and hold them against the sensor band.

    Parameters
    ----------
    paths : sequence of str
        Paths relative to `folder`.
    folder : Path
        Folder of the data.
    sensor : str
        Sensor band that every set must be of.

    Raises
    ------
    ConfigError
        A set is of another band.
    InputNotFoundError, InputError
        As in `read_simulated`.
    """
    sets = [read_simulated(folder / path) for path in paths]
    for path, simulated in zip(paths, sets, strict=True):
        if simulated.sensor != sensor:
            raise ConfigError(f"{path} is simulated for {simulated.sensor}, the model is for {sensor}")
    return sets


def split_sets(sets: Sequence[SimulatedSet]) -> tuple[list[SimulatedSet], list[SimulatedSet]]:
    """Part each set by its `split`: the profiles to learn from, and those to validate with (sets may be empty)."""
    held = [np.zeros(len(one), bool) if one.split is None else one.split == 1 for one in sets]
    learn = [one.select(~mask) for one, mask in zip(sets, held, strict=True)]
    return learn, [one.select(mask) for one, mask in zip(sets, held, strict=True)]


def training_set(sets: Sequence[SimulatedSet], config: TrainingConfig) -> TrainingSet:
    """Join simulated sets into tensors (float32, one column)."""

    def column(parts: Sequence[NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(np.float32)).unsqueeze(-1)

    return TrainingSet(
        band=sensor_band(config.sensor).planck,
        predictors=tuple(map(column, zip(*(predictors_of(one, config.tier) for one in sets), strict=True))),
        atmosphere=Atmosphere(*map(column, zip(*(one.terms for one in sets), strict=True))),
        air_temperature=column([one.air_temperature_2m for one in sets]),
        unknowns=_unknowns(sets),
        weight=column([_weights(one, config.samples.perturbed) for one in sets]),
    )


def _unknowns(sets: Sequence[SimulatedSet]) -> Tensor:
    """Standardise them; one that does not vary, or that a set does not tell, is zero."""
    columns = []
    for name in UNKNOWNS:
        parts = [getattr(one, name) for one in sets]
        known = np.concatenate([part for part in parts if part is not None] or [np.zeros(1)])
        mean, deviation = known.mean(), max(float(known.std()), SMALLEST_DEVIATION)
        filled = [
            np.zeros(len(one)) if part is None else (part - mean) / deviation
            for one, part in zip(sets, parts, strict=True)
        ]
        columns.append(np.concatenate(filled))
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def _weights(simulated: SimulatedSet, perturbed: float) -> NDArray[np.float64]:
    if simulated.perturbation is None:
        return np.ones(len(simulated))
    return np.where(simulated.perturbation == 0, 1.0, perturbed)


def draw_batch(learning: TrainingSet, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """Draw profiles by weight, and surfaces, noise and radiances for them.

    Parameters
    ----------
    learning : TrainingSet
        Profiles to draw from.
    config : TrainingConfig
        Its batch size, samples and noise.
    rng : numpy.random.Generator
        Source of everything random.
    """
    odds = np.cumsum(learning.weight[:, 0].numpy(), dtype=np.float64)
    drawn = np.searchsorted(odds, odds[-1] * rng.random(config.optimiser.batch), side="right")
    return with_surfaces(learning.take(torch.from_numpy(drawn)), config, rng)


def with_surfaces(chosen: TrainingSet, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """Put random surfaces under profiles and see them through the atmosphere; arguments as in `draw_batch`."""
    shape = (len(chosen), config.samples.per_profile)

    def normal(columns: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal((shape[0], columns), np.float32))

    share = torch.from_numpy(np.maximum(rng.random((shape[0], 1), np.float32) * (1.0 + EXACT) - EXACT, 0.0))
    drawn = surface_samples(chosen.air_temperature[:, 0].numpy(), shape[1], int(rng.integers(2**32)))
    temperature = torch.from_numpy(drawn.surface_temperature.astype(np.float32))
    emissivity = torch.from_numpy(drawn.emissivity.astype(np.float32))
    radiance = sensor_radiance(temperature, emissivity, *chosen.atmosphere, chosen.band)
    noise = config.noise
    per_kelvin = band_radiance_slope(np.float64(REFERENCE_TEMPERATURE), chosen.band)
    return Batch(
        predictors=_with_errors(chosen, noise, config.tier, share, normal),
        atmosphere=chosen.atmosphere,
        unknowns=chosen.unknowns,
        surface_temperature=temperature,
        emissivity=(emissivity + share * noise.emissivity * normal(shape[1])).clamp(0.5, 1.0),
        radiance=radiance + share * noise.sensor * float(per_kelvin) * normal(shape[1]),
        weight=chosen.weight,
    )


def _with_errors(
    chosen: TrainingSet, noise: InputErrors, tier: str, share: Tensor, normal: Callable[[int], Tensor]
) -> tuple[Tensor, ...]:
    """Predictors as a user would know them, with a share of the errors, (profile, 1), that is told in the last."""
    exact = dict(zip(TIERS[tier], chosen.predictors, strict=True))
    given = {**exact, INPUT_ERROR: share}
    known = {name: values.numpy() for name, values in exact.items()}
    for moves in input_error_sources(known, noise.deviation).values():
        drawn = share * normal(1)
        for name, move in moves.items():
            given[name] = given[name] + drawn * torch.from_numpy(move)
    for name in ("water_vapour", *HUMIDITY_LEVELS):
        if name in given:
            given[name] = torch.maximum(given[name], SMALLEST_SHARE * exact[name])
    return tuple(given.values())


RANGE_MARGIN = 0.02  # the valid range is that of the training set, widened at each end by this share of its span
SMALLEST_VARIANCE = 0.003  # of a principal component, of features of variance one [1]


def valid_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Range of training values widened by `RANGE_MARGIN` of its span at each end, not below zero.

    Examples
    --------
    >>> valid_range(np.array([10.0, 60.0]))
    (9.0, 61.0)
    """
    low, high = float(np.min(values)), float(np.max(values))
    margin = RANGE_MARGIN * (high - low)
    return readable(max(low - margin, 0.0)), readable(high + margin)


def readable(value: float) -> float:
    """Round a limit to what a person reads and float32 holds: seven digits, at most eight after the point.

    Examples
    --------
    >>> readable(0.98765432123), readable(1044.12345678), readable(0.0000123456)
    (0.9876543, 1044.123, 1.235e-05)
    """
    return round(float(f"{value:.7g}"), 8)


def normalisation(learning: TrainingSet, config: TrainingConfig) -> Normalisation:
    """Constants of the network from what it will learn."""
    seen = features(torch.stack([values[:, 0] for values in learning.predictors], dim=-1), config.tier)
    ranges = [*(valid_range(values.numpy()) for values in learning.predictors[:-1]), (0.0, 1.0)]
    return Normalisation(
        low=tuple(low for low, _ in ranges),
        high=tuple(high for _, high in ranges),
        mean=tuple(seen.mean(dim=0).tolist()),
        whitening=tuple(map(tuple, whitening(seen).tolist())),
        air_temperature=float(learning.air_temperature.mean()),
        smallest_optical_depth=float(-torch.log(learning.atmosphere.transmittance.max())),
    )


def whitening(seen: Tensor) -> Tensor:
    """Matrix that whitens features, by their principal components, (feature, component).

    Temperatures of neighbouring levels nearly say the same; a step down the gradient would go along what they have in
    common for long before it finds their difference. Components that hardly vary are left small: they are noise.
    """
    deviation = seen.std(dim=0).clamp_min(SMALLEST_DEVIATION)
    values, vectors = torch.linalg.eigh(torch.cov((seen.double() / deviation).T, correction=1))
    matrix: Tensor = (vectors / deviation.double()[:, None] / torch.sqrt(values.clamp_min(SMALLEST_VARIANCE))).float()
    return matrix
