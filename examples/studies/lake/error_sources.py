"""Error sources of the retrieved lake temperature, with the physics of water surfaces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from examples.studies.lake.morning import MorningError
from examples.studies.lake.retrieval import Settings, atmosphere, measure, sensor_radiances
from examples.studies.lake.simulated import SimulatedAir
from examples.studies.lake.table import Float, LakeTable
from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.elevation import water_vapour_between
from lst_raster.physics.humidity import saturation_pressure_water, vapour_density
from lst_raster.physics.planck import BandPlanck, band_radiance
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.sampling import BACKGROUND_AEROSOL
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band
from lst_raster.sensors.response import load_response


def radiance_below_layer(radiance: Array, optical_depth: Array | float, temperature: float, band: BandPlanck) -> Array:
    """Radiance below an isothermal layer, from the radiance above it.

    ``L = L0 exp(-d) + (1 - exp(-d)) B(T)``, solved for L0.

    Parameters
    ----------
    radiance : array, any shape
        Radiance above the layer. [W m-2 sr-1 um-1]
    optical_depth : array or float
        Band-averaged optical depth d of the layer, small enough to neglect its spectral variation. [1]
    temperature : float
        Temperature of the layer. [K]
    band : BandPlanck
        Planck coefficients of the band.

    Returns
    -------
    array
        Radiance below the layer. [W m-2 sr-1 um-1]

    References
    ----------
    K. N. Liou, An Introduction to Atmospheric Radiation, 2nd ed. (2002), section 1.4
    """
    xp = namespace(radiance)
    emitted = band_radiance(xp.full_like(radiance, temperature), band)
    transmittance = xp.exp(-optical_depth * xp.ones_like(radiance))
    return (radiance - (1.0 - transmittance) * emitted) / transmittance


WINDY_COOL_SKIN = 0.17
"""Temperature of the water minus that of its skin for wind above 6 m/s, day and night; standard deviation 0.07. [K]

