"""Products opened as datasets, and datasets written as products."""

import pickle
import subprocess
import sys
import threading

import dask.array as da
import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr

from lst_raster import open_product, retrieve, retrieve_array, write_product
from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError, OutputError
from lst_raster.io.grid import Grid
from lst_raster.product.check import check_product
from lst_raster.product.paths import OutputFormat
from lst_raster.product.quality_flags import FLAGS, flag
from lst_raster.retrieval.run import GDAL_CACHE_SIZE
from lst_raster.xarray_api import open_product as raster_module
from tests.support.factories import FULL_PRECISION, STATE, make_scene, ramp, write_raster
from tests.support.product_sets import NAME, TAGS, fields_of, make_set
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server

SHAPE = (600, 700)
FIELDS = fields_of(SHAPE)
TURNED = Grid(
    crs=rasterio.crs.CRS.from_epsg(32616), transform=rasterio.Affine(20, 10, 4e5, 10, -20, 5e6), width=70, height=60
)
# rioxarray multiplies transforms as version 3 of affine does not want it.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


@pytest.fixture(scope="module", params=["float32", "uint16"])
def product(request, tmp_path_factory):
    return make_set(tmp_path_factory.mktemp(request.param) / "out", SHAPE, dtype=request.param)


@pytest.mark.slow
def test_a_product_is_a_dataset_of_kelvins_flags_and_provenance(product):
    dataset = open_product(product)
    step = 0.0051 if "uint16" in str(product) else 0.0
    for name, role in (("lst", "lst"), ("lst_uncertainty", "uncertainty")):
        assert dataset[name].dtype == np.float32
        np.testing.assert_allclose(dataset[name], FIELDS[role].astype("f4"), atol=step, rtol=0)
    np.testing.assert_array_equal(dataset.quality, FIELDS["quality"])
    for entry in FLAGS:
        values = dataset[entry.name]
        assert values.dtype == (np.bool_ if entry.length == 1 else np.uint8)
        np.testing.assert_array_equal(values, entry.of(FIELDS["quality"]))
    assert dataset.water.any() and dataset.cloud.any() and dataset.uncertain.any()
    own = {name: value for name, value in TAGS.items() if name.islower()}
    assert own.items() <= dataset.attrs.items()
    assert dataset.time == np.datetime64("2015-07-19T16:19:21")


@pytest.mark.slow
def test_names_coordinates_and_coordinate_system_are_those_of_cf_and_rioxarray(product, tmp_path):
    dataset = open_product(product)
    with rasterio.open(product) as file:
        crs, transform = file.crs, file.transform
    assert (dataset.rio.crs, dataset.rio.transform()) == (crs, transform)
    assert (dataset.x[0], dataset.y[0]) == (transform.c + 15, transform.f - 15)
    assert dataset.x.attrs["standard_name"] == "projection_x_coordinate"
    assert dataset.lst.attrs["standard_name"] == "surface_temperature"
    assert dataset.lst_uncertainty.attrs["standard_name"] == "surface_temperature standard_error"
    assert dataset.lst.attrs["units"] == "K"
    assert all(name in dataset for name in dataset.lst.attrs["ancillary_variables"].split())
    dataset[["lst", "quality"]].to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as again:
        assert again.lst.attrs["grid_mapping"] == "spatial_ref"
        np.testing.assert_array_equal(again.lst, dataset.lst)


def test_the_attributes_of_the_quality_bits_explain_every_bit_of_every_pixel(product):
    quality = open_product(product).quality
    masks, values = (quality.attrs[name].astype(int) for name in ("flag_masks", "flag_values"))
    meanings = quality.attrs["flag_meanings"].split()
    assert len(masks) == len(values) == len(meanings) == len(set(meanings))
    assert np.bitwise_or.reduce(masks) == sum(one.mask for one in FLAGS)
    rebuilt = np.zeros(SHAPE, int)
    for mask, value in zip(masks, values, strict=True):
        rebuilt |= np.where((quality.values & mask) == value, value, 0)
    np.testing.assert_array_equal(rebuilt, quality)
    near = meanings.index("cloud_distance_near")
    assert (masks[near], values[near]) == (flag("cloud_distance").mask, 1 << flag("cloud_distance").offset)


def test_only_the_requested_part_is_read(product, monkeypatch):
    windows, read = [], raster_module.read_stored
    monkeypatch.setattr(raster_module, "read_stored", lambda *a, **w: windows.append(w["window"]) or read(*a, **w))
    dataset = open_product(product)
    assert not windows
    part = dataset.lst[590:595, 3:8].values
    assert [(w.row_off, w.col_off, w.height, w.width) for w in windows] == [(590, 3, 5, 5)]
    np.testing.assert_array_equal(part, dataset.lst.values[590:595, 3:8])


