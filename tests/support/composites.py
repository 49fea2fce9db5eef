"""Source products of composites, and the expected statistics."""

import warnings

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.crs import CRS

from lst_raster.io.grid import Grid
from lst_raster.product.quality_flags import flag
from tests.support.product_sets import make_set

ORIGIN = (399885.0, 5400015.0)
CLEAR = (5 << flag("emissivity_source").offset) | (3 << flag("cloud_distance").offset)


def grid_at(shape, row=0, column=0, *, crs="EPSG:32616", side=30.0, shift=(0.0, 0.0)):
    """A grid of a shape that begins at a row and a column of a common lattice."""
    x, y = ORIGIN[0] + side * column + shift[0], ORIGIN[1] - side * row - shift[1]
    transform = Affine(side, 0, x, 0, -side, y)
    return Grid(crs=CRS.from_user_input(crs) if crs else None, transform=transform, height=shape[0], width=shape[1])


def field(shape, seed, gaps=0.3):
    """Temperature and uncertainty with gaps, and quality bits that mark them."""
    rng = np.random.default_rng(seed)
    lst, uncertainty = rng.uniform(270, 320, shape).astype("f4"), rng.uniform(0.5, 3.0, shape).astype("f4")
    gap = rng.random(shape) < gaps
    lst[gap], uncertainty[gap] = np.nan, np.nan
    return {"lst": lst, "uncertainty": uncertainty, "quality": np.where(gap, CLEAR | 2, CLEAR).astype("u4")}


def product(folder, name, fields, *, date="2015-07-19", clock="16:19:21Z", grid=None, without=(), tags=None, **options):
    """Write a product; `without` names the suffixes of files to leave out. Returns the path of the temperature."""
    grid = grid or grid_at(fields["lst"].shape)
    tags = {"acquisition_date": date, "acquisition_time": clock, "input": f"{name}_B10.TIF", **(tags or {})}
    path = make_set(
        folder,
        fields["lst"].shape,
        grid=grid,
        fields=fields,
        tags=tags,
        name=f"{name}_LST.tif",
        item=False,
        components=False,
        **options,
    )
    for suffix in without:
        path.with_name(f"{path.stem}{suffix}").unlink()
    return path


def season(folder, shape=(70, 90), number=5, seed=0, **options):
    """Write products of one grid, a month apart from January; returns their paths and fields."""
    fields = [field(shape, seed + month) for month in range(number)]
    paths = [
        product(folder, f"LC08_{month + 1:02}", fields[month], date=f"2015-{month + 1:02}-12", **options)
        for month in range(number)
    ]
    return paths, fields


def layers(fields, key="lst"):
    """All layers of one kind, as float64."""
    return np.array([one[key] for one in fields], "f8")


def read(path):
    """Values of a raster in its unit, NaN where there are none."""
    with rasterio.open(path) as dataset:
        return (dataset.read(1, masked=True).astype("f8") * dataset.scales[0]).filled(np.nan)


def expected(fields):
    """Statistics of temperatures over time, by numpy, which is slow at percentiles: for small fields."""
    lst, uncertainty = layers(fields), layers(fields, "uncertainty")
    count = np.isfinite(lst).sum(axis=0)
    weight = 1.0 / uncertainty**2
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels without a value
        return {
            "median": np.nanmedian(lst, axis=0), "mean": np.nanmean(lst, axis=0),
            "minimum": np.nanmin(lst, axis=0), "maximum": np.nanmax(lst, axis=0),
            "deviation": np.nanstd(lst, axis=0, ddof=1), "percentile_90": np.nanpercentile(lst, 90, axis=0),
            "percentile_12.5": np.nanpercentile(lst, 12.5, axis=0),
            "mean_uncertainty": np.nanmean(uncertainty, axis=0),
            "weighted_mean": np.nansum(weight * lst, axis=0) / np.nansum(weight, axis=0),
            "weighted_mean_uncertainty": np.nansum(1.0 / uncertainty, axis=0) / np.nansum(weight, axis=0),
            "count": count,
        }  # fmt: skip
