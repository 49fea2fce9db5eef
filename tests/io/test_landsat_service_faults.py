"""Faults of the services behind a product identifier: none is silent, leaves half a product or shows a secret."""

import gc
import json
import logging
import time
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from lst_raster.batch.read_lists import search_scenes
from lst_raster.errors import InputError, InputNotFoundError, RemoteAccessError, RemoteError, SceneError
from lst_raster.io import remote, stac_services
from lst_raster.io.scene_download import download_scene
from lst_raster.retrieval.retrieve import retrieve
from tests.support.landsat_service import SECRET, landsat_service
from tests.support.shared import shared_path as shared

pytestmark = [
    pytest.mark.slow,  # retries and timeouts
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of broken connections
]

PRODUCT = "LC08_L2SP_098084_20210503_20210508_02_T1"
LARGE = "LC08_L2SP_017036_20130419_20200913_02_T2"  # its files take several requests
FOLDERS = {PRODUCT: PRODUCT, LARGE: "l8_l2sp_017036"}
ITEM, TOKEN, RADIANCE, QUALITY, METADATA = "/items/", "/token/", "ST_TRAD", "QA_PIXEL", r"MTL\.txt"
FEATURE = {"type": "Feature", "id": "x", "collection": "landsat-c2-l2", "links": [], "properties": {}}
LATER = "2100-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def service():
    with landsat_service(*(shared("data/landsat", folder) for folder in FOLDERS.values())) as running:
        yield running
    gc.collect()  # broken connections, while their warnings are ignored


@pytest.fixture(autouse=True)
def _fresh(service, tmp_path, monkeypatch):
    service.faults, service.lifetime = {}, 3600.0
    service.requests.clear()
    service.expire()
    stac_services._TOKENS.clear()
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "0.4")
    monkeypatch.setenv("LST_RASTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LST_RASTER_PLANETARY_COMPUTER", service.base)
    monkeypatch.setenv("LST_RASTER_LANDSATLOOK", f"{service.base}/usgs")


def complete(cache):
    """Whether every file in the cache is a whole one of the bundle."""
    for path in cache.rglob("*.*"):
        folder = next((folder for product, folder in FOLDERS.items() if path.name.startswith(product)), "")
        if path.name == "item.json":
            json.loads(path.read_text())
        elif path.suffix == ".txt":
            assert path.read_bytes() == shared("data/landsat", folder, path.name).read_bytes()
        else:
            assert path.suffix == ".TIF", path
            with rasterio.open(path) as copy, rasterio.open(shared("data/landsat", folder, path.name)) as source:
                np.testing.assert_array_equal(copy.read(), source.read())
                assert copy.transform == source.transform and copy.crs == source.crs
    return True


