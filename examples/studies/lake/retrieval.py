"""Retrieval of the temperature of a lake with the shipped models, for given settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from examples.studies.lake.table import WATER_EMISSIVITY, Agreement, Float, LakeTable, agreement
from examples.studies.points import retrieve as retrieve_pixels
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, REANALYSIS, Retrieved
from lst_raster.physics.calibration import radiance_two_constants
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.gases import BACKGROUND_AEROSOL

WINDY_COOL_SKIN = 0.17
"""Temperature of the water minus that of its skin for wind above 6 m/s, day and night; standard deviation 0.07. [K]

C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
"""
AIR_UNCERTAINTY = 2.0
"""Uncertainty of the daily mean air temperature as a value for 10:00 local time. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of the retrieval and of the reference; by default water vapour from the table, climatology otherwise."""

    emissivity: float = WATER_EMISSIVITY
    """Emissivity of the water. [1]"""
    vapour_factor: float | None = 1.0
    """Factor on the water vapour of the table; None for that of the climatology. [1]"""
    daily_air: bool = False
    """Whether to give the daily mean air temperature where there is one."""
    air_temperature_change: float = 0.0
    """Added to the air temperature. [K]"""
    aerosol: float = BACKGROUND_AEROSOL[0]
    """Optical depth of the aerosol at 11 um. [1]"""
    downwelling_factor: float = 1.0
    """Factor on the downwelling radiance. [1]"""
    skin: float = WINDY_COOL_SKIN
    """Temperature of the buoy minus skin temperature. [K]"""


def sensor_radiances(table: LakeTable) -> Float:
    """At-sensor radiance, with the K1 and K2 from which the table has its temperatures. [W m-2 sr-1 um-1]"""
    band = sensor_band(table.sensor)
    return np.asarray(radiance_two_constants(table.brightness_temperature, band.k1, band.k2))


def retrieve(table: LakeTable, settings: Settings) -> Retrieved:
    """Retrieve the surface temperature of the lake with its standard uncertainty, shape (overpass,). [K]"""
    inputs = dict(table.climatology)
    if settings.vapour_factor is not None:
        vapour = settings.vapour_factor * table.water_vapour
        known = INPUT_UNCERTAINTIES[REANALYSIS]["water_vapour"]
        inputs |= {"water_vapour": vapour, "water_vapour_uncertainty": known.at(vapour)}
    if settings.daily_air:
        known_air = np.isfinite(table.measured_air)
        for name, values in (("air_temperature", table.measured_air), ("air_temperature_uncertainty", AIR_UNCERTAINTY)):
            inputs[name] = np.where(known_air, values, inputs[name])
    inputs["air_temperature"] = inputs["air_temperature"] + settings.air_temperature_change
    inputs["aerosol_optical_depth"] = np.full(table.date.shape, settings.aerosol)
    inputs["aerosol_optical_depth_uncertainty"] = np.full(table.date.shape, BACKGROUND_AEROSOL[1])
    model = Model.load(f"{table.sensor}/surface", graph="atmosphere")
    return retrieve_pixels(
        model, sensor_radiances(table), settings.emissivity, inputs, downwelling_factor=settings.downwelling_factor
    )


def residuals(table: LakeTable, settings: Settings) -> Float:
    """Subtract the reference from the retrieved temperature. [K]"""
    return retrieve(table, settings).temperature - table.ground_temperature + settings.skin


def measure(table: LakeTable, settings: Settings) -> Agreement:
    """Agreement of the retrieval with the reference, over overpasses with results of all methods."""
    return agreement(residuals(table, settings)[table.common])
