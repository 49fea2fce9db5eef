import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.profiles.sampling import BACKGROUND_AEROSOL, HAZE_RANGE, atmosphere_draws, draw_surfaces
from tests.support.mild_surfaces import mild_samples

AIR = np.linspace(210.0, 328.0, 400)


@pytest.mark.parametrize("sample", [draw_surfaces, mild_samples])
def test_the_same_seed_gives_the_same_surfaces(sample):
    first, again, other = sample(AIR, 3, 7), sample(AIR, 3, 7), sample(AIR, 3, 8)
    assert np.array_equal(first.surface_temperature, again.surface_temperature)
    assert np.array_equal(first.emissivity, again.emissivity)
    assert not np.array_equal(first.emissivity, other.emissivity)


def test_surfaces_fill_the_documented_range_evenly():
    surfaces = draw_surfaces(AIR, 50, 1)
    difference = surfaces.surface_temperature - AIR[:, None]
    assert difference.shape == (400, 50)
    assert -15.0 <= difference.min() < -14.9 and 29.9 < difference.max() <= 30.0
    assert 0.90 <= surfaces.emissivity.min() < 0.901 and 0.994 < surfaces.emissivity.max() <= 0.995
    assert difference.mean() == pytest.approx(7.5, abs=0.4)


def test_temperature_and_emissivity_of_surfaces_are_independent():
    surfaces = draw_surfaces(AIR, 50, 1)
    difference = surfaces.surface_temperature - AIR[:, None]
    assert abs(np.corrcoef(difference.ravel(), surfaces.emissivity.ravel())[0, 1]) < 0.03


def test_mild_surfaces_stay_near_the_air():
    surfaces = mild_samples(AIR, 50, 1)
    difference = surfaces.surface_temperature - AIR[:, None]
    assert np.abs(difference - 2.5).max() <= 8.0
    assert surfaces.emissivity.min() >= 0.93 and surfaces.emissivity.max() <= 0.99


def test_a_field_of_air_temperatures_is_refused():
    with pytest.raises(InputError, match="one value per profile"):
        draw_surfaces(AIR.reshape(20, 20), 1, 0)
    with pytest.raises(InputError, match="give at least 1"):
        draw_surfaces(AIR, 0, 0)


def test_atmosphere_draws_have_the_documented_spread():
    draws = atmosphere_draws(20_000, 3)
    assert draws.continuum_scaling.mean() == pytest.approx(1.0, abs=1e-3)
    assert draws.continuum_scaling.std() == pytest.approx(0.03, abs=1e-3)
    assert np.abs(draws.continuum_scaling - 1.0).max() <= 0.09 + 1e-12
    assert 1982.0 <= draws.gas_year.min() < 1982.1 and 2029.9 < draws.gas_year.max() < 2030.0
    assert draws.gas_year.mean() == pytest.approx(2006.0, abs=0.3)


def test_aerosol_is_background_with_some_haze():
    aerosol = atmosphere_draws(200_000, 3).aerosol_optical_depth
    assert 0.0 <= aerosol.min() < 1e-3 and 0.29 < aerosol.max() <= HAZE_RANGE[1]
    dense = (aerosol > 0.15).mean()  # half of the haze; background is never so dense
    assert dense == pytest.approx(0.5 * 0.15, abs=2e-3)
    mean, spread = BACKGROUND_AEROSOL
    assert aerosol.mean() == pytest.approx(0.85 * mean + 0.15 * 0.15, abs=5e-4)
    square = 0.85 * (mean**2 + spread**2) + 0.15 * 0.3**2 / 3.0
    assert (aerosol**2).mean() == pytest.approx(square, rel=0.02)


def test_atmosphere_draws_repeat_with_their_seed():
    first, again = atmosphere_draws(10, 5), atmosphere_draws(10, 5)
    assert np.array_equal(first.gas_year, again.gas_year)
    assert np.array_equal(first.aerosol_optical_depth, again.aerosol_optical_depth)
