"""Retrieval error from a single band emissivity, where the true emissivity varies within the band."""

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
"""Number of atmospheres in each class of water vapour."""
GROUND_EXCESS = (-5.0, 5.0, 15.0)
"""Surface temperatures minus air temperature at 2 m. [K]"""
EFFECTIVE_EXCESS = (-5.0, 20.0)
"""Surface temperatures of `effective_average` minus air temperature at 2 m. [K]"""
LIBRARY_TEMPERATURE = 300.0
"""Temperature at which spectra are averaged to band emissivities, as in spectral libraries. [K]"""
METAL = "metal"
"""Material with separate statistics: bare metal has a low emissivity and reflects mostly downwelling radiance."""
NOT_METAL = "without metals"

PARTS = ("spectral", "band equation", "effective terms")
"""Parts of the error: see `SpectralStudy`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectralStudy:
    """Errors of the surface temperature for surfaces with spectral emissivity and known atmosphere.

    Retrieved with the equation of the band, band averages of transmittance and radiances, and a single emissivity.
    Errors have shape (sensor, atmosphere, surface temperature, spectrum), NaN where the retrieval fails.
    """

    sensors: tuple[str, ...]
    """Sensor bands."""
    names: tuple[str, ...]
    """Names of the spectra."""
    kinds: tuple[str, ...]
    """Kind of material of each spectrum."""
    band_emissivity: Float
    """Band emissivity, weighted with response and Planck radiance at 300 K, shape (sensor, spectrum). [1]"""
    profiles: tuple[int, ...]
    """Indices of the atmospheres in the profile library."""
    water_vapour: Float
    """Water vapour of the atmospheres, shape (atmosphere,). [kg m-2]"""
    air_temperature: Float
    """Air temperature at 2 m, shape (atmosphere,). [K]"""
    spectral: Float
    """Spectral error: retrieved for the spectrum minus retrieved for a grey surface of the band emissivity. [K]"""
    band_equation: Float
    """Error of the band equation for a grey surface: retrieved minus true. [K]"""
    effective_terms: Float
    """The same with the terms of `effective_average` instead of plain averages. [K]"""

    def part(self, name: str) -> Float:
        """Errors of one of `PARTS`. [K]"""
        return {PARTS[0]: self.spectral, PARTS[1]: self.band_equation, PARTS[2]: self.effective_terms}[name]

    def select(self, part: str, sensor: str, *, kind: str = NOT_METAL, vapour: str = "all") -> Float:
        """Errors of one part in one band, for a kind of material and a class of water vapour or "all", flat. [K]"""
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
    """Compute the errors of a single band emissivity in every sensor band, about ten seconds.

    `spectra` and `profiles` default to the packaged ones; `per_class` is the number of atmospheres in each class of
    water vapour. Raises `InputError` if the spectra do not cover the bands, `CancelledError` if `progress` (called
    with completed and total atmospheres) returns False.
    """
    spectra = packaged_spectra() if spectra is None else spectra
    profiles = read_profiles(library_path()) if profiles is None else profiles
    vapour, chosen = water_vapour(profiles), choose(profiles, per_class)
    grounds = [_BandMaterials.of(spectra, sensor) for sensor in sensor_names()]
    errors = []
    for done, index in enumerate(chosen, start=1):
        spectrum = simulate_spectrum(column_of(profiles, index))
        air = float(profiles["air_temperature_2m"].values[index])
        errors.append([ground.errors(spectrum, air) for ground in grounds])
        if progress is not None and not progress(done, len(chosen)):
            raise CancelledError(f"cancelled after {done} of {len(chosen)} atmospheres")
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
    """Indices of unperturbed atmospheres over land, evenly from dry to humid in each class of water vapour."""
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
class _BandMaterials:
    """Spectra of the materials where the weights of a band are not zero."""

    sensor: str
    inside: NDArray[np.intp]
    weights: Float
    wavelength: Float
    emissivity: Float  # (spectrum, points)
    band_emissivity: Float

    @classmethod
    def of(cls, spectra: EmissivitySpectra, sensor: str) -> _BandMaterials:
        weights = band_weights(sensor)
        inside = np.flatnonzero(weights)
        wavelength = band_wavelength()[inside]
        emissivity = spectra.at(wavelength)
        emitted = weights[inside] * planck_radiance(np.float64(LIBRARY_TEMPERATURE), wavelength)
        return cls(
            sensor=sensor,
            inside=inside,
            weights=weights[inside],
            wavelength=wavelength,
            emissivity=emissivity,
            band_emissivity=emissivity @ emitted / emitted.sum(),
        )

    def errors(self, spectrum: Spectrum, air_temperature: float) -> Float:
        """Errors of `PARTS`, shape (part, surface temperature, spectrum). [K]"""
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
        """Radiance of the materials, and of grey surfaces of their band emissivity; linear in the emissivity."""
        terms = [part[self.inside] for part in (spectrum.transmittance, spectrum.upwelling, spectrum.downwelling)]
        emitted = planck_radiance(ground, self.wavelength)
        black, mirror = (sensor_radiance_of_black_body(emitted, emissivity, *terms) for emissivity in (1.0, 0.0))
        rise, floor = self.weights * (black - mirror), mirror @ self.weights
        return self.emissivity @ rise + floor, self.band_emissivity * rise.sum() + floor

    def _retrieve(self, radiance: Float, air: BandAtmosphere) -> Float:
        terms = air.transmittance, air.upwelling_radiance, air.downwelling_radiance
        planck = sensor_band(self.sensor).planck
        return np.asarray(surface_temperature(radiance, self.band_emissivity, *terms, planck))
