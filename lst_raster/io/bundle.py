"""Files of one scene, in a folder, an archive or on a server."""

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

TEXT_LIMIT = 1 << 20  # [byte], far above any metadata file; a wrong one is not read through
_ENDINGS = r"\.(?:zip|tar(?:\.gz|\.bz2|\.xz)?|tgz|tbz2?|txz)"
ARCHIVE = re.compile(f"{_ENDINGS}$", re.IGNORECASE)
"""Ending of the names of archives that can be read."""
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_COMPRESSED = re.compile(r"\.(tar\.(gz|bz2|xz)|tgz|tbz2?|txz)$", re.IGNORECASE)
_BY_PYTHON = re.compile(r"\.(tar\.(bz2|xz)|tbz2?|txz)$", re.IGNORECASE)  # GDAL reads neither bzip2 nor xz
_ENCRYPTED = 0x1  # bit of a ZIP member's flags
_VIRTUAL = re.compile(
    rf"/vsi(?:zip|tar)/(?:\{{(?P<braced>[^}}]+)\}}|(?P<plain>.+?{_ENDINGS}))(?:/+(?P<member>.*))?", re.IGNORECASE
)
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
    is_unpacked: bool = False
    """Whether GDAL cannot read it in its archive, so that it is unpacked to be read."""
    content: bytes | None = field(default=None, repr=False, compare=False)
    """What it holds, where that was read already: finding it again in an archive takes long."""

    @classmethod
    def of(cls, path: str | Location) -> Self:
        """Take what a user names: a path, or an ``https``, ``http`` or ``s3`` address.

        Raises
        ------
        InputNotFoundError
            It is an address of another kind.

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
                f"{path} is a path of a GDAL file system that is not read; give the file or the archive itself, or "
                "/vsizip/ARCHIVE/FILE or /vsitar/ARCHIVE/FILE"
            )
        archive = cls.of(found["braced"] or found["plain"])
        root = Path("/") / archive.disk
        if archive.remote is None and not archive.disk.exists() and root.exists():
            archive = cls(disk=root)  # a Path makes one slash of the two before an absolute path
        member = posixpath.normpath(found["member"]) if found["member"] else None
        return replace(archive, member=member, is_unpacked=bool(member and _BY_PYTHON.search(archive.name)))

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
            system = "zip" if _ZIP.search(self.location.name) else "tar"
            return f"/vsi{system}/{{{archive}}}/{self.member}"
        return self.remote.gdal if self.remote else str(self.disk)

    @property
    def location(self) -> Location:
        """The file on disk or on a server; of one in an archive the archive."""
        return self.remote or self.disk

    @property
    def label(self) -> str:
        """Name for people and provenance: with its archive, without folders."""
        return f"{self.location.name}/{self.name}" if self.member else self.name

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
        """Look into a folder, not into those below it; hidden files are left out."""
        files = (file for file in sorted(path.iterdir()) if not is_hidden(file.name) and file.is_file())
        return cls(path=path, places=by_name(Place(disk=file) for file in files))

    @classmethod
    def of_archive(cls, place: Place) -> Self:
        """Look into a ZIP or tar file; metadata are read on the way, nothing is unpacked.

        Parameters
        ----------
        place : Place
            The archive; or a file or a folder in it, then what is in the same folder, or in that one, is taken.

        Raises
        ------
        SceneError
            It is not an archive, or a damaged one, or a compressed one on a server.
        RemoteError
            The server does not give it.
        """
        whole = replace(place, member=None, is_unpacked=False)
        named = PurePosixPath(place.member or "")
        folder = str(named.parent if named.suffix else named)
        if whole.remote is not None and _COMPRESSED.search(whole.name):
            _refuse_compressed(whole)
        is_zip = _ZIP.search(whole.name) is not None
        try:
            members = (_of_zip if is_zip else _of_tar)(whole)
            inside = [file for file in members if folder == "." or f"{file.member}".startswith(f"{folder}/")]
        except (
            tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, OSError, EOFError, zlib.error, NotImplementedError,
        ) as error:  # fmt: skip
            reason = str(error).partition(":")[0]  # of an archive that cannot be opened a list follows
            raise SceneError(
                f"{whole} is not a {'zip' if is_zip else 'tar'} archive, or truncated or damaged ({reason}); "
                "fetch it again"
            ) from error
        return cls(path=whole.location, places=by_name(inside))

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


def is_hidden(name: str) -> bool:
    """Whether a file is hidden, by its name, or by the folders in it: ``._*`` and ``__MACOSX`` are of macOS.

    Examples
    --------
    >>> is_hidden("._LC08_x_B10.TIF"), is_hidden("__MACOSX/LC08_x_B10.TIF"), is_hidden("./LC08_x_B10.TIF")
    (True, True, False)
    """
    return any(
        part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in PurePosixPath(name).parts
    )


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


def opened_archive(place: Place) -> Any:
    """Open the archive in which a place lies, a `zipfile.ZipFile` or a `tarfile.TarFile`; use it in a ``with``."""
    is_zip = _ZIP.search(place.location.name)
    if place.remote is not None:
        return _opened_remote(place.remote, is_zip=bool(is_zip))
    return zipfile.ZipFile(place.disk) if is_zip else tarfile.open(place.disk)


@contextmanager
def _opened_remote(address: Address, *, is_zip: bool) -> Iterator[Any]:
    with (
        RemoteFile.buffered(address) as file,
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
        _read_to_the_end(archive, place)
    return [replace(file, is_unpacked=_BY_PYTHON.search(place.name) is not None) for file in found]


def _of_zip(place: Place) -> list[Place]:
    """Files in a ZIP archive."""
    with opened_archive(place) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_hidden(entry.filename)]
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise SceneError(f"{place} is encrypted; unpack it first")
        if place.remote is not None and any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            _refuse_compressed(place)
        return [
            replace(
                _member(place, entry.filename, partial(archive.open, entry)),
                is_unpacked=entry.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
            )
            for entry in entries
        ]


def _refuse_compressed(place: Place) -> None:
    raise SceneError(f"{place} is compressed, and would be fetched whole for every block; fetch it once first")


def _read_to_the_end(archive: tarfile.TarFile, place: Place) -> None:
    """Read what follows the last member of a compressed archive: behind it stands the checksum of all before."""
    if _COMPRESSED.search(place.name) and archive.fileobj is not None:
        while archive.fileobj.read(TEXT_LIMIT):
            pass


def _member(archive: Place, name: str, opened: Callable[[], IO[bytes]]) -> Place:
    name = posixpath.normpath(name)
    if not _METADATA.search(name):
        return replace(archive, member=name)
    with opened() as file:
        return replace(archive, member=name, content=file.read(TEXT_LIMIT))


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
    if not address.is_object:
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
    named = folder.url != address.inside().url
    try:
        files = list_objects(folder)
    except RemoteAccessError:
        if not named:
            raise
        return None
    if not files and not named:
        raise InputNotFoundError(f"scene {folder} holds no files; check the address")
    return Bundle(path=folder, places=by_name(Place.at(file) for file in files if not is_hidden(file.name)))


def open_bundle(path: Path | Place) -> Bundle:
    """Look at the files that a path stands for, or beside it.

    Parameters
    ----------
    path : path or Place
        Folder, archive, or any file in a folder or in an archive; of a place that is no folder on disk, on a server
        too.

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
    place = Place.of(path) if isinstance(path, Path) else path
    if place.member or is_archive(place):
        if place.remote is None and not place.disk.exists():
            raise InputNotFoundError(f"scene {place} does not exist; check the path")
        if place.remote is not None or place.disk.is_file():
            return Bundle.of_archive(place)
    if place.remote is not None:
        return open_remote_folder(place.remote)
    if not place.disk.exists():
        raise InputNotFoundError(f"scene {place} does not exist; check the path")
    return Bundle.of_folder(place.disk if place.disk.is_dir() else place.disk.parent)
