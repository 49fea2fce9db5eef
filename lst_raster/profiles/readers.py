"""Readers of atmospheric profiles, found by the contents of a file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.profiles import archives, grids
from lst_raster.profiles.gfs import read_gfs
from lst_raster.reading import ENGINES, open_netcdf, reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A reader of files of one kind."""

    title: str  # data that it reads
    contents: frozenset[str]  # arrays of an archive, or variables of a netCDF file, by which the data are recognised
    read: Callable[[Path], xr.Dataset]  # reads all columns as `lst_raster.profiles.profile_sets.profile_dataset`
    testing_only: bool = False  # never in the library


GRIB = "GRIB"  # contents of every GRIB file
READERS = (
    Reader(title="GFS (GRIB)", contents=frozenset({GRIB}), read=read_gfs),
    Reader(
        title="TIGR-2000 (npz)", contents=frozenset({"p_hPa", "yymmdd"}), read=archives.read_tigr, testing_only=True
    ),
    Reader(title="ERA-Interim (npz)", contents=frozenset({"p", "cc", "t2m"}), read=archives.read_era_interim),
    Reader(
        title="ERA5 West Antarctic sea (npz)", contents=frozenset({"m01", "m12"}), read=archives.read_west_antarctic_sea
    ),
    Reader(
        title="ECMWF diverse profiles, 83 (npz)",
        contents=frozenset({"p", "year"}),
        read=archives.read_ecmwf_diverse,
        testing_only=True,
    ),
    Reader(
        title="ECMWF diverse profiles, 52 (npz)",
        contents=frozenset({"p", "datetime"}),
        read=archives.read_ecmwf_diverse,
        testing_only=True,
    ),
    Reader(title="NCEP mean June (netCDF)", contents=frozenset({"SHUM", "TREFHT"}), read=grids.read_ncep_mean),
    Reader(
        title="ERA5 with sea surface temperature (netCDF)",
        contents=frozenset({"geopotential", "sea_surface_temperature"}),
        read=grids.read_era5_sea,
    ),
)
"""Known data; the first with all its `contents` in a file reads it."""


def read_source(path: Path, *, for_training: bool = False) -> xr.Dataset:
    """Read all columns of a file of one of `READERS`.

    Raises InputNotFoundError, or InputError for a damaged or unknown file, and `for_training` for test data.
    """
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a file of atmospheric profiles")
    contents = _contents(path)
    for reader in READERS:
        if reader.contents <= contents:
            if for_training and reader.testing_only:
                raise InputError(f"{path} is {reader.title}, which is for testing only; use it with --held-out")
            return reader.read(path)
    raise InputError(f"{path} is none of the known profiles; give {', '.join(reader.title for reader in READERS)}")


def _contents(path: Path) -> frozenset[str]:
    """Names of the arrays or variables of a file, or `GRIB`."""
    with path.open("rb") as file:
        start = file.read(512)
    if GRIB.encode() in start:
        return frozenset({GRIB})
    if start[:4] in ENGINES:
        with open_netcdf(path, str(path), decode=False) as dataset:
            return frozenset(map(str, dataset.variables))
    if start.startswith(b"PK"):
        with reading(f"{path} cannot be read as a NumPy archive"), zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    return frozenset()
