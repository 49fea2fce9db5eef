"""From a trained network to ONNX files that carry their own contract."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn
from torch.onnx import (  # type: ignore[attr-defined]  # public by its documentation, not by its __all__
    register_custom_op_symbolic,
    unregister_custom_op_symbolic,
)

from lst_raster.inference.contract import METADATA_KEY

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
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx|lst_raster\.training")
            yield
    finally:
        unregister_custom_op_symbolic("aten::expm1", OPSET)


def _expm1(graph: Any, value: Any) -> Any:
    """ONNX lacks expm1; the graphs are float64, so the difference loses nothing that float32 could show."""
    one = graph.op("Constant", value_t=torch.tensor(1.0))
    return graph.op("Sub", graph.op("Exp", value), one)
