"""Statistics over time of several products on one grid."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from lst_raster import __version__
from lst_raster.compositing.common_grid import GridChoice, choose_grid, place_on
from lst_raster.compositing.outputs import main_path, plan_outputs
from lst_raster.compositing.products import (
    COMPOSITE_TAG,
    SourceProduct,
    UnreadableError,
    by_overpass,
    find_products,
    look_at,
)
from lst_raster.compositing.season import Season
from lst_raster.compositing.sidecars import sidecar_paths
from lst_raster.compositing.stack import PixelRule, Stack
from lst_raster.compositing.statistics import Statistic, parse_statistics
from lst_raster.compositing.write import Job, Progress, write_composite
from lst_raster.errors import InputError
from lst_raster.io.address import Location
from lst_raster.io.raster import gdal_settings
from lst_raster.product.destination import check_targets
from lst_raster.product.paths import OutputForm
from lst_raster.retrieval.workers import available_threads

_ASSUMPTION = (
    "_UNC: all dates err together (upper bound); _UNC_IND: the errors of the dates are independent (lower bound)"
)


def provenance(
    products: Sequence[SourceProduct], stack: Stack, wanted: Sequence[Statistic], season: Season, min_count: int
) -> dict[str, str]:
    """Metadata of a composite: all that is needed to make it again, and no path of the machine it was made on.

    Parameters
    ----------
    products : sequence of SourceProduct
        The products, by date.
    stack : Stack
        The same on their grid.
    wanted : sequence of Statistic
        Statistics that were asked for.
    season : Season
        Dates that were asked for.
    min_count : int
        Number of dates that a pixel needs.

    Returns
    -------
    dict of str to str
        Metadata items.
    """
    dates = [str(product.date or "unknown") for product in products]
    known = sorted(date for date in dates if date != "unknown")
    titles = ", ".join(one.key for one in wanted)
    point = products[0].tags.get("AREA_OR_POINT")
    warped = sum(placed.offset is None for placed in stack.products)
    return {
        **({"AREA_OR_POINT": point} if point else {}),
        COMPOSITE_TAG: f"{titles} of {len(products)} products from {len(stack.overpasses)} overpasses",
        "lst_raster_version": __version__,
        "statistics": titles,
        "products": ", ".join(product.name for product in products),
        "product_versions": _each(product.tags["lst_raster_version"] for product in products),
        "sensors": _each(product.tags.get("sensor", "unknown") for product in products),
        "dates": ", ".join(dates),
        "first_date": known[0] if known else "unknown",
        "last_date": known[-1] if known else "unknown",
        "season": str(season),
        "pixels_taken": str(stack.rule),
        "min_count": str(min_count),
        "warped_products": f"{warped} of {len(products)}",
        **({"uncertainty_assumption": _ASSUMPTION} if stack.uncertainty else {}),
    }


def _each(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


_LOGGER = logging.getLogger(__name__)

_CACHE = 64 << 20  # [byte] of GDAL's blocks, instead of its share of the machine
_SHOWN = 5  # names in a message
_FORM = OutputForm()


@dataclass(frozen=True, kw_only=True, slots=True)
class Composite:
    """A finished composite."""

    path: Location
    """Raster of the first statistic."""
    rasters: Mapping[str, Location]
    """All rasters, by the statistic's name."""
    files: tuple[Location, ...]
    """All files that were written."""
    tags: Mapping[str, str]
    """Its provenance, as its metadata holds it."""
    products: tuple[str, ...]
    """Names of the products that it is made of, by date."""
    pixels: int
    """Number of pixels of the grid."""
    filled: int
    """Number of pixels with a value."""
    warnings: tuple[str, ...]
    """What was left out or is unusual, one line each; the log has them too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    """What the user wants."""

    output: str | Location
    wanted: tuple[Statistic, ...]
    season: Season
    rule: PixelRule
    choice: GridChoice
    form: OutputForm
    min_count: int
    threads: int
    overwrite: bool
    progress: Progress
    warnings: list[str] = field(default_factory=list)

    def warn(self, line: str) -> None:
        """Note something unusual."""
        if line not in self.warnings:
            self.warnings.append(line)


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
    form: OutputForm = _FORM,
    skip_unreadable: bool = False,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Composite:
    """Make statistics over time of every pixel, of products on a common grid.

    Products of one overpass, which are scenes beside each other in a path, count as one date: where they overlap the
    first one's temperature is taken. Every statistic is a raster of one band; the number of dates is always written.

    Parameters
    ----------
    products : str, path, or sequence of them
        Products (``*_LST.tif``), folders of them, patterns, or addresses.
    output : str, path or Address
        Raster of the first statistic, which ends in ``.tif``; or a folder; of either also the ``s3`` address.
    statistic : str or iterable of str
        ``median`` (default), ``mean``, ``weighted_mean`` (with the inverse variance), ``minimum``, ``maximum``,
        ``deviation`` (standard deviation over time), ``percentile`` or ``count``.
    percentile : float or iterable of float
        Percentiles, 0 to 100.
    first_date, last_date : str or date, optional
        Day, month or year from which and to which products are taken.
    months : str or iterable of int
        Months of the year from which products are taken, such as ``6-8``.
    keep, exclude : str or sequence of str
        Values of quality flags that a pixel must have, or must not, such as ``water`` or ``cloud_distance=near``.
    max_uncertainty : float, optional
        Uncertainty up to which a temperature is taken. [K]
    min_count : int
        Number of dates that a pixel needs for a value.
    grid : str or path
        ``union`` or ``intersection`` of the products, or a raster whose grid is taken.
    align : bool
        Whether products whose pixels do not lie upon each other are warped: temperatures and uncertainties bilinearly,
        quality to the nearest pixel.
    crs : str, optional
        Coordinate reference system, that of the first product by default; products in others are warped.
    resolution : float, optional
        Side of a pixel in the unit of the system, that of the first product by default; products are warped.
    form : OutputForm
        Type and compression of the rasters.
    skip_unreadable : bool
        Whether a product that cannot be read is left out with a warning, instead of ending the run.
    threads : int, optional
        Number of tiles worked on at the same time; the processors of this process by default.
    overwrite : bool
        Whether files that exist are replaced.
    progress : callable, optional
        Called after every tile with the tiles done and their total; where it returns False the run stops.

    Returns
    -------
    Composite
        The files, float32 in kelvin with NaN where there is no value, and what they are made of.

    Raises
    ------
    InputNotFoundError, InputError
        Something given is not possible, a product is none or cannot be read, or no pixel has a value.
    GridMismatchError
        Pixels of the products do not lie upon each other, and `align` is not given.
    RemoteError
        A server does not give what it should.
    OutputError
        A file exists, or cannot be written. Nothing half written stays.
    CancelledError
        `progress` returned False. Nothing half written stays.
    """
    if min_count < 1:
        raise InputError(f"the least number of dates is {min_count}; give 1 or more")
    request = _Request(
        output=output, wanted=parse_statistics(statistic, percentile),
        season=Season.parse(first_date, last_date, months), rule=PixelRule.parse(keep, exclude, max_uncertainty),
        choice=GridChoice(extent=str(grid), align=align, crs=crs, resolution=resolution), form=form,
        min_count=min_count, threads=threads or available_threads(), overwrite=overwrite,
        progress=progress or (lambda done, total: True),
    )  # fmt: skip
    with gdal_settings(GDAL_CACHEMAX=_CACHE):  # and GDAL's messages go to the log, not to the terminal
        sources = _in_season(_look(request, products, skip_unreadable), request.season)
        made = _make_of_readable(request, sources, skip_unreadable)
    for line in made.warnings:
        _LOGGER.warning(line)
    return made


def _look(request: _Request, given: str | Path | Sequence[str | Path], skip: bool) -> list[SourceProduct]:
    sources = []
    for place in find_products(given):
        try:
            sources.append(look_at(place))
        except UnreadableError as error:
            if not skip:
                raise
            request.warn(f"left out: {error}")
    if not sources:
        raise InputError("none of the products can be read: " + "; ".join(request.warnings))
    return sources


def _in_season(sources: Sequence[SourceProduct], season: Season) -> list[SourceProduct]:
    chosen = []
    for source in sources:
        try:
            if season.takes(source.date):
                chosen.append(source)
        except InputError as error:
            raise InputError(f"{source.name} {error}") from None
    if not chosen:
        dates = sorted(str(source.date) for source in sources)
        raise InputError(f"no product is of the season, {season}; their dates are {dates[0]} to {dates[-1]}")
    return chosen


def _make_of_readable(request: _Request, sources: list[SourceProduct], skip: bool) -> Composite:
    """Make it; where a product turns out to be damaged on the way begin again without it, if that is wanted."""
    while True:
        try:
            return _make(request, sources)
        except UnreadableError as error:
            sources = [source for source in sources if source.place != error.place]
            if not skip or not sources:
                raise
            request.warn(f"left out: {error}")


def _make(request: _Request, sources: Sequence[SourceProduct]) -> Composite:
    grid = choose_grid(sources, request.choice)
    uncertainty = _has_uncertainty(request, sources)
    passes = by_overpass(sources)
    order = [number for overpass in passes for number in overpass]
    ordered = [sources[number] for number in order]
    _warn_of(request, ordered, passes, sources)
    stack = Stack(
        grid=grid, products=tuple(place_on(source, grid, request.choice) for source in sources),
        overpasses=tuple(map(tuple, passes)), rule=request.rule, uncertainty=uncertainty,
    )  # fmt: skip
    target, stem = main_path(request.output, ordered, request.wanted[0])
    outputs = plan_outputs(target, stem, request.wanted, request.form, uncertainty=uncertainty)
    read = [place.location for source in sources for place in source.rasters]
    names = [*(output.path for output in outputs), *sidecar_paths(outputs)]
    check_targets(names, grid, inputs=read, overwrite=request.overwrite)
    tags = provenance(ordered, stack, request.wanted, request.season, request.min_count)
    job = Job(
        stack=stack, outputs=tuple(outputs), wanted=request.wanted, form=request.form, min_count=request.min_count,
        threads=request.threads, progress=request.progress,
    )  # fmt: skip
    filled = write_composite(job, tags, read)
    return Composite(
        path=target, rasters=MappingProxyType({output.key: output.path for output in outputs}), files=tuple(names),
        tags=MappingProxyType(tags), products=tuple(source.name for source in ordered),
        pixels=grid.width * grid.height, filled=filled, warnings=tuple(request.warnings),
    )  # fmt: skip


def _has_uncertainty(request: _Request, sources: Sequence[SourceProduct]) -> bool:
    """Whether means get an uncertainty; says why not."""
    without = [source.name for source in sources if source.uncertainty is None]
    weighted = any(one.name == "weighted_mean" for one in request.wanted)
    if without and (weighted or request.rule.max_uncertainty is not None):
        what = "a weighted mean" if weighted else "a greatest uncertainty"
        raise InputError(
            f"{what} needs the uncertainty of every product, *_LST_UNC.tif; {_some(without)} without one: leave it out"
        )
    has_mean = any(one.is_mean for one in request.wanted)
    if without and has_mean:
        request.warn(f"the mean gets no uncertainty: {_some(without)} without one")
    return has_mean and not without


def _warn_of(
    request: _Request, ordered: Sequence[SourceProduct], passes: Sequence[Sequence[int]],
    sources: Sequence[SourceProduct],
) -> None:  # fmt: skip
    if request.rule.needs_quality:
        without = [source.name for source in ordered if source.quality is None]
        if without:
            request.warn(f"pixels are taken whatever their quality: {_some(without)} without a quality band")
    for overpass in passes:
        scenes = [sources[number].tags.get("input", "") for number in overpass]
        for scene in sorted({scene for scene in scenes if scene and scenes.count(scene) > 1}):
            names = [sources[number].name for number in overpass if sources[number].tags.get("input") == scene]
            request.warn(f"{_some(names)} of one scene, {scene}: where both have a temperature the first is taken")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more} {'is' if len(names) == 1 else 'are'}"
