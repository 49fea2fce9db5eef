"""Products by identifier: services, parts of scenes, and the cache."""

import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lst_raster import retrieve
from lst_raster.errors import InputError, InputNotFoundError, RemoteAccessError, SceneError
from lst_raster.io import remote, stac_services
from lst_raster.io.address import Address
from lst_raster.io.grid import Box, Grid, box_over
from lst_raster.io.open_scene import open_scene
from lst_raster.io.remote_raster import open_remote_raster
from lst_raster.io.scene_download import Needs, download_scene, is_product_or_item
from lst_raster.io.stac_services import FoundItem, ProductId, find_item
from lst_raster.product.paths import OutputFormat
from tests.support.landsat_service import landsat_service, short
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server
from tests.support.shared import shared_path

SMALL = "LC08_L2SP_098084_20210503_20210508_02_T1"
LARGE = "LC08_L2SP_017036_20130419_20200913_02_T2"
LEVEL_1 = "LC08_L1GT_089074_20220506_20220512_02_T2"


def landsat(name):
    return shared_path("data", "landsat", name)


@pytest.fixture(scope="module")
def service():
    with landsat_service(landsat(SMALL), landsat("l8_l2sp_017036"), landsat(LEVEL_1)) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(service, tmp_path, monkeypatch):
    service.faults = {}
    service.requests.clear()
    stac_services._TOKENS.clear()
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    monkeypatch.setenv("LST_RASTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LST_RASTER_PLANETARY_COMPUTER", service.base)
    monkeypatch.setenv("LST_RASTER_LANDSATLOOK", f"{service.base}/usgs")
    monkeypatch.delenv("AWS_REQUEST_PAYER", raising=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALL, SMALL),
        (f" {SMALL.lower()} ", SMALL),
        (short(SMALL), short(SMALL)),
        (f"{SMALL}_ST", SMALL),
        ("LE07_L1TP_107068_20220310_20220405_02_T1", "LE07_L1TP_107068_20220310_20220405_02_T1"),
    ],
)
def test_an_identifier_is_recognised_in_all_its_forms(text, expected):
    assert str(ProductId.parse(text)) == expected


@pytest.mark.parametrize("text", ["", "LC80980842021123", f"{SMALL}_ST_TRAD.TIF", f"scenes/{SMALL}", "LC08_L2SP"])
def test_other_texts_are_no_identifiers(text):
    assert ProductId.parse(text) is None
    assert not is_product_or_item(text)


def test_a_folder_with_the_name_of_a_product_is_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_product_or_item(SMALL)
    (tmp_path / SMALL).mkdir()
    assert not is_product_or_item(SMALL)


@pytest.mark.parametrize("form", [str, short])
def test_the_files_that_a_retrieval_reads_are_copied_and_no_others(form, service):
    folder = download_scene(form(SMALL))
    suffixes = {path.name.removeprefix(f"{SMALL}_") for path in folder.iterdir()}
    assert suffixes == {
        "ST_TRAD.TIF", "QA_PIXEL.TIF", "QA_RADSAT.TIF", "ST_EMIS.TIF", "ST_EMSD.TIF", "SR_B4.TIF", "SR_B5.TIF",
        "MTL.txt",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("needs", "more"),
    [
        (Needs(emissivity=["0.97"]), set()),
        (Needs(emissivity=["ndvi"]), {"SR_B4", "SR_B5"}),
        (Needs(emissivity=["st-emis", "0.97"]), {"ST_EMIS", "ST_EMSD"}),
        (Needs(level_2=True), {"ST_ATRAN", "ST_URAD", "ST_DRAD", "ST_EMIS", "ST_EMSD"}),
    ],
)
def test_the_emissivity_determines_the_files(needs, more, service):
    folder = download_scene(SMALL, needs=needs)
    rasters = {path.stem.removeprefix(f"{SMALL}_") for path in folder.glob("*.TIF")}
    assert rasters == {"ST_TRAD", "QA_PIXEL", "QA_RADSAT"} | more


