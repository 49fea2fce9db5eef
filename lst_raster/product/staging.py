"""Sets of files that appear together and complete, or not at all.

Files on disk are written in the folders of their targets under temporary names and renamed at the end; those of an
object store are written to a folder for temporary files and uploaded (`lst_raster.product.destination`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rasterio.errors import RasterioError

from lst_raster.errors import LstRasterError, OutputError
from lst_raster.io.address import Address, Location
from lst_raster.io.raster import GdalError
from lst_raster.product.destination import publish

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOGGER = logging.getLogger(__name__)
_PART = re.compile(r"^\..+\.([0-9a-f]{12}-\d+-[0-9a-f]{16})\.(?:new|blocks|old|files|lock)$")


def _machine() -> str:
    """Identify the running kernel, because locks work between all its processes, including containers.

    Host names and process numbers are not unique: two containers may have the same ones.
    """
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        text = secrets.token_hex() if sys.platform == "linux" else f"{socket.gethostname()} {uuid.getnode()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


_MACHINE = _machine()


@dataclass(frozen=True, kw_only=True, slots=True)
class Staging:
    """Set of unfinished files, made by `new_files`.

    A lock file in each of their folders is locked during the run. The system releases the lock when the process ends
    for any reason, so that the next run can remove abandoned files.
    """

    _mark: str = field(default_factory=lambda: f"{_MACHINE}-{os.getpid()}-{secrets.token_hex(8)}")
    _locks: dict[Path, int | None] = field(default_factory=dict)
    _renames: dict[Location, Path] = field(default_factory=dict)
    _scratch: list[Path] = field(default_factory=list)
    _folders: list[Path] = field(default_factory=list)

    def new(self, target: Location) -> Path:
        """Create an empty temporary file, to be renamed to `target` at the end in the order of these calls.

        It is in the folder of the target, or in the folder for temporary files if the target is in an object store.
        Raises OutputError if it cannot be created.
        """
        self._renames[target] = self._touch(target, "new")
        return self._renames[target]

    def has(self, target: Location) -> bool:
        """Whether a file belongs to the set."""
        return target in self._renames

    def path_of(self, target: Location) -> Path:
        """Temporary path of a file of the set."""
        return self._renames[target]

    def scratch(self, target: Location) -> Path:
        """Create an empty file that is needed while `target` is made and deleted at the end, as `new` does."""
        return self._touch(target, "blocks")

    def _touch(self, target: Location, kind: str) -> Path:
        path = self._temporary_path(target, kind)
        with writing(target):
            path.touch()  # raises the system's error if the folder is not writable
        return path

    def _temporary_path(self, target: Location, kind: str) -> Path:
        """Path of a temporary file, which is deleted at the end."""
        if isinstance(target, Address):
            folder = self._locked(Path(tempfile.gettempdir())) / f".lst-raster.{self._mark}.files"
            if not self._folders:
                with writing(target):
                    folder.mkdir(mode=0o700)
                self._folders.append(folder)
        else:
            folder = self._locked(target.parent)
        self._scratch.append(folder / f".{target.name}.{self._mark}.{kind}")
        return self._scratch[-1]

    def _locked(self, folder: Path) -> Path:
        """Lock the temporary files in a folder, so that other runs keep them."""
        if folder not in self._locks:
            self._locks[folder] = _new_lock(folder / f".lst-raster.{self._mark}.lock")
        return folder

    def _rename(self, renames: dict[Path, Path]) -> None:
        """Rename all files; if one fails, restore the previous files."""
        for target, path in renames.items():
            with writing(target), path.open("r+b") as file:
                os.fsync(file.fileno())  # before the rename: a power cut could leave a name without content
        folders = {target.parent for target in renames}
        with _exclusive_renames(folders):
            backups: dict[Path, Path | None] = {}
            try:
                for target in renames:
                    backups[target] = self._back_up(target)
                for target, path in renames.items():
                    with writing(target):
                        path.replace(target)
                for target in renames:  # statistics that a viewer saved for the previous file would be used
                    with writing(target):
                        target.with_name(target.name + ".aux.xml").unlink(missing_ok=True)
            except BaseException:  # including a signal between two renames
                for target, backup in backups.items():
                    if renames[target].exists():
                        continue  # it was not renamed
                    with suppress(OSError):
                        if backup is not None:
                            backup.replace(target)
                        else:
                            target.unlink()
                raise
        for folder in folders:
            with suppress(OSError):  # not all systems can synchronise folders
                handle = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def _back_up(self, target: Path) -> Path | None:
        """Link an existing file to a second name, or copy it on file systems without hard links."""
        if not target.is_file():
            return None
        backup = self._temporary_path(target, "old")
        with writing(target):
            try:
                os.link(target, backup)
            except OSError:
                shutil.copyfile(target, backup)
        return backup

    def _clear(self) -> None:
        """Remove the temporary files; those that cannot be removed are left to the next run, without an error."""
        for path in self._scratch:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        left = [path for path in (*self._scratch, *self._folders) if path.exists()]
        for folder, handle in self._locks.items():
            if handle is not None:
                os.close(handle)
                if not left:
                    _remove(folder / f".lst-raster.{self._mark}.lock")


@contextmanager
def new_files(*folders: Location) -> Iterator[Staging]:
    """Make a set of files in one or more folders.

    After an error no new file is left, and existing ones are unchanged. If the process is killed between two renames,
    all files are complete, and the first ones are new: call `Staging.new` last for the file that shows that the set is
    complete. Missing folders are made, and removed if nothing is written. Abandoned files of killed processes are
    removed.

    Raises OutputError if a file cannot be written or renamed, RemoteError if an upload fails.
    """
    staging = Staging()
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(folders):
            if isinstance(folder, Path):
                made += [path for path in (folder, *folder.parents) if not path.exists()]  # the innermost first
                with writing(folder):
                    folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
        yield staging
        in_store = {target: path for target, path in staging._renames.items() if isinstance(target, Address)}
        on_disk = {target: path for target, path in staging._renames.items() if isinstance(target, Path)}
        if in_store:
            publish(in_store)
        if on_disk:
            staging._rename(on_disk)
    except LstRasterError as error:
        text = str(error)
        for target, path in staging._renames.items():  # messages give the final names
            text = text.replace(str(path), str(target))
        error.args = (text,)
        raise
    finally:
        staging._clear()
        for path in made:
            with suppress(OSError):  # the folder is not empty
                path.rmdir()


@contextmanager
def writing(target: Location | str) -> Iterator[None]:
    """Convert errors of the system, rasterio and GDAL to OutputError."""
    try:
        yield
    except (OSError, RasterioError, GdalError) as error:
        reason = getattr(error, "strerror", None) or str(error.__cause__ or error)
        in_store = "is the disk of temporary files full? Set TMPDIR to another folder"
        question = in_store if isinstance(target, Address) else "is the disk full, or the folder read-only?"
        raise OutputError(f"cannot write {target}: {reason}; {question}") from error


@contextmanager
def _exclusive_renames(folders: Iterable[Path]) -> Iterator[None]:
    """Keep other runs from renaming in these folders, which could mix the files of two runs in a set.

    Without effect where the system has no locks of folders, for example on some network drives.
    """
    with ExitStack() as stack:
        if sys.platform != "win32":
            for folder in sorted(folders):
                with suppress(OSError):
                    handle = os.open(folder, os.O_RDONLY)
                    stack.callback(os.close, handle)
                    fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep(folder: Location) -> None:
    """Remove the temporary files of processes that have ended; files that may be in use are kept."""
    with suppress(OSError):  # an unreadable folder is reported when files are written
        place = Path(tempfile.gettempdir()) if isinstance(folder, Address) else folder
        found = {path: part[1] for path in place.iterdir() if (part := _PART.match(path.name))}
        for lock, mark in found.items():
            # Some network drives do not share locks between machines.
            if lock.suffix == ".lock" and (mark.startswith(_MACHINE) or _is_local(place)):
                _sweep_run(lock, [path for path in found if found[path] == mark and path != lock])


def _sweep_run(lock: Path, paths: list[Path]) -> None:
    """Remove the files of a run if its lock is not held."""
    with suppress(OSError):  # it is held, there are no locks, or the file belongs to another user
        handle = os.open(lock, os.O_RDWR)
        try:
            _acquire(handle, wait=False)
            for path in paths:
                _LOGGER.info("removing %s of a process that has ended", path)
                _remove(path)
        finally:
            os.close(handle)
        if not any(path.exists() for path in paths):
            _remove(lock)


def _new_lock(path: Path) -> int | None:
    """Create and lock a lock file; None if that is not possible: then no run removes the files of this one."""
    try:
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _acquire(handle, wait=True)
                if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
            except BaseException:
                os.close(handle)
                _remove(path)
                raise
            os.close(handle)  # another run removed the file between the two calls
    except OSError:
        return None


def _acquire(handle: int, *, wait: bool) -> None:
    """Lock an open file until it is closed or the process ends; raises OSError if that is not possible."""
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_local(folder: Path) -> bool:
    """Whether a folder is on a disk of this machine; network drives have no device number."""
    return sys.platform == "linux" and os.major(folder.stat().st_dev) != 0


def _remove(path: Path) -> None:
    """Remove a file or a folder if possible."""
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.remove(path)  # noqa: PTH107
