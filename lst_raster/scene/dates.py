"""The date of a scene, to the day or to the month."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from typing import Self

from lst_raster.errors import InputError

_MIDDLE = 15  # day that stands for a month of which the day is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquisitionDate:
    """Day on which a scene was taken, or only the month where the day is not known."""

    date: datetime.date
    """The day; the middle of the month where only that is known."""
    month_only: bool = False
    """Whether the day is not known."""
    time: datetime.time | None = None
    """Time of the day, UTC, None where it is not known."""

    @classmethod
    def parse(cls, text: str) -> AcquisitionDate:
        """Read an ISO 8601 date, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``.

        Raises
        ------
        InputError
            The text is none of these.

        Examples
        --------
        >>> str(AcquisitionDate.parse("2015-01"))
        '2015-01'
        """
        text = text.strip()
        found = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2})(?:[T ](.+))?)?", text)
        try:
            if found is None:
                raise ValueError("another form")
            year, month, day, clock = found.groups()
            date = datetime.date(int(year), int(month), int(day or _MIDDLE))
            return cls(date=date, month_only=day is None, time=_time(clock) if clock else None)
        except ValueError:
            raise InputError(
                f"date {text!r} is not a day such as 2015-01-17 or a month such as 2015-01, "
                "nor a time such as 2015-01-17T16:20"
            ) from None

    def at(self, day: str | None, clock: str | None) -> Self:
        """Add the time of the day from a scene's metadata, if they are of this day and have one.

        Parameters
        ----------
        day, clock : str or None
            The metadata's day, and the time such as ``16:19:21.7917421Z``, UTC.
        """
        if self.time is not None or self.month_only or clock is None or day != self.date.isoformat():
            return self
        try:
            return replace(self, time=_time(clock))
        except ValueError:
            return self

    @property
    def moment(self) -> datetime.datetime | None:
        """Date and time, UTC, None where the time is not known."""
        return datetime.datetime.combine(self.date, self.time) if self.time is not None else None

    @property
    def day_of_year(self) -> int:
        """Day of the year, 1 to 366."""
        return self.date.timetuple().tm_yday

    def __str__(self) -> str:
        return f"{self.date:%Y-%m}" if self.month_only else self.date.isoformat()


def _time(text: str) -> datetime.time:
    """Time of the day, UTC, to the second.

    Raises
    ------
    ValueError
        The text is none.
    """
    found = re.fullmatch(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?Z?", text.strip())
    if found is None:
        raise ValueError("another form")
    hour, minute, second = (int(part) for part in found.groups("0"))
    return datetime.time(hour, minute, second)
