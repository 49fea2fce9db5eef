"""The brightness temperature around the pixels: of clear ground, smooth, and blind to single pixels."""

import numpy as np
import pytest
import rasterio

from lst_raster import Scene, retrieve
from lst_raster.errors import SceneError
from lst_raster.inputs.resolve import resolve_inputs
from lst_raster.io.coarse_grid import Nodes
from lst_raster.physics.planck import brightness_temperature
from lst_raster.product.quality_flags import flag
from lst_raster.retrieval.atmosphere import CoarseAtmosphere
from lst_raster.retrieval.masks import choose_masking
from lst_raster.retrieval.neighbourhood import fill_nodes
from lst_raster.sensors.bands import sensor_band
from tests.support.factories import STATE, STEM, make_model, make_scene, ramp, write_raster
from tests.support.neighbourhoods import neighbourhood_of

PLANCK = sensor_band("landsat8-b10").planck
WIDE = {"transform": rasterio.Affine(300, 0, 452475, 0, -300, 3408645)}
"""Pixels of 300 m, so that a small raster is a scene of 100 km."""
SHAPE = (340, 350)
CLEAR, CLOUD = 21824, 22280  # QA_PIXEL of Collection 2


def opened(folder, lst, cloud=None, **raster):
    """A scene with the surface temperature `lst`, and clouds of 230 K in its quality band where `cloud` is True."""
    clouded = lst if cloud is None else np.where(cloud, 230.0, lst)
    path = make_scene(folder, lst=clouded, emissivity=1.0, atmosphere={**STATE, "water_vapour": 0.5}, **raster)
    if cloud is not None:
        write_raster(folder / f"{STEM}_QA_PIXEL.TIF", np.where(cloud, CLOUD, CLEAR).astype("u2"), **raster)
    return Scene.open(path)


def around(scene, **options):
    return neighbourhood_of(scene, choose_masking(scene, clouds=True, dilation=0.0), **options)


def seen(scene):
    """Brightness temperature of every pixel."""
    with rasterio.open(scene.place.location) as dataset:
        return brightness_temperature(scene.read(dataset).radiance.astype(float), PLANCK)


def test_a_small_scene_has_one_value_that_of_its_clear_pixels(tmp_path):
    cloud = ramp(0, 1) > 0.6
    scene = opened(tmp_path, ramp(280, 300), cloud)
    field = around(scene)
    assert (field.origin, field.quantity.units) == ("scene", "K")
    assert field.source == pytest.approx(np.median(seen(scene)[~cloud]), abs=0.5)
    assert field.source > np.median(seen(scene)) + 2.0


def test_clouds_of_the_quality_band_are_left_out_also_where_they_are_kept(tmp_path):
    cloud = ramp(0, 1) > 0.3
    scene = opened(tmp_path, ramp(280, 300))
    assert around(scene).source == pytest.approx(np.median(seen(scene)), abs=0.5)
    cloudy = opened(tmp_path / "cloudy", ramp(280, 300), cloud)
    masked = neighbourhood_of(cloudy, choose_masking(cloudy, clouds=False, dilation=0.0))
    assert masked.source == pytest.approx(around(cloudy).source)  # the quality band has them, masked or not


def test_nodes_of_a_large_scene_follow_the_ground_from_a_few_rows_as_from_all(tmp_path):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ground = 280.0 + 0.03 * rows + 0.04 * columns
    rough = np.random.default_rng(3).normal(0.0, 1.5, SHAPE)
    scene = opened(tmp_path, ground + rough, **WIDE)
    field = around(scene)
    assert isinstance(field.source, Nodes) and field.source.values.shape == (4, 4)
    assert (field.source.rows[0], field.source.rows[-1]) == (0.0, SHAPE[0])
    smooth = seen(opened(tmp_path / "smooth", ground, **WIDE))
    for i, (top, bottom) in enumerate(((0, 57), (57, 170), (170, 283), (283, 340))):
        for j, (left, right) in enumerate(((0, 58), (58, 175), (175, 292), (292, 350))):
            whole = np.median(smooth[top:bottom, left:right])
            assert field.source.values[i, j] == pytest.approx(whole, abs=1.0), (i, j)
    assert field.source.values.tolist() == around(scene, threads=3).source.values.tolist()


def test_a_node_under_clouds_has_the_mean_of_its_neighbours(tmp_path):
    cloud = np.zeros(SHAPE, bool)
    cloud[:, 58:175] = True  # the second column of nodes
    columns = np.broadcast_to(280.0 + 0.04 * np.arange(SHAPE[1]), SHAPE)
    values = around(opened(tmp_path, columns, cloud, **WIDE)).source.values
    np.testing.assert_allclose(values[:, 1], 0.5 * (values[:, 0] + values[:, 2]))
    assert np.ptp(values[:, 0]) < 0.05 and (values[:, 2] - values[:, 0] > 5.0).all()


def test_missing_nodes_are_filled_outwards_and_a_grid_without_any_stays_empty():
    values = np.full((3, 4), np.nan)
    assert np.isnan(fill_nodes(values)).all()
    values[0, 0], values[2, 3] = 280.0, 290.0
    filled = fill_nodes(values)
    assert filled[0, 1] == filled[1, 0] == 280.0 and filled[1, 3] == filled[2, 2] == 290.0
    assert filled[1, 1] == 280.0 and np.isfinite(filled).all()
    assert (values[0, 0], np.isnan(values).sum()) == (280.0, 10)  # the argument is unchanged


