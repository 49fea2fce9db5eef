"""Products written without a scene, and a reference computation of their overviews."""

from dataclasses import replace

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from lst_raster.io.grid import Grid
from lst_raster.product.cog import new_cog
from lst_raster.product.layers import Layer

FLOATS = Layer(description="land surface temperature", units="K")
STEPS = Layer(description="land surface temperature", units="K", dtype="uint16", scale=0.01, nodata=0)
BITS = Layer(description="quality", dtype="uint16", nodata=1, resampling="nearest")
FLAGS = Layer(description="flag", dtype="uint32", nodata=None, resampling="nearest")
ROUNDED = replace(FLOATS, step=1 / 128)
LAYERS = {"floats": FLOATS, "rounded": ROUNDED, "steps": STEPS, "bits": BITS, "flags": FLAGS}


def grid_of(shape, crs="EPSG:32633"):
    """Grid of a shape."""
    transform = Affine(30, 0, 399885, 0, -30, 5400015) if crs else Affine.identity()
    return Grid(crs=CRS.from_user_input(crs) if crs else None, transform=transform, height=shape[0], width=shape[1])


def kelvin(shape, seed=0, gaps=True):
    """Temperatures with noise and gaps, some larger than a block. [K]"""
    rng = np.random.default_rng(seed)
    values = rng.uniform(270, 320, shape).astype("f4")
    if gaps:
        values[rng.random(shape) < 0.2] = np.nan
        values[: shape[0] // 2, : shape[1] // 2] = np.nan
    return values


def classes(shape, seed=0):
    """Clustered small integers, including 0 and 1."""
    rng = np.random.default_rng(seed)
    clumps = rng.integers(0, 5, (-(-shape[0] // 3), -(-shape[1] // 3)), dtype=np.uint8)
    values = np.kron(clumps, np.ones((3, 3), np.uint8))[: shape[0], : shape[1]]
    values[: shape[0] // 2, : shape[1] // 2] = 0
    return values


def values_of(layer, shape, seed=0):
    """Valid values of a layer."""
    return kelvin(shape, seed) if layer.resampling == "average" else classes(shape, seed)


def windows_of(shape, step):
    """Windows of at most `step` pixels that cover a raster, row by row."""
    rows, columns = step if isinstance(step, tuple) else (step, step)
    return [
        Window(column, row, min(columns, shape[1] - column), min(rows, shape[0] - row))
        for row in range(0, shape[0], rows)
        for column in range(0, shape[1], columns)
    ]


def write_cog(target, values, layer=FLOATS, *, crs="EPSG:32633", tags=None, step=512, **options):
    """Write a product window by window."""
    with new_cog(target, grid_of(values.shape, crs), layer, **options) as cog:
        for window in windows_of(values.shape, step):
            cog.write(cut(values, window), window)
        cog.tags.update(tags or {})
    return target


def cut(values, window):
    """Values in a window."""
    return values[window.row_off : window.row_off + window.height, window.col_off : window.col_off + window.width]


def levels_of(path):
    """Stored values: full resolution, then every overview."""
    with rasterio.open(path) as dataset:
        levels = [dataset.read(1)]
        count = len(dataset.overviews(1))
    for level in range(count):
        with rasterio.open(path, overview_level=level) as dataset:
            levels.append(dataset.read(1))
    return levels


def expected_overview(layer, values):
    """Overview of a level, computed pixel by pixel."""
    rows, columns = (-(-side // 2) for side in values.shape)
    overview = np.empty((rows, columns), values.dtype)
    for row in range(rows):
        for column in range(columns):
            four = values[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().tolist()
            overview[row, column] = _one_of(layer, four)
    return overview


def _one_of(layer, four):
    if layer.resampling == "nearest":
        return four[0]
    valid = [value for value in four if value == value and value != layer.nodata]
    if not valid:
        return layer.nodata
    mean = sum(valid) / len(valid)
    if layer.dtype != "float32":
        return int(mean + 0.5)
    return round(mean / layer.step) * layer.step if layer.step else mean
