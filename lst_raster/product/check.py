"""Checks of a product: files, STAC item, file layout, metadata and pixel values, with one finding per check."""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product as pairs_of
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import rasterio
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from lst_raster import __version__
from lst_raster.errors import LstRasterError, SceneError
from lst_raster.io.grid import Grid
from lst_raster.io.plausibility import HOT_FRACTION, HOTTEST_GROUND
from lst_raster.io.raster import read_stored
from lst_raster.product.cog import BLOCK, BLOCK_LEADER, block_tables
from lst_raster.product.paths import ANGLES, COMPONENTS, ProductSet, find_product
from lst_raster.product.quality_flags import KNOWN_BITS, UNCERTAINTY_LIMIT, Bits, flag
from lst_raster.product.stac import ASSETS, COUNTS_PROPERTY, EXTENSIONS, RUN, STAC_VERSION, checksum, make_item

Float32: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

_GHOST = re.compile(rb"GDAL_STRUCTURAL_METADATA_SIZE=(\d{6}) bytes\n")
_GHOST_RULES = {
    b"LAYOUT=IFDS_BEFORE_DATA": "the IFDs are not in front of the blocks",
    b"BLOCK_LEADER=SIZE_AS_UINT4": "the blocks have no leader with their size",
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED": "the blocks have no trailer",
    b"KNOWN_INCOMPATIBLE_EDITION=NO": "the file was edited after creation, which broke its layout",
}

_PART = 256  # rows and columns of an overview that are compared at a time
_PARTS = 4  # largest number of parts along each side of an overview
_TOLERANCE = 0.0101  # twice the error of lossy compression of floats; integers are exact

_LOWEST, _HIGHEST = 150.0, 380.0  # [K], colder than any ground, hotter than any ground without fire
_TEMPERATURE_STEP = 0.01  # [K], error of a value stored as an integer or with lossy compression
_SUM_TOLERANCE = 0.02  # [K], rounding of an uncertainty and its components, or the error of lossy compression
_NO_TEMPERATURE_FLAGS = ("fill", "saturated", "no_solution", "no_input")
_MASKED_FLAGS = ("cloud", "cloud_shadow")


def layout_problems(path: Path) -> list[str]:
    """Check a raster of one band against the layout of GDAL's COG driver.

    Stricter than COG validators: every block must be in order, with leader and trailer, and end within the file.
    Sources: https://gdal.org/drivers/raster/cog.html; Cloud Optimized GeoTIFF, OGC 21-026 (2023)
    """
    if path.stat().st_size == 0:
        return ["the file is empty"]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[:2] not in (b"II", b"MM"):
            return ["the file is not a TIFF"]
        try:
            with memoryview(content) as view:
                problems = list(_block_layout_problems(content, view))
        except KeyError:
            return ["the image is not tiled"]
        except (struct.error, ValueError, IndexError):
            return ["the header is damaged"]
    return problems or _pyramid_problems(path)


def _block_layout_problems(content: mmap.mmap, view: memoryview) -> Iterator[str]:
    tables = block_tables(view)
    start = 16 if content[2:4] in (b"+\0", b"\0+") else 8
    ghost = _GHOST.match(content[start : start + 64])
    if ghost is None:
        yield "the file was not created as a Cloud Optimized GeoTIFF"
        return
    ghost_text = content[start + ghost.end() : start + ghost.end() + int(ghost[1])]
    yield from (problem for rule, problem in _GHOST_RULES.items() if rule not in ghost_text)
    levels = [(positions.read(view), sizes.read(view)) for positions, sizes in tables]
    blocks = [block for level in reversed(levels) for block in zip(*level, strict=True) if block[1]]
    if blocks and any(blocks[0][0] < table.position for pair in tables for table in pair):
        yield "the IFDs are not in front of the blocks"
    end = 0
    for position, size in blocks:  # smallest overview first; one problem is enough
        if position + size > len(content):
            yield f"the file ends at byte {len(content)}, before the end of a block"
            return
        if position < end:
            yield f"the block at byte {position} is not in the order of the format"
            return
        end = position + size
        if content[position - BLOCK_LEADER.size : position] != BLOCK_LEADER.pack(size):
            yield f"the leader of the block at byte {position} is wrong"
            return
        if content[end : end + 4] != content[end - 4 : end]:
            yield f"the trailer of the block at byte {position} is wrong"
            return


