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

from lst_raster.inference.contract import METADATA_KEY
from lst_raster.network.calibration import IDENTITY, Calibration
from lst_raster.network.model import Atmosphere, CoupledNetwork

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


OPSET = 17  # what onnxruntime 1.17, the oldest that we support, and every later one run
DIMENSION = "pixel"
_EXAMPLE_LENGTH = 3  # any but 1, which the tracer would take for a constant


def export_onnx(
    module: nn.Module, inputs: Sequence[str], outputs: Sequence[str], metadata: Mapping[str, Any], path: Path
) -> None:
    """Write a module as an ONNX file.

    Parameters
    ----------
    module : torch.nn.Module
        Takes and returns float32 tensors of shape (pixel), as many as there are names.
    inputs, outputs : sequence of str
        Names, in the module's order.
    metadata : mapping
        What the file says of itself; written as JSON under the key that the inference reads.
    path : Path
        File to write.
    """
    names = [*inputs, *outputs]
    with _quiet_exporter():
        torch.onnx.export(
            module.eval(),
            tuple(torch.ones(_EXAMPLE_LENGTH) for _ in inputs),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: DIMENSION} for name in names},
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs one more package and writes source paths into the nodes
        )
    model = onnx.load(path)
    strip_sources(model)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata, ensure_ascii=False, sort_keys=True)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def strip_sources(model: Any) -> None:
    """Remove what an exporter notes about the source code of a graph, which would carry local paths into the file."""
    model.ClearField("doc_string")
    model.graph.ClearField("doc_string")
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Teach the exporter `expm1`, and hush what it says of itself."""
    register_custom_op_symbolic("aten::expm1", _expm1, OPSET)
    try:
        with warnings.catch_warnings():
            # It is announced as deprecated, but it is the one that needs no further package.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx|lst_raster\.network")
            yield
    finally:
        unregister_custom_op_symbolic("aten::expm1", OPSET)


def _expm1(graph: Any, value: Any) -> Any:
    """ONNX lacks expm1; the graphs are float64, so the difference loses nothing that float32 could show."""
    one = graph.op("Constant", value_t=torch.tensor(1.0))
    return graph.op("Sub", graph.op("Exp", value), one)
