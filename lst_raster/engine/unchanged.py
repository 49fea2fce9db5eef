"""Whether the files that were read are still those of the beginning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from lst_raster.errors import InputError

States: TypeAlias = Mapping[Path, tuple[int, int, int]]
"""Of every file its number on the disk, its size and the time of its last change."""


def states_of(paths: Iterable[Path]) -> States:
    """Note how files are, those that are on this machine."""
    states = {}
    for path in paths:
        with suppress(OSError):  # on a server, or found missing when it is opened
            found = path.stat()
            states[path] = (found.st_ino, found.st_size, found.st_mtime_ns)
    return states


def require_unchanged(states: States) -> None:
    """Refuse to go on where a file has changed: some tiles may be of the old one, others of the new one.

    Parameters
    ----------
    states : mapping
        How they were. One that was removed is no harm: it stays as it was for those that have it open.

    Raises
    ------
    InputError
        One has changed.
    """
    now = states_of(states)
    for path in now:
        if now[path] != states[path]:
            raise InputError(f"{path} has changed while it was read, and nothing was written; run again")
