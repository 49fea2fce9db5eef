"""Tables of match-ups of satellite overpasses and in-situ temperatures."""

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
    AEROSOL_OPTICAL_DEPTH,
    AIR_TEMPERATURE,
    ELEVATION,
    EMISSIVITY,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
    Quantity,
)
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.published import MONO_WINDOW, SINGLE_CHANNEL, SPLIT_WINDOW

Float = NDArray[np.float64]
UnitHints: TypeAlias = tuple[tuple[float, float, str], ...]
"""Ranges of values that indicate a wrong unit, each with the probable unit and its conversion."""

LST_RASTER = "lst-raster"  # name of the package's retrieval among the methods
GIVEN_TERMS = "given terms"  # name of the retrieval with the terms of the table among the methods
BRIGHTNESS = "brightness temperature"  # name of the brightness temperature among the methods
EXCLUDED = "excluded"  # default reason for the exclusion of a row

_CELSIUS: UnitHints = ((-95.0, 95.0, "it looks like degrees Celsius; add 273.15"),)
_PER_CENT: UnitHints = ((1.0, 100.0, "it looks like per cent; divide by 100"),)
_PRESSURES: UnitHints = (
    (30.0, 110.0, "it looks like kPa; multiply by 10"),
    (30_000.0, 110_000.0, "it looks like Pa; divide by 100"),
)
_DATE = re.compile(r"_(\d{4})(\d{2})(\d{2})(?:_|$)")  # the first in the identifier of a product is the acquisition
_OTHER = re.compile(r"other_(.+?)(_uncertainty)?_k", re.IGNORECASE)
_MISSING = ("", "-", "--", "nan", "na", "n/a", "null", "none")
_FILLS = (-9999.0, -9999.9, -999.0, -99999.0)
_FEW = 10  # values in a message
_NO, _YES = ("", "0", "no", "n", "false"), ("1", "yes", "y", "true", "x")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """Numeric column of a table of match-ups."""

    header: str  # header in the table, which ends in the unit
    low: float  # lowest valid value
    high: float  # highest valid value
    open_below: bool = False  # whether the lowest value itself is invalid
    unit_hints: UnitHints = ()  # typical values in wrong units

    def check(self, value: float, where: str) -> None:
        """Raise InputError for an invalid value, with its probable unit; `where` is its position in the table."""
        above = value > self.low if self.open_below else value >= self.low
        if above and value <= self.high:
            return
        guesses = [text for low, high, text in self.unit_hints if low <= value <= high]
        limits = f"{'(' if self.open_below else '['}{self.low:g}, {self.high:g}]"
        hint = guesses[0] if guesses else "correct it, or leave the cell empty"
        raise InputError(f"{where}: {self.header} is {value:g}, outside {limits}; {hint}")


def _of(quantity: Quantity, header: str, hints: UnitHints = ()) -> Column:
    low, high = quantity.low, quantity.high
    return Column(header=header, low=low, high=high, open_below=quantity.open_below, unit_hints=hints)


