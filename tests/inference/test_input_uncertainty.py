"""Uncertainties of inputs, and the change of the atmospheric terms by one standard uncertainty of each."""

import numpy as np

from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import (
    INPUT_UNCERTAINTIES,
    InputUncertainty,
    perturbed_terms,
    retrieve_with_uncertainty,
)
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import KINDS

BAND = sensor_band("landsat8-b10").planck
ATMOSPHERE = {
    "water_vapour": np.full(3, 20.0),
    "surface_pressure": np.full(3, 1000.0),
    "air_temperature": np.full(3, 290.0),
}


def test_an_uncertainty_is_a_fraction_of_the_value_but_not_less_than_its_lower_limit():
    uncertainty = InputUncertainty(absolute=1.0, relative=0.1)
    np.testing.assert_array_equal(uncertainty.at(np.array([2.0, 10.0, 30.0])), [1.0, 1.0, 3.0])


def test_every_origin_has_every_input_of_the_models():
    assert all(set(entry) >= set(ATMOSPHERE) for entry in INPUT_UNCERTAINTIES.values())
    assert set(INPUT_UNCERTAINTIES["reanalysis"]) == set(KINDS)


def test_a_change_is_the_difference_of_two_runs_of_the_model(model_path):
    model = Model.load(model_path)
    sources = {
        "humidity": {"water_vapour": np.full(3, 2.0)},
        "temperature": {"air_temperature": np.full(3, 1.5)},
        "both": {"water_vapour": np.full(3, 2.0), "air_temperature": np.full(3, 1.5)},
    }
    terms, changes, of_model = perturbed_terms(model.atmosphere, ATMOSPHERE, sources, BAND)
    raised = {**ATMOSPHERE, "water_vapour": ATMOSPHERE["water_vapour"] + 2.0}
    before, after = model.atmosphere(**ATMOSPHERE).terms, model.atmosphere(**raised).terms
    for change, low, high in zip(changes["humidity"], before, after, strict=True):
        np.testing.assert_array_equal(change, high - low)
    assert (changes["temperature"][0] == 0.0).all()  # the test model's transmittance does not depend on it
    assert (changes["temperature"][1] > 0.0).all()
    assert set(changes) == set(sources)
    np.testing.assert_array_equal(terms, np.asarray(before, np.float64))
    assert set(of_model) == {"model: optical depth", "model: temperature"}


def test_few_values_run_through_the_model_once_with_the_results_of_one_run_for_each_error_source(
    model_path, monkeypatch
):
    model, sizes = Model.load(model_path), []

    def atmosphere(**inputs):
        sizes.append(np.broadcast(*inputs.values()).size)
        return model.atmosphere(**inputs)

    inputs = ATMOSPHERE | {"surface_pressure": 990.0}  # one for all
    sources = {name: {name: np.full(3, 2.0)} for name in ATMOSPHERE}
    together = perturbed_terms(atmosphere, inputs, sources, BAND)
    assert sizes == [3 * (1 + len(sources))]
    monkeypatch.setattr("lst_raster.inference.uncertainty._ROWS_AT_ONCE", 1)
    one_by_one = perturbed_terms(atmosphere, inputs, sources, BAND)
    assert sizes[1:] == [3] * (1 + len(sources))
    np.testing.assert_array_equal(together[0], one_by_one[0])
    for name in sources:
        np.testing.assert_array_equal(together[1][name], one_by_one[1][name])


def test_better_inputs_reduce_the_uncertainty_except_the_part_of_the_model(model_path):
    model = Model.load(model_path)

    def found(fraction):
        return retrieve_with_uncertainty(
            model.atmosphere,
            np.array([7.0, 8.5, 10.0]),
            np.full(3, 0.97),
            ATMOSPHERE,
            error_sources={"humidity": {"water_vapour": fraction * ATMOSPHERE["water_vapour"]}},
            sensor_noise=0.01,
            emissivity_uncertainty=0.005,
            band=BAND,
        )

    good, poor = found(0.05), found(0.10)
    assert (good.from_inputs < poor.from_inputs).all()
    np.testing.assert_array_equal(good.from_model, poor.from_model)
    np.testing.assert_allclose(good.uncertainty**2, good.from_inputs**2 + good.from_model**2)
