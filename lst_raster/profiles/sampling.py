"""Sampling of surfaces, atmospheres and input errors for training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.uncertainty import AtmosphereModel, Retrieved, retrieve_with_uncertainty
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR, input_error_sources
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS

Float = NDArray[np.float64]

TEMPERATURE_DIFFERENCE = (-15.0, 30.0)
"""Surface temperature less air temperature at 2 m: from clear polar nights to dry bare ground at noon. [K]"""
EMISSIVITY = (0.90, 0.995)
"""Emissivity at 10 to 12 um: from bare rock and metal-free roofs to water and dense canopies. [1]"""
SURFACES_PER_PROFILE = 20
"""Number of surfaces per profile in evaluations. With half as many, the RMSE on soundings, which depends on a few humid
profiles, varies by 5 % between draws."""
BACKGROUND_AEROSOL = (0.02, 0.015)
"""Mean and standard deviation of the absorption optical depth of background aerosol at 11 um. [1]"""
HAZE_RANGE = (0.0, 0.3)
"""Absorption optical depth at 11 um in haze and desert dust. [1]"""
HAZE_FRACTION = 0.15
"""Fraction of profiles whose aerosol is drawn from `HAZE_RANGE`. [1]"""
GAS_YEARS = (1982.0, 2030.0)
"""Range of the year of the gas concentrations, for all sensor bands: Landsat 4 to the end of the decade. [year]"""
CONTINUUM_SPREAD = 0.03
"""Standard deviation of the factor on the water vapour continuum, which is clipped at three standard deviations. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surfaces:
    """Surfaces drawn for each profile, of shape (profile, sample)."""

    surface_temperature: Float  # land surface temperature [K]
    emissivity: Float  # emissivity in the band [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class AtmosphereDraws:
    """Atmospheric parameters drawn in addition to the profiles, of shape (profile,)."""

    aerosol_optical_depth: Float  # absorption optical depth of aerosol at 11 um [1]
    continuum_scaling: Float  # factor on the water vapour continuum [1]
    gas_year: Float  # decimal year of the minor gas concentrations


@dataclass(frozen=True, kw_only=True, slots=True)
class InputErrors:
    """Standard deviations of the errors of a user's inputs."""

    sensor: float = 0.05  # error of the brightness temperature at the sensor [K]
    emissivity: float = 0.01  # error of the emissivity [1]
    water_vapour: float = 0.10  # relative error of the water vapour column [1]
    air_temperature: float = 1.5  # error of the 2 m air temperature [K]
    profile_temperature: float = 1.0  # temperature error common to all sigma levels and the 2 m air temperature [K]
    level_temperature: float = 0.7  # independent temperature error of each sigma level [K]
    level_humidity: float = 0.10
    """Independent relative error of specific humidity at each sigma level; that of the column is common to all. [1]"""

    @property
    def input_error(self) -> float:
        """Model input `input_error`: larger ratio of the two atmospheric errors to their defaults, at most 1."""
        default = InputErrors()
        ratios = (getattr(self, name) / getattr(default, name) for name in ("water_vapour", "air_temperature"))
        return float(min(max(ratios), 1.0))

    def deviation(self, kind: str, value: Float) -> Float:
        """Compute the standard deviation of a kind of error (one of `simulator.input_errors.KINDS`) at exact values."""
        if kind in ("water_vapour", "level_humidity"):
            return np.asarray(getattr(self, kind) * value)
        return np.full_like(value, getattr(self, kind, 0.0))


EXACT = InputErrors(**dict.fromkeys((entry.name for entry in fields(InputErrors)), 0.0))  # no errors


def draw_surfaces(air_temperature: Float, per_profile: int, seed: int) -> Surfaces:
    """Draw `per_profile` surfaces for each profile from its air temperature at 2 m, (profile,) [K].

    The surface temperature is uniform from -15 to +30 K around the air temperature, the emissivity uniform between 0.90
    and 0.995: intentionally wider than the natural joint distribution, so that no scene is outside.
    """
    if air_temperature.ndim != 1:
        raise InputError(f"air temperature has shape {air_temperature.shape}; give one value per profile")
    if per_profile < 1:
        raise InputError(f"number of surfaces per profile is {per_profile}; give at least 1")
    shape = (air_temperature.size, per_profile)
    random = np.random.default_rng(seed)
    difference = random.uniform(*TEMPERATURE_DIFFERENCE, shape)
    return Surfaces(
        surface_temperature=air_temperature[:, None] + difference, emissivity=random.uniform(*EMISSIVITY, shape)
    )


