"""`lst-raster batch` as a user meets it: report, logs, exit codes, what would be done."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.many_scenes import AIR, cut_off, make_scenes, products_in, stem_of, temporary_files
from tests.support.processes import still_running
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server
from tests.support.stac_server import catalogue, item_of

MAIN = [sys.executable, "-c", "from lst_raster.cli.main import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
GIVEN = [part for name, value in AIR.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="module")
def made(tmp_path_factory, model_path):
    folder = tmp_path_factory.mktemp("in")
    make_scenes(folder, model_path, 3)
    cut_off(folder, stem_of(2))
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, made):
    """Work in a folder with three scenes in `in`, the second of them cut off."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "in")
    return tmp_path


@pytest.fixture
def batch(command, model_path):
    def run(*arguments):
        return command("batch", *arguments, "--model", model_path, *GIVEN)

    return run


def rows_of(folder):
    """The rows of the report's table, and those of its JSON as a table would have them."""
    with (folder / "report.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    scenes = json.loads((folder / "report.json").read_text())["scenes"]
    as_table = [
        {
            key: " | ".join(value) if isinstance(value, list) else "" if value is None else str(value)
            for key, value in scene.items()
        }
        for scene in scenes
    ]
    return table, as_table


def report_of(folder):
    """The report in both forms, which must say the same."""
    table, as_table = rows_of(folder)
    assert table == as_table
    return json.loads((folder / "report.json").read_text())


def test_a_batch_makes_products_logs_and_a_report_and_lists_failures(here, batch):
    code, out, err = batch("in", "-o", "out")
    assert (code, out) == (1, ["2 products in out, 1 failed; report: out/report.csv"])
    assert len(err) == 1 and err[0].startswith(f"Error: {stem_of(2)}: scene ") and "truncated or damaged" in err[0]
    report = report_of(here / "out")
    assert report["counts"] == {"ok": 2, "failed": 1}
    first, second, _ = report["scenes"]
    assert (first["status"], first["pixels"], first["retrieved"]) == ("ok", 4200, 4200)
    assert first["mean_lst_K"] == pytest.approx(281.0, abs=0.01) and first["seconds"] > 0
    assert first["source"] == f"in/{stem_of(1)}/{stem_of(1)}_MTL.txt"
    assert (second["status"], second["product"]) == ("failed", None) and "truncated" in second["error"]
    logs = {path.name: path.read_text() for path in (here / "out" / "logs").iterdir()}
    assert set(logs) == {f"{stem_of(day)}.log" for day in (1, 2, 3)}
    assert f"out/{stem_of(1)}_LST.tif made in" in logs[f"{stem_of(1)}.log"]
    assert "ERROR scene" in logs[f"{stem_of(2)}.log"]


def test_a_second_run_keeps_the_products_and_the_warnings_go_to_report_and_logs_alone(here, command, model_path):
    shutil.rmtree(here / "in" / stem_of(2))
    code, out, err = command("batch", "in", "-o", "out", "--model", model_path)
    assert (code, err) == (0, [])
    assert "no emissivity given" in report_of(here / "out")["scenes"][0]["warnings"][0]
    assert "WARNING no emissivity given" in (here / "out" / "logs" / f"{stem_of(1)}.log").read_text()
    before = products_in(here / "out")
    code, out, err = command("batch", "in", "-o", "out", "--model", model_path)
    assert (code, out) == (0, ["2 products in out (2 of them kept); report: out/report.csv"])
    assert products_in(here / "out") == before


@pytest.mark.slow
def test_workers_of_this_machine_make_the_same_products_as_one_after_the_other(here, batch):
    batch("in", "-o", "out")
    code, out, _ = batch("in", "-o", "many", "--workers", 2)
    assert (code, out) == (1, ["2 products in many, 1 failed; report: many/report.csv"])
    assert products_in(here / "many") == products_in(here / "out")


@pytest.mark.slow
def test_a_scheduler_is_found_by_its_address_or_its_file(here, batch):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        protocol="tcp",
        scheduler_kwargs={"scheduler_file": str(here / "scheduler.json")},
    )
    with cluster:
        code, out, _ = batch("in", "-o", "out", "--scheduler", cluster.scheduler_address)
        assert (code, out) == (1, ["2 products in out, 1 failed; report: out/report.csv"])
        assert batch("in", "-o", "out", "--scheduler", "scheduler.json")[1][0].startswith("2 products in out (2 of")