C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
"""


def normal_emissivity(refractive_index: Array, absorption_index: Array) -> Array:
    """Emissivity of a smooth surface at normal incidence, from the Fresnel equation.

    ``e = 1 - ((n - 1)**2 + k**2) / ((n + 1)**2 + k**2)`` for an opaque body.

    Parameters
    ----------
    refractive_index, absorption_index : array
        Real part n and imaginary part k of the complex refractive index. [1]

    Returns
    -------
    array
        Emissivity. [1]

    References
    ----------
    M. Born, E. Wolf, Principles of Optics, 7th ed. (1999), section 14.2

    Examples
    --------
    >>> round(normal_emissivity(1.153, 0.0968), 4)
    0.9929
    """
    squared = absorption_index * absorption_index
    below, above = refractive_index - 1.0, refractive_index + 1.0
    return 1.0 - (below * below + squared) / (above * above + squared)


def cool_skin(wind_speed: Array) -> Array:
    """Temperature of water minus that of its skin, without solar heating.

    ``0.14 + 0.30 exp(-u / 3.7)``, measured at sea. The diurnal warm layer, by which the skin may be warmer than a
    thermometer at depth in light wind, is not included.

    Parameters
    ----------
    wind_speed : array, any shape
        Wind speed at 10 m. [m s-1]

    Returns
    -------
    array
        Temperature below the skin minus skin temperature, positive. [K]

    References
    ----------
    C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
    """
    xp = namespace(wind_speed)
    return 0.14 + 0.30 * xp.exp(-wind_speed / 3.7)


DEFAULT = Settings()
"""Column model, water vapour only, temperature of the buoy."""
COLUMN = replace(DEFAULT, two_constants=True)
"""The same, with the radiance that underlies the table."""
SURFACE = replace(COLUMN, tier="surface")
"""The same, with the air temperature."""
BEST = replace(SURFACE, skin=WINDY_COOL_SKIN)
"""The same, compared with the skin temperature, which a satellite measures."""

ECOSTRESS_WATER = 0.9877
"""Emissivity of tap and distilled water in band 6 of Landsat 7, from measured spectra of the ECOSTRESS library. [1]"""
NITRIC_ACID = (0.0018, 215.0)
"""Optical depth in band 6 of Landsat 7 [1] and temperature [K] of nitric acid, which varies by half with season."""
_VAPOUR_SCALE = 2200.0  # [m] scale height, column / surface density: 2.1 to 2.4 km, see physics/elevation.py
AIR_UNCERTAINTY = 2.0
"""Uncertainty of the daily mean air temperature as a value for 10:00 local time. [K]"""
_WARM_LAYER = 0.3  # [K] assumed: upper 1.5 m at 10:00 in light wind, spring to late summer
_CALM_SPREAD = 0.1  # [K] assumed


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorSource:
    """A known source of bias."""

    name: str
    effect: float
    """Increase of retrieved minus reference where the source is corrected. [K]"""
    uncertainty: float
    """Standard uncertainty of the effect, or of the uncorrected remainder. [K]"""
    applied: bool
    """Whether the best settings correct it."""
    source: str
    """Method, data and references."""


def error_sources(table: LakeTable, air: SimulatedAir | None, morning: MorningError | None) -> list[ErrorSource]:
    """Evaluate the known error sources; those that need a simulation are omitted if it is None."""
    simulated = [] if air is None else _atmosphere_sources(table, air)
    model = [] if morning is None else [_model_source(morning)]
    inputs, nitric_acid = _input_sources(table), _nitric_acid(table)
    return [*inputs, *model, *simulated, nitric_acid, *_water_sources(table), *_sensor_sources(table)]


def _change(table: LakeTable, start: Settings, end: Settings) -> float:
    return measure(table, end).bias - measure(table, start).bias


def _input_sources(table: LakeTable) -> list[ErrorSource]:
    drier = _change(table, SURFACE, replace(SURFACE, vapour_factor=height_factor(table)))
    by_humidity = _change(table, SURFACE, replace(SURFACE, vapour_factor=1.0 / vapour_ratio(table)))
    return [
        ErrorSource(
            name="air temperature",
            effect=_change(table, COLUMN, SURFACE),
            uncertainty=abs(_change(table, SURFACE, replace(SURFACE, air_temperature_change=AIR_UNCERTAINTY))),
            applied=True,
            source="surface model with the daily mean of NLDAS-2, else the climatology; +- 2 K",
        ),
        ErrorSource(
            name="elevation of the water vapour cell",
            effect=0.0,
            uncertainty=0.5 * (abs(by_humidity) + abs(drier)),
            applied=False,
            source=f"bounds: {drier:+.2f} K if the cell is at sea level, {by_humidity:+.2f} K from surface humidity",
        ),
    ]


def height_factor(table: LakeTable) -> float:
    """Fraction of the water vapour above sea level that is above the lake. [1]"""
    return float(water_vapour_between(1.0, 0.0, np.float64(table.lake.elevation)))


def vapour_ratio(table: LakeTable) -> float:
    """Median ratio of the water vapour of the table to that estimated from the surface humidity. [1]"""
    vapour_pressure = table.relative_humidity * saturation_pressure_water(table.measured_air)
    ratio = table.water_vapour / (vapour_density(vapour_pressure, table.measured_air) * _VAPOUR_SCALE)
    known = np.isfinite(ratio)
    return float(np.median(ratio[known])) if known.any() else 1.0


def _atmosphere_sources(table: LakeTable, air: SimulatedAir) -> list[ErrorSource]:
    radiance = sensor_radiances(table, two_constants=True)

    def change(variant: str) -> float:
        return air.change(table, radiance, variant)

    def entry(name: str, effect: float, uncertainty: float, source: str) -> ErrorSource:
        return ErrorSource(name=name, effect=effect, uncertainty=uncertainty, applied=False, source=source)

    spread = BACKGROUND_AEROSOL[1]
    aerosol = 0.5 * abs(change("twice the aerosol") - change("no aerosol")) * spread / 0.02
    year, older = change("year"), change("MT_CKD 4.1")
    total = -change("no minor gases")
    return [
        entry("trace gases of the year", year, abs(year), f"simulated; all minor gases amount to {total:+.2f} K"),
        entry("aerosol", 0.0, aerosol, f"simulated; optical depth 0.02 +- {spread}, the default"),
        entry("continuum strength", 0.0, abs(change("continuum 3 % stronger")), "simulated; +- 3 %"),
        entry("MT_CKD 4.1 in place of 4.3", 0.0, abs(older), f"simulated; {older:+.2f} K, by scaled optical depth"),
    ]


def _model_source(morning: MorningError) -> ErrorSource:
    return ErrorSource(
        name="time of day (morning)",
        effect=-morning.surface,
        # Columns of one morning are correlated: the uncertainty of their mean is about half their standard deviation.
        uncertainty=0.5 * morning.spread,
        applied=False,
        source=f"surface model on {morning.count} simulated land columns, 8:30 to 11:30; trained on all hours",
    )


def _nitric_acid(table: LakeTable) -> ErrorSource:
    radiance = sensor_radiances(table, two_constants=True)
    planck = sensor_band(table.sensor).planck
    below = radiance_below_layer(radiance, *NITRIC_ACID, planck)
    change = _temperature(table, below) - _temperature(table, radiance)
    return ErrorSource(
        name="nitric acid",
        effect=0.0,
        uncertainty=0.5 * float(change[table.common].mean()),
        applied=False,
        source=f"optical depth {NITRIC_ACID[0]} in the cold stratosphere, as in the simulator, uncertain by half",
    )


def _temperature(table: LakeTable, radiance: Float) -> Float:
    terms = atmosphere(table, BEST)
    return np.asarray(surface_temperature(radiance, BEST.emissivity, *terms, sensor_band(table.sensor).planck))


def fresnel_emissivity(sensor: str) -> float:
    """Emissivity of water at nadir, averaged over the spectral response of a band, from its refractive index. [1]"""
    index = np.loadtxt(data_path("water", "refractive_index.csv"), delimiter=",", skiprows=1, unpack=True)
    response = load_response(sensor)
    return float(response.mean(np.interp(response.wavelength, index[0], normal_emissivity(index[1], index[2]))))


def _water_sources(table: LakeTable) -> list[ErrorSource]:
    def with_emissivity(value: float) -> float:
        return _change(table, SURFACE, replace(SURFACE, emissivity=value))

    fresnel = fresnel_emissivity(table.sensor)
    spectra = (with_emissivity(ECOSTRESS_WATER), with_emissivity(fresnel))
    calm = cool_skin(table.wind_speed[np.isfinite(table.wind_speed)])
    return [
        ErrorSource(
            name="emissivity of water",
            effect=0.5 * sum(spectra),
            uncertainty=0.5 * abs(spectra[0] - spectra[1]),
            applied=False,
            source=f"{ECOSTRESS_WATER} (ECOSTRESS spectra) to {fresnel:.4f} (Hale and Querry 1973); 0.99 is in between",
        ),
        ErrorSource(
            name="cool skin",
            effect=WINDY_COOL_SKIN,
            uncertainty=0.07,
            applied=True,
            source="Donlon et al. (2002), wind above 6 m/s",
        ),
        ErrorSource(
            name="cool skin in light wind, in addition",
            effect=float(np.mean(calm)) - WINDY_COOL_SKIN if calm.size else 0.0,
            uncertainty=_CALM_SPREAD,
            applied=False,
            source="Donlon et al. (2002) with the wind of NLDAS-2; valid at night",
        ),
        ErrorSource(
            name="diurnal warm layer",
            effect=0.0,
            uncertainty=_WARM_LAYER,
            applied=False,
            source="assumed; the thermometers of the buoy are 0.25 to 1.5 m deep, mostly 1.5 m",
        ),
    ]


def _sensor_sources(table: LakeTable) -> list[ErrorSource]:
    return [
        ErrorSource(
            name="radiance from K1 and K2",
            effect=_change(table, DEFAULT, COLUMN),
            uncertainty=0.0,
            applied=True,
            source="converts the brightness temperatures of the table to whole digital numbers",
        ),
        ErrorSource(
            name="sensor calibration",
            effect=0.0,
            uncertainty=sensor_band(table.sensor).calibration_uncertainty,
            applied=False,
            source="Proc. SPIE 9972 (2016), doi:10.1117/12.2238625",
        ),
    ]
