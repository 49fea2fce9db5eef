"""Blocks of a TIFF file: built from tiles, compressed, and read back."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import rasterio
import rasterio.shutil
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from lst_raster.errors import InputError
from lst_raster.io.grid import Grid
from lst_raster.io.raster import TYPE_SIZES
from lst_raster.product.layers import Layer, Values, halved

_OFFSETS, _COUNTS = 324, 325  # tags TileOffsets and TileByteCounts of TIFF 6.0
_FORMATS = {3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A list of numbers in a TIFF."""

    position: int
    """Where it begins. [byte]"""
    format: str
    """Format of its numbers as `struct` has it, byte order first."""
    count: int
    """How many there are."""

    def read(self, file: bytes | bytearray | memoryview) -> tuple[int, ...]:
        """Read the numbers."""
        return struct.unpack_from(f"{self.format[0]}{self.count}{self.format[1]}", file, self.position)

    def write(self, file: bytearray, numbers: Sequence[int]) -> None:
        """Replace the numbers; one too large for its place raises `struct.error`."""
        struct.pack_into(f"{self.format[0]}{self.count}{self.format[1]}", file, self.position, *numbers)


def block_tables(file: bytes | bytearray | memoryview) -> list[tuple[Table, Table]]:
    """Find the tables of blocks.

    Parameters
    ----------
    file : bytes
        A tiled TIFF or BigTIFF.

    Returns
    -------
    list of tuple of Table
        Of every image in the order of the file: the positions of its blocks and their sizes, row by row. [byte]

    Raises
    ------
    struct.error, KeyError, ValueError
        The head of the file is damaged, or an image is not tiled.

    References
    ----------
    TIFF 6.0 (Adobe, 1992), sections 2 and 15; BigTIFF: https://libtiff.gitlab.io/libtiff/specification/bigtiff.html
    """
    order = "<" if bytes(file[:2]) == b"II" else ">"
    big = struct.unpack_from(f"{order}H", file, 2)[0] == 43
    word, count_format, entry_size = ("Q", "Q", 20) if big else ("I", "H", 12)
    (position,) = struct.unpack_from(order + word, file, 8 if big else 4)
    tables, seen = [], set()
    while position:
        if position in seen:
            raise ValueError("the directories of the file go in a circle")
        seen.add(position)
        (count,) = struct.unpack_from(order + count_format, file, position)
        start = position + struct.calcsize(count_format)
        entries = [start + index * entry_size for index in range(count)]
        found = dict(_entry(file, entry, order, word) for entry in entries)
        tables.append((found[_OFFSETS], found[_COUNTS]))
        (position,) = struct.unpack_from(order + word, file, start + count * entry_size)
    return tables


def _entry(file: bytes | bytearray | memoryview, position: int, order: str, word: str) -> tuple[int, Table]:
    """Read an entry of a directory; a value that fits into the entry stands there, else its position."""
    tag, kind, count = struct.unpack_from(f"{order}HH{word}", file, position)
    place = position + 4 + struct.calcsize(word)
    if TYPE_SIZES[kind] * count > struct.calcsize(word):
        (place,) = struct.unpack_from(order + word, file, place)
    return tag, Table(position=place, format=order + _FORMATS.get(kind, "B"), count=count)


BLOCK = 512
"""Side of a block of the product. [pixel]"""

