"""The coupled network: a small smooth network predicts the atmosphere, a physics head inverts the transfer equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lst_raster.inference.contract import EMISSIVITY_DIFFERENCE, TEMPERATURE_DIFFERENCE, uncertainty_name
from lst_raster.network.config import TIERS
from lst_raster.physics.mechanism import emission_temperature_terms, optical_depth_terms
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import coupled_atmosphere, surface_temperature
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

TEMPERATURE_SPAN = 30.0  # largest correction to the mechanism's emission temperatures [K]
DEPTH_SPAN = 1.0  # largest correction to the logarithm of the mechanism's optical depth [1]
EXTRAPOLATION_LIMIT = 1.5  # largest water vapour of the mechanism over the upper end of its valid range [1]
DEPTH_SPREAD = 0.1  # scale of the predicted uncertainty of the optical depth, relative [1]
TEMPERATURE_SPREAD = 2.0  # scale of the predicted uncertainty of the upwelling temperature [K]
NUISANCE_PARAMETERS = ("continuum_scaling",)
"""Parameters drawn for each profile in simulations and unknown to users. In training they are inputs, so that their
scatter is not attributed to the predictors; the finished network uses their mean, and their spread is part of the
predicted uncertainty."""
SQUARE_ROOTS = frozenset(
    {
        *("water_vapour", uncertainty_name("water_vapour"), *HUMIDITY_LEVELS),
        *map(uncertainty_name, (EMISSIVITY_DIFFERENCE, TEMPERATURE_DIFFERENCE)),
    }
)
"""Predictors of which the network sees the square root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Factors on the predicted uncertainties, linear between nodes of water vapour and constant beyond them."""

    water_vapour: tuple[float, ...] = (0.0,)  # nodes, ascending [kg m-2]
    factors: tuple[float, ...] = (1.0,)  # factor at each node [1]

    def factor_at(self, water_vapour: Tensor) -> Tensor:
        """Factor at a water vapour column [kg m-2], as `numpy.interp`, with operators available in ONNX."""
        factors, nodes = self.factors, self.water_vapour
        factor = torch.full_like(water_vapour, factors[0])
        for low, high, before, after in zip(nodes[:-1], nodes[1:], factors[:-1], factors[1:], strict=True):
            factor = factor + (after - before) * ((water_vapour - low) / (high - low)).clamp(0.0, 1.0)
        return factor


IDENTITY = Calibration()  # no change of the predicted uncertainties


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Constants from the training set, stored as buffers to be part of the exported graph; one value per predictor."""

    low: tuple[float, ...]  # lower end of the valid range, in the predictors' units
    high: tuple[float, ...]  # upper end of the valid range
    mean: tuple[float, ...]  # mean of the features (`features`)
    whitening: tuple[tuple[float, ...], ...]  # whitening matrix of the features, (feature, component)
    smallest_optical_depth: float  # lower limit of the mechanism's optical depth [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mechanism:
    """Coefficients of the mechanism (`lst_raster.physics.mechanism`), one for each of its terms."""

    optical_depth: tuple[float, ...]  # optical depth [1]
    upwelling_temperature: tuple[float, ...]  # upwelling emission temperature less air temperature [K]
    downwelling_temperature: tuple[float, ...]  # downwelling emission temperature less air temperature [K]


class Atmosphere(NamedTuple):
    """The three terms of the radiative transfer equation, each of one shape."""

    transmittance: Tensor  # transmittance along the view path [1]
    upwelling_radiance: Tensor  # radiance emitted towards the sensor [W m-2 sr-1 um-1]
    downwelling_radiance: Tensor  # hemispheric mean downwelling radiance [W m-2 sr-1 um-1]


class EffectiveAtmosphere(NamedTuple):
    """The atmosphere as one grey layer: the outputs of the network's body."""

    optical_depth: Tensor  # optical depth along the view path [1]
    upwelling_temperature: Tensor  # temperature of the emission towards the sensor [K]
    downwelling_temperature: Tensor  # temperature of the emission towards the ground [K]
    optical_depth_uncertainty: Tensor  # standard uncertainty of the optical depth [1]
    upwelling_temperature_uncertainty: Tensor  # standard uncertainty of the upwelling temperature [K]


class FirstGuess(NamedTuple):
    """What precedes the body: its input, and the effective atmosphere of the mechanism."""

    features: Tensor  # whitened features, (..., component)
    air_temperature: Tensor  # at 2 m, within the valid range [K]
    optical_depth: Tensor  # optical depth along the view path [1]
    upwelling_temperature: Tensor  # temperature of the emission towards the sensor [K]
    downwelling_temperature: Tensor  # temperature of the emission towards the ground [K]


