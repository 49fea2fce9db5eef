"""GeoTIFFs on a server of which a part is copied: every needed block is requested once, in few and parallel requests.

The blocks are written to their positions in a sparse local file, which GDAL reads as any other.
"""

from __future__ import annotations

import contextvars
import struct
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from lst_raster.errors import OutputError, RemoteError, SceneError
from lst_raster.io.address import Address
from lst_raster.io.raster import TYPE_SIZES, gdal_settings
from lst_raster.io.remote import Part

Get = Callable[[int, int], Part]  # Requests bytes: position and size

_HEADER = 16 << 10  # of a Cloud Optimized GeoTIFF, with the positions of its blocks [byte]
_GAP = 8 << 10  # between blocks that is requested, too, to save a request [byte]
_PART = 8 << 20  # of one request [byte]
_PARALLEL = 4  # requests at the same time
_LARGEST_TAG = 64 << 20  # [byte], far above the positions of the blocks of any scene
_WIDTH, _HEIGHT, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT, _KIND, _SAMPLES = 256, 257, 278, 322, 323, 254, 277  # tags
_OFFSETS, _SIZES = (273, 324), (279, 325)  # tags: positions and sizes of strips, and of tiles
_IS_MASK = 4  # bit of the kind of an image
_MANY = 30  # images in a file
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # types of tags. TIFF 6.0 (Adobe, 1992), section 2; BigTIFF


