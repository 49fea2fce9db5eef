"""Scene lists in all forms, read by one function."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

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
from lst_raster.batch.stac_lists import parse_items, scenes_in_items
from lst_raster.errors import InputError, InputNotFoundError, SceneError
from lst_raster.io.bundle import Place, is_archive, is_metadata
from lst_raster.io.remote import fetch

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
        scenes = scenes_in_items(source, "the mapping", None, **selection)
    elif isinstance(source, str | Path):
        scenes = _read_path(str(source), selection)
    elif isinstance(source, Sequence):
        return [scene for part in source for scene in read_scene_list(part, sign=sign, **selection)]
    else:
        raise InputError(f"a list of scenes cannot be a {type(source).__name__}; give paths, patterns or STAC items")
    return [replace(scene, sign=sign) for scene in scenes]


def _read_path(text: str, selection: Mapping[str, Any]) -> list[ListedScene]:
    single = [ListedScene(path=text, name=scene_name(text))]
    place = Place.of(text)
    if place.member or (place.remote is None and text.startswith("/vsi")):
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
        return path if "://" in path else sibling(path)

    ending = Path(name).suffix.lower()
    if ending in _ITEMS:
        return scenes_in_items(parse_items(name, content), name, resolve, **selection)
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
