"""Comparison of two rasters of surface temperature."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import CancelledError, GridMismatchError, InputError, MissingExtraError, OutputError, SceneError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.quality_band import COLLECTION_1, COLLECTION_2, PRODUCT_LAYOUT, Layout, find_layout, read_bits
from lst_raster.io.raster import gdal_settings, open_raster
from lst_raster.io.temperature_raster import TemperatureRaster, open_temperature
from lst_raster.physics.error_metrics import ROBUST
from lst_raster.plots.charts import MapSheet, draw_histogram, draw_map_sheet, save_figure, shape_of_map
from lst_raster.plots.colours import blue_to_red, widened

Float = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
MaskReader: TypeAlias = Callable[[Any], Mask]  # takes a window; returns the mask of its excluded pixels
Progress: TypeAlias = Callable[[int, int], bool]  # takes the number of finished tiles and of all tiles; False stops

PRECISION = 0.001
"""Width of the histogram bins from which the median, the percentiles and the robust deviation are derived. [K]"""
PERCENTILES = (1, 5, 25, 75, 95, 99)  # reported percentiles of the differences
EXCLUDED = ("fill", "cloud", "dilated_cloud", "cloud_shadow", "cirrus", "saturated")
"""Classes of a quality band that are excluded; snow and water are compared."""

_LARGEST_DIFFERENCE = 200.0  # [K], larger ones are counted in the last bin of the histogram
_REFERENCE = 290.0  # [K], subtracted before squaring, to keep precision
_SMALLEST_VARIANCE = 1e-9  # [K2], below it a raster counts as constant and the correlation is NaN
_PRODUCT_NAME = "_LST_QA.TIF"
_PRODUCT_TAG = "lst_raster_version"
_SAMPLE = 256  # rows and columns of the decimated quality band that identify its layout
_TILE = 512  # rows and columns, as the blocks of most products
_CACHE = 64 << 20  # [byte], GDAL's block cache, enough for a row of tiles of both rasters and the mask
_BINS = 120  # number of bins of the plotted histogram
_NARROWEST = 0.02  # [K], smallest range of a colour scale or histogram


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Statistics of the differences of two rasters, the first minus the second."""

    count: int  # number of compared pixels
    bias: float  # mean [K]
    sd: float  # standard deviation about the mean [K]
    rmse: float  # root mean square [K]
    median: float  # median [K]
    robust_sd: float  # standard deviation from the median absolute deviation [K]
    minimum: float  # minimum [K]
    maximum: float  # maximum [K]
    percentiles: dict[str, float]  # percentiles, by their number [K]
    correlation: float  # Pearson's correlation of the two rasters, NaN where one is constant [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Numbers of pixels."""

    pixels: int  # all pixels
    a: int  # pixels with a temperature in the first raster
    b: int  # pixels with a temperature in the second raster
    both: int  # pixels with a temperature in both rasters
    masked: int  # pixels with both temperatures that the quality band excludes


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Result of a comparison of two rasters of surface temperature."""

    a: str  # name of the first raster
    b: str  # name of the second raster, which is subtracted
    mask: str  # name of the quality band used as a mask, empty without one
    pixels: Counts  # numbers of pixels
    difference: Statistics  # statistics of the first minus the second
    notes: tuple[str, ...]
    """Assumptions about the files, implausible values that were excluded, and the reason for missing pictures."""
    pictures: tuple[Path, ...]  # written pictures: map and histogram

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as dictionaries, strings and numbers for JSON, with None for NaN."""
        pictures = [str(path) for path in self.pictures]
        plain: dict[str, Any] = without_nan({**asdict(self), "precision": PRECISION, "pictures": pictures})
        return plain