NUMERIC_COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        "radiance": Column(header="radiance_W_m2_sr_um", low=0.0, high=40.0, open_below=True),
        "brightness_temperature": Column(header="brightness_temperature_K", low=150.0, high=400.0, unit_hints=_CELSIUS),
        "emissivity": _of(EMISSIVITY, "emissivity", _PER_CENT),
        "water_vapour": _of(WATER_VAPOUR, "water_vapour_kg_m2"),
        "air_temperature": _of(AIR_TEMPERATURE, "air_temperature_K", _CELSIUS),
        "surface_pressure": _of(SURFACE_PRESSURE, "surface_pressure_hPa", _PRESSURES),
        "elevation": _of(ELEVATION, "elevation_m"),
        "latitude": Column(header="latitude", low=-90.0, high=90.0),
        "longitude": Column(header="longitude", low=-180.0, high=360.0),
        "aerosol_optical_depth": _of(AEROSOL_OPTICAL_DEPTH, "aerosol_optical_depth"),
        "neighbourhood_temperature": Column(
            header="neighbourhood_brightness_temperature_K", low=150.0, high=400.0, unit_hints=_CELSIUS
        ),
        "water_vapour_uncertainty": Column(header="water_vapour_uncertainty_kg_m2", low=0.0, high=50.0),
        "air_temperature_uncertainty": Column(header="air_temperature_uncertainty_K", low=0.0, high=50.0),
        "aerosol_optical_depth_uncertainty": Column(header="aerosol_optical_depth_uncertainty", low=0.0, high=1.0),
        "transmittance": Column(header="transmittance", low=0.0, high=1.0, open_below=True, unit_hints=_PER_CENT),
        "upwelling_radiance": Column(header="upwelling_radiance_W_m2_sr_um", low=0.0, high=40.0),
        "downwelling_radiance": Column(header="downwelling_radiance_W_m2_sr_um", low=0.0, high=40.0),
        "ground_temperature": Column(header="insitu_lst_K", low=180.0, high=380.0, unit_hints=_CELSIUS),
        "ground_uncertainty": Column(header="insitu_lst_uncertainty_K", low=0.0, high=20.0),
        "broadband_emissivity": _of(EMISSIVITY, "broadband_emissivity", _PER_CENT),
        "utc_offset": Column(header="utc_offset_h", low=-12.0, high=14.0),
        "site_deviation": Column(header="site_deviation_K", low=0.0, high=50.0),
    }
)
"""Numeric columns by quantity."""
TEXT_COLUMNS = ("sensor", "site", "surface_type", "time", "product", "excluded")  # headers of the columns of text
USGS, USGS_UNCERTAINTY = "usgs_lst_K", "usgs_lst_uncertainty_K"  # headers of USGS Collection 2, surface temperature
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "insitu_water_temperature_K": "insitu_lst_K",
        "usgs_c2_surface_temperature_K": USGS,
        "water_vapor_kg_m2": "water_vapour_kg_m2",
        "igbp": "surface_type",
        "lat": "latitude",
        "lon": "longitude",
    }
)
"""Alternative headers."""
HEADERS = (*TEXT_COLUMNS, *(column.header for column in NUMERIC_COLUMNS.values()), USGS, USGS_UNCERTAINTY)
"""Headers of all columns except those of other products."""

_RESERVED = (LST_RASTER, SINGLE_CHANNEL, MONO_WINDOW, SPLIT_WINDOW, GIVEN_TERMS, BRIGHTNESS)
_BY_LOWER_CASE = {name.lower(): ALIASES.get(name, name) for name in (*HEADERS, *ALIASES)}


def known_header(header: str) -> str | None:
    """Return the standard spelling of a header, None for an unknown one.

    Examples
    --------
    >>> known_header("Air_Temperature_K"), known_header("other_modis_K"), known_header("scene")
    ('air_temperature_K', 'other_modis_K', None)
    """
    return header if _OTHER.fullmatch(header) else _BY_LOWER_CASE.get(header.lower())


def product_title(header: str) -> str:
    """Return the display name of another product by the column of its temperature or its uncertainty.

    Examples
    --------
    >>> product_title("usgs_lst_K"), product_title("other_MOD11_A1_K"), product_title("other_MOD11_uncertainty_K")
    ('USGS Collection 2', 'MOD11 A1', 'MOD11')
    """
    found = _OTHER.fullmatch(header)
    return found[1].replace("_", " ") if found else "USGS Collection 2"


def product_header(title: str, *, uncertainty: bool = False) -> str:
    """Return the column of another product's temperature or of its uncertainty; the inverse of `product_title`.

    Examples
    --------
    >>> product_header("USGS Collection 2"), product_header("MOD11 A1"), product_header("MOD11 A1", uncertainty=True)
    ('usgs_lst_K', 'other_MOD11_A1_K', 'other_MOD11_A1_uncertainty_K')
    """
    if title == product_title(USGS):
        return USGS_UNCERTAINTY if uncertainty else USGS
    return f"other_{title.replace(' ', '_')}{'_uncertainty' if uncertainty else ''}_K"


