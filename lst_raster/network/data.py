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
from lst_raster.network.config import TIERS, TrainingConfig, has_levels, has_two_bands
from lst_raster.network.model import NUISANCE_PARAMETERS, Atmosphere, Normalisation, features
from lst_raster.physics.planck import BandPlanck, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.sampling import (
    InputErrors,
    Surfaces,
    Terms,
    draw_input_errors,
    draw_surfaces,
    given_inputs,
    neighbourhood_emissivity,
    neighbourhood_temperature,
    prior_inputs,
    skin_temperature,
)
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.profiles.two_band_sampling import (
    LARGEST_DIFFERENCE_ERROR,
    LARGEST_STRAY_LIGHT,
    TwoBandErrors,
    observe_neighbourhood,
    second_emissivity,
)
from lst_raster.sensors.bands import second_band, sensor_band
from lst_raster.simulator.sigma_levels import TEMPERATURE_LEVELS

Float = NDArray[np.float64]

SMALLEST_DEVIATION = 1e-5  # floor of standard deviations, against division by zero for constant values
EXACT_PIXELS = 0.2  # fraction of the profiles whose pixels are exact in both bands [1]
LARGEST_FACTOR = 1.3  # largest errors of pixels in both bands, over those of `InputErrors` [1]
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
    second: SecondBandBatch | None = None  # the second band, None for models of one band


class SecondBandBatch(NamedTuple):
    """The second band of a batch, and what is observed of the pixels in both: with noise and errors of emissivities.

    The weights of the bands depend on these errors; without two bands they do not affect the training.
    """

    atmosphere: Atmosphere  # true terms of the equation, (profile, 1)
    emissivity: Tensor  # true emissivity, (profile, surface) [1]
    radiance: Tensor  # exact at-sensor radiance, (profile, surface) [W m-2 sr-1 um-1]
    observed_radiance: tuple[Tensor, Tensor]  # of both bands, (profile, surface) [W m-2 sr-1 um-1]
    observed_emissivity: tuple[Tensor, Tensor]  # of both bands, (profile, surface) [1]
    noise: tuple[Tensor, Tensor]  # standard uncertainty of the radiances, (profile, surface) [W m-2 sr-1 um-1]
    emissivity_uncertainty: Tensor  # of both bands, (profile, 1) [1]
    difference_uncertainty: Tensor  # of the difference of the emissivities, (profile, 1) [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSet:
    """Profiles of one or more simulated sets, for one tier; all are (profile, 1)."""

    sensor: str  # sensor band
    band: BandPlanck  # its Planck coefficients
    true: Mapping[str, Float]  # atmospheric inputs without errors, by name
    prior: Mapping[str, Float]  # water vapour and air temperature of the climatology with their uncertainties, by name
    surface_temperature: Float  # skin temperature of the source, NaN where unknown [K]
    atmosphere: Atmosphere  # terms of the radiative transfer equation
    nuisance: Tensor  # `NUISANCE_PARAMETERS`, in standard deviations from the mean, (profile, parameter) [1]
    weight: Tensor  # weight of a profile [1]
    second: TrainingSet | None = None  # the same profiles in the second band, for models of two bands

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
            second=None if self.second is None else self.second.subset(indices),
        )


def read_sets(paths: Sequence[str], seconds: Sequence[str], folder: Path, config: TrainingConfig) -> list[SimulatedSet]:
    """Read simulated sets at paths relative to a folder, and those of the second band for models of two bands.

    Raises ConfigError where one is missing or of another sensor band; errors as `read_simulated`.
    """
    bands = [(config.sensor, paths)]
    other = second_band(config.sensor)
    if has_two_bands(config.tier) and other is not None:
        bands.append((other.name, seconds))
        if len(seconds) != len(paths):
            raise ConfigError(
                f"the tier {config.tier} needs each set in both bands: {len(paths)} are of {config.sensor}, "
                f"{len(seconds)} of {other.name}; give data.second_train and data.second_test"
            )
    read = []
    for sensor, names in bands:
        read.append([read_simulated(folder / name) for name in names])
        for name, simulated in zip(names, read[-1], strict=True):
            if simulated.sensor != sensor:
                raise ConfigError(f"{name} is simulated for {simulated.sensor}, the model is for {sensor}")
    if len(read) == 1:
        return read[0]
    return [replace(first, second_band=second) for first, second in zip(*read, strict=True)]


