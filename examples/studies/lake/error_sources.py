"""Error sources of the lake's retrieved temperature, with the physics of water surfaces."""

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
from lst_raster.profiles.sampling import AEROSOL_RANGE, AEROSOL_SHAPE
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band
from lst_raster.sensors.response import load_response


def radiance_below_layer(radiance: Array, optical_depth: Array | float, temperature: float, band: BandPlanck) -> Array:
    """Radiance that rises into a layer of one temperature, from the radiance that leaves it.

    ``L = L0 exp(-d) + (1 - exp(-d)) B(T)``, solved for L0.

    Parameters
    ----------
    radiance : array, any shape
        Radiance above the layer. [W m-2 sr-1 um-1]
    optical_depth : array or float
        Optical depth d of the layer in the band, so thin that its spectrum does not matter. [1]
    temperature : float
        Temperature of the layer. [K]
    band : BandPlanck
        The band's Planck coefficients.

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
"""How much cooler the skin is than the water below, for wind above 6 m/s, day and night; spread 0.07. [K]

C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
"""


def normal_emissivity(refractive_index: Array, absorption_index: Array) -> Array:
    """Emissivity of a smooth surface seen from straight above, by Fresnel's equation.

    ``e = 1 - ((n - 1)**2 + k**2) / ((n + 1)**2 + k**2)``: what is not reflected is emitted, for a body that lets
    nothing through.

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
    """How much cooler the skin of water is than the water below it, without the sun.

    ``0.14 + 0.30 exp(-u / 3.7)``, measured at sea. By day the sun may warm the upper metre in light wind, so that
    the skin is warmer than what a thermometer farther down measures; this is not part of it.

    Parameters
    ----------
    wind_speed : array, any shape
        Wind speed at 10 m. [m s-1]

    Returns
    -------
    array
        Temperature below the skin less that of the skin, positive. [K]

    References
    ----------
    C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
    """
    xp = namespace(wind_speed)
    return 0.14 + 0.30 * xp.exp(-wind_speed / 3.7)


TODAY = Settings()
"""The column model, water vapour alone, the buoy as it stands."""
COLUMN = replace(TODAY, two_constants=True)
"""The same, with the radiance that the table was made from."""
SURFACE = replace(COLUMN, tier="surface")
"""And the air temperature."""
CAREFUL = replace(SURFACE, skin=WINDY_COOL_SKIN)
"""What one sets who knows the air temperature, how the table was made, and that a satellite sees the skin."""

ECOSTRESS_WATER = 0.9877
"""Emissivity of tap and distilled water in band 6 of Landsat 7, from the ECOSTRESS library's measured spectra. [1]"""
LEFT_OUT = ((0.0009, 250.0), (0.0019, 215.0))
"""Optical depth in band 6 of Landsat 7 and temperature [K] of gases that the simulator leaves out.

CFC-113, HCFC-22 and carbon tetrachloride, well mixed, 73, 225 and 82 ppt of 2012, HITRAN cross sections; nitric acid
of the stratosphere, 1.5e16 molecules cm-2 and 2e-17 cm per molecule between 850 and 920 cm-1, both within a half.
"""
_VAPOUR_SCALE = 2200.0  # [m] column over density at the ground: 2.1 to 2.4 km, see physics/elevation.py
AIR_UNCERTAINTY = 2.0
"""Of a day's mean air temperature as that of ten in the morning. [K]"""
_WARM_LAYER = 0.3  # [K] assumed: of the upper 1.5 m by ten in the morning in a light wind, spring to late summer
_CALM_SPREAD = 0.1  # [K] assumed


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """A known cause of bias."""

    name: str
    """What it is."""
    effect: float
    """By how much retrieved less reference grows where the cause is taken into account. [K]"""
    uncertainty: float
    """Standard uncertainty of that, or of what stays unknown. [K]"""
    applied: bool
    """Whether the careful settings take it into account."""
    source: str
    """Whence it is known, and what it rests on."""


