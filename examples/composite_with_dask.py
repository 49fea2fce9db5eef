"""Median over time of products of one grid, by xarray and dask instead of `lst-raster composite`.

python examples/composite_with_dask.py OUT.tif PRODUCT_LST.tif [PRODUCT_LST.tif ...]

Any other reduction of xarray may stand for the median. A `dask.distributed.Client` that is made before spreads the work
over machines.
"""

import sys

import rioxarray
import xarray

TILE = {"x": 512, "y": 512}  # as the blocks of the products: each is read once


def main(target: str, products: list[str]) -> None:
    """Write the median."""
    rasters = [rioxarray.open_rasterio(path, chunks=TILE, mask_and_scale=True).squeeze("band") for path in products]
    stack = xarray.concat(rasters, dim="time", join="exact").chunk({"time": -1})  # the median needs all dates at once
    median = stack.median("time").rio.write_crs(rasters[0].rio.crs)
    median.astype("float32").rio.to_raster(target)
    print(target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
