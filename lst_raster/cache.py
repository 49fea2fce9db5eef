"""Folder of downloaded files that may be removed at any time."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

DAYS = 30.0
"""Age at which unused files are removed. [day]"""


def cache_folder(kind: str) -> Path:
    """Folder for downloaded files of a kind, such as ``reanalysis`` or ``scenes``, which need not exist.

    It is in ``$LST_RASTER_CACHE``, else in ``lst-raster`` in ``%LOCALAPPDATA%`` on Windows (there in ``Cache``), in
    ``~/Library/Caches`` on macOS, else in ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    stated = os.environ.get("LST_RASTER_CACHE")
    return (Path(stated).expanduser() if stated else _system_folder()) / kind


def mark_used(file: Path) -> None:
    """Set the access time of a file or folder to now, so that `remove_unused` keeps it.

    The modification time stays: it identifies the input files of a product (`lst_raster.retrieval.resume`).
    """
    with suppress(OSError):  # a cache that is read-only serves, too
        os.utime(file, ns=(time.time_ns(), file.stat().st_mtime_ns))


def remove_unused(folder: Path, days: float = DAYS) -> list[Path]:
    """Remove files that were not written and not used (`mark_used`) for some days; return their paths.

    Subfolders are included, and removed when they are empty and as old. Files that cannot be removed are left.
    """
    before = time.time() - days * 86400.0
    removed = []
    for path in sorted(folder.rglob("*"), reverse=True):  # files before their folders
        with suppress(OSError):
            status = path.lstat()
            if path.is_dir() and not path.is_symlink():
                if status.st_mtime < before:  # listing a folder changes its access time
                    path.rmdir()
            elif max(status.st_atime, status.st_mtime) < before:
                path.unlink()
                removed.append(path)
    return removed


def _system_folder() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "lst-raster" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "lst-raster"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "lst-raster"
