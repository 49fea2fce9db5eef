"""The tiers: which quantities of the atmosphere a user of a model must know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lst_raster.transfer.causes import INPUT_ERROR
from lst_raster.transfer.sigma import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

_COLUMN = ("water_vapour", "surface_pressure")
_SURFACE = (*_COLUMN, "air_temperature")

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "column": (*_COLUMN, INPUT_ERROR),
        "surface": (*_SURFACE, INPUT_ERROR),
        "profile": (*_SURFACE, *TEMPERATURE_LEVELS, *HUMIDITY_LEVELS, INPUT_ERROR),
    }
)
"""Names of the atmosphere inputs of each tier, in the order of the network's arguments: the vapour first, the error of
all last."""
