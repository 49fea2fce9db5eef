"""Writing a Cloud Optimized GeoTIFF that is complete and right, or not there at all.

Blocks are compressed as they come, by the threads that bring them, and kept in a temporary file in any order; their
overviews are made on the way. At the end GDAL makes the head of the file with all its metadata, the blocks follow in
the order of the format, and the whole is read back.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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

_BATCH = 8  # blocks that are compressed together: a file in memory for each would cost a third more

_NOTE = struct.Struct("<I")  # the format's note of a block's size, before it


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a block lies in the temporary file, and what its pixels are."""

    position: int
    size: int
    checksum: int


class CogWriter:
    """An unfinished product; made by `new_cog`. Threads may write at the same time."""

    def __init__(self, target: Location, grid: Grid, codec: Codec, blocks: BinaryIO) -> None:
        self.target = target
        """File to be made."""
        self.tags: dict[str, str] = {}
        """Metadata of the product, to be filled before it is finished."""
        self._grid, self._codec, self._blocks = grid, codec, blocks
        self._builder = BlockBuilder(codec.layer, grid.height, grid.width)
        self._lock = threading.Lock()
        self._places: dict[Key, _Place] = {}
        self._queue: dict[Key, Values] = {}
        self._statistics: list[BlockStatistics] = []
        self._has_statistics = codec.layer.resampling == "average"  # a mean of classes says nothing
        self._empty = codec.encode([np.full((BLOCK, BLOCK), codec.layer.padding, codec.layer.dtype)])[0]

    def write(self, values: Values, window: Any) -> None:
        """Write a window; one of whole blocks is written fastest.

        Parameters
        ----------
        values : array of shape (rows, columns)
            Values in the layer's unit, NaN where there are none; of a layer without scale the numbers themselves.
        window : rasterio.windows.Window
            Where they belong.

        Raises
        ------
        OutputError
            They cannot be written.
        ValueError
            They leave the grid, or some were written before.
        """
        with writing(self.target):
            for key, block in self._builder.add(values, int(window.row_off), int(window.col_off)):
                self._take(key, block)
            self._compress(at_least=_BATCH)

    def finish(self, path: Path, threads: int) -> None:
        """Make the file of all blocks and read it back.

        Parameters
        ----------
        path : path
            File to make.
        threads : int
            Number of threads to read it back with.

        Raises
        ------
        OutputError
            It cannot be written, or does not read back as written.
        ValueError
            The windows did not cover the grid.
        """
        if not self._builder.complete:
            raise ValueError(f"the windows written do not cover {self.target}")
        band_tags = band_statistics(self._statistics, self._grid.height * self._grid.width)
        with writing(self.target):
            self._compress(at_least=1)
            self._assemble(path, self._codec.skeleton(self._grid, self.tags, band_tags))
            self._verify(path, threads)

    def _take(self, key: Key, block: Values | None) -> None:
        """Put a whole block into the queue; one without a value is ready at once."""
        if block is None:
            self._store(key, self._empty)
            return
        level, _, _ = key
        part = block_statistics(self._codec.layer, block) if level == 0 and self._has_statistics else None
        with self._lock:
            self._queue[key] = block
            if part is not None:
                self._statistics.append(part)

    def _compress(self, *, at_least: int) -> None:
        """Compress what is in the queue, where that are so many, and put it into the temporary file."""
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
            self._places[key] = _Place(position=self._blocks.tell(), size=len(block.data), checksum=checksum)
            self._blocks.write(block.data)

    def _assemble(self, path: Path, head: bytearray) -> None:
        """Write the head and the blocks, the smallest overview first, as the format wants them."""
        levels = list(zip(self._builder.keys, block_tables(head), strict=True))
        end = len(head)
        for keys, (positions, sizes) in reversed(levels):
            lengths = [self._places[key].size for key in keys]
            starts = end + np.cumsum([0, *(length + 2 * _NOTE.size for length in lengths)])
            positions.write(head, [int(start) + _NOTE.size for start in starts[:-1]])
            sizes.write(head, lengths)
            end = int(starts[-1])
        self._blocks.flush()
        with path.open("wb") as file:
            file.write(head)
            for keys, _ in reversed(levels):
                for key in keys:
                    data = self._fetch(self._places[key])
                    file.write(_NOTE.pack(len(data)) + data + data[-4:])
            file.flush()
            os.fsync(file.fileno())

    def _fetch(self, place: _Place) -> bytes:
        self._blocks.seek(place.position)
        return self._blocks.read(place.size)

    def _verify(self, path: Path, threads: int) -> None:
        """Read a file back; a full disk or a failing one can leave a file that nobody has complained about."""
        with ThreadPoolExecutor(threads) as pool:
            for level, keys in enumerate(self._builder.keys):
                where = {"overview_level": level - 1} if level else {}
                handles = [rasterio.open(path, **where) for _ in keys[:threads]]
                list(pool.map(self._compare, handles, (keys[start::threads] for start in range(threads))))

    def _compare(self, dataset: Any, keys: Sequence[Key]) -> None:
        with dataset:  # closed by its own thread: after Ctrl-C another would do so while it is read, which crashes
            for key in keys:
                _, row, column = key
                rows, columns = self._builder.size(key)
                if _found(dataset, Window(column * BLOCK, row * BLOCK, columns, rows)) != self._places[key].checksum:
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
    """Write a product of one band.

    The file is made beside the target, read back, compared with what was written, and renamed. After an error, or when
    the block is left by one, no file of ours is left, and one that was there before is as it was. The same values make
    the same bytes, in whatever windows, order and threads they are written.

    Parameters
    ----------
    target : path or Address
        File to be made; one that exists is replaced.
    grid : Grid
        Where its pixels lie.
    layer : Layer
        What they hold.
    compress : str
        How: ``deflate``, which every reader has, ``zstd``, ``lzw``, ``lerc_zstd`` or ``none``.
    threads : int
        Number of threads to read the file back with.
    files : Staging, optional
        Files that belong together: the product is complete when this block is left, and renamed with the others.

    Yields
    ------
    CogWriter
        To write the windows with; they must cover the grid.

    Raises
    ------
    InputError
        There is no such compression.
    OutputError
        The file cannot be written, or does not read back as written.
    """
    with ExitStack() as stack:
        staging = files or stack.enter_context(new_files(target.parent))
        codec = Codec(layer=layer, compress=compress)
        path = staging.new(target)  # its turn to be renamed is that of its call
        with _open_scratch(staging.scratch(target), target) as blocks:
            with writing(target):  # GDAL may have been built without the compression
                writer = CogWriter(target, grid, codec, blocks)
            yield writer
            writer.finish(path, threads)


@contextmanager
def _open_scratch(path: Path, target: Location) -> Iterator[BinaryIO]:
    """Open a temporary file, and close it without another error on top of the one that ends the block."""
    with writing(target):
        file = path.open("w+b")
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def _found(dataset: Any, window: Window) -> int | None:
    """Checksum of what a file holds; None where it cannot be read."""
    try:
        return _checksum(dataset.read(1, window=window))
    except RasterioError:
        return None


def _checksum(pixels: Values) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).data)
