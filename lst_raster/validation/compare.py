"""Comparison of two rasters of surface temperature."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import CancelledError, GridMismatchError, InputError, OutputError, SceneError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.quality_band import COLLECTION_1, COLLECTION_2, OWN, Layout, find_layout, read_bits
from lst_raster.io.raster import gdal_settings, open_raster
from lst_raster.io.temperature_raster import TemperatureRaster, open_temperature
from lst_raster.physics.error_metrics import ROBUST
from lst_raster.plots.canvas import widened
from lst_raster.plots.colours import blue_to_red
from lst_raster.plots.maps import draw_histogram, draw_map, save, shape_of_map

Float = NDArray[np.float64]

PRECISION = 0.001
"""Width of the bins from which the median, the percentiles and the robust deviation are read. [K]"""
PERCENTILES = (1, 5, 25, 75, 95, 99)
"""Percentiles of the differences that are told."""

_REACH = 200.0  # [K], differences beyond are counted as this one
_NEAR = 290.0  # [K], taken from both before they are squared, so that no digits are lost
_LEAST_VARIANCE = 1e-9  # [K2], below it a raster is constant and correlates with nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """How two rasters differ, the first less the second; NaN where nothing was compared."""

    count: int
    """Pixels that were compared."""
    bias: float
    """Mean. [K]"""
    sd: float
    """Standard deviation about the mean. [K]"""
    rmse: float
    """Root mean square. [K]"""
    median: float
    """Median. [K]"""
    robust_sd: float
    """Standard deviation by the median absolute deviation from the median. [K]"""
    minimum: float
    """Lowest. [K]"""
    maximum: float
    """Highest. [K]"""
    percentiles: dict[str, float]
    """Percentiles, by their number. [K]"""
    correlation: float
    """Pearson's correlation of the two rasters, NaN where one is constant. [1]"""


