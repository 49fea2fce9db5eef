"""Sets of atmospheric profiles as `xarray.Dataset`: the netCDF schema, its reader and writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputNotFoundError
from lst_raster.physics.humidity import layer_mass, relative_humidity
from lst_raster.physics.quantities import PRESSURE, SPECIFIC_HUMIDITY, TEMPERATURE, Quantity
from lst_raster.reading import open_netcdf, reading
from lst_raster.resources import data_path

Float = NDArray[np.float64]

LEVEL_VARIABLES = {
    "pressure": ("hPa", "air pressure"),
    "air_temperature": ("K", "air temperature"),
    "specific_humidity": ("kg kg-1", "mass of water vapour per mass of moist air"),
    "ozone": ("kg kg-1", "mass of ozone per mass of moist air, NaN where unknown"),
}
"""Units and meaning of the variables on (profile, level)."""

COLUMN_VARIABLES = {
    "surface_pressure": ("hPa", "air pressure at the surface"),
    "air_temperature_2m": ("K", "air temperature 2 m above the surface"),
    "specific_humidity_2m": ("kg kg-1", "specific humidity 2 m above the surface"),
    "surface_temperature": ("K", "skin temperature of the surface"),
    "latitude": ("degrees_north", "latitude"),
    "longitude": ("degrees_east", "longitude, -180 to 180"),
    "largest_relative_humidity": ("1", "largest relative humidity of the levels above the ground"),
}
"""Units and meaning of the variables on (profile,); `time`, `source` and `land` have this dimension too."""

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        **dict.fromkeys(("pressure", "surface_pressure"), PRESSURE),
        **dict.fromkeys(("air_temperature", "air_temperature_2m", "surface_temperature"), TEMPERATURE),
        **dict.fromkeys(("specific_humidity", "specific_humidity_2m", "ozone"), SPECIFIC_HUMIDITY),
    }
)
"""Quantities of the variables that are converted to the units of the schema when a file is read."""

DRIEST = 1e-7
"""Lower bound of specific humidity before taking logarithms; packed files round the stratosphere to 0. [kg kg-1]"""
UNKNOWN = -1  # value of `land` where it is not known


def profile_dataset(
    levels: Mapping[str, Float], columns: Mapping[str, Float], *, time: ArrayLike, source: str,
    land: ArrayLike | None = None,
) -> xr.Dataset:  # fmt: skip
    """Build a dataset of dimensions profile and level from the arrays of one source, NaN below the ground.

    `levels` has the `LEVEL_VARIABLES`, (profile, level), and `columns` the `COLUMN_VARIABLES`, (profile,), in their
    units. Of these, ozone and surface temperature are NaN where they are missing, temperature and humidity at 2 m are
    interpolated from the levels to the surface, and the largest relative humidity is computed. `time` is UTC, for all
    or for each profile; `source` is a short name of the data; `land` is one over land, zero over water, and
    `UNKNOWN`.
    """
    pressure, surface = levels["pressure"], columns["surface_pressure"]
    above_ground = pressure < surface[:, None]
    count = above_ground.shape[0]
    temperature, humidity = levels["air_temperature"], levels["specific_humidity"]
    columns = dict(columns)
    columns.setdefault("surface_temperature", np.full(count, np.nan))
    columns["longitude"] = (columns["longitude"] + 180.0) % 360.0 - 180.0
    for name, values in (("air_temperature_2m", temperature), ("specific_humidity_2m", humidity)):
        if name not in columns:
            columns[name] = np.maximum(at_pressure(values, pressure, surface), DRIEST)
    if "largest_relative_humidity" not in columns:
        relative = np.nan_to_num(relative_humidity(humidity, temperature, pressure))
        columns["largest_relative_humidity"] = np.where(above_ground, relative, 0.0).max(axis=1)
    levels = {"ozone": np.full(pressure.shape, np.nan), **levels}
    profiles = xr.Dataset()
    for name, (units, meaning) in LEVEL_VARIABLES.items():
        values = np.where(above_ground, levels[name], np.nan)
        profiles[name] = ("profile", "level"), values, {"units": units, "long_name": meaning}
    for name, (units, meaning) in COLUMN_VARIABLES.items():
        profiles[name] = "profile", np.array(columns[name], dtype=float), {"units": units, "long_name": meaning}
    profiles["time"] = "profile", np.broadcast_to(np.asarray(time, dtype="datetime64[ns]"), count).copy()
    profiles["source"] = "profile", np.full(count, source), {"long_name": "data the column comes from"}
    if land is not None:
        meaning = "1 over land, 0 over water, -1 where unknown"
        profiles["land"] = "profile", np.asarray(land, dtype=np.int8), {"long_name": meaning}
    return profiles


def at_pressure(values: Float, pressure: Float, at: Float) -> Float:
    """Interpolate values on levels linearly in ln p to one pressure per profile, and extrapolate below the lowest.

    `values` and `pressure` [hPa] have the shape (profile, level), in any order of the levels; `at` is (profile,). [hPa]
    """
    order = np.argsort(pressure, axis=1)
    x, y = (np.take_along_axis(array, order, axis=1) for array in (np.log(pressure), values))
    below = np.clip((x < np.log(at)[:, None]).sum(axis=1), 1, x.shape[1] - 1)[:, None]
    (x0, x1), (y0, y1) = (
        [np.take_along_axis(array, index, axis=1)[:, 0] for index in (below - 1, below)] for array in (x, y)
    )
    return np.asarray(y0 + (np.log(at) - x0) / (x1 - x0) * (y1 - y0))


def one_column_per_pole(latitude: Float) -> NDArray[np.bool_]:
    """Mask that keeps the first column of each pole: a grid repeats it at every longitude."""
    keep = np.abs(latitude) < 90.0
    for pole in (-90.0, 90.0):
        keep[np.flatnonzero(latitude == pole)[:1]] = True
    return keep


def water_vapour(profiles: xr.Dataset) -> Float:
    """Water vapour column from the surface to the highest level, (profile,), by the trapezoid rule. [kg m-2]

    Levels may be in any order.
    """
    surface = profiles["surface_pressure"].values[:, None]
    humidity_2m = profiles["specific_humidity_2m"].values[:, None]
    pressure = profiles["pressure"].values
    # A level below the ground becomes one more node at the surface: a layer of no thickness.
    humidity = np.where(np.isfinite(pressure), profiles["specific_humidity"].values, humidity_2m)
    pressure = np.where(np.isfinite(pressure), pressure, surface)
    order = np.argsort(pressure, axis=1)
    pressure = np.hstack([np.take_along_axis(pressure, order, axis=1), surface])
    humidity = np.hstack([np.take_along_axis(humidity, order, axis=1), humidity_2m])
    means = 0.5 * (humidity[:, 1:] + humidity[:, :-1])
    return np.asarray(layer_mass(means, np.diff(pressure, axis=1)).sum(axis=1))


def join(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Concatenate profile sets; those with fewer levels get further levels of NaN, which readers skip."""
    levels = max(part.sizes["level"] for part in parts)
    padded = [part.pad(level=(0, levels - part.sizes["level"])) for part in parts]
    return xr.concat(
        padded, dim="profile", data_vars="all", coords="minimal", compat="equals", join="exact",
        combine_attrs="drop_conflicts",
    )  # fmt: skip


