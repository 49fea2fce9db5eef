"""One tile of a scene: reading, masking, temperature and quality bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.inputs.emissivity.merge import MergedEstimate, open_emissivity
from lst_raster.inputs.emissivity.registry import QUALITY_VALUES
from lst_raster.inputs.resolve import CLIMATOLOGY, Inputs
from lst_raster.io.grid import Grid
from lst_raster.io.quality_band import Kinds, is_any
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Pixels, Scene
from lst_raster.physics.quantities import EMISSIVITY, WATER_VAPOUR
from lst_raster.product.quality_flags import SCENE_QUALITY_KINDS, UNCERTAINTY_LIMIT, Bits, flag
from lst_raster.retrieval.atmosphere import (
    AtmosphereTerms,
    CoarseAtmosphere,
    Float32,
    Mask,
    open_coarse_atmosphere,
    open_exact_atmosphere,
    open_level2_atmosphere,
)
from lst_raster.retrieval.inversion import PixelState, Sensor, Solution, solve_equation
from lst_raster.retrieval.masks import MASK_BITS, DistanceClasses, Masking, open_masks


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """Inputs of a window of the scene; masks are of shape (rows, columns)."""

    window: Window
    measured: Mask  # pixels with a radiance
    saturated: Mask  # pixels beyond the sensor's range
    kinds: Kinds  # from the quality bands, as bits (`MASK_BITS`); 0 for all pixels without them
    hidden: Mask  # pixels that get no temperature because of a mask
    valid: Mask  # pixels that are measured, not hidden, and have all inputs
    radiance: Float32  # [W m-2 sr-1 um-1], of shape (rows, columns), undefined where not measured
    second_radiance: Float32 | None = None  # of the second band, None for one band
    emissivity: MergedEstimate
    atmosphere: AtmosphereTerms

    @property
    def pixels(self) -> PixelState:
        """Pixels for the solution of the equation."""
        known = self.emissivity
        return PixelState(
            self.radiance, known.value, known.uncertainty, self.second_radiance, known.second,
            known.difference_uncertainty,
        )  # fmt: skip


TileReader = Callable[[Window], Tile]


@contextmanager
def open_tiles(
    scene: Scene, inputs: Inputs, masking: Masking, coarse: CoarseAtmosphere | None, *, uncertainty: bool
) -> Iterator[TileReader]:
    """Open the scene and all rasters, for reading tile by tile in one thread.

    Without `coarse` the model runs at every pixel; `uncertainty` adds that of the atmosphere. Raises LstRasterError,
    from the reader too: a file is missing, damaged or on another grid, or a value is impossible.
    """
    if inputs.level2 is not None:
        atmosphere = open_level2_atmosphere(inputs.level2)
    elif coarse is None:
        atmosphere = open_exact_atmosphere(inputs, scene.grid, uncertainty=uncertainty)
    else:
        atmosphere = open_coarse_atmosphere(coarse, scene.grid)
    with ExitStack() as stack:
        bands = [scene, scene.second] if scene.second else [scene]
        datasets = [stack.enter_context(open_raster(one.place, "scene", SceneError)) for one in bands]
        for one, dataset in zip(bands, datasets, strict=True):
            if Grid.of(dataset) != scene.grid:
                raise SceneError(f"scene {one.place} has changed since it was opened; open it again")
        read_masks = stack.enter_context(open_masks(masking, scene.grid))
        read_emissivity = stack.enter_context(
            open_emissivity(inputs.emissivity, scene, read_masks if masking.quality else None)
        )
        read_atmosphere = stack.enter_context(atmosphere)

        def read(window: Window) -> Tile:
            pixels, *others = (one.read(dataset, window=window) for one, dataset in zip(bands, datasets, strict=True))
            for other in others:
                pixels = pixels._replace(
                    measured=pixels.measured & other.measured, saturated=pixels.saturated | other.saturated
                )
            if not pixels.measured.any():
                return _empty_tile(window, pixels)
            kinds = read_masks(window)
            hidden = np.broadcast_to(is_any(kinds, masking.hides, MASK_BITS), pixels.measured.shape)
            # Masked before the network runs, which would turn any number into a temperature.
            valid = pixels.measured & ~hidden
            emissivity = read_emissivity(window)
            valid &= np.isfinite(emissivity.value)
            if emissivity.value.ndim:
                EMISSIVITY.check(emissivity.value[valid], "emissivity")
            terms = read_atmosphere(window, valid)
            valid &= np.isfinite(terms.terms[0])
            return Tile(
                window=window, measured=pixels.measured, saturated=pixels.saturated, kinds=kinds, hidden=hidden,
                valid=valid, radiance=pixels.radiance, second_radiance=others[0].radiance if others else None,
                emissivity=emissivity, atmosphere=terms,
            )  # fmt: skip

        yield read


def _empty_tile(window: Window, pixels: Pixels) -> Tile:
    """Tile outside the swath, for which no other files are read."""
    nan, nowhere = np.asarray(np.nan, np.float32), pixels.measured
    return Tile(
        window=window, measured=nowhere, saturated=pixels.saturated, hidden=nowhere, valid=nowhere,
        kinds=np.asarray(0, np.uint16), radiance=pixels.radiance, atmosphere=AtmosphereTerms(terms=(nan, nan, nan)),
        emissivity=MergedEstimate(value=nan, uncertainty=nan, source=np.asarray(0, np.uint8)),
    )  # fmt: skip


def retrieve_tile(tile: Tile, sensors: Sequence[Sensor], *, components: bool = False) -> Solution:
    """Land surface temperature of a tile and its uncertainty, with the bands and the noise of the sensor. [K]

    NaN where a pixel is not valid or the equation has no solution, and for the uncertainty where it is unknown;
    `components` adds those of the uncertainty.
    """
    found = solve_equation(tile.pixels, tile.atmosphere, sensors, components=components)
    if not tile.valid.all():
        for result in (found.temperature, found.uncertainty, *(found.components or ())):
            result[~tile.valid] = np.nan
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Flagging:
    """Quality bits that are the same for the whole scene."""

    kind_bits: NDArray[np.uint32]  # by kinds of the pixel, as bits (`MASK_BITS`)
    source_bits: NDArray[np.uint32]  # of the field ``emissivity_source``, by number of the source counted from 1
    common_bits: int  # of every pixel with a radiance

    @classmethod
    def of(cls, inputs: Inputs, masking: Masking) -> Flagging:
        """Derive them from the inputs and the rules of masking."""
        kinds = np.arange(2 * max(MASK_BITS.values()), dtype=np.uint16)
        kind_bits = np.zeros(kinds.size, np.uint32)
        for name, members in SCENE_QUALITY_KINDS.items():
            _set(kind_bits, name, is_any(kinds, members))
        for kind in {"fill", "saturated"} & set(masking.hides):  # without a valid radiance
            _set(kind_bits, "fill", is_any(kinds, [kind]))
            _set(kind_bits, kind, is_any(kinds, [kind]))
        codes = {name: code for code, (name, _) in QUALITY_VALUES.items()}
        offset = flag("emissivity_source").offset
        source_bits = [0, *(codes[source.kind] << offset for source in inputs.emissivity.sources)]
        vapour = inputs.atmosphere.get(WATER_VAPOUR.name)
        assumed = vapour is not None and vapour.origin == CLIMATOLOGY
        common_bits = flag("assumed_atmosphere").mask if assumed else 0
        return cls(kind_bits=kind_bits, source_bits=np.array(source_bits, np.uint32), common_bits=common_bits)

    def bits(self, tile: Tile, temperature: Float32, uncertainty: Float32, distance: DistanceClasses) -> Bits:
        """Quality bits of a tile with its temperature and uncertainty [K]; see `lst_raster.product.quality_flags`."""
        measured = tile.measured
        bits = measured * (self.source_bits[tile.emissivity.source] | np.uint32(self.common_bits))
        bits |= distance.astype(np.uint32) << np.uint32(flag("cloud_distance").offset)
        if tile.kinds.any():
            bits |= np.take(self.kind_bits, tile.kinds, mode="wrap")
        _set(bits, "fill", ~measured)
        _set(bits, "saturated", tile.saturated)
        _set(bits, "no_input", measured & ~tile.hidden & ~tile.valid)
        _set(bits, "no_solution", tile.valid & np.isnan(temperature))
        with np.errstate(invalid="ignore"):
            _set(bits, "uncertain", uncertainty > UNCERTAINTY_LIMIT)
            if tile.atmosphere.outside_range is not None:
                _set(bits, "outside_range", (tile.atmosphere.outside_range > 0.0) & measured)
        return bits


def _set(bits: Bits, name: str, mask: Mask) -> None:
    """Set a bit, in place, where the mask is True."""
    if mask.any():  # rare for most bits
        bits |= mask * np.uint32(flag(name).mask)
