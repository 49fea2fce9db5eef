"""Atmosphere from a reanalysis: climatology, surface fields, and pressure levels.

python examples/02_reanalysis.py

Two small synthetic files have the layout of ERA5. `lst-raster fetch-reanalysis SCENE --levels` downloads real ones. All
files are written to the current folder.
"""

from pathlib import Path

import numpy as np
import xarray as xr

import lst_raster

SCENE = Path(__file__).parent / "data" / "LC08_alabama_B10.tif"
DATE = "2015-01-17T16:20"  # the day of the scene is unknown; this is that of the synthetic files
PLACE = {"latitude": np.arange(31.5, 29.9, -0.25), "longitude": np.arange(-88.25, -86.4, 0.25)}
TIMES = {"valid_time": np.array(["2015-01-17T16", "2015-01-17T17"], "datetime64[ns]")}
LEVELS = {"pressure_level": np.array([1000.0, 950, 900, 850, 800, 700, 600, 500, 400, 300, 250, 200])}


def field(value: float | np.ndarray, units: str, coordinates: dict) -> xr.DataArray:
    """Values on a grid, more humid and warmer in the south."""
    shape = tuple(len(axis) for axis in coordinates.values())
    south = 1.0 + 0.01 * (31.0 - PLACE["latitude"])[:, None]
    values = np.broadcast_to(value, shape) * south
    return xr.DataArray(values.astype("f4"), coordinates, tuple(coordinates), attrs={"units": units})


def write_files() -> tuple[Path, Path]:
    """Write a file of surface fields, and one of temperature and humidity on levels."""
    ground = {"tcwv": (11.0, "kg m**-2"), "t2m": (282.0, "K"), "d2m": (275.0, "K"), "sp": (101500.0, "Pa")}
    surface = {name: field(*value, TIMES | PLACE) for name, value in ground.items()}
    fraction = (LEVELS["pressure_level"] / 1000.0)[:, None, None]
    air = {"t": (281.0 * fraction**0.19, "K"), "q": (0.0042 * fraction**2.5, "kg kg**-1")}
    levels = {name: field(*value, TIMES | LEVELS | PLACE) for name, value in air.items()}
    for name, variables in (("surface", surface), ("levels", levels)):
        xr.Dataset(variables).to_netcdf(f"era5_{name}.nc", engine="h5netcdf")
    return Path("era5_surface.nc"), Path("era5_levels.nc")


def main() -> None:
    """Retrieve without inputs, with surface fields, and with levels."""
    surface, levels = write_files()
    scene = lst_raster.Scene.open(SCENE, date=DATE)
    for name, files in (("climatology", []), ("surface", [surface]), ("profile", [surface, levels])):
        product = lst_raster.retrieve(
            scene, output=f"{name}_LST.tif", emissivity=0.97, reanalysis=files, overwrite=True
        )
        dataset = lst_raster.open_product(product.path)
        mean, uncertainty = float(dataset.lst.mean()), float(dataset.lst_uncertainty.mean())
        print(f"{name}: {mean:.2f} K, uncertainty {uncertainty:.2f} K, by {product.tags['model']}")
        print(f"  water vapour: {product.tags['water_vapour']}")


if __name__ == "__main__":
    main()
