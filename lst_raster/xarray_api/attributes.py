"""Names and attributes of what a dataset holds, by the CF conventions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from lst_raster.product.quality_flags import FLAGS, Flag

CONVENTIONS = "CF-1.11"
"""The conventions that the names follow."""
GRID_MAPPING = "spatial_ref"
"""Name of the coordinate that holds the coordinate system, as rioxarray has it."""

_RADIANCE = "W m-2 sr-1 um-1"

LST_ATTRIBUTES: Mapping[str, Any] = MappingProxyType(
    {"standard_name": "surface_temperature", "long_name": "land surface temperature", "units": "K"}
)
"""Attributes of the temperature."""
UNCERTAINTY_ATTRIBUTES: Mapping[str, Any] = MappingProxyType(
    {
        "standard_name": "surface_temperature standard_error",
        "long_name": "standard uncertainty of the land surface temperature",
        "units": "K",
    }
)
"""Attributes of its uncertainty."""
TERM_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "transmittance": {"long_name": "transmittance of the air in the band, towards the sensor", "units": "1"},
        "upwelling_radiance": {"long_name": "radiance of the air towards the sensor", "units": _RADIANCE},
        "downwelling_radiance": {"long_name": "hemispheric mean radiance of the air downwards", "units": _RADIANCE},
        "outside_range": {"long_name": "an input of the model lies outside the range that it was made for"},
    }
)
"""Attributes of the terms of the air, by name."""


def acquisition(coordinates: Mapping[Any, Any]) -> dict[str, str]:
    """Date and time of acquisition as a product tells them, from a coordinate ``time`` of one value."""
    time = coordinates.get("time")
    if time is None or time.ndim or time.dtype.kind != "M" or np.isnat(time.values):
        return {"acquisition_date": "unknown"}
    date, _, clock = str(time.values.astype("datetime64[s]")).partition("T")
    return {"acquisition_date": date, **({} if clock == "00:00:00" else {"acquisition_time": f"{clock}Z"})}


def ancillary(*names: str) -> dict[str, str]:
    """Attribute of the temperature that names what tells about it."""
    return {"ancillary_variables": " ".join(names)} if names else {}


def quality_attributes() -> dict[str, Any]:
    """Attributes of the quality bits: masks, values and meanings, with every value of the longer fields."""
    entries = [(flag.mask, value << flag.offset, name) for flag in FLAGS for value, name in _meanings(flag)]
    masks, values, meanings = zip(*entries, strict=True)
    return {
        "standard_name": "quality_flag",
        "long_name": "quality bits",
        "flag_masks": _bits(masks),
        "flag_values": _bits(values),
        "flag_meanings": " ".join(meanings),
    }


def flag_attributes(flag: Flag) -> dict[str, Any]:
    """Attributes of one field of the quality bits by itself."""
    if flag.length == 1:
        return {"long_name": flag.description}
    return {
        "long_name": flag.description,
        "flag_values": np.array(list(flag.values), np.uint8),
        "flag_meanings": " ".join(name for name, _ in flag.values.values()),
    }


def _meanings(flag: Flag) -> list[tuple[int, str]]:
    """Values with the names that they have among those of all fields; a bit that is not set means nothing."""
    if flag.length == 1:
        return [(1, flag.name)]
    return [(value, f"{flag.name}_{name}") for value, (name, _) in flag.values.items()]


def _bits(numbers: tuple[int, ...]) -> Any:
    return np.array(numbers, np.uint32)