def compare_rasters(
    a: str | Path,
    b: str | Path,
    *,
    mask: str | Path | None = None,
    align: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two rasters of surface temperature pixel by pixel, `a` minus `b`.

    Scale, offset, nodata and unit of the files are applied. `mask` is a quality band, QA_PIXEL or BQA of the scene or
    ``*_LST_QA.tif`` of a product, that excludes the classes of `EXCLUDED`. With `align`, `b` and `mask` are warped onto
    the grid of `a`. `output` is an existing folder for a map and a histogram; if matplotlib is not installed, they are
    omitted, with a note.

    The rasters are read tile by tile. Bias, deviations about the mean and correlation are exact; the median, the
    percentiles and the robust deviation are derived from bins of 1 mK.

    Raises InputNotFoundError; InputError where a file is not a raster of one band in kelvin, or no pixel can be
    compared; SceneError where `mask` is not a quality band; GridMismatchError; OutputError where a picture exists and
    `overwrite` is not set; CancelledError where `progress` returned False.
    """
    places = Place.of(a), Place.of(b)
    targets = _targets(*places, Path(output), overwrite=overwrite) if output is not None else ()
    with ExitStack() as stack:
        stack.enter_context(gdal_settings(GDAL_CACHEMAX=_CACHE))
        first = stack.enter_context(open_temperature(places[0]))
        second = stack.enter_context(open_temperature(places[1], first.grid, align=align))
        read_mask, mask_name = None, ""
        if mask is not None:
            read_mask, mask_name = stack.enter_context(open_mask(Place.of(mask), first.grid, align=align))
        accumulated = _compare_tiles(first, second, read_mask, progress)
    counts = accumulated.pixels()
    if not accumulated.statistics.count:
        reason = f"the quality band excludes all {counts.masked} pixels that have a temperature in both"
        if not counts.both:
            reason = f"no pixel has a temperature in both ({counts.a} in the first, {counts.b} in the second)"
        raise InputError(f"{places[0].name} and {places[1].name} cannot be compared: {reason}; check their extents")
    found = accumulated.statistics.result()
    notes = [note for raster in (first, second) for note in raster.notes()]
    try:
        for target, draw in zip(targets, (_draw_map, _draw_histogram), strict=False):
            save_figure(draw(accumulated, found, f"{places[0].name} minus {places[1].name}"), target)
    except MissingExtraError as error:
        targets = ()
        notes.append(f"no pictures were written: {error}")
    return Comparison(
        a=places[0].label,
        b=places[1].label,
        mask=mask_name,
        pixels=counts,
        difference=found,
        notes=tuple(notes),
        pictures=targets,
    )


def without_nan(value: Any) -> Any:
    """Replace numbers that are not finite by None, as JSON requires; also within mappings and sequences.

    Examples
    --------
    >>> without_nan({"bias": float("nan"), "rows": (1, 2.5)})
    {'bias': None, 'rows': [1, 2.5]}
    """
    if isinstance(value, Mapping):
        return {str(name): without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class RunningStatistics:
    """Statistics of differences, accumulated in parts: sums, extremes, and a histogram with bins of `PRECISION`."""

    def __init__(self) -> None:
        self._sums = np.zeros(7)  # of a, b, a a, b b, a b, the difference and its square
        self._extremes = (math.inf, -math.inf)
        self._bins = np.zeros(2 * round(_LARGEST_DIFFERENCE / PRECISION) + 1, np.int64)

    def add(self, a: Float, b: Float) -> None:
        """Add finite temperatures, both of shape (pixels,). [K]"""
        if a.size == 0:
            return
        difference = a - b
        a, b = a - _REFERENCE, b - _REFERENCE
        parts = (a, b, a * a, b * b, a * b, difference, difference * difference)
        self._sums += [part.sum() for part in parts]
        low, high = self._extremes
        self._extremes = min(low, float(difference.min())), max(high, float(difference.max()))
        numbers = np.rint(np.clip(difference, -_LARGEST_DIFFERENCE, _LARGEST_DIFFERENCE) / PRECISION).astype(np.int64)
        first = int(numbers.min())
        counts = np.bincount(numbers - first)
        start = first + self._bins.size // 2
        self._bins[start : start + counts.size] += counts

    @property
    def count(self) -> int:
        """Number of pixels."""
        return int(self._bins.sum())

    def result(self) -> Statistics:
        """Return the statistics of all pixels so far, at least one."""
        count = self.count
        mean_a, mean_b, aa, bb, ab, bias, square = (self._sums / count).tolist()
        variances = aa - mean_a * mean_a, bb - mean_b * mean_b
        correlation = math.nan
        if min(variances) >= _SMALLEST_VARIANCE:
            correlation = (ab - mean_a * mean_b) / math.sqrt(variances[0] * variances[1])
        values, counts = self._occupied_bins()
        median = quantile(values, counts, 0.5)
        deviation = np.abs(values - median)
        order = np.argsort(deviation, kind="stable")
        return Statistics(
            count=count,
            bias=bias,
            sd=math.sqrt(max(0.0, square - bias**2)),
            rmse=math.sqrt(square),
            median=median,
            robust_sd=ROBUST * quantile(deviation[order], counts[order], 0.5),
            minimum=self._extremes[0],
            maximum=self._extremes[1],
            percentiles={str(number): quantile(values, counts, number / 100.0) for number in PERCENTILES},
            correlation=correlation,
        )

    def histogram(self, low: float, high: float, bins: int) -> tuple[Float, NDArray[np.int64]]:
        """Return edges and counts of wider bins between two differences [K]."""
        values, counts = self._occupied_bins()
        wide, edges = np.histogram(values, bins, range=(low, high), weights=counts)
        return edges, wide.astype(np.int64)

    def _occupied_bins(self) -> tuple[Float, NDArray[np.int64]]:
        occupied = np.flatnonzero(self._bins)
        return np.round((occupied - self._bins.size // 2) * PRECISION, 3), self._bins[occupied]


class CellMeans:
    """Means of a raster, (height, width), in the cells of a coarser grid, accumulated from windows of any size."""

    def __init__(self, height: int, width: int, shape: tuple[int, int]) -> None:
        self._rows = np.arange(height) * shape[0] // height
        self._columns = np.arange(width) * shape[1] // width
        self._sums, self._counts = np.zeros(shape), np.zeros(shape, np.int64)

    def add(self, values: Float, window: Any) -> None:
        """Add a window of shape (rows, columns), NaN where there is no value."""
        known = np.isfinite(values)
        rows = self._rows[window.row_off : window.row_off + window.height]
        columns = self._columns[window.col_off : window.col_off + window.width]
        cells = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        for total, part in ((self._sums, np.where(known, values, 0.0)), (self._counts, known.astype(np.int64))):
            by_rows = np.add.reduceat(part, np.flatnonzero(np.diff(rows, prepend=-1)), axis=0)
            total[cells] += np.add.reduceat(by_rows, np.flatnonzero(np.diff(columns, prepend=-1)), axis=1)

    def means(self) -> Float:
        """Return the mean of every cell, NaN where it has no value."""
        return np.where(self._counts, self._sums / np.maximum(self._counts, 1), np.nan)


def quantile(values: Float, counts: NDArray[np.int64], fraction: float) -> float:
    """Return the quantile of ascending values that occur `counts` times each, with linear interpolation.

    Examples
    --------
    >>> quantile(np.array([1.0, 2.0]), np.array([1, 3]), 0.5)
    2.0
    """
    cumulative = np.cumsum(counts)
    position = fraction * (cumulative[-1] - 1)
    ranks = (int(position), math.ceil(position))
    low, high = (float(values[np.searchsorted(cumulative, rank, "right")]) for rank in ranks)
    return float(low + (position - int(position)) * (high - low))


@contextmanager
def open_mask(place: Place, grid: Grid, *, align: bool) -> Iterator[tuple[MaskReader, str]]:
    """Open a quality band of a scene or of a product; yields a reader of the excluded pixels, and its name.

    With `align`, a band on another grid is warped by nearest neighbour. Raises InputNotFoundError, SceneError where
    the file is not a quality band or damaged, and GridMismatchError.
    """
    with open_raster(place, "quality band", SceneError) as dataset:
        found = Grid.of(dataset)
        if not align and not found.matches(grid):
            raise GridMismatchError(
                f"quality band {place.name} is {found}; the rasters are {grid}; add --align to warp it onto their grid"
            )
        layout = _layout(dataset, place)
        with on_grid(dataset, grid, f"quality band {place.name}", align=align, classes=True) as view:

            def read(window: Any) -> Mask:
                masks = layout.decode(read_bits(view, window=window), EXCLUDED)
                return np.asarray(np.logical_or.reduce(list(masks.values())))

            yield read, f"{place.name} ({layout.name})"


def _layout(dataset: Any, place: Place) -> Layout:
    """Layout of a quality band: that of products by its name or tag, else the Landsat collection that fits."""
    name = place.name.upper()
    if name.endswith(_PRODUCT_NAME) or _PRODUCT_TAG in dataset.tags():
        return PRODUCT_LAYOUT
    sample = read_bits(dataset, out_shape=(min(dataset.height, _SAMPLE), min(dataset.width, _SAMPLE)))
    return find_layout(sample, COLLECTION_2 if "QA_PIXEL" in name else COLLECTION_1, place)


class _Accumulated:
    """Statistics, map and numbers of pixels of the tiles so far."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.statistics = RunningStatistics()
        self.map = CellMeans(grid.height, grid.width, shape_of_map(grid.height, grid.width))
        self.counts = np.zeros(4, np.int64)  # pixels with a temperature in the first, the second, both; and masked

    def pixels(self) -> Counts:
        a, b, both, masked = self.counts.tolist()
        return Counts(pixels=self.grid.width * self.grid.height, a=a, b=b, both=both, masked=masked)


def _compare_tiles(
    first: TemperatureRaster, second: TemperatureRaster, read_mask: MaskReader | None, progress: Progress | None
) -> _Accumulated:
    grid = first.grid
    accumulated = _Accumulated(grid)
    windows = [
        Window(column, row, min(_TILE, grid.width - column), min(_TILE, grid.height - row))
        for row in range(0, grid.height, _TILE)
        for column in range(0, grid.width, _TILE)
    ]
    for done, window in enumerate(windows, start=1):
        a, b = first.read(window=window), second.read(window=window)
        in_a, in_b = np.isfinite(a), np.isfinite(b)
        both = in_a & in_b
        compared = both if read_mask is None else both & ~read_mask(window)
        accumulated.counts += [np.count_nonzero(mask) for mask in (in_a, in_b, both, both & ~compared)]
        accumulated.statistics.add(a[compared], b[compared])
        accumulated.map.add(np.where(compared, a - b, np.nan), window)
        if progress is not None and not progress(done, len(windows)):
            raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")
    return accumulated


def _targets(first: Place, second: Place, folder: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Paths of map and histogram; raises OutputError where they cannot be written."""
    if not folder.is_dir():
        raise OutputError(f"cannot write pictures into {folder}: it is not an existing folder; create it")
    name = f"{Path(first.name).stem}_less_{Path(second.name).stem}"
    targets = folder / f"{name}_map.png", folder / f"{name}_histogram.png"
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another folder")
    return targets


def _draw_map(accumulated: _Accumulated, found: Statistics, title: str) -> Any:
    """Map of the differences; white is zero, and the colour scale covers 98 % of the differences."""
    largest = max(abs(found.percentiles["1"]), abs(found.percentiles["99"]), _NARROWEST / 2.0)
    grid, values = accumulated.grid, accumulated.map.means()
    size = grid.pixel_size()
    sheet = MapSheet(
        values=values,
        table=blue_to_red(),
        limits=(-largest, largest),
        unit="K",
        title=title,
        subtitle=f"mean {found.bias:.2f} K, median {found.median:.2f} K, RMSE {found.rmse:.2f} K",
        missing="not compared",
        pixel=size[0] * grid.width / values.shape[1] if size else None,
    )
    return draw_map_sheet(sheet)


def _draw_histogram(accumulated: _Accumulated, found: Statistics, title: str) -> Any:
    low, high = widened(found.percentiles["1"], found.percentiles["99"], _NARROWEST)
    margin = 0.25 * (high - low)
    edges, counts = accumulated.statistics.histogram(low - margin, high + margin, _BINS)
    notes = [f"bias {found.bias:.2f} K", f"RMSE {found.rmse:.2f} K", f"robust SD {found.robust_sd:.2f} K"]
    notes.append(f"{found.count} pixels")
    marks = {"0": 0.0, f"median {found.median:.2f} K": found.median}
    return draw_histogram(edges, counts, title=title, label="difference [K]", marks=marks, notes=notes)
