"""Derivatives and propagated uncertainties agree with differences."""

import numpy as np
import pytest
import torch

from lst_raster.physics.planck import band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import coupled_atmosphere, sensor_radiance, surface_temperature
from lst_raster.physics.uncertainty import (
    EXACT_ATMOSPHERE,
    atmosphere_error,
    atmosphere_errors,
    atmosphere_uncertainty,
    noise_radiance,
    quantisation_noise,
    temperature_errors,
    temperature_uncertainty,
)
from lst_raster.sensors.bands import sensor_band, sensor_names

BAND = sensor_band("landsat8-b10").planck


@pytest.mark.parametrize("make", [np.float64, lambda value: torch.tensor(value, dtype=torch.float64)])
@pytest.mark.parametrize("sensor", sensor_names())
@pytest.mark.parametrize("temperature", [200.0, 300.0, 360.0])
def test_the_slope_of_the_band_radiance_is_its_derivative(make, sensor, temperature):
    band = sensor_band(sensor).planck
    difference = band_radiance(make(temperature + 0.01), band) - band_radiance(make(temperature - 0.01), band)
    assert float(band_radiance_slope(make(temperature), band)) == pytest.approx(float(difference) / 0.02, rel=1e-6)


def error_of(change, *, ground=305.0, depth=0.6, up=280.0):
    """Error of the temperature of a black ground where the atmosphere is off by `change` of (depth, T_up)."""
    truth = coupled_atmosphere(np.float64(depth), np.float64(up), np.float64(285.0), BAND)
    wrong = coupled_atmosphere(np.float64(depth + change[0]), np.float64(up + change[1]), np.float64(285.0), BAND)
    radiance = sensor_radiance(np.float64(ground), 1.0, *truth, BAND)
    return surface_temperature(radiance, 1.0, *wrong, BAND) - ground


@pytest.mark.parametrize("change", [(1e-4, 0.0), (0.0, 1e-3)])
def test_uncertainty_is_the_error_that_a_small_error_of_the_atmosphere_makes(change):
    predicted = atmosphere_uncertainty(
        np.float64(305.0), 1.0, np.float64(0.6), np.float64(280.0), *map(np.float64, change), BAND
    )
    assert predicted == pytest.approx(abs(error_of(change)), rel=2e-3)


def test_independent_parts_add_in_squares():
    air = np.float64(0.6), np.float64(280.0)

    def uncertainty(depth, temperature):
        return atmosphere_uncertainty(np.float64(305.0), 0.97, *air, np.float64(depth), np.float64(temperature), BAND)

    assert uncertainty(0.05, 2.0) == pytest.approx(np.hypot(uncertainty(0.05, 0.0), uncertainty(0.0, 2.0)))


def test_optical_depth_does_not_matter_where_the_air_is_as_warm_as_the_ground():
    same = np.float64(290.0)
    assert atmosphere_uncertainty(same, 0.97, np.float64(1.0), same, np.float64(0.3), np.float64(0.0), BAND) == 0.0


def scene_of(make, seed=0, count=200):
    """Random airs, pixels and changes of the airs, as arrays of one library."""
    rng = np.random.default_rng(seed)
    depth, up, down = rng.uniform(0.05, 1.8, count), rng.uniform(255.0, 292.0, count), rng.uniform(255.0, 295.0, count)
    ground, emissivity = rng.uniform(270.0, 325.0, count), rng.uniform(0.93, 0.995, count)
    terms = coupled_atmosphere(depth, up, down, BAND)
    radiance = sensor_radiance(ground, emissivity, *terms, BAND)
    changes = [
        tuple(other - term for other, term in zip(coupled_atmosphere(*air, BAND), terms, strict=True))
        for air in ((depth * 1.04, up, down), (depth, up + 1.0, down + 0.5))
    ]
    convert = lambda values: tuple(make(one) for one in values)  # noqa: E731
    return convert((ground, radiance, emissivity)), convert(terms), [convert(change) for change in changes]