@pytest.mark.parametrize(
    "key",
    [(5, 7), (slice(None, None, -3), 4), (slice(10, 10), slice(None)), (-1, slice(2, 90, 7)), ([3, 1, 599], [4, 9])],
)
def test_any_index_gives_the_same_as_for_a_numpy_array(product, key):
    lazy = open_product(product, chunks={}).cloud.variable if key[0] == -1 else open_product(product).cloud.variable
    expected = FIELDS["quality"] & flag("cloud").mask > 0
    wanted = expected[np.ix_(*key)] if isinstance(key[0], list) else expected[key]
    np.testing.assert_array_equal(lazy[key].values, wanted)


@pytest.mark.slow
def test_chunks_are_dask_arrays_on_the_blocks_of_the_file_and_can_be_sent(product):
    whole = open_product(product)
    lazy = open_product(product, chunks={})
    assert lazy.lst.chunks == ((512, 88), (512, 188))
    assert open_product(product, chunks={"y": 512, "x": 700}).quality.chunks == ((512, 88), (700,))
    xr.testing.assert_identical(pickle.loads(pickle.dumps(lazy)).compute(scheduler="synchronous"), whole.load())
    assert float(lazy.lst.where(~lazy.water).mean()) == pytest.approx(float(whole.lst.where(~whole.water).mean()))


def test_the_product_of_a_retrieval_opens_with_its_provenance_and_one_of_a_temperature_alone_too(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 310))
    made = retrieve(scene, output=tmp_path / "a.tif", model=model_path, emissivity=0.97, **STATE)
    dataset = open_product(made.path.with_suffix(".json"))
    own = {name: value for name, value in made.tags.items() if name.islower()}
    assert own.items() <= dataset.attrs.items()
    assert dataset.lst.notnull().all() and (dataset.emissivity_source == 2).all()
    alone = retrieve(
        scene, output=tmp_path / "b.tif", model=model_path, emissivity=0.97, form=OutputFormat(lst_only=True), **STATE
    )
    only = open_product(alone.path)
    assert list(only) == ["lst"] and "ancillary_variables" not in only.lst.attrs
    np.testing.assert_array_equal(only.lst, dataset.lst)
    assert str(only.time.values)[:10] == "2015-07-19"


