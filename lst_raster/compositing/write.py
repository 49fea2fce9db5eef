"""Writing of a composite, tile by tile; either all files are written or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from rasterio.windows import Window

from lst_raster.compositing.common_grid import GridOptions
from lst_raster.compositing.outputs import Output
from lst_raster.compositing.season import Season
from lst_raster.compositing.sidecars import write_sidecars
from lst_raster.compositing.stack import PixelFilter, Stack, open_stack
from lst_raster.compositing.statistics import Statistic, WindowStatistics, needs_all_layers
from lst_raster.errors import CancelledError, InputError
from lst_raster.io.address import Location
from lst_raster.product.cog import BLOCK, CogWriter, Compression, new_cog
from lst_raster.product.paths import OutputFormat
from lst_raster.product.staging import new_files
from lst_raster.retrieval.resume import file_states, require_unchanged
from lst_raster.retrieval.workers import over_tiles

Progress: TypeAlias = Callable[[int, int], bool]
"""Called with the number of completed tiles and the total; returns False to stop the run."""

_MAX_LAYER_BYTES = 64 << 20  # of all layers of a tile, per thread
_MIN_ROWS = 8  # of a tile


@dataclass(frozen=True, kw_only=True, slots=True)
class CompositeOptions:
    """Parsed arguments of `composite`, and its warnings."""

    output: str | Location
    statistics: tuple[Statistic, ...]
    season: Season
    pixel_filter: PixelFilter
    grid: GridOptions
    form: OutputFormat
    min_count: int  # number of dates that a pixel needs
    threads: int  # number of tiles processed at a time
    overwrite: bool
    skip_unreadable: bool
    progress: Progress  # called after every tile
    warnings: list[str] = field(default_factory=list)

    def warn(self, line: str) -> None:
        """Add a warning once."""
        if line not in self.warnings:
            self.warnings.append(line)


def write_composite(
    options: CompositeOptions, stack: Stack, outputs: Sequence[Output], tags: dict[str, str], inputs: Sequence[Location]
) -> int:
    """Write all files of a composite and return the number of pixels with a value, which is added to `tags`.

    Raise InputError if no pixel has a value or one of `inputs` was changed meanwhile, UnreadableError if a product is
    damaged, OutputError if a file cannot be written, and CancelledError if the caller stops the run; after all of
    these no file is left.
    """
    states = file_states(inputs)
    with new_files(outputs[0].path.parent) as files:
        with ExitStack() as rasters:
            cogs: dict[str, CogWriter] = {}
            for output in reversed(outputs):  # the first statistic is opened last, to be the last to appear
                compress: Compression = options.form.compress
                if compress == "lerc_zstd" and output.layer.dtype != "float32":
                    compress = "deflate"  # the other one is lossy, for temperatures
                cogs[output.key] = rasters.enter_context(
                    new_cog(
                        output.path, stack.grid, output.layer, compress=compress, threads=options.threads, files=files
                    )
                )
            filled = _write_tiles(options, stack, cogs)
            require_unchanged(states)
            if not filled:
                raise InputError(_empty_message(options, stack))
            tags["filled_pixels"] = f"{filled} of {stack.grid.width * stack.grid.height}"
            for cog in cogs.values():
                cog.tags.update(tags)
        write_sidecars(outputs, files, tags)
    return filled


def _empty_message(options: CompositeOptions, stack: Stack) -> str:
    reasons = [f"no pixel of the {len(stack.products)} products has a valid value"]
    if stack.pixel_filter != PixelFilter():
        reasons.append(f"selected are pixels {stack.pixel_filter}")
    if options.min_count > 1:
        reasons.append(f"{options.min_count} dates are needed")
    return "; ".join(reasons) + "; use less strict conditions, or other products"


def _write_tiles(options: CompositeOptions, stack: Stack, cogs: Mapping[str, CogWriter]) -> int:
    windows = tile_windows(stack, all_layers=needs_all_layers(options.statistics))
    threads = min(options.threads, len(windows))
    filled = 0
    with closing(over_tiles(windows, lambda: _tile_worker(options, stack, cogs, threads), threads)) as counts:
        for done, count in enumerate(counts, start=1):
            filled += count
            if not options.progress(done, len(windows)):
                raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")
    return filled


def tile_windows(stack: Stack, *, all_layers: bool) -> list[Window]:
    """Tiles of a composite, block by block; the same for any number of threads.

    `all_layers` is whether all layers of a tile are in memory at the same time: the height is then reduced until they
    take at most 64 MiB.
    """
    rows = BLOCK
    while all_layers and rows > _MIN_ROWS and len(stack.overpasses) * rows * BLOCK * 4 > _MAX_LAYER_BYTES:
        rows //= 2
    grid = stack.grid
    return [
        Window(column, row, min(BLOCK, grid.width - column), min(rows, grid.height - row))
        for top in range(0, grid.height, BLOCK)
        for column in range(0, grid.width, BLOCK)
        for row in range(top, min(top + BLOCK, grid.height), rows)
    ]


@contextmanager
def _tile_worker(
    options: CompositeOptions, stack: Stack, cogs: Mapping[str, CogWriter], threads: int
) -> Iterator[Callable[[Window], int]]:
    """Open the files of a thread; the function writes a tile and counts the pixels with a value."""
    with open_stack(stack, threads) as read_layers:

        def write_tile(window: Window) -> int:
            statistics = WindowStatistics(
                (int(window.height), int(window.width)), len(stack.overpasses), options.statistics,
                uncertainty=stack.uncertainty, min_count=options.min_count,
            )  # fmt: skip
            for layer in read_layers(window):
                statistics.add(layer)
            results = statistics.results()
            for key, cog in cogs.items():
                cog.write(results[key], window)
            return int(np.count_nonzero(results["count"] >= options.min_count))

        yield write_tile
