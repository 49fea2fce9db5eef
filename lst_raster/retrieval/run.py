"""The run over the tiles of a scene: shared state, output rasters, counts, and the self-check at sampled pixels."""

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
from lst_raster.io.angles import AngleSource, find_angles, open_angles
from lst_raster.io.grid import Grid
from lst_raster.io.plausibility import HOTTEST_GROUND
from lst_raster.io.quality_band import is_any
from lst_raster.io.scene import Scene
from lst_raster.product.cog import BLOCK, CogWriter, Compression, Layer, new_cog
from lst_raster.product.paths import (
    ANGLES,
    COMPONENTS,
    OutputFormat,
    ProductPaths,
    angle_layer,
    component_layer,
    quality_layer,
    temperature_layer,
    uncertainty_layer,
)
from lst_raster.product.quality_flags import values_of
from lst_raster.product.staging import Staging
from lst_raster.retrieval.atmosphere import (
    ELEVATION_STEP,
    CoarseAtmosphere,
    Float32,
    Ranges,
    widen_ranges,
)
from lst_raster.retrieval.error_budget import PARTS, SYSTEMATIC, solve_in_parts
from lst_raster.retrieval.inversion import Sensor, both_sensors
from lst_raster.retrieval.masks import MASK_BITS, DistanceReader, Masking, measure_cloud_distance
from lst_raster.retrieval.tiles import Flagging, Tile, open_tiles, retrieve_tile
from lst_raster.retrieval.workers import over_tiles, windows_over
from lst_raster.sensors.bands import sensor_band

GDAL_CACHE_SIZE = 64 << 20
"""Size of GDAL's block cache, by default a fraction of the machine's memory. rasterio takes bytes, GDAL itself takes
small numbers as MiB. [byte]"""
TOLERANCE = 0.05
"""Largest difference without a warning. [K]"""
_SAMPLE_SIZE = 10_000
_SEED = 20_150_719
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
    quality_values: set[int] = field(default_factory=set)  # of the quality band, empty if none is written
    sources: Counter[int] = field(default_factory=Counter)  # retrieved pixels by number of the emissivity source
    input_ranges: Ranges = field(default_factory=dict)  # lowest and highest value of every model input

    @classmethod
    def of(cls, tile: Tile, temperature: Float32, hides: Collection[str]) -> TileCounts:
        """Count the pixels of a tile; `hides` are the kinds of pixels that get no temperature."""
        retrieved, source = np.isfinite(temperature), tile.emissivity.source
        hidden = tile.hidden & tile.measured
        masked = {"any": int(np.count_nonzero(hidden)), **dict.fromkeys(hides, 0)}
        if masked["any"]:
            kinds = tile.kinds[hidden]
            masked |= {name: int(np.count_nonzero(is_any(kinds, [name], MASK_BITS))) for name in hides}
        number_retrieved = int(np.count_nonzero(retrieved))
        if source.ndim:
            sources = dict(enumerate(map(int, np.bincount(source[retrieved]))))
        else:
            sources = {int(source): number_retrieved}
        return cls(
            pixels=tile.valid.size, measured=int(np.count_nonzero(tile.measured)),
            masked=Counter(masked),
            valid=int(np.count_nonzero(tile.valid)), retrieved=number_retrieved,
            too_hot=int(np.count_nonzero(temperature > HOTTEST_GROUND)), sources=Counter(sources),
            input_ranges=dict(tile.atmosphere.input_ranges),
        )  # fmt: skip

    def add(self, other: TileCounts) -> None:
        """Add the counts of another tile."""
        self.pixels += other.pixels
        self.measured += other.measured
        self.masked.update(other.masked)
        self.valid += other.valid
        self.retrieved += other.retrieved
        self.too_hot += other.too_hot
        self.quality_values |= other.quality_values
        self.sources.update(other.sources)
        widen_ranges(self.input_ranges, other.input_ranges)


