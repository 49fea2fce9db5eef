"""Retrievals of a lake's temperature with the shipped models, in one setting or another."""

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
    """Whether the brightness temperature was made by the two constants of the metadata."""
    vapour_factor: float = 1.0
    """Factor on the water vapour. [1]"""
    pressure_elevation: float | None = None
    """Height from which the surface pressure follows; None is the lake's own. [m]"""
    standard_air: bool = False
    """Whether the air temperature is that of the standard atmosphere on all days."""
    air_warmer: float = 0.0
    """Added to the air temperature. [K]"""
    sky_factor: float = 1.0
    """Factor on the downwelling radiance. [1]"""
    skin: float = 0.0
    """How much cooler the skin is taken to be than the buoy. [K]"""


def sensor_radiances(table: LakeTable, two_constants: bool) -> Float:
    """Radiance at the sensor from the table's brightness temperature. [W m-2 sr-1 um-1]."""
    band = sensor_band(table.sensor)
    if two_constants:
        return np.asarray(radiance_two_constants(table.brightness_temperature, band.k1, band.k2))
    return np.asarray(band_radiance(table.brightness_temperature, band.planck))


def retrieve(table: LakeTable, settings: Settings) -> Float:
    """Surface temperature of the lake.

    Parameters
    ----------
    table : LakeTable
        Match-ups.
    settings : Settings
        How.

    Returns
    -------
    array of shape (overpass,)
        Surface temperature. [K]
    """
    terms = atmosphere(table, settings)
    radiance = sensor_radiances(table, settings.two_constants)
    transmittance, upwelling, downwelling = terms
    sky = settings.sky_factor * downwelling
    planck = sensor_band(table.sensor).planck
    return np.asarray(surface_temperature(radiance, settings.emissivity, transmittance, upwelling, sky, planck))


def atmosphere(table: LakeTable, settings: Settings) -> tuple[Float, Float, Float]:
    """Transmittance [1], up- and downwelling radiance [W m-2 sr-1 um-1] that the model predicts."""
    elevation = table.lake.elevation if settings.pressure_elevation is None else settings.pressure_elevation
    inputs = {
        "water_vapour": settings.vapour_factor * table.water_vapour,
        "surface_pressure": np.full(table.date.shape, float(pressure_at(elevation))),
    }
    if settings.tier == "surface":
        air = table.standard_air if settings.standard_air else table.air_temperature
        inputs["air_temperature"] = air + settings.air_warmer
    terms = Model.load(f"{table.sensor}/{settings.tier}", graph="atmosphere").atmosphere(**inputs).terms
    transmittance, upwelling, downwelling = (np.asarray(term, dtype=float) for term in terms)
    return transmittance, upwelling, downwelling


def residuals(table: LakeTable, settings: Settings) -> Float:
    """Subtract the reference from the retrieved temperature. [K]."""
    return retrieve(table, settings) - table.ground_temperature + settings.skin


def measure(table: LakeTable, settings: Settings) -> Agreement:
    """Agreement of the retrieval with the reference, over the overpasses that all methods have."""
    return agreement(residuals(table, settings)[table.common])
