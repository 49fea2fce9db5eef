"""Sampling of surfaces, atmospheres and input errors for training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.contract import BOTH_BANDS, PROFILE_UNCERTAINTY, uncertainty_name
from lst_raster.inference.uncertainty import (
    AtmosphereModel,
    PixelValues,
    Retrieved,
    retrieve_two_bands,
    retrieve_with_uncertainty,
)
from lst_raster.inputs.climatology import climatology_at_pressure
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.profiles.two_band_sampling import SecondBand, TwoBandErrors, observe_second_band
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.gases import BACKGROUND_AEROSOL
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

Float = NDArray[np.float64]
Terms: TypeAlias = tuple[Float, Float, Float]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]."""

TEMPERATURE_DIFFERENCE = (-15.0, 30.0)
"""Surface temperature less air temperature at 2 m: from clear polar nights to dry bare ground at noon. [K]"""
EMISSIVITY = (0.90, 0.995)
"""Emissivity at 10 to 12 um: from bare rock and metal-free roofs to water and dense canopies. [1]"""
SURFACES_PER_PROFILE = 20
"""Number of surfaces per profile in evaluations. With half as many, the RMSE on soundings, which depends on a few humid
profiles, varies by 5 % between draws."""
HAZE_RANGE = (0.0, 0.3)
"""Absorption optical depth at 11 um in haze and desert dust. [1]"""
HAZE_FRACTION = 0.15
"""Fraction of profiles whose aerosol is drawn from `HAZE_RANGE`. [1]"""
GAS_YEARS = (1982.0, 2030.0)
"""Range of the year of the gas concentrations, for all sensor bands: Landsat 4 to the end of the decade. [year]"""
BACKGROUND_LIMIT = 0.08
"""Largest optical depth of background aerosol at 11 um; more is haze. [1]"""
CONTINUUM_SPREAD = 0.03
"""Standard deviation of the factor on the water vapour continuum, which is clipped at three standard deviations. [1]"""
LAND_AT_OVERPASS = (5.0, 5.0)
"""Mean and standard deviation of the surface temperature of land less air temperature, clear sky, 10 to 11 h. At 95
towers of AmeriFlux: +3.8 and 3.7 K from November to March, +6.1 and 5.7 K in the other months. [K]"""
KINDS_OF_NEIGHBOURHOOD = (0.6, 0.2, 0.2)
"""Fractions of the training samples with the skin temperature of the source, with that of land at the overpass, and
with one drawn from `TEMPERATURE_DIFFERENCE`. [1]"""
MESOSCALE = 2.0  # standard deviation of the mean surface temperature of 30 km within a cell of the source, assumed [K]
TYPICAL_EMISSIVITY = (0.97, 0.012)  # mean and standard deviation of the emissivity of a neighbourhood [1]
COMMON_TEMPERATURE_ERROR = 1.0  # temperature error common to all sigma levels [K]
LEVEL_TEMPERATURE_ERROR = 0.7  # independent temperature error of each sigma level [K]
LEVEL_HUMIDITY_ERROR = 0.10  # independent relative error of the humidity of each sigma level [1]
EXACT_FRACTION = 0.15  # training samples with exact water vapour and air temperature [1]
LEVEL_CORRELATION = 2.0 / 3.0  # of the errors at 2 m and the common error of the levels [1]
SMALLEST_FRACTION = 0.1  # lower limit of noisy water vapour and humidity, as a fraction of the true value [1]
UNKNOWN_VAPOUR, UNKNOWN_TEMPERATURE = 0.35, 6.0
"""Errors of inputs that are not given where there is no climatology, as for perturbed profiles. [1], [K]"""


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
    """Standard deviations of the errors of a user's inputs: numbers, or arrays that broadcast to (profile, sample).

    An infinite one stands for an input that is not given and comes from the climatology.
    """

    sensor: Float | float = 0.05  # brightness temperature at the sensor [K]
    emissivity: Float | float = 0.01  # emissivity, common to both bands [1]
    second_sensor: Float | float = 0.06  # brightness temperature of the second band at the sensor [K]
    emissivity_difference: Float | float = 0.005  # further error of the emissivity of the second band [1]
    stray_light: Float | float = 0.0  # brightness temperature of the second band, common to a scene [K]
    water_vapour: Float | float = 0.10  # relative error of the water vapour column [1]
    smallest_vapour: Float | float = 0.0  # absolute error of the water vapour column, added in quadrature [kg m-2]
    air_temperature: Float | float = 1.5  # air temperature at 2 m [K]
    aerosol_optical_depth: Float | float = np.inf  # aerosol; not given: the background of `BACKGROUND_AEROSOL` [1]
    profile: Float | float = 1.0
    """Errors on sigma levels over those of a reanalysis: `COMMON_TEMPERATURE_ERROR`, `LEVEL_TEMPERATURE_ERROR` and
    `LEVEL_HUMIDITY_ERROR`. The relative error of the column is common to the humidities of all levels. [1]"""