@pytest.mark.parametrize("index", [0, 1])
def test_a_small_change_of_the_air_s_terms_makes_the_error_that_inversion_shows(index):
    (ground, radiance, emissivity), terms, changes = scene_of(np.asarray)
    small = tuple(1e-3 * one for one in changes[index])
    changed = tuple(term + one for term, one in zip(terms, small, strict=True))
    shown = surface_temperature(radiance, emissivity, *changed, BAND) - ground
    np.testing.assert_allclose(
        atmosphere_error(ground, radiance, emissivity, terms, small, BAND), shown, rtol=5e-3, atol=2e-6
    )


MAKERS = {
    "numpy": np.asarray,
    "numpy, float32": lambda values: np.asarray(values, np.float32),
    "torch, float32": lambda values: torch.tensor(values, dtype=torch.float32),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_errors_of_the_layer_are_those_of_the_changed_terms(make):
    (ground, radiance, emissivity), terms, _ = scene_of(make)
    spread = make(0.05), make(2.0)
    errors = atmosphere_errors(terms[0], terms[1], *spread, BAND)
    found = temperature_errors(ground, radiance, emissivity, terms[0], terms[2], 0.0, errors, BAND)
    emitted = terms[1] / (1.0 - terms[0])
    by_depth = (-terms[0] * spread[0], terms[0] * spread[0] * emitted, 0.0 * terms[2])
    slope = band_radiance_slope(brightness_temperature(emitted, BAND), BAND)
    by_emission = (0.0 * terms[0], (1.0 - terms[0]) * slope * spread[1], 0.0 * terms[2])
    for one, change in ((found.optical_depth, by_depth), (found.emission, by_emission)):
        expected = atmosphere_error(ground, radiance, emissivity, terms, change, BAND)
        np.testing.assert_allclose(np.asarray(one, float), np.asarray(expected, float), rtol=2e-3, atol=2e-3)


def test_for_a_black_ground_a_network_s_changes_give_the_uncertainty_that_it_was_trained_with():
    depth, up, ground = np.float64(0.6), np.float64(280.0), np.float64(305.0)
    terms = coupled_atmosphere(depth, up, np.float64(285.0), BAND)
    radiance = sensor_radiance(ground, 1.0, *terms, BAND)
    layer = atmosphere_errors(terms[0], terms[1], np.float64(0.05), np.float64(2.0), BAND)
    errors = temperature_errors(ground, radiance, 1.0, terms[0], terms[2], 0.0, layer, BAND)
    found = temperature_uncertainty(errors, 0.0)
    expected = atmosphere_uncertainty(ground, 1.0, depth, up, np.float64(0.05), np.float64(2.0), BAND)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("part", ["sensor", "emissivity"])
def test_noise_and_emissivity_reach_the_temperature_as_a_small_error_of_them_does(part):
    (ground, radiance, emissivity), terms, _ = scene_of(np.asarray)
    noise, of_emissivity = (1e-4, 0.0) if part == "sensor" else (0.0, 1e-5)
    state = (ground, radiance, emissivity, terms[0], terms[2], noise, EXACT_ATMOSPHERE, BAND)
    found = temperature_uncertainty(temperature_errors(*state), of_emissivity)
    shown = surface_temperature(radiance + noise, emissivity + of_emissivity, *terms, BAND) - ground
    np.testing.assert_allclose(found, np.abs(shown), rtol=1e-3, atol=1e-7)
    known = temperature_uncertainty(temperature_errors(*state, band_radiance(ground, BAND)), of_emissivity)
    np.testing.assert_array_equal(known, found)


def test_rounding_to_whole_numbers_is_as_noisy_as_stated():
    radiance = np.random.default_rng(0).uniform(5.0, 12.0, 100_000)
    rounded = np.rint(radiance / 0.067) * 0.067
    assert quantisation_noise(0.067) == pytest.approx((rounded - radiance).std(), rel=0.01)


@pytest.mark.parametrize("sensor", sensor_names())
def test_the_noise_of_a_sensor_is_that_of_a_black_body_at_300_kelvin(sensor):
    band = sensor_band(sensor)
    noise = noise_radiance(band.noise, band.planck)
    warmer = brightness_temperature(band_radiance(np.float64(300.0), band.planck) + noise, band.planck)
    assert warmer - 300.0 == pytest.approx(band.noise, rel=5e-3)
    assert band.noise < band.calibration_uncertainty < 1.0
