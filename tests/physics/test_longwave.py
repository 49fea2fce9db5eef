"""Surface temperature from pyrgeometers: against an independent calculation, and in its limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lst_raster.physics.constants import BOLTZMANN, C1, C2, PLANCK, SPEED_OF_LIGHT, STEFAN_BOLTZMANN
from lst_raster.physics.longwave import longwave_temperature, longwave_temperature_uncertainty

temperatures = st.floats(220.0, 340.0)
emissivities = st.floats(0.9, 1.0)


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    if request.param == "numpy":
        return lambda values: np.asarray(values, dtype=np.float64)
    import torch

    return lambda values: torch.tensor(values, dtype=torch.float64)


def emitted(kelvin):
    """Irradiance of a black body, Planck's law integrated by the midpoint rule over wavelength. [W m-2]"""
    edges = np.geomspace(1.0, 5000.0, 20001)
    middle = np.sqrt(edges[1:] * edges[:-1])
    return math.pi * float(np.sum(C1 / middle**5 / np.expm1(C2 / (middle * kelvin)) * np.diff(edges)))


def test_the_constant_is_that_of_the_other_constants():
    expected = 2.0 * math.pi**5 * BOLTZMANN**4 / (15.0 * PLANCK**3 * SPEED_OF_LIGHT**2)
    assert pytest.approx(expected, rel=1e-9) == STEFAN_BOLTZMANN


def test_it_gives_back_the_temperature_whose_spectrum_was_added_up(array):
    kelvin, sky = np.array([250.0, 290.0, 330.0]), 270.0
    up = [0.96 * emitted(value) + 0.04 * emitted(sky) for value in kelvin]
    found = longwave_temperature(array(up), array([emitted(sky)] * 3), 0.96)
    assert np.allclose(np.asarray(found), kelvin, atol=2e-3)


@given(kelvin=temperatures, sky=st.floats(100.0, 450.0))
def test_a_black_ground_needs_no_sky(kelvin, sky):
    up = STEFAN_BOLTZMANN * np.float64(kelvin) ** 4
    assert longwave_temperature(up, np.float64(sky), 1.0) == pytest.approx(kelvin, abs=1e-9)


@given(kelvin=temperatures, emissivity=emissivities)
def test_under_a_sky_as_warm_as_the_ground_the_emissivity_does_not_matter(kelvin, emissivity):
    up = STEFAN_BOLTZMANN * np.float64(kelvin) ** 4
    assert longwave_temperature(up, up, emissivity) == pytest.approx(kelvin, abs=1e-9)
    of_emissivity = longwave_temperature_uncertainty(np.float64(kelvin), up, emissivity, 0.0, 0.02)
    assert of_emissivity == pytest.approx(0.0, abs=1e-9)


def test_a_ground_that_only_reflects_has_no_temperature(array):
    found = longwave_temperature(array([3.0, 0.0, float("nan")]), array([300.0, 300.0, 300.0]), 0.97)
    assert np.isnan(np.asarray(found)).all()


@given(kelvin=temperatures, emissivity=emissivities, sky=st.floats(100.0, 400.0))
def test_its_uncertainty_is_what_differences_of_the_formula_add_up_to(kelvin, emissivity, sky):
    up = emissivity * STEFAN_BOLTZMANN * kelvin**4 + (1.0 - emissivity) * sky

    def slope(*step):
        values = np.array([up, sky, emissivity])
        high, low = (longwave_temperature(*(values + sign * np.array(step))) for sign in (1.0, -1.0))
        return (high - low) / 2.0

    parts = slope(5.0, 0, 0), slope(0, 5.0, 0), slope(0, 0, 0.01)
    found = longwave_temperature_uncertainty(np.float64(kelvin), np.float64(sky), emissivity, 5.0, 0.01)
    assert found == pytest.approx(math.hypot(*parts), rel=2e-3)


def test_five_watts_are_most_of_a_kelvin():
    found = longwave_temperature_uncertainty(np.float64(300.0), np.float64(300.0), 0.97, 5.0, 0.01)
    assert found == pytest.approx(0.88, abs=0.02)
