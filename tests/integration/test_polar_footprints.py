"""Footprints of grids around poles and across the date line, compared with the places of pixels."""

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from shapely.geometry import Point, shape

from lst_raster.io.grid import Grid
from lst_raster.product.stac import footprint
from tests.support.factories import make_scene, ramp


def at(crs, x, y, step):
    transform = Affine(step, 0, x, 0, -step, y)
    return Grid(crs=rasterio.CRS.from_string(crs), transform=transform, height=60, width=70)


GRIDS = {
    "south pole": at("EPSG:3031", -1000, 900, 30),
    "south pole on a corner": at("EPSG:3031", 0, 0, 30),
    "Antarctica": at("EPSG:3031", 300_000, 400_000, 30),
    "Antarctica, date line": at("EPSG:3031", -1000, -1_500_000, 30),
    "north pole": at("EPSG:3995", -1000, 900, 30),
    "north pole on an edge": at("EPSG:3995", -1050, 1800, 30),
    "north pole on an edge, 45 W": at("EPSG:3413", -1050, 1800, 30),
    "Arctic, date line": at("EPSG:3413", -1_500_000, 1_500_000, 240),
    "UTM 60, 81 N": at("EPSG:32660", 619_000, 9_000_000, 30),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_footprint_is_valid_and_contains_the_pixels_and_no_others(name):
    grid = GRIDS[name]
    outline = shape(footprint(grid).geometry)
    assert outline.is_valid
    share = np.random.default_rng(1).uniform(0.0, 1.0, (400, 2))
    for low, high, expected in ((1.0, -1.0, True), (-2.0, -1.0, False)):
        row = low + share[:, 0] * (grid.height + high - low if expected else high - low)
        column = 1.0 + share[:, 1] * (grid.width - 2.0)
        latitude, longitude = grid.degrees(column, row)
        points = zip((np.asarray(longitude) + 180.0) % 360.0 - 180.0, latitude, strict=True)
        assert {outline.covers(Point(*point)) for point in points} == {expected}


@pytest.mark.parametrize(("name", "mtl", "code"), [("Antarctica", True, 0), ("Antarctica", False, 1)])
def test_ground_of_the_polar_night_is_no_error_with_the_metadata_of_level_1(tmp_path, command, name, mtl, code):
    grid = GRIDS[name]
    dry = {"water_vapour": 0.5, "surface_pressure": 690.0, "air_temperature": 225.0}
    scene = make_scene(
        tmp_path / "in", lst=ramp(205, 206.9), atmosphere=dry, crs=grid.crs, transform=grid.transform, mtl=mtl
    )
    found, _, err = command("retrieve", scene, "--emissivity", "0.97", "-o", tmp_path / "o.tif")
    assert found == code, err
    assert code == 0 or "that of the highest clouds" in err[-1]
