"""Synthetic test data: a small model with the real contract, and scenes with known temperature."""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import rasterio
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning

from lst_raster.inference.contract import CONTRACT_VERSION, UNITS
from lst_raster.inference.model import Model
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.product.paths import OutputFormat
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

RANGES = {
    "radiance": None,
    "emissivity": None,
    "water_vapour": (0.1, 75.0),
    "surface_pressure": (500.0, 1060.0),
    "air_temperature": (230.0, 325.0),
    "brightness_temperature": (200.0, 360.0),
    "aerosol_optical_depth": (0.0, 0.35),
    "gas_year": (1980.0, 2031.0),
    "water_vapour_uncertainty": (0.0, 30.0),
    "air_temperature_uncertainty": (0.0, 15.0),
    "aerosol_optical_depth_uncertainty": (0.0, 0.06),
    "profile_uncertainty": (0.0, 1.5),
    **dict.fromkeys(TEMPERATURE_LEVELS, (190.0, 325.0)),
    **dict.fromkeys(HUMIDITY_LEVELS, (0.0, 0.03)),
}
_SURFACE = (
    *("water_vapour", "surface_pressure", "air_temperature", "brightness_temperature"),
    *("aerosol_optical_depth", "gas_year"),
    *("water_vapour_uncertainty", "air_temperature_uncertainty", "aerosol_optical_depth_uncertainty"),
)
TIERS = {
    "surface": _SURFACE,
    "profile": (*_SURFACE, *TEMPERATURE_LEVELS, *HUMIDITY_LEVELS, "profile_uncertainty"),
}
ATMOSPHERE = (
    "transmittance", "upwelling_radiance", "downwelling_radiance",
    "optical_depth_uncertainty", "upwelling_temperature_uncertainty",
)  # fmt: skip

# A simple synthetic atmosphere that depends on every input, so that swapped inputs are detected; on the neighbourhood
# and the year only with a `sensitivity`, since a scene has its own values of them. Its uncertainties contain those of
# the inputs.
ATMOSPHERE_BODY = """
    thickness = Mul(VAPOUR, vapour_weight)
    weight = Mul(surface_pressure, pressure_weight)
    of_vapour = Mul(thickness, weight)
    more_aerosol = Sub(aerosol_optical_depth, background)
    warmer = Sub(brightness_temperature, typical)
    of_neighbourhood = Mul(warmer, neighbourhood_weight)
    later = Sub(gas_year, reference_year)
    of_gases = Mul(later, gas_weight)
    depth = Sum(of_vapour, more_aerosol, of_neighbourhood, of_gases)
    negative = Neg(depth)
    transmittance = Exp(negative)
    absorbed = Sub(one, transmittance)
    excess = Sub(AIR, cold)
    upwelling_radiance = Mul(absorbed, excess)
    downwelling_radiance = Mul(upwelling_radiance, diffusivity)
    unexplained = Mul(depth, relative_uncertainty)
    vapour_doubt = Mul(water_vapour_uncertainty, vapour_weight)
    doubt = Mul(vapour_doubt, weight)
    unexplained_square = Mul(unexplained, unexplained)
    doubt_square = Mul(doubt, doubt)
    aerosol_square = Mul(aerosol_optical_depth_uncertainty, aerosol_optical_depth_uncertainty)
    depth_variance = Sum(unexplained_square, doubt_square, aerosol_square)
    optical_depth_uncertainty = Sqrt(depth_variance)
    unexplained_temperature = Add(one, absorbed)
    temperature_square = Mul(unexplained_temperature, unexplained_temperature)
    air_square = Mul(air_temperature_uncertainty, air_temperature_uncertainty)
    temperature_variance = Sum(temperature_square, air_squarePROFILE)
    upwelling_temperature_uncertainty = Sqrt(temperature_variance)
"""
# The same for profiles: the equivalent water vapour and air temperature depend on every level.
PROFILE_WEIGHTS = {
    **{name: 0.5 / (3.0 + place) for place, name in enumerate(("air_temperature", *TEMPERATURE_LEVELS))},
    **{name: 150.0 + 40.0 * place for place, name in enumerate(HUMIDITY_LEVELS)},
}
PROFILE_BODY = (
    "".join(f"    part_{name} = Mul({name}, weight_{name})\n" for name in PROFILE_WEIGHTS)
    + f"""
    warm = Sum({", ".join(f"part_{name}" for name in PROFILE_WEIGHTS if name.startswith("air"))})
    moist = Sum(water_vapour, {", ".join(f"part_{name}" for name in HUMIDITY_LEVELS)})
    profile_square = Mul(profile_uncertainty, profile_uncertainty)
"""
)
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


def _constants(sensor, tier, sensitivity):
    planck = sensor_band(sensor).planck
    weights = {f"weight_{name}": value for name, value in PROFILE_WEIGHTS.items()} if tier == "profile" else {}
    vapour, cold = (0.004, 225.0) if tier == "profile" else (0.012, 281.0)
    return {
        "one": 1.0, "zero": 0.0, "nan": float("nan"), "vapour_weight": vapour, "pressure_weight": 1e-3, "cold": cold,
        "diffusivity": 1.5, "relative_uncertainty": 0.1, "background": 0.02, "typical": 290.0, "reference_year": 2018.0,
        "neighbourhood_weight": sensitivity.get("brightness_temperature", 0.0),
        "gas_weight": sensitivity.get("gas_year", 0.0),
        "amplitude": planck.amplitude, "offset": planck.offset, "slope": planck.slope,
        "slope_squared": planck.slope**2, "four_curvature": 4.0 * planck.curvature,
        **weights,
    }  # fmt: skip


