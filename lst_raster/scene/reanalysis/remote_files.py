"""Reanalysis files on servers: fetched whole, for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lst_raster.scene.address import Address, Location, location_of
from lst_raster.scene.reanalysis.zarr_store import is_address
from lst_raster.scene.servers.copy import fetch_whole


def reanalysis_location(path: str | Location) -> Location:
    """Where a reanalysis is; a store on a server, whose state nobody can tell, counts as a path that is not there.

    Raises
    ------
    InputNotFoundError
        It is an address of a kind that is not read.
    """
    return Path(str(path)) if is_address(path) else location_of(path)


@contextmanager
def local_files(paths: Sequence[str | Path]) -> Iterator[list[str | Path]]:
    """Put copies on disk in the place of files on servers, and remove them at the end.

    Parameters
    ----------
    paths : sequence of str or path
        Files on disk or on servers, and stores.

    Yields
    ------
    list of str or path
        The same, on disk; stores on servers as they were.

    Raises
    ------
    InputNotFoundError, InputError, RemoteError, MissingExtraError
        As `fetch_whole`.
    """
    places = [reanalysis_location(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        found: list[str | Path] = []
        for number, (path, place) in enumerate(zip(paths, places, strict=True)):
            found.append(_copied(place, Path(folder) / str(number)) if isinstance(place, Address) else path)
        yield found


def _copied(address: Address, folder: Path) -> Path:
    """Fetch a file under its own name, which messages and metadata tell."""
    folder.mkdir()
    target = folder / (address.name or "reanalysis")
    fetch_whole(address, target)
    return target
