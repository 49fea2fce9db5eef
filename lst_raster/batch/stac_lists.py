"""Lists of scenes from STAC items and searches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from lst_raster.batch.scene_lists import ListedScene, Locate, Sign
from lst_raster.errors import InputError, RemoteError, SceneError
from lst_raster.io.address import without_secrets
from lst_raster.io.landsat import THERMAL_BANDS, parse_band, read_file_name
from lst_raster.resources import require
from lst_raster.sensors.bands import thermal_files

_LEVEL_1 = re.compile(rf"_({'|'.join(thermal_files())})$", re.IGNORECASE)
_LEVEL_2 = re.compile(r"_ST_(B\d+)$", re.IGNORECASE)
_KEYS = {file.stac_key: suffix for suffix, file in thermal_files().items()}
# Names of thermal bands, as keys of assets and as common names of bands, where the file's own name does not tell.
_OF_LEVEL_2 = ("L2", "L2SP", "L2SR")


def scenes_in_items(
    source: Mapping[str, Any], name: str, locate: Locate | None, *, band: str | None = None, level_2: bool = False,
    alternate: str | None = None, sign: Sign | None = None,
) -> list[ListedScene]:  # fmt: skip
    """Take the scenes of a STAC item, or of a collection of items.

    Parameters
    ----------
    source : mapping
        ``Feature`` or ``FeatureCollection``.
    name : str
        Where it is from, for messages.
    locate : callable or None
        Where a path that is relative leads, or a file that lies beside the list; None where it lies nowhere.
    band : str, optional
        Thermal band that is wanted, where an item has several.
    level_2 : bool
        Whether Level-2 surface temperature products are wanted, in place of Level 1.
    alternate : str, optional
        Name of the alternate address to take where an asset has it, for example ``s3``.
    sign : callable, optional
        Signs addresses when they are opened.

    Returns
    -------
    list of ListedScene
        A scene for each item; an item that has no such scene, as one of Level 2 alone, says so as its `problem`.

    Raises
    ------
    InputError
        It is no STAC item and no collection of them, or it is empty.
    """
    wanted = parse_band(band) if band is not None else None
    scenes = [_of_item(item, locate, wanted, level_2, alternate, sign) for item in _items(source, name)]
    if not scenes:
        raise InputError(f"{name} is a collection of no items; search again with other limits")
    return scenes


def parse_items(name: str, content: bytes) -> Mapping[str, Any]:
    """Read the text of STAC items.

    Raises
    ------
    InputError
        It is not JSON, or not an object.
    """
    try:
        found = json.loads(content)
    except ValueError as error:
        raise InputError(f"{name} is not JSON ({error}); give a STAC item or a collection of items") from None
    if not isinstance(found, dict):
        raise InputError(f"{name} holds a {type(found).__name__}; give a STAC item or a collection of items")
    return found


def _items(source: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    kind = source.get("type")
    features = source.get("features") if kind == "FeatureCollection" else [source] if kind == "Feature" else None
    if not isinstance(features, list):
        raise InputError(
            f"{name} is a STAC {kind}, not an item or a collection of items; give what a search returns (items.json)"
            if kind in ("Catalog", "Collection")
            else f"{name} is no STAC item and no collection of items; give what a search returns (items.json)"
        )
    for item in features:
        if not (isinstance(item, dict) and isinstance(item.get("assets"), dict)):
            raise InputError(f"{name} holds something that is no STAC item: it has no assets; take it out")
        yield item


def _of_item(
    item: Mapping[str, Any], locate: Locate | None, band: str | None, level_2: bool, alternate: str | None,
    sign: Sign | None,
) -> ListedScene:  # fmt: skip
    identifier = str(item.get("id") or "item without id").replace("/", "_")
    assets = _thermal_assets(item, level_2)
    suffix = _chosen(assets, band)
    if suffix is None:
        return ListedScene(path=identifier, name=identifier, problem=_problem(item, identifier, band, assets, level_2))
    stem, asset = assets[suffix]
    path = _where(asset, item, locate, alternate)
    return ListedScene(path=path, name=stem or identifier, sign=sign)


def _thermal_assets(item: Mapping[str, Any], level_2: bool) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Assets of thermal bands, by their suffix, each with the scene's name as far as the file's tells."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    pattern = _LEVEL_2 if level_2 else _LEVEL_1
    for key, asset in item["assets"].items():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            continue
        name = _file_name(asset["href"])
        told = pattern.search(name.stem)
        if told and name.suffix.lower() in (".tif", ".tiff") and not (not level_2 and _is_level_2_file(name)):
            stem = name.stem[: told.start()] if level_2 else read_file_name(Path(name.name)).stem
            found.setdefault(told[1].upper(), (stem, asset))
        elif not _is_level_2(item) and not level_2 and (suffix := _by_key(key, asset, name)) is not None:
            found.setdefault(suffix, ("", asset))
    return _thermal_of_one_satellite(found)


def _thermal_of_one_satellite(
    found: dict[str, tuple[str, Mapping[str, Any]]],
) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Leave out bands that are thermal on other satellites alone, such as band 6 of Landsat 8 and 9."""
    satellites = {read_file_name(Path(f"{stem}_B1.TIF"), level_2=True).satellite for stem, _ in found.values() if stem}
    known = [bands for satellite, bands in THERMAL_BANDS.items() if satellite in satellites]
    # Where no name tells the satellite, that with the most of these bands: B10 and B6 are of Landsat 8 or 9.
    thermal = known[0] if len(known) == 1 else max(THERMAL_BANDS.values(), key=lambda bands: _shared(bands, found))
    return {key: value for key, value in found.items() if key in thermal}


