"""Quantities given for a scene, each as a number or as a raster on the grid of the scene."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inference.contract import UNCERTAIN_INPUTS, with_unit
from lst_raster.inference.uncertainty import InputUncertainty
from lst_raster.io.address import Address, Location, location_of
from lst_raster.io.coarse_grid import Nodes
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.raster import open_raster, read_window
from lst_raster.physics.elevation import air_temperature_between, surface_pressure_between, water_vapour_between
from lst_raster.physics.quantities import (
    AEROSOL_OPTICAL_DEPTH,
    AIR_TEMPERATURE,
    EMISSIVITY,
    GAS_YEAR,
    NEIGHBOURHOOD,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
    Quantity,
)

Float32 = NDArray[np.float32]
Source: TypeAlias = float | str | Path | Address
"""Value given by the user: a number, a text such as ``29mm``, or the path or the address of a raster."""
FieldReader: TypeAlias = Callable[[Any], Float32]
"""Reads a window of the scene: values, NaN where missing, or one number for all pixels."""

_UNCERTAIN = re.compile(r"(.*\S)\s*(?:±|\+-|\+/-)(.*)", re.DOTALL)
_EXAMPLES = {
    WATER_VAPOUR.name: "±2mm or ±10%",
    AIR_TEMPERATURE.name: "±1C",
    AEROSOL_OPTICAL_DEPTH.name: "±0.01 or ±20%",
}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z%°\[(].*)?", re.IGNORECASE)

QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        *(EMISSIVITY, WATER_VAPOUR, AIR_TEMPERATURE, SURFACE_PRESSURE),
        *(AEROSOL_OPTICAL_DEPTH, GAS_YEAR, *NEIGHBOURHOOD),
    )
}
"""The quantities by name."""

BETWEEN_ELEVATIONS = {
    "water_vapour": water_vapour_between,
    "air_temperature": air_temperature_between,
    "surface_pressure": surface_pressure_between,
}
"""Formulas that adjust a quantity from one surface elevation to another, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ElevationAdjustment:
    """Adjustment of a field from the surface elevation of its source to that of each pixel."""

    surface: float | Nodes  # Surface elevation of the source [m]
    ground: Field  # Elevation of the pixels [m]
    formula: Callable[[Any, Any, Any], Any]  # Function of a value, its elevation and the new elevation


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A quantity over the scene: one number, a raster, or values on a coarse grid."""

    quantity: Quantity  # Quantity and unit
    # Number in the unit of the quantity, location of a raster, or values on a coarse grid
    source: float | Location | Nodes
    origin: str = "given"  # ``given``, or the name of a default
    adjustment: ElevationAdjustment | None = None  # Adjustment to the elevation of the pixels, None for none
    align: bool = False  # Whether a raster on another grid is warped onto that of the scene
    uncertainty: InputUncertainty | None = None  # Standard uncertainty, None for that of the origin

    def __post_init__(self) -> None:
        if isinstance(self.source, int | float):
            self.quantity.check(self.source, self.quantity.title)

    def __str__(self) -> str:
        adjusted = f", adjusted to the elevation {self.adjustment.ground}" if self.adjustment else ""
        return f"{self.label}{self._plus_minus} ({self.origin}){adjusted}"

    @property
    def _plus_minus(self) -> str:
        """Standard uncertainty of a number in the unit of the quantity, or as it was given."""
        if self.uncertainty is None:
            return ""
        units = with_unit(self.quantity.units)
        if isinstance(self.source, int | float):
            return f" ± {self.uncertainty.at(self.source):.2g}{units}"
        relative = self.uncertainty.relative
        return f" ± {100.0 * relative:g} %" if relative else f" ± {self.uncertainty.absolute:g}{units}"

    @property
    def label(self) -> str:
        """Number with its unit, or name of the source."""
        if isinstance(self.source, Path | Address):
            return self.source.name
        units = with_unit(self.quantity.units)
        if isinstance(self.source, Nodes):
            return f"{self.source}, mean {self.source.mean:.5g}{units}"
        return f"{self.source:g}{units}"

    @property
    def is_raster(self) -> bool:
        """Whether the source is a raster, local or remote."""
        return isinstance(self.source, Path | Address)

    @property
    def rasters(self) -> list[Location]:
        """Input files, with that of the elevation."""
        rasters: list[Location] = [self.source] if isinstance(self.source, Path | Address) else []
        return rasters + (self.adjustment.ground.rasters if self.adjustment else [])


def value_at(field: Field, row: Any, column: Any, elevation: Any = None) -> Any:
    """Value of a number or of a coarse grid at positions of any shape [pixel], NaN where missing.

    A field with an elevation adjustment is adjusted to `elevation` [m].
    """

    def at(source: Any) -> Any:
        return source.at(row, column) if isinstance(source, Nodes) else source

    if field.adjustment is None:
        return at(field.source)
    return field.adjustment.formula(at(field.source), at(field.adjustment.surface), elevation)


def parse_field(quantity: Quantity, source: Source, *, align: bool = False) -> Field:
    """Field from a number in the unit of the quantity, a text with a unit, or the path or address of a raster.

    A text may end with a standard uncertainty, ``21mm±2mm``, ``21 ± 2`` (in the unit of the value), ``w.tif±2mm`` or
    ``w.tif±10%``; ``+-`` is read as ``±``. Raises InputError for an impossible number or unknown unit,
    InputNotFoundError for a text that is no number, existing file or supported address.

    Examples
    --------
    >>> parse_field(WATER_VAPOUR, "2.9cm").source
    29.0
    >>> parse_field(AIR_TEMPERATURE, "25C±1C").uncertainty
    InputUncertainty(absolute=1.0, relative=0.0)
    """
    if isinstance(source, str):
        value, uncertainty = split_uncertainty(source)
        if uncertainty is not None:
            if split_uncertainty(value)[1] is not None:
                raise InputError(f"{quantity.title} {source!r} has more than one uncertainty; give one")
            field = parse_field(quantity, value, align=align)
            return replace(field, uncertainty=_parse_uncertainty(quantity, value, uncertainty, source))
    if isinstance(source, Path | Address):
        return Field(quantity=quantity, source=location_of(source), align=align)
    if not isinstance(source, str):
        try:
            amount = float(source)
        except (TypeError, ValueError):
            raise InputError(
                f"{quantity.title} is of type {type(source).__name__}; give a number, a text or the path of a raster"
            ) from None
        return Field(quantity=quantity, source=amount)
    number = _NUMBER.fullmatch(source.strip())
    conversion = quantity.conversion(number[2] or quantity.units) if number else None
    if number and conversion:
        return Field(quantity=quantity, source=float(number[1]) * conversion[0] + conversion[1])
    location = location_of(source)
    if isinstance(location, Address) or (source and _exists(location)):
        return Field(quantity=quantity, source=location, align=align)
    if number:
        raise InputError(f"{quantity.title} {source!r} has an unknown unit, and is no file; {quantity.hint}")
    raise InputNotFoundError(f"{quantity.title} {source!r} is not a number or an existing file; check the path")


def split_uncertainty(text: str) -> tuple[str, str | None]:
    """Split a text such as ``21mm±2mm`` into value and uncertainty, None without one, as in the name of a file.

    Examples
    --------
    >>> split_uncertainty("21mm+-2mm"), split_uncertainty("29mm")
    (('21mm', '2mm'), ('29mm', None))
    """
    parts = _UNCERTAIN.fullmatch(text)
    return (parts[1], parts[2]) if parts and not _exists(Path(text)) else (text, None)


def _exists(path: Path) -> bool:
    """Whether a path exists; False also for a text that no file can have as its name."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _parse_uncertainty(quantity: Quantity, value: str, text: str, source: str) -> InputUncertainty:
    """Standard uncertainty, in the unit of the value unless it has its own; a percentage is relative to the value.

    That of a raster needs a unit, if the quantity has one: the raster may have another, which is not read here.
    """
    if quantity.name not in UNCERTAIN_INPUTS:
        raise InputError(f"{quantity.title} {source!r} has an uncertainty, which it cannot have; leave it out")
    number, given = _NUMBER.fullmatch(text.strip()), _NUMBER.fullmatch(value.strip())
    if number:
        amount, units = float(number[1]), (number[2] or "").strip()
        if units == "%" and quantity is not AIR_TEMPERATURE and 0.0 <= amount <= 100.0:
            return InputUncertainty(0.0, relative=amount / 100.0)
        if not units and given:
            units = given[2] or quantity.units
        if not units and quantity.units == "1":
            units = quantity.units
        conversion = quantity.conversion(units) if units else None
        if conversion and 0.0 <= amount * conversion[0] <= quantity.high - quantity.low:
            return InputUncertainty(amount * conversion[0])
    raise InputError(
        f"{quantity.title} {source!r} has the uncertainty {text.strip()!r}, which is not a number with a known unit"
        f"{'' if quantity is AIR_TEMPERATURE else ' or %'}, or too large; give it for example as "
        f"{_EXAMPLES[quantity.name]}"
    )


