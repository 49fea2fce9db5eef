"""Gridded fields of reanalyses, on any grid, and their interpolation in space and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Proj

from lst_raster.errors import InputError
from lst_raster.physics.quantities import ELEVATION, WATER_VAPOUR, Quantity

Float = NDArray[np.float64]
Times = NDArray[np.datetime64]

_DIGITS = 4  # of a degree: float32 coordinates are no better
_METRES = 111_195.0  # in a degree along a meridian, of a sphere of 6371 km
_GAP = 1.5  # cells between neighbours, from which on a grid has an end there


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GriddedField:
    """A quantity on a grid of latitude and longitude, at one or more times. Make one with `normalise`."""

    quantity: Quantity
    """What it is; the values are in its unit."""
    times: Times
    """Times, ascending, UTC, to the second."""
    latitude: Float
    """Latitudes, ascending [degree]; on a projection the rows' y. [m]"""
    longitude: Float
    """Longitudes, ascending without a break, the first in -180 to 180, the last beyond 180 across the date line
    [degree]; on a projection the columns' x. [m]"""
    values: Float
    """Values of shape (time, latitude, longitude), NaN where there are none."""
    is_global: bool
    """Whether the last longitude is followed by the first."""
    source: str
    """Name of the file, without its folder."""
    variable: str
    """Name of the variable in it."""
    notes: tuple[str, ...] = ()
    """What is to be known about the values, one line each."""
    pressure: float | None = None
    """Level on which it holds, None for fields of the whole column and near the ground. [hPa]"""
    projection: str | None = None
    """Projection of the grid in PROJ's words, None for one of latitude and longitude."""

    def __str__(self) -> str:
        level = "" if self.pressure is None else f" at {self.pressure:g} hPa"
        return f"{self.source} {self.variable}{level}"

    @property
    def area(self) -> str:
        """Area that it covers, for messages."""
        if self.projection is not None:
            (south, north), (west, east) = ((axis[0] / 1e3, axis[-1] / 1e3) for axis in (self.latitude, self.longitude))
            return f"x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g} km of its projection"
        return area(self.latitude, self.longitude)

    @property
    def cell(self) -> float:
        """Smallest distance of two neighbours. [degree]"""
        smallest = float(min(np.diff(self.latitude).min(), np.diff(self.longitude).min()))
        return smallest if self.projection is None else smallest / _METRES


def area(latitude: Any, longitude: Any) -> str:
    """Extent in latitude and longitude, for messages."""
    south, north, west, east = (float(f(x)) for x in (latitude, longitude) for f in (np.min, np.max))
    return f"latitude {south:.6g} to {north:.6g}, longitude {west:.6g} to {east:.6g}"


def nearest_steps(times: Times, when: np.datetime64 | None) -> NDArray[np.intp]:
    """Choose the steps of a file that are worth reading.

    Parameters
    ----------
    times : array of shape (time,)
        Times of a file, in any order, perhaps repeated.
    when : numpy.datetime64 or None
        Time that is asked for; None for all.

    Returns
    -------
    array
        Positions of the two steps on both sides of `when`, or nearest to it, ascending in time, each time once.
    """
    unique, positions = np.unique(times, return_index=True)
    if when is None or unique.size <= 2:
        return positions
    first = int(np.clip(np.searchsorted(unique, when) - 1, 0, unique.size - 2))
    return positions[first : first + 2]


