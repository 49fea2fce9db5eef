"""The quality bands of Landsat products: which pixels are cloud, shadow, snow, water, fill or saturated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid, require_same_grid
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.io.scene_files import SceneFiles
from lst_raster.sensors.bands import thermal_files

Bits: TypeAlias = NDArray[np.uint16]
Mask: TypeAlias = NDArray[np.bool_]
QualityReader: TypeAlias = Callable[[Any], dict[str, Mask]]
"""Takes a window of the scene; returns the masks by name, `KINDS`."""

KINDS = ("fill", "cloud", "dilated_cloud", "cloud_shadow", "cirrus", "snow", "water", "saturated")
"""What a quality band may tell of a pixel; a layout tells some of them."""

_HIGH = 3  # of the two bits of a confidence: 0 not determined, 1 low, 2 medium, 3 high
_SAMPLE = 256  # rows and columns of the thinned band by which its layout is checked
_AGREEING = 0.99  # share of its pixels that must be possible in a layout


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)  # there is one object of each
class Layout:
    """What the bits of a quality band mean."""

    name: str
    """Name for people."""
    flags: Mapping[str, int]
    """Bit of each kind that has one; bit 0 is fill in all layouts."""
    confidences: Mapping[str, int]
    """Lower one of the two bits of each kind that is told by its confidence; it is one where that is high."""
    always: int
    """Bits that every pixel but fill has: the lower ones of confidences that are low or high, never medium."""
    never: int
    """Bits that no pixel has."""

    @property
    def kinds(self) -> frozenset[str]:
        """What this layout tells, of `KINDS`."""
        return frozenset({*self.flags, *self.confidences})

    def decode(self, bits: Bits, kinds: Collection[str] = KINDS) -> dict[str, Mask]:
        """Masks of every kind that this layout tells.

        Parameters
        ----------
        bits : array of integers, any shape
            Values of the quality band.
        kinds : collection of str
            Kinds that are wanted.

        Examples
        --------
        >>> bool(COLLECTION_2.decode(np.array(22280))["cloud"])
        True
        """
        ones = {name: 1 << bit for name, bit in self.flags.items()}
        ones |= {name: _HIGH << bit for name, bit in self.confidences.items()}
        return {name: bits & np.uint16(part) == part for name, part in ones.items() if name in kinds}

    def share(self, bits: Bits) -> float:
        """Share of the pixels that are possible in this layout; fill tells nothing, without others it is 1."""
        bits = bits[bits & 1 == 0]
        possible = (bits & self.never == 0) & (bits & self.always == self.always)
        return float(possible.mean()) if bits.size else 1.0


COLLECTION_2 = Layout(
    name="QA_PIXEL of Collection 2",
    flags={
        "fill": 0, "dilated_cloud": 1, "cirrus": 2, "cloud": 3, "cloud_shadow": 4, "snow": 5, "water": 7,
    },
    confidences={},
    always=1 << 10 | 1 << 12,  # shadow and snow
    never=0,
)  # fmt: skip
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
    never=1 << 3 | 0b1111 << 6,  # reserved, shadow and vegetation, which were never told
)
"""USGS LSDS-809, Landsat 8 Level-1 data format control book, its versions before Collection 1."""

OWN = Layout(
    name="quality band of lst-raster",
    flags={"fill": 0, "cloud": 1, "cloud_shadow": 2, "snow": 3, "water": 4, "saturated": 5},
    confidences={},
    always=0,
    never=0,
)
"""Quality band of our products, `*_LST_QA.tif`: the bits that repeat the scene's (`product/quality_flags.py`)."""

LAYOUTS = (COLLECTION_2, COLLECTION_1, BEFORE_COLLECTIONS)
"""The layouts of scenes; a value other than fill is possible in one of them alone, but for rare cases."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """The quality bands of a scene, understood. Make one with `find_quality`."""

    place: Place
    """The quality band."""
    layout: Layout
    """What its bits mean."""
    misnamed: bool
    """Whether the file's name promises another layout."""
    saturation: Place | None
    """The band of saturation, QA_RADSAT, None where there is none that tells of the thermal band."""
    saturation_bits: Mapping[str, int]
    """Its bits that concern the thermal band, by kind."""
    align: bool = False
    """Whether bands on another grid are warped onto the scene's, the nearest pixel taken."""

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return [self.place.location, *([self.saturation.location] if self.saturation else [])]

    def __str__(self) -> str:
        return f"{self.place.name} ({self.layout.name})"


def _saturation_bits(suffix: str | None) -> Mapping[str, int]:
    """Bits of QA_RADSAT that concern a thermal band, by kind."""
    file = thermal_files().get(suffix or "")
    return file.saturation_bits if file else {}


