"""Sensor bands of the user's own, for tests: a response, and small models that follow no atmosphere in particular."""

from pathlib import Path

import numpy as np

from lst_raster.resources import user_path
from lst_raster.sensors.custom import SensorProperties, define_sensor
from lst_raster.sensors.response import read_response
from tests.support.factories import make_model


def write_response(
    path: Path, *, low=10.25, high=10.95, ramp=0.14, header="wavelength [um],response", scale=1.0
) -> Path:
    """Write a trapezoid with the given wavelengths [um] at half its peak; `scale` puts them into another unit."""
    edges = [low - ramp / 2, low + ramp / 2, high - ramp / 2, high + ramp / 2]
    wavelength = np.arange(low - ramp, high + ramp + 0.001, 0.02)
    rows = [
        f"{w * scale:.10g},{v:.4f}" for w, v in zip(wavelength, np.interp(wavelength, edges, [0, 1, 1, 0]), strict=True)
    ]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n")
    return path


def make_custom_sensor(folder: Path, name: str = "aster-b13", **facts) -> str:
    """Define a sensor band in the user's folder."""
    define_sensor(name, read_response(write_response(folder / f"{name}.csv")), SensorProperties(**facts))
    return name


def make_custom_models(name: str = "aster-b13", tiers=("surface",)) -> None:
    """Put small models beside it."""
    for tier in tiers:
        for file, graph in (("model.onnx", "retrieval"), ("atmosphere.onnx", "atmosphere")):
            make_model(user_path("models", name, tier, file), tier=tier, graph=graph, sensor=name)
