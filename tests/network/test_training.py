"""The network gives possible atmospheres, and each term of its loss does what it is for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lst_raster.errors import CancelledError, ConfigError
from lst_raster.network import loss as losses
from lst_raster.network.config import (
    TIERS,
    DataConfig,
    LossConfig,
    OptimiserConfig,
    SamplesConfig,
    TrainingConfig,
)
from lst_raster.network.data import draw_batch, simulate_batch, split_sets, training_set
from lst_raster.network.model import EXTRAPOLATION_LIMIT, Atmosphere
from lst_raster.network.training_loop import CoupledMethod, fit_mechanism, train
from lst_raster.physics.mechanism import emission_temperature_terms
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.sampling import EXACT, InputErrors
from lst_raster.profiles.simulated_set import read_simulated
from tests.support.simulated_sets import make_simulated_set

TIER_NAMES = list(TIERS)


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
        atmosphere = scrambled(CoupledMethod(learning, config_of(tier)).network())(*learning.predictors)
    assert ((atmosphere.transmittance >= 0.0) & (atmosphere.transmittance <= 1.0)).all()
    assert (atmosphere.upwelling_radiance >= 0.0).all()
    assert (atmosphere.downwelling_radiance >= atmosphere.upwelling_radiance * 0.0).all()
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
    humid = learning.subset(learning.predictors[0][:, 0].argmax().repeat(4))
    others = [values[:, 0] for values in humid.predictors[1:]]
    seen = network(torch.tensor([most, 1.2 * most, EXTRAPOLATION_LIMIT * most, 3.0 * most]), *others).transmittance
    assert seen[0] > seen[1] > seen[2]
    assert seen[2] == seen[3]


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_the_network_starts_near_the_atmospheres_that_it_will_learn(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    with torch.no_grad():
        atmosphere = CoupledMethod(learning, config_of(tier)).network()(*learning.predictors)
    for found, true in zip(atmosphere, learning.atmosphere, strict=True):
        assert float((found - true).square().mean()) < 0.1 * float(true.var())


def test_the_mechanism_is_recovered_from_atmospheres_that_follow_it(learning):
    vapour, pressure, air_temperature, *_ = learning.predictors
    depth = 0.02 * pressure / 1013.25 + 0.3 * vapour / 30.0 * pressure / 1013.25 + 0.2 * (vapour / 30.0) ** 2
    radiance = (1.0 - torch.exp(-depth)) * band_radiance(air_temperature - 10.0, learning.band)
    lawful = replace(learning, atmosphere=Atmosphere(torch.exp(-depth), radiance, radiance))
    mechanism = fit_mechanism(lawful, "surface")
    assert mechanism.optical_depth == pytest.approx((0.02, 0.3, 0.2, 0.0, 0.0), abs=2e-3)
    terms = emission_temperature_terms(*(values.double() for values in (vapour, pressure, air_temperature)))
    below = sum(c * term for c, term in zip(mechanism.upwelling_temperature, terms, strict=True))
    torch.testing.assert_close(below, torch.full_like(below, -10.0), rtol=0.0, atol=0.05)


def test_with_the_true_atmosphere_exact_inputs_give_the_true_temperature(learning):
    batch = batch_of(learning, noise=EXACT)
    lst = surface_temperature(batch.radiance, batch.emissivity, *batch.atmosphere, learning.band)
    torch.testing.assert_close(lst, batch.surface_temperature, rtol=0.0, atol=1e-3)


@pytest.mark.parametrize("tier", TIER_NAMES)
def test_noise_changes_the_inputs_by_the_fraction_in_input_error_and_not_the_true_values(simulated, tier):
    learning = training_set([simulated], config_of(tier))
    errors = InputErrors(water_vapour=0.1, air_temperature=1.5, emissivity=0.01, sensor=0.1)
    exact, noisy = (
        simulate_batch(learning, config_of(tier, noise=noise), np.random.default_rng(0)) for noise in (EXACT, errors)
    )
    share = noisy.predictors[-1]
    assert float(share.min()) == 0.0
    assert float(share.max()) == pytest.approx(1.0, abs=0.02)
    some = share[:, 0] > 0.0
    torch.testing.assert_close(noisy.surface_temperature, exact.surface_temperature)
    for name, before, after in zip(TIERS[tier][:-1], exact.predictors, noisy.predictors, strict=False):
        torch.testing.assert_close(after[~some], before[~some])
        moist = "humidity" in name or "vapour" in name
        moved = ((after - before) / (before if moist else 1.0) / share)[some]
        expected = {"water_vapour": 0.1, "surface_pressure": 0.0, "air_temperature": 1.5}.get(name)
        if expected is None:
            expected = np.hypot(0.1, 0.1) if moist else np.hypot(1.0, 0.7)
        assert float(moved.square().mean().sqrt()) == pytest.approx(expected, rel=0.2)
    emissivity = ((noisy.emissivity - exact.emissivity) / share)[some]
    assert float(emissivity.std()) == pytest.approx(0.01, rel=0.15)


def test_levels_err_together_as_far_as_the_errors_say(simulated):
    learning = training_set([simulated], config_of("profile"))
    exact, noisy = (
        simulate_batch(learning, config_of("profile", noise=noise), np.random.default_rng(0))
        for noise in (EXACT, InputErrors())
    )
    some = noisy.predictors[-1][:, 0] > 0.1
    low, high = (TIERS["profile"].index(f"air_temperature_sigma{level}") for level in (950, 500))
    moved = [((noisy.predictors[at] - exact.predictors[at]) / noisy.predictors[-1])[some, 0] for at in (low, high)]
    together = float(torch.corrcoef(torch.stack(moved))[0, 1])
    assert together == pytest.approx(1.0 / (1.0 + 0.7**2), abs=0.1)


def test_invented_profiles_are_drawn_as_rarely_as_the_configuration_says(tmp_path):
    import xarray

    path = make_simulated_set(tmp_path / "half.nc", profiles=400)
    dataset = xarray.load_dataset(path, engine="h5netcdf")
    dataset["perturbation"] = ("profile", (np.arange(400) % 2).astype(np.int8))
    dataset.to_netcdf(tmp_path / "marked.nc", engine="h5netcdf")
    config = config_of(samples=SamplesConfig(perturbed=0.25), optimiser=OptimiserConfig(batch=20_000))
    batch = draw_batch(training_set([read_simulated(tmp_path / "marked.nc")], config), config, np.random.default_rng(0))
    assert float((batch.weight == 0.25).float().mean()) == pytest.approx(0.2, abs=0.01)


def test_the_split_of_a_set_keeps_every_profile_once(simulated):
    (training,), (validation,) = split_sets([simulated])
    assert len(training) + len(validation) == len(simulated)
    assert (training.split == 0).all()
    assert (validation.split == 1).all()


def prediction_of(learning, atmosphere=None):
    """Prediction of the untrained network for a batch, or of a network with the given atmosphere."""
    network, batch = CoupledMethod(learning, config_of()).network(), batch_of(learning, noise=EXACT)
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
def test_fewer_profiles_stay_nearer_to_the_mechanism(learning):
    few, many = learning.subset(torch.arange(20)), learning.subset(torch.arange(20).repeat(20))
    config = config_of(optimiser=OptimiserConfig(steps=200, batch=64))
    corrections = []
    for profiles in (few, many):
        trained = train(profiles, config).effective_atmosphere(few.predictors).optical_depth
        network = CoupledMethod(profiles, config).network()
        start = network.mechanism(torch.stack(few.predictors, dim=-1), torch.ones(20, 1))
        corrections.append(float(torch.log(trained / start[1]).abs().mean().detach()))
    assert corrections[0] < 0.5 * corrections[1]


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