EXACT = InputErrors(**dict.fromkeys((entry.name for entry in fields(InputErrors)), 0.0))  # no errors
CONDITIONS: Mapping[str, InputErrors] = MappingProxyType(
    {
        "exact": EXACT,
        "noisy": InputErrors(),
        "exact vapour": replace(EXACT, air_temperature=np.inf),
        "noisy vapour": InputErrors(air_temperature=np.inf),
        "nothing": InputErrors(water_vapour=np.inf, air_temperature=np.inf),
    }
)
"""Input errors for which accuracy is reported, by name."""
CONDITION_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "exact": "all inputs exact",
        "noisy": "all inputs with the errors of a reanalysis",
        "exact vapour": "water vapour exact, air temperature of the climatology",
        "noisy vapour": "water vapour with noise, air temperature of the climatology",
        "nothing": "nothing given but place and date: water vapour and air temperature of the climatology",
    }
)


def conditions(tier: str) -> dict[str, InputErrors]:
    """Conditions of a tier: with levels no input is unknown."""
    if tier.endswith("profile"):
        return {name: CONDITIONS[name] for name in ("exact", "noisy")}
    return dict(CONDITIONS)


def draw_input_errors(aerosol: Float, random: np.random.Generator, *, has_levels: bool) -> InputErrors:
    """Draw the accuracy of the inputs of training profiles, (profile, 1): from exact to unknown.

    With levels the inputs are those of a reanalysis, more or less accurate; without, each input has its own accuracy.
    Haze, aerosol of an optical depth above `BACKGROUND_LIMIT`, is always given: `aerosol` has the true values,
    (profile, 1). [1]
    """
    shape = aerosol.shape

    def uniform(high: float) -> Float:
        return random.uniform(0.0, high, shape)

    def one_of(values: Sequence[Float | float], weights: Sequence[float]) -> Float:
        return np.choose(random.choice(len(values), shape, p=weights), np.broadcast_arrays(*values))

    unknown_aerosol = np.where(aerosol > BACKGROUND_LIMIT, uniform(0.05), np.inf)
    known_aerosol = one_of((0.0, uniform(0.03), unknown_aerosol), (0.2, 0.2, 0.6))
    if has_levels:
        scale = one_of((0.0, uniform(1.3)), (0.3, 0.7))
        vapour, temperature, profile = (scale * random.uniform(0.6, 1.4, shape) for _ in range(3))
        return InputErrors(
            water_vapour=0.10 * vapour, air_temperature=1.5 * temperature, profile=profile,
            aerosol_optical_depth=known_aerosol,
        )  # fmt: skip
    exact = random.random(shape) < EXACT_FRACTION
    vapour = np.where(exact, 0.0, one_of((0.0, uniform(0.3), np.inf), (0.15, 0.6, 0.25)))
    return InputErrors(
        water_vapour=vapour,
        smallest_vapour=np.where(vapour > 0.0, one_of((0.0, uniform(1.0)), (0.5, 0.5)), 0.0),
        air_temperature=np.where(exact, 0.0, one_of((0.0, uniform(4.0), np.inf), (0.15, 0.45, 0.4))),
        aerosol_optical_depth=known_aerosol,
    )


