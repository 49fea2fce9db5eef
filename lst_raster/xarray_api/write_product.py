"""A dataset of temperatures written as Cloud Optimized GeoTIFFs, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from rasterio import Affine
from rasterio.windows import Window

from lst_raster.errors import InputError, OutputError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.product.cog import CogWriter, new_cog
from lst_raster.product.destination import check_targets, size_of, target_of
from lst_raster.product.paths import OutputForm, ProductPaths, temperature_layer, uncertainty_layer
from lst_raster.product.staging import new_files
from lst_raster.product.tiff_blocks import BLOCK
from lst_raster.resources import require
from lst_raster.retrieval.retrieve import DEFAULT_FORM
from lst_raster.retrieval.run import CACHE
from lst_raster.retrieval.workers import available_threads
from lst_raster.xarray_api.attributes import acquisition

_TOLERANCE = 0.01  # of a pixel, by which coordinates may differ from even ones: files round them


def write_product(
    dataset: xr.Dataset, path: str | Location, *, form: OutputForm = DEFAULT_FORM, overwrite: bool = False
) -> tuple[Location, ...]:
    """Write temperatures, and their uncertainty where it is there, as Cloud Optimized GeoTIFFs.

    Both are computed together, chunk by chunk, in threads of this process; what is in memory are the chunks that are
    worked on. Chunks whose sides are multiples of 512 are written fastest. The files are those of a product of
    `retrieve` without quality bits, STAC item and picture: read back after writing, complete or not there at all.

    Parameters
    ----------
    dataset : Dataset
        ``lst``, and perhaps ``lst_uncertainty``, of two dimensions, as `retrieve_array` gives it; with coordinates and
        the coordinate system, as rioxarray keeps it.
    path : str, path or Address
        The temperature's file, or its ``s3`` address, which ends in ``.tif``; ``_UNC`` is added for the uncertainty's.
    form : OutputForm
        Type and compression; with ``lst_only`` no uncertainty is written.
    overwrite : bool
        Whether files that exist are replaced.

    Returns
    -------
    tuple of path or Address
        The files.

    Raises
    ------
    InputError
        There is no ``lst``, or it does not have two dimensions; or what `retrieve_array` finds when it is computed.
    OutputError
        A file exists, or cannot be written; nothing half written stays.
    """
    array = _flat(dataset)
    paths = ProductPaths(temperature=target_of(path))
    grid = _grid(array)
    _check_targets(paths, grid, overwrite)
    tags = {name: str(value) for name, value in dataset.attrs.items()}
    if tags.get("acquisition_date") == "unknown":
        tags |= acquisition(dataset.coords)  # one day of several
    with rasterio.Env(GDAL_CACHEMAX=CACHE), _open_cogs(array, paths, grid, form) as cogs:
        _write(array, cogs)
        for cog in cogs.values():
            cog.tags.update(tags)
    return tuple(cog.target for cog in cogs.values())


def _flat(dataset: xr.Dataset) -> xr.Dataset:
    """Take what is written, with rows before columns."""
    from rioxarray.exceptions import MissingSpatialDimensionError  # takes a second

    if "lst" not in dataset:
        raise InputError(f"the dataset holds {', '.join(map(str, dataset)) or 'nothing'}; give one with lst")
    wanted = dataset[[name for name in ("lst", "lst_uncertainty") if name in dataset]]
    if wanted["lst"].ndim != 2:
        dimensions = ", ".join(map(str, wanted["lst"].dims))
        raise InputError(f"lst has the dimensions {dimensions}; a raster has two: write one at a time, with .isel()")
    try:
        return wanted.transpose(wanted.rio.y_dim, wanted.rio.x_dim)
    except MissingSpatialDimensionError:
        dimensions = ", ".join(map(str, wanted["lst"].dims))
        raise InputError(
            f"lst has the dimensions {dimensions}; rename them to y and x, or name them with .rio.set_spatial_dims()"
        ) from None


def _grid(dataset: xr.Dataset) -> Grid:
    """Find where the pixels lie: by their coordinates, which stay right when a part is cut out."""
    rio = dataset.rio
    size = {"crs": rio.crs, "width": rio.width, "height": rio.height}
    if not {rio.x_dim, rio.y_dim} <= dataset.coords.keys():
        told = dataset.coords[rio.grid_mapping].attrs if rio.grid_mapping in dataset.coords else {}
        return Grid(transform=_told_transform(told) or Affine.identity(), **size)
    told_step = _told_transform(dataset.coords[rio.grid_mapping].attrs) if rio.grid_mapping in dataset.coords else None
    x, width = _first_and_step(dataset, rio.x_dim, told_step.a if told_step else None)
    y, height = _first_and_step(dataset, rio.y_dim, told_step.e if told_step else None)
    return Grid(transform=Affine(width, 0.0, x - width / 2.0, 0.0, height, y - height / 2.0), **size)


def _told_transform(attributes: Mapping[str, Any]) -> Affine | None:
    """Transform as rioxarray keeps it beside the coordinate system; None where it does not."""
    numbers = str(attributes.get("GeoTransform", "")).split()
    return Affine.from_gdal(*map(float, numbers)) if len(numbers) == 6 else None


def _first_and_step(dataset: xr.Dataset, dimension: Any, told: float | None) -> tuple[float, float]:
    """First coordinate along a dimension, and the step between two, which must be the same everywhere."""
    values = dataset.coords[dimension].values.astype(np.float64)
    if values.size == 1 and told is None:
        raise InputError(f"the one {dimension} of the dataset does not tell how large a pixel is; write more than one")
    step = (values[-1] - values[0]) / (values.size - 1) if values.size > 1 else float(told or 0.0)
    if not np.allclose(values, values[0] + step * np.arange(values.size), rtol=0.0, atol=_TOLERANCE * abs(step)):
        raise InputError(f"{dimension} of the dataset does not rise or fall evenly; a raster needs that: reproject it")
    return float(values[0]), step


def _check_targets(paths: ProductPaths, grid: Grid, overwrite: bool) -> None:
    """Refuse targets that must not be written; a whole product is not replaced by a part of one."""
    if paths.temperature.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(f"cannot write {paths.temperature}: it is no .tif; give the name of the temperature's file")
    check_targets((paths.temperature, paths.uncertainty), grid, inputs=(), overwrite=overwrite)
    for path in (paths.quality, paths.item):
        if size_of(path) is not None:
            raise OutputError(
                f"{path} belongs to a whole product of that name; remove that first, or give another name"
            )


@contextmanager
def _open_cogs(
    dataset: xr.Dataset, paths: ProductPaths, grid: Grid, form: OutputForm
) -> Iterator[dict[str, CogWriter]]:
    layers = {"lst": (paths.temperature, temperature_layer(form))}
    if "lst_uncertainty" in dataset and not form.lst_only:
        layers = {"lst_uncertainty": (paths.uncertainty, uncertainty_layer(form)), **layers}
    threads = available_threads()
    with new_files(paths.temperature.parent) as files, ExitStack() as stack:
        yield {
            name: stack.enter_context(new_cog(path, grid, layer, compress=form.compress, threads=threads, files=files))
            for name, (path, layer) in layers.items()
        }


class _Target:
    """A raster as dask writes into one: it is told a part and where that belongs."""

    def __init__(self, cog: CogWriter) -> None:
        self._cog = cog

    def __setitem__(self, key: tuple[slice, slice], values: Any) -> None:
        """Write a part; any number of threads may do so."""
        rows, columns = key
        self._cog.write(values, Window(columns.start, rows.start, values.shape[1], values.shape[0]))


def _write(dataset: xr.Dataset, cogs: dict[str, CogWriter]) -> None:
    names = list(cogs)
    if any(dataset[name].chunks is not None for name in names):
        dask = require("dask.array", "dask")
        sources = [dask.asarray(dataset[name].data) for name in names]
        dask.store(sources, [_Target(cogs[name]) for name in names], lock=False, scheduler="threads")
        return
    for name in names:
        values = dataset[name].values
        for start in range(0, len(values), BLOCK):
            _Target(cogs[name])[start : start + BLOCK, 0 : values.shape[1]] = values[start : start + BLOCK]
