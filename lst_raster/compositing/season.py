"""Which products are taken, by the date on which their scene was taken."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from lst_raster.errors import InputError
from lst_raster.io.landsat import AcquisitionDate

_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MONTHS = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Season:
    """A span of days, and months of the year."""

    first: datetime.date | None = None
    """First day, None for no limit."""
    last: datetime.date | None = None
    """Last day, None for no limit."""
    months: frozenset[int] = frozenset()
    """Months, 1 to 12; none for all."""

    @classmethod
    def parse(
        cls, first: str | datetime.date | None, last: str | datetime.date | None, months: str | Iterable[int]
    ) -> Self:
        """Read what a user gives.

        Parameters
        ----------
        first, last : str or date, optional
            Day, month or year, such as ``2015-06-01``, ``2015-06`` or ``2015``: its first and its last day.
        months : str or iterable of int
            Months of the year, such as ``6,7,8``, ``6-8`` or ``12-2``.

        Raises
        ------
        InputError
            A date or a month is none, or the last day lies before the first.

        Examples
        --------
        >>> sorted(Season.parse("2015", "2016-02", "11-1").months)
        [1, 11, 12]
        """
        span = _end(first, 0), _end(last, -1)
        if span[0] is not None and span[1] is not None and span[0] > span[1]:
            raise InputError(f"the first day, {span[0]}, is after the last, {span[1]}; swap them")
        return cls(first=span[0], last=span[1], months=frozenset(_months(months)))

    def __str__(self) -> str:
        parts = [f"from {self.first}"] if self.first else []
        parts += [f"to {self.last}"] if self.last else []
        parts += ["months " + ", ".join(str(month) for month in sorted(self.months))] if self.months else []
        return ", ".join(parts) or "all dates"

    @property
    def takes_all(self) -> bool:
        """Whether every product is taken, even one without a date."""
        return self.first is None and self.last is None and not self.months

    def takes(self, date: AcquisitionDate | None) -> bool:
        """Whether a date is within; of a date of which only the month is known the whole month must be.

        Raises
        ------
        InputError
            The date is not known, and it matters.
        """
        if self.takes_all:
            return True
        if date is None:
            raise InputError("has no date, so that nothing tells whether it lies in the season; leave it out")
        begin, end = _span(date)
        early = self.first is not None and begin < self.first
        late = self.last is not None and end > self.last
        return not early and not late and (not self.months or date.date.month in self.months)


def _span(date: AcquisitionDate) -> tuple[datetime.date, datetime.date]:
    if not date.month_only:
        return date.date, date.date
    _, days = calendar.monthrange(date.date.year, date.date.month)
    return date.date.replace(day=1), date.date.replace(day=days)


def _end(text: str | datetime.date | None, side: int) -> datetime.date | None:
    """First (0) or last (-1) day of a day, a month or a year."""
    if text is None or isinstance(text, datetime.date):
        return text
    found = _DAY.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError("another form")
        year, month, day = (int(part) if part else None for part in found.groups())
        assert year is not None
        months = (month or 1, month or 12)
        days = (day or 1, day or calendar.monthrange(year, months[1])[1])
        return datetime.date(year, months[side], days[side])
    except (ValueError, IndexError):
        raise InputError(f"{text!r} is not a day, a month or a year; give 2015-06-01, 2015-06 or 2015") from None


def _months(given: str | Iterable[int]) -> list[int]:
    if not isinstance(given, str):
        return [_month(month) for month in given]
    months: list[int] = []
    for part in given.split(","):
        found = _MONTHS.fullmatch(part.strip())
        if found is None:
            raise InputError(f"months {given!r} are none; give 6,7,8 or 6-8 or 12-2")
        first, last = _month(int(found[1])), _month(int(found[2] or found[1]))
        months += [(first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1)]
    return months


def _month(month: int) -> int:
    if month not in range(1, 13):
        raise InputError(f"there is no month {month}; give numbers from 1 to 12")
    return int(month)
