"""Where a product goes, and whether it may."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from lst_raster.errors import OutputError
from lst_raster.scene.grid import Grid

_SUFFIXES = (".tif", ".tiff")
_BYTES_PER_PIXEL = 4  # of the temporary file, which is not compressed


def product_path(output: str | Path, stem: str) -> Path:
    """Path of the LST product of a scene.

    Parameters
    ----------
    output : str or path
        An existing folder, or the path of the file itself, which ends in ``.tif`` or ``.tiff``.
    stem : str
        Name of the scene.

    Returns
    -------
    path
        `output` itself, or ``<stem>_LST.tif`` in it.

    Examples
    --------
    >>> product_path("out/city.tif", "LC08_alabama").name
    'city.tif'
    """
    output = Path(output)
    if output.suffix.lower() in _SUFFIXES and not output.is_dir():
        return output
    return output / f"{stem}_LST.tif"


def check_target(target: Path, grid: Grid, *, inputs: Iterable[Path], overwrite: bool) -> None:
    """Refuse a target that cannot or must not be written, before any work.

    Parameters
    ----------
    target : path
        File to be written.
    grid : Grid
        Its grid, which says how large it will be.
    inputs : iterable of path
        Files that are read; none of them may be the target.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The folder is missing or cannot be written, the disk is too full, the file exists, or it is an input.
    """
    folder = target.parent
    if not folder.is_dir():
        kind = "is not a folder; choose another" if folder.exists() else "does not exist; create it"
        raise OutputError(f"cannot write {target.name}: {folder} {kind}")
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder; give another name")
    if target.exists():
        if any(path.exists() and path.samefile(target) for path in inputs):
            raise OutputError(f"cannot write {target}: it is one of the inputs; give another name")
        if not overwrite:
            raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another name")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write into {folder}: permission denied; choose another folder")
    needed, free = grid.width * grid.height * _BYTES_PER_PIXEL, shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"cannot write into {folder}: {free >> 20} MiB are free, {-(-needed >> 20)} MiB are needed; make room"
        )
