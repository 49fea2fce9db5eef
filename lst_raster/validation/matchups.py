"""Tables of match-ups of satellite and ground."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, UnknownSensorError
from lst_raster.io.csv_table import CsvTable, read_csv
from lst_raster.physics.quantities import (
    AIR_TEMPERATURE,
    ELEVATION,
    EMISSIVITY,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
    Quantity,
)
from lst_raster.sensors.bands import sensor_band

Mistakes: TypeAlias = tuple[tuple[float, float, str], ...]
"""Ranges of values that another unit would give, each with what it looks like and what to do."""

_CELSIUS: Mistakes = ((-95.0, 95.0, "it looks like degrees Celsius; add 273.15"),)
_PER_CENT: Mistakes = ((1.0, 100.0, "it looks like per cent; divide by 100"),)
_PRESSURES: Mistakes = (
    (30.0, 110.0, "it looks like kPa; multiply by 10"),
    (30_000.0, 110_000.0, "it looks like Pa; divide by 100"),
)
_OTHER = re.compile(r"other_(.+)_k", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of numbers."""

    header: str
    """Its name in the table, which ends in its unit."""
    low: float
    """Lowest possible value."""
    high: float
    """Highest possible value."""
    open_below: bool = False
    """Whether the lowest value itself is impossible."""
    mistakes: Mistakes = ()
    """What values in other units look like."""

    def check(self, value: float, where: str) -> None:
        """Refuse an impossible value.

        Parameters
        ----------
        value : float
            Value, in the column's unit.
        where : str
            Where it stands, for the message.

        Raises
        ------
        InputError
            It is not possible; the message guesses at the unit that was meant.
        """
        above = value > self.low if self.open_below else value >= self.low
        if above and value <= self.high:
            return
        guesses = [text for low, high, text in self.mistakes if low <= value <= high]
        limits = f"{'(' if self.open_below else '['}{self.low:g}, {self.high:g}]"
        hint = guesses[0] if guesses else "correct it, or leave the cell empty"
        raise InputError(f"{where}: {self.header} is {value:g}, outside {limits}; {hint}")


def _of(quantity: Quantity, header: str, mistakes: Mistakes = ()) -> Column:
    low, high = quantity.low, quantity.high
    return Column(header=header, low=low, high=high, open_below=quantity.open_below, mistakes=mistakes)


NUMBERS: Mapping[str, Column] = MappingProxyType(
    {
        "radiance": Column(header="radiance_W_m2_sr_um", low=0.0, high=40.0, open_below=True),
        "brightness_temperature": Column(header="brightness_temperature_K", low=150.0, high=400.0, mistakes=_CELSIUS),
        "emissivity": _of(EMISSIVITY, "emissivity", _PER_CENT),
        "water_vapour": _of(WATER_VAPOUR, "water_vapour_kg_m2"),
        "air_temperature": _of(AIR_TEMPERATURE, "air_temperature_K", _CELSIUS),
        "surface_pressure": _of(SURFACE_PRESSURE, "surface_pressure_hPa", _PRESSURES),
        "elevation": _of(ELEVATION, "elevation_m"),
        "ground_temperature": Column(header="insitu_lst_K", low=180.0, high=380.0, mistakes=_CELSIUS),
        "ground_uncertainty": Column(header="insitu_lst_uncertainty_K", low=0.0, high=20.0),
        "broadband_emissivity": _of(EMISSIVITY, "broadband_emissivity", _PER_CENT),
    }
)
"""Columns of numbers, by the quantity's name."""

TEXTS = ("sensor", "site", "time", "excluded")
"""Columns of text."""

