"""Stack of products on one grid, read window by window, and the pixels it keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.compositing.common_grid import PlacedProduct
from lst_raster.compositing.products import UnreadableError
from lst_raster.errors import InputError, LstRasterError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.raster import open_raster, read_numbers
from lst_raster.product.quality_flags import FLAGS, VALUES, Flag, require_quality_band

Values = tuple[tuple[Flag, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelRule:
    """What a pixel must be, and must not be."""

    keep: Values = ()
    """Values of flags; of every flag named here a pixel must have one."""
    exclude: Values = ()
    """Values of flags of which a pixel must have none."""
    max_uncertainty: float | None = None
    """Uncertainty up to which a temperature is taken, None for any. [K]"""

    @classmethod
    def parse(cls, keep: str | Sequence[str], exclude: str | Sequence[str], max_uncertainty: float | None) -> Self:
        """Read what a user gives.

        Parameters
        ----------
        keep, exclude : str or sequence of str
            Values of quality flags, such as ``water`` or ``cloud_distance=near``, several with commas between them.
        max_uncertainty : float, optional
            Greatest uncertainty. [K]

        Raises
        ------
        InputError
            There is no such flag, or the uncertainty is not positive.
        """
        if max_uncertainty is not None and not (max_uncertainty > 0.0 and math.isfinite(max_uncertainty)):
            raise InputError(f"the greatest uncertainty is {max_uncertainty:g} K; give a number above 0")
        return cls(keep=_values(keep), exclude=_values(exclude), max_uncertainty=max_uncertainty)

    def __str__(self) -> str:
        parts = [f"only {_names(self.keep)}"] if self.keep else []
        parts += [f"without {_names(self.exclude)}"] if self.exclude else []
        parts += [f"with an uncertainty up to {self.max_uncertainty:g} K"] if self.max_uncertainty is not None else []
        return "; ".join(parts) or "all that have a temperature"

    @property
    def needs_quality(self) -> bool:
        """Whether the quality band is asked."""
        return bool(self.keep or self.exclude)

    def table(self) -> NDArray[np.bool_]:
        """For each value of a quality band whether its pixels are taken.

        Returns
        -------
        array of shape (`VALUES`,)
            To be indexed with quality bits.
        """
        bits = np.arange(VALUES, dtype=np.uint32)
        taken = np.ones(bits.shape, bool)
        for field in {flag.name: flag for flag, _ in self.keep}.values():
            taken &= np.isin(field.of(bits), [value for flag, value in self.keep if flag.name == field.name])
        for flag, value in self.exclude:
            taken &= flag.of(bits) != value
        return taken


def _values(given: str | Iterable[str]) -> Values:
    texts = [given] if isinstance(given, str) else list(given)
    return tuple(_value(part.strip()) for text in texts for part in text.split(",") if part.strip())


def _value(text: str) -> tuple[Flag, int]:
    """Find a value by its name, which no other flag's value has, or by the flag's name and its own."""
    name, _, own = text.rpartition("=")
    for flag in FLAGS:
        for value, (title, _) in flag.values.items():
            if title == own and name in ("", flag.name):
                return flag, value
    known = [flag.name if flag.length == 1 else f"{flag.name}=..." for flag in FLAGS]
    longer = "; ".join(
        f"{flag.name}: {', '.join(title for title, _ in flag.values.values())}" for flag in FLAGS if flag.length > 1
    )
    raise InputError(f"{text!r} is no quality flag; there are {', '.join(known)} ({longer})")


def _names(values: Values) -> str:
    return ", ".join(
        flag.values[value][0] if flag.length == 1 else f"{flag.name}={flag.values[value][0]}" for flag, value in values
    )


Float32 = NDArray[np.float32]
Layer: TypeAlias = tuple[Float32, Float32 | None]
"""Temperature and, where it is wanted, its uncertainty, NaN where there is none. [K]"""
LayerReader: TypeAlias = Callable[[Window], Iterator[Layer]]
"""Reads the layers of a window, one overpass after the other, those that have nothing there left out."""

_FILES = 64  # open at a time: each holds a block of a megabyte, and systems allow a process about 1000
_FILL = 1  # of quality bits


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """The products on their common grid, and what is read of them."""

    grid: Grid
    """The grid."""
    products: tuple[PlacedProduct, ...]
    """The products."""
    overpasses: tuple[tuple[int, ...], ...]
    """Places in `products` of those of one overpass; where several have a value the first one's is taken."""
    rule: PixelRule
    """Which pixels are taken."""
    uncertainty: bool
    """Whether the uncertainty is wanted."""

    @property
    def reads_uncertainty(self) -> bool:
        """Whether the uncertainty is read."""
        return self.uncertainty or self.rule.max_uncertainty is not None


