"""Level-2 products: their terms read, refused where they are not what they should be, and solved again."""

import re
import shutil
import tarfile

import numpy as np
import pytest

from lst_raster.errors import GridMismatchError, InputNotFoundError, SceneError
from lst_raster.physics.band import sensor_band
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.surface import surface_temperature
from lst_raster.physics.usgs_level2 import temperature_change_by_downwelling
from lst_raster.scene.level2 import find_level2, find_level2_emissivity, open_terms, solve_tile
from lst_raster.scene.quality import COLLECTION_2, find_quality
from lst_raster.scene.raster import open_quietly
from tests.factories import make_scene, ramp, write_raster
from tests.level2_scenes import AIR, STEMS, make_level2
from tests.shared import shared_path

REAL = {
    "clear in parts": ("LC08_L2SP_098084_20210503_20210508_02_T1", "LC08_L2SP_098084_20210503_20210508_02_T1"),
    "all cloud": ("l8_l2sp_017036", "LC08_L2SP_017036_20130419_20200913_02_T2"),
}
STEM = STEMS["landsat8-b10"]
_NOT_CLEAR = 0b11111  # QA_PIXEL: fill, dilated cloud, cirrus, cloud, cloud shadow


def whole(level2):
    return (0, level2.scene.grid.height), (0, level2.scene.grid.width)


def solve(path, emissivity=None, downwelling="corrected"):
    level2 = find_level2(path)
    with open_terms(level2, downwelling) as read:
        return solve_tile(read(whole(level2)), level2.scene.sensor, emissivity)


def numbers(path):
    with open_quietly(path) as dataset:
        return dataset.read(1).astype(np.float64)


def usgs_temperature(folder, stem=STEM, band="B10"):
    stored = numbers(folder / f"{stem}_ST_{band}.TIF")
    return np.where(stored > 0, stored * 0.00341802 + 149.0, np.nan)


@pytest.mark.parametrize("sensor", STEMS)
def test_a_product_of_every_satellite_gives_the_true_temperature(tmp_path, sensor):
    lst = ramp(265, 330)
    fill = np.zeros(lst.shape, bool)
    fill[:5] = True
    make_level2(tmp_path, sensor=sensor, lst=lst, emissivity=ramp(0.90, 0.99), fill=fill)
    level2 = find_level2(tmp_path)
    assert (level2.scene.sensor, level2.scene.stem) == (sensor, STEMS[sensor])
    solved = solve(tmp_path)
    assert np.isnan(solved[fill]).all()
    assert np.abs(solved - lst)[~fill].max() < 0.05


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
    scene = find_level2(path).scene
    assert (scene.sensor, str(scene.date), scene.files.name.band) == ("landsat8-b10", "2015-07-19", "B10")
    assert (scene.date.time is None) == (form == "no metadata")
    assert find_quality(scene.files, scene.grid).layout is COLLECTION_2
    assert np.abs(solve(path) - ramp(280, 300)).max() < 0.05


def test_usgs_temperature_comes_of_its_own_downwelling_radiance(tmp_path):
    make_level2(tmp_path, lst=ramp(270, 320), emissivity=0.93)
    difference = solve(tmp_path, downwelling="usgs") - usgs_temperature(tmp_path)
    assert np.median(np.abs(difference)) < 0.02
    assert np.abs(difference).max() < 0.05
    assert (usgs_temperature(tmp_path) - ramp(270, 320)).min() > 0.8  # what the correction is for


def test_the_emissivity_that_is_given_takes_the_place_of_the_product_s(tmp_path):
    make_level2(tmp_path, lst=ramp(280, 310), emissivity=0.94)
    with_own = solve(tmp_path)
    again = solve(tmp_path, emissivity=np.full(with_own.shape, 0.94))
    assert np.abs(again - with_own).max() < 1e-4
    planck = sensor_band("landsat8-b10").planck
    radiance = AIR[0] * (0.94 * band_radiance(ramp(280, 310), planck) + 0.06 * AIR[2]) + AIR[1]
    expected = surface_temperature(radiance, 0.98, *AIR, planck)
    assert np.abs(solve(tmp_path, emissivity=0.98) - expected).max() < 0.05


def test_values_that_cannot_be_are_no_values(tmp_path):
    make_level2(tmp_path)
    path = tmp_path / f"{STEM}_ST_ATRAN.TIF"
    values = numbers(path).astype("int16")
    values[0, :4] = 0, 10001, -9999, 10000
    write_raster(path, values)  # and without its nodata tag
    solved = solve(tmp_path)
    assert np.isnan(solved[0, :4]).tolist() == [True, True, True, False]
    assert np.isfinite(solved[1:]).all()


