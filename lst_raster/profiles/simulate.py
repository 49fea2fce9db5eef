"""Simulation of a file of profiles, in chunks: memory does not grow with the number of profiles."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lst_raster import __version__
from lst_raster.atomic_write import atomic_write
from lst_raster.errors import CancelledError, InputError
from lst_raster.profiles.profile_sets import open_profiles, read_profiles, water_vapour, write_profiles
from lst_raster.profiles.sampling import atmosphere_draws
from lst_raster.reading import reading
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.absorption_table import packaged_table
from lst_raster.simulator.atmosphere import Column, column, layers
from lst_raster.simulator.band_simulation import simulate_effective
from lst_raster.simulator.gases import Composition
from lst_raster.simulator.sigma_levels import SIGMA, at_sigma

Progress = Callable[[int, int], bool]

CHUNK = 64  # profiles in memory at a time
LEVEL_VARIABLES = ("pressure", "air_temperature", "specific_humidity", "ozone")
"""Input variables on (profile, level); ozone is optional."""
GROUND_VARIABLES = ("surface_pressure", "air_temperature_2m", "specific_humidity_2m")
"""Optional input variables on (profile) at the ground."""
COPIED = ("surface_temperature", "latitude", "longitude", "time", "land", "perturbation", "weight")
"""Variables on (profile) that are copied to the output."""
RESULTS = {
    "transmittance": ("1", "effective band transmittance along the view path"),
    "upwelling_radiance": ("W m-2 sr-1 um-1", "effective band radiance emitted by the atmosphere towards the sensor"),
    "downwelling_radiance": ("W m-2 sr-1 um-1", "effective hemispheric mean band radiance emitted towards the ground"),
    "water_vapour": ("kg m-2", "total column water vapour"),
    "surface_pressure": ("hPa", "pressure at the ground"),
    "air_temperature_2m": ("K", "air temperature at the ground"),
    "aerosol_optical_depth": ("1", "absorption optical depth of the aerosol at 11 um"),
    "continuum_scaling": ("1", "factor on the water vapour continuum"),
    "gas_year": ("year", "year whose gas concentrations were used"),
}
"""Units and meaning of the output variables on (profile)."""
LEVEL_RESULTS = {
    "air_temperature_sigma": ("K", "air temperature on the sigma levels"),
    "specific_humidity_sigma": ("kg kg-1", "specific humidity on the sigma levels"),
}
"""Units and meaning of the output variables on (profile, sigma)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulationOptions:
    """Atmospheric composition of a simulation."""

    composition: Composition = field(default_factory=Composition)  # gases, aerosol and continuum of every profile
    vary_seed: int | None = None
    """Seed to draw year, aerosol and continuum for each profile over their natural spread instead."""

    def compositions(self, count: int) -> list[Composition]:
        """Composition of each of `count` profiles."""
        if self.vary_seed is None:
            return [self.composition] * count
        draws = atmosphere_draws(count, self.vary_seed)
        rows = zip(draws.gas_year, draws.aerosol_optical_depth, draws.continuum_scaling, strict=True)
        return [
            Composition(year=float(year), aerosol_optical_depth=float(aerosol), continuum_scaling=float(scaling))
            for year, aerosol, scaling in rows
        ]


