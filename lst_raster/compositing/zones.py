"""Statistics of products over zones, with the uncertainty of the means."""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.compositing.areas import AreaStatistics, components_of_difference, components_of_mean, summarise
from lst_raster.compositing.products import Season
from lst_raster.compositing.source_reader import SourceReader, Sources, shortened
from lst_raster.compositing.stack import PixelFilter
from lst_raster.compositing.statistics import parse_statistics
from lst_raster.compositing.tables import check_tables, describe, encoded, table_location, write_files
from lst_raster.compositing.vector_files import EXTRA, on_grids, read_polygons
from lst_raster.errors import InputError
from lst_raster.io.address import Location
from lst_raster.io.raster import gdal_settings
from lst_raster.physics.correlated_errors import Components
from lst_raster.product.cog import BLOCK
from lst_raster.resources import require
from lst_raster.retrieval.run import Progress

_LOGGER = logging.getLogger(__name__)
GDAL_CACHE = 64 << 20
"""Blocks that GDAL keeps. [byte]"""
_PARTS = 4  # of the work per thread, at least, so that threads end at about the same time

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Zones:
    """Statistics over zones."""

    table: Any
    """A row for each product and zone (geopandas.GeoDataFrame), in the order of the dates and of the zones."""
    path: Location | None
    """File of the table, None if it was not written."""
    products: tuple[str, ...]
    """Names of the products, by date."""
    warnings: tuple[str, ...]
    """Skipped products and unusual conditions, one line each; also in the log."""


