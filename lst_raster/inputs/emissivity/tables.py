"""Packaged emissivities: coefficients of the sensor bands, surface components, and legends of land cover maps."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.io.csv_table import read_csv
from lst_raster.physics.emissivity import second_emissivity_difference
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band

LARGEST_CLASS = 65535  # Largest class of a land cover map, in 16 bits

_COMPONENTS = ("soil", "vegetation", "rock", "built", "water", "snow")
_DEFAULT_UNCERTAINTY = "0.02"  # of a class in a user's table: several materials in a class


@dataclass(frozen=True, kw_only=True, slots=True)
class AsterTable:
    """Relation between ASTER bands 13 and 14 and a sensor band. [1]"""

    band_13: float  # Weight of band 13
    band_14: float  # Weight of band 14
    constant: float  # Constant
    fit: float  # Root mean square error of the relation
    vegetation: float  # Emissivity of a closed canopy


@dataclass(frozen=True, kw_only=True, slots=True)
class BandRelation:
    """Relation of the emissivity of a second band to that of the first. [1]"""

    constant: float  # difference for an emissivity of `MIDDLE` in the first band
    slope: float  # change of the difference with the emissivity of the first band
    uncertainty: float  # standard uncertainty of the difference, independent of the error in the first band

    def second(self, first: Any) -> Any:
        """Emissivity in the second band of an array or number in the first, at most 1. [1]"""
        second = first + second_emissivity_difference(first, self.constant, self.slope)
        return np.minimum(second, np.float32(1.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class BandTable:
    """Emissivity coefficients of a sensor band."""

    red: str  # Suffix of the satellite's red band
    near_infrared: str  # Suffix of its near infrared band
    soil: tuple[float, float]  # Emissivity of bare soil: constant, and slope with red reflectance [1]
    vegetation: float  # Emissivity of a closed canopy [1]
    aster: AsterTable | None  # Relation to ASTER's emissivity, None if none is published
    from_first: BandRelation | None  # Relation to the first band of the satellite, None in the first band
    # Solar irradiance in the red and the near infrared, for metadata without reflectance [W m-2 um-1]
    solar_irradiance: Mapping[str, float]


class Value(NamedTuple):
    """An emissivity and its standard uncertainty. [1]"""

    emissivity: float
    uncertainty: float


@cache
def band_table(sensor: str) -> BandTable:
    """Coefficients of a sensor band.

    Raises UnknownSensorError for an unknown band, InputError if no coefficients are published for it.
    """
    with data_path("emissivity", "bands.toml").open("rb") as file:
        entry = tomllib.load(file).get(sensor_band(sensor).name)
    if entry is None:
        raise _no_coefficients(sensor)
    constant, slope = entry["ndvi"]["soil"]
    return BandTable(
        red=entry["red"], near_infrared=entry["near_infrared"], soil=(constant, slope),
        vegetation=entry["ndvi"]["vegetation"], aster=AsterTable(**entry["aster"]) if "aster" in entry else None,
        from_first=BandRelation(**entry["from_first"]) if "from_first" in entry else None,
        solar_irradiance=entry.get("solar_irradiance", {}),
    )  # fmt: skip


def relation_to_first(second: str) -> BandRelation:
    """Relation of the emissivity of a second thermal band to that of the first; errors as `band_table`."""
    relation = band_table(second).from_first
    if relation is None:
        raise _no_coefficients(second)
    return relation


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
    return {row["component"]: Value(float(row["emissivity"]), float(row["uncertainty"])) for row in rows}


def _no_coefficients(sensor: str) -> InputError:
    return InputError(
        f"no emissivity coefficients are known for {sensor}; give a number, a raster, or a land cover map with a "
        "table (landcover:MAP:TABLE.csv)"
    )


def land_cover_names() -> list[str]:
    """Names of the packaged legends."""
    return sorted(path.stem for path in data_path("emissivity", "land_cover").glob("*.csv"))


def land_cover_table(name: str, sensor: str) -> dict[int, Value]:
    """Emissivity by class of a land cover legend.

    `name` is that of a packaged legend, composed of the `components` of the sensor band, or the path of a CSV file in
    UTF-8 or UTF-16 with the columns ``class``, ``emissivity`` and optionally ``uncertainty``, separated by commas,
    semicolons or tabs. Raises InputNotFoundError if there is no such legend or file, InputError for an invalid file.
    """
    if name in land_cover_names():
        with data_path("emissivity", "land_cover", f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return {int(row["class"]): _mixture(row, sensor) for row in csv.DictReader(file)}
    if not Path(name).is_file():
        known = ", ".join(land_cover_names())
        raise InputNotFoundError(f"land cover table {name!r} is not one of {known} and not a CSV file")
    return _read_table(Path(name))


def _mixture(row: Mapping[str, str], sensor: str) -> Value:
    """Mixture of components; their errors are added, because the fractions are uncertain too."""
    parts = [(float(row[name] or 0.0), components(sensor)[name]) for name in _COMPONENTS]
    return Value(
        emissivity=sum(fraction * part.emissivity for fraction, part in parts),
        uncertainty=sum(fraction * part.uncertainty for fraction, part in parts),
    )


def _read_table(path: Path) -> dict[int, Value]:
    table = read_csv(path, "land cover classes")
    header = [title.lower() for title in table.header]
    if not {"class", "emissivity"} <= set(header):
        raise InputError(
            f"land cover table {path} has the columns {', '.join(table.header)}; it needs class and emissivity"
        )
    values: dict[int, Value] = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        where = f"{path} line {line}"
        cells = [cell.replace(",", ".") if table.decimal_comma else cell for cell in row]
        code, value = _parse_row(dict(zip(header, cells, strict=True)), where)
        if code in values:
            raise InputError(f"{where} contains the class {code} again; keep one line for each class")
        values[code] = value
    return values


def _parse_row(row: Mapping[str, str], where: str) -> tuple[int, Value]:
    try:
        code, emissivity = int(row["class"]), float(row["emissivity"])
        uncertainty = float(row.get("uncertainty") or _DEFAULT_UNCERTAINTY)
    except ValueError:
        raise InputError(f"{where} contains {dict(row)}; give an integer class and numbers") from None
    if not 0 <= code <= LARGEST_CLASS:
        raise InputError(f"{where} contains the class {code}; classes are whole numbers from 0 to {LARGEST_CLASS}")
    if not (0.0 < emissivity <= 1.0 and 0.0 <= uncertainty < 1.0):
        raise InputError(f"{where} has emissivity {emissivity:g}; give a fraction in (0, 1]")
    return code, Value(emissivity, uncertainty)
