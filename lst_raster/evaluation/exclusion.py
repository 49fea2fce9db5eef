"""Pixels that a quality band excludes from a comparison: clouds and what goes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import GridMismatchError, SceneError
from lst_raster.scene.align import on_grid
from lst_raster.scene.bundle import Place
from lst_raster.scene.grid import Grid
from lst_raster.scene.quality import COLLECTION_1, COLLECTION_2, OWN, Layout, find_layout, read_bits
from lst_raster.scene.raster import open_raster

Mask: TypeAlias = NDArray[np.bool_]
MaskReader: TypeAlias = Callable[[Any], Mask]
"""Takes a window; returns which of its pixels are left out."""

EXCLUDED = ("fill", "cloud", "dilated_cloud", "cloud_shadow", "cirrus", "saturated")
"""What is left out, of what a quality band tells; snow and water are compared."""

_OWN_NAME = "_LST_QA.TIF"
_OWN_TAG = "lst_raster_version"
_SAMPLE = 256  # rows and columns of the thinned band by which its layout is found


@contextmanager
def open_exclusion(place: Place, grid: Grid, *, align: bool) -> Iterator[tuple[MaskReader, str]]:
    """Open a quality band of a scene, or that of a product of ours, which is known by its name or its metadata.

    Parameters
    ----------
    place : Place
        The band.
    grid : Grid
        Grid on which it must lie.
    align : bool
        Whether one on another grid is warped, the nearest pixel taken.

    Yields
    ------
    tuple of MaskReader and str
        Reads what is left out; and what the band is, for people.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    SceneError
        It is no quality band, or damaged (also raised by the reader).
    GridMismatchError
        It is on another grid.
    """
    with open_raster(place, "quality band", SceneError) as dataset:
        own = Grid.of(dataset)
        if not align and not own.matches(grid):
            raise GridMismatchError(
                f"quality band {place.name} is {own}; the rasters are {grid}; --align warps it onto theirs"
            )
        layout = _layout(dataset, place)
        with on_grid(dataset, grid, f"quality band {place.name}", align=align, classes=True) as view:
            yield (lambda window: _excluded(layout, view, window)), f"{place.name} ({layout.name})"


def _layout(dataset: Any, place: Place) -> Layout:
    name = place.name.upper()
    if name.endswith(_OWN_NAME) or _OWN_TAG in dataset.tags():
        return OWN
    sample = read_bits(dataset, out_shape=(min(dataset.height, _SAMPLE), min(dataset.width, _SAMPLE)))
    return find_layout(sample, COLLECTION_2 if "QA_PIXEL" in name else COLLECTION_1, place)


def _excluded(layout: Layout, view: Any, window: Any) -> Mask:
    masks = layout.decode(read_bits(view, window=window), EXCLUDED)
    return np.asarray(np.logical_or.reduce(list(masks.values())))
