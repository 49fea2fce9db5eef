"""The few bytes of a TIFF that say where its blocks lie."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_OFFSETS, _COUNTS = 324, 325  # tags TileOffsets and TileByteCounts of TIFF 6.0
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Length of a value of each type. [byte]"""
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
    if _SIZES[kind] * count > struct.calcsize(word):
        (place,) = struct.unpack_from(order + word, file, place)
    return tag, Table(position=place, format=order + _FORMATS.get(kind, "B"), count=count)
