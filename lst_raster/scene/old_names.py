"""Names of Landsat products made before 2012: `L5092085_08520100315_B60.TIF`, `L71..._B61.TIF`, `L72..._B62.TIF`."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

# Satellite, for Landsat 7 the part of the product that a file belongs to, path and row, date, and band.
_NAME = re.compile(r"^L([457])([12]?)(\d{6}_\d{3})(\d{8})(?:_B(\d)(\d))?$", re.IGNORECASE)
_NUMBERS = {"B6": "60", "B6_VCID_1": "61", "B6_VCID_2": "62"}
_SECOND_PART = ("62", "70", "80")  # bands of Landsat 7 in files that begin with L72


@dataclass(frozen=True, kw_only=True, slots=True)
class OldName:
    """What such a name tells."""

    stem: str
    """Name of the scene: that of its metadata file, whatever part the band belongs to."""
    band: str | None
    """The band's suffix as newer products write it, ``B6`` or ``B6_VCID_1``; None where the name has none."""
    satellite: int
    """Number of the Landsat satellite."""
    date: datetime.date
    """Day of acquisition."""


def read_old_name(stem: str) -> OldName | None:
    """Read the name of a file, without its extension; None where it is not of that kind.

    Examples
    --------
    >>> found = read_old_name("L72092085_08520100315_B62")
    >>> found.stem, found.band, found.satellite
    ('L71092085_08520100315', 'B6_VCID_2', 7)
    """
    found = _NAME.match(stem)
    if found is None:
        return None
    satellite, part, place, day, number, channel = found.groups()
    try:
        date = datetime.datetime.strptime(day, "%Y%m%d").date()
    except ValueError:
        return None
    names = {digits: suffix for suffix, digits in _NUMBERS.items()}
    band = names.get(number + channel, f"B{number}") if number else None
    first = "1" if part else ""
    return OldName(stem=f"L{satellite}{first}{place}{day}", band=band, satellite=int(satellite), date=date)


def file_stems(stem: str, suffix: str) -> list[str]:
    """Names, without extension, that a file of a scene may have.

    Parameters
    ----------
    stem : str
        Name of the scene.
    suffix : str
        The band's suffix, for example ``B6`` or ``QA_PIXEL``.

    Examples
    --------
    >>> file_stems("LC08_x", "B10"), file_stems("L71092085_08520100315", "B6_VCID_2")
    (['LC08_x_B10'], ['L72092085_08520100315_B62'])
    """
    band = re.fullmatch(r"B(\d)", suffix)
    digits = _NUMBERS.get(suffix) or (f"{band[1]}0" if band else None)
    if digits is None or read_old_name(stem) is None:
        return [f"{stem}_{suffix}"]
    second = stem[:2] == "L7" and digits in _SECOND_PART
    return [f"{'L72' + stem[3:] if second else stem}_B{digits}"]