def softplus(values: Tensor) -> Tensor:
    """Softplus function log(1 + exp(x)) without overflow, from operators that ONNX supports in every precision."""
    return torch.relu(values) + torch.log1p(torch.exp(-torch.abs(values)))


class Squareplus(nn.Module):
    """Activation (x + sqrt(x^2 + 1)) / 2: a smooth hinge without exponentials, fast in float64 too.

    References
    ----------
    J. T. Barron, Squareplus: a softplus-like algebraic rectifier (2021), arXiv:2112.11687
    """

    def forward(self, values: Tensor) -> Tensor:
        """Apply the activation to each value."""
        return 0.5 * (values + torch.sqrt(values * values + 1.0))


def features(predictors: Tensor, tier: str) -> Tensor:
    """Replace `SQUARE_ROOTS` by their square roots; both tensors are (..., predictor).

    The square root resolves both ends of the range similarly: the optical depth of humid atmospheres depends on the
    column, that of dry ones on the strength of absorption lines.
    """
    columns = zip(predictors.unbind(-1), TIERS[tier], strict=True)
    return torch.stack([torch.sqrt(values) if name in SQUARE_ROOTS else values for values, name in columns], dim=-1)


def mechanism_inputs(named: Mapping[str, Any]) -> dict[str, Any]:
    """Predictors by name as arguments of `optical_depth_terms`; values on sigma levels are sequences."""
    return {name: named[name] for name in MECHANISM_INPUTS} | {
        "temperatures": [named[name] for name in TEMPERATURE_LEVELS if name in named],
        "humidities": [named[name] for name in HUMIDITY_LEVELS if name in named],
    }


MECHANISM_INPUTS = ("water_vapour", "surface_pressure", "air_temperature", "aerosol_optical_depth", "gas_year")
"""Predictors of the linear model, in addition to levels."""


