"""Scenes in folders, and among files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.scene.bundle import is_archive, is_metadata, metadata_stem
from lst_raster.scene.landsat import choose_bands, parse_band, read_file_name
from lst_raster.scene.lists.listed import ListedScene, name_of

_RASTERS = (".tif", ".tiff")
_THERMAL = ("B10", "B11", "B6_VCID_1", "B6_VCID_2", "B6")
_METADATA_FORMS = (".txt", ".xml", ".json")
_NO_SCENES = (".zarr",)  # folders of thousands of files


@dataclass(kw_only=True, slots=True)
class _Found:
    """Files of one scene in one folder."""

    metadata: dict[str, Path] = field(default_factory=dict)
    bands: dict[str, Path] = field(default_factory=dict)


def scenes_in_folder(folder: Path, *, band: str | None = None) -> list[ListedScene]:
    """Find every scene in a folder and in those below it.

    Parameters
    ----------
    folder : path
        The folder. What begins with a dot is left out.
    band : str, optional
        Thermal band that is wanted, where a scene has several and no metadata.

    Returns
    -------
    list of ListedScene
        Products by their metadata, archives, and thermal bands without metadata, in the order of their paths.

    Raises
    ------
    InputError
        A folder cannot be read.
    """
    return scenes_among(_files_below(folder), band=band)


def scenes_among(files: Iterable[Path], *, band: str | None = None) -> list[ListedScene]:
    """Find the scenes that files belong to; what is none of theirs, such as products of ours, is left out.

    Parameters
    ----------
    files : iterable of path
        The files, in the order wanted.
    band : str, optional
        As `scenes_in_folder`.
    """
    found: dict[tuple[Path, str], _Found | Path] = {}
    for file in files:
        if is_archive(file):
            found[file, ""] = file
        elif is_metadata(file):
            scene = _scene_of(found, file, metadata_stem(file.name))
            scene.metadata[file.suffix.lower()] = file
        elif (named := _thermal(file)) is not None:
            _scene_of(found, file, named[0]).bands.setdefault(named[1], file)
    paths = (scene if isinstance(scene, Path) else _best(scene, band) for scene in found.values())
    return [ListedScene(path=str(path), name=name_of(path)) for path in paths]


def _files_below(folder: Path) -> Iterator[Path]:
    """Files in a folder and below it; a link to a folder is followed, but none twice."""
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith(_NO_SCENES))
        yield from (Path(root) / name for name in sorted(files) if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}; leave it out, or allow it") from error


def _scene_of(found: dict[tuple[Path, str], _Found | Path], file: Path, stem: str) -> _Found:
    scene = found.setdefault((file.parent, stem.lower()), _Found())
    assert isinstance(scene, _Found)  # archives have no stem
    return scene


def _thermal(file: Path) -> tuple[str, str] | None:
    """Name of the scene and thermal band of a file, by its name; None where it is no thermal band of Level 1."""
    if file.suffix.lower() not in _RASTERS:
        return None
    try:
        name = read_file_name(file)
    except SceneError:
        return None
    if name.band not in _THERMAL or (name.band == "B6" and (name.satellite or 0) > 7):
        return None
    return name.stem, name.band


def _best(scene: _Found, band: str | None) -> Path:
    """Choose what stands for a scene: the metadata, which tell the most, or else the band that is wanted."""
    for form in _METADATA_FORMS:
        if form in scene.metadata:
            return scene.metadata[form]
    wanted = parse_band(band) if band is not None else None
    return next((scene.bands[suffix] for suffix in _order(scene, wanted) if suffix in scene.bands), _first(scene))


def _order(scene: _Found, wanted: str | None) -> list[str]:
    name = read_file_name(_first(scene))
    try:
        return choose_bands(name.stem, name.satellite, None, wanted)
    except (UnknownSensorError, SceneError):  # opening it tells
        return [wanted] if wanted else []


def _first(scene: _Found) -> Path:
    return next(iter(scene.bands.values()))
