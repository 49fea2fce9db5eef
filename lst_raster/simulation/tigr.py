"""The TIGR-2000 profiles, held out to test what was trained on other sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputNotFoundError
from lst_raster.physics.humidity import mole_fraction, saturation_pressure_water, specific_humidity_from_mixing_ratio
from lst_raster.simulation.profiles import profile_dataset, water_vapour

COLD_SURFACE, HUMID_COLUMN = 285.0, 30.0  # [K], [kg m-2]: air this cold cannot carry this much vapour


def _dates(yymmdd: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Dates as datetime64; a day given as 00 (only the month is known) becomes the 15th."""
    year, month, day = yymmdd // 10000, yymmdd // 100 % 100, yymmdd % 100
    first = (1900 - 1970 + year).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = np.where(day == 0, 15, day) - 1
    return np.asarray(first.astype("datetime64[D]") + days.astype("timedelta64[D]"))


def read_tigr(path: Path) -> xr.Dataset:
    """Read TIGR-2000, without its unphysical profiles (a surface below 285 K under more than 30 kg m-2 of vapour).

    The file's mass mixing ratios are per mass of dry air: only so does its own vapour column follow from them. The
    last level, 1013 hPa, is the surface, and its air the air at 2 m. Relative humidity is over liquid water, as
    radiosondes report it.

    Parameters
    ----------
    path : Path
        NumPy archive with ``p_hPa`` (level,), ``t``, ``h2o_mmr``, ``o3_mmr`` (profile, level), ``ts``, ``lat``,
        ``lon`` and ``yymmdd`` (profile,).

    Returns
    -------
    xarray.Dataset
        Profiles (see `lst_raster.simulation.profiles`).

    Raises
    ------
    InputNotFoundError
        The file does not exist.

    References
    ----------
    A. Chedin et al., J. Climate Appl. Meteor. 24, 128 (1985), doi:10.1175/1520-0450(1985)024<0128:TIIIMF>2.0.CO;2
    F. Chevallier et al., Q. J. R. Meteorol. Soc. 126, 777 (2000), doi:10.1002/qj.49712656319
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be the TIGR-2000 archive (.npz)")
    with np.load(path, allow_pickle=False) as archive:
        data = {name: np.asarray(archive[name]) for name in archive.files}
    temperature = data["t"].astype(float)
    pressure = np.broadcast_to(data["p_hPa"].astype(float), temperature.shape)
    ratio = data["h2o_mmr"].astype(float)
    humidity = np.asarray(specific_humidity_from_mixing_ratio(ratio))
    relative = mole_fraction(humidity) * pressure / saturation_pressure_water(temperature)
    levels = {
        "pressure": pressure,
        "air_temperature": temperature,
        "specific_humidity": humidity,
        "ozone": data["o3_mmr"] / (1.0 + ratio),
    }
    columns = {
        "surface_pressure": pressure[:, -1],
        "air_temperature_2m": temperature[:, -1],
        "specific_humidity_2m": humidity[:, -1],
        "surface_temperature": data["ts"],
        "latitude": data["lat"],
        "longitude": data["lon"],
        "largest_relative_humidity": relative.max(axis=1),
    }
    profiles = profile_dataset(levels, columns, time=_dates(data["yymmdd"]), source="TIGR-2000")
    unphysical = (profiles["surface_temperature"].values < COLD_SURFACE) & (water_vapour(profiles) > HUMID_COLUMN)
    return profiles.isel(profile=~unphysical)
