"""Inputs and products on servers: rasters read in parts, reanalysis copied, products described, no secrets shown."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lst_raster import Level2Scene, Scene, retrieve
from lst_raster.errors import (
    InputError,
    InputNotFoundError,
    LstRasterError,
    OutputError,
    RemoteAccessError,
    RemoteError,
)
from lst_raster.io import remote as remote_files
from lst_raster.io.address import Address
from lst_raster.product.check import check_product
from lst_raster.retrieval.describe import describe
from lst_raster.retrieval.resume import file_states, require_unchanged
from lst_raster.validation.compare import compare_rasters
from tests.support.emissivity_scenes import add_quality, add_reflectance, make_tile
from tests.support.factories import STATE, make_scene, ramp, write_raster
from tests.support.http_server import serving_folder
from tests.support.reanalysis_files import write_reanalysis, write_store
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server

SECRET = "sig=a%2Fb-very-secret&se=2030"
AXES = {"latitude": np.arange(32.0, 29.9, -0.25), "longitude": np.arange(270.0, 275.1, 0.25)}
DATE = "2015-07-19T16:20"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """A separate folder for products and for temporary files, and no waiting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(remote_files, "PAUSE", 0.0)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "AWS_NO_SIGN_REQUEST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"GDAL_HTTP_RETRY_DELAY": "0.01", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def scene(tmp_path):
    return make_scene(tmp_path / "in", lst=ramp(275, 310))


@pytest.fixture
def given(tmp_path, scene):
    """A folder with a raster of every quantity, a map of land cover and a reanalysis."""
    folder = tmp_path / "given"
    folder.mkdir()
    rasters = {
        "emissivity": ramp(0.95, 0.99), "water_vapour": ramp(10, 30), "air_temperature": ramp(280, 300),
        "surface_pressure": ramp(900, 1000), "dem": ramp(0, 500),
    }  # fmt: skip
    for name, values in rasters.items():
        write_raster(folder / f"{name}.tif", values.astype("f4"))
    write_raster(folder / "map.tif", np.full(ramp(0, 1).shape, 10, "u1"))
    shape = (TIMES, AXES["latitude"].size, AXES["longitude"].size)
    fields = {"tcwv": np.full(shape, 20.0), "t2m": np.full(shape, 290.0), "sp": np.full(shape, 9.8e4)}
    write_reanalysis(folder / "era5.nc", fields, **AXES)
    return folder


TIMES = 3  # steps of the files that tests write
RASTERS = ("emissivity", "water_vapour", "air_temperature", "surface_pressure")


@pytest.fixture
def server(given):
    with web_server(given) as server:
        yield server


@pytest.fixture
def bucket(given, monkeypatch):
    """The same folder in an object store."""
    for name, value in STORE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with object_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        store.upload(given, "given")
        yield store


def made(scene, model_path, name, **options):
    return retrieve(scene, output=name, model=model_path, **options)


def test_rasters_on_a_web_server_give_the_same_product_as_from_disk(scene, given, server, model_path):
    local = made(scene, model_path, "l.tif", **{name: given / f"{name}.tif" for name in RASTERS})
    server.secret = SECRET
    remote = made(scene, model_path, "r.tif", **{name: server.url(f"{name}.tif?{SECRET}") for name in RASTERS})
    assert remote.path.read_bytes() == local.path.read_bytes()
    assert remote.tags == local.tags and "emissivity.tif (given)" in remote.tags["emissivity"]
    for name in RASTERS:
        asked = ranges(server, f"{name}.tif")
        assert asked[0] == asked[-1] == 1  # whether it is as it was
        assert sum(asked[2:-1]) == (given / f"{name}.tif").stat().st_size  # after a look every byte once
        assert len(asked) <= 6
    assert not [path for path in Path().glob("r*") if b"secret" in path.read_bytes()]


def ranges(server, name):
    """Sizes of the parts of a file that were asked for."""
    asked = [headers.get("Range") for path, _, headers in server.requests if path == name]
    return [1 + abs(int.__sub__(*map(int, part.removeprefix("bytes=").split("-")))) for part in asked if part]


@pytest.mark.slow
def test_rasters_and_reanalysis_in_a_store_give_the_same_product_as_from_disk(scene, given, bucket, model_path):
    scene = Scene.open(scene, date=DATE)
    options = {"emissivity": "emissivity.tif", "dem": None, "reanalysis": "era5.nc"}
    here = {name: given / value for name, value in options.items() if value}
    there = {name: f"s3://given/{value}" for name, value in options.items() if value}
    local, remote = made(scene, model_path, "l.tif", **here), made(scene, model_path, "r.tif", **there)
    assert remote.path.read_bytes() == local.path.read_bytes()
    assert made(scene, model_path, "r.tif", **there).reused
    bucket.upload(given, "given")
    assert made(scene, model_path, "r.tif", **there).reused
    write_raster(given / "emissivity.tif", ramp(0.9, 0.95).astype("f4"))
    bucket.upload(given, "given")
    with pytest.raises(LstRasterError, match="exists and is kept"):
        made(scene, model_path, "r.tif", **there)


