import json

import numpy as np
import pytest
from click.testing import CliRunner

from lst_raster.cli.validation import evaluate as command
from lst_raster.errors import InputError
from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.model import Model
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.sampling import (
    CONDITIONS,
    EXACT,
    SURFACES_PER_PROFILE,
    InputErrors,
    add_input_errors,
    draw_surfaces,
    observe,
)
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.evaluate import evaluate
from tests.support.factories import make_model
from tests.support.mild_surfaces import mild_samples
from tests.support.simulated_sets import make_simulated_set, published_errors

L8 = sensor_band("landsat8-b10").planck


@pytest.fixture(scope="module")
def set_path(tmp_path_factory):
    return make_simulated_set(tmp_path_factory.mktemp("set") / "set.nc", profiles=120)


@pytest.fixture(scope="module")
def simulated(set_path):
    return read_simulated(set_path)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def samples(simulated):
    return observe(simulated, draw_surfaces(simulated.air_temperature_2m, 4, 0))


class PerfectModel:
    """Knows the atmosphere that was simulated, so its error must be nothing."""

    def __init__(self, model, simulated):
        self.contract = model.contract
        self.simulated = simulated

    def predict(self, radiance, emissivity, **_):
        terms = (values[:, None] for values in self.simulated.terms)
        return {"lst": surface_temperature(radiance, emissivity, *terms, L8).astype(np.float32)}

    def atmosphere(self, water_vapour, **_):
        none = np.zeros_like(water_vapour)
        return PredictedAtmosphere(*(values[:, None] + none for values in self.simulated.terms), none, none)


def test_a_model_that_knows_the_atmosphere_has_no_error(model_path, simulated):
    result = evaluate(PerfectModel(Model.load(model_path), simulated), simulated, per_profile=5)
    summary = result.methods["landsat8-b10/surface"]["all"]
    assert summary.samples == 600 and summary.missing == 0
    assert summary.rmse < 1e-4


def test_a_single_emissivity_error_shows_its_analytic_size(model_path, simulated):
    errors = InputErrors(sensor=0.0, emissivity=0.01, water_vapour=0.0, air_temperature=0.0)
    result = evaluate(PerfectModel(Model.load(model_path), simulated), simulated, input_errors=errors)
    # dTs/de = -(B - Ld) / (e dB/dT): about 0.6 K per 0.01 in dry air, less under a warm sky.
    assert 0.2 < result.methods["landsat8-b10/surface"]["all"].rmse < 0.9


@pytest.mark.parametrize("part", ["sensor", "emissivity"])
def test_where_one_known_error_is_all_there_is_two_thirds_lie_within_its_uncertainty(model_path, simulated, part):
    none = {"sensor": 0.0, "emissivity": 0.0, "water_vapour": 0.0, "air_temperature": 0.0}
    errors = InputErrors(**none | {part: 0.005})  # small: an emissivity cannot exceed one
    result = evaluate(PerfectModel(Model.load(model_path), simulated), simulated, per_profile=40, input_errors=errors)
    assert result.coverage["all"] == pytest.approx(0.6827, abs=0.02)


def test_the_published_methods_and_the_model_have_the_same_samples(model_path, simulated):
    result = evaluate(Model.load(model_path), simulated)
    assert list(result.methods) == ["landsat8-b10/surface", "single-channel", "mono-window"]
    counts = {name: [s.samples + s.missing for s in rows.values()] for name, rows in result.methods.items()}
    assert len({tuple(row) for row in counts.values()}) == 1


def test_an_evaluation_repeats_with_its_seed(model_path, simulated):
    model = Model.load(model_path)
    noisy = InputErrors()
    first, again = (evaluate(model, simulated, seed=3, input_errors=noisy) for _ in range(2))
    assert first == again
    assert first != evaluate(model, simulated, seed=4, input_errors=noisy)


