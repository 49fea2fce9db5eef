"""The packaged emissivities: coefficients of each sensor band, components of the ground, legends of land cover maps."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.io.csv_table import read_csv
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band

LARGEST_CLASS = 65535
"""Highest class of a land cover map: that of 16 bits."""

_SHARES = ("soil", "vegetation", "rock", "built", "water", "snow")


@dataclass(frozen=True, kw_only=True, slots=True)
class AsterTable:
    """From ASTER's bands 13 and 14 to a sensor band."""

    band_13: float
    """Weight of band 13. [1]"""
    band_14: float
    """Weight of band 14. [1]"""
    constant: float
    """Constant. [1]"""
    fit: float
    """Root mean square error of the relation. [1]"""
    vegetation: float
    """Emissivity of a closed canopy. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class BandTable:
    """Emissivity coefficients of a sensor band."""

    red: str
    """Suffix of the satellite's red band."""
    near_infrared: str
    """Suffix of its near infrared band."""
    soil: tuple[float, float]
    """Emissivity of bare soil: constant, and slope with red reflectance. [1]"""
    vegetation: float
    """Emissivity of a closed canopy. [1]"""
    aster: AsterTable | None
    """From ASTER's emissivity, None where no relation is published."""
    solar_irradiance: Mapping[str, float]
    """Irradiance of the sun in the red and the near infrared, for metadata without reflectance. [W m-2 um-1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """An emissivity and how sure it is."""

    emissivity: float
    """Emissivity. [1]"""
    uncertainty: float
    """Standard uncertainty. [1]"""


@cache
def band_table(sensor: str) -> BandTable:
    """Coefficients of a sensor band.

    Raises
    ------
    UnknownSensorError
        The band is not known.
    InputError
        No coefficients are published for it.
    """
    with data_path("emissivity", "bands.toml").open("rb") as file:
        entry = tomllib.load(file).get(sensor_band(sensor).name)
    if entry is None:
        raise _no_coefficients(sensor)
    constant, slope = entry["ndvi"]["soil"]
    return BandTable(
        red=entry["red"],
        near_infrared=entry["near_infrared"],
        soil=(constant, slope),
        vegetation=entry["ndvi"]["vegetation"],
        aster=AsterTable(**entry["aster"]) if "aster" in entry else None,
        solar_irradiance=entry.get("solar_irradiance", {}),
    )


@cache
def components(sensor: str) -> Mapping[str, Value]:
    """Emissivity of soil, vegetation, rock, built-up surfaces, water and snow in a sensor band.

    Examples
    --------
    >>> components("landsat8-b10")["water"].emissivity
    0.9908
    """
    with data_path("emissivity", "components.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["sensor"] == sensor_band(sensor).name]
    if not rows:
        raise _no_coefficients(sensor)
    return {
        row["component"]: Value(emissivity=float(row["emissivity"]), uncertainty=float(row["uncertainty"]))
        for row in rows
    }


def _no_coefficients(sensor: str) -> InputError:
    return InputError(
        f"no emissivity coefficients are known for {sensor}; give a number, a raster, or a land cover map with a table "
        "of your own (landcover:MAP:TABLE.csv)"
    )


def land_cover_names() -> list[str]:
    """Names of the legends that are packaged."""
    return sorted(path.stem for path in data_path("emissivity", "land_cover").glob("*.csv"))


def land_cover_table(name: str, sensor: str) -> dict[int, Value]:
    """Emissivity of every class of a land cover legend.

    Parameters
    ----------
    name : str
        Name of a packaged legend, or path of a CSV file with the columns ``class``, ``emissivity`` and, if known,
        ``uncertainty``: separated by commas, semicolons or tabs, in UTF-8 or UTF-16.
    sensor : str
        Sensor band; the packaged legends are put together from its `components`.

    Raises
    ------
    InputNotFoundError
        It is neither.
    InputError
        The file is no table, lacks a column, or holds a class twice or a value that is not possible.
    """
    if name in land_cover_names():
        with data_path("emissivity", "land_cover", f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return {int(row["class"]): _mixture(row, sensor) for row in csv.DictReader(file)}
    path = Path(name)
    if not path.is_file():
        known = ", ".join(land_cover_names())
        raise InputNotFoundError(f"land cover table {name!r} is neither one of {known} nor a CSV file")
    return _own_table(path)


def _mixture(row: Mapping[str, str], sensor: str) -> Value:
    """Put a class together; the shares themselves are not sure, so the parts' errors are added up."""
    parts = components(sensor)
    shares = {name: float(row[name] or 0.0) for name in _SHARES}
    return Value(
        emissivity=sum(share * parts[name].emissivity for name, share in shares.items()),
        uncertainty=sum(share * parts[name].uncertainty for name, share in shares.items()),
    )


_DEFAULT_UNCERTAINTY = "0.02"  # of a class in a user's table that does not tell: several materials in a class


def _own_table(path: Path) -> dict[int, Value]:
    table = read_csv(path, "land cover classes")
    header = [title.lower() for title in table.header]
    if not {"class", "emissivity"} <= set(header):
        raise InputError(
            f"land cover table {path} has the columns {', '.join(table.header)}; it needs class and emissivity"
        )
    found: dict[int, Value] = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        where = f"{path} line {line}"
        cells = [cell.replace(",", ".") if table.decimal_comma else cell for cell in row]
        code, value = _own_entry(dict(zip(header, cells, strict=True)), where)
        if code in found:
            raise InputError(f"{where} holds the class {code} again; keep one line for each class")
        found[code] = value
    return found


def _own_entry(row: Mapping[str, str], where: str) -> tuple[int, Value]:
    try:
        code = int(row["class"])
        value = Value(
            emissivity=float(row["emissivity"]),
            uncertainty=float(row.get("uncertainty") or _DEFAULT_UNCERTAINTY),
        )
    except ValueError:
        raise InputError(f"{where} holds {dict(row)}; give an integer class and numbers") from None
    if not 0 <= code <= LARGEST_CLASS:
        raise InputError(f"{where} holds the class {code}; classes are whole numbers from 0 to {LARGEST_CLASS}")
    if not (0.0 < value.emissivity <= 1.0 and 0.0 <= value.uncertainty < 1.0):
        raise InputError(f"{where} has emissivity {value.emissivity:g}; give a fraction in (0, 1]")
    return code, value