@contextmanager
def open_field(field: Field, scene: Grid) -> Iterator[FieldReader]:
    """Open a field for reading window by window, in the unit of the quantity.

    Raises InputError if the file is missing, damaged or has several bands (also from the reader), RemoteError if a
    server fails, GridMismatchError if the raster is not on the grid of the scene.
    """
    if field.adjustment is not None:
        with (
            open_field(replace(field, adjustment=None), scene) as read,
            open_field(field.adjustment.ground, scene) as ground,
        ):
            yield _adjusted(field.adjustment, read, ground)
        return
    if isinstance(field.source, Nodes):
        yield field.source.read
        return
    if not isinstance(field.source, Path | Address):
        constant = np.asarray(field.source, np.float32)
        yield lambda window: constant
        return
    title = field.quantity.title
    what = f"{title} {field.source}"
    with (
        open_raster(field.source, title, InputError) as dataset,
        on_grid(dataset, scene, what, align=field.align) as view,
    ):
        factor, offset = field.quantity.require_conversion(dataset.units[0], what)

        def read_raster(window: Any) -> Float32:
            values: NDArray[Any]
            values, valid = read_window(view, title, InputError, window=window)
            for scale, shift in ((dataset.scales[0], dataset.offsets[0]), (factor, offset)):
                if (scale, shift) != (1.0, 0.0):
                    values = values * scale + shift
            return np.where(valid, values, np.float32("nan"))

        yield read_raster


def _adjusted(adjustment: ElevationAdjustment, read: FieldReader, ground: FieldReader) -> FieldReader:
    def read_adjusted(window: Any) -> Float32:
        elevation = ground(window)
        adjustment.ground.quantity.check(elevation[np.isfinite(elevation)], f"elevation {adjustment.ground.source}")
        surface = adjustment.surface.read(window) if isinstance(adjustment.surface, Nodes) else adjustment.surface
        return np.asarray(adjustment.formula(read(window), surface, elevation), np.float32)

    return read_adjusted
