"""The ONNX files compute what the network does, guard themselves, and say what they are."""

import re

import numpy as np
import onnx
import pytest
import torch

from lst_raster.inference.contract import GRAPHS
from lst_raster.inference.model import Model
from lst_raster.network.config import TIERS, read_config
from lst_raster.network.data import draw_predictors, training_set
from lst_raster.network.methods import train
from lst_raster.network.model_card import contract_of, valid_ranges
from lst_raster.network.onnx_export import OPSET, AtmosphereGraph, RetrievalGraph, export_onnx
from lst_raster.physics.radiative_transfer import sensor_radiance, surface_temperature
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.sensors.bands import sensor_band
from tests.support.training_runs import write_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("export"),
]  # one process, for what they share takes long to make

BAND = sensor_band("landsat8-b10").planck
COUNT = 20_000


class Exported:
    """A network, its two torch graphs and the two files."""

    def __init__(self, folder, tier):
        config = self.config = read_config(write_run(folder, tier=tier, steps=150))
        self.simulated = simulated = read_simulated(folder / "learn.nc")
        self.network = train(training_set([simulated], config), config)
        self.ranges = valid_ranges(self.network, [simulated])
        self.torch = {"retrieval": RetrievalGraph(self.network), "atmosphere": AtmosphereGraph(self.network)}
        self.paths, self.models = {}, {}
        for kind, file in GRAPHS.items():
            about = contract_of(kind, config, self.ranges)
            inputs, outputs = ([one["name"] for one in about[key]] for key in ("inputs", "outputs"))
            self.paths[kind] = folder / file
            export_onnx(self.torch[kind], inputs, outputs, about, self.paths[kind])
            self.models[kind] = Model.load(self.paths[kind])

    def inputs(self, count=COUNT):
        """Atmospheres over the whole valid range, under which surfaces of 250 to 340 K are seen."""
        rng = np.random.default_rng(0)
        drawn = {name: rng.uniform(*self.ranges[name], count).astype(np.float32) for name in TIERS[self.network.tier]}
        emissivity = rng.uniform(0.9, 1.0, count).astype(np.float32)
        terms = self.models["atmosphere"].atmosphere(**drawn).terms
        ground = rng.uniform(250.0, 340.0, count)
        radiance = sensor_radiance(ground, emissivity, *terms, BAND).astype(np.float32)
        return {"radiance": radiance, "emissivity": emissivity, **drawn}


@pytest.fixture(scope="module", params=["surface", "profile"])
def exported(request, tmp_path_factory):
    return Exported(tmp_path_factory.mktemp(request.param), request.param)


@pytest.mark.parametrize("kind", list(GRAPHS))
def test_the_file_computes_what_the_network_does_over_the_whole_valid_range(exported, kind):
    model = exported.models[kind]
    inputs = {one.name: exported.inputs()[one.name] for one in model.contract.inputs}
    outputs = model.predict(**inputs)
    with torch.no_grad():
        expected = exported.torch[kind](*map(torch.from_numpy, inputs.values()))
    for values, (name, found) in zip(expected, outputs.items(), strict=True):
        tolerance = 2e-4 if name == "lst" else 1e-6
        np.testing.assert_allclose(found, values.numpy(), rtol=0.0, atol=tolerance, err_msg=name)


def test_the_shipped_arithmetic_is_that_of_the_trained_network(exported):
    inputs = exported.inputs()
    predictors = [torch.from_numpy(inputs[name]) for name in TIERS[exported.network.tier]]
    with torch.no_grad():
        terms = exported.network(*predictors)
        found = exported.torch["atmosphere"](*predictors)
    for term, shipped in zip(terms, found[:3], strict=True):
        torch.testing.assert_close(shipped, term, rtol=0.0, atol=5e-5)  # training is float32, shipped is float64


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_physics_computes_the_same_temperature_from_the_models_own_terms(exported, precision):
    inputs = exported.inputs()
    outputs = exported.models["retrieval"].predict(**inputs)
    known = [inputs["radiance"], inputs["emissivity"], *list(outputs.values())[1:4]]
    again = surface_temperature(*(values.astype(precision) for values in known), BAND)
    assert np.isfinite(outputs["lst"]).all()
    np.testing.assert_allclose(outputs["lst"], again, rtol=0.0, atol=2e-4)


def test_both_files_hold_the_same_atmosphere(exported):
    inputs = exported.inputs(100)
    whole = exported.models["retrieval"].predict(**inputs)
    part = exported.models["atmosphere"].predict(**{name: inputs[name] for name in TIERS[exported.network.tier]})
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name])


