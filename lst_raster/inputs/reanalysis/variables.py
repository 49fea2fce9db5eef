"""Variables of reanalysis files: quantities by name, units, and errors for files without a known variable."""

from __future__ import annotations

from collections.abc import Sequence

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.products import ON_LEVELS, VARIABLES, variable_names
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR, Quantity

_WITH_CLOUD = ("tcw", "total_column_water")
_USABLE_ON_LEVELS = "t and q (or r) on levels of pressure"
_USABLE = f"{variable_names(WATER_VAPOUR)} for the water vapour, " + ", ".join(
    variable_names(quantity) for quantity in (AIR_TEMPERATURE, SURFACE_PRESSURE, ELEVATION)
)


class NothingFoundError(InputError):
    """A readable file has none of the requested variables."""


def quantity_of(variable: str, *, on_levels: bool = False) -> Quantity | None:
    """Quantity of a variable by its name (any case), None for an unknown name."""
    return (ON_LEVELS if on_levels else VARIABLES).get(variable.lower())


def unit_conversion(quantity: Quantity, units: str, where: str) -> tuple[float, float]:
    """Factor and offset from the unit of a file to the unit of the quantity.

    Raises InputError for an unknown or missing unit: reanalyses declare it, and a guess may be wrong by a factor 100.
    """
    if not units.strip():
        raise InputError(f"{where} declares no unit; set its attribute units, such as {quantity.units}")
    return quantity.require_conversion(units, where)


def nothing_found(source: str, found: Sequence[str], reason: str = "", *, on_levels: bool = False) -> NothingFoundError:
    """Error for a file without a usable variable, with the variables that it has."""
    names = sorted(set(found))
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    cloudy = next((name for name in found if name.lower() in _WITH_CLOUD), None)
    note = f"{cloudy} is the water of vapour and clouds together, not the vapour only (tcwv)" if cloudy else ""
    reasons = "; ".join(part for part in (reason, note) if part)
    return NothingFoundError(
        f"{source} contains {listed or 'no variables'}{f' ({reasons})' if reasons else ''}; give a file with "
        f"{_USABLE_ON_LEVELS if on_levels else _USABLE}, on latitude and longitude"
    )
