"""Landsat products: file names, dates, metadata files (`*_MTL.txt`, `.xml`, `.json`), sensors and calibration."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree

from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.physics.calibration import rescaling_from_limits
from lst_raster.sensors.bands import landsat_bands, sensor_band


class Level2ProductError(SceneError):
    """Level-2 product, or a file of one, in place of Level 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquisitionDate:
    """Day of acquisition of a scene, or only the month where the day is unknown."""

    date: datetime.date  # the day; the middle of the month where only the month is known
    month_only: bool = False  # whether the day is unknown
    time: datetime.time | None = None  # time of day, UTC, None where unknown

    @classmethod
    def parse(cls, text: str) -> AcquisitionDate:
        """Parse an ISO 8601 date, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``; InputError otherwise."""
        text = text.strip()
        found = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2})(?:[T ](.+))?)?", text)
        try:
            if found is None:
                raise ValueError("another form")
            year, month, day, clock = found.groups()
            date = datetime.date(int(year), int(month), int(day or 15))
            return cls(date=date, month_only=day is None, time=_time(clock) if clock else None)
        except ValueError:
            raise InputError(
                f"date {text!r} is not a day such as 2015-01-17, a month such as 2015-01, or a time such as "
                "2015-01-17T16:20"
            ) from None

    def with_time(self, day: str | None, clock: str | None) -> Self:
        """Add a time such as ``16:19:21.7917421Z`` from metadata of the same day; an existing time is kept."""
        if self.time is not None or self.month_only or clock is None or day != self.date.isoformat():
            return self
        try:
            return replace(self, time=_time(clock))
        except ValueError:
            return self

    @property
    def moment(self) -> datetime.datetime | None:
        """Date and time, UTC, None where the time is unknown."""
        return datetime.datetime.combine(self.date, self.time) if self.time is not None else None

    @property
    def day_of_year(self) -> int:
        """Day of the year, 1 to 366."""
        return self.date.timetuple().tm_yday

    @property
    def decimal_year(self) -> float:
        """Year with the fraction that has passed."""
        return self.date.year + (self.day_of_year - 0.5) / 366.0

    def __str__(self) -> str:
        return f"{self.date:%Y-%m}" if self.month_only else self.date.isoformat()


