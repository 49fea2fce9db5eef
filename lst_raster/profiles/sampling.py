"""Samples of surfaces, atmospheres and input errors for training and evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.uncertainty import AtmosphereModel, Retrieved, retrieve_with_uncertainty
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR, Changes, input_error_sources
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS

Float = NDArray[np.float64]

TEMPERATURE_DIFFERENCE = (-15.0, 30.0)
"""Surface less 2 m air temperature: from clear polar nights to dry bare ground at noon. [K]"""
EMISSIVITY = (0.90, 0.995)
"""Emissivity at 10 to 12 um: from bare rock and metal-free roofs to water and dense canopies. [1]"""

MILD_CENTRE, MILD_RADIUS = 2.5, 8.0
"""Centre and half width of the mild surfaces' temperature less air temperature. [K]"""
MILD_EMISSIVITY = (0.93, 0.99)
"""Emissivity of the mild surfaces. [1]"""

SURFACES_PER_PROFILE = 20
"""Surfaces that are drawn under each profile of a set on which something is measured. Of half as many the root mean
square on soundings, which hangs on a few humid ones, scatters by 5 % between draws."""

AEROSOL_RANGE = (0.0, 0.06)
"""Absorption optical depth of background aerosol at 11 um, from clean marine air to haze. [1]"""
AEROSOL_SHAPE = (2.0, 4.0)
"""Shape of the beta distribution of the aerosol: mean 0.02, continental background; most frequent value 0.015."""
CONTINUUM_SPREAD = 0.03
"""Standard deviation of the factor on the water vapour continuum, limited to three deviations. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surfaces:
    """Surfaces drawn for each profile."""

    surface_temperature: Float
    """Land surface temperature, shape (profile, sample). [K]"""
    emissivity: Float
    """Emissivity in the band, shape (profile, sample). [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AtmosphereDraws:
    """What the atmosphere has beyond its profile, one value a profile."""

    aerosol_optical_depth: Float
    """Absorption optical depth of background aerosol at 11 um, shape (profile,). [1]"""
    continuum_scaling: Float
    """Factor on the water vapour continuum, shape (profile,). [1]"""
    gas_year: Float
    """Year whose minor gas concentrations hold, with its fraction, shape (profile,)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputErrors:
    """Standard deviations of the errors of what a user knows, for measuring a model on noisy inputs."""

    sensor: float = 0.05
    """Error of the brightness temperature at the sensor. [K]"""
    emissivity: float = 0.01
    """Error of the emissivity. [1]"""
    water_vapour: float = 0.10
    """Relative error of the water vapour column. [1]"""
    air_temperature: float = 1.5
    """Error of the 2 m air temperature. [K]"""
    profile_temperature: float = 1.0
    """Part of the errors of the temperatures that all sigma levels and the 2 m air have in common. [K]"""
    level_temperature: float = 0.7
    """Error of the temperature of each sigma level for itself. [K]"""
    level_humidity: float = 0.10
    """Relative error of the humidity of each sigma level for itself; that of the column moves them all. [1]"""

    @property
    def share(self) -> float:
        """What a model is told of these errors: the largest of the air's as a share of the default one, at most 1."""
        usual = InputErrors()
        shares = (getattr(self, name) / getattr(usual, name) for name in ("water_vapour", "air_temperature"))
        return float(min(max(shares), 1.0))

    def deviation(self, kind: str, value: Float) -> Float:
        """Return the standard deviation of a kind of error (a key of `KINDS`) on exact values."""
        relative = {"water_vapour": self.water_vapour, "level_humidity": self.level_humidity}
        if kind in relative:
            return relative[kind] * value
        return np.full_like(value, getattr(self, kind, 0.0))


EXACT = InputErrors(**dict.fromkeys((entry.name for entry in fields(InputErrors)), 0.0))
"""No errors."""


def _check(air_temperature: Float, per_profile: int) -> tuple[int, int]:
    if air_temperature.ndim != 1:
        raise InputError(f"air temperature has shape {air_temperature.shape}; give one value a profile")
    if per_profile < 1:
        raise InputError(f"{per_profile} samples a profile were asked for; ask for at least one")
    return air_temperature.size, per_profile


def surface_samples(air_temperature: Float, per_profile: int, seed: int) -> Surfaces:
    """Surfaces over which a model is trained and measured.

    The temperature lies uniformly -15 to +30 K from the 2 m air temperature, the emissivity uniformly between 0.90
    and 0.995: wider than nature's joint distribution on purpose, so that no scene lies outside.

    Parameters
    ----------
    air_temperature : array of shape (profile,)
        Air temperature at 2 m. [K]
    per_profile : int
        Surfaces for each profile.
    seed : int
        Seed; the same seed gives the same surfaces.

    Returns
    -------
    Surfaces
        Temperature and emissivity, shape (profile, per_profile).

    Raises
    ------
    InputError
        The shape is another one, or no surface is asked for.
    """
    shape = _check(air_temperature, per_profile)
    random = np.random.default_rng(seed)
    difference = random.uniform(*TEMPERATURE_DIFFERENCE, shape)
    return Surfaces(
        surface_temperature=air_temperature[:, None] + difference, emissivity=random.uniform(*EMISSIVITY, shape)
    )


def mild_samples(air_temperature: Float, per_profile: int, seed: int) -> Surfaces:
    """Surfaces like those to which published retrieval coefficients were fitted, for checks of the simulator.

    The temperature lies within 8 K of 2.5 K above the 2 m air temperature, the emissivity between 0.93 and 0.99;
    parameters, result and errors as in `surface_samples`.
    """
    shape = _check(air_temperature, per_profile)
    random = np.random.default_rng(seed)
    difference = MILD_CENTRE + random.uniform(-MILD_RADIUS, MILD_RADIUS, shape)
    return Surfaces(
        surface_temperature=air_temperature[:, None] + difference, emissivity=random.uniform(*MILD_EMISSIVITY, shape)
    )


def atmosphere_draws(count: int, years: tuple[float, float], seed: int) -> AtmosphereDraws:
    """Draw what a profile does not tell about the atmosphere, over its natural spread.

    Aerosol: a beta distribution over 0.00 (clean marine air) to 0.06 (haze) with a mean of 0.02 (continental
    background). It is absorption that counts in the thermal window; scattering is neglected.
    Continuum: normal about 1, standard deviation 0.03. Field measurements leave a few per cent open; the step from
    MT_CKD 4.1 to 4.3 was about a tenth in humid air, so three deviations hold it.
    Minor gases: uniform over the years in which the sensor flies.

    Parameters
    ----------
    count : int
        Number of profiles.
    years : tuple of float
        First and last year of the sensor, the last one to its end.
    seed : int
        Seed; the same seed gives the same draws.

    Returns
    -------
    AtmosphereDraws
        One draw a profile.

    References
    ----------
    M. Hess, P. Koepke, I. Schult, Bull. Am. Meteorol. Soc. 79, 831 (1998),
    doi:10.1175/1520-0477(1998)079<0831:OPOAAC>2.0.CO;2 (aerosol types and their optical depths)
    E. J. Mlawer et al., J. Quant. Spectrosc. Radiat. Transfer 306, 108645 (2023), doi:10.1016/j.jqsrt.2023.108645
    (the continuum)
    """
    random = np.random.default_rng(seed)
    low, high = AEROSOL_RANGE
    aerosol = low + (high - low) * random.beta(*AEROSOL_SHAPE, count)
    deviation = np.clip(random.standard_normal(count), -3.0, 3.0)
    return AtmosphereDraws(
        aerosol_optical_depth=aerosol,
        continuum_scaling=1.0 + CONTINUUM_SPREAD * deviation,
        gas_year=random.uniform(years[0], years[1] + 1.0, count),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """What a retrieval is given, and the truth it should find; all of shape (profile, sample)."""

    sensor: str
    """Sensor band."""
    surface_temperature: Float
    """True land surface temperature. [K]"""
    radiance: Float
    """Radiance at the sensor. [W m-2 sr-1 um-1]"""
    emissivity: Float
    """Emissivity. [1]"""
    atmosphere: Mapping[str, Float]
    """What may be known of the atmosphere, by the names of the models' contracts, in their units."""

    @property
    def water_vapour(self) -> Float:
        """Water vapour column. [kg m-2]."""
        return self.atmosphere["water_vapour"]

    def inputs(self) -> dict[str, Float]:
        """Everything that a model may ask for, by the names of its contract."""
        return {"radiance": self.radiance, "emissivity": self.emissivity, **self.atmosphere}


def observe(simulated: SimulatedSet, surfaces: Surfaces) -> Samples:
    """Look at surfaces through the atmospheres of a simulated set.

    Parameters
    ----------
    simulated : SimulatedSet
        Atmospheres.
    surfaces : Surfaces
        Surfaces, shape (profile, sample).

    Returns
    -------
    Samples
        Exact samples: the inputs are those of the simulation.
    """
    radiance = sensor_radiance(
        surfaces.surface_temperature,
        surfaces.emissivity,
        simulated.transmittance[:, None],
        simulated.upwelling_radiance[:, None],
        simulated.downwelling_radiance[:, None],
        sensor_band(simulated.sensor).planck,
    )
    shape = radiance.shape
    return Samples(
        sensor=simulated.sensor,
        surface_temperature=surfaces.surface_temperature,
        radiance=radiance,
        emissivity=surfaces.emissivity,
        atmosphere={
            name: np.broadcast_to(values[:, None], shape) for name, values in simulated.atmosphere_inputs.items()
        }
        | {INPUT_ERROR: np.zeros(shape)},
    )


def with_errors(samples: Samples, errors: InputErrors, seed: int) -> Samples:
    """Put normal errors on what a retrieval is given; the truth stays.

    They are independent but for those of a profile, which are partly common to its levels
    (`input_error_sources`). Vapour and humidity stay above a tenth of the true ones, the emissivity at or below one.

    Parameters
    ----------
    samples : Samples
        Exact samples.
    errors : InputErrors
        Standard deviations.
    seed : int
        Seed; the same seed gives the same errors.
    """
    random = np.random.default_rng(seed)
    planck = sensor_band(samples.sensor).planck

    def normal() -> Float:
        return random.standard_normal(samples.radiance.shape)

    seen = brightness_temperature(samples.radiance, planck) + errors.sensor * normal()
    emissivity = np.minimum(samples.emissivity + errors.emissivity * normal(), 1.0)
    atmosphere = {**samples.atmosphere, INPUT_ERROR: np.full(samples.radiance.shape, errors.share)}
    for moves in input_error_sources(samples.atmosphere, errors.deviation).values():
        drawn = normal()
        atmosphere |= {name: atmosphere[name] + drawn * move for name, move in moves.items()}
    for name in ("water_vapour", *HUMIDITY_LEVELS):
        if name in atmosphere:
            atmosphere[name] = np.maximum(atmosphere[name], 0.1 * samples.atmosphere[name])
    return replace(samples, radiance=band_radiance(seen, planck), emissivity=emissivity, atmosphere=atmosphere)


def error_sources_of(given: Samples, errors: InputErrors, names: Iterable[str]) -> dict[str, Changes]:
    """Error sources of the inputs of a model and their sizes, see `input_error_sources`."""
    return input_error_sources({name: given.atmosphere[name] for name in names}, errors.deviation)


def retrieve_samples(
    atmosphere: AtmosphereModel, given: Samples, errors: InputErrors, names: Sequence[str], band: BandPlanck
) -> Retrieved:
    """Retrieve temperatures with their uncertainty, as `lst-raster retrieve` does.

    Parameters
    ----------
    atmosphere : AtmosphereModel
        Predicts the atmosphere from the inputs of these names.
    given : Samples
        Radiance, emissivity and atmospheric inputs.
    errors : InputErrors
        Standard deviations of the errors of these inputs.
    names : sequence of str
        Atmospheric inputs of the model.
    band : BandPlanck
        Planck coefficients of the sensor band.

    Returns
    -------
    Retrieved
        Temperatures and their uncertainties, (profile, sample). [K]
    """
    known = given.inputs()
    return retrieve_with_uncertainty(
        atmosphere, given.radiance, given.emissivity, {name: known[name] for name in names},
        error_sources=error_sources_of(given, errors, names), sensor_noise=radiance_deviation(given, errors),
        emissivity_uncertainty=errors.emissivity, band=band,
    )  # fmt: skip


def radiance_deviation(given: Samples, errors: InputErrors) -> Float:
    """Give the standard deviation of the error of the radiance. [W m-2 sr-1 um-1]"""
    planck = sensor_band(given.sensor).planck
    seen = brightness_temperature(given.radiance, planck)
    return np.asarray(errors.sensor * band_radiance_slope(seen, planck))
