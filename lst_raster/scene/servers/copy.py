"""Files on servers that are needed whole."""

from __future__ import annotations

from pathlib import Path

from lst_raster.errors import InputError, RemoteError
from lst_raster.scene.address import Address
from lst_raster.scene.servers.read import fetch

_PART = 16 << 20  # [byte] that are fetched at once


def fetch_whole(address: Address, target: Path) -> None:
    """Copy a file from a server to disk, part by part; each part is tried again by itself.

    Parameters
    ----------
    address : Address
        The file.
    target : path
        File to be written.

    Raises
    ------
    InputNotFoundError, RemoteError, RemoteAccessError, MissingExtraError
        As `lst_raster.scene.servers.read.fetch`; or it changes meanwhile, or does not come whole.
    InputError
        There is no room for it.
    """
    try:
        with target.open("wb") as file:
            first = part = fetch(address, 0, _PART)
            done = file.write(part.content)
            while part.partial and len(part.content) == _PART and done != part.size:
                part = fetch(address, done, _PART)
                if part.version != first.version:
                    raise RemoteError(f"{address} has changed while it was fetched; run again")
                done += file.write(part.content)
    except OSError as error:
        raise InputError(
            f"{address} finds no room among the temporary files ({error.strerror or error}); set TMPDIR, or fetch it "
            "first"
        ) from None
    if first.size is not None and done != first.size:
        raise RemoteError(f"{address} does not come whole, {done} of {first.size} bytes did; fetch it first")