class RunningStatistics:
    """Differences counted so far."""

    def __init__(self) -> None:
        self._sums = np.zeros(5)  # of a, b, a a, b b and a b
        self._difference = np.zeros(2)  # sums of the difference and of its square
        self._ends = (math.inf, -math.inf)
        self._bins = np.zeros(2 * round(_REACH / PRECISION) + 1, np.int64)

    def add(self, a: Float, b: Float) -> None:
        """Count pixels.

        Parameters
        ----------
        a, b : array of shape (pixels,)
            Temperatures, finite. [K]
        """
        if a.size == 0:
            return
        difference = a - b
        a, b = a - _NEAR, b - _NEAR
        self._sums += (a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum())
        self._difference += (difference.sum(), (difference * difference).sum())
        low, high = self._ends
        self._ends = min(low, float(difference.min())), max(high, float(difference.max()))
        numbers = np.rint(np.clip(difference, -_REACH, _REACH) / PRECISION).astype(np.int64)
        first = int(numbers.min())
        counts = np.bincount(numbers - first)
        start = first + self._bins.size // 2
        self._bins[start : start + counts.size] += counts

    @property
    def count(self) -> int:
        """Pixels counted."""
        return int(self._bins.sum())

    def statistics(self) -> Statistics:
        """Statistics of all that was counted."""
        count = self.count
        if not count:
            return _nothing()
        bias, square = (self._difference / count).tolist()
        values, counts = self._occupied()
        median = quantile(values, counts, 0.5)
        order = np.argsort(np.abs(values - median), kind="stable")
        deviation = quantile(np.abs(values - median)[order], counts[order], 0.5)
        return Statistics(
            count=count,
            bias=bias,
            sd=math.sqrt(max(0.0, square - bias**2)),
            rmse=math.sqrt(square),
            median=median,
            robust_sd=ROBUST * deviation,
            minimum=self._ends[0],
            maximum=self._ends[1],
            percentiles={str(number): quantile(values, counts, number / 100.0) for number in PERCENTILES},
            correlation=self._correlation(count),
        )

    def histogram(self, low: float, high: float, bins: int) -> tuple[Float, NDArray[np.int64]]:
        """Edges and counts of wider bins between two differences [K]; what lies beyond is left out."""
        values, counts = self._occupied()
        wide, edges = np.histogram(values, bins, range=(low, high), weights=counts)
        return edges, wide.astype(np.int64)

    def _occupied(self) -> tuple[Float, NDArray[np.int64]]:
        """Differences that occur, rising, and how often."""
        where = np.flatnonzero(self._bins)
        return np.round((where - self._bins.size // 2) * PRECISION, 3), self._bins[where]

    def _correlation(self, count: int) -> float:
        a, b, aa, bb, ab = (self._sums / count).tolist()
        variances = aa - a * a, bb - b * b
        if min(variances) < _LEAST_VARIANCE:
            return math.nan
        return float((ab - a * b) / math.sqrt(variances[0] * variances[1]))


class SmallMap:
    """Mean of a raster in cells that are larger than its pixels, whatever windows it comes in."""

    def __init__(self, height: int, width: int, shape: tuple[int, int]) -> None:
        self._rows = np.arange(height) * shape[0] // height
        self._columns = np.arange(width) * shape[1] // width
        self._sums, self._counts = np.zeros(shape), np.zeros(shape, np.int64)

    def add(self, values: Float, window: Any) -> None:
        """Add a window of shape (rows, columns), NaN where there is no value."""
        known = np.isfinite(values)
        rows = self._rows[window.row_off : window.row_off + window.height]
        columns = self._columns[window.col_off : window.col_off + window.width]
        place = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        self._sums[place] += _by_cells(np.where(known, values, 0.0), rows, columns)
        self._counts[place] += _by_cells(known.astype(np.int64), rows, columns)

    def means(self) -> Float:
        """Mean of every cell, NaN where none of its pixels has a value."""
        return np.where(self._counts, self._sums / np.maximum(self._counts, 1), np.nan)


def quantile(values: Float, counts: NDArray[np.int64], share: float) -> float:
    """Quantile of values that occur several times, linear between neighbours.

    Parameters
    ----------
    values : array of shape (values,)
        Values, rising.
    counts : array of that shape
        How often each occurs, at least once.
    share : float
        Share of the values that lie below, 0 to 1.

    Examples
    --------
    >>> quantile(np.array([1.0, 2.0]), np.array([1, 3]), 0.5)
    2.0
    """
    until = np.cumsum(counts)
    position = share * (until[-1] - 1)
    low, high = (float(values[np.searchsorted(until, rank, "right")]) for rank in (int(position), math.ceil(position)))
    return float(low + (position - int(position)) * (high - low))


def _by_cells(values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    """Sum of the pixels in each cell; `rows` and `columns` are the cells they fall into, never falling."""
    by_rows = np.add.reduceat(values, _starts(rows), axis=0)
    return np.asarray(np.add.reduceat(by_rows, _starts(columns), axis=1))


def _starts(cells: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))


def _nothing() -> Statistics:
    none = math.nan
    return Statistics(
        count=0, bias=none, sd=none, rmse=none, median=none, robust_sd=none, minimum=none, maximum=none,
        percentiles={str(number): none for number in PERCENTILES}, correlation=none,
    )  # fmt: skip


Mask: TypeAlias = NDArray[np.bool_]
MaskReader: TypeAlias = Callable[[Any], Mask]
"""Takes a window; returns which of its pixels are left out."""

EXCLUDED = ("fill", "cloud", "dilated_cloud", "cloud_shadow", "cirrus", "saturated")
"""What is left out, of what a quality band tells; snow and water are compared."""

_OWN_NAME = "_LST_QA.TIF"
_OWN_TAG = "lst_raster_version"
_SAMPLE = 256  # rows and columns of the thinned band by which its layout is found


@contextmanager
def open_exclusion(place: Place, grid: Grid, *, align: bool) -> Iterator[tuple[MaskReader, str]]:
    """Open a quality band of a scene, or that of a product of ours, which is known by its name or its metadata.

    Parameters
    ----------
    place : Place
        The band.
    grid : Grid
        Grid on which it must lie.
    align : bool
        Whether one on another grid is warped, the nearest pixel taken.

    Yields
    ------
    tuple of MaskReader and str
        Reads what is left out; and what the band is, for people.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    SceneError
        It is no quality band, or damaged (also raised by the reader).
    GridMismatchError
        It is on another grid.
    """
    with open_raster(place, "quality band", SceneError) as dataset:
        own = Grid.of(dataset)
        if not align and not own.matches(grid):
            raise GridMismatchError(
                f"quality band {place.name} is {own}; the rasters are {grid}; --align warps it onto theirs"
            )
        layout = _layout(dataset, place)
        with on_grid(dataset, grid, f"quality band {place.name}", align=align, classes=True) as view:
            yield (lambda window: _excluded(layout, view, window)), f"{place.name} ({layout.name})"


def _layout(dataset: Any, place: Place) -> Layout:
    name = place.name.upper()
    if name.endswith(_OWN_NAME) or _OWN_TAG in dataset.tags():
        return OWN
    sample = read_bits(dataset, out_shape=(min(dataset.height, _SAMPLE), min(dataset.width, _SAMPLE)))
    return find_layout(sample, COLLECTION_2 if "QA_PIXEL" in name else COLLECTION_1, place)


def _excluded(layout: Layout, view: Any, window: Any) -> Mask:
    masks = layout.decode(read_bits(view, window=window), EXCLUDED)
    return np.asarray(np.logical_or.reduce(list(masks.values())))


Progress: TypeAlias = Callable[[int, int], bool]
"""Takes the tiles done and their total; False stops."""

_TILE = 512  # rows and columns, as the blocks of most products
_CACHE = 64 << 20  # [byte] of GDAL's blocks: a row of tiles of both rasters and the mask
_BINS = 120
_NARROWEST = 0.02  # [K] of a picture's range


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Numbers of pixels."""

    pixels: int
    """All."""
    a: int
    """Those with a temperature in the first raster."""
    b: int
    """Those with one in the second."""
    both: int
    """Those with one in both."""
    masked: int
    """Those of them that the quality band leaves out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How two rasters of surface temperature differ."""

    a: str
    """Name of the first."""
    b: str
    """Name of the second, which is subtracted."""
    mask: str
    """Quality band by which pixels were left out, empty without one."""
    pixels: Counts
    """What was there to be compared."""
    difference: Statistics
    """The first less the second."""
    notes: tuple[str, ...]
    """Assumptions about the files, and values that were left out as no surface temperature."""
    pictures: tuple[Path, ...]
    """Pictures that were written: map and histogram."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries, texts and numbers, for JSON; None for what is not a number."""
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
    """Compare two rasters of surface temperature, pixel by pixel.

    They are read tile by tile. Bias, deviation, root mean square and correlation are exact; the median, the percentiles
    and the robust deviation are read from bins of 1 mK.

    Parameters
    ----------
    a, b : str or path
        The rasters; `b` is subtracted from `a`. Scale, offset, nodata and unit of the files are applied.
    mask : str or path, optional
        Quality band: QA_PIXEL or BQA of the scene, or that of a product, ``*_LST_QA.tif``. Fill, cloud, shadow, cirrus
        and saturated pixels are left out.
    align : bool
        Whether `b` and `mask` are warped onto the grid of `a` where theirs is another.
    output : str or path, optional
        Existing folder for the two pictures; without it none are made.
    overwrite : bool
        Whether pictures that exist may be replaced.
    progress : callable, optional
        Takes the tiles done and their total; False stops.

    Returns
    -------
    Comparison
        The differences.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        A file is no raster of one band in kelvin, or no pixel can be compared.
    SceneError
        The mask is no quality band.
    GridMismatchError
        They lie on different grids.
    OutputError
        A picture cannot be written, or exists.
    CancelledError
        `progress` returned False.
    """
    places = Place.of(a), Place.of(b)
    targets = _targets(*places, Path(output), overwrite=overwrite) if output is not None else ()
    with ExitStack() as stack:
        stack.enter_context(gdal_settings(GDAL_CACHEMAX=_CACHE))
        first = stack.enter_context(open_temperature(places[0]))
        second = stack.enter_context(open_temperature(places[1], first.grid, align=align))
        excluded = _nothing_excluded()
        if mask is not None:
            excluded = open_exclusion(Place.of(mask), first.grid, align=align)
        read, told = stack.enter_context(excluded)
        run = _Run(first, second, read)
        run.all(progress or (lambda done, total: True))
    statistics = run.tally.statistics()
    _require_some(run, places)
    for target, picture in zip(targets, (_map, _histogram), strict=False):
        picture(run, statistics, f"{places[0].name} less {places[1].name}", target)
    return Comparison(
        a=places[0].label,
        b=places[1].label,
        mask=told,
        pixels=run.counts(),
        difference=statistics,
        notes=tuple(note for raster in (first, second) for note in raster.notes()),
        pictures=targets,
    )


class _Run:
    """The loop over the tiles, and what it has counted."""

    def __init__(self, first: TemperatureRaster, second: TemperatureRaster, mask: MaskReader) -> None:
        self.grid: Grid = first.grid
        self.tally = RunningStatistics()
        self.small = SmallMap(self.grid.height, self.grid.width, shape_of_map(self.grid.height, self.grid.width))
        self._first, self._second, self._mask = first, second, mask
        self._seen = np.zeros(4, np.int64)  # pixels with a temperature in the first, the second, both; and masked

    def all(self, progress: Progress) -> None:
        """Compare every tile."""
        windows = _windows(self.grid)
        for done, window in enumerate(windows, start=1):
            self._tile(window)
            if not progress(done, len(windows)):
                raise CancelledError(f"stopped after {done} of {len(windows)} tiles; nothing was written")

    def counts(self) -> Counts:
        """Numbers of pixels."""
        a, b, both, masked = (int(number) for number in self._seen)
        return Counts(pixels=self.grid.width * self.grid.height, a=a, b=b, both=both, masked=masked)

    def _tile(self, window: Window) -> None:
        a, b = self._first.read(window=window), self._second.read(window=window)
        known = np.isfinite(a), np.isfinite(b)
        both = known[0] & known[1]
        compared = both & ~self._mask(window)
        self._seen += [np.count_nonzero(mask) for mask in (*known, both, both & ~compared)]
        self.tally.add(a[compared], b[compared])
        self.small.add(np.where(compared, a - b, np.nan), window)


def _windows(grid: Grid) -> list[Window]:
    return [
        Window(column, row, min(_TILE, grid.width - column), min(_TILE, grid.height - row))
        for row in range(0, grid.height, _TILE)
        for column in range(0, grid.width, _TILE)
    ]


def _nothing_excluded() -> AbstractContextManager[tuple[MaskReader, str]]:
    return nullcontext((lambda window: np.zeros((1, 1), bool), ""))


def _require_some(run: _Run, places: tuple[Place, Place]) -> None:
    counts = run.counts()
    if run.tally.count:
        return
    if not counts.both:
        reason = f"no pixel has a temperature in both ({counts.a} in the first, {counts.b} in the second)"
    else:
        reason = f"the quality band leaves out all {counts.masked} pixels that have a temperature in both"
    raise InputError(f"{places[0].name} and {places[1].name} cannot be compared: {reason}; check what they cover")


def _targets(first: Place, second: Place, folder: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Paths of map and histogram, refused before any work."""
    if not folder.is_dir():
        raise OutputError(f"cannot write pictures into {folder}: it is not an existing folder; create it")
    name = f"{Path(first.name).stem}_less_{Path(second.name).stem}"
    targets = folder / f"{name}_map.png", folder / f"{name}_histogram.png"
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another folder")
    return targets


def _map(run: _Run, found: Statistics, title: str, target: Path) -> None:
    """Draw the differences; white is zero, and 98 % of them lie within the colours."""
    largest = max(abs(found.percentiles["1"]), abs(found.percentiles["99"]), _NARROWEST / 2.0)
    limits = (-largest, largest)
    save(draw_map(run.small.means(), blue_to_red(), limits, title=title, unit="K", missing="not compared"), target)


def _histogram(run: _Run, found: Statistics, title: str, target: Path) -> None:
    low, high = widened(found.percentiles["1"], found.percentiles["99"], _NARROWEST)
    margin = 0.25 * (high - low)
    edges, counts = run.tally.histogram(low - margin, high + margin, _BINS)
    notes = [f"bias {found.bias:.2f} K", f"RMSE {found.rmse:.2f} K", f"robust SD {found.robust_sd:.2f} K"]
    marks = {"0": 0.0, f"median {found.median:.2f} K": found.median}
    notes.append(f"{found.count} pixels")
    picture = draw_histogram(edges, counts, title=title, label="difference [K]", marks=marks, notes=notes)
    save(picture, target)


def without_nan(value: Any) -> Any:
    """Put None in the place of what is not a finite number, as JSON knows none; within mappings and sequences too.

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
