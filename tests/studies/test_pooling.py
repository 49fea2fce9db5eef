"""The study of the surroundings of a pixel runs on a real scene."""

import numpy as np

from examples.studies.pooling import fractal, run, table
from lst_raster.physics.error_metrics import summarise
from tests.support.shared import shared_path
from tests.support.simulated_sets import made_two_band_set


def test_a_fractal_field_varies_more_on_large_scales():
    field = fractal((64, 128), np.random.default_rng(0))
    assert field.shape == (64, 128)
    assert abs(field.mean()) < 1e-9
    assert abs(field.std() - 1.0) < 1e-9
    coarse = field.reshape(8, 8, 16, 8).mean(axis=(1, 3))
    assert coarse.std() > 0.7


def test_the_surroundings_are_compared_over_the_same_ground(tmp_path):
    scene = shared_path("data", "landsat", "l8_l1_alabama_cc0")
    simulated = made_two_band_set(tmp_path / "made.nc", profiles=60)
    errors = run(scene, simulated, (520, 560), 2, "landsat8-b10/dual")
    assert list(errors) == ["whole scene", "4 km", "2 km", "1 km", "300 m", "pixel", "mean of scene and pixel"]
    assert all(len(parts) == 2 and parts[0].shape == (40, 627) for parts in errors.values())
    assert all(np.isfinite(summarise(np.array(parts)).rmse) for parts in errors.values())
    lines = list(table(errors))
    assert len(lines) == 9
    assert lines[2].startswith("| whole scene | ")
