"""The loop's body: read a tile, mask it, retrieve it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.engine.air import Air, AirReader, open_air
from lst_raster.engine.cog import BLOCK
from lst_raster.engine.inputs import Inputs
from lst_raster.engine.masks import Masking, MaskReader, open_masks
from lst_raster.errors import SceneError
from lst_raster.physics.band import sensor_band
from lst_raster.physics.surface import surface_temperature
from lst_raster.scene.emissivity.merge import MergedEstimate, MergedReader, open_emissivity
from lst_raster.scene.fields import EMISSIVITY
from lst_raster.scene.grid import Grid
from lst_raster.scene.raster import open_raster
from lst_raster.scene.scene import Scene

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """What is known of a window of the scene."""

    window: Window
    """Where it lies."""
    measured: Mask
    """Pixels, of shape (rows, columns), with a radiance."""
    masks: Mapping[str, Mask]
    """Masked pixels, by reason; a pixel may have several."""
    known: Mask
    """Pixels that are measured, not masked, and of which everything is known."""
    radiance: Float32
    """Radiance, of the same shape, meaningless where it is not measured. [W m-2 sr-1 um-1]"""
    emissivity: MergedEstimate
    """Emissivity."""
    air: Air
    """The air over it."""


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
    sources: Counter[int] = field(default_factory=Counter)
    """Pixels with a temperature, by the number of their emissivity's source, counted from 1."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every input of the model, where it was used."""

    def add(self, tile: Tile, temperature: Float32) -> None:
        """Count a tile."""
        retrieved = np.isfinite(temperature)
        self.pixels += tile.known.size
        self.measured += int(tile.measured.sum())
        self._add_masks(tile)
        self.known += int(tile.known.sum())
        self.retrieved += int(retrieved.sum())
        self._add_sources(tile.emissivity.source, retrieved)
        for name, (low, high) in tile.air.extremes.items():
            before = self.extremes.get(name, (np.inf, -np.inf))
            self.extremes[name] = (min(before[0], low), max(before[1], high))

    def _add_masks(self, tile: Tile) -> None:
        for name, mask in tile.masks.items():
            self.masked[name] += int((mask & tile.measured).sum())
        if tile.masks:
            self.masked["any"] += int((np.logical_or.reduce(list(tile.masks.values())) & tile.measured).sum())

    def _add_sources(self, source: NDArray[np.uint8], retrieved: Mask) -> None:
        if not source.ndim:
            self.sources[int(source)] += int(retrieved.sum())
            return
        for number, count in enumerate(np.bincount(source[retrieved])):
            self.sources[number] += int(count)


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
        Emissivity, model, and what it is fed with.
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
        masks = stack.enter_context(open_masks(masking, scene.grid))
        emissivity = stack.enter_context(open_emissivity(inputs.emissivity, scene))
        air = stack.enter_context(open_air(inputs, scene.grid))
        yield lambda window: _read_tile(window, scene.read(dataset, window=window), masks, emissivity, air)


def _read_tile(
    window: Window, pixels: tuple[Float32, Mask], masks: MaskReader, emissivity: MergedReader, air: AirReader
) -> Tile:
    """Mask before the network, not after: it would turn any number into a temperature."""
    radiance, measured = pixels
    masked = masks(window)
    known = measured.copy()
    for mask in masked.values():
        known &= ~mask
    ground = emissivity(window)
    known &= np.isfinite(ground.value)
    if ground.value.ndim:
        EMISSIVITY.check(ground.value[known], "emissivity")
    above = air(window, known)
    known &= np.isfinite(above.transmittance)
    return Tile(
        window=window, measured=measured, masks=masked, known=known, radiance=radiance, emissivity=ground, air=above
    )


def retrieve_tile(tile: Tile, inputs: Inputs) -> Float32:
    """Land surface temperature of a tile: the equation, solved by physics.

    Parameters
    ----------
    tile : Tile
        What is known.
    inputs : Inputs
        The model, which tells the sensor band.

    Returns
    -------
    array of shape (rows, columns)
        Temperature, NaN where something is not known or the atmosphere alone exceeds the radiance. [K]
    """
    band = sensor_band(inputs.model.contract.sensor).planck
    with np.errstate(all="ignore"):  # of pixels that are not known
        temperature = surface_temperature(tile.radiance, tile.emissivity.value, *tile.air.terms, band)
    return np.where(tile.known, temperature, np.float32("nan")).astype(np.float32)
