"""Quantities that a user gives beside the scene, each as a number or as a raster on the scene's grid."""

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
from lst_raster.io.address import Address, Location, location_of
from lst_raster.io.coarse_grid import Nodes
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.raster import open_raster, read_window
from lst_raster.physics.elevation import air_temperature_between, surface_pressure_between, water_vapour_between
from lst_raster.physics.quantities import (
    AIR_TEMPERATURE,
    EMISSIVITY,
    SHARE,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
    Quantity,
)
from lst_raster.simulator.input_errors import INPUT_ERROR

Float32 = NDArray[np.float32]
Source: TypeAlias = float | str | Path | Address
"""What a user may give: a number, a text such as ``29mm``, or the path or the address of a raster."""
FieldReader: TypeAlias = Callable[[Any], Float32]
"""Takes a window of the scene; returns its values, NaN where there are none, or one number for all."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z%°\[(].*)?", re.IGNORECASE)


INPUT_ERRORS = Quantity(
    name=INPUT_ERROR,
    units="1",
    low=0.0,
    high=1.0,
    accepted=SHARE,
    hint="0 says that the inputs of the air are exact, 1 that they are as sure as a reanalysis",
)
QUANTITIES = {quantity.name: quantity for quantity in (EMISSIVITY, WATER_VAPOUR, AIR_TEMPERATURE, SURFACE_PRESSURE)}
"""The quantities by name."""

BETWEEN_ELEVATIONS = {
    "water_vapour": water_vapour_between,
    "air_temperature": air_temperature_between,
    "surface_pressure": surface_pressure_between,
}
"""How the quantities of the air change from one elevation of the ground to another, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ElevationAdjustment:
    """The way from the elevation for which a field holds to that of every pixel."""

    surface: float | Nodes
    """Elevation for which the field holds. [m]"""
    ground: Field
    """Elevation of the pixels. [m]"""
    formula: Callable[[Any, Any, Any], Any]
    """What it makes of a value, the elevation for which it holds, and another elevation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A quantity over the scene: one number, or a raster."""

    quantity: Quantity
    """What it is."""
    source: float | Location | Nodes
    """The number, in the quantity's unit, or where the raster is, or values on a coarse grid over the scene."""
    origin: str = "given"
    """Where it comes from: ``given``, or the name of a default."""
    lift: ElevationAdjustment | None = None
    """How it is brought to the elevation of the pixels, None where it is not."""
    align: bool = False
    """Whether a raster on another grid is warped onto the scene's."""

    def __post_init__(self) -> None:
        if isinstance(self.source, int | float):
            self.quantity.check(self.source, self.quantity.title)

    def __str__(self) -> str:
        lifted = f", brought to the elevation {self.lift.ground}" if self.lift else ""
        return f"{self.label} ({self.origin}){lifted}"

    @property
    def label(self) -> str:
        """The number with its unit, or where the values come from."""
        if isinstance(self.source, Path | Address):
            return self.source.name
        units = "" if self.quantity.units == "1" else f" {self.quantity.units}"
        if isinstance(self.source, Nodes):
            return f"{self.source}, mean {self.source.mean:.5g}{units}"
        return f"{self.source:g}{units}"

    @property
    def is_raster(self) -> bool:
        """Whether it is a raster, on disk or on a server."""
        return isinstance(self.source, Path | Address)

    @property
    def rasters(self) -> list[Location]:
        """Files that are read for it."""
        own: list[Location] = [self.source] if isinstance(self.source, Path | Address) else []
        return own + (self.lift.ground.rasters if self.lift else [])


def value_at(field: Field, row: Any, column: Any, elevation: Any = None) -> Any:
    """Value of a field that is no raster at places in the scene.

    Parameters
    ----------
    field : Field
        A number, or values on a coarse grid; perhaps with a lift.
    row, column : array, any shape
        Places, counted from the upper left corner. [pixel]
    elevation : float or array, optional
        Elevation to which a field with a lift is brought. [m]

    Returns
    -------
    array of that shape, or float
        Values in the quantity's unit, NaN where there are none.
    """
    value = _source_at(field.source, row, column)
    if field.lift is None:
        return value
    return field.lift.formula(value, _source_at(field.lift.surface, row, column), elevation)


