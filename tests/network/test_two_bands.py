"""The network of two bands: possible atmospheres in both, exact export, less error than with one band."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lst_raster.errors import ConfigError, InputError
from lst_raster.inference.contract import BOTH_BANDS, TWO_BAND_OUTPUTS, UNITS
from lst_raster.inference.model import Model
from lst_raster.network.config import DataConfig, OptimiserConfig, SamplesConfig, TrainingConfig
from lst_raster.network.data import draw_batch, draw_predictors, read_sets, training_set
from lst_raster.network.measure import estimate, measure
from lst_raster.network.methods import train
from lst_raster.network.train import train_model
from lst_raster.network.two_bands import TwoBandMethod
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.quantities import NEIGHBOURHOOD
from lst_raster.profiles.sampling import CONDITIONS, EXACT, add_input_errors, draw_surfaces, observe
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.profiles.two_band_sampling import LARGEST_STRAY_LIGHT
from lst_raster.sensors.bands import sensor_band
from tests.support.simulated_sets import SECOND_BAND, make_simulated_set

TIERS = ("dual", "dual-profile")


def config_of(tier="dual", **changes):
    names = {"train": ("b10.nc",), "second_train": ("b11.nc",)}
    return TrainingConfig(sensor="landsat8-b10", tier=tier, data=DataConfig(**names), **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("sets")
    make_simulated_set(made / "b10.nc", profiles=400)
    make_simulated_set(made / "b11.nc", profiles=400, **SECOND_BAND)
    return made


@pytest.fixture(scope="module")
def simulated(folder):
    return read_simulated(folder / "b10.nc", folder / "b11.nc")


@pytest.mark.parametrize("tier", TIERS)
def test_both_atmospheres_are_physical_for_any_weights(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    network = TwoBandMethod(learning, config_of(tier)).network()
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=3.0)
    drawn = draw_predictors(learning, tier, np.random.default_rng(0))
    with torch.no_grad():
        predicted = network.predict_both(drawn)
        terms = (*network.atmosphere_terms(predicted.first), *network.second_terms(predicted.second))
    for transmittance in terms[::3]:
        assert ((transmittance >= 0.0) & (transmittance <= 1.0)).all()
    assert all(torch.isfinite(term).all() and (term >= 0.0).all() for term in terms)
    assert (predicted.depth_difference >= 0.0).all()


def test_corrections_of_both_bands_are_common_but_for_small_differences(simulated):
    learning = training_set([simulated], config_of())
    network = TwoBandMethod(learning, config_of()).network()
    guesses = network.guess_both(draw_predictors(learning, "dual", np.random.default_rng(0)))
    with torch.no_grad():
        network.body[-1].bias[:] = torch.tensor([0.5, 0.1, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
        network.body[-1].weight.zero_()
        first, second, _ = network.correct_both(guesses)
    torch.testing.assert_close(
        first.optical_depth / guesses[0].optical_depth, second.optical_depth / guesses[1].optical_depth
    )
    torch.testing.assert_close(
        first.upwelling_temperature - guesses[0].upwelling_temperature,
        second.upwelling_temperature - guesses[1].upwelling_temperature, atol=1e-3, rtol=0.0,
    )  # fmt: skip
    relative = [one.optical_depth_uncertainty / one.optical_depth for one in (first, second)]
    torch.testing.assert_close(*relative)


def test_a_batch_has_both_bands_with_errors_as_large_as_it_says(simulated):
    learning, config = training_set([simulated], config_of()), config_of()
    batch = draw_batch(learning, config, np.random.default_rng(0))
    second = batch.second
    exact = (second.emissivity_uncertainty == 0.0)[:, 0]
    assert 0.1 < exact.float().mean() < 0.3
    error = (second.observed_emissivity[0] - batch.emissivity)[~exact] / second.emissivity_uncertainty[~exact]
    assert float(error.abs().le(1.0).float().mean()) == pytest.approx(0.68, abs=0.03)
    assert float((second.observed_emissivity[0] - batch.emissivity)[exact].abs().max()) < 1e-6
    noise = (second.observed_radiance[1] - second.radiance)[~exact] / second.noise[1][~exact]
    assert float(noise.abs().le(1.0).float().mean()) == pytest.approx(0.68, abs=0.04)
    stray = dict(zip(BOTH_BANDS, batch.predictors[-len(BOTH_BANDS) :], strict=True))
    limit = stray["brightness_temperature_difference_uncertainty"]
    assert 0.5 * LARGEST_STRAY_LIGHT < float(limit.max()) <= LARGEST_STRAY_LIGHT


def test_any_number_of_surfaces_can_be_drawn_for_a_profile(simulated):
    config = config_of(samples=SamplesConfig(per_profile=3), optimiser=OptimiserConfig(batch=8))
    batch = draw_batch(training_set([simulated], config), config, np.random.default_rng(0))
    assert batch.second.observed_emissivity[1].shape == (8, 3)


def test_the_quantities_of_a_neighbourhood_are_the_inputs_of_the_contract():
    assert tuple(quantity.name for quantity in NEIGHBOURHOOD) == ("brightness_temperature", *BOTH_BANDS)
    assert all(quantity.units == UNITS[quantity.name] for quantity in NEIGHBOURHOOD)


def test_samples_of_both_bands_close_the_equation_and_differ_by_their_errors(simulated):
    exact = observe(simulated, draw_surfaces(simulated.air_temperature_2m, 5, 0), 0)
    assert exact.second.sensor == "landsat8-b11"
    assert set(BOTH_BANDS) <= set(exact.atmosphere)
    assert float(np.median(exact.atmosphere["brightness_temperature_difference"])) > 0.0
    stray = replace(CONDITIONS["noisy"], stray_light=0.5)
    noisy = add_input_errors(exact, stray, 1)
    name = "brightness_temperature_difference"
    assert np.std((noisy.atmosphere[name] - exact.atmosphere[name])[:, 0]) == pytest.approx(0.5, rel=0.15)
    difference = (noisy.second.emissivity - noisy.emissivity) - (exact.second.emissivity - exact.emissivity)
    assert np.std(difference) == pytest.approx(0.005, rel=0.1)
    assert (noisy.atmosphere[f"{name}_uncertainty"] == 0.5).all()


@pytest.fixture(scope="module")
def trained(simulated):
    changes = {"optimiser": OptimiserConfig(steps=150, batch=256)}
    one = TrainingConfig(sensor="landsat8-b10", tier="surface", data=DataConfig(train=()), **changes)
    return {config.tier: train(training_set([simulated], config), config) for config in (config_of(**changes), one)}


def test_both_bands_have_less_error_than_one(simulated, trained):
    figures = {tier: measure(network, simulated) for tier, network in trained.items()}
    for condition in ("noisy vapour", "nothing"):
        both, one = (figures[tier][condition]["lst"]["all"]["rmse"] for tier in ("dual", "surface"))
        assert both < 0.8 * one, condition


def test_a_network_of_two_bands_needs_them(simulated, trained, folder):
    alone = replace(simulated, second_band=None)
    with pytest.raises(InputError, match="needs the second band too, and the simulated set is of landsat8-b10 alone"):
        estimate(trained["dual"], observe(alone, draw_surfaces(alone.air_temperature_2m, 2, 0), 0), EXACT)
    with pytest.raises(ConfigError, match="needs the simulated sets of both bands; give the second too"):
        training_set([alone], config_of())
    with pytest.raises(ConfigError, match=r"0 of landsat8-b11; give data\.second_train"):
        read_sets(["b10.nc"], [], folder, config_of())
    with pytest.raises(ConfigError, match=r"b10\.nc is simulated for landsat8-b10, the model is for landsat8-b11"):
        read_sets(["b10.nc"], ["b10.nc"], folder, config_of())
    with pytest.raises(ConfigError, match="the tier dual needs a second thermal band, which landsat7-b6 does not have"):
        TrainingConfig(sensor="landsat7-b6", tier="dual", data=DataConfig(train=()))
    with pytest.raises(InputError, match="the second simulated set is of landsat9-b11; give that of landsat8-b11"):
        replace(simulated, second_band=replace(simulated.second_band, sensor="landsat9-b11"))
    with pytest.raises(InputError, match="are of different profiles"):
        replace(simulated, second_band=simulated.second_band.select(np.arange(400) < 300))


@pytest.fixture(scope="module")
def exported(folder):
    (folder / "train.toml").write_text(
        'sensor = "landsat8-b10"\ntier = "dual"\n[data]\ntrain = "b10.nc"\nsecond_train = "b11.nc"\n'
        "[optimiser]\nsteps = 60\nbatch = 128\n[calibration]\nsteps = 10\n"
    )
    metrics = train_model(folder / "train.toml", folder / "model")
    return folder / "model", metrics


def test_a_trained_model_has_the_contract_of_both_bands_and_a_card(exported):
    path, metrics = exported
    model = Model.load(path)
    assert model.contract.has_two_bands
    assert set(BOTH_BANDS) <= {one.name for one in model.contract.inputs}
    assert {one.name for one in model.contract.outputs} == {"lst", *TWO_BAND_OUTPUTS}
    card = (path / "MODEL_CARD.md").read_text()
    assert "Landsat 8 TIRS band 10 and 11" in card
    assert "Two-band retrieval" in card
    assert max(map(len, card.splitlines())) < 400
    assert "nothing" in next(iter(metrics.values()))


def test_both_files_give_the_same_atmosphere_and_the_temperature_of_the_weighted_bands(exported, simulated):
    path, _ = exported
    whole, part = Model.load(path), Model.load(path, graph="atmosphere")
    samples = observe(simulated, draw_surfaces(simulated.air_temperature_2m, 3, 0), 0)
    inputs = samples.inputs()
    found = whole.predict(**{one.name: inputs[one.name] for one in whole.contract.inputs})
    terms = part.atmosphere(**{one.name: inputs[one.name] for one in part.contract.inputs})
    for name in TWO_BAND_OUTPUTS:
        np.testing.assert_array_equal(found[name], getattr(terms, name))
    assert np.sqrt(np.nanmean((found["lst"] - samples.surface_temperature) ** 2)) < 2.0
    broken = {one.name: np.array(inputs[one.name][:5, 0]) for one in whole.contract.inputs}
    for name in broken:
        lost = {key: values.copy() for key, values in broken.items()}
        lost[name][2] = np.nan
        np.testing.assert_array_equal(np.isnan(whole.predict(**lost)["lst"]), np.arange(5) == 2, err_msg=name)


def test_the_neighbourhood_is_by_default_the_pixel(exported):
    model = Model.load(exported[0])
    pixel = {"radiance": 9.0, "emissivity": 0.97, "second_radiance": 8.4, "second_emissivity": 0.975}
    known = {"water_vapour": 20.0, "surface_pressure": 1000.0, "air_temperature": 290.0}
    seen = [
        float(brightness_temperature(np.float64(pixel[name]), sensor_band(band).planck))
        for name, band in (("radiance", "landsat8-b10"), ("second_radiance", "landsat8-b11"))
    ]
    around = {
        "brightness_temperature": seen[0], "brightness_temperature_difference": seen[0] - seen[1],
        "brightness_temperature_difference_uncertainty": 0.4, "neighbourhood_emissivity": 0.97,
        "emissivity_difference": 0.005, "emissivity_difference_uncertainty": 0.005,
    }  # fmt: skip
    assert model.predict(**pixel, **known)["lst"] == pytest.approx(
        model.predict(**pixel, **known, **around)["lst"], abs=1e-3
    )
    with pytest.raises(InputError, match="takes values of the neighbourhood of the pixels; give"):
        model.atmosphere(**known)
