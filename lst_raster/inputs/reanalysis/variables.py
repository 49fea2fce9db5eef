"""Variables of reanalysis files: the quantities that they hold, their units, and errors about them."""

from __future__ import annotations

from collections.abc import Iterable

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.products import ON_LEVELS, VARIABLES, names_of
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR, Quantity

_WITH_CLOUD = ("tcw", "total_column_water")
_WANTED_ON_LEVELS = "t and q (or r) on levels of pressure"
_WANTED = f"{names_of(WATER_VAPOUR)} for the water vapour, " + ", ".join(
    names_of(quantity) for quantity in (AIR_TEMPERATURE, SURFACE_PRESSURE, ELEVATION)
)


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