def _pyramid_problems(path: Path) -> list[str]:
    try:
        with rasterio.open(path) as dataset:
            layout = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
            factors = dataset.overviews(1)
            smallest = max(dataset.shape) / (factors[-1] if factors else 1)
    except RasterioError:
        return ["GDAL cannot open the file"]
    if layout != "COG":
        return ["GDAL does not recognise the file as a Cloud Optimized GeoTIFF"]
    if factors != sorted(factors) or smallest > 2 * BLOCK:
        return [f"overviews are missing for this size; found the factors {factors}"]
    return []


def overview_problems(path: Path, *, exact: bool, nearest: bool = False) -> list[str]:
    """Compare a sample of every overview of a raster of one band with the level below it.

    With `exact` a pixel must be the mean of the valid pixels among the four below it (of classes, and with `nearest`:
    one of the four). Otherwise it must be within the range of those and their neighbours, as in the overviews of other
    software. Raises SceneError if the file is damaged.
    """
    with rasterio.open(path) as dataset:
        count = len(dataset.overviews(1))
    problems = []
    for level in range(count):
        with rasterio.open(path, overview_level=level) as overview:
            height, width = overview.shape
        wrong = 0
        for row, column in pairs_of(_sample_starts(height), _sample_starts(width)):
            part = Window(column, row, min(_PART, width - column), min(_PART, height - row))
            wrong += _count_differences(path, level, part, exact, nearest)
        if wrong:
            problems.append(f"{path.name}: {wrong} pixels of overview {level + 1} differ from the level below")
    return problems


def _sample_starts(length: int) -> Iterable[int]:
    """First pixels of parts that cover a side, or are spread evenly from its first to its last pixel."""
    if length <= _PART * _PARTS:
        return range(0, length, _PART)
    return [int(start) for start in np.linspace(0, length - _PART, _PARTS)]


def _count_differences(path: Path, level: int, part: Window, exact: bool, nearest: bool) -> int:
    """Count the pixels in a window of an overview that do not agree with the level below."""
    with rasterio.open(path, overview_level=level) as overview:
        found, valid = read_stored(overview, "product", SceneError, window=part)
        is_class = overview.dtypes[0] != "float32" and overview.nodata is None
    below, below_valid = _read_below(path, level, part, margin=0 if exact else 1)
    if is_class or nearest:
        same = ~below_valid & ~valid[..., None]
        return int((~(same | (below == found[..., None])).any(axis=-1)).sum())
    any_valid: Mask = np.any(below_valid, axis=-1)
    is_float = found.dtype.kind == "f"
    tolerance = _TOLERANCE if is_float else 0.0
    with np.errstate(all="ignore"):  # damaged files may have any values
        values = np.where(below_valid, below.astype(np.float64), np.nan)
        values = np.where(any_valid[..., None], values, 0.0)
        if exact:
            mean = np.nanmean(values, axis=-1)
            low = high = mean if is_float else np.floor(mean + 0.5)  # halves of integers are rounded up
        else:
            low, high = np.nanmin(values, axis=-1), np.nanmax(values, axis=-1)
        differs = valid & any_valid & ~((found >= low - tolerance) & (found <= high + tolerance))
    return int((differs | (valid != any_valid if exact else valid & ~any_valid)).sum())