def zones(
    products: str | Path | Sequence[str | Path],
    polygons: str | Path,
    *,
    output: str | Location | None = None,
    identifier: str | None = None,
    percentile: float | Iterable[float] = (),
    reference: str | None = None,
    first_date: str | datetime.date | None = None,
    last_date: str | datetime.date | None = None,
    months: str | Iterable[int] = (),
    keep: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    max_uncertainty: float | None = None,
    skip_unreadable: bool = False,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Zones:
    """Compute statistics of products over zones, with the uncertainty of the mean and its components.

    A pixel counts with the part that a zone covers. Errors of the pixels of a zone are correlated as described in
    `lst_raster.physics.correlated_errors`; in a difference of two zones those of the emissivity are independent.

    Parameters
    ----------
    products : str, path, or sequence of them
        Products (``*_LST.tif``), folders of products, patterns, or addresses.
    polygons : str or path
        Vector file of the zones (GeoPackage, GeoJSON, Shapefile, GeoParquet); ``FILE|layername=NAME`` for one of
        several layers.
    output : str, path or Address, optional
        Table to write: ``.csv``, ``.parquet`` (GeoParquet) or ``.gpkg``, also as an ``s3`` address.
    identifier : str, optional
        Column with the names of the zones; by default ``id`` or ``name``, if unique, else the number of the feature.
    percentile : float or iterable of float
        Percentiles, 0 to 100, in addition to the median.
    reference : str, optional
        Name of a zone; every zone gets the difference of its mean from that of this zone, with uncertainty.
    first_date, last_date, months, keep, exclude, max_uncertainty, skip_unreadable
        As in `composite`.
    threads : int, optional
        Number of threads, by default the number of processors.
    overwrite : bool
        Whether to replace an existing table.
    progress : callable, optional
        Called with the number of completed parts and the total; stops the run by returning False.

    Returns
    -------
    Zones
        Columns: ``zone``, ``product``, ``date``, ``time`` (UTC), ``sensor``; ``count`` [pixel], ``valid_fraction`` [1];
        ``mean``, ``median``, ``percentile_Q``, ``minimum``, ``maximum``, ``deviation`` (between the pixels),
        ``uncertainty`` of the mean, its components ``uncertainty_random``, ``_atmosphere``, ``_surface`` and
        ``_systematic``, and with a reference ``difference`` and ``difference_uncertainty``, all in kelvin;
        ``geometry``.

    Raises
    ------
    InputNotFoundError, InputError
        An argument is invalid, a file cannot be read, or no zone is within a product.
    MissingExtraError
        The libraries for vector data are not installed.
    RemoteError
        A server does not answer as expected.
    OutputError
        The table exists or cannot be written. No partial file is left.
    CancelledError
        `progress` returned False. Nothing is written.
    """
    target = table_location(output) if output is not None else None
    statistics = [one for one in parse_statistics("median", percentile) if one.is_quantile]
    season, pixel_filter = (
        Season.parse(first_date, last_date, months),
        PixelFilter.parse(keep, exclude, max_uncertainty),
    )
    frame = read_polygons(polygons, identifier)
    position = _position(frame, reference)
    with gdal_settings(GDAL_CACHEMAX=GDAL_CACHE):
        sources = Sources.find(
            products, season, pixel_filter=pixel_filter, skip_unreadable=skip_unreadable, threads=threads,
            progress=progress,
        )  # fmt: skip
        if target is not None:
            check_tables([target], sources.products, polygons, overwrite=overwrite)
        quantiles = {one.key: (50.0 if one.percentile is None else one.percentile) / 100.0 for one in statistics}
        rows = zone_rows(sources, frame, quantiles, position)
    if not any(row["count"] for row in rows):
        raise InputError(
            f"no zone of {polygons} has a valid pixel in the products; check its coordinate reference system, or use "
            "less strict conditions"
        )
    names = [sources.products[row.pop("number")].name for row in rows]
    geometry = [frame.geometry.iloc[row.pop("position")] for row in rows]
    table = require("geopandas", EXTRA).GeoDataFrame(rows, geometry=geometry, crs=frame.crs)
    if target is not None:
        write_files({target: encoded(table, target, "zones")})
    if position is not None:
        sources.warnings.extend(_reference_warnings(frame, position, table))
    for line in sources.warnings:
        _LOGGER.warning(line)
    return Zones(table=table, path=target, products=tuple(dict.fromkeys(names)), warnings=tuple(sources.warnings))


def _reference_warnings(frame: Any, position: int, table: Any) -> list[str]:
    """Unusual conditions of the reference zone."""
    shapely, name = require("shapely", EXTRA), frame["zone"].iloc[position]
    shared = shapely.area(shapely.intersection(frame.geometry.values, frame.geometry.iloc[position])) > 0.0
    shared[position] = False
    rows = table[table["zone"] == name]
    empty = list(rows["product"][rows["count"] == 0])
    lines = []
    if shared.any():
        names = shortened(list(frame["zone"][shared]))
        lines.append(f"{names} overlap the reference zone {name}: errors of the shared pixels are not independent")
    if empty:
        lines.append(f"the reference zone {name} has no temperature in {shortened(empty)}: no differences from it")
    return lines


def _position(frame: Any, reference: str | None) -> int | None:
    if reference is None:
        return None
    names = list(frame["zone"])
    if str(reference) not in names:
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise InputError(f"there is no zone {reference}, the reference; the zones are {shown}")
    return names.index(str(reference))


def zone_rows(sources: Sources, frame: Any, quantiles: Mapping[str, float], reference: int | None = None) -> list[Row]:
    """Compute a row for each product and zone, in this order, with the ``number`` of the product.

    Parameters
    ----------
    sources : Sources
        Products.
    frame : geopandas.GeoDataFrame
        Zones, as from `read_polygons`; ``position`` in the rows is that in the frame.
    quantiles : mapping of str to float
        Quantiles by column, 0 to 1.
    reference : int, optional
        Position of the reference zone.
    """
    polygons = on_grids(frame, (product.grid for product in sources.products))

    def work(source: SourceReader, positions: NDArray[np.int64]) -> list[Row]:
        areas = polygons(source.grid)
        base = None if reference is None else summarise(areas[reference], source, ())
        return [_row(frame, int(one), areas[one], source, quantiles, base, one == reference) for one in positions]

    count = max(1, -(-_PARTS * sources.threads // len(sources.products)))
    parts = [
        (number, positions)
        for number, product in enumerate(sources.products)
        for positions in np.array_split(_in_order(polygons(product.grid)), min(count, len(frame)))
    ]
    found = [{**row, "number": number} for number, rows in sources.map(work, parts) for row in rows]
    return sorted(found, key=lambda row: (row["number"], row["position"]))


def _in_order(polygons: NDArray[Any]) -> NDArray[np.int64]:
    """Positions of polygons, in rows of blocks, so that neighbours use the same blocks."""
    bounds = np.nan_to_num(require("shapely", EXTRA).bounds(polygons))
    return np.lexsort((bounds[:, 0], bounds[:, 1] // BLOCK))


def _row(
    frame: Any, position: int, polygon: Any, source: SourceReader, quantiles: Mapping[str, float],
    reference: AreaStatistics | None, is_reference: bool,
) -> Row:  # fmt: skip
    area = summarise(polygon, source, list(quantiles.values()))
    row: Row = {
        "zone": frame["zone"].iloc[position], **describe(source.product), "count": area.count,
        "valid_fraction": area.valid_fraction, "mean": area.mean, **dict(zip(quantiles, area.quantiles, strict=True)),
        "minimum": area.minimum, "maximum": area.maximum, "deviation": area.deviation,
        **columns_of(components_of_mean(area, source), "uncertainty"), "position": position,
    }  # fmt: skip
    if reference is None:
        return row
    if is_reference:
        difference = Components(*(0.0 if area.count else math.nan,) * 4)
    else:
        difference = components_of_difference(area, reference, source)
    return {
        **row, "difference": area.mean - reference.mean, **columns_of(difference, "difference_uncertainty"),
    }  # fmt: skip


def columns_of(components: Components, name: str) -> dict[str, Any]:
    """Columns of an uncertainty and its components, numbers or arrays. [K]"""
    return {name: components.combined(), **{f"{name}_{part}": value for part, value in components._asdict().items()}}
