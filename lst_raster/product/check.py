"""Checks of a product: files, STAC item, file layout, metadata and pixel values, with one finding per check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import rasterio
from rasterio.errors import RasterioError

from lst_raster import __version__
from lst_raster.errors import LstRasterError
from lst_raster.io.grid import Grid
from lst_raster.product.check_raster import PixelCounts, count_pixels, layout_problems, overview_problems
from lst_raster.product.product_set import ProductSet, find_product
from lst_raster.product.stac import ASSETS, COUNTS_PROPERTY, EXTENSIONS, RUN, STAC_VERSION, checksum, make_item

Outcome: TypeAlias = Literal["ok", "failed", "skipped"]

REQUIRED_TAGS = (
    *("lst_raster_version", "equation", "input", "sensor", "acquisition_date", "calibration", "model", "emissivity"),
)
"""Metadata of every product."""
TAGS_WITH_ITEM = ("acquisition_time", "mask", "masked_pixels", "emissivity_pixels", "air")
"""Further metadata of a product with a STAC item."""

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


class _Skip(Exception):  # noqa: N818  # not an error: it ends a check that has nothing to check
    """Nothing to check."""


class _Failed(Exception):  # noqa: N818
    """Something is wrong with the product."""


def check_product(path: str | Path) -> list[Finding]:
    """Check a product, given by its LST file or STAC item, and return the findings in a fixed order.

    Raises InputNotFoundError if there is no such file, InputError if it cannot be a product.
    """
    checks = _ProductChecks(find_product(path))
    return [
        _finding("files", checks.files),
        _finding("item", checks.item),
        _finding("agreement", checks.agreement),
        _finding("checksums", checks.checksums),
        _finding("layout", checks.layout),
        _finding("grid", checks.grid),
        _finding("metadata", checks.metadata),
        _finding("temperature", checks.temperature),
        _finding("statistics", checks.statistics),
        _finding("uncertainty", lambda: checks.pixels("uncertainty")),
        _finding("quality", lambda: checks.pixels("quality")),
        _finding("overviews", checks.overviews),
    ]


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
        _require_none(_item_problems(item, self._product.lst))
        return f"STAC {item['stac_version']} with {len(item['assets'])} files"

    def agreement(self) -> str:
        problems = _agreement_problems(self._product, self._require_valid_item())
        if problems is None:
            raise _Skip("the item is from another version of lst-raster")
        _require_none(problems)
        return "the item agrees with the files"

    def checksums(self) -> str:
        _require_none(_checksum_problems(self._product, self._require_valid_item()["assets"]))
        return f"size and SHA-256 of {sum(path.is_file() for path in self._product.files.values())} files"

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

    def pixels(self, role: str) -> str:
        if role not in self._product.rasters:
            raise _Skip(f"there is no {role} raster")
        if role not in self._counts.problems:
            raise _Skip("it is on another grid")
        _require_none(self._counts.problem_texts(role))
        return "agrees with the temperature in every pixel"

    def overviews(self) -> str:
        rasters = self._require_rasters()
        exact = self._product.item is not None
        _require_none([text for path in rasters.values() for text in overview_problems(path, exact=exact)])
        return "a sample of each agrees with the level below"

    @cached_property
    def _counts(self) -> PixelCounts:
        lst = self._grids.get("lst")
        same = {
            role: path
            for role, path in self._require_rasters().items()
            if role == "lst" or (lst is not None and role in self._grids and self._grids[role].matches(lst))
        }
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
        if _item_problems(item, self._product.lst):
            raise _Skip("the item is not valid")
        return item


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


def _require_none(problems: list[str] | tuple[str, ...]) -> None:
    if problems:
        raise _Failed("; ".join(problems))


def _item_problems(item: Mapping[str, Any], lst: Path) -> list[str]:
    """Check the fields of an item that STAC and products of lst-raster require; `lst` is the LST file of the product.

    https://github.com/radiantearth/stac-spec/blob/v1.1.0/item-spec/item-spec.md
    """
    missing = [name for name, kind in _REQUIRED.items() if not isinstance(item.get(name), kind)]
    if missing:
        return [f"it has no {name}" for name in missing]
    return list(_field_problems(item, lst))


def _field_problems(item: Mapping[str, Any], lst: Path) -> Iterator[str]:
    if (item["type"], item["stac_version"]) != ("Feature", STAC_VERSION):
        yield f"it is a {item['type']} of STAC {item['stac_version']}, expected a Feature of {STAC_VERSION}"
    if item["id"] != lst.stem:
        yield f"its id is {item['id']}, the name of the file is {lst.stem}"
    if "geometry" not in item or (item["geometry"] is None) is not ("bbox" not in item):
        yield "it must have both geometry and bbox, or a null geometry"
    missing = [name for name, url in EXTENSIONS.items() if url not in item["stac_extensions"]]
    if set(missing) - {"classification"}:
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


def _agreement_problems(product: ProductSet, item: Mapping[str, Any]) -> list[str] | None:
    """Compare an item with the item made from its files, except for checksums and sizes.

    Returns None if another version of lst-raster wrote the item, which may differ. Raises LstRasterError if the files
    cannot be read.
    """
    if item["properties"].get("processing:software") != {"lst-raster": __version__}:
        return None
    expected = make_item({role: (path, path.name) for role, path in product.files.items() if path.is_file()})
    stated, found = dict(_leaves(item)), dict(_leaves(expected))
    only_in_item = (f"properties.{RUN}", f"properties.{COUNTS_PROPERTY}")
    names = [
        name
        for name in dict.fromkeys([*found, *stated])
        if stated.get(name) != found.get(name)
        and not name.rpartition(".")[2].startswith("file:")
        and not name.startswith(only_in_item)
    ]
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


def _checksum_problems(product: ProductSet, assets: Mapping[str, Any]) -> list[str]:
    """Compare sizes and checksums of the files with those in the (valid) assets of the item."""
    problems = []
    for role, path in product.files.items():
        asset = assets.get(role)
        if asset is None or not path.is_file():
            continue
        if path.stat().st_size != asset["file:size"]:
            problems.append(f"{path.name} has {path.stat().st_size} bytes, not {asset['file:size']}")
        elif checksum(path) != asset["file:checksum"]:
            problems.append(f"{path.name} has another SHA-256")
    return problems
