"""The files of one delivery opened, wherever they lie: a folder, an archive, a folder on a server."""

from __future__ import annotations

from pathlib import Path

from lst_raster.errors import InputNotFoundError
from lst_raster.scene.bundle import Bundle, Place, is_archive
from lst_raster.scene.servers.bundle import open_remote_folder


def open_bundle(path: Path | Place) -> Bundle:
    """Look at the files that a path stands for, or beside it.

    Parameters
    ----------
    path : path or Place
        Folder, archive, or any file in a folder; of a place that is no folder on disk, on a server too.

    Returns
    -------
    Bundle
        The files in the folder, in the archive, or in the file's folder.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    SceneError
        The archive is damaged.
    RemoteError
        The server does not give it.
    """
    place = Place(disk=path) if isinstance(path, Path) else path
    if is_archive(place):
        if place.remote is None and not place.disk.exists():
            raise InputNotFoundError(f"scene {place} does not exist; check the path")
        if place.remote is not None or place.disk.is_file():
            return Bundle.of_archive(place)
    if place.remote is not None:
        return open_remote_folder(place.remote)
    if not place.disk.exists():
        raise InputNotFoundError(f"scene {place} does not exist; check the path")
    return Bundle.of_folder(place.disk if place.disk.is_dir() else place.disk.parent)
