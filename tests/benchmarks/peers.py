"""Land surface temperature with other methods and packages: ``python -m tests.benchmarks.peers NAME``.

They read bands 10, 4 and 5, derive the emissivity from the vegetation index and neglect the atmosphere or assume it.
Time and memory are compared, not temperatures. `reading` and `writing` are the least that a retrieval does.
"""

import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, get_ident

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from tests.benchmarks.benchmark_scene import GAIN, K1, K2, OFFSET, STEM, SUN_ELEVATION

_BLOCK = 256
_TILE = 512  # of a product
_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
_BANDS = ("B10", "B4", "B5", "QA_PIXEL")
_TRANSMITTANCE, _UPWELLING, _DOWNWELLING = 0.685, 2.42, 3.68  # of lst-raster for the numbers of the benchmark
_MASKED = 0b11111  # fill, dilated cloud, cirrus, cloud, cloud shadow


def notebook(folder, target):
    """Whole arrays in float64, as in most notebooks; the baseline."""
    b10, b4, b5 = (_open(folder, band).read(1) for band in ("B10", "B4", "B5"))
    with np.errstate(all="ignore"):
        lst = _temperature(b10.astype("f8"), b4.astype("f8"), b5.astype("f8"))
    lst[b10 == 0] = np.nan
    with rasterio.open(target, "w", **_profile(folder), num_threads="all_cpus") as out:
        out.write(lst.astype("f4"), 1)


def expression(folder, target):
    """One expression over rows of blocks, as in raster calculators."""
    bands = [_open(folder, band) for band in ("B10", "B4", "B5")]
    with rasterio.open(target, "w", **_profile(folder)) as out:
        for row in range(0, out.height, _BLOCK):
            window = ((row, min(row + _BLOCK, out.height)), (0, out.width))
            b10, b4, b5 = (band.read(1, window=window).astype("f8") for band in bands)
            with np.errstate(all="ignore"):
                out.write(np.where(b10 == 0, np.nan, _temperature(b10, b4, b5)).astype("f4"), 1, window=window)


def pylandtemp(folder, target):
    """Package pylandtemp, mono-window with the emissivity of Avdan."""
    from pylandtemp import single_window

    b10, b4, b5 = (_open(folder, band).read(1) for band in ("B10", "B4", "B5"))
    with np.errstate(all="ignore"):
        lst = single_window(b10, b4, b5, lst_method="mono-window", emissivity_method="avdan", unit="kelvin")
    with rasterio.open(target, "w", **_profile(folder)) as out:
        out.write(lst.astype("f4"), 1)


def cog_driver(folder, target):
    """Prototype of ``lst-raster retrieve --lst-only --dtype uint16 --compress zstd`` with GDAL's COG driver."""
    sides = {"blockxsize": _TILE, "blockysize": _TILE}
    form = {**_profile(folder), "dtype": "uint16", "nodata": 0, "compress": "NONE", "predictor": 1, **sides}
    with TemporaryDirectory(dir=target.parent) as temporary, ThreadPoolExecutor(_THREADS) as pool:
        path, lock = Path(temporary) / "lst.tif", Lock()
        with rasterio.open(path, "w", **form) as out:
            out.scales = (0.01,)

            def write(window):
                numbers = _numbers(*_read(folder, window))
                with lock:
                    out.write(numbers, 1, window=window)

            list(pool.map(write, _windows(folder)))
        rasterio.shutil.copy(
            path, target, driver="COG", blocksize=_TILE, compress="ZSTD", level=1, predictor="YES",
            overview_predictor="YES", overview_resampling="AVERAGE", num_threads="ALL_CPUS",
        )  # fmt: skip


