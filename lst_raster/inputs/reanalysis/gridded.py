"""Gridded reanalysis fields and their interpolation in space and time."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Proj

from lst_raster.errors import InputError
from lst_raster.physics.quantities import ELEVATION, WATER_VAPOUR, Quantity

Float = NDArray[np.float64]
Times = NDArray[np.datetime64]

_DECIMALS = 4  # of a degree: coordinates may be float32
_METRES_PER_DEGREE = 111_195.0  # along a meridian of a sphere of 6371 km
_MAX_GAP = 1.5  # largest spacing of the columns of a global grid [columns]
_GRID_TOLERANCE = 1e-3  # deviation of points from the rows and columns of their projection [cells]
_ROUNDING = 1e-4  # error of float32 coordinates [degree] or [m]
_SINGLE_STEP = np.timedelta64(1, "h")  # time step assumed for a file with one time: most reanalyses are hourly
_MAX_STEP = np.timedelta64(6, "h")  # across longer steps, linear interpolation loses the diurnal cycle


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GriddedField:
    """A quantity on a grid of latitude and longitude, at one or more times. Create one with `normalise`."""

    quantity: Quantity  # Quantity and unit of the values
    times: Times  # Times, ascending, UTC, to the second
    latitude: Float  # Latitudes, ascending [degree]; for a projected grid y of the rows [m]
    # Longitudes, ascending without a break, the first in -180 to 180, the last beyond 180 across the date line
    # [degree]; for a projected grid x of the columns [m]
    longitude: Float
    values: Float  # Values of shape (time, latitude, longitude), NaN where missing
    is_global: bool  # Whether the last longitude is followed by the first
    source: str  # File name without its folder
    variable: str  # Variable name in the file
    notes: tuple[str, ...] = ()  # Remarks for the user, one line each
    pressure: float | None = None  # Pressure level, None for fields near the surface and of the whole column [hPa]
    projection: str | None = None  # PROJ string of the grid, None for a grid of latitude and longitude

    def __str__(self) -> str:
        level = "" if self.pressure is None else f" at {self.pressure:g} hPa"
        return f"{self.source} {self.variable}{level}"

    @property
    def area(self) -> str:
        """Extent, for messages."""
        if self.projection is not None:
            (south, north), (west, east) = ((axis[0] / 1e3, axis[-1] / 1e3) for axis in (self.latitude, self.longitude))
            return f"x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g} km of its projection"
        return area(self.latitude, self.longitude)

    @property
    def cell(self) -> float:
        """Smallest grid spacing. [degree]"""
        smallest = float(min(np.diff(self.latitude).min(), np.diff(self.longitude).min()))
        return smallest if self.projection is None else smallest / _METRES_PER_DEGREE


def area(latitude: Any, longitude: Any) -> str:
    """Extent in latitude and longitude, for messages."""
    south, north, west, east = (float(f(x)) for x in (latitude, longitude) for f in (np.min, np.max))
    return f"latitude {south:.6g} to {north:.6g}, longitude {west:.6g} to {east:.6g}"


def nearest_steps(times: Times, when: np.datetime64 | None) -> NDArray[np.intp]:
    """Positions of the two time steps around `when`, or nearest to it; of all steps if it is None.

    The times may be in any order and repeated; the positions are ascending in time, each time once.
    """
    unique, positions = np.unique(times, return_index=True)
    if when is None or unique.size <= 2:
        return positions
    first = int(np.clip(np.searchsorted(unique, when) - 1, 0, unique.size - 2))
    return positions[first : first + 2]


def normalise(
    quantity: Quantity, times: Times, latitude: Any, longitude: Any, values: Any, *,
    source: str, variable: str, pressure: float | None = None,
) -> GriddedField:  # fmt: skip
    """Sort a field by time [UTC], latitude and longitude [degree], from any order and longitude convention.

    `values` has shape (time, latitude, longitude). Where a global grid stops at most a cell short of a pole, the pole
    is added as the mean of the last row. Negative water vapour, which spectral models and packing produce, becomes 0,
    with a note. Raises InputError for invalid coordinates and for fewer than two rows or columns.
    """
    latitude, longitude = np.asarray(latitude, float).round(_DECIMALS), np.asarray(longitude, float)
    if not (np.isfinite(latitude).all() and np.isfinite(longitude).all()) or np.abs(latitude).max() > 90.0:
        raise InputError(f"{source} {variable} has invalid latitudes or longitudes; download the file again")
    latitude, rows = np.unique(latitude, return_index=True)
    longitude, columns, is_global = _continuous(longitude)
    order = np.argsort(times, kind="stable")
    values = np.asarray(values, float)[np.ix_(order, rows, columns)]
    if latitude.size < 2 or longitude.size < 2:
        raise InputError(f"{source} {variable} has {latitude.size}x{longitude.size} points; give at least 2x2")
    if is_global:
        latitude, values = _with_poles(latitude, values)
    values, notes = _without_negatives(quantity, values)
    times = np.asarray(times)[order].astype("datetime64[s]")
    return GriddedField(
        quantity=quantity, times=times, latitude=latitude, longitude=longitude, values=values, is_global=is_global,
        source=source, variable=variable, notes=notes, pressure=pressure,
    )  # fmt: skip


def _continuous(longitude: Float) -> tuple[Float, NDArray[np.intp], bool]:
    """Ascending longitudes that start after the widest gap, their positions, and whether there is no gap."""
    wrapped = ((longitude + 180.0) % 360.0 - 180.0).round(_DECIMALS)
    wrapped[wrapped == 180.0] = -180.0
    unique, positions = np.unique(wrapped, return_index=True)
    gaps = np.diff(unique, append=unique[0] + 360.0)  # the last: across the date line
    if unique.size > 3 and gaps.max() <= _MAX_GAP * float(np.median(gaps)):
        return unique, positions, True
    start = (int(np.argmax(gaps)) + 1) % unique.size
    return np.concatenate([unique[start:], unique[:start] + 360.0]), np.roll(positions, -start), False


def _with_poles(latitude: Float, values: Float) -> tuple[Float, Float]:
    row = float(np.diff(latitude).max())
    south = int(0.0 < latitude[0] + 90.0 <= row)
    north = int(0.0 < 90.0 - latitude[-1] <= row)
    values = np.pad(values, ((0, 0), (south, north), (0, 0)), mode="edge")
    for added, edge in ((south, 0), (north, -1)):
        if added:
            values[:, edge] = values[:, edge].mean(axis=1, keepdims=True)
    return np.concatenate([[-90.0] * south, latitude, [90.0] * north]), values


def _without_negatives(quantity: Quantity, values: Float) -> tuple[Float, tuple[str, ...]]:
    lowest = float(np.nanmin(values, initial=0.0)) if quantity is WATER_VAPOUR else 0.0
    if lowest >= 0.0:
        return values, ()
    return np.maximum(values, 0.0), (f"negative water vapour (down to {lowest:.2g} kg m-2) is set to 0",)


def normalise_projected(
    quantity: Quantity, times: Times, latitude: Float, longitude: Float, values: Float, projection: str, *,
    source: str, variable: str,
) -> GriddedField:  # fmt: skip
    """Sort a field on a projected grid along the axes of the projection (a PROJ string).

    `latitude` and `longitude` have shape (y, x) [degree], `values` (time, y, x). Raises InputError if the projected
    points are not on even rows and columns, because then the projection is not that of the file.
    """
    x, y = (np.asarray(axis, float) for axis in Proj(projection)(longitude, latitude))
    columns, rows = x.mean(axis=0), y.mean(axis=1)
    for points, axis in ((x, columns), (y, rows[:, None])):
        steps = np.diff(axis.ravel())
        cell = abs(float(np.mean(steps)))
        deviation = np.max([np.abs(points - axis).max(), np.abs(np.abs(steps) - cell).max()])  # NaN if any is
        if not deviation < _GRID_TOLERANCE * cell:
            raise InputError(f"{source} {variable} is not on even rows and columns of {projection}; regrid it")
    down, right = np.argsort(rows), np.argsort(columns)
    values, notes = _without_negatives(quantity, values[:, down][:, :, right])
    return GriddedField(
        quantity=quantity, times=times.astype("datetime64[s]"), latitude=rows[down], longitude=columns[right],
        values=values, is_global=False, source=source, variable=variable, notes=notes, projection=projection,
    )  # fmt: skip


def merge_times(fields: list[GriddedField]) -> list[GriddedField]:
    """Merge fields of one quantity and grid that differ only in their times, such as one file per day.

    Of a repeated time, the first field is used. Fields on other grids stay separate, in the given order.
    """
    groups: dict[Hashable, list[GriddedField]] = {}
    for field in fields:
        grid = (field.projection, tuple(field.latitude), tuple(field.longitude))
        groups.setdefault((field.quantity.name, field.pressure, grid), []).append(field)
    return [_merged(group) for group in groups.values()]


def _merged(group: list[GriddedField]) -> GriddedField:
    if len(group) == 1 or group[0].quantity is ELEVATION:  # the surface does not change with time
        return group[0]
    times, positions = np.unique(np.concatenate([field.times for field in group]), return_index=True)
    values = np.concatenate([field.values for field in group])[positions]
    notes = tuple(dict.fromkeys(note for field in group for note in field.notes))
    source = ", ".join(dict.fromkeys(field.source for field in group))
    return replace(group[0], times=times, values=values, source=source, notes=notes)


def interpolate(field: GriddedField, when: np.datetime64, latitude: Any, longitude: Any) -> Float:
    """Interpolate to points [degree, any longitude convention] and a time [UTC]: bilinear in space, linear in time.

    Global fields are continuous across the date line and to the poles. Up to half a time step before the first and
    after the last time, the value of that time is used. The result has the shape of `latitude`, NaN next to missing
    values. Raises InputError if the time or a point is outside the field.
    """
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    axis = field.longitude
    if field.projection is None:
        y, x = latitude, (longitude - axis[0]) % 360.0
        x = axis[0] + np.where(x > 360.0 - _ROUNDING, 0.0, x)
    else:
        x, y = (np.asarray(each, float) for each in Proj(field.projection)(longitude, latitude))
    if field.is_global:
        axis = np.append(axis, axis[0] + 360.0)
    rows, row_weight = _bracket(field.latitude, y)
    columns, column_weight = _bracket(axis, x)
    inside = (row_weight >= 0.0) & (row_weight <= 1.0) & (column_weight >= 0.0) & (column_weight <= 1.0)
    if not inside.all():
        raise InputError(
            f"{field} covers {field.area}, the scene {area(latitude, longitude)}; give a file that covers the scene"
        )
    plane = _at_time(field, when)
    plane = np.concatenate([plane, plane[:, :1]], axis=1) if field.is_global else plane
    south = _mix(plane[rows, columns], plane[rows, columns + 1], column_weight)
    north = _mix(plane[rows + 1, columns], plane[rows + 1, columns + 1], column_weight)
    return _mix(south, north, row_weight)


def _at_time(field: GriddedField, when: np.datetime64) -> Float:
    """Values of shape (latitude, longitude), linear between the two time steps around `when`."""
    if field.quantity is ELEVATION:
        return np.asarray(field.values[0], float)
    times, when = field.times, when.astype("datetime64[s]")
    after = int(np.searchsorted(times, when))
    nearest = min(after, times.size - 1)
    if times[nearest] == when:
        return np.asarray(field.values[nearest], float)
    if after in (0, times.size):
        steps = np.diff(times)
        step = min(_MAX_STEP, steps[0 if nearest == 0 else -1]) if steps.size else _SINGLE_STEP
        if 2 * abs(when - times[nearest]) > step:
            span = f"{times[0]}" if times.size == 1 else f"{times[0]} to {times[-1]}"
            raise InputError(
                f"{field} has, nearest to the scene, {span} UTC, the scene is of {when} UTC; "
                "give the steps before and after the scene"
            )
        return np.asarray(field.values[nearest], float)
    step = times[after] - times[after - 1]
    if step > _MAX_STEP:
        raise InputError(
            f"{field} has no step between {times[after - 1]} and {times[after]}, the scene is of {when} UTC; "
            "give also the steps nearest to it, 6 hours apart at most"
        )
    return _mix(field.values[after - 1], field.values[after], (when - times[after - 1]) / step)


def _bracket(axis: Float, points: Float) -> tuple[NDArray[np.intp], Float]:
    """Position on the axis before each point, and the weight of the next position: 0 to 1 inside the axis."""
    before = np.clip(np.searchsorted(axis, points, side="right") - 1, 0, axis.size - 2)
    weight = (points - axis[before]) / (axis[before + 1] - axis[before])
    close = (points > axis[0] - _ROUNDING) & (points < axis[-1] + _ROUNDING)
    return before, np.where(close, np.clip(weight, 0.0, 1.0), weight)


def _mix(a: Any, b: Any, weight: Any) -> Float:
    """Weighted mean of two values; one with zero weight may be NaN."""
    return np.asarray(np.where(weight == 0.0, a, np.where(weight == 1.0, b, a + weight * (b - a))), float)