def given_inputs(
    true: Mapping[str, Float], prior: Mapping[str, Float], errors: InputErrors, shape: tuple[int, int],
    random: np.random.Generator,
) -> dict[str, Float]:  # fmt: skip
    """Atmospheric inputs as a user gives them, each with its standard uncertainty, by their names in the contract.

    `true` has the inputs without errors (`SimulatedSet.atmosphere_inputs`), `prior` water vapour and air temperature
    of the climatology with their uncertainties, NaN where there is none; both of shape (profile, 1). Results have the
    `shape` (profile, sample) or broadcast to it; the brightness temperature is not among them
    (`neighbourhood_temperature`).
    """

    def normal() -> Float:
        return random.standard_normal(shape)

    def replace_unknown(name: str, error: Float | float, value: Float, uncertainty: Float) -> None:
        unknown = np.isinf(error) & np.isfinite(prior[name])
        given[name] = np.where(unknown, prior[name], value)
        given[uncertainty_name(name)] = np.where(unknown, prior[uncertainty_name(name)], uncertainty)

    given = dict(true)
    has_levels = TEMPERATURE_LEVELS[0] in true
    vapour, air = true["water_vapour"], true["air_temperature"]
    relative = np.minimum(errors.water_vapour, UNKNOWN_VAPOUR)
    value = vapour + np.hypot(relative * vapour, errors.smallest_vapour) * normal()
    value = np.maximum(value, SMALLEST_FRACTION * vapour)
    replace_unknown("water_vapour", errors.water_vapour, value, np.hypot(relative * value, errors.smallest_vapour))

    common, deviation = normal(), np.minimum(errors.air_temperature, UNKNOWN_TEMPERATURE)
    correlation = np.where(np.asarray(errors.profile) > 0.0, LEVEL_CORRELATION, 0.0) if has_levels else 0.0
    error = deviation * (correlation * common + np.sqrt(1.0 - np.square(correlation)) * normal())
    replace_unknown("air_temperature", errors.air_temperature, air + error, deviation + np.zeros(shape))

    background, spread = BACKGROUND_AEROSOL
    aerosol = errors.aerosol_optical_depth
    with np.errstate(invalid="ignore"):
        known = np.maximum(true["aerosol_optical_depth"] + aerosol * normal(), 0.0)
    given["aerosol_optical_depth"] = np.where(np.isinf(aerosol), background, known)
    given[uncertainty_name("aerosol_optical_depth")] = np.where(np.isinf(aerosol), spread, aerosol) + np.zeros(shape)

    if has_levels:
        for name in TEMPERATURE_LEVELS:
            both = COMMON_TEMPERATURE_ERROR * common + LEVEL_TEMPERATURE_ERROR * normal()
            given[name] = true[name] + errors.profile * both
        for name in HUMIDITY_LEVELS:
            factor = np.maximum(1.0 + errors.profile * LEVEL_HUMIDITY_ERROR * normal(), SMALLEST_FRACTION)
            given[name] = true[name] * (given["water_vapour"] / vapour) * factor
        given[PROFILE_UNCERTAINTY] = errors.profile + np.zeros(shape)
    return given


def neighbourhood_temperature(
    air_temperature: Float, surface_temperature: Float, random: np.random.Generator, *, wide: bool = False
) -> Float:
    """Draw the mean surface temperature of the neighbourhood of the pixels, (profile, 1). [K]

    The skin temperature of the profile's source, with the scatter of smaller areas; where it is unknown (NaN) it is
    drawn like that of land at the hour of the overpass. With `wide`, for training, also of other profiles, and for some
    uniformly over the range of single surfaces: lakes, snow, or hours that the sources do not have.
    """
    shape = air_temperature.shape
    overpass = air_temperature + random.normal(*LAND_AT_OVERPASS, shape)
    skin = np.where(np.isnan(surface_temperature), overpass, surface_temperature)
    if wide:
        kind = random.choice(3, shape, p=KINDS_OF_NEIGHBOURHOOD)
        skin = np.choose(kind, (skin, overpass, air_temperature + random.uniform(*TEMPERATURE_DIFFERENCE, shape)))
    return np.asarray(skin + random.normal(0.0, MESOSCALE, shape))


