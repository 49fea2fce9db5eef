"""Reanalysis over a scene: what the files have for its time and place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError
from lst_raster.scene.fields import BETWEEN_ELEVATIONS, ELEVATION, QUANTITIES, WATER_VAPOUR, Field, Lift
from lst_raster.scene.grid import Grid
from lst_raster.scene.nodes import Nodes
from lst_raster.scene.reanalysis.gridded import GriddedField, merge_times
from lst_raster.scene.reanalysis.interpolate import interpolate
from lst_raster.scene.reanalysis.places import ask_for, places_over
from lst_raster.scene.reanalysis.read import read_asked
from lst_raster.scene.scene import Scene

ORIGIN = "reanalysis"
"""Origin of the fields that come from here."""


def fields_over_scene(
    scene: Scene, paths: Sequence[str | Path], wanted: Collection[str], ground: Field | None = None
) -> dict[str, Field]:
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
        Names of the quantities to look for.
    ground : Field, optional
        Elevation of the pixels; what is found is brought there from the elevation of the reanalysis' surface.

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
    found = [field for path in paths for field in read_asked(path, ask)]
    surface = None if ground is None else _surface(found, when, scene.grid)
    fields = {}
    for name in wanted:
        nodes = _over(found, name, when, scene.grid)
        if nodes is not None:
            lift = (
                Lift(surface=surface, ground=ground, formula=BETWEEN_ELEVATIONS[name]) if surface and ground else None
            )
            fields[name] = Field(quantity=QUANTITIES[name], source=nodes, origin=ORIGIN, lift=lift)
    if WATER_VAPOUR.name in wanted and WATER_VAPOUR.name not in fields:
        names = ", ".join(Path(path).name for path in paths)
        held = ", ".join(dict.fromkeys(field.variable for field in found))
        raise InputError(
            f"reanalysis {names} has no water vapour (found: {held}); add a file with tcwv, TQV, pr_wtr or pwat, "
            "or --water-vapour"
        )
    return fields


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
