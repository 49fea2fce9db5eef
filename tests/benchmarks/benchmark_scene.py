"""Benchmark scene: Landsat 8, Collection 2, with size, noise and fill of a real one."""

import math
from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.windows import Window

FULL = (7800, 7600)
"""Rows and columns of a full scene."""
STEM = "LC08_L1TP_190026_20220719_20220726_02_T1"
K1, K2 = 774.8853, 1321.0789  # of band 10; [W m-2 sr-1 um-1], [K]
GAIN, OFFSET = 3.342e-4, 0.1
SUN_ELEVATION = 58.1  # [degree]
FILL, CLEAR = 1, 21824
_STRIP = 512
_LEVELS = np.array([10, 30, 50, 70, *range(100, 751, 50), *range(775, 1001, 25)], float)  # [hPa]
_HOURS = np.array(["2022-07-19T09", "2022-07-19T10"], "datetime64[s]")  # around the time in the metadata
_MTL = f"""GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "{STEM}"
    PROCESSING_LEVEL = "L1TP"
    COLLECTION_NUMBER = 02
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_8"
    SENSOR_ID = "OLI_TIRS"
    DATE_ACQUIRED = 2022-07-19
    SCENE_CENTER_TIME = "09:53:12.1234560Z"
    SUN_ELEVATION = {SUN_ELEVATION}
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    RADIANCE_MULT_BAND_10 = {GAIN:.4E}
    RADIANCE_ADD_BAND_10 = {OFFSET:.5f}
    REFLECTANCE_MULT_BAND_4 = 2.0000E-05
    REFLECTANCE_MULT_BAND_5 = 2.0000E-05
    REFLECTANCE_ADD_BAND_4 = -0.100000
    REFLECTANCE_ADD_BAND_5 = -0.100000
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
  GROUP = LEVEL1_THERMAL_CONSTANTS
    K1_CONSTANT_BAND_10 = {K1}
    K2_CONSTANT_BAND_10 = {K2}
  END_GROUP = LEVEL1_THERMAL_CONSTANTS
END_GROUP = LANDSAT_METADATA_FILE
"""


def profile(shape):
    """Raster profile of a band as distributed."""
    return {
        "driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "uint16", "crs": "EPSG:32633",
        "transform": Affine(30, 0, 399885, 0, -30, 5400015), "tiled": True, "blockxsize": 256, "blockysize": 256,
        "compress": "DEFLATE", "predictor": 2, "nodata": 0,
    }  # fmt: skip


def shape_of(megapixels):
    """Shape of a scene of a size in million pixels, in the proportions of a full one."""
    scale = math.sqrt(megapixels * 1e6 / (FULL[0] * FULL[1]))
    return round(FULL[0] * scale), round(FULL[1] * scale)


