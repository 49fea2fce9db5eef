"""Landsat product names, dates, sensors and calibration."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.io.mtl import Mtl
from lst_raster.physics.calibration import rescaling_from_limits
from lst_raster.sensors.bands import landsat_bands, sensor_band

_MIDDLE = 15  # day that stands for a month of which the day is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquisitionDate:
    """Day on which a scene was taken, or only the month where the day is not known."""

    date: datetime.date
    """The day; the middle of the month where only that is known."""
    month_only: bool = False
    """Whether the day is not known."""
    time: datetime.time | None = None
    """Time of the day, UTC, None where it is not known."""

    @classmethod
    def parse(cls, text: str) -> AcquisitionDate:
        """Read an ISO 8601 date, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``.

        Raises
        ------
        InputError
            The text is none of these.

        Examples
        --------
        >>> str(AcquisitionDate.parse("2015-01"))
        '2015-01'
        """
        text = text.strip()
        found = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2})(?:[T ](.+))?)?", text)
        try:
            if found is None:
                raise ValueError("another form")
            year, month, day, clock = found.groups()
            date = datetime.date(int(year), int(month), int(day or _MIDDLE))
            return cls(date=date, month_only=day is None, time=_time(clock) if clock else None)
        except ValueError:
            raise InputError(
                f"date {text!r} is not a day such as 2015-01-17 or a month such as 2015-01, "
                "nor a time such as 2015-01-17T16:20"
            ) from None

    def at(self, day: str | None, clock: str | None) -> Self:
        """Add the time of the day from a scene's metadata, if they are of this day and have one.

        Parameters
        ----------
        day, clock : str or None
            The metadata's day, and the time such as ``16:19:21.7917421Z``, UTC.
        """
        if self.time is not None or self.month_only or clock is None or day != self.date.isoformat():
            return self
        try:
            return replace(self, time=_time(clock))
        except ValueError:
            return self

    @property
    def moment(self) -> datetime.datetime | None:
        """Date and time, UTC, None where the time is not known."""
        return datetime.datetime.combine(self.date, self.time) if self.time is not None else None

    @property
    def day_of_year(self) -> int:
        """Day of the year, 1 to 366."""
        return self.date.timetuple().tm_yday

    def __str__(self) -> str:
        return f"{self.date:%Y-%m}" if self.month_only else self.date.isoformat()


def _time(text: str) -> datetime.time:
    """Time of the day, UTC, to the second.

    Raises
    ------
    ValueError
        The text is none.
    """
    found = re.fullmatch(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?Z?", text.strip())
    if found is None:
        raise ValueError("another form")
    hour, minute, second = (int(part) for part in found.groups("0"))
    return datetime.time(hour, minute, second)


# Satellite, for Landsat 7 the part of the product that a file belongs to, path and row, date, and band.
_NAME = re.compile(r"^L([457])([12]?)(\d{6}_\d{3})(\d{8})(?:_B(\d)(\d))?$", re.IGNORECASE)
_NUMBERS = {"B6": "60", "B6_VCID_1": "61", "B6_VCID_2": "62"}
_SECOND_PART = ("62", "70", "80")  # bands of Landsat 7 in files that begin with L72


@dataclass(frozen=True, kw_only=True, slots=True)
class OldName:
    """What such a name tells."""

    stem: str
    """Name of the scene: that of its metadata file, whatever part the band belongs to."""
    band: str | None
    """The band's suffix as newer products write it, ``B6`` or ``B6_VCID_1``; None where the name has none."""
    satellite: int
    """Number of the Landsat satellite."""
    date: datetime.date
    """Day of acquisition."""


def read_old_name(stem: str) -> OldName | None:
    """Read the name of a file, without its extension; None where it is not of that kind.

    Examples
    --------
    >>> found = read_old_name("L72092085_08520100315_B62")
    >>> found.stem, found.band, found.satellite
    ('L71092085_08520100315', 'B6_VCID_2', 7)
    """
    found = _NAME.match(stem)
    if found is None:
        return None
    satellite, part, place, day, number, channel = found.groups()
    try:
        date = datetime.datetime.strptime(day, "%Y%m%d").date()
    except ValueError:
        return None
    names = {digits: suffix for suffix, digits in _NUMBERS.items()}
    band = names.get(number + channel, f"B{number}") if number else None
    first = "1" if part else ""
    return OldName(stem=f"L{satellite}{first}{place}{day}", band=band, satellite=int(satellite), date=date)


