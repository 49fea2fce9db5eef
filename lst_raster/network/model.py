"""The coupled network: a small smooth body that predicts an atmosphere, and a physics head that inverts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lst_raster.network.config import TIERS
from lst_raster.physics.mechanism import emission_temperature_terms, optical_depth_terms
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.radiative_transfer import coupled_atmosphere, surface_temperature
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

TEMPERATURE_SPAN = 30.0  # farthest T_up, T_down lie from what the mechanism says [K]
DEPTH_SPAN = 1.0  # farthest the logarithm of the optical depth lies from that of the mechanism's [1]
BEYOND = 1.5  # times the most humid air of the training, to which the mechanism is followed [1]
WITHOUT_LEVELS = ("water_vapour", "surface_pressure", "air_temperature")
UNKNOWNS = ("aerosol_optical_depth", "continuum_scaling", "gas_year")
"""What the simulation draws for each profile and no user knows. In training the network is told, lest it take their
scatter for an effect of its predictors; the finished network takes their mean, and their spread is in the predicted
uncertainty."""
DEPTH_SPREAD = 0.1  # scale of the predicted uncertainty of the optical depth, relative [1]
TEMPERATURE_SPREAD = 2.0  # scale of the predicted uncertainty of the upwelling temperature [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """What a network must know of its training set; the values become buffers and so part of the graph.

    The tuples hold one value for each predictor of the tier, in its order.
    """

    low: tuple[float, ...]
    """Lower end of the valid range, in the predictors' units."""
    high: tuple[float, ...]
    """Upper end of the valid range."""
    mean: tuple[float, ...]
    """Mean of the features (`features`) over the training set."""
    whitening: tuple[tuple[float, ...], ...]
    """Matrix that makes of the features less their mean values of variance one that do not go together."""
    air_temperature: float
    """Mean air temperature at 2 m, which stands in for it where the tier does not know it. [K]"""
    smallest_optical_depth: float
    """The smallest of the training set, below which the mechanism does not go. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mechanism:
    """What a few coefficients tell of the air (`lst_raster.physics.mechanism`), fitted to the training set.

    The tuples hold one coefficient for each term, in its order.
    """

    optical_depth: tuple[float, ...]
    """Of the optical depth's terms. [1]"""
    upwelling_temperature: tuple[float, ...]
    """Of the emission temperature's terms, counted from the air's, or from the mean air temperature if unknown. [K]"""
    downwelling_temperature: tuple[float, ...]
    """Likewise for the emission towards the ground. [K]"""


class Atmosphere(NamedTuple):
    """The three terms of the radiative transfer equation, each of one shape."""

    transmittance: Tensor
    """Transmittance along the view path. [1]"""
    upwelling_radiance: Tensor
    """Radiance emitted towards the sensor. [W m-2 sr-1 um-1]"""
    downwelling_radiance: Tensor
    """Hemispheric mean radiance sent down. [W m-2 sr-1 um-1]"""


class Effective(NamedTuple):
    """An atmosphere as one grey body: what the network's body predicts."""

    optical_depth: Tensor
    """Optical depth along the view path. [1]"""
    upwelling_temperature: Tensor
    """Temperature of the emission towards the sensor. [K]"""
    downwelling_temperature: Tensor
    """Temperature of the emission towards the ground. [K]"""
    optical_depth_uncertainty: Tensor
    """Standard uncertainty of the optical depth. [1]"""
    upwelling_temperature_uncertainty: Tensor
    """Standard uncertainty of the upwelling temperature. [K]"""


def softplus(values: Tensor) -> Tensor:
    """Smooth positive function log(1 + exp(x)) in calls that ONNX has for every precision and that cannot overflow."""
    return torch.relu(values) + torch.log1p(torch.exp(-torch.abs(values)))


class Squareplus(nn.Module):
    """Activation (x + sqrt(x^2 + 1)) / 2: a smooth hinge without exponentials, so it is quick in float64 too.

    References
    ----------
    J. T. Barron, Squareplus: a softplus-like algebraic rectifier (2021), arXiv:2112.11687
    """

    def forward(self, values: Tensor) -> Tensor:
        """Apply the activation to each value."""
        return 0.5 * (values + torch.sqrt(values * values + 1.0))


def features(predictors: Tensor, tier: str) -> Tensor:
    """Quantities that the body sees: the predictors, with the roots of the water vapour column and of humidities.

    Optical depth grows with the column in humid air and with its lines' strength in dry air; the root gives both
    ends of the range a similar share.

    Parameters
    ----------
    predictors : Tensor, (..., predictor)
        Predictors in physical units, in the tier's order.
    tier : str
        A name in `TIERS`.

    Returns
    -------
    Tensor, (..., predictor)
        Features, not yet normalised.
    """
    moist = [name == "water_vapour" or name in HUMIDITY_LEVELS for name in TIERS[tier]]
    columns = zip(predictors.unbind(-1), moist, strict=True)
    return torch.stack([torch.sqrt(values) if root else values for values, root in columns], dim=-1)


def known_atmosphere(predictors: Sequence[Tensor], tier: str) -> dict[str, Any]:
    """Predictors as arguments of the mechanism's functions; those on levels are sequences."""
    known = dict(zip(TIERS[tier], predictors, strict=True))
    levels = {"temperatures": TEMPERATURE_LEVELS, "humidities": HUMIDITY_LEVELS}
    near = {name: values for name, values in known.items() if name in WITHOUT_LEVELS}
    return near | {key: [known[name] for name in names if name in known] for key, names in levels.items()}


