"""Two rasters of surface temperature beside each other: how they differ, in numbers and in pictures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import CancelledError, InputError, OutputError
from lst_raster.evaluation.differences import PRECISION, SmallMap, Statistics, Tally
from lst_raster.evaluation.exclusion import MaskReader, open_exclusion
from lst_raster.evaluation.report import without_nan
from lst_raster.pictures.axes import widened
from lst_raster.pictures.colours import blue_to_red
from lst_raster.pictures.draw import draw_histogram, draw_map, save, shape_of_map
from lst_raster.scene.bundle import Place
from lst_raster.scene.gdal import gdal_settings
from lst_raster.scene.grid import Grid
from lst_raster.scene.temperature import TemperatureRaster, open_temperature

Float = NDArray[np.float64]
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
        self.tally = Tally()
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
