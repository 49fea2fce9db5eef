"""Seasonal map: median over a summer of cloudy scenes.

python examples/06_seasonal_composite.py

Nine synthetic scenes, one per month, with different clouds, are written as products; use the products of
`lst-raster batch` in their place. All files are written to the current folder.
"""

from pathlib import Path

import numpy as np
import rioxarray  # registers .rio
import xarray as xr

import lst_raster

SHAPE = 300, 400
DAYS = [np.datetime64(f"2015-{month:02}-12", "ns") for month in range(1, 10)]


def radiance_of(day: np.datetime64, month: int) -> xr.DataArray:
    """Radiance of one day, in W m-2 sr-1 um-1: warm in July, NaN under clouds."""
    rng = np.random.default_rng(month)
    y, x = 3_408_645 - 30.0 * (np.arange(SHAPE[0]) + 0.5), 452_475 + 30.0 * (np.arange(SHAPE[1]) + 0.5)
    values = 8.2 - 1.2 * np.cos(2 * np.pi * (month - 1) / 12) + 0.3 * np.linspace(0.0, 1.0, SHAPE[1]) + 0 * y[:, None]
    for row, column in rng.integers(0, 250, (5, 2)):
        values[row : row + 120, column : column + 120] = np.nan
    made = xr.DataArray(values.astype("f4"), dims=("y", "x"), coords={"y": y, "x": x, "time": day})
    return made.rio.write_crs(32616)


def main() -> None:
    """Write the products, and a composite of June to August."""
    folder = Path("products")
    folder.mkdir(exist_ok=True)
    for month, day in enumerate(DAYS, 1):
        dataset = lst_raster.retrieve_array(
            radiance_of(day, month), 0.97, 25.0, sensor="landsat8-b10", air_temperature=293.0, surface_pressure=1013.0
        )
        lst_raster.write_product(dataset, folder / f"LC08_{month:02}_LST.tif", overwrite=True)
    summer = lst_raster.composite(
        folder, output="summer.tif", statistic=("median", "mean"), months="6-8", overwrite=True
    )
    print(f"{len(summer.products)} products, of {summer.tags['dates']}")
    for name, path in summer.rasters.items():
        with rioxarray.open_rasterio(path, mask_and_scale=True) as raster:
            print(f"{name}: {float(raster.mean()):.2f} on average, {int(raster.isnull().sum())} pixels without, {path}")


if __name__ == "__main__":
    main()
