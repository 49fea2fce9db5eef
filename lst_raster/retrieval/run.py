"""The run over the tiles of a scene, with its counts."""

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
from lst_raster.io.plausibility import HOTTEST_GROUND
from lst_raster.io.scene import Scene
from lst_raster.product.cog import CogWriter, new_cog
from lst_raster.product.paths import (
    OutputForm,
    ProductPaths,
    quality_layer,
    temperature_layer,
    uncertainty_layer,
)
from lst_raster.product.staging import Staging
from lst_raster.retrieval.coarse_atmosphere import STEP, CoarseAtmosphere, is_smooth
from lst_raster.retrieval.interpolation_check import InterpolationCheck
from lst_raster.retrieval.inversion import sensor_noise
from lst_raster.retrieval.masks import Masking
from lst_raster.retrieval.quality_bits import DistanceReader, Flagging, measure_cloud_distance
from lst_raster.retrieval.tiles import Float32, Mask, Tile, open_tiles, retrieve_tile, tile_windows, uncertainty_of_tile
from lst_raster.retrieval.workers import over_tiles
from lst_raster.sensors.bands import SensorBand, sensor_band


@dataclass(kw_only=True, slots=True)
class TileCounts:
    """Counts over one tile, or over all."""

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
    hot: int = 0
    """Those hotter than any natural land surface."""
    sources: Counter[int] = field(default_factory=Counter)
    """Pixels with a temperature, by the number of their emissivity's source, counted from 1."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every input of the model, where it was used."""

    @classmethod
    def of(cls, tile: Tile, temperature: Float32, hides: Collection[str]) -> TileCounts:
        """Count a tile; `hides` are the kinds of pixels that get no temperature."""
        retrieved = np.isfinite(temperature)
        return cls(
            pixels=tile.known.size,
            measured=int(np.count_nonzero(tile.measured)),
            masked=_masked(tile, hides),
            known=int(np.count_nonzero(tile.known)),
            retrieved=int(np.count_nonzero(retrieved)),
            hot=int(np.count_nonzero(temperature > HOTTEST_GROUND)),
            sources=_sources(tile.emissivity.source, retrieved),
            extremes=dict(tile.air.extremes),
        )

    def merge(self, other: TileCounts) -> None:
        """Add the counts of another part."""
        self.pixels += other.pixels
        self.measured += other.measured
        self.masked.update(other.masked)
        self.known += other.known
        self.retrieved += other.retrieved
        self.hot += other.hot
        self.sources.update(other.sources)
        self.extremes = {**self.extremes, **_wider(self.extremes, other.extremes)}


def _masked(tile: Tile, hides: Collection[str]) -> Counter[str]:
    masks = {name: tile.masks[name] for name in hides if name in tile.masks}
    counts = Counter({name: int(np.count_nonzero(mask & tile.measured)) for name, mask in masks.items()})
    counts["any"] = int(np.count_nonzero(tile.hidden & tile.measured))
    return counts


def _sources(source: NDArray[np.uint8], retrieved: Mask) -> Counter[int]:
    if not source.ndim:
        return Counter({int(source): int(np.count_nonzero(retrieved))})
    return Counter({number: int(count) for number, count in enumerate(np.bincount(source[retrieved]))})


