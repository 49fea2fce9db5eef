"""The files beside one on a server: those of a store are listed, those of a web server are asked for by name."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lst_raster.errors import InputNotFoundError, RemoteAccessError, SceneError
from lst_raster.scene.address import Address
from lst_raster.scene.bundle import TEXT_LIMIT, Bundle, Place, by_name
from lst_raster.scene.servers.read import fetch

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
    from lst_raster.scene.servers.s3 import list_objects

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
