"""Simulation of the atmospheric terms of a sensor band from an atmospheric column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from lst_raster.physics.planck import planck_radiance
from lst_raster.sensors.response import Float, Response, load_response, wavenumber_weights
from lst_raster.simulator.absorption_table import BAND_POINTS, AbsorptionTable, packaged_table, wavenumber_grid
from lst_raster.simulator.atmosphere import Column, layers
from lst_raster.simulator.gases import Composition
from lst_raster.simulator.solver import Spectrum, hemisphere, optical_depth_blocks, solve


class BandAtmosphere(NamedTuple):
    """Atmospheric terms of the radiative transfer equation in one band."""

    transmittance: float  # along the view path [1]
    upwelling_radiance: float  # upwelling radiance [W m-2 sr-1 um-1]
    downwelling_radiance: float  # hemispheric mean of the downwelling radiance [W m-2 sr-1 um-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """Viewing geometry and vertical resolution."""

    view_zenith: float = 0.0  # view zenith angle [degree]
    zenith_sky: bool = False
    """Whether the downwelling radiance is from the zenith only, as in some codes, not the hemispheric mean."""
    refinement: int = 1  # factor on the number of layers


def simulate_spectrum(
    profile: Column,
    composition: Composition | None = None,
    *,
    geometry: Geometry | None = None,
    table: AbsorptionTable | None = None,
    sensors: Sequence[str] | None = None,
) -> Spectrum:
    """Transmittance and path radiances at 0.01 cm-1 between 760 and 1000 cm-1, shape (24000,).

    Defaults: `Composition()`, nadir view with the hemispheric mean, and the packaged absorption table. With `sensors`,
    only the spectral blocks in which one of these bands has a response are computed; the others are zero.
    """
    composition, geometry = composition or Composition(), geometry or Geometry()
    table = table or packaged_table()
    column_layers = layers(profile, geometry.refinement)
    view_cosine = float(np.cos(np.radians(geometry.view_zenith)))
    down_cosines, down_weights = (np.ones(1, np.float32),) * 2 if geometry.zenith_sky else hemisphere()
    wavelengths = (1e4 / wavenumber_grid()).astype(np.float32).reshape(-1, BAND_POINTS)
    boundary = column_layers.boundary_temperature.astype(np.float32)[:, None]
    selected = _blocks_of(sensors, len(wavelengths))
    depths = optical_depth_blocks(column_layers, composition, table, selected)
    blocks = {
        block: solve(
            depth,
            planck_radiance(boundary, wavelengths[block]),
            view_cosine=view_cosine,
            down_cosines=down_cosines,
            down_weights=down_weights,
        )
        for block, depth in zip(selected, depths, strict=True)
    }
    dark = np.zeros(BAND_POINTS, np.float32)
    all_blocks = [blocks.get(block, (dark, dark, dark)) for block in range(len(wavelengths))]
    return Spectrum(*(np.concatenate(parts) for parts in zip(*all_blocks, strict=True)))


def _blocks_of(sensors: Sequence[str] | None, count: int) -> Sequence[int]:
    """Spectral blocks with a non-zero response; a narrow band saves two thirds of the time of the full spectrum."""
    if sensors is None:
        return range(count)
    weights = np.stack([band_weights(sensor) for sensor in sensors]).reshape(len(sensors), count, BAND_POINTS)
    return [int(block) for block in np.flatnonzero(weights.any(axis=(0, 2)))]


def band_average(spectrum: Spectrum, sensor: str) -> BandAtmosphere:
    """Average a spectrum with the response of a sensor band, over wavelength."""
    weights = band_weights(sensor)
    return BandAtmosphere(*(float(values @ weights) for values in spectrum))


def effective_average(spectrum: Spectrum, sensor: str, ground: tuple[float, float]) -> BandAtmosphere:
    """Effective terms with which the equation for the band is exact over black surfaces at two temperatures [K].

    The equation for the band multiplies band averages, while the at-sensor radiance is the average of spectral
    products. With the terms of `band_average` it has an error if transmittance is correlated, within the band, with the
    Planck function or the downwelling radiance. Here transmittance and upwelling radiance are the slope and the
    intercept of the line through the at-sensor radiances over the two surfaces; the downwelling radiance is the band
    average of the transmitted downwelling radiance, divided by this transmittance.

    References
    ----------
    M. Cook et al., Remote Sens. 6, 11244 (2014), doi:10.3390/rs61111244 (terms from three MODTRAN runs).
    """
    weights = band_weights(sensor)
    emitted = planck_radiance(np.array(ground)[:, None], band_wavelength())
    at_sensor_low, at_sensor_high = (emitted * spectrum.transmittance) @ weights
    surface_low, surface_high = emitted @ weights
    transmittance = (at_sensor_high - at_sensor_low) / (surface_high - surface_low)
    reflected = (spectrum.transmittance * spectrum.downwelling) @ weights
    return BandAtmosphere(
        transmittance=float(transmittance),
        upwelling_radiance=float(spectrum.upwelling @ weights + at_sensor_low - transmittance * surface_low),
        downwelling_radiance=float(reflected / transmittance),
    )


SURFACE_OFFSETS = (-5.0, 20.0)
"""Temperatures of the two surfaces of `simulate_effective` less the air temperature at 2 m: near the quartiles of the
training range, -15 to +30 K. [K]"""


def simulate_effective(
    profile: Column, sensors: Sequence[str], composition: Composition | None = None
) -> dict[str, BandAtmosphere]:
    """Simulate the effective terms (`effective_average`) of one atmosphere, by sensor band, as in simulated sets."""
    spectrum = simulate_spectrum(profile, composition, sensors=sensors)
    air_temperature = float(profile.air_temperature[0])
    ground = air_temperature + SURFACE_OFFSETS[0], air_temperature + SURFACE_OFFSETS[1]
    return {sensor: effective_average(spectrum, sensor, ground) for sensor in sensors}


def band_weights(sensor: str) -> Float:
    """Weights of the band average over wavelength, ``values @ weights``: normalised, read-only, shape (24000,). [1]"""
    return _weights(load_response(sensor))


@lru_cache(maxsize=64)
def _weights(response: Response) -> Float:
    weights = wavenumber_weights(response, wavenumber_grid())
    weights.setflags(write=False)
    return weights


@cache
def band_wavelength() -> Float:
    """Wavelengths of the wavenumber grid, decreasing, read-only, shape (24000,). [um]"""
    wavelength = np.asarray(1e4 / wavenumber_grid())
    wavelength.setflags(write=False)
    return wavelength


def simulate(
    profile: Column, sensors: Sequence[str], composition: Composition | None = None
) -> dict[str, BandAtmosphere]:
    """Simulate the band averages (`band_average`) of one atmosphere, by sensor band; raises UnknownSensorError."""
    spectrum = simulate_spectrum(profile, composition, sensors=sensors)
    return {sensor: band_average(spectrum, sensor) for sensor in sensors}
