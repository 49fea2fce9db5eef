"""Products opened for statistics over areas: temperatures, and components of the uncertainty on coarser cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from lst_raster.compositing.products import (
    Season,
    SourceProduct,
    UnreadableError,
    group_by_overpass,
    open_products,
)
from lst_raster.compositing.stack import PixelFilter, ProductOnGrid, Stack, open_stack
from lst_raster.errors import CancelledError, InputError, LstRasterError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.raster import open_raster, read_numbers
from lst_raster.physics.correlated_errors import Components
from lst_raster.product.components import components_from_total
from lst_raster.product.paths import COMPONENTS
from lst_raster.product.quality_flags import require_quality_band
from lst_raster.retrieval.resume import States, file_states, require_unchanged
from lst_raster.retrieval.run import Progress
from lst_raster.retrieval.workers import available_threads, over_tiles
from lst_raster.sensors.bands import sensor_band

Part = TypeVar("Part")
Result = TypeVar("Result")

_PREFIX = "uncertainty_"  # of the roles of components


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceReader:
    """An open product."""

    product: SourceProduct
    temperature: Callable[[Window], NDArray[np.float32]]
    """Reads the temperatures of a window, NaN where missing or excluded. [K]"""
    components: Callable[[Window, int], Components] | None
    """Reads the components of the uncertainty of a window, averaged over square cells with a number of pixels as side,
    which begin at the corner of the window; None without uncertainty. [K]"""
    quality: Callable[[Window], NDArray[np.uint32]] | None
    """Reads the quality bits of a window; None without a quality band."""
    is_filtered: bool  # whether temperatures may be excluded by the filter
    pixel_size: tuple[float, float]  # height and width of a pixel [m]
    sample_distance: float  # ground sample distance of the sensor band, 0 if unknown [m]

    @property
    def grid(self) -> Grid:
        """Grid of the product."""
        return self.product.grid


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Products and pixels to use, and how to process them."""

    products: tuple[SourceProduct, ...]  # by date
    pixel_filter: PixelFilter
    skip_unreadable: bool = False  # whether products that cannot be read are left out, with a warning
    threads: int = field(default_factory=available_threads)
    progress: Progress = lambda done, total: True  # called after every part
    warnings: list[str] = field(default_factory=list)
    states: States = field(default_factory=dict)  # of the rasters before they were read

    @classmethod
    def find(
        cls, places: str | Path | Sequence[str | Path], season: Season, *, pixel_filter: PixelFilter,
        skip_unreadable: bool, threads: int | None, progress: Progress | None,
    ) -> Sources:  # fmt: skip
        """Find products, read their metadata and select them by date.

        Raise the errors of `find_products`, UnreadableError if one cannot be read, and InputError if none is left or a
        raster is missing that the filter needs.
        """
        opened, warnings = open_products(places, skip_unreadable=skip_unreadable)
        overpasses = group_by_overpass(season.select(opened))
        products = tuple(product for overpass in overpasses for product in overpass)
        return cls(
            products=products, pixel_filter=pixel_filter, skip_unreadable=skip_unreadable,
            threads=threads or available_threads(), progress=progress or (lambda done, total: True),
            warnings=[*warnings, *_missing_rasters(products, pixel_filter)],
            states=file_states(place.location for product in products for place in product.rasters),
        )  # fmt: skip

    def map(
        self, work: Callable[[SourceReader, Part], Result], parts: Sequence[tuple[int, Part]]
    ) -> list[tuple[int, Result]]:
        """Process parts of products, given with the number of the product, in threads.

        Returns numbers and results in order of completion, without those of skipped products, for which there is a
        warning. Raise UnreadableError, CancelledError, or InputError if a product was changed meanwhile.
        """

        def work_on(part: tuple[int, Part]) -> tuple[int, Result | UnreadableError]:
            number, content = part
            try:
                with _open_source(self.products[number], self.pixel_filter) as source:
                    return number, work(source, content)
            except UnreadableError as error:
                if not self.skip_unreadable:
                    raise
                return number, error

        results: list[tuple[int, Result]] = []
        failed: dict[int, str] = {}
        with closing(over_tiles(parts, lambda: nullcontext(work_on), self.threads)) as found:
            for done, (number, result) in enumerate(found, start=1):
                if isinstance(result, UnreadableError):
                    failed.setdefault(number, f"skipped: {result}")
                else:
                    results.append((number, result))
                if not self.progress(done, len(parts)):
                    raise CancelledError(f"stopped after {done} of {len(parts)} parts; nothing was written")
        require_unchanged(self.states)
        self.warnings.extend(failed.values())
        if len(failed) == len(self.products):
            raise InputError("none of the products can be read: " + "; ".join(failed.values()))
        return [(number, result) for number, result in results if number not in failed]


