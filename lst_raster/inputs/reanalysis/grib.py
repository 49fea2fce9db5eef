"""Reanalysis in GRIB, editions 1 and 2: ERA5, ECMWF forecasts, GFS, CFS, NAM. Needs the extra `grib`.

Read with eccodes: `cfgrib.open_datasets` took 20 to 68 s for GFS and NAM files of 1 to 4 MB, this module less than 1 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.datasets import read_variable
from lst_raster.inputs.reanalysis.gridded import Float, GriddedField, nearest_steps, normalise_projected
from lst_raster.inputs.reanalysis.request import Request, nothing_found, unit_conversion
from lst_raster.physics.quantities import ELEVATION
from lst_raster.reading import reading
from lst_raster.resources import require

_NEAR_SURFACE = ("surface", "heightAboveGround", "atmosphereSingleLayer", "entireAtmosphere")
_ON_LEVELS = {"isobaricInhPa": 1.0, "isobaricInPa": 0.01}  # to [hPa]
_LAMBERT = "lambert"
_MISSING = 1e30


class _Header(NamedTuple):
    """Keys of a message, and its position in the file."""

    name: str
    level_type: str
    pressure: float | None  # [hPa]
    grid: str
    time: np.datetime64
    offset: int


class _Plane(NamedTuple):
    """Decoded message; arrays of shape (row, column)."""

    latitude: Float
    longitude: Float
    values: Float
    units: str
    projection: str | None  # PROJ string, None for latitude and longitude


def read_grib(path: Path, source: str, request: Request) -> list[GriddedField]:
    """Read the requested quantities of a GRIB file; only the time steps around the requested time are decoded.

    Raises InputError if the file is damaged, has no known variable or is on an unsupported grid, MissingExtraError
    if eccodes is not installed.
    """
    eccodes = require("eccodes", "grib")
    with reading(f"{source} cannot be read as GRIB", more=(eccodes.CodesInternalError,)):
        headers = list(_headers(eccodes, path))
        known = [header for header in headers if request.quantity_of(header.name)]
        level_types = _ON_LEVELS if request.on_levels else _NEAR_SURFACE
        variables: dict[tuple[str, float | None], list[_Header]] = {}
        for header in known:
            if header.level_type in level_types:
                variables.setdefault((header.name, header.pressure), []).append(header)
        if not variables:
            found = ", ".join(sorted({header.level_type for header in known}))
            names = [header.name for header in headers]
            raise nothing_found(source, names, f"on {found}" if found else "", on_levels=request.on_levels)
        return [field for group in variables.values() for field in _fields(eccodes, path, source, group, request)]


def _headers(eccodes: Any, path: Path) -> Iterator[_Header]:
    """Headers of the instantaneous fields, those above the ground at 2 m only."""
    with path.open("rb") as file:
        while (message := eccodes.codes_grib_new_from_file(file)) is not None:
            try:
                keys = ("typeOfLevel", "level", "stepType", "validityDate", "validityTime")
                level_type, level, step, day, clock = (eccodes.codes_get(message, key) for key in keys)
                if step == "instant" and (level_type != "heightAboveGround" or level == 2):
                    time = np.datetime64(datetime.strptime(f"{day:08d}{clock:04d}", "%Y%m%d%H%M"), "s")
                    pressure = level * _ON_LEVELS[level_type] if level_type in _ON_LEVELS else None
                    name, grid = (eccodes.codes_get(message, key) for key in ("shortName", "gridType"))
                    yield _Header(name, level_type, pressure, grid, time, eccodes.codes_get_message_offset(message))
            finally:
                eccodes.codes_release(message)


def _fields(eccodes: Any, path: Path, source: str, headers: list[_Header], request: Request) -> Iterator[GriddedField]:
    """Read the messages of one variable, on one pressure level if it is on levels."""
    import xarray as xr

    name, pressure = headers[0].name, headers[0].pressure
    quantity = request.quantity_of(name)
    assert quantity is not None
    for header in headers:
        if header.grid == _LAMBERT and pressure is not None:
            raise InputError(f"{source} {name} is on levels of a {_LAMBERT} grid, which is not supported; regrid it")
        if header.grid not in ("regular_ll", "regular_gg", _LAMBERT):
            raise InputError(f"{source} {name} is on a grid of type {header.grid}; regrid it to regular_ll")
    times = np.array([header.time for header in headers])
    steps = nearest_steps(times, request.when)[: 1 if quantity is ELEVATION else None]
    times = times[steps]
    planes = [_decoded(eccodes, path, headers[step].offset) for step in steps]
    if len({(plane.values.shape, plane.projection) for plane in planes}) > 1:
        raise InputError(f"{source} {name} is on several grids; give a file for each")
    plane, values = planes[0], np.stack([plane.values for plane in planes])
    if plane.projection is not None:
        factor, offset = unit_conversion(quantity, plane.units, f"{source} {name}")
        yield normalise_projected(
            quantity, times, plane.latitude, plane.longitude, values * factor + offset, plane.projection,
            source=source, variable=name,
        )  # fmt: skip
        return
    axes = {"time": times.astype("datetime64[ns]"), "latitude": plane.latitude[:, 0], "longitude": plane.longitude[0]}
    level = {} if pressure is None else {"isobaricInhPa": pressure}
    yield from read_variable(
        xr.DataArray(values, {**axes, **level}, tuple(axes), name, {"units": plane.units}), quantity, source, request
    )


def _decoded(eccodes: Any, path: Path, offset: int) -> _Plane:
    with path.open("rb") as file:
        file.seek(offset)
        message = eccodes.codes_grib_new_from_file(file)
    try:
        shape = eccodes.codes_get(message, "Nj"), eccodes.codes_get(message, "Ni")
        by_column = bool(eccodes.codes_get(message, "jPointsAreConsecutive"))
        eccodes.codes_set(message, "missingValue", _MISSING)
        latitude, longitude, values = (
            array.reshape(shape[::-1]).T if by_column else array.reshape(shape)
            for array in (eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes", "values"))
        )
        is_lambert = eccodes.codes_get(message, "gridType") == _LAMBERT
        projection = str(eccodes.codes_get(message, "projTargetString")) if is_lambert else None
        values = np.where(values == _MISSING, np.nan, values)
        return _Plane(latitude, longitude, values, eccodes.codes_get(message, "units"), projection)
    finally:
        eccodes.codes_release(message)
