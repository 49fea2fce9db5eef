"""The files that a scene consists of, wherever they lie: in a folder, beside a file, or in an archive."""

from __future__ import annotations

import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from lst_raster.errors import InputNotFoundError, SceneError

TEXT_LIMIT = 1 << 20  # [byte], far above any metadata file; a wrong one is not read through
_ARCHIVE = re.compile(r"\.(tar|tar\.gz|tgz)$", re.IGNORECASE)
_REMOTE = ("http:", "https:", "ftp:", "s3:", "gs:")
_METADATA = re.compile(r"_MTL\.(txt|xml|json)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one file lies: on disk by itself, or in an archive."""

    disk: Path
    """The file, or the archive that holds it."""
    member: str | None = None
    """Name in the archive, None for a file by itself."""
    content: bytes | None = field(default=None, repr=False, compare=False)
    """What it holds, where that was read already: finding it again in an archive takes long."""

    @property
    def name(self) -> str:
        """Name of the file, without folder or archive."""
        return posixpath.basename(self.member) if self.member else self.disk.name

    @property
    def address(self) -> str:
        """Name under which GDAL opens it; an archive is read in place."""
        return f"/vsitar/{{{self.disk.absolute().as_posix()}}}/{self.member}" if self.member else str(self.disk)

    @property
    def label(self) -> str:
        """Name for people and provenance: with its archive, without folders."""
        return f"{self.disk.name}/{self.name}" if self.member else self.name

    def __str__(self) -> str:
        return f"{self.disk}/{self.member}" if self.member else str(self.disk)

    def text(self) -> bytes:
        """Beginning of the file, as far as metadata go."""
        if self.content is not None:
            return self.content
        with self.disk.open("rb") as file:
            return file.read(TEXT_LIMIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Files among which a scene's are found by name, in any case."""

    path: Path
    """The folder or the archive."""
    places: Mapping[str, Place]
    """The files, by their names in lower case."""

    @classmethod
    def of_folder(cls, path: Path) -> Self:
        """Look into a folder, not into those below it."""
        return cls(path=path, places=_by_name(Place(disk=file) for file in sorted(path.iterdir()) if file.is_file()))

    @classmethod
    def of_archive(cls, path: Path) -> Self:
        """Look into a .tar or .tar.gz file; metadata are read on the way, nothing is unpacked.

        Raises
        ------
        SceneError
            It is not an archive, or a damaged one.
        """
        try:
            with tarfile.open(path) as archive:
                return cls(path=path, places=_by_name([_member(archive, path, entry) for entry in archive]))
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise SceneError(
                f"{path} is not a tar archive, or truncated or damaged ({error}); fetch it again"
            ) from error

    def find(self, name: str | None) -> Place | None:
        """File of a name, None where there is none."""
        return self.places.get(name.lower()) if name else None

    def metadata(self) -> dict[str, Place]:
        """Metadata file of every scene, by its name in lower case; of several forms, text before XML before JSON."""
        found: dict[str, Place] = {}
        for extension in ("txt", "xml", "json"):
            for place in self.places.values():
                name = _METADATA.search(place.name)
                if name and name[1].lower() == extension:
                    found.setdefault(metadata_stem(place.name).lower(), place)
        return found


def open_bundle(path: Path) -> Bundle:
    """Look at the files that a path stands for, or beside it.

    Parameters
    ----------
    path : path
        Folder, archive, or any file in a folder.

    Returns
    -------
    Bundle
        The files in the folder, in the archive, or in the file's folder.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    SceneError
        The archive is damaged.
    """
    if path.parts and path.parts[0].lower() in _REMOTE:
        raise InputNotFoundError(f"scene {path} is on a server; fetch it first: scenes are read from disk alone")
    if not path.exists():
        raise InputNotFoundError(f"scene {path} does not exist; check the path")
    if path.is_dir():
        return Bundle.of_folder(path)
    return Bundle.of_archive(path) if is_archive(path) else Bundle.of_folder(path.parent)


def is_archive(path: Path) -> bool:
    """Whether a path has the name of an archive that can be read."""
    return _ARCHIVE.search(path.name) is not None


def is_metadata(path: Path) -> bool:
    """Whether a path has the name of a Landsat metadata file."""
    return _METADATA.search(path.name) is not None


def metadata_stem(name: str) -> str:
    """Name of the scene to which a metadata file belongs.

    Examples
    --------
    >>> metadata_stem("LC08_alabama_MTL.txt")
    'LC08_alabama'
    """
    return _METADATA.sub("", name)


def _by_name(places: Iterable[Place | None]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for place in places:
        if place is not None:
            found.setdefault(place.name.lower(), place)
    return found


def _member(archive: tarfile.TarFile, path: Path, entry: tarfile.TarInfo) -> Place | None:
    if not entry.isfile():
        return None
    name = posixpath.normpath(entry.name)
    file = archive.extractfile(entry) if _METADATA.search(name) else None
    return Place(disk=path, member=name, content=file.read(TEXT_LIMIT) if file else None)
