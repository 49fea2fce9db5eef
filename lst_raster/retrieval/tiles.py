"""Reading, masking and retrieval of one tile of a scene."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
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
    Float32,
    Mask,
    open_exact_atmosphere,
    open_level2_atmosphere,
)
from lst_raster.retrieval.coarse_atmosphere import CoarseAtmosphere, open_coarse_atmosphere
from lst_raster.retrieval.inversion import solve_temperature
from lst_raster.retrieval.masks import Masking, open_masks


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """Inputs of a window of the scene; masks are of shape (rows, columns)."""

    window: Window
    measured: Mask  # pixels with a radiance
    saturated: Mask  # pixels beyond the sensor's range
    masks: Mapping[str, Mask]  # from the quality bands, by kind
    hidden: Mask  # pixels that get no temperature because of a mask
    valid: Mask  # pixels that are measured, not hidden, and have all inputs
    radiance: Float32  # [W m-2 sr-1 um-1], of shape (rows, columns), undefined where not measured
    emissivity: MergedEstimate
    atmosphere: AtmosphereTerms


TileReader = Callable[[Window], Tile]


def tile_windows(grid: Grid) -> list[Window]:
    """Windows that cover a grid row by row, aligned with the product's blocks."""
    return [
        Window(column, row, min(BLOCK, grid.width - column), min(BLOCK, grid.height - row))
        for row in range(0, grid.height, BLOCK)
        for column in range(0, grid.width, BLOCK)
    ]


@contextmanager
def open_tiles(
    scene: Scene, inputs: Inputs, masking: Masking, coarse: CoarseAtmosphere | None, *, uncertainty: bool
) -> Iterator[TileReader]:
    """Open the scene and all rasters, for reading tile by tile in one thread.

    Without `coarse` the model runs at every pixel; `uncertainty` adds that of the atmosphere. Raises LstRasterError,
    from the reader too: a file is missing, damaged or on another grid, or a value is impossible.
    """
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(scene.place, "scene", SceneError))
        if Grid.of(dataset) != scene.grid:
            raise SceneError(f"scene {scene.place} has changed since it was opened; open it again")
        read_masks = stack.enter_context(open_masks(masking, scene.grid))
        read_emissivity = stack.enter_context(open_emissivity(inputs.emissivity, scene))
        read_atmosphere = stack.enter_context(_open_atmosphere(inputs, scene.grid, coarse, uncertainty))

        def read(window: Window) -> Tile:
            pixels = scene.read(dataset, window=window)
            if not pixels.measured.any():
                return _empty_tile(window, pixels)
            return _read_tile(window, pixels, read_masks(window), masking.hides, read_emissivity, read_atmosphere)

        yield read


def _open_atmosphere(
    inputs: Inputs, grid: Grid, coarse: CoarseAtmosphere | None, uncertainty: bool
) -> AbstractContextManager[AtmosphereReader]:
    if inputs.level2 is not None:
        return open_level2_atmosphere(inputs.level2)
    if coarse is None:
        return open_exact_atmosphere(inputs, grid, uncertainty=uncertainty)
    return open_coarse_atmosphere(coarse, grid)


def _read_tile(
    window: Window, pixels: Pixels, masks: Mapping[str, Mask], hides: Collection[str], read_emissivity: MergedReader,
    read_atmosphere: AtmosphereReader,
) -> Tile:  # fmt: skip
    """Mask before the network runs, which would turn any number into a temperature."""
    hidden = np.zeros(pixels.measured.shape, bool)
    for name, mask in masks.items():
        if name in hides:
            hidden |= mask
    valid = pixels.measured & ~hidden
    emissivity = read_emissivity(window)
    valid &= np.isfinite(emissivity.value)
    if emissivity.value.ndim:
        EMISSIVITY.check(emissivity.value[valid], "emissivity")
    atmosphere = read_atmosphere(window, valid)
    valid &= np.isfinite(atmosphere.terms[0])
    return Tile(
        window=window, measured=pixels.measured, saturated=pixels.saturated, masks=masks, hidden=hidden, valid=valid,
        radiance=pixels.radiance, emissivity=emissivity, atmosphere=atmosphere,
    )  # fmt: skip


def _empty_tile(window: Window, pixels: Pixels) -> Tile:
    """Tile outside the swath, for which no other files are read."""
    nan, nowhere = np.asarray(np.nan, np.float32), pixels.measured
    return Tile(
        window=window, measured=nowhere, saturated=pixels.saturated, masks={}, hidden=nowhere, valid=nowhere,
        radiance=pixels.radiance, atmosphere=AtmosphereTerms(terms=(nan, nan, nan)),
        emissivity=MergedEstimate(value=nan, uncertainty=nan, source=np.asarray(0, np.uint8)),
    )  # fmt: skip


def retrieve_tile(tile: Tile, band: BandPlanck) -> Float32:
    """Land surface temperature of a tile [K]; NaN where a pixel is not valid or the equation has no solution."""
    temperature = solve_temperature(tile.radiance, tile.emissivity.value, tile.atmosphere, band)
    temperature[~tile.valid] = np.nan
    return temperature
