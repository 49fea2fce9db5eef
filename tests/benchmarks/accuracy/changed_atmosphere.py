"""Columns simulated unchanged, moister and warmer: the effect of a change of the atmosphere on the equation's terms."""

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

MOISTER, WARMER = 0.02, 0.5
"""Change of the humidity of all levels, relative, and of the temperature of all levels. [1], [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedAir:
    """Columns of the packaged library, and the same ones changed."""

    base: SimulatedSet
    """As they are."""
    moister: SimulatedSet
    """Humidity of all levels and at 2 m more by `MOISTER`."""
    warmer: SimulatedSet
    """Temperature of all levels and at 2 m higher by `WARMER`."""


def changed_air(sensor: str, count: int) -> ChangedAir:
    """Simulate real columns of the packaged library, from the driest to the most humid, as they are and changed.

    Parameters
    ----------
    sensor : str
        Sensor band.
    count : int
        Number of columns.
    """
    with xr.open_dataset(data_path("profiles", "library.nc"), engine="h5netcdf") as library:
        real = library.isel(profile=np.flatnonzero(library["perturbation"].values == 0)).load()
    order = np.argsort(water_vapour(real))
    base = real.isel(profile=order[np.linspace(0, order.size - 1, count).round().astype(int)])
    moist = {name: base[name] * (1.0 + MOISTER) for name in ("specific_humidity", "specific_humidity_2m")}
    warm = {name: base[name] + WARMER for name in ("air_temperature", "air_temperature_2m")}
    return ChangedAir(
        base=_simulated(base, sensor),
        moister=_simulated(_assigned(base, moist), sensor),
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
