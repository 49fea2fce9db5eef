"""Export of a trained network to ONNX."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.onnx import (  # type: ignore[attr-defined]  # public by its documentation, not by its __all__
    register_custom_op_symbolic,
    unregister_custom_op_symbolic,
)

from lst_raster.inference.contract import (
    EMISSIVITY_DIFFERENCE,
    METADATA_KEY,
    TEMPERATURE_DIFFERENCE,
    PredictedAtmosphere,
    uncertainty_name,
)
from lst_raster.inference.uncertainty import model_errors, second_of
from lst_raster.network.config import TIERS
from lst_raster.network.model import IDENTITY, Atmosphere, Calibration, CoupledNetwork, EffectiveAtmosphere
from lst_raster.network.two_bands import TwoBandNetwork
from lst_raster.physics.planck import band_radiance_slope, brightness_temperature
from lst_raster.physics.two_bands import BandState, two_band_temperature
from lst_raster.profiles.sampling import InputErrors

OPSET = 17  # supported by onnxruntime 1.17, the oldest supported version, and all later ones
DIMENSION = "pixel"
_EXAMPLE_LENGTH = 3  # not 1, which the tracer would treat as a constant
_NAN = float("nan")


class AtmosphereGraph(nn.Module):
    """Predictors to the terms of the radiative transfer equation and their calibrated uncertainties, float32.

    Predictors outside the valid range are clamped, except that more water vapour absorbs more
    (`CoupledNetwork.effective_atmosphere`); where one is NaN all outputs are.
    """

    def __init__(self, network: CoupledNetwork, calibration: Calibration = IDENTITY) -> None:
        super().__init__()
        self.calibration = calibration
        self.network = copy.deepcopy(network).double().eval()
        self.middle = (0.5 * (self.network.low + self.network.high)).tolist()

    def forward(self, *predictors: Tensor) -> tuple[Tensor, ...]:
        """Terms of the equation, uncertainties of optical depth and upwelling temperature; all of shape (pixel).

        Of two bands followed by those of the second band, as in `PredictedAtmosphere`.
        """
        missing = torch.isnan(predictors[0])
        for others in predictors[1:]:
            missing = missing | torch.isnan(others)
        # ONNX does not define whether clamping keeps NaN: it is replaced before and restored after.
        filled = [
            torch.where(missing, torch.full_like(values, middle), values)
            for values, middle in zip((values.double() for values in predictors), self.middle, strict=True)
        ]
        network = self.network
        outputs = self._two_bands(network, filled) if isinstance(network, TwoBandNetwork) else self._one_band(filled)
        masked = [torch.where(missing, torch.full_like(values, _NAN), values) for values in outputs]
        return tuple(values.float() for values in masked)

    def _one_band(self, predictors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        effective = self.network.effective_atmosphere(predictors)
        return (*self.network.atmosphere_terms(effective), *self._uncertainties(effective, predictors))

    def _two_bands(self, network: TwoBandNetwork, predictors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        first, second, depth_difference = network.predict_both(predictors)
        return (
            *network.atmosphere_terms(first),
            *self._uncertainties(first, predictors),
            *network.second_terms(second),
            self._uncertainties(second, predictors)[0],
            depth_difference,
        )

    def _uncertainties(self, effective: EffectiveAtmosphere, predictors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        factor = self.calibration.factor_at(predictors[0])  # in every tier the water vapour
        return (
            factor * effective.optical_depth_uncertainty,
            factor * effective.upwelling_temperature_uncertainty,
        )


class RetrievalGraph(nn.Module):
    """Radiance, emissivity and predictors to land surface temperature and the terms used for it, float32.

    The temperature is NaN where an argument is, where the emissivity is outside (0, 1], and where the radiance is
    infinite or does not exceed the atmosphere's.
    """

    def __init__(self, network: CoupledNetwork, calibration: Calibration = IDENTITY) -> None:
        super().__init__()
        self.atmosphere = AtmosphereGraph(network, calibration)

    def forward(self, radiance: Tensor, emissivity: Tensor, *predictors: Tensor) -> tuple[Tensor, ...]:
        """Temperature [K], then the outputs of `AtmosphereGraph`; every argument and result has the shape (pixel)."""
        # The temperature is computed from the float32 terms, so that it can be recomputed from the outputs.
        terms = self.atmosphere(*predictors)
        usable = (emissivity > 0.0) & (emissivity <= 1.0) & (radiance < float("inf"))  # false for NaN
        lst = self.atmosphere.network.retrieve(
            torch.where(usable, radiance, torch.ones_like(radiance)).double(),
            torch.where(usable, emissivity, torch.ones_like(emissivity)).double(),
            Atmosphere(*(term.double() for term in terms[:3])),
        )
        return (torch.where(usable, lst, torch.full_like(lst, _NAN)).float(), *terms)


class TwoBandRetrievalGraph(nn.Module):
    """Pixels in both bands and predictors to land surface temperature and the terms used for it, float32.

    The weights of the bands are those for the noise of the sensor bands (`noise`, [W m-2 sr-1 um-1]) and typical
    errors of the emissivity (`InputErrors`). NaN as in `RetrievalGraph`.
    """

    def __init__(
        self, network: TwoBandNetwork, noise: tuple[float, float], calibration: Calibration = IDENTITY
    ) -> None:
        super().__init__()
        self.atmosphere = AtmosphereGraph(network, calibration)
        self.noise = noise
        self.bands = network.band, network.second_band
        names = TIERS[network.tier]
        self.positions = [names.index(uncertainty_name(one)) for one in (TEMPERATURE_DIFFERENCE, EMISSIVITY_DIFFERENCE)]

    def forward(
        self,
        radiance: Tensor,
        emissivity: Tensor,
        second_radiance: Tensor,
        second_emissivity: Tensor,
        *predictors: Tensor,
    ) -> tuple[Tensor, ...]:
        """Temperature [K], then the outputs of `AtmosphereGraph`; every argument and result has the shape (pixel)."""
        terms = self.atmosphere(*predictors)
        predicted = PredictedAtmosphere(*(term.double() for term in terms))
        pixels = (radiance, emissivity), (second_radiance, second_emissivity)
        usable = torch.ones_like(radiance, dtype=torch.bool)
        for values, fraction in pixels:
            usable = usable & (fraction > 0.0) & (fraction <= 1.0) & (values < float("inf"))  # false for NaN
        stray_light, difference = (predictors[position].double() for position in self.positions)
        states: list[BandState] = []
        bands = ((predicted, self.bands[0]), (second_of(predicted), self.bands[1]))
        for (values, fraction), (one, band), noise in zip(pixels, bands, self.noise, strict=True):
            known = torch.where(usable, values, torch.ones_like(values)).double()
            slope = band_radiance_slope(brightness_temperature(known, band), band)
            states.append(
                BandState(
                    radiance=known,
                    emissivity=torch.where(usable, fraction, torch.ones_like(fraction)).double(),
                    terms=one.terms,
                    errors=model_errors(one, band),
                    noise=noise if not states else torch.sqrt(noise**2 + (slope * stray_light) ** 2),
                    band=band,
                )
            )
        typical = InputErrors().emissivity
        lst = two_band_temperature(states[0], states[1], typical, difference, predicted.depth_difference).temperature
        return (torch.where(usable, lst, torch.full_like(lst, _NAN)).float(), *terms)


def export_onnx(
    module: nn.Module, inputs: Sequence[str], outputs: Sequence[str], metadata: Mapping[str, Any], path: Path
) -> None:
    """Write a module from and to float32 tensors of shape (pixel) as an ONNX file.

    `inputs` and `outputs` are names in the module's order; `metadata` is written as JSON under `METADATA_KEY`.
    """
    with _exporter_setup():
        torch.onnx.export(
            module.eval(),
            tuple(torch.ones(_EXAMPLE_LENGTH) for _ in inputs),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: DIMENSION} for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs one more package and writes source paths into the nodes
        )
    model = onnx.load(path)
    _strip_source_paths(model)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata, ensure_ascii=False, sort_keys=True)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _strip_source_paths(model: Any) -> None:
    """Remove the exporter's notes on the source code, which contain local paths."""
    model.ClearField("doc_string")
    model.graph.ClearField("doc_string")
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")


@contextmanager
def _exporter_setup() -> Iterator[None]:
    """Register `expm1` with the exporter, and suppress its deprecation warnings."""
    register_custom_op_symbolic("aten::expm1", _expm1, OPSET)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx|lst_raster\.network")
            yield
    finally:
        unregister_custom_op_symbolic("aten::expm1", OPSET)


def _expm1(graph: Any, value: Any) -> Any:
    """ONNX lacks expm1; the graphs are float64, so the difference is accurate to float32."""
    one = graph.op("Constant", value_t=torch.tensor(1.0))
    return graph.op("Sub", graph.op("Exp", value), one)
