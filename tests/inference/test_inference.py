"""The model: its contract and its session."""

import hashlib
import json
import pickle

import numpy as np
import pytest

from lst_raster.errors import InputError, ModelError
from lst_raster.inference.contract import ATMOSPHERE_OUTPUTS
from lst_raster.inference.model import ROWS_PER_CALL, Model
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.sensors.bands import sensor_band
from tests.support.factories import make_model, model_metadata

PIXEL = {"radiance": 9.0, "emissivity": 0.97}
AIR = {"water_vapour": 20.0, "surface_pressure": 1000.0, "air_temperature": 290.0}


@pytest.fixture(scope="module")
def model(model_path):
    return Model.load(model_path)


def test_a_single_pixel_gives_numbers_without_a_shape(model):
    outputs = model.predict(**PIXEL, **AIR)
    assert list(outputs) == ["lst", *ATMOSPHERE_OUTPUTS]
    assert all(values.shape == () and values.dtype == np.float32 for values in outputs.values())


def test_inputs_broadcast_to_one_shape(model):
    outputs = model.predict(radiance=np.full((3, 4), 9.0), emissivity=[0.95, 0.96, 0.97, 0.98], **AIR)
    assert outputs["lst"].shape == (3, 4)
    assert np.ptp(outputs["lst"], axis=0).max() == 0.0
    assert (np.diff(outputs["lst"][0]) < 0.0).all()


def test_physics_recomputes_the_temperature_from_the_model_s_own_outputs(model):
    radiance = np.linspace(5.0, 14.0, 200)
    outputs = model.predict(radiance=radiance, emissivity=0.95, **AIR)
    atmosphere = [outputs[name] for name in ("transmittance", "upwelling_radiance", "downwelling_radiance")]
    expected = surface_temperature(radiance, 0.95, *atmosphere, sensor_band("landsat8-b10").planck)
    assert np.abs(outputs["lst"] - expected).max() < 2e-4


def test_splitting_into_calls_does_not_change_values(model):
    radiance = np.linspace(6.0, 12.0, 2 * ROWS_PER_CALL + 7)
    whole = model.predict(radiance=radiance, emissivity=0.97, **AIR)["lst"]
    edges = [0, ROWS_PER_CALL - 1, ROWS_PER_CALL, 2 * ROWS_PER_CALL, radiance.size - 1]
    for index in edges:
        assert model.predict(radiance=radiance[index], emissivity=0.97, **AIR)["lst"] == pytest.approx(
            whole[index], abs=1e-4
        )


def test_empty_inputs_give_empty_outputs(model):
    assert model.predict(radiance=np.empty((0, 5)), emissivity=0.97, **AIR)["lst"].shape == (0, 5)


@pytest.mark.parametrize("name", ["radiance", "emissivity", *AIR])
def test_a_missing_input_gives_a_missing_temperature(model, name):
    assert np.isnan(model.predict(**{**PIXEL, **AIR, name: np.nan})["lst"])


@pytest.mark.parametrize("change", [{"emissivity": 0.0}, {"emissivity": 1.01}, {"radiance": 0.5}])
def test_an_impossible_pixel_has_no_temperature(model, change):
    assert np.isnan(model.predict(**{**PIXEL, **AIR, **change})["lst"])


def test_both_graphs_give_the_same_atmosphere(model, model_path):
    alone = Model.load(model_path, graph="atmosphere")
    assert alone.contract.graph == "atmosphere"
    water_vapour = {**AIR, "brightness_temperature": 288.0, "water_vapour": np.linspace(1.0, 60.0, 50)}
    for with_pixel, without in zip(model.atmosphere(**water_vapour), alone.atmosphere(**water_vapour), strict=True):
        np.testing.assert_array_equal(with_pixel, without)


def test_an_atmosphere_has_its_quantities_by_name(model):
    air = {**AIR, "brightness_temperature": 288.0}
    atmosphere, outputs = model.atmosphere(**air), model.predict(**PIXEL, **air)
    found = {name: values for name, values in atmosphere._asdict().items() if values is not None}
    assert found == {name: outputs[name] for name in ATMOSPHERE_OUTPUTS}
    assert atmosphere.terms == atmosphere[:3]
    assert atmosphere.upwelling_temperature_uncertainty > 0.0


def test_a_copy_through_pickle_predicts_the_same(model):
    assert pickle.loads(pickle.dumps(model)).predict(**PIXEL, **AIR) == model.predict(**PIXEL, **AIR)


