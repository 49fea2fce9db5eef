"""What is shown: the rasters of a product, found from whatever a user names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lst_raster.engine.checking.product_set import file_names, find_product
from lst_raster.engine.product.files import ITEM
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.scene.bundle import Place

_TIFF = (".tif", ".tiff")
_LST = re.compile(r"(_LST|_ST_B10|_ST_B6)\.tiff?$", re.IGNORECASE)
_OTHERS = re.compile(r"(_UNC|_UNC_IND|_QA|_COUNT)\.tiff?$", re.IGNORECASE)
_BESIDE = ("uncertainty", "quality")
_USGS = re.compile(r"_ST_B(?:10|6)(?=\.tiff?$)", re.IGNORECASE)
_SHOWN = 3  # names in a message


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The rasters of a product that a preview shows."""

    lst: Place
    """The temperature."""
    beside: Mapping[str, Place]
    """By role what is there, on a server what may be there: ``uncertainty`` and ``quality`` of a product of ours, and
    ``scene_quality``, the quality band QA_PIXEL, of one of the USGS."""

    @property
    def stem(self) -> str:
        """The temperature's name without its ending."""
        return Path(self.lst.name).stem


def find_subject(product: str | Path) -> Subject:
    """Find the rasters of a product.

    Parameters
    ----------
    product : str or path
        The temperature of a product or a composite, its STAC item, another raster of surface temperature, or the folder
        that holds one of them; or the ``https``, ``http`` or ``s3`` address of a raster.

    Returns
    -------
    Subject
        The rasters.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        The folder holds none, or several.
    """
    place = Place.of(product)
    if place.remote is not None:
        names = _names(place.name)
        return Subject(lst=place, beside={role: Place.at(place.remote.sibling(name)) for role, name in names.items()})
    path = _in_folder(place.disk) if place.disk.is_dir() else place.disk
    if path.suffix.lower() not in (*_TIFF, ITEM):  # GDAL reads more than GeoTIFFs, and says what it cannot
        return Subject(lst=Place(disk=path), beside={})
    found = find_product(path)
    usual = {role: found.lst.with_name(name) for role, name in _names(found.lst.name).items()}
    files = {role: found.rasters.get(role, own) for role, own in usual.items()}
    beside = {role: Place(disk=own) for role, own in files.items() if own.is_file()}
    return Subject(lst=Place(disk=found.lst), beside=beside)


def _names(name: str) -> dict[str, str]:
    """Names of the files beside a temperature, by role."""
    if _USGS.search(name):
        return {"scene_quality": _USGS.sub("_QA_PIXEL", name)}
    return {role: own for role, own in file_names(name).items() if role in _BESIDE}


def _in_folder(folder: Path) -> Path:
    """Find the one temperature in a folder: by its STAC item, else by its name, else because there is no other."""
    rasters = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TIFF and path.is_file())
    own = [path for path in rasters if not _OTHERS.search(path.name)]
    with_items = [path for path in own if path.with_suffix(ITEM).is_file()]
    found = with_items or [path for path in own if _LST.search(path.name)] or (own if len(own) == 1 else [])
    if not found:
        count = f"{len(own)} rasters, and none has the name of a product" if own else "no raster"
        raise InputNotFoundError(f"folder {folder} holds no product: it has {count}; give the raster itself")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InputError(f"folder {folder} holds several rasters: {names}{more}; give one of them")
    return found[0]
