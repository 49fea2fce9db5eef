"""Inputs of composites: on other grids, on servers, damaged, and files that are not products."""

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

import lst_raster
from lst_raster.compositing import stack
from lst_raster.compositing.products import Season
from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError, OutputError
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate
from lst_raster.product.quality_flags import flag
from tests.support.composites import CLEAR, ORIGIN, expected, field, grid_at, product, read, season
from tests.support.factories import write_raster
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server


def compose(products, target, **options):
    return lst_raster.composite(products, output=target, **options)


def truth(grid):
    """A temperature that depends only on the position [K], and longitudes [degree]."""
    column, row = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    latitude, longitude = grid.degrees(column, row)
    return 300.0 + 30.0 * (latitude - 48.7) + 20.0 * (longitude + 88.3) + 0.3 * np.sin(400.0 * longitude), longitude


def seen(folder, name, grid, month):
    """A product of that temperature, with a hole, and water in the west."""
    lst, longitude = truth(grid)
    lst[40:70, 50:90] = np.nan
    bits = np.where(longitude < -88.34, CLEAR | flag("water").mask, CLEAR).astype("u4")
    fields = {"lst": lst.astype("f4"), "uncertainty": np.where(np.isnan(lst), np.nan, 1.0).astype("f4")}
    return product(folder, name, {**fields, "quality": bits}, grid=grid, date=f"2015-0{month}-01")


@pytest.fixture(scope="module")
def scattered(tmp_path_factory):
    """Products whose pixels do not align."""
    folder, shape = tmp_path_factory.mktemp("scattered"), (150, 200)
    (x,), (y,) = transform("EPSG:32616", "EPSG:32617", [ORIGIN[0]], [ORIGIN[1]])
    zone = Grid(crs=CRS.from_epsg(32617), transform=Affine(30, 0, x + 7, 0, -30, y), height=shape[0], width=shape[1])
    grids = grid_at(shape), grid_at(shape, shift=(15.0, 15.0)), zone
    return [seen(folder, f"p{n}", grid, n + 1) for n, grid in enumerate(grids)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"align": True}, 0.01),
        ({"crs": "EPSG:4326"}, 0.01),
        ({"resolution": 60.0}, 0.03),
        ({"align": True, "exclude": "water"}, 0.01),
    ],
)
def test_products_on_other_grids_are_warped_to_the_right_position(tmp_path, scattered, options, most):
    made = compose(scattered, tmp_path / "out.tif", statistic="mean", **options)
    with rasterio.open(made.path) as dataset:
        grid = Grid.of(dataset)
    lst, longitude = truth(grid)
    found, count = read(made.path), read(made.rasters["count"])
    off = np.abs(found - lst)[np.isfinite(found)]
    assert np.percentile(off, 99) < most and off.max() < 4 * most  # next to a hole fewer pixels are averaged
    assert set(np.unique(count)) == {0, 1, 2, 3} and np.mean(count == 3) > 0.35
    assert made.tags["warped_products"] == ("2 of 3" if "align" in options else "3 of 3")
    if "exclude" in options:
        assert not np.isfinite(found[longitude < -88.341]).any() and np.isfinite(found[longitude > -88.339]).any()


def test_products_on_other_grids_are_an_error_that_names_the_option(tmp_path, scattered):
    with pytest.raises(GridMismatchError, match=r"p1_LST\.tif is EPSG:32616.*pass --align"):
        compose(scattered, tmp_path / "out.tif")
    assert list(tmp_path.iterdir()) == []


def test_products_without_a_crs_need_the_same_grid(tmp_path):
    paths, fields = season(tmp_path / "in", shape=(20, 30), number=2, grid=grid_at((20, 30), crs=None))
    made = compose(paths, tmp_path / "out.tif")
    np.testing.assert_allclose(read(made.path), expected(fields)["median"], atol=1 / 256)
    other = product(tmp_path / "other", "other", field((20, 30), 5), grid=grid_at((20, 30), 3, crs=None))
    with pytest.raises(GridMismatchError, match="without a coordinate reference system"):
        compose([*paths, other], tmp_path / "no.tif", align=True)


