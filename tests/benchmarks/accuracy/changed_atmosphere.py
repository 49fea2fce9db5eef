"""Simulated columns with perturbed humidity and temperature: sensitivities of the terms of the equation."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from lst_raster.profiles.profile_sets import water_vapour, write_profiles
from lst_raster.profiles.simulate import simulate_file
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.resources import data_path

HUMIDITY_CHANGE, TEMPERATURE_CHANGE = 0.02, 0.5
"""Relative perturbation of the humidity [1] and perturbation of the temperature [K] of all levels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PerturbedColumns:
    """Columns of the packaged library, unchanged and perturbed."""

    base: SimulatedSet
    more_humid: SimulatedSet
    """Humidity of all levels and at 2 m increased by `HUMIDITY_CHANGE`."""
    warmer: SimulatedSet
    """Temperature of all levels and at 2 m increased by `TEMPERATURE_CHANGE`."""


def perturbed_columns(sensor: str, count: int) -> PerturbedColumns:
    """Simulate `count` unperturbed columns of the packaged library, from dry to humid, and their perturbations."""
    with xr.open_dataset(data_path("profiles", "library.nc"), engine="h5netcdf") as library:
        real = library.isel(profile=np.flatnonzero(library["perturbation"].values == 0)).load()
    order = np.argsort(water_vapour(real))
    base = real.isel(profile=order[np.linspace(0, order.size - 1, count).round().astype(int)])
    moist = {name: base[name] * (1.0 + HUMIDITY_CHANGE) for name in ("specific_humidity", "specific_humidity_2m")}
    warm = {name: base[name] + TEMPERATURE_CHANGE for name in ("air_temperature", "air_temperature_2m")}
    return PerturbedColumns(
        base=_simulated(base, sensor),
        more_humid=_simulated(_assigned(base, moist), sensor),
        warmer=_simulated(_assigned(base, warm), sensor),
    )


def _assigned(base: xr.Dataset, changed: dict[str, xr.DataArray]) -> xr.Dataset:
    return base.assign({name: values.assign_attrs(base[name].attrs) for name, values in changed.items()})


def _simulated(profiles: xr.Dataset, sensor: str) -> SimulatedSet:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "profiles.nc"), Path(folder, "simulated.nc")
        write_profiles(profiles, source)
        simulate_file(source, {sensor: target})
        return read_simulated(target)
