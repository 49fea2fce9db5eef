"""Level-2 products: their terms read, refused where they are not what they should be, and solved again."""

import json
import re
import shutil
import tarfile

import numpy as np
import pytest
import rasterio
from rasterio import Affine

import lst_raster
from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError, ModelError, SceneError
from lst_raster.inputs.emissivity.merge import choose_emissivity
from lst_raster.inputs.emissivity.source import UNCERTAINTY
from lst_raster.io.level2_scene import Level2Scene, find_level2_emissivity
from lst_raster.io.quality_band import COLLECTION_2, find_quality
from lst_raster.io.reflectance import find_reflectance
from lst_raster.physics.calibration import temperature_change_by_downwelling
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.sensors.bands import sensor_band
from tests.support.factories import STATE, make_model, make_scene, ramp, write_raster
from tests.support.level2_scenes import AIR, STEMS, make_level2
from tests.support.shared import shared_path

REAL = {
    "clear in parts": ("LC08_L2SP_098084_20210503_20210508_02_T1", "LC08_L2SP_098084_20210503_20210508_02_T1"),
    "all cloud": ("l8_l2sp_017036", "LC08_L2SP_017036_20130419_20200913_02_T2"),
}
STEM = STEMS["landsat8-b10"]
_NOT_CLEAR = 0b11111  # QA_PIXEL: fill, dilated cloud, cirrus, cloud, cloud shadow


def solve(path, output, downwelling="corrected", **options):
    """Temperature of a repeated retrieval with clouds, and the tags of its file."""
    scene = Level2Scene.open(path, downwelling=downwelling)
    product = lst_raster.retrieve(scene, output=output / "again.tif", mask_clouds=False, overwrite=True, **options)
    return numbers(product.path), product


def numbers(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1).astype(np.float64)


def usgs_temperature(folder, stem=STEM, band="B10"):
    stored = numbers(folder / f"{stem}_ST_{band}.TIF")
    return np.where(stored > 0, stored * 0.00341802 + 149.0, np.nan)


@pytest.mark.slow
@pytest.mark.parametrize("sensor", STEMS)
def test_a_product_of_every_satellite_gives_the_true_temperature(tmp_path, sensor):
    lst = ramp(265, 330)
    fill = np.zeros(lst.shape, bool)
    fill[:5] = True
    make_level2(tmp_path / "in", sensor=sensor, lst=lst, emissivity=ramp(0.90, 0.99), fill=fill)
    solved, product = solve(tmp_path / "in", tmp_path)
    assert product.tags["sensor"] == sensor
    assert np.isnan(solved[fill]).all()
    assert np.abs(solved - lst)[~fill].max() < 0.05
    assert product.warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["MTL.txt", "ST_B10.TIF", "ST_TRAD.TIF", "tar", "no metadata", "lower case"])
def test_a_product_in_every_form_is_the_same_product(tmp_path, form):
    folder = make_level2(tmp_path / "product", lst=ramp(280, 300))
    path = folder / f"{STEM}_{form}" if form[:2] in ("MT", "ST") else folder
    if form == "tar":
        path = tmp_path / "product.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(folder, "product")
    if form == "no metadata":
        (folder / f"{STEM}_MTL.txt").unlink()
    if form == "lower case":
        for file in list(folder.iterdir()):
            file.rename(folder / file.name.lower())
    scene = Level2Scene.open(path)
    assert (scene.sensor, str(scene.date), scene.files.name.band) == ("landsat8-b10", "2015-07-19", "B10")
    assert (scene.date.time is None) == (form == "no metadata")
    assert find_quality(scene.files, scene.grid).layout is COLLECTION_2
    assert np.abs(solve(path, tmp_path)[0] - ramp(280, 300)).max() < 0.05


def test_usgs_temperature_comes_from_st_drad_unchanged(tmp_path):
    folder = make_level2(tmp_path / "in", lst=ramp(270, 320), emissivity=0.93)
    own, product = solve(folder, tmp_path, downwelling="usgs")
    assert np.median(np.abs(own - usgs_temperature(folder))) < 0.02
    assert np.abs(own - usgs_temperature(folder)).max() < 0.05
    assert (usgs_temperature(folder) - ramp(270, 320)).min() > 0.8  # what the correction is for
    assert product.tags["atmosphere"] == "ST_ATRAN, ST_URAD, ST_DRAD as it stands"


