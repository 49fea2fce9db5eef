"""Whether a file is laid out as a Cloud Optimized GeoTIFF, byte by byte."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from lst_raster.engine.product.tiff import block_tables

_GHOST = re.compile(rb"GDAL_STRUCTURAL_METADATA_SIZE=(\d{6}) bytes\n")
_NOTE = struct.Struct("<I")  # the note of a block's size, before it
_LARGEST = 512  # [pixel], of the smallest overview
_RULES = {
    b"LAYOUT=IFDS_BEFORE_DATA": "its heads do not come before its blocks",
    b"BLOCK_LEADER=SIZE_AS_UINT4": "its blocks have no note of their size",
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED": "its blocks have no mark of their end",
    b"KNOWN_INCOMPATIBLE_EDITION=NO": "it was edited after it was made, which broke its layout",
}


def layout_problems(path: Path) -> list[str]:
    """Hold a file against the rules of GDAL's COG driver.

    That is stricter than what validators of the format look at: every block must lie where the order of the format
    has it, with its notes, and end within the file.

    Parameters
    ----------
    path : path
        A raster of one band.

    Returns
    -------
    list of str
        What is wrong; empty where it is a Cloud Optimized GeoTIFF.

    References
    ----------
    https://gdal.org/drivers/raster/cog.html; Cloud Optimized GeoTIFF, OGC 21-026 (2023)
    """
    if path.stat().st_size == 0:
        return ["it is empty"]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[:2] not in (b"II", b"MM"):
            return ["it is no TIFF"]
        try:
            with memoryview(content) as view:
                problems = list(_problems(content, view))
        except KeyError:
            return ["it is not tiled"]
        except (struct.error, ValueError, IndexError):
            return ["its head is damaged"]
    return problems or _overview_problems(path)


def _problems(content: mmap.mmap, view: memoryview) -> Iterator[str]:
    """Go through the head and the blocks; the tables are those of the full resolution and of each overview."""
    tables = block_tables(view)
    start = 16 if content[2:4] in (b"+\0", b"\0+") else 8
    ghost = _GHOST.match(content[start : start + 64])
    if ghost is None:
        yield "it was not made as a Cloud Optimized GeoTIFF"
        return
    rules = content[start + ghost.end() : start + ghost.end() + int(ghost[1])]
    yield from (complaint for rule, complaint in _RULES.items() if rule not in rules)
    levels = [(positions.read(view), sizes.read(view)) for positions, sizes in tables]
    blocks = [block for level in reversed(levels) for block in zip(*level, strict=True) if block[1]]
    if any(block[0] < table.position for pair in tables for table in pair for block in blocks[:1]):
        yield "its heads do not come before its blocks"
    yield from _block_problems(content, blocks)


def _block_problems(content: mmap.mmap, blocks: list[tuple[int, int]]) -> Iterator[str]:
    """Hold the blocks against their order, smallest overview first; one problem is enough."""
    end = 0
    for position, size in blocks:
        if position + size > len(content):
            yield f"it ends at byte {len(content)}, before its blocks do"
            return
        if position < end:
            yield f"its block at byte {position} is not in the order of the format"
            return
        end = position + size
        if content[position - _NOTE.size : position] != _NOTE.pack(size):
            yield f"the note of the size of its block at byte {position} is wrong"
            return
        if content[end : end + _NOTE.size] != content[end - _NOTE.size : end]:
            yield f"the mark of the end of its block at byte {position} is wrong"
            return


def _overview_problems(path: Path) -> list[str]:
    try:
        with rasterio.open(path) as dataset:
            layout = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
            factors = dataset.overviews(1)
            smallest = max(dataset.shape) / (factors[-1] if factors else 1)
    except RasterioError:
        return ["GDAL cannot open it"]
    if layout != "COG":
        return ["GDAL does not take it for a Cloud Optimized GeoTIFF"]
    if factors != sorted(factors) or smallest > 2 * _LARGEST:
        return [f"it has not the overviews that its size needs: {factors}"]
    return []
