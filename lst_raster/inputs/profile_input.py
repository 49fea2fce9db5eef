"""The profile of the air over a scene: what a model is told of it, at any place and for any ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lst_raster.inputs.fields import Field
from lst_raster.inputs.reanalysis.over_scene import LevelNodes
from lst_raster.io.coarse_grid import Float
from lst_raster.physics.elevation import air_temperature_between_pressures
from lst_raster.physics.quantities import HUMIDITY_2M
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS, Ground, Profiles

ON_LEVELS = (*TEMPERATURE_LEVELS, *HUMIDITY_LEVELS)
"""Inputs that only a profile tells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """Temperature and humidity on levels of pressure, asked for what a model takes of them."""

    levels: LevelNodes
    """The levels."""
    humidity_2m: Field | None
    """Specific humidity at 2 m, None where only the levels tell it. [kg kg-1]"""
    names: tuple[str, ...]
    """Inputs of the model that it tells: those on sigma levels; the water vapour and the air temperature where
    nothing else does."""
    is_scaled: bool
    """Whether humidities are multiplied so that their column is the water vapour that the model is told."""

    @property
    def fields(self) -> dict[str, Field]:
        """Fields that it needs beside those of the model's inputs, by name."""
        return {} if self.humidity_2m is None else {HUMIDITY_2M.name: self.humidity_2m}

    @property
    def texts(self) -> dict[str, str]:
        """What it is and what it tells beside the levels, for the provenance."""
        scaled = ", humidity scaled to the water vapour" if self.is_scaled else ""
        texts = {"profile": f"{self.levels.pressure.size} levels of {self.levels.label}{scaled} (reanalysis)"}
        if "water_vapour" in self.names:
            texts["water_vapour"] = "the profile's above the ground (reanalysis)"
        if "air_temperature" in self.names:
            texts["air_temperature"] = "the profile's lowest level, brought to the ground (reanalysis)"
        return texts

    def over(self, row: Float, column: Float) -> Profiles:
        """Find the profiles over places of any shape. [pixel]."""
        return Profiles.of(self.levels.pressure, *self.levels.at(row, column))

    def inputs(self, known: Mapping[str, Any], profiles: Profiles) -> dict[str, Any]:
        """Put the inputs of a model together: those of the fields, and those that the profile tells.

        The ground is that of the surface pressure. Without a field of the 2 m temperature it is that of the lowest
        level above the ground, brought down by the standard lapse rate; without one of the 2 m humidity it is that
        level's.

        Parameters
        ----------
        known : mapping of str to array
            Values of the fields at the places: surface pressure [hPa], air temperature [K], water vapour [kg m-2]
            where it is given, specific humidity at 2 m [kg kg-1] where there is one.
        profiles : Profiles
            The profiles over the places.

        Returns
        -------
        dict of str to array
            Values by name, in the contract's units; NaN where no level is above the ground.
        """
        return profile_inputs(known, profiles, self.names, is_scaled=self.is_scaled)


def profile_inputs(
    known: Mapping[str, Any], profiles: Profiles, names: Sequence[str], *, is_scaled: bool
) -> dict[str, Any]:
    """Put the inputs of a model together, as `Profile.inputs`.

    Parameters
    ----------
    known : mapping of str to array
        Values of the fields at the places.
    profiles : Profiles
        The profiles over the places.
    names : sequence of str
        Inputs of the model that the profiles tell.
    is_scaled : bool
        Whether humidities are multiplied so that their column is the water vapour that is known.

    Returns
    -------
    dict of str to array
        Values by name, in the contract's units; NaN where no level is above the ground.
    """
    surface_pressure = np.asarray(known["surface_pressure"], float)
    pressure, temperature, humidity = profiles.lowest(surface_pressure)
    ground = Ground(
        surface_pressure,
        known.get("air_temperature", air_temperature_between_pressures(temperature, pressure, surface_pressure)),
        known.get(HUMIDITY_2M.name, humidity),
    )
    vapour = profiles.water_vapour(ground)
    told = {"water_vapour": vapour, "air_temperature": ground.air_temperature}
    if any(name in ON_LEVELS for name in names):
        warm, moist = profiles.on_sigma(ground)
        moist = moist * (known["water_vapour"] / vapour) if is_scaled else moist
        told |= dict(zip(ON_LEVELS, (*warm, *moist), strict=True))
    fields = {name: values for name, values in known.items() if name != HUMIDITY_2M.name}
    return fields | {name: told[name] for name in names}
