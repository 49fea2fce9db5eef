"""Time series of products at points and over zones, with uncertainties, and their means over the dates."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.compositing.products import Season, SourceProduct, group_by_overpass
from lst_raster.compositing.source_reader import SourceReader, Sources
from lst_raster.compositing.stack import PixelFilter
from lst_raster.compositing.tables import check_tables, describe, encoded, table_location, write_files
from lst_raster.compositing.vector_files import EXTRA, on_grids, read_points, read_polygons
from lst_raster.compositing.zones import GDAL_CACHE, columns_of, zone_rows
from lst_raster.errors import InputError
from lst_raster.io.address import Location
from lst_raster.io.raster import gdal_settings
from lst_raster.physics.correlated_errors import Components, MeanOverDates
from lst_raster.plots.charts import TimeSeries, draw_time_series, encoded_figure, require_matplotlib
from lst_raster.product.cog import BLOCK
from lst_raster.product.destination import product_location
from lst_raster.product.quality_flags import flag
from lst_raster.resources import require
from lst_raster.retrieval.run import Progress

_LOGGER = logging.getLogger(__name__)
_MOST_LINES = 8  # of a plot
_OUTSIDE, _EXCLUDED, _NO_TEMPERATURE = "outside the product", "excluded", "no temperature"
_CAUSES = ("fill", "cloud", "cloud_shadow", "saturated", "no_input", "no_solution")
"""Flags of pixels without temperature, by priority."""
_PARTS = tuple(f"uncertainty_{part}" for part in Components._fields)
_NUMBERS = ("temperature", "uncertainty", *_PARTS, "valid_fraction")


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Time series."""

    table: Any
    """A row for each overpass and point or zone (pandas.DataFrame), by date."""
    summary: Any
    """A row for each point or zone (geopandas.GeoDataFrame): mean over the dates, with uncertainty."""
    files: tuple[Location, ...]
    """Written files."""
    products: tuple[str, ...]
    """Names of the products, by date."""
    warnings: tuple[str, ...]
    """Skipped products and unusual conditions, one line each; also in the log."""


def series(
    products: str | Path | Sequence[str | Path],
    *,
    points: str | Path | None = None,
    zones: str | Path | None = None,
    output: str | Location | None = None,
    summary: str | Location | None = None,
    plot: str | Path | None = None,
    identifier: str | None = None,
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
) -> Series:
    """Compute time series of products at points or over zones, with uncertainties.

    Products of one overpass, which are neighbouring scenes of a path, count as one date: in an overlap that with the
    most valid pixels is used.

    Parameters
    ----------
    products : str, path, or sequence of them
        Products (``*_LST.tif``), folders of products, patterns, or addresses.
    points : str or path
        Table (``.csv``) with longitude and latitude (WGS 84) [degrees], or vector file of points. The value is that of
        the pixel which contains the point.
    zones : str or path
        Vector file of polygons, instead of points. The value is the mean, as of `lst_raster.zones`.
    output, summary : str, path or Address, optional
        Tables to write: ``.csv``, ``.parquet`` or ``.gpkg``, also as ``s3`` addresses.
    plot : str or path, optional
        Plot to write, ``.png``, of up to 8 points or zones.
    identifier : str, optional
        Column with the names; by default ``id`` or ``name``, if unique, else the number of the feature.
    first_date, last_date, months, keep, exclude, max_uncertainty, skip_unreadable
        As in `composite`.
    threads, overwrite, progress
        As in `lst_raster.zones`.

    Returns
    -------
    Series
        Columns of the table: ``point`` or ``zone``, ``product``, ``date``, ``time`` (UTC), ``sensor``;
        ``temperature``, ``uncertainty`` and its components [K]; ``valid_fraction`` [1]; ``reason`` if there is no
        temperature. Columns of the summary: ``point`` or ``zone``; ``overpasses`` that cover it, ``dates`` with a
        temperature and their ``clear_fraction`` [1]; ``mean`` over the dates, ``uncertainty`` of the mean and its
        components, ``deviation`` between the dates, ``minimum`` and ``maximum`` [K]; ``geometry``.

    Raises
    ------
    InputNotFoundError, InputError
        An argument is invalid, a file cannot be read, or there is no temperature at all.
    MissingExtraError
        The libraries for vector data, or for a plot, are not installed.
    RemoteError
        A server does not answer as expected.
    OutputError
        A file exists or cannot be written. No partial file is left.
    CancelledError
        `progress` returned False. Nothing is written.
    """
    if (points is None) == (zones is None):
        raise InputError("give either points or zones")
    targets = [table_location(one) for one in (output, summary) if one is not None]
    picture = _picture(plot)
    season, pixel_filter = (
        Season.parse(first_date, last_date, months),
        PixelFilter.parse(keep, exclude, max_uncertainty),
    )
    places, name = (points, "point") if points is not None else (zones, "zone")
    assert places is not None
    frame = (read_points if name == "point" else read_polygons)(places, identifier)
    if picture is not None and len(frame) > _MOST_LINES:
        raise InputError(f"a plot shows up to {_MOST_LINES} {name}s; {places} has {len(frame)}: leave out the plot")
    with gdal_settings(GDAL_CACHEMAX=GDAL_CACHE):
        sources = Sources.find(
            products, season, pixel_filter=pixel_filter, skip_unreadable=skip_unreadable, threads=threads,
            progress=progress,
        )  # fmt: skip
        every_file = [*targets, *([picture] if picture is not None else [])]
        if every_file:
            check_tables(every_file, sources.products, places, overwrite=overwrite)
        rows = _at_points(sources, frame) if name == "point" else _over_zones(sources, frame)
    rows = _one_per_overpass(rows, sources.products)
    if not rows["temperature"].notna().any():
        raise InputError(
            f"there is no temperature at any {name} of {places}: {', '.join(sorted(set(rows['reason'])))}; check its "
            "coordinates, or use less strict conditions"
        )
    means = _means(rows, frame, name, sources.products)
    table = _table(rows, frame, name, sources.products)
    contents = [one for one, wanted in ((table, output), (means, summary)) if wanted is not None]
    files = {target: encoded(one, target, "series") for target, one in zip(targets, contents, strict=True)}
    if picture is not None:
        files[picture] = _drawn(rows, frame, name, sources.products)
    if files:
        write_files(files)
    for line in sources.warnings:
        _LOGGER.warning(line)
    used = dict.fromkeys(sources.products[number].name for number in rows["number"])
    return Series(
        table=table, summary=means, files=tuple(every_file), products=tuple(used), warnings=tuple(sources.warnings)
    )


