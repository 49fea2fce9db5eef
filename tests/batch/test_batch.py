"""Many scenes in one call: identical products on every backend, and failures that affect only their own scene."""

import inspect
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import lst_raster
from lst_raster import errors, retrieve, retrieve_many
from lst_raster.batch.read_lists import read_scene_list
from lst_raster.batch.report import Report
from lst_raster.batch.task import Opening, RetrieveOptions, Task, make_tasks, plan, run_task
from lst_raster.errors import CancelledError, InputError, OutputError, RemoteError, SceneError, WorkerError
from tests.support.many_scenes import (
    AIR,
    Deadly,
    ExitsWithCode0,
    Killer,
    KillsWhileSending,
    cut_off,
    end_this_process,
    make_scenes,
    products_in,
    stem_of,
    temporary_files,
)
from tests.support.two_band_scenes import make_two_band_scene

linux = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
SHAPE = (300, 300)
LARGE = (1100, 1100)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, model_path):
    """A folder of four scenes, the third of them cut off."""
    folder = tmp_path_factory.mktemp("in")
    make_scenes(folder, model_path, 4)
    cut_off(folder, stem_of(3))
    return folder


@pytest.fixture(scope="module")
def options(model_path):
    return {"model": model_path, **AIR}


@pytest.fixture(scope="module")
def serial(tmp_path_factory, scenes, options):
    """The products, made one after the other."""
    out = tmp_path_factory.mktemp("serial")
    return retrieve_many(scenes, out=out, **options), products_in(out)