def _read_below(path: Path, level: int, part: Window, margin: int) -> tuple[NDArray[Any], Mask]:
    """Values and validity of the 4 pixels (with a margin of 1: 16) of the level below, on a last axis."""
    options = {"overview_level": level - 1} if level else {}
    size = 2 + 2 * margin
    with rasterio.open(path, **options) as dataset:
        height, width = dataset.shape
        top, left = 2 * part.row_off - margin, 2 * part.col_off - margin
        bottom, right = top + 2 * part.height + 2 * margin, left + 2 * part.width + 2 * margin
        inside = Window.from_slices((max(top, 0), min(bottom, height)), (max(left, 0), min(right, width)))
        stored, valid = read_stored(dataset, "product", SceneError, window=inside)
    padding = ((max(-top, 0), max(bottom - height, 0)), (max(-left, 0), max(right - width, 0)))
    stored = np.pad(stored, padding, mode="edge")
    valid = np.pad(valid, padding, constant_values=False)
    shape = part.height, part.width, size * size
    return (
        sliding_window_view(stored, (size, size))[::2, ::2].reshape(shape),
        sliding_window_view(valid, (size, size))[::2, ::2].reshape(shape),
    )


@dataclass(kw_only=True, slots=True)
class PixelCounts:
    """Counts and range of a product's pixels."""

    pixels: int = 0
    count: int = 0  # pixels with a temperature
    low: float = math.inf  # temperature [K]
    high: float = -math.inf  # temperature [K]
    hot: int = 0  # pixels above `HOTTEST_GROUND`
    problems: dict[str, Counter[str]] = field(default_factory=dict)  # pixels by role of a raster that was read

    def problem_texts(self, role: str) -> list[str]:
        """Format the problems of a raster."""
        return [f"{count} pixels with {what}" for what, count in sorted(self.problems[role].items()) if count]


def count_pixels(rasters: Mapping[str, Path], mask: str) -> PixelCounts:
    """Count the pixels of a product and their problems.

    `rasters` are files on the same grid by role, with ``lst``; `mask` is the metadata item of the product. Raises
    SceneError if a raster is damaged.
    """
    counts = PixelCounts(problems={role: Counter() for role in rasters})
    with ExitStack() as stack:
        datasets = {role: stack.enter_context(rasterio.open(path)) for role, path in rasters.items()}
        for _, window in datasets["lst"].block_windows(1):
            values = {role: _read(datasets[role], role, window) for role in datasets if role != "quality"}
            lst, uncertainty = values["lst"], values.get("uncertainty")
            temperatures = lst[~np.isnan(lst)]
            counts.pixels += lst.size
            counts.count += temperatures.size
            counts.low = min(counts.low, float(temperatures.min(initial=np.inf)))
            counts.high = max(counts.high, float(temperatures.max(initial=-np.inf)))
            counts.hot += int((temperatures > HOTTEST_GROUND).sum())
            outside = (temperatures < _LOWEST) | (temperatures > _HIGHEST)
            counts.problems["lst"][f"a temperature outside {_LOWEST:g} to {_HIGHEST:g} K"] += int(outside.sum())
            wrong: dict[str, dict[str, Mask]] = {}
            if uncertainty is not None:
                wrong["uncertainty"] = _wrong_uncertainties(lst, uncertainty)
            wrong |= {role: _wrong_component(lst, values[role]) for role in COMPONENTS if role in values}
            if uncertainty is not None and wrong.keys() >= COMPONENTS.keys():
                wrong["uncertainty"] |= _wrong_sum(uncertainty, [values[role] for role in COMPONENTS])
            if "quality" in datasets:
                bits, _ = read_stored(datasets["quality"], "quality", SceneError, window=window)
                wrong["quality"] = _wrong_bits(lst, uncertainty, bits, mask)
            for role, masks in wrong.items():
                counts.problems[role].update({what: int(where.sum()) for what, where in masks.items()})
    if counts.hot > HOT_FRACTION * counts.count:
        text = f"a temperature above {HOTTEST_GROUND:g} K, which no natural land surface has"
        counts.problems["lst"][text] = counts.hot
    return counts


