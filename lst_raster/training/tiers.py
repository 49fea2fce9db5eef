"""The tiers: which quantities of the atmosphere a user of a model must know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lst_raster.transfer.sigma import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

_SURFACE = ("water_vapour", "surface_pressure", "air_temperature")

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "column": ("water_vapour", "surface_pressure"),
        "surface": _SURFACE,
        "profile": (*_SURFACE, *TEMPERATURE_LEVELS, *HUMIDITY_LEVELS),
    }
)
"""Names of the atmosphere inputs of each tier, in the order of the network's arguments."""
