"""Scenes in folders, tables and text files."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from lst_raster.errors import InputError, InputNotFoundError, RemoteAccessError, SceneError, UnknownSensorError
from lst_raster.inputs.fields import split_uncertainty
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.bundle import ARCHIVE, Place, is_archive, is_hidden, is_metadata, metadata_stem
from lst_raster.io.csv_table import decoded, parse_csv
from lst_raster.io.landsat import THERMAL_BANDS, FileName, choose_bands, parse_band, read_file_name
from lst_raster.io.stac_services import FoundItem, ProductId, is_item_address
from lst_raster.io.stack import split_band
from lst_raster.sensors.bands import thermal_files

Sign: TypeAlias = Callable[[str], str]
"""Adds the authorisation of a server to an address, for example a signature in the query."""
ResolvePath: TypeAlias = Callable[[str], str]
"""Resolves a path in a list relative to the folder of the list."""

SCENE_OPTIONS = ("band", "sensor", "date")
"""Options of a scene for `Scene.open`."""
MULTI_VALUED = ("emissivity", "reanalysis")
"""Options with one or several values, separated by ``|``."""
# Options that may be files
_PATHS = (*MULTI_VALUED, "water_vapour", "air_temperature", "surface_pressure", "aerosol", "dem", "model")
OPTIONS = (*SCENE_OPTIONS, *_PATHS)
"""All options that a list may set for a scene, named as in `retrieve`."""
_EARTH_ENGINE = re.compile(r"(?:[12]_)*L[COTEM]\d\d_\d{6}_\d{8}", re.IGNORECASE)  # image with all bands
RASTERS = (".tif", ".tiff")
"""Endings of raster files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedScene:
    """One scene of a list."""

    path: str = field(repr=False)
    """Argument of `Scene.open`: a path, or an ``https``, ``http`` or ``s3`` address, which may have a signature."""
    name: str
    """Name in reports; the product is ``<name>_LST.tif``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of this scene; the keys are in `OPTIONS`."""
    problem: str | None = None
    """Reason why the scene cannot be retrieved, if known from the list."""
    sign: Sign | None = field(default=None, repr=False, compare=False)
    """Signs the address each time it is opened."""
    item: FoundItem | None = field(default=None, repr=False, compare=False)
    """STAC item of the scene on a server, None for other scenes."""

    @property
    def shown(self) -> str:
        """Path or address for messages, without the query."""
        try:
            address = Address.parse(self.path)
        except InputNotFoundError:  # an unsupported address; reported when it is opened
            return without_secrets(self.path)
        return address.shown if address is not None else self.path

    def source(self, *, is_part: bool, level_2: bool) -> str | FoundItem:
        """Path, signed address, or item to download, for `open_scene`; errors as `signed_path`.

        Items are downloaded if their service is known, if only a part is needed, and for Level 2; the files of others
        are read where they are.
        """
        if self.item is None or self.problem is not None:
            return self.signed_path()
        if self.item.service is None and not (is_part or level_2 or self.item.is_level_2):
            return self.signed_path()
        return replace(self.item, sign=self._sign) if self.sign is not None else self.item

    def _sign(self, href: str) -> str:
        return replace(self, path=href, item=None).signed_path()

    def signed_path(self) -> str:
        """Path or address to open, signed if necessary.

        Raises
        ------
        SceneError
            The scene has a `problem`.
        RemoteAccessError
            The signing function failed.
        """
        if self.problem is not None:
            raise SceneError(self.problem)
        if self.sign is None or not self.path.lower().startswith(("http:", "https:")):
            return self.path
        try:
            return str(self.sign(self.path))
        except Exception as error:  # any error of the user's function
            raise RemoteAccessError(f"{self.shown} cannot be signed: {one_line(error)}") from None


def one_line(error: Exception) -> str:
    """Type and text of an error, without secrets."""
    return f"{type(error).__name__}: {without_secrets(' '.join(str(error).split()))}"


