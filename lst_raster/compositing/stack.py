"""Stack of products on one grid, read window by window, and the selection of its pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.compositing.common_grid import ProductOnGrid
from lst_raster.compositing.products import UnreadableError
from lst_raster.errors import InputError, LstRasterError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.raster import open_raster, read_numbers
from lst_raster.product.quality_flags import FLAGS, VALUES, Flag, require_quality_band

FlagValues = tuple[tuple[Flag, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelFilter:
    """Conditions on the pixels of a composite."""

    keep: FlagValues = ()  # of every flag listed here a pixel must have one of the values
    exclude: FlagValues = ()  # a pixel must have none of these values
    max_uncertainty: float | None = None  # [K]

    @classmethod
    def parse(cls, keep: str | Sequence[str], exclude: str | Sequence[str], max_uncertainty: float | None) -> Self:
        """Parse flag values such as ``water`` or ``cloud_distance=near``, comma-separated or in a sequence.

        Raise InputError if a flag is unknown or the uncertainty [K] is not positive.
        """
        if max_uncertainty is not None and not (max_uncertainty > 0.0 and math.isfinite(max_uncertainty)):
            raise InputError(f"the largest uncertainty is {max_uncertainty:g} K; give a number above 0")
        return cls(keep=_parse_flags(keep), exclude=_parse_flags(exclude), max_uncertainty=max_uncertainty)

    def __str__(self) -> str:
        parts = [f"only {_flag_names(self.keep)}"] if self.keep else []
        parts += [f"without {_flag_names(self.exclude)}"] if self.exclude else []
        parts += [f"with an uncertainty up to {self.max_uncertainty:g} K"] if self.max_uncertainty is not None else []
        return "; ".join(parts) or "all that have a temperature"

    @property
    def needs_quality(self) -> bool:
        """Whether the quality band is read."""
        return bool(self.keep or self.exclude)

    def lookup_table(self) -> NDArray[np.bool_]:
        """Whether a pixel passes, by value of the quality band; shape (`VALUES`,)."""
        bits = np.arange(VALUES, dtype=np.uint32)
        passes = np.ones(bits.shape, bool)
        for field in {flag.name: flag for flag, _ in self.keep}.values():
            passes &= np.isin(field.of(bits), [value for flag, value in self.keep if flag.name == field.name])
        for flag, value in self.exclude:
            passes &= flag.of(bits) != value
        return passes


def _parse_flags(names: str | Iterable[str]) -> FlagValues:
    texts = [names] if isinstance(names, str) else list(names)
    return tuple(_parse_flag(part.strip()) for text in texts for part in text.split(",") if part.strip())


def _parse_flag(text: str) -> tuple[Flag, int]:
    """Find a flag value by its title, which is unique, optionally after the name of the flag."""
    name, _, wanted = text.rpartition("=")
    for flag in FLAGS:
        for value, (title, _) in flag.values.items():
            if title == wanted and name in ("", flag.name):
                return flag, value
    known = ", ".join(flag.name if flag.length == 1 else f"{flag.name}=..." for flag in FLAGS)
    longer = "; ".join(
        f"{flag.name}: {', '.join(title for title, _ in flag.values.values())}" for flag in FLAGS if flag.length > 1
    )
    raise InputError(f"unknown quality flag {text!r}; valid are {known} ({longer})")


def _flag_names(values: FlagValues) -> str:
    titles = [(flag, flag.values[value][0]) for flag, value in values]
    return ", ".join(title if flag.length == 1 else f"{flag.name}={title}" for flag, title in titles)


Float32 = NDArray[np.float32]
Layer: TypeAlias = tuple[Float32, Float32 | None]
"""Temperature and, if requested, uncertainty, NaN where missing. [K]"""
LayerReader: TypeAlias = Callable[[Window], Iterator[Layer]]
"""Reads the layers of a window, one per overpass; overpasses outside the window are skipped."""
_WindowReader: TypeAlias = Callable[[Window], Float32]

_MAX_OPEN_FILES = 64  # each has a block of 1 MB in memory, and systems limit a process to about 1000 files
_FILL_BITS = 1  # quality bits of pixels without data


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Products on the common grid and the data to read from them."""

    grid: Grid
    overpasses: tuple[tuple[ProductOnGrid, ...], ...]  # in an overlap the first value is used
    pixel_filter: PixelFilter
    uncertainty: bool  # whether the uncertainty is part of the layers

    @property
    def products(self) -> list[ProductOnGrid]:
        """All products."""
        return [product for overpass in self.overpasses for product in overpass]

    @property
    def reads_uncertainty(self) -> bool:
        """Whether the uncertainty is read, for the layers or for the filter."""
        return self.uncertainty or self.pixel_filter.max_uncertainty is not None