Key: TypeAlias = tuple[int, int, int]
"""Level of the pyramid (0 is the full resolution), row and column of a block."""


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Shapes of a raster and of its overviews, halved until one fits into a block.

    >>> level_shapes(7800, 1100)
    [(7800, 1100), (3900, 550), (1950, 275), (975, 138), (488, 69)]
    """
    shapes = [(height, width)]
    while max(shapes[-1]) > BLOCK:
        height, width = shapes[-1]
        shapes.append((-(-height // 2), -(-width // 2)))
    return shapes


def level_keys(level: int, shape: tuple[int, int]) -> list[Key]:
    """Name the blocks of a level, row by row."""
    rows, columns = (-(-side // BLOCK) for side in shape)
    return [(level, row, column) for row in range(rows) for column in range(columns)]


@dataclass(kw_only=True, slots=True)
class _Pending:
    """A block that is not complete."""

    values: Values
    missing: int


class BlockBuilder:
    """Makes whole blocks of what is added to it, by any number of threads in any order.

    What waits for its neighbours stays in memory: of windows that come row by row, about the half of a row of blocks.

    Parameters
    ----------
    layer : Layer
        What the blocks hold.
    height, width : int
        Size of the raster. [pixel]
    """

    def __init__(self, layer: Layer, height: int, width: int) -> None:
        self._layer = layer
        self._shapes = level_shapes(height, width)
        self._lock = threading.Lock()
        self._pending: dict[Key, _Pending] = {}
        self._done: set[Key] = set()

    @property
    def keys(self) -> list[list[Key]]:
        """Names of the blocks of every level."""
        return [level_keys(level, shape) for level, shape in enumerate(self._shapes)]

    @property
    def complete(self) -> bool:
        """Whether there is no block missing."""
        return len(self._done) == sum(map(len, self.keys))

    def add(self, values: Values, row: int, column: int) -> Iterator[tuple[Key, Values | None]]:
        """Add a window.

        Parameters
        ----------
        values : array of shape (rows, columns)
            In the layer's unit; made into numbers of the file block by block.
        row, column : int
            Place of its upper left pixel. [pixel]

        Yields
        ------
        tuple of key and array of shape (512, 512)
            Every block that this completes, those of overviews too; None for one without a value.

        Raises
        ------
        ValueError
            It leaves the raster, or part of it was added before.
        """
        (height, width), (rows, columns) = self._shapes[0], values.shape
        if not (0 <= row <= height - rows and 0 <= column <= width - columns):
            raise ValueError(f"{rows} x {columns} pixels at row {row}, column {column} leave {height} x {width} pixels")
        for block_row, from_row, to_row in _cuts(row, rows):
            for block_column, from_column, to_column in _cuts(column, columns):
                part = values[from_row - row : to_row - row, from_column - column : to_column - column]
                key = (0, block_row, block_column)
                yield from self._rise(key, self._layer.stored(part), from_row % BLOCK, from_column % BLOCK)

    def _rise(self, key: Key, part: Values, row: int, column: int) -> Iterator[tuple[Key, Values | None]]:
        """Put a part into its block; where that completes the block, put its overview into the one above, and so on."""
        while (block := self._put(key, part, row, column)) is not None:
            level, block_row, block_column = key
            empty = self._layer.is_empty(block)
            yield key, None if empty else block
            if level + 1 == len(self._shapes):
                return
            key = (level + 1, block_row // 2, block_column // 2)
            rows, columns = ((side + 1) // 2 for side in self.size((level, block_row, block_column)))
            part = (block[::2, ::2] if empty else halved(self._layer, block))[:rows, :columns]
            row, column = block_row % 2 * BLOCK // 2, block_column % 2 * BLOCK // 2

    def _put(self, key: Key, part: Values, row: int, column: int) -> Values | None:
        """Put a part into its block; returns the block if it is complete."""
        size = self.size(key)
        with self._lock:
            if key in self._done:
                raise ValueError(f"part of block {key} was written before")
            if part.shape == size:
                self._done.add(key)
                return self._padded(part)
            if key not in self._pending:
                self._pending[key] = _Pending(values=np.empty(size, part.dtype), missing=size[0] * size[1])
            pending = self._pending[key]
        pending.values[row : row + part.shape[0], column : column + part.shape[1]] = part  # no two have the same place
        with self._lock:
            pending.missing -= part.size
            if pending.missing > 0:
                return None
            self._done.add(key)
            del self._pending[key]
        return self._padded(pending.values)

    def size(self, key: Key) -> tuple[int, int]:
        """Shape of what a block has of the raster; at the right and lower edges that is less than the whole."""
        level, row, column = key
        height, width = self._shapes[level]
        return min(BLOCK, height - row * BLOCK), min(BLOCK, width - column * BLOCK)

    def _padded(self, values: Values) -> Values:
        """Fill a block at the edge up to its full size; no reader shows that."""
        rows, columns = values.shape
        if (rows, columns) == (BLOCK, BLOCK):
            return values
        if self._layer.nodata is None:  # repeated numbers do not change which is the commonest
            return np.pad(values, ((0, BLOCK - rows), (0, BLOCK - columns)), mode="edge")
        block = np.full((BLOCK, BLOCK), self._layer.nodata, values.dtype)
        block[:rows, :columns] = values
        return block


def _cuts(start: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range at the edges of the blocks: number of the block, start and stop of the part."""
    for block in range(start // BLOCK, -(-(start + length) // BLOCK)):
        yield block, max(start, block * BLOCK), min(start + length, (block + 1) * BLOCK)


Compression: TypeAlias = Literal["deflate", "zstd", "lzw", "lerc_zstd", "none"]

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "deflate": {"zlevel": 1},  # the one that every reader has; level 6 makes noisy bytes no smaller
    "zstd": {"zstd_level": 1},
    "lzw": {},
    "lerc_zstd": {"zstd_level": 1},
    "none": {},
}
_LERC_ERROR = 0.005  # of float32; half of the step that integers have
_SOMEWHERE = Affine.scale(2)  # rasterio would warn of a file without a place
_PREDICTED = ("deflate", "zstd", "lzw")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A block as it stands in the file."""

    data: bytes
    """Its bytes."""
    pixels: Values
    """What they give when they are read, of shape (512, 512)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """How the blocks of a layer are compressed."""

    layer: Layer
    """What they hold."""
    compress: Compression = "deflate"
    """Method; ``lerc_zstd`` keeps float32 within 0.005, all others keep every bit."""

    def __post_init__(self) -> None:
        if self.compress not in _OPTIONS:
            raise InputError(f"compression {self.compress!r} is not known; give one of {', '.join(_OPTIONS)}")

    @property
    def lossy(self) -> bool:
        """Whether numbers change within the tolerance."""
        return self.compress == "lerc_zstd" and self.layer.dtype == "float32"

    def encode(self, blocks: Sequence[Values]) -> list[Encoded]:
        """Compress blocks; several at once cost less than one at a time.

        Parameters
        ----------
        blocks : sequence of array of shape (512, 512)
            Numbers of the file.

        Returns
        -------
        list of Encoded
            Each block's bytes.
        """
        if not blocks:
            return []
        profile = {**self._profile(), "width": BLOCK, "height": BLOCK * len(blocks)}
        with MemoryFile() as memory:
            with rasterio.open(memory.name, "w", transform=_SOMEWHERE, **profile) as dataset:
                dataset.write(np.concatenate(blocks)[None])
            file = memory.getbuffer()
            positions, sizes = (table.read(file) for table in block_tables(file)[0])
            data = [bytes(file[start : start + size]) for start, size in zip(positions, sizes, strict=True)]
            kept = self._kept(memory, blocks) if self.lossy else blocks
        return [Encoded(data=part, pixels=block) for part, block in zip(data, kept, strict=True)]

    def skeleton(self, grid: Grid, tags: Mapping[str, str], band_tags: Mapping[str, str]) -> bytearray:
        """Make a Cloud Optimized GeoTIFF with all its metadata and overviews, and without a single block.

        Parameters
        ----------
        grid : Grid
            Where its pixels lie.
        tags, band_tags : mapping of str to str
            Metadata of the file and of its band.

        Returns
        -------
        bytearray
            The file; blocks can be appended once its tables tell where they lie.
        """
        place = {"width": grid.width, "height": grid.height, "crs": grid.crs, "transform": grid.transform}
        profile = {**self._profile(), **place}
        with MemoryFile() as source, MemoryFile() as target:
            with rasterio.open(source.name, "w", **profile, sparse_ok=True) as dataset:
                self._describe(dataset, tags, band_tags)
                levels = len(level_shapes(grid.height, grid.width))
                dataset.build_overviews([2**level for level in range(1, levels)], Resampling.nearest)
            rasterio.shutil.copy(source.name, target.name, driver="COG", **self._cog_options())
            return bytearray(target.getbuffer())

    def _profile(self) -> dict[str, Any]:
        return {
            "driver": "GTiff", "count": 1, "dtype": self.layer.dtype, "nodata": self.layer.nodata, "tiled": True,
            "blockxsize": BLOCK, "blockysize": BLOCK, "compress": self.compress.upper(), "predictor": self._predictor(),
            "bigtiff": "IF_SAFER", **_OPTIONS[self.compress], **self._tolerance(),
        }  # fmt: skip

    def _cog_options(self) -> dict[str, Any]:
        return {
            "compress": self.compress.upper(), "blocksize": BLOCK, "bigtiff": "IF_SAFER", "sparse_ok": "YES",
            "predictor": "YES" if self._predictor() > 1 else "NO", "overviews": "FORCE_USE_EXISTING",
            "overview_predictor": "YES" if self._predictor() > 1 else "NO",
            "overview_compress": self.compress.upper(), **self._tolerance(),
        }  # fmt: skip

    def _predictor(self) -> int:
        if self.compress not in _PREDICTED:
            return 1
        return 3 if self.layer.dtype == "float32" else 2

    def _tolerance(self) -> dict[str, float]:
        return {"max_z_error": _LERC_ERROR} if self.lossy else {}

    def _describe(self, dataset: Any, tags: Mapping[str, str], band_tags: Mapping[str, str]) -> None:
        dataset.set_band_description(1, self.layer.description)
        dataset.units = (self.layer.units,)
        if self.layer.scale is not None:
            dataset.scales = (self.layer.scale,)
        dataset.update_tags(**tags)
        dataset.update_tags(1, **{**self.layer.tags, **band_tags})

    def _kept(self, memory: MemoryFile, blocks: Sequence[Values]) -> list[Values]:
        """Read back what a lossy method has made of the numbers."""
        with rasterio.open(memory.name) as dataset:
            kept = np.split(dataset.read(1), len(blocks))
        for block, after in zip(blocks, kept, strict=True):
            if not np.allclose(after, block, rtol=0, atol=_LERC_ERROR * 1.01, equal_nan=True):
                raise OSError(f"{self.compress} has changed numbers by more than {_LERC_ERROR}")
        return kept
