"""Reanalysis files read, whatever their format and location."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.reanalysis.grib import read_grib
from lst_raster.inputs.reanalysis.gridded import GriddedField
from lst_raster.inputs.reanalysis.netcdf import read_netcdf
from lst_raster.inputs.reanalysis.request import Request
from lst_raster.inputs.reanalysis.variables import NothingFoundError
from lst_raster.inputs.reanalysis.zarr_store import is_address, is_store, read_zarr
from lst_raster.io.address import Address, Location, location_of, path_of
from lst_raster.io.remote import fetch_whole
from lst_raster.reading import ENGINES, reading


def reanalysis_location(path: str | Location) -> Location:
    """Where a reanalysis is; a store on a server, whose state nobody can tell, counts as a path that is not there.

    Raises
    ------
    InputNotFoundError
        It is an address of a kind that is not read.
    """
    return Path(str(path)) if is_address(path) else location_of(path)


@contextmanager
def local_files(paths: Sequence[str | Path]) -> Iterator[list[str | Path]]:
    """Put copies on disk in the place of files on servers, and remove them at the end.

    Parameters
    ----------
    paths : sequence of str or path
        Files on disk or on servers, and stores.

    Yields
    ------
    list of str or path
        The same, on disk; stores on servers as they were.

    Raises
    ------
    InputNotFoundError, InputError, RemoteError, MissingExtraError
        As `fetch_whole`.
    """
    places = [reanalysis_location(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        found: list[str | Path] = []
        for number, (path, place) in enumerate(zip(paths, places, strict=True)):
            found.append(_copied(place, Path(folder) / str(number)) if isinstance(place, Address) else path)
        yield found


def _copied(address: Address, folder: Path) -> Path:
    """Fetch a file under its own name, which messages and metadata tell."""
    folder.mkdir()
    target = folder / (address.name or "reanalysis")
    fetch_whole(address, target)
    return target


_HINT = "give netCDF, GRIB, a ZIP of them, or a zarr store"


def read_reanalysis(path: str | Path, when: np.datetime64 | None = None) -> list[GriddedField]:
    """Read every quantity that is known in a reanalysis file: `read_request` for a time alone.

    Returns
    -------
    list of GriddedField
        Water vapour [kg m-2], air temperature [K], surface pressure [hPa], elevation of the model's surface [m]: at
        least one of them.
    """
    return read_request(path, Request(when=when))


def read_request(path: str | Path, ask: Request) -> list[GriddedField]:
    """Read what is asked for of a reanalysis file.

    Parameters
    ----------
    path : str or path
        netCDF (3, 4), GRIB (1, 2), or a ZIP of such files, as the Climate Data Store sends for mixed requests; or the
        folder or the address (https, http, gs) of a zarr store.
    ask : Ask
        Time, place and kind of what is asked for.

    Returns
    -------
    list of GriddedField
        What was found of it, at least one: water vapour [kg m-2], air temperature [K], surface pressure [hPa],
        elevation of the model's surface [m]; or on levels temperature [K], specific humidity [kg kg-1], relative
        humidity [1].

    Raises
    ------
    InputNotFoundError
        There is no such file or store.
    InputError
        It is none of these, damaged, holds nothing that is known, or is not on latitude and longitude.
    RemoteError
        A server does not answer.
    MissingExtraError
        It is GRIB, and eccodes is not installed; or a zarr store, and zarr is not.
    """
    if is_address(path):
        return read_zarr(str(path), ask)
    path = path_of(path, "reanalysis")
    if not path.exists():
        raise InputNotFoundError(f"reanalysis {path} does not exist; check the path")
    if path.is_dir():
        if not is_store(path):
            raise InputError(f"reanalysis {path} is a folder, but no zarr store; {_HINT}")
        return read_zarr(str(path), ask)
    return _read(path, path.name, ask)


def read_if_present(paths: Sequence[str | Path], ask: Request) -> list[GriddedField]:
    """Read what is asked for from the files that hold it; files on levels and of the surface may be mixed.

    Raises
    ------
    NothingFoundError
        None of them holds it; what is wrong with the first is told.
    InputNotFoundError, InputError, RemoteError, MissingExtraError
        As `read_request`.
    """
    found: list[GriddedField] = []
    complaints = []
    for path in paths:
        try:
            found += read_request(path, ask)
        except NothingFoundError as complaint:
            complaints.append(complaint)
    if not found:
        raise complaints[0] if complaints else InputError("no reanalysis is given; give files with t and q on levels")
    return found


def _read(path: Path, source: str, ask: Request) -> list[GriddedField]:
    with path.open("rb") as file:
        start = file.read(4)
    if start in ENGINES:
        return read_netcdf(path, source, ask)
    if start == b"GRIB":
        return read_grib(path, source, ask)
    if start == b"PK\x03\x04":
        return _read_zip(path, source, ask)
    raise InputError(f"reanalysis {source} {_what(start)}; {_HINT}")


def _what(start: bytes) -> str:
    """Say what else a file is."""
    if start.startswith(b"<"):
        return "is a text such as an OPeNDAP description (.dmr) or a web page, not the data it describes"
    if start.startswith(b"CDF\x05"):
        return "is netCDF of the kind CDF-5, which is not read (nccopy -k nc4 converts it)"
    return "is empty" if not start else "is of an unknown format"


def _read_zip(path: Path, source: str, ask: Request) -> list[GriddedField]:
    """Read the members of an archive one by one; one that holds nothing of use does not spoil the others."""
    fields: list[GriddedField] = []
    complaints: list[InputError] = []
    with _readable(source), zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        for number, member in enumerate(info for info in archive.infolist() if not info.is_dir()):
            target = Path(folder) / str(number)
            with atomic_write(target) as part, part.open("wb") as file:
                file.writelines(_blocks(archive, member, source))
            try:
                fields += _read(target, f"{source}/{member.filename}", ask)
            except InputError as complaint:
                complaints.append(complaint)
            target.unlink()
    if not fields:
        sound = complaints and all(isinstance(complaint, NothingFoundError) for complaint in complaints)
        told = "; ".join(map(str, complaints)) or f"reanalysis {source} is an empty ZIP; {_HINT}"
        raise NothingFoundError(told) if sound else InputError(told)
    return fields


def _readable(source: str) -> AbstractContextManager[None]:
    return reading(f"reanalysis {source} is a ZIP that cannot be read", "fetch it again, or give its files unpacked")


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> Iterator[bytes]:
    """Contents of a member; a generator, so that an error of reading is none of the file that is written."""
    with _readable(source), archive.open(member) as packed:
        while block := packed.read(1 << 20):
            yield block
