"""The network gives possible atmospheres, and each term of its loss does what it is for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lst_raster.errors import CancelledError, ConfigError
from lst_raster.inference.contract import UNCERTAIN_INPUTS
from lst_raster.network import loss as losses
from lst_raster.network.config import (
    TIERS,
    DataConfig,
    LossConfig,
    OptimiserConfig,
    TrainingConfig,
)
from lst_raster.network.data import draw_batch, draw_predictors, simulate_batch, training_set
from lst_raster.network.methods import train
from lst_raster.network.model import EXTRAPOLATION_LIMIT, Atmosphere
from lst_raster.network.training_loop import CoupledMethod, fit_mechanism
from lst_raster.physics.mechanism import emission_temperature_terms
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.simulated_set import read_simulated
from tests.support.simulated_sets import made_set, make_simulated_set

TIER_NAMES = ("surface", "profile")  # of one band


def config_of(tier="surface", **changes):
    return TrainingConfig(sensor="landsat8-b10", tier=tier, data=DataConfig(train=("learn.nc",)), **changes)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return read_simulated(make_simulated_set(tmp_path_factory.mktemp("sets") / "learn.nc", profiles=400))


@pytest.fixture
def learning(simulated):
    return training_set([simulated], config_of())


def batch_of(learning, **changes):
    return simulate_batch(learning, config_of(**changes), np.random.default_rng(0))


def predictors_of(learning, tier="surface", seed=0):
    """Predictors of every profile, drawn with errors as in training."""
    return draw_predictors(learning, tier, np.random.default_rng(seed))


def exact_predictors(learning, tier="surface"):
    """Predictors of every profile without errors; the brightness temperature is drawn."""
    drawn = predictors_of(learning, tier)
    return tuple(
        torch.from_numpy(learning.true[name].astype(np.float32))
        if name in learning.true
        else torch.zeros_like(values)
        if name.endswith("_uncertainty")
        else values
        for name, values in zip(TIERS[tier], drawn, strict=True)
    )


def scrambled(network, scale=3.0):
    """The network with large random weights: its output must still be an atmosphere."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return network


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_the_atmosphere_is_physical_for_any_weights(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    with torch.no_grad():
        atmosphere = scrambled(CoupledMethod(learning, config_of(tier)).network())(*predictors_of(learning, tier))
    assert ((atmosphere.transmittance >= 0.0) & (atmosphere.transmittance <= 1.0)).all()
    assert (atmosphere.upwelling_radiance >= 0.0).all()
    assert (atmosphere.downwelling_radiance >= 0.0).all()
    assert all(torch.isfinite(term).all() for term in atmosphere)


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_an_atmosphere_outside_the_training_range_is_that_of_the_ranges_end(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    network = CoupledMethod(learning, config_of(tier)).network()
    for end, step in ((network.low, -1.0), (network.high, 1.0)):
        inside, beyond = end.unbind(), (end + step * 10.0).unbind()
        for here, there in zip(network(*inside), network(inside[0], *beyond[1:]), strict=True):
            torch.testing.assert_close(here, there, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_air_more_humid_than_any_of_the_training_lets_less_through_up_to_a_limit(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    network = CoupledMethod(learning, config_of(tier)).network()
    most = float(network.high[0])
    humid = learning.true["water_vapour"][:, 0].argmax()
    others = [values[humid].repeat(4) for values in predictors_of(learning, tier)[1:]]
    seen = network(torch.tensor([most, 1.2 * most, EXTRAPOLATION_LIMIT * most, 3.0 * most]), *others).transmittance
    assert seen[0] > seen[1] > seen[2]
    assert seen[2] == seen[3]


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_the_network_starts_near_the_atmospheres_that_it_will_learn(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    with torch.no_grad():
        atmosphere = CoupledMethod(learning, config_of(tier)).network()(*exact_predictors(learning, tier))
    for found, true in zip(atmosphere, learning.atmosphere, strict=True):
        assert float((found - true).square().mean()) < 0.1 * float(true.var())


def test_the_mechanism_is_recovered_from_atmospheres_that_follow_it(learning):
    given = {name: torch.from_numpy(values) for name, values in learning.true.items()}
    vapour, pressure = given["water_vapour"] / 30.0, given["surface_pressure"] / 1013.25
    air, aerosol = given["air_temperature"], given["aerosol_optical_depth"]
    years = (given["gas_year"] - 2000.0) / 20.0
    depth = (0.02 + 0.004 * years) * pressure + 0.3 * vapour * pressure + 0.2 * vapour**2 + 1.1 * aerosol
    radiance = (1.0 - torch.exp(-depth)) * band_radiance(air - 10.0, learning.band)
    terms = (term.float() for term in (torch.exp(-depth), radiance, radiance))
    mechanism = fit_mechanism(replace(learning, atmosphere=Atmosphere(*terms)))
    assert mechanism.optical_depth == pytest.approx((0.02, 0.3, 0.2, 0.0, 0.0, 0.022, 0.004), abs=2e-3)
    names = "water_vapour", "surface_pressure", "air_temperature"
    terms = emission_temperature_terms(*(given[name] for name in names))
    below = sum(c * term for c, term in zip(mechanism.upwelling_temperature, terms, strict=True))
    torch.testing.assert_close(below, torch.full_like(below, -10.0), rtol=0.0, atol=0.05)


def test_with_the_true_atmosphere_the_equation_gives_the_true_temperature(learning):
    batch = batch_of(learning)
    lst = surface_temperature(batch.radiance, batch.emissivity, *batch.atmosphere, learning.band)
    torch.testing.assert_close(lst, batch.surface_temperature, rtol=0.0, atol=1e-3)


def standardised_errors(learning, tier="surface", seeds=20):
    """Error over standard uncertainty of each uncertain input, and the uncertainty itself, by name."""
    names, found = list(TIERS[tier]), {}
    for seed in range(seeds):
        drawn = dict(zip(names, (values.numpy() for values in predictors_of(learning, tier, seed)), strict=True))
        for name in UNCERTAIN_INPUTS:
            uncertainty = drawn[f"{name}_uncertainty"]
            found.setdefault(name, []).append((drawn[name] - learning.true[name], uncertainty))
    return {name: tuple(np.concatenate(part) for part in zip(*pairs, strict=True)) for name, pairs in found.items()}


def test_errors_of_the_inputs_are_as_large_as_their_uncertainties_say(learning):
    for name, (error, uncertainty) in standardised_errors(learning).items():
        exact = uncertainty == 0.0
        assert 0.1 < exact.mean() < 0.5, name  # some inputs are exact
        assert np.abs(error[exact]).max() < 1e-3, name
        ratio = (error / np.where(exact, 1.0, uncertainty))[~exact]
        if name != "aerosol_optical_depth":  # the background is not a normal distribution, and not below zero
            assert np.mean(np.abs(ratio) <= 1.0) == pytest.approx(0.68, abs=0.06), name
        assert np.percentile(uncertainty, 95) > 3.0 * np.percentile(uncertainty[~exact], 5), name


def test_levels_err_together_as_far_as_the_errors_say(simulated):
    learning = training_set([simulated], config_of("profile"))
    names, pairs = list(TIERS["profile"]), []
    for seed in range(20):
        drawn = dict(zip(names, (values.numpy() for values in predictors_of(learning, "profile", seed)), strict=True))
        scale = drawn["profile_uncertainty"]
        known = scale > 0.2
        pairs.append([
            (drawn[name] - learning.true[name])[known] / scale[known]
            for name in ("air_temperature_sigma950", "air_temperature_sigma500")
        ])  # fmt: skip
        assert (drawn["air_temperature_sigma500"] == learning.true["air_temperature_sigma500"].astype("f4"))[
            scale == 0.0
        ].all()
    low, high = (np.concatenate(part) for part in zip(*pairs, strict=True))
    assert np.sqrt(np.mean(low**2)) == pytest.approx(np.hypot(1.0, 0.7), rel=0.1)
    assert np.corrcoef(low, high)[0, 1] == pytest.approx(1.0 / (1.0 + 0.7**2), abs=0.08)


def test_what_is_not_given_in_training_is_the_climatology_of_place_and_day(tmp_path):
    simulated = made_set(tmp_path / "learn.nc", profiles=400)
    learning = training_set([simulated], config_of())
    known = np.isfinite(learning.prior["water_vapour"][:, 0])
    np.testing.assert_array_equal(known, simulated.perturbation == 0)  # no climatology has perturbed columns
    seen = {name: np.zeros(known.size, bool) for name in ("water_vapour", "air_temperature")}
    for seed in range(10):
        drawn = dict(zip(TIERS["surface"], (v.numpy()[:, 0] for v in predictors_of(learning, seed=seed)), strict=True))
        for name, found in seen.items():
            of_climatology = drawn[name] == learning.prior[name][:, 0].astype("f4")
            expected = learning.prior[f"{name}_uncertainty"][:, 0].astype("f4")
            np.testing.assert_array_equal(drawn[f"{name}_uncertainty"][of_climatology], expected[of_climatology])
            found |= of_climatology
    assert all(found[known].mean() > 0.85 and not found[~known].any() for found in seen.values())


def test_the_neighbourhood_is_near_the_ground_seen_through_the_atmosphere(learning):
    warm = dict(zip(TIERS["surface"], predictors_of(learning), strict=True))["brightness_temperature"].numpy()
    air, vapour = learning.true["air_temperature"], learning.true["water_vapour"]
    assert 255.0 < np.median(warm) < 310.0 and np.isfinite(warm).all()
    assert np.corrcoef(warm[:, 0], air[:, 0])[0, 1] > 0.8
    humid = vapour > 40.0
    assert np.std((warm - air)[humid]) < np.std((warm - air)[~humid])  # less of the ground is seen


def test_profiles_are_drawn_by_their_weight(tmp_path):
    weight = np.where(np.arange(400) % 2, 0.25, 1.0)
    simulated = read_simulated(make_simulated_set(tmp_path / "half.nc", profiles=400))
    simulated = replace(simulated, weight=weight, continuum_scaling=2.0 - weight)
    config = config_of(optimiser=OptimiserConfig(batch=20_000))
    batch = draw_batch(training_set([simulated], config), config, np.random.default_rng(0))
    assert float((batch.nuisance[:, 0] > 0.0).float().mean()) == pytest.approx(0.2, abs=0.01)


def prediction_of(learning, atmosphere=None):
    """Prediction of the untrained network for a batch, or of a network with the given atmosphere."""
    network, batch = CoupledMethod(learning, config_of()).network(), batch_of(learning)
    prediction = losses.predict_batch(network, batch)
    if atmosphere is None:
        return prediction
    error = network.retrieve(batch.radiance, batch.emissivity, atmosphere) - batch.surface_temperature
    return replace(prediction, atmosphere=atmosphere, error=error)


@pytest.mark.parametrize("term", ["lst", "transmittance", "upwelling_radiance", "downwelling_radiance", "closure"])
def test_every_term_but_the_likelihood_vanishes_at_the_truth_and_only_there(learning, term):
    scales = losses.error_scales(learning, LossConfig())
    assert losses.TERMS[term](prediction_of(learning, learning.atmosphere), scales).item() < 1e-5
    assert losses.TERMS[term](prediction_of(learning), scales).item() > 1e-3


def test_a_term_of_weight_zero_is_not_computed(learning, monkeypatch):
    def forbidden(prediction, scales):
        raise AssertionError("computed")

    prediction = prediction_of(learning)
    scales = losses.error_scales(learning, LossConfig())
    monkeypatch.setattr(losses, "TERMS", {**losses.TERMS, "closure": forbidden})
    assert torch.isfinite(losses.total_loss(prediction, scales, LossConfig(closure=0.0)))
    with pytest.raises(AssertionError, match="computed"):
        losses.total_loss(prediction, scales, LossConfig())


def test_the_likelihood_shapes_the_uncertainty_and_not_the_mean(learning):
    prediction = prediction_of(learning)
    losses.likelihood_loss(prediction, losses.error_scales(learning, LossConfig())).backward()
    pull = prediction.network.body[-1].bias.grad
    assert (pull[:3] == 0.0).all()
    assert (pull[3:] != 0.0).all()


def test_gradients_stay_finite_where_the_atmosphere_outshines_the_ground(learning):
    network, batch = CoupledMethod(learning, config_of()).network(), batch_of(learning)
    prediction = losses.predict_batch(network, batch._replace(radiance=batch.radiance * 0.05))
    assert (prediction.error == 0.0).any()
    losses.total_loss(prediction, losses.error_scales(learning, LossConfig()), LossConfig()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_the_robust_loss_is_square_for_small_errors_and_linear_for_large_ones():
    small, large = losses.pseudo_huber(torch.tensor([0.01, 1000.0], dtype=torch.float64), 2.0).tolist()
    assert small == pytest.approx(0.5e-4, rel=1e-4)
    assert large == pytest.approx(2.0 * 1000.0, rel=0.01)


@pytest.mark.slow
def test_with_fewer_profiles_the_corrections_of_the_mechanism_have_smaller_weights(learning):
    config = config_of(optimiser=OptimiserConfig(steps=200, batch=64))
    few, many = learning.subset(np.arange(20)), learning.subset(np.tile(np.arange(20), 20))
    sizes = [float(train(profiles, config).body[-1].weight.detach().norm()) for profiles in (few, many)]
    assert sizes[0] < 0.7 * sizes[1]


@pytest.mark.slow
def test_training_leaves_the_random_numbers_and_threads_of_others_alone(learning):
    torch.manual_seed(1)
    threads, expected = torch.get_num_threads(), torch.rand(3)
    torch.manual_seed(1)
    train(learning, config_of(optimiser=OptimiserConfig(steps=3, batch=64)))
    assert torch.get_num_threads() == threads
    assert (torch.rand(3) == expected).all()


def test_the_caller_can_stop_a_training(learning):
    with pytest.raises(CancelledError, match="step 4 of 9"):
        train(learning, config_of(optimiser=OptimiserConfig(steps=9, batch=64)), lambda done, total: done < 4)


def test_a_diverging_training_says_so(learning):
    wild = OptimiserConfig(steps=200, batch=64, learning_rate=1e8, warmup=0, gradient_norm=1e9)
    with pytest.raises(ConfigError, match=r"lower optimiser\.learning_rate"):
        train(learning, config_of(optimiser=wild))