@dataclass(frozen=True, kw_only=True, slots=True)
class InterpolationCheck:
    """Sampled pixels, the same in every run of a scene. Each is in one tile, so threads write to different elements."""

    inputs: Inputs
    sensors: tuple[Sensor, ...]  # bands and their noise
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    difference: Float32  # temperature minus that of the model at the pixel, NaN without one [K]
    parts: dict[str, Float32] = field(default_factory=dict)  # standard uncertainty by error source, likewise [K]

    @classmethod
    def over(cls, grid: Grid, inputs: Inputs, sensors: tuple[Sensor, ...]) -> InterpolationCheck:
        """Sample the pixels of a scene; of small scenes every pixel is checked."""
        count = grid.width * grid.height
        if count > _SAMPLE_SIZE:
            sample = np.sort(np.random.default_rng(_SEED).integers(0, count, _SAMPLE_SIZE))
        else:
            sample = np.arange(count)
        row, column = np.divmod(sample, grid.width)
        empty = np.full(sample.size, np.nan, np.float32)
        parts = {name: empty.copy() for name in (*PARTS, SYSTEMATIC)} if inputs.level2 is None else {}
        return cls(inputs=inputs, sensors=sensors, row=row, column=column, difference=empty, parts=parts)

    def add(self, tile: Tile, temperature: Float32) -> None:
        """Check the sampled pixels of a tile."""
        if tile.atmosphere.inputs_at is None:
            return
        row, column = self.row - tile.window.row_off, self.column - tile.window.col_off
        inside = np.flatnonzero((row >= 0) & (row < tile.window.height) & (column >= 0) & (column < tile.window.width))
        inside = inside[np.isfinite(temperature[row[inside], column[inside]])]
        if not inside.size:
            return
        row, column = row[inside], column[inside]
        model, values = self.inputs.network, tile.atmosphere.inputs_at(row, column)
        pixels = tile.pixels.map(lambda part: part[row, column] if part.ndim else part)
        exact, parts = solve_in_parts(model, values, pixels, self.sensors)
        self.difference[inside] = temperature[row, column] - exact
        for name, part in parts.items():
            self.parts[name][inside] = part

    @property
    def checked(self) -> int:
        """Number of pixels checked."""
        return int(np.isfinite(self.difference).sum())

    @property
    def largest(self) -> float:
        """Largest absolute difference. [K]"""
        return float(np.nanmax(np.abs(self.difference))) if self.checked else 0.0

    def uncertainty_parts(self) -> str:
        """Root mean square of the uncertainty by error source, for the provenance."""
        if not self.checked:
            return "unknown"
        known = [name for name in PARTS if np.isfinite(self.parts[name]).any()]
        parts = ", ".join(f"{name} {_rms(self.parts[name]):.2f} K" for name in known)
        return f"{parts} (root mean squares at {self.checked} pixels)"

    def systematic_uncertainty(self) -> str:
        """Uncertainty that all pixels have in common, for the provenance; it is not part of that of a pixel."""
        if not self.checked:
            return "unknown"
        return f"{SYSTEMATIC} {_rms(self.parts[SYSTEMATIC]):.2f} K, common to all pixels"

    def __str__(self) -> str:
        rms = _rms(self.difference) if self.checked else 0.0
        return f"largest difference {self.largest:.4f} K, rms {rms:.4f} K, at {self.checked} pixels"


