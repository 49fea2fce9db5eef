"""The columns of a table of match-ups: their names, what they may hold, and the mistakes that are recognised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from lst_raster.errors import InputError
from lst_raster.scene.fields import AIR_TEMPERATURE, ELEVATION, EMISSIVITY, SURFACE_PRESSURE, WATER_VAPOUR, Quantity

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