def test_where_no_strip_is_clear_all_rows_are_read(tmp_path):
    cloud = np.ones(SHAPE, bool)
    cloud[10:16, :40] = False  # between the strips
    scene = opened(tmp_path, np.full(SHAPE, 290.0), cloud, blockysize=4, **WIDE)
    values = around(scene).source.values
    np.testing.assert_allclose(values, np.median(seen(scene)[10:16, :40]), atol=0.05)


@pytest.mark.parametrize("shape", [(60, 70), SHAPE])
def test_a_scene_all_of_cloud_is_reported_as_such(tmp_path, shape, model_path):
    raster = {} if shape == (60, 70) else WIDE
    scene = opened(tmp_path, np.full(shape, 290.0), np.ones(shape, bool), **raster)
    with pytest.raises(SceneError, match="every pixel is masked as cloud"):
        retrieve(scene, output=tmp_path, model=model_path, emissivity=0.97, **STATE)


@pytest.fixture
def seeing(tmp_path):
    """A model whose optical depth depends on the brightness temperature around the pixel."""
    return make_model(tmp_path / "seeing" / "model.onnx", sensitivity={"brightness_temperature": 2e-3})


def solved(scene, model, output, **options):
    product = retrieve(scene, output=output, model=model, emissivity=0.97, **STATE, **options)
    with rasterio.open(product.path) as dataset:
        return dataset.read(1), product


def test_a_single_pixel_does_not_change_the_atmosphere_of_any(tmp_path, seeing):
    ground = ramp(285.0, 300.0)
    hot = ground.copy()
    hot[20, 24] += 40.0  # a fire, in a row and column that are sampled
    (before, _), (after, _) = (
        solved(opened(tmp_path / name, values), seeing, tmp_path / f"{name}.tif")
        for name, values in (("plain", ground), ("fire", hot))
    )
    assert after[20, 24] > before[20, 24] + 30.0
    others = np.ones(ground.shape, bool)
    others[20, 24] = False
    assert np.abs(after - before)[others].max() < 0.01


def test_the_atmosphere_follows_the_neighbourhood_and_is_interpolated_within_a_hundredth_of_a_kelvin(tmp_path, seeing):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    texture = 4.0 * ((rows // 5 + columns // 7) % 2)
    scene = opened(tmp_path, 285.0 + 0.05 * rows + texture, **WIDE)
    coarse, product = solved(scene, seeing, tmp_path / "coarse.tif")
    exact, _ = solved(scene, seeing, tmp_path / "exact.tif", exact=True)
    assert np.sqrt(np.mean((coarse - exact) ** 2)) < 0.01
    assert product.tags["air"].startswith("interpolated between 4x4 nodes")
    assert product.tags["brightness_temperature"].startswith("clear pixels around 4x4 nodes, mean 29")
    inputs = resolve_inputs(scene, STATE, seeing).with_neighbourhood(around(scene))
    level = CoarseAtmosphere.over(inputs, scene.grid, uncertainty=False).level(0.0)
    assert (np.diff(level[0], axis=0) < 0.0).all()  # warmer to the south: deeper


@pytest.mark.slow
def test_between_a_cold_and_a_warm_node_there_are_further_ones_where_the_model_is_not_linear(tmp_path):
    coast = np.where(np.arange(SHAPE[1]) < 180, 286.0, 314.0) * np.ones(SHAPE)
    scene = opened(tmp_path / "in", coast, **WIDE)
    scene = Scene.open(scene.place.location, date="2020-07-15T16:00")
    coarse = retrieve(scene, output=tmp_path / "coarse.tif", emissivity=0.97)
    exact = retrieve(scene, output=tmp_path / "exact.tif", emissivity=0.97, exact=True)
    with rasterio.open(coarse.path) as one, rasterio.open(exact.path) as other:
        difference = one.read(1) - other.read(1)
    assert np.sqrt(np.nanmean(difference**2)) < 0.01 and np.nanmax(np.abs(difference)) < 0.05
    assert not any("coarse" in line for line in coarse.warnings)


def test_a_few_clear_pixels_between_clouds_do_not_make_a_node(tmp_path):
    cloud = np.zeros(SHAPE, bool)
    cloud[:, 58:175] = True  # the second column of nodes
    cloud[::4, 100] = False
    ground = np.full(SHAPE, 290.0)
    ground[:, 100] = 262.0  # undetected edges of clouds
    values = around(opened(tmp_path, ground, cloud, **WIDE)).source.values
    assert values[:, 1].min() > 287.0


def test_colder_than_any_ground_is_no_solution(tmp_path, model_path):
    ground = np.full((60, 70), 290.0)
    ground[:, :20] = 215.0  # clouds, which the scene has no quality band to mask
    path = make_scene(tmp_path / "in", lst=ground, emissivity=1.0, atmosphere={**STATE, "water_vapour": 0.5})
    product = retrieve(path, output=tmp_path, model=model_path, emissivity=0.97, **{**STATE, "water_vapour": 60.0})
    with rasterio.open(product.path) as dataset:
        found = dataset.read(1)
    with rasterio.open(product.path.with_name(product.path.name.replace("_LST", "_LST_QA"))) as dataset:
        bits = dataset.read(1)
    cold = np.isnan(found)
    assert cold[:, :20].all() or np.nanmin(found) > 150.0
    assert (bits[cold] & flag("no_solution").mask).all() and np.isfinite(found[:, 20:]).all()
