"""Retrieval of a dask-backed raster in a separate process, with its peak memory.

    python -m tests.benchmarks.arrays --side 10000 --limit 2048

generates radiance, emissivity, water vapour and air temperature lazily, different at every pixel, retrieves temperature
and uncertainty and writes both; fails if the peak memory exceeds the limit.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import measure

CHUNK = 2048
_ARRAYS = {"water_vapour": (5.0, 45.0), "air_temperature": (280.0, 300.0), "emissivity": (0.94, 0.99)}


def made(name, low, high, side, chunk):
    """Chunked array of reproducible noise."""
    import dask.array as da
    import numpy as np
    import xarray as xr

    noise = da.random.default_rng(len(name)).random((side, side), chunks=chunk, dtype=np.float32)
    place = 30.0 * np.arange(side) + 15.0
    coordinates = {"y": 6e6 - place, "x": 4e5 + place}
    return xr.DataArray(low + (high - low) * noise, dims=("y", "x"), coords=coordinates, name=name)


def work(side, folder, how, chunk, air):
    """Retrieve and write, in the measured process."""
    import threading

    import rioxarray  # noqa: F401

    import lst_raster

    radiance = made("radiance", 8.0, 10.5, side, chunk).rio.write_crs(32633)
    given = {name: made(name, *limits, side, chunk) for name, limits in _ARRAYS.items()}
    if air == "steady":
        given |= {name: float(given[name][0, 0]) for name in ("water_vapour", "air_temperature")}
    dataset = lst_raster.retrieve_array(radiance, sensor="landsat8-b10", surface_pressure=1000.0, **given)
    if how == "product":
        lst_raster.write_product(dataset, folder / "lst.tif")
    else:
        dataset.lst.rio.to_raster(folder / "lst.tif", tiled=True, blockxsize=512, blockysize=512, lock=threading.Lock())


def run(side, how="product", chunk=CHUNK, air="varied"):
    """Measure time, peak memory and size of the output."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.arrays", "--work", folder, "--side", side, "--how", how]
        found = measure([*command, "--chunk", chunk, "--air", air])
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return found, size


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.arrays", description=__doc__)
    parser.add_argument("--side", type=int, default=10_000, help="rows and columns")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="rows and columns of a chunk")
    parser.add_argument(
        "--how", choices=("product", "raster"), default="product", help="write_product or rio.to_raster"
    )
    parser.add_argument("--air", choices=("varied", "steady"), default="varied", help="per pixel, or constant")
    parser.add_argument("--limit", type=float, default=2048.0, help="largest peak memory [MiB]")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work is not None:
        work(options.side, options.work, options.how, options.chunk, options.air)
        return
    found, size = run(options.side, options.how, options.chunk, options.air)
    whole = options.side**2 / 1e6
    print(  # noqa: T201
        f"{whole:.0f} million pixels, {options.how}: {found.wall:.0f} s, {found.cpu:.0f} s CPU, "
        f"peak {found.peak:.0f} MiB, {size / 2**20:.0f} MiB written"
    )
    if found.peak > options.limit:
        sys.exit(f"peak memory exceeds {options.limit:g} MiB")


if __name__ == "__main__":
    main()
