"""Regimes: kinds of air in which a retrieval is measured by itself, each with its threshold and the reason for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster.simulation.metrics import WATER_VAPOUR_CLASSES
from lst_raster.simulation.simulated_set import SimulatedSet
from lst_raster.transfer.sigma import SIGMA

Mask = NDArray[np.bool_]

DRY = 3.0
"""Water vapour column below which air is extremely dry. [kg m-2]"""
HIGH = 850.0
"""Surface pressure below which ground is high: about 1,460 m in the standard atmosphere. [hPa]"""
INVERSION, INVERSION_LEVELS = 1.0, (0.95, 0.9)
"""Air is inverted where it is warmer than at 2 m by more than this on one of these sigma levels. [K], [1]"""
HOT, ARID = 303.0, 20.0
"""Air temperature from which, and water vapour column up to which, land is a hot desert. [K], [kg m-2]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """A kind of air."""

    title: str
    """What it is called in tables."""
    reason: str
    """Threshold and why it is that."""
    where: Callable[[SimulatedSet], Mask]
    """Profiles that belong to it, shape (profile,)."""


def _all(simulated: SimulatedSet) -> Mask:
    return np.ones(len(simulated), bool)


def _class(name: str, simulated: SimulatedSet) -> Mask:
    low, high = WATER_VAPOUR_CLASSES[name]
    return (simulated.water_vapour >= low) & (simulated.water_vapour < high)


def _dry(simulated: SimulatedSet) -> Mask:
    return simulated.water_vapour < DRY


def _high(simulated: SimulatedSet) -> Mask:
    return simulated.surface_pressure < HIGH


def _inverted(simulated: SimulatedSet) -> Mask:
    if simulated.air_temperature_sigma is None:  # a set from before the levels: nothing is known of it
        return np.zeros(len(simulated), bool)
    aloft = simulated.air_temperature_sigma[:, [SIGMA.index(level) for level in INVERSION_LEVELS]].max(axis=1)
    return np.asarray(aloft > simulated.air_temperature_2m + INVERSION)


def _desert(simulated: SimulatedSet) -> Mask:
    land = np.ones(len(simulated), bool) if simulated.land is None else simulated.land == 1
    return land & (simulated.air_temperature_2m >= HOT) & (simulated.water_vapour <= ARID)


_CLASSES = {
    name: Regime(
        title=f"{name}, extreme humidity" if name == "50+" else name,
        reason="Tropical air masses: the window is nearly closed, and most methods fail there."
        if name == "50+"
        else f"Water vapour {name} kg m-2.",
        where=partial(_class, name),
    )
    for name in WATER_VAPOUR_CLASSES
}

REGIMES: Mapping[str, Regime] = MappingProxyType(
    {
        "all": Regime(title="all", reason="Every profile of the set.", where=_all),
        **_CLASSES,
        "dry": Regime(
            title="extreme dryness",
            reason=f"Below {DRY:g} kg m-2: cold deserts, plateaus and polar winters, where the continuum is nothing "
            "and what is left is the lines, the minor gases, the aerosol and the emissivity.",
            where=_dry,
        ),
        "high": Regime(
            title="high elevation",
            reason=f"Surface pressure below {HIGH:g} hPa, about 1,460 m in the standard atmosphere: a part of the air "
            "that is in every other column is missing here.",
            where=_high,
        ),
        "inversion": Regime(
            title="inversions",
            reason=f"Air at sigma {INVERSION_LEVELS[0]:g} or {INVERSION_LEVELS[1]:g} (some 400 to 1,000 m above the "
            f"ground) more than {INVERSION:g} K warmer than at 2 m: the temperature at 2 m misleads about the air "
            "that emits. One kelvin is beyond the rounding of forecasts and keeps out well mixed air.",
            where=_inverted,
        ),
        "desert": Regime(
            title="hot deserts",
            reason=f"Land (where the set tells it) with at least {HOT:g} K at 2 m, 30 degrees Celsius, and at most "
            f"{ARID:g} kg m-2, half of what such air over a moist surface holds.",
            where=_desert,
        ),
    }
)
"""Regimes by name; a profile may belong to several."""

HUMID = "50+"
"""Name of the regime of extreme humidity."""


def regimes_of(simulated: SimulatedSet) -> dict[str, Mask]:
    """Tell the profiles of each regime: name to boolean array of shape (profile,)."""
    return {name: regime.where(simulated) for name, regime in REGIMES.items()}
