"""Rasters of several bands: each named band is a file of a scene."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from lst_raster.errors import SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Bundle, Place
from lst_raster.io.landsat import file_stem
from lst_raster.io.raster import open_bands
from lst_raster.sensors.bands import thermal_files

RASTERS = (".tif", ".tiff", ".vrt")
"""Endings of the names of rasters."""
_WITH_BAND = re.compile(r"(?P<path>.+\.(?:tiff?|vrt)):(?P<band>[^:/\\]+)", re.IGNORECASE)
_BEFORE = r"(?:.*[_ .\-])?"  # name of the image, or number in an image of several dates
_TERM = re.compile(
    rf"{_BEFORE}(QA_PIXEL|QA_RADSAT|BQA|ST_(?:[DTU]RAD|ATRAN|EMIS|EMSD|CDIST|QA|B\d+)|(?:SR|TOA|BT)_B\d+)",
    re.IGNORECASE,
)
_BAND = re.compile(rf"(?:{_BEFORE}(?:BAND|B)[_ ]?)?(\d{{1,2}})(?:_?VCID_?([12]))?", re.IGNORECASE)
_BY_STAC_KEY = {file.stac_key: suffix for suffix, file in thermal_files().items()}
_SHOWN = 20  # bands in a message


def split_band(path: str | Location | Place, band: str | None = None) -> tuple[str | Location | Place, str | None]:
    """Split a path such as ``scene.tif:B10`` into that of the raster and the band; other paths have the given `band`.

    Raises SceneError for different bands in both.

    Examples
    --------
    >>> split_band("in/scene.tif:B10"), split_band("in/scene.tif")
    (('in/scene.tif', 'B10'), ('in/scene.tif', None))
    """
    found = _WITH_BAND.fullmatch(str(path)) if isinstance(path, str | Path) else None
    if found is None or Path(str(path)).exists():
        return path, band
    if band not in (None, found["band"]):
        raise SceneError(f"--band is {band}, but the path ends in :{found['band']}; leave out one")
    return found["path"], found["band"]


def band_suffix(description: str | None) -> str | None:
    """Suffix of the file of a band by its description, such as ``B10`` or ``QA_PIXEL``; None for other descriptions.

    Examples
    --------
    >>> [band_suffix(text) for text in ("B10", "Band 6", "0_ST_TRAD", "lwir11", "6_VCID_1", "NDVI")]
    ['B10', 'B6', 'ST_TRAD', 'B10', 'B6_VCID_1', None]
    """
    text = (description or "").strip()
    if term := _TERM.fullmatch(text):
        return term[1].upper()
    if band := _BAND.fullmatch(text):
        return f"B{int(band[1])}" + (f"_VCID_{band[2]}" if band[2] else "")
    return _BY_STAC_KEY.get(text.lower())


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Bands of one raster, in its order."""

    place: Place  # the raster
    descriptions: tuple[str | None, ...]  # texts of the bands, None where missing
    types: tuple[str, ...]  # their data types

    @property
    def stem(self) -> str:
        """Name of the raster without its ending."""
        return Path(self.place.name).stem

    @property
    def suffixes(self) -> list[str | None]:
        """Suffix of each band, None where its description has none."""
        return [band_suffix(text) for text in self.descriptions]

    @property
    def listed(self) -> str:
        """Bands for messages."""
        names = [
            f"{number} {text or 'without a name'} ({kind})"
            for number, (text, kind) in enumerate(zip(self.descriptions, self.types, strict=True), start=1)
        ]
        return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")

    def find(self, band: str) -> int:
        """Number of a band, counted from 1, by its description, its name, or the number itself; SceneError for none."""
        wanted = band.strip()
        same = [number for number, text in enumerate(self.descriptions, 1) if (text or "").lower() == wanted.lower()]
        suffix = band_suffix(wanted)
        same = same or [number for number, found in enumerate(self.suffixes, 1) if found and found == suffix]
        if suffix == "B6" and not same:
            same = [number for number, found in enumerate(self.suffixes, 1) if found == "B6_VCID_1"]
        if not same and wanted.isdecimal() and 1 <= int(wanted) <= len(self.descriptions):
            return int(wanted)
        if not same:
            raise SceneError(f"{self.place.name} has no band {band}; it has {self.listed}: give one with --band")
        self._require_one(same, band)
        return same[0]

    def bundle(self, chosen: int | None = None, suffix: str | None = None) -> Bundle:
        """Bands as files, by the names ``<stem>_<suffix>.tif``; the chosen one has the given suffix.

        SceneError for several bands of the same name, except that of the chosen one.
        """
        suffixes = dict(enumerate(self.suffixes, start=1))
        if chosen is not None:
            suffixes = {number: known for number, known in suffixes.items() if known != suffix} | {chosen: suffix}
        known = {number: name for number, name in suffixes.items() if name is not None}
        for name, count in Counter(known.values()).items():
            if count > 1:
                self._require_one([number for number, other in known.items() if other == name], name)
        places = {}
        for number, name in known.items():
            title = f"{file_stem(self.stem, name)}.tif"
            places[title.lower()] = replace(self.place, band=number, title=title)
        return Bundle(path=self.place.location, places=places)

    def _require_one(self, numbers: list[int], band: str) -> None:
        if len(numbers) > 1:
            raise SceneError(
                f"{self.place.name} has {len(numbers)} bands named {band} ({', '.join(map(str, numbers))}); give a "
                "raster of one date"
            )


def read_stack(place: Place) -> Stack | None:
    """Read the bands of a raster; None for one band whose description is no name of a band.

    Raises InputNotFoundError, SceneError or RemoteError as `open_raster`.
    """
    with open_bands(place, "scene", SceneError) as dataset:
        descriptions, types = dataset.descriptions, dataset.dtypes
    if len(types) == 1 and band_suffix(descriptions[0]) is None:
        return None
    return Stack(place=place, descriptions=descriptions, types=types)
