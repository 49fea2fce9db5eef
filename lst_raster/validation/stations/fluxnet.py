"""Half-hourly tables of FLUXNET, ICOS and AmeriFlux, and the tables of their sites."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.io.csv_table import read_csv
from lst_raster.validation.stations.records import Float, StationFile, StationRecords

_SITE = re.compile(r"(?:^|.*[^A-Za-z0-9])([A-Z]{2}-[A-Za-z0-9]{3})(?:[^A-Za-z0-9].*|$)")
_START, _END = "TIMESTAMP_START", "TIMESTAMP_END"  # YYYYMMDDHHMM in local standard time
_MISSING = -9990.0  # and below: -9999
# Names of the columns without and with gaps filled, factor and offset to our units
_QUANTITIES = {
    "upwelling": (("LW_OUT",), 1.0, 0.0),  # [W m-2]
    "downwelling": (("LW_IN", "LW_IN_F"), 1.0, 0.0),  # [W m-2]
    "air_temperature": (("TA", "TA_F"), 1.0, 273.15),  # degrees Celsius to [K]
    "surface_pressure": (("PA", "PA_F"), 10.0, 0.0),  # kPa to [hPa]
}
_INFORMATION = {
    "LOCATION_LAT": "latitude", "LOCATION_LONG": "longitude", "LOCATION_ELEV": "elevation", "UTC_OFFSET": "utc_offset",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteInformation:
    """Entries of a site in a table of sites (BIF, BADM); NaN or empty where there is none."""

    latitude: float = math.nan  # [degree north]
    longitude: float = math.nan  # [degree east]
    elevation: float = math.nan  # elevation above sea level [m]
    utc_offset: float = math.nan  # local standard time minus UTC [h]
    surface_type: str = ""  # class of IGBP


def fluxnet_files(paths: Iterable[Path]) -> Iterator[StationFile]:
    """Tables with outgoing longwave radiation among others, by header and the site in their names, such as US-NR1."""
    for path in paths:
        site = _SITE.fullmatch(path.stem)
        if path.suffix.lower() != ".csv" or site is None:
            continue
        header = _header(path)[0]
        if _column(header, _QUANTITIES["upwelling"][0]) is not None and {_START, _END} <= set(header):
            names = (site[1].lower(),)
            yield StationFile(path=path, network="FLUXNET", names=names, local_time=True, read=read_fluxnet)


def read_fluxnet(path: Path) -> StationRecords:
    """Read means of half an hour or an hour, at the middle of their period, in the local standard time of the file.

    Values are used where the column of their quality, ``..._QC``, is missing or 0 (measured). Of several sensors the
    first is used, ``..._1_1_1``. Raises InputError where the table is damaged.

    References
    ----------
    G. Pastorello et al., Scientific Data 7, 225 (2020), doi:10.1038/s41597-020-0534-3
    """
    header, lines = _header(path)
    chosen = {name: _column(header, titles) for name, (titles, _, _) in _QUANTITIES.items()}
    quality = {name: f"{title}_QC" for name, title in chosen.items() if f"{title}_QC" in header}
    titles = [_START, _END, *(title for title in chosen.values() if title), *quality.values()]
    try:
        with path.open(encoding="utf-8-sig") as file:
            if not any(line.strip() for line in islice(file, lines, None)):
                raise ValueError("no rows")
        table = np.loadtxt(
            path, delimiter=",", skiprows=lines, usecols=[header.index(title) for title in titles], ndmin=2,
            encoding="utf-8-sig", quotechar='"',
        )  # fmt: skip
        columns = dict(zip(titles, table.T, strict=True))
        start, end = _seconds(columns[_START]), _seconds(columns[_END])
        if (end <= start).any():
            raise ValueError("periods that end before they begin")
    except (ValueError, OverflowError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path.name} is not a table of FLUXNET, or damaged ({reason}); download it again") from None
    values = {}
    for name, title in chosen.items():
        if title is not None:
            _, factor, offset = _QUANTITIES[name]
            good = columns[title] > _MISSING
            if name in quality:
                good &= columns[quality[name]] == 0
            values[name] = np.where(good, factor * columns[title] + offset, np.nan)
    longest = float(np.median(end - start))
    return StationRecords(seconds=(start + end) / 2.0, values=values, longest_gap=longest)


def read_sites(paths: Iterable[Path]) -> dict[str, SiteInformation]:
    """Read the sites of tables with the columns SITE_ID, VARIABLE and DATAVALUE, by their names in lower case.

    An entry with several different values, such as a clock that was changed, is left out.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for path in paths:
        if path.suffix.lower() != ".csv" or not {"SITE_ID", "VARIABLE", "DATAVALUE"} <= set(_header(path)[0]):
            continue
        table = read_csv(path, "sites")
        columns = [table.header.index(title) for title in ("SITE_ID", "VARIABLE", "DATAVALUE")]
        for row in table.rows:
            site, variable, value = (row[column] for column in columns)
            found.setdefault(site.lower(), {}).setdefault(variable, set()).add(value)
    return {site: _information(entries) for site, entries in found.items()}


def _information(entries: dict[str, set[str]]) -> SiteInformation:
    single = {variable: next(iter(values)) for variable, values in entries.items() if len(values) == 1}
    numbers = {}
    for variable, name in _INFORMATION.items():
        try:
            numbers[name] = float(single.get(variable, "nan"))
        except ValueError:
            continue
    return SiteInformation(**numbers, surface_type=single.get("IGBP", ""))


def _header(path: Path) -> tuple[list[str], int]:
    """Titles of the columns of a table, and the number of lines up to them; lines with # stand before them."""
    lines = 0
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            lines += 1
            if line.strip() and not line.startswith("#"):
                return [title.strip().strip('"') for title in line.split(",")], lines
    return [], lines


def _column(header: Sequence[str], titles: Sequence[str]) -> str | None:
    """Title of a quantity's column: as it is, else that of the first sensor (horizontal, vertical, replicate)."""
    for title in titles:
        sensors = sorted(one for one in header if re.fullmatch(rf"{title}_\d+_\d+_\d+", one))
        if title in header or sensors:
            return title if title in header else sensors[0]
    return None


def _seconds(stamps: NDArray[np.float64]) -> Float:
    """Seconds since 1970-01-01 of times YYYYMMDDHHMM."""
    texts = [f"{int(stamp):012d}" for stamp in stamps]
    times = [f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:]}" for text in texts]
    return np.array(times, "datetime64[s]").astype(np.float64)
