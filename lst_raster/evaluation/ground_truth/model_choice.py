"""Which model retrieves a match-up: that of its sensor band, and of what it knows of the air."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.evaluation.ground_truth.columns import NUMBERS
from lst_raster.evaluation.ground_truth.matchups import Matchups
from lst_raster.inference.model import Model
from lst_raster.transfer.causes import INPUT_ERROR

Float = NDArray[np.float64]

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "surface": ("water_vapour", "surface_pressure", "air_temperature"),
        "column": ("water_vapour", "surface_pressure"),
    }
)
"""Tiers that a table can feed, the best first, and what a row must know of the air."""


def choose_models(
    matchups: Matchups, known: Mapping[str, Float], models: Sequence[Model], tier: str | None
) -> tuple[list[str], dict[str, Model]]:
    """Choose the model of each row.

    Parameters
    ----------
    matchups : Matchups
        The rows.
    known : mapping of str to array
        What they know of the air, by the quantities of `TIERS`; NaN where they do not.
    models : sequence of Model
        Models to take for their sensor bands.
    tier : str or None
        Tier of the shipped models; None for the best one that each row can feed.

    Returns
    -------
    tuple of list of str and dict of str to Model
        Name of each row's model, empty where the row has no sensor band; and the models by name.

    Raises
    ------
    InputError
        Two models are of one sensor band, one is of a band that no row has or takes what no table holds.
    ModelError
        There is no model of a band and tier.
    """
    own = _by_sensor(models, matchups)
    names = []
    for row, sensor in enumerate(matchups.sensor):
        fed = (name for name, needed in TIERS.items() if not any(math.isnan(known[key][row]) for key in needed))
        best = tier or next(fed, list(TIERS)[-1])
        shipped = f"{sensor}/{best}" if sensor else ""
        names.append(own[sensor].contract.name if sensor in own else shipped)
    return names, {name: own.get(name.partition("/")[0]) or Model.load(name) for name in dict.fromkeys(names) if name}


def _by_sensor(models: Sequence[Model], matchups: Matchups) -> dict[str, Model]:
    own: dict[str, Model] = {}
    for model in models:
        sensor = model.contract.sensor
        if sensor in own:
            raise InputError(f"two models for {sensor}, {own[sensor].path} and {model.path}; give one")
        if sensor not in matchups.sensor:
            there = ", ".join(sorted(set(matchups.sensor) - {""})) or "none"
            raise InputError(f"the model {model.contract.name} is for {sensor}, the match-ups are of {there}")
        own[sensor] = model
    return own


def needs(model: Model) -> list[str]:
    """List the inputs of a model that a table must hold, those of the pixel first.

    Raises
    ------
    InputError
        A table cannot hold one of them.
    """
    names = [variable.name for variable in model.contract.atmosphere_inputs if variable.name != INPUT_ERROR]
    strange = [name for name in names if name not in NUMBERS]
    if strange:
        raise InputError(
            f"the model {model.contract.name} takes {', '.join(strange)}, for which match-ups have no column; "
            f"give one of the tiers {', '.join(TIERS)}"
        )
    return ["radiance", "emissivity", *names]