def neighbourhood_emissivity(shape: tuple[int, ...], random: np.random.Generator) -> Float:
    """Draw the mean emissivity of the neighbourhood of the pixels. [1]"""
    return random.normal(*TYPICAL_EMISSIVITY, shape).clip(*EMISSIVITY)


def neighbourhood_radiance(
    surface_temperature: Float, terms: Terms, band: BandPlanck, random: np.random.Generator
) -> Float:
    """At-sensor radiance of surfaces of typical emissivity. [W m-2 sr-1 um-1]"""
    emissivity = neighbourhood_emissivity(surface_temperature.shape, random)
    return np.asarray(sensor_radiance(surface_temperature, emissivity, *terms, band))


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

    simulated: SimulatedSet  # profiles and sensor band
    surface_temperature: Float  # true land surface temperature [K]
    radiance: Float  # at-sensor radiance [W m-2 sr-1 um-1]
    emissivity: Float  # emissivity [1]
    atmosphere: Mapping[str, Float]  # atmospheric inputs, by their names in the model contract, in its units
    second: SecondBand | None = None  # the same pixels in the second band, None for a set of one band

    @property
    def water_vapour(self) -> Float:
        """Water vapour column. [kg m-2]"""
        return self.atmosphere["water_vapour"]

    def inputs(self) -> dict[str, Float]:
        """All inputs of models, by the names of the contract."""
        pixels = {"radiance": self.radiance, "emissivity": self.emissivity}
        if self.second is not None:
            pixels |= {"second_radiance": self.second.radiance, "second_emissivity": self.second.emissivity}
        return {**pixels, **self.atmosphere}


def observe(simulated: SimulatedSet, surfaces: Surfaces, seed: int = 0) -> Samples:
    """Simulate the at-sensor radiance of surfaces under the atmospheres of a simulated set, with exact inputs.

    The brightness temperature of the neighbourhood is that of `neighbourhood_temperature`, drawn with `seed`. The
    surfaces are seen in the second band too where the set has it.
    """
    planck, random = sensor_band(simulated.sensor).planck, np.random.default_rng(seed)
    transmittance, upwelling, downwelling = (term[:, None] for term in simulated.terms)
    terms = transmittance, upwelling, downwelling
    radiance = sensor_radiance(surfaces.surface_temperature, surfaces.emissivity, *terms, planck)
    air = simulated.air_temperature_2m[:, None]
    around = neighbourhood_temperature(air, skin_temperature(simulated), random)
    true = {name: values[:, None] for name, values in simulated.atmosphere_inputs.items()}
    given = given_inputs(true, prior_inputs(simulated), EXACT, radiance.shape, random)
    second = None
    if simulated.second_band is None:
        around = neighbourhood_radiance(around, terms, planck, random)
        given["brightness_temperature"] = brightness_temperature(around, planck)
    else:
        emissivity = neighbourhood_emissivity(around.shape, random)
        second = observe_second_band(simulated, surfaces, around, emissivity, random)
        given["brightness_temperature"] = second.around.brightness_temperature
        given |= second.around.inputs(None, 0.0, 0.0)
    return Samples(
        simulated=simulated,
        second=second,
        surface_temperature=surfaces.surface_temperature,
        radiance=radiance,
        emissivity=surfaces.emissivity,
        atmosphere={name: np.broadcast_to(values, radiance.shape) for name, values in given.items()},
    )


def skin_temperature(simulated: SimulatedSet) -> Float:
    """Skin temperature of the source of each profile, NaN where unknown, (profile, 1). [K]"""
    known = simulated.surface_temperature
    return np.full((len(simulated), 1), np.nan) if known is None else known[:, None]


