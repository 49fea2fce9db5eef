"""Layers, optical depth and the solver hold their laws and limits."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expn

from lst_raster.errors import InputError
from lst_raster.physics.planck import band_radiance, planck_radiance
from lst_raster.physics.radiative_transfer import sensor_radiance, surface_temperature
from lst_raster.sensors.bands import sensor_band
from lst_raster.sensors.response import load_response, wavenumber_weights
from lst_raster.simulator.absorption_table import packaged_table, wavenumber_grid
from lst_raster.simulator.atmosphere import column, layers
from lst_raster.simulator.band_simulation import (
    Geometry,
    band_average,
    band_weights,
    effective_average,
    simulate,
    simulate_effective,
    simulate_spectrum,
)
from lst_raster.simulator.gases import Composition, mole_fraction, standard_profile
from lst_raster.simulator.solver import _gas_amounts, hemisphere, solve
from tests.support.oracle import afgl_column, us_standard_atmosphere

PRESSURE = np.geomspace(1000.0, 10.0, 26)


def make_column(surface_temperature: float = 295.0, humidity: float = 0.012, lapse: float = 60.0, **ground):
    """A plain atmosphere: temperature falls with ln p, humidity with the cube of p."""
    fall = np.minimum(np.log(1000.0 / PRESSURE) / np.log(5.0), 1.3)
    return column(PRESSURE, surface_temperature - lapse * fall, humidity * (PRESSURE / 1000.0) ** 3 + 2e-6, **ground)


def test_an_isothermal_atmosphere_hides_an_equally_warm_ground():
    profile = make_column(290.0, lapse=0.0)
    spectrum = simulate_spectrum(profile)
    wavelength = 1e4 / wavenumber_grid()
    black_body = planck_radiance(290.0, wavelength)
    whole = spectrum.upwelling + spectrum.transmittance * black_body
    assert np.abs(whole / black_body - 1.0).max() < 1e-5  # single precision, at each of 24,000 points
    weights = wavenumber_weights(load_response("landsat8-b10"), wavenumber_grid())
    assert whole @ weights == pytest.approx(black_body @ weights, rel=1e-6)


def test_a_slab_gives_the_textbook_result():
    depth = np.array([[0.7], [0.3]], dtype=np.float32)
    planck = np.full((3, 1), 9.0, dtype=np.float32)
    result = solve(depth, planck, view_cosine=0.5)
    assert result.transmittance[0] == pytest.approx(np.exp(-2.0), rel=1e-6)
    assert result.upwelling[0] == pytest.approx(9.0 * (1.0 - np.exp(-2.0)), rel=1e-6)
    exact = 9.0 * (1.0 - 2.0 * expn(3, 1.0))  # hemispheric mean of an isothermal slab
    assert result.downwelling[0] == pytest.approx(exact, rel=5e-4)  # what four directions give


def test_a_planck_function_linear_in_depth_is_solved_exactly_in_one_layer_or_many():
    depth = np.full((40, 1), 0.05, dtype=np.float32)
    planck = np.linspace(10.0, 4.0, 41, dtype=np.float32)[:, None]
    many = solve(depth, planck)
    one = solve(depth.sum(axis=0, keepdims=True), planck[[0, -1]])
    assert many.upwelling == pytest.approx(one.upwelling, rel=1e-5)
    assert many.downwelling == pytest.approx(one.downwelling, rel=1e-5)


def test_the_weights_of_the_hemisphere_average_a_constant_to_itself():
    cosines, weights = hemisphere()
    assert weights.sum() == pytest.approx(1.0, rel=1e-6)
    assert ((cosines > 0.0) & (cosines < 1.0)).all()


@given(bottom=st.floats(550.0, 1040.0), humidity=st.floats(1e-4, 0.02))
@settings(max_examples=20, deadline=None)
def test_the_water_column_does_not_depend_on_the_layers(bottom, humidity):
    profile = make_column(humidity=humidity, surface_pressure=bottom)
    coarse, fine = (layers(profile, refinement).water_vapour for refinement in (1, 8))
    assert coarse == pytest.approx(fine, rel=1e-3)


def test_the_order_of_levels_and_levels_below_ground_change_nothing():
    base = make_column(surface_pressure=900.0)
    order = np.random.default_rng(3).permutation(PRESSURE.size)
    fall = np.minimum(np.log(1000.0 / PRESSURE) / np.log(5.0), 1.3)
    temperature = np.where(PRESSURE > 900.0, np.nan, 295.0 - 60.0 * fall)
    humidity = 0.012 * (PRESSURE / 1000.0) ** 3 + 2e-6
    shuffled = column(PRESSURE[order], temperature[order], humidity[order], surface_pressure=900.0)
    assert np.array_equal(shuffled.pressure, base.pressure)
    assert np.array_equal(shuffled.air_temperature, base.air_temperature)


def test_more_vapour_darkens_and_warms_the_sky():
    dry, humid = (simulate(make_column(humidity=h), ["landsat8-b10"])["landsat8-b10"] for h in (0.004, 0.016))
    assert humid.transmittance < dry.transmittance
    assert humid.downwelling_radiance > dry.downwelling_radiance > dry.upwelling_radiance


@pytest.mark.slow
def test_each_absorber_lowers_the_transmittance():
    profile = make_column()
    everything = Composition()
    whole = band_average(simulate_spectrum(profile, everything), "landsat7-b6").transmittance
    for absorber in everything.absorbers:
        fewer = Composition(absorbers=everything.absorbers - {absorber})
        assert band_average(simulate_spectrum(profile, fewer), "landsat7-b6").transmittance > whole, absorber


def test_a_slant_view_sees_less_of_the_ground():
    profile = make_column()
    slant = band_average(simulate_spectrum(profile, geometry=Geometry(view_zenith=45.0)), "landsat8-b10")
    nadir = band_average(simulate_spectrum(profile), "landsat8-b10")
    assert slant.transmittance < nadir.transmittance and slant.upwelling_radiance > nadir.upwelling_radiance


def test_the_downwelling_radiance_is_that_of_a_colder_body_than_the_air_near_the_ground():
    result = simulate(make_column(300.0), ["landsat8-b10"])["landsat8-b10"]
    assert result.downwelling_radiance < band_radiance(300.0, sensor_band("landsat8-b10").planck)


def test_gases_follow_their_years_and_ozone_its_layer():
    assert mole_fraction("carbon_dioxide", 2024.0) > mole_fraction("carbon_dioxide", 1990.0)
    assert mole_fraction("cfc11", 1995.0) > mole_fraction("cfc11", 2024.0)
    assert standard_profile("ozone", np.array(15.0)) > 20.0 * standard_profile("ozone", np.array(500.0))


def gas_depths(profile, year: float = 2018.0) -> dict[str, np.ndarray]:
    """Vertical optical depth of each minor gas at 0.01 cm-1 between 760 and 1000 cm-1, by name."""
    table = packaged_table()
    amounts = _gas_amounts(layers(profile), Composition(year=year), table).sum(axis=1)
    return {
        gas: (amounts[:, index, None] * table.gas_coefficients[:, index]).ravel()
        for index, gas in enumerate(table.gases)
    }


AIR = 2.15e25
"""Molecules of air above sea level, 1013 hPa / (g m), with the mass of a molecule m = 28.96 / 6.022e26 kg. [cm-2]"""


@pytest.mark.parametrize(
    ("gas", "molecules", "strength", "strongest"),
    [
        # molecules [cm-2] in 2018; integrated absorption [cm molecule-1]; largest optical depth over 10 cm-1
        ("cfc113", 70.4e-12 * AIR, 6.1e-17, 0.0020),  # 1.35e-18 cm2 at 810 to 820 cm-1
        ("hcfc22", 244e-12 * AIR, 2.31e-17, 0.0034),  # 6.5e-19 cm2 at 800 to 810 cm-1
        ("carbon_tetrachloride", 78.8e-12 * AIR, 5.07e-17, 0.0060),  # 3.5e-18 cm2 at 790 to 800 cm-1
        ("nitric_acid", 1.2e16, 2.4e-17, 0.0055),  # 4.5e-19 cm2 at 890 to 900 cm-1
    ],
)
def test_optical_depths_of_weak_gases_are_those_estimated_by_hand(gas, molecules, strength, strongest):
    depth = gas_depths(make_column(surface_pressure=1013.0, surface_temperature=288.0, humidity=0.004))[gas]
    assert depth.min() >= 0.0
    assert depth.sum() * 0.01 == pytest.approx(molecules * strength, rel=0.04)
    assert depth.reshape(24, 1000).mean(axis=1).max() == pytest.approx(strongest, rel=0.06)


def test_every_minor_gas_absorbs_and_nitric_acid_is_in_the_stratosphere():
    low, high = make_column(), make_column(surface_pressure=500.0)
    at_sea_level, elevated = gas_depths(low), gas_depths(high)
    assert all(depth.sum() > 0.0 for depth in at_sea_level.values())
    share = {gas: elevated[gas].sum() / at_sea_level[gas].sum() for gas in ("cfc113", "nitric_acid")}
    assert share["cfc113"] == pytest.approx(0.5, abs=0.02) and share["nitric_acid"] > 0.9
    pressure = np.array([500.0, 30.0, 1.0])
    assert standard_profile("nitric_acid", pressure).argmax() == 1


def test_concentrations_of_weak_gases_follow_their_years():
    assert mole_fraction("hcfc22", 2020.0) > 5.0 * mole_fraction("hcfc22", 1980.0)
    assert mole_fraction("cfc113", 1996.0) > 1.1 * mole_fraction("cfc113", 2020.0)
    assert mole_fraction("carbon_tetrachloride", 1990.0) == pytest.approx(106.2e-12)


ATMOSPHERES = {
    "US Standard": us_standard_atmosphere,
    "tropical": partial(afgl_column, "tro", with_ozone=True),
    "mid-latitude winter": partial(afgl_column, "mlw", with_ozone=True),
}
WEAK_GASES = ("CFC-113", "HCFC-22", "carbon tetrachloride", "nitric acid")
GAS_NAMES = dict(zip(WEAK_GASES, ("cfc113", "hcfc22", "carbon_tetrachloride", "nitric_acid"), strict=True))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "science" / "simulator.md"


def page_row(first: str, head: str) -> list[str]:
    """Cells of a row of the page on the simulator after its first cell, in the table whose first column is `head`."""
    table = PAGE.read_text().split(f"| {head} |")[1]
    row = next(line for line in table.splitlines() if line.startswith(f"| {first} |"))
    return row.strip("| ").split(" | ")[1:]


def retrieval_error(profile, sensor: str, emissivity: float, truth, assumed) -> float:
    """LST error [K] for a surface 5 K warmer than the air, of the terms `assumed` where `truth` are the true ones."""
    kelvin, planck = profile.air_temperature[0] + 5.0, sensor_band(sensor).planck
    return float(surface_temperature(sensor_radiance(kelvin, emissivity, *truth, planck), emissivity, *assumed, planck)
                 - kelvin)  # fmt: skip


@pytest.mark.parametrize("atmosphere", ATMOSPHERES)
def test_the_effect_of_the_weak_gases_on_the_temperature_is_the_documented_one(atmosphere):
    profile, table = ATMOSPHERES[atmosphere](), packaged_table()
    coefficients = table.gas_coefficients.copy()
    coefficients[:, [table.gases.index(GAS_NAMES[gas]) for gas in WEAK_GASES]] = 0.0
    without = replace(table, gas_coefficients=coefficients)
    spectra = [simulate_spectrum(profile, table=one) for one in (table, without)]
    sensors = ("landsat5-b6", "landsat7-b6", "landsat8-b10", "landsat8-b11", "landsat9-b10")
    ground = profile.air_temperature[0] - 5.0, profile.air_temperature[0] + 20.0
    for sensor, expected in zip(sensors, page_row(atmosphere, "atmosphere"), strict=True):
        truth, assumed = (effective_average(spectrum, sensor, ground) for spectrum in spectra)
        error = retrieval_error(profile, sensor, 0.98, truth, assumed)
        assert -error == pytest.approx(float(expected), abs=2e-3), sensor


@pytest.mark.parametrize("gas", WEAK_GASES)
def test_the_optical_depths_of_the_weak_gases_are_the_documented_ones(gas):
    depth = gas_depths(us_standard_atmosphere())[GAS_NAMES[gas]]
    sensors = ("landsat5-b6", "landsat7-b6", "landsat8-b10", "landsat8-b11")
    found = [depth.reshape(24, 1000).mean(axis=1).max(), *(depth @ band_weights(sensor) for sensor in sensors)]
    assert [f"{1000.0 * value:.1f}" for value in found] == page_row(gas, "gas")


@pytest.mark.parametrize(
    ("row", "truth"),
    [
        ("no aerosol", {"aerosol_optical_depth": 0.0}),
        ("aerosol 0.035", {"aerosol_optical_depth": 0.035}),
        ("aerosol 0.1", {"aerosol_optical_depth": 0.1}),
        ("continuum 3 % stronger", {"continuum_scaling": 1.03}),
        ("gases of 1985 instead of 2018", {"year": 1985.0}),
        ("gases of 2013 instead of 2018", {"year": 2013.0}),
        ("gases of 2025 instead of 2018", {"year": 2025.0}),
    ],
)
def test_effects_of_wrong_compositions_are_the_documented_ones(row, truth):
    errors = []
    for atmosphere in ("tropical", "mid-latitude winter"):
        profile = ATMOSPHERES[atmosphere]()
        terms = [simulate_effective(profile, ["landsat8-b10"], one) for one in (Composition(**truth), None)]
        errors.append(retrieval_error(profile, "landsat8-b10", 0.96, *(one["landsat8-b10"] for one in terms)))
    documented = [float(cell.strip("()")) for cell in page_row(row, "truth")[0].split()]
    assert errors == pytest.approx(documented, abs=0.006)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surface_pressure": 101325.0}, "not in hPa"),
        ({"air_temperature_2m": 21.0}, "not in kelvin"),
        ({"specific_humidity_2m": 12.0}, "not in kg kg-1"),
    ],
)
def test_values_in_other_units_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        make_column(**changes)


@pytest.mark.parametrize("changes", [{"year": 1850.0}, {"aerosol_optical_depth": -0.1}, {"continuum_scaling": 3.0}])
def test_impossible_compositions_are_refused(changes):
    with pytest.raises(InputError, match="outside"):
        Composition(**changes)