def find_quality(files: SceneFiles, grid: Grid, *, align: bool = False) -> Quality | None:
    """Look at a scene's quality band and find out what its bits mean: by its values, for files are renamed.

    Parameters
    ----------
    files : SceneFiles
        The scene's files.
    grid : Grid
        The scene's grid.
    align : bool
        Whether bands on another grid are warped onto it, the nearest pixel taken.

    Returns
    -------
    Quality or None
        What the bits mean, None where the scene has no quality band.

    Raises
    ------
    SceneError
        The band is no raster, damaged, or holds no bits of a known layout.
    GridMismatchError
        It is not on the scene's grid.
    """
    place, told = files.quality, _saturation_bits(files.name.band)
    if place is None:
        return None
    with _open(place, grid, align=align) as dataset:
        bits = read_bits(dataset, out_shape=(min(grid.height, _SAMPLE), min(grid.width, _SAMPLE)))
    expected = COLLECTION_2 if "QA_PIXEL" in place.name.upper() else COLLECTION_1
    layout = find_layout(bits, expected, place)
    misnamed = (layout is COLLECTION_2) is not (expected is COLLECTION_2)
    saturation = files.saturation if told else None
    return Quality(
        place=place, layout=layout, misnamed=misnamed, saturation=saturation, saturation_bits=told, align=align
    )


@contextmanager
def open_quality(quality: Quality, grid: Grid, kinds: Collection[str] = KINDS) -> Iterator[QualityReader]:
    """Open the quality bands for reading window by window.

    Parameters
    ----------
    quality : Quality
        The quality bands.
    grid : Grid
        The scene's grid.
    kinds : collection of str
        Kinds that are wanted, of `KINDS`.

    Yields
    ------
    QualityReader
        Reads the masks of a window.

    Raises
    ------
    SceneError
        A file is missing or damaged (also raised by the reader).
    GridMismatchError
        A band is not on the scene's grid.
    """
    with ExitStack() as stack:
        pixels = stack.enter_context(_open(quality.place, grid, align=quality.align))
        told = {kind: bit for kind, bit in quality.saturation_bits.items() if kind in kinds}
        if quality.saturation is None or not told:
            yield lambda window: quality.layout.decode(read_bits(pixels, window=window), kinds)
            return
        saturation = stack.enter_context(_open(quality.saturation, grid, align=quality.align))
        yield lambda window: _joined(
            quality.layout.decode(read_bits(pixels, window=window), kinds), read_bits(saturation, window=window), told
        )


def _joined(masks: dict[str, Mask], saturation: Bits, told: Mapping[str, int]) -> dict[str, Mask]:
    """Add what the band of saturation tells."""
    for kind, bit in told.items():
        mask = saturation & np.uint16(1 << bit) != 0
        masks[kind] = masks[kind] | mask if kind in masks else mask
    return masks


@contextmanager
def _open(place: Place, grid: Grid, *, align: bool) -> Iterator[Any]:
    with open_raster(place, "quality band", SceneError) as dataset:
        own, what = Grid.of(dataset), f"quality band {place.name}"
        if not align and not _covers(own, grid):
            remedy = "pass --align to warp it onto the scene's grid, or do without it: --keep-clouds"
            require_same_grid(what, own, grid, remedy)
        with on_grid(dataset, grid, what, align=True, classes=True) as view:
            yield view


def _covers(own: Grid, grid: Grid) -> bool:
    """Whether a band has all pixels of a scene, which was cut out of it."""
    start = grid.offset_in(own)
    if start is None or own.crs is None:
        return False
    row, column = start
    return min(start) >= 0 and row + grid.height <= own.height and column + grid.width <= own.width


def find_layout(bits: Bits, expected: Layout, place: Place) -> Layout:
    """Find out what the bits of a band mean: the layout in which they are possible, the expected one if it is one.

    Parameters
    ----------
    bits : array, any shape
        A sample of the band.
    expected : Layout
        What the file's name promises.
    place : Place
        The file, for the message.

    Raises
    ------
    SceneError
        They are possible in no layout.
    """
    fitting = [layout for layout in (expected, *LAYOUTS) if layout.share(bits) >= _AGREEING]
    if not fitting:
        raise SceneError(
            f"{place.name} holds values such as {int(bits.max())} that are no quality bits of any Landsat collection; "
            "give the right file, or do without it (retrieve --keep-clouds, compare without --mask)"
        )
    return fitting[0]


def read_bits(dataset: Any, **where: Any) -> Bits:
    """Bits of part of an open band, whatever type holds them; a pixel without value is fill.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The open band.
    **where
        `window` or `out_shape` of rasterio's `read`.

    Raises
    ------
    SceneError
        The file is damaged.
    """
    stored, valid = read_stored(dataset, "quality band", SceneError, **where)
    # int16 shows the highest bit as a sign; some files hold floats
    bits = stored.view(np.uint16) if stored.dtype == np.int16 else _as_bits(stored)
    return bits if valid.all() else np.where(valid, bits, np.uint16(1))


def _as_bits(stored: NDArray[Any]) -> Bits:
    if stored.dtype in (np.uint16, np.uint8):
        return stored.astype(np.uint16, copy=False)
    return (np.where(np.isfinite(stored), stored, 1).astype(np.int64) & 0xFFFF).astype(np.uint16)
