"""Checks of a product: files, STAC item, file layout, metadata and pixel values, with one finding per check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import rasterio
from rasterio.errors import RasterioError

from lst_raster.errors import LstRasterError
from lst_raster.io.grid import Grid
from lst_raster.product.check_item import agreement_problems, checksum_problems, item_problems
from lst_raster.product.check_raster import PixelCounts, count_pixels, layout_problems, overview_problems
from lst_raster.product.product_set import ProductSet, find_product

Outcome: TypeAlias = Literal["ok", "failed", "skipped"]

REQUIRED_TAGS = (
    *("lst_raster_version", "equation", "input", "sensor", "acquisition_date", "calibration", "model", "emissivity"),
)
"""Metadata of every product."""
TAGS_WITH_ITEM = ("acquisition_time", "mask", "masked_pixels", "emissivity_pixels", "air")
"""Further metadata of a product with a STAC item."""

_STATISTICS_TOLERANCE = 0.0055  # [K], half a step of integers or the error of lossy compression


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Result of a check."""

    name: str
    """Name of the check."""
    outcome: Outcome
    """``ok``, ``failed``, or ``skipped`` if there was nothing to check."""
    text: str
    """Summary of the result."""


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
        _require_none(item_problems(item, self._product.lst))
        return f"STAC {item['stac_version']} with {len(item['assets'])} files"

    def agreement(self) -> str:
        problems = agreement_problems(self._product, self._require_valid_item())
        if problems is None:
            raise _Skip("the item is from another version of lst-raster")
        _require_none(problems)
        return "the item agrees with the files"

    def checksums(self) -> str:
        _require_none(checksum_problems(self._product, self._require_valid_item()["assets"]))
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
        if item_problems(item, self._product.lst):
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
