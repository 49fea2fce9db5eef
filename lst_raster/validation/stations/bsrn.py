"""Monthly station-to-archive files of the Baseline Surface Radiation Network."""

from __future__ import annotations

import calendar
import datetime
import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.reading import reading
from lst_raster.validation.stations.records import Float, StationFile, StationRecords, year_of

_NAME = re.compile(r"(?:.*[^a-z0-9])?([a-z0-9]{3})(\d{2})(\d{2})\.dat(?:\.gz)?", re.IGNORECASE)
_HEADING = re.compile(r"\*[CU](\d{4})")  # of a logical record
_SITE, _BASIC, _OTHER = "0004", "0100", "0300"  # logical records: site, basic and other measurements
_COORDINATES = 5  # line of the coordinates in the record of the site
_NUMBERS = {_BASIC: 21, _OTHER: 14}  # of a minute; those of `_BASIC` are in two lines
# Record and number of each quantity in a minute, smallest valid value, factor and offset to our units
_QUANTITIES = {
    "downwelling": (_BASIC, 14, 0.0, 0.0),  # [W m-2]
    "air_temperature": (_BASIC, 18, -99.0, 273.15),  # degrees Celsius to [K]
    "surface_pressure": (_BASIC, 20, 0.0, 0.0),  # [hPa]
    "upwelling": (_OTHER, 6, 0.0, 0.0),  # [W m-2]
}


def bsrn_files(paths: Iterable[Path]) -> Iterator[StationFile]:
    """Monthly files among others, by the names of the archive, ``sssmmyy.dat`` or ``.dat.gz``: station, month, year."""
    for path in paths:
        found = _NAME.fullmatch(path.name)
        if found is None or not 1 <= int(found[2]) <= 12:
            continue
        first = datetime.date(year_of(found[3]), int(found[2]), 1)
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
        names = (found[1].lower(),)
        yield StationFile(path=path, network="BSRN", names=names, first=first, last=last, read=read_bsrn)


def read_bsrn(path: Path) -> StationRecords:
    """Read the downwelling longwave irradiance of record LR0100 and the upwelling one of LR0300.

    The upwelling irradiance is missing without LR0300, which many stations do not have. Raises InputError where the
    file is of another kind or damaged.

    References
    ----------
    G. König-Langlo et al., The Baseline Surface Radiation Network and its World Radiation Monitoring Centre at the
    Alfred Wegener Institute, GCOS-174, WCRP Report 24/2013, annex
    """
    found = _NAME.fullmatch(path.name)
    with reading(f"{path.name} is not a station-to-archive file of BSRN, or damaged", "download it again"):
        if found is None:
            raise InputError(f"{path.name} is not named as a file of BSRN, such as pay0616.dat; rename it")
        month = np.datetime64(f"{year_of(found[3])}-{int(found[2]):02d}", "s").astype(float)
        raw = path.read_bytes()
        records = _records((gzip.decompress(raw) if path.suffix.lower() == ".gz" else raw).decode("latin-1"))
        latitude, longitude, elevation = (float(text) for text in records[_SITE][_COORDINATES].split()[:3])
        tables = {_BASIC: _table(records[_BASIC], _BASIC), _OTHER: _table(records.get(_OTHER, []), _OTHER)}
    times = {name: month + 86400.0 * (table[:, 0] - 1.0) + 60.0 * table[:, 1] for name, table in tables.items()}
    seconds = np.unique(np.concatenate(list(times.values())))
    values = {}
    for quantity, (name, number, lowest, offset) in _QUANTITIES.items():
        column = tables[name][:, number]
        values[quantity] = np.full(seconds.shape, np.nan)
        values[quantity][np.searchsorted(seconds, times[name])] = np.where(column > lowest, column + offset, np.nan)
    return StationRecords(
        latitude=latitude - 90.0, longitude=longitude - 180.0,  # the files count from the south pole and from 180 W
        elevation=elevation, seconds=seconds, values=values,
    )  # fmt: skip


def _records(text: str) -> dict[str, list[str]]:
    """Lines of the logical records by number."""
    records: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is None:
            lines.append(line)
        else:
            lines = records[heading[1]] = []
    return records


def _table(lines: list[str], name: str) -> Float:
    """Numbers of a record of measurements, one row per minute: day, minute, and the measurements."""
    numbers = np.array(" ".join(lines).split(), dtype=np.float64)
    return numbers.reshape(-1, _NUMBERS[name])
