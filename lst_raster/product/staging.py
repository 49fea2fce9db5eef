"""Files that appear complete, or not at all.

Those on disk are written beside their targets under another name and renamed at the end; those of an object store are
written into a folder of temporary files, sent, and shown together (`lst_raster.product.destination`).
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
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rasterio.errors import RasterioError

from lst_raster.errors import LstRasterError, OutputError
from lst_raster.io.address import Address, Location
from lst_raster.io.raster import GdalError
from lst_raster.product.destination import make_folder, publish, temporary_folder

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOGGER = logging.getLogger(__name__)
_PART = re.compile(r"^\..+\.([0-9a-f]{12}-\d+-[0-9a-f]{16})\.(?:new|blocks|old|files|lock)$")


def _machine() -> str:
    """Identify the running kernel, which containers share: its locks hold between all processes that it runs.

    Host names and process numbers do not: two containers may have the same ones.
    """
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        text = secrets.token_hex() if sys.platform == "linux" else f"{socket.gethostname()} {uuid.getnode()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


_MACHINE = _machine()


@dataclass(frozen=True, kw_only=True, slots=True)
class Staging:
    """Unfinished files; made by `new_files`.

    A lock file in each of their folders is locked for as long as the run lasts. The system releases the lock when the
    process ends, however it ends: so the next run knows which files nobody will finish.
    """

    _mark: str = field(default_factory=lambda: f"{_MACHINE}-{os.getpid()}-{secrets.token_hex(8)}")
    _locks: dict[Path, int | None] = field(default_factory=dict)
    _renames: dict[Location, Path] = field(default_factory=dict)
    _scratch: list[Path] = field(default_factory=list)
    _folders: list[Path] = field(default_factory=list)

    def new(self, target: Location) -> Path:
        """Name to write a file under until all are complete; they are renamed in the order of the calls.

        Parameters
        ----------
        target : path or Address
            File to be made, on disk or in an object store; one that exists is replaced.

        Returns
        -------
        path
            An empty file in the same folder, or in one of temporary files.

        Raises
        ------
        OutputError
            The folder does not take it.
        """
        path = self._touch(target, "new")
        self._renames[target] = path
        return path

    def has(self, target: Location) -> bool:
        """Whether a file belongs to the set."""
        return target in self._renames

    def path_of(self, target: Location) -> Path:
        """Name under which a file lies now that `new` was asked for."""
        return self._renames[target]

    def scratch(self, target: Location) -> Path:
        """Name of a file that is needed while another is made; it is removed at the end.

        Parameters
        ----------
        target : path or Address
            The file that it is needed for.

        Returns
        -------
        path
            An empty file in the same folder, or in one of temporary files.

        Raises
        ------
        OutputError
            The folder does not take it.
        """
        return self._touch(target, "blocks")

    def _touch(self, target: Location, kind: str) -> Path:
        path = self._beside(target, kind)
        with writing(target):
            path.touch()  # says in the system's own words why a folder cannot be written
        return path

    def _beside(self, target: Location, kind: str) -> Path:
        """Name of a temporary file, which is removed at the end."""
        folder = self._folder() if isinstance(target, Address) else self._locked(target.parent)
        path = folder / f".{target.name}.{self._mark}.{kind}"
        self._scratch.append(path)
        return path

    def _folder(self) -> Path:
        """Folder of temporary files, made when it is needed first."""
        if not self._folders:
            self._folders.append(make_folder(self._locked(temporary_folder()) / f".lst-raster.{self._mark}.files"))
        return self._folders[0]

    def _locked(self, folder: Path) -> Path:
        """Show other runs that temporary files in a folder are in use."""
        if folder not in self._locks:
            self._locks[folder] = _new_lock(self._lock_file(folder))
        return folder

    def _lock_file(self, folder: Path) -> Path:
        return folder / f".lst-raster.{self._mark}.lock"

    def _with_names(self, text: str) -> str:
        """Put the names that the files will have into a message in place of those that they have now."""
        for target, path in self._renames.items():
            text = text.replace(str(path), str(target))
        return text

    def _publish(self) -> None:
        """Bring all to their places, or none."""
        in_store = {target: path for target, path in self._renames.items() if isinstance(target, Address)}
        on_disk = {target: path for target, path in self._renames.items() if isinstance(target, Path)}
        if in_store:
            publish(in_store)
        if on_disk:
            self._rename(on_disk)

    def _rename(self, renames: dict[Path, Path]) -> None:
        """Rename all; where that ends early, put back what was there under the names before."""
        for target, path in renames.items():
            with writing(target):
                _sync(path)
        folders = {target.parent for target in renames}
        with _alone_in(folders):
            kept: dict[Path, Path | None] = {}
            try:
                for target in renames:
                    kept[target] = self._keep(target)
                for target, path in renames.items():
                    with writing(target):
                        path.replace(target)
                for target in renames:
                    _remove_notes(target)
            except BaseException:  # a signal between two renames, too
                for target, old in kept.items():
                    _put_back(target, old, renames[target])
                raise
        for folder in folders:
            _sync_folder(folder)

    def _keep(self, target: Path) -> Path | None:
        """Give a file that is there a second name, or make a copy where the file system has no such names."""
        if not target.is_file():
            return None
        old = self._beside(target, "old")
        with writing(target):
            try:
                os.link(target, old)
            except OSError:
                shutil.copyfile(target, old)
        return old

    def _clear(self) -> None:
        """Remove the temporary files; what cannot be removed is left to the next run, and hides no other error."""
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
                    _remove(self._lock_file(folder))


@contextmanager
def new_files(*folders: Location) -> Iterator[Staging]:
    """Make files that belong together.

    After an error, or when the block is left by one, no file of ours is left, and those that were there before are as
    they were. A process killed between two renames leaves complete files, of which the first ones are new: what tells
    that the set is complete is to be asked for last.

    Parameters
    ----------
    *folders : path or Address
        Folders of the files, which are made where they are missing, and removed again if nothing is written. They are
        swept of what killed processes left; of one in a store the folder of temporary files is swept.

    Yields
    ------
    Staging
        To ask for names.

    Raises
    ------
    OutputError
        A file cannot be written or renamed.
    RemoteError
        An object store does not take them.
    """
    staging = Staging()
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(folders):
            made += _make_missing(folder)
            _sweep(folder)
        yield staging
        staging._publish()
    except LstRasterError as error:
        error.args = (staging._with_names(str(error)),)
        raise
    finally:
        staging._clear()
        for path in made:
            with suppress(OSError):  # it has files
                path.rmdir()


@contextmanager
def writing(target: Location | str) -> Iterator[None]:
    """Turn what the system, rasterio and GDAL raise into one error of ours."""
    try:
        yield
    except (OSError, RasterioError, GdalError) as error:
        reason = getattr(error, "strerror", None) or str(error.__cause__ or error)
        question = "is the disk full, or the folder read-only?"
        if isinstance(target, Address):
            question = "is the disk of temporary files (TMPDIR) full?"
        raise OutputError(f"cannot write {target}: {reason}; {question}") from error


@contextmanager
def _alone_in(folders: Iterable[Path]) -> Iterator[None]:
    """Let no other run rename in these folders meanwhile, or else a set could be half of one run and half of another.

    Where the system has no such locks, as on some network drives, there are none.
    """
    with ExitStack() as stack:
        if sys.platform != "win32":
            for folder in sorted(folders):
                with suppress(OSError):
                    handle = os.open(folder, os.O_RDONLY)
                    stack.callback(os.close, handle)
                    fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove_notes(target: Path) -> None:
    """Remove what a viewer noted on the file that was replaced, such as its statistics: it would believe them."""
    with writing(target):
        target.with_name(target.name + ".aux.xml").unlink(missing_ok=True)


def _put_back(target: Path, old: Path | None, new: Path) -> None:
    if new.exists():
        return  # it was not renamed
    with suppress(OSError):
        if old is not None:
            old.replace(target)
        else:
            target.unlink()


def _sync(path: Path) -> None:
    """Have a file on the disk before it gets its name: a power cut could leave the name with nothing behind it."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have the names on the disk, too, where the system can be asked for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _make_missing(folder: Location) -> list[Path]:
    """Make a folder and those above it that are missing; returns them, the innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()] if isinstance(folder, Path) else []
    if missing:
        with writing(missing[0]):
            missing[0].mkdir(parents=True, exist_ok=True)
    return missing


def _sweep(folder: Location) -> None:
    """Remove the temporary files of runs whose process has ended; files that may be in use are kept."""
    with suppress(OSError, OutputError):  # a folder that cannot be listed is found out when it is written
        place = temporary_folder() if isinstance(folder, Address) else folder
        found = {path: part[1] for path in place.iterdir() if (part := _PART.match(path.name))}
        for lock, mark in found.items():
            # Some network drives keep the locks of one machine from the others.
            if lock.suffix == ".lock" and (mark.startswith(_MACHINE) or _is_local(place)):
                _sweep_run(lock, [path for path in found if found[path] == mark and path != lock])


def _sweep_run(lock: Path, paths: Iterable[Path]) -> None:
    """Remove the files of a run if nobody holds its lock."""
    with suppress(OSError):  # it is held, there are no locks, or it is another user's
        handle = os.open(lock, os.O_RDWR)
        try:
            _acquire(handle, wait=False)
            for path in paths:
                _LOGGER.info("removing %s, left by a process that has ended", path)
                _remove(path)
        finally:
            os.close(handle)
        if not any(path.exists() for path in paths):
            _remove(lock)


def _new_lock(path: Path) -> int | None:
    """Make a lock file and lock it; None where that is not possible: then no run removes what this one leaves."""
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
            os.close(handle)  # a sweep took it between the two calls
    except OSError:
        return None


def _acquire(handle: int, *, wait: bool) -> None:
    """Lock an open file until its handle is closed or the process ends; OSError where that is not possible."""
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_local(folder: Path) -> bool:
    """Whether a folder is on a disk of this machine, which no other one writes to."""
    return sys.platform == "linux" and os.major(folder.stat().st_dev) != 0  # network drives have no device


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and that is allowed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        os.remove(path)  # noqa: PTH107
