"""What is shipped: the network with the guards that a user's pixels need, as modules that the exporter can trace.

Their arithmetic is float64 between float32 inputs and outputs. Under a humid atmosphere the surface is seen through a
transmittance of a fifth or less: there the rounding of float32 alone, different on every processor, came to 2e-4 K.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lst_raster.training.calibration import IDENTITY, Calibration
from lst_raster.training.network import Atmosphere, CoupledNetwork

_NAN = float("nan")


class AtmosphereGraph(nn.Module):
    """Predictors to the terms of the radiative transfer equation and their calibrated uncertainties, float32.

    Predictors outside the valid range are taken as its nearer end, but more water vapour absorbs more
    (`CoupledNetwork.effective`); where one is NaN all are.
    """

    def __init__(self, network: CoupledNetwork, calibration: Calibration = IDENTITY) -> None:
        super().__init__()
        self.calibration = calibration
        self.network = copy.deepcopy(network).double().eval()
        self.middle = (0.5 * (self.network.low + self.network.high)).tolist()

    def forward(self, *predictors: Tensor) -> tuple[Tensor, ...]:
        """Terms of the equation, uncertainties of optical depth and upwelling temperature; all of shape (pixel)."""
        return tuple(term.float() for term in self.exact(predictors))

    def exact(self, predictors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Compute the same in float64."""
        missing = _any_nan(predictors)
        # Clamping is free to lose a NaN (ONNX does not say), so it is taken out before and put back after.
        safe = [
            torch.where(missing, torch.full_like(values, middle), values)
            for values, middle in zip((values.double() for values in predictors), self.middle, strict=True)
        ]
        effective = self.network.effective(safe)
        factor = self.calibration.factor_at(safe[0], safe[-1])  # every tier's: water vapour, error of the inputs
        uncertainties = (
            factor * effective.optical_depth_uncertainty,
            factor * effective.upwelling_temperature_uncertainty,
        )
        outputs = (*self.network.couple(effective), *uncertainties)
        return tuple(torch.where(missing, torch.full_like(values, _NAN), values) for values in outputs)


class RetrievalGraph(nn.Module):
    """Radiance, emissivity and predictors to land surface temperature and the terms it was found with, float32.

    The temperature is NaN where an argument is, where the emissivity is outside (0, 1], and where the radiance is
    infinite or does not exceed the atmosphere's.
    """

    def __init__(self, network: CoupledNetwork, calibration: Calibration = IDENTITY) -> None:
        super().__init__()
        self.atmosphere = AtmosphereGraph(network, calibration)

    def forward(self, radiance: Tensor, emissivity: Tensor, *predictors: Tensor) -> tuple[Tensor, ...]:
        """Temperature [K], then what `AtmosphereGraph` gives; every argument and result has the shape (pixel)."""
        # The temperature comes from the terms as they are given out, so that anyone can compute it again from them.
        terms = self.atmosphere(*predictors)
        usable = (emissivity > 0.0) & (emissivity <= 1.0) & (radiance < float("inf"))  # false beside a NaN
        lst = self.atmosphere.network.retrieve(
            torch.where(usable, radiance, torch.ones_like(radiance)).double(),
            torch.where(usable, emissivity, torch.ones_like(emissivity)).double(),
            Atmosphere(*(term.double() for term in terms[:3])),
        )
        return (torch.where(usable, lst, torch.full_like(lst, _NAN)).float(), *terms)


def _any_nan(values: Sequence[Tensor]) -> Tensor:
    missing = torch.isnan(values[0])
    for others in values[1:]:
        missing = missing | torch.isnan(others)
    return missing
