"""The loop over the tiles of a composite, and its files: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from rasterio.windows import Window

from lst_raster.compositing.outputs import Output
from lst_raster.compositing.sidecars import write_sidecars
from lst_raster.compositing.stack import PixelRule, Stack, open_stack
from lst_raster.compositing.statistics import Accumulator, Statistic, needs_all_layers
from lst_raster.errors import CancelledError, InputError
from lst_raster.io.address import Location
from lst_raster.product.cog import BLOCK, CogWriter, new_cog
from lst_raster.product.paths import OutputForm
from lst_raster.product.staging import Staging, new_files
from lst_raster.product.tiff_blocks import Compression
from lst_raster.retrieval.resume import file_states, require_unchanged
from lst_raster.retrieval.workers import over_tiles

Progress: TypeAlias = Callable[[int, int], bool]
"""Called with the tiles done and their total; returns False to stop the run."""

_LAYERS = 64 << 20  # [byte] of the layers of a tile that are in memory at the same time, for each thread
_FEWEST_ROWS = 8  # of a tile


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A composite that is to be written."""

    stack: Stack
    """The products."""
    outputs: tuple[Output, ...]
    """The rasters, that of the first statistic first."""
    wanted: tuple[Statistic, ...]
    """What was asked for."""
    form: OutputForm
    """Type and compression of the rasters."""
    min_count: int
    """Number of dates that a pixel needs for a value."""
    threads: int
    """Number of tiles worked on at the same time."""
    progress: Progress
    """Called after every tile."""


def write_composite(job: Job, tags: dict[str, str], read: Sequence[Location]) -> int:
    """Write all files of a composite.

    Parameters
    ----------
    job : Job
        What is to be done.
    tags : dict of str to str
        Metadata of the rasters; the number of pixels with a value is added.
    read : sequence of path or Address
        Files that are read, which must not change meanwhile.

    Returns
    -------
    int
        Number of pixels with a value.

    Raises
    ------
    InputError
        No pixel has a value, or a file has changed.
    UnreadableError
        A product is damaged.
    OutputError
        A file cannot be written. Nothing half written stays, after other errors neither.
    CancelledError
        `job.progress` returned False.
    """
    states = file_states(read)
    with new_files(job.outputs[0].path.parent) as files:
        with ExitStack() as stack:
            # The first statistic is opened last, so that it is the last raster to appear.
            cogs = {output.key: stack.enter_context(_new_cog(job, output, files)) for output in reversed(job.outputs)}
            filled = _write_tiles(job, cogs)
            require_unchanged(states)
            if not filled:
                raise InputError(_nothing(job))
            tags["filled_pixels"] = f"{filled} of {job.stack.grid.width * job.stack.grid.height}"
            for cog in cogs.values():
                cog.tags.update(tags)
        write_sidecars(job.outputs, files, tags)
    return filled


@contextmanager
def _new_cog(job: Job, output: Output, files: Staging) -> Iterator[CogWriter]:
    lossy = job.form.compress == "lerc_zstd" and output.layer.dtype == "float32"
    compress: Compression = "deflate" if job.form.compress == "lerc_zstd" and not lossy else job.form.compress
    grid = job.stack.grid
    with new_cog(output.path, grid, output.layer, compress=compress, threads=job.threads, files=files) as cog:
        yield cog


def _nothing(job: Job) -> str:
    reasons = [f"no pixel of the {len(job.stack.products)} products has a value that counts"]
    if job.stack.rule != PixelRule():
        reasons.append(f"wanted are pixels {job.stack.rule}")
    if job.min_count > 1:
        reasons.append(f"{job.min_count} dates are needed")
    return "; ".join(reasons) + "; take less strict conditions, or other products"


def _write_tiles(job: Job, cogs: Mapping[str, CogWriter]) -> int:
    windows = tile_windows(job.stack, all_layers=needs_all_layers(job.wanted))
    threads = min(job.threads, len(windows))
    parts = over_tiles(windows, lambda: _worker(job, cogs, threads), threads)
    filled = 0
    with closing(parts):
        for done, part in enumerate(parts, start=1):
            filled += part
            if not job.progress(done, len(windows)):
                raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")
    return filled


def tile_windows(stack: Stack, *, all_layers: bool) -> list[Window]:
    """Tiles of a composite, block by block.

    Parameters
    ----------
    stack : Stack
        The products on their grid.
    all_layers : bool
        Whether all layers of a tile are in memory at the same time: then it has so few rows that they take 64 MiB at
        most, however many there are.

    Returns
    -------
    list of rasterio.windows.Window
        The same for any number of threads.
    """
    rows = BLOCK
    while all_layers and rows > _FEWEST_ROWS and len(stack.overpasses) * rows * BLOCK * 4 > _LAYERS:
        rows //= 2
    grid = stack.grid
    return [
        Window(column, row, min(BLOCK, grid.width - column), min(rows, grid.height - row))
        for top in range(0, grid.height, BLOCK)
        for column in range(0, grid.width, BLOCK)
        for row in range(top, min(top + BLOCK, grid.height), rows)
    ]


@contextmanager
def _worker(job: Job, cogs: Mapping[str, CogWriter], threads: int) -> Iterator[Callable[[Window], int]]:
    """Open a thread's own files; the function that comes works on a tile, and counts the pixels with a value."""
    stack = job.stack
    with open_stack(stack, threads) as layers:

        def work(window: Window) -> int:
            shape = int(window.height), int(window.width)
            sums = Accumulator(
                shape, len(stack.overpasses), job.wanted, uncertainty=stack.uncertainty, min_count=job.min_count
            )  # fmt: skip
            for layer in layers(window):
                sums.add(layer)
            results = sums.results()
            for key, cog in cogs.items():
                cog.write(results[key], window)
            return int(np.count_nonzero(results["count"] >= job.min_count))

        yield work