def file_stems(stem: str, suffix: str) -> list[str]:
    """Names, without extension, that a file of a scene may have.

    Parameters
    ----------
    stem : str
        Name of the scene.
    suffix : str
        The band's suffix, for example ``B6`` or ``QA_PIXEL``.

    Examples
    --------
    >>> file_stems("LC08_x", "B10"), file_stems("L71092085_08520100315", "B6_VCID_2")
    (['LC08_x_B10'], ['L72092085_08520100315_B62'])
    """
    band = re.fullmatch(r"B(\d)", suffix)
    digits = _NUMBERS.get(suffix) or (f"{band[1]}0" if band else None)
    if digits is None or read_old_name(stem) is None:
        return [f"{stem}_{suffix}"]
    second = stem[:2] == "L7" and digits in _SECOND_PART
    return [f"{'L72' + stem[3:] if second else stem}_B{digits}"]


LEVEL_2_TEMPERATURE = r"_ST_B\d+"
"""Pattern of the end of a name of Level-2 surface temperature, without the extension."""
THERMAL_BANDS = landsat_bands()
"""Sensor band of every thermal band's file suffix, by satellite."""

_SUFFIX = re.compile(r"^(?P<stem>.+)_(?P<band>B6_VCID_[12]|B\d{1,2})$", re.IGNORECASE)
_PRODUCT_ID = r"L[COTEM]\d\d_L1\w\w_\d{6}_\d{8}_\d{8}_\d\d_\w\w|L[COTEM]\d{14}[A-Z]{3}\d\d"
_DERIVED = re.compile(r"_(LST|ST|BT)(_|$)", re.IGNORECASE)  # made of a band, and no longer the band
_SATELLITE = re.compile(r"^L[COTEM]0?(\d)(?=\d|_)", re.IGNORECASE)
_BAND = re.compile(r"(?:BAND|B)?_?(\d{1,2})(?:_?VCID_?([12]))?", re.IGNORECASE)
_LEVEL_2 = re.compile(r"(?:^|_)(L2S[PR]|S[TR]_B\d+|ST_(?:ATRAN|[DTU]RAD|EMIS|EMSD|CDIST|QA))(?:_|$)", re.IGNORECASE)
_COMPANION = re.compile(r"_(QA_PIXEL|QA_RADSAT|BQA|SAA|SZA|VAA|VZA)$", re.IGNORECASE)
_DATE = re.compile(r"^L\w\d\d_\w{4}_\d{6}_(\d{4})(\d\d)(\d\d)_")
_OLD_DATE = re.compile(r"^L\w\d\d{6}(\d{4})(\d{3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileName:
    """What the name of a file tells."""

    stem: str
    """The name without its extension and the band's suffix."""
    band: str | None
    """The band's suffix, for example ``B10`` or ``B6_VCID_1``; None where the name has none."""
    satellite: int | None
    """Number of the Landsat satellite, None where the name does not tell."""
    date: AcquisitionDate | None
    """Day of acquisition, None where the name does not tell."""
    before: str = ""
    """What stands before the product's name, where the file was renamed: ``clip_``."""
    after: str = ""
    """What stands behind the band's suffix, likewise: ``_clipped_utm``."""

    @property
    def product(self) -> str:
        """Name of the product, which its other files have: the stem without what was added to it."""
        return self.stem.removeprefix(self.before).removesuffix(self.after)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """How digital numbers become radiance."""

    gain: float
    """RADIANCE_MULT. [W m-2 sr-1 um-1]"""
    offset: float
    """RADIANCE_ADD. [W m-2 sr-1 um-1]"""
    source: str
    """Name of the metadata file, or ``default``; of a measured raster the file's own."""
    quantity: str = "digital numbers"
    """What the file holds; of another one gain and offset lead to that, not to radiance."""

    @property
    def step(self) -> float:
        """Radiance of one digital number, 0 where the file is not of digital numbers. [W m-2 sr-1 um-1]"""
        return self.gain if self.quantity == "digital numbers" else 0.0

    def __str__(self) -> str:
        if self.quantity != "digital numbers":
            scale = "" if (self.gain, self.offset) == (1.0, 0.0) else f" (scale {self.gain:g}, offset {self.offset:g})"
            return f"none: {self.quantity.replace('-', ' ')} was given{scale}"
        return f"gain {self.gain:.6g}, offset {self.offset:.6g} ({self.source})"


def read_file_name(path: Path, *, level_2: bool = False) -> FileName:
    """Read a file's name.

    Parameters
    ----------
    path : path
        The file; it need not exist.
    level_2 : bool
        Whether names of Level-2 files are read too.

    Raises
    ------
    SceneError
        The name is that of a Level-2 file, or of a quality band or angles.

    Examples
    --------
    >>> read_file_name(Path("LC08_alabama_B10.tif")).stem
    'LC08_alabama'
    """
    found = _LEVEL_2.search(path.stem)
    if found and not level_2:
        raise SceneError(
            f"{path.name} is a Level-2 file (its name has {found[1]}): its surface temperature is retrieved already; "
            "give the thermal band of the Level-1 product, or solve it again from its terms: --level-2"
        )
    companion = _COMPANION.search(path.stem)
    if companion:
        raise SceneError(
            f"{path.name} holds a quality band or angles ({companion[1]}), no radiance; give the thermal band beside it"
        )
    edited = read_edited_name(path)
    if edited is not None:
        return edited
    old = read_old_name(path.stem)
    if old is not None:
        date = AcquisitionDate(date=old.date)
        return FileName(stem=old.stem, band=old.band, satellite=old.satellite, date=date)
    suffix = _SUFFIX.match(path.stem)
    satellite = _SATELLITE.match(path.stem)
    return FileName(
        stem=suffix["stem"] if suffix else path.stem,
        band=suffix["band"].upper() if suffix else None,
        satellite=int(satellite[1]) if satellite else None,
        date=_date(path.stem),
    )


def read_edited_name(path: Path, product: str | None = None) -> FileName | None:
    """Read the name of a band's file to which something was added before or behind it, as clipping does.

    Parameters
    ----------
    path : path
        The file; it need not exist.
    product : str, optional
        Name of the product that is looked for; by default any identifier of the USGS.

    Returns
    -------
    FileName or None
        What the name tells, with the additions in the stem; None where nothing was added, or where it is another name.

    Examples
    --------
    >>> found = read_edited_name(Path("clip_LC08_alabama_B10_utm.tif"), "LC08_alabama")
    >>> found.stem, found.band, found.product
    ('clip_LC08_alabama_utm', 'B10', 'LC08_alabama')
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


def parse_band(text: str) -> str:
    """Read a band's name as users write it.

    Raises
    ------
    SceneError
        It is not a band's name.

    Examples
    --------
    >>> parse_band("10"), parse_band("6_VCID_2")
    ('B10', 'B6_VCID_2')
    """
    found = _BAND.fullmatch(text.strip())
    if found is None:
        raise SceneError(f"band {text!r} is not a band's name; give one such as 10, 11, 6 or 6_VCID_2")
    return f"B{int(found[1])}" + (f"_VCID_{found[2]}" if found[2] else "")


def choose_bands(stem: str, satellite: int | None, sensor: str | None, band: str | None) -> list[str]:
    """Suffixes of the thermal bands that are meant, the preferred first.

    Parameters
    ----------
    stem : str
        Name of the scene, for messages.
    satellite : int or None
        Number of the Landsat satellite, as far as name and metadata tell.
    sensor, band : str or None
        Sensor band that the user states, and band as `parse_band` gives it.

    Raises
    ------
    UnknownSensorError
        The satellite is not known, or not a Landsat with a thermal band.
    SceneError
        The band is not a thermal one of that satellite, or not the stated sensor's.
    """
    stated = sensor_band(sensor).name if sensor is not None else None
    if sensor is not None:
        _require_landsat(sensor)
    if satellite is None and stated is not None:
        satellite = next(key for key, bands in THERMAL_BANDS.items() if stated in bands.values())
    bands = _bands_of(stem, satellite)
    matching = [key for key in bands if band in (None, key, key.partition("_")[0])]
    if not matching:
        options = " or ".join(key[1:] for key in bands)
        raise SceneError(f"band {band} of Landsat {satellite} is not thermal; give --band {options}")
    chosen = [key for key in matching if stated in (None, bands[key])]
    if not chosen:
        against = f"--band {band}" if band else f"the metadata beside {stem} Landsat {satellite}"
        raise SceneError(f"--sensor says {stated}, {against}; correct one")
    return chosen


def find_sensor(name: FileName, mtl: Mtl | None, sensor: str | None) -> tuple[str, str]:
    """Sensor band of a file, and the suffix under which its constants stand in the metadata.

    Parameters
    ----------
    name : FileName
        What the file's name tells.
    mtl : Mtl or None
        The metadata beside the file.
    sensor : str or None
        What the user says.

    Returns
    -------
    tuple of str
        Sensor band such as ``landsat8-b10``, and suffix such as ``B10``.

    Raises
    ------
    UnknownSensorError
        The sensor band is not known, or neither name nor metadata tell it.
    SceneError
        The band is not thermal, or the user and the metadata contradict each other.
    """
    satellite = satellite_of(mtl)
    if sensor is not None:
        _require_landsat(sensor)
        return _stated_sensor(sensor_band(sensor).name, name, satellite)
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


def _require_landsat(sensor: str) -> None:
    """Refuse a sensor band of the user's own: what its files hold must be said."""
    band = sensor_band(sensor)
    if band.is_custom:
        known = ["radiance", "brightness-temperature", *(["digital-numbers"] if band.gain else [])]
        options = " or ".join(f"--quantity {name}" for name in known)
        raise SceneError(f"{band.name} is a sensor of your own; say what the file holds at the sensor: {options}")


def find_calibration(sensor: str, band: str, mtl: Mtl | None) -> Calibration:
    """Calibration of a band: from the metadata, or else the documented default.

    Parameters
    ----------
    sensor : str
        Sensor band, for example ``landsat8-b10``.
    band : str
        The band's suffix, for example ``B10``.
    mtl : Mtl or None
        The metadata beside the file.

    Raises
    ------
    SceneError
        The metadata's gain is not positive, or its limits are not two.
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
    """Gain and offset, as the metadata state them or by their limits, which is all that those before 2012 have."""
    gain, offset = mtl.number(f"RADIANCE_MULT_{key}"), mtl.number(f"RADIANCE_ADD_{key}")
    if gain is None or offset is None:
        high, low = mtl.number(f"RADIANCE_MAXIMUM_{key}"), mtl.number(f"RADIANCE_MINIMUM_{key}")
        largest, smallest = mtl.number(f"QUANTIZE_CAL_MAX_{key}"), mtl.number(f"QUANTIZE_CAL_MIN_{key}")
        if high is None or low is None or largest is None or smallest is None:
            return None
        if not (high > low and largest > smallest):
            raise SceneError(
                f"{mtl.path} has radiance {low:g} to {high:g} for values {smallest:g} to {largest:g} of {key}, "
                "which rise nowhere; replace the file"
            )
        return rescaling_from_limits(low, high, smallest, largest)
    if gain <= 0.0:
        raise SceneError(f"{mtl.path} has RADIANCE_MULT_{key} = {gain:g}, not positive; replace the file")
    return gain, offset


def largest_digital_number(sensor: str) -> int:
    """Digital number at which a Level-1 product of a sensor band saturates."""
    return sensor_band(sensor).largest_digital_number


def require_level_1(mtl: Mtl) -> None:
    """Refuse metadata of a Level-2 product.

    Raises
    ------
    SceneError
        The product is Level-2.
    """
    level = mtl.entries.get("PROCESSING_LEVEL", "")
    if level.upper().startswith("L2"):
        raise SceneError(
            f"{mtl.path.name} says {level}: the scene is a Level-2 product, its surface temperature is retrieved "
            "already; give the thermal band of the Level-1 product, or solve it again from its terms: --level-2"
        )


def satellite_of(mtl: Mtl | None) -> int | None:
    """Find the number of the satellite in the metadata, which writes ``LANDSAT_8`` and has written ``Landsat8``."""
    spacecraft = mtl.entries.get("SPACECRAFT_ID", "") if mtl else ""
    found = re.fullmatch(r"landsat_?(\d)", spacecraft, re.IGNORECASE)
    return int(found[1]) if found else None


def _bands_of(stem: str, satellite: int | None) -> Mapping[str, str]:
    if satellite is None:
        raise UnknownSensorError(f"the sensor of {stem} is told neither by its name nor by metadata; add --sensor")
    if satellite not in THERMAL_BANDS:
        raise UnknownSensorError(
            f"{stem} is of Landsat {satellite}; known are Landsat {', '.join(map(str, THERMAL_BANDS))}"
        )
    return THERMAL_BANDS[satellite]


def _stated_sensor(sensor: str, name: FileName, satellite: int | None) -> tuple[str, str]:
    """Take the user's word for the sensor, unless the metadata denies it."""
    number, bands = next((key, bands) for key, bands in THERMAL_BANDS.items() if sensor in bands.values())
    if satellite is not None and satellite != number:
        raise SceneError(f"--sensor says {sensor}, the metadata beside {name.stem} Landsat {satellite}; correct one")
    suffixes = [band for band, value in bands.items() if value == sensor]
    if name.band is not None and name.satellite == number and name.band not in suffixes:
        raise SceneError(f"--sensor says {sensor}, the file's name {name.band}; correct one")
    return sensor, name.band if name.band in suffixes else suffixes[0]


def _date(stem: str) -> AcquisitionDate | None:
    """Date in a product's name, ``LC08_L1TP_ppprrr_yyyymmdd_`` or ``LC8ppprrryyyyddd``."""
    try:
        if found := _DATE.match(stem):
            return AcquisitionDate(date=datetime.date(*(int(part) for part in found.groups())))
        if found := _OLD_DATE.match(stem):
            return AcquisitionDate(date=datetime.datetime.strptime("".join(found.groups()), "%Y%j").date())
    except ValueError:
        pass  # digits that only look like a date
    return None
