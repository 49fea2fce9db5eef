"""Regimes, continents and scores: what they count, and what they leave out."""

from dataclasses import replace

import numpy as np
import pytest

from lst_raster.profiles.simulated_set import REGIMES, SimulatedSet, regime_masks
from lst_raster.simulator.sigma_levels import SIGMA
from tests.benchmarks.accuracy.continents import BOXES, continent_of
from tests.benchmarks.accuracy.measure import score


def columns(**facts):
    """A set of columns of which a few things matter."""
    count = max(np.size(values) for values in facts.values())
    usual = {
        "water_vapour": 25.0, "surface_pressure": 1000.0, "air_temperature_2m": 290.0, "transmittance": 0.7,
        "upwelling_radiance": 2.0, "downwelling_radiance": 3.0,
    }  # fmt: skip
    values = {name: np.broadcast_to(np.asarray(one, float), (count,)).copy() for name, one in (usual | facts).items()}
    return SimulatedSet(sensor="landsat8-b10", **values)


def with_levels(simulated, warmer, sigma):
    """Give columns levels as warm as the ground, one of them warmer."""
    levels = np.repeat(simulated.air_temperature_2m[:, None], len(SIGMA), axis=1)
    levels[:, SIGMA.index(sigma)] += warmer
    return replace(
        simulated, air_temperature_sigma=levels, specific_humidity_sigma=np.full((len(simulated), len(SIGMA)), 0.01)
    )


def members(simulated, name):
    return regime_masks(simulated)[name].tolist()


def test_every_column_is_in_one_class_of_vapour_and_in_all():
    found = regime_masks(columns(water_vapour=[0.5, 10.0, 29.9, 30.0, 49.0, 50.0, 75.0]))
    classes = [name for name in found if name[0].isdigit()]
    assert np.sum([found[name] for name in classes], axis=0).tolist() == [1] * 7
    assert found["50+"].tolist() == [False] * 5 + [True] * 2
    assert found["all"].all()


def test_dry_and_high_are_below_their_thresholds():
    assert members(columns(water_vapour=[2.99, 3.0]), "dry") == [True, False]
    assert members(columns(surface_pressure=[849.9, 850.0]), "high") == [True, False]


@pytest.mark.parametrize(("sigma", "warmer", "inverted"), [
    (0.95, 1.1, True), (0.9, 1.1, True), (0.95, 0.9, False), (0.7, 5.0, False),
])  # fmt: skip
def test_an_inversion_is_near_the_ground_and_more_than_a_kelvin(sigma, warmer, inverted):
    assert members(with_levels(columns(water_vapour=[20.0]), warmer, sigma), "inversion") == [inverted]


def test_without_levels_nothing_is_called_an_inversion():
    assert members(columns(water_vapour=[20.0]), "inversion") == [False]


def test_a_hot_desert_is_hot_dry_and_land():
    hot = columns(air_temperature_2m=[303.0, 302.9, 310.0, 310.0], water_vapour=[20.0, 10.0, 20.1, 10.0])
    assert members(hot, "desert") == [True, False, False, True]
    assert members(replace(hot, land=np.array([0, 1, 1, 1], np.int8)), "desert") == [False, False, False, True]


def test_every_regime_tells_its_reason():
    assert all(len(regime.reason) > 20 and regime.title for regime in REGIMES.values())


@pytest.mark.parametrize(("place", "latitude", "longitude", "continent"), [
    ("Lagos", 6.5, 3.4, "Africa"), ("Antananarivo", -18.9, 47.5, "Africa"), ("Cairo", 30.0, 31.2, "Africa"),
    ("Riyadh", 24.7, 46.7, "Eurasia"), ("Madrid", 40.4, -3.7, "Eurasia"), ("Jakarta", -6.2, 106.8, "Eurasia"),
    ("Alice Springs", -23.7, 133.9, "Australia"), ("Mount Hagen", -5.9, 144.2, "Australia"),
    ("Caracas", 10.5, -66.9, "South America"), ("Quito", -0.2, -78.5, "South America"),
    ("San Jose", 9.9, -84.1, "North America"), ("Nuuk", 64.2, -51.7, "North America"), ("Vostok", -78.5, 106.8, ""),
    ("Honolulu", 21.3, -157.9, "North America"), ("Easter Island", -27.1, -109.4, ""),
])  # fmt: skip
def test_places_are_on_their_continents(place, latitude, longitude, continent):
    for turn in (0.0, 360.0):
        assert continent_of(np.array([latitude]), np.array([longitude + turn])).tolist() == [continent], place
    assert continent in ("", *BOXES)


def test_a_score_is_what_its_measures_say():
    rng = np.random.default_rng(0)
    truth = rng.uniform(260.0, 320.0, 200_000)
    found = score(truth + rng.normal(0.5, 2.0, truth.size), truth)
    assert found.bias == pytest.approx(0.5, abs=0.02)
    assert found.rmse == pytest.approx(np.hypot(0.5, 2.0), abs=0.02)
    assert found.mae == pytest.approx(1.645, abs=0.02)  # of a folded normal distribution
    assert found.p95 == pytest.approx(4.064, abs=0.04)
    assert found.r2 == pytest.approx(1.0 - (0.25 + 4.0) / (60.0**2 / 12.0), abs=1e-3)


def test_what_is_not_retrieved_is_counted_and_left_out():
    found = score(np.array([[300.0, np.nan]]), np.array([[299.0, 300.0]]))
    assert (found.samples, found.missing, found.bias) == (1, 1, 1.0)
    nothing = score(np.array([np.nan]), np.array([300.0]))
    assert nothing.samples == 0
    assert np.isnan(nothing.rmse)
