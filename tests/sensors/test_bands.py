"""The sensor bands: responses, Planck coefficients, and the maker of both."""

import numpy as np
import pytest

from lst_raster.errors import InputNotFoundError, UnknownSensorError
from lst_raster.physics.planck import band_radiance, brightness_temperature
from lst_raster.sensors.bands import sensor_band, sensor_names
from lst_raster.sensors.response import (
    exact_band_radiance,
    fit_two_constants,
    load_response,
    make_bands,
    wavenumber_weights,
)
from tests.support.shared import shared_path

KELVIN = np.arange(180.0, 380.5, 0.5)


@pytest.mark.parametrize("sensor", sensor_names())
def test_the_band_planck_function_follows_the_exact_integral_both_ways(sensor):
    planck = sensor_band(sensor).planck
    exact = exact_band_radiance(load_response(sensor), KELVIN)
    assert np.abs(brightness_temperature(exact, planck) - KELVIN).max() < 0.01
    slope = np.gradient(exact, KELVIN)
    assert np.abs((band_radiance(KELVIN, planck) - exact) / slope).max() < 0.01


def test_k1_and_k2_fitted_to_the_response_are_those_of_the_metadata():
    band = sensor_band("landsat8-b10")
    k1, k2 = fit_two_constants(load_response("landsat8-b10"))
    assert k1 == pytest.approx(band.k1, rel=1e-3)
    assert k2 == pytest.approx(band.k2, rel=1e-3)


@pytest.mark.parametrize(
    ("table", "sensor", "kelvin_apart"),
    # The Landsat 7 table departs by up to 0.063 K from the integral over the response that comes with it.
    [
        ("L4", "landsat4-b6", 0.01),
        ("L5", "landsat5-b6", 0.01),
        ("L7", "landsat7-b6", 0.07),
        ("L8", "landsat8-b10", 0.02),
    ],
)
def test_the_tables_that_usgs_uses_agree(table, sensor, kelvin_apart):
    path = shared_path("data", "responses", "usgs", f"{table}_Brightness_Temperature_LUT.txt")
    kelvin, radiance = np.loadtxt(path, unpack=True)
    usual = (kelvin > 250.0) & (kelvin < 330.0)
    ours = brightness_temperature(radiance[usual], sensor_band(sensor).planck)
    assert np.abs(ours - kelvin[usual]).max() < kelvin_apart


def test_the_weights_of_a_band_average_sum_to_one_and_keep_a_constant():
    weights = wavenumber_weights(load_response("landsat7-b6"), np.arange(760.005, 1000.0, 0.01))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0.0).all()


def test_the_packaged_bands_are_what_the_maker_makes(tmp_path):
    from lst_raster.resources import data_path

    for path in make_bands(shared_path("data", "responses"), tmp_path):
        assert path.read_text() == data_path("bands", path.name).read_text(), path.name


def test_a_missing_response_is_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"L4_Spectral_Response\.txt not found"):
        make_bands(tmp_path, tmp_path)


def test_an_unknown_sensor_is_answered_with_the_known_ones():
    with pytest.raises(UnknownSensorError, match=r"landsat6-b6.*landsat8-b10"):
        sensor_band("landsat6-b6")