def training_set(sets: Sequence[SimulatedSet], config: TrainingConfig) -> TrainingSet:
    """Join simulated sets; raises ConfigError where one lacks an input of the tier."""
    names = [name for name in TIERS[config.tier] if name in sets[0].atmosphere_inputs]
    if has_levels(config.tier) and TEMPERATURE_LEVELS[0] not in names:
        raise ConfigError(
            f"the simulated set has no levels, which the tier {config.tier} needs; simulate it again with this version"
        )
    second = None
    if has_two_bands(config.tier):
        others = [one.second_band for one in sets if one.second_band is not None]
        if len(others) < len(sets):
            raise ConfigError(f"the tier {config.tier} needs the simulated sets of both bands; give the second too")
        other = others[0].sensor
        second = training_set(others, replace(config, sensor=other, tier=_one_band_tier(config.tier)))
    inputs = [one.atmosphere_inputs for one in sets]
    priors = [prior_inputs(one) for one in sets]
    terms = [np.concatenate(parts) for parts in zip(*(one.terms for one in sets), strict=True)]
    return TrainingSet(
        sensor=config.sensor,
        band=sensor_band(config.sensor).planck,
        second=second,
        true={name: np.concatenate([one[name] for one in inputs])[:, None] for name in names},
        prior={name: np.concatenate([one[name] for one in priors]) for name in priors[0]},
        surface_temperature=np.concatenate([skin_temperature(one) for one in sets]),
        atmosphere=Atmosphere(*(_tensor(term)[:, None] for term in terms)),
        nuisance=_standardised_nuisance(sets),
        weight=torch.from_numpy(np.concatenate([one.weights for one in sets]).astype(np.float32))[:, None],
    )


def _one_band_tier(tier: str) -> str:
    """Tier with the same inputs for one band."""
    return "profile" if has_levels(tier) else "surface"


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
    errors = draw_two_band_errors(profiles, rng, config.samples.per_profile) if has_two_bands(config.tier) else None
    return Batch(
        predictors=draw_predictors(profiles, config.tier, rng, errors),
        second=None if errors is None else _second_band(profiles, surfaces, errors, rng),
        atmosphere=profiles.atmosphere,
        nuisance=profiles.nuisance,
        surface_temperature=temperature,
        emissivity=emissivity,
        radiance=sensor_radiance(temperature, emissivity, *profiles.atmosphere, profiles.band),
    )


def draw_predictors(
    profiles: TrainingSet, tier: str, rng: np.random.Generator, pixel_errors: DrawnErrors | None = None
) -> tuple[Tensor, ...]:
    """Predictors of a tier with errors and their uncertainties, and those of the neighbourhood, each (profile, 1).

    `pixel_errors` are those of `draw_two_band_errors` for tiers with two bands, by default drawn here.
    """
    true, band = profiles.true, profiles.band
    errors = draw_input_errors(true["aerosol_optical_depth"], rng, has_levels=has_levels(tier))
    given = given_inputs(true, profiles.prior, errors, (len(profiles), 1), rng)
    around = neighbourhood_temperature(true["air_temperature"], profiles.surface_temperature, rng, wide=True)
    terms = _as_arrays(profiles.atmosphere)
    emissivity = neighbourhood_emissivity(around.shape, rng)
    radiance = sensor_radiance(around, emissivity, *terms, band)
    given["brightness_temperature"] = brightness_temperature(radiance, band)
    if profiles.second is not None and has_two_bands(tier):
        pixel_errors = pixel_errors or draw_two_band_errors(profiles, rng, 1)
        others = _as_arrays(profiles.second.atmosphere)
        neighbourhood = observe_neighbourhood(around, emissivity, terms, others, profiles.second.sensor, band, rng)
        deviations = pixel_errors.deviations
        given |= neighbourhood.inputs(pixel_errors.drawn, deviations.stray_light, deviations.emissivity_difference)
    return tuple(_tensor(given[name]) for name in TIERS[tier])