@pytest.mark.slow
def test_a_scene_in_a_store_is_combined_with_rasters_on_a_web_server_and_on_disk(
    scene, given, bucket, server, model_path
):
    bucket.upload(scene.parent, "scenes")
    options = {"air_temperature": given / "air_temperature.tif", "surface_pressure": "s3://given/surface_pressure.tif"}
    places = {name: server.url(f"{name}.tif") for name in ("emissivity", "water_vapour")}
    local = made(scene, model_path, "l.tif", **{name: given / f"{name}.tif" for name in RASTERS})
    remote = made(f"s3://scenes/{scene.name}", model_path, "r.tif", threads=2, **options, **places)
    assert remote.path.read_bytes() == local.path.read_bytes()


def test_the_elevation_may_be_on_a_server_too(scene, given, server, model_path):
    local = made(scene, model_path, "l.tif", dem=given / "dem.tif", emissivity=0.97)
    remote = made(scene, model_path, "r.tif", dem=server.url("dem.tif"), emissivity=0.97)
    assert remote.path.read_bytes() == local.path.read_bytes()


def test_a_raster_on_another_grid_is_warped_from_the_server(scene, given, server, model_path):
    with rasterio.open(given / "emissivity.tif") as dataset:
        shifted = rasterio.Affine(60, 0, dataset.transform.c, 0, -60, dataset.transform.f)
    write_raster(given / "coarse.tif", ramp(0.95, 0.99)[::2, ::2].astype("f4"), transform=shifted)
    with pytest.raises(LstRasterError, match=r"coarse.tif"):
        made(scene, model_path, "l.tif", emissivity=server.url("coarse.tif"), **STATE)
    local = made(scene, model_path, "l.tif", emissivity=given / "coarse.tif", align=True, **STATE)
    remote = made(scene, model_path, "r.tif", emissivity=server.url("coarse.tif"), align=True, **STATE)
    assert remote.path.read_bytes() == local.path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("legend", ["", ":worldcover"])
def test_a_map_of_land_cover_on_a_server_is_read(scene, given, server, model_path, legend):
    local = made(scene, model_path, "l.tif", emissivity=f"landcover:{given / 'map.tif'}{legend}", **STATE)
    remote = made(scene, model_path, "r.tif", emissivity=f"landcover:{server.url('map.tif')}{legend}", **STATE)
    assert remote.path.read_bytes() == local.path.read_bytes()