def causes(table: LakeTable, air: SimulatedAir | None, morning: MorningError | None) -> list[Cause]:
    """Work through the known causes.

    Parameters
    ----------
    table : LakeTable
        Match-ups.
    air : SimulatedAir, optional
        Simulations of the overpasses' air.
    morning : MorningError, optional
        Errors of the models on columns of the morning. Without simulations the causes that need them are left out.

    Returns
    -------
    list of Cause
        One after the other.
    """
    simulated = [] if air is None else _of_the_air(table, air)
    model = [] if morning is None else [_of_the_model(morning)]
    inputs, left_out = _of_the_inputs(table), _left_out(table)
    return [*inputs, *model, *simulated, left_out, *_of_the_water(table), *_of_the_sensor(table)]


def _change(table: LakeTable, start: Settings, end: Settings) -> float:
    return measure(table, end).bias - measure(table, start).bias


def _of_the_inputs(table: LakeTable) -> list[Cause]:
    drier = _change(table, SURFACE, replace(SURFACE, vapour_factor=height_factor(table)))
    by_humidity = _change(table, SURFACE, replace(SURFACE, vapour_factor=1.0 / vapour_ratio(table)))
    return [
        Cause(
            name="air temperature",
            effect=_change(table, COLUMN, SURFACE),
            uncertainty=abs(_change(table, SURFACE, replace(SURFACE, air_warmer=AIR_UNCERTAINTY))),
            applied=True,
            source="surface model with NLDAS-2's daily mean, else the standard atmosphere; +- 2 K",
        ),
        Cause(
            name="height of the vapour's cell",
            effect=0.0,
            uncertainty=0.5 * (abs(by_humidity) + abs(drier)),
            applied=False,
            source=f"bounds: {drier:+.2f} K were the cell at sea level, {by_humidity:+.2f} K by humidity at the ground",
        ),
    ]


def height_factor(table: LakeTable) -> float:
    """Share of the vapour above sea level that lies above the lake. [1]."""
    return float(water_vapour_between(1.0, 0.0, np.float64(table.lake.elevation)))


def vapour_ratio(table: LakeTable) -> float:
    """Median of the table's vapour column over that which follows from the humidity at the ground. [1]."""
    vapour_pressure = table.relative_humidity * saturation_pressure_water(table.measured_air)
    ratio = table.water_vapour / (vapour_density(vapour_pressure, table.measured_air) * _VAPOUR_SCALE)
    known = np.isfinite(ratio)
    return float(np.median(ratio[known])) if known.any() else 1.0


def _of_the_air(table: LakeTable, air: SimulatedAir) -> list[Cause]:
    radiance = sensor_radiances(table, two_constants=True)

    def change(variant: str) -> float:
        return air.change(table, radiance, variant)

    def cause(name: str, effect: float, uncertainty: float, source: str) -> Cause:
        return Cause(name=name, effect=effect, uncertainty=uncertainty, applied=False, source=source)

    aerosol = 0.5 * abs(change("twice the aerosol") - change("no aerosol")) * _aerosol_spread() / 0.02
    year, older = change("year"), change("MT_CKD 4.1")
    worth = -change("no minor gases")
    return [
        cause("gases of the year", year, abs(year), f"simulated; all minor gases together are worth {worth:+.2f} K"),
        cause("aerosol", 0.0, aerosol, "simulated; optical depth 0.02 +- 0.011, the spread of the training"),
        cause("continuum's strength", 0.0, abs(change("continuum 3 % stronger")), "simulated; +- 3 %"),
        cause("MT_CKD 4.1, not 4.3", 0.0, abs(older), f"simulated; {older:+.2f} K, by the factor of its optical depth"),
    ]


def _aerosol_spread() -> float:
    """Standard deviation of the aerosol optical depth in training. [1]"""
    a, b = AEROSOL_SHAPE
    share = float(np.sqrt(a * b / (a + b + 1.0))) / (a + b)
    return (AEROSOL_RANGE[1] - AEROSOL_RANGE[0]) * share