FAILING = [
    (ITEM, 400, RemoteError, "400"),
    (ITEM, 401, RemoteError, "refused"),
    (ITEM, 403, RemoteError, "refused"),
    (ITEM, 404, InputNotFoundError, "no product"),
    (ITEM, 410, InputNotFoundError, "no product"),
    (ITEM, {"status": 429, "Retry-After": "0"}, RemoteError, "429"),
    (ITEM, 500, RemoteError, "500"),
    (ITEM, 502, RemoteError, "502"),
    (ITEM, 503, RemoteError, "503"),
    (ITEM, 504, RemoteError, "504"),
    (ITEM, "hang", RemoteError, "no response"),
    (ITEM, "drop", RemoteError, "no connection"),
    (ITEM, "page", RemoteError, "web page"),
    (ITEM, "empty", RemoteError, "no complete JSON"),
    (ITEM, "garbage", RemoteError, "no complete JSON"),
    (ITEM, "truncated", RemoteError, "planetary-computer"),
    (ITEM, "[1, 2]", RemoteError, "no complete JSON"),
    (ITEM, "{}", RemoteError, "not a STAC item"),
    (ITEM, '{"type": "Collection", "assets": {}}', RemoteError, "not a STAC item"),
    (ITEM, '{"type": "Feature"}', RemoteError, "not a STAC item"),
    (ITEM, json.dumps({**FEATURE, "assets": {}}), SceneError, "no thermal band"),
    (ITEM, json.dumps({**FEATURE, "assets": {"trad": {}}}), SceneError, "no thermal band"),
    (ITEM, json.dumps({**FEATURE, "assets": {"trad": {"href": f"{PRODUCT}_SR_B4.TIF"}}}), SceneError, "no ST_TRAD"),
    (ITEM, "redirect", RemoteError, ""),
    (TOKEN, 401, RemoteAccessError, "token"),
    (TOKEN, 403, RemoteAccessError, "token"),
    (TOKEN, 404, InputNotFoundError, "token"),
    (TOKEN, {"status": 429, "Retry-After": "0"}, RemoteError, "429"),
    (TOKEN, 500, RemoteError, "500"),
    (TOKEN, "hang", RemoteError, "no response"),
    (TOKEN, "drop", RemoteError, "no connection"),
    (TOKEN, "page", RemoteAccessError, "web page"),
    (TOKEN, "empty", RemoteError, "no complete JSON"),
    (TOKEN, "garbage", RemoteError, "no complete JSON"),
    (TOKEN, "truncated", RemoteError, "token"),
    (TOKEN, "{}", RemoteError, "no token"),
    (TOKEN, '{"token": "a"}', RemoteError, "no token"),
    (TOKEN, json.dumps({"token": "", "msft:expiry": LATER}), RemoteError, "no token"),
    (TOKEN, '{"token": "a", "msft:expiry": "soon"}', RemoteError, "no token"),
    (TOKEN, '{"token": "a", "msft:expiry": "2100-01-01T00:00:00"}', RemoteError, "no token"),
    (TOKEN, '{"token": "a", "msft:expiry": 5}', RemoteError, "no token"),
    (TOKEN, json.dumps({"token": "sig=wrong", "msft:expiry": LATER}), RemoteAccessError, "refused"),
    *((place, status, RemoteAccessError, "refused") for place in (RADIANCE, QUALITY) for status in (401, 403, 409)),
    *((place, 404, InputNotFoundError, "does not exist") for place in (RADIANCE, QUALITY, METADATA)),
    *((place, {"status": 429, "Retry-After": "0"}, RemoteError, "429") for place in (RADIANCE, METADATA)),
    *((place, 500, RemoteError, "500") for place in (RADIANCE, QUALITY, METADATA)),
    (RADIANCE, 503, RemoteError, "503"),
    (RADIANCE, "hang", RemoteError, "no response"),
    *((place, "drop", RemoteError, "no connection") for place in (RADIANCE, METADATA)),
    *((place, "page", RemoteAccessError, "web page") for place in (RADIANCE, METADATA)),
    (RADIANCE, "empty", RemoteError, "whole files only"),
    (METADATA, "empty", RemoteError, "empty"),
    (RADIANCE, "garbage", SceneError, "not a GeoTIFF"),
    *((place, "truncated", RemoteError, "") for place in (RADIANCE, METADATA)),
    (RADIANCE, "whole", RemoteError, "whole files only"),
    (RADIANCE, "redirect", RemoteError, ""),
]  # fmt: skip


def name_of(case):
    place, fault, _, _ = case
    return f"{place.strip('/')}-{json.dumps(fault)[:40]}"


@pytest.mark.parametrize(("place", "fault", "error", "text"), FAILING, ids=map(name_of, FAILING))
def test_a_lasting_fault_ends_with_a_message_and_without_a_product(
    place, fault, error, text, service, tmp_path, caplog
):
    service.faults = {place: f"{service.base}{place}again" if fault == "redirect" else fault}
    caplog.set_level(logging.DEBUG)
    (tmp_path / "out").mkdir()
    with pytest.raises(error) as caught:
        retrieve(PRODUCT, output=tmp_path / "out")
    assert text in str(caught.value)
    assert len(str(caught.value)) < 700
    assert not list((tmp_path / "out").iterdir())
    assert complete(tmp_path / "cache")
    assert SECRET not in str(caught.value) + caplog.text
    assert "sig=" not in str(caught.value)


PASSING = [
    *((place, [fault]) for place in (ITEM, TOKEN, RADIANCE, QUALITY, METADATA)
      for fault in (500, 503, {"status": 429, "Retry-After": "0"}, "drop", "truncated")),
    (RADIANCE, [403]),
    (METADATA, [403]),
    (RADIANCE, ["expire"]),
    (RADIANCE, ["hang"]),
    (RADIANCE, [503, 503, 503]),
]  # fmt: skip