def test_input_errors_have_the_size_they_state(samples):
    errors = InputErrors()
    given = add_input_errors(samples, errors, 1)
    seen = brightness_temperature(given.radiance, L8) - brightness_temperature(samples.radiance, L8)
    assert seen.std() == pytest.approx(errors.sensor, rel=0.1)
    assert (given.water_vapour / samples.water_vapour - 1.0).std() == pytest.approx(errors.water_vapour, rel=0.1)
    warmer = given.atmosphere["air_temperature"] - samples.atmosphere["air_temperature"]
    assert warmer.std() == pytest.approx(errors.air_temperature, rel=0.1)
    assert given.emissivity.max() <= 1.0
    assert np.array_equal(given.surface_temperature, samples.surface_temperature)


def test_no_errors_leave_the_samples_as_they_are(samples):
    given = add_input_errors(samples, EXACT, 1).inputs()
    for name, values in samples.inputs().items():
        assert np.allclose(given[name], values, rtol=1e-12)


def test_published_methods_can_be_measured_on_mild_surfaces_without_a_model(simulated):
    errors = published_errors(simulated, mild_samples(simulated.air_temperature_2m, 5, 0))
    assert set(errors) == {"single-channel", "mono-window"}
    assert errors["mono-window"]["all"].samples == 600


def test_a_set_of_another_sensor_is_refused(model_path, tmp_path):
    other = read_simulated(make_simulated_set(tmp_path / "l7.nc", profiles=5, sensor="landsat7-b6"))
    with pytest.raises(InputError, match=r"landsat8-b10.*landsat7-b6"):
        evaluate(Model.load(model_path), other)


def test_the_atmosphere_graph_is_refused(tmp_path, simulated):
    path = make_model(tmp_path / "atmosphere.onnx", graph="atmosphere")
    with pytest.raises(InputError, match="retrieval graph"):
        evaluate(Model.load(path), simulated)


def test_the_command_prints_a_table(model_path, set_path):
    result = CliRunner().invoke(command, [str(model_path), str(set_path), "--per-profile", "2"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "landsat8-b10/surface: 120 profiles, 2 surfaces each, all inputs exact" in result.output
    assert "within [%]" in result.output
    assert "RMSE [K]" in result.output and "50+" in result.output and "mono-window" in result.output


def test_the_command_writes_json_with_the_errors_it_used(model_path, set_path):
    arguments = [str(model_path), str(set_path), "--json", "--inputs", "noisy"]
    found = json.loads(CliRunner().invoke(command, arguments, catch_exceptions=False).output)
    assert found["inputs"] == "noisy" and found["input_errors"]["air_temperature"] == 1.5
    assert found["input_errors"]["aerosol_optical_depth"] is None  # not given
    assert set(found["coverage"]) == set(found["methods"]["landsat8-b10/surface"])
    assert 0.0 < found["coverage"]["all"] < 1.0
    assert set(found["methods"]["landsat8-b10/surface"]["all"]) == {"samples", "missing", "bias", "rmse", "mae"}


def test_the_command_draws_as_many_surfaces_as_cards_and_benchmark():
    (option,) = (parameter for parameter in command.params if parameter.name == "per_profile")
    assert option.default == SURFACES_PER_PROFILE


def test_the_conditions_of_the_command_are_those_of_the_library(model_path, profile_model, set_path):
    (option,) = (parameter for parameter in command.params if parameter.name == "inputs")
    assert list(option.type.choices) == [name.replace(" ", "-") for name in CONDITIONS]
    found = {}
    for inputs in option.type.choices:
        arguments = [str(model_path), str(set_path), "--json", "--inputs", inputs]
        found[inputs] = json.loads(CliRunner().invoke(command, arguments, catch_exceptions=False).output)
    rmse = {inputs: one["methods"]["landsat8-b10/surface"]["all"]["rmse"] for inputs, one in found.items()}
    assert len(set(rmse.values())) == len(rmse)
    assert found["nothing"]["input_errors"]["water_vapour"] is None
    result = CliRunner().invoke(command, [str(profile_model), str(set_path), "--inputs", "nothing"])
    assert result.exit_code == 2 and "the tier profile takes exact, noisy" in result.output
