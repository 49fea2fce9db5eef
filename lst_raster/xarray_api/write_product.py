"""A dataset of temperatures written as Cloud Optimized GeoTIFFs, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from rasterio import Affine
from rasterio.windows import Window

from lst_raster.errors import InputError, OutputError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.product.cog import BLOCK, CogWriter
from lst_raster.product.destination import check_targets, product_location, target_size
from lst_raster.product.paths import OutputFormat, ProductPaths, temperature_layer, uncertainty_layer
from lst_raster.product.staging import new_files
from lst_raster.resources import require
from lst_raster.retrieval.retrieve import DEFAULT_FORM
from lst_raster.retrieval.run import GDAL_CACHE_SIZE, open_cogs
from lst_raster.xarray_api.attributes import acquisition

_TOLERANCE = 0.01  # [pixel] of coordinates against evenly spaced ones, as files round them


def write_product(
    dataset: xr.Dataset, path: str | Location, *, form: OutputFormat = DEFAULT_FORM, overwrite: bool = False
) -> tuple[Location, ...]:
    """Write temperatures, and their uncertainty if present, as Cloud Optimized GeoTIFFs.

    Both are computed together, chunk by chunk, in threads of this process; only the current chunks are in memory.
    Chunks with sides that are multiples of 512 are fastest. The files are those of a product of `retrieve` without
    quality bits, STAC item and quicklook: read back after writing, and either complete or absent.

    Parameters
    ----------
    dataset : Dataset
        Two-dimensional ``lst``, and optionally ``lst_uncertainty``, as from `retrieve_array`; with coordinates and
        the coordinate system as in rioxarray.
    path : str, path or Address
        The file of the temperature, or its ``s3`` address, which ends in ``.tif``; ``_UNC`` is added for the
        uncertainty.
    form : OutputFormat
        Data type and compression; with ``lst_only`` no uncertainty is written.
    overwrite : bool
        Whether to replace existing files.

    Returns
    -------
    tuple of path or Address
        The files.

    Raises
    ------
    InputError
        There is no ``lst``, or it is not two-dimensional; or an error of `retrieve_array` when it is computed.
    OutputError
        A file exists, or cannot be written; no incomplete files remain.
    """
    array = _with_rows_first(dataset)
    paths = ProductPaths(temperature=product_location(path))
    grid = _grid(array)
    _check_targets(paths, grid, overwrite)
    tags = {name: str(value) for name, value in dataset.attrs.items()}
    if tags.get("acquisition_date") == "unknown":
        tags |= acquisition(dataset.coords)  # one day of several
    layers = {"lst": (paths.temperature, temperature_layer(form))}
    if "lst_uncertainty" in array and not form.lst_only:
        layers = {"lst_uncertainty": (paths.uncertainty, uncertainty_layer(form)), **layers}
    with (
        rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_SIZE),
        new_files(paths.temperature.parent) as files,
        open_cogs(layers, grid, form.compress, files=files) as cogs,
    ):
        _write(array, cogs)
        for cog in cogs.values():
            cog.tags.update(tags)
    return tuple(cog.target for cog in cogs.values())


def _with_rows_first(dataset: xr.Dataset) -> xr.Dataset:
    """Temperature and uncertainty, with the dimensions in the order of a raster."""
    from rioxarray.exceptions import MissingSpatialDimensionError  # slow to import

    if "lst" not in dataset:
        raise InputError(f"the dataset holds {', '.join(map(str, dataset)) or 'nothing'}; give one with lst")
    wanted = dataset[[name for name in ("lst", "lst_uncertainty") if name in dataset]]
    dimensions = ", ".join(map(str, wanted["lst"].dims))
    if wanted["lst"].ndim != 2:
        raise InputError(f"lst has the dimensions {dimensions}; a raster has two: write one at a time, with .isel()")
    try:
        return wanted.transpose(wanted.rio.y_dim, wanted.rio.x_dim)
    except MissingSpatialDimensionError:
        raise InputError(
            f"lst has the dimensions {dimensions}; rename them to y and x, or name them with .rio.set_spatial_dims()"
        ) from None


def _grid(dataset: xr.Dataset) -> Grid:
    """Grid by the coordinates, which remain right in a subset; else by the transform that rioxarray stores."""
    rio = dataset.rio
    size = {"crs": rio.crs, "width": rio.width, "height": rio.height}
    attributes = dataset.coords[rio.grid_mapping].attrs if rio.grid_mapping in dataset.coords else {}
    numbers = str(attributes.get("GeoTransform", "")).split()
    transform = Affine.from_gdal(*map(float, numbers)) if len(numbers) == 6 else None
    if not {rio.x_dim, rio.y_dim} <= dataset.coords.keys():
        return Grid(transform=transform or Affine.identity(), **size)
    x, width = _first_and_step(dataset, rio.x_dim, transform.a if transform else None)
    y, height = _first_and_step(dataset, rio.y_dim, transform.e if transform else None)
    return Grid(transform=Affine(width, 0.0, x - width / 2.0, 0.0, height, y - height / 2.0), **size)


def _first_and_step(dataset: xr.Dataset, dimension: Any, stored_step: float | None) -> tuple[float, float]:
    """First coordinate along a dimension, and the step between two, which must be constant."""
    values = dataset.coords[dimension].values.astype(np.float64)
    if values.size == 1 and stored_step is None:
        raise InputError(f"the dataset has a single {dimension}, so the pixel size is unknown; write more than one")
    step = (values[-1] - values[0]) / (values.size - 1) if values.size > 1 else float(stored_step or 0.0)
    if not np.allclose(values, values[0] + step * np.arange(values.size), rtol=0.0, atol=_TOLERANCE * abs(step)):
        raise InputError(f"{dimension} of the dataset is not evenly spaced, as a raster needs; reproject it")
    return float(values[0]), step


def _check_targets(paths: ProductPaths, grid: Grid, overwrite: bool) -> None:
    """Raise OutputError for files that must not be written; a complete product is not replaced by a part of one."""
    if paths.temperature.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(f"cannot write {paths.temperature}: it is no .tif; give the name of the temperature's file")
    check_targets((paths.temperature, paths.uncertainty), grid, inputs=(), overwrite=overwrite)
    for path in (paths.quality, paths.item):
        if target_size(path) is not None:
            raise OutputError(f"{path} belongs to a complete product of that name; remove it, or give another name")


class _Target:
    """Raster as a target of `dask.array.store`; any number of threads may write."""

    def __init__(self, cog: CogWriter) -> None:
        self._cog = cog

    def __setitem__(self, key: tuple[slice, slice], values: Any) -> None:
        rows, columns = key
        self._cog.write(values, Window(columns.start, rows.start, values.shape[1], values.shape[0]))


def _write(dataset: xr.Dataset, cogs: Mapping[str, CogWriter]) -> None:
    if any(dataset[name].chunks is not None for name in cogs):
        dask = require("dask.array", "dask")
        sources = [dask.asarray(dataset[name].data) for name in cogs]
        dask.store(sources, [_Target(cog) for cog in cogs.values()], lock=False, scheduler="threads")
        return
    for name, cog in cogs.items():
        values = dataset[name].values
        for start in range(0, len(values), BLOCK):
            rows = values[start : start + BLOCK]
            cog.write(rows, Window(0, start, rows.shape[1], rows.shape[0]))