def test_the_error_for_another_file_says_what_it_is(tmp_path):
    product = make_set(tmp_path / "out", (60, 70))
    other = write_raster(tmp_path / "other.tif", np.ones((5, 5), "f4"))
    with pytest.raises(InputError, match=r"other.tif is not a product of lst-raster.*rioxarray.open_rasterio"):
        open_product(other)
    with pytest.raises(InputError, match="holds 'quality', not the temperature of a product; give the file"):
        open_product(product.with_name(f"{product.stem}_QA.tif"))
    with pytest.raises(InputError, match="is a folder; give the path of an LST file"):
        open_product(tmp_path)
    with pytest.raises(InputNotFoundError, match="does not exist; check the path"):
        open_product(tmp_path / "no.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="is not a raster that GDAL can read"):
        open_product(tmp_path / "text.tif")
    smaller = make_set(tmp_path / "smaller", (50, 70))
    smaller.with_name(f"{smaller.stem}_UNC.tif").replace(product.with_name(f"{product.stem}_UNC.tif"))
    with pytest.raises(GridMismatchError, match=r"_UNC.tif is EPSG:32616 70x50 .*_LST.tif is EPSG:32616 70x60"):
        open_product(product)


def test_a_file_that_was_replaced_or_damaged_after_opening_is_an_error(tmp_path):
    product = make_set(tmp_path / "out", SHAPE)
    dataset, lazy = open_product(product), open_product(product, chunks={})
    whole = product.read_bytes()
    product.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        dataset.lst.values  # noqa: B018
    make_set(tmp_path / "other", (50, 70)).replace(product)
    with pytest.raises(InputError, match="has changed since it was opened; open it again"):
        lazy.lst.compute(scheduler="synchronous")


@pytest.mark.slow
def test_a_product_on_a_server_is_read_in_parts_and_its_signature_is_not_shown(tmp_path, caplog):
    product = make_set(tmp_path / "out", SHAPE)
    local = open_product(product).load()
    with web_server(tmp_path / "out") as server:
        dataset = open_product(f"{server.url(NAME)}?sig=secret", chunks={})
        xr.testing.assert_identical(dataset.compute(scheduler="synchronous"), local)
        server.requests.clear()
        np.testing.assert_array_equal(dataset.lst[:9, :9].values, local.lst[:9, :9])
        assert {path for path, _, _ in server.requests} == {NAME}
        assert server.requests[-1][2]["Range"] != "bytes=0-16383"  # the block, and not the head alone
        server.answers[NAME.replace(".tif", "_UNC.tif")] = 403  # as from a store that does not list its content
        assert "lst_uncertainty" not in open_product(f"{server.url(NAME)}?sig=secret")
        assert "_UNC.tif is left out: " in caplog.text
        server.answers.clear()
        item = open_product(server.url(NAME.replace(".tif", ".json")))
        assert list(item) == list(local)
        for path in product.parent.glob(f"{product.stem}_*.tif"):
            path.unlink()
        assert list(open_product(server.url(NAME))) == ["lst"]
        with pytest.raises(InputNotFoundError):
            open_product(server.url("no.tif"))
    assert "secret" not in f"{dataset.encoding} {dataset.attrs} {dataset!r} {caplog.text}"


@pytest.mark.slow
def test_a_product_in_an_object_store_is_the_same(tmp_path, monkeypatch):
    product = make_set(tmp_path / "out", (60, 70))
    for name, value in STORE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with object_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        store.upload(tmp_path / "out", "bucket", "products/")
        xr.testing.assert_identical(open_product(f"s3://bucket/products/{NAME}").load(), open_product(product).load())


def test_a_rotated_grid_or_one_without_coordinates_opens_without_false_coordinates(tmp_path):
    dataset = open_product(make_set(tmp_path / "turned", (60, 70), grid=TURNED))
    assert "x" not in dataset.coords
    assert dataset.rio.transform(recalc=False) == TURNED.transform
    nowhere = open_product(make_set(tmp_path / "nowhere", (60, 70), crs=None, item=False, tags={"AREA_OR_POINT": None}))
    assert nowhere.rio.crs is None and nowhere.lst.notnull().any()


@pytest.fixture(scope="module")
def made():
    places = {"y": 5e6 - 30.0 * (np.arange(SHAPE[0]) + 0.5), "x": 4e5 + 30.0 * (np.arange(SHAPE[1]) + 0.5)}
    radiance = xr.DataArray(ramp(8.0, 10.0, SHAPE).astype("f4"), dims=("y", "x"), coords=places).rio.write_crs(32616)
    radiance[:9, 300:] = np.nan
    return retrieve_array(radiance, 0.97, 20.0, sensor="landsat8-b10", air_temperature=295.0, surface_pressure=1000.0)


@pytest.mark.slow
@pytest.mark.parametrize("form", [FULL_PRECISION, OutputFormat(dtype="uint16", compress="zstd")])
def test_written_files_are_the_same_from_memory_and_from_any_chunks(tmp_path, made, form):
    files = write_product(made, tmp_path / "a.tif", form=form)
    assert [path.name for path in files] == ["a_UNC.tif", "a.tif"]
    again = open_product(tmp_path / "a.tif")
    step = 0.0 if form.dtype == "float32" else 0.0051
    for name in ("lst", "lst_uncertainty"):
        np.testing.assert_allclose(again[name], made[name], atol=step, rtol=0)
    assert again.rio.crs.to_epsg() == 32616 and again.rio.transform() == made.rio.transform()
    assert again.attrs["model"] == "landsat8-b10/surface"
    for number, chunks in enumerate([{"y": 512, "x": 512}, {"y": 100, "x": 333}, {"y": 7, "x": 700}]):
        lazy = made.chunk(chunks).transpose("x", "y") if number == 1 else made.chunk(chunks)
        other = write_product(lazy, tmp_path / f"b{number}.tif", form=form)
        assert [path.read_bytes() for path in other] == [path.read_bytes() for path in files]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_written_files_pass_the_check_of_products(tmp_path, made):
    write_product(made, tmp_path / "a.tif")
    found = {finding.name: finding for finding in check_product(tmp_path / "a.tif")}
    assert {name: finding.text for name, finding in found.items() if finding.outcome == "failed"} == {}
    assert found["layout"].outcome == found["uncertainty"].outcome == found["metadata"].outcome == "ok"


def test_rioxarray_writes_chunks_with_a_lock(tmp_path, made):
    lazy = made.chunk({"y": 512, "x": 512})
    lazy.lst.rio.to_raster(tmp_path / "a.tif", tiled=True, blockxsize=512, blockysize=512, lock=threading.Lock())
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), made.lst)
        assert dataset.block_shapes == [(512, 512)]