def test_angles_of_a_product_are_downloaded_on_request_only(service, tmp_path):
    assert not list(download_scene(SMALL).glob("*_ANG.txt"))
    product = retrieve(SMALL, output=tmp_path / "out", form=OutputFormat(angles=True), bbox="137.2,-34.6,137.9,-34")
    local = retrieve(
        landsat(SMALL), output=tmp_path / "local", form=OutputFormat(angles=True), bbox="137.2,-34.6,137.9,-34"
    )
    for suffix in ("_VZA.tif", "_SAA.tif"):
        first, second = (str(one.path).replace(".tif", suffix) for one in (product, local))
        with rasterio.open(first) as found, rasterio.open(second) as expected:
            np.testing.assert_array_equal(found.read(1), expected.read(1))


def test_a_repeated_download_makes_no_request(service):
    first = download_scene(SMALL)
    service.requests.clear()
    assert download_scene(SMALL) == first
    assert service.requests == []


def test_bytes_of_a_box_are_little_more_than_its_blocks(service):
    with rasterio.open(landsat("l8_l2sp_017036") / f"{LARGE}_ST_TRAD.TIF") as source:
        box = Box.parse("-83.6,34.2,-83,34.6")
        window = Grid.of(source).window_over(box, "scene")
        rows, blocks = source.block_shapes[0][0], source.read(1, window=window)
    folder = download_scene(LARGE, box=box)
    with rasterio.open(folder / f"{LARGE}_ST_TRAD.TIF") as copy:
        np.testing.assert_array_equal(copy.read(1), blocks)
    strips = -(-(window.row_off + window.height) // rows) - window.row_off // rows
    stored = strips * rows * 512 * 2  # in strips of whole lines, without compression
    assert service.sent("_ST_TRAD.TIF") <= 1.3 * stored
    rasters = len(list(folder.glob("*.TIF")))
    assert service.sent() <= 1.3 * stored * rasters + (landsat("l8_l2sp_017036") / f"{LARGE}_MTL.txt").stat().st_size


def test_the_address_of_an_item_is_an_identifier_too(service):
    address = f"{service.base}/stac/v1/collections/landsat-c2-l2/items/{short(SMALL)}"
    assert find_item(address).service.name == "planetary-computer"
    assert open_scene(address).stem == SMALL


def test_an_item_of_another_server_is_read_without_a_token(service, tmp_path):
    files = {key: {"href": str(path)} for key, path in enumerate(sorted(landsat(SMALL).glob("*.TIF")))}
    item = {"type": "Feature", "id": "a/b", "assets": {str(key): asset for key, asset in files.items()}, "links": []}
    scene = open_scene(FoundItem(item=item, service=None), date="2021-05-03T00:20")
    assert scene.stem == SMALL
    assert not service.requests


def test_a_level_1_product_is_read_from_the_radiance_of_level_2(service):
    folder = download_scene(SMALL.replace("L2SP", "L1TP"))
    assert (folder / f"{SMALL}_ST_TRAD.TIF").exists()


def test_a_product_that_only_the_usgs_has_needs_an_account(service):
    with pytest.raises(RemoteAccessError, match="web page") as caught:
        download_scene(LEVEL_1)
    assert "AWS_REQUEST_PAYER" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("product", [LEVEL_1, SMALL])
def test_the_requester_pays_for_files_of_the_usgs(product, service, monkeypatch):
    service.faults = {"/landsat-c2-l2/": 404}
    for name, value in STORE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with object_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
        store.upload(landsat(product), "usgs-landsat", f"{product}/")
        scene = open_scene(product)
    assert scene.stem == product
    assert scene.files.bands == (("B10", "B11") if product == LEVEL_1 else ("B10",))
    with rasterio.open(scene.place.address) as copy, rasterio.open(landsat(product) / scene.place.name) as source:
        np.testing.assert_array_equal(copy.read(1), source.read(1))


def test_an_unknown_product_is_named_with_the_services(service):
    with pytest.raises(InputNotFoundError, match=r"no product .*_20990101_.*planetary-computer: no such product; usgs"):
        find_item(SMALL.replace("20210503", "20990101"))


def test_a_product_without_surface_temperature_is_refused(service):
    item = find_item(SMALL).item
    assets = {key: asset for key, asset in item["assets"].items() if "_ST_" not in asset["href"]}
    found = FoundItem(item={**item, "assets": assets}, service=None)
    with pytest.raises(SceneError, match=r"no ST_TRAD\.TIF among its files .*L2SP"):
        download_scene(found)


def test_a_box_outside_the_scene_is_an_error_with_both(service, tmp_path):
    with pytest.raises(InputError, match=r"covers 136.*nothing of the box 8\.4,49\.3,8\.8,49\.5"):
        download_scene(SMALL, box=Box.parse("8.4,49.3,8.8,49.5"))
    assert not list((tmp_path / "cache").rglob("*.TIF"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3", "is not WEST,SOUTH,EAST,NORTH"),
        ("a,b,c,d", "is not WEST,SOUTH,EAST,NORTH"),
        ("8,50,9,49", "south below north"),
        ("8,49,9,95", "impossible"),
        ("8,49,8,50", "no width"),
        ("nan,49,8,50", "impossible"),
        ("500000,5400000,510000,5410000", "degrees"),
    ],
)
def test_a_wrong_box_is_explained(text, message):
    with pytest.raises(InputError, match=message):
        Box.parse(text)


def test_a_box_may_cross_the_date_line():
    box = Box.parse((179.5, -17.0, -179.5, -16.0))
    assert box.east == 180.5
    assert str(box) == "179.5,-17,-179.5,-16"


def test_the_pixels_of_a_box_are_those_that_it_touches():
    grid = Grid(
        crs=rasterio.CRS.from_epsg(32616), transform=rasterio.Affine(30, 0, 5e5, 0, -30, 36e5), width=400, height=300
    )
    extent = box_over(grid)
    whole = grid.window_over(extent, "scene")
    assert (whole.col_off, whole.row_off, whole.width, whole.height) == (0, 0, 400, 300)
    latitude, longitude = grid.degrees(np.array([100.5, 200.5]), np.array([50.5, 120.5]))
    part = grid.window_over(Box.parse((longitude[0], latitude[1], longitude[1], latitude[0])), "scene")
    assert (part.col_off, part.row_off) == (100, 50)
    assert (part.width, part.height) == pytest.approx((101, 71), abs=1)


def test_old_scenes_leave_the_cache(service, tmp_path):
    old = tmp_path / "cache" / "scenes" / "OLD"
    old.mkdir(parents=True)
    (old / "item.json").write_text("{}")
    for path in (old / "item.json", old):
        os.utime(path, (0, 0))
    download_scene(SMALL, needs=Needs(emissivity=["0.97"]))
    assert not (old / "item.json").exists()
    assert len(list((tmp_path / "cache").rglob("*.TIF"))) == 3


def test_a_damaged_item_in_the_cache_is_replaced(service, tmp_path):
    download_scene(SMALL, needs=Needs(emissivity=["0.97"]))
    path = next((tmp_path / "cache").rglob("item.json"))
    path.write_text("{")
    download_scene(SMALL)
    assert json.loads(path.read_text())["item"]["id"] == short(SMALL)


def test_signed_addresses_of_an_item_are_not_stored(tmp_path):
    item = {"type": "Feature", "id": "a", "links": [], "assets": {"trad": {"href": f"{SMALL}_ST_TRAD.TIF?sig=secret"}}}
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "item.json").write_text(json.dumps(item))
    with web_server(tmp_path / "served") as server, pytest.raises(InputNotFoundError) as caught:
        download_scene(server.url("item.json"))
    assert "secret" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("item.json"))


