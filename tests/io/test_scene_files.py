"""Scenes in all forms: files, folders, metadata, archives; and all real files."""

import json
import re
import shutil
import tarfile
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lst_raster import retrieve
from lst_raster.errors import GridMismatchError, InputNotFoundError, LstRasterError, SceneError, UnknownSensorError
from lst_raster.io.landsat import Mtl
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Scene
from tests.support.factories import FULL_PRECISION, MTL, STATE, STEM, make_model, make_scene, ramp, write_raster
from tests.support.products import FORMS, as_xml, groups, in_form
from tests.support.shared import SHARED, shared_path

EXACT = {**STATE, "emissivity": 0.97, "form": FULL_PRECISION}
LE07 = "LE07_L1TP_107068_20220310_20220405_02_T1"
PRODUCTS = {
    "landsat4-b6": ("LT04_L1TP_015033_19880510_20200917_02_T1_B6.TIF", "uint8", 0.6),
    "landsat5-b6": ("LT05_L1TP_015033_19980510_20200917_02_T1_B6.TIF", "uint8", 0.6),
    "landsat7-b6": (f"{LE07}_B6_VCID_1.TIF", "uint8", 0.6),
    "landsat8-b10": (f"{STEM}_B10.TIF", "uint16", 0.005),
    "landsat8-b11": (f"{STEM}_B11.TIF", "uint16", 0.005),
    "landsat9-b10": ("LC09_L1TP_020039_20220719_20220908_02_T1_B10.TIF", "uint16", 0.005),
    "landsat9-b11": ("LC09_L1TP_020039_20220719_20220908_02_T1_B11.TIF", "uint16", 0.005),
}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_scene_gives_the_true_temperature(tmp_path, model_path, form):
    truth = ramp(275, 310)
    place = in_form(make_scene(tmp_path / "in", lst=truth, gain=3.3e-4, offset=0.2), form)
    before = sorted(path.name for path in place.parent.iterdir())
    product = retrieve(place, output=tmp_path / f"{STEM}_LST.tif", model=model_path, **EXACT)
    with rasterio.open(product.path) as dataset:
        assert np.abs(dataset.read(1) - truth).max() < 0.005
    assert product.tags["input"].endswith(f"{STEM}_B10.TIF")
    assert product.tags["calibration"].startswith("gain 0.00033, offset 0.2")
    added = {path.name for path in place.parent.iterdir()} - set(before)
    assert added <= {path.name for path in product.files}  # GDAL may leave an index next to a .tar.gz
    assert retrieve(place, output=product.path, model=model_path, **EXACT).reused


@pytest.mark.slow
@pytest.mark.parametrize("sensor", PRODUCTS)
@pytest.mark.parametrize("form", ["folder", "tar"])
def test_every_sensor_is_known_from_its_product(tmp_path, sensor, form):
    name, dtype, tolerance = PRODUCTS[sensor]
    truth = ramp(275, 305)
    scene = Scene.open(in_form(make_scene(tmp_path / "in", lst=truth, sensor=sensor, name=name, dtype=dtype), form))
    assert (scene.sensor, scene.stem) == (sensor, re.sub(r"_B[0-9].*", "", name))
    product = retrieve(scene, model=make_model(tmp_path / "model" / "model.onnx", sensor), **EXACT)
    with rasterio.open(product.path) as dataset:
        assert np.abs(dataset.read(1) - truth).max() < tolerance
    assert product.path.name == f"{scene.stem}_LST.tif"


@pytest.mark.parametrize(
    ("band", "sensor", "found"),
    [
        (None, None, "landsat8-b10"),
        ("10", None, "landsat8-b10"),
        ("11", None, "landsat8-b11"),
        ("b11", "landsat8-b11", "landsat8-b11"),
        (None, "landsat8-b11", "landsat8-b11"),
    ],
)
def test_the_band_is_chosen_where_there_are_two(tmp_path, band, sensor, found):
    for number in (10, 11):
        name = f"{STEM}_B{number}.TIF"
        make_scene(tmp_path / "in", lst=ramp(280, 300), sensor=f"landsat8-b{number}", name=name)
    scene = Scene.open(tmp_path / "in", band=band, sensor=sensor)
    assert (scene.sensor, scene.files.bands) == (found, ("B10", "B11"))


