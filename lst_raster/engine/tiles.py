"""The loop's body: read a tile, mask it, retrieve it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.engine.cog import BLOCK
from lst_raster.engine.inputs import Inputs
from lst_raster.engine.masks import Masking, open_masks
from lst_raster.errors import SceneError
from lst_raster.physics.band import sensor_band
from lst_raster.physics.surface import surface_temperature
from lst_raster.scene.fields import Field, open_field
from lst_raster.scene.grid import Grid
from lst_raster.scene.raster import open_raster
from lst_raster.scene.scene import Scene

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """What is known of a window of the scene; only pixels that can be retrieved are kept."""

    window: Window
    """Where it lies."""
    measured: int
    """Number of pixels with a radiance."""
    masked: Mapping[str, int]
    """Number of those that are masked, by reason; a pixel may have several. The sum is under ``any``."""
    known: Mask
    """Pixels, of shape (rows, columns), that are not masked and of which everything is known."""
    radiance: Float32
    """Radiance of the known pixels. [W m-2 sr-1 um-1]"""
    fields: Mapping[str, Float32]
    """Every field: its values at the known pixels, or one number for all, in the field's unit."""


TileReader = Callable[[Window], Tile]


@dataclass(kw_only=True, slots=True)
class Tally:
    """What the tiles had in them, added up."""

    pixels: int = 0
    """Pixels of the scene."""
    measured: int = 0
    """Pixels with a radiance: neither fill nor saturated."""
    masked: Counter[str] = field(default_factory=Counter)
    """Those of them that are masked, by reason, and under ``any`` all of them."""
    known: int = 0
    """Pixels that are not masked and of which all inputs are known too."""
    retrieved: int = 0
    """Pixels with a temperature."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every field, where it was used."""

    def add(self, tile: Tile, temperature: Float32) -> None:
        """Count a tile."""
        self.pixels += tile.known.size
        self.measured += tile.measured
        self.masked.update(tile.masked)
        self.known += tile.radiance.size
        self.retrieved += int(np.isfinite(temperature).sum())
        for name, values in tile.fields.items():
            if values.size:
                low, high = self.extremes.get(name, (np.inf, -np.inf))
                self.extremes[name] = (min(low, float(values.min())), max(high, float(values.max())))


def tile_windows(grid: Grid) -> list[Window]:
    """Windows that cover a grid, aligned with the product's blocks, row by row."""
    return [
        Window(column, row, min(BLOCK, grid.width - column), min(BLOCK, grid.height - row))
        for row in range(0, grid.height, BLOCK)
        for column in range(0, grid.width, BLOCK)
    ]


@contextmanager
def open_tiles(scene: Scene, inputs: Inputs, masking: Masking) -> Iterator[TileReader]:
    """Open the scene and all rasters for reading tile by tile.

    Parameters
    ----------
    scene : Scene
        The scene.
    inputs : Inputs
        What is fed to the model.
    masking : Masking
        What is masked.

    Yields
    ------
    TileReader
        Reads the tile of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid, or a value is not possible (also raised by the reader).
    """
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(scene.place, "scene", SceneError))
        readers = {name: stack.enter_context(open_field(field, scene.grid)) for name, field in inputs.fields.items()}
        masks = stack.enter_context(open_masks(masking, scene.grid))
        yield lambda window: _read_tile(
            window, *scene.read(dataset, window=window), masks(window), inputs.fields, readers
        )


def _read_tile(
    window: Window,
    radiance: Float32,
    measured: Mask,
    masks: Mapping[str, Mask],
    fields: Mapping[str, Field],
    readers: Mapping[str, Any],
) -> Tile:
    """Mask before the network, not after: it would turn any number into a temperature."""
    values = {name: read(window) for name, read in readers.items()}
    known = measured.copy()
    for mask in masks.values():
        known &= ~mask
    masked = {name: int((mask & measured).sum()) for name, mask in masks.items()}
    masked["any"] = int(measured.sum() - known.sum())
    for field_values in values.values():
        known &= np.isfinite(field_values)
    kept = {name: array[known] if array.ndim else array for name, array in values.items()}
    for name, array in kept.items():
        if array.ndim:
            fields[name].quantity.check(array, f"{fields[name].quantity.title} {fields[name].source}")
    return Tile(
        window=window, measured=int(measured.sum()), masked=masked, known=known, radiance=radiance[known], fields=kept
    )


def retrieve_tile(tile: Tile, inputs: Inputs) -> Float32:
    """Land surface temperature of a tile.

    The network gives the atmosphere, once where it is the same for all pixels; the equation is solved by physics.

    Parameters
    ----------
    tile : Tile
        What is known.
    inputs : Inputs
        The model.

    Returns
    -------
    array of shape (rows, columns)
        Temperature, NaN where something is not known or the atmosphere alone exceeds the radiance. [K]
    """
    temperature = np.full(tile.known.shape, np.nan, np.float32)
    if tile.radiance.size:
        atmosphere = inputs.model.atmosphere(**{name: tile.fields[name] for name in inputs.atmosphere})
        band = sensor_band(inputs.model.contract.sensor).planck
        temperature[tile.known] = surface_temperature(tile.radiance, tile.fields["emissivity"], *atmosphere, band)
    return temperature
