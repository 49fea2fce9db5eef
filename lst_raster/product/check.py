"""Whether a product is whole: its files, their layout, their metadata and their pixels, one line for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import rasterio
from rasterio.errors import RasterioError

from lst_raster.errors import LstRasterError
from lst_raster.io.grid import Grid
from lst_raster.product.check_item import agreement_problems, checksum_problems, form_problems
from lst_raster.product.check_raster import PixelCounts, count_pixels, layout_problems, overview_problems
from lst_raster.product.product_set import ProductSet, find_product

Outcome: TypeAlias = Literal["ok", "failed", "skipped"]

ALWAYS = ("lst_raster_version", "equation", "input", "sensor", "acquisition_date", "calibration", "model", "emissivity")
"""Metadata items of every product."""
SINCE_ITEMS = ("acquisition_time", "mask", "masked_pixels", "emissivity_pixels", "air")
"""Metadata items of a product with a STAC item, too."""

_HALF_STEP = 0.0055  # [K], of whole numbers and of a lossy compression


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What came of a check."""

    name: str
    """What was checked."""
    outcome: Outcome
    """``ok``, ``failed``, or ``skipped`` where there was nothing to check."""
    text: str
    """What was found."""


class _Skip(Exception):  # noqa: N818  # it is no error: it ends a check that has nothing to check
    """There is nothing to check."""


class _Failed(Exception):  # noqa: N818
    """Something is wrong with the product."""


def check_product(path: str | Path) -> list[Finding]:
    """Check a product as far as there is something to check.

    Parameters
    ----------
    path : str or path
        Its temperature, or its STAC item.

    Returns
    -------
    list of Finding
        One for each check, in a fixed order.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It can be no product.
    """
    product = find_product(path)
    return _Checks(product).run()


