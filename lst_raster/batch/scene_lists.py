"""Lists of scenes: folders, tables and text files."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from lst_raster.errors import InputError, InputNotFoundError, RemoteAccessError, SceneError, UnknownSensorError
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.bundle import ARCHIVE, Place, is_archive, is_hidden, is_metadata, metadata_stem
from lst_raster.io.csv_table import CsvTable, decoded, parse_csv
from lst_raster.io.landsat import THERMAL_BANDS, FileName, choose_bands, parse_band, read_file_name
from lst_raster.sensors.bands import thermal_files

Sign: TypeAlias = Callable[[str], str]
"""Makes of an address one that a server accepts, for example by a signature in its query."""

SCENE_OPTIONS = ("band", "sensor", "date")
"""Values of a scene that `Scene.open` takes."""
REPEATED = ("emissivity", "reanalysis")
"""Values of which there may be several, with ``|`` between them."""
OPTIONS = (
    *SCENE_OPTIONS, *REPEATED, "water_vapour", "air_temperature", "surface_pressure", "dem", "model",
)  # fmt: skip
"""All values that a list may state of a scene, as `retrieve` names them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedScene:
    """One scene of a list."""

    path: str = field(repr=False)
    """What `Scene.open` takes: a path, or an ``https``, ``http`` or ``s3`` address, which may hold a signature."""
    name: str
    """What it is called in reports; its product is ``<name>_LST.tif``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What is stated of it alone, by the names in `OPTIONS`."""
    problem: str | None = None
    """Why it cannot be retrieved, where the list tells that already."""
    sign: Sign | None = field(default=None, repr=False, compare=False)
    """Signs its address, each time that it is opened."""

    @property
    def shown(self) -> str:
        """Where it lies, for people: an address without its query."""
        try:
            address = Address.parse(self.path)
        except InputNotFoundError:  # an address of another kind: opening it tells
            return without_secrets(self.path)
        return address.shown if address is not None else self.path

    def opened_by(self) -> str:
        """Path or address to open it by, signed if need be.

        Raises
        ------
        SceneError
            It cannot be retrieved; the list tells why.
        RemoteAccessError
            The function that signs failed.
        """
        if self.problem is not None:
            raise SceneError(self.problem)
        if self.sign is None or not self.path.lower().startswith(("http:", "https:")):
            return self.path
        try:
            return str(self.sign(self.path))
        except Exception as error:  # the user's own function
            raise RemoteAccessError(
                f"{self.shown} cannot be signed: {type(error).__name__}: {without_secrets(str(error))}"
            ) from None


def name_of(path: str | Path) -> str:
    """Name of a scene, as far as its path tells.

    Examples
    --------
    >>> name_of("in/LC08_x_MTL.txt"), name_of("s3://bucket/LC08_x_B10.TIF"), name_of("LC08_x.tar.gz")
    ('LC08_x', 'LC08_x', 'LC08_x')
    """
    text = str(path).rstrip("/\\")
    try:
        place = Place.of(text)
    except InputNotFoundError:  # an address of another kind: opening it tells
        return Path(text).name
    if is_metadata(place):
        return metadata_stem(place.name)
    if is_archive(place):
        return ARCHIVE.sub("", place.name)
    if Path(place.name).suffix.lower() not in (".tif", ".tiff"):
        return place.name or text
    try:
        return read_file_name(Path(place.name)).stem
    except SceneError:  # a Level-2 file, or a quality band: opening it tells
        return Path(place.name).stem


_RASTERS = (".tif", ".tiff")
_METADATA_FORMS = (".txt", ".xml", ".json")
_NO_SCENES = (".zarr",)  # folders of thousands of files


@dataclass(kw_only=True, slots=True)
class _Found:
    """Files of one scene in one folder."""

    product: str | None = None
    """Name of the product of its bands; another one than the scene's where files were renamed."""
    metadata: dict[str, Path] = field(default_factory=dict)
    bands: dict[str, Path] = field(default_factory=dict)