def test_boxes_that_differ_by_a_pixel_have_separate_copies():
    assert str(Box.parse("-122.419441,37.1,-122.3,37.2")) != str(Box.parse("-122.419741,37.1,-122.3,37.2"))


def test_another_service_after_a_failure_is_said_and_not_remembered(service):
    lines = []
    service.faults = {"/landsat-c2-l2/items": 500}
    with pytest.raises(RemoteAccessError):
        download_scene(SMALL, say=lines.append)
    assert "planetary-computer: " in lines[0] and lines[0].endswith("; usgs is used")
    service.faults = {}
    assert (download_scene(SMALL, say=lines.append) / f"{SMALL}_ST_TRAD.TIF").exists()


def test_a_product_other_than_that_of_the_identifier_is_said(service):
    lines = []
    download_scene(SMALL.replace("20210508", "20990101"), say=lines.append)
    assert lines[0].endswith(f"is not in this service: {SMALL} is used, of the same acquisition")


def test_addresses_that_differ_in_the_query_are_different_items(service, tmp_path):
    a, b = (f"{service.base}/stac/v1/collections/landsat-c2-l2/items/{short(SMALL)}?id={name}" for name in "ab")
    assert download_scene(a) != download_scene(b)


def test_a_repeated_download_is_the_same_input(service, tmp_path):
    times = []
    for _ in range(2):
        folder = download_scene(SMALL)
        times.append({path.name: path.stat().st_mtime_ns for path in folder.iterdir()})
        shutil.rmtree(tmp_path / "cache")
    assert times[0] == times[1]