def model_metadata(sensor="landsat8-b10", tier="surface", graph="retrieval"):
    """Contract of a test model, as stored in its file."""
    atmosphere = TIERS[tier]
    inputs = atmosphere if graph == "atmosphere" else ("radiance", "emissivity", *atmosphere)
    outputs = ATMOSPHERE if graph == "atmosphere" else ("lst", *ATMOSPHERE)
    return {
        "contract": CONTRACT_VERSION,
        "graph": graph,
        "sensor": sensor,
        "tier": tier,
        "inputs": [{"name": name, "units": UNITS[name], "valid_range": RANGES[name]} for name in inputs],
        "outputs": [{"name": name, "units": UNITS[name]} for name in outputs],
        "training": {"seed": 0},
        "metrics": {},
        "lst_raster_version": "0.1.0",
    }


def make_model(path, sensor="landsat8-b10", tier="surface", graph="retrieval", metadata=None, sensitivity=None):
    """Write a small ONNX model with the real contract; `metadata` replaces the stored contract.

    `sensitivity` is the change of the optical depth per unit of `brightness_temperature` and `gas_year`.
    """
    true = model_metadata(sensor, tier, graph)
    inputs = ", ".join(f"float[N] {entry['name']}" for entry in true["inputs"])
    outputs = ", ".join(f"float[N] {entry['name']}" for entry in true["outputs"])
    is_profile = tier == "profile"
    words = (
        {"AIR": "warm", "VAPOUR": "moist", "PROFILE": ", profile_square"}
        if is_profile
        else {"AIR": "air_temperature", "VAPOUR": "water_vapour", "PROFILE": ""}
    )
    atmosphere = ATMOSPHERE_BODY
    for word, name in words.items():
        atmosphere = atmosphere.replace(word, name)
    body = (PROFILE_BODY if is_profile else "") + atmosphere
    body += RETRIEVAL_BODY if graph == "retrieval" else ""
    text = f'<ir_version: 8, opset_import: ["" : 17]>\n{graph} ({inputs}) => ({outputs}) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.float32(value), name)
        for name, value in _constants(sensor, tier, sensitivity or {}).items()
    )
    metadata = true if metadata is None else metadata
    if metadata:
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        onnx.helper.set_model_props(model, {"lst_raster": text})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def ramp(low, high, shape=(60, 70)):
    """Field that increases linearly from the first pixel to the last."""
    return np.linspace(low, high, shape[0] * shape[1]).reshape(shape)


def write_raster(path, values, *, scale=None, offset=None, units=None, tags=None, **profile):
    """Write a GeoTIFF of one or more bands on the grid of `make_scene`."""
    values = np.asarray(values)
    bands = values[None] if values.ndim == 2 else values
    profile = {"crs": "EPSG:32616", "transform": Affine(30, 0, 452475, 0, -30, 3408645), **profile}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", count=bands.shape[0], height=bands.shape[1], width=bands.shape[2],
            dtype=bands.dtype.name, **profile,
        ) as dataset:  # fmt: skip
            dataset.write(bands)
            dataset.update_tags(**(tags or {}))
            if scale is not None or offset is not None:
                dataset.scales, dataset.offsets = (scale or 1.0,), (offset or 0.0,)
            if units is not None:
                dataset.units = (units,)
    return path


MTL = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    PROCESSING_LEVEL = "L1TP"
    COLLECTION_NUMBER = 02
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_{satellite}"
    DATE_ACQUIRED = 2015-07-19
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    RADIANCE_MULT_BAND_{band} = {gain}
    RADIANCE_ADD_BAND_{band} = {offset}
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""
STEM = "LC08_L1TP_020039_20150719_20200908_02_T1"
FULL_PRECISION = OutputFormat(precision="full")
STATE = {"water_vapour": 20.0, "surface_pressure": 1000.0, "air_temperature": 295.0}


def make_scene(
    folder, *, lst, emissivity=0.97, atmosphere=STATE, fill=None, sensor="landsat8-b10", name=f"{STEM}_B10.TIF",
    mtl=True, gain=None, offset=None, dtype="uint16", air=None, **raster,
):  # fmt: skip
    """Write a small Landsat scene with surface temperature `lst`, simulated with the atmosphere of the test model.

    `lst`, `emissivity` and the values of `atmosphere` are numbers or arrays with the shape of the scene; `fill` is True
    for nodata; `air` is the name of another model for the atmosphere. Returns the path of the thermal band.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    band = sensor_band(sensor)
    gain = band.gain if gain is None else gain
    offset = band.radiance_offset if offset is None else offset
    made = make_model(folder / "air" / "atmosphere.onnx", sensor, graph="atmosphere") if air is None else air
    terms = Model.load(made, graph="atmosphere").atmosphere(**{"brightness_temperature": 290.0, **atmosphere})
    radiance = sensor_radiance(
        np.asarray(lst), np.asarray(emissivity), *(term.astype("f8") for term in terms[:3]), band.planck
    )
    numbers = np.rint((radiance - offset) / gain)
    numbers = np.where(np.zeros(numbers.shape, bool) if fill is None else fill, 0, numbers)
    path = write_raster(folder / name, numbers.astype(dtype), **raster)
    if mtl:
        suffix = path.stem.rpartition("_B")[2]
        stem = path.stem.removesuffix(f"_B{suffix}")
        text = MTL.format(satellite=sensor[len("landsat")], band=suffix, gain=gain, offset=offset)
        (folder / f"{stem}_MTL.txt").write_text(text)
    return path