USGS = "usgs_lst_K"
"""Column of the USGS Collection 2 product."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "insitu_water_temperature_K": "insitu_lst_K",
        "usgs_c2_surface_temperature_K": USGS,
        "water_vapor_kg_m2": "water_vapour_kg_m2",
    }
)
"""Other names under which columns are found too."""

_KNOWN = {
    name.lower(): header
    for name, header in (
        *((text, text) for text in TEXTS),
        *((column.header, column.header) for column in NUMBERS.values()),
        (USGS, USGS),
        *ALIASES.items(),
    )
}


def known_header(header: str) -> str | None:
    """Name of the column that a header means, in the spelling of this module; None where it means none.

    Examples
    --------
    >>> known_header("Air_Temperature_K"), known_header("other_modis_K"), known_header("scene")
    ('air_temperature_K', 'other_modis_K', None)
    """
    if _OTHER.fullmatch(header):
        return header
    return _KNOWN.get(header.lower())


def product_column(header: str) -> Column | None:
    """Column of another product's temperature, None where the header is not one of those."""
    if header == USGS or _OTHER.fullmatch(header):
        return Column(header=header, low=100.0, high=400.0, mistakes=_CELSIUS)
    return None


def product_title(header: str) -> str:
    """Name for people of another product.

    Examples
    --------
    >>> product_title("usgs_lst_K"), product_title("other_MOD11_A1_K")
    ('USGS Collection 2', 'MOD11 A1')
    """
    found = _OTHER.fullmatch(header)
    return found[1].replace("_", " ") if found else "USGS Collection 2"


def product_header(title: str) -> str:
    """Column of another product: the inverse of `product_title`.

    Examples
    --------
    >>> product_header("USGS Collection 2"), product_header("MOD11 A1")
    ('usgs_lst_K', 'other_MOD11_A1_K')
    """
    return USGS if title == product_title(USGS) else f"other_{title.replace(' ', '_')}_K"


def known_headers() -> str:
    """All names, for messages."""
    return ", ".join((*TEXTS, *(column.header for column in NUMBERS.values()), USGS, "other_..._K"))


Float = NDArray[np.float64]

EXCLUDED = "excluded"
"""Why a row is left out that says no more than yes."""

_MISSING = ("", "-", "--", "nan", "na", "n/a", "null", "none")
_FILLS = (-9999.0, -9999.9, -999.0, -99999.0)
_NO, _YES = ("", "0", "no", "n", "false"), ("1", "yes", "y", "true", "x")


@dataclass(frozen=True, kw_only=True, slots=True)
class Matchups:
    """Overpasses; every array of shape (match-up,), NaN where something is not known."""

    name: str
    """Name of the table."""
    lines: tuple[int, ...]
    """Line of the table in which each stands."""
    sensor: tuple[str, ...]
    """Sensor band, empty where not known."""
    site: tuple[str, ...]
    """Name of the place, empty where not known."""
    time: tuple[datetime.datetime | None, ...]
    """Time of the overpass, UTC."""
    excluded: tuple[str, ...]
    """Why it is to be left out, empty where it is not."""
    values: Mapping[str, Float]
    """Every quantity of `NUMBERS`, in its column's unit."""
    products: Mapping[str, Float]
    """Surface temperatures of other products by their names. [K]"""
    surplus: Mapping[str, tuple[str, ...]]
    """Cells of the columns that have no meaning here, by their headers."""
    remarks: tuple[str, ...]
    """Why there is no ground temperature, where something was tried to get one."""

    def __len__(self) -> int:
        return len(self.lines)


def read_matchups(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    defaults: Mapping[str, float] | None = None,
    sensor: str = "",
    utc: bool = False,
) -> Matchups:
    """Read a table of match-ups.

    Parameters
    ----------
    path : Path
        The table; ``docs/validate.md`` describes it.
    columns : mapping of str to str, optional
        Names of columns, as the description has them, to the names that they have in the table.
    defaults : mapping of str to float, optional
        Values of quantities (`NUMBERS`) for the rows that lack them.
    sensor : str
        Sensor band of the rows that name none.
    utc : bool
        Whether times without a zone are UTC; otherwise they are refused.

    Returns
    -------
    Matchups
        Its rows.

    Raises
    ------
    InputNotFoundError
        The file does not exist.
    InputError
        The table or a cell of it is not what the description says; the message names the line.
    UnknownSensorError
        A sensor band is not known.

    Examples
    --------
    >>> read_matchups(Path("none.csv"))
    Traceback (most recent call last):
    lst_raster.errors.InputNotFoundError: none.csv not found; it should be a table of match-ups (.csv)
    """
    table = read_csv(path, "match-ups")
    places = _places(table, columns or {})
    surplus = {name: index for index, name in enumerate(table.header) if index not in places.values() and name}
    products = [name for name in places if product_column(name) is not None]
    return Matchups(
        name=table.name,
        lines=table.lines,
        sensor=tuple(_sensor(cell or sensor, where) for cell, where in _texts(table, places, "sensor")),
        site=tuple(cell for cell, _ in _texts(table, places, "site")),
        time=tuple(_time(cell, where, utc=utc) for cell, where in _texts(table, places, "time")),
        excluded=tuple(_reason(cell) for cell, _ in _texts(table, places, "excluded")),
        values={
            name: _filled(_numbers(table, places, column), column, (defaults or {}).get(name))
            for name, column in NUMBERS.items()
        },
        products={
            product_title(name): _numbers(table, places, column)
            for name in products
            if (column := product_column(name)) is not None
        },
        surplus={name: tuple(row[index] for row in table.rows) for name, index in surplus.items()},
        remarks=("",) * len(table.rows),
    )


