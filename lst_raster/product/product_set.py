"""The files that make up a product: their names, and which of them are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.io.address import path_of
from lst_raster.product.paths import ITEM, SUFFIXES

RASTERS = ("lst", "uncertainty", "quality")
"""Roles of the rasters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductSet:
    """The files of a product."""

    lst: Path
    """The temperature."""
    files: Mapping[str, Path]
    """Files by role: what the STAC item names, whether it is there or not; without an item what is there."""
    item_path: Path
    """Where the STAC item is, or would be."""
    item: Mapping[str, Any] | None
    """The STAC item, None where there is none that can be read."""
    problems: tuple[str, ...] = field(default=())
    """What is wrong with the item so far that files cannot be found by it."""

    @property
    def rasters(self) -> dict[str, Path]:
        """Rasters that are there, by role."""
        return {role: self.files[role] for role in RASTERS if role in self.files and self.files[role].is_file()}


def file_names(name: str) -> dict[str, str]:
    """Names of the files of a product.

    Parameters
    ----------
    name : str
        Name of the temperature's file.

    Returns
    -------
    dict
        Name by role, and that of the STAC item as ``item``.

    Examples
    --------
    >>> file_names("LC08_x_LST.tif")["uncertainty"]
    'LC08_x_LST_UNC.tif'
    """
    stem = Path(name).stem
    return {**{role: stem + suffix for role, suffix in SUFFIXES.items()}, "lst": name, "item": stem + ITEM}


def find_product(path: str | Path) -> ProductSet:
    """Find the files of a product.

    Parameters
    ----------
    path : str or path
        The temperature, or the STAC item.

    Returns
    -------
    ProductSet
        The files.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is a folder, or one of the product's other files.
    """
    path = path_of(path, "product")
    if not path.exists():
        raise InputNotFoundError(f"product {path} does not exist; check the path")
    if path.is_dir():
        raise InputError(f"product {path} is a folder; give the path of an LST file, or of its STAC item, in it")
    if path.suffix.lower() not in (".tif", ".tiff", ITEM):
        raise InputError(f"product {path} is neither a .tif nor a {ITEM}; give the LST file or its STAC item")
    is_item = path.suffix.lower() == ITEM
    lst = path.with_suffix(".tif") if is_item else path
    item_path = path if is_item else path.with_suffix(ITEM)
    if not item_path.is_file():
        return ProductSet(lst=lst, files=_beside(lst), item_path=item_path, item=None)
    try:
        item = json.loads(item_path.read_text(encoding="utf-8"))
        if not isinstance(item, dict) or not isinstance(item.get("assets"), dict):
            raise ValueError("it has no assets")
    except ValueError as error:
        problem = f"{item_path.name} is not a STAC item: {error}"
        return ProductSet(lst=lst, files=_beside(lst), item_path=item_path, item=None, problems=(problem,))
    files, problems = _named(item["assets"], item_path.parent)
    named = files.get("lst", lst)
    lst = named if is_item else path
    if named.name != lst.name:
        problems.append(f"{item_path.name} is about {named.name}, not {lst.name}")
    return ProductSet(
        lst=lst, files={**files, "lst": lst}, item_path=item_path, item=item, problems=tuple(problems)
    )  # fmt: skip


def _beside(lst: Path) -> dict[str, Path]:
    """Find what is there under the usual names."""
    found = {role: lst.with_name(name) for role, name in file_names(lst.name).items() if role != "item"}
    return {role: path for role, path in found.items() if path.is_file() or role == "lst"}


def _named(assets: Mapping[str, Any], folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Files that an item names; one that is not beside it is none of ours."""
    files, problems = {}, []
    for role, asset in assets.items():
        href = asset.get("href") if isinstance(asset, dict) else None
        name = href.removeprefix("./") if isinstance(href, str) else ""
        if not name or name in (".", "..") or any(mark in name for mark in "/\\:\0"):
            problems.append(f"asset {role} has the href {href!r}, which is no file beside the item")
        else:
            files[role] = folder / name
    return files, problems
