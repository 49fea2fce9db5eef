"""Retrieval of the temperature of a lake with the shipped models, for given settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from examples.studies.lake.table import WATER_EMISSIVITY, Agreement, Float, LakeTable, agreement
from lst_raster.inference.model import Model
from lst_raster.physics.calibration import radiance_two_constants
from lst_raster.physics.elevation import pressure_at
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.sensors.bands import sensor_band


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of the retrieval and of the reference temperature."""

    tier: str = "column"
    """Tier of the model: ``column`` or ``surface``."""
    emissivity: float = WATER_EMISSIVITY
    """Emissivity of the water. [1]"""
    two_constants: bool = False
    """Whether the brightness temperature was computed with the constants K1 and K2 of the metadata."""
    vapour_factor: float = 1.0
    """Factor on the water vapour. [1]"""
    pressure_elevation: float | None = None
    """Elevation for the surface pressure; None is the elevation of the lake. [m]"""
    climatological_air: bool = False
    """Whether to use the air temperature of the climatology on all days."""
    air_temperature_change: float = 0.0
    """Added to the air temperature. [K]"""
    downwelling_factor: float = 1.0
    """Factor on the downwelling radiance. [1]"""
    skin: float = 0.0
    """Temperature of the buoy minus skin temperature. [K]"""


def sensor_radiances(table: LakeTable, two_constants: bool) -> Float:
    """At-sensor radiance from the brightness temperatures of the table. [W m-2 sr-1 um-1]"""
    band = sensor_band(table.sensor)
    if two_constants:
        return np.asarray(radiance_two_constants(table.brightness_temperature, band.k1, band.k2))
    return np.asarray(band_radiance(table.brightness_temperature, band.planck))


def retrieve(table: LakeTable, settings: Settings) -> Float:
    """Retrieve the surface temperature of the lake, shape (overpass,). [K]"""
    terms = atmosphere(table, settings)
    radiance = sensor_radiances(table, settings.two_constants)
    transmittance, upwelling, downwelling = terms
    sky = settings.downwelling_factor * downwelling
    planck = sensor_band(table.sensor).planck
    return np.asarray(surface_temperature(radiance, settings.emissivity, transmittance, upwelling, sky, planck))


def atmosphere(table: LakeTable, settings: Settings) -> tuple[Float, Float, Float]:
    """Predict transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1] with the model."""
    elevation = table.lake.elevation if settings.pressure_elevation is None else settings.pressure_elevation
    inputs = {
        "water_vapour": settings.vapour_factor * table.water_vapour,
        "surface_pressure": np.full(table.date.shape, float(pressure_at(elevation))),
    }
    if settings.tier == "surface":
        air = table.climatological_air if settings.climatological_air else table.air_temperature
        inputs["air_temperature"] = air + settings.air_temperature_change
    terms = Model.load(f"{table.sensor}/{settings.tier}", graph="atmosphere").atmosphere(**inputs).terms
    transmittance, upwelling, downwelling = (np.asarray(term, dtype=float) for term in terms)
    return transmittance, upwelling, downwelling


def residuals(table: LakeTable, settings: Settings) -> Float:
    """Subtract the reference from the retrieved temperature. [K]"""
    return retrieve(table, settings) - table.ground_temperature + settings.skin


def measure(table: LakeTable, settings: Settings) -> Agreement:
    """Agreement of the retrieval with the reference, over overpasses with results of all methods."""
    return agreement(residuals(table, settings)[table.common])