def mechanism_terms(inputs: Mapping[str, Any]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Terms of optical depth and of emission temperatures, from `mechanism_inputs`."""
    state = {name: value for name, value in inputs.items() if name not in ("aerosol_optical_depth", "gas_year")}
    return optical_depth_terms(**inputs), emission_temperature_terms(**state)


class MechanismLayer(nn.Module):
    """The mechanism of one band for a tier, with its coefficients as buffers."""

    depth_coefficients: Tensor
    up_coefficients: Tensor
    down_coefficients: Tensor
    smallest_optical_depth: Tensor

    def __init__(self, tier: str, mechanism: Mechanism, smallest_optical_depth: float) -> None:
        super().__init__()
        self.tier = tier
        self.register_buffer("depth_coefficients", torch.tensor(mechanism.optical_depth))
        self.register_buffer("up_coefficients", torch.tensor(mechanism.upwelling_temperature))
        self.register_buffer("down_coefficients", torch.tensor(mechanism.downwelling_temperature))
        self.register_buffer("smallest_optical_depth", torch.tensor(smallest_optical_depth))

    def forward(self, inside: Tensor, excess: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Air temperature [K], and the mechanism's optical depth [1], T_up and T_down [K].

        `inside` contains the clamped predictors, (..., predictor); `excess` is the ratio of water vapour to the upper
        end of its valid range, at least 1, (...).
        """
        inputs = mechanism_inputs(dict(zip(TIERS[self.tier], inside.unbind(-1), strict=True)))
        scaled = inputs | {
            "water_vapour": excess * inputs["water_vapour"],
            "humidities": [excess * humidity for humidity in inputs["humidities"]],
        }
        depth = torch.stack(mechanism_terms(scaled)[0], dim=-1) @ self.depth_coefficients
        emission = torch.stack(mechanism_terms(inputs)[1], dim=-1)
        depth = torch.maximum(depth, self.smallest_optical_depth)
        air: Tensor = inputs["air_temperature"]
        return air, depth, air + emission @ self.up_coefficients, air + emission @ self.down_coefficients


class CoupledNetwork(nn.Module):
    """Network that predicts atmospheric terms, and inversion of the radiative transfer equation for temperature.

    A mechanism of a few fitted coefficients gives a first estimate of optical depth and emission temperatures; a
    perceptron on the atmospheric predictors corrects it. The head keeps every output physical: positive optical depth,
    emission temperatures near the air temperature.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    whitening: Tensor
    outputs = len(EffectiveAtmosphere._fields)  # of the body

    def __init__(
        self, *, tier: str, band: BandPlanck, normalisation: Normalisation, mechanism: Mechanism, width: int, depth: int
    ) -> None:
        super().__init__()
        self.tier = tier
        self.band = band
        for name in ("low", "high", "mean", "whitening"):
            self.register_buffer(name, torch.tensor(getattr(normalisation, name)))
        self.mechanism = MechanismLayer(tier, mechanism, normalisation.smallest_optical_depth)
        hidden = [layer for pair in pairwise([width] * depth) for layer in (nn.Linear(*pair), Squareplus())]
        self.first = nn.Linear(len(TIERS[tier]), width)
        self.nuisance = nn.Linear(len(NUISANCE_PARAMETERS), width, bias=False)
        self.body = nn.Sequential(Squareplus(), *hidden, nn.Linear(width, self.outputs))
        self._initialise_output()

    def _initialise_output(self) -> None:
        """Initialise near the mechanism: negative radiances at the start of training would have no gradient."""
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()

    def effective_atmosphere(self, predictors: Sequence[Tensor], nuisance: Tensor | None = None) -> EffectiveAtmosphere:
        """Predict the effective atmosphere, of the predictors' shape.

        `predictors`, in the order of the tier, are clamped to the valid range; only the mechanism's optical depth is
        extrapolated with water vapour, up to `EXTRAPOLATION_LIMIT`. `nuisance` contains the `NUISANCE_PARAMETERS`,
        (..., parameter), in standard deviations from their means, which are the default.
        """
        return self.correct(self.first_guess(predictors), nuisance)

    def first_guess(self, predictors: Sequence[Tensor]) -> FirstGuess:
        """Features and the mechanism's atmosphere, which do not depend on trained weights."""
        inside, excess = self.clamp(predictors)
        return self.guess_of(self.mechanism, inside, excess)

    def clamp(self, predictors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Clamp predictors to the valid range, (..., predictor), and the ratio of water vapour to it, at least 1."""
        given = torch.stack(tuple(predictors), dim=-1)
        inside = torch.minimum(torch.maximum(given, self.low), self.high)
        excess = torch.relu(given[..., 0] / self.high[0] - 1.0).clamp(max=EXTRAPOLATION_LIMIT - 1.0)
        return inside, 1.0 + excess

    def guess_of(self, mechanism: MechanismLayer, inside: Tensor, excess: Tensor) -> FirstGuess:
        """First guess of a band from the result of `clamp`."""
        air_temperature, depth, up, down = mechanism(inside, excess)
        return FirstGuess(
            features=(features(inside, self.tier) - self.mean) @ self.whitening,
            air_temperature=air_temperature,
            optical_depth=depth,
            upwelling_temperature=up,
            downwelling_temperature=down,
        )

    def correct(self, guess: FirstGuess, nuisance: Tensor | None = None) -> EffectiveAtmosphere:
        """Correct the first guess by the body; `nuisance` as in `effective_atmosphere`."""
        return self.constrain(self.run_body(guess, nuisance), guess)

    def run_body(self, guess: FirstGuess, nuisance: Tensor | None) -> Tensor:
        """Outputs of the body, (..., output)."""
        hidden = self.first(guess.features)
        if nuisance is not None:
            hidden = hidden + self.nuisance(nuisance)
        outputs: Tensor = self.body(hidden)
        return outputs

    def constrain(self, outputs: Tensor, guess: FirstGuess) -> EffectiveAtmosphere:
        """Convert the outputs of the body, (..., 5), to a physical atmosphere."""
        depth, up, down, depth_spread, up_spread = outputs.unbind(-1)
        optical_depth = guess.optical_depth * torch.exp(DEPTH_SPAN * torch.tanh(depth))
        return EffectiveAtmosphere(
            optical_depth=optical_depth,
            upwelling_temperature=guess.upwelling_temperature + TEMPERATURE_SPAN * torch.tanh(up),
            downwelling_temperature=guess.downwelling_temperature + TEMPERATURE_SPAN * torch.tanh(down),
            optical_depth_uncertainty=DEPTH_SPREAD * optical_depth.detach() * softplus(depth_spread),
            upwelling_temperature_uncertainty=TEMPERATURE_SPREAD * softplus(up_spread),
        )

    def forward(self, *predictors: Tensor) -> Atmosphere:
        """Predict the terms of the radiative transfer equation; `predictors` as in `effective_atmosphere`."""
        return self.atmosphere_terms(self.effective_atmosphere(predictors))

    def atmosphere_terms(self, effective: EffectiveAtmosphere) -> Atmosphere:
        """Terms of the radiative transfer equation of an effective atmosphere."""
        return Atmosphere(*coupled_atmosphere(*effective[:3], self.band))

    def retrieve(self, radiance: Tensor, emissivity: Tensor, atmosphere: Atmosphere) -> Tensor:
        """Land surface temperature [K], NaN where the atmospheric radiance exceeds the at-sensor radiance."""
        lst: Tensor = surface_temperature(radiance, emissivity, *atmosphere, self.band)
        return lst
