"""Samples to measure retrievals on: surfaces under simulated atmospheres, and the radiance that a sensor sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.band import sensor_band
from lst_raster.physics.planck import band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.surface import sensor_radiance
from lst_raster.simulation.sampling import InputErrors, Surfaces
from lst_raster.simulation.simulated_set import SimulatedSet

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
    water_vapour: Float
    """Water vapour column. [kg m-2]"""
    surface_pressure: Float
    """Pressure at the surface. [hPa]"""
    air_temperature: Float
    """Air temperature at 2 m. [K]"""

    def inputs(self) -> dict[str, Float]:
        """Everything that a model may ask for, by the names of its contract."""
        names = ("radiance", "emissivity", "water_vapour", "surface_pressure", "air_temperature")
        return {name: getattr(self, name) for name in names}


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
        water_vapour=np.broadcast_to(simulated.water_vapour[:, None], shape),
        surface_pressure=np.broadcast_to(simulated.surface_pressure[:, None], shape),
        air_temperature=np.broadcast_to(simulated.air_temperature_2m[:, None], shape),
    )


def with_errors(samples: Samples, errors: InputErrors, seed: int) -> Samples:
    """Put independent normal errors on what a retrieval is given; the truth stays.

    The vapour column stays above a tenth of the true one, the emissivity at or below one.

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

    def normal(deviation: float) -> Float:
        return deviation * random.standard_normal(samples.radiance.shape)

    seen = brightness_temperature(samples.radiance, planck) + normal(errors.sensor)
    return replace(
        samples,
        radiance=band_radiance(seen, planck),
        emissivity=np.minimum(samples.emissivity + normal(errors.emissivity), 1.0),
        water_vapour=samples.water_vapour * np.maximum(1.0 + normal(errors.water_vapour), 0.1),
        air_temperature=samples.air_temperature + normal(errors.air_temperature),
    )


def input_deviations(given: Samples, errors: InputErrors, names: Iterable[str]) -> dict[str, Float]:
    """Give the standard deviation of the errors on the inputs of the air that have one, by name, in their units."""
    known = {
        "water_vapour": errors.water_vapour * given.water_vapour,
        "air_temperature": np.full_like(given.air_temperature, errors.air_temperature),
    }
    return {name: known[name] for name in names if name in known and known[name].any()}


def radiance_deviation(given: Samples, errors: InputErrors) -> Float:
    """Give the standard deviation of the error of the radiance. [W m-2 sr-1 um-1]"""
    planck = sensor_band(given.sensor).planck
    seen = brightness_temperature(given.radiance, planck)
    return np.asarray(errors.sensor * band_radiance_slope(seen, planck))
