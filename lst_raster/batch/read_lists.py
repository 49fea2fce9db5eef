"""Scene lists in every form: one function that reads them all."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from lst_raster.batch.scene_lists import (
    ListedScene,
    Locate,
    Sign,
    beside,
    name_of,
    scenes_among,
    scenes_in_folder,
    scenes_in_table,
    scenes_in_text,
)
from lst_raster.batch.stac_lists import parse_items, scenes_in_items
from lst_raster.errors import InputError, InputNotFoundError, SceneError
from lst_raster.io.address import Address
from lst_raster.io.bundle import Place, is_archive, is_metadata
from lst_raster.io.remote import fetch

SceneList: TypeAlias = "str | Path | ListedScene | Mapping[str, Any] | Sequence[Any]"
"""What stands for scenes: a path, a pattern or an address; STAC items; a sequence of these."""

_TABLES = (".csv", ".tsv")
_TEXT = ".txt"
_RASTERS = (".tif", ".tiff")
_ITEMS = (".json", ".geojson")
_LIMIT = 256 << 20  # [byte] of a list on a server


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
        A folder (every scene in it and below it); a pattern such as ``in/*/*_MTL.txt``; a table (.csv) with the column
        ``scene`` and any of ``name`` and `OPTIONS`; a text (.txt) of one scene a line; STAC items (.json, or a mapping,
        or an object with ``to_dict``); or one scene, as `Scene.open` takes it. Tables, texts and items may be on a
        server. Relative paths in them count from their folder.
    band : str, optional
        Thermal band that is wanted, where a scene has several: ``10``, ``11``, ``6_VCID_1``, ``6_VCID_2``.
    level_2 : bool
        Whether Level-2 products are wanted of STAC items.
    alternate : str, optional
        Alternate address to take of STAC assets that have it, for example ``s3``.
    sign : callable, optional
        Makes of an address one that the server accepts; it is asked when a scene is opened.

    Returns
    -------
    list of ListedScene
        The scenes, in the order of the list; those of a folder or a pattern in the order of their paths.

    Raises
    ------
    InputNotFoundError
        There is no such list or folder, or nothing fits a pattern. A scene that is missing is told when it is opened.
    InputError
        A list cannot be understood, or names nothing.
    SceneError
        A folder has no scene in it.
    RemoteError
        A server does not give a list.
    """
    if isinstance(source, ListedScene):
        return [source]
    if hasattr(source, "to_dict"):
        source = source.to_dict()  # of pystac
    options: dict[str, Any] = {"band": band, "level_2": level_2, "alternate": alternate, "sign": sign}
    if isinstance(source, Mapping):
        return scenes_in_items(source, "the mapping", None, **options)
    if isinstance(source, str | Path):
        return _of_path(str(source), options)
    if not isinstance(source, Sequence):
        raise InputError(f"a list of scenes cannot be a {type(source).__name__}; give paths, patterns or STAC items")
    return [scene for part in source for scene in read_scene_list(part, **options)]


def _of_path(text: str, options: Mapping[str, Any]) -> list[ListedScene]:
    place = Place.of(text)
    if place.member or (place.remote is None and text.startswith("/vsi")):
        return [_single(text, options)]
    if place.remote is not None:
        return _of_address(place.remote, options)
    path = place.disk
    if path.is_dir():
        scenes = _some(scenes_in_folder(path, band=options["band"]), text)
        return [_signed(scene, options["sign"]) for scene in scenes]
    if path.is_file():
        if not _is_list(path.name):
            return [_single(text, options)]
        return _read_list(path.name, path.read_bytes(), beside(path.parent), options)
    if glob.has_magic(text):
        return _of_pattern(text, options)
    if _is_named_as_scene(place):
        return [_single(text, options)]  # one that is missing fails alone, as on a line of a table
    raise InputNotFoundError(
        f"{text} does not exist; give a folder, a pattern, a table (.csv), a text of one scene a line (.txt), STAC "
        "items (.json), or scenes"
    )


def _of_pattern(text: str, options: Mapping[str, Any]) -> list[ListedScene]:
    paths = [Path(name) for name in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207  # Path's takes no absolute ones
    if not paths:
        raise InputNotFoundError(f"nothing fits the pattern {text}; check it")
    files = [path for path in paths if path.is_file()]
    scenes = scenes_among(files, band=options["band"])
    for folder in (path for path in paths if path.is_dir()):
        scenes += scenes_in_folder(folder, band=options["band"])
    distinct = {scene.path: scene for scene in scenes}  # ** fits a folder and what is in it
    return [_signed(scene, options["sign"]) for scene in _some(list(distinct.values()), text)]


def _some(scenes: list[ListedScene], text: str) -> list[ListedScene]:
    if not scenes:
        raise SceneError(
            f"{text} holds no scene: no *_MTL.txt, no thermal band (*_B10.TIF, *_B6.TIF, ...) and no archive (.zip, "
            ".tar, .tar.gz, .tar.bz2, .tar.xz)"
        )
    return scenes


def _of_address(address: Address, options: Mapping[str, Any]) -> list[ListedScene]:
    if not _is_list(address.name):
        return [_single(address.url, options)]

    def locate(text: str) -> str:
        return text if "://" in text else address.sibling(text).url

    return _read_list(address.name, fetch(address, 0, _LIMIT).content, locate, options)


def _single(text: str, options: Mapping[str, Any]) -> ListedScene:
    return ListedScene(path=text, name=name_of(text), sign=options["sign"])


def _is_named_as_scene(place: Place) -> bool:
    return Path(place.name).suffix.lower() in _RASTERS or is_archive(place) or is_metadata(place)


def _is_list(name: str) -> bool:
    ending = Path(name).suffix.lower()
    return ending in (*_TABLES, *_ITEMS, _TEXT) and not is_metadata(Path(name))


def _read_list(name: str, content: bytes, locate: Locate, options: Mapping[str, Any]) -> list[ListedScene]:
    ending = Path(name).suffix.lower()
    if ending in _ITEMS:
        return scenes_in_items(parse_items(name, content), name, locate, **options)
    read = scenes_in_table if ending in _TABLES else scenes_in_text
    scenes = read(name, content, locate)
    return [_signed(scene, options["sign"]) for scene in scenes]


def _signed(scene: ListedScene, sign: Sign | None) -> ListedScene:
    return replace(scene, sign=sign)
