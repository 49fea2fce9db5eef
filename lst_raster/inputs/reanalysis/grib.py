"""Reanalysis in GRIB, editions 1 and 2: ERA5, ECMWF forecasts, GFS, CFS, NAM. Needs the extra `grib`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.gridded import Float, GriddedField, nearest_steps, normalise, normalise_projected
from lst_raster.inputs.reanalysis.request import Request, crop
from lst_raster.inputs.reanalysis.variables import nothing_found, unit_conversion
from lst_raster.physics.quantities import ELEVATION
from lst_raster.reading import reading
from lst_raster.resources import require

_NEAR_THE_GROUND = ("surface", "heightAboveGround", "atmosphereSingleLayer", "entireAtmosphere")
_ON_LEVELS = {"isobaricInhPa": 1.0, "isobaricInPa": 0.01}  # to [hPa]
_GRIDS = ("regular_ll", "regular_gg")
_LAMBERT = "lambert"
_HEIGHT = 2  # [m], of the air temperature
_MISSING = 1e30


@dataclass(frozen=True, kw_only=True, slots=True)
class _Header:
    """What a message holds, and where it is in the file."""

    name: str
    kind: str
    pressure: float | None
    grid: str
    time: np.datetime64
    offset: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Plane:
    """A decoded message."""

    latitude: Float
    longitude: Float
    values: Float
    units: str
    projection: str | None


def read_grib(path: Path, source: str, ask: Request) -> list[GriddedField]:
    """Read what is known in a GRIB file; only the steps around a time are decoded.

    Parameters
    ----------
    path : path
        The file.
    source : str
        Its name for messages.
    ask : Ask
        What is asked for.

    Raises
    ------
    InputError
        It is damaged, holds nothing that is known, or is on another grid than one of latitude and longitude.
    MissingExtraError
        eccodes is not installed.
    """
    eccodes = require("eccodes", "grib")
    with reading(f"{source} cannot be read as GRIB", more=(eccodes.CodesInternalError,)):
        headers = list(_headers(path))
        known = [header for header in headers if ask.quantity_of(header.name)]
        wanted = [header for header in known if header.kind in (_ON_LEVELS if ask.on_levels else _NEAR_THE_GROUND)]
        if not wanted:
            kinds = ", ".join(sorted({header.kind for header in known}))
            names = [header.name for header in headers]
            raise nothing_found(source, names, f"on {kinds}" if kinds else "", on_levels=ask.on_levels)
        groups: dict[tuple[str, float | None], list[_Header]] = {}
        for header in wanted:
            groups.setdefault((header.name, header.pressure), []).append(header)
        return [_read(path, source, group, ask) for group in groups.values()]


def _headers(path: Path) -> Iterator[_Header]:
    eccodes = require("eccodes", "grib")
    for message in _messages(path):
        kind, level, step = (eccodes.codes_get(message, key) for key in ("typeOfLevel", "level", "stepType"))
        if step == "instant" and (kind != "heightAboveGround" or level == _HEIGHT):
            day, clock = (eccodes.codes_get(message, key) for key in ("validityDate", "validityTime"))
            yield _Header(
                name=eccodes.codes_get(message, "shortName"), kind=kind,
                pressure=level * _ON_LEVELS[kind] if kind in _ON_LEVELS else None,
                grid=eccodes.codes_get(message, "gridType"),
                time=_time(day, clock), offset=int(eccodes.codes_get_message_offset(message)),
            )  # fmt: skip


def _messages(path: Path) -> Iterator[int]:
    eccodes = require("eccodes", "grib")
    with path.open("rb") as file:
        while (message := eccodes.codes_grib_new_from_file(file)) is not None:
            try:
                yield message
            finally:
                eccodes.codes_release(message)


def _time(day: int, clock: int) -> np.datetime64:
    """Time from GRIB's numbers, 20110115 and 1200."""
    date = f"{day // 10000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"
    return np.datetime64(f"{date}T{clock // 100:02d}:{clock % 100:02d}", "s")


def _read(path: Path, source: str, headers: list[_Header], ask: Request) -> GriddedField:
    """Read the messages of one variable, on one level if it is on levels."""
    name = headers[0].name
    quantity = ask.quantity_of(name)
    assert quantity is not None
    _check_grids(headers, f"{source} {name}")
    times = np.array([header.time for header in headers])
    steps = nearest_steps(times, ask.when)[: 1 if quantity is ELEVATION else None]
    with path.open("rb") as file:
        planes = [_decoded(file, headers[step].offset) for step in steps]
    if len({(plane.values.shape, plane.projection) for plane in planes}) > 1:
        raise InputError(f"{source} {name} is on several grids; give a file for each")
    plane = planes[0]
    factor, offset = unit_conversion(quantity, plane.units, f"{source} {name}")
    values = np.stack([plane.values for plane in planes]) * factor + offset
    if plane.projection is not None:
        return normalise_projected(
            quantity, times[steps], plane.latitude, plane.longitude, values, plane.projection,
            source=source, variable=name,
        )  # fmt: skip
    latitude, longitude = plane.latitude[:, 0], plane.longitude[0]
    rows, columns = crop(latitude, longitude, ask.box if ask.on_levels else None)  # one plane is small, levels are not
    return normalise(
        quantity, times[steps], latitude[rows], longitude[columns], values[:, rows][:, :, columns],
        source=source, variable=name, pressure=headers[0].pressure,
    )  # fmt: skip


def _check_grids(headers: list[_Header], where: str) -> None:
    for header in headers:
        if header.grid == _LAMBERT and header.pressure is not None:
            raise InputError(f"{where} is on levels of a {_LAMBERT} grid, which are not read; regrid it")
        if header.grid not in (*_GRIDS, _LAMBERT):
            raise InputError(
                f"{where} is on a grid of type {header.grid}; regrid it to latitude and longitude (regular_ll)"
            )


def _decoded(file: BinaryIO, offset: int) -> _Plane:
    eccodes = require("eccodes", "grib")
    file.seek(offset)
    message = eccodes.codes_grib_new_from_file(file)
    try:
        return _plane(message)
    finally:
        eccodes.codes_release(message)


def _plane(message: Any) -> _Plane:
    eccodes = require("eccodes", "grib")
    shape = eccodes.codes_get(message, "Nj"), eccodes.codes_get(message, "Ni")
    by_column = bool(eccodes.codes_get(message, "jPointsAreConsecutive"))
    eccodes.codes_set(message, "missingValue", _MISSING)
    latitude, longitude, values = (
        array.reshape(shape[::-1]).T if by_column else array.reshape(shape)
        for array in (eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes", "values"))
    )
    return _Plane(
        latitude=latitude, longitude=longitude, values=np.where(values == _MISSING, np.nan, values),
        units=eccodes.codes_get(message, "units"), projection=_projection(message),
    )  # fmt: skip


def _projection(message: Any) -> str | None:
    """Lambert's conformal conic on the model's own Earth, in PROJ's words; None for other grids."""
    eccodes = require("eccodes", "grib")
    if eccodes.codes_get(message, "gridType") != _LAMBERT:
        return None
    return str(eccodes.codes_get(message, "projTargetString"))
