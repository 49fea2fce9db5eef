"""Destinations of products: files, folders and object stores."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rasterio

from lst_raster.errors import InputNotFoundError, LstRasterError, OutputError, RemoteAccessError
from lst_raster.io.address import Address, Location, location_of
from lst_raster.io.grid import Grid
from lst_raster.io.s3 import (
    Upload,
    abort_upload,
    begin_upload,
    complete_upload,
    delete_object,
    exists,
    require_writable,
)


def temporary_folder() -> Path:
    """Folder where the system keeps temporary files (``TMPDIR``).

    Raises
    ------
    OutputError
        There is none that can be written.
    """
    with _making_folder():
        return Path(tempfile.gettempdir())


def make_folder(folder: Path) -> Path:
    """Make a folder for the files of a set, which nobody else may read.

    Raises
    ------
    OutputError
        There is no room for it.
    """
    with _making_folder():
        folder.mkdir(mode=0o700)
    return folder


@contextmanager
def _making_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"no folder for temporary files can be made: {error.strerror or error}; set TMPDIR to one that can be "
            "written"
        ) from error


def publish(files: Mapping[Address, Path]) -> None:
    """Bring files that belong together into a store, in this order, or none of them.

    All are sent before the first is seen. Then they are shown one after the other; the last, which tells that the set
    is whole, is taken away before if an older one is there. So at no moment it tells of files of two runs.

    Parameters
    ----------
    files : mapping of Address to path
        By what they will be the finished files; the one that tells of the others last.

    Raises
    ------
    OutputError, RemoteError, RemoteAccessError
        The store does not take them. Nothing of them is there then; what was there before still is, unless the error
        says that it is not whole any more.
    """
    uploads: list[Upload] = []
    try:
        for address, path in files.items():
            uploads.append(begin_upload(address, path))
        _show(uploads)
    except BaseException:
        for upload in uploads:
            abort_upload(upload)
        raise


def _show(uploads: list[Upload]) -> None:
    """Show the files that were sent."""
    replaced = _take_away(uploads[-1].address) if len(uploads) > 1 else False
    shown: list[Address] = []
    try:
        while uploads:
            complete_upload(uploads[0])
            shown.append(uploads.pop(0).address)
    except BaseException as error:
        for address in shown:
            with suppress(LstRasterError):
                delete_object(address)
        if replaced and isinstance(error, LstRasterError):
            raise type(error)(f"{error}; what was there before is not whole any more: run again") from None
        raise


def _take_away(address: Address) -> bool:
    """Remove what tells that an older set is whole; returns whether there was any."""
    try:
        if not exists(address):
            return False
    except RemoteAccessError:
        pass  # who may write need not be allowed to look: then it is removed in any case
    delete_object(address)
    return True


def check_store(targets: list[Address], needed: int, *, overwrite: bool) -> None:
    """Refuse what cannot or must not be written, before any work.

    Parameters
    ----------
    targets : list of Address
        Files to be written; the one whose name says most first.
    needed : int
        Room for temporary files. [byte]
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        There is no such bucket, no room on the disk of temporary files, or a file exists.
    RemoteError, RemoteAccessError, MissingExtraError
        The store does not answer, refuses, or cannot be asked.
    """
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise OutputError(
            f"cannot make {targets[0]}: {free >> 20} MiB are free for temporary files, {-(-needed >> 20)} MiB are "
            "needed; make room, or set TMPDIR to a folder on another disk"
        )
    require_writable(targets[0])
    for target in targets if not overwrite else ():
        _require_nothing(target)


def _require_nothing(target: Address) -> None:
    try:
        found = exists(target)
    except RemoteAccessError as error:
        raise RemoteAccessError(
            f"whether {target} exists is not told by the store; allow s3:GetObject and s3:ListBucket, or add "
            "--overwrite to replace it if it does"
        ) from error
    if found:
        raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another name")


_ELSEWHERE = "products go to disk or to s3://BUCKET/FOLDER/; give one of them"
_TEXT_LIMIT = 16 << 20  # [byte], far above any STAC item


def target_of(output: str | Path | Address) -> Location:
    """Take what a user names to write to: a path, or an ``s3`` address.

    Parameters
    ----------
    output : str, path or Address
        A folder or a file.

    Returns
    -------
    path or Address
        The same.

    Raises
    ------
    OutputError
        It is an address of another kind.

    Examples
    --------
    >>> str(target_of("s3://bucket/out/"))
    's3://bucket/out/'
    """
    try:
        found = location_of(output)
    except InputNotFoundError as error:
        scheme = str(output).partition(":")[0]
        told = str(error) if scheme == "s3" else f"cannot write to {scheme}: addresses; {_ELSEWHERE}"
        raise OutputError(told) from None
    if isinstance(found, Address) and not found.is_s3:
        raise OutputError(f"cannot write {found}; {_ELSEWHERE}")
    return found


def size_of(target: Location) -> int | None:
    """Size of a file, None where there is none. [byte]

    Raises
    ------
    RemoteError, RemoteAccessError, MissingExtraError
        A store does not tell.
    """
    if isinstance(target, Address):
        from lst_raster.io.s3 import size_of_object

        return size_of_object(target)
    return target.stat().st_size if target.is_file() else None


def text_of(target: Location) -> str:
    """Read a text.

    Raises
    ------
    OSError
        It is not there, or cannot be read.
    InputNotFoundError, RemoteError
        It is not in the store, or the store does not give it.
    ValueError
        It is no text.
    """
    if isinstance(target, Address):
        from lst_raster.io.remote import fetch

        return fetch(target, 0, _TEXT_LIMIT).content.decode()
    return target.read_text(encoding="utf-8")


@contextmanager
def open_product_raster(target: Location) -> Iterator[Any]:
    """Open a raster of a product for reading.

    Raises
    ------
    rasterio.errors.RasterioError
        It is not there, or no raster.
    """
    if isinstance(target, Address):
        from lst_raster.io.remote import gdal_reading

        with gdal_reading(target), rasterio.open(target.gdal) as dataset:
            yield dataset
        return
    with rasterio.open(target) as dataset:
        yield dataset


_SUFFIXES = (".tif", ".tiff")
_BYTES_PER_PIXEL = 0.05
"""Least room that a pixel of a raster takes, in the raster and in the temporary file of its blocks together. [byte]

