"""Zones and time series of synthetic scenes: time and peak memory of the commands.

    python -m tests.benchmarks.areas --side 7800 --products 20 --folder FOLDER

makes scenes with components of the uncertainty, 500 polygons that cover a scene and points, or uses those of an earlier
run in the folder, and measures `zones` with one scene and `series` with all of them, each in a separate process.
"""

import argparse
import datetime
import shutil
import sys
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely

from lst_raster.physics.correlated_errors import Components
from lst_raster.product.paths import (
    COMPONENTS,
    OutputFormat,
    ProductPaths,
    component_layer,
    quality_layer,
    temperature_layer,
)
from tests.benchmarks.measure import measure
from tests.support.composites import CLEAR, grid_at
from tests.support.product_sets import TAGS, write_raster_of

_MAIN = "import sys; from lst_raster.cli.main import main; main(sys.argv[1:])"
_FORM = OutputFormat()
_FIRST = datetime.date(2010, 1, 1)


def _smooth(side, nodes, low, high, rng):
    """Field of a number of random nodes along a side, interpolated linearly."""
    values = rng.uniform(low, high, (nodes, nodes)).astype("f4")
    place = np.linspace(0, nodes - 1.001, side)
    first, share = place.astype(int), (place % 1.0).astype("f4")
    rows = values[first] * (1 - share)[:, None] + values[first + 1] * share[:, None]
    return rows[:, first] * (1 - share) + rows[:, first + 1] * share


def make_scene(path, side):
    """Write a product with noise, a quarter of it clouds and fill, and smooth components of the uncertainty."""
    rng = np.random.default_rng(0)
    lst = _smooth(side, 400, 280, 320, rng) + rng.standard_normal((side, side), dtype="f4")
    cloud = _smooth(side, 30, -1, 1, rng) > 0.45
    rows, columns = np.ogrid[0:side, 0:side]
    edge = columns + 0.2 * rows
    fill = (edge < 0.17 * side) | (edge > 1.03 * side)
    missing = cloud | fill
    lst[missing] = np.nan
    noise = 0.02 * rng.standard_normal((side, side), dtype="f4")
    parts = Components(
        random=0.08 + 0.0005 * (lst - 300), atmosphere=_smooth(side, 60, 0.6, 1.0, rng),
        surface=_smooth(side, 500, 0.3, 0.7, rng) + noise, systematic=np.full((side, side), 0.15, "f4"),
    )  # fmt: skip
    paths, grid = ProductPaths(temperature=path), grid_at((side, side))
    for role, part in zip(COMPONENTS, parts, strict=True):
        values = np.where(missing, np.float32(np.nan), part)
        write_raster_of(paths.of(role), values, component_layer(role, _FORM), grid=grid)
    bits = np.where(fill, 1, np.where(cloud, CLEAR | 2, CLEAR)).astype("u4")
    write_raster_of(paths.quality, bits, quality_layer(), grid=grid)
    write_raster_of(path, lst, temperature_layer(_FORM), grid=grid, tags={**TAGS, "acquisition_date": str(_FIRST)})


def copy_scene(source, target, number):
    """Copy a product to another date; components and quality are links."""
    for file in source.parent.glob(f"{source.stem}_*.tif"):
        target.with_name(file.name.replace(source.stem, target.stem)).symlink_to(file.resolve())
    shutil.copyfile(source, target)
    with rasterio.open(target, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.update_tags(acquisition_date=str(_FIRST + datetime.timedelta(16 * number)))


def make_places(folder, side, polygons, points):
    """Write polygons that cover a scene, points scattered over it, and points in its middle, 60 km wide."""
    grid, rng = grid_at((side, side)), np.random.default_rng(1)
    left, top, width = grid.transform.c, grid.transform.f, 30.0 * side
    box = shapely.box(left, top - width, left + width, top)

    def scattered(number, within):
        x, y = (rng.uniform(-within / 2, within / 2, number) for _ in range(2))
        return shapely.points(left + width / 2 + x, top - width / 2 + y)

    cells = shapely.voronoi_polygons(shapely.MultiPoint(list(scattered(polygons, width))), extend_to=box)
    tiles = [shapely.segmentize(shapely.intersection(cell, box), 300.0) for cell in cells.geoms]
    near, far = scattered(points, min(60e3, width)), scattered(points, width)
    for name, places in (("polygons", tiles), ("scattered", far), ("near", near)):
        frame = geopandas.GeoDataFrame({"name": [f"p{n}" for n in range(len(places))]}, geometry=list(places))
        frame.set_crs(grid.crs).to_file(folder / f"{name}.gpkg")


def run(folder, side, products, polygons=500, points=1000):
    """Make the scenes and places that are missing, and measure; returns runs by name."""
    scenes = folder / f"scenes{side}"
    scenes.mkdir(parents=True, exist_ok=True)
    first = scenes / "S000_LST.tif"
    if not first.exists():
        make_scene(first, side)
    for number in range(1, products):
        target = scenes / f"S{number:03}_LST.tif"
        if not target.exists():
            copy_scene(first, target, number)
    make_places(folder, side, polygons, points)
    sources = [scenes / f"S{number:03}_LST.tif" for number in range(products)]
    zones = ("zones", first, folder / "polygons.gpkg", "-o", folder / "zones.gpkg")
    series = ("series", *sources, "-o", folder / "series.csv", "--summary", folder / "means.csv", "--points")
    commands = {
        f"zones, {polygons} polygons": zones,
        "zones, with a reference": (*zones, "--reference", f"p{polygons // 2}"),
        f"series, {products} scenes, {points} points within 60 km": (*series, folder / "near.gpkg"),
        f"series, {products} scenes, {points} scattered points": (*series, folder / "scattered.gpkg"),
    }
    return {
        name: measure([sys.executable, "-c", _MAIN, *command, "--overwrite", "--quiet"])
        for name, command in commands.items()
    }


def main(arguments=None):
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=7800, help="rows and columns of a scene")
    parser.add_argument("--products", type=int, default=20)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    for name, found in run(options.folder, options.side, options.products).items():
        sys.stdout.write(f"{name:<52} {found.wall:7.2f} s wall {found.cpu:7.2f} s CPU {found.peak:6.0f} MiB\n")


if __name__ == "__main__":
    main()