def make_benchmark_scene(folder: Path, shape=FULL) -> Path:
    """Write bands 4, 5 and 10, quality band, emissivity raster, elevation (0 to 2500 m), ERA5-like fields and metadata.

    ERA5-like fields are on single levels and on pressure levels. Returns the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    fields = _fields(rng)
    names = {name: f"{STEM}_{name}.TIF" for name in ("B4", "B5", "B10", "QA_PIXEL")} | {"emissivity": "emissivity.tif"}
    out = {name: rasterio.open(folder / file, "w", **profile(shape)) for name, file in names.items()}
    out["dem"] = rasterio.open(folder / "dem.tif", "w", **profile(shape) | {"dtype": "int16", "nodata": -32768})
    relief = _fields(np.random.default_rng(8))
    out["emissivity"].scales = (1e-4,)
    for row in range(0, shape[0], _STRIP):
        rows = np.arange(row, min(row + _STRIP, shape[0]))
        for name, values in _bands(rng, fields, rows, shape).items():
            out[name].write(values.astype("u2"), 1, window=Window(0, row, shape[1], len(rows)))
        out["dem"].write(_elevation(relief, rows, shape), 1, window=Window(0, row, shape[1], len(rows)))
    _write_reanalysis(folder, out["B10"])
    for dataset in out.values():
        dataset.close()
    (folder / f"{STEM}_MTL.txt").write_text(_MTL)
    return folder


def _fields(rng):
    """Random fields by number of nodes in each direction."""
    return {nodes: rng.standard_normal((nodes, nodes)).astype("f4") for nodes in (6, 40, 200, 300, 1500)}


def _elevation(relief, rows, shape):
    """Elevation of a strip: mountains with valleys. [m]"""
    smooth = {nodes: _stretched(relief[nodes], rows, shape) for nodes in (6, 40, 300)}
    return (1250 + 700 * smooth[6] + 350 * smooth[40] + 60 * smooth[300]).clip(0, 2500).round().astype("i2")


def _write_reanalysis(folder, dataset):
    """Write ERA5-like fields around a scene, hourly, 0.25 degrees: single levels, and pressure levels."""
    from lst_raster.io.grid import Grid, box_over  # here: the programs compared do not need them
    from tests.support.reanalysis_files import write_levels, write_reanalysis

    box = box_over(Grid.of(dataset)).widened(0.25, 0.25)
    latitude, longitude = np.arange(box.north, box.south - 0.1, -0.25), np.arange(box.west, box.east + 0.1, 0.25)
    hour, north, east = np.meshgrid([0.0, 1.0], latitude, longitude, indexing="ij")
    ground = 700 + 400 * np.sin(2.0 * north) * np.cos(1.5 * east)  # [m]
    fields = {
        "tcwv": 24 - 0.6 * (north - 47) + 0.5 * (east - 15) + hour - ground / 200,
        "t2m": 297 - 0.7 * (north - 47) + 1.5 * hour - 0.0065 * ground,
        "sp": 101325 * np.exp(-ground / 8400) + 20 * (east - 15), "z": 9.80665 * ground,
    }  # fmt: skip
    where = {"latitude": latitude, "longitude": longitude, "times": _HOURS}
    write_reanalysis(folder / "era5.nc", fields, **where)
    depth = 100 * _LEVELS[:, None, None] / fields["sp"][:, None]  # pressure relative to that at the surface [1]
    kelvin = fields["t2m"][:, None] * depth.clip(0.2) ** 0.19  # isothermal above the tropopause
    humidity = 4 * 9.80665 * (fields["tcwv"] / fields["sp"])[:, None] * depth**3  # its integral is the water vapour
    write_levels(folder / "era5-levels.nc", {"t": kelvin, "q": humidity}, levels=_LEVELS, **where)


def _bands(rng, fields, rows, shape):
    """Digital numbers of a strip."""
    valid = _valid(rows, shape)
    smooth = {nodes: _stretched(field, rows, shape) for nodes, field in fields.items()}
    green = 1 / (1 + np.exp(-1.2 * (smooth[40] + 0.6 * smooth[300] + 0.5 * smooth[1500])))

    def noisy(values, sigma):
        return values + sigma * rng.standard_normal(values.shape, dtype="f4")

    kelvin = noisy(305 - 14 * green + 4 * smooth[6] + 1.5 * smooth[200], 0.12)
    values = {
        "B4": (noisy(0.22 - 0.17 * green, 0.006).clip(0.005, 0.9) + 0.1) / 2e-5,
        "B5": (noisy(0.24 + 0.22 * green, 0.008).clip(0.005, 0.95) + 0.1) / 2e-5,
        "B10": ((K1 / np.expm1(K2 / kelvin) - OFFSET) / GAIN).clip(1, 65535),
        "emissivity": noisy(0.965 + 0.022 * green, 0.002).clip(0.9, 0.995) * 1e4,
    }
    bands = {name: np.where(valid, numbers.round(), 0) for name, numbers in values.items()}
    return {**bands, "QA_PIXEL": np.where(valid, CLEAR, FILL)}


def _valid(rows, shape):
    """Mask of valid pixels: a rotated square."""
    y, x = (rows / shape[0])[:, None], (np.arange(shape[1]) / shape[1])[None]
    u, v = x * math.cos(0.24) + y * math.sin(0.24), y * math.cos(0.24) - x * math.sin(0.24)
    return (u > 0.2) & (u < 1.01) & (v > -0.02) & (v < 0.77)


def _stretched(field, rows, shape):
    """Part of a random field, interpolated bilinearly over the scene."""
    last = len(field) - 1.001
    r, c = rows / (shape[0] - 1) * last, np.arange(shape[1]) / (shape[1] - 1) * last
    (ri, ci), (fr, fc) = (r.astype(int), c.astype(int)), ((r % 1).astype("f4")[:, None], (c % 1).astype("f4")[None])
    top = field[ri][:, ci] * (1 - fc) + field[ri][:, ci + 1] * fc
    bottom = field[ri + 1][:, ci] * (1 - fc) + field[ri + 1][:, ci + 1] * fc
    return top * (1 - fr) + bottom * fr