class DrawnErrors(NamedTuple):
    """Standard deviations of the errors of pixels in two bands, (profile, 1), and errors drawn with them."""

    deviations: InputErrors
    drawn: TwoBandErrors


def draw_two_band_errors(profiles: TrainingSet, rng: np.random.Generator, per_profile: int) -> DrawnErrors:
    """Draw how well emissivities and radiances of training profiles are known, from exact to poor, and errors.

    The errors are those of `per_profile` surfaces for each profile.
    """
    shape, typical = (len(profiles), 1), InputErrors()
    is_exact = rng.random(shape) < EXACT_PIXELS

    def uniform(high: float) -> Float:
        return np.where(is_exact, 0.0, rng.uniform(0.0, high, shape))

    factor = uniform(LARGEST_FACTOR)
    has_stray_light = rng.random(shape) < 0.5
    deviations = replace(
        typical,
        sensor=factor * typical.sensor,
        second_sensor=factor * typical.second_sensor,
        emissivity=factor * typical.emissivity,
        emissivity_difference=uniform(LARGEST_DIFFERENCE_ERROR),
        stray_light=np.where(has_stray_light, uniform(LARGEST_STRAY_LIGHT), 0.0),
    )
    known = deviations.emissivity, deviations.emissivity_difference, deviations.stray_light
    return DrawnErrors(deviations, TwoBandErrors.draw(*known, (len(profiles), per_profile), rng))


def _second_band(
    profiles: TrainingSet, surfaces: Surfaces, errors: DrawnErrors, rng: np.random.Generator
) -> SecondBandBatch:
    """Simulate surfaces in the second band, and draw what is observed of them in both."""
    second, deviations, drawn = profiles.second, errors.deviations, errors.drawn
    assert second is not None
    emissivity = second_emissivity(surfaces.emissivity, second.sensor, rng)
    true = (
        (surfaces.emissivity, profiles, 0.0, drawn.emissivity, deviations.sensor),
        (emissivity, second, drawn.stray_light, drawn.emissivity + drawn.difference, deviations.second_sensor),
    )
    radiances, observed, known, noises = [], [], [], []
    for value, one, stray_light, error, deviation in true:
        radiance = sensor_radiance(surfaces.surface_temperature, value, *_as_arrays(one.atmosphere), one.band)
        brightness = brightness_temperature(radiance, one.band)
        slope = band_radiance_slope(brightness, one.band)
        noise = slope * deviation
        uncertainty = noise if one is profiles else slope * np.hypot(deviation, deviations.stray_light)
        radiances.append(radiance)
        observed.append(_tensor(radiance + noise * rng.standard_normal(radiance.shape) + slope * stray_light))
        known.append(_tensor(np.minimum(value + error, 1.0)))
        noises.append(_tensor(uncertainty))
    return SecondBandBatch(
        atmosphere=second.atmosphere,
        emissivity=_tensor(emissivity),
        radiance=_tensor(radiances[1]),
        observed_radiance=(observed[0], observed[1]),
        observed_emissivity=(known[0], known[1]),
        noise=(noises[0], noises[1]),
        emissivity_uncertainty=_tensor(np.asarray(deviations.emissivity)),
        difference_uncertainty=_tensor(np.asarray(deviations.emissivity_difference)),
    )


def _as_arrays(atmosphere: Atmosphere) -> Terms:
    transmittance, upwelling, downwelling = (term.numpy() for term in atmosphere)
    return transmittance, upwelling, downwelling


def _tensor(values: Float) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


def valid_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Range of training values widened by `RANGE_MARGIN` of its span at each end; not below zero if they are not.

    Examples
    --------
    >>> valid_range(np.array([10.0, 60.0]))
    (9.0, 61.0)
    """
    low, high = float(np.min(values)), float(np.max(values))
    margin = RANGE_MARGIN * (high - low)
    lowest = low - margin if low < 0.0 else max(low - margin, 0.0)
    return round_limit(lowest), round_limit(high + margin)


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
