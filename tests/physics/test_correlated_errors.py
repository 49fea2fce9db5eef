"""Uncertainty of sums of correlated errors: covariances written out, limits, and draws."""

import math

import numpy as np
import pytest

from lst_raster.physics.correlated_errors import (
    CORRELATION_LENGTHS,
    Components,
    MeanOverDates,
    components_of_sum,
    correlated_sum,
    distance_correlation,
    independent_samples,
    random_of_mean,
)

CELL = (90.0, 120.0)


def covariance(shape, cell, length):
    """Correlations of all pairs of cells, as the definition has them."""
    rows, columns = np.indices(shape).reshape(2, -1)
    distance = np.hypot((rows[:, None] - rows) * cell[0], (columns[:, None] - columns) * cell[1])
    distance[np.diag_indices_from(distance)] = 0.5214 * math.sqrt(cell[0] * cell[1])
    return np.exp(-distance / length)


@pytest.mark.parametrize("length", [500.0, 5e3, 800e3])
def test_the_sum_over_a_grid_is_that_of_the_covariance_matrix(length):
    rng = np.random.default_rng(3)
    deviations = rng.uniform(-0.5, 1.0, (17, 23))
    variance = deviations.ravel() @ covariance(deviations.shape, CELL, length) @ deviations.ravel()
    assert correlated_sum(deviations, CELL, length) == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_errors_common_to_all_cells_add_up_and_cancel():
    deviations = np.array([[1.0, 2.0], [-0.5, 0.0]])
    assert correlated_sum(deviations, CELL, math.inf) == pytest.approx(2.5)
    assert correlated_sum(deviations, CELL, 1e12) == pytest.approx(2.5, rel=1e-6)
    assert correlated_sum(deviations - deviations.mean(), CELL, math.inf) == pytest.approx(0.0, abs=1e-15)


def test_the_mean_distance_of_two_points_of_a_square_is_half_its_side():
    points = np.random.default_rng(0).random((2, 2, 400_000))
    assert np.hypot(*(points[0] - points[1])).mean() == pytest.approx(0.5214, abs=1e-3)


def test_coarser_cells_give_the_same_uncertainty_of_a_mean():
    """The cell is at most a fifth of the correlation length."""
    rng = np.random.default_rng(5)
    deviations = rng.uniform(0.5, 1.5, (120, 120))
    fine = correlated_sum(deviations, (100.0, 100.0), 5e3)
    coarse = correlated_sum(deviations.reshape(12, 10, 12, 10).sum(axis=(1, 3)), (1e3, 1e3), 5e3)
    assert coarse == pytest.approx(fine, rel=2e-3)


def test_the_correlation_falls_to_1_over_e_at_the_correlation_length():
    assert distance_correlation(np.array([0.0, 7.0, 14.0]), 7.0) == pytest.approx([1.0, math.exp(-1), math.exp(-2)])


def test_components_of_the_mean_of_one_cell_are_those_of_the_cell():
    cell = Components(*(np.array([[value]]) for value in (0.1, 0.8, 0.4, 0.3)))
    found = components_of_sum(cell, np.ones((1, 1)), (30.0, 30.0), random_of_mean(cell, np.ones((1, 1)), 1.0))
    assert found == pytest.approx((0.1, 0.8, 0.4, 0.3), rel=1e-3)
    assert Components(*found).combined() == pytest.approx(math.sqrt(0.9), rel=1e-3)


def test_cells_without_weight_may_have_no_components():
    values = np.array([[0.5, np.nan]])
    weights = np.array([[1.0, 0.0]])
    found = components_of_sum(
        Components(*[values] * 4), weights, (30.0, 30.0), random_of_mean(Components(*[values] * 4), weights, 4.0)
    )
    assert found.random == pytest.approx(0.25)
    assert found.systematic == pytest.approx(0.5)


def test_the_difference_of_neighbouring_areas_keeps_only_what_they_do_not_share():
    parts = Components(*(np.full((10, 20), value) for value in (0.1, 0.8, 0.4, 0.3)))
    weights = np.full((10, 20), 0.01)
    weights[:, 10:] *= -1.0
    near = components_of_sum(parts, weights, (100.0, 100.0), 0.0)
    assert near.systematic == pytest.approx(0.0, abs=1e-12)
    assert near.atmosphere < 0.06 * 0.8
    far = components_of_sum(parts, weights, (20e6, 20e6), 0.0)  # independent: the root of ten cells each
    assert far.surface == pytest.approx(0.0, abs=1e-12)  # the cells are far larger than the correlation length
    assert CORRELATION_LENGTHS["surface"] < CORRELATION_LENGTHS["atmosphere"]


@pytest.mark.parametrize(
    ("pixels", "area", "footprint", "samples"),
    [(1, 900.0, 100.0, 1.0), (10_001, 900.0, 100.0, 901.0), (50, 900.0, 30.0, 50.0), (50, 1e6, 100.0, 50.0)],
)
def test_samples_of_the_detector_are_fewer_than_pixels(pixels, area, footprint, samples):
    assert independent_samples(pixels, area, footprint) == pytest.approx(samples)


def test_a_mean_over_dates_adds_up_each_component_by_its_correlation():
    mean = MeanOverDates()
    for weight, sensor in ((1.0, "a"), (2.0, "a"), (1.0, "b")):
        mean.add(
            np.array([weight, 0.0]), Components(*(np.array([value, 1.0]) for value in (0.4, 0.8, 0.2, 0.3))), sensor
        )
    random, air, surface, systematic = (part[0] for part in mean.components())
    assert random == pytest.approx(0.4 * math.sqrt(6) / 4)
    assert air == pytest.approx(0.8 * math.sqrt(6) / 4)
    assert surface == pytest.approx(0.2)
    assert systematic == pytest.approx(0.3 * math.hypot(3, 1) / 4)
    assert all(np.isnan(part[1]) for part in mean.components())  # no date