@pytest.mark.parametrize("content", ["[]", "{}", '{"item": [], "service": null, "base": null, "address": ""}', ""])
def test_an_invalid_item_in_the_cache_is_read_again(content, service, tmp_path):
    folder = tmp_path / "cache" / "scenes" / SMALL
    folder.mkdir(parents=True)
    (folder / "item.json").write_text(content)
    assert download_scene(SMALL, needs=Needs(emissivity=["0.97"])).is_dir()


def test_an_unused_folder_is_made_again(service, tmp_path):
    folder = tmp_path / "cache" / "scenes" / SMALL / "whole"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    assert download_scene(SMALL) == folder


@pytest.mark.parametrize("bbox", [["a", 1, 2, 3], (None, 1, 2, 3), 5, (1, 2, 3)])
def test_a_box_of_another_type_is_an_error_of_the_input(bbox):
    with pytest.raises(InputError, match="is not WEST,SOUTH,EAST,NORTH"):
        open_scene(SMALL, bbox=bbox)


def test_numpy_numbers_and_paths_are_accepted(service):
    assert open_scene(Path(SMALL), emissivity=np.float32(0.97)).stem == SMALL


def test_a_quantity_of_a_product_is_refused_before_the_download(service):
    with pytest.raises(InputError, match="leave out --quantity"):
        open_scene(SMALL, quantity="radiance", sensor="landsat8-b10")
    assert not service.requests


def grid(crs, transform, width, height):
    return Grid(
        crs=rasterio.CRS.from_user_input(crs), transform=rasterio.Affine(*transform), width=width, height=height
    )


def test_a_box_around_the_earth_has_a_scene_across_the_date_line():
    scene = grid("EPSG:32660", (30, 0, 827000, 0, -30, 1000000), 400, 300)
    assert box_over(scene).east > 180.0
    for box in ("-180,-90,180,90", "0,-90,180,90", "170,-10,-170,30"):
        window = scene.window_over(Box.parse(box), "scene")
        assert window.width == (400 if not box.startswith("0,") else window.width)
    east = scene.window_over(Box.parse("0,-90,180,90"), "scene")
    west = scene.window_over(Box.parse("-180,-90,0,90"), "scene")
    assert 400 <= east.width + west.width <= 405  # the meridian is not along the columns