def test_a_reanalysis_on_a_web_server_is_fetched_once_and_gives_the_same_product(
    scene, given, server, model_path, monkeypatch
):
    monkeypatch.setattr(remote_files, "_PART", 1000)
    scene = Scene.open(scene, date=DATE)
    local = made(scene, model_path, "l.tif", reanalysis=given / "era5.nc", emissivity=0.97)
    server.secret = SECRET
    remote = made(scene, model_path, "r.tif", reanalysis=server.url(f"era5.nc?{SECRET}"), emissivity=0.97)
    assert remote.path.read_bytes() == local.path.read_bytes()
    assert remote.tags["water_vapour"].startswith("era5.nc tcwv, mean 20 kg m-2")
    size = (given / "era5.nc").stat().st_size
    assert len(server.requests) == -(-size // 1000) + 2  # and twice for its state
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_a_store_on_a_web_server_is_still_read_as_a_store(scene, tmp_path, model_path):
    shape = (TIMES, AXES["latitude"].size, AXES["longitude"].size)
    names = {"total_column_water_vapour": 20.0, "2m_temperature": 290.0, "surface_pressure": 9.8e4}
    write_store(tmp_path / "stores/era5.zarr", {n: np.full(shape, v) for n, v in names.items()}, **AXES)
    scene = Scene.open(scene, date=DATE)
    with serving_folder(tmp_path / "stores") as (address, _):
        product = made(scene, model_path, "r.tif", reanalysis=f"{address}/era5.zarr", emissivity=0.97)
    assert product.tags["water_vapour"].startswith("era5.zarr total_column_water_vapour, mean 20 kg m-2")


def test_a_reanalysis_that_changes_or_ends_while_it_is_fetched_is_refused(
    scene, given, server, model_path, monkeypatch
):
    monkeypatch.setattr(remote_files, "_PART", 1000)
    scene, fetch = Scene.open(scene, date=DATE), remote_files.fetch

    def changing(address, start, length):
        if start == 3000:
            (given / "era5.nc").write_bytes((given / "era5.nc").read_bytes()[:-1] + b"x")
        return fetch(address, start, length)

    monkeypatch.setattr(remote_files, "fetch", changing)
    with pytest.raises(RemoteError, match=r"era5.nc changed during the download; run again"):
        made(scene, model_path, "r.tif", reanalysis=server.url("era5.nc"))
    monkeypatch.setattr(remote_files, "fetch", fetch)
    server.ranges = False
    with pytest.raises(RemoteError, match=r"era5.nc: the server sent 1000 of \d+ bytes; download the file first"):
        made(scene, model_path, "r.tif", reanalysis=server.url("era5.nc"))
    monkeypatch.setattr(remote_files, "_PART", 1 << 20)
    assert made(scene, model_path, "r.tif", reanalysis=server.url("era5.nc")).retrieved
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


REFUSED = {
    "emissivity": ("missing.tif", "emissivity"),
    "water_vapour": ("missing.tif", "water_vapour"),
    "dem": ("missing.tif", "dem"),
    "reanalysis": ("missing.nc", "reanalysis"),
    "land cover": ("missing.tif", "emissivity"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("code", [403, 404, 500])
def test_errors_of_a_server_show_no_secrets(scene, server, model_path, caplog, what, code):
    name, option = REFUSED[what]
    server.answers = {name: code}
    error = {403: RemoteAccessError, 404: InputNotFoundError, 500: RemoteError}[code]
    place = server.url(f"{name}?{SECRET}").replace("127.0.0.1", "me:pass-word@127.0.0.1")
    place = f"landcover:{place}" if what == "land cover" else place
    with pytest.raises(error, match=name) as raised:
        made(Scene.open(scene, date=DATE), model_path, "r.tif", **{option: place})
    assert not [word for word in ("secret", "pass-word") if word in str(raised.value) + caplog.text]
    assert list(Path().glob("r*")) == []


@pytest.mark.parametrize(("option", "text"), [
    ("emissivity", f"aster-ged:https://h.org/ged/?{SECRET}"), ("emissivity", f"st-emis:https://h.org/p?{SECRET}"),
    ("emissivity", f"gs://bucket/e.tif?{SECRET}"), ("water_vapour", f"ftp://me:pass-word@h.org/w.tif?{SECRET}"),
    ("reanalysis", f"ftp://me:pass-word@h.org/w.nc?{SECRET}"),
])  # fmt: skip
def test_errors_for_inputs_that_must_be_on_disk_show_no_secrets(scene, model_path, option, text):
    with pytest.raises(InputNotFoundError, match=r"(fetch|download) (it|the file) first") as raised:
        made(Scene.open(scene, date=DATE), model_path, "r.tif", **{option: text})
    assert not [word for word in ("secret", "pass-word") if word in str(raised.value)]


def test_level_2_products_and_checks_are_for_files_on_disk():
    for look in (Level2Scene.open, check_product):
        with pytest.raises(
            InputNotFoundError, match=r"s3://b/x.tif is on a server, from which it cannot be read; download it"
        ):
            look("s3://b/x.tif")


def test_a_scene_that_is_replaced_while_it_is_read_gives_no_product(scene, tmp_path, model_path):
    with web_server(scene.parent) as server:
        opened = Scene.open(server.url(scene.name))

        def replaced(done, total):
            scene.write_bytes(scene.read_bytes() + b"\0")
            return True

        with pytest.raises(InputError, match=r"_B10.TIF has changed while it was read, and nothing was written; run"):
            retrieve(opened, output="r.tif", model=model_path, progress=replaced, emissivity=0.97, **STATE)
    assert list(Path().glob("r*")) == []


def test_a_run_of_a_scene_on_a_web_server_is_kept(scene, model_path):
    with web_server(scene.parent) as server:
        place = server.url(scene.name)
        assert not made(place, model_path, "r.tif", emissivity=0.97, **STATE).reused
        assert made(place, model_path, "r.tif", emissivity=0.97, **STATE).reused


def test_a_second_run_from_a_server_without_etag_uses_last_modified(scene, model_path):
    with web_server(scene.parent) as server:
        server.identity = lambda content: {"Last-Modified": "Sun, 19 Jul 2015 16:20:00 GMT"}
        options = {"emissivity": 0.97, **STATE}
        assert not made(server.url(scene.name), model_path, "r.tif", **options).reused
        assert made(server.url(scene.name), model_path, "r.tif", **options).reused
        server.identity = lambda content: {"Last-Modified": "Mon, 20 Jul 2015 16:20:00 GMT"}
        with pytest.raises(OutputError, match="exists and is kept; add --overwrite to replace it"):
            made(server.url(scene.name), model_path, "r.tif", **options)


def test_a_second_run_from_a_server_without_etag_and_last_modified_is_an_error(scene, model_path):
    with web_server(scene.parent) as server:
        server.identity = lambda content: {}
        options = {"emissivity": 0.97, **STATE}
        first = made(server.url(scene.name), model_path, "r.tif", **options)
        with pytest.raises(OutputError) as raised:
            made(server.url(scene.name), model_path, "r.tif", **options)
        stem = scene.name.removesuffix("_B10.TIF")
        assert str(raised.value) == (
            "r.tif exists and is kept: the server sends no ETag and no Last-Modified for "
            f"{stem}_B10.TIF, {stem}_MTL.txt, so whether it has changed cannot be determined; add --overwrite to "
            "replace the product, or give another name"
        )
        again = made(server.url(scene.name), model_path, "r.tif", overwrite=True, **options)
    assert (again.reused, again.tags) == (False, first.tags)


@pytest.mark.slow
def test_a_file_without_etag_that_changes_its_size_while_it_is_read_gives_no_product(scene, model_path):
    with web_server(scene.parent) as server:
        server.identity = lambda content: {}
        opened = Scene.open(server.url(scene.name))

        def replaced(done, total):
            scene.write_bytes(scene.read_bytes() + b"\0")
            return True

        with pytest.raises(InputError, match=r"_B10.TIF has changed while it was read"):
            made(opened, model_path, "r.tif", progress=replaced, emissivity=0.97, **STATE)


def test_a_server_that_fails_at_the_first_request_does_not_count_as_a_changed_file(scene):
    with web_server(scene.parent) as server:
        server.answers = {scene.name: [503, 503, 503]}
        states = file_states([Address(url=server.url(scene.name))])
        require_unchanged(states)  # raises nothing, though the server answers now
        assert server.answers[scene.name] == []  # all three refusals were of the first look


@pytest.mark.slow
@pytest.mark.parametrize("emissivity", ["quality", "ndvi", "aster-ged", "landcover"])
def test_a_second_run_of_a_scene_on_a_web_server_keeps_the_product_for_every_source_of_emissivity(
    scene, given, tmp_path, model_path, emissivity
):
    add_quality(scene, water=ramp(0, 1) > 0.5)
    add_reflectance(scene, 0.0 * ramp(0, 1) + 0.1, 0.0 * ramp(0, 1) + 0.25)
    make_tile(tmp_path, 31, -88, mean=lambda north, east: (0.95 + 0 * north, 0.96 + 0 * north))
    with web_server(scene.parent) as server, web_server(given) as maps:
        sources = {
            "quality": ["quality", 0.97],
            "aster-ged": f"aster-ged:{tmp_path}",
            "landcover": f"landcover:{maps.url('map.tif')}",
        }
        options = {"emissivity": sources.get(emissivity, emissivity), "mask_clouds": False, **STATE}
        assert not made(server.url(scene.name), model_path, "r.tif", **options).reused
        assert made(server.url(scene.name), model_path, "r.tif", **options).reused
        if emissivity == "landcover":
            return
        add_quality(scene, water=ramp(0, 1) > 0.4)
        with pytest.raises(OutputError, match="exists and is kept; add --overwrite"):
            made(server.url(scene.name), model_path, "r.tif", **options)


def test_info_fetches_little_of_a_large_product(given, server):
    values = np.random.default_rng(0).uniform(280, 300, (2000, 2000)).astype("f4")
    tags = {"lst_raster_version": "0", "sensor": "landsat8-b10"}
    with rasterio.open(
        given / "large.tif", "w", driver="GTiff", width=2000, height=2000, count=1, dtype="float32", tiled=True,
        transform=rasterio.Affine(30, 0, 0, 0, -30, 0), crs="EPSG:32616",
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
        dataset.update_tags(**tags)
    assert describe(server.url("large.tif"))["provenance"] == tags
    assert sum(ranges(server, "large.tif")) < 1e5 < (given / "large.tif").stat().st_size / 100


@pytest.mark.slow
def test_info_and_compare_read_products_on_servers(scene, given, bucket, server, model_path, command):
    product = made(scene, model_path, "p.tif", emissivity=0.97, **STATE)
    other = made(scene, model_path, "q.tif", emissivity=0.96, **STATE)
    bucket.upload(product.path.parent, "products")
    for file in product.files + other.files:
        shutil.copy(file, given)
    expected, found = describe(product.path), compare_rasters(product.path, other.path)
    server.secret = SECRET
    for place in (lambda name: f"s3://products/{name}", lambda name: server.url(f"{name}?{SECRET}")):
        assert describe(place("p.tif")) == expected
        code, out, _ = command("info", place("p.tif"), "--json")
        assert (code, json.loads("\n".join(out))["kind"]) == (0, "product")
        assert compare_rasters(place("p.tif"), place("q.tif"), mask=place("p_QA.tif")).difference == found.difference