@dataclass(frozen=True, kw_only=True, slots=True)
class Matchups:
    """Match-ups of a table, one per overpass; arrays of shape (match-up,), NaN for missing values."""

    name: str  # name of the table
    lines: tuple[int, ...]  # line of each match-up in the table
    sensor: tuple[str, ...]  # sensor band, empty where there is none
    site: tuple[str, ...]  # name of the site, empty where there is none
    surface_type: tuple[str, ...]  # class of the surface, such as GRA of IGBP, empty where there is none
    time: tuple[datetime.datetime | None, ...]  # time of the overpass, UTC
    date: NDArray[np.datetime64]
    """Day of the overpass by its time, else by the identifier of the product; NaT if unknown."""
    excluded: tuple[str, ...]  # reason for the exclusion, empty for rows that are compared
    values: Mapping[str, Float]
    """Quantities of `NUMERIC_COLUMNS`, in the units of their columns; with profiles also those on sigma levels."""
    products: Mapping[str, Float]  # surface temperatures of other products by their names [K]
    product_uncertainties: Mapping[str, Float]  # their standard uncertainties, for products that have one [K]
    extra_columns: Mapping[str, tuple[str, ...]]  # cells of unknown columns and of products, by their headers
    insitu_reasons: tuple[str, ...]  # reason for a missing in-situ temperature, if station files were searched

    def __len__(self) -> int:
        return len(self.lines)


def read_matchups(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    defaults: Mapping[str, float] | None = None,
    sensor: str = "",
    utc: bool = False,
    where: Mapping[str, str] | None = None,
) -> Matchups:
    """Read a table of match-ups as described in ``docs/validate.md``.

    `columns` maps standard headers to those of the table. `defaults`, by quantity (`NUMERIC_COLUMNS`), and `sensor`, a
    sensor band, apply to rows without a value. With `utc`, times without a time zone are taken as UTC; otherwise they
    are an error. `where` are values by header: rows with another value are excluded.

    Raises InputNotFoundError, and InputError or UnknownSensorError with the line of an invalid cell.

    Examples
    --------
    >>> read_matchups(Path("none.csv"))
    Traceback (most recent call last):
    lst_raster.errors.InputNotFoundError: none.csv not found; it should be a table of match-ups (.csv)
    """
    table = read_csv(path, "match-ups")
    places = _places(table, columns or {})
    _check_products(table, places)
    values = {}
    for name, column in NUMERIC_COLUMNS.items():
        values[name] = _numbers(table, places, column)
        if defaults and name in defaults:
            column.check(defaults[name], "value for all rows")
            values[name] = np.where(np.isnan(values[name]), defaults[name], values[name])
    products, uncertainties = {}, {}
    for header in places:
        if header == USGS_UNCERTAINTY or ((other := _OTHER.fullmatch(header)) and other[2]):
            uncertainties[product_title(header)] = _numbers(table, places, Column(header=header, low=0.0, high=50.0))
        elif header == USGS or other:
            column = Column(header=header, low=100.0, high=400.0, unit_hints=_CELSIUS)
            products[product_title(header)] = _numbers(table, places, column)
    known = set(places.values()) - {places.get("product")}
    extra = {name: index for index, name in enumerate(table.header) if index not in known and name}
    times = tuple(_time(cell, where, utc=utc) for cell, where in _cells(table, places, "time"))
    identifiers = (cell for cell, _ in _cells(table, places, "product"))
    return Matchups(
        name=table.name,
        lines=table.lines,
        sensor=tuple(_sensor(cell or sensor, where) for cell, where in _cells(table, places, "sensor")),
        site=tuple(cell for cell, _ in _cells(table, places, "site")),
        surface_type=tuple(cell for cell, _ in _cells(table, places, "surface_type")),
        time=times,
        date=np.array([_date(*pair) for pair in zip(times, identifiers, strict=True)], "datetime64[D]"),
        excluded=_exclusions(table, places, where or {}),
        values=values,
        products=products,
        product_uncertainties=uncertainties,
        extra_columns={name: tuple(row[index] for row in table.rows) for name, index in extra.items()},
        insitu_reasons=("",) * len(table.rows),
    )


def _places(table: CsvTable, columns: Mapping[str, str]) -> dict[str, int]:
    """Index of each known column; `columns` are the user's headers by standard header."""
    titles = [title.lower() for title in table.header]
    given = {}
    for name, header in columns.items():
        known = known_header(name)
        if known is None:
            headers = ", ".join((*HEADERS, "other_..._K"))
            raise InputError(f"--column {name}=...: {name} is not a standard column; use one of {headers}")
        if header.lower() not in titles:
            raise InputError(
                f"--column {name}={header}: {table.name} has no column {header}; it has {', '.join(table.header)}"
            )
        given[known] = titles.index(header.lower())
    places = dict(given)
    for index, title in enumerate(table.header):
        known = known_header(title)
        if known is None or known in given or index in given.values():
            continue
        if known in places:
            both = f"{table.header[places[known]]} and {title}"
            raise InputError(f"{table.name} has both {both}; select one with --column {known}={title}")
        places[known] = index
    return places


