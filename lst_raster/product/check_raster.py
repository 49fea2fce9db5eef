"""Checks of a product's rasters: file layout, overviews and pixel values."""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.io.plausibility import HOTTEST_GROUND, LARGELY
from lst_raster.io.raster import read_stored
from lst_raster.product.quality_flags import KNOWN, UNCERTAIN, Bits, flag
from lst_raster.product.tiff_blocks import block_tables

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


Values: TypeAlias = NDArray[Any]

_PART = 256  # rows and columns of an overview that are compared at a time
_PARTS = 4  # such parts along each side of an overview; spread over it
_TOLERANCE = 0.0101  # twice what a lossy compression changes floats by; whole numbers are exact


def overview_problems(path: Path, *, exact: bool) -> list[str]:
    """Compare a sample of every overview with the level below it.

    Parameters
    ----------
    path : path
        A raster of one band.
    exact : bool
        Whether a pixel must be the mean of the four below it that have a value (of classes: one of the four); else it
        must lie within the range of those and their neighbours, as the overviews of other programs do.

    Returns
    -------
    list of str
        What differs.

    Raises
    ------
    SceneError
        The file is damaged.
    """
    with rasterio.open(path) as dataset:
        count = len(dataset.overviews(1))
    problems = []
    for level in range(count):
        wrong = sum(_differing(path, level, part, exact) for part in _parts(path, level))
        if wrong:
            problems.append(f"{path.name}: {wrong} pixels of overview {level + 1} differ from what is below them")
    return problems


def _parts(path: Path, level: int) -> Iterator[Window]:
    with rasterio.open(path, overview_level=level) as overview:
        height, width = overview.shape
    for row in _starts(height):
        for column in _starts(width):
            yield Window(column, row, min(_PART, width - column), min(_PART, height - row))


def _starts(length: int) -> list[int]:
    """First pixels of parts that cover a side, or are spread over it, the first and the last pixel among them."""
    if length <= _PART * _PARTS:
        return list(range(0, length, _PART))
    return sorted({int(start) for start in np.linspace(0, max(length - _PART, 0), _PARTS)})


def _differing(path: Path, level: int, part: Window, exact: bool) -> int:
    """Count the pixels of a part of an overview that do not follow from the level below."""
    with rasterio.open(path, overview_level=level) as overview:
        found, valid = read_stored(overview, "product", SceneError, window=part)
        is_class = overview.dtypes[0] != "float32" and overview.nodata is None
    below, has = _below(path, level, part, margin=0 if exact else 1)
    if is_class:
        return int((~(below == found[..., None]).any(axis=-1)).sum())
    any_value: Values = np.any(has, axis=-1)
    with np.errstate(all="ignore"):  # damaged numbers may be any
        values = np.where(has, below.astype(np.float64), np.nan)
        low, high = _limits(values, any_value, exact, found.dtype.kind == "f")
        off = valid & any_value & ~((found >= low) & (found <= high))
    return int((off | (valid != any_value if exact else valid & ~any_value)).sum())


def _limits(values: Values, any_value: Values, exact: bool, floats: bool) -> tuple[Values, Values]:
    """Least and greatest number that an overview may have. Halves of whole numbers go up."""
    filled = np.where(any_value[..., None], values, 0.0)
    tolerance = _TOLERANCE if floats else 0.0
    if not exact:
        return np.nanmin(filled, axis=-1) - tolerance, np.nanmax(filled, axis=-1) + tolerance
    mean = np.nanmean(filled, axis=-1)
    mean = mean if floats else np.floor(mean + 0.5)
    return mean - tolerance, mean + tolerance


def _below(path: Path, level: int, part: Window, margin: int) -> tuple[Values, Values]:
    """Pixels of the level below for each pixel of a part: four, or with a margin sixteen; and which have a value."""
    where = {"overview_level": level - 1} if level else {}
    size = 2 + 2 * margin
    with rasterio.open(path, **where) as dataset:
        top, left = 2 * part.row_off - margin, 2 * part.col_off - margin
        bottom, right = top + 2 * part.height + 2 * margin, left + 2 * part.width + 2 * margin
        height, width = dataset.shape
        inside = Window.from_slices((max(top, 0), min(bottom, height)), (max(left, 0), min(right, width)))
        stored, valid = read_stored(dataset, "product", SceneError, window=inside)
    around = (
        (max(-top, 0), max(bottom - height, 0)),
        (max(-left, 0), max(right - width, 0)),
    )
    views = [
        np.lib.stride_tricks.sliding_window_view(np.pad(array, around, **options), (size, size))[::2, ::2]
        for array, options in ((stored, {"mode": "edge"}), (valid, {"constant_values": False}))
    ]
    values, has = (view.reshape(*view.shape[:2], size * size) for view in views)
    return values, has


Float32: TypeAlias = NDArray[np.float32]

LOWEST, HIGHEST = 150.0, 380.0
"""Temperatures that a product may have, from colder than any ground to hotter than any without fire. [K]"""

_STEP = 0.01  # [K] by which a value kept with steps, or with a lossy compression, may be off
_WITHOUT = ("fill", "saturated", "no_solution", "no_input")
_MASKED = ("cloud", "cloud_shadow")


