"""Readers of reanalysis files of any format and location."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.reanalysis.datasets import is_address, read_netcdf, read_zarr
from lst_raster.inputs.reanalysis.grib import read_grib
from lst_raster.inputs.reanalysis.gridded import GriddedField
from lst_raster.inputs.reanalysis.request import NothingFoundError, Request
from lst_raster.io.address import Address, Location, location_of, path_of
from lst_raster.io.remote import download_whole
from lst_raster.reading import ENGINES, reading

_STORE_FILES = ("zarr.json", ".zgroup", ".zmetadata")
_FORMATS = "give netCDF, GRIB, a ZIP of them, or a zarr store"


def reanalysis_location(path: str | Location) -> Location:
    """Location of a reanalysis; a store on a server, which has no modification time, counts as a missing path.

    Raises InputNotFoundError for an address with an unsupported scheme.
    """
    return Path(str(path)) if is_address(path) else location_of(path)


@contextmanager
def local_files(paths: Sequence[str | Path]) -> Iterator[list[str | Path]]:
    """Paths with temporary local copies in place of files on servers; stores on servers stay as they are."""
    locations = [reanalysis_location(path) for path in paths]
    local = list(paths)
    with tempfile.TemporaryDirectory() as folder:
        for number, location in enumerate(locations):
            if isinstance(location, Address):
                target = Path(folder) / str(number) / (location.name or "reanalysis")  # messages show the name
                target.parent.mkdir()
                download_whole(location, target)
                local[number] = target
        yield local


def read_request(path: str | Path, request: Request) -> list[GriddedField]:
    """Read the requested quantities of a reanalysis file.

    The path is that of netCDF (3, 4), GRIB (1, 2), or a ZIP of such files, which the Climate Data Store sends for mixed
    requests; or the folder or the address (https, http, gs) of a zarr store. The result has at least one field.

    Raises InputNotFoundError if there is no such file or store; InputError if the format is unknown, the file is
    damaged, has no known variable, or is not on latitude and longitude; RemoteError if a server fails;
    MissingExtraError if eccodes (for GRIB) or zarr is not installed.
    """
    if is_address(path):
        return read_zarr(str(path), request)
    path = path_of(path, "reanalysis")
    if not path.exists():
        raise InputNotFoundError(f"reanalysis {path} does not exist; check the path")
    if path.is_dir():
        if not any((path / name).is_file() for name in _STORE_FILES):
            raise InputError(f"reanalysis {path} is a folder, but no zarr store; {_FORMATS}")
        return read_zarr(str(path), request)
    return _read(path, path.name, request)


def read_if_present(paths: Sequence[str | Path], request: Request) -> list[GriddedField]:
    """Read the requested quantities of the files that have them; files on levels and of the surface may be mixed.

    Raises NothingFoundError, with the reason for the first file, if no file has them, and the errors of `read_request`.
    """
    fields: list[GriddedField] = []
    errors = []
    for path in paths:
        try:
            fields += read_request(path, request)
        except NothingFoundError as error:
            errors.append(error)
    if not fields:
        raise errors[0] if errors else InputError("no reanalysis is given; give files with t and q on levels")
    return fields


def _read(path: Path, source: str, request: Request) -> list[GriddedField]:
    with path.open("rb") as file:
        start = file.read(4)
    if start in ENGINES:
        return read_netcdf(path, source, request)
    if start == b"GRIB":
        return read_grib(path, source, request)
    if start == b"PK\x03\x04":
        return _read_zip(path, source, request)
    if start.startswith(b"<"):
        found = "is a text such as an OPeNDAP description (.dmr) or a web page, not the data it describes"
    elif start.startswith(b"CDF\x05"):
        found = "is netCDF of the kind CDF-5, which is not supported (nccopy -k nc4 converts it)"
    else:
        found = "is of an unknown format" if start else "is empty"
    raise InputError(f"reanalysis {source} {found}; {_FORMATS}")


def _read_zip(path: Path, source: str, request: Request) -> list[GriddedField]:
    """Read the members of an archive one by one; members without a known variable are ignored."""
    fields: list[GriddedField] = []
    errors: list[InputError] = []
    with _readable(source), zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        for number, member in enumerate(info for info in archive.infolist() if not info.is_dir()):
            target = Path(folder) / str(number)
            with atomic_write(target) as part, part.open("wb") as file:
                file.writelines(_blocks(archive, member, source))
            try:
                fields += _read(target, f"{source}/{member.filename}", request)
            except InputError as error:
                errors.append(error)
            target.unlink()
    if not fields:
        readable = errors and all(isinstance(error, NothingFoundError) for error in errors)
        message = "; ".join(map(str, errors)) or f"reanalysis {source} is an empty ZIP; {_FORMATS}"
        raise NothingFoundError(message) if readable else InputError(message)
    return fields


def _readable(source: str) -> AbstractContextManager[None]:
    return reading(f"reanalysis {source} is a ZIP that cannot be read", "fetch it again, or give its files unpacked")


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> Iterator[bytes]:
    """Content of a member; a generator, so that errors of reading do not look like errors of writing."""
    with _readable(source), archive.open(member) as packed:
        while block := packed.read(1 << 20):
            yield block
