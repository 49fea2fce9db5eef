"""Metadata file of a Landsat product: `*_MTL.txt`, `.xml` or `.json`, of Collections 1 and 2 and earlier."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree

from lst_raster.errors import SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place

_ENTRY = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")
_ROOTS = ("LANDSAT_METADATA_FILE", "L1_METADATA_FILE")  # of Collection 2, and before
_CORNERS = ("UL", "UR", "LL", "LR")
# Keys of files before 2012 and the present keys. A band's two digits are number and channel.
_OLD_KEYS = (
    (re.compile(r"ACQUISITION_DATE"), "DATE_ACQUIRED"),
    (re.compile(r"SCENE_CENTER_SCAN_TIME"), "SCENE_CENTER_TIME"),
    (re.compile(r"PRODUCT_(UL|UR|LL|LR)_CORNER_(LAT|LON)"), r"CORNER_\1_\2_PRODUCT"),
    (re.compile(r"BAND(\d)_FILE_NAME"), r"FILE_NAME_BAND_\1"),
    (re.compile(r"BAND6(\d)_FILE_NAME"), r"FILE_NAME_BAND_6_VCID_\1"),
    (re.compile(r"LMAX_BAND(\d)"), r"RADIANCE_MAXIMUM_BAND_\1"),
    (re.compile(r"LMAX_BAND6(\d)"), r"RADIANCE_MAXIMUM_BAND_6_VCID_\1"),
    (re.compile(r"LMIN_BAND(\d)"), r"RADIANCE_MINIMUM_BAND_\1"),
    (re.compile(r"LMIN_BAND6(\d)"), r"RADIANCE_MINIMUM_BAND_6_VCID_\1"),
    (re.compile(r"QCAL(MAX|MIN)_BAND(\d)"), r"QUANTIZE_CAL_\1_BAND_\2"),
    (re.compile(r"QCAL(MAX|MIN)_BAND6(\d)"), r"QUANTIZE_CAL_\1_BAND_6_VCID_\2"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mtl:
    """Entries of a metadata file, by key without regard to their groups."""

    path: Location  # the file; in an archive a path as if that were a folder
    location: Location | None = None  # the file, or the archive that contains it
    entries: dict[str, str]
    """Value of every key, without quotes; of a repeated key the first, which is the product's, not its parent's.

    Keys of files before 2012 are replaced by the present ones.
    """

    @classmethod
    def read(cls, place: Place | Path) -> Self:
        """Read a metadata file in any of its three formats; SceneError for other files and truncated ones."""
        place = Place(disk=place) if isinstance(place, Path) else place
        text = place.text().replace(b"\0", b"").decode("utf-8-sig", errors="replace").strip()
        if _is_truncated(text):
            raise SceneError(f"{place} is truncated: not all of its groups are closed; download it again")
        entries: dict[str, str] = {}
        for key, value in _entries(text):
            entries.setdefault(_new_key(key), value)
        if not entries:
            raise SceneError(f"{place} is not Landsat metadata (it has no GROUP of entries); replace or remove it")
        path = place.location if place.member is None else Path(str(place))
        return cls(path=path, location=place.location, entries=entries)

    @property
    def collection(self) -> int | None:
        """Number of the collection, None for older metadata."""
        number = self.entries.get("COLLECTION_NUMBER", "")
        return int(number) if number.isdecimal() else None

    def number(self, key: str) -> float | None:
        """Value of an entry as a number, None where missing; SceneError where it is not a finite number."""
        text = self.entries.get(key)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise SceneError(f"{self.path} has {key} = {text}, which is not a number; replace the file")
        return value

    def latitude(self) -> float | None:
        """Latitude of the product's centre, None where the corners are missing. [degree]"""
        corners = [self.number(f"CORNER_{corner}_LAT_PRODUCT") for corner in _CORNERS]
        known = [corner for corner in corners if corner is not None]
        return sum(known) / len(known) if known else None


def _is_truncated(text: str) -> bool:
    """Whether a text file lacks its end: a truncated number would be another number."""
    keys = [line.partition("=")[0].strip() for line in text.splitlines()]
    closed = "END" in keys or keys.count("GROUP") == keys.count("END_GROUP")
    return text[:1] not in ("{", "<") and not closed


def _new_key(key: str) -> str:
    return next((old.sub(new, key) for old, new in _OLD_KEYS if old.fullmatch(key)), key)


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values in the order of the file, none for other formats."""
    if text.startswith("{"):
        return _json_entries(text)
    return _xml_entries(text) if text.startswith("<") else _odl_entries(text)


def _odl_entries(text: str) -> Iterator[tuple[str, str]]:
    if "GROUP" not in text:
        return
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry and entry[1] not in ("GROUP", "END_GROUP"):
            yield entry[1], entry[2].strip('"')


def _json_entries(text: str) -> Iterator[tuple[str, str]]:
    try:
        root = json.loads(text)
    except ValueError:
        return
    for name in _ROOTS:
        yield from _leaves(root.get(name, {}))


def _leaves(group: Any) -> Iterator[tuple[str, str]]:
    for key, value in group.items() if isinstance(group, dict) else ():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield key, str(value)


def _xml_entries(text: str) -> Iterator[tuple[str, str]]:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return
    if root.tag in _ROOTS:
        yield from ((element.tag, (element.text or "").strip()) for element in root.iter() if len(element) == 0)
