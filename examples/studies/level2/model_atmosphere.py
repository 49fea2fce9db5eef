"""Water vapour and air temperature for which a model has the transmittance and upwelling radiance of a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.model import Model
from lst_raster.physics.planck import brightness_temperature
from lst_raster.sensors.bands import sensor_band

Float = NDArray[np.float64]

_ITERATIONS = 12
_DIFFERENCES = (0.01, 0.5)  # finite differences: relative, of water vapour; of air temperature [K]
_LARGEST_STEPS = (10.0, 15.0)  # per iteration [kg m-2], [K]
_EXCESS = (0.0, 8.0, 30.0)  # [K], 2 m air temperature minus emission temperature: minimum, first guess, maximum
_TOLERANCES = (2e-4, 2e-3)  # transmittance [1] and upwelling radiance: twice the quantization of the product

EXACT: Mapping[str, float] = {"water_vapour_uncertainty": 0.0, "air_temperature_uncertainty": 0.0}
"""Inputs of a model for water vapour and air temperature that are given as exact."""


def vapour_and_temperature_of(
    model: Model, transmittance: Float, upwelling: Float, start: Float, inputs: Mapping[str, Float | float]
) -> tuple[Float, Float]:
    """Find water vapour [kg m-2] and air temperature [K] at which a ``surface`` model has given terms.

    Both are given as exact; `inputs` are the other atmospheric inputs.

    Newton's method with two unknowns and two equations (transmittance, upwelling radiance) per pixel, from the first
    guess `start` of the water vapour. The air temperature is limited to at most 30 K above the emission temperature,
    and not below it: an atmosphere too cold for its water vapour may have the same terms. NaN where no solution
    exists.
    """
    limits = _range(model, "water_vapour"), _range(model, "air_temperature")

    def terms(vapour: Float, temperature: Float) -> Float:
        state = {**inputs, **EXACT, "water_vapour": vapour, "air_temperature": temperature}
        air = model.atmosphere(**state)
        return np.stack([air.transmittance, air.upwelling_radiance]).astype(np.float64)

    wanted = np.stack([transmittance, upwelling])
    emission = brightness_temperature(upwelling / (1.0 - transmittance), sensor_band(model.contract.sensor).planck)
    coldest, first, warmest = (np.clip(emission + above, *limits[1]) for above in _EXCESS)
    vapour, temperature = np.where(np.isfinite(start), start, 20.0), first
    for _ in range(_ITERATIONS):
        found = terms(vapour, temperature)
        by_vapour = (terms(vapour * (1.0 + _DIFFERENCES[0]), temperature) - found) / (_DIFFERENCES[0] * vapour)
        by_temperature = (terms(vapour, temperature + _DIFFERENCES[1]) - found) / _DIFFERENCES[1]
        steps = _newton(found - wanted, by_vapour, by_temperature)
        vapour_step, temperature_step = (
            np.clip(step, -largest, largest) for step, largest in zip(steps, _LARGEST_STEPS, strict=True)
        )
        vapour = np.clip(vapour + vapour_step, *limits[0])
        temperature = np.clip(temperature + temperature_step, coldest, warmest)
    converged = (np.abs(terms(vapour, temperature) - wanted) < np.array(_TOLERANCES)[:, None]).all(axis=0)
    return np.where(converged, vapour, np.nan), np.where(converged, temperature, np.nan)


def once(function: Callable[..., tuple[Float, ...]], *pixels: Float) -> tuple[Float, ...]:
    """Evaluate a function of arrays of shape (pixel,) only once per distinct combination of values."""
    distinct, back = np.unique(np.stack(pixels, axis=1), axis=0, return_inverse=True)
    return tuple(values[back.ravel()] for values in function(*distinct.T.copy()))


def _newton(misfit: Float, by_first: Float, by_second: Float) -> tuple[Float, Float]:
    """Newton step for two equations by Cramer's rule; zero where the system is singular."""
    determinant = by_first[0] * by_second[1] - by_second[0] * by_first[1]
    usable = np.abs(determinant) > 1e-12
    safe = np.where(usable, determinant, 1.0)
    first = (by_second[0] * misfit[1] - by_second[1] * misfit[0]) / safe
    second = (by_first[1] * misfit[0] - by_first[0] * misfit[1]) / safe
    return np.where(usable, first, 0.0), np.where(usable, second, 0.0)


def _range(model: Model, name: str) -> tuple[float, float]:
    limits = next(variable.valid_range for variable in model.contract.inputs if variable.name == name)
    low, high = limits or (0.0, 100.0)
    return max(low, 0.05), high
