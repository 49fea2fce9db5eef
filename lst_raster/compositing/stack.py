"""Stack of products on one grid, read window by window, and the selection of its pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from rasterio import Affine, windows
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError, WindowError
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from lst_raster.compositing.products import SourceProduct, UnreadableError
from lst_raster.errors import GridMismatchError, InputError, LstRasterError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.raster import GdalError, open_raster, read_numbers
from lst_raster.physics.correlated_errors import Components
from lst_raster.product.components import components_from_total
from lst_raster.product.paths import COMPONENTS
from lst_raster.product.quality_flags import FLAGS, VALUES, Flag, require_quality_band

_EXTENTS = ("union", "intersection")
_TOLERANCE = 1e-6  # [pixel]
_METRES_PER_DEGREE = 111_195.0  # along a meridian of a sphere of 6371 km


@dataclass(frozen=True, kw_only=True, slots=True)
class GridOptions:
    """Options for the grid of a composite."""

    extent: str = "union"  # union or intersection of the products, or the path of a raster with the grid
    align: bool = False  # whether products with shifted pixels are warped
    crs: str | None = None  # coordinate reference system, by default that of the first product
    resolution: float | None = None  # side of a pixel in the unit of the CRS, by default that of the first product

    @property
    def allows_warping(self) -> bool:
        """Whether products may be warped, which a CRS or a resolution implies."""
        return self.align or self.crs is not None or self.resolution is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductOnGrid:
    """A product and its position on the common grid."""

    product: SourceProduct
    offset: tuple[int, int] | None  # row and column of the first pixel; None if the product is warped
    window: Window  # bounding box of the product, which may exceed the grid


def choose_grid(products: Sequence[SourceProduct], options: GridOptions) -> Grid:
    """Choose the grid of a composite; defaults are those of the first product.

    Raise GridMismatchError if the pixels of the products do not align and warping is not allowed, or the products do
    not overlap, and InputError if the CRS or the resolution is invalid.
    """
    if options.extent not in _EXTENTS:
        if options.crs is not None or options.resolution is not None:
            raise InputError("--grid gives CRS and resolution; leave out --crs and --resolution, or use --grid union")
        with open_raster(Place.of(Path(options.extent)), "raster with the grid", InputError) as dataset:
            return Grid.of(dataset)
    lattice = _pixel_lattice(products[0].grid, options)
    boxes = [place_on_grid(product, lattice, options).window for product in products]
    try:
        extent = windows.union(*boxes) if options.extent == "union" else windows.intersection(*boxes)
    except WindowError:
        raise GridMismatchError("the products have no area in common; use --grid union, or leave some out") from None
    left, top = extent.col_off, extent.row_off
    a, b, c, d, e, f = lattice.transform[:6]
    transform = Affine(a, b, c + a * left + b * top, d, e, f + d * left + e * top)
    return Grid(crs=lattice.crs, transform=transform, width=extent.width, height=extent.height)


def place_on_grid(product: SourceProduct, grid: Grid, options: GridOptions) -> ProductOnGrid:
    """Locate a product on a grid; raise GridMismatchError if it must be warped and cannot or may not be."""
    offset = product.grid.offset_in(grid)
    georeferenced = _is_georeferenced(product.grid.crs) and _is_georeferenced(grid.crs)
    if offset is not None and (georeferenced or product.grid.matches(grid)):
        window = Window(offset[1], offset[0], product.grid.width, product.grid.height)
        return ProductOnGrid(product=product, offset=offset, window=window)
    if not georeferenced:
        raise GridMismatchError(
            f"{product.name} is {product.grid}; without a coordinate reference system all products must have the same "
            f"grid, here {grid}; leave it out"
        )
    if not options.allows_warping:
        raise GridMismatchError(
            f"{product.name} is {product.grid}; its pixels do not align with those of the composite, {grid}; "
            "pass --align to warp it, or choose a grid with --crs and --resolution"
        )
    return ProductOnGrid(product=product, offset=None, window=_warped_window(product, grid))


def _pixel_lattice(first: Grid, options: GridOptions) -> Grid:
    """Grid with the pixels of the composite; its extent is that of the first product or arbitrary."""
    if options.crs is None and options.resolution is None:
        return first
    crs = first.crs
    if options.crs is not None:
        try:
            crs = CRS.from_user_input(options.crs)
        except CRSError:
            raise InputError(f"{options.crs!r} is no coordinate reference system; give one like EPSG:32616") from None
    if not (_is_georeferenced(crs) and _is_georeferenced(first.crs)):
        raise InputError("products can only be warped between projected or geographic systems; give another --crs")
    side = options.resolution
    if side is None:
        size = first.pixel_size()
        if size is None:
            raise InputError(f"the first product, {first}, has no pixel size in metres; give --resolution")
        metres = math.sqrt(size[0] * size[1])
        side = metres / _METRES_PER_DEGREE if crs.is_geographic else metres / crs.linear_units_factor[1]
        side = float(f"{side:.6g}")
    if not (side > 0.0 and math.isfinite(side)):
        raise InputError(f"the resolution is {side:g}; give the side of a pixel, above 0")
    if crs == first.crs and math.sqrt(abs(first.transform.determinant)) == side:
        return first
    return Grid(crs=crs, transform=Affine(side, 0.0, 0.0, 0.0, -side, 0.0), width=1, height=1)


def _is_georeferenced(crs: Any) -> bool:
    """Whether a CRS is projected or geographic; GDAL may give an engineering CRS to a file without one."""
    return crs is not None and bool(crs.is_projected or crs.is_geographic)


def _warped_window(product: SourceProduct, grid: Grid) -> Window:
    """Bounding box of a product after warping."""
    source = product.grid
    bounds = array_bounds(source.height, source.width, source.transform)
    try:
        left, bottom, right, top = transform_bounds(source.crs, grid.crs, *bounds)
    except (RasterioError, GdalError, ValueError):
        left = bottom = right = top = math.nan
    if not all(math.isfinite(side) for side in (left, bottom, right, top)) or left > right:
        raise GridMismatchError(f"{product.name} is outside the area of {grid}; give another --crs")
    a, b, c, d, e, f = (~grid.transform)[:6]
    corners = [(x, y) for x in (left, right) for y in (bottom, top)]
    columns, rows = [a * x + b * y + c for x, y in corners], [d * x + e * y + f for x, y in corners]
    left, top = math.floor(min(columns) + _TOLERANCE), math.floor(min(rows) + _TOLERANCE)
    right, bottom = math.ceil(max(columns) - _TOLERANCE), math.ceil(max(rows) - _TOLERANCE)
    return Window(left, top, right - left, bottom - top)


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


class Layer(NamedTuple):
    """An overpass in a window; arrays of one shape, NaN where missing. [K]"""

    temperature: Float32
    sensor: str  # sensor band
    uncertainty: Float32 | None = None  # total uncertainty, if requested
    components: Components | None = None  # its components, if requested


_MAX_OPEN_FILES = 64  # each has a block of 1 MB in memory, and systems limit a process to about 1000 files
_FILL_BITS = 1  # quality bits of pixels without data


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Products on the common grid and the data to read from them."""

    grid: Grid
    overpasses: tuple[tuple[ProductOnGrid, ...], ...]  # in an overlap the first value is used
    pixel_filter: PixelFilter
    uncertainty: bool  # whether the uncertainty and its components are part of the layers

    @property
    def products(self) -> list[ProductOnGrid]:
        """All products."""
        return [product for overpass in self.overpasses for product in overpass]

    @property
    def reads_uncertainty(self) -> bool:
        """Whether the uncertainty is read, for the layers or for the filter."""
        return self.uncertainty or self.pixel_filter.max_uncertainty is not None


