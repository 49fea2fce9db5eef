"""A scene of a list: where it lies, what is stated of it, and what it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from lst_raster.errors import InputNotFoundError, RemoteAccessError, SceneError
from lst_raster.scene.address import Address, without_secrets
from lst_raster.scene.bundle import ARCHIVE, Place, is_archive, is_metadata, metadata_stem
from lst_raster.scene.landsat import read_file_name

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
