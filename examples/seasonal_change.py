"""Land surface temperature of two days as one array, and how much warmer the second was.

python examples/seasonal_change.py FOLDER

Two small images are made up here, so that the example runs by itself; in their place read any rasters of radiance with
`rioxarray.open_rasterio`. The water vapour is one number a day, the emissivity one map for both. FOLDER gets
the two temperatures and their difference.
"""

import sys
import threading
from pathlib import Path

import numpy as np
import rioxarray  # noqa: F401  # makes .rio known
import xarray as xr

import lst_raster

SHAPE = 600, 800
DAYS = np.array(["2015-01-17", "2015-07-28"], "datetime64[ns]")


def made_up() -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Radiance, emissivity and water vapour, as files would give them."""
    y, x = 3_408_645 - 30.0 * (np.arange(SHAPE[0]) + 0.5), 452_475 + 30.0 * (np.arange(SHAPE[1]) + 0.5)
    ground = xr.DataArray(np.linspace(0.0, 1.0, SHAPE[1]), dims="x", coords={"x": x})
    rows = xr.DataArray(np.linspace(0.0, 1.0, SHAPE[0]), dims="y", coords={"y": y})
    days = xr.DataArray([7.2, 9.0], dims="time", coords={"time": DAYS})
    radiance = (days + 0.8 * ground + 0.3 * rows).astype("f4").transpose("time", "y", "x").chunk(x=512, y=512)
    emissivity = (0.95 + 0.04 * ground * xr.ones_like(rows)).astype("f4")
    vapour = xr.DataArray([11.0, 38.0], dims="time", coords={"time": DAYS}, attrs={"units": "kg m-2"})
    return radiance.rio.write_crs(32616), emissivity, vapour


def main(folder: Path) -> None:
    """Retrieve, compare and write."""
    radiance, emissivity, vapour = made_up()
    air_temperature = xr.DataArray([9.0, 31.0], dims="time", coords={"time": DAYS}, attrs={"units": "degC"})
    dataset = lst_raster.retrieve_array(
        radiance, emissivity, vapour, sensor="landsat8-b10", air_temperature=air_temperature, surface_pressure=1010.0
    )
    change = dataset.lst.isel(time=1) - dataset.lst.isel(time=0)
    unsure = np.hypot(dataset.lst_uncertainty.isel(time=1), dataset.lst_uncertainty.isel(time=0))
    print(f"warmer by {float(change.mean()):.1f} K, known to {float(unsure.mean()):.1f} K")
    for day in DAYS:
        lst_raster.write_product(dataset.sel(time=day), folder / f"{day.astype('datetime64[D]')}_LST.tif")
    change.rio.to_raster(folder / "change.tif", tiled=True, lock=threading.Lock())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