@pytest.fixture(scope="module")
def client():
    """A cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with pytest.importorskip("dask").config.set({"distributed.scheduler.allowed-failures": 1}):
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


def test_results_have_the_order_of_the_list_and_a_failed_scene_does_not_stop_the_others(scenes, serial):
    results, files = serial
    assert [result.scene.name for result in results] == [stem_of(day) for day in (1, 2, 3, 4)]
    assert [result.status for result in results] == ["ok", "ok", "failed", "ok"]
    good, bad = results[0], results[2]
    assert (good.error, good.attempts, good.product.retrieved) == (None, 1, 4200)
    assert good.mean == pytest.approx(281.0, abs=0.01)
    assert isinstance(bad.error, SceneError) and "truncated or damaged" in str(bad.error)
    assert bad.product is None and "ERROR" in bad.log and "failed after" in bad.log
    assert len(files) == 3 * 7


def test_the_products_are_those_of_single_runs(scenes, serial, options, tmp_path):
    retrieve(scenes / stem_of(2), output=tmp_path, **options)
    single = products_in(tmp_path)
    assert single == {name: serial[1][name] for name in single}


@pytest.mark.slow
def test_processes_make_identical_products(scenes, serial, options, tmp_path):
    results = retrieve_many(scenes, out=tmp_path / "new" / "out", workers=2, **options)
    assert [result.status for result in results] == ["ok", "ok", "failed", "ok"]
    assert str(results[2].error) == str(serial[0][2].error)
    assert products_in(tmp_path / "new" / "out") == serial[1]
    assert results[0].product.tags == serial[0][0].product.tags
    assert temporary_files(tmp_path) == []


@pytest.mark.slow
def test_a_cluster_makes_identical_products(scenes, serial, options, tmp_path, client):
    results = retrieve_many(scenes, out=tmp_path, client=client, **options)
    assert [result.status for result in results] == ["ok", "ok", "failed", "ok"]
    assert str(results[2].error) == str(serial[0][2].error)
    assert products_in(tmp_path) == serial[1]


def test_a_second_run_keeps_existing_products(scenes, options, tmp_path):
    first = retrieve_many(scenes / stem_of(1), out=tmp_path, **options)
    before = products_in(tmp_path)
    results = retrieve_many(scenes, out=tmp_path, **options)
    assert [result.status for result in results] == ["kept", "ok", "failed", "ok"]
    assert (results[0].product.retrieved, results[0].mean) == (4200, first[0].mean)
    assert {name: products_in(tmp_path)[name] for name in before} == before
    others = retrieve_many(scenes, out=tmp_path, **{**options, "emissivity": 0.95})
    assert all(isinstance(result.error, (OutputError, SceneError)) for result in others)
    assert "add --overwrite" in str(others[0].error)


def test_options_of_a_scene_in_the_list_override_those_of_all_scenes(scenes, options, tmp_path):
    table = tmp_path / "list.csv"
    scene = scenes / stem_of(1)
    table.write_text(f"scene,name,emissivity,date\n{scene},wet,0.99,\n{scene},dry,,2015-08\n")
    wet, dry = retrieve_many(table, out=tmp_path / "out", **options)
    assert wet.product.path.name == "wet_LST.tif"
    assert (wet.product.tags["emissivity"], dry.product.tags["emissivity"]) == ("0.99 (given)", "0.97 (given)")
    assert (wet.product.tags["acquisition_date"], dry.product.tags["acquisition_date"]) == ("2015-07-19", "2015-08")


def test_both_bands_are_used_and_the_plan_says_so(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=np.full((20, 30), 300.0))
    (both,) = retrieve_many(path, out=tmp_path / "both")
    (one,) = retrieve_many(path, out=tmp_path / "one", bands="one")
    assert [found.product.tags["model"] for found in (both, one)] == ["landsat8-b10/dual", "landsat8-b10/surface"]
    scenes = read_scene_list([path])
    for bands, model in (("auto", "landsat8-b10/dual"), ("one", "landsat8-b10/surface")):
        (task,) = make_tasks(scenes, str(tmp_path), Opening(), {"bands": bands})
        assert plan(task).model == model


def test_aerosol_is_an_option_of_all_scenes_and_of_one(scenes, options, tmp_path):
    table = tmp_path / "list.csv"
    scene = scenes / stem_of(1)
    table.write_text(f"scene,name,aerosol,water_vapour\n{scene},haze,0.2+-0.05,21+-3\n{scene},clear,,\n")
    haze, clear = retrieve_many(table, out=tmp_path / "out", aerosol=0.05, **options)
    found = [one.product.tags["aerosol_optical_depth"] for one in (haze, clear)]
    assert found == ["0.2 ± 0.05 (given)", "0.05 (given)"]
    assert haze.product.tags["water_vapour"] == "21 kg m-2 ± 3 kg m-2 (given)"


def test_two_scenes_with_the_same_product_are_an_error_before_any_work(scenes, options, tmp_path):
    with pytest.raises(InputError, match=r"2 scenes would have the same product .*_LST\.tif: .*column name"):
        retrieve_many([scenes / stem_of(1), scenes / stem_of(2), scenes / stem_of(1)], out=tmp_path / "out", **options)
    table = tmp_path / "list.csv"
    table.write_text("scene,name\na,X\nb,x\n")
    with pytest.raises(InputError, match="2 scenes would have the same product"):
        retrieve_many(table, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


MISTAKES = {
    "an unknown option": ({"emisivity": 0.9}, InputError, "unknown options for many scenes: emisivity"),
    "the output of one scene": ({"output": "x.tif"}, InputError, "unknown options for many scenes: output"),
    "a client and workers": ({"client": object(), "workers": 2}, InputError, "exclude each other; give one of them"),
    "no worker": ({"workers": 0}, InputError, "workers is 0; give 1 or more"),
    "negative retries": ({"retries": -1}, InputError, "retries is -1"),
    "no scenes": ({"scenes": []}, InputError, "the list has no scenes"),
    "a missing list": ({"scenes": "nothing"}, errors.InputNotFoundError, "nothing does not exist"),
}


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.replace(" ", "-"))
def test_invalid_arguments_are_errors_before_any_work(scenes, options, tmp_path, case):
    given, kind, message = MISTAKES[case]
    with pytest.raises(kind, match=message):
        retrieve_many(**{"scenes": scenes, "out": tmp_path / "out", **options, **given})
    assert not (tmp_path / "out").exists()


def test_an_argument_that_cannot_be_pickled_is_an_error_before_any_work(scenes, options, tmp_path):
    listed = lst_raster.read_scene_list(scenes / stem_of(1), sign=lambda address: address)
    with pytest.raises(InputError, match=r"cannot be sent to a worker process: .*not as a lambda"):
        retrieve_many(listed, out=tmp_path / "out", workers=1, **options)
    assert not (tmp_path / "out").exists()
    assert retrieve_many(listed, out=tmp_path / "out", **options)[0].status == "ok"


def test_a_folder_that_cannot_be_created_is_an_error(scenes, options, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is not a folder"):
        retrieve_many(scenes, out=tmp_path / "file", **options)
    with pytest.raises(OutputError, match="cannot make the folder"):
        retrieve_many(scenes, out=tmp_path / "file" / "below", **options)


def test_the_options_of_many_scenes_are_those_of_one():
    own = {"scene", "output", "progress", "bbox"}  # the box is that of all scenes: an argument of retrieve_many
    assert RetrieveOptions.__annotations__.keys() == inspect.signature(retrieve).parameters.keys() - own


def test_results_and_all_errors_can_be_pickled(serial):
    again = pickle.loads(pickle.dumps(serial[0]))
    assert [str(result.error) for result in again] == [str(result.error) for result in serial[0]]
    assert again[0].product == serial[0][0].product
    with pytest.raises(TypeError):
        again[0].product.tags["model"] = "another"
    for name, kind in vars(errors).items():
        if isinstance(kind, type):
            error = pickle.loads(pickle.dumps(kind("what; and why")))
            assert type(error) is kind and str(error) == "what; and why", name


def test_an_unexpected_error_fails_only_its_scene_and_its_log_has_the_traceback(scenes, options, tmp_path, monkeypatch):
    def fail(*arguments, **given):
        raise ZeroDivisionError("of https://example.com/x?sig=s3cret")

    monkeypatch.setattr("lst_raster.batch.task.retrieve", fail)
    (result,) = retrieve_many(scenes / stem_of(1), out=tmp_path, retries=0, **options)
    assert isinstance(result.error, WorkerError) and "unexpected error: ZeroDivisionError" in str(result.error)
    assert "Traceback" in result.log and "s3cret" not in result.log + str(result.error)


def test_a_scene_whose_server_does_not_answer_is_retried_after_the_others(scenes, options, tmp_path, monkeypatch):
    calls = []

    def flaky(scene, **given):
        calls.append(scene.stem)
        if scene.stem == stem_of(1) and len(calls) < 4:
            raise RemoteError("the server does not answer")
        return retrieve(scene, **given)

    monkeypatch.setattr("lst_raster.batch.task.retrieve", flaky)
    chosen = [scenes / stem_of(1), scenes / stem_of(2)]
    first, second = retrieve_many(chosen, out=tmp_path / "a", **options)
    assert calls == [stem_of(1), stem_of(2), stem_of(1), stem_of(1)]
    assert [(r.status, r.attempts) for r in (first, second)] == [("ok", 3), ("ok", 1)]
    calls.clear()
    first, second = retrieve_many(chosen, out=tmp_path / "b", retries=1, **options)
    assert (first.status, first.attempts, type(first.error)) == ("failed", 2, RemoteError)


@pytest.mark.parametrize("existed", [False, True])
def test_files_of_a_killed_attempt_are_replaced_and_older_files_are_not(
    scenes, options, tmp_path, monkeypatch, existed
):
    calls = []

    def killed_between_two_renames(scene, *, output, **given):
        calls.append(output)
        if len(calls) > 1:
            assert Path(output).exists()
            return retrieve(scene, output=output, **given)
        Path(output).write_text("the first file of a set")
        raise WorkerError("the worker process was killed")

    monkeypatch.setattr("lst_raster.batch.task.retrieve", killed_between_two_renames)
    if existed:
        (tmp_path / f"{stem_of(1)}_LST.tif").write_text("of the user")
    (result,) = retrieve_many(scenes / stem_of(1), out=tmp_path, **options)
    assert result.attempts == 2
    assert result.status == ("failed" if existed else "ok")
    assert not existed or "add --overwrite" in str(result.error)


def test_progress_counts_scenes_and_results_are_reported_as_they_arrive(scenes, options, tmp_path):
    steps, reported = [], []
    retrieve_many(
        scenes, out=tmp_path, progress=lambda *step: steps.append(step) or True, on_result=reported.append, **options
    )
    assert (steps[0], steps[-1]) == ((0, 4), (4, 4)) and steps == sorted(steps)
    assert [result.status for result in reported] == ["ok", "ok", "failed", "ok"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["serial", "processes", "cluster"])
def test_a_run_stopped_by_the_caller_keeps_only_complete_products(model_path, options, tmp_path, request, way):
    make_scenes(tmp_path / "in", model_path, 4, LARGE)
    how = {"serial": {}, "processes": {"workers": 2}}.get(way)
    how = {"client": request.getfixturevalue("client")} if how is None else how
    begun = threading.Event()
    watch = Killer(tmp_path / "out", lambda process: begun.set())
    watch.start()
    with pytest.raises(CancelledError, match="of 4 scenes; the products made so far are complete"):
        retrieve_many(
            tmp_path / "in", out=tmp_path / "out", progress=lambda done, total: not begun.is_set(), **how, **options
        )
    assert begun.is_set()
    assert temporary_files(tmp_path) == []
    names = {name.partition("_LST")[0] for name in products_in(tmp_path / "out")}
    assert len(names) < 4
    for name in names:
        assert (tmp_path / "out" / f"{name}_LST.json").exists()  # the last file of a set


@pytest.mark.slow
@linux
def test_the_scene_of_a_killed_worker_is_retried(model_path, options, tmp_path):
    make_scenes(tmp_path / "in", model_path, 12, SHAPE)
    cut_off(tmp_path / "in", stem_of(5))
    serial = retrieve_many(tmp_path / "in", out=tmp_path / "serial", **options)
    killer = Killer(tmp_path / "out", lambda process: os.kill(process, signal.SIGKILL))
    killer.start()
    results = retrieve_many(tmp_path / "in", out=tmp_path / "out", workers=2, **options)
    killer.join()
    assert killer.killed
    assert [result.status for result in results] == [result.status for result in serial]
    assert [result.status for result in results].count("ok") == 11
    assert sorted(result.attempts for result in results) == [1] * 11 + [2]
    assert products_in(tmp_path / "out") == products_in(tmp_path / "serial")
    assert len(products_in(tmp_path / "out")) == 11 * 7
    assert temporary_files(tmp_path) == []


@pytest.mark.slow
@linux
def test_a_run_continues_after_all_workers_were_killed(model_path, options, tmp_path):
    make_scenes(tmp_path / "in", model_path, 6, SHAPE)

    def kill_all(process):
        for worker in multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGKILL)

    killer = Killer(tmp_path / "out", kill_all)
    killer.start()
    results = retrieve_many(tmp_path / "in", out=tmp_path / "out", workers=2, **options)
    killer.join()
    assert killer.killed
    assert all(result.product is not None for result in results)
    assert temporary_files(tmp_path) == []


@pytest.mark.slow
@linux
def test_the_scene_of_a_killed_cluster_worker_is_retried(model_path, options, tmp_path, client):
    make_scenes(tmp_path / "in", model_path, 6, SHAPE)
    cut_off(tmp_path / "in", stem_of(5))
    retrieve_many(tmp_path / "in", out=tmp_path / "serial", **options)
    killer = Killer(tmp_path / "out", lambda process: os.kill(process, signal.SIGKILL))
    killer.start()
    results = retrieve_many(tmp_path / "in", out=tmp_path / "out", client=client, **options)
    killer.join()
    assert killer.killed
    made = [day for day in range(1, 7) if day != 5]  # the product of a result lost with its worker is kept, not ok
    assert [day for day, result in enumerate(results, start=1) if result.status in ("ok", "kept")] == made
    assert products_in(tmp_path / "out") == products_in(tmp_path / "serial")
    assert temporary_files(tmp_path) == []


@pytest.mark.slow
@linux
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Deadly, "was killed (signal 9)"),
        (KillsWhileSending, "was killed (signal 9)"),
        (ExitsWithCode0, "exited (code 0)"),
    ],
)
def test_a_scene_that_kills_every_worker_fails_and_the_others_are_made(scenes, options, tmp_path, kind, reason):
    deadly = lst_raster.ListedScene(path=str(scenes / stem_of(1)), name="deadly", options={"dem": kind("0")})
    results = retrieve_many([deadly, scenes / stem_of(2)], out=tmp_path, workers=1, retries=1, **options)
    assert [(result.status, result.attempts) for result in results] == [("failed", 2), ("ok", 1)]
    assert isinstance(results[0].error, WorkerError)
    assert f"the worker process {reason}" in str(results[0].error)
    assert results[0].log.count(reason) == 2 and "attempt 1\n" in results[0].log


@pytest.mark.slow
@linux
def test_a_scene_that_kills_every_cluster_worker_fails_and_the_others_are_made(scenes, options, tmp_path, client):
    deadly = lst_raster.ListedScene(path="http://127.0.0.1/LC08_x_B10.TIF", name="deadly", sign=end_this_process)
    listed = [deadly, *(scenes / stem_of(day) for day in (1, 2, 4))]
    results = retrieve_many(listed, out=tmp_path, client=client, **options)
    assert results[0].attempts == 2
    assert all(result.product is not None for result in results[1:])  # a repeated task finds its product
    assert isinstance(results[0].error, WorkerError)
    assert "all cluster workers that ran it were lost" in str(results[0].error)


class DeadScheduler:
    """A client and its future, whose scheduler ends after it has received the task."""

    status = "running"

    def submit(self, function, *arguments, **options):
        self.status = "connecting"
        future = DeadScheduler()
        future.status = "cancelled"
        return future

    def add_done_callback(self, call):
        call(self)


def test_a_run_ends_if_the_scheduler_of_the_cluster_is_gone(scenes, options, tmp_path):
    pytest.importorskip("distributed")
    results = retrieve_many([scenes / stem_of(day) for day in (1, 2)], out=tmp_path, client=DeadScheduler(), **options)
    assert [(result.status, result.attempts) for result in results] == [("failed", 1)] * 2
    assert "check that the scheduler is running" in str(results[0].error)


@pytest.mark.slow
@linux
def test_the_error_of_processes_that_cannot_be_started_names_the_usual_reason(scenes, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import lst_raster\nlst_raster.retrieve_many({str(scenes)!r}, out='out', workers=1)\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ended.returncode == 1
    assert 'put the call under: if __name__ == "__main__"' in ended.stderr.splitlines()[-1]


def test_a_task_can_be_pickled_and_run(scenes, options, tmp_path):
    listed = lst_raster.read_scene_list(scenes / stem_of(1))[0]
    task = Task(number=0, scene=listed, target=str(tmp_path / "x.tif"), opening=Opening(), options=options)
    result = run_task(pickle.loads(pickle.dumps(task)))
    assert result.product.path == tmp_path / "x.tif"


def test_a_report_removes_the_temporary_files_of_a_killed_batch(tmp_path):
    names = (f".report.json.{'0f' * 8}.tmp", f".report.csv.{'a1' * 8}.tmp")
    others = (f".other.json.{'0f' * 8}.tmp", ".report.json.old.tmp")
    for name in (*names, *others):
        (tmp_path / name).touch()
    Report([], tmp_path / "report").write()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*others, "report.csv", "report.json"))
