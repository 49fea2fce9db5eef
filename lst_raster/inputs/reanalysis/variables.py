"""How the quantities that are read from reanalysis files are called in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lst_raster.errors import InputError
from lst_raster.physics.quantities import (
    AIR_TEMPERATURE,
    DEW_POINT,
    ELEVATION,
    HUMIDITY_2M,
    RELATIVE_HUMIDITY,
    SPECIFIC_HUMIDITY,
    SURFACE_PRESSURE,
    TEMPERATURE,
    WATER_VAPOUR,
    Quantity,
)

VARIABLES: Mapping[str, Quantity] = MappingProxyType(
    {
        "tcwv": WATER_VAPOUR,  # ECMWF
        "total_column_water_vapour": WATER_VAPOUR,  # ERA5 in ARCO's words
        "tqv": WATER_VAPOUR,  # MERRA-2
        "pr_wtr": WATER_VAPOUR,  # NCEP/NCAR R1
        "pwat": WATER_VAPOUR,  # GFS, CFS
        "t2m": AIR_TEMPERATURE,  # ECMWF, MERRA-2
        "2t": AIR_TEMPERATURE,  # GRIB
        "2m_temperature": AIR_TEMPERATURE,
        "d2m": DEW_POINT,  # ECMWF
        "2d": DEW_POINT,  # GRIB
        "2m_dewpoint_temperature": DEW_POINT,
        "qv2m": HUMIDITY_2M,  # MERRA-2
        "2sh": HUMIDITY_2M,  # GRIB
        "sp": SURFACE_PRESSURE,  # ECMWF, GFS
        "ps": SURFACE_PRESSURE,  # MERRA-2
        "surface_pressure": SURFACE_PRESSURE,
        "z": ELEVATION,  # ECMWF: geopotential, of the surface where it is not on levels
        "phis": ELEVATION,  # MERRA-2
        "orog": ELEVATION,  # GFS
        "geopotential_at_surface": ELEVATION,
    }
)
"""Quantity of every variable that is known, by its name in lower case."""

ON_LEVELS: Mapping[str, Quantity] = MappingProxyType(
    {
        "t": TEMPERATURE,  # ECMWF, GFS, MERRA-2
        "temperature": TEMPERATURE,  # ERA5 in ARCO's words
        "air": TEMPERATURE,  # NCEP/NCAR R1
        "q": SPECIFIC_HUMIDITY,
        "specific_humidity": SPECIFIC_HUMIDITY,
        "qv": SPECIFIC_HUMIDITY,  # MERRA-2
        "shum": SPECIFIC_HUMIDITY,  # NCEP/NCAR R1
        "r": RELATIVE_HUMIDITY,
        "rh": RELATIVE_HUMIDITY,
        "rhum": RELATIVE_HUMIDITY,
        "relative_humidity": RELATIVE_HUMIDITY,
    }
)
"""Quantity of every variable that is known on levels of pressure, by its name in lower case."""

_WITH_CLOUD = ("tcw", "total_column_water")
_WANTED_ON_LEVELS = "t and q (or r) on levels of pressure"
_WANTED = "tcwv, TQV, pr_wtr or pwat for the water vapour, t2m or T2M, sp or PS, z, PHIS or orog"


class NothingFoundError(InputError):
    """A file is sound, and holds nothing that is asked for."""


def quantity_of(variable: str, *, on_levels: bool = False) -> Quantity | None:
    """Quantity that a variable holds by its name, None where the name is not known."""
    return (ON_LEVELS if on_levels else VARIABLES).get(variable.lower())


def unit_conversion(quantity: Quantity, units: str, where: str) -> tuple[float, float]:
    """Factor and offset that lead from a file's unit to the quantity's.

    Raises
    ------
    InputError
        The unit is not known, or there is none: a reanalysis always tells it, and a guess may be a hundred times off.
    """
    if not units.strip():
        raise InputError(f"{where} declares no unit; set its attribute units, such as {quantity.units}")
    return quantity.require_conversion(units, where)


def cloud_note(names: Iterable[str]) -> str | None:
    """Say that a file's total column water is not its water vapour, None where it has none."""
    found = next((name for name in names if name.lower() in _WITH_CLOUD), None)
    return f"{found} is the water of vapour and clouds together, not the vapour alone (tcwv)" if found else None


def nothing_found(source: str, found: Iterable[str], reason: str = "", *, on_levels: bool = False) -> NothingFoundError:
    """Error for a file without a variable that can be used."""
    names = sorted(set(found))
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    why = "; ".join(part for part in (reason, cloud_note(names)) if part)
    return NothingFoundError(
        f"{source} holds {listed or 'no variables'}{f' ({why})' if why else ''}; give a file with "
        f"{_WANTED_ON_LEVELS if on_levels else _WANTED}, on latitude and longitude"
    )
