"""The vapour, and the air temperature, with which a model has a product's transmittance and upwelling radiance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.model import Model
from lst_raster.physics.planck import brightness_temperature
from lst_raster.sensors.bands import sensor_band

Float = NDArray[np.float64]

_HALVINGS = 24  # from the whole range of vapour to float32's last digits
_ROUNDS = 12
_PROBES = (0.01, 0.5)  # relative, of the vapour; of the air temperature [K]
_LEAPS = (10.0, 15.0)  # largest step of each in one round [kg m-2], [K]
_ABOVE = (0.0, 8.0, 30.0)  # [K], of air at 2 m above the temperature of the emission: least, to start from, most
_CLOSE = (2e-4, 2e-3)  # in transmittance [1] and upwelling radiance: twice the steps in which the product is stored


def vapour_of(model: Model, transmittance: Float, surface_pressure: float) -> Float:
    """Find the water vapour at which a model of the tier ``column`` has a transmittance.

    Parameters
    ----------
    model : Model
        Its atmospheric inputs are vapour and pressure.
    transmittance : array of shape (pixel,)
        Transmittance. [1]
    surface_pressure : float
        Pressure at the ground. [hPa]

    Returns
    -------
    array of shape (pixel,)
        Water vapour, NaN where the model has the transmittance at no vapour it was made for. [kg m-2]
    """
    least, most = _range(model, "water_vapour")
    low, high = np.full(transmittance.shape, least), np.full(transmittance.shape, most)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        clearer = (
            model.atmosphere(water_vapour=middle, surface_pressure=surface_pressure, input_error=0.0).transmittance
            > transmittance
        )
        low, high = np.where(clearer, middle, low), np.where(clearer, high, middle)
    found = model.atmosphere(water_vapour=middle, surface_pressure=surface_pressure, input_error=0.0).transmittance
    return np.where(np.abs(found - transmittance) < _CLOSE[0], middle, np.nan)


def vapour_and_temperature_of(
    model: Model, transmittance: Float, upwelling: Float, start: Float, surface_pressure: float
) -> tuple[Float, Float]:
    """Find vapour and air temperature at which a model of the tier ``surface`` has a transmittance and a radiance.

    Two unknowns against two numbers for every pixel, by Newton's method. Air at the ground is taken to be warmer than
    that which emits, by at most 30 K: air far too cold for its vapour may have the same two numbers.

    Parameters
    ----------
    model : Model
        Its atmospheric inputs are vapour, pressure and air temperature.
    transmittance, upwelling : array of shape (pixel,)
        Transmittance [1] and upwelling radiance [W m-2 sr-1 um-1].
    start : array of shape (pixel,)
        Water vapour to start from. [kg m-2]
    surface_pressure : float
        Pressure at the ground. [hPa]

    Returns
    -------
    tuple of array of shape (pixel,)
        Water vapour [kg m-2] and air temperature at 2 m [K], NaN where there are none.
    """
    limits = _range(model, "water_vapour"), _range(model, "air_temperature")

    def terms(vapour: Float, temperature: Float) -> Float:
        air = model.atmosphere(
            water_vapour=vapour, surface_pressure=surface_pressure, air_temperature=temperature, input_error=0.0
        )  # fmt: skip
        return np.stack([air.transmittance, air.upwelling_radiance]).astype(np.float64)

    wanted = np.stack([transmittance, upwelling])
    emission = brightness_temperature(upwelling / (1.0 - transmittance), sensor_band(model.contract.sensor).planck)
    coldest, first, warmest = (np.clip(emission + above, *limits[1]) for above in _ABOVE)
    vapour, temperature = np.where(np.isfinite(start), start, 20.0), first
    for _ in range(_ROUNDS):
        found = terms(vapour, temperature)
        by_vapour = (terms(vapour * (1.0 + _PROBES[0]), temperature) - found) / (_PROBES[0] * vapour)
        by_temperature = (terms(vapour, temperature + _PROBES[1]) - found) / _PROBES[1]
        steps = _newton(found - wanted, by_vapour, by_temperature)
        moister, warmer = (np.clip(step, -leap, leap) for step, leap in zip(steps, _LEAPS, strict=True))
        vapour = np.clip(vapour + moister, *limits[0])
        temperature = np.clip(temperature + warmer, coldest, warmest)
    met = (np.abs(terms(vapour, temperature) - wanted) < np.array(_CLOSE)[:, None]).all(axis=0)
    return np.where(met, vapour, np.nan), np.where(met, temperature, np.nan)


def once(function: Callable[..., tuple[Float, ...]], *pixels: Float) -> tuple[Float, ...]:
    """Compute a function of pixels once for all that are alike.

    Parameters
    ----------
    function : callable
        Takes as many arrays of one shape as there are `pixels`, and returns arrays of that shape.
    *pixels : array of shape (pixel,)
        What it depends on.

    Returns
    -------
    tuple of array of shape (pixel,)
        Its results.
    """
    distinct, back = np.unique(np.stack(pixels, axis=1), axis=0, return_inverse=True)
    return tuple(values[back.ravel()] for values in function(*distinct.T.copy()))


def _newton(misfit: Float, by_first: Float, by_second: Float) -> tuple[Float, Float]:
    """Solve for the steps that take two misfits to nothing, by Cramer's rule; none where the slopes are parallel."""
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
