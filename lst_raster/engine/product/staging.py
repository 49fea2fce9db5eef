"""Files that appear complete, or not at all.

Those on disk are written beside their targets under another name and renamed at the end; those of an object store are
written into a folder of temporary files, sent, and shown together (`lst_raster.engine.product.store`).
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rasterio.errors import RasterioError

from lst_raster.engine.product.store import make_folder, publish, sweep_folders
from lst_raster.errors import LstRasterError, OutputError, RemoteError
from lst_raster.scene.address import Address, Location
from lst_raster.scene.gdal import GdalError

if sys.platform != "win32":
    import fcntl

_LOGGER = logging.getLogger(__name__)
_HOST = re.sub(r"\W", "", socket.gethostname()) or "host"
_PART = re.compile(  # process, and the number of its run; the last two endings are of release 0.1
    rf"^\..+\.{_HOST}-(\d+)(?:-(\d+))?\.(?:new|blocks|old|raw\.tif|cog\.tif)$"
)
_NUMBERS = itertools.count()  # of the runs of this process: two may have the same target
_RUNNING: set[tuple[int, int]] = set()  # process and number: a forked process is none of its parent's


@dataclass(frozen=True, kw_only=True, slots=True)
class Staging:
    """Unfinished files; made by `new_files`."""

    _number: int = field(default_factory=lambda: next(_NUMBERS))
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
        folder = self._folder() if isinstance(target, Address) else target.parent
        path = folder / f".{target.name}.{_HOST}-{os.getpid()}-{self._number}.{kind}"
        self._scratch.append(path)
        return path

    def _folder(self) -> Path:
        """Folder of temporary files, made when it is needed first."""
        if not self._folders:
            self._folders.append(make_folder(f"{_HOST}-{os.getpid()}-{self._number}"))
        return self._folders[0]

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


@contextmanager
def new_files(*folders: Location) -> Iterator[Staging]:
    """Make files that belong together.

    After an error, or when the block is left by one, no file of ours is left, and those that were there before are as
    they were. A process killed between two renames leaves complete files, of which the first ones are new: what tells
    that the set is complete is to be asked for last.

    Parameters
    ----------
    *folders : path or Address
        Folders to sweep of what killed processes left; of one in a store the folders of temporary files are swept.

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
    for folder in set(folders):
        _sweep(folder)
    staging = Staging()
    mark = (os.getpid(), staging._number)
    try:
        _RUNNING.add(mark)
        yield staging
        staging._publish()
    except LstRasterError as error:
        error.args = (staging._with_names(str(error)),)
        raise
    finally:
        _RUNNING.discard(mark)
        staging._clear()


@contextmanager
def writing(target: Location | str) -> Iterator[None]:
    """Turn what the system, rasterio and GDAL raise into one error of ours."""
    try:
        yield
    except (OutputError, RemoteError):
        raise
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


def _sweep(folder: Location) -> None:
    """Remove the temporary files of processes that were killed on this host."""
    if os.name != "posix":
        return  # elsewhere signal 0 does not ask whether a process lives, it ends it
    if isinstance(folder, Address):
        sweep_folders(_HOST, _is_alive)
        return
    with suppress(OSError):  # a folder that cannot be listed is found out when it is written
        for path in folder.iterdir():
            part = _PART.match(path.name)
            if part and not _is_alive(int(part[1]), part[2]):
                _LOGGER.info("removing %s, left by a process that is gone", path)
                with suppress(OSError):  # somebody else's
                    path.unlink(missing_ok=True)


def _is_alive(process: int, run: str | None) -> bool:
    """Whether a run goes on; one of an earlier process that had our number does not."""
    if process == os.getpid() and run is not None:
        return (process, int(run)) in _RUNNING
    return _alive(process)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
