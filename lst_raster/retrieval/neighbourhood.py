"""The neighbourhood of the pixels, as inputs of the models: medians over a coarse grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.inputs.emissivity.merge import Emissivity, MergedReader, open_emissivity
from lst_raster.inputs.fields import Field
from lst_raster.io.coarse_grid import Float, Nodes
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import is_any
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Scene
from lst_raster.physics.planck import band_radiance_slope, brightness_temperature
from lst_raster.physics.quantities import NEIGHBOURHOOD, Quantity
from lst_raster.physics.uncertainty import noise_radiance
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
_DECIMALS = 5  # of differences of both bands: float32 has more than are known
_ROWS = 256  # height of a strip: that of the blocks of Landsat products, but the same for files of any layout [pixel]


def neighbourhood_fields(scene: Scene, emissivity: Emissivity, masking: Masking, threads: int = 1) -> tuple[Field, ...]:
    """Median brightness temperature of the clear pixels around nodes over the scene. [K]

    With two bands also the quantities of `NEIGHBOURHOOD`: the median difference of the brightness temperatures and
    those of the emissivities. Only a strip of rows at each row of nodes is read, and all rows where no strip has clear
    pixels; where the scene has none, clouds count too. A node without clear pixels gets the mean of its neighbours.
    Without a pixel size, and in scenes smaller than `SPACING`, there is one value for all pixels. Raises SceneError: no
    pixel has a radiance, or the scene is damaged; InputError: its quality band or the emissivity is damaged.
    """
    size = scene.grid.pixel_size() or (0.0, 0.0)
    shape = _node_count(scene.grid.height * size[1]), _node_count(scene.grid.width * size[0])
    middles, all_rows = (_strips(scene.grid, shape[0], whole=whole) for whole in (False, True))
    everything = replace(masking, quality=None)
    count = len(NEIGHBOURHOOD) if scene.second else 1
    for windows, masks, step in (
        (middles, masking, STEP), (all_rows, masking, STEP), (all_rows, masking, 1), (all_rows, everything, 1),
    ):  # fmt: skip
        found = {row: [np.full((count, shape[1]), np.nan)] for row in range(shape[0])}
        with closing(
            over_tiles(windows, partial(_open_strips, scene, emissivity, masks, shape, step), threads)
        ) as parts:
            for row, medians in parts:
                found[row].append(medians)
        values = np.stack([_medians(np.stack(strips)) for strips in found.values()], axis=1)
        if np.isfinite(values).any():
            break
    else:
        where = " in one of its bands, or has no emissivity; --bands one uses one band" if scene.second else ""
        raise SceneError(
            f"{scene.place.name} has no pixel that can be retrieved: every pixel is fill (0) or saturated"
            f"{where or '; give another scene'}"
        )
    values[1:] = values[1:].round(_DECIMALS)
    return tuple(
        _field(quantity, fill_nodes(part), scene.grid) for quantity, part in zip(NEIGHBOURHOOD, values, strict=False)
    )


def _field(quantity: Quantity, values: Float, grid: Grid) -> Field:
    """Field of the values at nodes, of shape (rows, columns): a number for a single node."""
    if values.size == 1:
        return Field(quantity=quantity, source=float(values[0, 0]), origin=ORIGIN)
    rows, columns = (
        np.linspace(0.0, length, count) if count > 1 else np.array([0.0, length])
        for length, count in zip((grid.height, grid.width), values.shape, strict=True)
    )
    nodes = Nodes(
        rows=rows, columns=columns, values=np.broadcast_to(values, (rows.size, columns.size)).copy(),
        label=f"clear pixels around {values.shape[0]}x{values.shape[1]} nodes",
    )  # fmt: skip
    return Field(quantity=quantity, source=nodes, origin=ORIGIN)


def _medians(strips: Float) -> Float:
    """Medians of the finite values over the first axis, NaN without any."""
    return np.apply_along_axis(_median, 0, strips)


def _median(values: Float) -> float:
    """Median of the finite values, NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _node_count(length: float) -> int:
    """Number of nodes along a side of the scene [m]: 1 for a constant, else with one at each end."""
    intervals = int(length // SPACING)
    return intervals + 1 if intervals else 1


def _strips(grid: Grid, count: int, *, whole: bool) -> list[Window]:
    """Strips of rows: one in the middle of the rows of each node, or all of them [pixel]."""
    windows = []
    for top, bottom in pairwise(_edges(grid.height, count)):
        middle = min(max((top + bottom) // 2 // _ROWS * _ROWS, top), bottom - 1)
        starts = range(top, bottom, _ROWS) if whole else (middle,)
        windows += [Window(0, start, grid.width, min(_ROWS, bottom - start)) for start in starts]
    return windows


def _edges(length: int, count: int) -> NDArray[np.intp]:
    """Limits between the pixels of neighbouring nodes, of which the first and the last have half as many."""
    inner = (np.arange(count - 1) + 0.5) * length / max(count - 1, 1)
    return np.array([0, *np.round(inner).astype(int), length], np.intp)


@contextmanager
def _open_strips(
    scene: Scene, emissivity: Emissivity, masking: Masking, shape: tuple[int, int], step: int
) -> Iterator[Callable[[Window], tuple[int, NDArray[np.float64]]]]:
    """Open the scene; yield a function that finds the row of nodes of a strip and the medians around its nodes.

    The medians are of shape (quantity, columns). Every `step`-th row and column is used; with all of them, a single
    pixel suffices for a node.
    """
    fewest, smallest = (_FEWEST, _SMALLEST_FRACTION) if step > 1 else (1, 0.0)
    tops, columns = _edges(scene.grid.height, shape[0]), _edges(scene.grid.width, shape[1])
    bands = [scene, scene.second] if scene.second else [scene]
    with ExitStack() as stack:
        datasets = [stack.enter_context(open_raster(one.place, "scene", SceneError)) for one in bands]
        read_masks = stack.enter_context(open_masks(masking, scene.grid))
        read_emissivity = None
        if scene.second:
            kinds = read_masks if masking.quality else None
            read_emissivity = stack.enter_context(open_emissivity(emissivity, scene, kinds))
        read_layers = partial(_read_layers, bands, datasets, read_emissivity)

        def read(window: Window) -> tuple[int, NDArray[np.float64]]:
            layers = read_layers(window, step)
            kinds = read_masks(window)
            if kinds.ndim:
                layers[:, is_any(kinds[::step, ::step], CLOUDY, MASK_BITS)] = np.nan
            medians = np.full((len(layers), shape[1]), np.nan)
            for node, (left, right) in enumerate(pairwise(columns)):
                part = layers[:, :, -(-left // step) : -(-right // step)]
                part = part[:, np.isfinite(part).all(axis=0)]
                size = layers.shape[1] * (-(-right // step) - (-(-left // step)))
                if part.shape[1] >= max(min(fewest, size), smallest * size, 1):
                    medians[:, node] = np.median(part, axis=1)
            return int(np.searchsorted(tops, window.row_off, side="right")) - 1, medians

        yield read


def _read_layers(
    bands: Sequence[Scene], datasets: Sequence[Any], read_emissivity: MergedReader | None, window: Window, step: int
) -> NDArray[np.float64]:
    """Read the quantities of a window, (quantity, rows, columns), at every `step`-th row and column."""

    def temperature(band: Scene, dataset: Any) -> NDArray[Any]:
        pixels = band.read(dataset, window=window)
        radiance = np.where(pixels.measured[::step, ::step], pixels.radiance[::step, ::step], np.nan)
        return np.asarray(brightness_temperature(radiance, sensor_band(band.sensor).planck), np.float64)

    first, *others = (temperature(*one) for one in zip(bands, datasets, strict=True))
    if read_emissivity is None:
        return first[None]
    estimate = read_emissivity(window)
    value, second, uncertainty = (
        np.asarray(part[::step, ::step] if part is not None and part.ndim else part, np.float64)
        for part in (estimate.value, estimate.second, estimate.difference_uncertainty)
    )
    planck = sensor_band(bands[1].sensor).planck
    stray_light = noise_radiance(bands[0].stray_light, planck) / band_radiance_slope(others[0], planck)
    layers = (first, first - others[0], stray_light, value, second - value, uncertainty)
    return np.stack([np.broadcast_to(layer, first.shape) for layer in layers])


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