def normalise(
    quantity: Quantity, times: Times, latitude: Any, longitude: Any, values: Any, *, source: str, variable: str,
    pressure: float | None = None,
) -> GriddedField:  # fmt: skip
    """Bring a field into the normal form.

    Where a grid goes around the Earth but stops short of a pole by a cell at most, the pole is added, as the mean
    of the last row. Negative water vapour, which spectral models and packing produce, becomes 0, with a note.

    Parameters
    ----------
    quantity : Quantity
        What it is.
    times : array of shape (time,)
        Times, each once, in any order.
    latitude, longitude : array of shape (latitude,) and (longitude,)
        Coordinates in any order and any convention. [degree]
    values : array of shape (time, latitude, longitude)
        Values in the quantity's unit, NaN where there are none.
    source, variable : str
        Where they come from.
    pressure : float, optional
        Level on which they hold. [hPa]

    Raises
    ------
    InputError
        The grid has less than two rows or columns, or coordinates that are none.
    """
    latitude, longitude = np.asarray(latitude, float).round(_DIGITS), np.asarray(longitude, float)
    _check_coordinates(latitude, longitude, f"{source} {variable}")
    latitude, rows = np.unique(latitude, return_index=True)
    longitude, columns, is_global = _unroll(longitude)
    order = np.argsort(times, kind="stable")
    values = np.asarray(values, float)[np.ix_(order, rows, columns)]
    if latitude.size < 2 or longitude.size < 2:
        raise InputError(f"{source} {variable} has {latitude.size}x{longitude.size} points; give at least 2x2")
    if is_global:
        latitude, values = _with_poles(latitude, values)
    values, notes = without_negatives(quantity, values)
    return GriddedField(
        quantity=quantity, times=np.asarray(times)[order].astype("datetime64[s]"), latitude=latitude,
        longitude=longitude, values=values, is_global=is_global, source=source, variable=variable, notes=notes,
        pressure=pressure,
    )  # fmt: skip


def merge_times(fields: list[GriddedField]) -> list[GriddedField]:
    """Put fields of one quantity together that differ in their times only, such as a file for each day.

    Of a time that comes twice, the first is kept. Fields on other grids stay apart, in the order given.
    """
    groups: list[list[GriddedField]] = []
    for field in fields:
        group = next((group for group in groups if _same_grid(group[0], field)), None)
        if group is None:
            groups.append([field])
        else:
            group.append(field)
    return [_joined(group) for group in groups]


def _joined(group: list[GriddedField]) -> GriddedField:
    first = group[0]
    if len(group) == 1 or first.quantity is ELEVATION:  # the surface does not change
        return first
    times, positions = np.unique(np.concatenate([field.times for field in group]), return_index=True)
    return GriddedField(
        quantity=first.quantity, times=times, latitude=first.latitude, longitude=first.longitude,
        values=np.concatenate([field.values for field in group])[positions], is_global=first.is_global,
        source=", ".join(dict.fromkeys(field.source for field in group)), variable=first.variable,
        notes=tuple(dict.fromkeys(note for field in group for note in field.notes)), pressure=first.pressure,
        projection=first.projection,
    )  # fmt: skip


def _same_grid(a: GriddedField, b: GriddedField) -> bool:
    if a.quantity is not b.quantity or a.pressure != b.pressure or a.projection != b.projection:
        return False
    return np.array_equal(a.latitude, b.latitude) and np.array_equal(a.longitude, b.longitude)


def _check_coordinates(latitude: Float, longitude: Float, where: str) -> None:
    if not (np.isfinite(latitude).all() and np.isfinite(longitude).all()) or np.abs(latitude).max() > 90.0:
        raise InputError(f"{where} has latitudes or longitudes that are none; fetch the file again")


def _unroll(longitude: Float) -> tuple[Float, NDArray[np.intp], bool]:
    """Longitudes ascending from the widest gap on, where each was, and whether there is no gap."""
    turned = ((longitude + 180.0) % 360.0 - 180.0).round(_DIGITS)
    turned[turned == 180.0] = -180.0
    unique, positions = np.unique(turned, return_index=True)
    gaps = np.diff(unique, append=unique[0] + 360.0)  # the last: across the date line
    typical = float(np.median(gaps))
    if unique.size > 3 and gaps.max() <= _GAP * typical:
        return unique, positions, True
    start = (int(np.argmax(gaps)) + 1) % unique.size
    rolled = np.concatenate([unique[start:], unique[:start] + 360.0])
    return rolled, np.roll(positions, -start), False


