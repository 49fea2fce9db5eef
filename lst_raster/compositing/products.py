"""The products that a composite is made of: found by name, looked at, and sorted."""

from __future__ import annotations

import datetime
import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lst_raster.errors import InputError, InputNotFoundError, LstRasterError, RemoteAccessError
from lst_raster.io.address import Address
from lst_raster.io.bundle import Place, is_hidden
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate
from lst_raster.io.raster import open_raster
from lst_raster.io.remote import fetch, list_objects
from lst_raster.product.paths import SUFFIXES, OutputForm, temperature_layer

COMPOSITE_TAG = "composite"
"""Metadata item that tells a composite from a product."""

_NAME = "*_LST.tif"
_BESIDE = re.compile(r"_(?:UNC|QA)(?=\.tiff?$)", re.IGNORECASE)
_DESCRIPTION = temperature_layer(OutputForm()).description
_SAME_OVERPASS = datetime.timedelta(minutes=30)  # a satellite is back at the same latitude after 99 minutes
_UNKNOWN = "unknown"


class UnreadableError(InputError):
    """A product that cannot be read, or is none."""

    def __init__(self, text: str, place: Place) -> None:
        super().__init__(text)
        self.place = place


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceProduct:
    """A product that goes into a composite."""

    place: Place
    """Its temperature."""
    grid: Grid
    """Where its pixels lie."""
    tags: Mapping[str, str]
    """Its metadata."""
    uncertainty: Place | None
    """Its uncertainty, None where it has none."""
    quality: Place | None
    """Its quality band, None where it has none."""

    @property
    def name(self) -> str:
        """Name of its file."""
        return self.place.name

    @property
    def date(self) -> AcquisitionDate | None:
        """Date on which its scene was taken, None where that is not known."""
        day, clock = self.tags.get("acquisition_date", _UNKNOWN), self.tags.get("acquisition_time", _UNKNOWN)
        return None if day == _UNKNOWN else AcquisitionDate.parse(day).with_time(day, clock)

    @property
    def rasters(self) -> list[Place]:
        """Its files."""
        return [place for place in (self.place, self.uncertainty, self.quality) if place is not None]


def find_products(given: str | Path | Sequence[str | Path]) -> list[Place]:
    """Find products by what a user names.

    Parameters
    ----------
    given : str, path, or sequence of them
        Products, folders (``*_LST.tif`` in them), patterns such as ``2015*/*_LST.tif``, or addresses of products on
        servers; of an object store also folders.

    Returns
    -------
    list of Place
        Each product once, in the order given, those of a folder or a pattern by name. Uncertainties and quality bands
        beside products that are named too are left out.

    Raises
    ------
    InputNotFoundError
        A pattern fits nothing.
    InputError
        Nothing is given, or a folder holds no product.
    RemoteError
        A folder of an object store cannot be listed.
    """
    texts = [given] if isinstance(given, str | Path) else given
    places = [place for text in texts for place in _places(str(text))]
    named = {str(place) for place in places}
    chosen = [place for place in places if _BESIDE.sub("", str(place)) not in named - {str(place)}]
    if not chosen:
        raise InputError("no products are given; give *_LST.tif files, folders or patterns")
    return list({_key(place): place for place in reversed(chosen)}.values())[::-1]


def _places(text: str) -> list[Place]:
    address = Address.parse(text)
    if address is not None:
        return _remote(address)
    path = Path(text)
    if path.is_dir():
        return _some(
            [file for file in path.glob(_NAME) if not is_hidden(file.name)],
            f"folder {path} holds no {_NAME}; name the products",
        )
    if path.exists() or not glob.has_magic(text):
        return [Place(disk=path)]
    found = [Path(name) for name in glob.glob(text, recursive=True)]  # noqa: PTH207  # it may begin anywhere
    if not found:
        raise InputNotFoundError(f"no file fits {text}; check the pattern")
    return _some(found, "")


def _remote(address: Address) -> list[Place]:
    if not address.is_object or Path(address.name).suffix:
        return [Place.at(address)]
    files = [
        file for file in list_objects(address.inside()) if Path(file.name).match(_NAME) and not is_hidden(file.name)
    ]
    if not files:
        raise InputError(f"{address} holds no {_NAME}; name the products")
    return [Place.at(file) for file in sorted(files, key=lambda file: file.name)]


def _some(paths: Iterable[Path], complaint: str) -> list[Place]:
    places = [Place(disk=path) for path in sorted(paths)]
    if not places:
        raise InputError(complaint)
    return places


def _key(place: Place) -> str:
    return place.remote.url if place.remote else str(place.disk.resolve())


def look_at(place: Place) -> SourceProduct:
    """Look at a product.

    Parameters
    ----------
    place : Place
        The file of its temperature.

    Returns
    -------
    SourceProduct
        What is known of it without reading its pixels.

    Raises
    ------
    UnreadableError
        It does not exist, cannot be read, or is no product; the message names it.
    """
    try:
        with open_raster(place, "product", InputError) as dataset:
            tags, grid = dataset.tags(), Grid.of(dataset)
            _require_product(place, tags, dataset.descriptions[0] or "")
    except LstRasterError as error:
        raise UnreadableError(str(error), place) from error
    return SourceProduct(
        place=place, grid=grid, tags=tags, uncertainty=_beside(place, SUFFIXES["uncertainty"]),
        quality=_beside(place, SUFFIXES["quality"]),
    )  # fmt: skip


def _require_product(place: Place, tags: Mapping[str, str], description: str) -> None:
    if COMPOSITE_TAG in tags:
        raise InputError(f"{place} is a composite ({tags[COMPOSITE_TAG]}); give the products that it is made of")
    if "lst_raster_version" not in tags:
        raise InputError(f"{place} is no product of lst-raster: it has no item lst_raster_version; leave it out")
    if description != _DESCRIPTION:
        raise InputError(f"{place} holds {description or 'something else'}; give the {_DESCRIPTION}, {_NAME}")


def _beside(place: Place, suffix: str) -> Place | None:
    """File of the same product, None where there is none."""
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


def by_overpass(products: Sequence[SourceProduct]) -> list[list[int]]:
    """Put products of one overpass together: scenes beside each other in a path, which overlap, and see the same.

    Parameters
    ----------
    products : sequence of SourceProduct
        The products.

    Returns
    -------
    list of list of int
        For each overpass the places of its products in the sequence: of one sensor band and date, and, where the time
        is known, of times at most half an hour apart. By date, and by name within it; those without a date come last,
        each by itself.
    """
    order = sorted(range(len(products)), key=lambda place: _moment(products[place]))
    passes: list[list[int]] = []
    for place in order:
        if passes and _is_same(products[passes[-1][-1]], products[place]):
            passes[-1].append(place)
        else:
            passes.append([place])
    return passes


def _moment(product: SourceProduct) -> tuple[str, str, str, str]:
    date = product.date
    clock = str(date.time or "") if date else ""
    return str(date or "~"), product.tags.get("sensor", ""), clock, product.name


def _is_same(a: SourceProduct, b: SourceProduct) -> bool:
    one, other = a.date, b.date
    if one is None or other is None or one.month_only or other.month_only:
        return False
    if one.date != other.date or a.tags.get("sensor") != b.tags.get("sensor"):
        return False
    if one.moment is None or other.moment is None:
        return True
    return abs(one.moment - other.moment) <= _SAME_OVERPASS
