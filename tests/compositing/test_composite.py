"""Statistics over time, compared with numpy on whole arrays."""

import json
import warnings

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

import lst_raster
from lst_raster.compositing import composite as compositing
from lst_raster.compositing.stack import Stack
from lst_raster.errors import CancelledError
from lst_raster.io.grid import Grid
from lst_raster.product.paths import OutputFormat
from lst_raster.product.quality_flags import flag
from tests.support.composites import expected, field, grid_at, layers, product, read, season
from tests.support.factories import FULL_PRECISION

ALL = ("median", "mean", "weighted_mean", "minimum", "maximum", "deviation")
HALF_STEP = 1.6e-5  # [K]: float32 near 300 K


def compose(products, target, **options):
    return lst_raster.composite(products, output=target, **{"form": FULL_PRECISION, **options})


def agree(found, wanted, atol=HALF_STEP):
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=atol, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 5, 8])
def test_every_statistic_equals_that_of_numpy(tmp_path, number):
    paths, fields = season(tmp_path / "in", number=number)
    made = compose(paths, tmp_path / "out.tif", statistic=ALL, percentile=[90, 12.5])
    wanted = expected(fields)
    assert set(made.rasters) == set(wanted)
    for key, path in made.rasters.items():
        agree(read(path), wanted[key])
    assert made.path == tmp_path / "out.tif" == made.rasters["median"]
    assert made.filled == np.count_nonzero(wanted["count"]) and made.pixels == 70 * 90


@pytest.mark.slow
def test_the_product_is_the_same_for_any_number_of_threads_order_and_tile_height(tmp_path, monkeypatch):
    paths, fields = season(tmp_path / "in", shape=(530, 600), number=4)
    one = compose(paths, tmp_path / "a.tif", statistic=["median", "mean"], threads=1)
    two = compose(paths[::-1], tmp_path / "b.tif", statistic=["median", "mean"], threads=3)
    monkeypatch.setattr(compositing, "_MAX_LAYER_BYTES", 4 * 512 * 4 * 64)
    low = compose(paths, tmp_path / "c.tif", statistic=["median", "mean"], threads=2)
    for key in one.rasters:
        assert one.rasters[key].read_bytes() == two.rasters[key].read_bytes() == low.rasters[key].read_bytes(), key
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels without a value
        agree(read(one.path), np.nanmedian(layers(fields), axis=0))


def test_the_height_of_tiles_decreases_with_the_number_of_products_to_limit_memory():
    def rows(number):
        stack = Stack(grid=grid_at((2000, 700)), overpasses=((),) * number, pixel_filter=None, uncertainty=False)
        windows = compositing.tile_windows(stack, all_layers=True)
        assert sum(window.height * window.width for window in windows) == 2000 * 700
        return max(window.height for window in windows)

    assert [rows(number) for number in (1, 64, 65, 512)] == [512, 512, 256, 64]


