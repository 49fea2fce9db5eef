"""Products that exist already: same inputs and unchanged files, so that a run need not be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rasterio.errors import RasterioError

from lst_raster.errors import InputError, InputNotFoundError, OutputError, RemoteAccessError
from lst_raster.io.address import Address, Location
from lst_raster.io.remote import state_of
from lst_raster.product.destination import open_product_raster, size_of, text_of
from lst_raster.product.paths import OutputForm, ProductPaths
from lst_raster.product.stac import COUNTS, RUN

State: TypeAlias = tuple[int, int | None, int | str | None]
"""Inode number, size [byte] and modification time [ns] of a file; of a file on a server 0, its size, and its ETag or
Last-Modified, each None where the server does not give it."""

States: TypeAlias = Mapping[Location, State | None]
"""State of every file; None for a file that could not be looked at."""


def file_states(paths: Iterable[Location]) -> States:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class SameProduct:
    """A whole product of the same run."""

    tags: Mapping[str, str]
    """Its metadata."""
    pixels: int
    """Pixels of the scene."""
    retrieved: int
    """Pixels with a temperature."""


def fingerprint(tags: Mapping[str, str], form: OutputForm, exact: bool, states: States) -> str | None:
    """Tell what a run is made of: the same text for the same options, model, release and input files.

    A file counts as the same where its name, size and time of change are: its content is not read. Of one on a server
    the ETag stands for the time, where it has one. The size alone does not identify a file: rasters that are not
    compressed keep theirs when their pixels change.

    Parameters
    ----------
    tags : mapping of str to str
        Provenance, as far as it is known before the run.
    form : OutputForm
        What is written.
    exact : bool
        Whether the model runs at every pixel.
    states : mapping
        How the files are that are read.

    Returns
    -------
    str or None
        SHA-256, hexadecimal; None where a file is not identified.
    """
    if _unidentified(states):
        return None
    seen = sorted({(file.name, *state[1:]) for file, state in states.items() if state}, key=str)
    made_of = {"tags": dict(tags), "form": asdict(form), "exact": exact, "files": seen}
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def find_same(paths: ProductPaths, run: str | None) -> SameProduct | None:
    """Look for a whole product of the same run.

    Parameters
    ----------
    paths : ProductPaths
        Names of its files.
    run : str or None
        What it would be made of.

    Returns
    -------
    SameProduct or None
        The product; None where there is none, where it is of another run, or where a file is missing or of another
        size.

    Raises
    ------
    RemoteError
        An object store fails.
    """
    if run is None:
        return None
    try:
        item = json.loads(text_of(paths.item))
        if item["properties"][RUN] != run or not all(_is_there(paths, asset) for asset in item["assets"].values()):
            return None
        counts = item["properties"][COUNTS]
        with open_product_raster(paths.temperature) as dataset:
            return SameProduct(
                tags=dict(dataset.tags()), pixels=int(counts["pixels"]), retrieved=int(counts["retrieved"])
            )
    except (InputNotFoundError, RemoteAccessError):
        return None  # not in the store, or not to be looked at
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RasterioError):
        return None  # not on disk, not an item of ours, or damaged


def require_identified(paths: ProductPaths, states: States) -> None:
    """Refuse to keep or replace an existing product where an input file is not identified.

    Parameters
    ----------
    paths : ProductPaths
        Names of the product's files.
    states : mapping
        State of the input files.

    Raises
    ------
    OutputError
        The product exists, and whether its inputs have changed cannot be determined.
    """
    unknown = ", ".join(_unidentified(states))
    with suppress(RemoteAccessError):  # a store that may be written but not read is dealt with by `check_targets`
        if unknown and size_of(paths.temperature) is not None:
            raise OutputError(
                f"{paths.temperature} exists and is kept: the server gives neither ETag nor Last-Modified of "
                f"{unknown}, so whether it has changed cannot be determined; add --overwrite to replace the product, "
                "or give another name"
            )


def _unidentified(states: States) -> list[str]:
    """Names of the input files that have no time of change and no ETag."""
    return sorted({file.name.partition("?")[0] for file, state in states.items() if state is None or state[2] is None})


def _is_there(paths: ProductPaths, asset: Mapping[str, Any]) -> bool:
    size: int = asset["file:size"]
    return size_of(paths.temperature.with_name(Path(asset["href"]).name)) == size