def simulate_file(
    profiles: Path, targets: Mapping[str, Path], options: SimulationOptions | None = None,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Simulate every profile of a file for one or more sensor bands, in one spectral run for all.

    `profiles` is a NetCDF file with `LEVEL_VARIABLES` on (profile, level), NaN below ground, in any level order, and
    any of `GROUND_VARIABLES` on (profile). `targets` are the files to write by sensor band, for example
    ``landsat8-b10``; they appear when the run is complete. `progress` is called with the profiles done and their total.

    Raises InputNotFoundError, InputError where a variable is missing or a profile is not an atmosphere,
    UnknownSensorError, OutputError, and CancelledError where `progress` returned False.
    """
    options = options or SimulationOptions()
    paths = {sensor_band(sensor).name: path for sensor, path in targets.items()}
    with open_profiles(profiles, decode_times=False) as source, ExitStack() as stack:
        compositions = options.compositions(check_profiles(profiles, source))
        outputs = {}
        for sensor, path in paths.items():
            outputs[sensor] = stack.enter_context(h5netcdf.File(stack.enter_context(atomic_write(path)), "w"))
            _create_variables(outputs[sensor], source, len(compositions), profiles)
            outputs[sensor].attrs.update(
                {
                    "title": f"Simulated thermal radiative transfer for {sensor_band(sensor).title}",
                    "sensor": sensor,
                    "source": f"{profiles.name}: {source.attrs.get('source', source.attrs.get('title', 'profiles'))}",
                    "spectroscopy": packaged_table().sources,
                    "equation": "L = tau (e B(Ts) + (1 - e) Ld) + Lu; terms such that it holds for averages over the "
                    "response",
                    "lst_raster_version": __version__,
                    "Conventions": "CF-1.11",
                }
            )
        _simulate(source, profiles, outputs, compositions, progress)


def check_profiles(path: Path, source: xr.Dataset) -> int:
    """Check the variables of a file of profiles and their shapes (InputError), and count its profiles."""
    missing = [name for name in LEVEL_VARIABLES if name != "ozone" and name not in source.variables]
    if missing:
        raise InputError(f"{path} has no variable {', '.join(missing)}; profiles need {', '.join(LEVEL_VARIABLES)}")
    shape = source["pressure"].shape
    if len(shape) != 2:
        raise InputError(f"pressure of {path} has shape {shape}; it must be on (profile, level)")
    for names, expected in ((LEVEL_VARIABLES, shape), ((*GROUND_VARIABLES, *COPIED), shape[:1])):
        for name in (name for name in names if name in source.variables):
            if source[name].shape != expected:
                raise InputError(
                    f"{name} of {path} has shape {source[name].shape}, pressure {shape}; write it {expected}"
                )
    return int(shape[0])


def _create_variables(output: Any, source: xr.Dataset, count: int, path: Path) -> None:
    output.dimensions.update({"profile": count, "sigma": len(SIGMA)})
    sigma = output.create_variable("sigma", ("sigma",), data=np.array(SIGMA))
    sigma.attrs.update({"units": "1", "long_name": "pressure over surface pressure"})
    for names, dimensions in ((RESULTS, ("profile",)), (LEVEL_RESULTS, ("profile", "sigma"))):
        for name, (unit, meaning) in names.items():
            variable = output.create_variable(name, dimensions, "f4", compression="gzip")
            variable.attrs.update({"units": unit, "long_name": meaning})
    for name in (name for name in COPIED if name in source.variables):
        copy = output.create_variable(name, ("profile",), data=_values(source[name], path), compression="gzip")
        copy.attrs.update({key: value for key, value in source[name].attrs.items() if not key.startswith("_")})
    if "source" in source.variables and source["source"].shape == (count,):
        titles, number = np.unique(_values(source["source"], path).astype(str), return_inverse=True)
        flags = output.create_variable("profile_source", ("profile",), data=number.astype(np.int16), compression="gzip")
        flags.attrs["long_name"] = "source of the profile"
        flags.attrs["flag_values"] = np.arange(titles.size, dtype=np.int16)
        flags.attrs["flag_meanings"] = " ".join(title.replace(" ", "_") for title in titles)  # separated by blanks


def _values(variable: xr.DataArray, path: Path) -> NDArray[Any]:
    with reading(f"{variable.name} of {path} cannot be read"):
        return np.asarray(variable.values)


def _columns(source: xr.Dataset, path: Path, start: int, stop: int) -> Iterator[Column]:
    """Columns of profiles `start` to `stop`."""
    names = [name for name in (*LEVEL_VARIABLES, *GROUND_VARIABLES) if name in source.variables]
    chunk = {name: _values(source[name][start:stop], path).astype(float) for name in names}
    for index in range(stop - start):
        row = {name: values[index] for name, values in chunk.items()}
        ozone = row.pop("ozone", None)
        pressure, temperature, humidity = (row.pop(name) for name in LEVEL_VARIABLES if name != "ozone")
        ground = {name: float(value) for name, value in row.items() if np.isfinite(value)}
        try:
            yield column(pressure, temperature, humidity, ozone, **ground)
        except InputError as error:
            raise InputError(f"profile {start + index}: {error}") from error


def _simulate_column(profile: Column, composition: Composition, sensors: Sequence[str]) -> list[tuple[float, ...]]:
    """Values of `RESULTS` for one profile, for each sensor band."""
    bands = simulate_effective(profile, sensors, composition)
    inputs = (
        layers(profile).water_vapour,
        float(profile.pressure[0]),
        float(profile.air_temperature[0]),
        composition.aerosol_optical_depth,
        composition.continuum_scaling,
        composition.year,
    )
    return [(*terms, *inputs) for terms in bands.values()]


def _simulate(
    source: xr.Dataset, path: Path, outputs: Mapping[str, Any], compositions: Sequence[Composition],
    progress: Progress | None,
) -> None:  # fmt: skip
    count, sensors = len(compositions), list(outputs)
    # One profile per thread; linear algebra libraries that start further threads within them slow all down.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            chunk = list(_columns(source, path, start, stop))
            rows = list(pool.map(_simulate_column, chunk, compositions[start:stop], [sensors] * len(chunk)))
            table = np.array(rows, dtype=np.float32)  # (profile, sensor, result)
            on_levels = [at_sigma(one.pressure, one.air_temperature, one.specific_humidity) for one in chunk]
            for index, output in enumerate(outputs.values()):
                for name, levels in zip(LEVEL_RESULTS, zip(*on_levels, strict=True), strict=True):
                    output.variables[name][start:stop] = np.array(levels, dtype=np.float32)
                for name, values in zip(RESULTS, table[:, index].T, strict=True):
                    output.variables[name][start:stop] = values
            if progress is not None and not progress(stop, count):
                raise CancelledError("stopped on request; nothing was written")


@contextmanager
def subsample(path: Path, count: int | None) -> Iterator[Path]:
    """Write a subset of a profiles file to a temporary file of the same name, or yield the file itself for None.

    The columns are evenly spaced in the order of their water vapour. Raises InputError where the file has fewer columns
    or lacks the variables for the water vapour.
    """
    if count is None:
        yield path
        return
    profiles = read_profiles(path)
    available = check_profiles(path, profiles)
    if count > available:
        raise InputError(
            f"{path} has {available} columns, and {count} are requested; give a smaller number, or omit the option"
        )
    missing = [name for name in ("surface_pressure", "specific_humidity_2m") if name not in profiles]
    if missing:
        raise InputError(
            f"{path} has no {', '.join(missing)}, so its columns cannot be chosen by water vapour; simulate all of them"
        )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / path.name
        write_profiles(profiles.isel(profile=evenly_ranked(water_vapour(profiles), count)), target)
        yield target


def evenly_ranked(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Choose indices, ascending, of values at evenly spaced ranks: the subset has the distribution of all values.

    Examples
    --------
    >>> evenly_ranked(np.array([3.0, 1.0, 2.0, 0.0]), 2).tolist()
    [0, 1]
    """
    ranks = ((np.arange(count) + 0.5) * len(values) / count).astype(np.intp)
    return np.sort(np.argsort(values, kind="stable")[ranks])
