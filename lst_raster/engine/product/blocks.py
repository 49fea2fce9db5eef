"""Windows put together to whole blocks, and whole blocks to those of the overviews."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lst_raster.engine.product.layer import Layer, Values
from lst_raster.engine.product.pyramid import halved

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