def _of_the_model(morning: MorningError) -> Cause:
    return Cause(
        name="air of the morning",
        effect=-morning.surface,
        # Columns of one morning share their weather, so their mean is hardly surer than half the scatter of one.
        uncertainty=0.5 * morning.spread,
        applied=False,
        source=f"surface model on {morning.count} simulated land columns, 8:30 to 11:30; it was trained on all hours",
    )


def _left_out(table: LakeTable) -> Cause:
    radiance = sensor_radiances(table, two_constants=True)
    planck = sensor_band(table.sensor).planck
    below = radiance
    for depth, temperature in LEFT_OUT:
        below = radiance_below_layer(below, depth, temperature, planck)
    change = _temperature(table, below) - _temperature(table, radiance)
    effect = float(change[table.common].mean())
    return Cause(
        name="gases left out",
        effect=effect,
        uncertainty=0.5 * effect,
        applied=False,
        source="nitric acid, CFC-113, HCFC-22, CCl4: optical depth 0.003 of cold air, within a half",
    )


def _temperature(table: LakeTable, radiance: Float) -> Float:
    terms = atmosphere(table, CAREFUL)
    return np.asarray(surface_temperature(radiance, CAREFUL.emissivity, *terms, sensor_band(table.sensor).planck))


def fresnel_emissivity(sensor: str) -> float:
    """Emissivity of water at nadir averaged with a band's response, from its refractive index. [1]."""
    index = np.loadtxt(data_path("water", "refractive_index.csv"), delimiter=",", skiprows=1, unpack=True)
    response = load_response(sensor)
    return float(response.mean(np.interp(response.wavelength, index[0], normal_emissivity(index[1], index[2]))))


def _of_the_water(table: LakeTable) -> list[Cause]:
    def with_emissivity(value: float) -> float:
        return _change(table, SURFACE, replace(SURFACE, emissivity=value))

    fresnel = fresnel_emissivity(table.sensor)
    spectra = (with_emissivity(ECOSTRESS_WATER), with_emissivity(fresnel))
    calm = cool_skin(table.wind_speed[np.isfinite(table.wind_speed)])
    return [
        Cause(
            name="emissivity of water",
            effect=0.5 * sum(spectra),
            uncertainty=0.5 * abs(spectra[0] - spectra[1]),
            applied=False,
            source=f"{ECOSTRESS_WATER} (ECOSTRESS spectra) to {fresnel:.4f} (Hale and Querry 1973); 0.99 lies between",
        ),
        Cause(
            name="skin cooler than the buoy",
            effect=WINDY_COOL_SKIN,
            uncertainty=0.07,
            applied=True,
            source="Donlon et al. (2002), wind above 6 m/s",
        ),
        Cause(
            name="skin cooler still in light wind",
            effect=float(np.mean(calm)) - WINDY_COOL_SKIN if calm.size else 0.0,
            uncertainty=_CALM_SPREAD,
            applied=False,
            source="Donlon et al. (2002), NLDAS-2's wind; holds for the night",
        ),
        Cause(
            name="sun-warmed upper water",
            effect=0.0,
            uncertainty=_WARM_LAYER,
            applied=False,
            source="assumed; the buoy's thermometers lie 0.25 to 1.5 m deep, mostly 1.5 m",
        ),
    ]


def _of_the_sensor(table: LakeTable) -> list[Cause]:
    return [
        Cause(
            name="radiance by the two constants",
            effect=_change(table, TODAY, COLUMN),
            uncertainty=0.0,
            applied=True,
            source="with them the table's brightness temperatures lie on whole digital numbers",
        ),
        Cause(
            name="calibration of the sensor",
            effect=0.0,
            uncertainty=sensor_band(table.sensor).calibration_uncertainty,
            applied=False,
            source="Proc. SPIE 9972 (2016), doi:10.1117/12.2238625",
        ),
    ]
