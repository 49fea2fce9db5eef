"""Independent error sources of the atmospheric inputs, each with the inputs that it perturbs together.

Analysis errors are correlated between levels in part, so that an error common to a whole profile is one source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

Changes = dict[str, Any]
"""Perturbation of each input by one standard uncertainty of an error source, in the unit of the input."""
Deviation = Callable[[str, Any], Any]
"""Function of an error kind, one of `KINDS`, and the value of the input, that returns the standard deviation."""

INPUT_ERROR = "input_error"
"""Name of the model input that scales the uncertainty of the others: 0 exact, 1 as of a reanalysis."""
KINDS = (
    "water_vapour",
    "surface_pressure",
    "air_temperature",
    "profile_temperature",
    "level_temperature",
    "level_humidity",
)
"""Error kinds. That of `water_vapour` perturbs the humidity of all levels by one fraction; `profile_temperature` is the
part of the temperature error common to all levels and 2 m (the rest of the 2 m error is independent); the last two
are independent for each level."""


def input_error_sources(values: Mapping[str, Any], deviation: Deviation) -> dict[str, Changes]:
    """Perturbations of the atmospheric inputs by independent error sources, by source and input name.

    `values` are the inputs in the units of the model contract, with or without sigma levels; `deviation` returns the
    standard deviation of an error kind. Sources without effect are omitted.
    """
    error_sources: dict[str, Changes] = {}
    levels = [name for name in TEMPERATURE_LEVELS if name in values]
    humidities = [name for name in HUMIDITY_LEVELS if name in values]
    if "water_vapour" in values:
        vapour = np.asarray(values["water_vapour"])
        perturbation = deviation("water_vapour", vapour)
        fraction = perturbation / np.maximum(vapour, _DRY)
        error_sources["water_vapour"] = {
            "water_vapour": perturbation,
            **{name: fraction * values[name] for name in humidities},
        }
    if "surface_pressure" in values:
        error_sources["surface_pressure"] = {
            "surface_pressure": deviation("surface_pressure", values["surface_pressure"])
        }
    if "air_temperature" in values:
        near = values["air_temperature"]
        total, independent = deviation("air_temperature", near), deviation("air_temperature", near)
        if levels:
            common = np.minimum(deviation("profile_temperature", near), total)
            independent = np.sqrt(np.square(total) - np.square(common))
            error_sources[f"air_temperature{_OF_ALL}"] = dict.fromkeys(("air_temperature", *levels), common)
        error_sources["air_temperature"] = {"air_temperature": independent}
    error_sources |= {name: {name: deviation("level_temperature", values[name])} for name in levels}
    error_sources |= {name: {name: deviation("level_humidity", values[name])} for name in humidities}
    return {name: changes for name, changes in error_sources.items() if any(map(np.any, changes.values()))}


def group_of(source: str) -> str:
    """Name of an error source in reports, where the levels of a profile are one group.

    Examples
    --------
    >>> group_of("air_temperature of all levels"), group_of("specific_humidity_sigma850"), group_of("water_vapour")
    ('air_temperature', 'profile', 'water_vapour')
    """
    if source in TEMPERATURE_LEVELS or source in HUMIDITY_LEVELS:
        return "profile"
    return source.removesuffix(_OF_ALL)


_OF_ALL = " of all levels"
_DRY = 0.05  # [kg m-2], lower bound of the column for relative perturbations
