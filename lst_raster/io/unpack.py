"""Files in archives that GDAL cannot read in place: unpacked once, into the folder of temporary files."""

from __future__ import annotations

import atexit
import lzma
import os
import posixpath
import shutil
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from lst_raster.errors import InputNotFoundError, SceneError
from lst_raster.io.bundle import Place, opened_archive

_Key: TypeAlias = tuple[str, int, int, str | None]

_KEPT = 8  # files that stay unpacked: those of a scene are read several times, by several threads
_UNPACKED: dict[_Key, _File] = {}
_LOCK = threading.Lock()


@dataclass(kw_only=True, slots=True)
class _File:
    path: Path  # in a folder that contains nothing else
    process: int
    users: int = 0

    def remove(self) -> None:
        if self.process == os.getpid():  # a forked process has a copy of the object, not of the file
            shutil.rmtree(self.path.parent, ignore_errors=True)


@contextmanager
def unpacked(place: Place) -> Iterator[str]:
    """Unpack a file of an archive on disk, unless it is unpacked already; yield its path, valid within the block.

    Raises InputNotFoundError without such a file, SceneError for a damaged archive or a full disk.
    """
    state = place.disk.stat()
    key = (str(place.disk.absolute()), state.st_mtime_ns, state.st_size, place.member)
    with _LOCK:
        file = _UNPACKED.pop(key, None) or _unpack(place)
        _UNPACKED[key] = file  # in the order of use
        file.users += 1
    try:
        yield str(file.path)
    finally:
        with _LOCK:
            file.users -= 1
            for old in [key for key, other in list(_UNPACKED.items())[:-_KEPT] if not other.users]:
                _UNPACKED.pop(old).remove()


def _unpack(place: Place) -> _File:
    file = _File(path=Path(tempfile.mkdtemp(prefix="lst-raster-")) / place.name, process=os.getpid())
    try:
        with opened_archive(place) as archive, _member(archive, place) as source:
            _copy(source, file.path, place)
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, OSError, EOFError, zlib.error) as error:
        file.remove()
        raise SceneError(
            f"{place} cannot be unpacked: the archive is truncated or damaged; download it again"
        ) from error
    except BaseException:
        file.remove()
        raise
    return file


@atexit.register
def _remove_all() -> None:
    for file in _UNPACKED.values():
        file.remove()


def _member(archive: Any, place: Place) -> Any:
    is_zip = isinstance(archive, zipfile.ZipFile)
    names = archive.namelist() if is_zip else archive.getnames()
    name = next((name for name in names if posixpath.normpath(name) == place.member), None)
    if name is None:
        raise InputNotFoundError(f"{place} does not exist; check the name of the file in the archive")
    return archive.open(name) if is_zip else archive.extractfile(name)


def _copy(source: Any, path: Path, place: Place) -> None:
    with path.open("wb") as target:
        while part := source.read(1 << 20):
            try:
                target.write(part)
            except OSError as error:  # one of reading is an error of the archive
                raise SceneError(
                    f"{place} cannot be stored as a temporary file ({error.strerror or error}); set TMPDIR, or "
                    "unpack it first"
                ) from error