@pytest.mark.slow
def test_neighbouring_products_are_mosaicked_and_both_count_in_the_overlap(tmp_path):
    shape, places = (60, 80), [(0, 0), (45, -17), (90, 11)]
    fields = [field(shape, seed) for seed in range(3)]
    paths = [
        product(tmp_path / "in", f"row{n}", one, date=f"2015-0{n + 1}-01", grid=grid_at(shape, *place))
        for n, (one, place) in enumerate(zip(fields, places, strict=True))
    ]
    made = compose(paths, tmp_path / "out.tif", statistic="mean")
    whole = np.full((3, 150, 108), np.nan)
    for number, (row, column) in enumerate(places):
        whole[number, row : row + 60, column + 17 : column + 97] = fields[number]["lst"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels without a value
        agree(read(made.path), np.nanmean(whole, axis=0))
    with rasterio.open(made.path) as dataset:
        assert grid_at((150, 108), 0, -17).matches(Grid.of(dataset))
    inner = compose(paths[:2], tmp_path / "inner.tif", statistic="mean", grid="intersection")
    assert read(inner.path).shape == (15, 63)
    agree(read(inner.rasters["count"]), np.isfinite(whole[:2, 45:60, 17:80]).sum(axis=0))


@pytest.mark.slow
def test_the_grid_of_a_raster_is_used_unchanged(tmp_path):
    paths, fields = season(tmp_path / "in", number=3)
    wanted = product(tmp_path / "grid", "grid", field((20, 30), 9), grid=grid_at((20, 30), 60, -10))
    made = compose(paths, tmp_path / "out.tif", grid=wanted)
    found = read(made.path)
    assert found.shape == (20, 30) and np.isnan(found[10:]).all() and np.isnan(found[:, :10]).all()
    agree(found[:10, 10:], expected(fields)["median"][60:, :20])


@pytest.mark.slow
def test_scenes_of_one_overpass_count_as_one_date(tmp_path):
    fields = [field((40, 50), seed) for seed in range(3)]
    times = ("16:19:21Z", "16:19:45Z", "18:00:00Z")
    paths = [
        product(tmp_path / "in", f"row{n}", one, clock=clock)
        for n, (one, clock) in enumerate(zip(fields, times, strict=True))
    ]
    made = compose(paths, tmp_path / "out.tif", statistic="mean")
    lst = layers(fields)
    joined = np.where(np.isfinite(lst[0]), lst[0], lst[1])
    agree(read(made.rasters["count"]), np.isfinite([joined, lst[2]]).sum(axis=0))
    agree(read(made.path), expected([{"lst": one, "uncertainty": one} for one in (joined, lst[2])])["mean"])
    assert "3 products from 2 overpasses" in made.tags["composite"] and made.warnings == ()


def test_a_repeated_scene_is_a_warning(tmp_path):
    fields = [field((40, 50), seed) for seed in range(2)]
    paths = [product(tmp_path / name, "x", one) for name, one in zip("ab", fields, strict=True)]
    made = compose(paths, tmp_path / "out.tif")
    assert "of the same scene, x_B10.TIF" in made.warnings[0]


@pytest.mark.slow
def test_scaled_integers_are_read_and_written(tmp_path):
    paths, fields = season(tmp_path / "in", number=4, dtype="uint16")
    made = compose(paths, tmp_path / "out.tif", statistic=ALL, form=OutputFormat(dtype="uint16", compress="zstd"))
    wanted = expected([{key: np.round(one[key], 2) for key in ("lst", "uncertainty")} for one in fields])
    with rasterio.open(made.path) as dataset:
        assert dataset.dtypes[0] == "uint16" and dataset.scales[0] == 0.01
    for key, path in made.rasters.items():
        agree(read(path), wanted[key], atol=0.0051 if key != "deviation" else 2e-5)


@pytest.mark.slow
def test_pixels_are_filtered_by_quality_and_uncertainty(tmp_path):
    fields = [field((40, 50), seed, gaps=0.1) for seed in range(3)]
    rng = np.random.default_rng(3)
    near, water = rng.random((2, 3, 40, 50)) < 0.4
    for number, one in enumerate(fields):
        one["quality"] = one["quality"] & ~np.uint32(flag("cloud_distance").mask)
        one["quality"] |= np.where(near[number], 1 << 12, 3 << 12).astype("u4")
        one["quality"] |= np.where(water[number], flag("water").mask, 0).astype("u4")
    paths = [product(tmp_path / "in", f"p{n}", one, date=f"2015-0{n + 1}-01") for n, one in enumerate(fields)]
    lst, uncertainty = layers(fields), layers(fields, "uncertainty")

    def count(**options):
        made = compose(paths, tmp_path / "out.tif", overwrite=True, **options)
        return read(made.rasters["count"]), made

    clear = np.isfinite(lst)
    assert np.array_equal(count(exclude="near")[0], (clear & ~near).sum(axis=0))
    assert np.array_equal(count(exclude=["cloud_distance=near", "water"])[0], (clear & ~near & ~water).sum(axis=0))
    assert np.array_equal(count(keep="water", exclude="near")[0], (clear & water & ~near).sum(axis=0))
    assert np.array_equal(count(keep="near,far")[0], clear.sum(axis=0))
    found, made = count(max_uncertainty=1.5)
    assert np.array_equal(found, (uncertainty <= 1.5).sum(axis=0))
    assert made.tags["pixels_taken"] == "with an uncertainty up to 1.5 K"
    found, made = count(min_count=3)
    assert np.array_equal(np.isfinite(read(made.path)), clear.sum(axis=0) >= 3)
    assert np.array_equal(found, clear.sum(axis=0)) and made.filled == (found >= 3).sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "months"),
    [
        ({"months": "2-3"}, [2, 3]),
        ({"months": "12-1"}, [1]),
        ({"months": [4, 1]}, [1, 4]),
        ({"first_date": "2015-02-12", "last_date": "2015-04"}, [2, 3, 4]),
        ({"last_date": "2015-02-11"}, [1]),
        ({"first_date": "2015", "months": "5"}, [5]),
    ],
)
def test_products_are_selected_by_date(tmp_path, options, months):
    paths, fields = season(tmp_path / "in", shape=(20, 30))
    made = compose(paths, tmp_path / "out.tif", **options)
    assert made.products == tuple(paths[month - 1].name for month in months)
    assert made.tags["dates"] == ", ".join(f"2015-{month:02}-12" for month in months)
    agree(read(made.path), expected([fields[month - 1] for month in months])["median"])


