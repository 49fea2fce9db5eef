"""Daily files of SURFRAD stations."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.validation.stations.records import StationFile, StationRecords, year_of

_NAME = re.compile(r"(?:.*[^a-z0-9])?([a-z0-9]{3})(\d{2})(\d{3})\.dat", re.IGNORECASE)
_COLUMNS = 48
_MISSING = -9999.0  # and below
# Column of each quantity (the next column is its flag), with the offset to our units
_QUANTITIES = {
    "downwelling": (16, 0.0),  # [W m-2]
    "upwelling": (22, 0.0),  # [W m-2]
    "air_temperature": (38, 273.15),  # degrees Celsius to [K]
    "surface_pressure": (46, 0.0),  # mbar [hPa]
}


def surfrad_files(paths: Iterable[Path]) -> Iterator[StationFile]:
    """Daily files among others, by NOAA's names ``sssyyddd.dat``: station, year, day of year."""
    titles: dict[str, str] = {}  # by station: the first line of one of its files
    for path in paths:
        found = _NAME.fullmatch(path.name)
        if found is None or not 1 <= int(found[3]) <= 366:
            continue
        station = found[1].lower()
        if station not in titles:
            with path.open(encoding="latin-1") as file:
                titles[station] = file.readline().strip().lower()
        day = datetime.date(year_of(found[2]), 1, 1) + datetime.timedelta(days=int(found[3]) - 1)
        names = (station, titles[station])
        yield StationFile(path=path, network="SURFRAD", names=names, first=day, last=day, read=read_surfrad)


def read_surfrad(path: Path) -> StationRecords:
    """Read a daily file in NOAA's format, for example ``bon16001.dat``; values whose flag is not 0 are NaN.

    Raises InputError where it is another kind of file or damaged.

    References
    ----------
    J. A. Augustine et al., J. Atmos. Oceanic Technol. 22, 1460 (2005), doi:10.1175/JTECH1806.1; README of the files,
    https://gml.noaa.gov/aftp/data/radiation/surfrad/
    """
    _, position, *lines = [*path.read_text(encoding="latin-1").splitlines(), "", ""]
    try:
        latitude, west, elevation = (float(text) for text in position.split()[:3])
        rows = np.array([line.split() for line in lines if line.strip()], dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != _COLUMNS:
            raise ValueError(f"rows of {rows.shape[-1]} numbers, not {_COLUMNS}")
        year, _, month, day, hour, minute = rows[:, :6].astype(int).T.tolist()
        times = (
            datetime.datetime(*moment, tzinfo=datetime.UTC)
            for moment in zip(year, month, day, hour, minute, strict=True)
        )
        seconds = np.array([time.timestamp() for time in times])
    except (ValueError, OverflowError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path.name} is not a daily file of SURFRAD, or damaged ({reason}); download it again"
        ) from None
    order = np.argsort(seconds, kind="stable")
    values = {}
    for name, (column, offset) in _QUANTITIES.items():
        numbers, flags = rows[order, column], rows[order, column + 1]
        values[name] = np.where((flags == 0) & (numbers > _MISSING), numbers + offset, np.nan)
    # The files have degrees west
    return StationRecords(
        latitude=latitude, longitude=-west, elevation=elevation, seconds=seconds[order], values=values
    )