def scenes_in_folder(folder: Path, *, band: str | None = None) -> list[ListedScene]:
    """Find every scene in a folder and in those below it.

    Parameters
    ----------
    folder : path
        The folder. Hidden files and folders are left out, and ``__MACOSX``.
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
        if is_hidden(file.name) or "__MACOSX" in file.parts or _is_other_zip(file):
            continue
        if is_archive(file):
            found[file, ""] = file
        elif is_metadata(file):
            scene = _scene_of(found, file, metadata_stem(file.name))
            scene.metadata[file.suffix.lower()] = file
        elif (named := _thermal(file)) is not None:
            scene = _scene_of(found, file, named.stem)
            scene.bands.setdefault(named.band or "", file)
            scene.product = named.product
    paths = (
        scene if isinstance(scene, Path) else _best(scene, band)
        for (folder, stem), scene in found.items()
        if isinstance(scene, Path) or scene.product is None or scene.product.lower() == stem
        or (folder, scene.product.lower()) not in found
    )  # fmt: skip
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
        folders[:] = sorted(name for name in folders if not is_hidden(name) and not name.endswith(_NO_SCENES))
        yield from (Path(root) / name for name in sorted(files))


def _is_other_zip(file: Path) -> bool:
    """Whether a ZIP file holds something other than a scene, such as a reanalysis; opening a damaged one tells."""
    if file.suffix.lower() != ".zip":
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            names = [Path(name) for name in archive.namelist() if not is_hidden(name)]
    except (OSError, zipfile.BadZipFile):
        return False
    return not any(is_metadata(name) or _thermal(name) for name in names)


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}; leave it out, or allow it") from error


def _scene_of(found: dict[tuple[Path, str], _Found | Path], file: Path, stem: str) -> _Found:
    scene = found.setdefault((file.parent, stem.lower()), _Found())
    assert isinstance(scene, _Found)  # archives have no stem
    return scene


def _thermal(file: Path) -> FileName | None:
    """Read the name of a thermal band of Level 1; None where a file is none."""
    if file.suffix.lower() not in _RASTERS:
        return None
    try:
        name = read_file_name(file)
    except SceneError:
        return None
    thermal = thermal_files() if name.satellite is None else THERMAL_BANDS.get(name.satellite, {})
    return name if name.band in thermal else None


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


SCENE, NAME = "scene", "name"
_COLUMNS = (SCENE, NAME, *OPTIONS)
_PATHS = (*REPEATED, "water_vapour", "air_temperature", "surface_pressure", "dem", "model")  # that may be files
_BETWEEN = "|"
_DECIMAL = re.compile(r"^(-?\d+),(\d+)(?=\s*[A-Za-z]|$)")
_SOURCE = re.compile(r"^([a-z-]{2,}):(.+)$")  # aster-ged:FOLDER; one letter is a drive

Locate = Callable[[str], str]
"""Where a path in a list leads, seen from here."""


def scenes_in_table(name: str, content: bytes, locate: Locate) -> list[ListedScene]:
    """Read a table of scenes.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    content : bytes
        Its content: a header with the column ``scene`` and any of ``name`` and `OPTIONS`, then a scene a row.
    locate : callable
        Where a path in it leads: relative paths count from the table.

    Raises
    ------
    InputError
        It is no such table, has a column that is not known, or a row without a scene.
    """
    table = parse_csv(name, content, "scenes")
    header = [title.lower().replace("-", "_").replace(" ", "_") for title in table.header]
    unknown = [title for title, plain in zip(table.header, header, strict=True) if plain and plain not in _COLUMNS]
    if unknown:
        raise InputError(f"{name} has the column {', '.join(unknown)}, which is not known; known are {_known()}")
    if SCENE not in header:
        raise InputError(f"{name} has no column {SCENE} with the scenes' paths; known columns are {_known()}")
    rows = [dict(zip(header, row, strict=True)) for row in table.rows]
    return [_of_row(table, line, row, locate) for line, row in zip(table.lines, rows, strict=True)]


def scenes_in_text(name: str, content: bytes, locate: Locate) -> list[ListedScene]:
    """Read a text of one scene a line; empty lines and lines that begin with # are left out.

    Raises
    ------
    InputError
        It names no scene, or is no text.
    """
    lines = [line.strip() for line in decoded(name, content).splitlines()]
    paths = [locate(line) for line in lines if line and not line.startswith("#")]
    if not paths:
        raise InputError(f"{name} names no scene; write one path or address a line")
    return [ListedScene(path=path, name=name_of(path)) for path in paths]


def beside(folder: Path) -> Locate:
    """Count relative paths from a folder; addresses and absolute paths stay."""

    def locate(text: str) -> str:
        return text if _is_address(text) else str(folder / text)

    return locate


def _is_address(text: str) -> bool:
    return "://" in text


def _known() -> str:
    return ", ".join(_COLUMNS)


def _of_row(table: CsvTable, line: int, row: dict[str, str], locate: Locate) -> ListedScene:
    if not row[SCENE]:
        raise InputError(f"{table.name}, line {line} names no scene; fill in the column {SCENE}, or leave the line out")
    path = locate(row[SCENE])
    name = row.get(NAME) or name_of(path)
    if row.get(NAME) and Path(name).name != name:
        raise InputError(f"{table.name}, line {line}: the name {name!r} is no name of a file; leave out the folders")
    options = {key: _value(key, row[key], table, locate) for key in OPTIONS if row.get(key)}
    return ListedScene(path=path, name=name, options=options)


def _value(key: str, text: str, table: CsvTable, locate: Locate) -> str:
    """Read a cell: a path in it counts from the table, a number may have its decimal comma."""
    if table.decimal_comma:
        text = _DECIMAL.sub(r"\1.\2", text)
    if key not in _PATHS:
        return text
    parts = [part.strip() for part in text.split(_BETWEEN)] if key in REPEATED else [text]
    return _BETWEEN.join(_located(part, locate) for part in parts if part)


def _located(text: str, locate: Locate) -> str:
    """Path of a file that lies where the table says; what is none stays as it is."""
    if _is_address(text):
        return text
    source = _SOURCE.match(text)
    prefix, rest = (f"{source[1]}:", source[2]) if source else ("", text)
    first, colon, table = rest.partition(":") if prefix == "landcover:" else (rest, "", "")
    found = locate(first)
    if not Path(found).exists():
        return text
    return f"{prefix}{found}{colon}{_located(table, locate) if table else ''}"
