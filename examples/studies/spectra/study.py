"""What one emissivity for a band costs, where the truth is a spectrum under the integral."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from examples.studies.columns import column_of
from lst_raster.errors import CancelledError
from lst_raster.inputs.emissivity.spectra import EmissivitySpectra, packaged_spectra
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.physics.planck import planck_radiance
from lst_raster.physics.radiative_transfer import sensor_radiance_of_black_body, surface_temperature
from lst_raster.profiles.profile_sets import library_path, read_profiles, water_vapour
from lst_raster.sensors.bands import sensor_band, sensor_names
from lst_raster.simulator.band_simulation import (
    BandAtmosphere,
    band_average,
    band_wavelength,
    band_weights,
    effective_average,
    simulate_spectrum,
)
from lst_raster.simulator.solver import Spectrum

Float = NDArray[np.float64]
Progress = Callable[[int, int], bool]

PER_CLASS = 5
"""Atmospheres of each class of water vapour."""
GROUND_EXCESS = (-5.0, 5.0, 15.0)
"""Surface temperatures minus air temperature at 2 m. [K]"""
EFFECTIVE_EXCESS = (-5.0, 20.0)
"""Surface temperatures of `effective_average` minus air temperature at 2 m. [K]"""
LIBRARY_TEMPERATURE = 300.0
"""Temperature at which spectra are averaged to the emissivity of a band, as spectral libraries do. [K]"""
METAL = "metal"
"""Material with separate statistics: bare metal has a low emissivity and reflects mostly downwelling radiance."""
NOT_METAL = "all but metal"

PARTS = ("spectral", "band equation", "effective terms")
"""Parts of the error: see `SpectralStudy`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectralStudy:
    """Errors of the surface temperature over grounds whose emissivity is a spectrum, in known air.

    Each is retrieved by the equation of the band, with the band's averages of transmittance and radiances and with one
    emissivity. All errors are of shape (sensor, atmosphere, ground, spectrum), NaN where nothing can be retrieved.
    """

    sensors: tuple[str, ...]
    """Sensor bands."""
    names: tuple[str, ...]
    """Names of the spectra."""
    kinds: tuple[str, ...]
    """Kind of material of each."""
    band_emissivity: Float
    """Emissivity in the band, weighted with response and Planck radiance at 300 K, shape (sensor, spectrum). [1]"""
    profiles: tuple[int, ...]
    """Numbers of the atmospheres in the profile library."""
    water_vapour: Float
    """Water vapour of the atmospheres, shape (atmosphere,). [kg m-2]"""
    air_temperature: Float
    """Their air temperature at 2 m, shape (atmosphere,). [K]"""
    spectral: Float
    """What the spectrum does: retrieved over it, less retrieved over grey ground of the band's emissivity. [K]"""
    band_equation: Float
    """What the equation of the band does over grey ground: retrieved less true. [K]"""
    effective_terms: Float
    """The same with the terms of `effective_average` instead of plain averages. [K]"""

    def part(self, name: str) -> Float:
        """Errors of one of `PARTS`. [K]"""
        return {PARTS[0]: self.spectral, PARTS[1]: self.band_equation, PARTS[2]: self.effective_terms}[name]

    def select(self, part: str, sensor: str, *, kind: str = NOT_METAL, vapour: str = "all") -> Float:
        """Errors of one part in one band, over one kind of material and in one class of water vapour, flat. [K]

        Parameters
        ----------
        part : str
            One of `PARTS`.
        sensor : str
            One of `sensors`.
        kind : str
            One of `kinds`, or "all but metal".
        vapour : str
            Name of a class of `WATER_VAPOUR_CLASSES`, or "all".
        """
        low, high = WATER_VAPOUR_CLASSES.get(vapour, (0.0, np.inf))
        air = (self.water_vapour >= low) & (self.water_vapour < high)
        kinds = np.array(self.kinds)
        ground = kinds != METAL if kind == NOT_METAL else kinds == kind
        return np.asarray(self.part(part)[self.sensors.index(sensor)][air][:, :, ground].ravel())


