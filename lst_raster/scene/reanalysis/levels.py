"""Temperature and humidity on levels over a scene: the profile of the air, as reanalyses have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.physics.humidity import specific_humidity
from lst_raster.scene.nodes import Float, at_places
from lst_raster.scene.reanalysis.ask import Ask
from lst_raster.scene.reanalysis.gridded import GriddedField, merge_times, normalise
from lst_raster.scene.reanalysis.interpolate import interpolate
from lst_raster.scene.reanalysis.places import WIDE, Places, ask_for, places_over
from lst_raster.scene.reanalysis.read import read_where_there_is_any
from lst_raster.scene.reanalysis.variables import (
    RELATIVE_HUMIDITY,
    SPECIFIC_HUMIDITY,
    TEMPERATURE,
)
from lst_raster.scene.scene import Scene

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
        As `read_where_there_is_any`; or the scene has no time or no coordinate system; or the files do not cover it in
        time and space; or temperature or humidity are missing.
    """
    ask = ask_for(scene, on_levels=True)
    found = read_where_there_is_any(paths, ask)
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


def _profiles(scene: Scene, ask: Ask, group: list[GriddedField]) -> LevelNodes:
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
