"""Rasters on another grid than the scene's: refused, or warped where the user asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from lst_raster.errors import GridMismatchError
from lst_raster.scene.grid import Grid, require_same_grid


@contextmanager
def on_grid(
    dataset: Any, grid: Grid, what: str, *, align: bool, classes: bool = False, nodata: float | None = None
) -> Iterator[Any]:
    """Show an open raster on the scene's grid.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The raster.
    grid : Grid
        The scene's grid.
    what : str
        Name of the raster, for messages.
    align : bool
        Whether a raster on another grid is warped, without scale and offset applied; values bilinearly, NaN outside.
    classes : bool
        Whether the values are classes: the nearest is taken.
    nodata : float, optional
        Value that means nothing, where the raster itself does not tell.

    Yields
    ------
    rasterio.DatasetReader
        The raster itself where it lies on the grid already, else a view of it.

    Raises
    ------
    GridMismatchError
        The raster lies on another grid and is not to be warped, or one of them has no coordinate system.
    """
    own = Grid.of(dataset)
    if own.matches(grid):
        yield dataset
        return
    if not align:
        require_same_grid(what, own, grid)
    if own.crs is None or grid.crs is None:
        raise GridMismatchError(
            f"{what} is {own}; the scene is {grid}; without a coordinate system it cannot be warped"
        )
    known = [value for value in (dataset.nodata, nodata) if value is not None]
    unset = known[0] if known else np.nan
    with WarpedVRT(
        dataset, crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height, dtype="float32",
        src_nodata=unset, nodata=np.nan, resampling=Resampling.nearest if classes else Resampling.bilinear,
    ) as view:  # fmt: skip
        yield view
