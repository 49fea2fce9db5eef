"""Retrieval of single pixels with the shipped models; inputs that are not given come from the climatology."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import PixelValues, Retrieved, retrieve_with_uncertainty
from lst_raster.inputs.climatology import climatology, days_and_years
from lst_raster.inputs.emissivity.source import UNCERTAINTY as EMISSIVITY_UNCERTAINTY
from lst_raster.physics.planck import brightness_temperature
from lst_raster.retrieval.inversion import sensor_noise
from lst_raster.sensors.bands import sensor_band

Float = NDArray[np.float64]

_BISECTIONS = 24  # from the full range of water vapour to float32 precision
_TOLERANCE = 2e-4  # of the transmittance: twice the quantization of ST_ATRAN [1]


def climatological_inputs(
    latitude: ArrayLike, longitude: ArrayLike, elevation: ArrayLike, date: NDArray[np.datetime64] | np.datetime64
) -> dict[str, Float]:
    """Atmospheric inputs of a model where only place [degree], elevation [m] and day are known, by their names.

    Those of `lst-raster retrieve` with a DEM: climatology adjusted to the elevation, with its uncertainties, and the
    year of the acquisition. Background aerosol is the model's default.
    """
    day, year = days_and_years(np.asarray(date))
    mean = climatology(latitude, longitude, day).at_elevation(elevation)
    return {
        "water_vapour": mean.water_vapour,
        "water_vapour_uncertainty": mean.water_vapour_uncertainty,
        "air_temperature": mean.air_temperature,
        "air_temperature_uncertainty": mean.air_temperature_uncertainty,
        "surface_pressure": mean.surface_pressure,
        "gas_year": year,
    }


def retrieve(
    model: Model, radiance: Float, emissivity: Float | float, inputs: Mapping[str, Float | float], *,
    downwelling_factor: float = 1.0,
) -> Retrieved:  # fmt: skip
    """Retrieve surface temperatures [K] of pixels, (pixel,), with their stated uncertainty.

    `radiance` is that at the sensor [W m-2 sr-1 um-1], `inputs` are atmospheric inputs of the model; the brightness
    temperature of the neighbourhood is that of the pixel. `downwelling_factor` is applied to the predicted downwelling
    radiance. [1]
    """

    def atmosphere(**values: Any) -> PredictedAtmosphere:
        predicted = model.atmosphere(**values)
        return predicted._replace(downwelling_radiance=downwelling_factor * predicted.downwelling_radiance)

    band = sensor_band(model.contract.sensor)
    known = {"brightness_temperature": brightness_temperature(radiance, band.planck)}
    known |= {name: np.asarray(values) for name, values in inputs.items()}
    pixels = PixelValues(radiance, np.asarray(emissivity), sensor_noise(band, band.gain), band.planck)
    return retrieve_with_uncertainty(atmosphere, pixels, known, EMISSIVITY_UNCERTAINTY)


def implied_vapour(model: Model, transmittance: Float, inputs: Mapping[str, Float | float]) -> Float:
    """Find the water vapour [kg m-2] at which a model has a transmittance [1], by bisection; shape (pixel,).

    `inputs` are the other atmospheric inputs. The water vapour is given as exact, so that the climatology does not
    attract it. NaN where the transmittance is outside the range of the model.
    """
    limits = next(one.valid_range for one in model.contract.inputs if one.name == "water_vapour")
    low, high = (np.full(transmittance.shape, limit) for limit in limits or (0.0, 100.0))

    def predicted(vapour: Float) -> Float:
        exact = {**inputs, "water_vapour": vapour, "water_vapour_uncertainty": 0.0}
        return model.atmosphere(**exact).transmittance.astype(np.float64)

    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        too_dry = predicted(middle) > transmittance
        low, high = np.where(too_dry, middle, low), np.where(too_dry, high, middle)
    return np.where(np.abs(predicted(middle) - transmittance) < _TOLERANCE, middle, np.nan)
