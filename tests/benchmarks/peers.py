"""Land surface temperature with other methods and packages: ``python -m tests.benchmarks.peers NAME``.

They read bands 10, 4 and 5, derive the emissivity from the vegetation index and neglect the atmosphere or assume it.
Time and memory are compared, not temperatures.
"""

import sys
from pathlib import Path

import numpy as np
import rasterio

from tests.benchmarks.benchmark_scene import GAIN, K1, K2, OFFSET, STEM

_BLOCK = 256


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


PEERS = {"notebook": notebook, "expression": expression, "pylandtemp": pylandtemp}


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
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
