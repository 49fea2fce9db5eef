"""Scene lists in all forms: paths, patterns, tables, text files, STAC items, and searches of STAC APIs."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote, urljoin, urlsplit

from lst_raster.batch.scene_lists import (
    RASTERS,
    ListedScene,
    ResolvePath,
    Sign,
    scene_name,
    scenes_among,
    scenes_in_folder,
    scenes_in_table,
    scenes_in_text,
)
from lst_raster.errors import InputError, InputNotFoundError, RemoteError, SceneError
from lst_raster.io import remote
from lst_raster.io.address import without_secrets
from lst_raster.io.bundle import Place, is_archive, is_metadata
from lst_raster.io.grid import Box
from lst_raster.io.landsat import THERMAL_BANDS, parse_band, read_file_name
from lst_raster.io.remote import ATTEMPTS, TEMPORARY, TIMEOUT, fetch
from lst_raster.io.scene_download import is_product_or_item
from lst_raster.io.stac_services import SERVICES, FoundItem, ProductId, links_of, service_of
from lst_raster.io.stack import split_band
from lst_raster.resources import require
from lst_raster.sensors.bands import thermal_files

SceneList: TypeAlias = "str | Path | ListedScene | Mapping[str, Any] | Sequence[Any]"
"""A path, a pattern, an address, STAC items, a scene, or a sequence of these."""

_TABLES = (".csv", ".tsv")
_TEXT = ".txt"
_ITEMS = (".json", ".geojson")
_SIZE_LIMIT = 256 << 20  # [byte] of a list on a server


def read_scene_list(
    source: SceneList,
    *,
    band: str | None = None,
    level_2: bool = False,
    alternate: str | None = None,
    sign: Sign | None = None,
) -> list[ListedScene]:
    """Read a list of scenes.

    Parameters
    ----------
    source : str, path, mapping, ListedScene, or sequence of them
        A folder (all scenes in it and its subfolders); a pattern such as ``in/*/*_MTL.txt``; a table (.csv) with the
        column ``scene`` and any of ``name`` and `OPTIONS`; a text file (.txt) with one scene per line; STAC items
        (.json, a mapping, or an object with ``to_dict``); or one scene, as for `Scene.open`. Tables, text files and
        items may be on a server. Relative paths in them are relative to their folder.
    band : str, optional
        Thermal band where a scene has several: ``10``, ``11``, ``6_VCID_1``, ``6_VCID_2``.
    level_2 : bool
        Whether to select Level-2 products from STAC items.
    alternate : str, optional
        Alternate address to use for STAC assets that have it, for example ``s3``.
    sign : callable, optional
        Function that adds the authorisation of the server to an address; called when a scene is opened.

    Returns
    -------
    list of ListedScene
        The scenes in the order of the list; those of a folder or a pattern sorted by path.

    Raises
    ------
    InputNotFoundError
        The list or the folder does not exist, or no file matches the pattern. A missing scene is reported when it is
        opened.
    InputError
        A list is invalid or empty.
    SceneError
        A folder has no scenes.
    RemoteError
        A list cannot be read from a server.
    """
    if isinstance(source, ListedScene):
        return [source]
    if hasattr(source, "to_dict"):  # pystac
        source = source.to_dict()
    selection: dict[str, Any] = {"band": band, "level_2": level_2, "alternate": alternate}
    if isinstance(source, Mapping):
        scenes = _scenes_in_items(source, "the mapping", None, **selection)
    elif isinstance(source, str | Path):
        scenes = _read_path(str(source), selection)
    elif isinstance(source, Sequence):
        return [scene for part in source for scene in read_scene_list(part, sign=sign, **selection)]
    else:
        raise InputError(f"a list of scenes cannot be a {type(source).__name__}; give paths, patterns or STAC items")
    return [replace(scene, sign=sign) for scene in scenes]


def _read_path(text: str, selection: Mapping[str, Any]) -> list[ListedScene]:
    single = [ListedScene(path=text, name=scene_name(text))]
    if is_product_or_item(text) and not text.lower().endswith(_ITEMS):
        return single
    raster, band = split_band(text)
    place = Place.of(raster)
    if band is not None or place.member or (place.remote is None and text.startswith("/vsi")):
        return single
    address, path = place.remote, place.disk
    is_list = Path(place.name).suffix.lower() in (*_TABLES, *_ITEMS, _TEXT) and not is_metadata(place)
    if address is not None:
        if not is_list:
            return [ListedScene(path=address.url, name=scene_name(address.url))]
        content = fetch(address, 0, _SIZE_LIMIT).content
        return _parse_list(place.name, content, lambda name: address.sibling(name).url, selection)
    if path.is_dir():
        return _require_scenes(scenes_in_folder(path, band=selection["band"]), text)
    if path.is_file() and is_list:
        return _parse_list(path.name, path.read_bytes(), lambda name: str(path.parent / name), selection)
    if path.is_file():
        return single
    if glob.has_magic(text):
        return _match_pattern(text, selection["band"])
    if path.suffix.lower() in RASTERS or is_archive(place) or is_metadata(place):
        return single  # a missing scene fails when it is opened, as in a table
    raise InputNotFoundError(
        f"{text} does not exist; give a folder, a pattern, a table (.csv), a text file of one scene per line (.txt), "
        "STAC items (.json), or scenes"
    )


def _parse_list(name: str, content: bytes, sibling: ResolvePath, selection: Mapping[str, Any]) -> list[ListedScene]:
    def resolve(path: str) -> str:
        if "://" in path or (ProductId.parse(path) is not None and not Path(sibling(path)).exists()):
            return path
        return sibling(path)

    ending = Path(name).suffix.lower()
    if ending in _ITEMS:
        try:
            parsed = json.loads(content)
        except ValueError as error:
            raise InputError(f"{name} is not JSON ({error}); give a STAC item or an item collection") from None
        if not isinstance(parsed, dict):
            raise InputError(f"{name} has a JSON {type(parsed).__name__}; give a STAC item or an item collection")
        return _scenes_in_items(parsed, name, resolve, **selection)
    return (scenes_in_table if ending in _TABLES else scenes_in_text)(name, content, resolve)


def _match_pattern(pattern: str, band: str | None) -> list[ListedScene]:
    paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  # Path.glob takes no absolute patterns
    if not paths:
        raise InputNotFoundError(f"no file matches the pattern {pattern}; check it")
    scenes = scenes_among([path for path in paths if path.is_file()], band=band)
    for folder in (path for path in paths if path.is_dir()):
        scenes += scenes_in_folder(folder, band=band)
    distinct = {scene.path: scene for scene in scenes}  # ** matches a folder and the files in it
    return _require_scenes(list(distinct.values()), pattern)


def _require_scenes(scenes: list[ListedScene], text: str) -> list[ListedScene]:
    if not scenes:
        raise SceneError(
            f"no scenes in {text}: no *_MTL.txt, no thermal band (*_B10.TIF, *_B6.TIF, ...) and no archive (.zip, "
            ".tar, .tar.gz, .tar.bz2, .tar.xz); check the path"
        )
    return scenes


_LEVEL_1 = re.compile(rf"_({'|'.join(thermal_files())})$", re.IGNORECASE)
_LEVEL_2 = re.compile(r"_ST_(B\d+)$", re.IGNORECASE)
_LEVEL_2_CORRECTIONS = ("L2", "L2SP", "L2SR")
_SUFFIXES = {file.stac_key: suffix for suffix, file in thermal_files().items()}  # by common name

_Asset = Mapping[str, Any]
_ThermalAssets = dict[str, tuple[str, _Asset]]  # scene name, empty if unknown, and asset, by suffix of the band


def _scenes_in_items(
    source: Mapping[str, Any], name: str, resolve: ResolvePath | None, *, band: str | None = None,
    level_2: bool = False, alternate: str | None = None,
) -> list[ListedScene]:  # fmt: skip
    """Convert a STAC item (``Feature``) or an item collection (``FeatureCollection``) to one scene per item.

    `name` is the source in messages; `resolve` gives the path of files next to a list, None without a list. An item
    without a matching scene has a `problem`. Raise InputError if the source is neither, or empty.
    """
    kind = source.get("type")
    items = source.get("features") if kind == "FeatureCollection" else [source] if kind == "Feature" else None
    if not isinstance(items, list):
        found = f"a STAC {kind}" if kind in ("Catalog", "Collection") else "JSON of another kind"
        raise InputError(f"{name} is {found}, not a STAC item or item collection; give a search result (items.json)")
    if not items:
        raise InputError(f"{name} is an empty item collection; repeat the search with other limits")
    if not all(isinstance(item, dict) and isinstance(item.get("assets"), dict) for item in items):
        raise InputError(f"{name} has a feature that is not a STAC item: it has no assets; remove it")
    selected = parse_band(band) if band is not None else None
    return [_scene_in_item(item, resolve, selected, level_2, alternate) for item in items]


def _scene_in_item(
    item: Mapping[str, Any], resolve: ResolvePath | None, band: str | None, level_2: bool, alternate: str | None
) -> ListedScene:
    identifier = str(item.get("id") or "item without id").replace("/", "_")
    found, radiance = _item_on_server(item, alternate), _local_radiance(item, resolve)
    if found is not None and radiance is None and (level_2 or found.service is not None) and found.is_level_2:
        return ListedScene(path=found.address or identifier, name=_product_name(item) or identifier, item=found)
    assets = _thermal_assets(item, level_2)
    if band is None:
        suffix = next((suffix for suffix in thermal_files() if suffix in assets), None)
    else:
        suffix = next((suffix for suffix in assets if suffix == band or suffix.partition("_")[0] == band), None)
    if suffix is None and not level_2 and radiance is not None:
        return ListedScene(path=str(radiance), name=radiance.stem.removesuffix("_ST_TRAD"))
    if suffix is None and found is not None and found.is_level_2 and band is None:
        return ListedScene(path=found.address or identifier, name=_product_name(item) or identifier, item=found)
    if suffix is None:
        problem = f"item {identifier} {_missing_band(item, band, assets, level_2)}"
        return ListedScene(path=identifier, name=identifier, problem=problem)
    name, asset = assets[suffix]
    path = _asset_path(asset, item, resolve, alternate)
    return ListedScene(path=path, name=name or identifier, item=found if "://" in path else None)


def _item_on_server(item: Mapping[str, Any], alternate: str | None) -> FoundItem | None:
    """Item with its service and its address; None for an item whose files are on disk."""
    hrefs = [str(asset.get("href")) for asset in item["assets"].values() if isinstance(asset, dict)]
    address = next((str(link.get("href")) for link in links_of(item) if link.get("rel") == "self"), "")
    if "://" not in address and not any("://" in href for href in hrefs):
        return None
    return FoundItem(
        item=item, service=service_of(item), address=address if "://" in address else "", alternate=alternate
    )


def _product_name(item: Mapping[str, Any]) -> str:
    """Name of the product of a Level-2 item, by its at-sensor radiance; empty without one."""
    for asset in item["assets"].values():
        file = _file_name(str(asset.get("href"))) if isinstance(asset, dict) else PurePosixPath()
        if file.stem.upper().endswith("_ST_TRAD"):
            return file.stem[: -len("_ST_TRAD")]
    return ""


def _thermal_assets(item: Mapping[str, Any], level_2: bool) -> _ThermalAssets:
    assets: _ThermalAssets = {}
    pattern = _LEVEL_2 if level_2 else _LEVEL_1
    for key, asset in item["assets"].items():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            continue
        file = _file_name(asset["href"])
        if file.suffix.lower() not in RASTERS or (not level_2 and _is_level_2_file(file)):
            continue
        match = pattern.search(file.stem)
        if match:
            name = file.stem[: match.start()] if level_2 else read_file_name(Path(file.name)).stem
            assets.setdefault(match[1].upper(), (name, asset))
        elif not level_2 and not _is_level_2(item) and (suffix := _band_from_metadata(key, asset)) is not None:
            assets.setdefault(suffix, ("", asset))
    return _bands_of_one_satellite(assets)


def _local_radiance(item: Mapping[str, Any], resolve: ResolvePath | None) -> Path | None:
    """At-sensor radiance of a Level-2 item on this disk; None where it has none."""
    for asset in item["assets"].values():
        if isinstance(asset, dict) and _file_name(str(asset.get("href", ""))).stem.endswith("_ST_TRAD"):
            path = _asset_path(asset, item, resolve, None)
            if "://" not in path and Path(path).is_file():
                return Path(path)
    return None


def _bands_of_one_satellite(assets: _ThermalAssets) -> _ThermalAssets:
    """Remove bands that are thermal only on other satellites, such as band 6 of Landsat 8 and 9."""
    satellites = {read_file_name(Path(f"{name}_B1.TIF"), level_2=True).satellite for name, _ in assets.values() if name}
    known = [bands for satellite, bands in THERMAL_BANDS.items() if satellite in satellites]

    def number_of_matches(bands: Mapping[str, str]) -> tuple[int, int]:
        return sum(suffix in assets for suffix in bands), len(bands)

    # If the names do not give the satellite, the best match: B10 together with B6 is Landsat 8 or 9.
    thermal = known[0] if len(known) == 1 else max(THERMAL_BANDS.values(), key=number_of_matches)
    return {suffix: asset for suffix, asset in assets.items() if suffix in thermal}


def _band_from_metadata(key: str, asset: _Asset) -> str | None:
    """Thermal band from the key of an asset or the common name of its band."""
    bands = asset.get("bands") or asset.get("eo:bands") or [{}]
    first = bands[0] if len(bands) == 1 and isinstance(bands[0], dict) else {}
    for name in (key, first.get("eo:common_name"), first.get("common_name"), first.get("name")):
        text = str(name).lower()
        if text in _SUFFIXES or text.upper() in _SUFFIXES.values():
            return _SUFFIXES.get(text, text.upper())
    return None


def _is_level_2_file(name: PurePosixPath) -> bool:
    try:
        read_file_name(Path(name.name))
    except SceneError:
        return True
    return False


def _is_level_2(item: Mapping[str, Any]) -> bool:
    properties = item.get("properties") or {}
    levels = (properties.get("landsat:correction"), properties.get("processing:level"))
    return any(level in _LEVEL_2_CORRECTIONS for level in levels) or any(
        _LEVEL_2.search(_file_name(asset.get("href", "")).stem)
        for asset in item["assets"].values()
        if isinstance(asset, dict)
    )


def _missing_band(item: Mapping[str, Any], band: str | None, assets: _ThermalAssets, level_2: bool) -> str:
    """Reason why no band could be selected."""
    if assets:
        return f"has no band {band}, only {', '.join(assets)}; choose another with --band"
    if level_2:
        return "has no Level-2 surface temperature (*_ST_B10.TIF, *_ST_B6.TIF); search another collection"
    if _is_level_2(item):
        return (
            "has only Level 2, whose surface temperature is already retrieved; search a collection of Level 1, such as "
            "landsat-c2l1, or download it: its radiance ST_TRAD is used, and its atmosphere with --level-2"
        )
    return (
        f"has no thermal band of Level 1 among its assets ({', '.join(item['assets']) or 'none'}); search a collection "
        "of Landsat Level 1"
    )


def _file_name(href: str) -> PurePosixPath:
    return PurePosixPath(unquote(urlsplit(href).path) if "://" in href else href.replace("\\", "/"))


def _asset_path(asset: _Asset, item: Mapping[str, Any], resolve: ResolvePath | None, alternate: str | None) -> str:
    """Path of an asset: a file next to the list, else the selected alternate address, else the address."""
    href = str(asset["href"])
    for local in (resolve(_file_name(href).name), resolve(href)) if resolve else ():
        if "://" not in local and Path(local).is_file():
            return local
    alternates = asset.get("alternate")
    other = alternates.get(alternate) if isinstance(alternates, dict) else None
    if isinstance(other, dict) and isinstance(other.get("href"), str):
        return str(other["href"])
    if "://" in href or Path(href).is_absolute():
        return href
    self_link = next((str(link.get("href")) for link in links_of(item) if link.get("rel") == "self"), "")
    if "://" in self_link:
        return urljoin(self_link, href)
    return resolve(href) if resolve else href


_OPERATORS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq", "!=": "neq"}
_CONDITION = re.compile(r"\s*([^\s<>=!]+)\s*(<=|>=|!=|<|>|=)\s*([^<>=!]*[^\s<>=!])\s*")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


def search_scenes(
    url: str,
    *,
    collections: str | Sequence[str] = (),
    bbox: str | Sequence[float] | None = None,
    datetime: str | None = None,
    query: Mapping[str, Any] | Sequence[str] | None = None,
    limit: int | None = None,
    sign: Sign | None = None,
    band: str | None = None,
    level_2: bool = False,
    alternate: str | None = None,
) -> list[ListedScene]:
    """Search a STAC API for scenes.

    Parameters
    ----------
    url : str
        ``planetary-computer`` (no account needed), ``usgs``, or the address of another STAC API.
    collections : str or sequence of str
        Collections of Landsat, such as ``landsat-c2l1``; those of a named service by default.
    bbox : str or sequence of float, optional
        ``west,south,east,north``; `retrieve_many` with the same box retrieves only this part of each scene. [degree]
    datetime : str, optional
        ``2015-07``, or a range ``2015-06-01/2015-08-31``.
    query : mapping, or sequence of str, optional
        Further conditions, such as ``eo:cloud_cover<20``.
    limit : int, optional
        Largest number of scenes; no limit by default.
    sign, band, level_2, alternate : optional
        As for `read_scene_list`; for example ``planetary_computer.sign`` and the alternate ``s3`` of the USGS.

    Returns
    -------
    list of ListedScene
        The scenes in the order of the server, for `retrieve_many`. An item without a thermal band of Level 1 has a
        `problem`, and only its own retrieval fails.

    Raises
    ------
    InputError
        The search is invalid or has no results.
    RemoteError
        The server does not answer, or refuses the request.
    MissingExtraError
        pystac-client is not installed.
    """
    service = next((service for service in SERVICES if service.name == url), None)
    names = [collections] if isinstance(collections, str) else list(collections)
    if service is not None:
        url, names = service.api, names or list(service.collections)
    if "://" not in url:
        services = ", ".join(service.name for service in SERVICES)
        raise InputError(f"{url} is no service and no address; give {services}, or https://...")
    if not names:
        raise InputError(
            f"the search of {without_secrets(url)} needs a collection, such as landsat-c2l1; only the services "
            f"{', '.join(service.name for service in SERVICES)} have a default"
        )
    box = Box.parse(bbox) if bbox is not None else None
    request: dict[str, Any] = {
        "collections": names,
        "bbox": [float(part) for part in str(box).split(",")] if box else None,
        "datetime": datetime,
        "query": dict(query) if isinstance(query, Mapping) else _parse_conditions(query or ()),
        "max_items": limit,
    }
    client, requests = require("pystac_client", "stac"), require("requests", "stac")
    from urllib3 import Retry

    shown = without_secrets(url)
    pause = remote.PAUSE
    retries = Retry(total=ATTEMPTS - 1, backoff_factor=pause, status_forcelist=TEMPORARY, allowed_methods=None)
    access = client.stac_api_io.StacApiIO(timeout=TIMEOUT, max_retries=retries)
    try:
        catalogue = client.Client.open(url, stac_io=access)
        search = catalogue.search(**{key: value for key, value in request.items() if value})
        items = list(search.items_as_dicts())
    except (client.exceptions.APIError, requests.RequestException, OSError) as error:
        raise RemoteError(
            f"the STAC API {shown} does not answer as expected ({_summary(error)}); check the address and the network, "
            "or try again later"
        ) from None
    except Exception as error:  # pystac-client's errors of invalid parameters have no common parent
        raise InputError(f"invalid search of {shown}: {_summary(error)}; check its parameters") from None
    finally:
        access.session.close()
    if not items:
        raise InputError(f"the search of {shown} has no results in {', '.join(names)}; widen its limits")
    collection = {"type": "FeatureCollection", "features": items}
    scenes = _scenes_in_items(collection, shown, None, band=band, level_2=level_2, alternate=alternate)
    return [replace(scene, sign=sign) for scene in scenes]


def _parse_conditions(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Parse conditions such as ``eo:cloud_cover<20``; several conditions on one property are combined.

    pystac-client parses them too, but leaves numbers as text, which servers compare as text.
    """
    conditions: dict[str, dict[str, Any]] = {}
    for text in texts:
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise InputError(f"invalid condition {text!r}; write one such as eo:cloud_cover<20")
        name, operator, value = match.groups()
        conditions.setdefault(name, {})[_OPERATORS[operator]] = float(value) if _NUMBER.fullmatch(value) else value
    return conditions


def _summary(error: Exception) -> str:
    text = re.sub(r"\?[^\s'\"<>)]*", "", without_secrets(" ".join(str(error).split())))
    return f"{type(error).__name__}: {text[:200]}"
