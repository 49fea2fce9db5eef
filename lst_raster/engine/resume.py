"""A product that exists and is made of the same inputs need not be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rasterio.errors import RasterioError

from lst_raster.engine.product.files import OutputForm, ProductPaths
from lst_raster.engine.product.place import open_product_raster, size_of, text_of
from lst_raster.engine.unchanged import States
from lst_raster.errors import InputNotFoundError, OutputError, RemoteAccessError

RUN = "lst_raster:run"
"""Property of a STAC item that tells what its product was made of."""
COUNTS = "lst_raster:counts"
"""Property of a STAC item with the numbers of its product's pixels, `pixels` and `retrieved`."""


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
