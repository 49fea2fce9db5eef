"""Sets of files in an object store: made in a folder of temporary files, sent, and shown together."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lst_raster.errors import LstRasterError, OutputError, RemoteAccessError
from lst_raster.scene.address import Address
from lst_raster.scene.servers.s3_write import (
    Upload,
    abort_upload,
    begin_upload,
    complete_upload,
    delete_object,
    exists,
    require_writable,
)


def temporary_folder() -> Path:
    """Folder where the system keeps temporary files (``TMPDIR``).

    Raises
    ------
    OutputError
        There is none that can be written.
    """
    with _making_folder():
        return Path(tempfile.gettempdir())


def make_folder(folder: Path) -> Path:
    """Make a folder for the files of a set, which nobody else may read.

    Raises
    ------
    OutputError
        There is no room for it.
    """
    with _making_folder():
        folder.mkdir(mode=0o700)
    return folder


@contextmanager
def _making_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"no folder for temporary files can be made: {error.strerror or error}; set TMPDIR to one that can be "
            "written"
        ) from error


def publish(files: Mapping[Address, Path]) -> None:
    """Bring files that belong together into a store, in this order, or none of them.

    All are sent before the first is seen. Then they are shown one after the other; the last, which tells that the set
    is whole, is taken away before if an older one is there. So at no moment it tells of files of two runs.

    Parameters
    ----------
    files : mapping of Address to path
        By what they will be the finished files; the one that tells of the others last.

    Raises
    ------
    OutputError, RemoteError, RemoteAccessError
        The store does not take them. Nothing of them is there then; what was there before still is, unless the error
        says that it is not whole any more.
    """
    uploads: list[Upload] = []
    try:
        for address, path in files.items():
            uploads.append(begin_upload(address, path))
        _show(uploads)
    except BaseException:
        for upload in uploads:
            abort_upload(upload)
        raise


def _show(uploads: list[Upload]) -> None:
    """Show the files that were sent."""
    replaced = _take_away(uploads[-1].address) if len(uploads) > 1 else False
    shown: list[Address] = []
    try:
        while uploads:
            complete_upload(uploads[0])
            shown.append(uploads.pop(0).address)
    except BaseException as error:
        for address in shown:
            with suppress(LstRasterError):
                delete_object(address)
        if replaced and isinstance(error, LstRasterError):
            raise type(error)(f"{error}; what was there before is not whole any more: run again") from None
        raise


def _take_away(address: Address) -> bool:
    """Remove what tells that an older set is whole; returns whether there was any."""
    try:
        if not exists(address):
            return False
    except RemoteAccessError:
        pass  # who may write need not be allowed to look: then it is removed in any case
    delete_object(address)
    return True


def check_store(targets: list[Address], needed: int, *, overwrite: bool) -> None:
    """Refuse what cannot or must not be written, before any work.

    Parameters
    ----------
    targets : list of Address
        Files to be written; the one whose name says most first.
    needed : int
        Room for temporary files. [byte]
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        There is no such bucket, no room on the disk of temporary files, or a file exists.
    RemoteError, RemoteAccessError, MissingExtraError
        The store does not answer, refuses, or cannot be asked.
    """
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise OutputError(
            f"cannot make {targets[0]}: {free >> 20} MiB are free for temporary files, {-(-needed >> 20)} MiB are "
            "needed; make room, or set TMPDIR to a folder on another disk"
        )
    require_writable(targets[0])
    for target in targets if not overwrite else ():
        _require_nothing(target)


def _require_nothing(target: Address) -> None:
    try:
        found = exists(target)
    except RemoteAccessError as error:
        raise RemoteAccessError(
            f"whether {target} exists is not told by the store; allow s3:GetObject and s3:ListBucket, or add "
            "--overwrite to replace it if it does"
        ) from error
    if found:
        raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another name")