@pytest.mark.slow
def test_every_raster_is_a_cog_with_provenance_and_sidecars(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(600, 530), number=2)
    made = compose(tmp_path / "in", tmp_path, statistic="weighted-mean")
    assert made.path.name == "LST_20150112_20150212_WMEAN.tif"
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == sorted(
        path.name for path in made.files
    )
    for path in made.rasters.values():
        assert cog_validate(path, strict=True, quiet=True)[0], path
        with rasterio.open(path) as dataset:
            tags = dataset.tags()
        assert tags["products"] == ", ".join(one.name for one in paths) and tags["AREA_OR_POINT"] == "Point"
        assert tags["composite"] == "weighted_mean of 2 products from 2 overpasses"
        assert tags["uncertainty_components"].startswith("of 0 of 2 products")
        assert str(tmp_path) not in str(tags)
    item = json.loads(made.path.with_suffix(".json").read_text())
    named = {asset["href"].removeprefix("./") for asset in item["assets"].values()}
    assert named == {path.name for path in made.files} - {made.path.with_suffix(".json").name}
    assert (item["properties"]["start_datetime"], item["properties"]["end_datetime"]) == (
        "2015-01-12T00:00:00Z", "2015-02-12T23:59:59Z",
    )  # fmt: skip


def test_a_stopped_run_leaves_no_files(tmp_path):
    paths, _ = season(tmp_path / "in", number=2)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CancelledError, match="nothing was written"):
        compose(paths, tmp_path / "out.tif", progress=lambda done, total: False)
    assert sorted(tmp_path.rglob("*")) == before


def test_progress_is_reported_for_every_tile(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(600, 600), number=1)
    steps = []
    compose(paths, tmp_path / "out.tif", progress=lambda done, total: steps.append((done, total)) or True)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_by_default_all_statistics_in_kelvin_are_rounded_and_say_so(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(60, 70), number=3)
    made = lst_raster.composite(paths, output=tmp_path / "a.tif", statistic=["mean", "deviation"])
    found = {}
    for key, path in made.rasters.items():
        with rasterio.open(path) as dataset:
            found[key] = dataset.tags().get("precision")
    kelvin, uncertainty = "rounded to 1/128 K", "rounded to 1/64 K"
    expected_steps = {"mean": kelvin, "deviation": kelvin, "count": None}
    assert {key: found.pop(key) for key in expected_steps} == expected_steps
    assert found and set(found.values()) == {uncertainty}
