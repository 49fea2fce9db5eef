"""Whether a TIFF holds all that its directory names: a file cut off at its end opens, and lacks its place on earth."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_LENGTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Length of a value of each type. [byte] TIFF 6.0 (Adobe, 1992), section 2; BigTIFF: 16 to 18"""


def has_all_tags(path: Path) -> bool:
    r"""Tell whether the values of all tags of a TIFF's first image lie in the file.

    GDAL leaves out a tag that does not, with no more than a message: the coordinate system, for example.

    Parameters
    ----------
    path : path
        A TIFF or BigTIFF.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "x.tif"
    ...     _ = path.write_bytes(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 34737, 2, 9, 26, 0) + b"WGS 84|")
    ...     has_all_tags(path)
    False
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return _end(file) <= size
        except struct.error:  # less is there than the directory itself takes
            return False


def _end(file: BinaryIO) -> int:
    """Where the last value of a tag ends. [byte]"""
    start = file.read(16)
    order = "<" if start[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", start, 2)[0] == 43
    word, count_format = ("Q", "Q") if big else ("I", "H")
    (position,) = struct.unpack_from(order + word, start, 8 if big else 4)
    file.seek(position)
    (count,) = struct.unpack(order + count_format, file.read(struct.calcsize(count_format)))
    entry = struct.Struct(f"{order}HH{word}{word}")
    ends = [0]
    for _ in range(count):
        _, kind, values, place = entry.unpack(file.read(entry.size))
        length = _LENGTHS.get(kind, 0) * values
        if length > struct.calcsize(word):
            ends.append(place + length)
    return max(ends)
