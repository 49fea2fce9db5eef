"""Reanalysis over a scene: surface fields and profiles at the nodes of its coarse grid."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.fields import BETWEEN_ELEVATIONS, QUANTITIES, ElevationAdjustment, Field
from lst_raster.inputs.reanalysis.gridded import GriddedField, interpolate, merge_times, normalise
from lst_raster.inputs.reanalysis.products import names_of
from lst_raster.inputs.reanalysis.read import read_if_present, read_request
from lst_raster.inputs.reanalysis.request import WIDE, Places, Request, make_request, places_over
from lst_raster.inputs.reanalysis.variables import NothingFoundError
from lst_raster.inputs.reanalysis.zarr_store import store_name
from lst_raster.io.coarse_grid import Float, Nodes, at_places
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
)

_FEWEST = 2  # levels, below which it is no profile


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LevelNodes:
    """Temperature and humidity on levels of pressure, at the crossings of some rows and columns of a scene."""

    rows: Float
    """Rows of the nodes, ascending; 0 is the upper edge of the first pixel. [pixel]"""
    columns: Float
    """Columns of the nodes, likewise. [pixel]"""
    pressure: Float
    """Pressures of the levels, ascending: from the top of the air down. [hPa]"""
    temperature: Float
    """Air temperature of shape (level, rows, columns), NaN where the file has none: some have none below the ground.
    [K]"""
    specific_humidity: Float
    """Specific humidity of the same shape, likewise. [kg kg-1]"""
    label: str
    """Where they come from, for people."""

    def at(self, row: Float, column: Float) -> tuple[Float, Float]:
        """Temperature [K] and specific humidity [kg kg-1] of shape (level, ...) at places of any shape [pixel]."""
        values = np.stack([self.temperature, self.specific_humidity])
        temperature, humidity = at_places(self.rows, self.columns, values, row, column)
        return temperature, humidity


def profiles_over_scene(scene: Scene, paths: Sequence[str | Path]) -> LevelNodes:
    """Take temperature and humidity on levels for a scene's time and place.

    They are interpolated as fields near the ground are: bilinearly in space, linearly in time, to nodes 128 pixels
    apart (closer where the cells are small). Relative humidity, where there is no specific, is turned into it at the
    points of the file, against saturation over water and ice (mixed phase). A level that has a temperature and no
    humidity gets it from its neighbours, linearly in the logarithm of pressure; above and below all levels with
    humidity, levels are left out. In memory are the points around the scene, of two steps.

    Parameters
    ----------
    scene : Scene
        The scene; it must tell the time of acquisition and have a coordinate system.
    paths : sequence of str or path
        Files or stores, of which some are on levels of pressure. Those of one grid are put together; of several grids
        the first that serves is taken.

    Returns
    -------
    LevelNodes
        The profiles.

    Raises
    ------
    InputNotFoundError, InputError, RemoteError, MissingExtraError
        As `read_if_present`; or the scene has no time or no coordinate system; or the files do not cover it in
        time and space; or temperature or humidity are missing.
    """
    ask = make_request(scene, on_levels=True)
    found = read_if_present(paths, ask)
    complaints = []
    for group in _by_grid(found):
        try:
            return _profiles(scene, ask, group)
        except InputError as complaint:
            complaints.append(complaint)
    raise complaints[0]


def _by_grid(fields: list[GriddedField]) -> list[list[GriddedField]]:
    groups: dict[tuple[bytes, bytes], list[GriddedField]] = {}
    for field in fields:
        groups.setdefault((field.latitude.tobytes(), field.longitude.tobytes()), []).append(field)
    return list(groups.values())


def _profiles(scene: Scene, ask: Request, group: list[GriddedField]) -> LevelNodes:
    assert ask.when is not None
    warmth, moisture = _on_levels(group, TEMPERATURE.name), _on_levels(group, SPECIFIC_HUMIDITY.name)
    moisture = moisture or _from_relative(_on_levels(group, RELATIVE_HUMIDITY.name), warmth)
    pressure = np.array([level for level in sorted(warmth) if moisture and min(moisture) <= level <= max(moisture)])
    if pressure.size < _FEWEST:
        raise InputError(
            f"{group[0].source} has temperature on {len(warmth)} and humidity on {len(moisture)} levels of pressure; "
            "give files with t and q (or r) on the same grid"
        )
    places = places_over(scene.grid, group[0].cell, WIDE)
    known = np.array(sorted(moisture))
    humid = _stacked([moisture[level] for level in known], ask.when, places)
    named = [*warmth.values(), *moisture.values()]
    return LevelNodes(
        rows=places.rows, columns=places.columns, pressure=pressure,
        temperature=_stacked([warmth[level] for level in pressure], ask.when, places),
        specific_humidity=np.maximum(_between(humid, known, pressure), 0.0),
        label=", ".join(dict.fromkeys(f"{field.source} {field.variable}" for field in named)),
    )  # fmt: skip


def _on_levels(group: list[GriddedField], name: str) -> dict[float, GriddedField]:
    merged = merge_times([field for field in group if field.quantity.name == name])
    return {field.pressure: field for field in merged if field.pressure is not None}


def _from_relative(relative: dict[float, GriddedField], warmth: dict[float, GriddedField]) -> dict[float, GriddedField]:
    """Specific humidity on the levels that have relative humidity and temperature."""
    found = {}
    for level, field in relative.items():
        warm = warmth.get(level)
        if warm is None:
            continue
        if not np.array_equal(field.times, warm.times):
            raise InputError(f"{field} and {warm} are of different times; give both for the steps around the scene")
        field.quantity.check(field.values[np.isfinite(field.values)], str(field))
        values = specific_humidity(np.maximum(field.values, 0.0), warm.values, np.float64(level))
        found[level] = normalise(
            SPECIFIC_HUMIDITY, field.times, field.latitude, field.longitude, values,
            source=field.source, variable=field.variable, pressure=level,
        )  # fmt: skip
    return found


def _stacked(fields: list[GriddedField], when: np.datetime64, places: Places) -> Float:
    """Values at the nodes, of shape (field, rows, columns), checked."""
    planes = []
    for field in fields:
        plane = interpolate(field, when, places.latitude, places.longitude)
        field.quantity.check(plane[np.isfinite(plane)], str(field))
        planes.append(plane)
    values = np.stack(planes)
    if not np.isfinite(values).any():
        raise InputError(f"{fields[0].source} {fields[0].variable} has no value over the scene; give a file that has")
    return values


def _between(values: Float, known: Float, wanted: Float) -> Float:
    """Values on other levels of pressure, linear in its logarithm; those that are known are not touched."""
    after = np.clip(np.searchsorted(known, wanted), 1, known.size - 1)
    weight = np.log(wanted / known[after - 1]) / np.log(known[after] / known[after - 1])
    weight = weight[:, None, None]
    mixed = values[after - 1] + weight * (values[after] - values[after - 1])
    return np.where(weight == 1.0, values[after], np.where(weight == 0.0, values[after - 1], mixed))


ORIGIN = "reanalysis"
"""Origin of the fields that come from here."""

_AXES = ("times", "latitude", "longitude", "projection")
_QUANTITIES = {**QUANTITIES, HUMIDITY_2M.name: HUMIDITY_2M}
# Humidity at the ground falls with its elevation as the column above it does, where the vapour has one scale height.
_BETWEEN = {**BETWEEN_ELEVATIONS, HUMIDITY_2M.name: water_vapour_between}


def fields_over_scene(
    scene: Scene, paths: Sequence[str | Path], wanted: Collection[str], ground: Field | None = None, *,
    beside_levels: bool = False, needs_vapour: bool = True,
) -> dict[str, Field]:  # fmt: skip
    """Take what reanalysis files have for a scene's time and place.

    They are interpolated to nodes 32 pixels apart (closer where the cells are small), and from there to the pixels.
    Between nodes the error is at most their distance over four cells of the change of the field's slope across a
    cell, below a hundredth of it for 30 m pixels and cells of 0.25 degree.

    Parameters
    ----------
    scene : Scene
        The scene; it must tell the time of acquisition and have a coordinate system.
    paths : sequence of str or path
        The files, or addresses of zarr stores. Those of one grid are put together in time; of several grids the first
        that serves is taken.
    wanted : collection of str
        Names of the quantities to look for; the specific humidity at 2 m is also made of dew point and pressure.
    ground : Field, optional
        Elevation of the pixels; what is found is brought there from the elevation of the reanalysis' surface.
    beside_levels : bool
        Whether some of the files are there for their levels: then they may hold no fields.
    needs_vapour : bool
        Whether water vapour, if it is wanted, must be found.

    Returns
    -------
    dict of str to Field
        The quantities that were found, by name.

    Raises
    ------
    InputNotFoundError, InputError, MissingExtraError
        As `read_request`; or the scene has no time or no coordinate system; or the files do not cover it in time
        and space; or there is no water vapour in them, though it is wanted, or no elevation, though `ground` is given.
    """
    ask = make_request(scene)
    when = ask.when
    assert when is not None
    found = _read(paths, ask, beside_levels)
    surface = None if ground is None or not found else _surface(found, when, scene.grid)
    fields = {}
    for name in wanted:
        nodes = _over(found, name, when, scene.grid)
        if nodes is not None:
            lift = (
                ElevationAdjustment(surface=surface, ground=ground, formula=_BETWEEN[name])
                if surface and ground
                else None
            )
            fields[name] = Field(quantity=_QUANTITIES[name], source=nodes, origin=ORIGIN, lift=lift)
    if WATER_VAPOUR.name in wanted and WATER_VAPOUR.name not in fields and needs_vapour:
        names = ", ".join(store_name(path) for path in paths)
        held = ", ".join(dict.fromkeys(field.variable for field in found)) or "nothing"
        raise InputError(
            f"reanalysis {names} has no water vapour (found: {held}); add a file with {names_of(WATER_VAPOUR)}, "
            "or --water-vapour"
        )
    return fields


def _read(paths: Sequence[str | Path], ask: Request, beside_levels: bool) -> list[GriddedField]:
    if not beside_levels:
        found = [field for path in paths for field in read_request(path, ask)]
    else:
        try:
            found = read_if_present(paths, ask)
        except NothingFoundError:
            return []
    return found + list(_from_dew_points(found))


def _from_dew_points(found: list[GriddedField]) -> Iterator[GriddedField]:
    """Specific humidity where a dew point and a surface pressure of the same times and places are."""
    pressures = merge_times([field for field in found if field.quantity is SURFACE_PRESSURE])
    for dew in merge_times([field for field in found if field.quantity is DEW_POINT]):
        for pressure in pressures:
            if all(np.array_equal(getattr(dew, axis), getattr(pressure, axis)) for axis in _AXES):
                dew.quantity.check(dew.values[np.isfinite(dew.values)], str(dew))
                yield replace(
                    dew, quantity=HUMIDITY_2M, values=specific_humidity_from_dew_point(dew.values, pressure.values)
                )


def _surface(found: list[GriddedField], when: np.datetime64, grid: Grid) -> Nodes:
    """Elevation of the reanalysis' surface."""
    nodes = _over(found, ELEVATION.name, when, grid)
    if nodes is None:
        raise InputError(
            "the reanalysis does not tell the elevation of its surface, which --dem needs; "
            "add a file with z (not on levels), PHIS or orog"
        )
    return nodes


def _over(found: list[GriddedField], name: str, when: np.datetime64, grid: Grid) -> Nodes | None:
    """Lay a quantity over the scene, from the first grid that serves, None where no file has it."""
    candidates = merge_times([field for field in found if field.quantity.name == name])
    complaints = []
    for field in candidates:
        try:
            return _nodes(field, when, grid)
        except InputError as complaint:
            complaints.append(complaint)
    if complaints:
        raise complaints[0]
    return None


def _nodes(field: GriddedField, when: np.datetime64, grid: Grid) -> Nodes:
    places = places_over(grid, field.cell)
    values = interpolate(field, when, places.latitude, places.longitude)
    known = values[np.isfinite(values)]
    if not known.size:
        raise InputError(f"{field} has no value over the scene; give a file that has")
    field.quantity.check(known, str(field))
    return Nodes(
        rows=places.rows, columns=places.columns, values=values, label=str(field),
        notes=tuple(f"{field}: {note}" for note in field.notes),
    )  # fmt: skip
