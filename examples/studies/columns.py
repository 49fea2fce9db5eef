"""Columns of the simulator from profile sets."""

from __future__ import annotations

import numpy as np
import xarray as xr

from lst_raster.profiles.profile_sets import LEVEL_VARIABLES
from lst_raster.simulator.atmosphere import Column, column


def column_of(profiles: xr.Dataset, index: int) -> Column:
    """Convert one profile of a set to a column of the simulator, from the ground up."""
    one = profiles.isel(profile=index)
    return column(
        *(one[name].values.astype(np.float64) for name in LEVEL_VARIABLES),
        surface_pressure=float(one["surface_pressure"]),
        air_temperature_2m=float(one["air_temperature_2m"]),
        specific_humidity_2m=float(one["specific_humidity_2m"]),
    )