def _read(dataset: Any, what: str, window: Any) -> Float32:
    """Read values in kelvin, NaN where there are none."""
    stored, valid = read_stored(dataset, what, SceneError, window=window)
    with np.errstate(all="ignore"):  # damaged files may have any values
        values = np.float32(dataset.scales[0]) * stored.astype(np.float32) + np.float32(dataset.offsets[0])
    return np.where(valid, values, np.float32(np.nan))


def _wrong_uncertainties(lst: Float32, uncertainty: Float32) -> dict[str, Mask]:
    has_lst, has_uncertainty = ~np.isnan(lst), ~np.isnan(uncertainty)
    valid = (uncertainty > 0) & np.isfinite(uncertainty)
    return {
        "a temperature and no uncertainty": has_lst & ~has_uncertainty,
        "an uncertainty and no temperature": has_uncertainty & ~has_lst,
        "an uncertainty that is not above 0 and finite": has_uncertainty & ~valid,
    }


def _wrong_component(lst: Float32, component: Float32) -> dict[str, Mask]:
    return {"a component other than where there is a temperature": np.isnan(lst) != ~(component >= 0)}


def _wrong_sum(uncertainty: Float32, components: list[Float32]) -> dict[str, Mask]:
    """The calibration is part of the systematic component and not of the total: their difference is not fixed."""
    *others, systematic = (np.square(part, dtype=np.float64) for part in components)
    without = np.sqrt(sum(others))
    low, high = without - _SUM_TOLERANCE, np.sqrt(sum(others) + systematic) + _SUM_TOLERANCE
    return {"components that do not add up to the uncertainty": (uncertainty < low) | (uncertainty > high)}


def _wrong_bits(lst: Float32, uncertainty: Float32 | None, bits: Bits, mask: str) -> dict[str, Mask]:
    has_lst = ~np.isnan(lst)
    explained = _any_flag(bits, *_NO_TEMPERATURE_FLAGS, *_MASKED_FLAGS)
    if "dilated by" in mask:  # a dilated mask extends beyond the clouds
        explained |= np.isin(flag("cloud_distance").of(bits), [1, 2])
    source = flag("emissivity_source")
    undefined = ((bits & ~np.uint32(KNOWN_BITS)) != 0) | ~np.isin(source.of(bits), list(source.values))
    wrong: dict[str, Mask] = {
        "no temperature and no bit that explains it": ~has_lst & ~explained,
        "a temperature and fill, saturated, no_solution or no_input": has_lst & _any_flag(bits, *_NO_TEMPERATURE_FLAGS),
        "saturated and not fill": _any_flag(bits, "saturated") & ~_any_flag(bits, "fill"),
        "a temperature and no emissivity source": has_lst & (source.of(bits) == 0),
        "undefined bits or values": undefined,
    }
    if not mask.startswith("none"):
        wrong["a temperature under cloud or shadow"] = has_lst & _any_flag(bits, *_MASKED_FLAGS)
    if uncertainty is not None:
        beyond = np.abs(uncertainty - np.float32(UNCERTAINTY_LIMIT)) > _TEMPERATURE_STEP  # False for NaN
        differs = (uncertainty > UNCERTAINTY_LIMIT) != _any_flag(bits, "uncertain")
        wrong["a bit uncertain that does not agree with the uncertainty"] = has_lst & beyond & differs
    return wrong


def _any_flag(bits: Bits, *names: str) -> Mask:
    return np.asarray((bits & np.uint32(sum(flag(name).mask for name in names))) != 0)


Outcome: TypeAlias = Literal["ok", "failed", "skipped"]

# Metadata of every product, and further metadata of a product with a STAC item
REQUIRED_TAGS = (
    "lst_raster_version", "equation", "input", "sensor", "acquisition_date", "calibration", "model", "emissivity",
)  # fmt: skip
TAGS_WITH_ITEM = ("acquisition_time", "mask", "masked_pixels", "emissivity_pixels", "air")

