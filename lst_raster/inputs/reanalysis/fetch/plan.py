"""Download plans: time steps, area and files to request from a server for a scene."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from lst_raster.io.grid import Box

Say: TypeAlias = Callable[[str], None]  # Receives one-line messages for the user, such as the position in a queue
Steps: TypeAlias = tuple[np.datetime64, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One file to download."""

    file: str  # Local file name
    details: Mapping[str, Any]  # Request in the form of the server
    size: int  # Bytes to transfer, at most, as far as known without the server


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All files to download for one scene."""

    source: str  # Name of the source
    steps: Steps  # Time steps of the reanalysis around the time of the scene, UTC
    box: Box  # Area: that of the scene, extended to whole cells and by one more
    parts: tuple[Part, ...]  # The files
    script: str  # Python or shell script that downloads the same files without this package

    def as_json(self) -> str:
        """Plan as JSON."""
        entries = {
            "source": self.source,
            "steps": [str(step) for step in self.steps],
            "area": {name: getattr(self.box, name) for name in ("south", "north", "west", "east")},
            "files": [{"file": part.file, **part.details} for part in self.parts],
        }
        return json.dumps(entries, indent=2) + "\n"


class Source(Protocol):
    """Functions of a module that downloads from a server."""

    def plan(self, stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False) -> Plan:
        """Plan the downloads for the time and extent of a scene.

        File names begin with `stem`. `server` is an address other than the default. With `levels`, temperature and
        humidity on pressure levels are included.
        """

    def download(self, plan: Plan, folder: Path, server: str | None, say: Say) -> Iterator[Part]:
        """Write the files of the plan into a folder, and yield each part when its file is complete.

        Raises MissingExtraError if the client package is missing, RemoteAccessError for missing or refused credentials,
        RemoteError if the server fails or sends incomplete data.
        """


def steps_around(when: np.datetime64, past_the_hour: int = 0, hours: int = 1) -> Steps:
    """Find the time steps before (or at) and after a time, at a minute past the hour, every some hours from midnight.

    Examples
    --------
    >>> [str(step) for step in steps_around(np.datetime64("2015-12-31T23:20:00"), past_the_hour=30)]
    ['2015-12-31T22:30:00', '2015-12-31T23:30:00']
    >>> [str(step) for step in steps_around(np.datetime64("2015-12-31T23:20:00"), hours=3)]
    ['2015-12-31T21:00:00', '2016-01-01T00:00:00']
    """
    minutes = np.timedelta64(past_the_hour, "m")
    hour = (when.astype("datetime64[s]") - minutes).astype("datetime64[h]")
    since_midnight = (hour - hour.astype("datetime64[D]")) % np.timedelta64(hours, "h")
    first = (hour - since_midnight).astype("datetime64[s]") + minutes
    return first, first + np.timedelta64(hours, "h")


def by_day(steps: Steps) -> dict[np.datetime64, list[np.datetime64]]:
    """Group time steps by day, as servers store them."""
    days: dict[np.datetime64, list[np.datetime64]] = {}
    for step in steps:
        days.setdefault(step.astype("datetime64[D]"), []).append(step)
    return days


def stamp(step: np.datetime64) -> str:
    """Time for a file name, ``20150719T1600``."""
    return str(step.astype("datetime64[m]")).replace("-", "").replace(":", "")


def values_in(box: Box, row: float, column: float) -> int:
    """Number of grid points in a box, at most, for steps of a grid. [degree]"""
    return (round((box.north - box.south) / row) + 1) * (round((box.east - box.west) / column) + 1)