def write_profiles(profiles: xr.Dataset, path: Path) -> None:
    """Write profiles as compressed netCDF, in single precision; OutputError where that fails."""
    encoding: dict[str, dict[str, object]] = {}
    for name, variable in profiles.data_vars.items():
        encoding[str(name)] = {"zlib": True, "complevel": 9, "shuffle": True}
        if variable.dtype.kind == "f":
            encoding[str(name)] |= {"dtype": "float32", "_FillValue": np.float32(np.nan)}
    if "time" in encoding:
        encoding["time"] |= {"units": "hours since 1900-01-01", "dtype": "int32", "calendar": "proleptic_gregorian"}
    if "source" in encoding:
        encoding["source"] |= {"dtype": "S1"}  # fixed length compresses, strings do not
    with atomic_write(path) as temporary:
        profiles.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def read_profiles(path: Path) -> xr.Dataset:
    """Read a profiles file into memory; errors as in `open_profiles`."""
    with open_profiles(path) as profiles, reading(f"{path} cannot be read as netCDF"):
        return profiles.load()


@contextmanager
def open_profiles(path: Path, *, decode_times: bool = True) -> Iterator[xr.Dataset]:
    """Open a profiles file of any writer; values are read on access.

    Yields a dataset with `QUANTITIES` in the units of the schema and the dimension ``profile`` first, also where MATLAB
    or Fortran wrote it last. In a file without a dimension ``profile`` (plain HDF5 has no names) it is the dimension of
    `surface_pressure`, or else the first of `pressure`. Raises InputNotFoundError, or InputError where the file is not
    netCDF or a unit is unknown.
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a NetCDF file of atmospheric profiles")
    with open_netcdf(path, str(path), decode_times=decode_times) as dataset:
        converted = {name: _converted(dataset[name], path) for name in dataset.data_vars if name in QUANTITIES}
        yield _profile_first(dataset.assign(converted))


def _converted(variable: xr.DataArray, path: Path) -> xr.DataArray:
    """Convert a variable to the unit of the schema, which it has without the attribute ``units``."""
    quantity, units = QUANTITIES[str(variable.name)], variable.attrs.get("units")
    where = f"{variable.name} of {path}"
    factor, offset = (1.0, 0.0) if units is None else quantity.require_conversion(str(units), where)
    if (factor, offset) == (1.0, 0.0):
        return variable
    with reading(f"{where} cannot be read"):
        return (variable * factor + offset).assign_attrs(variable.attrs | {"units": quantity.units})


def _profile_first(dataset: xr.Dataset) -> xr.Dataset:
    if "profile" not in dataset.dims and "pressure" in dataset and dataset["pressure"].ndim == 2:
        first, last = dataset["pressure"].dims
        ground = dataset["surface_pressure"].dims if "surface_pressure" in dataset else ()
        dataset = dataset.rename_dims({last if ground == (last,) else first: "profile"})
    return dataset.transpose("profile", ..., missing_dims="ignore")


def library_path() -> Path:
    """Path of the packaged profile library."""
    return data_path("profiles", "library.nc")