def test_the_digest_is_that_of_the_file_as_it_was_loaded(tmp_path):
    path = make_model(tmp_path / "model.onnx")
    content = path.read_bytes()
    model = Model.load(path)
    packed = pickle.dumps(model)
    make_model(path, sensor="landsat9-b10")
    assert model.digest == hashlib.sha256(content).hexdigest()
    assert Model.load(path).digest == hashlib.sha256(path.read_bytes()).hexdigest() != model.digest
    with pytest.raises(ModelError, match="has changed since it was loaded"):
        pickle.loads(packed)
    path.unlink()
    assert model.digest == hashlib.sha256(content).hexdigest()


def test_an_error_names_the_missing_and_the_surplus_input(model):
    with pytest.raises(InputError, match=r"missing emissivity; not an input: albedo"):
        model.predict(radiance=9.0, albedo=0.3, **AIR)


@pytest.mark.parametrize("emissivity", [[0.9, 0.95, 0.97], "soil"])
def test_inputs_that_do_not_broadcast_are_an_error(model, emissivity):
    with pytest.raises(InputError, match="broadcast"):
        model.predict(radiance=[8.0, 9.0], emissivity=emissivity, **AIR)


def test_what_is_left_out_has_a_default(model, monkeypatch):
    seen = {}
    session = model._session

    class Session:
        def run(self, names, feed):
            seen.update(feed)
            return session.run(names, feed)

    monkeypatch.setattr(model, "_session", Session())
    model.predict(**PIXEL, **AIR)
    planck = sensor_band("landsat8-b10").planck
    expected = {
        "brightness_temperature": brightness_temperature(PIXEL["radiance"], planck), "gas_year": 2018.0,
        "aerosol_optical_depth": 0.02, "aerosol_optical_depth_uncertainty": 0.015,
        "water_vapour_uncertainty": 2.0, "air_temperature_uncertainty": 1.5,
    }  # fmt: skip
    assert {name: seen[name].item() for name in expected} == pytest.approx(expected, rel=1e-6)
    model.predict(**PIXEL, **AIR, aerosol_optical_depth=0.1, water_vapour_uncertainty=0.3)
    assert seen["aerosol_optical_depth_uncertainty"].item() == pytest.approx(0.02)  # that of a given one
    assert seen["water_vapour_uncertainty"].item() == pytest.approx(0.3)


def test_the_atmosphere_alone_needs_the_temperature_around_the_pixel(model):
    with pytest.raises(InputError, match="give brightness_temperature"):
        model.atmosphere(**AIR)


def test_the_metadata_keep_the_provenance(model):
    assert model.contract.name == "landsat8-b10/surface"
    assert model.metadata["training"] == {"seed": 0}


def test_the_error_for_a_missing_model_names_it():
    with pytest.raises(ModelError, match=r"no model 'landsat8-b10/dream'"):
        Model.load("landsat8-b10/dream")


def test_a_graph_of_another_name_is_refused(model_path):
    with pytest.raises(ModelError, match="known are retrieval, atmosphere"):
        Model.load(model_path, graph="profile")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("no protobuf")
    with pytest.raises(ModelError, match="is not an ONNX model"):
        Model.load(path)


def change(**entries):
    return {**model_metadata(), **entries}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({}, "carries no lst-raster contract"),
        ("{", "is not JSON"),
        ("[1, 2]", "is not JSON"),
        (
            change(contract=1),
            "has contract 1, this version of lst-raster reads 4; .* train it again",
        ),
        (change(contract=3), "has contract 3, this version of lst-raster reads 4"),  # tier column, input_error
        (change(contract=None), "has contract None"),
        (change(graph="dream"), "graph 'dream'"),
        (change(inputs=[{"name": "radiance", "units": "W m-2 sr-1 cm"}]), r"radiance \[W m-2 sr-1 cm\]"),
        (change(inputs=[{"name": "albedo", "units": "1"}]), "albedo"),
        (change(inputs=[{"name": "radiance"}]), "units"),
        (change(outputs=[{"name": "lst", "units": "K"}]), "no output downwelling_radiance, optical_depth_uncertainty"),
        (change(inputs=model_metadata(tier="profile")["inputs"]), "unlike those of its contract"),
    ],
)
def test_a_model_whose_contract_is_not_known_is_refused(tmp_path, metadata, words):
    path = make_model(tmp_path / "model.onnx", metadata=metadata)
    with pytest.raises(ModelError, match=words):
        Model.load(path)


def test_a_contract_needs_no_valid_ranges(tmp_path):
    metadata = model_metadata()
    for entry in metadata["inputs"]:
        entry.pop("valid_range")
    model = Model.load(make_model(tmp_path / "model.onnx", metadata=json.dumps(metadata)))
    assert all(variable.valid_range is None for variable in model.contract.inputs)
