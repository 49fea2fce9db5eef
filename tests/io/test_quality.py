"""Quality bands: what their bits mean in each collection, and what of the scene they take away."""

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio import Affine

from lst_raster import Scene, retrieve
from lst_raster.errors import GridMismatchError, InputError, OutputError, SceneError
from lst_raster.io.quality_band import (
    BEFORE_COLLECTIONS,
    COLLECTION_1,
    COLLECTION_2,
    LAYOUTS,
    find_quality,
    is_any,
    open_quality,
)
from lst_raster.retrieval import run as run_module
from lst_raster.retrieval.masks import dilate
from tests.support.factories import STATE, STEM, make_scene, ramp, write_raster
from tests.support.shared import shared_path

EXACT = {**STATE, "emissivity": 0.97}
CLEAR = {COLLECTION_2: 21824, COLLECTION_1: 2720, BEFORE_COLLECTIONS: 20480}
# Values that the USGS lists in its product guides, and others that are common in real files.
VALUES = {
    COLLECTION_2: {
        1: {"fill"}, 21824: set(), 21826: {"dilated_cloud"}, 21952: {"water"}, 22280: {"cloud"}, 30048: {"snow"},
        23888: {"cloud_shadow"}, 54596: {"cirrus"}, 55052: {"cloud", "cirrus"},
        56854: {"dilated_cloud", "cirrus", "cloud_shadow"},
        5440: set(), 5504: {"water"}, 5896: {"cloud"}, 7440: {"cloud_shadow"}, 13664: {"snow"},
    },
    COLLECTION_1: {
        1: {"fill"}, 2720: set(), 2752: set(), 2800: {"cloud"}, 2976: {"cloud_shadow"}, 3744: {"snow"},
        6816: {"cirrus"}, 6896: {"cloud", "cirrus"}, 672: set(), 752: {"cloud"}, 756: {"cloud"}, 928: {"cloud_shadow"},
        1696: {"snow"},
    },
    BEFORE_COLLECTIONS: {
        1: {"fill"}, 20480: set(), 20512: set(), 20528: {"water"}, 28672: {"cirrus"}, 53248: {"cloud"},
        61440: {"cloud", "cirrus"}, 36864: set(), 23552: {"snow"},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


def cloudy_scene(folder, values, name="QA_PIXEL", dtype="uint16", **options):
    """Write a scene with a quality band of these values."""
    path = make_scene(folder, lst=ramp(275, 305, np.shape(values)), **options)
    write_raster(folder / f"{STEM}_{name}.TIF", np.asarray(values).astype(dtype))
    return path


@pytest.mark.parametrize(("layout", "value"), [(layout, value) for layout in VALUES for value in VALUES[layout]])
def test_the_values_of_the_product_guides_mean_what_they_say(layout, value):
    found = layout.decode(np.array([value]))
    assert {name for name, mask in found.items() if mask[0]} == VALUES[layout][value]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_values_of_one_collection_are_not_taken_for_those_of_another(layout):
    """Alone they may be, mixed as in a scene they are not; the name decides where nothing else does."""
    values = np.array(list(VALUES[layout]))
    assert layout.valid_fraction(values) == 1.0
    for other in LAYOUTS:
        if other is not layout:
            assert other.valid_fraction(values) < 0.5
            assert other.valid_fraction(np.array([CLEAR[layout]])) == 0.0


def test_clouds_shadows_and_cirrus_have_no_temperature_and_the_product_says_so(tmp_path, model_path):
    values = np.full((60, 70), CLEAR[COLLECTION_2])
    values[:5], values[5:9], values[9:12], values[12:15], values[15:20] = 22280, 23824, 54596, 21826, 21952
    path = cloudy_scene(tmp_path / "in", values)
    product = retrieve(path, model=model_path, **EXACT)
    masked = np.zeros((60, 70), bool)
    masked[:15] = True
    np.testing.assert_array_equal(np.isnan(read(product)), masked)
    assert product.tags["mask"] == (
        f"cloud, dilated cloud, cloud shadow, cirrus, by {STEM}_QA_PIXEL.TIF (QA_PIXEL of Collection 2)"
    )
    assert product.tags["masked_pixels"] == (
        "1050 of 4200 (fill 0, cloud 350, dilated cloud 210, cloud shadow 280, cirrus 210)"
    )
    with rasterio.open(product.path) as dataset:
        assert dataset.tags()["masked_pixels"] == product.tags["masked_pixels"]


def test_clouds_are_kept_on_request_or_without_a_quality_band(tmp_path, model_path, command):
    path = cloudy_scene(tmp_path / "in", np.full((60, 70), 22280))
    options = ("--model", model_path, "--keep-clouds", "--water-vapour", "20")
    code, out, _ = command("retrieve", path, "-o", "kept.tif", *options)
    assert code == 0
    with rasterio.open(out[0]) as dataset:
        assert np.isfinite(dataset.read(1)).all()
        assert (dataset.tags()["mask"], dataset.tags()["masked_pixels"]) == ("none: clouds are kept", "0 of 4200")
    (tmp_path / "in" / f"{STEM}_QA_PIXEL.TIF").unlink()
    product = retrieve(path, model=model_path, **EXACT)
    assert (product.retrieved, product.tags["mask"]) == (4200, "none: the scene has no quality band")


def test_a_scene_all_under_clouds_is_refused(tmp_path, model_path):
    path = cloudy_scene(tmp_path / "in", np.full((60, 70), 22280))
    with pytest.raises(SceneError, match="every pixel is masked as cloud, shadow or cirrus; --keep-clouds"):
        retrieve(path, model=model_path, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint16", "int16", "float64"])
@pytest.mark.parametrize(("name", "layout", "warned"), [
    ("QA_PIXEL", COLLECTION_2, False),
    ("QA_PIXEL", COLLECTION_1, True),
    ("QA_PIXEL", BEFORE_COLLECTIONS, True),
    ("BQA", COLLECTION_1, False),
    ("BQA", BEFORE_COLLECTIONS, False),
    ("BQA", COLLECTION_2, True),
])  # fmt: skip
def test_a_quality_band_is_identified_by_its_values_not_its_name(tmp_path, model_path, name, layout, warned, dtype):
    cloud = {COLLECTION_2: 22280, COLLECTION_1: 2800, BEFORE_COLLECTIONS: 53248}[layout]
    values = np.where(ramp(0, 1) > 0.75, cloud, CLEAR[layout]).astype("u2").astype(dtype)
    path = cloudy_scene(tmp_path / "in", values, name, dtype)
    product = retrieve(path, model=model_path, **EXACT)
    np.testing.assert_array_equal(np.isnan(read(product)), ramp(0, 1) > 0.75)
    assert [layout.name in line for line in product.warnings] == [True] * warned


def test_a_quality_band_of_another_extent_is_warped_when_asked(tmp_path, model_path):
    cloudy = ramp(0, 1) > 0.75
    path = cloudy_scene(tmp_path / "in", np.where(cloudy, 22280, 21824).astype("u2"))
    wider = np.full((80, 90), 1, "u2")
    wider[10:70, 10:80] = np.where(cloudy, 22280, 21824)
    elsewhere = Affine(30, 0, 452475 - 310, 0, -30, 3408645 + 310)  # a third of a pixel off, so that it cannot be cut
    write_raster(tmp_path / "in" / f"{STEM}_QA_PIXEL.TIF", wider, transform=elsewhere, nodata=1)
    with pytest.raises(GridMismatchError, match=r"pass --align to warp it .*, or omit it: --keep-clouds"):
        retrieve(path, model=model_path, **EXACT)
    product = retrieve(path, model=model_path, align=True, **EXACT)
    np.testing.assert_array_equal(np.isnan(read(product)), cloudy)


def test_what_is_no_quality_band_is_refused(tmp_path, model_path):
    path = cloudy_scene(tmp_path / "in", np.full((60, 70), 40), dtype="uint8")
    with pytest.raises(SceneError, match=r"has values such as 40 that are not quality bits .* --keep-clouds"):
        retrieve(path, model=model_path, **EXACT)
    write_raster(tmp_path / "in" / f"{STEM}_QA_PIXEL.TIF", np.full((30, 70), 21824, "u2"))
    with pytest.raises(GridMismatchError, match=r"quality band .* or omit it: --keep-clouds"):
        retrieve(path, model=model_path, **EXACT)
    assert retrieve(path, model=model_path, mask_clouds=False, **EXACT).retrieved == 4200


def test_the_quality_band_is_not_overwritten(tmp_path, model_path):
    path = cloudy_scene(tmp_path / "in", np.full((60, 70), 21824))
    quality = tmp_path / "in" / f"{STEM}_QA_PIXEL.TIF"
    before = quality.read_bytes()
    with pytest.raises(OutputError, match="it is one of the inputs"):
        retrieve(path, model=model_path, output=quality, overwrite=True, **EXACT)
    assert quality.read_bytes() == before


RADSAT = [  # by thermal band: its bit of saturation if it has one, and that of pixels without a value
    ("LT05", "B6", 5, 9), ("LE07", "B6_VCID_1", 5, 9), ("LE07", "B6_VCID_2", 8, 9), ("LC08", "B10", None, 11),
    ("LC09", "B11", None, 11),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("satellite", "suffix", "saturated", "fill"), RADSAT)
def test_of_the_band_of_saturation_those_bits_count_that_concern_the_band(tmp_path, satellite, suffix, saturated, fill):
    stem, old = f"{satellite}_L1TP_107068_20100310_20220405_02_T1", satellite[2:] < "08"
    path = write_raster(tmp_path / f"{stem}_{suffix}.TIF", np.full((60, 70), 130 if old else 25000, "u2"))
    write_raster(tmp_path / f"{stem}_QA_PIXEL.TIF", np.full((60, 70), 5440 if old else 21824, "u2"))
    bits = {bit: 1 << bit for bit in (saturated, fill) if bit is not None}
    values = np.zeros((60, 70), "u2")
    values[0], values[1], values[2] = bits.get(saturated, 0), bits[fill], 0xFFFF ^ sum(bits.values())
    radsat = write_raster(tmp_path / f"{stem}_QA_RADSAT.TIF", values)
    product = retrieve(path, **{**EXACT, "water_vapour": 2.0})
    assert np.isnan(read(product)).all(axis=1).nonzero()[0].tolist() == ([0, 1] if saturated else [1])
    kinds = {"saturated 70", "fill 70"} if saturated else {"fill 70"}
    assert all(kind in product.tags["masked_pixels"] for kind in kinds)
    radsat.touch()  # another file is another product
    with pytest.raises(OutputError, match="exists"):
        retrieve(path, **{**EXACT, "water_vapour": 2.0})


def discs(mask, reach):
    """Dilate pixel by pixel, by the definition."""
    rows, columns = np.indices(mask.shape)
    grown = np.zeros_like(mask)
    for row, column in zip(*mask.nonzero(), strict=True):
        grown |= np.hypot(rows - row, columns - column) <= reach + 1e-9
    return grown


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), reach=st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.3, 7.0, 40.0]))
def test_a_dilation_is_a_disc_around_every_pixel(seed, reach):
    mask = np.random.default_rng(seed).random((23, 31)) > 0.99
    np.testing.assert_array_equal(dilate(mask, (reach, reach)), discs(mask, reach))


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block=st.integers(7, 80))
def test_a_dilated_mask_is_the_same_for_any_tile_size(tmp_path, model_path, monkeypatch, block):
    values = np.where(np.random.default_rng(5).random((60, 70)) > 0.995, 22280, CLEAR[COLLECTION_2])
    path = cloudy_scene(tmp_path / "in", values)
    monkeypatch.setattr(run_module, "BLOCK", block)
    product = retrieve(path, output="x.tif", overwrite=True, model=model_path, mask_dilation=125, **EXACT)
    expected = discs(values == 22280, 125 / 30)
    np.testing.assert_array_equal(np.isnan(read(product)), expected)
    assert product.tags["masked_pixels"].startswith(f"{expected.sum()} of 4200 ")
    assert f"dilation {expected.sum() - (values == 22280).sum()}" in product.tags["masked_pixels"]


