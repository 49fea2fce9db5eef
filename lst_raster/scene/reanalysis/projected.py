"""Fields on a grid of a map projection, such as NAM's on Lambert's."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyproj import Proj

from lst_raster.errors import InputError
from lst_raster.scene.fields import Quantity
from lst_raster.scene.reanalysis.gridded import Float, GriddedField, Times, without_negatives

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
