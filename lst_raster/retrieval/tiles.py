"""The loop's body: read a tile, mask it, retrieve it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.inputs.emissivity.merge import MergedEstimate, MergedReader, open_emissivity
from lst_raster.inputs.resolve import Inputs
from lst_raster.io.grid import Grid
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Pixels, Scene
from lst_raster.physics.planck import BandPlanck
from lst_raster.physics.quantities import EMISSIVITY
from lst_raster.product.cog import BLOCK
from lst_raster.retrieval.atmosphere_terms import (
    AtmosphereReader,
    AtmosphereTerms,
    open_exact_atmosphere,
    open_level2_atmosphere,
)
from lst_raster.retrieval.coarse_atmosphere import CoarseAtmosphere, open_coarse_atmosphere
from lst_raster.retrieval.inversion import solve_temperature, solve_uncertainty
from lst_raster.retrieval.masks import Masking, open_masks

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """What is known of a window of the scene."""

    window: Window
    """Where it lies."""
    measured: Mask
    """Pixels, of shape (rows, columns), with a radiance."""
    saturated: Mask
    """Pixels beyond the sensor's range."""
    masks: Mapping[str, Mask]
    """What the quality bands tell, by kind; a pixel may have several."""
    hidden: Mask
    """Pixels that get no temperature for that."""
    known: Mask
    """Pixels that are measured, not masked, and of which everything is known."""
    radiance: Float32
    """Radiance, of the same shape, meaningless where it is not measured. [W m-2 sr-1 um-1]"""
    emissivity: MergedEstimate
    """Emissivity."""
    air: AtmosphereTerms
    """The air over it."""


TileReader = Callable[[Window], Tile]


def tile_windows(grid: Grid) -> list[Window]:
    """Windows that cover a grid, aligned with the product's blocks, row by row."""
    return [
        Window(column, row, min(BLOCK, grid.width - column), min(BLOCK, grid.height - row))
        for row in range(0, grid.height, BLOCK)
        for column in range(0, grid.width, BLOCK)
    ]


@contextmanager
def open_tiles(
    scene: Scene, inputs: Inputs, masking: Masking, coarse: CoarseAtmosphere | None, *, uncertainty: bool
) -> Iterator[TileReader]:
    """Open the scene and all rasters for reading tile by tile, in one thread.

    Parameters
    ----------
    scene : Scene
        The scene.
    inputs : Inputs
        Emissivity, model, and what it is fed with.
    masking : Masking
        What is masked.
    coarse : CoarseAtmosphere or None
        The air at nodes; without it the model runs at every pixel.
    uncertainty : bool
        Whether the uncertainty of the air is wanted.

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
        if Grid.of(dataset) != scene.grid:
            raise SceneError(f"scene {scene.place} has changed since it was opened; open it again")
        masks = stack.enter_context(open_masks(masking, scene.grid))
        emissivity = stack.enter_context(open_emissivity(inputs.emissivity, scene))
        air = stack.enter_context(_open_air(inputs, scene.grid, coarse, uncertainty))

        def read(window: Window) -> Tile:
            pixels = scene.read(dataset, window=window)
            if not pixels.measured.any():
                return _nothing(window, pixels)
            return _read_tile(window, pixels, masks(window), masking.hides, emissivity, air)

        yield read


def _open_air(
    inputs: Inputs, grid: Grid, coarse: CoarseAtmosphere | None, uncertainty: bool
) -> AbstractContextManager[AtmosphereReader]:
    if inputs.level2 is not None:
        return open_level2_atmosphere(inputs.level2)
    if coarse is None:
        return open_exact_atmosphere(inputs, grid, uncertainty=uncertainty)
    return open_coarse_atmosphere(coarse, grid)


def _read_tile(
    window: Window, pixels: Pixels, masks: Mapping[str, Mask], hides: Collection[str], emissivity: MergedReader,
    air: AtmosphereReader,
) -> Tile:  # fmt: skip
    """Mask before the network, not after: it would turn any number into a temperature."""
    hidden = np.zeros(pixels.measured.shape, bool)
    for name, mask in masks.items():
        if name in hides:
            hidden |= mask
    known = pixels.measured & ~hidden
    ground = emissivity(window)
    known &= np.isfinite(ground.value)
    if ground.value.ndim:
        EMISSIVITY.check(ground.value[known], "emissivity")
    above = air(window, known)
    known &= np.isfinite(above.terms[0])
    return Tile(
        window=window, measured=pixels.measured, saturated=pixels.saturated, masks=masks, hidden=hidden, known=known,
        radiance=pixels.radiance, emissivity=ground, air=above,
    )  # fmt: skip


def _nothing(window: Window, pixels: Pixels) -> Tile:
    """Make a tile beside the swath: the other files are not read for it."""
    none, nowhere = np.asarray(np.nan, np.float32), pixels.measured
    return Tile(
        window=window, measured=nowhere, saturated=pixels.saturated, masks={}, hidden=nowhere, known=nowhere,
        radiance=pixels.radiance, air=AtmosphereTerms(terms=(none, none, none)),
        emissivity=MergedEstimate(value=none, uncertainty=none, source=np.asarray(0, np.uint8)),
    )  # fmt: skip


def retrieve_tile(tile: Tile, band: BandPlanck) -> Float32:
    """Land surface temperature of a tile: the equation, solved by physics.

    Parameters
    ----------
    tile : Tile
        What is known.
    band : BandPlanck
        Planck function of the sensor band.

    Returns
    -------
    array of shape (rows, columns)
        Temperature, NaN where something is not known or the atmosphere alone exceeds the radiance. [K]
    """
    temperature = solve_temperature(tile.radiance, tile.emissivity.value, tile.air, band)
    temperature[~tile.known] = np.nan
    return temperature


def uncertainty_of_tile(tile: Tile, temperature: Float32, noise: float, band: BandPlanck) -> Float32:
    """Uncertainty of the temperatures of a tile.

    Parameters
    ----------
    tile : Tile
        What is known.
    temperature : array of shape (rows, columns)
        What `retrieve_tile` made of it. [K]
    noise : float
        Standard uncertainty of the radiance. [W m-2 sr-1 um-1]
    band : BandPlanck
        Planck function of the sensor band.

    Returns
    -------
    array of shape (rows, columns)
        Standard uncertainty, NaN where there is no temperature, or where nothing tells that of the air. [K]
    """
    ground = tile.emissivity
    return solve_uncertainty(temperature, tile.radiance, ground.value, ground.uncertainty, tile.air, noise, band)