def scene_name(path: str | Path) -> str:
    """Name of a scene from its path.

    Examples
    --------
    >>> scene_name("in/LC08_x_MTL.txt"), scene_name("s3://bucket/LC08_x_B10.TIF"), scene_name("LC08_x.tar.gz")
    ('LC08_x', 'LC08_x', 'LC08_x')
    """
    whole = str(path).rstrip("/\\")
    if (product := ProductId.parse(whole)) is not None:
        return str(product)
    if is_item_address(whole):
        return without_secrets(whole).rpartition("/")[2]
    text, band = split_band(whole)
    try:
        place = Place.of(text)
    except InputNotFoundError:  # an unsupported address; reported when it is opened
        return Path(str(text)).name
    if band is not None:
        return Path(place.name).stem
    if is_metadata(place):
        return metadata_stem(place.name)
    if is_archive(place):
        return ARCHIVE.sub("", place.name)
    if Path(place.name).suffix.lower() not in (*RASTERS, ".vrt"):
        return place.name or str(text)
    try:
        return read_file_name(Path(place.name)).stem
    except SceneError:  # a Level-2 file or a quality band; reported when it is opened
        return Path(place.name).stem


@dataclass(kw_only=True, slots=True)
class _SceneFiles:
    """Files of one scene in one folder."""

    product: str | None = None  # product identifier of the bands; differs from the stem of renamed files
    metadata: dict[str, Path] = field(default_factory=dict)  # by ending; an archive has the ending ""
    bands: dict[str, Path] = field(default_factory=dict)

    def best(self, band: str | None) -> Path:
        """Metadata file, the most complete description of a scene, or the file of the selected band."""
        for ending in ("", ".txt", ".xml", ".json"):
            if ending in self.metadata:
                return self.metadata[ending]
        first = next(iter(self.bands.values()))
        selected = parse_band(band) if band is not None else None
        name = read_file_name(first)
        try:
            order = choose_bands(name.stem, name.satellite, None, selected)
        except (UnknownSensorError, SceneError):  # reported when the scene is opened
            order = [selected] if selected else []
        return next((self.bands[suffix] for suffix in order if suffix in self.bands), first)


