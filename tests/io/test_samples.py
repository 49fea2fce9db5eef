"""Subsamples of rasters, by which their values are checked when a scene is opened."""

import numpy as np
import pytest
import rasterio

from lst_raster.errors import SceneError
from lst_raster.io.raster import open_raster, read_stored

SHAPE = (5000, 500)


def write(path, values, **options):
    profile = {"driver": "GTiff", "dtype": values.dtype, "count": 1, "nodata": 0, "height": SHAPE[0], "width": SHAPE[1]}
    with rasterio.open(path, "w", **profile | {"tiled": True, "blockxsize": 256, "blockysize": 256} | options) as out:
        out.write(values, 1)
    return path


def sample(path):
    with open_raster(path, "scene", SceneError) as dataset:
        return read_stored(dataset, "scene", SceneError, out_shape=(256, 256))


@pytest.mark.parametrize("options", [{}, {"tiled": False, "blockysize": 16}])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_sample_has_pixels_from_top_to_bottom(tmp_path, options, dtype):
    rows = np.broadcast_to(1 + np.arange(SHAPE[0], dtype=dtype)[:, None], SHAPE)
    stored, valid = sample(write(tmp_path / "x.tif", rows, **options))
    assert stored.shape == (256, 256)
    assert valid.all()
    assert stored.min() < 700
    assert stored.max() > 4300
    assert np.median(stored) == pytest.approx(2500, abs=300)


def test_fill_is_marked_in_a_sample(tmp_path):
    values = np.ones(SHAPE, "f4")
    values[:, :250] = 0
    stored, valid = sample(write(tmp_path / "x.tif", values))
    np.testing.assert_array_equal(valid, stored == 1)
    assert valid.mean() == pytest.approx(0.5, abs=0.01)


def test_values_between_the_strips_are_found_if_there_are_no_others(tmp_path):
    values = np.zeros(SHAPE, "u2")
    values[600:760] = 7
    stored, valid = sample(write(tmp_path / "x.tif", values))
    assert valid.mean() == pytest.approx(160 / 5000, rel=0.2)
    assert set(np.unique(stored)) == {0, 7}
