"""Components estimated from the total uncertainty of a product and its metadata."""

import numpy as np
import pytest

from lst_raster.product.components import components_from_total

TOTAL = np.array([[1.0, 2.0]])


def test_the_total_is_divided_like_the_parts_over_the_scene():
    tags = {
        "uncertainty_parts": "sensor 0.13 K, stray light 0.47 K, emissivity 0.47 K, atmosphere 0.45 K (root mean "
        "squares at 6439 pixels)",
        "systematic_uncertainty": "calibration 0.59 K, common to all pixels",
    }
    found = components_from_total(TOTAL, tags)
    whole = np.sqrt(0.13**2 + 2 * 0.47**2 + 0.45**2)
    np.testing.assert_allclose(found.random, TOTAL * 0.13 / whole)
    np.testing.assert_allclose(found.atmosphere, TOTAL * 0.45 / whole)
    np.testing.assert_allclose(found.surface, TOTAL * 0.47 / whole)
    np.testing.assert_allclose(found.systematic, np.hypot(TOTAL * 0.47 / whole, 0.59))


@pytest.mark.parametrize("tags", [{}, {"uncertainty_parts": "unknown", "systematic_uncertainty": "unknown"}])
def test_without_metadata_all_errors_are_common(tags):
    found = components_from_total(TOTAL, tags)
    np.testing.assert_array_equal(found.systematic, TOTAL)
    assert not found.random.any() and not found.atmosphere.any() and not found.surface.any()