@pytest.mark.slow
def test_a_damaged_product_is_an_error_or_is_skipped_completely(tmp_path):
    paths, fields = season(tmp_path / "in", shape=(700, 20), number=3)
    content = bytearray(paths[1].read_bytes())
    content[-9000:-3000] = bytes(6000)  # the last block: the first one still reads
    paths[1].write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"LC08_02_LST\.tif opens but cannot be read completely"):
        compose(paths, tmp_path / "out.tif", statistic="mean")
    assert sorted(tmp_path.rglob("*")) == before
    made = compose(paths, tmp_path / "out.tif", statistic="mean", skip_unreadable=True)
    assert made.products == (paths[0].name, paths[2].name) and "LC08_02" in made.warnings[0]
    count = np.isfinite([fields[0]["lst"], fields[2]["lst"]]).sum(axis=0)
    assert np.array_equal(read(made.rasters["count"]), count)


def test_files_that_are_not_products_are_skipped_with_a_warning_on_request(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=2)
    (tmp_path / "text_LST.tif").write_text("hello")
    other = write_raster(tmp_path / "other.tif", np.ones((4, 4), "f4"))
    given = [*paths, tmp_path / "text_LST.tif", tmp_path / "none.tif", other]
    made = compose(given, tmp_path / "out.tif", skip_unreadable=True)
    assert len(made.products) == 2 and len(made.warnings) == 3
    with pytest.raises(InputError, match="none of the products can be read"):
        compose(given[2:], tmp_path / "no.tif", skip_unreadable=True)


def test_companion_files_may_be_listed_and_no_product_counts_twice(tmp_path):
    paths, fields = season(tmp_path / "in", shape=(20, 30), number=2)
    made = compose([tmp_path / "in", tmp_path / "in" / "*.tif", *paths], tmp_path / "out.tif")
    assert made.products == tuple(path.name for path in paths)
    assert np.array_equal(read(made.rasters["count"]), expected(fields)["count"])