def _time(text: str) -> datetime.time:
    """Time of day, UTC, to the second; ValueError for other text."""
    found = re.fullmatch(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?Z?", text.strip())
    if found is None:
        raise ValueError("another form")
    hour, minute, second = (int(part) for part in found.groups("0"))
    return datetime.time(hour, minute, second)


_ENTRY = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")
_ROOTS = ("LANDSAT_METADATA_FILE", "L1_METADATA_FILE")  # of Collection 2, and before
# Keys of metadata files before 2012, and their current names. The two digits of a band are its number and channel.
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

    path: Location  # path of the file; for a file in an archive, the archive is treated as a folder
    location: Location | None = None  # the file, or the archive that contains it
    entries: dict[str, str]
    """Value of every key, without quotes; for a repeated key the first, that of the product, not of its parent.

    Keys of files before 2012 are replaced by their current names.
    """

    @classmethod
    def read(cls, place: Place | Path) -> Self:
        """Read a metadata file in any of its three formats; SceneError for other files and truncated ones."""
        place = Place(disk=place) if isinstance(place, Path) else place
        text = place.text().replace(b"\0", b"").decode("utf-8-sig", errors="replace").strip()
        keys = [line.partition("=")[0].strip() for line in text.splitlines()]
        is_closed = "END" in keys or keys.count("GROUP") == keys.count("END_GROUP")
        if text[:1] not in ("{", "<") and not is_closed:  # the file may end within a number
            raise SceneError(f"{place} is truncated: not all of its groups are closed; download it again")
        entries: dict[str, str] = {}
        for key, value in _entries(text):
            new = next((old.sub(new, key) for old, new in _OLD_KEYS if old.fullmatch(key)), key)
            entries.setdefault(new, value)
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

    def centre(self) -> tuple[float | None, float | None]:
        """Latitude and longitude of the product's centre, None where the corners are missing. [degree]"""
        latitudes, longitudes = self._corners("LAT"), self._corners("LON")
        # Longitudes relative to the first, as those of a product may be on both sides of 180 degrees
        offsets = [(longitude - longitudes[0] + 180.0) % 360.0 - 180.0 for longitude in longitudes]
        return (
            sum(latitudes) / len(latitudes) if latitudes else None,
            (longitudes[0] + sum(offsets) / len(offsets) + 180.0) % 360.0 - 180.0 if longitudes else None,
        )

    def _corners(self, which: str) -> list[float]:
        corners = [self.number(f"CORNER_{corner}_{which}_PRODUCT") for corner in ("UL", "UR", "LL", "LR")]
        return [corner for corner in corners if corner is not None]


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values of a metadata file in the order of the file, none for other formats."""
    try:
        if text.startswith("{"):
            root = json.loads(text)
            for name in _ROOTS:
                yield from _leaves(root.get(name, {}))
        elif text.startswith("<"):
            tree = ElementTree.fromstring(text)
            if tree.tag in _ROOTS:
                yield from ((element.tag, (element.text or "").strip()) for element in tree.iter() if not len(element))
        elif "GROUP" in text:
            for entry in filter(None, map(_ENTRY.match, text.splitlines())):
                if entry[1] not in ("GROUP", "END_GROUP"):
                    yield entry[1], entry[2].strip('"')
    except (ValueError, ElementTree.ParseError):
        return


def _leaves(group: Any) -> Iterator[tuple[str, str]]:
    for key, value in group.items() if isinstance(group, dict) else ():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield key, str(value)


# Names before 2012: satellite, for Landsat 7 the part of the product, path and row, date, band.
_OLD_NAME = re.compile(r"^L([457])([12]?)(\d{6}_\d{3})(\d{8})(?:_B(\d)(\d))?$", re.IGNORECASE)
_OLD_BANDS = {"B6": "60", "B6_VCID_1": "61", "B6_VCID_2": "62"}


def _parse_old_name(stem: str) -> FileName | None:
    """Parse a file's name of the form used before 2012, without its extension; None for other names."""
    found = _OLD_NAME.match(stem)
    date = _parse_date(found[4], "%Y%m%d") if found else None
    if found is None or date is None:
        return None
    satellite, part, place, day, number, channel = found.groups()
    suffixes = {digits: suffix for suffix, digits in _OLD_BANDS.items()}
    return FileName(
        stem=f"L{satellite}{'1' if part else ''}{place}{day}",  # that of the metadata file, for both parts
        band=suffixes.get(number + channel, f"B{number}") if number else None,
        satellite=int(satellite),
        date=date,
    )


def file_stem(stem: str, suffix: str) -> str:
    """Name, without extension, of a file of a scene, by the band's suffix such as ``B6`` or ``QA_PIXEL``."""
    band = re.fullmatch(r"B(\d)", suffix)
    digits = _OLD_BANDS.get(suffix) or (f"{band[1]}0" if band else None)
    if digits is None or _parse_old_name(stem) is None:
        return f"{stem}_{suffix}"
    is_second_part = stem[:2] == "L7" and digits in ("62", "70", "80")  # in files that begin with L72
    return f"{'L72' + stem[3:] if is_second_part else stem}_B{digits}"


LEVEL_2_TEMPERATURE = r"_ST_B\d+"
"""Pattern of the end of the file name of Level-2 surface temperature, without the extension."""
THERMAL_BANDS = landsat_bands()  # sensor bands by satellite and file suffix

_SUFFIX = re.compile(r"^(?P<stem>.+?)_(?P<kind>BT_)?(?P<band>B6_VCID_[12]|B\d{1,2})$", re.IGNORECASE)
_PRODUCT_ID = r"L[COTEM]\d\d_L1\w\w_\d{6}_\d{8}_\d{8}_\d\d_\w\w|L[COTEM]\d{14}[A-Z]{3}\d\d"
_DERIVED = re.compile(r"_(LST|ST|BT)(_|$)", re.IGNORECASE)  # derived from a band, not the band itself
_SATELLITE = re.compile(r"^(?:[12]_)*L[COTEM]0?(\d)(?=\d|_)", re.IGNORECASE)  # numbers of merged collections
_BAND = re.compile(r"(?:BAND|B)?_?(\d{1,2})(?:_?VCID_?([12]))?", re.IGNORECASE)
_LEVEL_2 = re.compile(r"(?:^|_)(L2S[PR]|S[TR]_B\d+|ST_(?:ATRAN|[DTU]RAD|EMIS|EMSD|CDIST|QA))(?:_|$)", re.IGNORECASE)
_COMPANION = re.compile(r"_(QA_PIXEL|QA_RADSAT|BQA|SAA|SZA|VAA|VZA)$", re.IGNORECASE)
_DATE = re.compile(r"(?:^|.*_)L\w\d\d_(?:[A-Z\d]{2,4}_)?\d{6}_(\d{8})(?:_|$)", re.IGNORECASE)
_OLD_DATE = re.compile(r"^L\w\d\d{6}(\d{7})")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileName:
    """Components of a file's name."""

    stem: str  # the name without its extension and the band's suffix
    band: str | None = None  # the band's suffix, for example ``B10`` or ``B6_VCID_1``; None where the name has none
    satellite: int | None = None  # number of the Landsat satellite, None where unknown
    date: AcquisitionDate | None = None  # day of acquisition, None where unknown
    before: str = ""  # text before the product's name in a renamed file, such as ``clip_``
    after: str = ""  # text after the band's suffix, such as ``_clipped_utm``
    kind: str = ""  # text before the band's suffix that names a quantity: ``BT_``, brightness temperature

    @property
    def product(self) -> str:
        """Name of the product, common to its files: the stem without `before` and `after`."""
        return self.stem.removeprefix(self.before).removesuffix(self.after)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Conversion of stored numbers to radiance, or to the quantity of a raster of measurements."""

    gain: float  # RADIANCE_MULT [W m-2 sr-1 um-1]
    offset: float  # RADIANCE_ADD [W m-2 sr-1 um-1]
    source: str  # name of the metadata file, or ``default``; for a measured raster its own name
    quantity: str = "digital numbers"
    """Quantity in the file; gain and offset convert digital numbers to radiance, other values to this quantity."""

    @property
    def step(self) -> float:
        """Radiance of one digital number, 0 for other quantities. [W m-2 sr-1 um-1]"""
        return self.gain if self.quantity == "digital numbers" else 0.0

    def __str__(self) -> str:
        if self.quantity != "digital numbers":
            scale = "" if (self.gain, self.offset) == (1.0, 0.0) else f" (scale {self.gain:g}, offset {self.offset:g})"
            return f"none: {self.quantity.replace('-', ' ')} was given{scale}"
        return f"gain {self.gain:.6g}, offset {self.offset:.6g} ({self.source})"


def read_file_name(path: Path, *, level_2: bool = False) -> FileName:
    """Parse the name of a file, which need not exist.

    Raises SceneError for the names of quality bands and angles, and of Level-2 files unless `level_2` allows them.
    """
    found = _LEVEL_2.search(path.stem)
    if found and not level_2:
        raise Level2ProductError(
            f"{path.name} is a Level-2 file (its name has {found[1]}), a surface temperature or a term of it; give the "
            "thermal band of the Level-1 product, or the whole Level-2 product or its *_ST_TRAD.TIF"
        )
    companion = _COMPANION.search(path.stem)
    if companion:
        raise SceneError(
            f"{path.name} holds a quality band or angles ({companion[1]}), not radiance; give the thermal band"
        )
    if known := read_edited_name(path) or _parse_old_name(path.stem):
        return known
    suffix = _SUFFIX.match(path.stem)
    satellite = _SATELLITE.match(path.stem)
    return FileName(
        stem=suffix["stem"] if suffix else path.stem,
        band=suffix["band"].upper() if suffix else None,
        satellite=int(satellite[1]) if satellite else None,
        date=_date(path.stem),
        kind=(suffix["kind"] or "").upper() if suffix else "",
    )


def read_edited_name(path: Path, product: str | None = None) -> FileName | None:
    """Parse the name of a band's file with text added before or after it, for example by clipping.

    `product` is the name of the expected product, by default any USGS product identifier. None for names without added
    text and for other names.
    """
    pattern = _PRODUCT_ID if product is None else re.escape(product)
    found = re.fullmatch(
        rf"(?P<before>(?:.*[_\-. ])?)(?P<product>{pattern})_(?P<band>B6_VCID_[12]|B\d{{1,2}})(?P<after>(?:[_\-. ].*)?)",
        path.stem,
        re.IGNORECASE,
    )
    if found is None or not (found["before"] or found["after"]) or _DERIVED.search(found["after"]):
        return None
    satellite = _SATELLITE.match(found["product"]) or _SATELLITE.match(path.stem)
    return FileName(
        stem=f"{found['before']}{found['product']}{found['after']}",
        band=found["band"].upper(),
        satellite=int(satellite[1]) if satellite else None,
        date=_date(f"{found['product']}_"),
        before=found["before"],
        after=found["after"],
    )


def _date(stem: str) -> AcquisitionDate | None:
    """Date in a product's name: ``LC08_L1TP_ppprrr_yyyymmdd_``, ``LC8ppprrryyyyddd``, ``LC08_ppprrr_yyyymmdd``."""
    found, old = _DATE.match(stem), _OLD_DATE.match(stem)
    if found:
        return _parse_date(found[1], "%Y%m%d")
    return _parse_date(old[1], "%Y%j") if old else None


def _parse_date(digits: str, form: str) -> AcquisitionDate | None:
    try:
        return AcquisitionDate(date=datetime.datetime.strptime(digits, form).date())
    except ValueError:
        return None  # digits that are not a date


def parse_band(text: str) -> str:
    """Parse a band's name in any usual spelling; SceneError for other text."""
    found = _BAND.fullmatch(text.strip())
    if found is None:
        raise SceneError(f"band {text!r} is not a valid band; give a band such as 10, 11, 6 or 6_VCID_2")
    return f"B{int(found[1])}" + (f"_VCID_{found[2]}" if found[2] else "")


def choose_bands(stem: str, satellite: int | None, sensor: str | None, band: str | None) -> list[str]:
    """Suffixes of the thermal bands that match the user's sensor band and band, the preferred first.

    `stem` is the name of the scene for messages, `satellite` its number from name and metadata, `band` as `parse_band`
    returns it. UnknownSensorError for an unknown satellite or one without a thermal band; SceneError for a band that is
    not thermal, or not that of the sensor band.
    """
    stated = _require_landsat(sensor) if sensor is not None else None
    if satellite is None and stated is not None:
        satellite = next(key for key, bands in THERMAL_BANDS.items() if stated in bands.values())
    bands = _bands_of(stem, satellite)
    matching = [key for key in bands if band in (None, key, key.partition("_")[0])]
    if not matching:
        options = " or ".join(key[1:] for key in bands)
        raise SceneError(f"band {band} of Landsat {satellite} is not thermal; give --band {options}")
    chosen = [key for key in matching if stated in (None, bands[key])]
    if not chosen:
        other = f"--band is {band}" if band else f"the metadata of {stem} are of Landsat {satellite}"
        raise SceneError(f"--sensor is {stated}, but {other}; correct one of them")
    return chosen


def find_sensor(name: FileName, mtl: Mtl | None, sensor: str | None) -> tuple[str, str]:
    """Sensor band of a file, such as ``landsat8-b10``, and its suffix in the metadata, such as ``B10``.

    Raises UnknownSensorError for an unknown sensor band, and SceneError for a band that is not thermal or if `sensor`
    contradicts the metadata.
    """
    satellite = satellite_of(mtl)
    if sensor is not None:
        sensor = _require_landsat(sensor)
        number, bands = next((key, bands) for key, bands in THERMAL_BANDS.items() if sensor in bands.values())
        if satellite not in (None, number):
            raise SceneError(
                f"--sensor is {sensor}, but the metadata of {name.stem} are of Landsat {satellite}; correct one of them"
            )
        suffixes = [band for band, value in bands.items() if value == sensor]
        if name.band is not None and name.satellite == number and name.band not in suffixes:
            raise SceneError(f"--sensor is {sensor}, but the file's name has {name.band}; correct one of them")
        return sensor, name.band if name.band in suffixes else suffixes[0]
    satellite = satellite or name.satellite
    bands = _bands_of(name.stem, satellite)
    band = name.band or (next(iter(bands)) if len(bands) == 1 else None)
    if band is None:
        raise SceneError(
            f"{name.stem} does not end in its band's name, such as _{next(iter(bands))}; add --band or --sensor"
        )
    if band not in bands:
        raise SceneError(
            f"band {band} of Landsat {satellite} is not thermal; give {' or '.join(f'_{key}' for key in bands)}"
        )
    return bands[band], band


def _require_landsat(sensor: str) -> str:
    """Return the name of a Landsat band; SceneError for a custom one: the quantity in its files must be specified."""
    band = sensor_band(sensor)
    if band.is_custom:
        known = ["radiance", "brightness-temperature", *(["digital-numbers"] if band.gain else [])]
        options = " or ".join(f"--quantity {name}" for name in known)
        raise SceneError(f"{band.name} is a custom sensor; specify the at-sensor quantity in the file: {options}")
    return band.name


def _bands_of(stem: str, satellite: int | None) -> Mapping[str, str]:
    if satellite is None:
        raise UnknownSensorError(f"no sensor in the name or the metadata of {stem}; add --sensor")
    if satellite not in THERMAL_BANDS:
        raise UnknownSensorError(
            f"{stem} is of Landsat {satellite}; supported are Landsat {', '.join(map(str, THERMAL_BANDS))}"
        )
    return THERMAL_BANDS[satellite]


def find_calibration(sensor: str, band: str, mtl: Mtl | None) -> Calibration:
    """Calibration of a band from the metadata, else the documented default of the sensor band.

    Raises SceneError where the metadata's gain or limits are not valid.
    """
    if mtl is not None:
        rescaling = _rescaling(mtl, f"BAND_{band[1:]}")
        if rescaling is not None:
            return Calibration(gain=rescaling[0], offset=rescaling[1], source=mtl.path.name)
    known = sensor_band(sensor)
    file = known.files.get(band)
    gain, offset = (file.gain, file.offset) if file else (known.gain, known.radiance_offset)
    return Calibration(gain=gain, offset=offset, source="default")


def _rescaling(mtl: Mtl, key: str) -> tuple[float, float] | None:
    """Gain and offset from the metadata, or from the radiance limits: metadata before 2012 contain only these."""
    gain, offset = mtl.number(f"RADIANCE_MULT_{key}"), mtl.number(f"RADIANCE_ADD_{key}")
    if gain is not None and offset is not None:
        if gain <= 0.0:
            raise SceneError(f"{mtl.path} has RADIANCE_MULT_{key} = {gain:g}, not positive; replace the file")
        return gain, offset
    high, low = mtl.number(f"RADIANCE_MAXIMUM_{key}"), mtl.number(f"RADIANCE_MINIMUM_{key}")
    largest, smallest = mtl.number(f"QUANTIZE_CAL_MAX_{key}"), mtl.number(f"QUANTIZE_CAL_MIN_{key}")
    if high is None or low is None or largest is None or smallest is None:
        return None
    if not (high > low and largest > smallest):
        raise SceneError(
            f"{mtl.path} has radiance {low:g} to {high:g} for values {smallest:g} to {largest:g} of {key}; "
            "expected increasing limits. Replace the file"
        )
    return rescaling_from_limits(low, high, smallest, largest)


def satellite_of(mtl: Mtl | None) -> int | None:
    """Find the number of the satellite in the metadata, ``LANDSAT_8`` or earlier ``Landsat8``; None where unknown."""
    spacecraft = mtl.entries.get("SPACECRAFT_ID", "") if mtl else ""
    found = re.fullmatch(r"landsat_?(\d)", spacecraft, re.IGNORECASE)
    return int(found[1]) if found else None