def _with_poles(latitude: Float, values: Float) -> tuple[Float, Float]:
    row = float(np.diff(latitude).max())
    south = int(0.0 < latitude[0] + 90.0 <= row)
    north = int(0.0 < 90.0 - latitude[-1] <= row)
    values = np.pad(values, ((0, 0), (south, north), (0, 0)), mode="edge")
    for added, edge in ((south, 0), (north, -1)):
        if added:
            values[:, edge] = values[:, edge].mean(axis=1, keepdims=True)
    return np.concatenate([[-90.0] * south, latitude, [90.0] * north]), values


def without_negatives(quantity: Quantity, values: Float) -> tuple[Float, tuple[str, ...]]:
    """Raise negative water vapour to 0, and say so; other quantities are left as they are."""
    lowest = float(np.nanmin(values, initial=0.0)) if quantity is WATER_VAPOUR else 0.0
    if lowest >= 0.0:
        return values, ()
    return np.maximum(values, 0.0), (f"negative water vapour (down to {lowest:.2g} kg m-2) is taken as 0",)


_DEVIATION = 1e-3  # of a cell, by which points may lie beside the rows and columns of their projection


def normalise_projected(
    quantity: Quantity, times: Times, latitude: Float, longitude: Float, values: Float, projection: str, *,
    source: str, variable: str,
) -> GriddedField:  # fmt: skip
    """Bring a field on a projection into the normal form: its axes are the projection's.

    The file's own latitude and longitude of every point are projected; they must fall on even rows and columns, else
    the projection is not the file's.

    Parameters
    ----------
    quantity : Quantity
        What it is.
    times : array of shape (time,)
        Times, ascending.
    latitude, longitude : array of shape (y, x)
        Places of the points, on the model's sphere. [degree]
    values : array of shape (time, y, x)
        Values in the quantity's unit, NaN where there are none.
    projection : str
        The projection in PROJ's words.
    source, variable : str
        Where they come from.

    Raises
    ------
    InputError
        The points are not on even rows and columns of the projection.
    """
    x, y = (np.asarray(axis, float) for axis in Proj(projection)(longitude, latitude))
    columns, rows = x.mean(axis=0), y.mean(axis=1)
    for points, axis in ((x, columns), (y, rows[:, None])):
        steps = np.diff(axis.ravel())
        cell = abs(float(np.mean(steps)))
        if not (
            np.abs(points - axis).max() < _DEVIATION * cell and np.abs(np.abs(steps) - cell).max() < _DEVIATION * cell
        ):
            raise InputError(f"{source} {variable} is not on even rows and columns of {projection}; regrid it")
    down, right = np.argsort(rows), np.argsort(columns)
    values, notes = without_negatives(quantity, values[:, down][:, :, right])
    return GriddedField(
        quantity=quantity, times=times.astype("datetime64[s]"), latitude=rows[down], longitude=columns[right],
        values=values, is_global=False, source=source, variable=variable, notes=notes, projection=projection,
    )  # fmt: skip


def on_projection(field: GriddedField, latitude: Any, longitude: Any) -> tuple[Float, Float]:
    """Places in a field's own coordinates: y and x of its projection [m], or as they are. [degree]"""
    if field.projection is None:
        return latitude, longitude
    x, y = Proj(field.projection)(longitude, latitude)
    return np.asarray(y, float), np.asarray(x, float)


_LONE_STEP = np.timedelta64(1, "h")  # what a file of a single time is taken for, as most reanalyses are hourly
_LONGEST = np.timedelta64(6, "h")  # between two steps: across more the day's course is lost
_ROUNDING = 1e-4  # [degree] or [m], by which coordinates of single precision are off


