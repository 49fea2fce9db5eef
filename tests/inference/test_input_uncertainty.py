"""Uncertainties of inputs, and that of the retrieved temperature, which includes them."""

import numpy as np
import pytest

from lst_raster.inference.contract import UNCERTAIN_INPUTS
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import (
    INPUT_UNCERTAINTIES,
    InputUncertainty,
    PixelValues,
    model_errors,
    retrieve_with_uncertainty,
)
from lst_raster.sensors.bands import sensor_band

BAND = sensor_band("landsat8-b10").planck
ATMOSPHERE = {
    "water_vapour": np.full(3, 20.0),
    "surface_pressure": np.full(3, 1000.0),
    "air_temperature": np.full(3, 290.0),
    "brightness_temperature": np.full(3, 288.0),
}


def test_an_uncertainty_is_a_fraction_of_the_value_but_not_less_than_its_lower_limit():
    uncertainty = InputUncertainty(absolute=1.0, relative=0.1)
    np.testing.assert_array_equal(uncertainty.at(np.array([2.0, 10.0, 30.0])), [1.0, 1.0, 3.0])


def test_every_uncertain_input_has_a_default_where_it_is_given_and_a_reanalysis_is_less_certain():
    given, reanalysis = (INPUT_UNCERTAINTIES[origin] for origin in ("given", "reanalysis"))
    assert set(given) == set(UNCERTAIN_INPUTS)
    assert set(reanalysis) == {"water_vapour", "air_temperature"}  # aerosol is no part of one
    assert all(reanalysis[name].at(20.0) > given[name].at(20.0) for name in reanalysis)


def test_changes_are_those_of_the_grey_layer_by_one_predicted_uncertainty(model_path):
    predicted = Model.load(model_path).atmosphere(**ATMOSPHERE)
    errors = model_errors(predicted, BAND)
    exact = [np.float64(values) for values in predicted[:5]]
    depth, step, radiance = -np.log(exact[0]), 1e-3, 9.0
    emitted = exact[1] / (1.0 - exact[0])
    deeper = depth + step * exact[3]
    change = (radiance - (1.0 - np.exp(-deeper)) * emitted) / np.exp(-deeper) - (radiance - exact[1]) / exact[0]
    assert (errors.depth * radiance - errors.depth_radiance) / exact[0] * step == pytest.approx(change, rel=2e-2)
    assert (errors.emission > 0.0).all()


def found(model, **uncertainties):
    pixels = PixelValues(np.array([7.0, 8.5, 10.0]), np.full(3, 0.97), 0.01, BAND)
    return retrieve_with_uncertainty(model.atmosphere, pixels, ATMOSPHERE | uncertainties, 0.005)


@pytest.mark.parametrize(
    ("name", "good", "poor"),
    [
        ("water_vapour_uncertainty", 1.0, 4.0),
        ("air_temperature_uncertainty", 0.5, 6.0),
        ("aerosol_optical_depth_uncertainty", 0.0, 0.05),
    ],
)
def test_a_less_certain_input_makes_the_atmosphere_less_certain_and_changes_nothing_else(model_path, name, good, poor):
    model = Model.load(model_path)
    certain, doubtful = (found(model, **{name: np.full(3, value)}) for value in (good, poor))
    assert (certain.from_atmosphere < doubtful.from_atmosphere).all()
    np.testing.assert_array_equal(certain.from_pixel, doubtful.from_pixel)  # sensor and emissivity
    np.testing.assert_array_equal(certain.temperature, doubtful.temperature)
    np.testing.assert_allclose(certain.uncertainty**2, certain.from_pixel**2 + certain.from_atmosphere**2)
