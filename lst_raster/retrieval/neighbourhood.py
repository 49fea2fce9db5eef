"""Brightness temperature of the neighbourhood of the pixels, an input of the models: medians over a coarse grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.inputs.fields import Field
from lst_raster.io.coarse_grid import Float, Nodes
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import is_any
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Scene
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.quantities import BRIGHTNESS_TEMPERATURE
from lst_raster.retrieval.masks import CLOUDY, MASK_BITS, Masking, open_masks
from lst_raster.retrieval.workers import over_tiles
from lst_raster.sensors.bands import sensor_band

ORIGIN = "scene"  # origin of the field
SPACING = 30_000.0
"""Distance between nodes. Cells of the sources of the training profiles are larger, 2.5 degrees and more, for which
training adds the scatter `lst_raster.profiles.sampling.MESOSCALE`. [m]"""
STEP = 4  # every fourth row and column of a strip is used [pixel]
_FEWEST, _SMALLEST_FRACTION = 20, 0.02
"""Smallest number of clear pixels for the median of a node, and fraction of the sampled pixels: the few between clouds
are often undetected cloud edges."""
_ROWS = 32, 512  # smallest and largest height of a strip: whole blocks, but of a size that fits into memory [pixel]


def neighbourhood_field(scene: Scene, masking: Masking, threads: int = 1) -> Field:
    """Median brightness temperature of the clear pixels around nodes over the scene. [K]

    Only a strip of rows at each row of nodes is read, and all rows where no strip has clear pixels; where the scene has
    none, clouds count too. A node without clear pixels gets the mean of its neighbours. Without a pixel size, and in
    scenes smaller than `SPACING`, there is one value for all pixels. Raises SceneError: no pixel has a radiance, or the
    scene is damaged; InputError: its quality band is damaged.
    """
    size = scene.grid.pixel_size() or (0.0, 0.0)
    shape = _node_count(scene.grid.height * size[1]), _node_count(scene.grid.width * size[0])
    with open_raster(scene.place, "scene", SceneError) as dataset:
        block = dataset.block_shapes[0][0]
    height = min(-(-_ROWS[0] // block) * block, _ROWS[1])
    middles, all_rows = (_strips(scene.grid, shape[0], height, whole=whole) for whole in (False, True))
    everything = replace(masking, quality=None)
    for windows, masks, step in (
        (middles, masking, STEP), (all_rows, masking, STEP), (all_rows, masking, 1), (all_rows, everything, 1),
    ):  # fmt: skip
        found: dict[int, list[NDArray[np.float64]]] = {row: [np.full(shape[1], np.nan)] for row in range(shape[0])}
        with closing(over_tiles(windows, partial(_open_strips, scene, masks, shape, step), threads)) as parts:
            for row, medians in parts:
                found[row].append(medians)
        values = np.array([[_median(node) for node in np.transpose(strips)] for strips in found.values()])
        if np.isfinite(values).any():
            break
    else:
        raise SceneError(
            f"{scene.place.name} has no pixel that can be retrieved: every pixel is fill (0) or saturated; "
            "give another scene"
        )
    values = fill_nodes(values)
    if values.size == 1:
        return Field(quantity=BRIGHTNESS_TEMPERATURE, source=float(values[0, 0]), origin=ORIGIN)
    rows, columns = (
        np.linspace(0.0, length, count) if count > 1 else np.array([0.0, length])
        for length, count in zip((scene.grid.height, scene.grid.width), shape, strict=True)
    )
    nodes = Nodes(
        rows=rows, columns=columns, values=np.broadcast_to(values, (rows.size, columns.size)).copy(),
        label=f"clear pixels around {shape[0]}x{shape[1]} nodes",
    )  # fmt: skip
    return Field(quantity=BRIGHTNESS_TEMPERATURE, source=nodes, origin=ORIGIN)


def _median(values: Float) -> float:
    """Median of the finite values, NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _node_count(length: float) -> int:
    """Number of nodes along a side of the scene [m]: 1 for a constant, else with one at each end."""
    intervals = int(length // SPACING)
    return intervals + 1 if intervals else 1


def _strips(grid: Grid, count: int, height: int, *, whole: bool) -> list[Window]:
    """Strips of rows of a height: one in the middle of the rows of each node, or all of them [pixel]."""
    windows = []
    for top, bottom in pairwise(_edges(grid.height, count)):
        middle = min(max((top + bottom) // 2 // height * height, top), bottom - 1)
        starts = range(top, bottom, height) if whole else (middle,)
        windows += [Window(0, start, grid.width, min(height, bottom - start)) for start in starts]
    return windows


def _edges(length: int, count: int) -> NDArray[np.intp]:
    """Limits between the pixels of neighbouring nodes, of which the first and the last have half as many."""
    inner = (np.arange(count - 1) + 0.5) * length / max(count - 1, 1)
    return np.array([0, *np.round(inner).astype(int), length], np.intp)


@contextmanager
def _open_strips(
    scene: Scene, masking: Masking, shape: tuple[int, int], step: int
) -> Iterator[Callable[[Window], tuple[int, NDArray[np.float64]]]]:
    """Open the scene; yield a function that finds the row of nodes of a strip and the medians around its nodes. [K]

    Every `step`-th row and column is used; with all of them, a single pixel suffices for a node.
    """
    band = sensor_band(scene.sensor).planck
    fewest, smallest = (_FEWEST, _SMALLEST_FRACTION) if step > 1 else (1, 0.0)
    tops, columns = _edges(scene.grid.height, shape[0]), _edges(scene.grid.width, shape[1])
    with open_raster(scene.place, "scene", SceneError) as dataset, open_masks(masking, scene.grid) as read_masks:

        def read(window: Window) -> tuple[int, NDArray[np.float64]]:
            pixels = scene.read(dataset, window=window)
            clear = pixels.measured[::step, ::step]
            kinds = read_masks(window)
            if kinds.ndim:
                clear = clear & ~is_any(kinds[::step, ::step], CLOUDY, MASK_BITS)
            temperature = brightness_temperature(np.where(clear, pixels.radiance[::step, ::step], np.nan), band)
            medians = np.full(shape[1], np.nan)
            for node, (left, right) in enumerate(pairwise(columns)):
                part = temperature[:, -(-left // step) : -(-right // step)]
                if np.count_nonzero(np.isfinite(part)) >= max(min(fewest, part.size), smallest * part.size):
                    medians[node] = _median(part)
            return int(np.searchsorted(tops, window.row_off, side="right")) - 1, medians

        yield read


def fill_nodes(values: Float) -> Float:
    """Replace missing nodes by the mean of their neighbours, from the known ones outwards.

    Examples
    --------
    >>> fill_nodes(np.array([[280.0, np.nan, 290.0, np.nan]])).tolist()
    [[280.0, 285.0, 290.0, 290.0]]
    """
    filled = values.copy()
    while np.isfinite(filled).any() and not np.isfinite(filled).all():
        padded = np.pad(filled, 1, constant_values=np.nan)
        around = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
        count = np.isfinite(around).sum(axis=0)
        mean = np.nansum(around, axis=0) / np.maximum(count, 1)
        filled = np.where(np.isnan(filled) & (count > 0), mean, filled)
    return filled
