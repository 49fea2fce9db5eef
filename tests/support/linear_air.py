"""Atmospheric fields linear in latitude, longitude and time, so that interpolation is exact."""

import numpy as np
import rasterio
from pyproj import Transformer

SLOPES = {
    "tcwv": (20.0, 4.0, 3.0, 1.5), "t2m": (295.0, -5.0, 2.0, 1.0), "sp": (1000e2, -800.0, 500.0, 30.0),
    "d2m": (288.0, -3.0, 1.0, 0.5), "q2m": (0.011, 1e-3, -1e-3, 1e-4), "z": (0.0, 0.0, 0.0, 0.0),
}  # fmt: skip
START = np.datetime64("2015-07-19T16:00", "s")
"""Reference time of the hours."""


def linear(name, latitude, longitude, hours):
    """Value of the field at a location, hours after `START`; longitude from 0 to 360."""
    value, north, east, later = SLOPES[name]
    return value + north * (latitude - 30.8) + east * (longitude - 272.5) + later * hours


def truth(name, path, hours=1.0 / 3.0):
    """Linear field at the pixel centres of a raster."""
    with rasterio.open(path) as dataset:
        rows, columns = np.mgrid[: dataset.height, : dataset.width] + 0.5
        x, y = dataset.transform.c + 30.0 * columns, dataset.transform.f - 30.0 * rows
        longitude, latitude = Transformer.from_crs(dataset.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return linear(name, latitude, longitude % 360.0, hours)


def periodic_in_longitude(name, times, latitude, longitude):
    """Field that varies with longitude and is periodic, shape (time, latitude, longitude)."""
    value = SLOPES[name][0] * (1.0 + 0.01 * np.sin(np.radians(np.asarray(longitude, float) - 40.0)))
    return np.broadcast_to(value, (len(times), len(latitude), len(longitude)))


def cube(name, times, latitude, longitude):
    """Linear field, shape (time, latitude, longitude)."""
    hours = (np.asarray(times, "datetime64[s]") - START) / np.timedelta64(1, "h")
    north, east = np.asarray(latitude, float), np.asarray(longitude, float) % 360.0
    return linear(name, north[:, None], east, hours[:, None, None])
