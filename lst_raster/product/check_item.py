"""Checks of a product's STAC item: required fields, agreement with the files, checksums."""

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
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_MAX_SHOWN = 3  # differences


def item_problems(item: Mapping[str, Any], lst: Path) -> list[str]:
    """Check the fields of an item that STAC and products of lst-raster require; `lst` is the LST file of the product.

    References
    ----------
    https://github.com/radiantearth/stac-spec/blob/v1.1.0/item-spec/item-spec.md
    """
    missing = [name for name, kind in _REQUIRED.items() if not isinstance(item.get(name), kind)]
    if missing:
        return [f"it has no {name}" for name in missing]
    return [*_head_problems(item, lst), *_time_problems(item["properties"]), *_asset_problems(item["assets"])]


def _head_problems(item: Mapping[str, Any], lst: Path) -> Iterator[str]:
    if (item["type"], item["stac_version"]) != ("Feature", STAC_VERSION):
        yield f"it is a {item['type']} of STAC {item['stac_version']}, expected a Feature of {STAC_VERSION}"
    if item["id"] != lst.stem:
        yield f"its id is {item['id']}, the name of the file is {lst.stem}"
    if "geometry" not in item or (item["geometry"] is None) is not ("bbox" not in item):
        yield "it must have both geometry and bbox, or a null geometry"
    missing = [name for name, url in EXTENSIONS.items() if url not in item["stac_extensions"]]
    if set(missing) - {"classification"}:
        yield f"it does not name the extensions {', '.join(missing)}"


def _time_problems(properties: Mapping[str, Any]) -> Iterator[str]:
    names = ("datetime",) if properties.get("datetime") is not None else ("start_datetime", "end_datetime")
    if "datetime" not in properties:
        yield "it has no datetime"
    for name in names:
        if not _DATETIME.fullmatch(str(properties.get(name))):
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
    """Compare an item with the item made from its files, except for checksums and sizes.

    Returns None if another version of lst-raster wrote the item, which may differ. Raises LstRasterError if the files
    cannot be read.
    """
    if item["properties"].get("processing:software") != {"lst-raster": __version__}:
        return None
    expected = make_item({role: (path, path.name) for role, path in product.files.items() if path.is_file()})
    stated, found = dict(_leaves(item)), dict(_leaves(expected))
    only_in_item = (f"properties.{RUN}", f"properties.{COUNTS}")
    names = [
        name
        for name in dict.fromkeys([*found, *stated])
        if stated.get(name) != found.get(name)
        and not name.rpartition(".")[2].startswith("file:")
        and not name.startswith(only_in_item)
    ]
    problems = [f"{name} is {stated.get(name)!r}, in the files {found.get(name)!r}" for name in names[:_MAX_SHOWN]]
    return problems + ([f"and {len(names) - _MAX_SHOWN} more"] if len(names) > _MAX_SHOWN else [])


def _leaves(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of every scalar in nested mappings and lists."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list) and node:
        for index, value in enumerate(node):
            yield from _leaves(value, f"{name}[{index}]")
    else:
        yield name, node


def checksum_problems(product: ProductSet, assets: Mapping[str, Any]) -> list[str]:
    """Compare sizes and checksums of the files with those in the (valid) assets of the item."""
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
