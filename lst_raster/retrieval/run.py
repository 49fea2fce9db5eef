"""The run over the tiles of a scene: shared state, output rasters and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import CancelledError
from lst_raster.inputs.resolve import Inputs
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.io.plausibility import HOTTEST_GROUND
from lst_raster.io.scene import Scene
from lst_raster.product.cog import CogWriter, Compression, Layer, new_cog
from lst_raster.product.paths import OutputFormat, ProductPaths, quality_layer, temperature_layer, uncertainty_layer
from lst_raster.product.staging import Staging
from lst_raster.retrieval.atmosphere_terms import Float32, Mask, Ranges, widen_ranges
from lst_raster.retrieval.coarse_atmosphere import ELEVATION_STEP, CoarseAtmosphere
from lst_raster.retrieval.interpolation_check import InterpolationCheck
from lst_raster.retrieval.inversion import sensor_noise, solve_uncertainty
from lst_raster.retrieval.masks import Masking
from lst_raster.retrieval.quality_bits import DistanceReader, Flagging, measure_cloud_distance
from lst_raster.retrieval.tiles import Tile, open_tiles, retrieve_tile, tile_windows
from lst_raster.retrieval.workers import over_tiles
from lst_raster.sensors.bands import SensorBand, sensor_band

GDAL_CACHE_SIZE = 64 << 20
"""Size of GDAL's block cache, by default a fraction of the machine's memory. rasterio takes bytes, GDAL itself takes
small numbers as MiB. [byte]"""
Progress: TypeAlias = Callable[[int, int], bool]
"""Called with the number of tiles completed and in total; returns False to stop the run."""


@dataclass(kw_only=True, slots=True)
class TileCounts:
    """Counts of pixels in one tile, or in all."""

    pixels: int = 0
    measured: int = 0  # with a radiance, that is without fill and saturated pixels
    masked: Counter[str] = field(default_factory=Counter)  # measured pixels that are masked, by kind and as `any`
    valid: int = 0  # not masked, and with all inputs
    retrieved: int = 0  # with a temperature
    too_hot: int = 0  # with a temperature above that of any natural land surface
    sources: Counter[int] = field(default_factory=Counter)  # retrieved pixels by number of the emissivity source
    input_ranges: Ranges = field(default_factory=dict)  # lowest and highest value of every model input

    @classmethod
    def of(cls, tile: Tile, temperature: Float32, hides: Collection[str]) -> TileCounts:
        """Count the pixels of a tile; `hides` are the kinds of pixels that get no temperature."""
        retrieved = np.isfinite(temperature)
        masks = {name: tile.masks[name] & tile.measured for name in hides if name in tile.masks}
        masks["any"] = tile.hidden & tile.measured
        return cls(
            pixels=tile.valid.size,
            measured=int(np.count_nonzero(tile.measured)),
            masked=Counter({name: int(np.count_nonzero(mask)) for name, mask in masks.items()}),
            valid=int(np.count_nonzero(tile.valid)),
            retrieved=int(np.count_nonzero(retrieved)),
            too_hot=int(np.count_nonzero(temperature > HOTTEST_GROUND)),
            sources=_count_sources(tile.emissivity.source, retrieved),
            input_ranges=dict(tile.atmosphere.input_ranges),
        )

    def add(self, other: TileCounts) -> None:
        """Add the counts of another tile."""
        self.pixels += other.pixels
        self.measured += other.measured
        self.masked.update(other.masked)
        self.valid += other.valid
        self.retrieved += other.retrieved
        self.too_hot += other.too_hot
        self.sources.update(other.sources)
        widen_ranges(self.input_ranges, other.input_ranges)


def _count_sources(source: NDArray[np.uint8], retrieved: Mask) -> Counter[int]:
    if not source.ndim:
        return Counter({int(source): int(np.count_nonzero(retrieved))})
    return Counter({number: int(count) for number, count in enumerate(np.bincount(source[retrieved]))})


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """State of a run that all threads share."""

    scene: Scene
    inputs: Inputs
    masking: Masking
    form: OutputFormat
    coarse: CoarseAtmosphere | None  # None where the model runs at every pixel
    check: InterpolationCheck
    flagging: Flagging

    @classmethod
    def prepare(cls, scene: Scene, inputs: Inputs, masking: Masking, form: OutputFormat, *, exact: bool) -> Run:
        """Choose the grid of the atmosphere and the pixels of the self-check; no file is read yet."""
        coarse = None
        has_raster = any(given.is_raster for given in inputs.fields.values())
        if inputs.model is not None and not has_raster and not exact:
            coarse = CoarseAtmosphere.over(inputs, scene.grid, uncertainty=not form.lst_only)
        noise = sensor_noise(sensor_band(scene.sensor), scene.calibration.step)
        return cls(
            scene=scene, inputs=inputs, masking=masking, form=form, coarse=coarse,
            check=InterpolationCheck.over(scene.grid, inputs, noise), flagging=Flagging.of(inputs),
        )  # fmt: skip

    @property
    def has_uncertainty(self) -> bool:
        """Whether the uncertainty is written; for the terms of a Level-2 product it is unknown."""
        return self.inputs.level2 is None and not self.form.lst_only

    @property
    def band(self) -> SensorBand:
        """The sensor band."""
        return sensor_band(self.scene.sensor)

    def layers(self, paths: ProductPaths) -> dict[str, tuple[Location, Layer]]:
        """Paths and layers of the rasters to write: ``temperature``, and optionally ``uncertainty`` and ``quality``."""
        layers = {}
        if self.has_uncertainty:
            layers["uncertainty"] = (paths.uncertainty, uncertainty_layer(self.form))
        if not self.form.lst_only:
            layers["quality"] = (paths.quality, quality_layer())
        return {**layers, "temperature": (paths.temperature, temperature_layer(self.form))}

    def atmosphere_method(self) -> str:
        """How the atmosphere was computed at the pixels, for the provenance."""
        if self.inputs.level2 is not None:
            return "exact: the product's terms at every pixel"
        if self.coarse is None:
            return "exact: the model at every pixel"
        shape = f"{self.coarse.rows.size}x{self.coarse.columns.size} nodes"
        steps = f", steps of {ELEVATION_STEP:g} m" if self.coarse.ground is not None else ""
        return f"interpolated between {shape}{steps}; {self.check}"


@contextmanager
def open_cogs(
    layers: Mapping[str, tuple[Location, Layer]], grid: Grid, compress: Compression, *, files: Staging, threads: int
) -> Iterator[dict[str, CogWriter]]:
    """Open rasters by role, each with its path and layer; they are complete when the block is left.

    Raises OutputError: a file cannot be written, or its content differs when read back.
    """
    lossless = "deflate" if compress == "lerc_zstd" else compress  # quality bits must not change
    with ExitStack() as stack:
        cogs = {}
        for role, (path, layer) in layers.items():
            method = lossless if role == "quality" else compress
            cog = new_cog(path, grid, layer, compress=method, threads=threads, files=files)
            cogs[role] = stack.enter_context(cog)
        yield cogs


def write_tiles(run: Run, cogs: Mapping[str, CogWriter], threads: int, progress: Progress) -> TileCounts:
    """Retrieve and write the tiles of a scene in `threads` threads; `progress` is called after each.

    Raises CancelledError if `progress` returns False, and LstRasterError: a file cannot be read or written, or a value
    is impossible.
    """
    windows = tile_windows(run.scene.grid)
    counts = TileCounts()
    distance = measure_cloud_distance(run.masking, run.scene.grid) if "quality" in cogs else None
    parts = over_tiles(windows, lambda: _open_worker(run, cogs, distance), threads)
    with closing(parts):
        for done, part in enumerate(parts, start=1):
            counts.add(part)
            if not progress(done, len(windows)):
                raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")
    return counts


@contextmanager
def _open_worker(
    run: Run, cogs: Mapping[str, CogWriter], distance: DistanceReader | None
) -> Iterator[Callable[[Window], TileCounts]]:
    """Open the files of one thread; yields the function that processes a tile."""
    band, noise = run.band.planck, run.check.noise
    with open_tiles(run.scene, run.inputs, run.masking, run.coarse, uncertainty=run.has_uncertainty) as read_tile:

        def process(window: Window) -> TileCounts:
            tile = read_tile(window)
            emissivity = tile.emissivity
            temperature = retrieve_tile(tile, band)
            cogs["temperature"].write(temperature, window)
            uncertainty = solve_uncertainty(
                temperature, tile.radiance, emissivity.value, emissivity.uncertainty, tile.atmosphere, noise, band
            )
            if "uncertainty" in cogs:
                cogs["uncertainty"].write(uncertainty, window)
            if distance is not None:
                bits = run.flagging.bits(tile, temperature, uncertainty, distance(window))
                cogs["quality"].write(bits, window)
            run.check.add(tile, temperature)
            return TileCounts.of(tile, temperature, run.masking.hides)

        yield process