@pytest.mark.parametrize(("options", "metres", "words"), [
    ({}, -1, "mask dilation is -1, outside 0 to 5000 m"),
    ({}, 9000, "outside 0 to 5000 m"),
    ({"crs": None, "transform": None}, 90, "has no coordinate system, so distances in metres are unknown"),
])  # fmt: skip
def test_a_dilation_that_cannot_be_is_refused(tmp_path, model_path, options, metres, words):
    path = make_scene(tmp_path / "in", lst=ramp(280, 300), **options)
    write_raster(tmp_path / "in" / f"{STEM}_QA_PIXEL.TIF", np.full((60, 70), 21824, "u2"), **options)
    with pytest.raises(InputError, match=words):
        retrieve(path, model=model_path, mask_dilation=metres, **EXACT)


def test_in_degrees_a_pixel_is_narrower_than_it_is_high(tmp_path):
    transform = rasterio.Affine(0.001, 0, -80.0, 0, -0.001, 60.03)
    grid = Scene.open(make_scene(tmp_path, lst=ramp(270, 290), crs="EPSG:4326", transform=transform)).grid
    assert grid.pixel_size() == pytest.approx((55.6, 111.2), abs=0.05)


# Number of pixels whose value, looked at by hand, means cloud, of those in the product.
@pytest.mark.parametrize(("product", "layout", "clouds"), [
    ("LC08_L1GT_089074_20220506_20220512_02_T2", COLLECTION_2, 2062 + 44),
    ("LE07_L1TP_107068_20220310_20220405_02_T1", COLLECTION_2, 6),
    ("LC08_L1TP_090084_20160121_20170405_01_T1.tar.gz", COLLECTION_1, 1804 + 382),
    ("LT05_L1TP_090085_19970406_20161231_01_T1.tar.gz", COLLECTION_1, 508 + 121),
    ("c1_marburg/testdata/LC8", BEFORE_COLLECTIONS, 5),
    ("c1_marburg/testdata/LT05", COLLECTION_1, 0),
    ("l8_l1_alabama_cc0", BEFORE_COLLECTIONS, 20140 + 2591),
])  # fmt: skip
def test_the_layout_of_real_quality_bands_is_found(product, layout, clouds):
    scene = Scene.open(shared_path("data", "landsat", *product.split("/")))
    quality = find_quality(scene.files, scene.grid)
    assert (quality.layout, quality.misnamed) == (layout, False)
    with open_quality(quality, scene.grid) as read_kinds:
        masked = is_any(read_kinds(None), ["cloud"])
    assert clouds <= masked.sum() <= 1.06 * clouds + 1
