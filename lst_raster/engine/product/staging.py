"""Files that appear complete, or not at all: written beside their targets under another name, renamed at the end."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rasterio._err import CPLE_BaseError  # what GDAL's own failures raise; it has no public name
from rasterio.errors import RasterioError

from lst_raster.errors import OutputError

_LOGGER = logging.getLogger(__name__)
_HOST = re.sub(r"\W", "", socket.gethostname()) or "host"
_PART = re.compile(rf"^\..+\.{_HOST}-(\d+)\.(?:new|blocks|old|raw\.tif|cog\.tif)$")  # the last two are of release 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Staging:
    """Unfinished files; made by `new_files`."""

    _renames: dict[Path, Path] = field(default_factory=dict)
    _scratch: list[Path] = field(default_factory=list)

    def new(self, target: Path) -> Path:
        """Name to write a file under until all are complete; they are renamed in the order of the calls.

        Parameters
        ----------
        target : path
            File to be made; one that exists is replaced.

        Returns
        -------
        path
            An empty file in the same folder.

        Raises
        ------
        OutputError
            The folder does not take it.
        """
        path = self._touch(target, "new")
        self._renames[target] = path
        return path

    def has(self, target: Path) -> bool:
        """Whether a file belongs to the set."""
        return target in self._renames

    def path_of(self, target: Path) -> Path:
        """Name under which a file lies now that `new` was asked for."""
        return self._renames[target]

    def scratch(self, target: Path) -> Path:
        """Name of a file that is needed while another is made; it is removed at the end.

        Parameters
        ----------
        target : path
            The file that it is needed for.

        Returns
        -------
        path
            An empty file in the same folder.

        Raises
        ------
        OutputError
            The folder does not take it.
        """
        return self._touch(target, "blocks")

    def _touch(self, target: Path, kind: str) -> Path:
        path = _beside(target, kind)
        self._scratch.append(path)
        with writing(target):
            path.touch()  # says in the system's own words why a folder cannot be written
        return path

    def _publish(self) -> None:
        """Rename all; where one cannot be, put back what was there under the names before it."""
        kept: dict[Path, Path | None] = {}
        try:
            for target, path in self._renames.items():
                with writing(target):
                    kept[target] = self._keep(target)
                    path.replace(target)
        except OutputError:
            for target, old in kept.items():
                _put_back(target, old, self._renames[target])
            raise
        for target in self._renames:
            target.with_name(target.name + ".aux.xml").unlink(missing_ok=True)  # a viewer's notes on the old file
        for folder in {target.parent for target in self._renames}:
            _sync_folder(folder)

    def _keep(self, target: Path) -> Path | None:
        """Give a file a second name; a file system without such names has none to put back."""
        if len(self._renames) == 1 or not target.is_file():
            return None
        old = _beside(target, "old")
        self._scratch.append(old)
        old.unlink(missing_ok=True)
        with suppress(OSError):
            os.link(target, old)
        return old if old.exists() else None


@contextmanager
def new_files(*folders: Path) -> Iterator[Staging]:
    """Make files that belong together.

    After an error, or when the block is left by one, no file of ours is left, and those that were there before are as
    they were. A process killed between two renames leaves complete files, of which the first ones are new: what tells
    that the set is complete is to be asked for last.

    Parameters
    ----------
    *folders : path
        Folders to sweep of what killed processes left.

    Yields
    ------
    Staging
        To ask for names.

    Raises
    ------
    OutputError
        A file cannot be written or renamed.
    """
    for folder in set(folders):
        _sweep(folder)
    staging = Staging()
    try:
        yield staging
        staging._publish()
    finally:
        for path in staging._scratch:
            path.unlink(missing_ok=True)


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
    """Turn what the system, rasterio and GDAL raise into one error of ours."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, RasterioError, CPLE_BaseError) as error:
        reason = getattr(error, "strerror", None) or str(error.__cause__ or error)
        raise OutputError(f"cannot write {target}: {reason}; is the disk full, or the folder read-only?") from error


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{_HOST}-{os.getpid()}.{kind}")


def _put_back(target: Path, old: Path | None, new: Path) -> None:
    with suppress(OSError):
        if old is not None:
            old.replace(target)
        elif not new.exists():  # it was renamed to where nothing was
            target.unlink()


def _sync_folder(folder: Path) -> None:
    """Have the names on the disk, too, where the system can be asked for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that were killed on this host."""
    if os.name != "posix":
        return  # elsewhere signal 0 does not ask whether a process lives, it ends it
    for path in folder.iterdir():
        part = _PART.match(path.name)
        if part and not _alive(int(part[1])):
            _LOGGER.info("removing %s, left by a process that is gone", path)
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
