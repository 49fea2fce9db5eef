"""Refits recover known coefficients and are at least as accurate as the published ones."""

from dataclasses import replace

import numpy as np
import pytest

import tests.benchmarks.accuracy.refit as refit
from lst_raster.physics.published_retrievals import wien_temperature
from lst_raster.profiles.sampling import draw_surfaces, observe
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.published import mono_window_class, retrieve_published
from tests.benchmarks.accuracy.measure import score
from tests.benchmarks.accuracy.refit import (
    EquationFromVapour,
    MonoWindow,
    SingleChannel,
    refit_equation,
    refit_mono_window,
    refit_single_channel,
)
from tests.support.simulated_sets import made_set

PSI = ((0.04, 0.03, 1.02), (-0.4, -1.5, 0.2), (0.01, 1.4, -0.3))
TERMS = ((2e-5, -0.012, 0.98), (-1e-4, 0.09, 0.1), (-5e-4, 0.15, 0.2))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_set(tmp_path_factory.mktemp("refit") / "made.nc", profiles=400)


def with_truth_of(monkeypatch, method):
    """Replace the true temperature of training samples by that retrieved by a method with known coefficients."""

    def observed(simulated, surfaces):
        samples = observe(simulated, surfaces)
        return replace(samples, surface_temperature=method(samples))

    monkeypatch.setattr(refit, "observe", observed)


def test_the_single_channel_refit_recovers_known_coefficients(made, monkeypatch):
    b_gamma = float(wien_temperature(295.0, sensor_band(made.sensor).planck))
    known = SingleChannel(psi=PSI, b_gamma=b_gamma)
    with_truth_of(monkeypatch, known)
    found = refit_single_channel([made], seed=0)
    assert found.b_gamma == b_gamma
    assert np.allclose(found.psi, PSI, rtol=1e-6, atol=1e-8)


def test_the_mono_window_refit_recovers_the_coefficients_of_every_class(made, monkeypatch):
    count = int(mono_window_class(np.float64(np.inf))) + 1
    known = MonoWindow(coefficients=tuple((1.0 + 0.1 * n, -200.0 - 40.0 * n, 210.0 + 7.0 * n) for n in range(count)))
    with_truth_of(monkeypatch, known)
    found = refit_mono_window([made], seed=0)
    present = np.unique(mono_window_class(made.water_vapour))
    assert present.size == count
    assert np.allclose(found.coefficients, known.coefficients, rtol=1e-6)


def test_a_class_without_columns_gets_the_coefficients_of_all_columns(made):
    dry = made.select(made.water_vapour < 20.0)
    found = refit_mono_window([dry], seed=0)
    assert found.coefficients[-1] == found.coefficients[-2]
    assert found.coefficients[0] != found.coefficients[1] != found.coefficients[-1]


def test_the_equation_refit_recovers_known_quadratics(made):
    vapour = made.water_vapour
    terms = dict(
        zip(
            ("transmittance", "upwelling_radiance", "downwelling_radiance"),
            (np.polyval(one, vapour) for one in TERMS),
            strict=True,
        )
    )
    ideal = replace(made, **terms)
    found = refit_equation([ideal.select(vapour < 30.0), ideal.select(vapour >= 30.0)], seed=0)
    assert np.allclose(found.terms, TERMS, rtol=1e-6)
    samples = observe(ideal, draw_surfaces(ideal.air_temperature_2m, 3, 1))
    assert np.allclose(found(samples), samples.surface_temperature, atol=1e-6)


def test_the_transmittance_is_limited_to_the_range_of_the_training_sets(made):
    method = EquationFromVapour(terms=((0.0, -0.02, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), least=0.3)
    samples = observe(made, draw_surfaces(made.air_temperature_2m, 1, 0))
    black = replace(samples, emissivity=np.ones_like(samples.emissivity))
    humid = {"water_vapour": np.full_like(samples.radiance, 200.0)}
    edge = {"water_vapour": np.full_like(samples.radiance, 35.0)}
    assert np.array_equal(method(replace(black, atmosphere=humid)), method(replace(black, atmosphere=edge)))


def test_columns_count_by_their_weight(made):
    others = made.select(np.arange(len(made)) % 2 == 1)
    light = made.select(np.arange(len(made)) % 2 == 0)
    light = replace(light, weight=np.full(len(light), 0.2))
    five_times = refit_equation([replace(light, weight=None), *[others] * 5], seed=0)
    assert np.allclose(refit_equation([light, others], seed=0).terms, five_times.terms, rtol=1e-8)


@pytest.mark.parametrize("name", list(refit.REFITS))
def test_a_refit_is_more_accurate_than_the_published_coefficients_on_its_training_columns(made, name):
    samples = observe(made, draw_surfaces(made.air_temperature_2m, 5, 9))
    published = retrieve_published(made.sensor, samples.radiance, samples.emissivity, samples.water_vapour)
    best = min(score(one, samples.surface_temperature).rmse for one in published.values())
    assert score(refit.REFITS[name]([made], 0)(samples), samples.surface_temperature).rmse < best