def _check_products(table: CsvTable, places: Mapping[str, int]) -> None:
    """Raise InputError for another product with the name of a method or of two columns, or only an uncertainty."""
    reserved = {name.lower().replace("-", " ") for name in (*_RESERVED, product_title(USGS))}
    found: dict[tuple[str, bool], str] = {}
    for header in places:
        is_other = _OTHER.fullmatch(header)
        if not is_other and header not in (USGS, USGS_UNCERTAINTY):
            continue
        title, column = product_title(header), table.header[places[header]]
        if is_other and title.lower().replace("-", " ") in reserved:
            raise InputError(
                f"{table.name} has the column {column}, but results have a method of the name {title}; "
                "rename the column"
            )
        key = title, header == USGS_UNCERTAINTY or bool(is_other and is_other[2])
        if key in found:
            raise InputError(f"{table.name} has both {found[key]} and {column} for {title}; rename one of them")
        found[key] = column
    for (title, is_uncertainty), column in found.items():
        if is_uncertainty and (title, False) not in found:
            raise InputError(
                f"{table.name} has the column {column} without {product_header(title)}; add the temperatures of the "
                "product, or rename the column"
            )


def _cells(table: CsvTable, places: Mapping[str, int], header: str) -> list[tuple[str, str]]:
    """Cells of a column, each with its position for messages; empty where a value or the column is missing."""
    index = places.get(header)
    return [
        ("" if index is None or row[index].lower() in _MISSING else row[index], f"{table.name}, line {line}")
        for line, row in zip(table.lines, table.rows, strict=True)
    ]


def _numbers(table: CsvTable, places: Mapping[str, int], column: Column) -> Float:
    numbers = []
    for cell, where in _cells(table, places, column.header):
        if table.decimal_comma and cell.count(",") == 1:
            cell = cell.replace(",", ".")
        try:
            value = float(cell or "nan")
        except ValueError:
            raise InputError(
                f"{where}: {column.header} {cell!r} is not a number; leave the cell empty if there is none"
            ) from None
        if value in _FILLS:
            value = math.nan
        if cell and not math.isnan(value):
            column.check(value, where)
        numbers.append(value)
    return np.array(numbers)


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
        raise InputError(
            f"{where}: time {cell!r} has no time zone; write {cell}Z for UTC, or add --utc if all times are UTC"
        )
    return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time.astimezone(datetime.UTC)


def _date(time: datetime.datetime | None, identifier: str) -> datetime.date | None:
    if time is not None:
        return time.date()
    found = _DATE.search(identifier)
    try:
        return datetime.date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _exclusions(table: CsvTable, places: Mapping[str, int], where: Mapping[str, str]) -> tuple[str, ...]:
    """Reason for the exclusion of each row: that of its cell, else the first condition that it does not meet."""
    reasons = [_exclusion(cell) for cell, _ in _cells(table, places, "excluded")]
    titles = [title.lower() for title in table.header]
    for header, wanted in where.items():
        if header.lower() not in titles:
            raise InputError(
                f"--where {header}={wanted}: {table.name} has no column {header}; it has {', '.join(table.header)}"
            )
        index = titles.index(header.lower())
        if not any(_is_same(row[index], wanted) for row in table.rows):
            found = ", ".join(sorted({row[index] for row in table.rows})[:_FEW])
            raise InputError(f"--where {header}={wanted}: no row has this value; it has {found}")
        for row, cells in enumerate(table.rows):
            if not reasons[row] and not _is_same(cells[index], wanted):
                reasons[row] = f"{table.header[index]} is not {wanted}"
    return tuple(reasons)


def _is_same(cell: str, wanted: str) -> bool:
    """Whether two cells are the same text, or the same number."""
    if cell.lower() == wanted.lower():
        return True
    try:
        return float(cell) == float(wanted)
    except ValueError:
        return False


def _exclusion(cell: str) -> str:
    if cell.lower() in _NO:
        return ""
    return EXCLUDED if cell.lower() in _YES else cell