def interpolate(field: GriddedField, when: np.datetime64, latitude: Any, longitude: Any) -> Float:
    """Values at places, at one time: bilinear in space, linear in time.

    Space is a globe: across the date line and to the poles where the field goes around. Up to half a step before
    the first and after the last time the value of that time is taken. An elevation does not change with time.

    Parameters
    ----------
    field : GriddedField
        The field.
    when : numpy.datetime64
        The time, UTC.
    latitude, longitude : array, any shape
        The places, longitude in any convention. [degree]

    Returns
    -------
    array, shape of `latitude`
        Values in the quantity's unit, NaN where a neighbour has no value.

    Raises
    ------
    InputError
        The time or a place lies outside the field; the message tells both.
    """
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    north, east = on_projection(field, latitude, longitude)
    rows, row_weight = _bracket(field.latitude, north)
    around = _around(field)
    columns, column_weight = _bracket(around, _turned(east, field) if field.projection is None else east)
    inside = (row_weight >= 0.0) & (row_weight <= 1.0) & (column_weight >= 0.0) & (column_weight <= 1.0)
    if not inside.all():
        raise InputError(
            f"{field} covers {field.area}, the scene {area(latitude, longitude)}; give a file that covers the scene"
        )
    plane = at_time(field, when)
    plane = np.concatenate([plane, plane[:, :1]], axis=1) if field.is_global else plane
    south = _mix(plane[rows, columns], plane[rows, columns + 1], column_weight)
    north = _mix(plane[rows + 1, columns], plane[rows + 1, columns + 1], column_weight)
    return _mix(south, north, row_weight)


def at_time(field: GriddedField, when: np.datetime64) -> Float:
    """Values at one time, linear between the two steps around it, of shape (latitude, longitude).

    Raises
    ------
    InputError
        The time is more than half a step outside those of the field, or the steps around it are more than 6 hours
        apart.
    """
    if field.quantity is ELEVATION:
        return _step(field, 0)
    times, when = field.times, when.astype("datetime64[s]")
    after = int(np.searchsorted(times, when))
    if after in (0, times.size):
        nearest = 0 if after == 0 else times.size - 1
        if times[nearest] != when:
            _require_near(field, when, nearest)
        return _step(field, nearest)
    if times[after] == when:
        return _step(field, after)
    step = times[after] - times[after - 1]
    if step > _LONGEST:
        raise InputError(
            f"{field} has no step between {times[after - 1]} and {times[after]}, the scene is of {when} UTC; "
            "give also the steps nearest to it, 6 hours apart at most"
        )
    return _mix(field.values[after - 1], field.values[after], (when - times[after - 1]) / step)


def _step(field: GriddedField, position: int) -> Float:
    return np.asarray(field.values[position], float)


def _require_near(field: GriddedField, when: np.datetime64, nearest: int) -> None:
    times = field.times
    steps = np.diff(times)
    step = min(_LONGEST, steps[0 if nearest == 0 else -1]) if steps.size else _LONE_STEP
    if 2 * abs(when - times[nearest]) > step:
        span = f"{times[0]}" if times.size == 1 else f"{times[0]} to {times[-1]}"
        raise InputError(
            f"{field} has, nearest to the scene, {span} UTC, the scene is of {when} UTC; "
            "give the steps before and after the scene"
        )


def _around(field: GriddedField) -> Float:
    return np.append(field.longitude, field.longitude[0] + 360.0) if field.is_global else field.longitude


def _turned(longitude: Float, field: GriddedField) -> Float:
    """Longitudes turned into the field's convention."""
    first = float(field.longitude[0])
    turned = (longitude - first) % 360.0
    return first + np.where(turned > 360.0 - _ROUNDING, 0.0, turned)


def _bracket(points: Float, wanted: Float) -> tuple[NDArray[np.intp], Float]:
    """Position of the point before each value, and its weight from there to the next: 0 to 1 where it is inside."""
    before = np.clip(np.searchsorted(points, wanted, side="right") - 1, 0, points.size - 2)
    weight = (wanted - points[before]) / (points[before + 1] - points[before])
    close = (wanted > points[0] - _ROUNDING) & (wanted < points[-1] + _ROUNDING)
    return before, np.where(close, np.clip(weight, 0.0, 1.0), weight)


def _mix(a: Any, b: Any, weight: Any) -> Float:
    """Mean of two, where the one that weighs nothing may be missing."""
    return np.asarray(np.where(weight == 0.0, a, np.where(weight == 1.0, b, a + weight * (b - a))), float)