def run(
    progress: Progress | None = None,
    *,
    spectra: EmissivitySpectra | None = None,
    profiles: xr.Dataset | None = None,
    per_class: int = PER_CLASS,
) -> SpectralStudy:
    """Measure what one emissivity for a band costs, in every sensor band.

    A spectrum of the atmosphere serves all bands; about ten seconds for 30 atmospheres and 74 materials.

    Parameters
    ----------
    progress : callable, optional
        Takes the atmospheres done and their total; False stops.
    spectra : EmissivitySpectra, optional
        Materials; else the 74 of the package.
    profiles : xarray.Dataset, optional
        Atmospheres to choose from; else the packaged library.
    per_class : int
        Atmospheres of each class of water vapour, if there are as many over land.

    Returns
    -------
    SpectralStudy
        The errors.

    Raises
    ------
    InputError
        The spectra do not reach over the bands.
    CancelledError
        `progress` returned False.
    """
    spectra = packaged_spectra() if spectra is None else spectra
    profiles = read_profiles(library_path()) if profiles is None else profiles
    vapour, chosen = water_vapour(profiles), choose(profiles, per_class)
    grounds = [_Ground.of(spectra, sensor) for sensor in sensor_names()]
    errors = []
    for done, index in enumerate(chosen, start=1):
        spectrum = simulate_spectrum(column_of(profiles, index))
        air = float(profiles["air_temperature_2m"].values[index])
        errors.append([ground.errors(spectrum, air) for ground in grounds])
        if progress is not None and not progress(done, len(chosen)):
            raise CancelledError(f"stopped after {done} of {len(chosen)} atmospheres")
    found = np.array(errors)  # (atmosphere, sensor, part, ground, spectrum)
    return SpectralStudy(
        sensors=tuple(ground.sensor for ground in grounds),
        names=spectra.names,
        kinds=spectra.kinds,
        band_emissivity=np.stack([ground.band_emissivity for ground in grounds]),
        profiles=tuple(chosen),
        water_vapour=vapour[chosen],
        air_temperature=profiles["air_temperature_2m"].values[chosen].astype(np.float64),
        **{
            name.replace(" ", "_"): np.ascontiguousarray(found[:, :, number].swapaxes(0, 1))
            for number, name in enumerate(PARTS)
        },
    )


def choose(profiles: xr.Dataset, per_class: int) -> list[int]:
    """Choose atmospheres over land from dry to humid: evenly among the columns of each class of water vapour.

    Parameters
    ----------
    profiles : xarray.Dataset
        Profiles; those that were perturbed are left out.
    per_class : int
        How many of each class.

    Returns
    -------
    list of int
        Their numbers, class by class, each from dry to humid.
    """
    vapour = water_vapour(profiles)
    usable = (profiles["perturbation"].values == 0) & (profiles["land"].values == 1)
    chosen: list[int] = []
    for low, high in WATER_VAPOUR_CLASSES.values():
        within = np.flatnonzero(usable & (vapour >= low) & (vapour < high))
        within = within[np.argsort(vapour[within], kind="stable")]
        count = min(per_class, within.size)
        chosen += within[((np.arange(count) + 0.5) / max(count, 1) * within.size).astype(np.intp)].tolist()
    return chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ground:
    """Materials as one band sees them: only where the band's weights are not zero."""

    sensor: str
    seen: NDArray[np.intp]
    weights: Float
    wavelength: Float
    emissivity: Float  # (spectrum, points)
    band_emissivity: Float

    @classmethod
    def of(cls, spectra: EmissivitySpectra, sensor: str) -> _Ground:
        weights = band_weights(sensor)
        seen = np.flatnonzero(weights)
        wavelength = band_wavelength()[seen]
        emissivity = spectra.at(wavelength)
        emitted = weights[seen] * planck_radiance(np.float64(LIBRARY_TEMPERATURE), wavelength)
        return cls(
            sensor=sensor,
            seen=seen,
            weights=weights[seen],
            wavelength=wavelength,
            emissivity=emissivity,
            band_emissivity=emissivity @ emitted / emitted.sum(),
        )

    def errors(self, spectrum: Spectrum, air_temperature: float) -> Float:
        """Give the errors of `PARTS`, shape (part, ground, spectrum). [K]"""
        near = (air_temperature + EFFECTIVE_EXCESS[0], air_temperature + EFFECTIVE_EXCESS[1])
        plain, effective = band_average(spectrum, self.sensor), effective_average(spectrum, self.sensor, near)
        rows = []
        for ground in air_temperature + np.array(GROUND_EXCESS):
            over_spectra, over_grey = self._radiances(spectrum, ground)
            grey = self._retrieve(over_grey, plain)
            by_spectrum = self._retrieve(over_spectra, plain) - grey
            rows.append((by_spectrum, grey - ground, self._retrieve(over_grey, effective) - ground))
        return np.array(rows).swapaxes(0, 1)

    def _radiances(self, spectrum: Spectrum, ground: np.float64) -> tuple[Float, Float]:
        """Radiance over the materials, and over grey ground of their band emissivity: linear in the emissivity."""
        terms = [part[self.seen] for part in (spectrum.transmittance, spectrum.upwelling, spectrum.downwelling)]
        emitted = planck_radiance(ground, self.wavelength)
        black, mirror = (sensor_radiance_of_black_body(emitted, emissivity, *terms) for emissivity in (1.0, 0.0))
        rise, floor = self.weights * (black - mirror), mirror @ self.weights
        return self.emissivity @ rise + floor, self.band_emissivity * rise.sum() + floor

    def _retrieve(self, radiance: Float, air: BandAtmosphere) -> Float:
        terms = air.transmittance, air.upwelling_radiance, air.downwelling_radiance
        planck = sensor_band(self.sensor).planck
        return np.asarray(surface_temperature(radiance, self.band_emissivity, *terms, planck))
