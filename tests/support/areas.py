"""Products with components of the uncertainty, zones and points, and statistics by brute force."""

import math

import geopandas
import numpy as np
import shapely

from lst_raster.physics.correlated_errors import CORRELATION_LENGTHS, Components
from lst_raster.product.paths import COMPONENTS, COMPONENTS_TAG, SUFFIXES, OutputFormat, component_layer
from tests.support.composites import field, grid_at, product
from tests.support.product_sets import write_raster_of

NAMES = Components._fields


def smooth(shape, low, high, seed=0):
    """Field that varies slowly."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] / max(shape)
    angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 6)
    wave = np.sin(phase + 4.0 * (rows * np.cos(angle) + columns * np.sin(angle)))
    return low + (high - low) * (wave + 1.0) / 2.0


def components_of(shape, seed=0):
    """Components of the uncertainty of a product."""
    limits = ((0.05, 0.1), (0.5, 1.0), (0.3, 0.7), (0.14, 0.16))
    return Components(*(smooth(shape, *limit, seed + number) for number, limit in enumerate(limits)))


def area_product(folder, name="A", shape=(60, 80), seed=0, *, gaps=0.3, side=30.0, fields=None, grid=None, **options):
    """Write a product with components; returns its path, fields and components."""
    fields = {**field(shape, seed, gaps), **(fields or {})}
    components = components_of(shape, seed)
    missing = np.isnan(fields["lst"])
    components = Components(*(np.where(missing, np.nan, part) for part in components))
    fields["uncertainty"] = components.combined()
    grid = grid or grid_at(shape, side=side)
    tags = {COMPONENTS_TAG: ", ".join(NAMES), **options.pop("tags", {})}
    path = product(folder, name, fields, grid=grid, tags=tags, **options)
    for role, part in zip(COMPONENTS, components, strict=True):
        layer = component_layer(role, OutputFormat(precision="full"))
        write_raster_of(path.with_name(path.stem + SUFFIXES[role]), part, layer, grid=grid)
    return path, fields, components


def polygon_at(grid, corners):
    """Polygon from columns and rows of its corners."""
    a, _, c, _, e, f = grid.transform[:6]
    return shapely.Polygon([(c + a * column, f + e * row) for column, row in corners])


def blob(centre, radius, seed, corners=9):
    """Corners of an irregular polygon, in columns and rows."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = radius * rng.uniform(0.6, 1.0, corners)
    return np.stack([centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], axis=1)


def write_places(path, geometries, *, names=None, crs="EPSG:32616", column="name", **columns):
    """Write a vector file."""
    names = names or [f"z{number}" for number in range(len(geometries))]
    frame = geopandas.GeoDataFrame({column: names, **columns}, geometry=list(geometries), crs=crs)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return path


def coverage(polygon, grid):
    """Covered part of every pixel, by intersection with each: exact and slow."""
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    x, y = grid.transform.c + grid.transform.a * columns, grid.transform.f + grid.transform.e * rows
    cells = shapely.box(x, y + grid.transform.e, x + grid.transform.a, y)
    return shapely.area(shapely.intersection(cells, polygon)) / shapely.area(cells)


def covariance_of_sum(weights, components, side, name):
    """Standard uncertainty of a weighted sum over pixels, from the covariance of every pair of them."""
    used = weights != 0.0
    rows, columns = np.nonzero(used)
    deviations = (weights * getattr(components, name))[used]
    length = CORRELATION_LENGTHS.get(name, math.inf)
    total = 0.0
    for start in range(0, deviations.size, 1000):
        part = slice(start, start + 1000)
        distance = np.hypot(rows[part, None] - rows[None], columns[part, None] - columns[None]) * side
        total += float(deviations[part] @ np.exp(-distance / length) @ deviations)
    return math.sqrt(total)


def write_districts(path):
    """Zones within the products of `season`, one of them the park."""
    grid = grid_at((20, 30))
    polygons = [polygon_at(grid, blob((6 + 9 * number, 10), 5, number)) for number in range(3)]
    return write_places(path, polygons, names=["park", "centre", "harbour"])


def write_stations(path):
    """Table of points within the products of `season`."""
    grid = grid_at((20, 30))
    places = [grid.degrees(column + 0.5, row + 0.5) for column, row in ((3, 4), (15, 10), (27, 16))]
    lines = [f"s{number},{longitude:.6f},{latitude:.6f}" for number, (latitude, longitude) in enumerate(places)]
    path.write_text("\n".join(["name,longitude,latitude", *lines]) + "\n")
    return path
