"""Approximate boxes of the continents, to exclude one from training."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""South, north, west, east, inclusive. [degree]"""

BOXES: Mapping[str, tuple[Box, ...]] = MappingProxyType(
    {
        "Africa": ((-36.0, 12.0, -20.0, 52.0), (12.0, 20.0, -20.0, 38.5), (20.0, 31.0, -20.0, 34.5),
                   (31.0, 37.5, -11.0, 12.0), (31.0, 33.5, 12.0, 34.5)),
        "Australia": ((-48.0, -10.5, 112.0, 180.0), (-10.5, 0.0, 130.0, 165.0)),
        "South America": ((-57.0, 7.5, -93.0, -34.0), (7.5, 12.5, -77.0, -58.0)),
        "North America": ((7.5, 84.0, -168.0, -52.0), (59.0, 84.0, -52.0, -12.0)),
        "Eurasia": ((0.0, 84.0, -12.0, 180.0), (-10.5, 0.0, 90.0, 130.0), (60.0, 84.0, -180.0, -168.0)),
    }
)  # fmt: skip
"""Continents with their coastal seas and islands. A point in boxes of several continents belongs to the first;
Antarctica and the open oceans belong to none."""


def continent_of(latitude: NDArray[np.floating], longitude: NDArray[np.floating]) -> NDArray[np.str_]:
    """Names of the continents (keys of `BOXES`, "" for none) of coordinates [degree], longitudes of any period.

    Examples
    --------
    >>> continent_of(np.array([52.0, -3.0, -25.0, 40.0, -75.0]), np.array([13.0, 300.0, 135.0, 255.0, 0.0])).tolist()
    ['Eurasia', 'South America', 'Australia', 'North America', '']
    """
    east = (np.asarray(longitude) + 180.0) % 360.0 - 180.0
    found = np.full(np.shape(latitude), "", dtype="<U13")
    for name, boxes in BOXES.items():
        for south, north, west, end in boxes:
            inside = (latitude >= south) & (latitude <= north) & (east >= west) & (east <= end)
            found = np.where((found == "") & inside, name, found)
    return found
