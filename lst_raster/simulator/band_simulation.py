"""The simulator: from an atmospheric column to the band averages of the radiative transfer equation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from lst_raster.physics.planck import planck_radiance
from lst_raster.sensors.response import Float, Response, load_response, wavenumber_weights
from lst_raster.simulator.absorption_table import BAND_POINTS, AbsorptionTable, packaged_table, wavenumber_grid
from lst_raster.simulator.atmosphere import Column, layers
from lst_raster.simulator.gases import Composition
from lst_raster.simulator.solver import Spectrum, hemisphere, optical_depth_blocks, solve


@dataclass(frozen=True, kw_only=True, slots=True)
class BandAtmosphere:
    """The terms of the radiative transfer equation in one band."""

    transmittance: float
    """Along the view path. [1]"""
    upwelling_radiance: float
    """Radiance emitted towards the sensor. [W m-2 sr-1 um-1]"""
    downwelling_radiance: float
    """Hemispheric mean radiance emitted towards the ground. [W m-2 sr-1 um-1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """Directions in which the equation is solved."""

    view_zenith: float = 0.0
    """Zenith angle of the sensor. [degree]"""
    zenith_sky: bool = False
    """True to take the downwelling radiance from the zenith alone, as some codes do, not from the hemisphere."""
    refinement: int = 1
    """Factor on the number of layers."""


def simulate_spectrum(
    profile: Column,
    composition: Composition | None = None,
    *,
    geometry: Geometry | None = None,
    table: AbsorptionTable | None = None,
    sensors: Sequence[str] | None = None,
) -> Spectrum:
    """Transmittance and path radiances at 0.01 cm-1 between 760 and 1000 cm-1.

    Parameters
    ----------
    profile : Column
        The atmosphere.
    composition : Composition, optional
        What absorbs besides water vapour; else its defaults.
    geometry : Geometry, optional
        Directions; else nadir and the hemisphere.
    table : AbsorptionTable, optional
        Absorption coefficients; else those of the package.
    sensors : sequence of str, optional
        Sensor bands to be averaged over: where none of them sees anything the spectrum is not computed, but zero.

    Returns
    -------
    Spectrum
        On `lst_raster.simulator.absorption_table.wavenumber_grid`, shape (24000,).
    """
    composition, geometry = composition or Composition(), geometry or Geometry()
    table = table or packaged_table()
    cut = layers(profile, geometry.refinement)
    view_cosine = float(np.cos(np.radians(geometry.view_zenith)))
    down_cosines, down_weights = (np.ones(1, np.float32),) * 2 if geometry.zenith_sky else hemisphere()
    wavelengths = (1e4 / wavenumber_grid()).astype(np.float32).reshape(-1, BAND_POINTS)
    boundary = cut.boundary_temperature.astype(np.float32)[:, None]
    seen = _seen(sensors, len(wavelengths))
    depths = optical_depth_blocks(cut, composition, table, seen)
    blocks = {
        block: solve(
            depth,
            planck_radiance(boundary, wavelengths[block]),
            view_cosine=view_cosine,
            down_cosines=down_cosines,
            down_weights=down_weights,
        )
        for block, depth in zip(seen, depths, strict=True)
    }
    dark = np.zeros(BAND_POINTS, np.float32)
    empty = Spectrum(transmittance=dark, upwelling=dark, downwelling=dark)
    every = [blocks.get(block, empty) for block in range(len(wavelengths))]
    return Spectrum(
        transmittance=np.concatenate([block.transmittance for block in every]),
        upwelling=np.concatenate([block.upwelling for block in every]),
        downwelling=np.concatenate([block.downwelling for block in every]),
    )


def _seen(sensors: Sequence[str] | None, count: int) -> Sequence[int]:
    """Blocks of the spectrum that sensor bands see; a narrow band takes a third of the time of all."""
    if sensors is None:
        return range(count)
    weights = np.stack([band_weights(sensor) for sensor in sensors]).reshape(len(sensors), count, BAND_POINTS)
    return [int(block) for block in np.flatnonzero(weights.any(axis=(0, 2)))]


def band_average(spectrum: Spectrum, sensor: str) -> BandAtmosphere:
    """Average a spectrum with a sensor band's response, in wavelength.

    Parameters
    ----------
    spectrum : Spectrum
        From `simulate_spectrum`.
    sensor : str
        Name of the band, for example ``landsat8-b10``.

    Returns
    -------
    BandAtmosphere
        The equation's terms in the band.
    """
    weights = band_weights(sensor)
    return BandAtmosphere(
        transmittance=float(spectrum.transmittance @ weights),
        upwelling_radiance=float(spectrum.upwelling @ weights),
        downwelling_radiance=float(spectrum.downwelling @ weights),
    )


def effective_average(spectrum: Spectrum, sensor: str, ground: tuple[float, float]) -> BandAtmosphere:
    """Terms with which the band's equation holds over black ground of two temperatures, and nearly so over any.

    The equation multiplies averages where the spectrum has products. With `band_average` the radiance is wrong where,
    within the band, the transmittance rises or falls with the Planck function or with the sky. Here the transmittance
    is the slope, and the upwelling radiance the intercept, of the line through the radiances over the two grounds; the
    downwelling radiance is what arrives of the reflected sky, over that transmittance.

    Parameters
    ----------
    spectrum : Spectrum
        From `simulate_spectrum`.
    sensor : str
        Name of the band.
    ground : tuple of float
        Two temperatures of black ground, the lower one first. [K]

    Returns
    -------
    BandAtmosphere
        The equation's terms in the band.

    References
    ----------
    M. Cook et al., Remote Sens. 6, 11244 (2014), doi:10.3390/rs61111244, takes the terms from three runs of MODTRAN so.
    """
    weights = band_weights(sensor)
    emitted = planck_radiance(np.array(ground)[:, None], band_wavelength())
    (cold, warm), (faint, bright) = (emitted * spectrum.transmittance) @ weights, emitted @ weights
    transmittance = (warm - cold) / (bright - faint)
    reflected = (spectrum.transmittance * spectrum.downwelling) @ weights
    return BandAtmosphere(
        transmittance=float(transmittance),
        upwelling_radiance=float(spectrum.upwelling @ weights + cold - transmittance * faint),
        downwelling_radiance=float(reflected / transmittance),
    )


GROUND = (-5.0, 20.0)
"""Two grounds, less air temperature at 2 m, through whose radiances `simulate_effective` lays a band's terms: about the
middle of the halves of what lies under an atmosphere, -15 to +30 K. [K]"""


def simulate_effective(
    profile: Column, sensors: Sequence[str], composition: Composition | None = None
) -> dict[str, BandAtmosphere]:
    """Simulate one atmosphere for sensor bands, as simulated sets hold it and models learn it.

    Parameters
    ----------
    profile : Column
        The atmosphere.
    sensors : sequence of str
        Names of the bands; one spectral run serves all.
    composition : Composition, optional
        What absorbs besides water vapour; else its defaults.

    Returns
    -------
    dict of str to BandAtmosphere
        Name of each band to terms by `effective_average`, in the order given.
    """
    spectrum = simulate_spectrum(profile, composition, sensors=sensors)
    near = float(profile.air_temperature[0])
    ground = near + GROUND[0], near + GROUND[1]
    return {sensor: effective_average(spectrum, sensor, ground) for sensor in sensors}


def band_weights(sensor: str) -> Float:
    """Weights that average a spectrum over a sensor band, in wavelength: ``values @ weights``.

    Parameters
    ----------
    sensor : str
        Name of the band, for example ``landsat8-b10``.

    Returns
    -------
    array of shape (24000,)
        Weights on the simulator's grid, which sum to one; they cannot be written to. [1]

    Raises
    ------
    UnknownSensorError
        The name is not known.
    """
    return _weights(load_response(sensor))


@lru_cache(maxsize=64)
def _weights(response: Response) -> Float:
    weights = wavenumber_weights(response, wavenumber_grid())
    weights.setflags(write=False)
    return weights


@cache
def band_wavelength() -> Float:
    """Wavelengths of the simulator's grid, falling, shape (24000,); they cannot be written to. [um]"""
    wavelength = np.asarray(1e4 / wavenumber_grid())
    wavelength.setflags(write=False)
    return wavelength


def simulate(
    profile: Column, sensors: Sequence[str], composition: Composition | None = None
) -> dict[str, BandAtmosphere]:
    """Simulate one atmosphere for one or more sensor bands.

    Parameters
    ----------
    profile : Column
        The atmosphere.
    sensors : sequence of str
        Names of the bands.
    composition : Composition, optional
        What absorbs besides water vapour; else its defaults.

    Returns
    -------
    dict
        The equation's terms by the band's name.

    Raises
    ------
    UnknownSensorError
        A name is not known.
    """
    spectrum = simulate_spectrum(profile, composition, sensors=sensors)
    return {sensor: band_average(spectrum, sensor) for sensor in sensors}
