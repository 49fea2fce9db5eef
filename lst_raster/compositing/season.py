"""Selection of products by date of acquisition."""

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
    """A range of days and a set of months."""

    first: datetime.date | None = None  # None for no limit
    last: datetime.date | None = None  # None for no limit
    months: frozenset[int] = frozenset()  # 1 to 12; empty for all

    @classmethod
    def parse(
        cls, first: str | datetime.date | None, last: str | datetime.date | None, months: str | Iterable[int]
    ) -> Self:
        """Parse days, months or years (2015-06-01, 2015-06, 2015) and months (6,7,8 or 6-8 or 12-2).

        Raise InputError if a date or a month is invalid, or the last day is before the first.

        Examples
        --------
        >>> sorted(Season.parse("2015", "2016-02", "11-1").months)
        [1, 11, 12]
        """
        begin, end = _parse_day(first, is_last=False), _parse_day(last, is_last=True)
        if begin is not None and end is not None and begin > end:
            raise InputError(f"the first day, {begin}, is after the last, {end}; swap them")
        return cls(first=begin, last=end, months=frozenset(_parse_months(months)))

    def __str__(self) -> str:
        parts = [f"from {self.first}"] if self.first else []
        parts += [f"to {self.last}"] if self.last else []
        parts += ["months " + ", ".join(str(month) for month in sorted(self.months))] if self.months else []
        return ", ".join(parts) or "all dates"

    def includes(self, date: AcquisitionDate | None) -> bool:
        """Whether a date, or the whole month if only the month is known, is within the season.

        Raise InputError if the date is unknown and the season is limited.
        """
        if self.first is None and self.last is None and not self.months:
            return True
        if date is None:
            raise InputError("has no date, which is needed to select by season; leave it out")
        begin = end = date.date
        if date.month_only:
            begin, end = begin.replace(day=1), end.replace(day=calendar.monthrange(end.year, end.month)[1])
        early = self.first is not None and begin < self.first
        late = self.last is not None and end > self.last
        return not early and not late and (not self.months or date.date.month in self.months)


def _parse_day(text: str | datetime.date | None, *, is_last: bool) -> datetime.date | None:
    """First or last day of a day, a month or a year."""
    if text is None or isinstance(text, datetime.date):
        return text
    match = _DAY.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError(text)
        year, month = int(match[1]), int(match[2] or (12 if is_last else 1))
        last_day = calendar.monthrange(year, month)[1]
        return datetime.date(year, month, int(match[3] or (last_day if is_last else 1)))
    except ValueError:  # also from calendar
        raise InputError(f"{text!r} is not a day, a month or a year; give 2015-06-01, 2015-06 or 2015") from None


def _parse_months(months: str | Iterable[int]) -> list[int]:
    if not isinstance(months, str):
        return [_check_month(month) for month in months]
    numbers: list[int] = []
    for part in months.split(","):
        match = _MONTHS.fullmatch(part.strip())
        if match is None:
            raise InputError(f"invalid months {months!r}; give 6,7,8 or 6-8 or 12-2")
        first, last = _check_month(int(match[1])), _check_month(int(match[2] or match[1]))
        numbers += [(first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1)]
    return numbers


def _check_month(month: int) -> int:
    if month not in range(1, 13):
        raise InputError(f"invalid month {month}; give numbers from 1 to 12")
    return int(month)