_STATISTICS_TOLERANCE = 0.0055  # [K], half a step of integers or the error of lossy compression
_REQUIRED = {
    "type": str, "stac_version": str, "stac_extensions": list, "id": str, "properties": dict, "links": list,
    "assets": dict,
}  # fmt: skip
_MULTIHASH = re.compile(r"1220[0-9a-f]{64}")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_MAX_SHOWN = 3  # differences


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Result of a check."""

    name: str  # of the check
    outcome: Outcome  # "skipped" if there was nothing to check
    text: str


class _Skip(Exception):  # noqa: N818  # ends a check that has nothing to check
    pass


class _Failed(Exception):  # noqa: N818  # something is wrong with the product
    pass


def check_product(path: str | Path) -> list[Finding]:
    """Check a product, given by its LST file or STAC item, and return the findings in a fixed order.

    Raises InputNotFoundError if there is no such file, InputError if it cannot be a product.
    """
    checks = _ProductChecks(find_product(path))
    methods = (
        checks.files, checks.item, checks.agreement, checks.checksums, checks.layout, checks.grid, checks.metadata,
        checks.temperature, checks.statistics, checks.uncertainty, checks.quality, checks.angles, checks.overviews,
    )  # fmt: skip
    return [_finding(method.__name__, method) for method in methods]


class _ProductChecks:
    """The checks of a product. Each returns the text of a finding, or raises; data read once are shared."""

    def __init__(self, product: ProductSet) -> None:
        self._product = product
        self._grids: dict[str, Grid] = {}

    def files(self) -> str:
        product = self._product
        missing = [path.name for path in product.files.values() if not path.is_file()]
        if product.item is not None:
            _require_none(product.problems)
        if missing:
            raise _Failed(f"missing {', '.join(missing)}")
        return f"{', '.join(product.files)}; {'all files of the item' if product.item else 'no STAC item'}"

    def item(self) -> str:
        item = self._require_item()
        _require_none(list(_item_problems(item, self._product.lst)))
        return f"STAC {item['stac_version']} with {len(item['assets'])} files"

    def agreement(self) -> str:
        _require_none(_agreement_problems(self._product, self._require_valid_item()))
        return "the item agrees with the files"

    def checksums(self) -> str:
        assets, problems = self._require_valid_item()["assets"], []
        files = {role: path for role, path in self._product.files.items() if path.is_file()}
        for role, path in files.items():
            stated = assets.get(role)
            if stated and path.stat().st_size != stated["file:size"]:
                problems.append(f"{path.name} has {path.stat().st_size} bytes, not {stated['file:size']}")
            elif stated and checksum(path) != stated["file:checksum"]:
                problems.append(f"{path.name} has another SHA-256")
        _require_none(problems)
        return f"size and SHA-256 of {len(files)} files"

    def layout(self) -> str:
        rasters = self._require_rasters()
        _require_none([f"{path.name}: {text}" for path in rasters.values() for text in layout_problems(path)])
        return f"{', '.join(rasters)}: Cloud Optimized GeoTIFF, all blocks in order"

    def grid(self) -> str:
        for role, path in self._require_rasters().items():
            with rasterio.open(path) as dataset:
                self._grids[role] = Grid.of(dataset)
        lst = self._grids["lst"]
        _require_none([f"{role} is {grid}, not {lst}" for role, grid in self._grids.items() if not grid.matches(lst)])
        if lst.latitude() is None:
            raise _Failed(f"{lst}: no coordinate reference system with a location on Earth")
        return f"{lst}{', of all rasters' if len(self._grids) > 1 else ''}"

    def metadata(self) -> str:
        required = [*REQUIRED_TAGS, *(TAGS_WITH_ITEM if self._product.item else ())]
        missing = [name for name in required if not self._tags.get(name)]
        if missing:
            raise _Failed(f"missing {', '.join(missing)}")
        return f"{len(required)} metadata items of the provenance"

    def temperature(self) -> str:
        counts = self._counts
        _require_none(counts.problem_texts("lst"))
        if not counts.count:
            raise _Failed("no pixel has a temperature")
        return f"{counts.low:.2f} to {counts.high:.2f} K in {counts.count} of {counts.pixels} pixels"

    def statistics(self) -> str:
        counts = self._counts
        with rasterio.open(self._product.lst) as dataset:
            tags, scale, offset = dataset.tags(1), dataset.scales[0], dataset.offsets[0]
        problems = []
        for name, value in (("minimum", counts.low), ("maximum", counts.high)):
            text = tags.get(f"STATISTICS_{name.upper()}")
            if text is None:
                raise _Skip("the file has no statistics")
            kelvin = float(text) * scale + offset
            if abs(kelvin - value) > _STATISTICS_TOLERANCE:
                problems.append(f"{name} is {kelvin:.3f} K in the metadata, {value:.3f} K in the pixels")
        _require_none(problems)
        return "minimum and maximum in the metadata are those of the pixels"

    def uncertainty(self) -> str:
        found = self._agreement_of("uncertainty")
        components = [role for role in COMPONENTS if role in self._counts.problems]
        _require_none([text for role in components for text in self._counts.problem_texts(role)])
        if 0 < len(components) < len(COMPONENTS):
            raise _Failed(f"there are only {', '.join(components)} of {', '.join(COMPONENTS)}")
        return f"{found}, and with its components" if components else found

    def quality(self) -> str:
        return self._agreement_of("quality")

    def angles(self) -> str:
        rasters = {role: path for role, path in self._require_rasters().items() if role in ANGLES}
        if not rasters:
            raise _Skip("there are no rasters of angles")
        missing = [role for role in ANGLES if role not in rasters]
        problems = [f"missing {', '.join(missing)}"] if missing else []
        for role, path in rasters.items():
            low, high = _range_of(path)
            if low < 0.0 or high > (360.0 if "azimuth" in role else 180.0):
                problems.append(f"{role} is {low:.2f} to {high:.2f} degree")
        _require_none(problems)
        return f"{', '.join(rasters)} within their range"

    def _agreement_of(self, role: str) -> str:
        if role not in self._product.rasters:
            raise _Skip(f"there is no {role} raster")
        if role not in self._counts.problems:
            raise _Skip("it is on another grid")
        _require_none(self._counts.problem_texts(role))
        return "agrees with the temperature in every pixel"

    def overviews(self) -> str:
        exact = self._product.item is not None
        for role, path in self._require_rasters().items():
            _require_none(overview_problems(path, exact=exact, nearest=role in ANGLES))
        return "a sample of each agrees with the level below"

    @cached_property
    def _counts(self) -> PixelCounts:
        lst = self._grids.get("lst")
        same = {}
        for role, path in self._require_rasters().items():
            if role == "lst" or (lst is not None and role in self._grids and self._grids[role].matches(lst)):
                same[role] = path
        return count_pixels(same, self._tags.get("mask", "none"))

    @cached_property
    def _tags(self) -> Mapping[str, str]:
        self._require_rasters()
        with rasterio.open(self._product.lst) as dataset:
            tags: Mapping[str, str] = dataset.tags()
        return tags

    def _require_rasters(self) -> dict[str, Path]:
        rasters = self._product.rasters
        if "lst" not in rasters:
            raise _Skip("there is no temperature raster")
        return rasters

    def _require_item(self) -> Mapping[str, Any]:
        if self._product.item is None:
            _require_none(self._product.problems)
            raise _Skip(f"there is no {self._product.item_path.name}")
        return self._product.item

    def _require_valid_item(self) -> Mapping[str, Any]:
        item = self._require_item()
        if any(_item_problems(item, self._product.lst)):
            raise _Skip("the item is not valid")
        return item


def _range_of(path: Path) -> tuple[float, float]:
    """Lowest and highest value of a raster, block by block; both 0 if no pixel is valid."""
    low, high = math.inf, -math.inf
    with rasterio.open(path) as dataset:
        for _, window in dataset.block_windows(1):
            values, valid = read_stored(dataset, "product", SceneError, window=window)
            if valid.any():
                low, high = min(low, float(values[valid].min())), max(high, float(values[valid].max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _finding(name: str, check: Callable[[], str]) -> Finding:
    """Run a check; a file that cannot be read is a failure."""
    try:
        return Finding(name=name, outcome="ok", text=check())
    except _Skip as reason:
        return Finding(name=name, outcome="skipped", text=str(reason))
    except (_Failed, LstRasterError) as error:
        text = " ".join(str(error).split())
    except (OSError, RasterioError):
        text = "a file cannot be read: it is truncated, damaged, or not a raster"
    return Finding(name=name, outcome="failed", text=text)


def _require_none(problems: Collection[str]) -> None:
    if problems:
        raise _Failed("; ".join(problems))


def _item_problems(item: Mapping[str, Any], lst: Path) -> Iterator[str]:
    """Check the fields of an item that STAC and products of lst-raster require; `lst` is the LST file of the product.

    https://github.com/radiantearth/stac-spec/blob/v1.1.0/item-spec/item-spec.md
    """
    missing = [name for name, kind in _REQUIRED.items() if not isinstance(item.get(name), kind)]
    if missing:
        yield from (f"it has no {name}" for name in missing)
        return
    if (item["type"], item["stac_version"]) != ("Feature", STAC_VERSION):
        yield f"it is a {item['type']} of STAC {item['stac_version']}, expected a Feature of {STAC_VERSION}"
    if item["id"] != lst.stem:
        yield f"its id is {item['id']}, the name of the file is {lst.stem}"
    if "geometry" not in item or (item["geometry"] is None) is not ("bbox" not in item):
        yield "it must have both geometry and bbox, or a null geometry"
    missing = [name for name, url in EXTENSIONS.items() if url not in item["stac_extensions"]]
    if set(missing) - {"classification", "view"}:
        yield f"it does not name the extensions {', '.join(missing)}"
    properties = item["properties"]
    names = ("datetime",) if properties.get("datetime") is not None else ("start_datetime", "end_datetime")
    if "datetime" not in properties:
        yield "it has no datetime"
    for name in names:
        if not _DATETIME.fullmatch(str(properties.get(name))):
            yield f"its {name} is {properties.get(name)!r}, not a time such as 2015-07-19T16:19:21Z"
    if "lst" not in item["assets"]:
        yield "it has no asset lst"
    for role, asset in item["assets"].items():
        if role not in ASSETS:
            yield f"it has an asset {role}, which products do not have"
        elif not isinstance(asset, dict) or asset.get("type") != ASSETS[role].media_type:
            yield f"asset {role} is not of the type {ASSETS[role].media_type}"
        elif not _MULTIHASH.fullmatch(str(asset.get("file:checksum"))) or not isinstance(asset.get("file:size"), int):
            yield f"asset {role} has no SHA-256 and size"


def _agreement_problems(product: ProductSet, item: Mapping[str, Any]) -> list[str]:
    """Compare an item with the item made from its files, except for checksums and sizes.

    Skips the check if another version of lst-raster wrote the item, which may differ. Raises LstRasterError if the
    files cannot be read.
    """
    if item["properties"].get("processing:software") != {"lst-raster": __version__}:
        raise _Skip("the item is from another version of lst-raster")
    expected = make_item({role: (path, path.name) for role, path in product.files.items() if path.is_file()})
    stated, found = dict(_leaves(item)), dict(_leaves(expected))
    only_in_item = (f"properties.{RUN}", f"properties.{COUNTS_PROPERTY}")
    differing = [name for name in {**found, **stated} if stated.get(name) != found.get(name)]
    names = [name for name in differing if ".file:" not in name and not name.startswith(only_in_item)]
    problems = [f"{name} is {stated.get(name)!r}, in the files {found.get(name)!r}" for name in names[:_MAX_SHOWN]]
    return problems + ([f"and {len(names) - _MAX_SHOWN} more"] if len(names) > _MAX_SHOWN else [])


def _leaves(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of every scalar in nested mappings and lists."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list) and node:
        for index, value in enumerate(node):
            yield from _leaves(value, f"{name}[{index}]")
    else:
        yield name, node
