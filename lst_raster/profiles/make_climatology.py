"""The packaged climatology: from the grid of GPT3, with standard uncertainties from atmospheric columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.climatology import (
    BANDS,
    CELL,
    SCALES,
    UNCERTAIN,
    ClimatologicalAtmosphere,
    ClimatologyTable,
    days_and_years,
    summer_weight,
)
from lst_raster.profiles.library import SyntheticExtreme
from lst_raster.profiles.profile_sets import Float, read_profiles, water_vapour
from lst_raster.reading import reading

# First column and factor to the units of `SCALES` of each quantity in the grid file; five columns, the elevation one
_COLUMNS = {
    "surface_pressure": (2, 1e-2),  # Pa
    "air_temperature": (7, 1.0),
    "specific_humidity": (12, 1e-3),  # g kg-1
    "decrease_factor": (34, 1.0),
    "elevation": (23, 1.0),
}
_WIDTH = 64  # columns of the grid file
_NEEDED = ("latitude", "longitude", "time", "surface_pressure", "air_temperature_2m", "land")
_SEA_LEVEL = 10.0  # elevation below which surfaces over water are at sea level [m]


def make_climatology(grid: Path, columns: Sequence[Path], target: Path) -> Mapping[str, Float]:
    """Write the climatology as packed arrays, and return its standard uncertainties, (2, bands), by quantity.

    `grid` is that of GPT3 on 5 degrees, `columns` are profile files with `land`, in the schema of
    `lst_raster.profiles.profile_sets`, whose unmodified columns have the root mean square differences from the
    climatology that are its standard uncertainties. Raises InputNotFoundError or InputError for a damaged file.
    """
    packed = pack_grid(grid)
    ones = {f"{name}_uncertainty": np.ones((2, BANDS.size)) for name in UNCERTAIN}
    uncertainties = measure_uncertainties(ClimatologyTable.from_packed(packed | ones), read_columns(columns))
    arrays: dict[str, Any] = {**packed, **{f"{name}_uncertainty": rows for name, rows in uncertainties.items()}}
    with atomic_write(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return uncertainties


def pack_grid(path: Path) -> dict[str, NDArray[np.int16]]:
    """Read the grid of GPT3 as integers in units of `SCALES`, southernmost row first, (36, 72, 5) or (36, 72)."""
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be the grid of GPT3 on 5 degrees, gpt3_5.grd")
    with reading(f"{path} cannot be read as a table of numbers", remedy="give gpt3_5.grd"):
        table = np.loadtxt(path, comments="%", ndmin=2)
    rows, row_length = round(180.0 / CELL), round(360.0 / CELL)
    if table.shape != (rows * row_length, _WIDTH):
        raise InputError(
            f"{path} has {table.shape[0]} rows and {table.shape[1]} columns, the grid of GPT3 on 5 degrees "
            f"{rows * row_length} and {_WIDTH}; give gpt3_5.grd"
        )
    table = table[np.lexsort((table[:, 1] % 360.0, table[:, 0]))].reshape(rows, row_length, _WIDTH)
    centre_row, centre_column = (np.arange(n) * CELL + 0.5 * CELL for n in (rows, row_length))
    if not (
        np.allclose(table[:, :, 0], centre_row[:, None] - 90.0) and np.allclose(table[:, :, 1] % 360.0, centre_column)
    ):
        raise InputError(f"{path} does not have the cells of 5 degrees of GPT3; give gpt3_5.grd")
    packed = {}
    for name, (first, factor) in _COLUMNS.items():
        values = table[:, :, first] if name == "elevation" else table[:, :, first : first + 5]
        packed[name] = np.rint(values * (factor / SCALES[name])).astype(np.int16)
    return packed


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Atmospheric columns with known surface pressure, (profile,)."""

    latitude: Float  # [degree]
    longitude: Float  # [degree]
    day_of_year: Float
    surface_pressure: Float  # [hPa]
    water_vapour: Float  # [kg m-2]
    air_temperature: Float  # at 2 m [K]
    land: Float  # 1 over land, 0 over water

    def climatology(self, table: ClimatologyTable) -> ClimatologicalAtmosphere:
        """Climatology of the columns, adjusted to their surface pressure."""
        return table.at(self.latitude, self.longitude, self.day_of_year).at_pressure(self.surface_pressure)


def read_columns(paths: Sequence[Path]) -> Columns:
    """Read columns of profile files with `land`, without perturbed ones."""
    parts: list[list[Float]] = []
    for path in paths:
        profiles = read_profiles(path)
        missing = [name for name in _NEEDED if name not in profiles]
        if missing:
            raise InputError(f"{path} has no {', '.join(missing)}; give files of lst-raster build profiles --held-out")
        time = profiles["time"].values.astype("datetime64[D]")
        perturbation = profiles.get("perturbation", np.full(time.size, SyntheticExtreme.NONE))
        keep = np.asarray(perturbation) == SyntheticExtreme.NONE
        values = {name: profiles[name].values.astype(float) for name in _NEEDED if name != "time"}
        day, _ = days_and_years(time)
        parts.append(
            [
                column[keep]
                for column in (
                    values["latitude"], values["longitude"], day, values["surface_pressure"], water_vapour(profiles),
                    values["air_temperature_2m"], values["land"],
                )
            ]
        )  # fmt: skip
    names = [field.name for field in fields(Columns)]
    return Columns(**{name: np.concatenate(rows) for name, rows in zip(names, zip(*parts, strict=True), strict=True)})


def measure_uncertainties(table: ClimatologyTable, columns: Columns) -> dict[str, Float]:
    """Root mean square differences of columns and climatology in winter and summer, (2, bands), by quantity.

    Each column has the weights with which it will be interpolated from the latitudes and seasons of the result, and
    the area of its cell. Water vapour (as fraction of the climatology) and air temperature are of land columns;
    surface pressure is of those over water whose elevation is known, as the model's is below `_SEA_LEVEL`.
    """
    mean, start = columns.climatology(table), table.at(columns.latitude, columns.longitude, columns.day_of_year)
    is_land = columns.land == 1.0
    is_sea = (columns.land == 0.0) & (np.abs(start.elevation) < _SEA_LEVEL)
    at_sea_level = start.at_elevation(0.0).surface_pressure
    differences = {
        "water_vapour": (columns.water_vapour / mean.water_vapour - 1.0, is_land),
        "air_temperature": (columns.air_temperature - mean.air_temperature, is_land),
        "surface_pressure": (columns.surface_pressure - at_sea_level, is_sea),
    }
    summer = summer_weight(columns.latitude, columns.day_of_year)
    by_season = np.stack([1.0 - summer, summer])
    by_band = np.stack([np.interp(np.abs(columns.latitude), BANDS, row) for row in np.eye(BANDS.size)])
    weights = by_season[:, None] * by_band * np.cos(np.radians(columns.latitude))
    found = {}
    for name, (difference, chosen) in differences.items():
        total = weights[:, :, chosen].sum(axis=-1)
        if not (total > 0.0).all():
            raise InputError(
                f"the columns for the uncertainty of the {name.replace('_', ' ')} do not cover all latitudes and "
                "seasons; give columns of the globe in January and June"
            )
        found[name] = np.sqrt((weights[:, :, chosen] * difference[chosen] ** 2).sum(axis=-1) / total)
    return found
