"""Custom sensor bands for tests: a spectral response, and small models with a synthetic atmosphere."""

from pathlib import Path

import numpy as np

from lst_raster.resources import user_path
from lst_raster.sensors.custom import SensorFacts, define_sensor
from lst_raster.sensors.response_files import read_response
from tests.support.factories import make_model


def write_response(
    path: Path, *, low=10.25, high=10.95, ramp=0.14, header="wavelength [um],response", scale=1.0
) -> Path:
    """Write a trapezoidal response with given half-power wavelengths [um]; `scale` converts to another unit."""
    edges = [low - ramp / 2, low + ramp / 2, high - ramp / 2, high + ramp / 2]
    wavelength = np.arange(low - ramp, high + ramp + 0.001, 0.02)
    rows = [
        f"{w * scale:.10g},{v:.4f}" for w, v in zip(wavelength, np.interp(wavelength, edges, [0, 1, 1, 0]), strict=True)
    ]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n")
    return path


def make_own_sensor(folder: Path, name: str = "aster-b13", **facts) -> str:
    """Define a custom sensor band in the user folder."""
    define_sensor(name, read_response(write_response(folder / f"{name}.csv")), SensorFacts(**facts))
    return name


def make_own_models(name: str = "aster-b13", tiers=("column", "surface")) -> None:
    """Write small models for it."""
    for tier in tiers:
        for file, graph in (("model.onnx", "retrieval"), ("atmosphere.onnx", "atmosphere")):
            make_model(user_path("models", name, tier, file), tier=tier, graph=graph, sensor=name)
