"""Products written into object stores: the same as on disk, complete or absent, without secrets in messages."""

import json
import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from lst_raster import composite, retrieve
from lst_raster.errors import LstRasterError, OutputError, RemoteAccessError, RemoteError
from lst_raster.io import object_stores
from lst_raster.io import remote as remote_files
from lst_raster.io.address import Address
from lst_raster.io.object_stores import begin_upload, complete_upload, delete_object, exists
from lst_raster.product import destination as store_module
from lst_raster.product.stac import RUN
from lst_raster.product.staging import new_files
from lst_raster.validation.compare import compare_rasters
from tests.support.composites import season
from tests.support.factories import STATE, make_scene, ramp
from tests.support.products import make_product, product_stem
from tests.support.servers import STORE_ENVIRONMENT, gate_before, object_store, web_server

pytestmark = pytest.mark.slow

EXACT = {**STATE, "emissivity": 0.97}
SENSOR = "landsat8-b10"
STEM = product_stem(SENSOR, 2)
BAND, NAME = f"{STEM}_B10.TIF", f"{STEM}_LST"
FILES = {f"{NAME}{ending}" for ending in (".tif", "_UNC.tif", "_QA.tif", ".png", ".qml", "_QA.qml", ".json")}
ITEM = f"{NAME}.json"
SECRET = "sig=a%2Fb-very-secret&se=2030"
SECRETS = ("store-secret", "sig=", "very-secret", "pass-word")


@pytest.fixture(scope="module")
def running_store():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORE_ENVIRONMENT.items():
            patch.setenv(name, value)
        with object_store() as store, gate_before(store) as gate:
            yield store, gate


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, running_store):
    """A store, a folder and a separate folder of temporary files, without delays."""
    _, gate = running_store
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(remote_files, "PAUSE", 0.0)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "AWS_NO_SIGN_REQUEST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**STORE_ENVIRONMENT, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.endpoint)
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    gate.fault = lambda kind, key: None
    gate.requests.clear()


@pytest.fixture
def gate(running_store):
    return running_store[1]


@pytest.fixture
def store(running_store):
    """The store, with nothing in it but the bucket `out`."""
    store = running_store[0]
    for bucket in store.client.list_buckets()["Buckets"]:
        for entry in store.client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            store.client.delete_object(Bucket=bucket["Name"], Key=entry["Key"])
        for upload in store.client.list_multipart_uploads(Bucket=bucket["Name"]).get("Uploads", ()):
            store.client.abort_multipart_upload(Bucket=bucket["Name"], Key=upload["Key"], UploadId=upload["UploadId"])
    store.client.create_bucket(Bucket="out")
    return store


@pytest.fixture
def scene(tmp_path):
    """A thermal band, half of it under clouds."""
    path = make_product(tmp_path / "in", SENSOR, 2, lst=ramp(275, 310), gain=3.3e-4, offset=0.2, cloud=ramp(0, 1) > 0.5)
    shutil.rmtree(path.parent / "air")
    return path


@pytest.fixture
def make(scene, model_path):
    """Retrieve the scene, or another one, to somewhere."""

    def made(output, scene=scene, **options):
        return retrieve(scene, output=output, model=model_path, **{**EXACT, **options})

    return made


def contents(store, bucket="out", prefix=""):
    """What a bucket shows, by name."""
    entries = store.client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
    return {
        entry["Key"].removeprefix(prefix): store.client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in entries
    }


