"""Scenes on web servers and in object stores: the same product as from disk, few requests, no secrets shown."""

import logging
import pickle
import shutil
import socket
import sys
import traceback
import zipfile

import pytest
from obstore.store import MemoryStore

from lst_raster import Scene, retrieve
from lst_raster.errors import (
    InputNotFoundError,
    LstRasterError,
    MissingExtraError,
    RemoteAccessError,
    RemoteError,
    SceneError,
)
from lst_raster.io import object_stores
from lst_raster.io import remote as remote_files
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.bundle import Place
from lst_raster.io.remote import fetch, list_objects
from tests.support.emissivity_scenes import add_reflectance
from tests.support.factories import STATE, ramp
from tests.support.products import in_form, make_product, product_stem
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server

EXACT = {**STATE, "emissivity": 0.97}
SENSOR = "landsat8-b10"
STEM = product_stem(SENSOR, 2)
BAND, MTL, QUALITY = f"{STEM}_B10.TIF", f"{STEM}_MTL.txt", f"{STEM}_QA_PIXEL.TIF"
SECRET = "sig=a%2Fb-very-secret&se=2030"


@pytest.fixture(autouse=True)
def quick_and_alone(tmp_path, monkeypatch):
    """No pauses between attempts, no settings of this computer, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(remote_files, "PAUSE", 0.0)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "AWS_NO_SIGN_REQUEST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"GDAL_HTTP_RETRY_DELAY": "0.01", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def credentials(monkeypatch):
    """Credentials, which make rasterio slow, where they are needed."""
    for name, value in STORE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder(tmp_path):
    """The folder of a product, half of it under clouds."""
    path = make_product(tmp_path / "in", SENSOR, 2, lst=ramp(275, 310), gain=3.3e-4, offset=0.2, cloud=ramp(0, 1) > 0.5)
    shutil.rmtree(path.parent / "air")
    return path.parent


@pytest.fixture
def server(folder):
    with web_server(folder) as server:
        yield server


@pytest.fixture(scope="module")
def store():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORE_ENVIRONMENT.items():
            patch.setenv(name, value)
        with object_store() as store:
            yield store


def product_of(scene, model_path, name="product.tif"):
    return retrieve(scene, output=name, model=model_path, overwrite=True, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["file", "txt", "json", "xml", "tar", "stored.zip"])
def test_a_scene_on_a_web_server_gives_the_same_product_as_from_disk(folder, server, model_path, form):
    place = in_form(folder / BAND, form)
    server.root = place.parent
    local, remote = product_of(place, model_path, "l.tif"), product_of(server.url(place.name), model_path, "r.tif")
    assert remote.path.read_bytes() == local.path.read_bytes()
    assert remote.retrieved == remote.pixels // 2
    assert remote.tags == local.tags


@pytest.mark.slow
@pytest.mark.parametrize("form", ["file", "tar", "stored.zip"])
def test_a_scene_on_a_web_server_is_named_as_gdal_names_it(folder, server, model_path, form):
    place = in_form(folder / BAND, form)
    server.root = place.parent
    system = {"tar": "/vsitar/", "stored.zip": "/vsizip/"}.get(form, "")
    inside = "" if form == "file" else f"/{BAND}"
    local = product_of(place, model_path, "l.tif")
    remote = product_of(f"{system}/vsicurl/{server.url(place.name)}{inside}", model_path, "r.tif")
    assert remote.path.read_bytes() == local.path.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("credentials")
def test_hidden_files_in_an_object_store_are_no_scenes(folder, store, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    for path in list(folder.iterdir()):
        if path.is_file():
            (folder / f"._{path.name}").write_bytes(b"\0")
    store.upload(folder, "hidden", "x/")
    assert Scene.open("s3://hidden/x/").stem == STEM


@pytest.mark.slow
def test_red_and_near_infrared_of_a_scene_on_a_server_give_its_emissivity(folder, server, model_path):
    red = 0.0 * ramp(0, 1) + 0.1
    add_reflectance(folder / BAND, red, 2.5 * red)
    options = {"model": model_path, "emissivity": "ndvi", "threads": 2, **STATE}
    local = retrieve(folder / BAND, output="l.tif", **options)
    remote = retrieve(server.url(BAND), output="r.tif", **options)
    assert remote.path.read_bytes() == local.path.read_bytes()
    assert "ndvi" in remote.tags["emissivity"]


@pytest.mark.slow
@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("form", ["file", "folder", "folder/", "txt", "tar", "stored.zip"])
def test_a_scene_in_an_object_store_gives_the_same_product_as_from_disk(folder, store, model_path, form, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    place = in_form(folder / BAND, form.rstrip("/"))
    local = product_of(place, model_path, "local.tif")
    bucket = f"form-{form.replace('/', '-').replace('.', '-')}x"
    store.upload(place if place.is_dir() else place.parent, bucket, "a folder/level 1/")
    name = {"folder": "", "folder/": ""}.get(form, f"/{place.name}")
    remote = product_of(f"s3://{bucket}/a folder/level 1{name}{'/' if form == 'folder/' else ''}", model_path, "r.tif")
    assert remote.path.read_bytes() == local.path.read_bytes()
    assert remote.retrieved == remote.pixels // 2


def test_companion_files_are_requested_by_name_and_are_few(server):
    scene = Scene.open(server.url(BAND))
    asked = [path for path, _, _ in server.requests]
    assert set(asked) == {BAND, MTL, QUALITY, f"{STEM}_QA_RADSAT.TIF", f"{STEM}_B11.TIF"}
    assert len(asked) <= 10
    assert (scene.files.quality.name, scene.files.saturation, scene.files.bands) == (QUALITY, None, ("B10",))
    assert pickle.loads(pickle.dumps(scene)) == scene


def test_the_chosen_band_is_found_from_the_metadata(folder, server):
    shutil.copy(folder / BAND, folder / f"{STEM}_B11.TIF")
    scene = Scene.open(server.url(MTL), band="11", date="2015-07-19")
    assert (scene.place.name, scene.files.bands) == (f"{STEM}_B11.TIF", ("B10", "B11"))


@pytest.mark.slow
def test_a_signature_opens_the_whole_folder_and_is_never_shown(folder, server, model_path, caplog):
    server.secret = SECRET
    caplog.set_level(logging.DEBUG)
    local = product_of(folder / BAND, model_path, "local.tif")
    url = server.url(f"{BAND}?{SECRET}").replace("127.0.0.1", "me:pass-word@127.0.0.1")
    product = product_of(url, model_path, "remote.tif")
    assert product.path.read_bytes() == local.path.read_bytes()
    assert all(headers["Authorization"].startswith("Basic ") for _, _, headers in server.requests)
    scene = Scene.open(url)
    (folder / BAND).write_bytes((folder / BAND).read_bytes()[:3000])
    with pytest.raises(SceneError, match="truncated or damaged") as cut:
        Scene.open(url)
    server.secret = "another"
    with pytest.raises(
        RemoteAccessError, match=r"is refused \(403 Forbidden\): it needs a login or a valid signature"
    ) as old:
        product_of(scene, model_path)
    shown = [repr(scene), str(scene.place), scene.place.label, str(product.tags), caplog.text]
    shown += ["".join(traceback.format_exception(error.value)) for error in (cut, old)]
    assert not [line for text in shown for line in text.splitlines() if "secret" in line or "pass-word" in line]
    assert str(scene.place) == server.url(BAND)


def test_info_looks_at_a_scene_on_a_server_too(server, command):
    server.secret = SECRET
    code, lines, err = command("info", server.url(f"{BAND}?{SECRET}"))
    assert (code, err, lines[:3]) == (0, [], ["kind: scene", f"name: {STEM}", f"file: {BAND}"])
    assert f"quality band: {QUALITY}" in lines
    assert not [line for line in lines if "secret" in line]


def test_secrets_are_taken_out_of_any_text():
    text = "CURL error: /vsitar/{/vsicurl/https://u:p@h.org:80/a.tar?sig=s&x=y}/b.TIF and 'http://h/c?d=e'."
    assert without_secrets(text) == "CURL error: /vsitar/{/vsicurl/https://h.org:80/a.tar}/b.TIF and 'http://h/c'."


ANSWERS = {
    "not found": (404, InputNotFoundError, r"does not exist \(404 Not Found\); check the address"),
    "gone": (410, InputNotFoundError, "does not exist"),
    "forbidden": (403, RemoteAccessError, r"is refused \(403 Forbidden\)"),
    "login": (401, RemoteAccessError, r"is refused \(401 Unauthorized\): it needs a login"),
    "login page": ("page", RemoteAccessError, "the server sent a web page instead of the file, perhaps a login form"),
    "sent to a login page": (("/login",), RemoteAccessError, "sent a web page instead of the file"),
    "broken": (500, RemoteError, r"the server reports an error \(500 Internal Server Error\); try again later"),
    "hanging": (
        "hang",
        RemoteError,
        "no response from the server within 0.2 s; try again later, or set GDAL_HTTP_TIMEOUT",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ANSWERS)
def test_server_errors_are_reported_on_one_line(server, command, monkeypatch, kind):
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "0.2")
    answer, error, words = ANSWERS[kind]
    server.answers = {BAND: answer, "login": "page"}
    with pytest.raises(error, match=words) as raised:
        Scene.open(server.url(BAND))
    assert str(raised.value).startswith(server.url(BAND))
    assert command("retrieve", server.url(BAND)) == (1, [], [f"Error: {raised.value}"])


def test_a_missing_server_is_reported(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(RemoteError, match=r"no connection to the server \(Connection refused\); check"):
        Scene.open(f"http://127.0.0.1:{port}/{BAND}")

    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(RemoteError, match=r"no server nowhere.example, or no network"):
        Scene.open(f"http://nowhere.example/{BAND}")


def test_a_server_without_byte_ranges_is_reported(server):
    server.ranges = False
    with pytest.raises(
        RemoteError, match="the server sends whole files only and does not support byte ranges; download the file first"
    ):
        Scene.open(server.url(BAND))


def test_what_passes_is_tried_again(folder, server, model_path):
    local = product_of(folder / BAND, model_path, "local.tif")
    server.answers = {BAND: [503, None, 503, None, None, 503, None, 502], MTL: [503, 429], QUALITY: [None, 500]}
    assert product_of(server.url(BAND), model_path, "remote.tif").path.read_bytes() == local.path.read_bytes()
    assert not any(server.answers[name] for name in (MTL, QUALITY))


def test_pauses_between_attempts_double_and_follow_the_server_s_demand_within_limits(monkeypatch):
    pauses, demands = [], iter([0.0, 20.0, 3600.0])
    monkeypatch.setattr(remote_files, "PAUSE", 1.0)
    monkeypatch.setattr("time.sleep", pauses.append)

    def request():
        busy = remote_files.BusyError("try again later")
        busy.retry_after = next(demands, 0.0)
        raise busy

    with pytest.raises(RemoteError, match="try again later"):
        remote_files.with_retries(request)
    assert pauses == [1.0, 20.0, 60.0]


@pytest.mark.slow
def test_a_companion_that_is_refused_is_done_without_and_said(server, model_path, caplog):
    server.answers = {QUALITY: 403}
    product = product_of(server.url(BAND), model_path)
    assert product.tags["mask"] == "none: the scene has no quality band"
    assert f"{server.url(QUALITY)} is refused (403 Forbidden)" in caplog.text
    assert "the scene is read without it" in caplog.text


@pytest.mark.parametrize("name", [MTL, QUALITY])
def test_a_companion_that_the_server_fails_to_give_is_not_taken_for_missing(server, name):
    server.answers = {name: 503}
    with pytest.raises(RemoteError, match="the server reports an error"):
        Scene.open(server.url(BAND))


def test_a_connection_that_is_lost_while_reading_leaves_no_product(folder, server, model_path, tmp_path):
    scene = Scene.open(server.url(BAND))
    server.answers = {BAND: [None] * 3 + [500] * 50}
    (tmp_path / "out").mkdir()
    with pytest.raises(LstRasterError, match=r"connection was lost|truncated or damaged|server reports an error"):
        retrieve(scene, output="out", model=model_path, **EXACT)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "error", "words"), [
    ("", SceneError, r"is a folder on a web server, which cannot be listed; give the address of the scene's"),
    ("level1/product", SceneError, "cannot be listed"),
    ("product.tar.gz", SceneError, "is compressed, and would be downloaded completely for every block; download it"),
    ("product.tar.xz", SceneError, "is compressed, and would be downloaded completely for every block; download it"),
    ("product.zip", SceneError, "is compressed, and would be downloaded completely for every block; download it"),
    ("text.zip", SceneError, "is not a zip archive, or is truncated or damaged"),
    ("nothing.tar", InputNotFoundError, "does not exist"),
    ("text.tar", SceneError, "is not a tar archive, or is truncated or damaged"),
    ("nothing_MTL.txt", InputNotFoundError, "does not exist"),
    (f"{STEM}_ST_B10.TIF", SceneError, "is a Level-2 file"),
    ("LC08_text_B10.TIF", SceneError, "is not a raster that GDAL can read"),
])  # fmt: skip
def test_an_address_of_no_scene_is_refused(folder, server, name, error, words):
    (folder / "text.tar").write_text("hello" * 1000)
    (folder / "text.zip").write_text("hello" * 1000)
    with zipfile.ZipFile(folder / "product.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / BAND, BAND)
    (folder / "LC08_text_B10.TIF").write_text("hello")
    with pytest.raises(error, match=words):
        Scene.open(server.url(name))


@pytest.mark.parametrize("text", ["ftp://h/x_B10.TIF", "hdfs://h/x_B10.TIF"])
def test_other_kinds_of_addresses_are_refused(text):
    with pytest.raises(
        InputNotFoundError, match="addresses are not supported, only https, http, s3, gs and az; download"
    ):
        Scene.open(text)


def test_an_address_that_went_through_a_path_is_one_still(tmp_path):
    assert str(Place.of(type(tmp_path)("https://example.com/a/x_B10.TIF"))) == "https://example.com/a/x_B10.TIF"
    assert Address.parse(r"C:\data\x_B10.TIF") is None
    assert Place.of("x_B10.TIF").remote is None


@pytest.mark.slow
@pytest.mark.usefixtures("credentials")
def test_an_object_store_is_read_without_signature_or_at_the_requester_s_cost(folder, server, model_path, monkeypatch):
    """The web server plays a store whose bucket may be read, not listed."""
    server.root = folder.parent
    server.answers = {"in": 403, "in/": 403}
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url().rstrip("/"))
    local = product_of(folder / BAND, model_path, "local.tif")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert product_of(f"s3://in/{BAND}", model_path, "remote.tif").path.read_bytes() == local.path.read_bytes()
    assert not any("Authorization" in headers for _, _, headers in server.requests)
    server.requests.clear()
    monkeypatch.delenv("AWS_NO_SIGN_REQUEST")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_S3_ENDPOINT", server.url().removeprefix("http://").rstrip("/"))
    monkeypatch.setenv("AWS_HTTPS", "NO")
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    product_of(f"s3://in/{BAND}", model_path, "remote.tif")
    assert {headers.get("x-amz-request-payer") for _, _, headers in server.requests} == {"requester"}
    assert all("testing" in headers["Authorization"] for _, _, headers in server.requests)


STORES = {  # settings of obstore and of GDAL for a store at an address
    "gs": {"GS_NO_SIGN_REQUEST": "YES", "GOOGLE_BASE_URL": "{}", "CPL_GS_ENDPOINT": "{}/"},
    "az": {
        "AZURE_NO_SIGN_REQUEST": "YES", "AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_ENDPOINT": "{}",
        "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5;"
        "BlobEndpoint={}",
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("scheme", STORES)
def test_a_scene_in_a_google_or_azure_store_gives_the_same_product_as_from_disk(
    folder, server, model_path, monkeypatch, scheme
):
    """The web server replaces a store whose bucket may be read, not listed."""
    server.root = folder.parent
    server.answers = {"in": 403}
    server.identity = lambda content: {"ETag": "1", "Last-Modified": "Sun, 19 Jul 2015 16:20:00 GMT"}
    for name, value in STORES[scheme].items():
        monkeypatch.setenv(name, value.format(server.url().rstrip("/")))
    local = product_of(folder / BAND, model_path, "local.tif")
    remote = product_of(f"{scheme}://in/{BAND}", model_path, "remote.tif")
    assert remote.path.read_bytes() == local.path.read_bytes()
    with pytest.raises(InputNotFoundError, match=r"LC08_no_B10\.TIF does not exist; check the address"):
        Scene.open(f"{scheme}://in/LC08_no_B10.TIF")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lst-raster\[cloud\]'"):
        Scene.open(f"{scheme}://in/{BAND}")


@pytest.mark.parametrize("scheme", STORES)
def test_objects_of_google_and_azure_stores_are_read_in_parts_and_listed(monkeypatch, scheme):
    memory = MemoryStore()
    for name in ("a/x.txt", "a/y.txt", "a/sub/z.txt"):
        memory.put(name, b"0123456789")
    monkeypatch.setattr(object_stores, "_store", lambda url, settings: memory)
    address = Address.parse(f"{scheme}://bucket/a/x.txt")
    assert [fetch(address, *where).content for where in ((0, 4), (8, 4), (10, 4))] == [b"0123", b"89", b""]
    assert fetch(address, 8, 4).size == 10
    assert [file.name for file in list_objects(address.parent)] == ["x.txt", "y.txt"]
    with pytest.raises(InputNotFoundError, match=r"a/no.txt does not exist; check the address"):
        fetch(address.with_name("no.txt"), 0, 4)


def test_a_signature_in_the_address_of_a_store_is_refused_and_not_shown():
    with pytest.raises(InputNotFoundError, match=r"az://c/x_B10\.TIF was given with a query; leave it out") as raised:
        Scene.open(f"az://c/x_B10.TIF?{SECRET}")
    assert "secret" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(("name", "error", "words"), [
    ("there/LC08_x_B10.TIF", InputNotFoundError, r"does not exist \(NoSuchKey\); check the address"),
    ("nowhere/LC08_x_B10.TIF", InputNotFoundError, r"does not exist \(NoSuchBucket\)"),
    ("there/empty", InputNotFoundError, "holds no files; check the address"),
    ("there/x.tar.gz", SceneError, "is compressed"),
    ("there/sub", SceneError, "holds no thermal band"),
])  # fmt: skip
def test_missing_objects_are_reported(store, monkeypatch, tmp_path, name, error, words):
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "readme.txt").write_text("hello")
    store.upload(tmp_path / "up", "there", "sub/")
    with pytest.raises(error, match=words):
        Scene.open(f"s3://{name}")


@pytest.mark.slow
@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("name", ["in/LC08_x_B10.TIF", "in/folder"])
def test_an_object_store_that_refuses_says_what_may_help(server, monkeypatch, name):
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url().rstrip("/"))
    server.answers = {"in": 403, name: 403}
    with pytest.raises(RemoteAccessError, match="AWS_REQUEST_PAYER=requester where the requester pays, or AWS_NO_SIGN"):
        Scene.open(f"s3://{name}")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "nothing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "nothing")
    with pytest.raises(RemoteAccessError, match="no credentials found; set credentials"):
        Scene.open(f"s3://{name}")


@pytest.mark.usefixtures("credentials")
def test_an_object_store_needs_its_extra_and_a_connection(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(RemoteError, match=r"no connection to the store \(EndpointConnectionError\)"):
        Scene.open(f"s3://bucket/{BAND}")
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lst-raster\[s3\]'"):
        Scene.open(f"s3://bucket/{BAND}")