def _shared(bands: Mapping[str, str], found: Mapping[str, Any]) -> tuple[int, int]:
    return sum(suffix in found for suffix in bands), len(bands)


def _by_key(key: str, asset: Mapping[str, Any], name: PurePosixPath) -> str | None:
    """Thermal band of an asset of which the file's name does not tell it."""
    if name.suffix.lower() not in (".tif", ".tiff") or _is_level_2_file(name):
        return None
    bands = asset.get("bands") or asset.get("eo:bands") or [{}]
    first = bands[0] if len(bands) == 1 and isinstance(bands[0], dict) else {}
    for told in (key, first.get("eo:common_name"), first.get("common_name"), first.get("name")):
        plain = str(told).lower()
        if plain in _KEYS or plain.upper() in _KEYS.values():
            return _KEYS.get(plain, plain.upper())
    return None


def _is_level_2_file(name: PurePosixPath) -> bool:
    try:
        read_file_name(Path(name.name))
    except SceneError:
        return True
    return False


def _is_level_2(item: Mapping[str, Any]) -> bool:
    properties = item.get("properties") or {}
    told = (properties.get("landsat:correction"), properties.get("processing:level"))
    return any(level in _OF_LEVEL_2 for level in told) or any(
        _LEVEL_2.search(_file_name(asset.get("href", "")).stem)
        for asset in item["assets"].values()
        if isinstance(asset, dict)
    )


def _chosen(assets: Mapping[str, Any], band: str | None) -> str | None:
    """Suffix of the band to take: the one that is wanted, else the first in the order of `thermal_files`."""
    if band is not None:
        return next((suffix for suffix in assets if suffix == band or suffix.partition("_")[0] == band), None)
    return next((suffix for suffix in thermal_files() if suffix in assets), None)


def _problem(
    item: Mapping[str, Any], identifier: str, band: str | None, assets: Mapping[str, Any], level_2: bool
) -> str:  # fmt: skip
    if assets:
        return f"item {identifier} has no band {band}, only {', '.join(assets)}; choose another with --band"
    if level_2:
        return f"item {identifier} has no Level-2 surface temperature (*_ST_B10.TIF, *_ST_B6.TIF)"
    if _is_level_2(item):
        return (
            f"item {identifier} is of Level 2 alone, and its surface temperature is retrieved already; search in a "
            "collection of Level 1, such as landsat-c2l1, or solve it again from its terms: --level-2"
        )
    return (
        f"item {identifier} has no thermal band of Level 1 among its assets ({', '.join(item['assets']) or 'none'}); "
        "search in a collection of Landsat Level 1"
    )


def _file_name(href: str) -> PurePosixPath:
    return PurePosixPath(unquote(urlsplit(href).path) if "://" in href else href.replace("\\", "/"))


