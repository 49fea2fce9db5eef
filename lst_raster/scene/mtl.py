"""The metadata file of a Landsat product, `*_MTL.txt`, of Collections 1 and 2 and before."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lst_raster.errors import SceneError

_ENTRY = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")
_LIMIT = 1 << 20  # [byte], far above any real one; a wrong file is not read through
_CORNERS = ("UL", "UR", "LL", "LR")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mtl:
    """The entries of a metadata file, found by key whatever group they are in."""

    path: Path
    """The file."""
    entries: dict[str, str]
    """Value of every key, without quotes; of a key that comes twice, the first: the product's own, not its parent's."""

    @classmethod
    def beside(cls, scene: Path, stem: str) -> Self | None:
        """Read the metadata file that belongs to a scene, None where there is none.

        Parameters
        ----------
        scene : path
            The thermal band's file.
        stem : str
            The scene's name without the band's suffix; the file is `<stem>_MTL.txt`, in any case.

        Raises
        ------
        SceneError
            There is a file of that name, but it is not Landsat metadata.
        """
        wanted = f"{stem}_MTL.txt".lower()
        for path in sorted(scene.parent.iterdir()):
            if path.name.lower() == wanted and path.is_file():
                return cls.read(path)
        return None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a metadata file; some are padded with NUL characters.

        Raises
        ------
        SceneError
            The file is not Landsat metadata.
        """
        with path.open("rb") as file:
            text = file.read(_LIMIT).replace(b"\0", b"").decode("utf-8", errors="replace")
        entries: dict[str, str] = {}
        for line in text.splitlines():
            entry = _ENTRY.match(line)
            if entry and entry[1] not in ("GROUP", "END_GROUP"):
                entries.setdefault(entry[1], entry[2].strip('"'))
        if not entries or "GROUP" not in text:
            raise SceneError(f"{path} is not Landsat metadata (it has no GROUP of entries); replace or remove it")
        return cls(path=path, entries=entries)

    def number(self, key: str) -> float | None:
        """Value of an entry as a number, None where there is no such entry.

        Raises
        ------
        SceneError
            The entry is not a finite number.
        """
        text = self.entries.get(key)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise SceneError(f"{self.path} has {key} = {text}, which is not a number; replace the file")
        return value

    def latitude(self) -> float | None:
        """Latitude of the product's centre, None where its corners are not given. [degree]"""
        corners = [self.number(f"CORNER_{corner}_LAT_PRODUCT") for corner in _CORNERS]
        known = [corner for corner in corners if corner is not None]
        return sum(known) / len(known) if known else None