The compressed size is known only after writing. In a Landsat 8 scene of Alabama without fill or masked clouds,
quality bits take 0.33 bytes, uncertainty and temperature as uint16 0.6 and 3.2, as float32 6 each; fill and masked
clouds take almost nothing, 0.01. The bound is low enough for a scene of which a few per cent have values, so that no
run is refused that would succeed. A disk that fills up during a run ends it with an OutputError, and nothing stays
behind.
"""


def product_path(output: str | Path | Address, stem: str) -> Location:
    """Path of the LST product of a scene.

    Parameters
    ----------
    output : str, path or Address
        A folder, on disk or in an object store (``s3://bucket/folder/``), which need not exist; or the path or the
        address of the file itself, which ends in ``.tif`` or ``.tiff``.
    stem : str
        Name of the scene.

    Returns
    -------
    path or Address
        `output` itself, or ``<stem>_LST.tif`` in it.

    Raises
    ------
    OutputError
        It is an address to which nothing is written.

    Examples
    --------
    >>> product_path("out/city.tif", "LC08_alabama").name
    'city.tif'
    """
    place = target_of(output)
    is_file = place.suffix.lower() in _SUFFIXES
    if isinstance(place, Address):
        return place if is_file else place.inside().with_name(f"{stem}_LST.tif")
    return place if is_file and not place.is_dir() else place / f"{stem}_LST.tif"


def check_targets(targets: Iterable[Location], grid: Grid, *, inputs: Iterable[Location], overwrite: bool) -> None:
    """Refuse targets that cannot or must not be written, before any work.

    Parameters
    ----------
    targets : iterable of path or Address
        Files to be written, all into one folder, on disk or in an object store; the one whose name says most first.
    grid : Grid
        Their grid, which says how large they will be.
    inputs : iterable of path or Address
        Files that are read; none of them may be a target.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        The folder cannot be made or written, there is no such bucket, the disk is too full, a file exists, or is an
        input.
    RemoteError, MissingExtraError
        An object store does not answer, refuses, or cannot be asked.
    """
    read, targets = list(inputs), list(targets)
    needed = room_needed(targets, grid)
    in_store = []
    for target in targets:
        if not isinstance(target, Address):
            _check_path(target, needed, inputs=[path for path in read if isinstance(path, Path)], overwrite=overwrite)
            continue
        if target in read:
            raise OutputError(f"cannot write {target}: it is one of the inputs; give another name")
        in_store.append(target)
    if in_store:
        check_store(in_store, needed, overwrite=overwrite)


def room_needed(targets: Iterable[Location], grid: Grid) -> int:
    """Least room that files take while they are written. [byte]

    Parameters
    ----------
    targets : iterable of path or Address
        The files; those that are no rasters are small.
    grid : Grid
        Grid of the rasters.
    """
    rasters = sum(target.suffix.lower() in _SUFFIXES for target in targets)
    return round(rasters * grid.width * grid.height * _BYTES_PER_PIXEL)


def _check_path(target: Path, needed: int, *, inputs: list[Path], overwrite: bool) -> None:
    """Refuse a target on disk."""
    folder = next(path for path in target.parents if path.exists())  # those below it are made with the product
    if not folder.is_dir():
        raise OutputError(f"cannot write {target.name}: {folder} is not a folder; choose another")
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder; give another name")
    if target.exists():
        if any(path.exists() and path.samefile(target) for path in inputs):
            raise OutputError(f"cannot write {target}: it is one of the inputs; give another name")
        if not overwrite:
            raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another name")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write into {folder}: permission denied; choose another folder")
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"cannot write into {folder}: {free >> 20} MiB are free, {-(-needed >> 20)} MiB are needed; make room"
        )
