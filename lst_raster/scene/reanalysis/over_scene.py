"""Reanalysis over a scene: what the files have for its time and place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.physics.elevation import water_vapour_between
from lst_raster.physics.humidity import specific_humidity_from_dew_point
from lst_raster.scene.fields import (
    BETWEEN_ELEVATIONS,
    ELEVATION,
    QUANTITIES,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
    Field,
    Lift,
)
from lst_raster.scene.grid import Grid
from lst_raster.scene.nodes import Nodes
from lst_raster.scene.reanalysis.ask import Ask
from lst_raster.scene.reanalysis.gridded import GriddedField, merge_times
from lst_raster.scene.reanalysis.interpolate import interpolate
from lst_raster.scene.reanalysis.places import ask_for, places_over
from lst_raster.scene.reanalysis.read import read_asked, read_where_there_is_any
from lst_raster.scene.reanalysis.variables import DEW_POINT, HUMIDITY_2M, NothingFoundError
from lst_raster.scene.reanalysis.zarr_store import store_name
from lst_raster.scene.scene import Scene

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
        As `read_asked`; or the scene has no time or no coordinate system; or the files do not cover it in time
        and space; or there is no water vapour in them, though it is wanted, or no elevation, though `ground` is given.
    """
    ask = ask_for(scene)
    when = ask.when
    assert when is not None
    found = _read(paths, ask, beside_levels)
    surface = None if ground is None or not found else _surface(found, when, scene.grid)
    fields = {}
    for name in wanted:
        nodes = _over(found, name, when, scene.grid)
        if nodes is not None:
            lift = Lift(surface=surface, ground=ground, formula=_BETWEEN[name]) if surface and ground else None
            fields[name] = Field(quantity=_QUANTITIES[name], source=nodes, origin=ORIGIN, lift=lift)
    if WATER_VAPOUR.name in wanted and WATER_VAPOUR.name not in fields and needs_vapour:
        names = ", ".join(store_name(path) for path in paths)
        held = ", ".join(dict.fromkeys(field.variable for field in found)) or "nothing"
        raise InputError(
            f"reanalysis {names} has no water vapour (found: {held}); add a file with tcwv, TQV, pr_wtr or pwat, "
            "or --water-vapour"
        )
    return fields


def _read(paths: Sequence[str | Path], ask: Ask, beside_levels: bool) -> list[GriddedField]:
    if not beside_levels:
        found = [field for path in paths for field in read_asked(path, ask)]
    else:
        try:
            found = read_where_there_is_any(paths, ask)
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