def _picture(plot: str | Path | None) -> Location | None:
    if plot is None:
        return None
    target = product_location(plot)
    if target.suffix.lower() != ".png":
        raise InputError(f"the plot {target} should end in .png; rename it")
    require_matplotlib()
    return target


def _at_points(sources: Sources, frame: Any) -> Any:
    """Values of all products at all points."""
    shapely, pandas = require("shapely", EXTRA), require("pandas", EXTRA)
    pixels = on_grids(frame, (product.grid for product in sources.products))

    def work(source: SourceReader, _: None) -> dict[str, NDArray[Any]]:
        points = pixels(source.grid)
        return _values_at(shapely.get_x(points), shapely.get_y(points), source)

    found = sources.map(work, [(number, None) for number in range(len(sources.products))])
    parts = [
        pandas.DataFrame({"number": number, "position": np.arange(len(frame)), **columns})
        for number, columns in sorted(found, key=lambda one: one[0])
    ]
    return pandas.concat(parts, ignore_index=True)


def _values_at(x: NDArray[np.float64], y: NDArray[np.float64], source: SourceReader) -> dict[str, NDArray[Any]]:
    """Values at points, in columns and rows of the product, block by block."""
    inside = (x >= 0.0) & (x < source.grid.width) & (y >= 0.0) & (y < source.grid.height)
    values = {name: np.full(x.size, np.nan) for name in _NUMBERS}
    values["valid_fraction"][inside] = 0.0
    reasons = np.where(inside, _NO_TEMPERATURE, _OUTSIDE).astype(object)
    columns, rows = (np.where(inside, place, 0.0).astype(np.int64) for place in (x, y))
    blocks = (rows // BLOCK) * (1 + source.grid.width // BLOCK) + columns // BLOCK
    order = np.flatnonzero(inside)[np.argsort(blocks[inside], kind="stable")]
    for part in np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1):
        if not part.size:
            continue
        top, left = rows[part].min(), columns[part].min()
        window = Window(left, top, columns[part].max() + 1 - left, rows[part].max() + 1 - top)
        at = rows[part] - top, columns[part] - left
        temperature = source.temperature(window)[at]
        valid = np.isfinite(temperature)
        values["temperature"][part], values["valid_fraction"][part] = temperature, valid
        reasons[part[valid]] = ""
        if valid.any() and source.components is not None:
            components = Components(*(cells[at] for cells in source.components(window, 1)))
            for name, numbers in columns_of(components, "uncertainty").items():
                values[name][part] = np.where(valid, numbers, np.nan)
        if not valid.all() and source.quality is not None:
            bits = source.quality(window)[at]
            causes = np.full(part.size, _EXCLUDED if source.is_filtered else _NO_TEMPERATURE, dtype=object)
            for cause in reversed(_CAUSES):
                causes[bits & np.uint32(flag(cause).mask) != 0] = flag(cause).words(1)
            reasons[part[~valid]] = causes[~valid]
    return {**values, "count": values["valid_fraction"], "reason": reasons}


