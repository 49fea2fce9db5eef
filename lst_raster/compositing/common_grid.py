"""Grid of a composite, and the position of the products on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rasterio import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from lst_raster.compositing.products import SourceProduct
from lst_raster.errors import GridMismatchError, InputError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.raster import GdalError, open_raster

Box: TypeAlias = tuple[int, int, int, int]
"""First row, row after the last, first column, column after the last."""

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
    box: Box  # bounding box of the product, which may exceed the grid

    def overlaps(self, window: Window) -> bool:
        """Whether the bounding box overlaps a window."""
        top, bottom, left, right = self.box
        row, column = int(window.row_off), int(window.col_off)
        return top < row + window.height and row < bottom and left < column + window.width and column < right


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
    tops, bottoms, lefts, rights = zip(*(place_on_grid(one, lattice, options).box for one in products), strict=True)
    first, last = (min, max) if options.extent == "union" else (max, min)
    top, bottom, left, right = first(tops), last(bottoms), first(lefts), last(rights)
    if bottom <= top or right <= left:
        raise GridMismatchError("the products have no area in common; use --grid union, or leave some out")
    a, b, c, d, e, f = lattice.transform[:6]
    transform = Affine(a, b, c + a * left + b * top, d, e, f + d * left + e * top)
    return Grid(crs=lattice.crs, transform=transform, width=right - left, height=bottom - top)


def place_on_grid(product: SourceProduct, grid: Grid, options: GridOptions) -> ProductOnGrid:
    """Locate a product on a grid; raise GridMismatchError if it must be warped and cannot or may not be."""
    offset = product.grid.offset_in(grid)
    georeferenced = _is_georeferenced(product.grid.crs) and _is_georeferenced(grid.crs)
    if offset is not None and (georeferenced or product.grid.matches(grid)):
        row, column = offset
        box = (row, row + product.grid.height, column, column + product.grid.width)
        return ProductOnGrid(product=product, offset=offset, box=box)
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
    return ProductOnGrid(product=product, offset=None, box=_warped_box(product, grid))


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
    side = options.resolution if options.resolution is not None else _pixel_side_in(first, crs)
    if not (side > 0.0 and math.isfinite(side)):
        raise InputError(f"the resolution is {side:g}; give the side of a pixel, above 0")
    if crs == first.crs and math.sqrt(abs(first.transform.determinant)) == side:
        return first
    return Grid(crs=crs, transform=Affine(side, 0.0, 0.0, 0.0, -side, 0.0), width=1, height=1)


def _is_georeferenced(crs: Any) -> bool:
    """Whether a CRS is projected or geographic; GDAL may give an engineering CRS to a file without one."""
    return crs is not None and bool(crs.is_projected or crs.is_geographic)


def _pixel_side_in(first: Grid, crs: Any) -> float:
    """Side of a pixel of the first product in the unit of another CRS."""
    size = first.pixel_size()
    if size is None:
        raise InputError(f"the first product, {first}, has no pixel size in metres; give --resolution")
    metres = math.sqrt(size[0] * size[1])
    side = metres / _METRES_PER_DEGREE if crs.is_geographic else metres / crs.linear_units_factor[1]
    return float(f"{side:.6g}")


def _warped_box(product: SourceProduct, grid: Grid) -> Box:
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
    return (*_round_outward(min(rows), max(rows)), *_round_outward(min(columns), max(columns)))


def _round_outward(low: float, high: float) -> tuple[int, int]:
    return math.floor(low + _TOLERANCE), math.ceil(high - _TOLERANCE)