def test_a_missing_scheduler_is_reported(here, batch, monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")  # its defaults would go with the block if it were imported there
    with dask.config.set({"distributed.comm.timeouts.connect": 0.5}):
        code, _, err = batch("in", "-o", "out", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 1 and "the scheduler tcp://127.0.0.1:9 does not answer" in err[-1]
    assert not (here / "out").exists()


def test_a_dry_run_lists_what_would_be_done_with_each_scene_and_writes_nothing(here, batch):
    batch(f"in/{stem_of(1)}", "-o", "out")
    before = sorted(here.rglob("*"))
    (here / "in" / "list.csv").write_text(f"scene,emissivity\n{stem_of(3)},nothing.tif\n{stem_of(1)},\n{stem_of(2)},\n")
    code, out, err = batch("in/list.csv", "-o", "out", "--dry-run")
    assert (code, err) == (1, [])
    assert re.search("LST.tif: would fail: emissivity 'nothing.tif' is none of a number", out[0])
    assert out[1] == (
        f"in/{stem_of(1)} -> out/{stem_of(1)}_LST.tif: landsat8-b10, 2015-07-19, landsat8-b10/surface, exists: kept if "
        "made of the same inputs"
    )
    assert "would fail: scene" in out[2] and "truncated" in out[2]
    assert out[3] == "3 scenes, 2 would fail; nothing was written"
    (here / "in" / "list.csv").unlink()
    assert sorted(here.rglob("*")) == before
    assert batch(f"in/{stem_of(3)}", "-o", "new", "--dry-run")[0] == 0
    assert not (here / "new").exists()


def test_the_report_is_written_to_the_given_path(here, batch):
    batch(f"in/{stem_of(1)}", "-o", "out", "--report", "mine.json")
    assert json.loads((here / "mine.json").read_text())["counts"] == {"ok": 1}
    assert not (here / "out" / "report.csv").exists()
    code, _, err = batch(f"in/{stem_of(1)}", "-o", "out", "--report", "mine.xlsx")
    assert code == 1 and "ends in .xlsx; give .csv, .json, or no ending for both" in err[0]
    code, _, err = batch(f"in/{stem_of(1)}", "-o", "out", "--report", "nowhere/mine.csv")
    assert code == 1 and "the folder nowhere does not exist" in err[0]


WRONG = {
    "no list": (["-o", "out"], 2, "give a LIST of scenes, or --search SERVICE"),
    "no output": (["in"], 2, "Missing option '-o'"),
    "no such list": (["nothing", "-o", "out"], 1, "nothing does not exist; give a folder"),
    "both ways": (["in", "-o", "out", "--workers", "2", "--scheduler", "x"], 2, "exclude each other"),
    "a condition without a search": (["in", "-o", "out", "--limit", "4"], 2, "are for --search SERVICE"),
    "a search for nothing": (["-o", "out", "--search", "http://x"], 1, "needs a collection, such as"),
    "no such function": (["in", "-o", "out", "--sign", "json:nothing"], 2, "give MODULE:FUNCTION that Python can"),
    "no function": (["in", "-o", "out", "--sign", "json:__name__"], 2, "is not a function"),
    "no module": (["in", "-o", "out", "--sign", "nothing"], 2, "No module named"),
    "the same twice": (["in", "in", "-o", "out"], 1, "2 scenes would have the same product"),
    "downwelling alone": (["in", "-o", "out", "--downwelling", "usgs"], 2, "add --level-2"),
}


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.replace(" ", "-"))
def test_invalid_combinations_are_rejected_before_any_work(here, batch, case):
    arguments, code, message = WRONG[case]
    found, _, err = batch(*arguments)
    assert found == code and message in " ".join(err)
    assert not (here / "out").exists()


def sign(address):
    """Sign as a data centre would."""
    return f"{address}?sig=s3cret"


@pytest.mark.slow
def test_scenes_are_searched_signed_and_read_from_servers_and_no_secret_is_left_anywhere(here, batch):
    shutil.rmtree(here / "in" / stem_of(2))
    for stem in (stem_of(1), stem_of(3)):
        for path in (here / "in" / stem).iterdir():
            shutil.move(path, here / "in" / path.name)
    with web_server(here / "in") as files:
        files.secret = "sig=s3cret"
        items = [item_of(s, {"lwir11": files.url(f"{s}_B10.TIF")}) for s in (stem_of(1), stem_of(3))]
        items.append(item_of("LC08_L2SP_x", {"lwir11": files.url("LC08_L2SP_x_ST_B10.TIF")}))
        with catalogue(items) as (url, asked):
            code, out, err = batch(
                "-o", "out", "--search", url, "--collection", "landsat-c2l1", "--limit", "5",
                "--datetime", "2015-07", "--sign", "tests.cli.test_batch_command:sign", "--workers", "2",
            )  # fmt: skip
    assert (code, out) == (1, ["2 products in out, 1 failed; report: out/report.csv"])
    assert "LC08_L2SP_x: item LC08_L2SP_x has only Level 2" in err[0]
    assert asked[0]["datetime"].startswith("2015-07-01")
    for path in (here / "out").rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes(), path


@pytest.mark.slow
def test_scenes_in_a_store_make_the_same_products_as_those_on_disk(here, batch, monkeypatch):
    for name, value in STORE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    shutil.rmtree(here / "in" / stem_of(2))
    batch("in", "-o", "near")
    with object_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        stems = (stem_of(1), stem_of(3))
        for stem in stems:
            store.upload(here / "in" / stem, "scenes", f"{stem}/")
        (here / "list.txt").write_text("".join(f"s3://scenes/{stem}/\n" for stem in stems))
        code, _, err = batch("list.txt", "-o", "far", "--workers", "2")
        assert (code, err) == (0, [])
        code, out, err = batch("list.txt", "-o", "s3://scenes/out", "--workers", "2")
        assert (code, out, err) == (0, ["2 products in s3://scenes/out; report: report.csv"], [])
        objects = store.client.list_objects_v2(Bucket="scenes", Prefix="out/")["Contents"]
        sent = {
            entry["Key"].removeprefix("out/"): store.client.get_object(Bucket="scenes", Key=entry["Key"])["Body"].read()
            for entry in objects
        }
        report = report_of(here)
        assert batch("list.txt", "-o", "s3://scenes/out", "--dry-run")[1][0].endswith("kept if made of the same inputs")
        again = batch("list.txt", "-o", "s3://scenes/out")
    assert again[1] == ["2 products in s3://scenes/out (2 of them kept); report: report.csv"]
    assert sent == products_in(here / "far")
    assert report["scenes"][0]["product"] == f"s3://scenes/out/{stem_of(1)}_LST.tif"
    assert report["scenes"][0]["mean_lst_K"] == pytest.approx(281.0, abs=0.01)
    assert f"s3://scenes/out/{stem_of(1)}_LST.tif kept: 4200" in (here / "logs" / f"{stem_of(1)}.log").read_text()
    near, far = products_in(here / "near"), products_in(here / "far")
    assert far.keys() == near.keys()
    assert all(far[name] == near[name] for name in near if not name.endswith(".json"))  # it lists the input files
    for path in (here / "far").rglob("*"):
        assert path.is_dir() or STORE_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"].encode() not in path.read_bytes(), path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_batch_that_is_stopped_leaves_a_true_report_and_can_go_on(here, batch, model_path, stop, code):
    shutil.rmtree(here / "in")
    make_scenes(here / "in", model_path, 5, (520, 520))
    arguments = ["batch", "in", "-o", "out", "--workers", "2", "--model", str(model_path), *GIVEN]
    process = subprocess.Popen(
        [*MAIN, *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not list((here / "out").glob("*_LST.json")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = listed.read_text().split() if listed.exists() else []
    process.send_signal(stop)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert still_running(workers) == []
    if (
        stop != signal.SIGKILL
    ):  # which leaves no time to remove what is unfinished, or to write the JSON after the table
        assert temporary_files(here) == []
        report_of(here / "out")
    table, as_table = rows_of(here / "out")
    ahead = [row for row, before in zip(table, as_table, strict=True) if row != before]
    assert len(ahead) <= 1 and all(row["status"] == "ok" for row in ahead)
    for rows in (table, as_table):
        assert {row["status"] for row in rows} in ({"waiting"}, {"waiting", "ok"})
        assert all((here / row["product"]).exists() for row in rows if row["status"] == "ok")
    again = batch("in", "-o", "out")
    assert again[0] == 0, again[2]
    assert re.match(r"5 products in out \([1-4] of them kept\)", again[1][0])
    assert temporary_files(here) == []


def test_the_help_names_every_option_of_retrieve(command):
    own = set(re.findall(r"--[a-z0-9-]+", " ".join(command("retrieve", "--help")[1])))
    assert own <= set(re.findall(r"--[a-z0-9-]+", " ".join(command("batch", "--help")[1])))