def test_a_nan_in_any_input_makes_the_temperature_nan_and_no_other_pixels(exported):
    inputs = exported.inputs(5)
    for name in inputs:
        broken = {key: values.copy() for key, values in inputs.items()}
        broken[name][2] = np.nan
        outputs = exported.models["retrieval"].predict(**broken)
        np.testing.assert_array_equal(np.isnan(outputs["lst"]), np.arange(5) == 2, err_msg=name)
        lost = np.isnan(outputs["transmittance"])
        assert lost[2] == (name in TIERS[exported.network.tier])


@pytest.mark.parametrize("emissivity", [0.0, -0.5, 1.001, np.inf, -np.inf])
def test_an_emissivity_that_cannot_be_gives_nan(exported, emissivity):
    inputs = exported.inputs(4)
    assert np.isnan(exported.models["retrieval"].predict(**inputs | {"emissivity": emissivity})["lst"]).all()


def test_an_emissivity_of_one_is_a_black_body(exported):
    lst = exported.models["retrieval"].predict(**exported.inputs(4) | {"emissivity": 1.0})["lst"]
    assert np.isfinite(lst).all()


@pytest.mark.parametrize("radiance", [0.0, -1.0, np.inf, -np.inf])
def test_a_radiance_that_no_ground_sends_gives_nan(exported, radiance):
    inputs = exported.inputs(4)
    assert np.isnan(exported.models["retrieval"].predict(**inputs | {"radiance": radiance})["lst"]).all()


def test_beyond_its_range_an_atmosphere_is_that_of_the_ranges_end(exported):
    names = TIERS[exported.network.tier]
    model = exported.models["atmosphere"]
    for end, beyond in ((0, -1e4), (1, 1e4), (1, np.inf)):
        most = {name: exported.ranges[name][end] for name in names}
        outside = {name: value + beyond for name, value in most.items() if end == 0 or name != "water_vapour"}
        assert model.predict(**most) == model.predict(**{**most, **outside})


def test_beyond_its_range_more_water_vapour_lets_less_through_up_to_a_limit(exported):
    humid = int(exported.simulated.water_vapour.argmax())
    names = TIERS[exported.network.tier]
    learning = training_set([exported.simulated], exported.config)
    drawn = draw_predictors(learning, exported.network.tier, np.random.default_rng(0))
    most = {name: values[humid, 0].item() for name, values in zip(names, drawn, strict=True)}
    vapour = exported.ranges["water_vapour"][1] * np.array([1.0, 1.2, 1.5, 3.0, np.inf])
    found = exported.models["atmosphere"].predict(**{**most, "water_vapour": vapour})
    seen = found["transmittance"]
    assert seen[0] > seen[1] > seen[2]
    np.testing.assert_allclose(seen[3:], seen[2], rtol=1e-6)  # one float32 below the limit and above


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_any_number_of_pixels_is_taken(exported, count):
    inputs = exported.inputs(100)
    whole = exported.models["retrieval"].predict(**inputs)["lst"]
    some = exported.models["retrieval"].predict(**{name: values[:count] for name, values in inputs.items()})["lst"]
    np.testing.assert_allclose(some, whole[:count], rtol=0.0, atol=1e-4)


def test_the_contract_holds_names_units_and_ranges(exported):
    contract = exported.models["retrieval"].contract
    assert (contract.sensor, contract.tier, contract.graph) == ("landsat8-b10", exported.network.tier, "retrieval")
    assert {one.name: one.valid_range for one in contract.inputs} == exported.ranges
    names = [one.name for one in exported.models["atmosphere"].contract.inputs]
    assert tuple(names) == TIERS[exported.network.tier]


@pytest.mark.parametrize("kind", list(GRAPHS))
def test_a_file_says_nothing_of_the_machine_it_was_made_on(exported, kind):
    content = exported.paths[kind].read_bytes()
    assert not re.search(rb"\.py\b|site-packages|/home/|/usr/|/tmp/|/work/|[A-Z]:\\\\", content)
    assert str(exported.paths[kind].parent).encode() not in content
    model = onnx.load(exported.paths[kind])
    assert not model.graph.doc_string
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


@pytest.mark.parametrize("kind", list(GRAPHS))
def test_a_file_needs_no_more_than_the_oldest_runtime_has(exported, kind):
    model = onnx.load(exported.paths[kind])
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert [dimension.dim_param for dimension in value.type.tensor_type.shape.dim] == ["pixel"]


def test_the_same_network_gives_the_same_file(exported, tmp_path):
    kind = "atmosphere"
    contract = exported.models[kind].metadata
    inputs, outputs = ([one["name"] for one in contract[key]] for key in ("inputs", "outputs"))
    export_onnx(exported.torch[kind], inputs, outputs, contract, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported.paths[kind].read_bytes()
