"""How files are when a run begins, and whether they are still so when they have been read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from lst_raster.errors import InputError
from lst_raster.scene.address import Address, Location
from lst_raster.scene.servers.read import state_of

State: TypeAlias = tuple[int, int | None, int | str | None]
"""Inode number, size [byte] and modification time [ns] of a file; of a file on a server 0, its size, and its ETag or
Last-Modified, each None where the server does not give it."""

States: TypeAlias = Mapping[Location, State | None]
"""State of every file; None for a file that could not be looked at."""


def states_of(paths: Iterable[Location]) -> States:
    """Note how files are; a folder stands for all in it."""
    return {file: _state(file) for path in paths for file in _within(path)}


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
    for path, state in states.items():
        if state is not None and _state(path) not in (state, None):
            raise InputError(f"{path} has changed while it was read, and nothing was written; run again")


def _within(path: Location) -> Iterable[Location]:
    if isinstance(path, Address):
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _state(file: Location) -> State | None:
    if isinstance(file, Address):
        told = state_of(file)
        return told and (0, *told)
    try:
        found = file.stat()
    except OSError:  # found missing when it is opened
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
