"""Whether the STAC item of a product is one, agrees with the files, and the files are those it was made for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lst_raster import __version__
from lst_raster.product.product_set import ProductSet
from lst_raster.product.stac import ASSETS, COUNTS, EXTENSIONS, RUN, STAC_VERSION, checksum, make_item

_REQUIRED = {
    "type": str, "stac_version": str, "stac_extensions": list, "id": str, "properties": dict, "links": list,
    "assets": dict,
}  # fmt: skip
_MULTIHASH = re.compile(r"1220[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_SHOWN = 3  # differences that are told


def form_problems(item: Mapping[str, Any], lst: Path) -> list[str]:
    """Hold an item against the fields that STAC and this package want.

    Parameters
    ----------
    item : mapping
        The item.
    lst : path
        The temperature that it is about.

    Returns
    -------
    list of str
        What is wrong.

    References
    ----------
    https://github.com/radiantearth/stac-spec/blob/v1.1.0/item-spec/item-spec.md
    """
    wrong = [name for name, kind in _REQUIRED.items() if not isinstance(item.get(name), kind)]
    if wrong:
        return [f"it has no {name}" for name in wrong]
    return [*_head_problems(item, lst), *_time_problems(item["properties"]), *_asset_problems(item["assets"])]


def _head_problems(item: Mapping[str, Any], lst: Path) -> Iterator[str]:
    if (item["type"], item["stac_version"]) != ("Feature", STAC_VERSION):
        yield f"it is {item['type']} of STAC {item['stac_version']}, not Feature of {STAC_VERSION}"
    if item["id"] != lst.stem:
        yield f"its id is {item['id']}, the file's name is {lst.stem}"
    if "geometry" not in item or (item["geometry"] is None) is not ("bbox" not in item):
        yield "geometry and bbox must both be there, or geometry be null"
    missing = [name for name, url in EXTENSIONS.items() if url not in item["stac_extensions"]]
    if set(missing) - {"classification"}:
        yield f"it does not name the extensions {', '.join(missing)}"


def _time_problems(properties: Mapping[str, Any]) -> Iterator[str]:
    names = ("datetime",) if properties.get("datetime") is not None else ("start_datetime", "end_datetime")
    if "datetime" not in properties:
        yield "it has no datetime"
    for name in names:
        if not _MOMENT.fullmatch(str(properties.get(name))):
            yield f"its {name} is {properties.get(name)!r}, not a time such as 2015-07-19T16:19:21Z"


def _asset_problems(assets: Mapping[str, Any]) -> Iterator[str]:
    if "lst" not in assets:
        yield "it has no asset lst"
    for role, asset in assets.items():
        if role not in ASSETS:
            yield f"it has an asset {role}, which products do not have"
        elif not isinstance(asset, dict) or asset.get("type") != ASSETS[role].media_type:
            yield f"asset {role} is not of the type {ASSETS[role].media_type}"
        elif not _MULTIHASH.fullmatch(str(asset.get("file:checksum"))) or not isinstance(asset.get("file:size"), int):
            yield f"asset {role} has no SHA-256 and size"


def agreement_problems(product: ProductSet, item: Mapping[str, Any]) -> list[str] | None:
    """Compare an item with the one that its files give; checksums and sizes are compared by themselves.

    Parameters
    ----------
    product : ProductSet
        The files.
    item : mapping
        The item.

    Returns
    -------
    list of str, optional
        What differs. None where it cannot be told: another version made the item.

    Raises
    ------
    LstRasterError
        The files cannot be read.
    """
    software = item["properties"].get("processing:software")
    if software != {"lst-raster": __version__}:
        return None
    expected = make_item({role: (path, path.name) for role, path in product.files.items() if path.is_file()})
    told, found = dict(_leaves(item)), dict(_leaves(expected))
    names = [name for name in [*found, *told] if told.get(name) != found.get(name)]
    names = [name for name in names if not name.rpartition(".")[2].startswith("file:")]
    of_the_run = tuple(f"properties.{name}" for name in (RUN, COUNTS))  # in no file but the item
    names = list(dict.fromkeys(name for name in names if not name.startswith(of_the_run)))
    problems = [f"{name} is {told.get(name)!r}, by the files {found.get(name)!r}" for name in names[:_SHOWN]]
    return problems + ([f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])


def _leaves(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and text in nested mappings and lists, with its place."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list) and node:
        for index, value in enumerate(node):
            yield from _leaves(value, f"{name}[{index}]")
    else:
        yield name, node


def checksum_problems(product: ProductSet, assets: Mapping[str, Any]) -> list[str]:
    """Compare sizes and checksums of the files with those that an item tells.

    Parameters
    ----------
    product : ProductSet
        The files.
    assets : mapping
        Assets of the item, of the right form.

    Returns
    -------
    list of str
        What differs.
    """
    problems = []
    for role, path in product.files.items():
        asset = assets.get(role)
        if asset is None or not path.is_file():
            continue
        if path.stat().st_size != asset["file:size"]:
            problems.append(f"{path.name} has {path.stat().st_size} bytes, not {asset['file:size']}")
        elif checksum(path) != asset["file:checksum"]:
            problems.append(f"{path.name} has another SHA-256")
    return problems