def test_a_product_without_emissivity_needs_one_and_says_so(tmp_path):
    make_level2(tmp_path, lst=ramp(280, 300), emissivity=0.95)
    (tmp_path / f"{STEM}_ST_EMIS.TIF").unlink()
    assert find_level2(tmp_path).emissivity is None
    assert np.isnan(solve(tmp_path)).all()
    assert np.abs(solve(tmp_path, emissivity=0.95) - ramp(280, 300)).max() < 0.05
    with pytest.raises(SceneError, match=f"has no {STEM}_ST_EMIS.TIF; fetch it"):
        find_level2_emissivity(tmp_path)


def remove(folder, suffix):
    (folder / f"{STEM}_{suffix}.TIF").unlink()


def overwrite(folder, suffix, values, **profile):
    write_raster(folder / f"{STEM}_{suffix}.TIF", values, **profile)


WRONG = {
    "one term missing": (lambda f: remove(f, "ST_DRAD"), SceneError, f"lacks {STEM}_ST_DRAD.TIF, a term"),
    "two terms missing": (
        lambda f: (remove(f, "ST_ATRAN"), remove(f, "ST_URAD")), SceneError, "_ST_ATRAN.TIF, .*_ST_URAD.TIF",
    ),
    "already scaled": (
        lambda f: overwrite(f, "ST_ATRAN", np.full((60, 70), 0.72, "float32")), SceneError,
        r"ST_ATRAN.TIF holds values such as 0.72; times the product's scale of 0.0001 .* own digital numbers",
    ),
    "another grid": (
        lambda f: overwrite(f, "ST_URAD", np.full((30, 70), 2100, "int16")), GridMismatchError, "ST_URAD .* is EPSG",
    ),
    "another grid of the emissivity": (
        lambda f: overwrite(f, "ST_EMIS", np.full((30, 70), 9600, "int16")), GridMismatchError, "ST_EMIS",
    ),
    "two products": (
        lambda f: make_level2(f, sensor="landsat9-b10"), SceneError, "holds 2 Level-2 products .* give the .*_MTL.txt",
    ),
    "damaged": (
        lambda f: (f / f"{STEM}_ST_TRAD.TIF").write_bytes((f / f"{STEM}_ST_TRAD.TIF").read_bytes()[:200]),
        SceneError, "ST_TRAD.*truncated or damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_product_that_cannot_be_solved_again_is_refused(tmp_path, what):
    spoil, error, message = WRONG[what]
    make_level2(tmp_path)
    spoil(tmp_path)
    with pytest.raises(error, match=message):
        find_level2(tmp_path)


def test_one_of_two_products_in_a_folder_is_named_by_its_metadata(tmp_path):
    make_level2(tmp_path)
    make_level2(tmp_path, sensor="landsat9-b10")
    assert find_level2(tmp_path / f"{STEMS['landsat9-b10']}_MTL.txt").scene.sensor == "landsat9-b10"
    assert find_level2(tmp_path / f"{STEM}_ST_EMIS.TIF").scene.sensor == "landsat8-b10"


def test_products_of_other_levels_say_that_they_have_no_terms(tmp_path):
    path = make_scene(tmp_path / "level 1", lst=ramp(280, 300))
    for name in (path.parent, next(path.parent.glob("*_MTL.txt"))):
        with pytest.raises(SceneError, match="says L1TP, not L2SP: the product has no terms"):
            find_level2(name)
    with pytest.raises(SceneError, match="is not a file of a Level-2 product"):
        find_level2(path)
    reflectance = make_level2(tmp_path / "reflectance", level="L2SR")
    for file in reflectance.glob("*_ST_*"):
        file.unlink()
    with pytest.raises(SceneError, match="says L2SR: the product has surface reflectance alone"):
        find_level2(reflectance)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SceneError, match="holds no terms of a Level-2 product"):
        find_level2(tmp_path / "empty")
    with pytest.raises(InputNotFoundError, match="does not exist"):
        find_level2(tmp_path / "nowhere")


def test_the_product_s_emissivity_serves_other_scenes_too(tmp_path):
    fill = np.zeros((60, 70), bool)
    fill[3, 4] = True
    make_level2(tmp_path, emissivity=ramp(0.91, 0.99), fill=fill)
    for path in (tmp_path, tmp_path / f"{STEM}_ST_EMIS.TIF", tmp_path / f"{STEM}_MTL.txt"):
        source = find_level2_emissivity(path)
        with source.open(find_level2(tmp_path).scene.grid) as read:
            value, uncertainty = read(((0, 60), (0, 70)))
        assert np.abs(value - ramp(0.91, 0.99))[~fill].max() < 1e-4
        assert np.allclose(uncertainty[~fill], 0.012)
        assert np.isnan([value[3, 4], uncertainty[3, 4]]).all()
        assert source.name == f"{STEM}_ST_EMIS.TIF"
    remove(tmp_path, "ST_EMSD")
    with find_level2_emissivity(tmp_path).open(find_level2(tmp_path).scene.grid) as read:
        assert np.isnan(read(((0, 60), (0, 70)))[1]).all()


def real(name):
    folder, stem = REAL[name]
    return shared_path("data", "landsat", folder), stem


@pytest.mark.parametrize("name", REAL)
def test_a_real_product_in_every_form_is_read(tmp_path, name):
    folder, stem = real(name)
    forms = [folder, *folder.glob("*_MTL.*"), folder / f"{stem}_ST_B10.TIF", folder / f"{stem}_ST_QA.TIF"]
    assert len(forms) >= 5
    for path in forms:
        level2 = find_level2(path)
        assert level2.scene.sensor == "landsat8-b10"
        assert level2.scene.files.quality.name == f"{stem}_QA_PIXEL.TIF"
        assert level2.scene.files.saturation.name == f"{stem}_QA_RADSAT.TIF"
    with open_terms(level2, "usgs") as read:
        tile = read(whole(level2))
    for suffix, scale, values in zip(
        ("ST_TRAD", "ST_ATRAN", "ST_URAD", "ST_DRAD", "ST_EMIS"),
        (1e-3, 1e-4, 1e-3, 1e-3, 1e-4),
        (tile.radiance, *tile.air, tile.emissivity),
        strict=True,
    ):
        raw = numbers(folder / f"{stem}_{suffix}.TIF")
        kept = np.isfinite(values) & tile.measured
        assert kept.sum() > 0.5 * tile.measured.sum() > 1000
        assert np.allclose(values[kept], raw[kept] * scale, atol=1e-6), suffix
    assert not tile.measured[numbers(folder / f"{stem}_ST_TRAD.TIF") == -9999].any()


def test_a_real_product_gives_its_own_temperature_and_the_corrected_one_by_the_formula():
    folder, stem = real("clear in parts")
    theirs = usgs_temperature(folder, stem)
    clear = (numbers(folder / f"{stem}_QA_PIXEL.TIF").astype(int) & _NOT_CLEAR) == 0
    own, corrected = solve(folder, downwelling="usgs"), solve(folder)
    clear &= np.isfinite(own) & np.isfinite(theirs)
    assert clear.sum() > 150
    assert np.median(np.abs(own - theirs)[clear]) < 0.02
    level2 = find_level2(folder)
    with open_terms(level2, "usgs") as read:
        tile = read(whole(level2))
    excess = (np.pi - 1.0) * tile.air[2]
    planck = sensor_band("landsat8-b10").planck
    expected = temperature_change_by_downwelling(own, tile.emissivity, excess, planck)
    change = (corrected - own)[clear]
    assert np.abs(change - expected[clear]).max() < 0.02
    assert -1.2 < change.min() < -0.5  # bare ground, emissivity 0.93
    assert change.max() < -0.1  # sea, 0.988


def test_the_change_of_temperature_is_the_equation_s(tmp_path):
    planck = sensor_band("landsat7-b6").planck
    lst, emissivity = ramp(270, 320), 0.95
    radiance = AIR[0] * (emissivity * band_radiance(lst, planck) + (1 - emissivity) * AIR[2]) + AIR[1]
    low = surface_temperature(radiance, emissivity, AIR[0], AIR[1], AIR[2] / np.pi, planck)
    change = temperature_change_by_downwelling(lst, emissivity, AIR[2] * (1 - 1 / np.pi), planck)
    assert np.abs((lst - low) - change).max() < 0.01
    assert change.max() < -0.5


def test_files_of_a_product_may_be_renamed_where_the_metadata_tell_their_names(tmp_path):
    make_level2(tmp_path, lst=ramp(280, 300))
    mtl = tmp_path / f"{STEM}_MTL.txt"
    mtl.write_text(
        re.sub(r'FILE_NAME_EMISSIVITY = "[^"]*"', 'FILE_NAME_EMISSIVITY = "emissivity.TIF"', mtl.read_text())
    )
    shutil.move(tmp_path / f"{STEM}_ST_EMIS.TIF", tmp_path / "emissivity.TIF")
    assert find_level2(tmp_path).emissivity.name == "emissivity.TIF"
    assert np.abs(solve(tmp_path) - ramp(280, 300)).max() < 0.05
