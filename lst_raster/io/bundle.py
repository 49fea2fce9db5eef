"""Files in a folder, in an archive or on a server; those that GDAL cannot read in their archive are unpacked once."""

from __future__ import annotations

import atexit
import logging
import lzma
import os
import posixpath
import re
import shutil
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeAlias

from lst_raster.errors import InputNotFoundError, RemoteAccessError, SceneError
from lst_raster.io.address import Address, Location, location_of
from lst_raster.io.grid import Box
from lst_raster.io.remote import RemoteFile, fetch, list_objects

_LOGGER = logging.getLogger(__name__)
_TEXT_LIMIT = 1 << 20  # [byte], far above any metadata file; a wrong file is not read completely
_ENDINGS = r"\.(?:zip|tar(?:\.gz|\.bz2|\.xz)?|tgz|tbz2?|txz)"
ARCHIVE = re.compile(f"{_ENDINGS}$", re.IGNORECASE)  # extensions of archives that can be read
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_COMPRESSED = re.compile(r"\.(tar\.(gz|bz2|xz)|tgz|tbz2?|txz)$", re.IGNORECASE)
_BY_PYTHON = re.compile(r"\.(tar\.(bz2|xz)|tbz2?|txz)$", re.IGNORECASE)  # tar files that GDAL cannot read
_VIRTUAL = re.compile(
    rf"/vsi(?:zip|tar)/(?:\{{(?P<braced>[^}}]+)\}}|(?P<plain>.+?{_ENDINGS}))(?:/+(?P<member>.*))?", re.IGNORECASE
)
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, OSError, EOFError, zlib.error)
_METADATA = re.compile(r"_MTL\.(txt|xml|json)$", re.IGNORECASE)
_TEXT = re.compile(r"_(MTL\.(txt|xml|json)|ANG\.txt)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Location of one file: on disk or on a server, by itself or in an archive."""

    disk: Path
    """Path of the file or of the archive that contains it; for a remote file its address, which is not a path."""
    remote: Address | None = None  # address of the file or the archive on a server, None on disk
    member: str | None = None  # name in the archive, None for a file that is not in one
    is_unpacked: bool = False  # whether it must be unpacked for reading, as GDAL cannot read it in its archive
    band: int | None = None  # number of the band, from 1, in a raster of several, None for a raster of one
    title: str | None = None  # name of a file of this band alone
    content: bytes | None = field(default=None, repr=False, compare=False)
    """Content, if already read while listing an archive: a second search would be slow."""
    box: Box | None = None  # box of latitude and longitude outside which a raster is not read, None for all of it

    @classmethod
    def of(cls, path: str | Location | Place) -> Place:
        """Parse a path, an address, or ``/vsizip`` or ``/vsitar`` and an archive's path and member.

        Raises InputNotFoundError for unsupported URL schemes and GDAL file systems.
        """
        if isinstance(path, Place):
            return path
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
        """Name of the file, or that of a file of the band alone, without folder or archive."""
        if self.title:
            return self.title
        if self.member:
            return posixpath.basename(self.member)
        return self.remote.name if self.remote else self.disk.name

    @property
    def address(self) -> str:
        """Name with which GDAL opens the file or its band; archives are read without unpacking."""
        return self.of_band(self.file_address)

    def of_band(self, address: str) -> str:
        """Name with which GDAL opens the band of a file that it opens as `address`.

        SceneError for the names of files that GDAL cannot combine with the number of a band.
        """
        if self.band is None:
            return address
        if "?" in address or "&" in address:
            raise SceneError(
                f"{self.location} has several bands, and a name with ? or &, which GDAL takes for options; rename it"
            )
        return f"vrt://{address}?bands={self.band}"

    @property
    def file_address(self) -> str:
        """Name with which GDAL opens the file; archives are read without unpacking."""
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
        """Name for messages and provenance: with its archive, or its raster of several bands, without folders."""
        if self.title:
            return f"{PurePosixPath(self.member).name if self.member else self.location.name}/{self.title}"
        return f"{self.location.name}/{self.name}" if self.member else self.name

    def __str__(self) -> str:
        file = f"{self.location}/{self.member}" if self.member else str(self.location)
        return f"{file}, band {self.band}," if self.band is not None else file

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
    endings: tuple[str, ...] = (".tif", ".tiff")  # possible extensions of rasters

    @classmethod
    def of_archive(cls, place: Place) -> Self:
        """List a ZIP or tar file, or the folder in it that contains `place`; text files are read at the same time.

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
        except (*_DAMAGED, NotImplementedError) as error:
            reason = str(error).partition(":")[0]  # tarfile's message continues with a list of formats
            raise SceneError(
                f"{whole} is not a {'zip' if is_zip else 'tar'} archive, or is truncated or damaged ({reason}); "
                "download it again"
            ) from error
        inside = [file for file in members if folder == "." or f"{file.member}".startswith(f"{folder}/")]
        return cls(path=whole.location, places=_by_name(inside))

    def find(self, name: str | None) -> Place | None:
        """Find a file by its name; None if there is none."""
        return self.places.get(name.lower()) if name else None

    def within(self, box: Box | None) -> Self:
        """Bundle of the same files, of which only the part in a box is read."""
        return replace(self, places={name: replace(place, box=box) for name, place in self.places.items()})

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
    """Whether a file or one of its folders is hidden, or one that macOS adds: ``._*``, ``__MACOSX``."""
    parts = PurePosixPath(name).parts
    return any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts)


def metadata_stem(name: str) -> str:
    """Name of the scene of a metadata file."""
    return _METADATA.sub("", name)


def _by_name(places: Iterable[Place]) -> dict[str, Place]:
    """Places by their names in lower case, the first of each."""
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(place.name.lower(), place)
    return found


@contextmanager
def _opened_archive(place: Place) -> Iterator[Any]:
    """Open the archive of a place as `zipfile.ZipFile` or `tarfile.TarFile`."""
    # The buffer combines small reads of a remote file into one request.
    with BufferedReader(RemoteFile(place.remote), 1 << 16) if place.remote else place.disk.open("rb") as file:
        if _ZIP.search(place.location.name):
            with zipfile.ZipFile(file) as archive:
                yield archive
        else:
            with tarfile.open(fileobj=file, mode="r:" if place.remote else "r:*") as archive:
                yield archive


def _of_tar(place: Place) -> list[Place]:
    """Files in a tar archive, which is read to its end."""
    archived = replace(place, is_unpacked=_BY_PYTHON.search(place.name) is not None)
    found = []
    with _opened_archive(place) as archive:
        for entry in archive:
            if entry.isfile() and not is_hidden(entry.name):
                is_text = _TEXT.search(entry.name)
                content = archive.extractfile(entry).read(_TEXT_LIMIT) if is_text else None
                found.append(replace(archived, member=posixpath.normpath(entry.name), content=content))
        if _COMPRESSED.search(place.name):  # read to the end: the checksum of the archive follows its last member
            while archive.fileobj.read(_TEXT_LIMIT):
                pass
    return found


def _of_zip(place: Place) -> list[Place]:
    found = []
    with _opened_archive(place) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_hidden(entry.filename)]
        if any(entry.flag_bits & 0x1 for entry in entries):
            raise SceneError(f"{place} is encrypted; unpack it first")
        if place.remote is not None and any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            _refuse_compressed(place)
        for entry in entries:
            content = None
            if _TEXT.search(entry.filename):
                with archive.open(entry) as file:
                    content = file.read(_TEXT_LIMIT)
            is_unpacked = entry.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
            member = posixpath.normpath(entry.filename)
            found.append(replace(place, member=member, content=content, is_unpacked=is_unpacked))
    return found


def _refuse_compressed(place: Place) -> None:
    raise SceneError(
        f"{place} is compressed, and would be downloaded completely for every block; download it once first"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class UnlistedBundle(Bundle):
    """Files of a folder that cannot be listed: each is requested by name."""

    folder: Address  # any file in the folder
    requested: dict[str, Place | None] = field(default_factory=dict)  # results of earlier requests

    def find(self, name: str | None) -> Place | None:
        """Find a file by its name, which is case-sensitive; None if there is none or the server refuses access."""
        if name and name not in self.requested:
            self.requested[name] = self._request(name, 16)  # bytes, enough to see that it exists
        return self.requested[name] if name else None

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
    """Open the folder of a file on a server, or a folder of an object store, recognised by its missing extension."""
    ending = PurePosixPath(address.name).suffix
    if address.is_object:
        folder = address.parent if ending else address.inside()
        is_folder = folder.url == address.inside().url
        try:
            files = list_objects(folder)
            if not files and is_folder:
                raise InputNotFoundError(f"scene {folder} holds no files; check the address")
            return Bundle(path=folder, places=_by_name(Place.at(file) for file in files if not is_hidden(file.name)))
        except RemoteAccessError:
            if is_folder:
                raise
    elif not ending:
        raise SceneError(
            f"{address} is a folder on a web server, which cannot be listed; give the address of the scene's "
            "*_MTL.txt or of its thermal band"
        )
    ending = ending if ending.lower() in (".tif", ".tiff") else ".TIF"
    # Names on servers are case-sensitive: the extension is that of the given file.
    return UnlistedBundle(path=address.parent, places={}, folder=address, endings=(ending,))


def open_bundle(path: str | Location | Place) -> Bundle:
    """List a folder, an archive, or the folder of a file, without subfolders and hidden files, on disk or on a server.

    Raises InputNotFoundError for a missing path, SceneError for a damaged archive, RemoteError for a server error.
    """
    place = Place.of(path)
    return _open_bundle(place).within(place.box)


def _open_bundle(place: Place) -> Bundle:
    is_archived = bool(place.member) or is_archive(place)
    if place.remote is not None:
        return Bundle.of_archive(place) if is_archived else _open_remote_folder(place.remote)
    if not place.disk.exists():
        raise InputNotFoundError(f"scene {place} does not exist; check the path")
    if is_archived and place.disk.is_file():
        return Bundle.of_archive(place)
    folder = place.disk if place.disk.is_dir() else place.disk.parent
    files = (file for file in sorted(folder.iterdir()) if not is_hidden(file.name) and file.is_file())
    return Bundle(path=folder, places=_by_name(Place(disk=file) for file in files))


_Key: TypeAlias = tuple[str, int, int, str | None]
_KEPT = 8  # number of files kept unpacked: those of a scene are read several times, by several threads
_UNPACKED: dict[_Key, _File] = {}
_LOCK = threading.Lock()


@dataclass(kw_only=True, slots=True)
class _File:
    path: Path  # in a folder that contains nothing else
    process: int  # process that unpacked the file
    users: int = 0  # number of blocks that use the file now

    def remove(self) -> None:
        if self.process == os.getpid():  # a forked process has a copy of the object, not of the file
            shutil.rmtree(self.path.parent, ignore_errors=True)


@contextmanager
def unpacked(place: Place) -> Iterator[str]:
    """Unpack a file of an archive on disk, unless it is unpacked already; yield its path, valid within the block.

    Raises InputNotFoundError without such a file, SceneError for a damaged archive or a full disk.
    """
    state = place.disk.stat()
    key = (str(place.disk.absolute()), state.st_mtime_ns, state.st_size, place.member)
    with _LOCK:
        file = _UNPACKED.pop(key, None) or _unpack(place)
        _UNPACKED[key] = file  # in the order of use
        file.users += 1
    try:
        yield str(file.path)
    finally:
        with _LOCK:
            file.users -= 1
            for old in [key for key, other in list(_UNPACKED.items())[:-_KEPT] if not other.users]:
                _UNPACKED.pop(old).remove()


def _unpack(place: Place) -> _File:
    file = _File(path=Path(tempfile.mkdtemp(prefix="lst-raster-")) / place.name, process=os.getpid())
    try:
        with _opened_archive(place) as archive, _open_member(archive, place) as source:
            _copy(source, file.path, place)
    except _DAMAGED as error:
        file.remove()
        raise SceneError(
            f"{place} cannot be unpacked: the archive is truncated or damaged; download it again"
        ) from error
    except BaseException:
        file.remove()
        raise
    return file


@atexit.register
def _remove_all() -> None:
    for file in _UNPACKED.values():
        file.remove()


def _open_member(archive: Any, place: Place) -> Any:
    is_zip = isinstance(archive, zipfile.ZipFile)
    names = archive.namelist() if is_zip else archive.getnames()
    name = next((name for name in names if posixpath.normpath(name) == place.member), None)
    if name is None:
        raise InputNotFoundError(f"{place} does not exist; check the name of the file in the archive")
    return archive.open(name) if is_zip else archive.extractfile(name)


def _copy(source: Any, path: Path, place: Place) -> None:
    with path.open("wb") as target:
        while part := source.read(1 << 20):
            try:
                target.write(part)
            except OSError as error:  # on writing; an error on reading is handled as a damaged archive
                raise SceneError(
                    f"{place} cannot be stored as a temporary file ({error.strerror or error}); set TMPDIR, or "
                    "unpack it first"
                ) from error
