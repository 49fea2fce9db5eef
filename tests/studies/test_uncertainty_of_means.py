"""Stated uncertainties of means hold the drawn errors: the study over small scenes, and its measure of correlation."""

import numpy as np
import pytest

from examples.studies.uncertainty.__main__ import run
from examples.studies.uncertainty.correlation import correlation_by_distance, correlation_on_grid

pytest.importorskip("geopandas")


def test_two_thirds_of_the_drawn_errors_are_within_the_stated_uncertainty(tmp_path):
    results = run(tmp_path, side=700, draws=600, dates=3)
    assert [(one.area, one.dates) for one in results[::2]] == [
        ("1 pixel", 1), ("100 pixels", 1), ("10,000 pixels", 1), ("zone", 1),
    ]  # fmt: skip
    for one in results:
        # 600 draws have a deviation of 1.9 % of the fraction and 2.9 % of the standard deviation; the emissivity and
        # the calibration are common to all areas
        assert 0.61 < one.within < 0.76, one
        assert one.stated == pytest.approx(one.drawn, rel=0.10), one
        if one.area != "1 pixel":
            assert one.naive_within < 0.15, one
    assert results[1].stated < results[0].stated  # over dates


def test_the_correlation_of_a_drawn_field_is_found():
    rng = np.random.default_rng(2)
    y, x = (grid.ravel() for grid in np.mgrid[0:30, 0:30] * 1.0)
    distance = np.hypot(y[:, None] - y, x[:, None] - x)
    factor = np.linalg.cholesky(np.exp(-distance / 5.0) + 1e-9 * np.eye(900))
    fields = (factor @ rng.standard_normal((900, 60))).T
    limits = (0.5, 1.5, 3.5, 6.5)
    found = np.mean([correlation_on_grid(one.reshape(30, 30), (1.0, 1.0), limits) for one in fields], axis=0)
    on_sphere = np.mean(
        [correlation_by_distance(y / 111.195, x / 111.195, one, limits) for one in fields], axis=0
    )  # degrees near the equator
    for distance_of, correlation, _ in on_sphere:
        assert correlation == pytest.approx(np.exp(-distance_of / 5.0), abs=0.05)
    # about the mean of the field itself, whose variance is missing: lower
    assert (found[:, 1] < on_sphere[:, 1]).all() and (found[:, 1] > on_sphere[:, 1] - 0.35).all()
