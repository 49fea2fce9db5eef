"""Things made for tests: a small model of the real contract, and scenes whose true temperature is known."""

import json
from pathlib import Path

import numpy as np
import onnx
import rasterio
from rasterio.transform import from_origin

from lst_raster.inference.model import Model
from lst_raster.physics.band import sensor_band
from lst_raster.physics.surface import sensor_radiance

RANGES = {
    "radiance": None,
    "emissivity": None,
    "water_vapour": (0.1, 75.0),
    "surface_pressure": (500.0, 1060.0),
    "air_temperature": (230.0, 325.0),
}
UNITS = {
    "radiance": "W m-2 sr-1 um-1",
    "emissivity": "1",
    "water_vapour": "kg m-2",
    "surface_pressure": "hPa",
    "air_temperature": "K",
    "lst": "K",
    "transmittance": "1",
    "upwelling_radiance": "W m-2 sr-1 um-1",
    "downwelling_radiance": "W m-2 sr-1 um-1",
}
TIERS = {
    "column": ("water_vapour", "surface_pressure"),
    "surface": ("water_vapour", "surface_pressure", "air_temperature"),
}
ATMOSPHERE = ("transmittance", "upwelling_radiance", "downwelling_radiance")

# An invented atmosphere, simple but answering to every input, so that no two of them can be swapped unnoticed.
ATMOSPHERE_BODY = """
    thickness = Mul(water_vapour, vapour_weight)
    weight = Mul(surface_pressure, pressure_weight)
    depth = Mul(thickness, weight)
    negative = Neg(depth)
    transmittance = Exp(negative)
    absorbed = Sub(one, transmittance)
    warmth = Sub(AIR, cold)
    upwelling_radiance = Mul(absorbed, warmth)
    downwelling_radiance = Mul(upwelling_radiance, diffusivity)
"""
RETRIEVAL_BODY = """
    reflectance = Sub(one, emissivity)
    reflected = Mul(reflectance, downwelling_radiance)
    reaching = Mul(transmittance, reflected)
    without_path = Sub(radiance, upwelling_radiance)
    emitted = Sub(without_path, reaching)
    share = Mul(transmittance, emissivity)
    black_body = Div(emitted, share)
    ratio = Div(amplitude, black_body)
    above_one = Add(ratio, one)
    logarithm = Log(above_one)
    exponent = Sub(logarithm, offset)
    curved = Mul(four_curvature, exponent)
    square = Add(slope_squared, curved)
    root = Sqrt(square)
    numerator = Add(slope, root)
    denominator = Add(exponent, exponent)
    temperature = Div(numerator, denominator)
    positive = Greater(black_body, zero)
    some = Greater(emissivity, zero)
    at_most_one = LessOrEqual(emissivity, one)
    possible = And(some, at_most_one)
    valid = And(positive, possible)
    lst = Where(valid, temperature, nan)
"""


def _constants(sensor):
    planck = sensor_band(sensor).planck
    return {
        "one": 1.0, "zero": 0.0, "nan": float("nan"), "vapour_weight": 0.012, "pressure_weight": 1e-3, "cold": 281.0,
        "diffusivity": 1.5, "amplitude": planck.amplitude, "offset": planck.offset, "slope": planck.slope,
        "slope_squared": planck.slope**2, "four_curvature": 4.0 * planck.curvature, "mean_air": 288.0,
    }  # fmt: skip


def model_metadata(sensor="landsat8-b10", tier="surface", graph="retrieval"):
    """The contract of a test model, as its file holds it."""
    atmosphere = TIERS[tier]
    inputs = atmosphere if graph == "atmosphere" else ("radiance", "emissivity", *atmosphere)
    outputs = ATMOSPHERE if graph == "atmosphere" else ("lst", *ATMOSPHERE)
    return {
        "contract": 1,
        "graph": graph,
        "sensor": sensor,
        "tier": tier,
        "inputs": [{"name": name, "units": UNITS[name], "valid_range": RANGES[name]} for name in inputs],
        "outputs": [{"name": name, "units": UNITS[name]} for name in outputs],
        "training": {"seed": 0},
        "metrics": {},
        "lst_raster_version": "0.1.0",
    }


def make_model(path, sensor="landsat8-b10", tier="surface", graph="retrieval", metadata=None):
    """Write a small ONNX model of the real contract; `metadata` replaces the contract it carries."""
    true = model_metadata(sensor, tier, graph)
    inputs = ", ".join(f"float[N] {entry['name']}" for entry in true["inputs"])
    outputs = ", ".join(f"float[N] {entry['name']}" for entry in true["outputs"])
    body = ATMOSPHERE_BODY.replace("AIR", "air_temperature" if tier == "surface" else "mean_air")
    body += RETRIEVAL_BODY if graph == "retrieval" else ""
    text = f'<ir_version: 8, opset_import: ["" : 17]>\n{graph} ({inputs}) => ({outputs}) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.float32(value), name) for name, value in _constants(sensor).items()
    )
    metadata = true if metadata is None else metadata
    if metadata:
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        onnx.helper.set_model_props(model, {"lst_raster": text})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