def scenes_in_folder(folder: Path, *, band: str | None = None) -> list[ListedScene]:
    """Find all scenes in a folder and its subfolders, sorted by path; `band` as in `scenes_among`.

    Hidden files and folders and ``__MACOSX`` are skipped. Links to folders are followed, each folder once. Raise
    InputError if a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}; leave it out, or allow it") from error

    found: list[Path] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        # a .zarr folder has thousands of files and no scenes
        folders[:] = sorted(name for name in folders if not is_hidden(name) and not name.endswith(".zarr"))
        found += [Path(root) / name for name in sorted(files)]
    return scenes_among(found, band=band)


def scenes_among(files: Iterable[Path], *, band: str | None = None) -> list[ListedScene]:
    """Find scenes among files: metadata files, archives, and thermal bands without metadata; skip all others.

    `band` selects the thermal band of scenes without metadata.
    """
    found: dict[tuple[Path, str], _SceneFiles] = {}
    for file in files:
        if is_hidden(file.name) or "__MACOSX" in file.parts or _is_other_zip(file):
            continue
        if is_archive(file):
            found[file, ""] = _SceneFiles(metadata={"": file})
        elif is_metadata(file):
            scene = found.setdefault((file.parent, metadata_stem(file.name).lower()), _SceneFiles())
            scene.metadata[file.suffix.lower()] = file
        elif (name := _parse_thermal_name(file)) is not None:
            scene = found.setdefault((file.parent, name.stem.lower()), _SceneFiles())
            scene.bands.setdefault(name.band or "", file)
            scene.product = name.product
    paths = []
    for (folder, stem), scene in found.items():
        product = scene.product.lower() if scene.product is not None else stem
        if product == stem or (folder, product) not in found:  # else renamed bands of a scene that is listed anyway
            paths.append(scene.best(band))
    return [ListedScene(path=str(path), name=scene_name(path)) for path in paths]


def _is_other_zip(file: Path) -> bool:
    """Whether a ZIP file has no scene, for example a reanalysis; a damaged one is reported when it is opened."""
    if file.suffix.lower() != ".zip":
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            names = [Path(name) for name in archive.namelist() if not is_hidden(name)]
    except (OSError, zipfile.BadZipFile):
        return False
    return not any(is_metadata(name) or _parse_thermal_name(name) for name in names)


def _parse_thermal_name(file: Path) -> FileName | None:
    """Parse the name of a Level-1 thermal band; None for other files."""
    if file.suffix.lower() not in RASTERS:
        return None
    try:
        name = read_file_name(file)
    except SceneError:
        return None
    if _EARTH_ENGINE.fullmatch(file.stem):
        return name
    thermal = thermal_files() if name.satellite is None else THERMAL_BANDS.get(name.satellite, {})
    return name if name.band in thermal else None


_COLUMNS = ("scene", "name", *OPTIONS)
_DECIMAL_COMMA = re.compile(r"(?:^|(?<=±)|(?<=\+-)|(?<=/-))\s*(-?\d+),(\d+)(?=\s*(?:[A-Za-z%±]|\+/?-)|$)")
_SOURCE = re.compile(r"^([a-z-]{2,}):(.+)$")  # aster-ged:FOLDER; one letter is a drive


def scenes_in_table(name: str, content: bytes, resolve: ResolvePath) -> list[ListedScene]:
    """Parse a table with the column ``scene`` and any of ``name`` and `OPTIONS`, one scene per row.

    Raise InputError if the table is invalid, has an unknown column, or a row has no scene.
    """
    table = parse_csv(name, content, "scenes")
    header = [title.lower().replace("-", "_").replace(" ", "_") for title in table.header]
    unknown = [title for title, plain in zip(table.header, header, strict=True) if plain and plain not in _COLUMNS]
    columns = ", ".join(_COLUMNS)
    if unknown:
        raise InputError(f"{name} has the unknown column {', '.join(unknown)}; valid columns are {columns}")
    if "scene" not in header:
        raise InputError(f"{name} has no column scene with the paths of the scenes; valid columns are {columns}")
    scenes = []
    for line, cells in zip(table.lines, table.rows, strict=True):
        row = dict(zip(header, cells, strict=True))
        if not row["scene"]:
            raise InputError(f"{name}, line {line} has no scene; fill in the column scene, or remove the line")
        path, own_name = resolve(row["scene"]), row.get("name")
        if own_name and Path(own_name).name != own_name:
            raise InputError(f"{name}, line {line}: the name {own_name!r} is not a file name; remove the folders")
        options = {key: _parse_option(key, row[key], resolve, table.decimal_comma) for key in OPTIONS if row.get(key)}
        scenes.append(ListedScene(path=path, name=own_name or scene_name(path), options=options))
    return scenes


def scenes_in_text(name: str, content: bytes, resolve: ResolvePath) -> list[ListedScene]:
    """Parse a text file with one scene per line; empty lines and lines that begin with # are skipped.

    Raise InputError if it has no scene or is not text.
    """
    lines = [line.strip() for line in decoded(name, content).splitlines()]
    paths = [resolve(line) for line in lines if line and not line.startswith("#")]
    if not paths:
        raise InputError(f"{name} has no scenes; write one path or address per line")
    return [ListedScene(path=path, name=scene_name(path)) for path in paths]


def _parse_option(key: str, text: str, resolve: ResolvePath, decimal_comma: bool) -> str:
    if decimal_comma:
        text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    if key not in _PATHS:
        return text
    parts = [part.strip() for part in text.split("|")] if key in MULTI_VALUED else [text]
    return "|".join(_resolve_if_file(part, resolve) for part in parts if part)


def _resolve_if_file(text: str, resolve: ResolvePath) -> str:
    """Resolve the path of an existing file, also after a source's name or before an uncertainty; keep other values."""
    if "://" in text:
        return text
    source = _SOURCE.match(text)
    prefix, rest = (f"{source[1]}:", source[2]) if source else ("", text)
    first, colon, table = rest.partition(":") if prefix == "landcover:" else (rest, "", "")
    resolved = resolve(first)
    if not Path(resolved).exists():
        value, uncertainty = split_uncertainty(text)
        return text if uncertainty is None else f"{_resolve_if_file(value, resolve)}±{uncertainty}"
    return f"{prefix}{resolved}{colon}{_resolve_if_file(table, resolve) if table else ''}"