@pytest.mark.parametrize(("band", "suffix"), [(None, 1), ("6", 1), ("6_VCID_1", 1), ("B6_VCID_2", 2), ("6vcid2", 2)])
def test_of_landsat_7_the_low_gain_is_taken_unless_the_high_one_is_asked_for(band, suffix):
    scene = Scene.open(shared_path("data", "landsat", LE07), band=band)
    assert scene.place.name == f"{LE07}_B6_VCID_{suffix}.TIF"
    assert scene.calibration.gain == (0.067087 if suffix == 1 else 0.037205)


def test_a_file_without_a_band_in_its_name_gets_it_from_the_option(tmp_path):
    path = make_scene(tmp_path, lst=ramp(280, 300), name="LC08_thermal.tif", mtl=False)
    assert Scene.open(path, band="11").sensor == "landsat8-b11"


MISTAKES = {
    "no such path": ("nothing", {}, InputNotFoundError, "nothing does not exist; check the path"),
    "empty folder": ("empty", {}, SceneError, "empty holds no thermal band"),
    "two scenes": ("two", {}, SceneError, r"holds 2 scenes \(LC08_a, LT05_b\); give the thermal band or"),
    "level 2": ("level2", {}, SceneError, "is a Level-2 file"),
    "unknown": ("unknown", {}, UnknownSensorError, "add --sensor"),
    "no band": ("one", {"band": "11"}, SceneError, "has no LC08_a_B11.TIF; add the file, or choose another band"),
    "not thermal": ("one", {"band": "4"}, SceneError, "band B4 of Landsat 8 is not thermal; give --band 10 or 11"),
    "no band name": ("one", {"band": "red"}, SceneError, "'red' is not a valid band"),
    "against the name": ("one/LC08_a_B10.TIF", {"band": "11"}, SceneError, "is B11, but the file's name has B10"),
    "against the sensor": (
        "one", {"band": "11", "sensor": "landsat8-b10"}, SceneError, "--sensor is landsat8-b10, but --band is B11",
    ),
    "no archive": ("text.tar", {}, SceneError, "is not a tar archive, or is truncated or damaged"),
    "cut archive": ("cut.tar.gz", {}, SceneError, "truncated or damaged"),
    "empty archive": ("empty.tar", {}, SceneError, "empty.tar holds no thermal band"),
    "no zip": ("text.zip", {}, SceneError, "text.zip is not a zip archive, or is truncated or damaged"),
    "cut bzip2": ("cut.tar.bz2", {}, SceneError, "truncated or damaged"),
    "cut xz": ("cut.tar.xz", {}, SceneError, "truncated or damaged"),
    "no such member": ("/vsitar/one.tar/LC08_b_B10.TIF", {}, InputNotFoundError, "one.tar/LC08_b_B10.TIF does not"),
    "no such archive": ("/vsizip/nothing.zip/LC08_b_B10.TIF", {}, InputNotFoundError, "LC08_b_B10.TIF does not exist"),
    "other GDAL path": ("/vsihdfs/bucket/LC08_b_B10.TIF", {}, InputNotFoundError, "GDAL file system that is not supp"),
    "no metadata": ("LC08_a_MTL.json", {}, SceneError, "is not Landsat metadata"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_scene_is_refused_with_what_to_do(tmp_path, mistake):
    numbers = np.full((60, 70), 26000, "u2")
    files = (
        "one/LC08_a_B10.TIF",
        "two/LC08_a_B10.TIF",
        "two/LT05_b_B6.TIF",
        "level2/LC08_a_ST_B10.TIF",
        "unknown/x_B10.TIF",
    )
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_raster(tmp_path / name, numbers)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.tar").write_text("hello")
    (tmp_path / "text.zip").write_text("hello")
    with tarfile.open(tmp_path / "one.tar", "w") as archive:
        archive.add(tmp_path / "one" / "LC08_a_B10.TIF", "LC08_a_B10.TIF")
    (tmp_path / "LC08_a_MTL.json").write_text('{"L1_METADATA_FILE": 3}')
    with tarfile.open(tmp_path / "empty.tar", "w") as archive, tarfile.open(tmp_path / "cut.tar.gz", "w:gz") as cut:
        archive.add(tmp_path / "text.tar", "readme.txt")
        cut.add(tmp_path / "one" / "LC08_a_B10.TIF", "LC08_a_B10.TIF")
    for ending in ("bz2", "xz"):
        with tarfile.open(tmp_path / f"cut.tar.{ending}", f"w:{ending}") as cut:
            cut.add(tmp_path / "one" / "LC08_a_B10.TIF", "LC08_a_B10.TIF")
    for path in tmp_path.glob("cut.*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    place, options, error, words = MISTAKES[mistake]
    with pytest.raises(error, match=words):
        Scene.open(place if place.startswith("/vsi") else tmp_path / place, **options)


CLOUDY = np.where(ramp(0, 1) > 0.5, 22280, 21824).astype("u2")
EDITS = [
    "{id}_B10_clip.TIF",
    "clip_{id}_B10.TIF",
    "{id}_B10_clipped_utm.tif",
    "my-{id}_B10 (1).tif",
    "{id}_B10.clip.TIF",
]


def product(folder, name="{id}_B10.TIF", stem=STEM, quality="{id}_QA_PIXEL.TIF", **options):
    """Write a product whose lower half is cloud, its thermal band and its quality band under other names."""
    make_scene(folder, lst=ramp(275, 310), gain=3.3e-4, name=f"{stem}_B10.TIF", **options)
    (folder / f"{stem}_B10.TIF").rename(folder / name.format(id=stem))
    if quality:
        write_raster(folder / quality.format(id=stem), CLOUDY)
    return folder / name.format(id=stem)


@pytest.mark.slow
@pytest.mark.parametrize("named", ["file", "folder", "metadata", "archive", "zip member"])
@pytest.mark.parametrize("stem", [STEM, "LC08_x"])
@pytest.mark.parametrize("name", EDITS)
def test_a_band_that_was_renamed_keeps_its_metadata_and_quality_band(tmp_path, model_path, name, stem, named):
    band = product(tmp_path / "in", name, stem)
    write_raster(tmp_path / "in" / f"{stem}_B11.TIF", np.full((60, 70), 24000, "u2"))
    archive = shutil.make_archive("x", "zip", tmp_path / "in")
    place = {
        "file": band, "folder": band.parent, "metadata": band.with_name(f"{stem}_MTL.txt"), "archive": archive,
        "zip member": f"/vsizip/{archive}/{band.name}",
    }[named]  # fmt: skip
    scene = Scene.open(place)
    assert (scene.place.name, scene.sensor, scene.files.bands) == (band.name, "landsat8-b10", ("B10", "B11"))
    assert (scene.calibration.gain, scene.files.quality.name) == (3.3e-4, f"{stem}_QA_PIXEL.TIF")
    assert Scene.open(place, band="10").place.name == band.name
    if stem == STEM:
        found = retrieve(scene, model=model_path, **EXACT)
        assert (found.retrieved, found.warnings) == ((CLOUDY == 21824).sum(), ())


@pytest.mark.slow
def test_the_quality_band_that_was_cut_in_the_same_way_comes_first_else_the_whole_one(tmp_path, model_path):
    whole = make_scene(tmp_path / "in", lst=ramp(275, 310), gain=3.3e-4)
    write_raster(whole.with_name(f"{STEM}_QA_PIXEL.TIF"), CLOUDY)
    expected = retrieve(whole, output="whole.tif", model=model_path, **EXACT)
    clip = whole.with_name(f"{STEM}_B10_clip.TIF")
    with rasterio.open(whole) as dataset:
        window = rasterio.windows.Window(20, 10, 40, 30)
        (step, _, x, _, _, y, *_), numbers = dataset.transform, dataset.read(1, window=window)
    transform = rasterio.Affine(step, 0, x + 20 * step, 0, -step, y - 10 * step)
    write_raster(clip, numbers, transform=transform)
    found = retrieve(clip, output="clip.tif", model=model_path, **EXACT)
    with rasterio.open(expected.path) as all_of_it, rasterio.open(found.path) as part:
        np.testing.assert_array_equal(np.isnan(part.read(1)), np.isnan(all_of_it.read(1, window=window)))
        np.testing.assert_allclose(part.read(1), all_of_it.read(1, window=window), atol=1e-3)
    write_raster(clip.with_name(f"{STEM}_QA_PIXEL_clip.TIF"), np.full((30, 40), 21824, "u2"), transform=transform)
    assert Scene.open(clip).files.quality.name == f"{STEM}_QA_PIXEL_clip.TIF"
    assert retrieve(clip, output="clear.tif", model=model_path, **EXACT).retrieved == 1200
    assert Scene.open(whole.parent).place.name == whole.name  # the product's own band comes first
    moved = rasterio.Affine(30, 0, transform.c + 15, 0, -30, transform.f)
    write_raster(clip.with_name(f"{STEM}_B10_moved.TIF"), np.full((30, 40), 26000, "u2"), transform=moved)
    with pytest.raises(GridMismatchError, match="warp it onto the scene's grid, or omit it: --keep-clouds"):
        retrieve(clip.with_name(f"{STEM}_B10_moved.TIF"), output="m.tif", model=model_path, **EXACT)


def test_of_several_bands_that_were_renamed_none_is_taken_unasked(tmp_path):
    first = product(tmp_path / "in", "{id}_B10_clip.TIF")
    shutil.copy(first, first.with_name(f"{STEM}_B10_clip_2.TIF"))
    write_raster(first.with_name(f"{STEM}_B11.TIF"), np.full((60, 70), 24000, "u2"))
    shown = re.escape(f"in holds 2 files of band 10 ({STEM}_B10_clip.TIF, {STEM}_B10_clip_2.TIF); give one of them")
    with pytest.raises(SceneError, match=shown):
        Scene.open(first.parent)
    assert Scene.open(first).calibration.gain == 3.3e-4
    assert Scene.open(first.parent, band="11").sensor == "landsat8-b11"


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_another_band_in_place_of_the_usual_one_is_noted(tmp_path, form):
    name = f"{STEM}_B11.TIF"
    place = in_form(make_scene(tmp_path / "in", lst=ramp(280, 300), sensor="landsat8-b11", name=name), form)
    expected = "has no band 10: band 11 is used; --band 11 confirms it"
    product = retrieve(place, emissivity=0.97, **STATE)
    assert product.warnings[0].endswith(expected)
    assert Scene.open(place, band="11").files.notes == Scene.open(place, sensor="landsat8-b11").files.notes == ()


def hide(folder):
    """Put what macOS leaves behind into a folder: AppleDouble files, and a folder of them."""
    (folder / "__MACOSX").mkdir()
    for name in [path.name for path in folder.iterdir() if path.is_file()]:
        for hidden in (folder / f"._{name}", folder / "__MACOSX" / name, folder / "__MACOSX" / f"._{name}"):
            hidden.write_bytes(b"\0\x05\x16\x07")
    return folder


@pytest.mark.parametrize("form", ["folder", "tar", "tar.gz", "tar.xz", "zip"])
def test_hidden_files_and_what_macos_adds_are_no_scenes(tmp_path, form):
    folder = hide(make_scene(tmp_path / "in", lst=ramp(280, 300)).parent)
    place = folder if form == "folder" else shutil.make_archive("x", *_ARCHIVES[form], folder)
    assert (Scene.open(place).stem, Scene.open(place).calibration.source) == (STEM, f"{STEM}_MTL.txt")


_ARCHIVES = {"tar": ("tar",), "tar.gz": ("gztar",), "tar.xz": ("xztar",), "zip": ("zip",)}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.bz2", "tar in a folder", "zip", "zip in a folder"])
@pytest.mark.parametrize("named", ["the archive", "the folder", "the band", "the metadata", "in braces", "a path"])
def test_a_scene_is_named_as_gdal_names_a_file_in_an_archive(tmp_path, model_path, form, named):
    archive = in_form(make_scene(tmp_path / "in", lst=ramp(280, 300), gain=3.3e-4), form)
    inside = f"{archive}/{STEM}_B10" if "folder" in form else f"{archive}"
    path = {
        "the archive": f"{archive}", "the folder": f"{inside}/", "the band": f"{inside}/{STEM}_B10.TIF",
        "the metadata": f"{inside}/{STEM}_MTL.txt",
        "in braces": f"{inside}/{STEM}_B10.TIF".replace(f"{archive}", f"{{{archive}}}"),
        "a path": f"{inside}/{STEM}_B10.TIF",
    }[named]  # fmt: skip
    path = f"/vsi{form[:3]}/{path}"
    scene = Scene.open(Path(path) if named == "a path" else path)
    assert (scene.stem, scene.calibration.gain, scene.calibration.source) == (STEM, 3.3e-4, f"{STEM}_MTL.txt")
    if named == "the band":
        first, second = (
            retrieve(place, output=f"{i}.tif", model=model_path, **EXACT) for i, place in enumerate((path, archive))
        )
        assert first.path.read_bytes() == second.path.read_bytes()


def test_files_that_are_unpacked_are_few_and_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("lst_raster.io.bundle._KEPT", 2)
    monkeypatch.setattr("lst_raster.io.bundle._UNPACKED", {})
    monkeypatch.setattr("tempfile.tempdir", f"{tmp_path}")
    for number in range(4):
        in_form(make_scene(tmp_path / f"{number}" / "in", lst=ramp(280, 300)), "tar.xz")
        assert Scene.open(tmp_path / f"{number}" / "some product.tar.xz").stem == STEM
    assert len(list(tmp_path.glob("lst-raster-*"))) == 2


def test_an_encrypted_zip_is_refused(tmp_path):
    archive = in_form(make_scene(tmp_path / "in", lst=ramp(280, 300)), "stored.zip")
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        for found in re.finditer(re.escape(signature), bytes(content)):
            content[found.start() + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(SceneError, match="is encrypted; unpack it first"):
        Scene.open(archive)


def test_an_archive_of_level_2_is_refused_by_its_metadata(tmp_path):
    real = shared_path("data", "landsat", "LC08_L2SP_098084_20210503_20210508_02_T1")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(real, ".")
    with pytest.raises(SceneError, match="has the level L2SP: a Level-2 product"):
        Scene.open(tmp_path / "x.tar")


@pytest.mark.parametrize("form", ["txt", "json", "xml"])
@pytest.mark.parametrize("root", ["LANDSAT_METADATA_FILE", "L1_METADATA_FILE"])
def test_the_three_forms_of_metadata_say_the_same(tmp_path, form, root):
    text = MTL.format(satellite=9, band=10, gain=3e-4, offset=0.1).replace("LANDSAT_METADATA_FILE", root)
    tree = groups(text)
    path = tmp_path / f"x_MTL.{form}"
    path.write_text({"txt": text, "json": json.dumps(tree), "xml": as_xml(tree)}[form])
    found = Mtl.read(path)
    assert found.entries["SPACECRAFT_ID"] == "LANDSAT_9"
    assert (found.collection, found.number("RADIANCE_MULT_BAND_10")) == (2, 3e-4)


# What becomes of each real file; docs/inputs.md has the same table. The first rule that fits counts.
LEVEL_2 = "Level-2"
REAL = [
    (r"L2SP.*|l8_l2sp.*", LEVEL_2),
    (r"LC08_L1GT_[^/]*", ("landsat8-b10", "2022-05-06", 3.342e-4, "QA_PIXEL.TIF")),
    (r".*L1GT.*(_MTL\.\w+|_B10\.TIF)", ("landsat8-b10", "2022-05-06", 3.342e-4, "QA_PIXEL.TIF")),
    (r".*L1GT.*_B11\.TIF", ("landsat8-b11", "2022-05-06", 3.342e-4, "QA_PIXEL.TIF")),
    (r"LC08_L1TP_090084.*\.tar\.gz", ("landsat8-b10", "2016-01-21", 3.342e-4, "BQA.TIF")),
    (r"LT05_L1TP_090085.*\.tar\.gz", ("landsat5-b6", "1997-04-06", 0.055375, "BQA.TIF")),
    (r"LE07_L1TP_107068[^/]*", ("landsat7-b6", "2022-03-10", 0.067087, "QA_PIXEL.TIF")),
    (r"LE07_L1TP.*(_MTL\.\w+|_VCID_1\.TIF)", ("landsat7-b6", "2022-03-10", 0.067087, "QA_PIXEL.TIF")),
    (r"LE07_L1TP.*_VCID_2\.TIF", ("landsat7-b6", "2022-03-10", 0.037205, "QA_PIXEL.TIF")),
    (r"c1_marburg/extdata/LC08.*(_MTL\.txt|_B10\.TIF)", ("landsat8-b10", "2013-07-07", 3.342e-4, "BQA.TIF")),
    (r"c1_marburg/extdata/LC08.*_B11\.TIF", ("landsat8-b11", "2013-07-07", 3.342e-4, "BQA.TIF")),
    (r"c1_marburg/extdata/LE07.*(_MTL\.txt|_VCID_1\.TIF)", ("landsat7-b6", "2001-07-30", 0.067087, "BQA.TIF")),
    (r"c1_marburg/extdata/LE07.*_VCID_2\.TIF", ("landsat7-b6", "2001-07-30", 0.037205, "BQA.TIF")),
    (r"c1_marburg/extdata", r"holds 2 scenes \(LC08_L1TP_195025.*, LE07_L1TP_195025"),
    (r"c1_marburg/testdata/LC8(/.*(_MTL\.txt|_B10\.TIF))?", ("landsat8-b10", "2013-07-07", 3.342e-4, "BQA.TIF")),
    (r"c1_marburg/testdata/LC8/.*_B11\.TIF", ("landsat8-b11", "2013-07-07", 3.342e-4, "BQA.TIF")),
    (r"c1_marburg/testdata/LE7(/.*(_MTL\.txt|_VCID_1\.TIF))?", ("landsat7-b6", "2001-07-30", 0.067, None)),
    (r"c1_marburg/testdata/LE7/.*_VCID_2\.TIF", ("landsat7-b6", "2001-07-30", 0.037, None)),
    (r"c1_marburg/testdata/LT05(/.*(_MTL\.txt|_B6\.TIF))?", ("landsat5-b6", "2000-03-09", 0.055375, "BQA.TIF")),
    (r"c1_marburg/testdata/LT5(/.*(_MTL\.txt|_B6\.tif))?", ("landsat5-b6", "2010-12-18", 0.055, None)),
    (r"l8_l1_alabama_cc0(/.*(_MTL\.txt|_B10\.tif))?", ("landsat8-b10", "2015-08-04", 3.342e-4, "test_BQA.tif")),
    (r"l8_l1_alabama_cc0/.*_B11\.tif", ("landsat8-b11", "2015-08-04", 3.342e-4, "test_BQA.tif")),
    (r"l8_radiance_float32/.*put(/.*)?", "it may be radiance"),
    (r".*_(QA_PIXEL|QA_RADSAT|BQA|SAA|SZA|VAA|VZA)\.\w+", "holds a quality band or angles"),
    (r".*_B[1-9]\.\w+", r"band B\d of Landsat \d is not thermal; give _B"),
    (r".*stac\.json", "has 0 bands"),
    (r".*/DEM\.TIF", "no sensor in the name or the metadata of DEM; add --sensor"),
    (r".*\.(txt|dat)|.*/(LICENSE|PKG-INFO)", "is not a raster that GDAL can read"),
    (r"c1_marburg(/testdata)?|l8_radiance_float32|surfrad", "holds no thermal band"),
]  # fmt: skip
_ALL = sorted((SHARED / "data" / "landsat").rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("path", _ALL, ids=lambda path: path.name)
def test_every_real_file_is_opened_as_what_it_is_or_refused(path):
    name = path.relative_to(SHARED / "data" / "landsat").as_posix()
    rule = next(rule for pattern, rule in REAL if re.fullmatch(pattern, name) or (rule is LEVEL_2 and "L2SP" in name))
    if isinstance(rule, str):
        with pytest.raises(LstRasterError, match=rule):
            Scene.open(path)
        return
    scene = Scene.open(path)
    assert (scene.sensor, str(scene.date)) == rule[:2]
    assert scene.calibration.gain == rule[2]
    assert (_MTL_OF.search(scene.calibration.source)) is not None
    quality = scene.files.quality
    assert (quality is None and rule[3] is None) or quality.name.endswith(rule[3])


_MTL_OF = re.compile(r"_MTL\.(txt|xml|json)$")


def test_rasters_opened_in_two_threads_leave_the_filters_of_warnings_as_they_were(tmp_path, monkeypatch):
    paths = [write_raster(tmp_path / f"{name}.tif", ramp(280, 300), crs=None, transform=None) for name in "ab"]
    before, opened = list(warnings.filters), rasterio.open
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def interleaved(path, *args, **options):
        if str(path) == str(paths[0]):
            first_is_in.set()
            second_is_in.wait(10)
        else:
            second_is_in.set()
            first_is_out.wait(10)
        return opened(path, *args, **options)

    def look(path):
        with open_raster(path, "scene", SceneError) as dataset:
            dataset.read(1)

    monkeypatch.setattr(rasterio, "open", interleaved)
    first, second = (threading.Thread(target=look, args=(path,)) for path in paths)
    first.start()
    first_is_in.wait(10)
    second.start()
    first.join()
    first_is_out.set()
    second.join()
    assert warnings.filters == before