def test_the_product_records_its_processing(tmp_path):
    folder = make_level2(tmp_path / "in")
    tags = solve(folder, tmp_path)[1].tags
    assert tags["atmosphere"] == "ST_ATRAN, ST_URAD, pi ST_DRAD"
    assert tags["model"] == "none: the terms of a Level-2 product"
    assert tags["emissivity"] == f"st-emis ({STEM}_ST_EMIS.TIF) (the product's own)"
    assert tags["calibration"] == "gain 0.001, offset 0 (ST_TRAD)"
    assert tags["input"] == f"{STEM}_ST_TRAD.TIF"
    assert tags["emissivity_pixels"] == f"st-emis ({STEM}_ST_EMIS.TIF) 4200"
    assert solve(folder, tmp_path, emissivity=0.95)[1].tags["emissivity"] == "0.95 (given)"


def test_the_emissivity_that_is_given_takes_the_place_of_the_product_s(tmp_path):
    folder = make_level2(tmp_path / "in", lst=ramp(280, 310), emissivity=0.94)
    with_own, _ = solve(folder, tmp_path)
    assert np.abs(solve(folder, tmp_path, emissivity=0.94)[0] - with_own).max() < 1e-3
    planck = sensor_band("landsat8-b10").planck
    radiance = AIR[0] * (0.94 * band_radiance(ramp(280, 310), planck) + 0.06 * AIR[2]) + AIR[1]
    expected = surface_temperature(radiance, 0.98, *AIR, planck)
    assert np.abs(solve(folder, tmp_path, emissivity=0.98)[0] - expected).max() < 0.05
    assert np.abs(expected - with_own).min() > 0.5


def test_clouds_of_the_product_are_masked(tmp_path):
    cloud = np.zeros((60, 70), bool)
    cloud[10:20, 30:40] = True
    folder = make_level2(tmp_path / "in", cloud=cloud)
    product = lst_raster.retrieve(Level2Scene.open(folder), output=tmp_path)
    assert product.path.name == f"{STEM}_LST.tif"
    assert (np.isnan(numbers(product.path)) == cloud).all()


def test_values_that_cannot_be_are_no_values(tmp_path):
    folder = make_level2(tmp_path / "in")
    for row, (suffix, values) in enumerate(
        {"ST_ATRAN": (0, 10001, -9999, 10000), "ST_DRAD": (0, -1, 32000, 1)}.items()
    ):
        path = folder / f"{STEM}_{suffix}.TIF"
        stored = numbers(path).astype("int16")
        stored[row, :4] = values
        write_raster(path, stored)  # and without its nodata tag
    solved, _ = solve(folder, tmp_path)
    assert np.isnan(solved[0, :4]).tolist() == [True, True, True, False]
    assert np.isnan(solved[1, :4]).all()
    assert np.isfinite(solved[2:]).all()


def test_a_product_without_emissivity_needs_one_and_says_so(tmp_path):
    folder = make_level2(tmp_path / "in", lst=ramp(280, 300), emissivity=0.95)
    remove(folder, "ST_EMIS")
    assert np.abs(solve(folder, tmp_path, emissivity=0.95)[0] - ramp(280, 300)).max() < 0.05
    assert "no emissivity given: 0.97 everywhere" in solve(folder, tmp_path)[1].warnings[0]
    with pytest.raises(SceneError, match=f"has no {STEM}_ST_EMIS.TIF; add it"):
        find_level2_emissivity(folder)
    with pytest.raises(InputError, match="has no ST_EMIS; give the Level-2 product, st-emis:PATH"):
        solve(folder, tmp_path, emissivity="st-emis")


