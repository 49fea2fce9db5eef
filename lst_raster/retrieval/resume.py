"""Existing products: a fingerprint of options, model and input files shows whether a run need not be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from rasterio.errors import RasterioError

from lst_raster.errors import InputError, InputNotFoundError, OutputError, RemoteAccessError
from lst_raster.io.address import Address, Location
from lst_raster.io.remote import state_of
from lst_raster.product.destination import open_product_raster, target_size, text_of
from lst_raster.product.paths import OutputFormat, ProductPaths
from lst_raster.product.stac import COUNTS_PROPERTY, RUN

State: TypeAlias = tuple[int, int | None, int | str | None]
"""Inode number, size [byte] and modification time [ns] of a file; of a remote file 0, its size, and its ETag or
Last-Modified, each None where the server does not report it."""
States: TypeAlias = Mapping[Location, State | None]
"""State of every file; None where it is not accessible."""


def file_states(paths: Iterable[Location]) -> States:
    """State of files, and of all files in folders."""
    return {file: _state(file) for path in paths for file in _files_in(path)}


def require_unchanged(states: States) -> None:
    """Raise InputError where a file has changed, as tiles may be from either version.

    A removed file does not matter: it remains readable where it is open.
    """
    for path, state in states.items():
        if state is not None and _state(path) not in (state, None):
            raise InputError(f"{path} has changed while it was read, and nothing was written; run again")


def _files_in(path: Location) -> Iterable[Location]:
    if isinstance(path, Path) and path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path]


def _state(file: Location) -> State | None:
    if isinstance(file, Address):
        remote = state_of(file)
        return remote and (0, *remote)
    try:
        status = file.stat()
    except OSError:  # reported when the file is opened
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def fingerprint(tags: Mapping[str, str], form: OutputFormat, exact: bool, states: States) -> str | None:
    """SHA-256 of the provenance known before the run, the options and the state of the input files.

    File contents are not read: name, size and modification time (of remote files the ETag) identify a file. The size
    by itself does not, as that of an uncompressed raster does not depend on its values: None where a file has only a
    size.
    """
    if _unidentified(states):
        return None
    files = sorted({(file.name, *state[1:]) for file, state in states.items() if state}, key=str)
    content = {"tags": dict(tags), "form": asdict(form), "exact": exact, "files": files}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def find_same(paths: ProductPaths, run: str | None) -> tuple[dict[str, str], dict[str, int]] | None:
    """Find a complete product with the fingerprint `run`; returns its tags and its counts of pixels.

    None where there is none, where a file is missing or of another size, or where the product cannot be read. Raises
    RemoteError: an object store fails.
    """
    if run is None:
        return None
    try:
        item = json.loads(text_of(paths.item))
        properties, assets = item["properties"], item["assets"].values()
        sizes = {paths.temperature.with_name(Path(asset["href"]).name): asset["file:size"] for asset in assets}
        if properties[RUN] != run or any(target_size(path) != size for path, size in sizes.items()):
            return None
        counts = {name: int(properties[COUNTS_PROPERTY][name]) for name in ("pixels", "retrieved")}
        with open_product_raster(paths.temperature) as dataset:
            return dict(dataset.tags()), counts
    except (InputNotFoundError, RemoteAccessError, OSError, RasterioError):
        return None  # does not exist or cannot be read
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged, or the item of another program


def require_identified(paths: ProductPaths, states: States) -> None:
    """Raise OutputError where the product exists but an input file has no modification time or ETag."""
    unknown = ", ".join(_unidentified(states))
    with suppress(RemoteAccessError):  # `check_targets` reports a store that is writable but not readable
        if unknown and target_size(paths.temperature) is not None:
            raise OutputError(
                f"{paths.temperature} exists and is kept: the server sends no ETag and no Last-Modified for "
                f"{unknown}, so whether it has changed cannot be determined; add --overwrite to replace the product, "
                "or give another name"
            )


def _unidentified(states: States) -> list[str]:
    """Names of the input files that have no modification time and no ETag."""
    return sorted({file.name.partition("?")[0] for file, state in states.items() if state is None or state[2] is None})
