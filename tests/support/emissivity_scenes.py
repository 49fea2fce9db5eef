"""Additional files for synthetic scenes: red and near infrared bands, quality band, tiles of ASTER GED."""

import h5py
import numpy as np
from rasterio import Affine

from tests.support.factories import write_raster

SUN = 41.8103148957786  # [degree]: its sine is 2/3


def add_reflectance(scene, red, near_infrared, *, sun=SUN, constants=True):
    """Write bands B4 and B5 of Landsat 8 with given reflectances (0 is fill), and their calibration to the MTL."""
    stem = scene.name.rpartition("_B")[0]
    sine = np.sin(np.radians(sun))
    for band, values in (("B4", red), ("B5", near_infrared)):
        numbers = np.where(np.isnan(values), 0, np.rint((np.asarray(values) * sine + 0.1) / 2e-5)).astype("uint16")
        write_raster(scene.parent / f"{stem}_{band}.TIF", numbers)
    lines = [f"    SUN_ELEVATION = {sun}"] if sun is not None else []
    if constants:
        for band in (4, 5):
            lines += [f"    REFLECTANCE_MULT_BAND_{band} = 2.0E-05", f"    REFLECTANCE_ADD_BAND_{band} = -0.1"]
    add_metadata(scene, lines)


def add_metadata(scene, lines):
    """Add entries to the MTL file of a scene."""
    mtl = scene.parent / f"{scene.name.rpartition('_B')[0]}_MTL.txt"
    group = "  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING"
    mtl.write_text(mtl.read_text().replace(group, "\n".join([*lines, group])))


def add_quality(scene, *, water=None, snow=None):
    """Write a QA_PIXEL band of Collection 2, clear except for water and snow."""
    shape = next(mask.shape for mask in (water, snow) if mask is not None)
    bits = np.full(shape, 21824)
    for mask, bit in ((water, 7), (snow, 5)):
        if mask is not None:
            bits = np.where(mask, bits | 1 << bit, bits)
    return write_raster(scene.parent / f"{scene.name.rpartition('_B')[0]}_QA_PIXEL.TIF", bits.astype("uint16"))


def make_tile(folder, north, west, *, mean, spread=0.0, index=0.0, gap=None, name=None, size=1000, edges=False):
    """Write a tile of ASTER GED with north-western corner (north, west).

    `mean` is a function of latitude and longitude for the emissivity of bands 13 and 14; `gap` returns True where it
    is missing. AG100 has 1000 rows and columns, AG1km 100; with `edges` the coordinates in the file range from one edge
    of the tile to the other.
    """
    cells = (np.arange(size) + 0.5) / size
    latitude, longitude = north - cells, west + cells
    latitudes, longitudes = np.meshgrid(latitude, longitude, indexing="ij")
    bands = np.full((5, size, size), 0.9)
    bands[3], bands[4] = mean(latitudes, longitudes)
    stored = np.rint(bands * 1000).astype("int16")
    if gap is not None:
        stored[:, gap(latitudes, longitudes)] = -9999
    path = folder / (name or f"AG100.v003.{north:02d}.{west:04d}.0001.h5")
    if edges:
        latitudes, longitudes = np.meshgrid(
            north - np.linspace(0, 1, size), west + np.linspace(0, 1, size), indexing="ij"
        )
    with h5py.File(path, "w") as file:
        file["Emissivity/Mean"] = stored
        file["Emissivity/SDev"] = np.full(stored.shape, round(spread * 1e4), "int16")
        file["NDVI/Mean"] = np.full((size, size), round(index * 100), "int16")
        file["Geolocation/Latitude"] = latitudes.astype("f4")
        file["Geolocation/Longitude"] = longitudes.astype("f4")
    return path


DEGREES = {"crs": "EPSG:4326", "transform": Affine(0.0005, 0, -87.5, 0, -0.0005, 30.83)}
"""Geographic grid that covers the synthetic scenes. [degree]"""
