"""Derivatives and propagated uncertainties agree with differences."""

import numpy as np
import pytest
import torch

from lst_raster.physics.band import sensor_band, sensor_names
from lst_raster.physics.planck import band_radiance, band_radiance_slope
from lst_raster.physics.surface import coupled_atmosphere, sensor_radiance, surface_temperature
from lst_raster.physics.uncertainty import atmosphere_uncertainty

BAND = sensor_band("landsat8-b10").planck


@pytest.mark.parametrize("make", [np.float64, lambda value: torch.tensor(value, dtype=torch.float64)])
@pytest.mark.parametrize("sensor", sensor_names())
@pytest.mark.parametrize("temperature", [200.0, 300.0, 360.0])
def test_the_slope_of_the_band_radiance_is_its_derivative(make, sensor, temperature):
    band = sensor_band(sensor).planck
    difference = band_radiance(make(temperature + 0.01), band) - band_radiance(make(temperature - 0.01), band)
    assert float(band_radiance_slope(make(temperature), band)) == pytest.approx(float(difference) / 0.02, rel=1e-6)


def error_of(change, *, ground=305.0, depth=0.6, up=280.0):
    """Error of the temperature of a black ground where the atmosphere is off by `change` of (depth, T_up)."""
    truth = coupled_atmosphere(np.float64(depth), np.float64(up), np.float64(285.0), BAND)
    wrong = coupled_atmosphere(np.float64(depth + change[0]), np.float64(up + change[1]), np.float64(285.0), BAND)
    radiance = sensor_radiance(np.float64(ground), 1.0, *truth, BAND)
    return surface_temperature(radiance, 1.0, *wrong, BAND) - ground


@pytest.mark.parametrize("change", [(1e-4, 0.0), (0.0, 1e-3)])
def test_uncertainty_is_the_error_that_a_small_error_of_the_atmosphere_makes(change):
    predicted = atmosphere_uncertainty(
        np.float64(305.0), 1.0, np.float64(0.6), np.float64(280.0), *map(np.float64, change), BAND
    )
    assert predicted == pytest.approx(abs(error_of(change)), rel=2e-3)


def test_independent_parts_add_in_squares():
    air = np.float64(0.6), np.float64(280.0)

    def uncertainty(depth, temperature):
        return atmosphere_uncertainty(np.float64(305.0), 0.97, *air, np.float64(depth), np.float64(temperature), BAND)

    assert uncertainty(0.05, 2.0) == pytest.approx(np.hypot(uncertainty(0.05, 0.0), uncertainty(0.0, 2.0)))


def test_optical_depth_does_not_matter_where_the_air_is_as_warm_as_the_ground():
    same = np.float64(290.0)
    assert atmosphere_uncertainty(same, 0.97, np.float64(1.0), same, np.float64(0.3), np.float64(0.0), BAND) == 0.0