def test_invalid_arguments_and_inputs_are_errors(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=2)
    paths[0].with_name("LC08_01_LST_UNC.tif").unlink()
    done = compose(paths, tmp_path / "done.tif").path
    timeless = product(tmp_path / "timeless", "x", field((20, 30), 3), date="unknown")
    far = product(tmp_path / "far", "far", field((20, 30), 3), grid=grid_at((20, 30), 500))
    (tmp_path / "empty").mkdir()
    cases = [
        (InputError, r"no \*_LST\.tif in", tmp_path / "empty", {}),
        (InputNotFoundError, "no file matches", tmp_path / "*.xyz", {}),
        (InputError, "no products are given", [], {}),
        (InputError, "is a composite", done, {}),
        (InputError, "has uncertainty", tmp_path / "in" / "LC08_02_LST_UNC.tif", {}),
        (InputError, "unknown statistic 'mode'", paths, {"statistic": "mode"}),
        (InputError, "invalid percentile 101", paths, {"percentile": 101}),
        (InputError, "invalid month 13", paths, {"months": [13]}),
        (InputError, "invalid months 'july'", paths, {"months": "july"}),
        (InputError, "is not a day", paths, {"first_date": "2015-02-30"}),
        (InputError, "swap them", paths, {"first_date": "2016", "last_date": "2015"}),
        (InputError, "2015-01-12 to 2015-02-12", paths, {"months": "7"}),
        (InputError, "has no date", [*paths, timeless], {"months": "1"}),
        (InputError, "unknown quality flag", paths, {"exclude": "cloudy"}),
        (InputError, "above 0", paths, {"max_uncertainty": 0.0}),
        (InputError, "missing for LC08_01_LST.tif", paths, {"max_uncertainty": 1.0}),
        (InputError, "missing for LC08_01_LST.tif", paths, {"statistic": "weighted-mean"}),
        (InputError, "3 dates are needed", paths, {"min_count": 3}),
        (InputError, "1 or more", paths, {"min_count": 0}),
        (InputError, "no coordinate reference system", paths, {"crs": "nonsense"}),
        (InputError, "resolution is -3", paths, {"resolution": -3.0}),
        (InputError, "leave out --crs", paths, {"grid": paths[0], "crs": "EPSG:4326"}),
        (InputNotFoundError, "does not exist", paths, {"grid": "nowhere.tif"}),
        (GridMismatchError, "no area in common", [*paths, far], {"grid": "intersection"}),
    ]
    before = sorted(tmp_path.rglob("*"))
    for error, text, products, options in cases:
        with pytest.raises(error, match=text):
            compose(products, tmp_path / "out.tif", **options)
    with pytest.raises(OutputError, match="add --overwrite"):
        compose(paths, done)
    with pytest.raises(OutputError, match="one of the inputs"):
        compose(paths, paths[0], overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_quality_band_or_uncertainty_is_a_warning_where_it_matters(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=2, without=("_UNC.tif", "_QA.tif"))
    assert compose(paths, tmp_path / "a.tif").warnings == ()
    made = compose(paths, tmp_path / "b.tif", statistic="mean", exclude="water")
    assert [warning.partition(":")[0] for warning in made.warnings] == [
        "the mean has no uncertainty", "pixels are not filtered by quality",
    ]  # fmt: skip
    assert set(made.rasters) == {"mean", "count"}


def test_a_quality_band_of_another_layout_is_an_error_if_pixels_are_filtered(tmp_path):
    (path,), _ = season(tmp_path / "old", shape=(20, 30), number=1)
    quality = path.with_name(path.stem + "_QA.tif")
    with rasterio.open(quality) as dataset:
        bits, profile = dataset.read(1), dataset.profile
    profile.update(driver="GTiff", dtype="uint16")
    with rasterio.open(quality, "w", **profile) as dataset:
        dataset.write((bits & 0xFFFF).astype("u2"), 1)
    with pytest.raises(InputError, match="holds uint16, not the uint32 of a quality band; retrieve the scene again"):
        lst_raster.composite([path], output=tmp_path / "a.tif", exclude="emissivity_source=assumed")


def test_a_month_is_selected_only_if_it_is_completely_within_the_season():
    season = Season.parse("2015-06-02", "2015-08-31", ())
    dates = ("2015-06", "2015-07", "2015-08", "2015-09", "2015-06-01", "2015-06-02", "2015-08-31")
    assert [season.includes(AcquisitionDate.parse(date)) for date in dates] == [
        False, True, True, False, False, True, True,
    ]  # fmt: skip


@pytest.mark.slow
def test_products_beyond_the_limit_of_open_files_are_opened_for_each_tile(tmp_path, monkeypatch):
    paths, _ = season(tmp_path / "in", shape=(530, 30), number=4)
    options = {"statistic": "mean", "exclude": "water", "threads": 2}
    kept = compose(paths, tmp_path / "kept.tif", **options)
    monkeypatch.setattr(stack, "_MAX_OPEN_FILES", 2)
    again = compose(paths, tmp_path / "again.tif", **options)
    for key in kept.rasters:
        assert again.rasters[key].read_bytes() == kept.rasters[key].read_bytes()


# The server runs in this process: when two threads open files repeatedly, rasterio requests headers while it holds
# the interpreter's lock, which the server needs to answer. So the files stay open, or one thread reads.
@pytest.mark.slow
@pytest.mark.parametrize("options", [{"threads": 2}, {"threads": 1, "files": 2}])
def test_products_on_a_web_server_give_an_identical_composite(tmp_path, monkeypatch, options):
    monkeypatch.setattr(stack, "_MAX_OPEN_FILES", options.get("files", 64))
    paths, _ = season(tmp_path / "in", shape=(530, 30), number=3)
    wanted = {"statistic": "mean", "exclude": "water", "threads": options["threads"]}
    local = compose(paths, tmp_path / "l.tif", **wanted)
    with web_server(tmp_path / "in") as server:
        remote = compose([server.url(path.name) for path in paths], tmp_path / "r.tif", **wanted)
        server.ranges = False
        with pytest.raises(InputError, match="whole files only"):
            compose(server.url(paths[0].name), tmp_path / "no.tif")
    for key in local.rasters:
        assert remote.rasters[key].read_bytes() == local.rasters[key].read_bytes()


def test_a_product_on_a_web_server_that_changes_while_it_is_read_is_an_error(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(530, 30), number=2)

    def replaced(done, total):
        paths[1].write_bytes(paths[1].read_bytes() + b"\0")
        return True

    with web_server(tmp_path / "in") as server, pytest.raises(InputError, match="has changed while it was read"):
        compose([server.url(path.name) for path in paths], tmp_path / "r.tif", threads=1, progress=replaced)
    assert list(tmp_path.glob("*r*.tif")) == []


@pytest.mark.slow
def test_a_folder_of_an_object_store_gives_an_identical_composite(tmp_path, monkeypatch):
    for name, value in {**STORE_ENVIRONMENT, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    paths, _ = season(tmp_path / "in", shape=(530, 30), number=2)
    local = compose(paths, tmp_path / "l.tif", threads=2)
    with object_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        store.upload(tmp_path / "in", "products", "2015/")
        remote = compose("s3://products/2015", tmp_path / "r.tif", threads=2)
    for key in local.rasters:
        assert remote.rasters[key].read_bytes() == local.rasters[key].read_bytes()
    assert "store-secret" not in str(remote)
