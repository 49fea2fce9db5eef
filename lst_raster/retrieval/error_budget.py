"""Uncertainty of a temperature by error source, with the model run at every pixel; for the self-check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lst_raster.inference.model import Model
from lst_raster.physics.quantities import BRIGHTNESS_TEMPERATURE
from lst_raster.physics.two_bands import BandState, band_temperature, two_band_components
from lst_raster.physics.uncertainty import EXACT_ATMOSPHERE, error_components, noise_radiance
from lst_raster.retrieval.atmosphere import AtmosphereTerms, solve_atmosphere
from lst_raster.retrieval.inversion import PixelState, Sensor, two_bands
from lst_raster.sensors.bands import second_band, sensor_band

PARTS = ("sensor", "stray light", "emissivity", "atmosphere")  # stray light with two bands only
SYSTEMATIC = "calibration"  # error that all pixels have in common, and other scenes of the sensor

Parts = dict[str, Any]
"""Standard uncertainty by error source: `PARTS` and `SYSTEMATIC`. [K]"""


def solve_in_parts(
    model: Model, values: Mapping[str, Any], pixels: PixelState, sensors: Sequence[Sensor]
) -> tuple[Any, Parts]:
    """Temperature of pixels with the inputs `values` of the model, and its uncertainty by error source. [K]"""
    with np.errstate(all="ignore"):  # pixels with an emissivity near zero
        other = second_band(model.contract.sensor) if model.contract.has_two_bands else None
        solve = _one_band if other is None else _two_bands
        return solve(model, values, pixels, sensors)


def _one_band(
    model: Model, values: Mapping[str, Any], pixels: PixelState, sensors: Sequence[Sensor]
) -> tuple[Any, Parts]:
    atmosphere = _atmosphere(model, values)
    band = sensor_band(model.contract.sensor)
    layer = atmosphere.errors or EXACT_ATMOSPHERE
    state = BandState(pixels.radiance, pixels.emissivity, atmosphere.terms, layer, sensors[0].noise, band.planck)
    temperature, errors = band_temperature(state)
    _, shifted = band_temperature(state._replace(noise=sensors[0].calibration))
    parts = error_components(errors, pixels.emissivity_uncertainty, shifted.noise)
    return temperature, {
        "sensor": parts.random, "emissivity": parts.surface, "atmosphere": parts.atmosphere,
        SYSTEMATIC: parts.systematic,
    }  # fmt: skip


def _two_bands(
    model: Model, values: Mapping[str, Any], pixels: PixelState, sensors: Sequence[Sensor]
) -> tuple[Any, Parts]:
    """The error of the calibration is common to both bands; the further one of the second is part of its noise.

    It changes the predicted atmosphere too, by the brightness temperature of the neighbourhood.
    """
    first, second = sensor_band(model.contract.sensor), second_band(model.contract.sensor)
    assert second is not None
    assert pixels.second_radiance is not None
    found = two_bands(pixels, _atmosphere(model, values), sensors)
    error = first.calibration_uncertainty
    warmer = {**values, BRIGHTNESS_TEMPERATURE.name: values[BRIGHTNESS_TEMPERATURE.name] + error}
    brighter = pixels._replace(
        radiance=pixels.radiance + noise_radiance(error, first.planck),
        second_radiance=pixels.second_radiance + noise_radiance(error, second.planck),
    )
    shifted = two_bands(brighter, _atmosphere(model, warmer), sensors)
    stray_light = sensors[1].stray_light / sensors[1].noise
    parts = two_band_components(found, (0.0, 0.0), stray_light)
    return found.temperature, {
        "sensor": parts.random, "stray light": parts.systematic, "emissivity": parts.surface,
        "atmosphere": parts.atmosphere, SYSTEMATIC: np.abs(shifted.temperature - found.temperature),
    }  # fmt: skip


def _atmosphere(model: Model, values: Mapping[str, Any]) -> AtmosphereTerms:
    return AtmosphereTerms.from_layers(solve_atmosphere(model, values, uncertainty=True))
