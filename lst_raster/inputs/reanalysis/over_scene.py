"""Reanalysis over a scene: surface fields and profiles at the nodes of its coarse grid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.fields import BETWEEN_ELEVATIONS, QUANTITIES, ElevationAdjustment, Field
from lst_raster.inputs.reanalysis.datasets import store_name
from lst_raster.inputs.reanalysis.gridded import GriddedField, interpolate, merge_times, normalise
from lst_raster.inputs.reanalysis.products import variable_names
from lst_raster.inputs.reanalysis.read import read_if_present, read_request
from lst_raster.inputs.reanalysis.request import (
    PROFILE_SPACING,
    NodePositions,
    NothingFoundError,
    Request,
    make_request,
    node_positions,
)
from lst_raster.io.coarse_grid import Float, Nodes, interpolate_at
from lst_raster.io.grid import Grid
from lst_raster.io.scene import Scene
from lst_raster.physics.elevation import water_vapour_between
from lst_raster.physics.humidity import specific_humidity, specific_humidity_from_dew_point
from lst_raster.physics.quantities import (
    DEW_POINT,
    ELEVATION,
    HUMIDITY_2M,
    RELATIVE_HUMIDITY,
    SPECIFIC_HUMIDITY,
    SURFACE_PRESSURE,
    TEMPERATURE,
    WATER_VAPOUR,
)  # fmt: skip

T = TypeVar("T")
R = TypeVar("R")

ORIGIN = "reanalysis"  # Origin of reanalysis fields

_AXES = ("times", "latitude", "longitude", "projection")
_QUANTITIES = {**QUANTITIES, HUMIDITY_2M.name: HUMIDITY_2M}
# With one scale height of the vapour, humidity at the surface decreases with elevation as the column above it does.
_BETWEEN = {**BETWEEN_ELEVATIONS, HUMIDITY_2M.name: water_vapour_between}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LevelNodes:
    """Temperature and humidity on pressure levels, at nodes over a scene."""

    rows: Float  # Rows of the nodes, ascending; 0 is the upper edge of the first pixel [pixel]
    columns: Float  # Columns of the nodes, likewise [pixel]
    pressure: Float  # Pressures of the levels, ascending: from the top of the atmosphere down [hPa]
    # Air temperature of shape (level, rows, columns), NaN where missing, in some products below the surface [K]
    temperature: Float
    specific_humidity: Float  # Specific humidity, likewise [kg kg-1]
    label: str  # Provenance, for messages and metadata

    def at(self, row: Float, column: Float) -> tuple[Float, Float]:
        """Temperature [K] and specific humidity [kg kg-1] of shape (level, ...) at positions of any shape [pixel]."""
        values = np.stack([self.temperature, self.specific_humidity])
        temperature, humidity = interpolate_at(self.rows, self.columns, values, row, column)
        return temperature, humidity


def profiles_over_scene(scene: Scene, paths: Sequence[str | Path]) -> LevelNodes:
    """Interpolate temperature and humidity on pressure levels to the time and the nodes of a scene.

    Interpolation is bilinear in space and linear in time, to nodes 128 pixels apart (closer for small reanalysis
    cells). Relative humidity, where there is no specific humidity, is converted at the grid points of the file, with
    saturation over water and ice (mixed phase). Missing humidity of a level is interpolated from its neighbours,
    linearly in the logarithm of pressure; levels above and below all levels with humidity are dropped. Only the points
    around the scene, at two time steps, are kept in memory.

    `paths` are files or stores, at least one of them on pressure levels. Those on one grid are merged; of several
    grids, the first one that covers the scene is used. Raises InputError if the scene has no time or coordinate system,
    if the files do not cover it, if temperature or humidity are missing; and the errors of `read_if_present`.
    """
    request = make_request(scene, on_levels=True)
    grids: dict[tuple[bytes, bytes], list[GriddedField]] = {}
    for field in read_if_present(paths, request):
        grids.setdefault((field.latitude.tobytes(), field.longitude.tobytes()), []).append(field)
    return _first_usable(grids.values(), lambda fields: _profiles(scene, request, fields))


def _first_usable(candidates: Iterable[T], work: Callable[[T], R]) -> R:
    """Result for the first candidate that raises no InputError, or else the error of the first."""
    errors = []
    for candidate in candidates:
        try:
            return work(candidate)
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _profiles(scene: Scene, request: Request, fields: list[GriddedField]) -> LevelNodes:
    assert request.when is not None
    temperature, humidity = _by_level(fields, TEMPERATURE.name), _by_level(fields, SPECIFIC_HUMIDITY.name)
    humidity = humidity or _from_relative(_by_level(fields, RELATIVE_HUMIDITY.name), temperature)
    levels = [level for level in sorted(temperature) if humidity and min(humidity) <= level <= max(humidity)]
    if len(levels) < 2:
        raise InputError(
            f"{fields[0].source} has temperature on {len(temperature)} and humidity on {len(humidity)} levels of "
            "pressure; give files with t and q (or r) on the same grid"
        )
    nodes = node_positions(scene.grid, fields[0].cell, PROFILE_SPACING)
    known, pressure = np.array(sorted(humidity)), np.array(levels)
    humidity_values = _stacked([humidity[level] for level in known], request.when, nodes)
    names = dict.fromkeys(f"{field.source} {field.variable}" for field in (*temperature.values(), *humidity.values()))
    return LevelNodes(
        rows=nodes.rows, columns=nodes.columns, pressure=pressure, label=", ".join(names),
        temperature=_stacked([temperature[level] for level in levels], request.when, nodes),
        specific_humidity=np.maximum(_between_levels(humidity_values, known, pressure), 0.0),
    )  # fmt: skip


def _by_level(fields: list[GriddedField], name: str) -> dict[float, GriddedField]:
    merged = merge_times([field for field in fields if field.quantity.name == name])
    return {field.pressure: field for field in merged if field.pressure is not None}


def _from_relative(
    relative: dict[float, GriddedField], temperature: dict[float, GriddedField]
) -> dict[float, GriddedField]:
    """Specific humidity on the levels that have relative humidity and temperature."""
    specific = {}
    for level, field in relative.items():
        if level not in temperature:
            continue
        if not np.array_equal(field.times, temperature[level].times):
            raise InputError(
                f"{field} and {temperature[level]} have different times; give both for the steps around the scene"
            )
        _check(field)
        values = specific_humidity(np.maximum(field.values, 0.0), temperature[level].values, np.float64(level))
        specific[level] = normalise(
            SPECIFIC_HUMIDITY, field.times, field.latitude, field.longitude, values,
            source=field.source, variable=field.variable, pressure=level,
        )  # fmt: skip
    return specific


def _check(field: GriddedField, values: Float | None = None) -> None:
    values = field.values if values is None else values
    field.quantity.check(values[np.isfinite(values)], str(field))


def _stacked(fields: list[GriddedField], when: np.datetime64, nodes: NodePositions) -> Float:
    """Interpolate to the nodes and check the values, of shape (field, rows, columns)."""
    planes = []
    for field in fields:
        planes.append(interpolate(field, when, nodes.latitude, nodes.longitude))
        _check(field, planes[-1])
    values = np.stack(planes)
    if not np.isfinite(values).any():
        raise InputError(
            f"{fields[0].source} {fields[0].variable} has no value over the scene; give a file with values there"
        )
    return values


def _between_levels(values: Float, known: Float, wanted: Float) -> Float:
    """Interpolate to other pressure levels, linearly in the logarithm of pressure; known levels are unchanged."""
    after = np.clip(np.searchsorted(known, wanted), 1, known.size - 1)
    weight = np.log(wanted / known[after - 1]) / np.log(known[after] / known[after - 1])
    weight = weight[:, None, None]
    mixed = values[after - 1] + weight * (values[after] - values[after - 1])
    return np.where(weight == 1.0, values[after], np.where(weight == 0.0, values[after - 1], mixed))


def fields_over_scene(
    scene: Scene, paths: Sequence[str | Path], wanted: Collection[str], ground: Field | None = None, *,
    with_levels: bool = False, needs_vapour: bool = True,
) -> dict[str, Field]:  # fmt: skip
    """Interpolate reanalysis fields near the surface to the time and the nodes of a scene.

    The nodes are 32 pixels apart (closer for small reanalysis cells); from there, fields are interpolated to pixels.
    Between nodes the error is at most their distance over four cells of the change of the slope across a cell, less
    than a hundredth of it for 30 m pixels and cells of 0.25 degree.

    Specific humidity at 2 m is also derived from dew point and surface pressure. Files on one grid are merged in time;
    of several grids, the first one that covers the scene is used. With `ground`, the elevation of the pixels, fields
    are adjusted to it from the surface elevation of the reanalysis. With `with_levels`, files may have levels only.

    Returns the available ones of the `wanted` quantities by name. Raises InputError if the scene has no time or
    coordinate system, if the files do not cover it, if they have no water vapour although it is wanted and
    `needs_vapour` is set, or no surface elevation although `ground` is given; and the errors of `read_request`.
    """
    request = make_request(scene)
    assert request.when is not None
    when = request.when
    available = _read(paths, request, with_levels)
    surface = _over(available, ELEVATION.name, when, scene.grid) if ground else None
    if ground and available and surface is None:
        raise InputError(
            "the reanalysis has no surface elevation, which --dem requires; "
            "add a file with z (not on levels), PHIS or orog"
        )
    fields = {}
    for name in wanted:
        nodes = _over(available, name, when, scene.grid)
        adjustment = None
        if surface and ground:
            adjustment = ElevationAdjustment(surface=surface, ground=ground, formula=_BETWEEN[name])
        if nodes is not None:
            fields[name] = Field(quantity=_QUANTITIES[name], source=nodes, origin=ORIGIN, adjustment=adjustment)
    if WATER_VAPOUR.name in wanted and WATER_VAPOUR.name not in fields and needs_vapour:
        names = ", ".join(store_name(path) for path in paths)
        found = ", ".join(dict.fromkeys(field.variable for field in available)) or "nothing"
        raise InputError(
            f"reanalysis {names} has no water vapour (found: {found}); "
            f"add a file with {variable_names(WATER_VAPOUR)}, or --water-vapour"
        )
    return fields


def _read(paths: Sequence[str | Path], request: Request, with_levels: bool) -> list[GriddedField]:
    if not with_levels:
        fields = [field for path in paths for field in read_request(path, request)]
    else:
        try:
            fields = read_if_present(paths, request)
        except NothingFoundError:
            return []
    return fields + list(_from_dew_points(fields))


def _from_dew_points(fields: list[GriddedField]) -> Iterator[GriddedField]:
    """Specific humidity from dew points and surface pressures of the same times and grid."""
    pressures = merge_times([field for field in fields if field.quantity is SURFACE_PRESSURE])
    for dew in merge_times([field for field in fields if field.quantity is DEW_POINT]):
        for pressure in pressures:
            if all(np.array_equal(getattr(dew, axis), getattr(pressure, axis)) for axis in _AXES):
                _check(dew)
                humidity = specific_humidity_from_dew_point(dew.values, pressure.values)
                yield replace(dew, quantity=HUMIDITY_2M, values=humidity)


def _over(fields: list[GriddedField], name: str, when: np.datetime64, grid: Grid) -> Nodes | None:
    """Interpolate a quantity from the first grid that covers the scene, None if no file has it."""

    def interpolated(field: GriddedField) -> Nodes:
        at = node_positions(grid, field.cell)
        values = interpolate(field, when, at.latitude, at.longitude)
        if not np.isfinite(values).any():
            raise InputError(f"{field} has no value over the scene; give a file with values there")
        _check(field, values)
        notes = tuple(f"{field}: {note}" for note in field.notes)
        return Nodes(rows=at.rows, columns=at.columns, values=values, label=str(field), notes=notes)

    merged = merge_times([field for field in fields if field.quantity.name == name])
    return _first_usable(merged, interpolated) if merged else None