class CoupledNetwork(nn.Module):
    """Atmosphere from smooth predictors, and surface temperature from the equation.

    A mechanism of a few fitted coefficients gives the optical depth and the temperatures of emission roughly; the body,
    a perceptron on the atmosphere's predictors alone, corrects it. Whatever it puts out, the head makes an atmosphere
    that could exist: positive optical depth, emission at temperatures near the air's.

    Parameters
    ----------
    tier : str
        A name in `TIERS`.
    band : BandPlanck
        The band's Planck coefficients.
    normalisation : Normalisation
        From the training set.
    mechanism : Mechanism
        From the training set.
    width, depth : int
        Units in a hidden layer, and hidden layers.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    whitening: Tensor
    mean_air_temperature: Tensor
    smallest_optical_depth: Tensor
    depth_coefficients: Tensor
    up_coefficients: Tensor
    down_coefficients: Tensor

    def __init__(
        self,
        *,
        tier: str,
        band: BandPlanck,
        normalisation: Normalisation,
        mechanism: Mechanism,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.tier = tier
        self.band = band
        for name in ("low", "high", "mean", "whitening"):
            self.register_buffer(name, torch.tensor(getattr(normalisation, name)))
        self.register_buffer("mean_air_temperature", torch.tensor(normalisation.air_temperature))
        self.register_buffer("smallest_optical_depth", torch.tensor(normalisation.smallest_optical_depth))
        self.register_buffer("depth_coefficients", torch.tensor(mechanism.optical_depth))
        self.register_buffer("up_coefficients", torch.tensor(mechanism.upwelling_temperature))
        self.register_buffer("down_coefficients", torch.tensor(mechanism.downwelling_temperature))
        sizes = [width] * depth
        hidden = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), Squareplus())]
        self.first = nn.Linear(len(TIERS[tier]), width)
        self.unknown = nn.Linear(len(UNKNOWNS), width, bias=False)
        self.body = nn.Sequential(Squareplus(), *hidden, nn.Linear(width, len(Effective._fields)))
        self._start()

    def _start(self) -> None:
        """Begin near the mechanism: a start with negative radiances would have no gradient."""
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()

    def effective(self, predictors: Sequence[Tensor], unknowns: Tensor | None = None) -> Effective:
        """Predict the atmosphere's effective quantities.

        Parameters
        ----------
        predictors : sequence of Tensor, each of one shape
            The tier's predictors in its order. Values outside the valid range are moved to its end; but for the
            mechanism's optical depth air more humid than that is taken as its most humid air with more of it, up to
            `BEYOND` times.
        unknowns : Tensor, (..., 3), optional
            What no user knows of the air (`UNKNOWNS`), in standard deviations from the mean; by default the mean.

        Returns
        -------
        Effective
            Quantities of the predictors' shape.
        """
        given = torch.stack(tuple(predictors), dim=-1)
        inside = torch.minimum(torch.maximum(given, self.low), self.high)
        seen = self.first((features(inside, self.tier) - self.mean) @ self.whitening)
        if unknowns is not None:
            seen = seen + self.unknown(unknowns)
        excess = torch.relu(given[..., 0] / self.high[0] - 1.0).clamp(max=BEYOND - 1.0)
        return self.bounded(self.body(seen), inside, 1.0 + excess)

    def bounded(self, outputs: Tensor, inside: Tensor, excess: Tensor) -> Effective:
        """Make an atmosphere that could exist.

        Parameters
        ----------
        outputs : Tensor, (..., 5)
            The body's.
        inside : Tensor, (..., predictor)
            Predictors within the valid range.
        excess : Tensor, (...)
            Water vapour as a multiple of the valid range's upper end where it exceeds that, else 1. [1]

        Returns
        -------
        Effective
            Quantities of the shape of `excess`.
        """
        depth, up, down, depth_spread, up_spread = outputs.unbind(-1)
        air, mechanism_depth, mechanism_up, mechanism_down = self.mechanism(inside, excess)
        optical_depth = mechanism_depth * torch.exp(DEPTH_SPAN * torch.tanh(depth))
        return Effective(
            optical_depth=optical_depth,
            upwelling_temperature=air + mechanism_up + TEMPERATURE_SPAN * torch.tanh(up),
            downwelling_temperature=air + mechanism_down + TEMPERATURE_SPAN * torch.tanh(down),
            optical_depth_uncertainty=DEPTH_SPREAD * optical_depth.detach() * softplus(depth_spread),
            upwelling_temperature_uncertainty=TEMPERATURE_SPREAD * softplus(up_spread),
        )

    def mechanism(self, inside: Tensor, excess: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Air temperature [K], and by the mechanism optical depth [1] and what T_up and T_down differ from it [K]."""
        known = known_atmosphere(inside.unbind(-1), self.tier)
        moist = {
            "water_vapour": excess * known["water_vapour"],
            "humidities": [excess * q for q in known["humidities"]],
        }
        air = known.get("air_temperature", self.mean_air_temperature)
        depth = torch.stack(optical_depth_terms(**{**known, **moist}), dim=-1) @ self.depth_coefficients
        emission = torch.stack(emission_temperature_terms(**known), dim=-1)
        depth = torch.maximum(depth, self.smallest_optical_depth)
        return air, depth, emission @ self.up_coefficients, emission @ self.down_coefficients

    def forward(self, *predictors: Tensor) -> Atmosphere:
        """Predict the atmosphere's terms; `predictors` as in `effective`."""
        return self.couple(self.effective(predictors))

    def couple(self, effective: Effective) -> Atmosphere:
        """Terms of the radiative transfer equation from effective quantities."""
        return Atmosphere(*coupled_atmosphere(*effective[:3], self.band))

    def retrieve(self, radiance: Tensor, emissivity: Tensor, atmosphere: Atmosphere) -> Tensor:
        """Land surface temperature [K] under an atmosphere, NaN where that alone exceeds the radiance."""
        lst: Tensor = surface_temperature(radiance, emissivity, *atmosphere, self.band)
        return lst
