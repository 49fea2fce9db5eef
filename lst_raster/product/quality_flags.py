"""The quality band of a product: the meaning of its bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inputs.emissivity.registry import QUALITY_VALUES

Bits = NDArray[np.uint32]
DTYPE: Literal["uint32"] = "uint32"
"""Type of the quality band."""

UNCERTAIN = 2.0
"""Uncertainty above which a temperature is called uncertain. [K]"""
NEAR, FAR = 1000.0, 5000.0
"""Limits of the classes of distance to the nearest cloud. [m]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One field of bits."""

    name: str
    """Name, in lower case with underscores."""
    offset: int
    """Its lowest bit."""
    length: int = 1
    """Number of its bits."""
    description: str
    """What it tells."""
    values: Mapping[int, tuple[str, str]]
    """Name and description of every value."""

    @property
    def mask(self) -> int:
        """Its bits set."""
        return ((1 << self.length) - 1) << self.offset

    def of(self, bits: Bits) -> Bits:
        """Value of the field in a quality band."""
        return (bits >> np.uint32(self.offset)) & np.uint32((1 << self.length) - 1)

    def words(self, value: int) -> str:
        """Say a value to people, for example ``cloud`` or ``below 1 km from a cloud``; empty where it tells nothing."""
        name, description = self.values.get(value, (f"source {value}", ""))
        if self.name == "emissivity_source":
            return f"emissivity: {name.replace('_', ' ')}"
        if not value:
            return ""
        return f"{description} from a cloud" if self.name == "cloud_distance" else name.replace("_", " ")


def _bit(name: str, offset: int, description: str) -> Flag:
    values = {0: (f"not_{name}", f"not: {description}"), 1: (name, description)}
    return Flag(name=name, offset=offset, description=description, values=MappingProxyType(values))


FLAGS = (
    _bit("fill", 0, "no radiance was measured, or the pixel is saturated"),
    _bit("cloud", 1, "cloud, dilated cloud or cirrus, by the scene's quality band"),
    _bit("cloud_shadow", 2, "shadow of a cloud, by the scene's quality band"),
    _bit("snow", 3, "snow or ice, by the scene's quality band"),
    _bit("water", 4, "water, by the scene's quality band"),
    _bit("saturated", 5, "radiance beyond the sensor's range"),
    _bit("assumed_atmosphere", 9, "water vapour or air temperature of a standard atmosphere"),
    _bit("outside_range", 10, "an input of the model lies outside the range it was made for; the nearer end was taken"),
    _bit("uncertain", 11, "uncertainty above 2 K"),
    Flag(
        name="cloud_distance", offset=12, length=2, description="distance to the nearest cloud or shadow",
        values=MappingProxyType(
            {
                0: ("unknown", "the scene has no quality band, or clouds were kept"),
                1: ("near", "below 1 km"),
                2: ("middle", "1 to 5 km"),
                3: ("far", "5 km or more"),
            }
        ),
    ),
    _bit("no_solution", 14, "the atmosphere alone exceeds the radiance: thick cloud, or wrong air"),
    _bit("no_input", 15, "emissivity, elevation or another input has no value here"),
    Flag(
        name="emissivity_source", offset=16, length=5, description="where the emissivity comes from",
        values=QUALITY_VALUES,
    ),
)  # fmt: skip
"""The fields, from the lowest bit to the highest. Bits 6 to 8 and 21 to 31 are free."""
KNOWN = sum(one.mask for one in FLAGS)
"""Bits that belong to a field."""
VALUES = 1 << max(one.offset + one.length for one in FLAGS)
"""Number of the values that a quality band can have."""

FROM_SCENE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cloud": ("cloud", "dilated_cloud", "cirrus"),
        "cloud_shadow": ("cloud_shadow",),
        "snow": ("snow",),
        "water": ("water",),
    }
)
"""By field, what a scene's quality band calls what it tells (`lst_raster.io.quality_band.KINDS`)."""


def require_quality_band(dtype: str, what: str) -> None:
    """Refuse a raster that is no quality band of this layout.

    Raises
    ------
    InputError
        Its type is another one: the first version wrote 16 bits, with other positions.
    """
    if dtype != DTYPE:
        raise InputError(f"{what} holds {dtype}, not the {DTYPE} of a quality band; retrieve the scene again")


def flag(name: str) -> Flag:
    """Find a field by name.

    Examples
    --------
    >>> flag("water").mask
    16
    """
    return next(entry for entry in FLAGS if entry.name == name)