def _rms(values: Float32) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(np.square(known, dtype=np.float64)))) if known.size else float("nan")


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
    angles: AngleSource | None = None  # None if no angles are written

    @classmethod
    def prepare(cls, scene: Scene, inputs: Inputs, masking: Masking, form: OutputFormat, *, exact: bool) -> Run:
        """Choose the grid of the atmosphere and the pixels of the self-check; no file is read yet."""
        coarse, second_step = None, scene.second.calibration.step if scene.second else None
        sensors = both_sensors(sensor_band(scene.sensor), scene.calibration.step, second_step, scene.stray_light)
        has_raster = any(given.is_raster for given in inputs.fields.values())
        if inputs.model is not None and not has_raster and not exact:
            noises = tuple(sensor.noise for sensor in sensors)
            coarse = CoarseAtmosphere.over(inputs, scene.grid, uncertainty=not form.lst_only, noises=noises)
        return cls(
            scene=scene, inputs=inputs, masking=masking, form=form, coarse=coarse,
            check=InterpolationCheck.over(scene.grid, inputs, sensors), flagging=Flagging.of(inputs, masking),
            angles=find_angles(scene) if form.angles else None,
        )  # fmt: skip

    @property
    def has_uncertainty(self) -> bool:
        """Whether the uncertainty is written; for the terms of a Level-2 product it is unknown."""
        return self.inputs.level2 is None and not self.form.lst_only

    def layers(self, paths: ProductPaths) -> dict[str, tuple[Location, Layer]]:
        """Paths and layers of the rasters to write: ``temperature``, and optionally ``uncertainty`` and ``quality``.

        The components of the uncertainty and the angles have their roles (`COMPONENTS`, `ANGLES`).
        """
        layers = {role: (paths.of(role), angle_layer(role, self.form)) for role in ANGLES if self.angles is not None}
        if self.has_uncertainty:
            layers["uncertainty"] = (paths.uncertainty, uncertainty_layer(self.form))
            if self.form.uncertainty == "components":
                layers |= {role: (paths.of(role), component_layer(role, self.form)) for role in COMPONENTS}
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
    layers: Mapping[str, tuple[Location, Layer]], grid: Grid, compress: Compression, *, files: Staging
) -> Iterator[dict[str, CogWriter]]:
    """Open rasters by role, each with its path and layer; they are complete when the block is left.

    Raises OutputError: a file cannot be written, or its content differs when read back.
    """
    # Quality bits must not change, and the error of lossy compression, 0.01 K, is as large as some components.
    lossless = "deflate" if compress == "lerc_zstd" else compress
    with ExitStack() as stack:
        cogs = {}
        for role, (path, layer) in layers.items():
            method = lossless if role == "quality" or role in (*COMPONENTS, *ANGLES) else compress
            cog = new_cog(path, grid, layer, compress=method, files=files)
            cogs[role] = stack.enter_context(cog)
        yield cogs


def write_tiles(run: Run, cogs: Mapping[str, CogWriter], threads: int, progress: Progress) -> TileCounts:
    """Retrieve and write the tiles of a scene in `threads` threads; `progress` is called after each.

    Raises CancelledError if `progress` returns False, and LstRasterError: a file cannot be read or written, or a value
    is impossible.
    """
    windows = windows_over(run.scene.grid, BLOCK)  # aligned with the product's blocks
    counts = TileCounts()
    distance = measure_cloud_distance(run.masking, run.scene.grid, threads) if "quality" in cogs else None
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
    hides = [kind for kind in run.masking.hides if kind in run.masking.available]
    with ExitStack() as stack:
        tiles = open_tiles(run.scene, run.inputs, run.masking, run.coarse, uncertainty=run.has_uncertainty)
        read_tile = stack.enter_context(tiles)
        read_angles = stack.enter_context(open_angles(run.angles, run.scene)) if run.angles is not None else None

        def process(window: Window) -> TileCounts:
            tile = read_tile(window)
            components = run.has_uncertainty and run.form.uncertainty == "components"
            temperature, uncertainty, parts = retrieve_tile(tile, run.check.sensors, components=components)
            cogs["temperature"].write(temperature, window)
            if "uncertainty" in cogs:
                cogs["uncertainty"].write(uncertainty, window)
            for role, part in zip(COMPONENTS, parts or (), strict=False):
                cogs[role].write(part, window)
            counts = TileCounts.of(tile, temperature, hides)
            if distance is not None:
                bits = run.flagging.bits(tile, temperature, uncertainty, distance(window))
                cogs["quality"].write(bits, window)
                counts.quality_values = values_of(bits)
            if read_angles is not None and tile.measured.any():
                for role, angle in read_angles(window).items():
                    cogs[role].write(np.where(tile.measured, angle, np.float32(np.nan)), window)
            run.check.add(tile, temperature)
            return counts

        yield process
