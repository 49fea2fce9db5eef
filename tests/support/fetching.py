"""Scenes for downloads of reanalysis."""

import numpy as np
from rasterio import Affine

from lst_raster import Scene
from tests.support.factories import make_scene, write_raster
from tests.support.linear_air import START, truth

SHAPE = (60, 90)
DATE = "2015-07-19T16:20"
SOURCE_NAMES = ("era5", "era5-ncar", "era5-arco", "merra2")


def seen(folder, date=DATE):
    """Scene simulated with the linear atmosphere at a time."""
    hours = (np.datetime64(date, "s") - START) / np.timedelta64(1, "h")
    grid = write_raster(folder / "grid.tif", np.zeros(SHAPE, "u1"))
    air = {
        "water_vapour": truth("tcwv", grid, hours), "air_temperature": truth("t2m", grid, hours),
        "surface_pressure": truth("sp", grid, hours) / 100.0,
    }  # fmt: skip
    return Scene.open(make_scene(folder / "in", lst=np.full(SHAPE, 305.0), atmosphere=air), date=date), air


def scene_at(folder, west, north, date=DATE, size=0.5, lst=285.0):
    transform = Affine(size / 20, 0.0, west, 0.0, -size / 20, north)
    path = make_scene(folder / "in", lst=np.full((20, 20), lst), crs="EPSG:4326", transform=transform)
    return Scene.open(path, date=date)