def _wider(
    ranges: Mapping[str, tuple[float, float]], others: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    none = (np.inf, -np.inf)
    return {
        name: (min(ranges.get(name, none)[0], low), max(ranges.get(name, none)[1], high))
        for name, (low, high) in others.items()
    }


CACHE = 64 << 20
"""Blocks in memory, instead of GDAL's share of the machine: a run takes the same everywhere. rasterio wants bytes,
where GDAL's own option takes small numbers for MiB. [byte]"""

Progress: TypeAlias = Callable[[int, int], bool]
"""Called with the tiles done and their total; returns False to stop the run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Everything that the threads share."""

    scene: Scene
    """The scene."""
    inputs: Inputs
    """Emissivity, model, and what it is fed with."""
    masking: Masking
    """What is masked."""
    form: OutputForm
    """What is written."""
    coarse: CoarseAtmosphere | None
    """The air at nodes, None where the model runs at every pixel."""
    check: InterpolationCheck
    """How far off the coarse air is."""
    flagging: Flagging
    """What of the flags is the same everywhere."""

    @classmethod
    def prepare(cls, scene: Scene, inputs: Inputs, masking: Masking, form: OutputForm, *, exact: bool) -> Run:
        """Get ready; nothing is read yet."""
        smooth = inputs.level2 is None and is_smooth(inputs) and not exact
        return cls(
            scene=scene,
            inputs=inputs,
            masking=masking,
            form=form,
            coarse=CoarseAtmosphere.over(inputs, scene.grid, uncertainty=_uncertain(inputs, form)) if smooth else None,
            check=InterpolationCheck.over(
                scene.grid, inputs, sensor_noise(sensor_band(scene.sensor), scene.calibration.step)
            ),
            flagging=Flagging.of(inputs),
        )

    @property
    def has_uncertainty(self) -> bool:
        """Whether the product has an uncertainty: a Level-2 product does not tell that of its air."""
        return _uncertain(self.inputs, self.form)

    @property
    def band(self) -> SensorBand:
        """The sensor band."""
        return sensor_band(self.scene.sensor)

    def air(self) -> str:
        """Say how the air was brought to the pixels, for the product's provenance."""
        if self.inputs.level2 is not None:
            return "exact: the product's terms at every pixel"
        if self.coarse is None:
            return "exact: the model at every pixel"
        shape = f"{self.coarse.rows.size}x{self.coarse.columns.size} nodes"
        steps = f", steps of {STEP:g} m" if self.coarse.ground is not None else ""
        return f"interpolated between {shape}{steps}; {self.check}"


def _uncertain(inputs: Inputs, form: OutputForm) -> bool:
    return inputs.level2 is None and not form.lst_only


@dataclass(frozen=True, kw_only=True, slots=True)
class Cogs:
    """The rasters of a product, unfinished."""

    temperature: CogWriter
    """Land surface temperature."""
    uncertainty: CogWriter | None
    """Its uncertainty, None where it is not written."""
    quality: CogWriter | None
    """Quality bits, likewise."""

    @property
    def written(self) -> list[CogWriter]:
        """Those that are written."""
        return [cog for cog in (self.uncertainty, self.quality, self.temperature) if cog is not None]


@contextmanager
def open_cogs(run: Run, paths: ProductPaths, files: Staging, threads: int) -> Iterator[Cogs]:
    """Begin the rasters of a product; they are complete when the block is left.

    Raises
    ------
    OutputError
        A file cannot be written, or does not read back as written.
    """
    grid, compress = run.scene.grid, run.form.compress
    lossless = "deflate" if compress == "lerc_zstd" else compress  # of bits none may change
    with ExitStack() as stack:
        uncertainty = quality = None
        if run.has_uncertainty:
            layer = uncertainty_layer(run.form)
            uncertainty = stack.enter_context(
                new_cog(paths.uncertainty, grid, layer, compress=compress, threads=threads, files=files)
            )
        if not run.form.lst_only:
            quality = stack.enter_context(
                new_cog(paths.quality, grid, quality_layer(), compress=lossless, threads=threads, files=files)
            )
        layer = temperature_layer(run.form)
        temperature = stack.enter_context(
            new_cog(paths.temperature, grid, layer, compress=compress, threads=threads, files=files)
        )
        yield Cogs(temperature=temperature, uncertainty=uncertainty, quality=quality)


def write_tiles(run: Run, cogs: Cogs, threads: int, progress: Progress) -> TileCounts:
    """Go through the tiles of a scene.

    Parameters
    ----------
    run : Run
        What is to be done.
    cogs : Cogs
        Where it is written.
    threads : int
        Number of tiles worked on at the same time.
    progress : callable
        Called after every tile with the tiles done and their total.

    Returns
    -------
    TileCounts
        What there was.

    Raises
    ------
    CancelledError
        `progress` returned False.
    LstRasterError
        Something cannot be read, is not possible, or cannot be written.
    """
    windows = tile_windows(run.scene.grid)
    tally = TileCounts()
    distance = measure_cloud_distance(run.masking, run.scene.grid) if cogs.quality is not None else None
    parts = over_tiles(windows, lambda: _worker(run, cogs, distance), threads)
    with closing(parts):
        for done, part in enumerate(parts, start=1):
            tally.merge(part)
            if not progress(done, len(windows)):
                raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")
    return tally


@contextmanager
def _worker(run: Run, cogs: Cogs, distance: DistanceReader | None) -> Iterator[Callable[[Window], TileCounts]]:
    """Open a thread's own files; the function that comes works on a tile."""
    band, noise = run.band.planck, run.check.noise
    uncertain = run.has_uncertainty
    with open_tiles(run.scene, run.inputs, run.masking, run.coarse, uncertainty=uncertain) as read_tile:

        def work(window: Window) -> TileCounts:
            tile = read_tile(window)
            temperature = retrieve_tile(tile, band)
            cogs.temperature.write(temperature, window)
            uncertainty = uncertainty_of_tile(tile, temperature, noise, band)
            if cogs.uncertainty is not None:
                cogs.uncertainty.write(uncertainty, window)
            if cogs.quality is not None and distance is not None:
                cogs.quality.write(run.flagging.bits(tile, temperature, uncertainty, distance(window)), window)
            run.check.add(tile, temperature)
            return TileCounts.of(tile, temperature, run.masking.hides)

        yield work
