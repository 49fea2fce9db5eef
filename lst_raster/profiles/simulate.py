"""From a file of profiles to a simulated set, in memory that does not grow with their number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lst_raster import __version__
from lst_raster.atomic_write import written_whole
from lst_raster.errors import CancelledError, InputError, InputNotFoundError
from lst_raster.profiles.sampling import atmosphere_draws
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.absorption_table import packaged_table
from lst_raster.simulator.atmosphere import Column, column, layers
from lst_raster.simulator.band_simulation import simulate_effective
from lst_raster.simulator.gases import Composition
from lst_raster.simulator.sigma_levels import SIGMA, at_sigma

Progress = Callable[[int, int], bool]
Values = NDArray[np.float64]

CHUNK = 64
"""Profiles that are in memory at a time."""
LEVEL_VARIABLES = {"pressure": "hPa", "air_temperature": "K", "specific_humidity": "kg kg-1", "ozone": "kg kg-1"}
"""Variables on (profile, level) and their units; ozone may be missing."""
GROUND_VARIABLES = {"surface_pressure": "hPa", "air_temperature_2m": "K", "specific_humidity_2m": "kg kg-1"}
"""Variables on (profile) that place the ground; each may be missing."""
COPIED = ("surface_temperature", "latitude", "longitude", "time", "split", "land", "perturbation")
"""Variables on (profile) that are carried over as they are."""
RESULTS = {
    "transmittance": ("1", "effective band transmittance along the view path"),
    "upwelling_radiance": ("W m-2 sr-1 um-1", "effective band radiance emitted by the atmosphere towards the sensor"),
    "downwelling_radiance": ("W m-2 sr-1 um-1", "effective hemispheric mean band radiance emitted towards the ground"),
    "water_vapour": ("kg m-2", "total column water vapour"),
    "surface_pressure": ("hPa", "pressure at the ground"),
    "air_temperature_2m": ("K", "air temperature at the ground"),
    "aerosol_optical_depth": ("1", "absorption optical depth of the background aerosol at 11 um"),
    "continuum_scaling": ("1", "factor on the water vapour continuum"),
    "gas_year": ("year", "year whose gas concentrations were used"),
}
"""Variables of the simulated set on (profile), with their units and meaning."""
LEVEL_RESULTS = {
    "air_temperature_sigma": ("K", "air temperature on the sigma levels"),
    "specific_humidity_sigma": ("kg kg-1", "specific humidity on the sigma levels"),
}
"""Variables of the simulated set on (profile, sigma)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulationOptions:
    """What a simulation assumes about the atmosphere beyond its profiles."""

    composition: Composition = field(default_factory=Composition)
    """Gases, aerosol and continuum, the same for every profile."""
    vary_seed: int | None = None
    """Seed to draw year, aerosol and continuum for each profile over their natural spread instead."""

    def compositions(self, count: int, sensors: Iterable[str]) -> list[Composition]:
        """Return the composition of each of `count` profiles, for the years in which sensor bands flew."""
        if self.vary_seed is None:
            return [self.composition] * count
        bands = [sensor_band(sensor) for sensor in sensors]
        years = min(band.first_year for band in bands), max(band.last_year for band in bands)
        draws = atmosphere_draws(count, years, self.vary_seed)
        rows = zip(draws.gas_year, draws.aerosol_optical_depth, draws.continuum_scaling, strict=True)
        return [
            Composition(year=float(year), aerosol_optical_depth=float(aerosol), continuum_scaling=float(scaling))
            for year, aerosol, scaling in rows
        ]


def simulate_file(
    profiles: Path,
    targets: Mapping[str, Path],
    options: SimulationOptions | None = None,
    progress: Progress | None = None,
) -> None:
    """Simulate every profile of a file for one or more sensor bands; one spectral run serves all.

    Parameters
    ----------
    profiles : Path
        NetCDF file with `LEVEL_VARIABLES` on (profile, level), NaN below ground, in any level order, and any of
        `GROUND_VARIABLES` on (profile).
    targets : mapping of str to Path
        Name of each band, for example ``landsat8-b10``, to the file to write; files appear when the run is complete.
    options : SimulationOptions, optional
        Gases, aerosol, continuum.
    progress : callable, optional
        Called with the profiles done and their total; False stops the run.

    Raises
    ------
    InputNotFoundError
        The file of profiles does not exist.
    InputError
        It lacks a variable, or a profile is not an atmosphere; the message says which.
    UnknownSensorError
        A sensor is not known.
    OutputError
        A target cannot be written.
    CancelledError
        `progress` returned False.
    """
    options = options or SimulationOptions()
    paths = {sensor_band(sensor).name: path for sensor, path in targets.items()}
    with _open(profiles) as source, ExitStack() as stack:
        compositions = options.compositions(_check(profiles, source), paths)
        outputs = {}
        for sensor, path in paths.items():
            output = stack.enter_context(h5netcdf.File(stack.enter_context(written_whole(path)), "w"))
            _create(output, source, len(compositions))
            _attributes(output, source, profiles, sensor)
            outputs[sensor] = output
        _run(source, outputs, compositions, progress)


