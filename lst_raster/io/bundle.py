"""Files of one scene, in a folder, an archive or on a server."""

from __future__ import annotations

import logging
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Self

from lst_raster.errors import InputNotFoundError, RemoteAccessError, SceneError
from lst_raster.io.address import Address, Location, location_of
from lst_raster.io.remote import RemoteFile, fetch

TEXT_LIMIT = 1 << 20  # [byte], far above any metadata file; a wrong one is not read through
ARCHIVE = re.compile(r"\.(tar|tar\.gz|tgz)$", re.IGNORECASE)
"""Ending of the names of archives that can be read."""
_COMPRESSED = re.compile(r"\.(tar\.gz|tgz)$", re.IGNORECASE)
_METADATA = re.compile(r"_MTL\.(txt|xml|json)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one file lies: on disk or on a server, by itself or in an archive."""

    disk: Path
    """The file, or the archive that holds it; of one on a server its address, which is no path on this machine."""
    remote: Address | None = None
    """The same on a server, None for one on disk."""
    member: str | None = None
    """Name in the archive, None for a file by itself."""
    content: bytes | None = field(default=None, repr=False, compare=False)
    """What it holds, where that was read already: finding it again in an archive takes long."""

    @classmethod
    def of(cls, path: str | Location) -> Self:
        """Take what a user names: a path, or an ``https``, ``http`` or ``s3`` address.

        Raises
        ------
        InputNotFoundError
            It is an address of another kind.
        """
        location = location_of(path)
        return cls.at(location) if isinstance(location, Address) else cls(disk=location)

    @classmethod
    def at(cls, address: Address, content: bytes | None = None) -> Self:
        """Take an address."""
        return cls(disk=Path(address.shown), remote=address, content=content)

    @property
    def name(self) -> str:
        """Name of the file, without folder or archive."""
        if self.member:
            return posixpath.basename(self.member)
        return self.remote.name if self.remote else self.disk.name

    @property
    def address(self) -> str:
        """Name under which GDAL opens it; an archive is read in place."""
        if self.member:
            archive = self.remote.gdal if self.remote else self.disk.absolute().as_posix()
            return f"/vsitar/{{{archive}}}/{self.member}"
        return self.remote.gdal if self.remote else str(self.disk)

    @property
    def location(self) -> Location:
        """The file on disk or on a server; of one in an archive the archive."""
        return self.remote or self.disk

    @property
    def label(self) -> str:
        """Name for people and provenance: with its archive, without folders."""
        archive = self.remote.name if self.remote else self.disk.name
        return f"{archive}/{self.name}" if self.member else self.name

    def __str__(self) -> str:
        whole = str(self.remote or self.disk)
        return f"{whole}/{self.member}" if self.member else whole

    def text(self) -> bytes:
        """Beginning of the file, as far as metadata go."""
        if self.content is not None:
            return self.content
        if self.remote is not None:
            return fetch(self.remote, 0, TEXT_LIMIT).content
        with self.disk.open("rb") as file:
            return file.read(TEXT_LIMIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Files among which a scene's are found by name, in any case."""

    path: Location
    """The folder or the archive."""
    places: Mapping[str, Place]
    """The files, by their names in lower case."""

    @classmethod
    def of_folder(cls, path: Path) -> Self:
        """Look into a folder, not into those below it."""
        return cls(path=path, places=by_name(Place(disk=file) for file in sorted(path.iterdir()) if file.is_file()))

    @classmethod
    def of_archive(cls, place: Place) -> Self:
        """Look into a .tar or .tar.gz file; metadata are read on the way, nothing is unpacked.

        Raises
        ------
        SceneError
            It is not an archive, or a damaged one, or a compressed one on a server.
        RemoteError
            The server does not give it.
        """
        if place.remote is not None and _COMPRESSED.search(place.name):
            raise SceneError(f"{place} is compressed, and would be fetched whole for every block; fetch it once first")
        try:
            with _opened(place) as archive:
                places = by_name([_member(archive, place, entry) for entry in archive])
                _read_to_the_end(archive, place)
                return cls(path=place.remote or place.disk, places=places)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            reason = str(error).partition(":")[0]  # of an archive that cannot be opened a list follows
            raise SceneError(
                f"{place} is not a tar archive, or truncated or damaged ({reason}); fetch it again"
            ) from error

    def find(self, name: str | None) -> Place | None:
        """File of a name, None where there is none."""
        return self.places.get(name.lower()) if name else None

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings that the name of a raster may have."""
        return (".tif", ".tiff")

    def metadata_of(self, stem: str) -> Place | None:
        """Metadata file of one scene, None where there is none."""
        return self.metadata().get(stem.lower())

    def metadata(self) -> dict[str, Place]:
        """Metadata file of every scene, by its name in lower case; of several forms, text before XML before JSON."""
        found: dict[str, Place] = {}
        for extension in ("txt", "xml", "json"):
            for place in self.places.values():
                name = _METADATA.search(place.name)
                if name and name[1].lower() == extension:
                    found.setdefault(metadata_stem(place.name).lower(), place)
        return found


def is_archive(path: Path | Place) -> bool:
    """Whether a path has the name of an archive that can be read."""
    return ARCHIVE.search(path.name) is not None


def is_metadata(path: Path | Place) -> bool:
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


def by_name(places: Iterable[Place | None]) -> dict[str, Place]:
    """Places by their names in lower case, the first of each."""
    found: dict[str, Place] = {}
    for place in places:
        if place is not None:
            found.setdefault(place.name.lower(), place)
    return found


@contextmanager
def _opened(place: Place) -> Iterator[tarfile.TarFile]:
    if place.remote is None:
        with tarfile.open(place.disk) as archive:
            yield archive
        return
    with RemoteFile.buffered(place.remote) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        yield archive


def _read_to_the_end(archive: tarfile.TarFile, place: Place) -> None:
    """Read what follows the last member of a compressed archive: behind it stands the checksum of all before."""
    if _COMPRESSED.search(place.name) and archive.fileobj is not None:
        while archive.fileobj.read(TEXT_LIMIT):
            pass


def _member(archive: tarfile.TarFile, place: Place, entry: tarfile.TarInfo) -> Place | None:
    if not entry.isfile():
        return None
    name = posixpath.normpath(entry.name)
    file = archive.extractfile(entry) if _METADATA.search(name) else None
    return replace(place, member=name, content=file.read(TEXT_LIMIT) if file else None)


_LOGGER = logging.getLogger(__name__)
_PEEK = 16  # bytes, by which to see that a file is there
_METADATA_FORMS = ("txt", "json", "xml")


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedBundle(Bundle):
    """Files in a folder that cannot be listed: a file is there if the server gives it."""

    folder: Address
    """Any file in the folder."""
    ending: str
    """Ending of the names of rasters, as the file that was named has it: servers tell upper from lower case."""
    asked: dict[str, Place | None] = field(default_factory=dict)
    """What was asked for, so that it is not asked for again."""

    def find(self, name: str | None) -> Place | None:
        """File of a name, which must be exact; None where there is none, or where the server refuses it."""
        if name and name not in self.asked:
            self.asked[name] = self._ask(name, _PEEK)
        return self.asked[name] if name else None

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings that the name of a raster may have."""
        return (self.ending,)

    def metadata_of(self, stem: str) -> Place | None:
        """Metadata file of one scene, None where there is none."""
        for form in _METADATA_FORMS:
            place = self._ask(f"{stem}_MTL.{form}", TEXT_LIMIT)
            if place is not None:
                return place
        return None

    def _ask(self, name: str, length: int) -> Place | None:
        address = self.folder.sibling(name)
        try:
            content = fetch(address, 0, length).content
        except InputNotFoundError:
            return None
        except RemoteAccessError as error:
            _LOGGER.warning("%s; the scene is read without it", str(error).partition(";")[0])
            return None
        return Place.at(address, content if length == TEXT_LIMIT else None)


def open_remote_folder(address: Address) -> Bundle:
    """Look at the files beside one on a server, or in a folder of a store.

    Parameters
    ----------
    address : Address
        A file; or a folder, which has no ending in its name.

    Raises
    ------
    SceneError
        It is a folder of a web server, which cannot be listed.
    InputNotFoundError
        There is nothing under this address.
    RemoteError, MissingExtraError
        The store does not give it.
    """
    ending = PurePosixPath(address.name).suffix
    if not address.is_s3:
        if not ending:
            raise SceneError(
                f"{address} is a folder on a web server, which cannot be listed; give the address of the scene's "
                "*_MTL.txt or of its thermal band"
            )
        return _asked(address, ending)
    folder = address.sibling("") if ending else address.inside()
    return _listed(folder, address) or _asked(address, ending)


def _asked(address: Address, ending: str) -> AskedBundle:
    ending = ending if ending.lower() in (".tif", ".tiff") else ".TIF"
    return AskedBundle(path=address.sibling(""), places={}, folder=address, ending=ending)


def _listed(folder: Address, address: Address) -> Bundle | None:
    """List a folder of a store; None where that is refused, but a file in it was named."""
    from lst_raster.io.s3 import list_objects

    named = folder.url != address.inside().url
    try:
        files = list_objects(folder)
    except RemoteAccessError:
        if not named:
            raise
        return None
    if not files and not named:
        raise InputNotFoundError(f"scene {folder} holds no files; check the address")
    return Bundle(path=folder, places=by_name(Place.at(file) for file in files))


def open_bundle(path: Path | Place) -> Bundle:
    """Look at the files that a path stands for, or beside it.

    Parameters
    ----------
    path : path or Place
        Folder, archive, or any file in a folder; of a place that is no folder on disk, on a server too.

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
    RemoteError
        The server does not give it.
    """
    place = Place(disk=path) if isinstance(path, Path) else path
    if is_archive(place):
        if place.remote is None and not place.disk.exists():
            raise InputNotFoundError(f"scene {place} does not exist; check the path")
        if place.remote is not None or place.disk.is_file():
            return Bundle.of_archive(place)
    if place.remote is not None:
        return open_remote_folder(place.remote)
    if not place.disk.exists():
        raise InputNotFoundError(f"scene {place} does not exist; check the path")
    return Bundle.of_folder(place.disk if place.disk.is_dir() else place.disk.parent)