def _over_zones(sources: Sources, frame: Any) -> Any:
    """Means of all products over all zones."""
    rows = require("pandas", EXTRA).DataFrame(zone_rows(sources, frame, {})).rename(columns={"mean": "temperature"})
    reasons = np.where(rows["valid_fraction"].isna(), _OUTSIDE, _NO_TEMPERATURE)
    return rows.assign(reason=np.where(rows["count"] > 0.0, "", reasons))


def _one_per_overpass(rows: Any, products: Sequence[SourceProduct]) -> Any:
    """Rows with the most valid pixels of each overpass and place, by date and place."""
    overpass = {product.place: number for number, group in enumerate(group_by_overpass(products)) for product in group}
    rows["overpass"] = [overpass[products[number].place] for number in rows["number"]]
    outside = rows["reason"].isin([_OUTSIDE, "fill"])
    ordered = rows.assign(least=-rows["count"].fillna(0.0), outside=outside).sort_values(
        ["overpass", "position", "least", "outside", "number"], kind="stable"
    )
    return ordered.drop_duplicates(["overpass", "position"]).reset_index(drop=True)


def _table(rows: Any, frame: Any, name: str, products: Sequence[SourceProduct]) -> Any:
    pandas = require("pandas", EXTRA)
    described = pandas.DataFrame([describe(product) for product in products]).iloc[rows["number"]]
    names = frame[name].iloc[rows["position"]].reset_index(drop=True)
    table = pandas.concat([names, described.reset_index(drop=True), rows[[*_NUMBERS, "reason"]]], axis=1)
    return table.assign(reason=table["reason"].where(table["reason"] != "", None))


def _means(rows: Any, frame: Any, name: str, products: Sequence[SourceProduct]) -> Any:
    """Means over the dates by place, with uncertainties."""
    places = len(frame)
    mean = MeanOverDates()
    for _, date in rows.groupby("overpass", sort=True):
        date = date.sort_values("position")
        for number, part in date.groupby("number"):  # products of one overpass have one sensor
            at = part["position"].to_numpy()
            valid = part["temperature"].notna().to_numpy()
            weight, parts = np.zeros(places), np.zeros((len(_PARTS), places))
            weight[at] = valid
            parts[:, at] = np.where(valid, part[list(_PARTS)].to_numpy().T, 0.0)
            mean.add(weight, Components(*parts), products[number].tags.get("sensor", ""))
    by_place = rows.groupby("position", sort=True)
    temperature = by_place["temperature"]
    covered = (~rows["reason"].isin([_OUTSIDE, "fill"])).groupby(rows["position"]).sum()
    table = {
        name: frame[name].to_numpy(), "overpasses": covered.to_numpy(), "dates": temperature.count().to_numpy(),
        "clear_fraction": (temperature.count() / covered.where(covered > 0)).to_numpy(),
        "mean": temperature.mean().to_numpy(), **columns_of(mean.components(), "uncertainty"),
        "deviation": temperature.std().to_numpy(), "minimum": temperature.min().to_numpy(),
        "maximum": temperature.max().to_numpy(),
    }  # fmt: skip
    return require("geopandas", EXTRA).GeoDataFrame(table, geometry=list(frame.geometry), crs=frame.crs)


def _drawn(rows: Any, frame: Any, name: str, products: Sequence[SourceProduct]) -> bytes:
    """Draw the time series of every place."""
    series = []
    for position, text in enumerate(frame[name]):
        found = rows[(rows["position"] == position) & rows["temperature"].notna()]
        dated = [(date, row) for row in found.itertuples() if (date := products[row.number].date) is not None]
        series.append(
            TimeSeries(
                name=text, dates=[date.moment or date.date for date, _ in dated],
                values=np.array([row.temperature for _, row in dated]),
                uncertainty=np.nan_to_num([row.uncertainty for _, row in dated]),
            )
        )  # fmt: skip
    return encoded_figure(draw_time_series(series, title="Land surface temperature", label="temperature [K]"))