@contextmanager
def open_stack(stack: Stack, threads: int) -> Iterator[Callable[[Window], Iterator[Layer]]]:
    """Open the products for one of several threads.

    The function reads the layers of a window, one per overpass; overpasses outside the window are skipped. The first
    products stay open, within the limit of open files; the others are opened for each window. Raise UnreadableError,
    also from the function, if a product cannot be read.
    """
    components = max((len(placed.product.components) for placed in stack.products), default=0)
    files_per_product = 1 + stack.reads_uncertainty + components * stack.uncertainty + stack.pixel_filter.needs_quality
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
                parts = [read_product(one, window) for one in overpass if windows.intersect(one.window, window)]
                for part in parts[1:]:  # fill the gaps of the first
                    gaps = np.isnan(parts[0].temperature)
                    for values, others in zip(_arrays(parts[0]), _arrays(part), strict=True):
                        np.copyto(values, others, where=gaps)
                yield from parts[:1]

        yield read_layers


def _arrays(layer: Layer) -> list[Float32]:
    """All arrays of a layer, in a fixed order."""
    found = [layer.temperature, layer.uncertainty, *(layer.components or ())]
    return [values for values in found if values is not None]


@contextmanager
def _open_product(stack: Stack, placed: ProductOnGrid, table: NDArray[np.bool_]) -> Iterator[Callable[[Window], Layer]]:
    """Open the files of a product; all errors name the product."""
    product, pixel_filter = placed.product, stack.pixel_filter
    sensor = product.tags.get("sensor", "")
    max_uncertainty = np.inf if pixel_filter.max_uncertainty is None else pixel_filter.max_uncertainty
    with ExitStack() as files:
        with _as_unreadable(product.place):
            read_temperature = files.enter_context(_open_band(product.place, placed, stack.grid))
            read_uncertainty = read_quality = None
            read_components: list[Callable[[Window], Float32]] = []
            if stack.reads_uncertainty and product.uncertainty is not None:
                read_uncertainty = files.enter_context(_open_band(product.uncertainty, placed, stack.grid))
            if stack.uncertainty:
                places = (product.components[role] for role in COMPONENTS if product.components)
                read_components = [files.enter_context(_open_band(place, placed, stack.grid)) for place in places]
            if pixel_filter.needs_quality and product.quality is not None:
                read_quality = files.enter_context(_open_band(product.quality, placed, stack.grid, is_quality=True))

        def read(window: Window) -> Layer:
            with _as_unreadable(product.place):
                temperature = read_temperature(window)
                if read_quality is not None:
                    bits = np.nan_to_num(read_quality(window), nan=_FILL_BITS).astype(np.uint32)
                    temperature[~table[bits % VALUES]] = np.nan
                if read_uncertainty is None:
                    return Layer(temperature, sensor)
                uncertainty = read_uncertainty(window)
                parts = [read(window) for read in read_components]
            temperature[~((uncertainty > 0.0) & (uncertainty <= max_uncertainty))] = np.nan  # also where it is NaN
            if not stack.uncertainty:
                return Layer(temperature, sensor)
            components = Components(*parts) if parts else components_from_total(uncertainty, product.tags)
            return Layer(temperature, sensor, uncertainty, components)

        yield read


@contextmanager
def _as_unreadable(place: Place) -> Iterator[None]:
    try:
        yield
    except LstRasterError as error:
        raise UnreadableError(str(error), place) from error


@contextmanager
def _open_band(place: Place, placed: ProductOnGrid, grid: Grid, *, is_quality: bool = False) -> Iterator[Any]:
    """Open a raster of a product; the function reads a window, with NaN or the fill bits of quality outside it."""
    with open_raster(place, "product", InputError) as dataset:
        source = placed.product.grid
        if not Grid.of(dataset).matches(source):
            name = placed.product.name
            raise InputError(f"{place} is not on the grid of {name}; the product is damaged, leave it out")
        scale, fill = float(dataset.scales[0]), np.nan
        if is_quality:
            require_quality_band(dataset.dtypes[0], str(place))
            scale, fill = 1.0, float(_FILL_BITS)
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
