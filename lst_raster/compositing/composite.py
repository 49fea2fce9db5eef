"""Composites: statistics over time of several products on one grid, written tile by tile."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from rasterio.windows import Window

from lst_raster import __version__
from lst_raster.compositing.outputs import Output, main_path, plan_outputs, sidecar_paths, write_sidecars
from lst_raster.compositing.products import (
    COMPOSITE_TAG,
    Season,
    SourceProduct,
    UnreadableError,
    group_by_overpass,
    open_products,
)
from lst_raster.compositing.stack import GridOptions, PixelFilter, Stack, choose_grid, open_stack, place_on_grid
from lst_raster.compositing.statistics import Statistic, WindowStatistics, parse_statistics
from lst_raster.errors import CancelledError, InputError
from lst_raster.io.address import Location
from lst_raster.io.raster import gdal_settings
from lst_raster.product.cog import BLOCK, CogWriter, Compression, new_cog
from lst_raster.product.destination import check_targets
from lst_raster.product.paths import OutputFormat
from lst_raster.product.staging import new_files
from lst_raster.retrieval.resume import file_states, require_unchanged
from lst_raster.retrieval.run import Progress
from lst_raster.retrieval.workers import available_threads, over_tiles

_LOGGER = logging.getLogger(__name__)

_CORRELATION = (
    "noise and atmosphere independent between dates; emissivity common to all dates; calibration common to the dates "
    "of a sensor"
)
_GDAL_CACHE = 64 << 20  # [byte] of blocks; GDAL's default is a fraction of the memory
_MAX_LAYER_BYTES = 64 << 20  # of all layers of a tile, per thread
_MIN_ROWS = 8  # of a tile
_MAX_NAMES = 5  # in a message
_FORM = OutputFormat()


@dataclass(frozen=True, kw_only=True, slots=True)
class Composite:
    """A finished composite."""

    path: Location
    """Raster of the first statistic."""
    rasters: Mapping[str, Location]
    """All rasters, by name of the statistic."""
    files: tuple[Location, ...]
    """All files."""
    tags: Mapping[str, str]
    """Provenance, as in the metadata of the rasters."""
    products: tuple[str, ...]
    """Names of the source products, by date."""
    pixels: int
    """Number of pixels of the grid."""
    filled: int
    """Number of pixels with a value."""
    warnings: tuple[str, ...]
    """Skipped products and unusual conditions, one line each; also in the log."""


def composite(
    products: str | Path | Sequence[str | Path],
    *,
    output: str | Location = ".",
    statistic: str | Iterable[str] = (),
    percentile: float | Iterable[float] = (),
    first_date: str | datetime.date | None = None,
    last_date: str | datetime.date | None = None,
    months: str | Iterable[int] = (),
    keep: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    max_uncertainty: float | None = None,
    min_count: int = 1,
    grid: str | Path = "union",
    align: bool = False,
    crs: str | None = None,
    resolution: float | None = None,
    form: OutputFormat = _FORM,
    skip_unreadable: bool = False,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Composite:
    """Compute statistics over time of every pixel, from products on a common grid.

    Products of one overpass, which are neighbouring scenes of a path, count as one date: in an overlap the temperature
    of the first product is used. Every statistic is a raster of one band; the number of dates is always written.

    Parameters
    ----------
    products : str, path, or sequence of them
        Products (``*_LST.tif``), folders of products, patterns, or addresses.
    output : str, path or Address
        Raster of the first statistic (``.tif``), or a folder; also as an ``s3`` address.
    statistic : str or iterable of str
        ``median`` (default), ``mean``, ``weighted_mean`` (with the inverse variance), ``minimum``, ``maximum``,
        ``deviation`` (standard deviation over time), ``percentile`` or ``count``.
    percentile : float or iterable of float
        Percentiles, 0 to 100.
    first_date, last_date : str or date, optional
        First and last day, month or year of the products.
    months : str or iterable of int
        Months of the year, such as ``6-8``.
    keep, exclude : str or sequence of str
        Values of quality flags that a pixel must have or must not have, such as ``water`` or ``cloud_distance=near``.
    max_uncertainty : float, optional
        Largest uncertainty of a temperature. [K]
    min_count : int
        Number of dates that a pixel needs.
    grid : str or path
        ``union`` or ``intersection`` of the products, or a raster with the grid.
    align : bool
        Whether to warp products whose pixels do not align: temperatures and uncertainties bilinearly, quality to the
        nearest pixel.
    crs : str, optional
        Coordinate reference system, by default that of the first product; products in another one are warped.
    resolution : float, optional
        Side of a pixel in the unit of the CRS, by default that of the first product; products are warped.
    form : OutputFormat
        Data type and compression of the rasters.
    skip_unreadable : bool
        Whether to skip a product that cannot be read, with a warning, instead of failing.
    threads : int, optional
        Number of tiles processed at the same time, by default the number of processors.
    overwrite : bool
        Whether to replace existing files.
    progress : callable, optional
        Called after every tile with the number of completed tiles and the total; stops the run by returning False.

    Returns
    -------
    Composite
        The files, float32 in kelvin with NaN as nodata, and their provenance.

    Raises
    ------
    InputNotFoundError, InputError
        An argument is invalid, a file is not a product or cannot be read, or no pixel has a value.
    GridMismatchError
        The pixels of the products do not align, and `align` is False.
    RemoteError
        A server does not answer as expected.
    OutputError
        A file exists, or cannot be written. No partial files are left.
    CancelledError
        `progress` returned False. No partial files are left.
    """
    if min_count < 1:
        raise InputError(f"the smallest number of dates is {min_count}; give 1 or more")
    options = _Options(
        output=output, statistics=parse_statistics(statistic, percentile),
        season=Season.parse(first_date, last_date, months),
        pixel_filter=PixelFilter.parse(keep, exclude, max_uncertainty),
        grid=GridOptions(extent=str(grid), align=align, crs=crs, resolution=resolution), form=form,
        min_count=min_count, threads=threads or available_threads(), overwrite=overwrite,
        progress=progress or (lambda done, total: True),
    )  # fmt: skip
    with gdal_settings(GDAL_CACHEMAX=_GDAL_CACHE):  # also sends GDAL's messages to the log
        opened, skipped = open_products(products, skip_unreadable=skip_unreadable)
        options.warnings.extend(skipped)
        selected = options.season.select(opened)
        while True:  # start again without a product that turns out to be damaged
            try:
                result = _make(options, selected)
                break
            except UnreadableError as error:
                selected = [product for product in selected if product.place != error.place]
                if not skip_unreadable or not selected:
                    raise
                options.warn(f"skipped: {error}")
    for line in result.warnings:
        _LOGGER.warning(line)
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class _Options:
    """Parsed arguments of `composite`, and its warnings."""

    output: str | Location
    statistics: tuple[Statistic, ...]
    season: Season
    pixel_filter: PixelFilter
    grid: GridOptions
    form: OutputFormat
    min_count: int  # number of dates that a pixel needs
    threads: int  # number of tiles processed at a time
    overwrite: bool
    progress: Progress  # called after every tile
    warnings: list[str] = field(default_factory=list)

    def warn(self, line: str) -> None:
        if line not in self.warnings:
            self.warnings.append(line)


def _make(options: _Options, products: Sequence[SourceProduct]) -> Composite:
    grid = choose_grid(products, options.grid)
    overpasses = group_by_overpass(products)
    ordered = [product for overpass in overpasses for product in overpass]
    uncertainty = _check_inputs(options, overpasses)
    placed = tuple(tuple(place_on_grid(one, grid, options.grid) for one in overpass) for overpass in overpasses)
    stack = Stack(grid=grid, overpasses=placed, pixel_filter=options.pixel_filter, uncertainty=uncertainty)
    target, stem = main_path(options.output, ordered, options.statistics[0])
    outputs = plan_outputs(target, stem, options.statistics, options.form, uncertainty=uncertainty)
    inputs = [place.location for product in products for place in product.rasters]
    files = [*(output.path for output in outputs), *sidecar_paths(outputs)]
    check_targets(files, grid, inputs=inputs, overwrite=options.overwrite)
    tags = _provenance(options, ordered, stack)
    filled = _write(options, stack, outputs, tags, inputs)
    return Composite(
        path=target, rasters=MappingProxyType({output.key: output.path for output in outputs}), files=tuple(files),
        tags=MappingProxyType(tags), products=tuple(product.name for product in ordered),
        pixels=grid.width * grid.height, filled=filled, warnings=tuple(options.warnings),
    )  # fmt: skip


def _provenance(options: _Options, products: Sequence[SourceProduct], stack: Stack) -> dict[str, str]:
    """Metadata to reproduce a composite of `products`, sorted by date, without local paths."""
    dates = [str(product.date or "unknown") for product in products]
    known = sorted(date for date in dates if date != "unknown")
    keys = ", ".join(statistic.key for statistic in options.statistics)
    point = products[0].tags.get("AREA_OR_POINT")
    warped = sum(placed.offset is None for placed in stack.products)
    return {
        **({"AREA_OR_POINT": point} if point else {}),
        COMPOSITE_TAG: f"{keys} of {len(products)} products from {len(stack.overpasses)} overpasses",
        "lst_raster_version": __version__,
        "statistics": keys,
        "products": ", ".join(product.name for product in products),
        "product_versions": ", ".join(dict.fromkeys(product.tags["lst_raster_version"] for product in products)),
        "sensors": ", ".join(dict.fromkeys(product.tags.get("sensor", "unknown") for product in products)),
        "dates": ", ".join(dates),
        "first_date": known[0] if known else "unknown",
        "last_date": known[-1] if known else "unknown",
        "season": str(options.season),
        "pixels_taken": str(stack.pixel_filter),
        "min_count": str(options.min_count),
        "warped_products": f"{warped} of {len(products)}",
        **(_uncertainty_tags(products) if stack.uncertainty else {}),
    }


def _uncertainty_tags(products: Sequence[SourceProduct]) -> dict[str, str]:
    """How the uncertainty of a mean follows from those of the products."""
    measured = sum(bool(product.components) for product in products)
    others = ", of the others shares of the total" if measured < len(products) else ""
    text = f"of {measured} of {len(products)} products their rasters{others}"
    return {"error_correlation": _CORRELATION, "uncertainty_components": text}


def _check_inputs(options: _Options, overpasses: Sequence[Sequence[SourceProduct]]) -> bool:
    """Whether means get an uncertainty; warn of missing rasters, raise InputError if an uncertainty is necessary."""
    products = [product for overpass in overpasses for product in overpass]
    missing = _shorten([product.name for product in products if product.uncertainty is None])
    has_mean = any(statistic.is_mean for statistic in options.statistics)
    if missing:
        weighted = any(statistic.name == "weighted_mean" for statistic in options.statistics)
        if weighted or options.pixel_filter.max_uncertainty is not None:
            what = "a weighted mean" if weighted else "a largest uncertainty"
            raise InputError(
                f"{what} needs the uncertainty of every product, *_LST_UNC.tif; it is missing for "
                f"{missing}: leave these products out"
            )
        if has_mean:
            options.warn(f"the mean has no uncertainty: that of {missing} is missing")
    damaged = _shorten([name for product in products for name in product.missing_components])
    if has_mean and damaged:
        options.warn(f"{damaged} missing: the components of the uncertainty are estimated from the total")
    without_quality = _shorten([product.name for product in products if product.quality is None])
    if without_quality and options.pixel_filter.needs_quality:
        options.warn(f"pixels are not filtered by quality: the quality band of {without_quality} is missing")
    for overpass in overpasses:
        scenes = [product.tags.get("input", "") for product in overpass]
        for scene in sorted({scene for scene in scenes if scene and scenes.count(scene) > 1}):
            names = [product.name for product in overpass if product.tags.get("input") == scene]
            options.warn(f"{_shorten(names)} are of the same scene, {scene}: in an overlap the first is used")
    return has_mean and not missing


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{', '.join(names[:_MAX_NAMES])}{more}"


def _write(
    options: _Options, stack: Stack, outputs: Sequence[Output], tags: dict[str, str], inputs: Sequence[Location]
) -> int:
    """Write all files of a composite and return the number of pixels with a value, which is added to `tags`.

    Raise InputError if no pixel has a value or one of `inputs` was changed meanwhile, UnreadableError if a product is
    damaged, OutputError if a file cannot be written, and CancelledError if the caller stops the run; after all of
    these no file is left.
    """
    states = file_states(inputs)
    with new_files(outputs[0].path.parent) as files:
        with ExitStack() as rasters:
            cogs: dict[str, CogWriter] = {}
            for output in reversed(outputs):  # the first statistic is opened last, to be the last to appear
                compress: Compression = options.form.compress
                if compress == "lerc_zstd" and output.layer.dtype != "float32":
                    compress = "deflate"  # the other one is lossy, for temperatures
                cog = new_cog(output.path, stack.grid, output.layer, compress=compress, files=files)
                cogs[output.key] = rasters.enter_context(cog)
            filled = _write_tiles(options, stack, cogs)
            require_unchanged(states)
            if not filled:
                reasons = [f"no pixel of the {len(stack.products)} products has a valid value"]
                reasons += [f"selected are pixels {stack.pixel_filter}"] if stack.pixel_filter != PixelFilter() else []
                reasons += [f"{options.min_count} dates are needed"] if options.min_count > 1 else []
                raise InputError("; ".join(reasons) + "; use less strict conditions, or other products")
            tags["filled_pixels"] = f"{filled} of {stack.grid.width * stack.grid.height}"
            for one in cogs.values():
                one.tags.update(tags)
        write_sidecars(outputs, files, tags)
    return filled


def _write_tiles(options: _Options, stack: Stack, cogs: Mapping[str, CogWriter]) -> int:
    windows = tile_windows(stack, all_layers=any(one.is_quantile for one in options.statistics))
    threads = min(options.threads, len(windows))
    filled = 0
    with closing(over_tiles(windows, lambda: _tile_worker(options, stack, cogs, threads), threads)) as counts:
        for done, count in enumerate(counts, start=1):
            filled += count
            if not options.progress(done, len(windows)):
                raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")
    return filled


def tile_windows(stack: Stack, *, all_layers: bool) -> list[Window]:
    """Tiles of a composite, block by block; the same for any number of threads.

    `all_layers` is whether all layers of a tile are in memory at the same time: the height is then reduced until they
    take at most 64 MiB.
    """
    rows = BLOCK
    while all_layers and rows > _MIN_ROWS and len(stack.overpasses) * rows * BLOCK * 4 > _MAX_LAYER_BYTES:
        rows //= 2
    grid = stack.grid
    return [
        Window(column, row, min(BLOCK, grid.width - column), min(rows, grid.height - row))
        for top in range(0, grid.height, BLOCK)
        for column in range(0, grid.width, BLOCK)
        for row in range(top, min(top + BLOCK, grid.height), rows)
    ]


@contextmanager
def _tile_worker(
    options: _Options, stack: Stack, cogs: Mapping[str, CogWriter], threads: int
) -> Iterator[Callable[[Window], int]]:
    """Open the files of a thread; the function writes a tile and counts the pixels with a value."""
    with open_stack(stack, threads) as read_layers:

        def write_tile(window: Window) -> int:
            statistics = WindowStatistics(
                (int(window.height), int(window.width)), len(stack.overpasses), options.statistics,
                uncertainty=stack.uncertainty, min_count=options.min_count,
            )  # fmt: skip
            for layer in read_layers(window):
                statistics.add(layer)
            results = statistics.results()
            for key, cog in cogs.items():
                cog.write(results[key], window)
            return int(np.count_nonzero(results["count"] >= options.min_count))

        yield write_tile
