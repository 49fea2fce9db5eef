"""Source products of a composite: search, metadata, selection by date, and grouping by overpass."""

from __future__ import annotations

import calendar
import datetime
import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from lst_raster.errors import InputError, InputNotFoundError, LstRasterError, RemoteAccessError
from lst_raster.io.address import Address
from lst_raster.io.bundle import Place, is_hidden
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate
from lst_raster.io.raster import open_raster
from lst_raster.io.remote import fetch, list_objects
from lst_raster.product.paths import COMPONENTS, COMPONENTS_TAG, SUFFIXES, OutputFormat, temperature_layer

COMPOSITE_TAG = "composite"
"""Metadata item that only composites have."""

_PATTERN = "*_LST.tif"
_COMPANION = re.compile(r"_(?:UNC(?:_(?:RAN|ATM|SFC|SYS))?|QA|[VS][ZA]A)(?=\.tiff?$)", re.IGNORECASE)
_DESCRIPTION = temperature_layer(OutputFormat()).description
_SAME_OVERPASS = datetime.timedelta(minutes=30)  # an orbit takes 99 minutes


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
    components: Mapping[str, Place] = field(default_factory=dict)
    """Rasters of the components of the uncertainty by role (`COMPONENTS`); empty if one is missing."""
    missing_components: tuple[str, ...] = ()  # names of component rasters that are missing, if there are others

    @property
    def name(self) -> str:
        """File name."""
        return self.place.name

    @property
    def date(self) -> AcquisitionDate | None:
        """Date of acquisition, None if unknown."""
        day = self.tags.get("acquisition_date", "unknown")
        clock = self.tags.get("acquisition_time")
        return None if day == "unknown" else AcquisitionDate.parse(day).with_time(day, clock)

    @property
    def rasters(self) -> list[Place]:
        """All rasters of the product."""
        places = (self.place, self.uncertainty, self.quality, *self.components.values())
        return [place for place in places if place is not None]


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
            tags, grid, content = dataset.tags(), Grid.of(dataset), dataset.descriptions[0]
        if COMPOSITE_TAG in tags:
            raise InputError(f"{place} is a composite ({tags[COMPOSITE_TAG]}); give its source products")
        if "lst_raster_version" not in tags:
            raise InputError(f"{place} is not a product of lst-raster: it has no tag lst_raster_version; leave it out")
        if content != _DESCRIPTION:
            raise InputError(f"{place} has {content or 'another quantity'}; give the {_DESCRIPTION}, {_PATTERN}")
    except LstRasterError as error:
        raise UnreadableError(str(error), place) from error
    uncertainty, quality = (_companion(place, SUFFIXES[kind]) for kind in ("uncertainty", "quality"))
    searched = COMPONENTS if place.remote is None or COMPONENTS_TAG in tags else ()
    components = {role: _companion(place, SUFFIXES[role]) for role in searched}
    found = {role: raster for role, raster in components.items() if raster is not None}
    missing = [f"{Path(place.name).stem}{SUFFIXES[role]}" for role in COMPONENTS if role not in found]
    return SourceProduct(
        place=place, grid=grid, tags=tags, uncertainty=uncertainty, quality=quality,
        components={} if missing else found, missing_components=tuple(missing) if found else (),
    )  # fmt: skip


def open_products(
    sources: str | Path | Sequence[str | Path], *, skip_unreadable: bool
) -> tuple[list[SourceProduct], list[str]]:
    """Find products and read their metadata; returns also warnings of those that cannot be read and are skipped.

    Raise the errors of `find_products`, UnreadableError unless `skip_unreadable`, and InputError if none is left.
    """
    opened, warnings = [], []
    for place in find_products(sources):
        try:
            opened.append(open_product(place))
        except UnreadableError as error:
            if not skip_unreadable:
                raise
            warnings.append(f"skipped: {error}")
    if not opened:
        raise InputError("none of the products can be read: " + "; ".join(warnings))
    return opened, warnings


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

    def key(product: SourceProduct) -> tuple[str, str, str, str]:
        clock = str(product.date.time or "") if product.date else ""
        return str(product.date or "~"), product.tags.get("sensor", ""), clock, product.name

    overpasses: list[list[SourceProduct]] = []
    for product in sorted(products, key=key):
        if overpasses and _is_same_overpass(overpasses[-1][-1], product):
            overpasses[-1].append(product)
        else:
            overpasses.append([product])
    return overpasses