def test_a_raster_of_longitudes_to_360_has_a_box_in_the_west():
    raster = grid("EPSG:4326", (0.1, 0, 200.0, 0, -0.1, 20.0), 1000, 200)
    window = raster.window_over(Box.parse("-136.9,9.7,-136.7,9.9"), "raster")
    assert (window.col_off, window.width) == (231, 2)


def test_a_box_at_both_edges_of_a_raster_is_refused():
    raster = grid("EPSG:4326", (1.0, 0, -180.0, 0, -1.0, 90.0), 360, 180)
    with pytest.raises(InputError, match="parts at both edges"):
        raster.window_over(Box.parse("170,-10,-170,10"), "raster")


def test_the_smallest_box_has_a_pixel():
    scene = grid("EPSG:32616", (30, 0, 500000, 0, -30, 3600000), 400, 300)
    random = np.random.default_rng(1)
    for column, row in zip(random.integers(1, 399, 200), random.integers(1, 299, 200), strict=True):
        latitude, longitude = scene.degrees(float(column), float(row))
        corner = (longitude, latitude, longitude + 1e-6, latitude + 1e-6)
        assert scene.window_over(Box.parse(corner), "scene").width >= 1


def made_tiff(path, **profile):
    values = np.arange(300 * 200, dtype="u2").reshape(300, 200)
    base = {"driver": "GTiff", "width": 200, "height": 300, "count": 1, "dtype": "uint16", "crs": "EPSG:32616"}
    transform = rasterio.Affine(30, 0, 500000, 0, -30, 3600000)
    with rasterio.open(path, "w", **{**base, "transform": transform, **profile}) as dataset:
        dataset.write(values, 1)
    return values


@pytest.mark.parametrize(
    "profile",
    [
        {"blockysize": 300}, {"blockysize": 300, "interleave": "pixel"}, {"blockysize": 7, "compress": "lzw"},
        {"tiled": True, "blockxsize": 64, "blockysize": 32, "compress": "deflate", "predictor": 2},
        {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"driver": "COG", "blocksize": 128, "compress": "zstd"},
    ],
)  # fmt: skip
def test_every_layout_of_a_tiff_is_copied(profile, tmp_path):
    values = made_tiff(tmp_path / "a.tif", **profile)
    with web_server(tmp_path) as server:
        address = Address.parse(server.url("a.tif"))
        with open_remote_raster(address, lambda *where: remote.fetch(address, *where), tmp_path / "part") as raster:
            window = rasterio.windows.Window(20, 50, 100, 180)
            raster.prepare(window)
            np.testing.assert_array_equal(raster.dataset.read(1, window=window), values[50:230, 20:120])


@pytest.mark.parametrize("tag", [273, 279, 278, 256, 257])
def test_a_tiff_without_a_required_tag_is_damaged(tag, tmp_path):
    made_tiff(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    start = struct.unpack_from("<I", content, 4)[0]
    for number in range(struct.unpack_from("<H", content, start)[0]):
        if struct.unpack_from("<H", content, start + 2 + 12 * number)[0] == tag:
            struct.pack_into("<H", content, start + 2 + 12 * number, 65000)
    (tmp_path / "a.tif").write_bytes(content)
    with web_server(tmp_path) as server:
        address = Address.parse(server.url("a.tif"))
        with (
            pytest.raises(SceneError, match="damaged"),
            open_remote_raster(address, lambda *where: remote.fetch(address, *where), tmp_path / "part"),
        ):
            pass
    assert not (tmp_path / "part").exists()


def test_a_mask_in_a_file_is_refused(tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        made_tiff(tmp_path / "a.tif")
        with rasterio.open(tmp_path / "a.tif", "r+") as dataset:
            dataset.write_mask(np.zeros((300, 200), bool))
    with web_server(tmp_path) as server:
        address = Address.parse(server.url("a.tif"))
        with (
            pytest.raises(SceneError, match="mask"),
            open_remote_raster(address, lambda *where: remote.fetch(address, *where), tmp_path / "part"),
        ):
            pass
