"""Files of one scene: in a folder, in an archive or on a server."""

from __future__ import annotations

import logging
import lzma
import posixpath
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

from lst_raster.errors import InputNotFoundError, RemoteAccessError, SceneError
from lst_raster.io.address import Address, Location, location_of
from lst_raster.io.remote import RemoteFile, fetch, list_objects

_LOGGER = logging.getLogger(__name__)
_TEXT_LIMIT = 1 << 20  # [byte], far above any metadata file; a wrong file is not read completely
_FIRST_BYTES = 16  # read to check that a file exists
_ENDINGS = r"\.(?:zip|tar(?:\.gz|\.bz2|\.xz)?|tgz|tbz2?|txz)"
ARCHIVE = re.compile(f"{_ENDINGS}$", re.IGNORECASE)  # extensions of archives that can be read
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_COMPRESSED = re.compile(r"\.(tar\.(gz|bz2|xz)|tgz|tbz2?|txz)$", re.IGNORECASE)
_BY_PYTHON = re.compile(r"\.(tar\.(bz2|xz)|tbz2?|txz)$", re.IGNORECASE)  # tar files that GDAL cannot read
_ENCRYPTED = 0x1  # bit of a ZIP member's flags
_VIRTUAL = re.compile(
    rf"/vsi(?:zip|tar)/(?:\{{(?P<braced>[^}}]+)\}}|(?P<plain>.+?{_ENDINGS}))(?:/+(?P<member>.*))?", re.IGNORECASE
)
_METADATA = re.compile(r"_MTL\.(txt|xml|json)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Location of one file: on disk or on a server, by itself or in an archive."""

    disk: Path
    """The file, or the archive that contains it; for one on a server its address, which is not a path on disk."""
    remote: Address | None = None  # address of the file or the archive on a server, None on disk
    member: str | None = None  # name in the archive, None for a file by itself
    is_unpacked: bool = False  # whether it must be unpacked for reading, as GDAL cannot read it in its archive
    content: bytes | None = field(default=None, repr=False, compare=False)
    """Content that was read already: finding it again in an archive is slow."""

    @classmethod
    def of(cls, path: str | Location) -> Self:
        """Parse a path, an address, or ``/vsizip`` or ``/vsitar`` and an archive's path and member.

        Raises InputNotFoundError for other schemes and other file systems of GDAL.

        Examples
        --------
        >>> Place.of("/vsizip//data/LC08_x.zip/LC08_x_B10.TIF").member
        'LC08_x_B10.TIF'
        """
        location = location_of(path)
        if isinstance(location, Address):
            return cls.at(location)
        if not str(location).startswith("/vsi"):
            return cls(disk=location)
        found = _VIRTUAL.fullmatch(str(path))
        if found is None:
            raise InputNotFoundError(
                f"{path} is in a GDAL file system that is not supported; give the file or the archive itself, or "
                "/vsizip/ARCHIVE/FILE or /vsitar/ARCHIVE/FILE"
            )
        archive = cls.of(found["braced"] or found["plain"])
        root = Path("/") / archive.disk
        if archive.remote is None and not archive.disk.exists() and root.exists():
            archive = cls(disk=root)  # pathlib merges the two slashes before an absolute path
        member = posixpath.normpath(found["member"]) if found["member"] else None
        return replace(archive, member=member, is_unpacked=bool(member and _BY_PYTHON.search(archive.name)))

    @classmethod
    def at(cls, address: Address, content: bytes | None = None) -> Self:
        """Place of a file on a server."""
        return cls(disk=Path(address.shown), remote=address, content=content)

    @property
    def name(self) -> str:
        """Name of the file, without folder or archive."""
        if self.member:
            return posixpath.basename(self.member)
        return self.remote.name if self.remote else self.disk.name

    @property
    def address(self) -> str:
        """Name under which GDAL opens it; archives are read in place."""
        if self.member:
            archive = self.remote.gdal if self.remote else self.disk.absolute().as_posix()
            system = "zip" if _ZIP.search(self.location.name) else "tar"
            return f"/vsi{system}/{{{archive}}}/{self.member}"
        return self.remote.gdal if self.remote else str(self.disk)

    @property
    def location(self) -> Location:
        """The file, or the archive that contains it."""
        return self.remote or self.disk

    @property
    def label(self) -> str:
        """Name for messages and provenance: with its archive, without folders."""
        return f"{self.location.name}/{self.name}" if self.member else self.name

    def __str__(self) -> str:
        whole = str(self.remote or self.disk)
        return f"{whole}/{self.member}" if self.member else whole

    def text(self) -> bytes:
        """Read the file up to 1 MiB, which is enough for metadata."""
        if self.content is not None:
            return self.content
        if self.remote is not None:
            return fetch(self.remote, 0, _TEXT_LIMIT).content
        with self.disk.open("rb") as file:
            return file.read(_TEXT_LIMIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Files of a folder or an archive, found by name without regard to case."""

    path: Location  # the folder or the archive
    places: Mapping[str, Place]  # the files, by their names in lower case

    @classmethod
    def of_folder(cls, path: Path) -> Self:
        """List a folder without its subfolders and hidden files."""
        files = (file for file in sorted(path.iterdir()) if not is_hidden(file.name) and file.is_file())
        return cls(path=path, places=_by_name(Place(disk=file) for file in files))

    @classmethod
    def of_archive(cls, place: Place) -> Self:
        """List a ZIP or tar file, or the folder of it that `place` is or is in; read its metadata on the way.

        Raises SceneError for a damaged archive and for a compressed one on a server.
        """
        whole = replace(place, member=None, is_unpacked=False)
        named = PurePosixPath(place.member or "")
        folder = str(named.parent if named.suffix else named)
        if whole.remote is not None and _COMPRESSED.search(whole.name):
            _refuse_compressed(whole)
        is_zip = _ZIP.search(whole.name) is not None
        try:
            members = (_of_zip if is_zip else _of_tar)(whole)
        except (
            tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, OSError, EOFError, zlib.error, NotImplementedError,
        ) as error:  # fmt: skip
            reason = str(error).partition(":")[0]  # tarfile's message continues with a list of formats
            raise SceneError(
                f"{whole} is not a {'zip' if is_zip else 'tar'} archive, or truncated or damaged ({reason}); "
                "download it again"
            ) from error
        inside = [file for file in members if folder == "." or f"{file.member}".startswith(f"{folder}/")]
        return cls(path=whole.location, places=_by_name(inside))

    def find(self, name: str | None) -> Place | None:
        """File of a name, None where there is none."""
        return self.places.get(name.lower()) if name else None

    @property
    def endings(self) -> tuple[str, ...]:
        """Possible extensions of rasters."""
        return (".tif", ".tiff")

    def metadata_of(self, stem: str) -> Place | None:
        """Metadata file of one scene, None where there is none."""
        return self.metadata().get(stem.lower())

    def metadata(self) -> dict[str, Place]:
        """Metadata file of every scene, by the scene's name in lower case; text before XML before JSON."""
        found: dict[str, Place] = {}
        for extension in ("txt", "xml", "json"):
            for place in self.places.values():
                name = _METADATA.search(place.name)
                if name and name[1].lower() == extension:
                    found.setdefault(metadata_stem(place.name).lower(), place)
        return found


def is_archive(path: Path | Place) -> bool:
    """Whether a path has the extension of an archive that can be read."""
    return ARCHIVE.search(path.name) is not None


def is_metadata(path: Path | Place) -> bool:
    """Whether a path has the name of a Landsat metadata file."""
    return _METADATA.search(path.name) is not None


def is_hidden(name: str) -> bool:
    """Whether a file or one of its folders is hidden, or one that macOS adds: ``._*``, ``__MACOSX``.

    Examples
    --------
    >>> is_hidden("._LC08_x_B10.TIF"), is_hidden("__MACOSX/LC08_x_B10.TIF"), is_hidden("./LC08_x_B10.TIF")
    (True, True, False)
    """
    parts = PurePosixPath(name).parts
    return any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts)


def metadata_stem(name: str) -> str:
    """Name of the scene of a metadata file.

    Examples
    --------
    >>> metadata_stem("LC08_alabama_MTL.txt")
    'LC08_alabama'
    """
    return _METADATA.sub("", name)


def _by_name(places: Iterable[Place]) -> dict[str, Place]:
    """Places by their names in lower case, the first of each."""
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(place.name.lower(), place)
    return found


@contextmanager
def opened_archive(place: Place) -> Iterator[Any]:
    """Open the archive of a place as `zipfile.ZipFile` or `tarfile.TarFile`."""
    is_zip = _ZIP.search(place.location.name) is not None
    if place.remote is None:
        with zipfile.ZipFile(place.disk) if is_zip else tarfile.open(place.disk) as archive:
            yield archive
        return
    with (
        RemoteFile.buffered(place.remote) as file,
        zipfile.ZipFile(file) if is_zip else tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        yield archive


def _of_tar(place: Place) -> list[Place]:
    """Files in a tar archive, which is read to its end."""
    with opened_archive(place) as archive:
        found = [
            _member(place, entry.name, partial(archive.extractfile, entry))
            for entry in archive
            if entry.isfile() and not is_hidden(entry.name)
        ]
        if _COMPRESSED.search(place.name):  # the checksum of the whole follows the last member
            while archive.fileobj.read(_TEXT_LIMIT):
                pass
    return [replace(file, is_unpacked=_BY_PYTHON.search(place.name) is not None) for file in found]


def _of_zip(place: Place) -> list[Place]:
    with opened_archive(place) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_hidden(entry.filename)]
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise SceneError(f"{place} is encrypted; unpack it first")
        if place.remote is not None and any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            _refuse_compressed(place)
        found = []
        for entry in entries:
            member = _member(place, entry.filename, partial(archive.open, entry))
            found.append(replace(member, is_unpacked=entry.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
        return found


def _refuse_compressed(place: Place) -> None:
    raise SceneError(
        f"{place} is compressed, and would be downloaded completely for every block; download it once first"
    )


def _member(archive: Place, name: str, opened: Callable[[], IO[bytes]]) -> Place:
    """Place of a member, with the content of metadata."""
    name = posixpath.normpath(name)
    if not _METADATA.search(name):
        return replace(archive, member=name)
    with opened() as file:
        return replace(archive, member=name, content=file.read(_TEXT_LIMIT))


@dataclass(frozen=True, kw_only=True, slots=True)
class UnlistedBundle(Bundle):
    """Files of a folder that cannot be listed: each is requested by name."""

    folder: Address  # any file in the folder
    ending: str  # extension of rasters as in the file that was named: servers distinguish upper and lower case
    requested: dict[str, Place | None] = field(default_factory=dict)  # results of earlier requests

    def find(self, name: str | None) -> Place | None:
        """File of a name in this case; None where there is none, or where the server refuses access."""
        if name and name not in self.requested:
            self.requested[name] = self._request(name, _FIRST_BYTES)
        return self.requested[name] if name else None

    @property
    def endings(self) -> tuple[str, ...]:
        """Possible extensions of rasters."""
        return (self.ending,)

    def metadata_of(self, stem: str) -> Place | None:
        """Metadata file of one scene, None where there is none."""
        found = (self._request(f"{stem}_MTL.{form}", _TEXT_LIMIT) for form in ("txt", "json", "xml"))
        return next((place for place in found if place is not None), None)

    def _request(self, name: str, length: int) -> Place | None:
        address = self.folder.with_name(name)
        try:
            content = fetch(address, 0, length).content
        except InputNotFoundError:
            return None
        except RemoteAccessError as error:
            _LOGGER.warning("%s; the scene is read without it", str(error).partition(";")[0])
            return None
        return Place.at(address, content if length == _TEXT_LIMIT else None)


def _open_remote_folder(address: Address) -> Bundle:
    """Files in the folder of a file on a server, or in a folder of a store, which has no extension in its name."""
    ending = PurePosixPath(address.name).suffix
    if not address.is_object:
        if not ending:
            raise SceneError(
                f"{address} is a folder on a web server, which cannot be listed; give the address of the scene's "
                "*_MTL.txt or of its thermal band"
            )
    else:
        folder = address.parent if ending else address.inside()
        is_folder = folder.url == address.inside().url
        try:
            files = list_objects(folder)
        except RemoteAccessError:
            if is_folder:
                raise
        else:
            if not files and is_folder:
                raise InputNotFoundError(f"scene {folder} holds no files; check the address")
            places = _by_name(Place.at(file) for file in files if not is_hidden(file.name))
            return Bundle(path=folder, places=places)
    ending = ending if ending.lower() in (".tif", ".tiff") else ".TIF"
    return UnlistedBundle(path=address.parent, places={}, folder=address, ending=ending)


def open_bundle(path: Path | Place) -> Bundle:
    """List a folder, an archive, or the folder of a file, on disk or on a server.

    Raises InputNotFoundError without such a path, SceneError for a damaged archive, RemoteError of a server.
    """
    place = Place.of(path) if isinstance(path, Path) else path
    is_archived = bool(place.member) or is_archive(place)
    if place.remote is not None:
        return Bundle.of_archive(place) if is_archived else _open_remote_folder(place.remote)
    if not place.disk.exists():
        raise InputNotFoundError(f"scene {place} does not exist; check the path")
    if is_archived and place.disk.is_file():
        return Bundle.of_archive(place)
    return Bundle.of_folder(place.disk if place.disk.is_dir() else place.disk.parent)
