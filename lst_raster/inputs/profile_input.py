"""Atmospheric profile over a scene: model inputs at any position and surface elevation."""

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

ON_LEVELS = (*TEMPERATURE_LEVELS, *HUMIDITY_LEVELS)  # Inputs that only a profile provides


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """Temperature and humidity on pressure levels, with the model inputs derived from them."""

    levels: LevelNodes  # The levels
    humidity_2m: Field | None  # Specific humidity at 2 m, None if only the levels have humidity [kg kg-1]
    # Derived inputs of the model: those on sigma levels; water vapour and air temperature if there are no fields
    names: tuple[str, ...]
    is_scaled: bool  # Whether humidities are scaled so that their column is the given water vapour

    @property
    def fields(self) -> dict[str, Field]:
        """Fields needed in addition to those of the model inputs, by name."""
        return {} if self.humidity_2m is None else {HUMIDITY_2M.name: self.humidity_2m}

    @property
    def texts(self) -> dict[str, str]:
        """Descriptions for the provenance, by name."""
        scaled = ", humidity scaled to the water vapour" if self.is_scaled else ""
        texts = {"profile": f"{self.levels.pressure.size} levels of {self.levels.label}{scaled} (reanalysis)"}
        if "water_vapour" in self.names:
            texts["water_vapour"] = "column of the profile above the surface (reanalysis)"
        if "air_temperature" in self.names:
            texts["air_temperature"] = "lowest level of the profile, adjusted to the surface (reanalysis)"
        return texts

    def over(self, row: Float, column: Float) -> Profiles:
        """Interpolate the profiles to positions of any shape [pixel]."""
        return Profiles.of(self.levels.pressure, *self.levels.at(row, column))

    def inputs(self, known: Mapping[str, Any], profiles: Profiles) -> dict[str, Any]:
        """Assemble the inputs of the model, as `profile_inputs`."""
        return profile_inputs(known, profiles, self.names, is_scaled=self.is_scaled)


def profile_inputs(
    known: Mapping[str, Any], profiles: Profiles, names: Sequence[str], *, is_scaled: bool
) -> dict[str, Any]:
    """Assemble the inputs of a model from fields and profiles.

    The surface is at the surface pressure. Without a field of the 2 m temperature, that of the lowest level above the
    surface is used, adjusted with the standard lapse rate; without one of the 2 m humidity, that of the same level.

    `known` has the values of the fields: surface pressure [hPa] and, if available, air temperature [K], water vapour
    [kg m-2] and specific humidity at 2 m [kg kg-1]; `names` are the inputs to derive from the profiles. If `is_scaled`,
    humidities are scaled so that their column is the known water vapour. Results are NaN where no level is above the
    surface.
    """
    surface_pressure = np.asarray(known["surface_pressure"], float)
    pressure, temperature, humidity = profiles.lowest(surface_pressure)
    ground = Ground(
        surface_pressure,
        known.get("air_temperature", air_temperature_between_pressures(temperature, pressure, surface_pressure)),
        known.get(HUMIDITY_2M.name, humidity),
    )
    vapour = profiles.water_vapour(ground)
    derived = {"water_vapour": vapour, "air_temperature": ground.air_temperature}
    if any(name in ON_LEVELS for name in names):
        temperatures, humidities = profiles.on_sigma(ground)
        humidities = humidities * (known["water_vapour"] / vapour) if is_scaled else humidities
        derived |= dict(zip(ON_LEVELS, (*temperatures, *humidities), strict=True))
    fields = {name: values for name, values in known.items() if name != HUMIDITY_2M.name}
    return fields | {name: derived[name] for name in names}