def test_existing_products_and_datasets_without_a_raster_are_errors(tmp_path, made):
    write_product(made, tmp_path / "a.tif", form=OutputFormat(lst_only=True))
    with pytest.raises(OutputError, match="exists and is kept"):
        write_product(made, tmp_path / "a.tif")
    assert len(write_product(made, tmp_path / "a.tif", overwrite=True)) == 2
    whole = make_set(tmp_path / "whole", (60, 70))
    with pytest.raises(OutputError, match="belongs to a complete product of that name"):
        write_product(made, whole, overwrite=True)
    with pytest.raises(OutputError, match="give the name of the temperature's file"):
        write_product(made, tmp_path)
    assert [path.parent.name for path in write_product(made, tmp_path / "new" / "a.tif")] == ["new"] * 2
    with pytest.raises(InputError, match=r"lst has the dimensions time, y, x; a raster has two"):
        write_product(made.expand_dims("time"), tmp_path / "b.tif")
    with pytest.raises(InputError, match="the dataset holds lst_uncertainty; give one with lst"):
        write_product(made.drop_vars("lst"), tmp_path / "b.tif")


def test_a_subset_is_written_with_its_own_grid(tmp_path, made):
    for name, part in {
        "a": made.isel(x=slice(100, 300), y=slice(50, 60)),
        "b": made.isel(x=slice(None, None, 2), y=slice(None, None, 5)),
        "c": made.isel(y=slice(None, None, -1)),
        "d": made.rio.write_transform().isel(y=slice(7, 8)),
    }.items():
        again = open_product(write_product(part, tmp_path / f"{name}.tif", form=FULL_PRECISION)[-1])
        np.testing.assert_allclose(again.x, part.x, rtol=0, atol=1e-6)
        np.testing.assert_allclose(again.y, part.y, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(again.lst, part.lst)
    turned = open_product(make_set(tmp_path / "turned", (60, 70), grid=TURNED))
    assert open_product(write_product(turned, tmp_path / "e.tif")[-1]).rio.transform(recalc=False) == TURNED.transform


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.assign_coords(y=made.y**2), "y of the dataset is not evenly spaced"),
        (lambda made: made.isel(x=[0]), "the dataset has a single x, so the pixel size is unknown"),
        (lambda made: made.rename(x="b", y="a"), "lst has the dimensions a, b; rename them to y and x"),
    ],
)
def test_uneven_coordinates_are_an_error(tmp_path, made, change, message):
    with pytest.raises(InputError, match=message):
        write_product(change(made), tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


def test_an_error_in_one_chunk_leaves_nothing_behind(tmp_path, made):
    def fail(values, block_info=None):
        if block_info[0]["chunk-location"] == (4, 1):
            raise InputError("emissivity is 97")
        return values

    data = da.from_array(made.lst.values, chunks=(100, 350)).map_blocks(fail, dtype="f4", meta=np.empty((0, 0), "f4"))
    with pytest.raises(InputError, match="emissivity is 97"):
        write_product(made.assign(lst=made.lst.copy(data=data)), tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_large_raster_in_chunks_is_never_in_memory_as_a_whole():
    """Two arrays are read and two written; memory grows by less than GDAL's cache and two of the larger raster."""
    code = "from tests.benchmarks.arrays import run; print(run({side}, chunk=512, air='steady')[0].peak)"
    peaks = [
        float(subprocess.check_output([sys.executable, "-c", code.format(side=side)], text=True))
        for side in (1000, 4000)
    ]
    one = 4 * (4000**2 - 1000**2)
    assert peaks[1] - peaks[0] < (GDAL_CACHE_SIZE + 2 * one) / 2**20


def test_a_quality_band_of_another_layout_is_refused(tmp_path):
    path = make_set(tmp_path / "set")
    quality = path.with_name(path.stem + "_QA.tif")
    with rasterio.open(quality) as dataset:
        bits, profile = dataset.read(1), dataset.profile
    profile.update(driver="GTiff", dtype="uint16")
    with rasterio.open(quality, "w", **profile) as dataset:
        dataset.write((bits & 0xFFFF).astype("u2"), 1)
    assert open_product(path).lst.notnull().any()
    with pytest.raises(InputError, match="holds uint16, not the uint32 of a quality band; retrieve the scene again"):
        open_product(path).emissivity_source.load()