@dataclass(kw_only=True, slots=True)
class PixelCounts:
    """What was seen of a product's pixels."""

    pixels: int = 0
    """All of them."""
    count: int = 0
    """Those with a temperature."""
    low: float = math.inf
    """Least temperature. [K]"""
    high: float = -math.inf
    """Greatest temperature. [K]"""
    hot: int = 0
    """Those above `HOTTEST_GROUND`."""
    problems: dict[str, Counter[str]] = field(default_factory=dict)
    """By role of a raster what is wrong in how many pixels; a raster that was not looked at has no entry."""

    def lines(self, role: str) -> list[str]:
        """Say what is wrong with a raster."""
        return [f"{count} pixels with {what}" for what, count in sorted(self.problems[role].items()) if count]


def count_pixels(rasters: Mapping[str, Path], mask: str) -> PixelCounts:
    """Go through all pixels of a product.

    Parameters
    ----------
    rasters : mapping of str to path
        Rasters by role, on the same grid; ``lst`` is one of them.
    mask : str
        What was masked, as the product's metadata tell it.

    Returns
    -------
    PixelCounts
        What was seen.

    Raises
    ------
    SceneError
        A raster is damaged.
    """
    counts = PixelCounts(problems={role: Counter() for role in rasters})
    with ExitStack() as stack:
        opened = {role: stack.enter_context(rasterio.open(path)) for role, path in rasters.items()}
        for _, window in opened["lst"].block_windows(1):
            values = {role: _read(opened[role], role, window) for role in opened if role != "quality"}
            bits = (
                read_stored(opened["quality"], "quality", SceneError, window=window)[0] if "quality" in opened else None
            )
            _count_temperature(counts, values["lst"])
            if "uncertainty" in values:
                _count_uncertainty(counts, values["lst"], values["uncertainty"])
            if bits is not None:
                _count_bits(counts, values["lst"], values.get("uncertainty"), bits, mask)
    if counts.hot > LARGELY * counts.count:
        counts.problems["lst"][f"a temperature above {HOTTEST_GROUND:g} K, which no natural land surface has"] = (
            counts.hot
        )
    return counts


def _read(dataset: Any, what: str, window: Any) -> Float32:
    """Values in kelvin, NaN where there are none."""
    stored, valid = read_stored(dataset, what, SceneError, window=window)
    with np.errstate(all="ignore"):  # damaged numbers may be any
        values = np.float32(dataset.scales[0]) * stored.astype(np.float32) + np.float32(dataset.offsets[0])
    return np.where(valid, values, np.float32(np.nan))


def _count_temperature(counts: PixelCounts, lst: Float32) -> None:
    counts.pixels += lst.size
    values = lst[~np.isnan(lst)]
    if values.size:
        counts.count += values.size
        counts.low = min(counts.low, float(values.min()))
        counts.high = max(counts.high, float(values.max()))
        counts.hot += int((values > HOTTEST_GROUND).sum())
    wrong = ~((values >= LOWEST) & (values <= HIGHEST))
    counts.problems["lst"][f"a temperature outside {LOWEST:g} to {HIGHEST:g} K"] += int(wrong.sum())


def _count_uncertainty(counts: PixelCounts, lst: Float32, uncertainty: Float32) -> None:
    has, known = ~np.isnan(lst), ~np.isnan(uncertainty)
    counts.problems["uncertainty"].update(
        {
            "a temperature and no uncertainty": int((has & ~known).sum()),
            "an uncertainty and no temperature": int((known & ~has).sum()),
            "an uncertainty that is not above 0 and finite": int(
                (known & ~((uncertainty > 0) & np.isfinite(uncertainty))).sum()
            ),
        }
    )


def _count_bits(
    counts: PixelCounts, lst: Float32, uncertainty: Float32 | None, bits: Bits, mask: str
) -> None:  # fmt: skip
    has, by_quality = ~np.isnan(lst), not mask.startswith("none")
    wrong = {
        "no temperature, and no bit that says why": ~has & ~_explained(bits, mask),
        "a temperature where fill, saturated, no_solution or no_input is set": has & _any(bits, _WITHOUT),
        "saturated, and not fill": _any(bits, ["saturated"]) & ~_any(bits, ["fill"]),
        "a temperature without source of its emissivity": has & (flag("emissivity_source").of(bits) == 0),
        "bits or values without a meaning": _unknown(bits),
    }
    if by_quality:
        wrong["a temperature under cloud or shadow"] = has & _any(bits, _MASKED)
    if uncertainty is not None:
        beyond = np.abs(uncertainty - np.float32(UNCERTAIN)) > _STEP  # NaN is not
        differs = (uncertainty > UNCERTAIN) != _any(bits, ["uncertain"])
        wrong["a bit uncertain that does not fit the uncertainty"] = has & beyond & differs
    counts.problems["quality"].update({what: int(where.sum()) for what, where in wrong.items()})


def _explained(bits: Bits, mask: str) -> NDArray[np.bool_]:
    """Where a bit says why there is no temperature; a dilated mask reaches beyond the clouds themselves."""
    explained = _any(bits, [*_WITHOUT, *_MASKED])
    if "dilated by" in mask:
        explained |= np.isin(flag("cloud_distance").of(bits), [1, 2])
    return explained


def _unknown(bits: Bits) -> NDArray[np.bool_]:
    field = flag("emissivity_source")
    unknown: NDArray[np.bool_] = (bits & ~np.uint32(KNOWN)) != 0
    return unknown | ~np.isin(field.of(bits), list(field.values))


def _any(bits: Bits, names: Any) -> NDArray[np.bool_]:
    wanted = sum(flag(name).mask for name in names)
    found: NDArray[np.bool_] = (bits & np.uint32(wanted)) != 0
    return found
