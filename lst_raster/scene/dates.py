"""The date of a scene, to the day or to the month."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from lst_raster.errors import InputError

_MIDDLE = 15  # day that stands for a month of which the day is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquisitionDate:
    """Day on which a scene was taken, or only the month where the day is not known."""

    date: datetime.date
    """The day; the middle of the month where only that is known."""
    month_only: bool = False
    """Whether the day is not known."""

    @classmethod
    def parse(cls, text: str) -> AcquisitionDate:
        """Read an ISO 8601 date, ``2015-01-17`` or ``2015-01``.

        Raises
        ------
        InputError
            The text is neither.

        Examples
        --------
        >>> str(AcquisitionDate.parse("2015-01"))
        '2015-01'
        """
        found = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2}))?", text.strip())
        try:
            if found is None:
                raise ValueError("another form")
            year, month, day = found.groups()
            return cls(date=datetime.date(int(year), int(month), int(day or _MIDDLE)), month_only=day is None)
        except ValueError:
            raise InputError(f"date {text!r} is not a day such as 2015-01-17 or a month such as 2015-01") from None

    @property
    def day_of_year(self) -> int:
        """Day of the year, 1 to 366."""
        return self.date.timetuple().tm_yday

    def __str__(self) -> str:
        return f"{self.date:%Y-%m}" if self.month_only else self.date.isoformat()
