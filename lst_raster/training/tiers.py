"""The tiers: which quantities of the atmosphere a user of a model must know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "column": ("water_vapour", "surface_pressure"),
        "surface": ("water_vapour", "surface_pressure", "air_temperature"),
    }
)
"""Names of the atmosphere inputs of each tier, in the order of the network's arguments."""
