"""The models that come with the package, as a user meets them."""

import numpy as np
import pytest
import rasterio

from lst_raster import Model
from lst_raster.inference.model import shipped_models
from lst_raster.network.measure import CALIBRATED
from lst_raster.network.train import CROSS_VALIDATION
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.sensors.bands import sensor_band, sensor_names
from tests.cli.test_retrieve_command import EXAMPLE

SHIPPED = tuple(f"{sensor}/{tier}" for sensor in sensor_names() for tier in ("surface", "profile"))

DUAL = tuple(f"landsat{number}-b10/{tier}" for number in (8, 9) for tier in ("dual", "dual-profile"))


def states(model, count=20_000):
    """Pixels and atmospheres all over the range a model was made for."""
    rng = np.random.default_rng(0)
    ranges = {variable.name: variable.valid_range for variable in model.contract.inputs}
    states = {name: rng.uniform(*limits, count) for name, limits in ranges.items()}
    return {**states, "radiance": rng.uniform(4.0, 15.0, count)}


def test_the_promised_models_are_shipped():
    assert {*SHIPPED, *DUAL} == set(shipped_models())


def known(predicted):
    """Outputs that a model has: those of the second band are of models of two."""
    return [values for values in predicted if values is not None]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHIPPED, *DUAL])
def test_the_stated_uncertainty_of_a_shipped_model_holds_two_thirds_of_its_errors(name):
    """By cross-validation over sources, in every class of water vapour, and on soundings."""
    metrics = Model.load(name).metadata["metrics"]
    measured = {
        condition: metrics[CROSS_VALIDATION][condition]
        for condition in CALIBRATED
        if condition in metrics[CROSS_VALIDATION]
    }
    assert len(measured) == (1 if name.endswith("profile") else 3)
    for condition, result in measured.items():
        classes = {key: result["coverage"][key] for key in WATER_VAPOUR_CLASSES}
        assert 0.62 <= result["coverage"]["all"] <= 0.74, (condition, classes)
        if condition == "nothing":
            classes.pop("50+")  # classes are of the true water vapour, of which these climatologies are far short
        # Five hundred to sixty profiles, whose errors are correlated: the last have a sampling error of five points.
        assert 0.62 <= min(classes.values()) <= max(classes.values()) <= 0.79, (condition, classes)
        assert metrics["TIGR-2000"][condition]["coverage"]["all"] >= 0.60, condition


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_physics_recomputes_a_shipped_model_s_temperature_from_its_outputs(name):
    model = Model.load(name)
    inputs = states(model)
    outputs = model.predict(**inputs)
    terms = [outputs[term].astype(float) for term in ("transmittance", "upwelling_radiance", "downwelling_radiance")]
    planck = sensor_band(model.contract.sensor).planck
    expected = surface_temperature(inputs["radiance"], inputs["emissivity"], *terms, planck)
    # Beyond these the inputs contradict each other, and an opaque atmosphere magnifies the rounding of float32.
    real = (expected > 220.0) & (expected < 350.0) & (terms[0] > 0.2)
    assert real.mean() > 0.3
    assert np.abs(outputs["lst"] - expected)[real].max() < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHIPPED, *DUAL])
def test_both_graphs_of_a_shipped_model_give_one_possible_atmosphere(name):
    retrieval, atmosphere = Model.load(name), Model.load(name, graph="atmosphere")
    air = {variable.name for variable in retrieval.contract.atmosphere_inputs}
    inputs = {key: values for key, values in states(retrieval).items() if key in air}
    found = atmosphere.atmosphere(**inputs)
    for one, other in zip(known(found), known(retrieval.atmosphere(**inputs)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert found.transmittance.max() < 1.0
    assert min(values.min() for values in known(found)) > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_gives_nan_where_an_input_is_missing(name):
    model = Model.load(name)
    good = {key: values[:1] for key, values in states(model).items()}
    for key in good:
        assert np.isnan(model.predict(**{**good, key: np.nan})["lst"]).all(), key
    assert np.isnan(model.predict(**{**good, "emissivity": 1.01})["lst"]).all()
    assert np.isnan(model.predict(**{**good, "radiance": 0.0})["lst"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_inputs_are_clipped_to_the_range_but_absorption_increases_with_water_vapour(name):
    model = Model.load(name)
    ranges = {variable.name: variable.valid_range for variable in model.contract.inputs}
    inputs = {key: values[:1] for key, values in states(model).items() if key not in ("radiance", "emissivity")}

    def air_at(what, value):
        return model.atmosphere(**{**inputs, what: value})

    most = ranges["water_vapour"][1]
    depths = [-np.log(air_at("water_vapour", factor * most).transmittance.item()) for factor in (1.0, 1.2, 1.5, 1.6)]
    assert depths[0] < depths[1] < depths[2] == pytest.approx(depths[3], rel=1e-6)
    for what in set(inputs) & {"surface_pressure", "air_temperature", "brightness_temperature", "gas_year"}:
        low, high = ranges[what]
        np.testing.assert_allclose(known(air_at(what, low - 40.0)), known(air_at(what, low)), rtol=1e-6)
        np.testing.assert_allclose(known(air_at(what, high + 40.0)), known(air_at(what, high)), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--water-vapour", "15"], ["--aerosol", "0.1+-0.05"]])
def test_the_example_needs_no_options_and_gives_plausible_temperatures(tmp_path, command, options):
    code, out, err = command("retrieve", EXAMPLE, "-o", tmp_path, *options)
    assert (code, len(out), len(err)) == (0, 1, 2)
    with rasterio.open(out[0]) as dataset:
        lst, tags = dataset.read(1), dataset.tags()
    assert tags["model"] == "landsat8-b10/surface"
    assert 250.0 < lst.min() < lst.max() < 320.0
