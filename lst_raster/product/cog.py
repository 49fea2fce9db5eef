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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias

import numpy as np
import rasterio
import rasterio.shutil
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from lst_raster.errors import InputError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.io.raster import TYPE_SIZES
from lst_raster.product.layers import BlockStatistics, Layer, Values, band_statistics, block_statistics, overview_block
from lst_raster.product.staging import Staging, new_files, writing

_WIDTH, _HEIGHT, _TILE_OFFSETS, _TILE_BYTE_COUNTS = 256, 257, 324, 325  # tags of TIFF 6.0
_LONG = 4  # type of 32 bits
_FORMATS = {3: "H", 4: "I", 16: "Q"}

BLOCK = 512  # side of a block of the product [pixel]

Buffer: TypeAlias = bytes | bytearray | memoryview
Key: TypeAlias = tuple[int, int, int]  # level of the pyramid (0 is the full resolution), row and column of a block
Compression: TypeAlias = Literal["deflate", "zstd", "lzw", "lerc_zstd", "none"]

_OPTIONS: Mapping[str, Mapping[str, Any]] = {  # deflate is read everywhere; level 6 takes twice the time for 3 % less
    "deflate": {"zlevel": 2}, "zstd": {"zstd_level": 1}, "lzw": {}, "lerc_zstd": {"zstd_level": 1}, "none": {},
}  # fmt: skip
_LERC_ERROR = 0.005  # largest error of float32: half the step of integers
_ANY_TRANSFORM = Affine.scale(2)  # rasterio would warn of a file without a transform


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """An array of numbers in a TIFF."""

    position: int  # in the file [byte]
    format: str  # byte order and type, as in `struct`
    count: int

    def read(self, file: Buffer) -> tuple[int, ...]:
        """Read the numbers."""
        return struct.unpack_from(f"{self.format[0]}{self.count}{self.format[1]}", file, self.position)

    def write(self, file: bytearray, numbers: Sequence[int]) -> None:
        """Replace the numbers; raises struct.error if one is too large for the type."""
        struct.pack_into(f"{self.format[0]}{self.count}{self.format[1]}", file, self.position, *numbers)


class Entry(NamedTuple):
    """An entry of an IFD: a tag of an image."""

    tag: int
    kind: int  # number of the type of its values
    table: Table  # place of the values


def read_directories(file: Buffer) -> list[list[Entry]]:
    """Find the tags of every image of a TIFF or BigTIFF.

    Raises struct.error, KeyError or ValueError if the header is damaged.

    Sources: TIFF 6.0 (Adobe, 1992), sections 2 and 15; https://libtiff.gitlab.io/libtiff/specification/bigtiff.html
    """
    order, word, count_format = _words(file)
    (position,) = struct.unpack_from(order + word, file, struct.calcsize(word))
    directories: list[list[Entry]] = []
    seen = set()
    while position:
        if position in seen:
            raise ValueError("the IFDs of the file form a cycle")
        seen.add(position)
        (count,) = struct.unpack_from(order + count_format, file, position)
        position += struct.calcsize(count_format)
        entries = []
        for _ in range(count):  # an entry holds its values if they fit, otherwise their position
            tag, kind, values = struct.unpack_from(f"{order}HH{word}", file, position)
            start = position + 4 + struct.calcsize(word)
            if TYPE_SIZES[kind] * values > struct.calcsize(word):
                (start,) = struct.unpack_from(order + word, file, start)
            table = Table(position=start, format=order + _FORMATS.get(kind, "B"), count=values)
            entries.append(Entry(tag, kind, table))
            position += 4 + 2 * struct.calcsize(word)
        directories.append(entries)
        (position,) = struct.unpack_from(order + word, file, position)
    return directories


def block_tables(file: Buffer) -> list[tuple[Table, Table]]:
    """Find the tables of block positions and sizes, row by row, of every image; errors as `read_directories`."""
    tables = ({entry.tag: entry.table for entry in entries} for entries in read_directories(file))
    return [(found[_TILE_OFFSETS], found[_TILE_BYTE_COUNTS]) for found in tables]


def _words(file: Buffer) -> tuple[str, str, str]:
    """Byte order, type of positions, and type of the number of entries of an IFD."""
    order = "<" if bytes(file[:2]) == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", file, 2)[0] == 43
    return (order, "Q", "Q") if is_big else (order, "I", "H")


