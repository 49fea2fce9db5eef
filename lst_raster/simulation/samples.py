"""Samples to measure retrievals on: surfaces under simulated atmospheres, and the radiance that a sensor sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.band import sensor_band
from lst_raster.physics.planck import band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.surface import sensor_radiance
from lst_raster.simulation.sampling import InputErrors, Surfaces
from lst_raster.simulation.simulated_set import SimulatedSet
from lst_raster.transfer.causes import INPUT_ERROR, Changes, input_causes
from lst_raster.transfer.sigma import HUMIDITY_LEVELS

Float = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """What a retrieval is given, and the truth it should find; all of shape (profile, sample)."""

    sensor: str
    """Sensor band."""
    surface_temperature: Float
    """True land surface temperature. [K]"""
    radiance: Float
    """Radiance at the sensor. [W m-2 sr-1 um-1]"""
    emissivity: Float
    """Emissivity. [1]"""
    atmosphere: Mapping[str, Float]
    """What may be known of the atmosphere, by the names of the models' contracts, in their units."""

    @property
    def water_vapour(self) -> Float:
        """Water vapour column. [kg m-2]."""
        return self.atmosphere["water_vapour"]

    def inputs(self) -> dict[str, Float]:
        """Everything that a model may ask for, by the names of its contract."""
        return {"radiance": self.radiance, "emissivity": self.emissivity, **self.atmosphere}


def observe(simulated: SimulatedSet, surfaces: Surfaces) -> Samples:
    """Look at surfaces through the atmospheres of a simulated set.

    Parameters
    ----------
    simulated : SimulatedSet
        Atmospheres.
    surfaces : Surfaces
        Surfaces, shape (profile, sample).

    Returns
    -------
    Samples
        Exact samples: the inputs are those of the simulation.
    """
    radiance = sensor_radiance(
        surfaces.surface_temperature,
        surfaces.emissivity,
        simulated.transmittance[:, None],
        simulated.upwelling_radiance[:, None],
        simulated.downwelling_radiance[:, None],
        sensor_band(simulated.sensor).planck,
    )
    shape = radiance.shape
    return Samples(
        sensor=simulated.sensor,
        surface_temperature=surfaces.surface_temperature,
        radiance=radiance,
        emissivity=surfaces.emissivity,
        atmosphere={
            name: np.broadcast_to(values[:, None], shape) for name, values in simulated.atmosphere_inputs.items()
        }
        | {INPUT_ERROR: np.zeros(shape)},
    )


def with_errors(samples: Samples, errors: InputErrors, seed: int) -> Samples:
    """Put normal errors on what a retrieval is given; the truth stays.

    They are independent but for those of a profile, which are partly common to its levels (`input_causes`). Vapour and
    humidity stay above a tenth of the true ones, the emissivity at or below one.

    Parameters
    ----------
    samples : Samples
        Exact samples.
    errors : InputErrors
        Standard deviations.
    seed : int
        Seed; the same seed gives the same errors.
    """
    random = np.random.default_rng(seed)
    planck = sensor_band(samples.sensor).planck

    def normal() -> Float:
        return random.standard_normal(samples.radiance.shape)

    seen = brightness_temperature(samples.radiance, planck) + errors.sensor * normal()
    emissivity = np.minimum(samples.emissivity + errors.emissivity * normal(), 1.0)
    atmosphere = {**samples.atmosphere, INPUT_ERROR: np.full(samples.radiance.shape, errors.share)}
    for moves in input_causes(samples.atmosphere, errors.deviation).values():
        drawn = normal()
        atmosphere |= {name: atmosphere[name] + drawn * move for name, move in moves.items()}
    for name in ("water_vapour", *HUMIDITY_LEVELS):
        if name in atmosphere:
            atmosphere[name] = np.maximum(atmosphere[name], 0.1 * samples.atmosphere[name])
    return replace(samples, radiance=band_radiance(seen, planck), emissivity=emissivity, atmosphere=atmosphere)


def causes_of(given: Samples, errors: InputErrors, names: Iterable[str]) -> dict[str, Changes]:
    """Tell what the errors of the inputs of a given model's air come from, and how large they are: `input_causes`."""
    return input_causes({name: given.atmosphere[name] for name in names}, errors.deviation)


def radiance_deviation(given: Samples, errors: InputErrors) -> Float:
    """Give the standard deviation of the error of the radiance. [W m-2 sr-1 um-1]"""
    planck = sensor_band(given.sensor).planck
    seen = brightness_temperature(given.radiance, planck)
    return np.asarray(errors.sensor * band_radiance_slope(seen, planck))