def _open(profiles: Path) -> Any:
    if not profiles.is_file():
        raise InputNotFoundError(f"profile file {profiles} not found")
    try:
        return h5netcdf.File(profiles, "r")
    except OSError as error:
        raise InputError(f"{profiles} is not a NetCDF-4 file") from error


def _check(path: Path, source: Any) -> int:
    missing = [name for name in LEVEL_VARIABLES if name != "ozone" and name not in source.variables]
    if missing:
        raise InputError(f"{path} has no variable {', '.join(missing)}; profiles need {', '.join(LEVEL_VARIABLES)}")
    for name, unit in (LEVEL_VARIABLES | GROUND_VARIABLES).items():
        found = source.variables[name].attrs.get("units", unit) if name in source.variables else unit
        if str(found) != unit:
            raise InputError(f"{name} of {path} is in {found}; convert it to {unit}")
    shape = source.variables["pressure"].shape
    if len(shape) != 2:
        raise InputError(f"pressure of {path} has shape {shape}; it must be on (profile, level)")
    return int(shape[0])


def _create(output: Any, source: Any, count: int) -> None:
    output.dimensions.update({"profile": count, "sigma": len(SIGMA)})
    sigma = output.create_variable("sigma", ("sigma",), data=np.array(SIGMA))
    sigma.attrs.update({"units": "1", "long_name": "pressure over surface pressure"})
    for names, along in ((RESULTS, ("profile",)), (LEVEL_RESULTS, ("profile", "sigma"))):
        for name, (unit, meaning) in names.items():
            variable = output.create_variable(name, along, "f4", compression="gzip")
            variable.attrs.update({"units": unit, "long_name": meaning})
    for name in (name for name in COPIED if name in source.variables):
        original = source.variables[name]
        copy = output.create_variable(name, ("profile",), data=original[...], compression="gzip")
        copy.attrs.update({key: value for key, value in original.attrs.items() if not key.startswith("_")})


def _attributes(output: Any, source: Any, profiles: Path, sensor: str) -> None:
    output.attrs.update(
        {
            "title": f"Simulated thermal radiative transfer for {sensor_band(sensor).title}",
            "sensor": sensor,
            "source": f"{profiles.name}: {source.attrs.get('source', source.attrs.get('title', 'profiles'))}",
            "spectroscopy": packaged_table().sources,
            "equation": "L = tau (e B(Ts) + (1 - e) Ld) + Lu; terms such that it holds for averages over the response",
            "lst_raster_version": __version__,
            "Conventions": "CF-1.11",
        }
    )


def _columns(source: Any, start: int, stop: int) -> Iterator[Column]:
    """Profiles `start` to `stop`, one after the other."""
    names = [name for name in LEVEL_VARIABLES | GROUND_VARIABLES if name in source.variables]
    chunk = {name: _filled(source.variables[name], start, stop) for name in names}
    for index in range(stop - start):
        row = {name: values[index] for name, values in chunk.items()}
        ozone = row.pop("ozone", None)
        pressure, temperature, humidity = (row.pop(name) for name in LEVEL_VARIABLES if name != "ozone")
        ground = {name: float(value) for name, value in row.items() if np.isfinite(value)}
        try:
            yield column(pressure, temperature, humidity, ozone, **ground)
        except InputError as error:
            raise InputError(f"profile {start + index}: {error}") from error


def _filled(variable: Any, start: int, stop: int) -> Values:
    values = np.asarray(variable[start:stop], dtype=float)
    fill = variable.attrs.get("_FillValue")
    return values if fill is None else np.where(values == float(np.asarray(fill).ravel()[0]), np.nan, values)


def _rows(profile: Column, composition: Composition, sensors: Sequence[str]) -> list[tuple[float, ...]]:
    """Values of `RESULTS` for one profile, for each sensor band."""
    bands = simulate_effective(profile, sensors, composition)
    known = (
        layers(profile).water_vapour,
        float(profile.pressure[0]),
        float(profile.air_temperature[0]),
        composition.aerosol_optical_depth,
        composition.continuum_scaling,
        composition.year,
    )
    return [(band.transmittance, band.upwelling_radiance, band.downwelling_radiance, *known) for band in bands.values()]


def _run(
    source: Any, outputs: Mapping[str, Any], compositions: Sequence[Composition], progress: Progress | None
) -> None:
    count, sensors = len(compositions), list(outputs)
    # One profile a thread; a linear algebra library that starts threads of its own within them makes all wait.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            chunk = list(_columns(source, start, stop))
            rows = list(pool.map(_rows, chunk, compositions[start:stop], [sensors] * len(chunk)))
            table = np.array(rows, dtype=np.float32)  # (profile, sensor, result)
            on_levels = [at_sigma(one.pressure, one.air_temperature, one.specific_humidity) for one in chunk]
            for index, output in enumerate(outputs.values()):
                for name, levels in zip(LEVEL_RESULTS, zip(*on_levels, strict=True), strict=True):
                    output.variables[name][start:stop] = np.array(levels, dtype=np.float32)
                for name, values in zip(RESULTS, table[:, index].T, strict=True):
                    output.variables[name][start:stop] = values
            if progress is not None and not progress(stop, count):
                raise CancelledError("stopped on request; nothing was written")