def reading(folder, target):
    """Read the bands of a retrieval block by block, in a thread for each core."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda window: _read(folder, window) and None, _windows(folder)))


def writing(folder, target):
    """Write the rasters of a product from arrays mapped into memory, which the first run makes."""
    from lst_raster.io.grid import Grid
    from lst_raster.product.cog import new_cog
    from lst_raster.product.paths import OutputFormat, ProductPaths, quality_layer, temperature_layer, uncertainty_layer

    form, grid, windows = OutputFormat(), Grid.of(_open(folder, "B10")), _windows(folder)
    layers = {"lst": temperature_layer(form), "uncertainty": uncertainty_layer(form), "quality": quality_layer()}
    if not (folder / "quality.npy").exists():
        from lst_raster import retrieve

        atmosphere = {"water_vapour": 29.0, "air_temperature": 294.0, "surface_pressure": 1000.0}
        retrieve(folder, output=folder / "lst.tif", overwrite=True, emissivity="ndvi", **atmosphere)
        for role in layers:
            with rasterio.open(ProductPaths(temperature=folder / "lst.tif").of(role)) as raster:
                np.save(folder / f"{role}.npy", raster.read(1))
    with ThreadPoolExecutor(_THREADS) as pool:
        for role, layer in layers.items():
            numbers = np.asarray(np.load(folder / f"{role}.npy", mmap_mode="r"))
            with new_cog(ProductPaths(temperature=target).of(role), grid, layer) as cog:
                list(pool.map(lambda at, cog=cog, numbers=numbers: cog.write(numbers[at.toslices()], at), windows))


PEERS = {
    "notebook": notebook, "expression": expression, "pylandtemp": pylandtemp, "COG driver": cog_driver,
    "reading": reading, "writing": writing,
}  # fmt: skip


def _windows(folder):
    """Windows of blocks of a product."""
    with _open(folder, "B10") as band:
        corners = product(range(0, band.height, _TILE), range(0, band.width, _TILE))
        return [Window(x, y, min(_TILE, band.width - x), min(_TILE, band.height - y)) for y, x in corners]


def _read(folder, window):
    return [_opened(folder, band, get_ident()).read(1, window=window) for band in _BANDS]


@cache
def _opened(folder, band, thread):
    """Dataset of one thread."""
    return _open(folder, band)


def _numbers(b10, b4, b5, quality):
    """Temperature from the radiative transfer equation with one atmosphere, 0 where masked. [0.01 K]"""
    b10, b4, b5 = (band.astype("f4") for band in (b10, b4, b5))
    sun = math.sin(math.radians(SUN_ELEVATION))
    red, infrared = (b4 * 2e-5 - 0.1) / sun, (b5 * 2e-5 - 0.1) / sun
    with np.errstate(all="ignore"):
        cover = (((infrared - red) / (infrared + red) - 0.2) / 0.3).clip(0, 1) ** 2
        emissivity = 0.987 * cover + (0.979 - 0.046 * red) * (1 - cover)
        leaving = (b10 * GAIN + (OFFSET - _UPWELLING)) / _TRANSMITTANCE
        kelvin = K2 / np.log(K1 * emissivity / (leaving - (1 - emissivity) * _DOWNWELLING) + 1)
        return np.where(quality & _MASKED, 0, np.rint(kelvin * 100)).astype("u2")


def _open(folder, band):
    return rasterio.open(folder / f"{STEM}_{band}.TIF")


def _profile(folder):
    with _open(folder, "B10") as band:
        return {**band.profile, "dtype": "float32", "nodata": np.nan, "predictor": 3}


def _temperature(b10, b4, b5):
    """Brightness temperature corrected for emissivity from the vegetation fraction. [K]"""
    kelvin = K2 / np.log(K1 / (b10 * GAIN + OFFSET) + 1)
    red, infrared = b4 * 2e-5 - 0.1, b5 * 2e-5 - 0.1
    cover = (((infrared - red) / (infrared + red) - 0.2) / 0.3).clip(0, 1) ** 2
    emissivity = 0.004 * cover + 0.986
    return kelvin / (1 + (10.895 * kelvin / 14388) * np.log(emissivity))


if __name__ == "__main__":
    if sys.argv[1] in ("COG driver", "reading"):
        os.environ["GDAL_CACHEMAX"] = "64"  # as lst-raster [MiB]; the default, 5 % of the memory, is slower
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