def _places(table: CsvTable, columns: Mapping[str, str]) -> dict[str, int]:
    """Where each known column stands."""
    stated = {_known(name): _find(table, header, name) for name, header in columns.items()}
    places = dict(stated)
    for index, title in enumerate(table.header):
        name = known_header(title)
        if name is None or name in stated or index in stated.values():
            continue
        if name in places:
            both = f"{table.header[places[name]]} and {title}"
            raise InputError(f"{table.name} has both {both}; say which one counts, with --column {name}={title}")
        places[name] = index
    return places


def _known(name: str) -> str:
    known = known_header(name)
    if known is None:
        raise InputError(f"--column {name}=...: there is no column {name}; known are {known_headers()}")
    return known


def _find(table: CsvTable, header: str, name: str) -> int:
    titles = [title.lower() for title in table.header]
    if header.lower() not in titles:
        raise InputError(
            f"--column {name}={header}: {table.name} has no column {header}; it has {', '.join(table.header)}"
        )
    return titles.index(header.lower())


def _texts(table: CsvTable, places: Mapping[str, int], name: str) -> list[tuple[str, str]]:
    """Cells of a column of text, each with where it stands; empty where there is no such column."""
    index = places.get(name)
    return [
        ("" if index is None or row[index].lower() in _MISSING else row[index], f"{table.name}, line {line}")
        for line, row in zip(table.lines, table.rows, strict=True)
    ]


def _numbers(table: CsvTable, places: Mapping[str, int], column: Column) -> Float:
    cells = _texts(table, places, column.header)
    return np.array([_number(cell, column, where, comma=table.decimal_comma) for cell, where in cells])


def _number(cell: str, column: Column, where: str, *, comma: bool) -> float:
    if not cell:
        return math.nan
    try:
        value = float(cell.replace(",", ".") if comma and cell.count(",") == 1 else cell)
    except ValueError:
        raise InputError(f"{where}: {column.header} {cell!r} is not a number; leave the cell empty if none") from None
    if value in _FILLS:
        return math.nan
    column.check(value, where)
    return value


def _filled(values: Float, column: Column, default: float | None) -> Float:
    if default is None:
        return values
    column.check(default, "given for all rows")
    return np.where(np.isnan(values), default, values)


def _sensor(cell: str, where: str) -> str:
    try:
        return sensor_band(cell).name if cell else ""
    except UnknownSensorError as error:
        raise UnknownSensorError(f"{where}: {error}") from None


def _time(cell: str, where: str, *, utc: bool) -> datetime.datetime | None:
    if not cell:
        return None
    try:
        time = datetime.datetime.fromisoformat(cell.removesuffix("UTC").rstrip() + "Z" * cell.endswith("UTC"))
    except ValueError:
        raise InputError(f"{where}: time {cell!r} is not of the form 2016-01-01T17:30:00Z") from None
    if time.tzinfo is None and not utc:
        raise InputError(f"{where}: time {cell!r} has no zone; write {cell}Z if it is UTC, or add --utc if all are")
    return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time.astimezone(datetime.UTC)


def _reason(cell: str) -> str:
    plain = cell.lower()
    if plain in _NO:
        return ""
    return EXCLUDED if plain in _YES else cell
