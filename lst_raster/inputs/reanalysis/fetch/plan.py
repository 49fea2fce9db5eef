"""What is to be asked of a server for a scene: steps, area, files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from lst_raster.io.grid import Box

Say: TypeAlias = Callable[[str], None]
"""Takes a line of news for the user, such as a place in a queue."""
_HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One file that a server is asked for."""

    file: str
    """Name that it gets here."""
    details: Mapping[str, Any]
    """What is asked for, as the server takes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that a server is asked for, for one scene."""

    source: str
    """Name of the source."""
    steps: tuple[np.datetime64, ...]
    """Steps of the reanalysis, those around the scene's time, UTC."""
    box: Box
    """Area: the scene's, widened to whole cells and one more."""
    parts: tuple[Part, ...]
    """The files."""
    script: str
    """A text that fetches the same without this package: Python, or shell."""

    def as_json(self) -> str:
        """Write the plan as JSON."""
        area = {name: getattr(self.box, name) for name in ("south", "north", "west", "east")}
        entries = {
            "source": self.source,
            "steps": [str(step) for step in self.steps],
            "area": area,
            "files": [{"file": part.file, **part.details} for part in self.parts],
        }
        return json.dumps(entries, indent=2) + "\n"


class Source(Protocol):
    """A server of reanalysis."""

    def plan(
        self, stem: str, when: np.datetime64, box: Box, server: str | None, *, levels: bool = False
    ) -> Plan:  # fmt: skip
        """Say what is to be asked for.

        Parameters
        ----------
        stem : str
            Name of the scene, with which the files' names begin.
        when : numpy.datetime64
            Time of the scene, UTC.
        box : Box
            Extent of the scene.
        server : str or None
            Address of another server than the usual one.
        levels : bool
            Whether temperature and humidity on levels of pressure are to be asked for as well.
        """
        ...

    def download(self, plan: Plan, folder: Path, server: str | None, say: Say) -> None:
        """Write the plan's files into a folder.

        Raises
        ------
        MissingExtraError
            A package is missing that asks the server.
        RemoteAccessError
            There are no credentials, or they are refused.
        RemoteError
            The server does not answer, refuses, or sends too little.
        """
        ...


def steps_around(
    when: np.datetime64, past_the_hour: int = 0, hours: int = 1
) -> tuple[np.datetime64, np.datetime64]:  # fmt: skip
    """Find the steps of a reanalysis before (or at) and after a time.

    Parameters
    ----------
    when : numpy.datetime64
        The time, UTC.
    past_the_hour : int
        Minute of the steps.
    hours : int
        Distance of two steps, counted from midnight. [h]

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
    return first, first + hours * _HOUR


def by_day(steps: tuple[np.datetime64, ...]) -> dict[np.datetime64, list[np.datetime64]]:
    """Sort steps by their day, as servers keep them: those around midnight are of two."""
    days: dict[np.datetime64, list[np.datetime64]] = {}
    for step in steps:
        days.setdefault(step.astype("datetime64[D]"), []).append(step)
    return days


def stamp(step: np.datetime64) -> str:
    """Time for a file's name, ``20150719T1600``."""
    return str(step.astype("datetime64[m]")).replace("-", "").replace(":", "")