def with_levels(template: Buffer, shapes: Sequence[tuple[int, int]]) -> bytearray:
    """Header of a tiled TIFF with other sizes of its image and overviews, and as many overviews as there are shapes.

    The tags are those of the template, a header with an image and an overview; the tables of the blocks are 0.
    """
    order, word, count_format = _words(template)
    directories, word_size = read_directories(template), struct.calcsize(word)
    (first,) = struct.unpack_from(order + word, template, word_size)
    head, link = bytearray(template[:first]), word_size
    for level, (height, width) in enumerate(shapes):
        entries = directories[min(level, 1)]
        blocks = -(-height // BLOCK) * -(-width // BLOCK)
        struct.pack_into(order + word, head, link, len(head))
        link = len(head) + struct.calcsize(count_format) + len(entries) * (4 + 2 * word_size)
        directory, values = struct.pack(order + count_format, len(entries)), b""
        for tag, kind, table in entries:
            size, count = TYPE_SIZES[kind], table.count
            data = bytes(template[table.position : table.position + size * count])
            if tag in (_TILE_OFFSETS, _TILE_BYTE_COUNTS):
                count, data = blocks, bytes(size * blocks)
            elif tag in (_WIDTH, _HEIGHT):
                kind, data = _LONG, struct.pack(order + "I", width if tag == _WIDTH else height)
            if len(data) > word_size:
                values += bytes(len(values) % 2)  # values begin at even positions
                data, values = struct.pack(order + word, link + word_size + len(values)), values + data
            directory += struct.pack(f"{order}HH{word}", tag, kind, count) + data.ljust(word_size, b"\0")
        head += directory + bytes(word_size) + values + bytes(len(values) % 2)
    return head


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Shapes of a raster and its overviews, halved until one fits into a block."""
    shapes = [(height, width)]
    while max(shapes[-1]) > BLOCK:
        height, width = shapes[-1]
        shapes.append((-(-height // 2), -(-width // 2)))
    return shapes


class BlockBuilder:
    """Builds complete blocks, and those of overviews, from windows added by any number of threads in any order.

    Incomplete blocks stay in memory: for windows in row order about half a row of blocks.
    """

    def __init__(self, layer: Layer, height: int, width: int) -> None:
        self._layer = layer
        self._shapes = level_shapes(height, width)
        self._lock = threading.Lock()
        self._incomplete: dict[Key, Values] = {}
        self._missing: dict[Key, int] = {}  # pixels of the incomplete blocks
        self._done: set[Key] = set()

    @property
    def keys(self) -> list[list[Key]]:
        """Keys of the blocks of every level, row by row."""
        return [
            [(level, row, column) for row in range(-(-height // BLOCK)) for column in range(-(-width // BLOCK))]
            for level, (height, width) in enumerate(self._shapes)
        ]

    def add(self, values: Values, row: int, column: int) -> Iterator[tuple[Key, Values | None]]:
        """Add a window (rows, columns) in the unit of the layer at a pixel, and yield the blocks that it completes.

        Blocks have a shape of (512, 512); one without a valid pixel is None. Raises ValueError if the window exceeds
        the raster, or part of it was added before.
        """
        (height, width), (rows, columns) = self._shapes[0], values.shape
        if not (0 <= row <= height - rows and 0 <= column <= width - columns):
            raise ValueError(f"{rows} x {columns} pixels at row {row}, column {column} leave {height} x {width} pixels")
        for block_row, from_row, to_row in _split(row, rows):
            for block_column, from_column, to_column in _split(column, columns):
                part = values[from_row - row : to_row - row, from_column - column : to_column - column]
                key = (0, block_row, block_column)
                yield from self._add_part(key, self._layer.stored(part), from_row % BLOCK, from_column % BLOCK)

    def _add_part(self, key: Key, part: Values, row: int, column: int) -> Iterator[tuple[Key, Values | None]]:
        """Add a part to its block; if that completes the block, add its overview to the level above, and so on."""
        while (block := self._insert(key, part, row, column)) is not None:
            level, block_row, block_column = key
            empty = self._layer.is_empty(block)
            yield key, None if empty else block
            if level + 1 == len(self._shapes):
                return
            rows, columns = ((side + 1) // 2 for side in self.size(key))
            key = (level + 1, block_row // 2, block_column // 2)
            part = (block[::2, ::2] if empty else overview_block(self._layer, block))[:rows, :columns]
            row, column = block_row % 2 * BLOCK // 2, block_column % 2 * BLOCK // 2

    def _insert(self, key: Key, part: Values, row: int, column: int) -> Values | None:
        """Insert a part into its block and return the block if it is complete."""
        size = self.size(key)
        with self._lock:
            if key in self._done:
                raise ValueError(f"part of block {key} was written before")
            if part.shape == size:
                self._done.add(key)
                return self._padded(part)
            if key not in self._incomplete:
                self._incomplete[key], self._missing[key] = np.empty(size, part.dtype), size[0] * size[1]
            block = self._incomplete[key]
        block[row : row + part.shape[0], column : column + part.shape[1]] = part  # parts do not overlap
        with self._lock:
            self._missing[key] -= part.size
            if self._missing[key] > 0:
                return None
            self._done.add(key)
            del self._incomplete[key]
        return self._padded(block)

    def size(self, key: Key) -> tuple[int, int]:
        """Shape of the part of a block inside the raster, smaller at the right and lower edges."""
        level, row, column = key
        height, width = self._shapes[level]
        return min(BLOCK, height - row * BLOCK), min(BLOCK, width - column * BLOCK)

    def _padded(self, values: Values) -> Values:
        """Pad a block at the edge to its full size; readers do not show the padding."""
        if values.shape == (BLOCK, BLOCK):
            return values
        padding = tuple((0, BLOCK - side) for side in values.shape)
        if self._layer.nodata is None:
            return np.pad(values, padding, mode="edge")
        return np.pad(values, padding, constant_values=self._layer.nodata)


def _split(start: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Split a range at the edges of the blocks: index of the block, start and stop of the part."""
    for block in range(start // BLOCK, -(-(start + length) // BLOCK)):
        yield block, max(start, block * BLOCK), min(start + length, (block + 1) * BLOCK)


Encoded: TypeAlias = tuple[bytes, Values]  # a compressed block, and its pixels (512, 512) as they are read back


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """Compression of the blocks of a layer."""

    layer: Layer
    compress: Compression = "deflate"  # ``lerc_zstd`` has an error of up to 0.005 for float32, others are lossless

    def __post_init__(self) -> None:
        if self.compress not in _OPTIONS:
            raise InputError(f"compression {self.compress!r} is not known; give one of {', '.join(_OPTIONS)}")

    def encode(self, blocks: Sequence[Values]) -> list[Encoded]:
        """Compress blocks of stored numbers (512, 512); several at once are faster than one at a time."""
        profile = {**self._profile(), "width": BLOCK, "height": BLOCK * len(blocks)}
        with MemoryFile() as memory:
            with rasterio.open(memory.name, "w", transform=_ANY_TRANSFORM, **profile) as dataset:
                for number, block in enumerate(blocks):
                    dataset.write(block, 1, window=Window(0, number * BLOCK, BLOCK, BLOCK))
            file = memory.getbuffer()
            positions, sizes = (table.read(file) for table in block_tables(file)[0])
            data = [bytes(file[start : start + size]) for start, size in zip(positions, sizes, strict=True)]
            pixels = self._read_back(memory, blocks) if self._tolerance() else blocks
        return list(zip(data, pixels, strict=True))

    def header(self, grid: Grid, tags: Mapping[str, str], band_tags: Mapping[str, str], *, big: bool) -> bytearray:
        """Make the header of a Cloud Optimized GeoTIFF with metadata of file and band; `big` for BigTIFF.

        The blocks can be appended after their positions and sizes are written to its tables. GDAL makes it for a
        small raster without blocks: for one of the full size it would look at every missing pixel.
        """
        shapes = level_shapes(grid.height, grid.width)
        height, width = shapes[0] if len(shapes) == 1 else (BLOCK + 1, BLOCK + 1)
        georeference = {"width": width, "height": height, "crs": grid.crs, "transform": grid.transform}
        with MemoryFile() as source, MemoryFile() as target:
            with rasterio.open(source.name, "w", **self._profile(), **georeference, sparse_ok=True) as dataset:
                dataset.set_band_description(1, self.layer.description)
                dataset.units = (self.layer.units,)
                if self.layer.scale is not None:
                    dataset.scales = (self.layer.scale,)
                dataset.update_tags(**tags)
                dataset.update_tags(1, **band_tags)
                dataset.build_overviews([2] if len(shapes) > 1 else [], Resampling.nearest)
            predictor = "YES" if self._predictor() > 1 else "NO"
            rasterio.shutil.copy(
                source.name, target.name, driver="COG", blocksize=BLOCK, bigtiff="YES" if big else "NO",
                sparse_ok="YES", compress=self.compress.upper(), predictor=predictor,
                overviews="FORCE_USE_EXISTING", overview_compress=self.compress.upper(),
                overview_predictor=predictor, **self._tolerance(),
            )  # fmt: skip
            return with_levels(target.getbuffer(), shapes)

    def _profile(self) -> dict[str, Any]:
        return {
            "driver": "GTiff", "count": 1, "dtype": self.layer.dtype, "nodata": self.layer.nodata, "tiled": True,
            "blockxsize": BLOCK, "blockysize": BLOCK, "compress": self.compress.upper(), "predictor": self._predictor(),
            "bigtiff": "IF_SAFER", **_OPTIONS[self.compress], **self._tolerance(),
        }  # fmt: skip

    def _predictor(self) -> int:
        if self.compress not in ("deflate", "zstd", "lzw"):
            return 1
        return 3 if self.layer.dtype == "float32" else 2

    def _tolerance(self) -> dict[str, float]:
        """Option of lossy compression; empty if the compression is lossless."""
        is_lossy = self.compress == "lerc_zstd" and self.layer.dtype == "float32"
        return {"max_z_error": _LERC_ERROR} if is_lossy else {}

    def _read_back(self, memory: MemoryFile, blocks: Sequence[Values]) -> list[Values]:
        """Read blocks after lossy compression, and check the error."""
        with rasterio.open(memory.name) as dataset:
            decoded = np.split(dataset.read(1), len(blocks))
        for block, after in zip(blocks, decoded, strict=True):
            if not np.allclose(after, block, rtol=0, atol=_LERC_ERROR * 1.01, equal_nan=True):
                raise OSError(f"{self.compress} has changed numbers by more than {_LERC_ERROR}")
        return decoded


__all__ = ["BLOCK", "CogWriter", "Layer", "new_cog"]

_BATCH = 4  # blocks that are compressed together: a file in memory for each would take a third more time
_LARGEST_CLASSIC = (1 << 32) - (64 << 20)  # positions in a classic TIFF have 32 bits; the rest is for the header [byte]
_SAMPLE = 16  # of so many blocks of a level the first is decoded when the file is verified
BLOCK_LEADER = struct.Struct("<I")  # size of a block, in front of it


class _StoredBlock(NamedTuple):
    position: int  # in the temporary file
    size: int
    checksum: int  # of the compressed bytes
    pixels: int | None  # checksum of the pixels, for a sample of the blocks


class CogWriter:
    """An unfinished raster, made by `new_cog`. Threads may write at the same time."""

    def __init__(self, target: Location, grid: Grid, codec: Codec, blocks: BinaryIO) -> None:
        self.target = target
        # metadata of the file, to be completed before it is finished
        self.tags = {"precision": codec.layer.precision} if codec.layer.precision else {}
        self._grid, self._codec, self._blocks = grid, codec, blocks
        self._builder = BlockBuilder(codec.layer, grid.height, grid.width)
        self._sample = {key for keys in self._builder.keys for key in keys[::_SAMPLE]}
        self._lock = threading.Lock()
        self._stored: dict[Key, _StoredBlock] = {}
        self._size = 0  # of the temporary file [byte]
        self._queue: dict[Key, Values] = {}
        self._statistics: list[BlockStatistics] = []
        self._has_statistics = codec.layer.resampling == "average"  # not meaningful for classes
        self._uniform: dict[float | None, Encoded] = {}  # by value
        self._encode_uniform(None)  # a compression that GDAL lacks is an error now

    def write(self, values: Values, window: Any) -> None:
        """Write a window (rows, columns) in the unit of the layer, NaN where missing; whole blocks are fastest.

        Raises OutputError if writing fails, ValueError if the window exceeds the grid or overlaps an earlier one.
        """
        with writing(self.target):
            for key, block in self._builder.add(values, int(window.row_off), int(window.col_off)):
                if block is None:  # without a valid pixel
                    self._store(key, self._encode_uniform(None))
                    continue
                if not self._has_statistics and (block == block[0, 0]).all():  # classes: fill or clear sky
                    self._store(key, self._encode_uniform(block[0, 0].item()))
                    continue
                found = block_statistics(self._codec.layer, block) if key[0] == 0 and self._has_statistics else None
                with self._lock:
                    self._queue[key] = block
                    if found is not None:
                        self._statistics.append(found)
            self._compress_queue(at_least=_BATCH)

    def finish(self, path: Path) -> None:
        """Write the file from all blocks and read it back: every byte, and a sample of the blocks through GDAL.

        Raises OutputError if it cannot be written or differs when read back, ValueError if the windows do not cover
        the grid.
        """
        if len(self._stored) + len(self._queue) < sum(map(len, self._builder.keys)):
            raise ValueError(f"the windows written do not cover {self.target}")
        band_tags = band_statistics(self._statistics, self._grid.height * self._grid.width)
        with writing(self.target):
            self._compress_queue(at_least=1)
            size = sum(block.size + 2 * BLOCK_LEADER.size for block in self._stored.values())
            head = self._codec.header(self._grid, self.tags, band_tags, big=size > _LARGEST_CLASSIC)
            self._assemble(path, head)
            self._verify(path, head)

    def _encode_uniform(self, value: float | None) -> Encoded:
        """Encode a block with the same stored number everywhere, None for nodata, once for each number."""
        if value not in self._uniform:
            layer = self._codec.layer
            number = layer.nodata or 0 if value is None else value
            self._uniform[value] = self._codec.encode([np.full((BLOCK, BLOCK), number, layer.dtype)])[0]
        return self._uniform[value]

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
        data, pixels = block
        checksum, of_pixels = zlib.crc32(data), None
        if key in self._sample:
            rows, columns = self._builder.size(key)
            of_pixels = _checksum(pixels[:rows, :columns])
        with self._lock:
            self._stored[key] = _StoredBlock(self._size, len(data), checksum, of_pixels)
            self._blocks.write(data)
            self._size += len(data)

    def _assemble(self, path: Path, head: bytearray) -> None:
        """Write the header and the blocks, the smallest overview first, as the format requires."""
        levels = list(zip(self._builder.keys, block_tables(head), strict=True))
        end = len(head)
        for keys, (positions, sizes) in reversed(levels):
            lengths = [self._stored[key].size for key in keys]
            starts = end + np.cumsum([0, *(length + 2 * BLOCK_LEADER.size for length in lengths)])
            positions.write(head, [int(start) + BLOCK_LEADER.size for start in starts[:-1]])
            sizes.write(head, lengths)
            end = int(starts[-1])
        self._blocks.flush()
        with path.open("wb") as file:
            file.write(head)
            for block in self._in_file_order():
                self._blocks.seek(block.position)
                data = self._blocks.read(block.size)
                file.write(BLOCK_LEADER.pack(len(data)) + data + data[-4:])
            file.flush()
            os.fsync(file.fileno())

    def _in_file_order(self) -> Iterator[_StoredBlock]:
        return (self._stored[key] for keys in reversed(self._builder.keys) for key in keys)

    def _verify(self, path: Path, head: bytearray) -> None:
        """Read every byte back, and decode a sample of the blocks of every level with GDAL, as other readers do."""
        with path.open("rb") as file:
            _require_same(file.read(len(head)) == head)
            for block in self._in_file_order():
                data = file.read(block.size + 2 * BLOCK_LEADER.size)[BLOCK_LEADER.size : -BLOCK_LEADER.size]
                _require_same(zlib.crc32(data) == block.checksum)
        for level, keys in enumerate(self._builder.keys):
            with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as dataset:
                for key in keys[::_SAMPLE]:
                    rows, columns = self._builder.size(key)
                    window = Window(key[2] * BLOCK, key[1] * BLOCK, columns, rows)
                    _require_same(_read_checksum(dataset, window) == self._stored[key].pixels)


@contextmanager
def new_cog(
    target: Location, grid: Grid, layer: Layer, *, compress: Compression = "deflate", files: Staging | None = None
) -> Iterator[CogWriter]:
    """Write a raster of one band; the windows written in the block must cover the grid.

    The file is made in the folder of the target, read back, compared with the data written, and renamed, together with
    the other `files` of a set if given. After an error no file is left, and an existing target is unchanged. The same
    values give the same bytes, independent of windows, order and threads.

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
            writer.finish(path)
        finally:
            with suppress(OSError):  # must not hide the error that ends the block
                file.close()


def _require_same(same: bool) -> None:
    """A full or failing disk can damage a file without an error."""
    if not same:
        raise OSError("it does not read back as it was written")


def _read_checksum(dataset: Any, window: Window) -> int | None:
    """Checksum of the pixels of a window; None if they cannot be read."""
    try:
        return _checksum(dataset.read(1, window=window))
    except RasterioError:
        return None


def _checksum(pixels: Values) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).data)