def _missing_rasters(products: Sequence[SourceProduct], pixel_filter: PixelFilter) -> list[str]:
    """Warnings of missing rasters; InputError if the filter needs an uncertainty."""
    total = shortened([product.name for product in products if product.uncertainty is None])
    without = shortened([one.name for one in products if one.uncertainty is None and not one.components])
    damaged = [name for product in products for name in product.missing_components]
    estimated = shortened([
        one.name for one in products if one.uncertainty is not None and not (one.components or one.missing_components)
    ])  # fmt: skip
    quality = shortened([product.name for product in products if product.quality is None])
    if total and pixel_filter.max_uncertainty is not None:
        raise InputError(
            "a largest uncertainty needs the uncertainty of every product, *_LST_UNC.tif; it is missing for "
            f"{total}: leave these products out"
        )
    warnings = []
    if without:
        warnings.append(
            f"means over zones and over dates have no uncertainty where that of a product is missing: {without}; leave "
            "these products out to get one"
        )
    if damaged:
        warnings.append(
            f"{shortened(damaged)} missing: the components of the uncertainty are estimated from the total; retrieve "
            "these products again"
        )
    if estimated:
        warnings.append(
            f"the components of the uncertainty of {estimated} are estimated from the total; for better ones retrieve "
            "with --uncertainty components"
        )
    if quality and pixel_filter.needs_quality:
        warnings.append(f"pixels are not filtered by quality: the quality band of {quality} is missing")
    return warnings


def shortened(names: Sequence[str], most: int = 5) -> str:
    """Text of names, of many only the first."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _ground_sample_distance(product: SourceProduct) -> float:
    """Ground sample distance of the sensor band of a product, 0 if unknown. [m]"""
    try:
        return sensor_band(product.tags.get("sensor", "")).ground_sample_distance
    except LstRasterError:  # an unknown or a damaged custom band
        return 0.0


@contextmanager
def _open_source(product: SourceProduct, pixel_filter: PixelFilter) -> Iterator[SourceReader]:
    """Open the rasters of a product; raise UnreadableError, also from the functions, if one cannot be read."""
    whole = Window(0, 0, product.grid.width, product.grid.height)
    placed = ProductOnGrid(product=product, offset=(0, 0), window=whole)
    stack = Stack(grid=product.grid, overpasses=((placed,),), pixel_filter=pixel_filter, uncertainty=False)
    with ExitStack() as files:
        read_layers = files.enter_context(open_stack(stack, threads=1))
        places = dict(product.components) or ({"total": product.uncertainty} if product.uncertainty else {})
        datasets = {role: files.enter_context(_open_band(place, product)) for role, place in places.items()}

        def read_temperature(window: Window) -> NDArray[np.float32]:
            return next(iter(read_layers(window)))[0]

        def read_components(window: Window, side: int) -> Components:
            try:
                cells = {role: _read_cells(dataset, window, side) for role, dataset in datasets.items()}
            except LstRasterError as error:
                raise UnreadableError(str(error), product.place) from error
            if "total" in cells:
                return components_from_total(cells["total"], product.tags)
            return Components(**{role.removeprefix(_PREFIX): cells[role] for role in COMPONENTS})

        quality: list[Any] = []  # opened when it is needed

        def read_quality(window: Window) -> NDArray[np.uint32]:
            if not quality and product.quality is not None:
                quality.append(files.enter_context(_open_band(product.quality, product)))
                require_quality_band(quality[0].dtypes[0], str(product.quality))
            try:
                return read_numbers(quality[0], "product", InputError, window=window)
            except LstRasterError as error:
                raise UnreadableError(str(error), product.place) from error

        width, height = product.grid.pixel_size() or (1.0, 1.0)
        yield SourceReader(
            product=product, temperature=read_temperature, components=read_components if datasets else None,
            is_filtered=pixel_filter != PixelFilter(), quality=read_quality if product.quality is not None else None,
            pixel_size=(height, width), sample_distance=_ground_sample_distance(product),
        )  # fmt: skip


@contextmanager
def _open_band(place: Place, product: SourceProduct) -> Iterator[Any]:
    with ExitStack() as files:
        try:
            dataset = files.enter_context(open_raster(place, "product", InputError))
            if not Grid.of(dataset).matches(product.grid):
                raise InputError(f"{place} is not on the grid of {product.name}; the product is damaged, leave it out")
        except LstRasterError as error:
            raise UnreadableError(str(error), product.place) from error
        yield dataset


def _read_cells(dataset: Any, window: Window, side: int) -> NDArray[np.float64]:
    """Means of the valid pixels of square cells of a window, from the overviews; NaN without a valid pixel."""
    shape = -(-int(window.height) // side), -(-int(window.width) // side)
    where = {"out_shape": shape, "resampling": Resampling.average} if side > 1 else {}
    stored = read_numbers(dataset, "product", InputError, window=window, **where)
    values = stored.astype(np.float64)
    if stored.dtype.kind in "iu":
        values[stored == dataset.nodata] = np.nan
    return values * float(dataset.scales[0])
