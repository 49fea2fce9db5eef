"""Directions of view and sun, in both array libraries."""

import numpy as np
import pytest

from lst_raster.physics.viewing_geometry import detector_position, direction_component, zenith_and_azimuth


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    if request.param == "numpy":
        return lambda values: np.asarray(values, dtype=np.float64)
    import torch

    return lambda values: torch.tensor(values, dtype=torch.float64)


def test_angles_are_those_of_known_directions(array):
    directions = [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, -1, 0), (-1, 0, 0), (-1, -1, -1), (1e-6, 0, 1)]
    zenith, azimuth = zenith_and_azimuth(*(array(list(map(float, part))) for part in zip(*directions, strict=True)))
    expected = [0, 90, 90, 90, 90, 180 - np.degrees(np.arctan(np.sqrt(2))), np.degrees(1e-6)]
    assert np.asarray(zenith) == pytest.approx(expected, rel=1e-9)
    assert np.asarray(azimuth)[1:] == pytest.approx([0, 90, 180, 270, 225, 90], rel=1e-12)


def test_length_and_turns_of_a_direction_change_nothing(array):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3, 200))
    first = zenith_and_azimuth(*map(array, vectors))
    second = zenith_and_azimuth(*map(array, vectors * 7.0))
    for one, other in zip(first, second, strict=True):
        assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-12)
    turned = zenith_and_azimuth(*map(array, (vectors[1], -vectors[0], vectors[2])))  # by 90 degrees clockwise
    assert (np.asarray(turned[1]) - np.asarray(first[1])) % 360 == pytest.approx(90.0, rel=1e-9)


def test_every_coefficient_multiplies_its_term(array):
    line, sample, height, own_line, own_sample = 3.0, 5.0, 7.0, 11.0, 13.0
    terms = [1.0, line, sample, height, line * sample]
    for place, term in enumerate(terms):
        numerator = [float(place == index) for index in range(5)]
        assert detector_position(array(line), array(sample), height, numerator, [0.0] * 4) == pytest.approx(term)
        if place:
            below = [0.5 * (place - 1 == index) for index in range(4)]
            found = detector_position(array(line), array(sample), height, [1.0, 0, 0, 0, 0], below)
            assert found == pytest.approx(1.0 / (1.0 + 0.5 * term))
    terms = [1.0, line, sample, height, own_line, line**2, line * sample, sample**2, own_sample * own_line**2]
    terms.append(own_line**3)
    place_of = [array(value) for value in (line, sample, height, own_line, own_sample)]
    for place, term in enumerate(terms):
        numerator = [float(place == index) for index in range(10)]
        assert direction_component(*place_of, numerator, [0.0] * 9) == pytest.approx(term)
