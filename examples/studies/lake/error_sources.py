"""Error sources of the retrieved lake temperature, with the physics of water surfaces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from examples.studies.lake.retrieval import AIR_UNCERTAINTY, WINDY_COOL_SKIN, Settings, measure
from examples.studies.lake.table import LakeTable
from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.elevation import water_vapour_between
from lst_raster.physics.humidity import saturation_pressure_water, vapour_density
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band
from lst_raster.sensors.response import load_response
from lst_raster.simulator.gases import BACKGROUND_AEROSOL


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
"""Water vapour of the table and emissivity of water, all else from place and date, compared with the skin."""

ECOSTRESS_WATER = 0.9877
"""Emissivity of tap and distilled water in band 6 of Landsat 7, from measured spectra of the ECOSTRESS library. [1]"""
_VAPOUR_SCALE = 2200.0  # [m] scale height, column / surface density: 2.1 to 2.4 km, see physics/elevation.py
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


def error_sources(table: LakeTable) -> list[ErrorSource]:
    """Evaluate the known error sources."""
    return [*_input_sources(table), *_water_sources(table), _calibration(table)]


def _change(table: LakeTable, **settings: Any) -> float:
    return measure(table, replace(DEFAULT, **settings)).bias - measure(table, DEFAULT).bias


def _input_sources(table: LakeTable) -> list[ErrorSource]:
    drier, by_humidity = (
        _change(table, vapour_factor=factor) for factor in (height_factor(table), 1.0 / vapour_ratio(table))
    )
    daily = _change(table, daily_air=True)
    background, spread = BACKGROUND_AEROSOL
    aerosol = _change(table, aerosol=background + spread) - _change(table, aerosol=background - spread)
    return [
        ErrorSource(
            name="air temperature",
            effect=daily,
            uncertainty=abs(daily - _change(table, daily_air=True, air_temperature_change=AIR_UNCERTAINTY)),
            applied=False,
            source="daily mean of NLDAS-2 in place of the climatology; +- 2 K",
        ),
        ErrorSource(
            name="elevation of the water vapour cell",
            effect=0.0,
            uncertainty=0.5 * (abs(by_humidity) + abs(drier)),
            applied=False,
            source=f"bounds: {drier:+.2f} K if the cell is at sea level, {by_humidity:+.2f} K from surface humidity",
        ),
        ErrorSource(
            name="aerosol",
            effect=0.0,
            uncertainty=0.5 * abs(aerosol),
            applied=False,
            source=f"optical depth {background} +- {spread}, the default",
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


def fresnel_emissivity(sensor: str) -> float:
    """Emissivity of water at nadir, averaged over the spectral response of a band, from its refractive index. [1]"""
    index = np.loadtxt(data_path("water", "refractive_index.csv"), delimiter=",", skiprows=1, unpack=True)
    response = load_response(sensor)
    return float(response.mean(np.interp(response.wavelength, index[0], normal_emissivity(index[1], index[2]))))


def _water_sources(table: LakeTable) -> list[ErrorSource]:
    fresnel = fresnel_emissivity(table.sensor)
    spectra = _change(table, emissivity=ECOSTRESS_WATER), _change(table, emissivity=fresnel)
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


def _calibration(table: LakeTable) -> ErrorSource:
    return ErrorSource(
        name="sensor calibration",
        effect=0.0,
        uncertainty=sensor_band(table.sensor).calibration_uncertainty,
        applied=False,
        source="Proc. SPIE 9972 (2016), doi:10.1117/12.2238625",
    )