def on_disk(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def nothing_hidden(store):
    """No unfinished uploads and no temporary files are left."""
    assert not store.client.list_multipart_uploads(Bucket="out").get("Uploads")
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_store_in_and_store_out_equals_local_in_and_local_out_byte_for_byte(store, scene, make, tmp_path):
    store.upload(scene.parent, "out", "in/")
    (tmp_path / "local").mkdir()
    local = make("local")
    remote = make("s3://out/a folder/2015", scene=f"s3://out/in/{BAND}")
    written, expected = contents(store, prefix="a folder/2015/"), on_disk("local")
    items = [json.loads(files.pop(ITEM)) for files in (written, expected)]
    runs = [item["properties"].pop(RUN) for item in items]
    assert written == expected and set(expected) == FILES - {ITEM}
    assert items[0] == items[1] and runs[0] != runs[1]  # made of a file in the store, and of one on disk
    assert str(remote.path) == f"s3://out/a folder/2015/{NAME}.tif"
    assert [str(file) for file in remote.files] == [f"s3://out/a folder/2015/{file.name}" for file in local.files]
    assert (remote.tags, remote.pixels, remote.retrieved) == (local.tags, local.pixels, local.retrieved)
    assert {asset["href"] for asset in items[0]["assets"].values()} == {f"./{name}" for name in FILES - {ITEM}}
    nothing_hidden(store)


def test_several_tiles_and_threads_from_store_to_store_and_with_keys_beside_files_on_disk(
    store, gate, make, model_path, tmp_path
):
    scene = make_scene(tmp_path / "large", lst=ramp(275, 310, (700, 1300)))
    store.upload(scene.parent, "out", "in/")
    (tmp_path / "local").mkdir()
    make("local/x.tif", scene=scene, threads=1)
    make("s3://out/x.tif", scene=f"s3://out/in/{scene.name}", threads=3)
    make("s3://out/y.tif", scene=scene, threads=3)
    expected = on_disk("local")
    for name in ("x.tif", "y.tif", "x_UNC.tif", "y_UNC.tif", "x_QA.tif", "y_QA.tif"):
        assert contents(store)[name] == expected[name.replace("y", "x")]
    found = compare_rasters("s3://out/x.tif", "s3://out/y.tif")
    assert found.difference.maximum == found.difference.minimum == 0.0


def test_a_composite_from_store_to_store_equals_that_on_disk(store, tmp_path, command):
    paths, _ = season(tmp_path / "products", number=3)
    store.upload(tmp_path / "products", "out", "products/")
    (tmp_path / "local").mkdir()
    local = composite(paths, output="local")
    remote = composite("s3://out/products/", output="s3://out/made")
    assert contents(store, prefix="made/") == on_disk("local")
    assert [str(path) for path in remote.files] == [f"s3://out/made/{path.name}" for path in local.files]
    before = contents(store)
    code, _, err = command("composite", "s3://out/products/", "-o", str(remote.path))
    assert code == 1 and f"{remote.path} exists and is kept; add --overwrite to replace it" in err[-1]
    assert contents(store) == before
    nothing_hidden(store)


def test_the_item_is_shown_last_and_every_file_has_its_media_type(store, gate, make):
    make("s3://out/x.tif")
    shown = [key for kind, key in gate.requests if kind == "POST upload"]
    assert len(shown) == 7 and shown[-1] == "x.json"
    kinds = {key: store.client.head_object(Bucket="out", Key=key)["ContentType"] for key in shown}
    raster = "image/tiff; application=geotiff; profile=cloud-optimized"
    assert kinds == {
        **dict.fromkeys(["x.tif", "x_UNC.tif", "x_QA.tif"], raster), "x.json": "application/json", "x.png": "image/png",
        "x.qml": "application/xml", "x_QA.qml": "application/xml",
    }  # fmt: skip


def test_the_command_writes_into_a_store_and_tells_the_address(store, scene, command, model_path):
    given = [f"--{name.replace('_', '-')}={value}" for name, value in STATE.items()]
    code, out, _ = command("retrieve", scene, "-o", "s3://out/x.tif", "--model", model_path, "--lst-only", *given)
    assert (code, out) == (0, ["s3://out/x.tif"])
    assert set(contents(store)) == {"x.tif"}


def test_a_product_that_exists_is_kept_if_it_is_the_same_and_else_refused_before_any_work(store, gate, make):
    first = make("s3://out/x.tif")
    before = contents(store)
    again = make("s3://out/x.tif", progress=never)
    assert again.reused and (again.tags, again.retrieved, again.files) == (first.tags, first.retrieved, first.files)
    with pytest.raises(OutputError, match=r"^s3://out/x.tif exists and is kept; add --overwrite to replace it"):
        make("s3://out/x.tif", emissivity=0.98, progress=never)
    assert contents(store) == before
    store.client.delete_object(Bucket="out", Key="x_QA.tif")
    with pytest.raises(OutputError, match="exists and is kept"):
        make("s3://out/x.tif", progress=never)
    gate.requests.clear()
    make("s3://out/x.tif", emissivity=0.98, overwrite=True)
    order = [(kind, key) for kind, key in gate.requests if kind in ("DELETE object", "POST upload")]
    assert order[0] == ("DELETE object", "x.json") and order[-1] == ("POST upload", "x.json")
    assert [key for key in before if contents(store)[key] == before[key]] == ["x_QA.qml"]
    nothing_hidden(store)


def never(done, total):
    raise AssertionError("work was done")


def test_a_run_from_store_to_store_is_kept_until_its_scene_changes(store, scene, make):
    store.upload(scene.parent, "out", "in/")
    there = f"s3://out/in/{BAND}"
    make("s3://out/x.tif", scene=there)
    assert make("s3://out/x.tif", scene=there, progress=never).reused
    store.upload(scene.parent, "out", "in/")
    assert make("s3://out/x.tif", scene=there, progress=never).reused  # the same bytes have the same ETag
    quality = next(scene.parent.glob("*_QA_PIXEL.TIF"))
    quality.write_bytes(quality.read_bytes() + b"\0")
    store.upload(scene.parent, "out", "in/")
    with pytest.raises(OutputError, match="exists and is kept"):
        make("s3://out/x.tif", scene=there, progress=never)


REFUSALS = {
    "no bucket": ("s3://nowhere/x.tif", None, OutputError, "write s3://nowhere/x.tif: there is no bucket nowhere;"),
    "no bucket name": ("s3://Not_One/x.tif", None, LstRasterError, "s3://Not_One/x.tif"),
    "refused": ("s3://out/x.tif", 403, RemoteAccessError, "x.tif is refused .AccessDenied.; set credentials with"),
    "no connection": ("s3://out/x.tif", "drop", RemoteError, "s3://out/x.tif: no connection to the store"),
    "overloaded": ("s3://out/x.tif", 503, RemoteError, "the store reports an error .SlowDown"),
    "web": ("https://example.com/x.tif", None, OutputError, "cannot write https://example.com/x.tif; products go to"),
    "other": ("gs://bucket/x.tif", None, OutputError, "write gs://bucket/x.tif; products go to disk or"),
    "keys": ("s3://me:pass-word@out/x.tif", None, OutputError, "s3://out/x.tif was given with a user in it; leave tha"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_cannot_be_written_is_told_before_any_work(store, gate, make, kind):
    output, fault, error, words = REFUSALS[kind]
    gate.fault = lambda kind, key: fault if kind.startswith(("PUT", "POST")) else None
    with pytest.raises(error, match=words) as raised:
        make(output, progress=never)
    assert "pass-word" not in str(raised.value)
    assert contents(store) == {}
    nothing_hidden(store)


def test_credentials_that_may_write_and_not_look_need_overwrite(store, gate, make):
    gate.fault = lambda kind, key: 403 if kind in ("HEAD object", "GET object") else None
    with pytest.raises(RemoteAccessError, match="allow s3:GetObject and s3:ListBucket, or add --overwrite to replace"):
        make("s3://out/x.tif", progress=never)
    make("s3://out/x.tif", overwrite=True)
    assert len(contents(store)) == 7


def test_a_product_is_not_written_over_its_own_scene(store, scene, make):
    store.upload(scene.parent, "out")
    with pytest.raises(OutputError, match=f"cannot write s3://out/{BAND}: it is one of the inputs"):
        make(f"s3://out/{BAND}", scene=f"s3://out/{BAND}", overwrite=True, progress=never)


LOST = {  # at which request of which file, what happens, and whether an older product is there
    "in the first file": ("PUT part", "x_UNC.tif", "drop", False),
    "in the last file": ("PUT part", "x.json", "drop", False),
    "in the last file of a newer product": ("PUT part", "x.json", "drop", True),
    "refused in the midst": ("PUT part", "x.tif", 403, True),
    "overloaded at the beginning of a file": ("POST begin", "x.png", 503, False),
}


@pytest.mark.parametrize("where", LOST)
def test_a_connection_that_is_lost_while_sending_leaves_what_was_there(store, gate, make, where):
    place, name, fault, older = LOST[where]
    if older:
        make("s3://out/x.tif")
    before = contents(store)
    gate.fault = lambda kind, key: fault if (kind, key) == (place, name) else None
    with pytest.raises(RemoteError, match=rf"s3://out/{name}") as raised:
        make("s3://out/x.tif", emissivity=0.98, overwrite=True)
    assert contents(store) == before
    assert tempfile.gettempdir() not in str(raised.value)
    nothing_hidden(store)


@pytest.mark.parametrize(("name", "older"), [("x_UNC.tif", True), ("x.tif", False), ("x.tif", True), ("x.json", False)])
def test_a_connection_that_is_lost_while_the_files_are_shown_leaves_nothing_that_looks_whole(
    store, gate, make, name, older
):
    if older:
        make("s3://out/x.tif")
    gate.fault = lambda kind, key: 503 if (kind, key) == ("POST upload", name) else None
    words = "the existing product is incomplete now: run again" if older else "try again later$"
    with pytest.raises(RemoteError, match=words):
        make("s3://out/x.tif", emissivity=0.98, overwrite=True)
    left = contents(store)
    assert "x.json" not in left
    assert older or left == {}
    nothing_hidden(store)
    gate.fault = lambda kind, key: None
    assert not make("s3://out/x.tif", emissivity=0.98, overwrite=older).reused
    assert len(contents(store)) == 7


def test_a_run_that_is_stopped_leaves_nothing(store, make):
    with pytest.raises(LstRasterError, match="stopped after 1 of"):
        make("s3://out/x.tif", progress=lambda done, total: False)
    assert contents(store) == {}
    nothing_hidden(store)


def test_a_disk_of_temporary_files_that_is_full_or_missing_is_told(store, make, monkeypatch):
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(OutputError, match=r"cannot make s3://out/x.tif: 0 MiB are free for temporary files, 1 MiB are"):
        make("s3://out/x.tif", progress=never)
    monkeypatch.undo()


def test_messages_tell_the_address_and_never_the_temporary_file(store, tmp_path):
    target = Address(url="s3://out/x.tif")
    with pytest.raises(OutputError) as raised, new_files(target.parent) as files:
        path = files.new(target)
        raise OutputError(f"cannot write {path}: it is full")
    assert str(raised.value) == "cannot write s3://out/x.tif: it is full"


def test_a_large_file_is_sent_in_parts_and_arrives_as_it_was(store, gate, tmp_path, monkeypatch):
    monkeypatch.setattr(object_stores, "PART", 5 << 20)
    content = np.random.default_rng(1).bytes((12 << 20) + 1)
    (tmp_path / "large.bin").write_bytes(content)
    complete_upload(begin_upload(Address(url="s3://out/large.bin"), tmp_path / "large.bin"))
    assert contents(store) == {"large.bin": content}
    assert [kind for kind, _ in gate.requests].count("PUT part") == 3
    nothing_hidden(store)


@pytest.mark.parametrize("payer", ["", "requester"])
def test_objects_are_written_looked_for_and_removed(store, tmp_path, monkeypatch, payer):
    monkeypatch.setenv("AWS_REQUEST_PAYER", payer)
    address = Address(url="s3://out/report.csv")
    assert not exists(address)
    (tmp_path / "file.csv").write_bytes(b"a,b\n")
    complete_upload(begin_upload(address, tmp_path / "file.csv"))
    assert exists(address) and contents(store) == {"report.csv": b"a,b\n"}
    assert store.client.head_object(Bucket="out", Key="report.csv")["ContentType"] == "text/csv"
    (tmp_path / "file.csv").write_bytes(b"c,d\n")
    complete_upload(begin_upload(address, tmp_path / "file.csv"))
    assert contents(store) == {"report.csv": b"c,d\n"}
    delete_object(address)
    delete_object(address)
    assert contents(store) == {}
    with pytest.raises(OutputError, match="there is no bucket nowhere; create it, or check the address"):
        begin_upload(Address(url="s3://nowhere/x"), tmp_path / "file.csv")


KILLED = [
    ("begin_upload", 3, False),
    ("begin_upload", 6, True),
    ("complete_upload", 0, True),
    ("complete_upload", 6, True),
]


@pytest.mark.parametrize(("function", "number", "older"), KILLED)
def test_a_killed_run_leaves_nothing_that_looks_whole_and_the_next_one_clears_up(
    store, gate, make, scene, model_path, apart, tmp_path, function, number, older
):
    if older:
        make("s3://out/x.tif", emissivity=0.9)
    before = contents(store)
    given = [f"--{name.replace('_', '-')}={value}" for name, value in EXACT.items()]
    arguments = ["retrieve", str(scene), "-o", "s3://out/x.tif", "--model", str(model_path), "--overwrite", *given]
    environment = {**STORE_ENVIRONMENT, "AWS_ENDPOINT_URL": gate.endpoint, "no_proxy": "127.0.0.1"}
    run = {"arguments": arguments, "environment": environment, "temporary": tempfile.gettempdir()}
    ((code, text),) = apart.run(("stored", {**run, "function": function, "number": number}))
    assert code == -9, text
    if function == "begin_upload":
        assert contents(store) == before
    else:
        assert "x.json" not in contents(store)
    assert len(list(Path(tempfile.gettempdir()).iterdir())) == 2  # the folder and its lock
    assert not make("s3://out/x.tif", overwrite=True).reused
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    (tmp_path / "local").mkdir()
    make("local/x.tif")
    made, expected = contents(store), on_disk("local")
    assert made.keys() == expected.keys()
    assert {name for name in made if made[name] != expected[name]} <= {"x.json"}  # made of the same scene, later


def test_no_secret_is_in_anything_that_a_run_writes_or_says(store, gate, scene, model_path, command, caplog):
    caplog.set_level(logging.DEBUG)
    given = [f"--{name.replace('_', '-')}={value}" for name, value in STATE.items()]
    with web_server(scene.parent) as server:
        server.secret = SECRET
        url = server.url(f"{BAND}?{SECRET}").replace("127.0.0.1", "me:pass-word@127.0.0.1")
        arguments = ["retrieve", url, "--model", model_path, *given]
        code, out, err = command(*arguments, "-o", "s3://out/x.tif")
        assert (code, out) == (0, ["s3://out/x.tif"]) and "no emissivity given" in "".join(err)
        printed = [*out, *err]
        for place, fault in (("PUT part", "drop"), ("POST upload", 503), ("POST begin", 403)):
            gate.fault = lambda kind, key, place=place, fault=fault: fault if kind == place else None
            code, out, err = command(*arguments, "-o", "s3://out/y.tif")
            assert code == 1 and len(err) > 0
            printed += [*out, *err]
        gate.fault = lambda kind, key: None
        code, out, err = command("info", "s3://out/x.tif")
        printed += [*out, *err]
        server.secret = "another"
        code, out, err = command(*arguments, "-o", "s3://out/z.tif")
        assert code == 1 and "is refused (403 Forbidden)" in err[-1]
        printed += [*out, *err]
    written = contents(store)
    assert set(written) == {name.replace(NAME, "x") for name in FILES}
    said = "\n".join(printed) + caplog.text
    for secret in SECRETS:
        assert secret not in said
        assert not [name for name, content in written.items() if secret.encode() in content]
    assert BAND in said and b"127.0.0.1" not in b"".join(written.values())