@pytest.mark.parametrize(("place", "faults"), PASSING, ids=[f"{p.strip('/')}-{f}" for p, f in PASSING])
def test_a_passing_fault_changes_nothing(place, faults, service, tmp_path):
    service.faults = {place: list(faults)}
    folder = download_scene(PRODUCT)
    assert not service.faults[place]  # it has happened
    assert {f"{PRODUCT}_ST_TRAD.TIF", f"{PRODUCT}_QA_PIXEL.TIF", f"{PRODUCT}_MTL.txt"} <= {
        path.name for path in folder.iterdir()
    }
    assert complete(tmp_path / "cache")


@pytest.mark.parametrize("fault", [503, 403, "expire", "drop", "truncated", "garbage", "hang"])
def test_a_fault_between_the_blocks_of_a_file(fault, service, tmp_path):
    service.faults = {RADIANCE: [None, fault]}
    if fault == "garbage":
        with pytest.raises(RemoteError, match="changed while it was read"):
            download_scene(LARGE)
    else:
        download_scene(LARGE)
    assert not service.faults[RADIANCE]
    assert complete(tmp_path / "cache")


def test_a_token_that_expires_at_once_is_requested_for_every_request(service, tmp_path):
    service.lifetime = -60.0
    download_scene(PRODUCT)
    assert complete(tmp_path / "cache")
    assert service.tokens > 5


def test_an_interrupted_download_continues_with_the_missing_files(service, tmp_path):
    service.faults = {"ST_EMSD": 500}
    with pytest.raises(RemoteError):
        download_scene(PRODUCT)
    there = {path.name for path in (tmp_path / "cache").rglob("*.TIF")}
    assert there and complete(tmp_path / "cache")
    service.faults = {}
    service.requests.clear()
    download_scene(PRODUCT)
    asked = {path.rpartition("/")[2] for path, _, _ in service.requests}
    assert not asked & there
    assert f"{PRODUCT}_ST_EMSD.TIF" in asked


def test_a_file_that_changes_during_the_download_is_an_error(service, monkeypatch, tmp_path):
    import lst_raster.io.scene_download as module

    versions = iter(range(1000))
    original = module.fetch
    monkeypatch.setattr(module, "fetch", lambda *args: replace(original(*args), version=str(next(versions))))
    with pytest.raises(RemoteError, match="changed while it was read"):
        download_scene(LARGE)
    assert not list((tmp_path / "cache").rglob("*.TIF"))


SEARCH = [
    (r"/stac/v1/?$", 404), (r"/stac/v1/?$", 403), (r"/stac/v1/?$", 500), (r"/stac/v1/?$", "drop"),
    (r"/stac/v1/?$", "page"), (r"/stac/v1/?$", "garbage"), (r"/stac/v1/?$", "empty"), (r"/stac/v1/?$", "truncated"),
    ("/search", 400), ("/search", 403), ("/search", {"status": 429, "Retry-After": "0"}), ("/search", 503),
    ("/search", "drop"), ("/search", "page"), ("/search", "empty"), ("/search", "[]"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "fault"), SEARCH, ids=[f"{p.strip('/')}-{f}" for p, f in SEARCH])
def test_a_fault_of_a_search_is_an_error_of_the_server(place, fault, service):
    service.faults = {place: fault}
    with pytest.raises((RemoteError, InputError)) as caught:
        search_scenes("planetary-computer", bbox="137,-35,138,-34")
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("place", [r"/stac/v1/?$", "/search"])
@pytest.mark.parametrize("fault", [503, {"status": 429, "Retry-After": "0"}, "drop"], ids=str)
def test_a_passing_fault_of_a_search_changes_nothing(place, fault, service):
    service.faults = {place: [fault]}
    scenes = search_scenes("planetary-computer", bbox="137,-35,138,-34")
    assert not service.faults[place]
    assert [scene.name for scene in scenes] == sorted([PRODUCT, LARGE])


def test_a_failure_stops_the_repetition_of_other_requests(service, monkeypatch):
    """Else a stopped program waits for the retries of files that are not needed."""
    monkeypatch.setattr(remote, "PAUSE", 1.5)
    service.faults = {"ST_EMSD": 404, RADIANCE: 503}
    started = time.monotonic()
    with pytest.raises(InputNotFoundError):
        download_scene(PRODUCT)
    assert time.monotonic() - started < 9.0  # three pauses of the radiance take 10.5 s