def _where(asset: Mapping[str, Any], item: Mapping[str, Any], locate: Locate | None, alternate: str | None) -> str:
    """Where an asset lies: the file beside the list, if there is one; the alternate that is wanted; its address."""
    href = str(asset["href"])
    beside = [locate(name) for name in (_file_name(href).name, href)] if locate else []
    for own in beside:
        if "://" not in own and Path(own).is_file():
            return own
    other = (asset.get("alternate") or {}).get(alternate) if alternate else None
    if isinstance(other, dict) and isinstance(other.get("href"), str):
        return str(other["href"])
    if "://" in href or Path(href).is_absolute():
        return href
    itself = next((str(link.get("href")) for link in item.get("links") or () if link.get("rel") == "self"), "")
    if "://" in itself:
        return urljoin(itself, href)
    return locate(href) if locate else href


_OPERATORS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq", "!=": "neq"}
_CONDITION = re.compile(r"\s*([^\s<>=!]+)\s*(<=|>=|!=|<|>|=)\s*([^<>=!]*[^\s<>=!])\s*")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


def search_scenes(
    url: str,
    *,
    collections: str | Sequence[str],
    bbox: Sequence[float] | None = None,
    datetime: str | None = None,
    query: Mapping[str, Any] | Sequence[str] | None = None,
    limit: int | None = None,
    sign: Sign | None = None,
    band: str | None = None,
    level_2: bool = False,
    alternate: str | None = None,
) -> list[ListedScene]:
    """Search scenes in a STAC catalogue on a server.

    Parameters
    ----------
    url : str
        Address of the catalogue, such as ``https://landsatlook.usgs.gov/stac-server``.
    collections : str or sequence of str
        Collections of Landsat Level 1, such as ``landsat-c2l1``.
    bbox : sequence of float, optional
        West, south, east, north. [degree]
    datetime : str, optional
        ``2015-07``, or a range ``2015-06-01/2015-08-31``.
    query : mapping, or sequence of str, optional
        Further conditions, such as ``eo:cloud_cover<20``.
    limit : int, optional
        Largest number of scenes; without it all that there are.
    sign : callable, optional
        Makes of the address of a file one that the server accepts, such as ``planetary_computer.sign``. It is asked
        when a scene is opened, since signatures expire.
    band : str, optional
        Thermal band that is wanted, ``10`` (default) or ``11``, ``6_VCID_1`` (default) or ``6_VCID_2``.
    level_2 : bool
        Whether Level-2 surface temperature products are wanted, to be solved again.
    alternate : str, optional
        Alternate address to take where an item has it: ``s3`` for those of the USGS.

    Returns
    -------
    list of ListedScene
        The scenes, in the server's order, ready for `retrieve_many`. An item without a thermal band of Level 1 tells it
        as its `problem`, and fails alone.

    Raises
    ------
    InputError
        The search is not possible, or finds nothing.
    RemoteError
        The server does not answer, or refuses.
    MissingExtraError
        pystac-client is not installed.
    """
    names = [collections] if isinstance(collections, str) else list(collections)
    asked = {
        "collections": names,
        "bbox": list(bbox) if bbox is not None else None,
        "datetime": datetime,
        "query": dict(query) if isinstance(query, Mapping) else _conditions(query or ()),
        "max_items": limit,
    }
    items = _ask(url, asked)
    if not items:
        raise InputError(f"the search in {without_secrets(url)} finds no items of {', '.join(names)}; widen its limits")
    whole = {"type": "FeatureCollection", "features": items}
    return scenes_in_items(
        whole, without_secrets(url), None, band=band, level_2=level_2, alternate=alternate, sign=sign
    )


def _conditions(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read conditions such as ``eo:cloud_cover<20``; several of one property hold together."""
    conditions: dict[str, dict[str, Any]] = {}
    for text in texts:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise InputError(f"the condition {text!r} is not understood; write one such as eo:cloud_cover<20")
        name, sign, value = found.groups()
        conditions.setdefault(name, {})[_OPERATORS[sign]] = float(value) if _NUMBER.fullmatch(value) else value
    return conditions


def _ask(url: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    client, requests = require("pystac_client", "stac"), require("requests", "stac")
    shown = without_secrets(url)
    try:
        catalogue = client.Client.open(url)
        return list(catalogue.search(**{key: value for key, value in asked.items() if value}).items_as_dicts())
    except (client.exceptions.APIError, requests.RequestException, OSError) as error:
        raise RemoteError(
            f"the catalogue {shown} does not answer as it should ({without_secrets(_one_line(error))}); check the "
            "address and the network, or try again later"
        ) from None
    except Exception as error:  # what pystac-client raises of the words of a search has no common parent
        raise InputError(f"the catalogue {shown} cannot be searched so: {without_secrets(_one_line(error))}") from None


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