@dataclass(kw_only=True, slots=True)
class RemoteRaster:
    """Open raster on a server, whose windows are requested before they are read: `open_remote_raster`."""

    dataset: Any = None  # rasterio's
    _address: Address
    _get: Get
    _target: Path  # the sparse file
    _first: Part  # of the file
    _blocks: list[tuple[int, int]] = field(default_factory=list)  # position and size of every block
    _block_shape: tuple[int, int] = (1, 1)  # rows and columns of a block

    def prepare(self, window: Window) -> None:
        """Request the blocks of a window; raises the errors of `fetch`, OutputError where they cannot be stored."""
        height, width = self._block_shape
        across = -(-self.dataset.width // width)
        rows = range(window.row_off // height, -(-(window.row_off + window.height) // height))
        columns = range(window.col_off // width, -(-(window.col_off + window.width) // width))
        blocks = (self._blocks[row * across + column] for row in rows for column in columns)
        self._store(block for block in blocks if block[1])

    def copy_header(self) -> None:
        """Store the first directory of the file with the values of its tags; SceneError for a damaged one."""
        try:
            tags = self._read_directory()
            width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
            tile = (tags[_TILE_HEIGHT][0], tags[_TILE_WIDTH][0]) if _TILE_WIDTH in tags else None
            self._block_shape = tile or (min(tags.get(_ROWS_PER_STRIP, (height,))[0], height), width)
            offsets, sizes = (tags[numbers[tile is not None]] for numbers in (_OFFSETS, _SIZES))
            count = -(-height // self._block_shape[0]) * -(-width // self._block_shape[1])
            is_single = tags.get(_SAMPLES, (1,))[0] == 1  # others are refused later
            if (len(offsets) != count and is_single) or len(sizes) != len(offsets):
                raise KeyError(_OFFSETS)
        except (struct.error, KeyError, IndexError, ZeroDivisionError):
            raise SceneError(f"{self._address} is a TIFF, but damaged: its first directory is incomplete") from None
        self._blocks = list(zip(offsets, sizes, strict=True))

    def _read_directory(self) -> dict[int, tuple[int, ...]]:
        """Integer values of the tags of the first directory, which ends the sparse file's list of directories."""
        start = self._first.content
        order = {b"II": "<", b"MM": ">"}[start[:2]]
        is_big = struct.unpack_from(f"{order}H", start, 2)[0] == 43
        word, counter = ("Q", "Q") if is_big else ("I", "H")
        entry, end, step = struct.Struct(f"{order}HH{word}{word}"), struct.calcsize(word), struct.calcsize(counter)
        self._write([(0, start)])
        (position,) = struct.unpack_from(order + word, start, 8 if is_big else 4)
        tags: dict[int, tuple[int, ...]] = {}
        for image in range(_MANY):
            (count,) = struct.unpack(order + counter, self._bytes(position, step))
            directory = self._bytes(position + step, count * entry.size + end)
            if image == 0:
                self._write(
                    [(position, struct.pack(order + counter, count)), (position + step, directory[:-end] + bytes(end))]
                )
            for number in range(count):
                tag, kind, values, place = entry.unpack_from(directory, number * entry.size)
                length = TYPE_SIZES.get(kind, 0) * values
                if length > _LARGEST_TAG:
                    raise KeyError(tag)
                inside = directory[(number + 1) * entry.size - end :][:length]  # small values replace the position
                if image:
                    if tag == _KIND and struct.unpack_from(f"{order}{_INTEGERS[kind]}", inside)[0] & _IS_MASK:
                        raise SceneError(f"{self._address} has an internal mask, which cannot be copied; download it")
                    continue
                content = inside if length <= end else self._bytes(place, length)
                if length > end:
                    self._write([(place, content)])
                if kind in _INTEGERS:
                    tags[tag] = struct.unpack(f"{order}{values}{_INTEGERS[kind]}", content)
            (position,) = struct.unpack(order + word, directory[-end:])
            if not position:
                break
        return tags

    def _bytes(self, position: int, size: int) -> bytes:
        if position + size <= len(self._first.content):
            return self._first.content[position : position + size]
        return self._request(position, size)

    def _request(self, position: int, size: int) -> bytes:
        part = self._get(position, size)
        if part.version != self._first.version:
            raise RemoteError(f"{self._address} changed while it was read; run again")
        if len(part.content) != size:
            raise RemoteError(f"{self._address}: the server sent {len(part.content)} of {size} bytes; try again later")
        return part.content

    def _store(self, blocks: Iterable[tuple[int, int]]) -> None:
        ranges = list(_merged(blocks))
        contexts = [contextvars.copy_context() for _ in ranges]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            contents = pool.map(lambda context, one: context.run(self._bytes, *one), contexts, ranges)
            for (position, _), content in zip(ranges, contents, strict=True):
                self._write([(position, content)])

    def _write(self, parts: Iterable[tuple[int, bytes]]) -> None:
        try:
            with self._target.open("r+b" if self._target.exists() else "wb") as file:
                for position, content in parts:
                    file.seek(position)
                    file.write(content)
        except OSError as error:
            raise OutputError(f"cannot write {self._target.parent}: {error.strerror or error}") from None


def _merged(blocks: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Positions and sizes of requests for blocks, of which neighbours are requested together.

    Examples
    --------
    >>> list(_merged([(100, 50), (0, 100), (900_000, 10)]))
    [(0, 150), (900000, 10)]
    """
    start = end = -1
    for position, size in sorted(blocks):
        if start >= 0 and position <= end + _GAP and position + size - start <= _PART:
            end = max(end, position + size)
            continue
        if start >= 0:
            yield start, end - start
        start, end = position, position + size
    if start >= 0:
        yield start, end - start


@contextmanager
def open_remote_raster(address: Address, get: Get, target: Path) -> Iterator[RemoteRaster]:
    """Open a GeoTIFF of one band on a server that supports byte ranges.

    `get` requests bytes, as `fetch`; `target` is the path of the sparse file, which is removed at the end. Raises
    SceneError for another or a damaged file, RemoteError of the server, OutputError where the file cannot be written.
    """
    first = get(0, _HEADER)
    if not first.partial:
        raise RemoteError(
            f"{address}: the server sends whole files only and does not support byte ranges; download the file first"
        )
    if first.content[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        raise SceneError(f"{address} is not a GeoTIFF, or is damaged")
    raster = RemoteRaster(_address=address, _get=get, _target=target, _first=first)
    try:
        raster.copy_header()
        try:
            with (
                gdal_settings(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
                rasterio.open(target, driver="GTiff") as found,
            ):
                if found.count != 1:
                    raise SceneError(f"{address} has {found.count} bands; expected one")
                raster.dataset = found
                yield raster
        except RasterioError:
            raise SceneError(f"{address} is a TIFF, but truncated or damaged") from None
    finally:
        target.unlink(missing_ok=True)
