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
from lst_raster.io.object_stores import (
    Upload,
    abort_upload,
    begin_upload,
    complete_upload,
    delete_object,
    exists,
    require_writable,
    size_of_object,
)

_DESTINATIONS = "products go to disk or to s3://BUCKET/FOLDER/; give one of them"
_MAX_TEXT_SIZE = 16 << 20  # [byte], far above any STAC item
_SUFFIXES = (".tif", ".tiff")
# [byte], lower limit of the size of a pixel, in the raster and the temporary file of its blocks: low enough for scenes
# with a few per cent of valid pixels. In a Landsat 8 scene quality bits take 0.33 bytes, uncertainty and temperature as
# uint16 0.6 and 3.2, as float32 6 each; fill and masked clouds take 0.01.
_BYTES_PER_PIXEL = 0.05


def product_path(output: str | Path | Address, stem: str) -> Location:
    """Path of the LST product of a scene: `output` if it ends in ``.tif`` or ``.tiff``, else a file in this folder.

    The folder, on disk or in an object store (``s3://bucket/folder/``), need not exist. Raises OutputError for other
    addresses.
    """
    place = product_location(output)
    is_file = place.suffix.lower() in _SUFFIXES
    if isinstance(place, Address):
        return place if is_file else place.inside().with_name(f"{stem}_LST.tif")
    return place if is_file and not place.is_dir() else place / f"{stem}_LST.tif"


def product_location(output: str | Path | Address) -> Location:
    """Parse the path or ``s3`` address of an output file or folder; raises OutputError for other addresses."""
    try:
        target = location_of(output)
    except InputNotFoundError as error:
        scheme = str(output).partition(":")[0]
        text = str(error) if scheme == "s3" else f"cannot write to {scheme}: addresses; {_DESTINATIONS}"
        raise OutputError(text) from None
    if isinstance(target, Address) and not target.is_s3:
        raise OutputError(f"cannot write {target}; {_DESTINATIONS}")
    return target


def check_targets(targets: Iterable[Location], grid: Grid, *, inputs: Iterable[Location], overwrite: bool) -> None:
    """Check that the files of a product can be written, before any work.

    All targets are in one folder, on disk or in an object store; messages name the first. None may be one of `inputs`,
    or exist unless `overwrite` is set. The `grid` gives the size.

    Raises OutputError if the folder or bucket is missing or not writable, the disk is too full, or a file exists or is
    an input; RemoteError or MissingExtraError if an object store cannot be accessed.
    """
    inputs, targets = list(inputs), list(targets)
    needed = required_disk_space(targets, grid)
    for target in targets:
        if isinstance(target, Path):
            _check_path(target, needed, inputs=[path for path in inputs if isinstance(path, Path)], overwrite=overwrite)
        elif target in inputs:
            raise OutputError(f"cannot write {target}: it is one of the inputs; give another name")
    in_store = [target for target in targets if isinstance(target, Address)]
    if in_store:
        _check_store(in_store, needed, overwrite=overwrite)


def required_disk_space(targets: Iterable[Location], grid: Grid) -> int:
    """Least disk space of files while they are written, of which only rasters count. [byte]"""
    rasters = sum(target.suffix.lower() in _SUFFIXES for target in targets)
    return round(rasters * grid.width * grid.height * _BYTES_PER_PIXEL)


def _check_path(target: Path, needed: int, *, inputs: list[Path], overwrite: bool) -> None:
    folder = next(path for path in target.parents if path.exists())  # missing folders are made with the product
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


def _check_store(targets: list[Address], needed: int, *, overwrite: bool) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise OutputError(
            f"cannot make {targets[0]}: {free >> 20} MiB are free for temporary files, {-(-needed >> 20)} MiB are "
            "needed; make room, or set TMPDIR to a folder on another disk"
        )
    require_writable(targets[0])
    for target in targets if not overwrite else ():
        try:
            found = exists(target)
        except RemoteAccessError as error:
            raise RemoteAccessError(
                f"the store does not show whether {target} exists; allow s3:GetObject and s3:ListBucket, or add "
                "--overwrite to replace it if it does"
            ) from error
        if found:
            raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another name")


def publish(files: Mapping[Address, Path]) -> None:
    """Upload the finished files of a set to a store, in this order, or none of them.

    All are uploaded before the first becomes visible. The last one shows that the set is complete: an older one is
    deleted before, so that it never describes files of two runs.

    Raises OutputError or RemoteError if an upload fails. No new file is left then; the older set is unchanged, unless
    the message says that it is incomplete.
    """
    uploads: list[Upload] = []
    try:
        for address, path in files.items():
            uploads.append(begin_upload(address, path))
        _complete(uploads)
    except BaseException:
        for upload in uploads:
            abort_upload(upload)
        raise


def _complete(uploads: list[Upload]) -> None:
    """Make uploaded files visible, and remove them from the list."""
    replaced = False
    if len(uploads) > 1:
        with suppress(RemoteAccessError):
            replaced = True  # also if permission to write does not include permission to look
            replaced = exists(uploads[-1].address)
        if replaced:
            delete_object(uploads[-1].address)
    visible: list[Address] = []
    try:
        while uploads:
            complete_upload(uploads[0])
            visible.append(uploads.pop(0).address)
    except BaseException as error:
        for address in visible:
            with suppress(LstRasterError):
                delete_object(address)
        if replaced and isinstance(error, LstRasterError):
            raise type(error)(f"{error}; the existing product is incomplete now: run again") from None
        raise


def target_size(target: Location) -> int | None:
    """Size of a file, None if it does not exist; raises RemoteError if a store does not answer. [byte]"""
    if isinstance(target, Address):
        return size_of_object(target)
    return target.stat().st_size if target.is_file() else None


def text_of(target: Location) -> str:
    """Read a text file.

    Raises OSError, InputNotFoundError or RemoteError if it cannot be read, ValueError if it is not text.
    """
    if isinstance(target, Address):
        from lst_raster.io.remote import fetch

        return fetch(target, 0, _MAX_TEXT_SIZE).content.decode()
    return target.read_text(encoding="utf-8")


@contextmanager
def open_product_raster(target: Location) -> Iterator[Any]:
    """Open a raster of a product for reading; raises rasterio.errors.RasterioError if that is not possible."""
    if isinstance(target, Address):
        from lst_raster.io.remote import gdal_reading

        with gdal_reading(target), rasterio.open(target.gdal) as dataset:
            yield dataset
        return
    with rasterio.open(target) as dataset:
        yield dataset
