"""Writer of Cloud Optimized GeoTIFFs that are complete and verified, or do not exist.

Blocks are compressed in the threads that write them and stored in a temporary file in any order; overviews are built
at the same time. At the end GDAL makes the header with all metadata, the blocks are appended in the order of the
format, and the whole file is read back.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.product.layers import BlockStatistics, Layer, Values, band_statistics, block_statistics
from lst_raster.product.staging import Staging, new_files, writing
from lst_raster.product.tiff_blocks import BLOCK, BlockBuilder, Codec, Compression, Encoded, Key, block_tables

__all__ = ["BLOCK", "CogWriter", "Layer", "new_cog"]

_BATCH = 8  # blocks that are compressed together: a file in memory for each would take a third more time
_BLOCK_LEADER = struct.Struct("<I")  # size of a block, in front of it


class _StoredBlock(NamedTuple):
    """Position and size in the temporary file, checksum of the pixels."""

    position: int
    size: int
    checksum: int


class CogWriter:
    """An unfinished raster, made by `new_cog`. Threads may write at the same time."""

    def __init__(self, target: Location, grid: Grid, codec: Codec, blocks: BinaryIO) -> None:
        self.target = target
        """File to be made."""
        self.tags: dict[str, str] = {}
        """Metadata of the file, to be set before it is finished."""
        self._grid, self._codec, self._blocks = grid, codec, blocks
        self._builder = BlockBuilder(codec.layer, grid.height, grid.width)
        self._lock = threading.Lock()
        self._stored: dict[Key, _StoredBlock] = {}
        self._size = 0  # of the temporary file [byte]
        self._queue: dict[Key, Values] = {}
        self._statistics: list[BlockStatistics] = []
        self._has_statistics = codec.layer.resampling == "average"  # not meaningful for classes
        self._empty = codec.encode([np.full((BLOCK, BLOCK), codec.layer.padding, codec.layer.dtype)])[0]

    def write(self, values: Values, window: Any) -> None:
        """Write a window (rows, columns) in the unit of the layer, NaN where missing; whole blocks are fastest.

        Raises OutputError if writing fails, ValueError if the window exceeds the grid or overlaps an earlier one.
        """
        with writing(self.target):
            for key, block in self._builder.add(values, int(window.row_off), int(window.col_off)):
                self._add_block(key, block)
            self._compress_queue(at_least=_BATCH)

    def finish(self, path: Path, threads: int) -> None:
        """Write the file from all blocks and read it back with a number of threads.

        Raises OutputError if it cannot be written or differs when read back, ValueError if the windows do not cover
        the grid.
        """
        if not self._builder.complete:
            raise ValueError(f"the windows written do not cover {self.target}")
        band_tags = band_statistics(self._statistics, self._grid.height * self._grid.width)
        with writing(self.target):
            self._compress_queue(at_least=1)
            self._assemble(path, self._codec.skeleton(self._grid, self.tags, band_tags))
            self._verify(path, threads)

    def _add_block(self, key: Key, block: Values | None) -> None:
        """Queue a complete block; an empty one (None) is stored directly."""
        if block is None:
            self._store(key, self._empty)
            return
        found = block_statistics(self._codec.layer, block) if key[0] == 0 and self._has_statistics else None
        with self._lock:
            self._queue[key] = block
            if found is not None:
                self._statistics.append(found)

    def _compress_queue(self, *, at_least: int) -> None:
        """Compress and store batches while the queue has at least this many blocks."""
        while True:
            with self._lock:
                if len(self._queue) < at_least:
                    return
                batch = [self._queue.popitem() for _ in range(min(len(self._queue), _BATCH))]
            for (key, _), encoded in zip(batch, self._codec.encode([block for _, block in batch]), strict=True):
                self._store(key, encoded)

    def _store(self, key: Key, block: Encoded) -> None:
        rows, columns = self._builder.size(key)
        checksum = _checksum(block.pixels[:rows, :columns])
        with self._lock:
            self._stored[key] = _StoredBlock(self._size, len(block.data), checksum)
            self._blocks.write(block.data)
            self._size += len(block.data)

    def _assemble(self, path: Path, head: bytearray) -> None:
        """Write the header and the blocks, the smallest overview first, as the format requires."""
        levels = list(zip(self._builder.keys, block_tables(head), strict=True))
        end = len(head)
        for keys, (positions, sizes) in reversed(levels):
            lengths = [self._stored[key].size for key in keys]
            starts = end + np.cumsum([0, *(length + 2 * _BLOCK_LEADER.size for length in lengths)])
            positions.write(head, [int(start) + _BLOCK_LEADER.size for start in starts[:-1]])
            sizes.write(head, lengths)
            end = int(starts[-1])
        self._blocks.flush()
        with path.open("wb") as file:
            file.write(head)
            for keys, _ in reversed(levels):
                for key in keys:
                    self._blocks.seek(self._stored[key].position)
                    data = self._blocks.read(self._stored[key].size)
                    file.write(_BLOCK_LEADER.pack(len(data)) + data + data[-4:])
            file.flush()
            os.fsync(file.fileno())

    def _verify(self, path: Path, threads: int) -> None:
        """Read the file back: a full or failing disk can damage a file without an error."""
        with ThreadPoolExecutor(threads) as pool:
            for level, keys in enumerate(self._builder.keys):
                options = {"overview_level": level - 1} if level else {}
                datasets = [rasterio.open(path, **options) for _ in keys[:threads]]
                list(pool.map(self._compare, datasets, (keys[start::threads] for start in range(threads))))

    def _compare(self, dataset: Any, keys: Sequence[Key]) -> None:
        with dataset:  # closed by its own thread: after Ctrl-C another would close it during a read, which crashes
            for key in keys:
                _, row, column = key
                rows, columns = self._builder.size(key)
                window = Window(column * BLOCK, row * BLOCK, columns, rows)
                if _read_checksum(dataset, window) != self._stored[key].checksum:
                    raise OSError("it does not read back as it was written")


@contextmanager
def new_cog(
    target: Location,
    grid: Grid,
    layer: Layer,
    *,
    compress: Compression = "deflate",
    threads: int = 1,
    files: Staging | None = None,
) -> Iterator[CogWriter]:
    """Write a raster of one band; the windows written in the block must cover the grid.

    The file is made in the folder of the target, read back with `threads` threads, compared with the data written, and
    renamed, together with the other `files` of a set if given. After an error no file is left, and an existing target
    is unchanged. The same values give the same bytes, independent of windows, order and threads.

    Raises InputError if the compression is not known, OutputError if the file cannot be written or verified.
    """
    with ExitStack() as stack:
        staging = files or stack.enter_context(new_files(target.parent))
        codec = Codec(layer=layer, compress=compress)
        path = staging.new(target)  # the order of these calls is the order of the renames
        with writing(target):
            file = staging.scratch(target).open("w+b")
        try:
            with writing(target):  # GDAL may have been built without the compression
                writer = CogWriter(target, grid, codec, file)
            yield writer
            writer.finish(path, threads)
        finally:
            with suppress(OSError):  # must not hide the error that ends the block
                file.close()


def _read_checksum(dataset: Any, window: Window) -> int | None:
    """Checksum of the pixels of a window; None if they cannot be read."""
    try:
        return _checksum(dataset.read(1, window=window))
    except RasterioError:
        return None


def _checksum(pixels: Values) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).data)