@contextmanager
def open_stack(stack: Stack, threads: int) -> Iterator[LayerReader]:
    """Open the products for one of several threads, to be read window by window.

    The first products stay open, within the limit of open files; the others are opened for each window. Raise
    UnreadableError, also from the reader, if a product cannot be read.
    """
    files_per_product = 1 + stack.reads_uncertainty + stack.pixel_filter.needs_quality
    kept = max(1, _MAX_OPEN_FILES // threads // files_per_product)
    table = stack.pixel_filter.lookup_table()
    with ExitStack() as files:
        readers = {
            placed.product.place: files.enter_context(_open_product(stack, placed, table))
            for placed in stack.products[:kept]
        }

        def read_product(placed: ProductOnGrid, window: Window) -> Layer:
            if placed.product.place in readers:
                return readers[placed.product.place](window)
            with _open_product(stack, placed, table) as read:
                return read(window)

        def read_layers(window: Window) -> Iterator[Layer]:
            for overpass in stack.overpasses:
                parts = [read_product(placed, window) for placed in overpass if placed.overlaps(window)]
                if parts:
                    yield _merge(parts)

        yield read_layers


def _merge(parts: Sequence[Layer]) -> Layer:
    """Fill the gaps of the first layer from the next ones."""
    temperature, uncertainty = parts[0]
    for other_temperature, other_uncertainty in parts[1:]:
        gaps = np.isnan(temperature)
        np.copyto(temperature, other_temperature, where=gaps)
        if uncertainty is not None and other_uncertainty is not None:
            np.copyto(uncertainty, other_uncertainty, where=gaps)
    return temperature, uncertainty


@contextmanager
def _open_product(stack: Stack, placed: ProductOnGrid, table: NDArray[np.bool_]) -> Iterator[Callable[[Window], Layer]]:
    """Open the files of a product; all errors name the product."""
    product, pixel_filter = placed.product, stack.pixel_filter
    max_uncertainty = np.inf if pixel_filter.max_uncertainty is None else pixel_filter.max_uncertainty
    with ExitStack() as files:
        with _as_unreadable(product.place):
            read_temperature = files.enter_context(_open_band(product.place, placed, stack.grid))
            read_uncertainty = read_quality = None
            if stack.reads_uncertainty and product.uncertainty is not None:
                read_uncertainty = files.enter_context(_open_band(product.uncertainty, placed, stack.grid))
            if pixel_filter.needs_quality and product.quality is not None:
                read_quality = files.enter_context(_open_band(product.quality, placed, stack.grid, is_quality=True))

        def read(window: Window) -> Layer:
            with _as_unreadable(product.place):
                temperature = read_temperature(window)
                if read_quality is not None:
                    bits = np.nan_to_num(read_quality(window), nan=_FILL_BITS).astype(np.uint32)
                    temperature[~table[bits % VALUES]] = np.nan
                if read_uncertainty is None:
                    return temperature, None
                uncertainty = read_uncertainty(window)
            temperature[~((uncertainty > 0.0) & (uncertainty <= max_uncertainty))] = np.nan  # also where it is NaN
            return temperature, uncertainty if stack.uncertainty else None

        yield read


@contextmanager
def _as_unreadable(place: Place) -> Iterator[None]:
    try:
        yield
    except UnreadableError:
        raise
    except LstRasterError as error:
        raise UnreadableError(str(error), place) from error


@contextmanager
def _open_band(place: Place, placed: ProductOnGrid, grid: Grid, *, is_quality: bool = False) -> Iterator[_WindowReader]:
    """Open a raster of a product; the reader fills pixels outside it with NaN, or with the fill bits of quality."""
    with open_raster(place, "product", InputError) as dataset:
        source = placed.product.grid
        if not Grid.of(dataset).matches(source):
            raise InputError(
                f"{place} is not on the grid of {placed.product.name}; the product is damaged, leave it out"
            )
        if is_quality:
            require_quality_band(dataset.dtypes[0], str(place))
        scale = 1.0 if is_quality else float(dataset.scales[0])
        fill = float(_FILL_BITS) if is_quality else np.nan
        target, offset = (grid, (0, 0)) if placed.offset is None else (source, placed.offset)
        with on_grid(dataset, target, place.name, align=placed.offset is None, classes=is_quality) as view:
            yield lambda window: _read(view, window, offset, (target.height, target.width), scale, fill)


def _read(
    view: Any, window: Window, offset: tuple[int, int], size: tuple[int, int], scale: float, fill: float
) -> Float32:
    """Read a window of the common grid from a raster that begins at `offset` (row, column) and has `size`."""
    shape = int(window.height), int(window.width)
    top, left = int(window.row_off) - offset[0], int(window.col_off) - offset[1]
    rows = slice(max(top, 0), min(top + shape[0], size[0]))
    columns = slice(max(left, 0), min(left + shape[1], size[1]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return np.full(shape, fill, np.float32)
    stored = read_numbers(view, "product", InputError, window=Window.from_slices(rows, columns))
    if stored.shape == shape and stored.dtype == np.float32 and scale == 1.0:
        return stored  # NaN is nodata
    values = np.full(shape, fill, np.float32)  # 24 bits of quality are exact in float32
    missing = view.nodata is not None and stored == view.nodata
    inside = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    values[inside] = np.where(missing, fill, stored * scale if scale != 1.0 else stored)
    return values
