"""The grid of a composite, and where the products lie on it."""

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

from lst_raster.compositing.products import SourceProduct
from lst_raster.errors import GridMismatchError, InputError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.raster import GdalError, open_raster

Box: TypeAlias = tuple[int, int, int, int]
"""First row, row after the last, first column, column after the last."""

EXTENTS = ("union", "intersection")
"""What a grid may cover, instead of that of a file."""

_NEARLY = 1e-6  # of a pixel
_DEGREE = 111_195.0  # [m] along a meridian, of a sphere of 6371 km


@dataclass(frozen=True, kw_only=True, slots=True)
class GridChoice:
    """What the user wants of the grid."""

    extent: str = "union"
    """``union`` or ``intersection`` of the products, or the path of a raster whose grid is taken."""
    align: bool = False
    """Whether products whose pixels lie elsewhere are warped."""
    crs: str | None = None
    """Coordinate reference system, that of the first product by default."""
    resolution: float | None = None
    """Side of a pixel, in the unit of the system; that of the first product by default."""

    @property
    def warps(self) -> bool:
        """Whether products may be warped: who names a system or a resolution wants that."""
        return self.align or self.crs is not None or self.resolution is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedProduct:
    """A product on the common grid."""

    product: SourceProduct
    """The product."""
    offset: tuple[int, int] | None
    """Row and column at which it begins; None where it is warped."""
    box: Box
    """What it covers, at most; rows and columns beyond the grid too."""


def choose_grid(products: Sequence[SourceProduct], choice: GridChoice) -> Grid:
    """Choose the grid of a composite.

    Parameters
    ----------
    products : sequence of SourceProduct
        The products; the first one gives coordinate system and pixels where nothing else is wanted.
    choice : GridChoice
        What is wanted.

    Returns
    -------
    Grid
        The grid.

    Raises
    ------
    GridMismatchError
        Pixels do not lie upon each other, and nothing is to be warped; or the products have no area in common.
    InputError
        The coordinate system or the resolution is not possible.
    """
    if choice.extent not in EXTENTS:
        return _grid_of_file(choice)
    lattice = _lattice(products[0].grid, choice)
    boxes = [place_on(product, lattice, choice).box for product in products]
    if choice.extent == "union":
        top, left = min(box[0] for box in boxes), min(box[2] for box in boxes)
        bottom, right = max(box[1] for box in boxes), max(box[3] for box in boxes)
    else:
        top, left = max(box[0] for box in boxes), max(box[2] for box in boxes)
        bottom, right = min(box[1] for box in boxes), min(box[3] for box in boxes)
    if bottom <= top or right <= left:
        raise GridMismatchError("the products have no area in common; take --grid union, or leave some out")
    a, b, c, d, e, f = lattice.transform[:6]
    moved = Affine(a, b, c + a * left + b * top, d, e, f + d * left + e * top)
    return Grid(crs=lattice.crs, transform=moved, width=right - left, height=bottom - top)


def place_on(product: SourceProduct, grid: Grid, choice: GridChoice) -> PlacedProduct:
    """Find where a product lies on a grid.

    Raises
    ------
    GridMismatchError
        Its pixels do not lie upon those of the grid, and it is not to be warped, or cannot be.
    """
    offset = product.grid.offset_in(grid)
    located = _is_located(product.grid.crs) and _is_located(grid.crs)
    if offset is not None and (located or product.grid.matches(grid)):
        row, column = offset
        box = (row, row + product.grid.height, column, column + product.grid.width)
        return PlacedProduct(product=product, offset=offset, box=box)
    if not located:
        raise GridMismatchError(
            f"{product.name} is {product.grid}; without a coordinate system only products of one grid, "
            f"here {grid}, can be put together; leave it out"
        )
    if not choice.warps:
        raise GridMismatchError(
            f"{product.name} is {product.grid}; its pixels do not lie upon those of the composite, {grid}; "
            "pass --align to warp it onto them, or choose a grid with --crs and --resolution"
        )
    return PlacedProduct(product=product, offset=None, box=_warped_box(product, grid))


def _grid_of_file(choice: GridChoice) -> Grid:
    if choice.crs is not None or choice.resolution is not None:
        raise InputError("a raster gives the grid; leave out --crs and --resolution, or take --grid union")
    place = Place.of(Path(choice.extent))
    with open_raster(place, "raster that gives the grid", InputError) as dataset:
        return Grid.of(dataset)


def _lattice(first: Grid, choice: GridChoice) -> Grid:
    """Grid whose pixels the composite has, of the size of the first product where those are its own."""
    if choice.crs is None and choice.resolution is None:
        return first
    crs = _crs(choice.crs) if choice.crs is not None else first.crs
    if not (_is_located(crs) and _is_located(first.crs)):
        raise InputError(
            "nothing can be warped from or to a coordinate system that is not of places on Earth; give another --crs"
        )
    side = choice.resolution if choice.resolution is not None else _side_in(first, crs)
    if not (side > 0.0 and math.isfinite(side)):
        raise InputError(f"the resolution is {side:g}; give the side of a pixel, above 0")
    if crs == first.crs and _side(first) == side:
        return first
    return Grid(crs=crs, transform=Affine(side, 0.0, 0.0, 0.0, -side, 0.0), width=1, height=1)


def _crs(text: str) -> Any:
    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise InputError(f"{text!r} is no coordinate reference system; give one such as EPSG:32616") from None


def _is_located(crs: Any) -> bool:
    """Whether a system tells places on Earth; a file without one may come back with one that is about nothing."""
    return crs is not None and bool(crs.is_projected or crs.is_geographic)


def _side(grid: Grid) -> float:
    return math.sqrt(abs(grid.transform.determinant))


def _side_in(first: Grid, crs: Any) -> float:
    """Side of a pixel in another system: as many metres as the first product's, along a meridian if in degrees."""
    size = first.pixel_size()
    if size is None:
        raise InputError(f"the first product, {first}, does not lie on Earth; give --resolution")
    metres = math.sqrt(size[0] * size[1])
    side = metres / _DEGREE if crs.is_geographic else metres / crs.linear_units_factor[1]
    return float(f"{side:.6g}")


def _warped_box(product: SourceProduct, grid: Grid) -> Box:
    """Rows and columns that a product covers after it has been warped, and some more."""
    try:
        left, bottom, right, top = transform_bounds(product.grid.crs, grid.crs, *_bounds(product.grid))
    except (RasterioError, GdalError, ValueError) as error:
        raise GridMismatchError(f"{product.name} does not lie where {grid} can be; give another --crs") from error
    if not all(math.isfinite(side) for side in (left, bottom, right, top)) or left > right:
        raise GridMismatchError(f"{product.name} does not lie where {grid} can be; give another --crs")
    a, b, c, d, e, f = (~grid.transform)[:6]
    corners = [(a * x + b * y + c, d * x + e * y + f) for x in (left, right) for y in (bottom, top)]
    columns, rows = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return (*_outward(min(rows), max(rows)), *_outward(min(columns), max(columns)))


def _outward(low: float, high: float) -> tuple[int, int]:
    return math.floor(low + _NEARLY), math.ceil(high - _NEARLY)


def _bounds(grid: Grid) -> tuple[float, float, float, float]:
    west, south, east, north = array_bounds(grid.height, grid.width, grid.transform)
    return west, south, east, north
