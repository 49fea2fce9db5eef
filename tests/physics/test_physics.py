"""The formulas hold their laws, on numpy and on torch alike."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lst_raster.physics import calibration, humidity
from lst_raster.physics.mechanism import (
    emission_temperature_terms,
    optical_depth_terms,
    smallest_coefficients,
)
from lst_raster.physics.planck import band_radiance, brightness_temperature, planck_radiance
from lst_raster.physics.radiative_transfer import coupled_atmosphere, sensor_radiance, surface_temperature
from lst_raster.sensors.bands import sensor_band, sensor_names

BAND = sensor_band("landsat8-b10").planck

temperatures = st.floats(200.0, 360.0)
emissivities = st.floats(0.8, 1.0)
transmittances = st.floats(0.2, 1.0)
radiances = st.floats(0.0, 6.0)


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    """A maker of double precision arrays of one library."""
    if request.param == "numpy":
        return lambda values: np.asarray(values, dtype=np.float64)
    import torch

    return lambda values: torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("sensor", sensor_names())
def test_brightness_temperature_inverts_band_radiance(sensor, array):
    planck = sensor_band(sensor).planck
    temperature = array([180.0, 250.0, 300.0, 380.0])
    back = brightness_temperature(band_radiance(temperature, planck), planck)
    assert float(abs(back - temperature).max()) < 1e-9


@given(low=temperatures, step=st.floats(0.01, 20.0))
def test_a_warmer_black_body_radiates_more(low, step):
    assert band_radiance(np.float64(low + step), BAND) > band_radiance(np.float64(low), BAND)


def test_planck_tends_to_rayleigh_jeans_for_long_waves():
    wavelength, temperature = 1e6, np.float64(300.0)
    from lst_raster.physics.constants import C1, C2

    assert planck_radiance(temperature, wavelength) == pytest.approx(C1 / C2 * temperature / wavelength**4, rel=1e-4)


@given(
    kelvin=temperatures,
    emissivity=emissivities,
    transmittance=transmittances,
    upwelling=radiances,
    downwelling=radiances,
)
def test_the_inverse_returns_the_surface_that_made_the_radiance(
    kelvin, emissivity, transmittance, upwelling, downwelling
):
    terms = (emissivity, transmittance, upwelling, downwelling)
    radiance = sensor_radiance(np.float64(kelvin), *terms, BAND)
    assert surface_temperature(radiance, *terms, BAND) == pytest.approx(kelvin, abs=1e-6)


@given(kelvin=temperatures)
def test_a_black_surface_without_air_shows_its_own_temperature(kelvin):
    radiance = band_radiance(np.float64(kelvin), BAND)
    assert surface_temperature(radiance, 1.0, 1.0, 0.0, 0.0, BAND) == pytest.approx(kelvin, abs=1e-9)


def test_radiance_below_the_atmospheres_own_gives_nan_and_finite_gradients_beside_it():
    import torch

    radiance = torch.tensor([0.1, 8.0], requires_grad=True)
    lst = surface_temperature(radiance, 0.97, 0.8, 1.0, 1.5, BAND)
    assert math.isnan(lst[0].item()) and 250.0 < lst[1].item() < 330.0
    lst[1].backward()
    assert radiance.grad is not None and torch.isfinite(radiance.grad).all()


def test_both_array_libraries_give_the_same_atmosphere():
    import torch

    arguments = ([0.01, 0.5, 2.0], [250.0, 280.0, 290.0], [255.0, 285.0, 295.0])
    by_numpy = coupled_atmosphere(*(np.array(a) for a in arguments), BAND)
    by_torch = coupled_atmosphere(*(torch.tensor(a, dtype=torch.float64) for a in arguments), BAND)
    for ours, theirs in zip(by_numpy, by_torch, strict=True):
        assert np.allclose(ours, theirs.numpy(), rtol=1e-12)


@given(depth=st.floats(1e-4, 5.0), up=temperatures, down=temperatures)
def test_any_coupled_atmosphere_is_possible(depth, up, down):
    transmittance, upwelling, downwelling = coupled_atmosphere(
        np.float64(depth), np.float64(up), np.float64(down), BAND
    )
    assert 0.0 < transmittance < 1.0
    assert 0.0 < upwelling < band_radiance(np.float64(up), BAND)
    assert 0.0 < downwelling < band_radiance(np.float64(down), BAND)


@given(kelvin=st.floats(210.0, 315.0), fraction=st.floats(0.01, 1.0), pressure=st.floats(300.0, 1050.0))
def test_relative_humidity_inverts_specific_humidity(kelvin, fraction, pressure):
    q = humidity.specific_humidity(np.float64(fraction), np.float64(kelvin), pressure)
    assert humidity.relative_humidity(q, np.float64(kelvin), pressure) == pytest.approx(fraction, rel=1e-9)


def test_saturation_meets_the_triple_point_and_ice_lies_below_water():
    assert humidity.saturation_pressure_water(np.float64(273.16)) == pytest.approx(6.117, rel=2e-3)
    cold = np.array([233.16, 253.16, 263.16])
    assert (humidity.saturation_pressure_ice(cold) < humidity.saturation_pressure_water(cold)).all()
    mixed = humidity.saturation_pressure_mixed(np.array([243.16, 273.16]))
    assert mixed[0] == humidity.saturation_pressure_ice(np.float64(243.16))
    assert mixed[1] == humidity.saturation_pressure_water(np.float64(273.16))


def test_a_kilogram_of_vapour_weighs_what_hydrostatics_says():
    # 10 g/kg through 100 hPa: 0.01 * 10000 Pa / 9.80665 m s-2
    assert humidity.layer_mass(0.01, 100.0) == pytest.approx(10.197, abs=1e-3)


def test_digital_numbers_become_radiance_and_the_metadata_constants_nearly_the_temperature(array):
    radiance = calibration.radiance_from_digital_number(array([25000.0]), 3.342e-4, 0.1)
    assert float(radiance[0]) == pytest.approx(8.455, abs=1e-3)
    two = calibration.brightness_temperature_two_constants(radiance, 774.8853, 1321.0789)
    exact = brightness_temperature(radiance, BAND)
    assert 0.05 < float((two - exact)[0]) < 0.2  # what the two constants are off by


def test_the_two_constants_lead_back_to_the_radiance(array):
    radiance = array([4.0, 8.0, 12.0])
    temperature = calibration.brightness_temperature_two_constants(radiance, 666.09, 1282.71)
    back = calibration.radiance_two_constants(temperature, 666.09, 1282.71)
    assert float(abs(back - radiance).max()) < 1e-12


def test_the_mechanisms_terms_grow_with_their_absorbers():
    thrice = [optical_depth_terms(times * 10.0, 900.0, 300.0, 0.02, 2010.0) for times in (1.0, 3.0)]
    ratios = [1.0, 3.0, 9.0, 3.0, 9.0, 1.0, 1.0]
    assert [high / low for low, high in zip(*thrice, strict=True)] == pytest.approx(ratios)
    half = optical_depth_terms(10.0, 450.0, 300.0, 0.01, 2010.0)
    ratios = [2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    assert [high / low for low, high in zip(half, thrice[0], strict=True)] == pytest.approx(ratios)


@pytest.mark.parametrize(("levels", "depth", "emission"), [(0, 7, 7), (2, 13, 11)])
def test_each_level_has_its_terms_and_each_absorber_a_coefficient_of_at_least_nothing(levels, depth, emission):
    vapour, pressure, air = np.array(20.0), np.array(1000.0), np.array(295.0)
    on_levels = [np.array(280.0)] * levels, [np.array(0.005)] * levels
    terms = optical_depth_terms(vapour, pressure, air, 0.02, 2010.0, *on_levels)
    assert (len(terms), len(emission_temperature_terms(vapour, pressure, air, *on_levels))) == (depth, emission)
    warmer = optical_depth_terms(
        vapour, pressure, air + 5.0, 0.02, 2020.0, [t + 5.0 for t in on_levels[0]], on_levels[1]
    )
    for before, after, coefficient in zip(terms, warmer, smallest_coefficients(depth), strict=True):
        assert (coefficient == -np.inf) == bool(before != after)  # depends on a temperature or the year
