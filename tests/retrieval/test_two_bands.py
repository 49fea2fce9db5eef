"""Retrievals with both thermal bands: the ground is found, from every way to give a scene and its emissivity."""

import numpy as np
import pytest
import rasterio

from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, ModelError, SceneError
from lst_raster.inputs.emissivity.merge import choose_emissivity, open_emissivity
from lst_raster.inputs.emissivity.tables import components, relation_to_first
from lst_raster.inputs.resolve import choose_bands
from lst_raster.product.check import check_product
from lst_raster.retrieval.masks import choose_masking
from lst_raster.retrieval.neighbourhood import neighbourhood_fields
from tests.support.factories import FULL_PRECISION, STATE, STEM, make_scene, ramp, write_raster
from tests.support.two_band_scenes import make_two_band_scene

GROUND = ramp(285.0, 305.0)
GIVEN = {**STATE, "emissivity": 0.97, "form": FULL_PRECISION}
L7 = "LE07_L1TP_107068_20220310_20220405_02_T1"
UNCORRECTED = "LC80200392015200LGN00"
WIDE = {"transform": rasterio.Affine(600, 0, 452475, 0, -600, 3408645)}  # a small raster of 36 by 42 km


def read(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


def uncertainty_of(product):
    (path,) = (path for path in product.files if path.name.endswith("_UNC.tif"))
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("sensor", ["landsat8-b10", "landsat9-b10"])
def test_the_ground_is_found_in_every_pixel(tmp_path, sensor):
    stem = STEM.replace("LC08", f"LC0{sensor[7]}")
    path = make_two_band_scene(tmp_path / "in", lst=GROUND, sensor=sensor, stem=stem)
    product = retrieve(path, output=tmp_path, **GIVEN)
    assert product.tags["model"] == f"{sensor}/dual"
    assert product.tags["second_input"] == f"{stem}_B11.TIF"
    assert product.tags["second_sensor"] == sensor.replace("b10", "b11")
    np.testing.assert_allclose(read(product), GROUND, atol=0.05)
    assert "difference" not in product.warnings


def test_a_scene_and_its_model_at_every_pixel_give_the_same(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=GROUND, **WIDE)
    coarse, exact = (retrieve(path, output=tmp_path / f"{e}.tif", exact=e, **GIVEN) for e in (False, True))
    np.testing.assert_allclose(read(coarse), read(exact), atol=0.01)
    uncertainties = [uncertainty_of(product) for product in (coarse, exact)]
    np.testing.assert_allclose(*uncertainties, atol=0.01)
    assert 0.3 < np.median(uncertainties[0]) < 1.5


def test_one_band_is_used_where_that_is_said_or_a_band_is_chosen(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND)
    whole = Scene.open(path)
    assert choose_bands(whole).second.sensor == "landsat8-b11"
    assert choose_bands(whole, "one").second is None
    chosen = Scene.open(path, band="10")
    assert choose_bands(chosen).second is None
    assert choose_bands(chosen, "both").second is not None
    assert choose_bands(Scene.open(tmp_path, band="11")).second is None
    assert choose_bands(whole, model="landsat8-b10/surface").second is None
    assert choose_bands(chosen, model="landsat8-b10/dual").second is not None
    assert not choose_bands(whole).files.notes
    both = whole.with_second_band()
    assert choose_bands(both, "one").second is None
    assert choose_bands(both, model="landsat8-b10/surface").second is None
    assert choose_bands(both).second is both.second


def test_products_before_the_collections_have_stray_light_and_use_one_band(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND, stem=UNCORRECTED, mtl=False)
    scene = choose_bands(Scene.open(path))
    assert scene.second is None
    assert "band 11 is not used, and its stray light is not known to be corrected" in scene.files.notes[0]
    assert "--bands both" in scene.files.notes[0]
    assert not choose_bands(Scene.open(path), "one").files.notes
    both = choose_bands(Scene.open(path), "both")
    assert both.second is not None
    assert both.stray_light == 2.0
    assert "is used, and its stray light is not known to be corrected" in both.files.notes[0]
    named = make_two_band_scene(tmp_path / "named", lst=GROUND, mtl=False)
    assert choose_bands(Scene.open(named)).second is not None


def test_without_its_file_the_second_band_is_left_out_or_missed(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND)
    (tmp_path / f"{STEM}_B11.TIF").unlink()
    assert choose_bands(Scene.open(path)).second is None
    with pytest.raises(SceneError, match=r"has no band 11 of .*add the file, or leave out --bands both"):
        choose_bands(Scene.open(path), "both")
    with pytest.raises(SceneError, match="landsat7-b6 is not the first of two thermal bands"):
        other = make_scene(tmp_path, lst=GROUND, sensor="landsat7-b6", name=f"{L7}_B6_VCID_1.TIF")
        choose_bands(Scene.open(other), "both")
    with pytest.raises(InputError, match="bands is 'three'; give one of auto, both, one"):
        choose_bands(Scene.open(path), "three")
    with pytest.raises(
        InputError, match="the model landsat8-b10/surface uses one thermal band; leave out --bands both"
    ):
        choose_bands(Scene.open(path), "both", "landsat8-b10/surface")
    with pytest.raises(ModelError, match="no model 'landsat8-b10/triple'"):
        choose_bands(Scene.open(path), model="landsat8-b10/triple")


def test_a_second_band_on_another_grid_is_an_error(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND)
    write_raster(tmp_path / f"{STEM}_B11.TIF", np.full((30, 70), 25_000, "uint16"))
    with pytest.raises(
        SceneError, match="are on different grids; give bands of one product; or use one band: --bands one"
    ):
        retrieve(path, output=tmp_path, **GIVEN)
    assert not list(tmp_path.glob("*LST*"))


def test_pixels_without_a_value_in_one_band_have_none(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=GROUND)
    second = tmp_path / "in" / f"{STEM}_B11.TIF"
    with rasterio.open(second, "r+") as dataset:
        numbers = dataset.read(1)
        numbers[5, :10], numbers[6, :10] = 0, 65_535
        dataset.write(numbers, 1)
    temperature = read(retrieve(path, output=tmp_path, **GIVEN))
    assert np.isnan(temperature[5:7, :10]).all()
    assert np.isnan(temperature).sum() == 20


def test_where_there_is_no_temperature_there_is_no_uncertainty(tmp_path):
    ground = GROUND.copy()
    ground[:30] = 150.5  # near the limit of a solution
    product = retrieve(make_two_band_scene(tmp_path / "in", lst=ground), output=tmp_path, **GIVEN)
    np.testing.assert_array_equal(np.isnan(read(product)), np.isnan(uncertainty_of(product)))
    assert all(finding.outcome != "failed" for finding in check_product(product.path))


def test_a_scene_without_a_pixel_in_both_bands_is_an_error(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND)
    write_raster(tmp_path / f"{STEM}_B11.TIF", np.zeros(GROUND.shape, "uint16"))
    with pytest.raises(SceneError):
        retrieve(path, output=tmp_path / "out", **GIVEN)
    assert not (tmp_path / "out").exists()


def test_with_levels_the_model_of_both_bands_and_levels_is_used(tmp_path):
    scene = choose_bands(Scene.open(make_two_band_scene(tmp_path, lst=GROUND)), model="landsat8-b10/dual-profile")
    assert scene.second is not None


def test_the_neighbourhood_has_the_differences_of_both_bands(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND)
    scene = choose_bands(Scene.open(path))
    masking = choose_masking(scene, clouds=True, dilation=0.0)
    fields = {one.quantity.name: one for one in neighbourhood_fields(scene, choose_emissivity(scene, 0.96), masking)}
    assert fields["neighbourhood_emissivity"].source == pytest.approx(0.96)
    relation = relation_to_first("landsat8-b11")
    assert fields["emissivity_difference"].source == pytest.approx(0.0047 + 0.277 * 0.01, abs=1e-6)
    assert fields["emissivity_difference_uncertainty"].source == pytest.approx(
        np.hypot(relation.uncertainty, 0.277 * 0.01), abs=1e-5
    )
    assert 0.1 < fields["brightness_temperature_difference"].source < 3.0
    assert fields["brightness_temperature_difference_uncertainty"].source == pytest.approx(0.41, abs=0.02)


def test_every_source_has_an_emissivity_of_the_second_band(tmp_path):
    path = make_two_band_scene(tmp_path, lst=GROUND)
    shape = GROUND.shape
    for suffix, value in (("B4", 9000), ("B5", 18_000)):
        write_raster(tmp_path / f"{STEM}_{suffix}.TIF", np.full(shape, value, "uint16"))
    mtl = tmp_path / f"{STEM}_MTL.txt"
    extra = "".join(f"REFLECTANCE_MULT_BAND_{n} = 2.0E-05\nREFLECTANCE_ADD_BAND_{n} = -0.1\n" for n in (4, 5))
    mtl.write_text(mtl.read_text().replace("END\n", f"{extra}SUN_ELEVATION = 60.0\nEND\n", 1))
    quality = np.full(shape, 21_824, "uint16")
    quality[:20] = 21_952  # water
    write_raster(tmp_path / f"{STEM}_QA_PIXEL.TIF", quality)
    write_raster(tmp_path / "cover.tif", np.full(shape, 60, "uint8"))  # bare
    write_raster(tmp_path / "given.tif", np.full(shape, 0.95, "float32"))
    scene = choose_bands(Scene.open(path))
    table, second = components("landsat8-b10"), components("landsat8-b11")
    whole = rasterio.windows.Window(0, 0, shape[1], shape[0])
    for given, expected in (
        (["quality", 0.97], second["water"].emissivity - table["water"].emissivity),
        (f"landcover:{tmp_path}/cover.tif", None),
        ("ndvi", second["water"].emissivity - table["water"].emissivity),
        (tmp_path / "given.tif", 0.0047 + 0.277 * 0.02),
    ):
        with open_emissivity(choose_emissivity(scene, given), scene) as reader:
            found = reader(whole)
        difference = np.broadcast_to(found.second - found.value, shape)
        assert np.isfinite(difference).all(), given
        assert (np.abs(difference) < 0.02).all(), given
        assert np.nanmax(found.difference_uncertainty) < 0.008
        if expected is not None:
            assert difference[0, 0] == pytest.approx(expected, abs=1e-5), given


def test_both_bands_are_less_uncertain_than_one(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=GROUND)
    nothing = {"emissivity": 0.97, "form": FULL_PRECISION}
    both, one = (retrieve(path, output=tmp_path / f"{name}.tif", bands=name, **nothing) for name in ("both", "one"))
    assert (uncertainty_of(both) < 0.8 * uncertainty_of(one)).all()
    assert "dual" in both.tags["model"]
    assert "surface" in one.tags["model"]
    assert "second_input" not in one.tags
    assert both.tags["uncertainty_parts"].startswith("sensor")
    assert 0.3 < float(both.tags["systematic_uncertainty"].split()[1]) < 1.2


def test_where_no_source_has_an_emissivity_there_is_no_temperature(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=np.full((600, 30), 300.0))
    emissivity = np.full((600, 30), np.nan, "float32")
    emissivity[:100] = 0.97
    given = write_raster(tmp_path / "emissivity.tif", emissivity)
    temperature = read(retrieve(path, output=tmp_path / "lst.tif", **{**GIVEN, "emissivity": given}))
    assert np.isfinite(temperature[:100]).all()
    assert np.isnan(temperature[100:]).all()


def test_where_the_elevation_is_missing_there_is_no_temperature(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=np.full((600, 30), 300.0))
    elevation = np.full((600, 30), np.nan, "float32")
    elevation[:100] = np.linspace(0.0, 400.0, 100)[:, None]
    dem = write_raster(tmp_path / "dem.tif", elevation)
    product = retrieve(path, output=tmp_path / "lst.tif", emissivity=0.97, dem=dem)
    temperature = read(product)
    assert np.isfinite(temperature[:100]).all()
    assert np.isnan(temperature[100:]).all()
