"""Where a product goes, and whether it may."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from lst_raster.engine.product.place import target_of
from lst_raster.engine.product.store import check_store
from lst_raster.errors import OutputError
from lst_raster.scene.address import Address, Location
from lst_raster.scene.grid import Grid

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