def _source_at(source: Any, row: Any, column: Any) -> Any:
    return source.at(row, column) if isinstance(source, Nodes) else source


def parse_field(quantity: Quantity, source: Source, *, align: bool = False) -> Field:
    """Understand what a user gave for a quantity.

    Parameters
    ----------
    quantity : Quantity
        What is meant.
    source : float, str, path or Address
        A number in the quantity's unit, a text of a number with a unit, or the path or the address of a raster.
    align : bool
        Whether a raster on another grid is warped onto the scene's.

    Returns
    -------
    Field
        The quantity over the scene.

    Raises
    ------
    InputError
        The number is not possible, or its unit is not known.
    InputNotFoundError
        A text is neither a number nor the path of a file, nor an address that is read.

    Examples
    --------
    >>> parse_field(WATER_VAPOUR, "2.9cm").source
    29.0
    """
    if isinstance(source, Path | Address):
        return Field(quantity=quantity, source=location_of(source), align=align)
    if not isinstance(source, str):
        return Field(quantity=quantity, source=_number(quantity, source))
    number = _NUMBER.fullmatch(source.strip())
    conversion = quantity.conversion(number[2] or quantity.units) if number else None
    if number and conversion:
        return Field(quantity=quantity, source=float(number[1]) * conversion[0] + conversion[1])
    place = location_of(source)
    if isinstance(place, Address) or (source and place.exists()):
        return Field(quantity=quantity, source=place, align=align)
    if number:
        raise InputError(f"{quantity.title} {source!r} has no unit that is known, nor is it a file; {quantity.hint}")
    raise InputNotFoundError(f"{quantity.title} {source!r} is neither a number nor a file; check the path")


@contextmanager
def open_field(field: Field, scene: Grid) -> Iterator[FieldReader]:
    """Open a field for reading window by window.

    Parameters
    ----------
    field : Field
        The quantity.
    scene : Grid
        Grid on which it must lie.

    Yields
    ------
    FieldReader
        Function that reads a window, in the quantity's unit, NaN where the raster has no value.

    Raises
    ------
    InputError
        The file is missing, is not a raster of one band, or is damaged (also raised by the reader).
    RemoteError
        A server does not give it.
    GridMismatchError
        The raster is not on the scene's grid.
    """
    if field.lift is not None:
        with open_field(replace(field, lift=None), scene) as read, open_field(field.lift.ground, scene) as ground:
            yield _lifted(field.lift, read, ground)
        return
    if isinstance(field.source, Nodes):
        yield field.source.read
        return
    if not isinstance(field.source, Path | Address):
        constant = np.asarray(field.source, np.float32)
        yield lambda window: constant
        return
    what = field.quantity.title
    with (
        open_raster(field.source, what, InputError) as dataset,
        on_grid(dataset, scene, f"{what} {field.source}", align=field.align) as view,
    ):
        conversion = field.quantity.require_conversion(dataset.units[0], f"{what} {field.source}")
        yield lambda window: _read(view, dataset, what, conversion, window)


def _lifted(lift: ElevationAdjustment, read: FieldReader, ground: FieldReader) -> FieldReader:
    def at_the_ground(window: Any) -> Float32:
        elevation = ground(window)
        lift.ground.quantity.check(elevation[np.isfinite(elevation)], f"elevation {lift.ground.source}")
        surface = lift.surface.read(window) if isinstance(lift.surface, Nodes) else lift.surface
        return np.asarray(lift.formula(read(window), surface, elevation), np.float32)

    return at_the_ground


def _read(view: Any, dataset: Any, what: str, conversion: tuple[float, float], window: Any) -> Float32:
    """Read a window of a raster, or of a view of it on another grid, and apply its scale, its offset and its unit."""
    values, valid = read_window(view, what, InputError, window=window)
    values = values * dataset.scales[0] + dataset.offsets[0]
    values = values * conversion[0] + conversion[1]
    return np.where(valid, values, np.float32("nan")).astype(np.float32)


def _number(quantity: Quantity, source: Any) -> float:
    try:
        return float(source)
    except (TypeError, ValueError):
        raise InputError(
            f"{quantity.title} is of type {type(source).__name__}; give a number, a text or the path of a raster"
        ) from None