@contextmanager
def open_stack(stack: Stack, threads: int) -> Iterator[LayerReader]:
    """Open the products for reading window by window, in one of several threads.

    The first ones stay open, as many as a system allows; the others are opened for each window.

    Parameters
    ----------
    stack : Stack
        The products.
    threads : int
        Number of threads that do so.

    Yields
    ------
    LayerReader
        Reads a window.

    Raises
    ------
    UnreadableError
        A product cannot be read (also raised by the reader).
    """
    each = 1 + stack.reads_uncertainty + stack.rule.needs_quality
    kept = max(1, _FILES // threads // each)
    table = stack.rule.table()
    with ExitStack() as files:
        opened = [files.enter_context(_open(stack, placed, table)) for placed in stack.products[:kept]]

        def read(number: int, window: Window) -> Layer | None:
            placed = stack.products[number]
            if not _touches(placed, window):
                return None
            if number < kept:
                return opened[number](window)
            with _open(stack, placed, table) as reader:
                return reader(window)

        yield lambda window: _layers(stack, read, window)


def _layers(
    stack: Stack, read: Callable[[int, Window], Layer | None], window: Window
) -> Iterator[Layer]:  # fmt: skip
    for overpass in stack.overpasses:
        parts = [part for part in (read(number, window) for number in overpass) if part is not None]
        if parts:
            yield _merged(parts)


def _merged(parts: Sequence[Layer]) -> Layer:
    """Fill the gaps of the first with the next ones."""
    temperature, uncertainty = parts[0]
    for other, its in parts[1:]:
        gaps = np.isnan(temperature)
        np.copyto(temperature, other, where=gaps)
        if uncertainty is not None and its is not None:
            np.copyto(uncertainty, its, where=gaps)
    return temperature, uncertainty


def _touches(placed: PlacedProduct, window: Window) -> bool:
    top, bottom, left, right = placed.box
    row, column = int(window.row_off), int(window.col_off)
    return top < row + window.height and row < bottom and left < column + window.width and column < right


@contextmanager
def _open(stack: Stack, placed: PlacedProduct, table: NDArray[np.bool_]) -> Iterator[Callable[[Window], Layer]]:
    """Open the files of a product; what is wrong with them is an error that knows the product."""
    product, rule = placed.product, stack.rule
    with ExitStack() as files:
        with _of(product.place):
            temperature = files.enter_context(_open_kelvin(product.place, placed, stack.grid))
            uncertainty = quality = None
            if stack.reads_uncertainty and product.uncertainty is not None:
                uncertainty = files.enter_context(_open_kelvin(product.uncertainty, placed, stack.grid))
            if rule.needs_quality and product.quality is not None:
                quality = files.enter_context(_open_band(product.quality, placed, stack.grid, classes=True, bits=True))

        def read(window: Window) -> Layer:
            with _of(product.place):
                kelvin = temperature(window)
                if quality is not None:
                    bits = np.nan_to_num(quality(window, _FILL), nan=_FILL).astype(np.uint32)
                    kelvin[~table[bits % VALUES]] = np.nan
                if uncertainty is None:
                    return kelvin, None
                error = uncertainty(window)
            most = np.inf if rule.max_uncertainty is None else rule.max_uncertainty
            kelvin[~((error > 0.0) & (error <= most))] = np.nan  # without one there is no telling
            return kelvin, error if stack.uncertainty else None

        yield read


@contextmanager
def _of(place: Place) -> Iterator[None]:
    try:
        yield
    except UnreadableError:
        raise
    except LstRasterError as error:
        raise UnreadableError(str(error), place) from error


@contextmanager
def _open_kelvin(place: Place, placed: PlacedProduct, grid: Grid) -> Iterator[Callable[[Window], Float32]]:
    with _open_band(place, placed, grid) as band:
        yield lambda window: band(window, np.nan)


@contextmanager
def _open_band(
    place: Place, placed: PlacedProduct, grid: Grid, *, classes: bool = False, bits: bool = False
) -> Iterator[Callable[[Window, float], Float32]]:
    """Open a raster of a product; the function reads a window, with a number where there is nothing."""
    with open_raster(place, "product", InputError) as dataset:
        if not Grid.of(dataset).matches(placed.product.grid):
            raise InputError(
                f"{place} is not on the grid of {placed.product.name}; the product is damaged, leave it out"
            )
        if bits:
            require_quality_band(dataset.dtypes[0], str(place))
        scale = 1.0 if classes else float(dataset.scales[0])
        warped = placed.offset is None
        target = grid if warped else placed.product.grid
        with on_grid(dataset, target, place.name, align=warped, classes=classes) as view:
            row, column = placed.offset or (0, 0)
            size = (grid.height, grid.width) if warped else (placed.product.grid.height, placed.product.grid.width)
            yield lambda window, none: _read(view, window, (row, column, *size), scale, none)


def _read(
    view: Any, window: Window, place: tuple[int, int, int, int], scale: float, none: float
) -> Float32:  # fmt: skip
    """Read what a raster has of a window; `place` is where it begins, and its height and width."""
    row, column, height, width = place
    shape = int(window.height), int(window.width)
    first = int(window.row_off) - row, int(window.col_off) - column
    rows = slice(max(first[0], 0), min(first[0] + shape[0], height))
    columns = slice(max(first[1], 0), min(first[1] + shape[1], width))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return np.full(shape, none, np.float32)
    part = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    stored = read_numbers(view, "product", InputError, window=part)
    if stored.shape == shape and stored.dtype == np.float32 and scale == 1.0:
        return stored  # NaN is none there
    values = np.full(shape, none, np.float32)  # which holds 24 bits exactly
    missing = view.nodata is not None and stored == view.nodata
    inside = (
        slice(rows.start - first[0], rows.stop - first[0]),
        slice(columns.start - first[1], columns.stop - first[1]),
    )
    values[inside] = np.where(missing, none, stored * scale if scale != 1.0 else stored)
    return values
