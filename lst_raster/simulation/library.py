"""Maker of the packaged profile library, and of held-out sets to test against it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.simulation.gfs import read_gfs
from lst_raster.simulation.perturb import Perturbation, hot_columns, humid_columns
from lst_raster.simulation.profiles import Float, join, water_vapour
from lst_raster.simulation.tigr import read_tigr

CLEAR = 0.95  # largest relative humidity of a column that counts as clear
REAL, HOT, HUMID = 5200, 300, 300  # columns in the library
SEED = 2011

_SCALE_TEMPERATURE = 8.0  # [K]; the three scales make a step in one direction worth a step in another
_SCALE_VAPOUR = 0.6  # on the square root of the column: about 1 kg m-2 in dry air, 8 kg m-2 in the tropics
_SCALE_LATITUDE = 15.0  # [degree]


def clear(profiles: xr.Dataset, limit: float) -> xr.Dataset:
    """Columns whose largest relative humidity stays below a limit, a fraction."""
    return profiles.isel(profile=profiles["largest_relative_humidity"].values < limit)


def spread(features: Float, count: int, seed: int) -> NDArray[np.intp]:
    """Choose points that lie as far from each other as can be: each next one farthest from those chosen.

    Parameters
    ----------
    features : array of shape (points, dimensions)
        Points, scaled so that distances compare.
    count : int
        Number to choose.
    seed : int
        Seed that decides the first point.

    Returns
    -------
    array of shape (count,)
        Indices of the chosen points, in the order of choice.

    References
    ----------
    T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5
    """
    chosen = np.empty(min(count, len(features)), dtype=np.intp)
    chosen[0] = np.random.default_rng(seed).integers(len(features))
    distance = np.full(len(features), np.inf)
    for step in range(1, len(chosen)):
        new = np.sum((features - features[chosen[step - 1]]) ** 2, axis=1)
        distance = np.minimum(distance, new)
        chosen[step] = np.argmax(distance)
    return chosen


def features(profiles: xr.Dataset) -> Float:
    """Points in which columns are spread, shape (profile, 3): 2 m temperature, water vapour, latitude, scaled. [1]"""
    return np.stack(
        [
            profiles["air_temperature_2m"].values / _SCALE_TEMPERATURE,
            np.sqrt(water_vapour(profiles)) / _SCALE_VAPOUR,
            profiles["latitude"].values / _SCALE_LATITUDE,
        ],
        axis=1,
    )


def validation_split(region: NDArray[np.int16]) -> NDArray[np.int8]:
    """Split by region: every seventh 30-degree box, along diagonals, is for validation.

    Neighbouring columns are nearly copies of each other; a random split would test on what was trained on.

    Parameters
    ----------
    region : array of int, shape (profile,)
        Box as in `lst_raster.simulation.profiles.region_of`.

    Returns
    -------
    array of int8, shape (profile,)
        0 for training, 1 for validation.
    """
    row, column = region // 12, region % 12
    return np.asarray((column + 3 * row) % 7 == 0, dtype=np.int8)


def make_library(paths: Sequence[Path]) -> xr.Dataset:
    """Make the training library from GFS files: clear columns chosen for spread, and perturbed extremes.

    5,200 clear columns are chosen for spread in 2 m temperature, water vapour and latitude; 300 hot and 300 humid
    columns beyond the files' range are made from them by the changes that `lst_raster.simulation.perturb` states.

    Parameters
    ----------
    paths : sequence of Path
        GFS GRIB files.

    Returns
    -------
    xarray.Dataset
        Profiles, with `perturbation` (see `Perturbation`) and `split` (0 training, 1 validation).
    """
    pool = clear(join([read_gfs(path) for path in paths]).drop_vars("precipitable_water"), CLEAR)
    real = pool.isel(profile=np.sort(spread(features(pool), REAL, SEED)))
    real["perturbation"] = "profile", np.full(real.sizes["profile"], Perturbation.NONE, dtype=np.int8)
    random = np.random.default_rng(SEED)
    library = join([real, hot_columns(real, HOT, random), humid_columns(real, HUMID, random)])
    library["perturbation"].attrs = {
        "long_name": "what was done to the column",
        "flag_values": np.array([int(kind) for kind in Perturbation], dtype=np.int8),
        "flag_meanings": " ".join(kind.name.lower() for kind in Perturbation),
    }
    library["split"] = "profile", validation_split(library["region"].values)
    library["split"].attrs = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "training validation"}
    library.attrs = {
        "title": "Clear atmospheric columns for training land surface temperature retrievals",
        "source": "NCEP Global Forecast System, 2.5 degree, forecasts valid "
        + ", ".join(np.unique(np.datetime_as_string(real["time"].values, unit="h"))),
        "license": "NCEP data are in the public domain",
        "history": "lst-raster build profiles",
        "Conventions": "CF-1.11",
    }
    return library


def make_held_out(paths: Sequence[Path], limit: float = CLEAR) -> xr.Dataset:
    """Read every clear column of files that are kept for testing.

    Parameters
    ----------
    paths : sequence of Path
        GFS GRIB files, or TIGR-2000 as a NumPy archive (.npz); of one kind, for their levels differ.
    limit : float
        Largest relative humidity of a clear column. The smaller, the surer that there is no cloud, and the fewer
        humid columns are left. [1]

    Returns
    -------
    xarray.Dataset
        Profiles as they are: nothing is chosen for spread, nothing is perturbed.

    Raises
    ------
    InputError
        The files are of both kinds.
    """
    archives = {path.suffix == ".npz" for path in paths}
    if len(archives) > 1:
        raise InputError("GFS files and the TIGR archive have different levels; write one file for each")
    parts = [read_tigr(path) if archives == {True} else read_gfs(path) for path in paths]
    held_out = clear(join(parts), limit).drop_vars("precipitable_water", errors="ignore")
    held_out.attrs = {
        "title": "Clear atmospheric columns, held out for testing",
        "history": f"lst-raster build profiles --held-out --clear-below {limit:g}",
    }
    return held_out
