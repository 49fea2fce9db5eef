"""The mean of two bands is that of least variance, and its variance that of its errors."""

import numpy as np
import pytest
import torch

from lst_raster.physics.planck import band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import coupled_atmosphere, sensor_radiance
from lst_raster.physics.two_bands import (
    BandState,
    Covariance,
    atmosphere_covariance,
    emissivity_covariance,
    first_band_weight,
    noise_covariance,
    total_covariance,
    two_band_temperature,
    weighted_variance,
)
from lst_raster.physics.uncertainty import TemperatureErrors, atmosphere_errors
from lst_raster.sensors.bands import sensor_band

BANDS = [sensor_band(name).planck for name in ("landsat8-b10", "landsat8-b11")]
DEPTHS, UP, DOWN = (0.5, 0.8), (283.0, 282.0), (285.0, 284.0)
GROUND, EMISSIVITIES = 305.0, (0.96, 0.97)
EXACT = (0.0, 0.0)


def states(make=np.asarray, *, depth_error=0.0, up_error=0.0, emissivity_errors=EXACT, noises=EXACT, spread=(0.1, 2.0)):
    """Both bands over one ground, with errors of the known atmosphere and of the pixels."""
    found = []
    for index, band in enumerate(BANDS):
        depth, up = np.float64(DEPTHS[index]), np.float64(UP[index])
        true = coupled_atmosphere(depth, up, np.float64(DOWN[index]), band)
        radiance = sensor_radiance(np.float64(GROUND), EMISSIVITIES[index], *true, band)
        slope = band_radiance_slope(brightness_temperature(radiance, band), band)
        known = coupled_atmosphere(depth * (1.0 + depth_error), up + up_error, np.float64(DOWN[index]), band)
        found.append(
            BandState(
                radiance=make(radiance + noises[index] * slope),
                emissivity=make(EMISSIVITIES[index] + emissivity_errors[index]),
                terms=tuple(make(term) for term in known),
                errors=atmosphere_errors(
                    make(known[0]), make(known[1]), make(spread[0] * depth), make(spread[1]), band
                ),
                noise=make(0.05 * slope),
                band=band,
            )
        )
    return found


MAKERS = {
    "numpy": np.asarray,
    "numpy, float32": lambda value: np.asarray(value, np.float32),
    "torch": lambda value: torch.tensor(value, dtype=torch.float64),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_with_exact_inputs_the_temperature_is_that_of_the_ground(make):
    found = two_band_temperature(*states(make), 0.01, 0.005, 0.0)
    assert float(found.temperature) == pytest.approx(GROUND, abs=2e-3)


@pytest.mark.parametrize("change", [{"depth_error": 0.02}, {"up_error": 0.5}])
def test_an_error_of_the_atmosphere_common_to_both_bands_is_reduced(change):
    both = states(**change)
    alone = [float(brightness_temperature(_surface(one), one.band)) - GROUND for one in both]
    found = two_band_temperature(*both, 0.0, 0.0, 0.0)
    assert abs(alone[1]) > abs(alone[0]) > 0.1
    assert abs(float(found.temperature) - GROUND) < 0.35 * abs(alone[0])
    assert float(found.weight) > 1.0


def _surface(state):
    tau, up, down = state.terms
    return (state.radiance - up - tau * (1.0 - state.emissivity) * down) / (tau * state.emissivity)


def test_without_errors_of_the_atmosphere_the_bands_are_averaged_by_their_noise():
    found = two_band_temperature(*states(spread=EXACT), 0.0, 0.0, 0.0)
    variances = np.asarray(found.noise.first), np.asarray(found.noise.second)
    assert float(found.weight) == pytest.approx(float(variances[1] / sum(variances)))


def test_the_weight_is_that_of_least_variance():
    covariance = Covariance(first=1.2, second=2.5, both=1.6)
    best = first_band_weight(covariance)
    least = weighted_variance(best, covariance)
    assert best > 1.0
    assert all(weighted_variance(best + step, covariance) > least for step in (-0.3, -0.01, 0.01, 0.3))
    assert weighted_variance(1.0, covariance) == 1.2
    assert weighted_variance(0.0, covariance) == 2.5


def test_the_variance_is_that_of_drawn_errors():
    rng, count = np.random.default_rng(0), 20_000
    spread, of_emissivity, of_difference = (0.03, 0.5), 0.01, 0.005
    common, further = of_emissivity * rng.standard_normal(count), of_difference * rng.standard_normal(count)
    drawn = states(
        depth_error=spread[0] * rng.standard_normal(count), up_error=spread[1] * rng.standard_normal(count),
        emissivity_errors=(common, common + further), noises=0.05 * rng.standard_normal((2, count)), spread=spread,
    )  # fmt: skip
    found = two_band_temperature(*drawn, of_emissivity, of_difference, 0.0)
    assert np.std(found.temperature - GROUND) == pytest.approx(np.sqrt(np.mean(found.variance())), rel=0.04)
    parts = [np.mean(found.variance(part)) for part in (found.noise, found.emissivity, found.atmosphere)]
    assert sum(parts) == pytest.approx(np.mean(found.variance()))


def test_errors_of_the_emissivity_are_common_but_for_those_of_the_difference():
    first, second = TemperatureErrors(0.1, 50.0, 1.0, -0.5), TemperatureErrors(0.2, 60.0, 1.5, -0.8)
    common = emissivity_covariance(first, second, 0.01, 0.0)
    assert common.both == pytest.approx(np.sqrt(common.first * common.second))
    further = emissivity_covariance(first, second, 0.01, 0.005)
    assert further.second - common.second == pytest.approx((0.005 * 60.0) ** 2)
    assert noise_covariance(first, second).both == 0.0
    joint = atmosphere_covariance(first, second, 0.0)
    assert joint == pytest.approx((1.25, 2.89, 1.9))
    assert atmosphere_covariance(first, second, 0.2).second == pytest.approx(2.89 + 0.04 * 2.25)
    assert total_covariance(joint, joint) == pytest.approx(tuple(2.0 * part for part in joint))


def test_a_band_without_a_solution_leaves_none():
    first, second = states()
    cold = second._replace(radiance=np.asarray(0.1))
    assert np.isnan(two_band_temperature(first, cold, 0.01, 0.005, 0.0).temperature)
    assert np.isnan(two_band_temperature(first, second, 0.01, 0.005, 0.0, lowest=310.0).temperature)
