"""The coupled network: a small smooth body that predicts an atmosphere, and a physics head that inverts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.surface import coupled_atmosphere, surface_temperature
from lst_raster.training.tiers import TIERS
from lst_raster.transfer.sigma import HUMIDITY_LEVELS

TEMPERATURE_SPAN = {
    "column": 80.0,
    "surface": 50.0,
    "profile": 50.0,
}  # farthest T_up, T_down lie from the air temperature [K]
AIR_TEMPERATURE = {
    tier: names.index("air_temperature") for tier, names in TIERS.items() if "air_temperature" in names
}  # its place among the predictors
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
    optical_depth: float
    """Typical optical depth, from which the network starts. [1]"""


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


class CoupledNetwork(nn.Module):
    """Atmosphere from smooth predictors, and surface temperature from the equation.

    The body is a perceptron on the atmosphere's predictors alone. Whatever it puts out, the head makes an atmosphere
    that could exist: positive optical depth, emission at temperatures near the air's.

    Parameters
    ----------
    tier : str
        A name in `TIERS`.
    band : BandPlanck
        The band's Planck coefficients.
    normalisation : Normalisation
        From the training set.
    width, depth : int
        Units in a hidden layer, and hidden layers.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    whitening: Tensor
    mean_air_temperature: Tensor

    def __init__(self, *, tier: str, band: BandPlanck, normalisation: Normalisation, width: int, depth: int) -> None:
        super().__init__()
        self.tier = tier
        self.band = band
        self.span = TEMPERATURE_SPAN[tier]
        for name in ("low", "high", "mean", "whitening"):
            self.register_buffer(name, torch.tensor(getattr(normalisation, name)))
        self.register_buffer("mean_air_temperature", torch.tensor(normalisation.air_temperature))
        sizes = [width] * depth
        hidden = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), Squareplus())]
        self.first = nn.Linear(len(TIERS[tier]), width)
        self.unknown = nn.Linear(len(UNKNOWNS), width, bias=False)
        self.body = nn.Sequential(Squareplus(), *hidden, nn.Linear(width, len(Effective._fields)))
        self._start_from(normalisation.optical_depth)

    def _start_from(self, optical_depth: float) -> None:
        """Begin as one plausible atmosphere everywhere: a start with negative radiances would have no gradient."""
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()
            last.bias[0] = torch.log(torch.expm1(torch.tensor(optical_depth)))  # the inverse of softplus

    def effective(self, predictors: Sequence[Tensor], unknowns: Tensor | None = None) -> Effective:
        """Predict the atmosphere's effective quantities.

        Parameters
        ----------
        predictors : sequence of Tensor, each of one shape
            The tier's predictors in its order; values outside the valid range are moved to its end.
        unknowns : Tensor, (..., 3), optional
            What no user knows of the air (`UNKNOWNS`), in standard deviations from the mean; by default the mean.

        Returns
        -------
        Effective
            Quantities of the predictors' shape.
        """
        inside = torch.minimum(torch.maximum(torch.stack(tuple(predictors), dim=-1), self.low), self.high)
        seen = self.first((features(inside, self.tier) - self.mean) @ self.whitening)
        if unknowns is not None:
            seen = seen + self.unknown(unknowns)
        return self.bounded(self.body(seen), inside)

    def bounded(self, outputs: Tensor, inside: Tensor) -> Effective:
        """Make an atmosphere that could exist of the body's outputs, (..., 5), and the predictors, (..., predictor)."""
        depth, up, down, depth_spread, up_spread = outputs.unbind(-1)
        air = inside[..., AIR_TEMPERATURE[self.tier]] if self.tier in AIR_TEMPERATURE else self.mean_air_temperature
        optical_depth = softplus(depth)
        return Effective(
            optical_depth=optical_depth,
            upwelling_temperature=air + self.span * torch.tanh(up),
            downwelling_temperature=air + self.span * torch.tanh(down),
            optical_depth_uncertainty=DEPTH_SPREAD * optical_depth.detach() * softplus(depth_spread),
            upwelling_temperature_uncertainty=TEMPERATURE_SPREAD * softplus(up_spread),
        )

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
