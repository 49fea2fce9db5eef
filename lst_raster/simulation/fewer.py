"""Fewer columns of a file of profiles, spread evenly over its water vapour."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.simulation.profiles import Float, read_profiles, water_vapour, write_profiles


@contextmanager
def some_columns(path: Path, count: int | None) -> Iterator[Path]:
    """Give a file with some of the columns of another, or that file itself where all are wanted.

    Parameters
    ----------
    path : Path
        NetCDF file of profiles.
    count : int or None
        Number of columns; None for all.

    Yields
    ------
    Path
        A file of the same name, which is gone after the block.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It has fewer columns, or it lacks what the water vapour is computed from.
    OutputError
        The file cannot be written.
    """
    if count is None:
        yield path
        return
    profiles = read_profiles(path)
    held = profiles.sizes["profile"]
    if count > held:
        raise InputError(
            f"{path} has {held} columns, and {count} are asked for; ask for fewer, or leave the option out"
        )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / path.name
        write_profiles(profiles.isel(profile=evenly(_vapour(profiles, path), count)), target)
        yield target


def evenly(values: Float, count: int) -> NDArray[np.intp]:
    """Choose places so that the chosen values are spread as all are: every so-many-th in the order of the values.

    Parameters
    ----------
    values : array of shape (places,)
        Values.
    count : int
        How many to choose.

    Returns
    -------
    array of shape (count,)
        Indices, ascending.

    Examples
    --------
    >>> evenly(np.array([3.0, 1.0, 2.0, 0.0]), 2).tolist()
    [0, 1]
    """
    ranks = ((np.arange(count) + 0.5) * len(values) / count).astype(np.intp)
    return np.sort(np.argsort(values, kind="stable")[ranks])


def _vapour(profiles: xr.Dataset, path: Path) -> Float:
    try:
        return water_vapour(profiles)
    except KeyError as missing:
        raise InputError(f"{path} has no {missing.args[0]}, so its columns cannot be chosen by water vapour") from None