def prior_inputs(simulated: SimulatedSet) -> dict[str, Float]:
    """Climatological water vapour and air temperature of each profile with their uncertainties, (profile, 1).

    NaN for perturbed profiles, which no climatology has, and for sets without place and time.
    """
    names = [name for base in ("water_vapour", "air_temperature") for name in (base, uncertainty_name(base))]
    latitude, longitude, time = simulated.latitude, simulated.longitude, simulated.time
    if latitude is None or longitude is None or time is None:
        return dict.fromkeys(names, np.full((len(simulated), 1), np.nan))
    day = (time - time.astype("datetime64[Y]")) / np.timedelta64(1, "D") + 1.0
    known = simulated.is_unmodified & np.isfinite(latitude) & np.isfinite(longitude) & np.isfinite(day)
    latitude, longitude, day = (np.where(known, values, 0.0) for values in (latitude, longitude, day))
    expected = climatology_at_pressure(latitude, longitude, day, simulated.surface_pressure)
    return {name: np.where(known, getattr(expected, name), np.nan)[:, None] for name in names}


def add_input_errors(samples: Samples, errors: InputErrors, seed: int) -> Samples:
    """Add errors to the inputs of exact samples; the true temperature is unchanged.

    They are normally distributed and independent, except that those of a profile are partly common to its levels, and
    with two bands those of the emissivity to the bands and the neighbourhood (`TwoBandErrors`); the errors of inputs
    that are not given are those of the climatology (`given_inputs`).
    """
    random = np.random.default_rng(seed)
    planck, shape = sensor_band(samples.simulated.sensor).planck, samples.radiance.shape
    brightness = brightness_temperature(samples.radiance, planck) + errors.sensor * random.standard_normal(shape)
    of_emissivity = errors.emissivity * random.standard_normal(shape)
    second = samples.second
    drawn = None
    if second is not None:
        deviations = errors.emissivity, errors.emissivity_difference, errors.stray_light
        drawn = TwoBandErrors.draw(*deviations, shape, random)
    if drawn is not None:
        of_emissivity = drawn.emissivity
    emissivity = np.minimum(samples.emissivity + of_emissivity, 1.0)
    true = {name: values[:, None] for name, values in samples.simulated.atmosphere_inputs.items()}
    atmosphere = given_inputs(true, prior_inputs(samples.simulated), errors, shape, random)
    atmosphere["brightness_temperature"] = samples.atmosphere["brightness_temperature"]
    if second is not None and drawn is not None:
        atmosphere |= second.around.inputs(drawn, errors.stray_light, errors.emissivity_difference)
        second = second.with_errors(drawn, errors.second_sensor, random)
    return replace(
        samples,
        second=second,
        radiance=band_radiance(brightness, planck),
        emissivity=emissivity,
        atmosphere={name: np.broadcast_to(values, shape) for name, values in atmosphere.items()},
    )


def retrieve_samples(
    atmosphere: AtmosphereModel, samples: Samples, errors: InputErrors, names: Sequence[str]
) -> Retrieved:
    """Retrieve temperatures [K] and uncertainties from samples with input errors, as `lst-raster retrieve` does.

    `atmosphere` predicts the atmospheric terms from the inputs `names`. The results have the shape (profile, sample).
    """
    first = _as_pixels(samples.radiance, samples.emissivity, errors.sensor, samples.simulated.sensor)
    if BOTH_BANDS[0] not in names:
        inputs = {name: samples.atmosphere[name] for name in names}
        return retrieve_with_uncertainty(atmosphere, first, inputs, errors.emissivity)
    if samples.second is None:
        raise InputError(
            f"the model needs the second band too, and the simulated set is of {samples.simulated.sensor} alone; give "
            "that of the second band"
        )
    inputs = {name: samples.atmosphere[name] for name in names}
    noise = np.hypot(errors.second_sensor, errors.stray_light)
    second = _as_pixels(samples.second.radiance, samples.second.emissivity, noise, samples.second.sensor)
    return retrieve_two_bands(atmosphere, first, second, inputs, errors.emissivity)


def _as_pixels(radiance: Float, emissivity: Float, noise: Float | float, sensor: str) -> PixelValues:
    """Pixels of a band with a noise given as temperature. [K]"""
    planck = sensor_band(sensor).planck
    slope = band_radiance_slope(brightness_temperature(radiance, planck), planck)
    return PixelValues(radiance=radiance, emissivity=emissivity, noise=np.asarray(noise * slope), band=planck)