class _Checks:
    """The checks of a product, and what they share: what was read once is there for the next."""

    def __init__(self, product: ProductSet) -> None:
        self._product = product
        self._tags: Mapping[str, str] | None = None
        self._grids: dict[str, Grid] = {}
        self._counts: PixelCounts | None = None

    def run(self) -> list[Finding]:
        """Run all of them."""
        checks: dict[str, Callable[[], str]] = {
            "files": self._files, "item": self._item, "agreement": self._agreement, "checksums": self._checksums,
            "layout": self._layout, "grid": self._grid, "metadata": self._metadata, "temperature": self._temperature,
            "statistics": self._statistics_agree, "uncertainty": lambda: self._pixels("uncertainty"),
            "quality": lambda: self._pixels("quality"), "overviews": self._overviews,
        }  # fmt: skip
        return [_finding(name, check) for name, check in checks.items()]

    def _files(self) -> str:
        product = self._product
        missing = [path.name for path in product.files.values() if not path.is_file()]
        if product.item is not None and product.problems:
            raise _Failed("; ".join(product.problems))
        if missing:
            raise _Failed(f"missing {', '.join(missing)}")
        names = ", ".join(product.files)
        return f"{names}; {'all that the item names' if product.item else 'there is no item that names more'}"

    def _item(self) -> str:
        item = self._require_item()
        _require_none(form_problems(item, self._product.lst))
        return f"STAC {item['stac_version']} with {len(item['assets'])} files"

    def _agreement(self) -> str:
        problems = agreement_problems(self._product, self._well_formed())
        if problems is None:
            raise _Skip("another version of lst-raster made the item")
        _require_none(problems)
        return "the item says what the files say"

    def _checksums(self) -> str:
        assets = self._well_formed()["assets"]
        _require_none(checksum_problems(self._product, assets))
        return f"size and SHA-256 of {sum(path.is_file() for path in self._product.files.values())} files"

    def _layout(self) -> str:
        rasters = self._require_rasters()
        problems = [f"{path.name}: {text}" for path in rasters.values() for text in layout_problems(path)]
        _require_none(problems)
        return f"{', '.join(rasters)}: Cloud Optimized GeoTIFF, every block in its place"

    def _grid(self) -> str:
        for role, path in self._require_rasters().items():
            with rasterio.open(path) as dataset:
                self._grids[role] = Grid.of(dataset)
        lst = self._grids["lst"]
        others = [f"{role} is {grid}, not {lst}" for role, grid in self._grids.items() if not grid.matches(lst)]
        _require_none(others)
        if lst.latitude() is None:
            raise _Failed(f"{lst}: nothing tells where on Earth it lies")
        return f"{lst}{', of all rasters' if len(self._grids) > 1 else ''}"

    def _metadata(self) -> str:
        tags = self._read_tags()
        wanted = [*ALWAYS, *(SINCE_ITEMS if self._product.item else ())]
        missing = [name for name in wanted if not tags.get(name)]
        if missing:
            raise _Failed(f"missing {', '.join(missing)}")
        return f"{len(wanted)} items that tell how to make it again"

    def _temperature(self) -> str:
        counts = self._count()
        _require_none(counts.lines("lst"))
        if not counts.count:
            raise _Failed("no pixel has a temperature")
        return f"{counts.low:.2f} to {counts.high:.2f} K in {counts.count} of {counts.pixels} pixels"

    def _statistics_agree(self) -> str:
        counts = self._count()
        with rasterio.open(self._product.lst) as dataset:
            told, scale, offset = dataset.tags(1), dataset.scales[0], dataset.offsets[0]
        names = {"minimum": counts.low, "maximum": counts.high}
        found = {name: told.get(f"STATISTICS_{name.upper()}") for name in names}
        if None in found.values():
            raise _Skip("the file tells none")
        kelvin = {name: float(str(text)) * scale + offset for name, text in found.items()}
        _require_none([
            f"{name} is {kelvin[name]:.3f} K by the metadata, {value:.3f} K by the pixels"
            for name, value in names.items() if abs(kelvin[name] - value) > _HALF_STEP
        ])  # fmt: skip
        return "minimum and maximum in the metadata are those of the pixels"

    def _pixels(self, role: str) -> str:
        if role not in self._product.rasters:
            raise _Skip("there is none")
        counts = self._count()
        if role not in counts.problems:
            raise _Skip("it is on another grid")
        _require_none(counts.lines(role))
        return "agrees with the temperature in every pixel"

    def _overviews(self) -> str:
        rasters = self._require_rasters()
        exact = self._product.item is not None
        _require_none([line for path in rasters.values() for line in overview_problems(path, exact=exact)])
        return "a sample of each agrees with the level below"

    def _count(self) -> PixelCounts:
        if self._counts is None:
            rasters = self._require_rasters()
            same = {role: path for role, path in rasters.items() if self._on_grid(role)}
            self._counts = count_pixels(same, self._read_tags().get("mask", "none"))
        return self._counts

    def _on_grid(self, role: str) -> bool:
        lst, grid = self._grids.get("lst"), self._grids.get(role)
        return role == "lst" or (lst is not None and grid is not None and grid.matches(lst))

    def _read_tags(self) -> Mapping[str, str]:
        if self._tags is None:
            self._require_rasters()
            with rasterio.open(self._product.lst) as dataset:
                self._tags = dataset.tags()
        return self._tags

    def _require_rasters(self) -> dict[str, Path]:
        rasters = self._product.rasters
        if "lst" not in rasters:
            raise _Skip("there is no temperature")
        return rasters

    def _require_item(self) -> Mapping[str, Any]:
        if self._product.item is None:
            if self._product.problems:
                raise _Failed("; ".join(self._product.problems))
            raise _Skip(f"there is no {self._product.item_path.name}")
        return self._product.item

    def _well_formed(self) -> Mapping[str, Any]:
        item = self._require_item()
        if form_problems(item, self._product.lst):
            raise _Skip("the item is not well formed")
        return item


def _finding(name: str, check: Callable[[], str]) -> Finding:
    """Run a check; what cannot be read has failed."""
    try:
        return Finding(name=name, outcome="ok", text=check())
    except _Skip as reason:
        return Finding(name=name, outcome="skipped", text=str(reason))
    except (_Failed, LstRasterError) as error:
        return Finding(name=name, outcome="failed", text=" ".join(str(error).split()))
    except (OSError, RasterioError):
        return Finding(
            name=name, outcome="failed", text="a file cannot be read: it is truncated, damaged, or no raster"
        )


def _require_none(problems: list[str]) -> None:
    if problems:
        raise _Failed("; ".join(problems))
