"""Quality bands of Landsat products: cloud, shadow, snow, water, fill and saturation of each pixel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid, require_same_grid
from lst_raster.io.raster import Mask, open_raster, read_stored
from lst_raster.io.scene_files import SceneFiles
from lst_raster.sensors.bands import thermal_files

Bits: TypeAlias = NDArray[np.uint16]
KINDS = ("fill", "cloud", "dilated_cloud", "cloud_shadow", "cirrus", "snow", "water", "saturated")
"""Possible masks; each layout has some of them."""
KIND_BITS: Mapping[str, int] = {kind: 1 << number for number, kind in enumerate(KINDS)}
"""Bit of each kind in `Kinds`."""
Kinds: TypeAlias = NDArray[np.uint16]
"""Kinds of each pixel, as bits that are the same for all layouts (`KIND_BITS`)."""
QualityReader: TypeAlias = Callable[[Any], Kinds]
"""Function that reads the kinds of the pixels in a window of the scene."""

_MATCHING = 0.99  # fraction of a band's pixels that must be valid in its layout


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)  # compared by identity
class Layout:
    """Meaning of the bits of a quality band."""

    name: str  # name for messages
    flags: Mapping[str, int]  # bit of each kind with a single bit; bit 0 is fill in all layouts
    confidences: Mapping[str, int] = field(default_factory=dict)
    """Lower bit of each kind with a two-bit confidence; the mask contains the pixels of high confidence."""
    always: int = 0
    """Bits set in every pixel except fill: the lower bits of confidences that are low (01) or high (11), not medium."""
    never: int = 0  # bits set in no pixel

    @property
    def kinds(self) -> frozenset[str]:
        """Masks of this layout, of `KINDS`."""
        return frozenset({*self.flags, *self.confidences})

    def decode(self, bits: Bits, kinds: Collection[str] = KINDS) -> dict[str, Mask]:
        """Decode the masks of the given kinds, as far as this layout has them."""
        ones = {name: 1 << bit for name, bit in self.flags.items()}
        ones |= {name: 3 << bit for name, bit in self.confidences.items()}  # 1 low, 2 medium, 3 high confidence
        return {name: bits & np.uint16(part) == part for name, part in ones.items() if name in kinds}

    def kinds_of(self, bits: Bits) -> Kinds:
        """Kinds of pixels with these values of the quality band."""
        return np.take(_kinds_by_value(self), bits, mode="wrap")  # indices of 16 bits are within the table

    def valid_fraction(self, bits: Bits) -> float:
        """Fraction of the pixels other than fill that are valid in this layout; 1 if all are fill."""
        known = bits[bits != 0]  # 0 is fill in copies of other programs, and valid in no layout
        bits = known[known & 1 == 0] if known.size else bits
        valid = (bits & self.never == 0) & (bits & self.always == self.always)
        return float(valid.mean()) if bits.size else 1.0


@cache
def _kinds_by_value(layout: Layout) -> Kinds:
    table = np.zeros(1 << 16, np.uint16)
    for name, mask in layout.decode(np.arange(1 << 16, dtype=np.uint16)).items():
        table[mask] |= KIND_BITS[name]
    if layout.always:
        table[0] = KIND_BITS["fill"]
    return table


def is_any(kinds: Kinds, names: Iterable[str], bits: Mapping[str, int] = KIND_BITS) -> Mask:
    """Mask of the pixels of any of the kinds."""
    return np.asarray(kinds & np.uint16(sum(bits[name] for name in names)) != 0)


COLLECTION_2 = Layout(
    name="QA_PIXEL of Collection 2",
    flags={"fill": 0, "dilated_cloud": 1, "cirrus": 2, "cloud": 3, "cloud_shadow": 4, "snow": 5, "water": 7},
    always=1 << 10 | 1 << 12,  # shadow and snow
)
"""USGS LSDS-1619, Landsat 8-9 Collection 2 Level-2 Science Product Guide, and LSDS-1618 for Landsat 4 to 7."""

COLLECTION_1 = Layout(
    name="BQA of Collection 1",
    flags={"fill": 0, "cloud": 4},
    confidences={"cloud_shadow": 7, "snow": 9, "cirrus": 11},
    always=1 << 7 | 1 << 9,  # shadow and snow
    never=0b111 << 13,
)
"""USGS LSDS-1656, Landsat Collection 1 Level-1 product definition."""

BEFORE_COLLECTIONS = Layout(
    name="BQA of Landsat 8 before the collections",
    flags={"fill": 0},
    confidences={"water": 4, "snow": 10, "cirrus": 12, "cloud": 14},
    always=1 << 12,  # cirrus
    never=1 << 3 | 0b1111 << 6,  # reserved, shadow and vegetation, which were never set
)
"""USGS LSDS-809, Landsat 8 Level-1 data format control book, its versions before Collection 1."""

PRODUCT_LAYOUT = Layout(
    name="quality band of lst-raster",
    flags={"fill": 0, "cloud": 1, "cloud_shadow": 2, "snow": 3, "water": 4, "saturated": 5},
)
"""Quality band of lst-raster products, `*_LST_QA.tif`: the bits copied from the scene (`product/quality_flags.py`)."""

LAYOUTS = (COLLECTION_2, COLLECTION_1, BEFORE_COLLECTIONS)
"""Layouts of scenes; with rare exceptions a value other than fill is valid in only one of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """Quality bands of a scene with their layout. Create it with `find_quality`."""

    place: Place  # the quality band
    layout: Layout  # meaning of its bits
    misnamed: bool  # whether the file's name indicates another layout
    saturation: Place | None  # saturation band, QA_RADSAT, None where there is none for the thermal band
    saturation_bits: Mapping[str, int]  # its bits for the thermal band, by kind
    align: bool = False  # whether bands on another grid are warped onto the scene's, by nearest neighbour

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of pixels that the bands distinguish."""
        return self.layout.kinds | (frozenset(self.saturation_bits) if self.saturation else frozenset())

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return [self.place.location, *([self.saturation.location] if self.saturation else [])]

    def __str__(self) -> str:
        return f"{self.place.name} ({self.layout.name})"


def find_quality(files: SceneFiles, grid: Grid, *, align: bool = False) -> Quality | None:
    """Find a scene's quality band and identify its layout from its values, as files are often renamed; None if missing.

    Raises SceneError for a damaged file or an unknown layout, and GridMismatchError for another grid unless `align` is
    set.
    """
    place = files.quality
    if place is None:
        return None
    with _open(place, grid, align=align) as dataset:
        bits = read_bits(dataset, out_shape=grid.sample_shape)
    expected = COLLECTION_2 if "QA_PIXEL" in place.name.upper() else COLLECTION_1
    layout = find_layout(bits, expected, place)
    thermal = thermal_files().get(files.name.band or "")
    saturation_bits = thermal.saturation_bits if thermal else {}
    return Quality(
        place=place,
        layout=layout,
        misnamed=(layout is COLLECTION_2) is not (expected is COLLECTION_2),
        saturation=files.saturation if saturation_bits else None,
        saturation_bits=saturation_bits,
        align=align,
    )


@contextmanager
def open_quality(quality: Quality, grid: Grid) -> Iterator[QualityReader]:
    """Open the quality bands on the scene's grid; yield a reader of the kinds of the pixels in a window.

    Raises SceneError, also from the reader, for a missing or damaged file; GridMismatchError for another grid.
    """
    with ExitStack() as stack:
        pixels = stack.enter_context(_open(quality.place, grid, align=quality.align))
        saturation = None
        if quality.saturation is not None:
            saturation = stack.enter_context(_open(quality.saturation, grid, align=quality.align))

        def read(window: Any) -> Kinds:
            kinds = quality.layout.kinds_of(read_bits(pixels, window=window))
            if saturation is not None:
                bits = read_bits(saturation, window=window)
                for kind, bit in quality.saturation_bits.items():
                    kinds |= (bits >> np.uint16(bit) & np.uint16(1)) * np.uint16(KIND_BITS[kind])
            return kinds

        yield read


@contextmanager
def _open(place: Place, grid: Grid, *, align: bool) -> Iterator[Any]:
    with open_raster(place, "quality band", SceneError) as dataset:
        band_grid, what = Grid.of(dataset), f"quality band {place.name}"
        if not align and not band_grid.covers(grid):
            remedy = "pass --align to warp it onto the scene's grid, or omit it: --keep-clouds"
            require_same_grid(what, band_grid, grid, remedy)
        with on_grid(dataset, grid, what, align=True, classes=True) as view:
            yield view


def find_layout(bits: Bits, expected: Layout, place: Place) -> Layout:
    """Identify the layout in which a sample of a band is valid, preferably the expected one; raises SceneError."""
    matching = [layout for layout in (expected, *LAYOUTS) if layout.valid_fraction(bits) >= _MATCHING]
    if not matching:
        raise SceneError(
            f"{place.name} has values such as {int(bits.max())} that are not quality bits of any Landsat collection; "
            "give the quality band of the scene, or omit it (retrieve --keep-clouds, compare without --mask)"
        )
    return matching[0]


def read_bits(dataset: Any, **where: Any) -> Bits:
    """Read bits of part of an open band of any type; pixels without a value are fill.

    `where` is `window` or `out_shape` of rasterio's `read`. Raises SceneError for a damaged file.
    """
    stored, valid = read_stored(dataset, "quality band", SceneError, **where)
    if stored.dtype == np.int16:  # the highest bit is the sign
        bits = stored.view(np.uint16)
    elif stored.dtype in (np.uint16, np.uint8):
        bits = stored.astype(np.uint16, copy=False)
    else:  # floating-point copies written by other programs
        bits = (np.where(np.isfinite(stored), stored, 1).astype(np.int64) & 0xFFFF).astype(np.uint16)
    return bits if valid.all() else np.where(valid, bits, np.uint16(1))