def test_what_has_no_use_with_a_level_2_product_is_refused(tmp_path):
    folder = make_level2(tmp_path / "in")
    with pytest.raises(InputError, match=r"takes no water vapour, model, dem; leave these options out"):
        solve(folder, tmp_path, water_vapour=20.0, model="landsat8-b10/surface", dem=300.0)
    with pytest.raises(InputError, match=r"takes no reanalysis; leave these options out"):
        solve(folder, tmp_path, reanalysis=["era5.nc"])
    assert not list(tmp_path.glob("*.tif"))


def remove(folder, suffix):
    (folder / f"{STEM}_{suffix}.TIF").unlink()


def overwrite(folder, suffix, values, **profile):
    write_raster(folder / f"{STEM}_{suffix}.TIF", values, **profile)


WRONG = {
    "one term missing": (lambda f: remove(f, "ST_DRAD"), SceneError, f"lacks {STEM}_ST_DRAD.TIF, terms of the"),
    "two terms missing": (
        lambda f: (remove(f, "ST_ATRAN"), remove(f, "ST_URAD")), SceneError, "_ST_ATRAN.TIF, .*_ST_URAD.TIF",
    ),
    "already scaled": (
        lambda f: overwrite(f, "ST_ATRAN", np.full((60, 70), 0.72, "float32")), SceneError,
        r"ST_ATRAN.TIF has values such as 0.72; times the product's scale of 0.0001 .* digital numbers",
    ),
    "another grid": (
        lambda f: overwrite(f, "ST_URAD", np.full((30, 70), 2100, "int16")), GridMismatchError,
        r"ST_URAD .* is EPSG.*; all bands of a Level-2 product have the same grid: give the files as published$",
    ),
    "another grid of the emissivity": (
        lambda f: overwrite(f, "ST_EMIS", np.full((30, 70), 9600, "int16")), GridMismatchError, "ST_EMIS",
    ),
    "two products": (
        lambda f: make_level2(f, sensor="landsat9-b10"), SceneError, "has 2 Level-2 products .* give the .*_MTL.txt",
    ),
    "damaged": (
        lambda f: (f / f"{STEM}_ST_TRAD.TIF").write_bytes((f / f"{STEM}_ST_TRAD.TIF").read_bytes()[:200]),
        SceneError, "ST_TRAD.*truncated or damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_product_that_cannot_be_solved_again_is_refused(tmp_path, what):
    spoil, error, message = WRONG[what]
    make_level2(tmp_path / "in")
    spoil(tmp_path / "in")
    with pytest.raises(error, match=message):
        solve(tmp_path / "in", tmp_path)
    assert not list(tmp_path.glob("*.tif"))


def test_one_of_two_products_in_a_folder_is_named_by_its_metadata(tmp_path):
    make_level2(tmp_path)
    make_level2(tmp_path, sensor="landsat9-b10")
    assert Level2Scene.open(tmp_path / f"{STEMS['landsat9-b10']}_MTL.txt").sensor == "landsat9-b10"
    assert Level2Scene.open(tmp_path / f"{STEM}_ST_EMIS.TIF").sensor == "landsat8-b10"


def test_what_the_user_states_of_a_product_is_checked(tmp_path):
    make_level2(tmp_path)
    assert Level2Scene.open(tmp_path, band="10", sensor="landsat8-b10").sensor == "landsat8-b10"
    assert str(Level2Scene.open(tmp_path, date="2015-07-18").date) == "2015-07-18"
    with pytest.raises(SceneError, match="is not made from band 11; leave out the band"):
        Level2Scene.open(tmp_path, band="11")
    with pytest.raises(SceneError, match="--sensor is landsat9-b10, but the metadata"):
        Level2Scene.open(tmp_path, sensor="landsat9-b10")


def test_products_of_other_levels_say_that_they_have_no_terms(tmp_path):
    path = make_scene(tmp_path / "level 1", lst=ramp(280, 300))
    for name in (path.parent, next(path.parent.glob("*_MTL.txt"))):
        with pytest.raises(SceneError, match="has the level L1TP, not L2SP: the product has no terms"):
            Level2Scene.open(name)
    with pytest.raises(SceneError, match="is not a file of a Level-2 product"):
        Level2Scene.open(path)
    reflectance = make_level2(tmp_path / "reflectance", level="L2SR")
    for file in reflectance.glob("*_ST_*"):
        file.unlink()
    with pytest.raises(SceneError, match="has the level L2SR: the product has surface reflectance only"):
        Level2Scene.open(reflectance)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SceneError, match="has no terms of a Level-2 product"):
        Level2Scene.open(tmp_path / "empty")
    with pytest.raises(InputNotFoundError, match="does not exist"):
        Level2Scene.open(tmp_path / "nowhere")


def test_files_of_a_product_may_be_renamed_to_the_names_in_the_metadata(tmp_path):
    folder = make_level2(tmp_path / "in", lst=ramp(280, 300))
    mtl = folder / f"{STEM}_MTL.txt"
    mtl.write_text(re.sub(r'FILE_NAME_EMISSIVITY = "[^"]*"', 'FILE_NAME_EMISSIVITY = "own.TIF"', mtl.read_text()))
    shutil.move(folder / f"{STEM}_ST_EMIS.TIF", folder / "own.TIF")
    assert Level2Scene.open(folder).emissivity.value.name == "own.TIF"
    assert np.abs(solve(folder, tmp_path)[0] - ramp(280, 300)).max() < 0.05


@pytest.mark.parametrize("form", ["folder", "ST_EMIS.TIF", "MTL.txt"])
def test_the_product_s_emissivity_serves_the_level_1_scene_too(tmp_path, form):
    hole = np.zeros((60, 70), bool)
    hole[3, 4:9] = True
    emissivity = ramp(0.91, 0.99)
    folder = make_level2(tmp_path / "level 2", emissivity=emissivity, fill=hole)
    path = make_scene(tmp_path / "level 1", lst=ramp(280, 300), emissivity=emissivity)
    source = f"st-emis:{folder if form == 'folder' else folder / f'{STEM}_{form}'}"
    given = {"model": make_model(tmp_path / "model.onnx"), **STATE, "emissivity": [source, 0.95]}
    product = lst_raster.retrieve(path, output=tmp_path / "out.tif", **given)
    assert np.abs(numbers(product.path) - ramp(280, 300))[~hole].max() < 0.05
    assert np.isfinite(numbers(product.path)[hole]).all()
    assert product.tags["emissivity_pixels"] == f"st-emis ({STEM}_ST_EMIS.TIF) 4195, 0.95 5"
    with pytest.raises(InputError, match="has no ST_EMIS"):
        lst_raster.retrieve(path, output=tmp_path / "no.tif", **{**given, "emissivity": "st-emis"})


def test_the_product_s_emissivity_brings_its_uncertainty(tmp_path):
    hole = np.zeros((60, 70), bool)
    hole[3, 4] = True
    folder = make_level2(tmp_path, fill=hole)
    scene = Level2Scene.open(folder)
    with choose_emissivity(scene, None).sources[0].open(scene) as read:
        estimate = read(((0, 60), (0, 70)))
    assert np.allclose(estimate.uncertainty[~hole], 0.012)
    assert np.isnan([estimate.value[3, 4], estimate.uncertainty[3, 4]]).all()
    remove(folder, "ST_EMSD")
    scene = Level2Scene.open(folder)
    with choose_emissivity(scene, "st-emis").sources[0].open(scene) as read:
        assert np.allclose(read(((0, 60), (0, 70))).uncertainty[~hole], UNCERTAINTY)


def test_a_product_s_emissivity_on_another_grid_is_refused_or_warped(tmp_path):
    folder = make_level2(tmp_path / "level 2", emissivity=0.93)
    coarse = np.full((30, 35), 9300, "int16")
    for suffix in ("ST_EMIS", "ST_EMSD"):
        overwrite(folder, suffix, coarse, transform=Affine(60, 0, 452475, 0, -60, 3408645), nodata=-9999)
    path = make_scene(tmp_path / "level 1", lst=ramp(280, 300), emissivity=0.93)
    given = {"model": make_model(tmp_path / "model.onnx"), **STATE, "emissivity": f"st-emis:{folder}"}
    with pytest.raises(GridMismatchError, match=r"ST_EMIS .* pass --align"):
        lst_raster.retrieve(path, output=tmp_path / "out.tif", **given)
    product = lst_raster.retrieve(path, output=tmp_path / "out.tif", align=True, **given)
    assert np.abs(numbers(product.path) - ramp(280, 300)).max() < 0.05
    scene = Level2Scene.open(folder)
    with pytest.raises(GridMismatchError, match=r"ST_EMIS .* pass --align"):
        lst_raster.retrieve(scene, output=tmp_path / "again.tif")
    assert lst_raster.retrieve(scene, output=tmp_path / "again.tif", align=True).retrieved > 4000


def test_vegetation_of_a_level_2_product_is_its_surface_reflectance(tmp_path):
    folder = make_level2(tmp_path / "in", lst=ramp(280, 300))
    for band, reflectance in ((4, 0.05), (5, 0.40)):
        overwrite(folder, f"SR_B{band}", np.full((60, 70), round((reflectance + 0.2) / 2.75e-5), "uint16"))
    add_reflectance(folder / f"{STEM}_MTL.txt")
    scene = Level2Scene.open(folder)
    reflectance = find_reflectance(scene, "B4", "B5", {})
    with reflectance.open(scene.grid) as read:
        red, near_infrared = read(((0, 60), (0, 70)))
    assert np.allclose(red, 0.05, atol=1e-4)
    assert np.allclose(near_infrared, 0.40, atol=1e-4)
    with_ndvi, product = solve(folder, tmp_path, emissivity="ndvi")
    assert product.tags["emissivity_pixels"].endswith("ndvi 4200")
    assert np.abs(with_ndvi - solve(folder, tmp_path, emissivity=0.987)[0]).max() < 0.02  # closed canopy


def add_reflectance(mtl):
    """Add the surface reflectance to the metadata of a product."""
    lines = [
        line
        for band in (4, 5)
        for line in (
            f'FILE_NAME_BAND_{band} = "{STEM}_SR_B{band}.TIF"',
            f"REFLECTANCE_MULT_BAND_{band} = 2.75e-05",
            f"REFLECTANCE_ADD_BAND_{band} = -0.2",
        )
    ]
    mtl.write_text(mtl.read_text().replace("    COLLECTION_NUMBER", "\n".join(lines) + "\n    COLLECTION_NUMBER"))


def test_the_command_repeats_a_retrieval_of_a_whole_product(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = make_level2(tmp_path / "in", lst=ramp(280, 300))
    code, out, err = command("retrieve", folder / f"{STEM}_ST_B10.TIF", "-q")
    assert (code, out) == (1, [])
    assert err[0].endswith("or the whole Level-2 product or its *_ST_TRAD.TIF")
    code, out, err = command("retrieve", folder, "-q", "--level-2")
    assert (code, out, err) == (0, [f"{STEM}_LST.tif"], [])
    assert np.abs(numbers(tmp_path / out[0]) - ramp(280, 300)).max() < 0.05
    code, out, _ = command("retrieve", folder, "-q", "--level-2", "--downwelling", "usgs", "--overwrite")
    assert np.abs(numbers(tmp_path / out[0]) - usgs_temperature(folder)).max() < 0.05
    code, out, err = command("retrieve", folder, "--downwelling", "usgs")
    assert code == 2
    assert "add --level-2" in err[-1]


MODEL_AIR = {"model": "model.onnx", **STATE}
"""Options of a retrieval with the atmosphere of the test model."""


def make_level2_of_model(folder, lst, emissivity=0.96, **options):
    """Write a Level-2 product whose at-sensor radiance is that of the test model; its other terms are of another."""
    path = make_scene(folder / "level 1", lst=lst, emissivity=emissivity)
    band = sensor_band("landsat8-b10")
    make_level2(folder / "level 2", lst=lst, emissivity=emissivity, **options)
    radiance = numbers(path) * band.gain + band.radiance_offset
    overwrite(folder / "level 2", "ST_TRAD", np.rint(radiance / 1e-3).astype("int16"), nodata=-9999)
    make_model(folder / "model.onnx")
    return folder / "level 2"


@pytest.mark.parametrize("form", ["folder", "MTL.txt", "ST_TRAD.TIF", "tar", "radiance only"])
def test_the_radiance_of_a_product_serves_a_model(tmp_path, monkeypatch, form):
    folder = make_level2_of_model(tmp_path, ramp(280, 320), ramp(0.92, 0.99))
    monkeypatch.chdir(tmp_path)
    path = folder / f"{STEM}_{form}" if form[:2] in ("MT", "ST") else folder
    given = {}
    if form == "tar":
        path = tmp_path / "product.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(folder, "product")
    if form == "radiance only":
        for file in folder.iterdir():
            if file.name != f"{STEM}_ST_TRAD.TIF":
                file.unlink()
        write_raster(tmp_path / "emissivity.tif", ramp(0.92, 0.99).astype("float32"))
        given = {"emissivity": "emissivity.tif"}
    product = lst_raster.retrieve(path, output=tmp_path / "out.tif", **MODEL_AIR, **given)
    assert np.abs(numbers(product.path) - ramp(280, 320)).max() < 0.05
    assert product.tags["model"] == "landsat8-b10/surface"
    assert product.tags["calibration"] == "gain 0.001, offset 0 (ST_TRAD)"
    assert product.path.with_name("out_UNC.tif") in product.files


def test_saturation_and_fill_of_the_radiance_are_those_of_the_product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = make_level2_of_model(tmp_path, ramp(280, 320))
    stored = numbers(folder / f"{STEM}_ST_TRAD.TIF").astype("int16")
    stored[0, :3] = 255, -9999, 65  # fill without a tag; an impossible number; the largest number of Landsat 5 is not
    overwrite(folder, "ST_TRAD", stored)
    scene = lst_raster.open_scene(folder)
    with rasterio.open(scene.place.address) as dataset:
        pixels = scene.read(dataset, window=((0, 1), (0, 4)))
    assert pixels.measured.tolist() == [[True, False, False, True]]
    assert not pixels.saturated.any()
    scene = lst_raster.open_scene(make_level2(tmp_path / "five", sensor="landsat5-b6"))
    saturated = np.zeros((60, 70), "uint16")
    saturated[2, 2] = 1 << 5
    write_raster(tmp_path / "five" / f"{scene.stem}_QA_RADSAT.TIF", saturated)
    make_model(tmp_path / "five.onnx", "landsat5-b6")
    given = {**STATE, "model": "five.onnx", "output": tmp_path / "five.tif"}
    product = lst_raster.retrieve(tmp_path / "five", **given)
    assert np.argwhere(np.isnan(numbers(product.path))).tolist() == [[2, 2]]
    flags = numbers(tmp_path / "five_QA.tif").astype(int)
    assert np.argwhere(flags & 1 << 5).tolist() == [[2, 2]]


def test_without_emissivity_that_of_the_product_then_its_reflectance_then_a_number_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hole = np.zeros((60, 70), bool)
    hole[3, 4:9] = True
    folder = make_level2_of_model(tmp_path, ramp(280, 320), fill=hole)
    overwrite(folder, "QA_PIXEL", np.full((60, 70), 21824, "uint16"))
    reflective = np.full((60, 70), round((0.05 + 0.2) / 2.75e-5), "uint16")
    reflective[3, 8] = 0
    for band in (4, 5):
        overwrite(folder, f"SR_B{band}", reflective, nodata=0)
    product = lst_raster.retrieve(folder, output=tmp_path / "no.tif", **MODEL_AIR)
    assert product.tags["emissivity_pixels"] == f"st-emis ({STEM}_ST_EMIS.TIF) 4195, 0.97 5"
    add_reflectance(folder / f"{STEM}_MTL.txt")
    product = lst_raster.retrieve(folder, output=tmp_path / "out.tif", **MODEL_AIR)
    names = f"st-emis ({STEM}_ST_EMIS.TIF)", "quality (water and snow)", "ndvi", "0.97"
    counts = dict(zip(names, (4195, 0, 4, 1), strict=True))
    assert product.tags["emissivity_pixels"] == ", ".join(f"{name} {count}" for name, count in counts.items())
    assert product.warnings[0] == f"no emissivity given: {', then '.join(names)}; --emissivity changes that"
    product = lst_raster.retrieve(folder, output=tmp_path / "given.tif", **MODEL_AIR, emissivity=0.96)
    assert product.warnings == ()


def test_gaps_of_the_radiance_within_the_swath_are_reported(tmp_path):
    gap = np.zeros((60, 70), bool)
    gap[20:40, 20:41] = True
    folder = make_level2(tmp_path, fill=gap)
    assert lst_raster.open_scene(folder).files.notes == ()
    overwrite(folder, "QA_PIXEL", np.full((60, 70), 21824, "uint16"))
    (note,) = lst_raster.open_scene(folder).files.notes
    assert note.startswith(f"{STEM}_ST_TRAD.TIF has no radiance at 10.0% of the pixels of the swath; if these are gaps")
    assert note.endswith("the Level-1 product has it there")


def test_a_product_has_one_band_for_a_model(tmp_path):
    folder = make_level2(tmp_path / "in")
    with pytest.raises(InputError, match="has the terms of one thermal band"):
        lst_raster.retrieve(folder, output=tmp_path, bands="both")
    with pytest.raises(ModelError, match=r"landsat8-b10/dual uses both thermal bands; give one of one band"):
        lst_raster.retrieve(folder, output=tmp_path, model="landsat8-b10/dual")


def test_info_describes_both_retrievals_from_a_product(tmp_path, command):
    code, out, _ = command("info", "--json", make_level2(tmp_path))
    found = json.loads("\n".join(out))
    assert (code, found["file"]) == (0, f"{STEM}_ST_TRAD.TIF")
    assert found["retrieve_would_use"]["model"].startswith("landsat8-b10/surface (shipped for this band")
    assert found["retrieve_level_2_would_use"]["atmosphere"] == "ST_ATRAN, ST_URAD, pi ST_DRAD"
    remove(tmp_path, "ST_URAD")
    found = json.loads("\n".join(command("info", "--json", tmp_path)[1]))
    assert f"lacks {STEM}_ST_URAD.TIF" in found["retrieve_level_2_would_use"]["model"]


def test_info_describes_the_processing_of_a_product(tmp_path, command):
    code, out, _ = command("info", "--json", "--level-2", make_level2(tmp_path))
    found = json.loads("\n".join(out))
    assert (code, found["sensor"][:12], found["file"]) == (0, "landsat8-b10", f"{STEM}_ST_TRAD.TIF")
    assert found["retrieve_would_use"]["model"] == "none: the terms of a Level-2 product"
    assert found["retrieve_would_use"]["atmosphere"] == "ST_ATRAN, ST_URAD, pi ST_DRAD"


def real(name):
    folder, stem = REAL[name]
    return shared_path("data", "landsat", folder), stem


@pytest.mark.parametrize("name", REAL)
def test_a_real_product_in_every_form_is_read(name):
    folder, stem = real(name)
    forms = [folder, *folder.glob("*_MTL.*"), folder / f"{stem}_ST_B10.TIF", folder / f"{stem}_ST_QA.TIF"]
    assert len(forms) >= 5
    for path in forms:
        scene = Level2Scene.open(path, downwelling="usgs")
        assert scene.sensor == "landsat8-b10"
        assert scene.files.quality.name == f"{stem}_QA_PIXEL.TIF"
        assert scene.files.saturation.name == f"{stem}_QA_RADSAT.TIF"
        if "_ST_B10" not in path.name and "_ST_QA" not in path.name:
            scene = lst_raster.open_scene(path)
            assert (scene.air, scene.files.notes) == (None, ())
    whole = (0, scene.grid.height), (0, scene.grid.width)
    with scene.air.open() as read:
        terms = read(whole)
    known = np.isfinite(terms[0])
    fill = numbers(folder / f"{stem}_ST_URAD.TIF") == -9999
    assert (known == ~fill).mean() > 0.99
    for suffix, scale, values in zip(("ST_ATRAN", "ST_URAD", "ST_DRAD"), (1e-4, 1e-3, 1e-3), terms, strict=True):
        assert np.allclose(values[known], numbers(folder / f"{stem}_{suffix}.TIF")[known] * scale, atol=1e-6), suffix


EXPECTED_GAPS = {"clear in parts": (1186, 0, 0), "all cloud": (85006, 58, 2)}
"""Pixels without any term; without emissivity only; of these pixels that are not fill."""


@pytest.mark.parametrize("name", REAL)
def test_radiance_of_a_real_product_is_missing_outside_the_swath_only(name):
    folder, stem = real(name)
    terms = ("ST_TRAD", "ST_ATRAN", "ST_URAD", "ST_DRAD")
    missing = np.stack([numbers(folder / f"{stem}_{term}.TIF") == -9999 for term in terms])
    assert (missing == missing[0]).all()
    emissivity = numbers(folder / f"{stem}_ST_EMIS.TIF") == -9999
    fill = numbers(folder / f"{stem}_QA_PIXEL.TIF").astype(int) & 1 == 1
    assert fill[missing[0]].all() and emissivity[missing[0]].all()
    only = emissivity & ~missing[0]
    assert (missing[0].sum(), only.sum(), (only & ~fill).sum()) == EXPECTED_GAPS[name]


def test_a_real_product_gives_its_own_temperature_and_the_corrected_one_by_the_formula(tmp_path):
    folder, stem = real("clear in parts")
    theirs = usgs_temperature(folder, stem)
    own, corrected = solve(folder, tmp_path, downwelling="usgs")[0], solve(folder, tmp_path)[0]
    clear = (numbers(folder / f"{stem}_QA_PIXEL.TIF").astype(int) & _NOT_CLEAR) == 0
    clear &= np.isfinite(own) & np.isfinite(theirs)
    assert clear.sum() > 150
    assert np.median(np.abs(own - theirs)[clear]) < 0.02
    excess = (np.pi - 1.0) * numbers(folder / f"{stem}_ST_DRAD.TIF") * 1e-3
    emissivity = numbers(folder / f"{stem}_ST_EMIS.TIF") * 1e-4
    planck = sensor_band("landsat8-b10").planck
    expected = temperature_change_by_downwelling(own, emissivity, excess, planck)[clear]
    change = (corrected - own)[clear]
    assert np.abs(change - expected).max() < 0.02
    assert -1.2 < change.min() < -0.5  # bare ground, emissivity 0.93
    assert -0.2 < change.max() < -0.1  # sea, 0.988


def test_a_real_product_that_is_all_cloud_says_so(tmp_path):
    folder, stem = real("all cloud")
    with pytest.raises(SceneError, match=r"every pixel is masked as cloud.* --keep-clouds"):
        lst_raster.retrieve(Level2Scene.open(folder), output=tmp_path)
    own, theirs = solve(folder, tmp_path, downwelling="usgs")[0], usgs_temperature(folder, stem)
    # Cold cloud tops, which the atmosphere outshines, have the product's lowest value, 150 K, and none here. Just above
    # it a hundredth of the radiance is tens of kelvin.
    certain = np.isfinite(theirs) & ((theirs < 150.5) | (theirs > 170.0))
    assert (np.isfinite(own) == (theirs > 150.5))[certain].mean() > 0.98
    assert np.nanmedian(np.abs(own - theirs)[theirs > 200.0]) < 0.1


def test_the_change_of_temperature_is_the_equation_s():
    planck = sensor_band("landsat7-b6").planck
    lst, emissivity = ramp(270, 320), 0.95
    radiance = AIR[0] * (emissivity * band_radiance(lst, planck) + (1 - emissivity) * AIR[2]) + AIR[1]
    low = surface_temperature(radiance, emissivity, AIR[0], AIR[1], AIR[2] / np.pi, planck)
    change = temperature_change_by_downwelling(lst, emissivity, AIR[2] * (1 - 1 / np.pi), planck)
    assert np.abs((lst - low) - change).max() < 0.01
    assert change.max() < -0.5
