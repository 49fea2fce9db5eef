"""Fields at places and times between their points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.scene.fields import ELEVATION
from lst_raster.scene.reanalysis.gridded import Float, GriddedField, area
from lst_raster.scene.reanalysis.projected import on_projection

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