def atmosphere_draws(count: int, seed: int) -> AtmosphereDraws:
    """Draw the parameters that a profile does not contain, over their natural spread.

    Aerosol: for 85 % of the profiles background aerosol, from a gamma distribution with a mean of 0.02 (continental
    background) and a standard deviation of 0.015; clean marine air has about 0.005. For 15 % haze and desert dust,
    uniform from 0 to 0.3. Absorption dominates in the thermal window; scattering is neglected.

    Continuum: normal about 1, standard deviation 0.03. Its uncertainty after field measurements is a few per cent; the
    change from MT_CKD 4.1 to 4.3, about a tenth in humid atmospheres, is within three standard deviations.

    Gases: a date drawn uniformly from 1982 to 2030, independently of the date of the profile.

    References
    ----------
    M. Hess, P. Koepke, I. Schult, Bull. Am. Meteorol. Soc. 79, 831 (1998),
    doi:10.1175/1520-0477(1998)079<0831:OPOAAC>2.0.CO;2 (aerosol types and their optical depths)
    E. J. Mlawer et al., J. Quant. Spectrosc. Radiat. Transfer 306, 108645 (2023), doi:10.1016/j.jqsrt.2023.108645
    (the continuum)
    """
    random = np.random.default_rng(seed)
    mean, spread = BACKGROUND_AEROSOL
    background = random.gamma((mean / spread) ** 2, spread**2 / mean, count)
    is_haze = random.random(count) < HAZE_FRACTION
    deviation = np.clip(random.standard_normal(count), -3.0, 3.0)
    return AtmosphereDraws(
        aerosol_optical_depth=np.where(is_haze, random.uniform(*HAZE_RANGE, count), background),
        continuum_scaling=1.0 + CONTINUUM_SPREAD * deviation,
        gas_year=random.uniform(*GAS_YEARS, count),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Inputs of a retrieval and the true temperature, all of shape (profile, sample)."""

    sensor: str  # sensor band
    surface_temperature: Float  # true land surface temperature [K]
    radiance: Float  # at-sensor radiance [W m-2 sr-1 um-1]
    emissivity: Float  # emissivity [1]
    atmosphere: Mapping[str, Float]  # atmospheric inputs, by their names in the model contract, in its units

    @property
    def water_vapour(self) -> Float:
        """Water vapour column. [kg m-2]"""
        return self.atmosphere["water_vapour"]

    def inputs(self) -> dict[str, Float]:
        """All inputs of models, by the names of the contract."""
        return {"radiance": self.radiance, "emissivity": self.emissivity, **self.atmosphere}


def observe(simulated: SimulatedSet, surfaces: Surfaces) -> Samples:
    """Simulate the at-sensor radiance of surfaces under the atmospheres of a simulated set, with exact inputs."""
    radiance = sensor_radiance(
        surfaces.surface_temperature,
        surfaces.emissivity,
        simulated.transmittance[:, None],
        simulated.upwelling_radiance[:, None],
        simulated.downwelling_radiance[:, None],
        sensor_band(simulated.sensor).planck,
    )
    atmosphere = {
        name: np.broadcast_to(values[:, None], radiance.shape) for name, values in simulated.atmosphere_inputs.items()
    }
    return Samples(
        sensor=simulated.sensor,
        surface_temperature=surfaces.surface_temperature,
        radiance=radiance,
        emissivity=surfaces.emissivity,
        atmosphere=atmosphere | {INPUT_ERROR: np.zeros(radiance.shape)},
    )


def add_input_errors(samples: Samples, errors: InputErrors, seed: int) -> Samples:
    """Add normally distributed errors to the inputs of exact samples; the true temperature is unchanged.

    The errors are independent, except that the errors of a profile are partly common to its levels
    (`input_error_sources`). Water vapour and humidity stay above a tenth of the true values, the emissivity at or below
    one.
    """
    random = np.random.default_rng(seed)
    planck = sensor_band(samples.sensor).planck
    shape = samples.radiance.shape
    brightness = brightness_temperature(samples.radiance, planck) + errors.sensor * random.standard_normal(shape)
    emissivity = np.minimum(samples.emissivity + errors.emissivity * random.standard_normal(shape), 1.0)
    atmosphere = {**samples.atmosphere, INPUT_ERROR: np.full(shape, errors.input_error)}
    for changes in input_error_sources(samples.atmosphere, errors.deviation).values():
        drawn = random.standard_normal(shape)
        atmosphere |= {name: atmosphere[name] + drawn * change for name, change in changes.items()}
    for name in ("water_vapour", *HUMIDITY_LEVELS):
        if name in atmosphere:
            atmosphere[name] = np.maximum(atmosphere[name], 0.1 * samples.atmosphere[name])
    return replace(samples, radiance=band_radiance(brightness, planck), emissivity=emissivity, atmosphere=atmosphere)


def retrieve_samples(
    atmosphere: AtmosphereModel, samples: Samples, errors: InputErrors, names: Sequence[str], band: BandPlanck
) -> Retrieved:
    """Retrieve temperatures [K] and uncertainties from samples with input errors, as `lst-raster retrieve` does.

    `atmosphere` predicts the atmospheric terms from the inputs `names`; `band` has the Planck coefficients of the
    sensor band. The results have the shape (profile, sample).
    """
    planck = sensor_band(samples.sensor).planck
    brightness = brightness_temperature(samples.radiance, planck)
    return retrieve_with_uncertainty(
        atmosphere,
        samples.radiance,
        samples.emissivity,
        {name: samples.atmosphere[name] for name in names},
        error_sources=input_error_sources({name: samples.atmosphere[name] for name in names}, errors.deviation),
        sensor_noise=np.asarray(errors.sensor * band_radiance_slope(brightness, planck)),
        emissivity_uncertainty=errors.emissivity,
        band=band,
    )
