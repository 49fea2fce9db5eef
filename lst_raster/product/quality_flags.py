"""The quality band of a product: its bit fields and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inputs.emissivity.registry import QUALITY_VALUES

Bits = NDArray[np.uint32]
DTYPE: Literal["uint32"] = "uint32"  # data type of the quality band

UNCERTAINTY_LIMIT = 2.0  # uncertainty above which the bit ``uncertain`` is set [K]
NEAR_CLOUD_DISTANCE, FAR_CLOUD_DISTANCE = 1000.0, 5000.0  # limits of the classes of ``cloud_distance`` [m]


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """A bit field."""

    name: str
    offset: int  # lowest bit
    length: int = 1  # number of bits
    description: str
    values: Mapping[int, tuple[str, str]]  # name and description of every value

    @property
    def mask(self) -> int:
        """Bit mask of the field."""
        return ((1 << self.length) - 1) << self.offset

    def of(self, bits: Bits) -> Bits:
        """Extract the value of the field from a quality band."""
        return (bits >> np.uint32(self.offset)) & np.uint32((1 << self.length) - 1)

    def words(self, value: int) -> str:
        """Label of a value, for example ``below 1 km from a cloud``; empty if there is nothing to show."""
        name, description = self.values.get(value, (f"source {value}", ""))
        if self.name == "emissivity_source":
            return f"emissivity: {name.replace('_', ' ')}"
        if not value:
            return ""
        return f"{description} from a cloud" if self.name == "cloud_distance" else name.replace("_", " ")


def _bit(name: str, offset: int, description: str) -> Flag:
    values = {0: (f"not_{name}", f"not: {description}"), 1: (name, description)}
    return Flag(name=name, offset=offset, description=description, values=values)


_CLOUD_DISTANCES = {
    0: ("unknown", "the scene has no quality band, or clouds were kept"), 1: ("near", "below 1 km"),
    2: ("middle", "1 to 5 km"), 3: ("far", "5 km or more"),
}  # fmt: skip

FLAGS = (  # in ascending order; bits 6 to 8 and 21 to 31 are not used
    _bit("fill", 0, "no valid radiance, or saturated"),
    _bit("cloud", 1, "cloud, dilated cloud or cirrus in the scene's quality band"),
    _bit("cloud_shadow", 2, "cloud shadow in the scene's quality band"),
    _bit("snow", 3, "snow or ice in the scene's quality band"),
    _bit("water", 4, "water in the scene's quality band"),
    _bit("saturated", 5, "radiance outside the range of the sensor"),
    _bit("assumed_atmosphere", 9, "water vapour of the climatology"),
    _bit("outside_range", 10, "a model input was outside the range of the training data and was clipped to it"),
    _bit("uncertain", 11, "uncertainty above 2 K"),
    Flag(
        name="cloud_distance", offset=12, length=2, description="distance to the nearest cloud or shadow",
        values=_CLOUD_DISTANCES,
    ),
    _bit("no_solution", 14, "atmospheric radiance exceeds at-sensor radiance: thick cloud or wrong atmospheric inputs"),
    _bit("no_input", 15, "emissivity, elevation or another input has no value"),
    Flag(name="emissivity_source", offset=16, length=5, description="source of the emissivity", values=QUALITY_VALUES),
)  # fmt: skip
KNOWN_BITS = sum(one.mask for one in FLAGS)  # bits that belong to a field
VALUES = 1 << max(one.offset + one.length for one in FLAGS)  # number of possible values of a quality band

# Kinds of the scene's quality band (`lst_raster.io.quality_band.KINDS`) by field
SCENE_QUALITY_KINDS: Mapping[str, tuple[str, ...]] = {
    "cloud": ("cloud", "dilated_cloud", "cirrus"), "cloud_shadow": ("cloud_shadow",), "snow": ("snow",),
    "water": ("water",),
}  # fmt: skip


def values_of(bits: Bits) -> set[int]:
    """Values of the pixels of part of a quality band."""
    flat = bits.ravel()
    starts = flat[1:] != flat[:-1]  # neighbours are mostly equal: much faster than a search of all pixels
    return {int(flat[0]), *(np.unique(flat[1:][starts]).tolist() if starts.any() else ())}


def require_quality_band(dtype: str, what: str) -> None:
    """Raise InputError if the data type is not that of a quality band: version 0.1 wrote 16 bits, in another order."""
    if dtype != DTYPE:
        raise InputError(f"{what} holds {dtype}, not the {DTYPE} of a quality band; retrieve the scene again")


def flag(name: str) -> Flag:
    """Find a field by name, for example ``flag("water").mask == 16``."""
    return next(entry for entry in FLAGS if entry.name == name)
