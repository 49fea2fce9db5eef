"""Source products of a composite: search, metadata, and grouping by overpass."""

from __future__ import annotations

import datetime
import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lst_raster.errors import InputError, InputNotFoundError, LstRasterError, RemoteAccessError
from lst_raster.io.address import Address
from lst_raster.io.bundle import Place, is_hidden
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate
from lst_raster.io.raster import open_raster
from lst_raster.io.remote import fetch, list_objects
from lst_raster.product.paths import SUFFIXES, OutputFormat, temperature_layer

COMPOSITE_TAG = "composite"
"""Metadata item that only composites have."""

_PATTERN = "*_LST.tif"
_COMPANION = re.compile(r"_(?:UNC|QA)(?=\.tiff?$)", re.IGNORECASE)
_DESCRIPTION = temperature_layer(OutputFormat()).description
_SAME_OVERPASS = datetime.timedelta(minutes=30)  # an orbit takes 99 minutes
_UNKNOWN = "unknown"


class UnreadableError(InputError):
    """A file that cannot be read or is not a product."""

    def __init__(self, text: str, place: Place) -> None:
        super().__init__(text)
        self.place = place


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceProduct:
    """A product that is input of a composite."""

    place: Place  # raster of the temperature
    grid: Grid
    tags: Mapping[str, str]
    uncertainty: Place | None  # None if missing
    quality: Place | None  # None if missing

    @property
    def name(self) -> str:
        """File name."""
        return self.place.name

    @property
    def date(self) -> AcquisitionDate | None:
        """Date of acquisition, None if unknown."""
        day, clock = self.tags.get("acquisition_date", _UNKNOWN), self.tags.get("acquisition_time", _UNKNOWN)
        return None if day == _UNKNOWN else AcquisitionDate.parse(day).with_time(day, clock)

    @property
    def rasters(self) -> list[Place]:
        """All rasters of the product."""
        return [place for place in (self.place, self.uncertainty, self.quality) if place is not None]


def find_products(sources: str | Path | Sequence[str | Path]) -> list[Place]:
    """Find products in files, folders (``*_LST.tif``), patterns, addresses, and folders of object stores.

    Each product is listed once, in the order given, and sorted by name within a folder or a pattern; uncertainties and
    quality bands of listed products are skipped. Raise InputNotFoundError if a pattern matches no file, InputError if
    there are no products, and RemoteError if an object store cannot be listed.
    """
    texts = [sources] if isinstance(sources, str | Path) else sources
    places = [place for text in texts for place in _expand(str(text))]
    names = {str(place) for place in places}
    distinct: dict[str, Place] = {}
    for place in places:
        if _COMPANION.sub("", str(place)) not in names - {str(place)}:
            distinct.setdefault(place.remote.url if place.remote else str(place.disk.resolve()), place)
    if not distinct:
        raise InputError("no products are given; give *_LST.tif files, folders or patterns")
    return list(distinct.values())


def _expand(text: str) -> list[Place]:
    address = Address.parse(text)
    if address is not None:
        return _expand_address(address)
    path = Path(text)
    if path.is_dir():
        files = sorted(file for file in path.glob(_PATTERN) if not is_hidden(file.name))
        if not files:
            raise InputError(f"no {_PATTERN} in the folder {path}; give the products")
    elif path.exists() or not glob.has_magic(text):
        files = [path]
    else:
        files = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207  # patterns may be absolute
        if not files:
            raise InputNotFoundError(f"no file matches {text}; check the pattern")
    return [Place(disk=file) for file in files]


def _expand_address(address: Address) -> list[Place]:
    if not address.is_object or Path(address.name).suffix:
        return [Place.at(address)]
    objects = [one for one in list_objects(address.inside()) if Path(one.name).match(_PATTERN)]
    files = [one for one in objects if not is_hidden(one.name)]
    if not files:
        raise InputError(f"no {_PATTERN} in {address}; give the products")
    return [Place.at(file) for file in sorted(files, key=lambda file: file.name)]


def open_product(place: Place) -> SourceProduct:
    """Read the metadata of a product from its temperature raster; raise UnreadableError if it is not a product."""
    try:
        with open_raster(place, "product", InputError) as dataset:
            tags, grid = dataset.tags(), Grid.of(dataset)
            _require_product(place, tags, dataset.descriptions[0] or "")
    except LstRasterError as error:
        raise UnreadableError(str(error), place) from error
    uncertainty, quality = (_companion(place, SUFFIXES[kind]) for kind in ("uncertainty", "quality"))
    return SourceProduct(place=place, grid=grid, tags=tags, uncertainty=uncertainty, quality=quality)


def _require_product(place: Place, tags: Mapping[str, str], description: str) -> None:
    if COMPOSITE_TAG in tags:
        raise InputError(f"{place} is a composite ({tags[COMPOSITE_TAG]}); give its source products")
    if "lst_raster_version" not in tags:
        raise InputError(f"{place} is not a product of lst-raster: it has no tag lst_raster_version; leave it out")
    if description != _DESCRIPTION:
        raise InputError(f"{place} has {description or 'another quantity'}; give the {_DESCRIPTION}, {_PATTERN}")


def _companion(place: Place, suffix: str) -> Place | None:
    """Another raster of the same product, None if missing."""
    stem = Path(place.name).stem
    if place.remote is None:
        path = place.disk.with_name(stem + suffix)
        return Place(disk=path) if path.is_file() else None
    address = place.remote.sibling(stem + suffix)
    try:
        fetch(address, 0, 1)
    except (InputNotFoundError, RemoteAccessError):
        return None
    return Place.at(address)


def group_by_overpass(products: Sequence[SourceProduct]) -> list[list[SourceProduct]]:
    """Group products of one overpass, which are overlapping scenes of one path.

    Products of one overpass have the same sensor band and date, and, where known, times at most half an hour apart.
    Groups are sorted by date, products in a group by name; products without a date are last, one per group.
    """
    overpasses: list[list[SourceProduct]] = []
    for product in sorted(products, key=_sort_key):
        if overpasses and _is_same_overpass(overpasses[-1][-1], product):
            overpasses[-1].append(product)
        else:
            overpasses.append([product])
    return overpasses


def _sort_key(product: SourceProduct) -> tuple[str, str, str, str]:
    date = product.date
    clock = str(date.time or "") if date else ""
    return str(date or "~"), product.tags.get("sensor", ""), clock, product.name


def _is_same_overpass(a: SourceProduct, b: SourceProduct) -> bool:
    one, other = a.date, b.date
    if one is None or other is None or one.month_only or other.month_only:
        return False
    if one.date != other.date or a.tags.get("sensor") != b.tags.get("sensor"):
        return False
    if one.moment is None or other.moment is None:
        return True
    return abs(one.moment - other.moment) <= _SAME_OVERPASS