def _is_same_overpass(a: SourceProduct, b: SourceProduct) -> bool:
    one, other = a.date, b.date
    if one is None or other is None or one.month_only or other.month_only:
        return False
    if one.date != other.date or a.tags.get("sensor") != b.tags.get("sensor"):
        return False
    if one.moment is None or other.moment is None:
        return True
    return abs(one.moment - other.moment) <= _SAME_OVERPASS


_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MONTHS = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Season:
    """A range of days and a set of months."""

    first: datetime.date | None = None  # None for no limit
    last: datetime.date | None = None  # None for no limit
    months: frozenset[int] = frozenset()  # 1 to 12; empty for all

    @classmethod
    def parse(
        cls, first: str | datetime.date | None, last: str | datetime.date | None, months: str | Iterable[int]
    ) -> Self:
        """Parse days, months or years (2015-06-01, 2015-06, 2015) and months (6,7,8 or 6-8 or 12-2).

        Raise InputError if a date or a month is invalid, or the last day is before the first.

        Examples
        --------
        >>> sorted(Season.parse("2015", "2016-02", "11-1").months)
        [1, 11, 12]
        """
        begin, end = _parse_day(first, is_last=False), _parse_day(last, is_last=True)
        if begin is not None and end is not None and begin > end:
            raise InputError(f"the first day, {begin}, is after the last, {end}; swap them")
        return cls(first=begin, last=end, months=frozenset(_parse_months(months)))

    def __str__(self) -> str:
        parts = [f"from {self.first}"] if self.first else []
        parts += [f"to {self.last}"] if self.last else []
        parts += ["months " + ", ".join(str(month) for month in sorted(self.months))] if self.months else []
        return ", ".join(parts) or "all dates"

    def includes(self, date: AcquisitionDate) -> bool:
        """Whether a date, or the whole month if only the month is known, is within the season."""
        begin = end = date.date
        if date.month_only:
            begin, end = begin.replace(day=1), end.replace(day=calendar.monthrange(end.year, end.month)[1])
        in_range = (self.first or begin) <= begin and end <= (self.last or end)
        return in_range and (not self.months or begin.month in self.months)

    def select(self, products: Sequence[SourceProduct]) -> list[SourceProduct]:
        """Select products by date; raise InputError if there are none, or a date is needed and unknown."""
        if self == Season():
            return list(products)
        selected = []
        for product in products:
            if product.date is None:
                raise InputError(f"{product.name} has no date, which is needed to select by season; leave it out")
            if self.includes(product.date):
                selected.append(product)
        if not selected:
            dates = sorted(str(product.date) for product in products)
            raise InputError(f"no product is within {self}; their dates are {dates[0]} to {dates[-1]}")
        return selected


def _parse_day(text: str | datetime.date | None, *, is_last: bool) -> datetime.date | None:
    """First or last day of a day, a month or a year."""
    if text is None or isinstance(text, datetime.date):
        return text
    match = _DAY.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError(text)
        year, month = int(match[1]), int(match[2] or (12 if is_last else 1))
        last_day = calendar.monthrange(year, month)[1]
        return datetime.date(year, month, int(match[3] or (last_day if is_last else 1)))
    except ValueError:  # also from calendar
        raise InputError(f"{text!r} is not a day, a month or a year; give 2015-06-01, 2015-06 or 2015") from None


def _parse_months(months: str | Iterable[int]) -> list[int]:
    numbers: list[int] = []
    for part in months.split(",") if isinstance(months, str) else map(str, months):
        match = _MONTHS.fullmatch(part.strip())
        if match is None:
            raise InputError(f"invalid months {months!r}; give 6,7,8 or 6-8 or 12-2")
        first, last = int(match[1]), int(match[2] or match[1])
        for month in (first, last):
            if month not in range(1, 13):
                raise InputError(f"invalid month {month}; give numbers from 1 to 12")
        numbers += [(first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1)]
    return numbers
