"""The calibration finds the correct factor on the uncertainty, on profiles that were not used in training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lst_raster.network.config import CalibrationConfig, DataConfig, OptimiserConfig, TrainingConfig
from lst_raster.network.data import draw_predictors, training_set
from lst_raster.network.measure import (
    COVERAGE,
    FACTOR_LIMITS,
    FOLDS,
    MINIMUM_PROFILES,
    NODE_SPACING,
    Fold,
    calibrate,
    critical_factor,
    fit_calibration,
    fold_of,
    measure,
    measure_folds,
    train_folds,
)
from lst_raster.network.model import IDENTITY, Calibration
from lst_raster.network.onnx_export import AtmosphereGraph
from lst_raster.network.training_loop import CoupledMethod
from lst_raster.profiles.sampling import CONDITIONS
from lst_raster.profiles.simulated_set import read_simulated
from tests.support.simulated_sets import make_simulated_set

PROFILES, SURFACES = 4000, 10


def errors_of(vapour, true_factor, from_pixel=0.4, from_atmosphere=1.0, seed=0):
    """Errors of a known spread: that of the inputs and a multiple of what the model states."""
    rng = np.random.default_rng(seed)
    spread = np.hypot(from_pixel, true_factor(vapour) * from_atmosphere)[:, None]
    error = spread * rng.standard_normal((vapour.size, SURFACES))
    return critical_factor(error, np.full_like(error, from_pixel), np.full_like(error, from_atmosphere)), error


def test_a_factor_that_changes_with_the_water_vapour_is_found_again():
    vapour = np.random.default_rng(1).uniform(0.0, 60.0, PROFILES)

    def truth(column):
        return 0.6 + 0.015 * column

    factors, error = errors_of(vapour, truth)
    calibration = fit_calibration(vapour, factors)
    inner = slice(1, -1)  # at the ends the window is one-sided
    np.testing.assert_allclose(
        np.array(calibration.factors)[inner], truth(np.array(calibration.water_vapour))[inner], rtol=0.06
    )
    found = calibration.factor_at(torch.from_numpy(vapour)).numpy()[:, None]
    for low in range(0, 60, 10):
        chosen = (vapour >= low) & (vapour < low + 10)
        within = np.abs(error[chosen]) <= np.hypot(0.4, found[chosen])
        assert within.mean() == pytest.approx(COVERAGE, abs=0.03)


def test_errors_with_heavy_tails_are_covered_too():
    rng = np.random.default_rng(2)
    vapour = rng.uniform(0.0, 40.0, PROFILES)
    error = rng.standard_t(3, (PROFILES, SURFACES))
    none, stated = np.zeros_like(error), np.full_like(error, np.sqrt(3.0))  # the standard deviation of the errors
    factors = critical_factor(error, none, stated)
    calibration = fit_calibration(vapour, factors)
    found = calibration.factor_at(torch.from_numpy(vapour)).numpy()[:, None]
    assert (np.abs(error) <= stated).mean() > COVERAGE + 0.08
    assert (np.abs(error) <= found * stated).mean() == pytest.approx(COVERAGE, abs=0.01)


def test_what_was_not_retrieved_counts_as_outside():
    error = np.where(np.arange(100) % 2, np.nan, 0.1)[None].repeat(50, axis=0)
    factors = critical_factor(error, np.zeros_like(error), np.ones_like(error))
    expected = Calibration(water_vapour=(5.0,), factors=(FACTOR_LIMITS[1],))
    assert fit_calibration(np.full(50, 5.0), factors) == expected


def test_a_node_needs_profiles_around_it():
    vapour = np.repeat([0.5 * NODE_SPACING, 4.5 * NODE_SPACING], [MINIMUM_PROFILES, MINIMUM_PROFILES - 1])
    assert fit_calibration(vapour, np.ones((vapour.size, 3))).water_vapour == (0.5 * NODE_SPACING,)
    assert fit_calibration(vapour[:3], np.ones((3, 3))) == IDENTITY


def test_the_factor_is_linear_between_nodes_and_constant_beyond():
    calibration = Calibration(water_vapour=(5.0, 15.0, 25.0), factors=(1.0, 0.5, 2.0))
    vapour = torch.tensor([0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 70.0], dtype=torch.float64)
    assert calibration.factor_at(vapour).tolist() == pytest.approx([1.0, 1.0, 0.75, 0.5, 1.25, 2.0, 2.0])
    assert IDENTITY.factor_at(vapour).tolist() == [1.0] * 7


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return read_simulated(make_simulated_set(tmp_path_factory.mktemp("sets") / "learn.nc", profiles=500))


def config_of(steps):
    return TrainingConfig(
        sensor="landsat8-b10",
        tier="surface",
        data=DataConfig(train=("learn.nc",)),
        optimiser=OptimiserConfig(steps=100, batch=256),
        calibration=CalibrationConfig(steps=steps),
    )


@pytest.mark.slow
def test_the_calibration_multiplies_the_uncertainties_of_the_graph_and_nothing_else(simulated):
    learning = training_set([simulated], config_of(0))
    network = CoupledMethod(learning, config_of(0)).network()
    drawn = draw_predictors(learning, "surface", np.random.default_rng(0))
    predictors = [values[:, 0] for values in drawn]
    calibration = Calibration(water_vapour=(10.0, 40.0), factors=(0.5, 1.5))
    with torch.no_grad():
        plain = AtmosphereGraph(network)(*predictors)
        calibrated = AtmosphereGraph(network, calibration)(*predictors)
    for one, other in zip(plain[:3], calibrated[:3], strict=True):
        assert (one == other).all()
    factor = calibration.factor_at(predictors[0].double()).float()
    assert float(factor.min()) < 0.6 and float(factor.max()) > 1.4
    for one, other in zip(plain[3:], calibrated[3:], strict=True):
        torch.testing.assert_close(one * factor, other)


def sizes(simulated):
    return np.bincount(fold_of(simulated), minlength=FOLDS).tolist()


def test_whole_sources_dates_or_regions_are_held_out_where_they_are_known(simulated):
    count = len(simulated)
    alternating = replace(simulated, latitude=None, longitude=None)
    assert sizes(alternating) == [count // 4] * 4
    days = np.datetime64("2011-01-15") + np.repeat([0, 90, 180, 260, 300], [100, 150, 60, 40, count - 350])
    by_date = [100 + count - 350, 150, 60, 40]  # the fifth is with the first
    assert sizes(replace(simulated, time=days)) == by_date
    sources = np.repeat(["GFS", "ERA", "NCEP", "TIGR"], [count - 60, 30, 20, 10])
    assert sizes(replace(simulated, time=days, profile_source=sources)) == [30, count - 60, 20, 10]
    alone = np.full(count, "GFS")  # one source, of five dates
    assert sizes(replace(simulated, time=days, profile_source=alone)) == by_date


@pytest.mark.parametrize("side", [60.0, 8.0])
def test_regions_are_as_large_as_the_profiles_allow(simulated, side):
    fraction = (simulated.latitude + 60.0) / 120.0, (simulated.longitude + 180.0) / 360.0
    place = {"latitude": 10.0 + side * fraction[0], "longitude": 20.0 + side * fraction[1]}
    fold = fold_of(replace(simulated, **place))
    assert np.bincount(fold, minlength=FOLDS).min() > 0
    box = {60.0: 30.0, 8.0: 7.5}[side]
    rows, columns = np.floor(place["latitude"] / box), np.floor(place["longitude"] / box)
    for number in np.unique(1000.0 * rows + columns):
        assert len(np.unique(fold[1000.0 * rows + columns == number])) == 1


@pytest.mark.slow
def test_cross_validation_has_the_same_result_every_time_and_no_folds_without_steps(simulated):
    network = CoupledMethod(training_set([simulated], config_of(20)), config_of(20)).network()
    seen = []
    folds = train_folds([simulated], config_of(20), lambda done, total: seen.append((done, total)) is None)
    assert sorted(np.concatenate([fold.held_out.water_vapour for fold in folds])) == sorted(simulated.water_vapour)
    first = calibrate(network, folds)
    assert first == calibrate(network, train_folds([simulated], config_of(20)))
    assert first != IDENTITY
    assert (seen[0], seen[-1]) == ((1, 80), (80, 80))
    assert train_folds([simulated], config_of(0)) == []
    assert calibrate(network, []) is IDENTITY


@pytest.mark.slow
def test_the_errors_of_all_folds_are_measured_together(simulated):
    network = CoupledMethod(training_set([simulated], config_of(20)), config_of(20)).network()
    halves = np.arange(len(simulated)) % 2 == 0
    parts = [Fold(network=network, held_out=simulated.select(mask)) for mask in (halves, ~halves)]
    together, (one, other) = measure_folds(parts, network), (measure(network, part.held_out) for part in parts)
    assert together["profiles"] == len(simulated)
    for condition in CONDITIONS:
        squares = [found[condition]["lst"]["all"]["rmse"] ** 2 for found in (one, other)]
        assert together[condition]["lst"]["all"]["rmse"] ** 2 == pytest.approx(np.mean(squares))
        within = [found[condition]["coverage"]["all"] for found in (one, other)]
        assert together[condition]["coverage"]["all"] == pytest.approx(np.mean(within))
