"""What makes the inputs of the air uncertain: each cause alone, with all the inputs that it moves together.

An analysis that is too moist is so on many levels at once; a level may err for itself too. What is one error must be
told as one: the parts of an error that moves a whole profile do not cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

Changes = dict[str, Any]
"""Names of inputs to how far one standard uncertainty of a cause moves them, in the inputs' units."""
Deviation = Callable[[str, Any], Any]
"""Takes a kind of error, one of `KINDS`, and the value of the input that has it; returns its standard deviation."""

INPUT_ERROR = "input_error"
"""Name of the input that tells a model how far the others are to be trusted: 0 exact, 1 as sure as a reanalysis."""
KINDS = (
    "water_vapour",
    "surface_pressure",
    "air_temperature",
    "profile_temperature",
    "level_temperature",
    "level_humidity",
)
"""Kinds of errors: the first three of the inputs of these names. That of the water vapour moves the humidity of all
levels by the same share; `profile_temperature` is the part of the error of temperatures that all levels and the air at
2 m have in common (the 2 m air has the rest of its error for itself), the last two are each level's own."""


def input_error_sources(values: Mapping[str, Any], deviation: Deviation) -> dict[str, Changes]:
    """Causes of the uncertainty of the inputs of the air, independent of each other.

    Parameters
    ----------
    values : mapping of str to array
        Inputs of the air by name, in the contract's units; with or without those on sigma levels.
    deviation : callable
        How sure each kind of value is.

    Returns
    -------
    dict of str to dict of str to array
        Name of a cause, then of each input that it moves, to the move. Causes without effect are left out.
    """
    error_sources: dict[str, Changes] = {}
    levels = [name for name in TEMPERATURE_LEVELS if name in values]
    humidities = [name for name in HUMIDITY_LEVELS if name in values]
    if "water_vapour" in values:
        vapour = np.asarray(values["water_vapour"])
        moved = deviation("water_vapour", vapour)
        share = moved / np.maximum(vapour, _DRY)
        error_sources["water_vapour"] = {"water_vapour": moved, **{name: share * values[name] for name in humidities}}
    if "surface_pressure" in values:
        error_sources["surface_pressure"] = {
            "surface_pressure": deviation("surface_pressure", values["surface_pressure"])
        }
    if "air_temperature" in values:
        near = values["air_temperature"]
        whole, own = deviation("air_temperature", near), deviation("air_temperature", near)
        if levels:
            common = np.minimum(deviation("profile_temperature", near), whole)
            own = np.sqrt(np.square(whole) - np.square(common))
            error_sources[f"air_temperature{_OF_ALL}"] = dict.fromkeys(("air_temperature", *levels), common)
        error_sources["air_temperature"] = {"air_temperature": own}
    error_sources |= {name: {name: deviation("level_temperature", values[name])} for name in levels}
    error_sources |= {name: {name: deviation("level_humidity", values[name])} for name in humidities}
    return {name: moves for name, moves in error_sources.items() if any(np.any(move) for move in moves.values())}


def group_of(cause: str) -> str:
    """Name under which people are told of a cause: the levels of a profile count together.

    Examples
    --------
    >>> group_of("air_temperature of all levels"), group_of("specific_humidity_sigma850"), group_of("water_vapour")
    ('air_temperature', 'profile', 'water_vapour')
    """
    if cause in TEMPERATURE_LEVELS or cause in HUMIDITY_LEVELS:
        return "profile"
    return cause.removesuffix(_OF_ALL)


_OF_ALL = " of all levels"
_DRY = 0.05  # [kg m-2]: below this column the share of an error in it says nothing of the levels
