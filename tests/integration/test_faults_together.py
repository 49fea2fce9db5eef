"""Concurrent runs with the same output: the complete product of one of them, never parts of two."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from lst_raster.product import staging as staging_module
from lst_raster.product.staging import new_files
from tests.support.faults import SET, assert_nothing_lost, contents, write_set


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Contents of the sets of four seeds."""
    found = []
    for seed in range(4):
        folder = tmp_path_factory.mktemp(f"set{seed}")
        write_set(folder, seed)
        found.append(contents(folder))
    return found


@pytest.mark.parametrize("attempt", range(4))
@pytest.mark.parametrize("existing", [True, False])
def test_threads_on_one_output(tmp_path, products, attempt, existing):
    if existing:
        write_set(tmp_path, 3)
    together = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda seed: write_set(tmp_path, seed, before_the_end=together.wait), range(3)))
    assert contents(tmp_path) in products[:3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("attempt", range(4))
@pytest.mark.parametrize("existing", [True, False])
def test_processes_on_one_output(tmp_path, apart, products, attempt, existing):
    if existing:
        write_set(tmp_path, 3)
    answers = apart.run(*(("plain_set", {"folder": tmp_path, "seed": seed}) for seed in range(3)))
    assert [code for code, _ in answers] == [0, 0, 0], answers
    assert contents(tmp_path) in products[:3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("moment", [("write", 5), ("verify", 3), ("link", 2), ("touch", 7)], ids=str)
def test_one_of_two_concurrent_runs_is_killed(tmp_path, apart, products, moment):
    write_set(tmp_path, 3)
    kind, number = moment
    (killed, _), (code, text) = apart.run(
        ("killed_set", {"folder": tmp_path, "seed": 0, "kind": kind, "number": number}),
        ("plain_set", {"folder": tmp_path, "seed": 1}),
    )
    assert (killed, code) == (-9, 0), text
    assert_nothing_lost(tmp_path, products[3], products[1], whole=True, tidy=False)
    with new_files(tmp_path):
        pass
    assert contents(tmp_path) == products[1]


def test_renames_of_two_concurrent_runs_are_serialised(tmp_path, products, monkeypatch):
    first, renamed, order = threading.Event(), threading.Event(), []
    replace = staging_module.Path.replace

    def slow(path, target):
        result = replace(path, target)
        order.append(threading.current_thread().name)
        if not first.is_set():
            first.set()
            renamed.wait(0.5)  # the other run would rename now without the lock
        return result

    monkeypatch.setattr("pathlib.Path.replace", slow)
    threads = [threading.Thread(target=write_set, args=(tmp_path, seed), name=str(seed)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(order) == 2 * len(SET)
    assert len(set(order[: len(SET)])) == 1
    assert contents(tmp_path) == products[int(order[-1])]


def test_a_run_keeps_the_temporary_files_of_another_run_in_its_process(tmp_path, products):
    (tmp_path / "other").mkdir()
    seen = []

    def another():
        with new_files(tmp_path):
            seen.extend(path for path in tmp_path.iterdir() if path.name.startswith("."))

    write_set(tmp_path, 0, before_the_end=another)
    assert len(seen) == 7  # two for each of three rasters, and the lock
    assert contents(tmp_path) == products[0]


def test_leftover_files_of_an_earlier_process_with_the_same_id_are_removed(tmp_path, products):
    mark = f"{staging_module._MACHINE}-{os.getpid()}-0123456789abcdef"
    for left in (f".x_LST.tif.{mark}.new", f".lst-raster.{mark}.lock"):
        (tmp_path / left).write_text("half")
    write_set(tmp_path, 0)
    assert contents(tmp_path) == products[0]


HELD = """
import os, sys
os.getpid = lambda: int(sys.argv[2])
from tests.support.faults import write_set
def wait():
    print("written", flush=True)
    sys.stdin.readline()
write_set(sys.argv[1], 0, before_the_end=wait)
"""


@contextmanager
def another_writes(folder, number, program=HELD):
    """Write a set in a process with a simulated process id; it waits until the end of the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", program, str(folder), str(number)]
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "written\n"
        yield other
        other.stdin.write("go on\n")
        other.stdin.close()
        assert other.wait(60) == 0


@pytest.mark.parametrize("number", ["unused", "of this process"])
def test_files_of_a_container_with_the_same_host_name_are_kept_for_any_process_id(tmp_path, products, number):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    with another_writes(tmp_path, ended.stdout if number == "unused" else os.getpid()):
        before = sorted(path.name for path in tmp_path.iterdir())
        write_set(tmp_path, 1)
        assert set(before) <= {path.name for path in tmp_path.iterdir()}
        assert contents(tmp_path).items() >= products[1].items()
    assert contents(tmp_path) == products[0]


def test_files_of_a_killed_process_are_removed_for_any_process_id(tmp_path):
    with pytest.raises(BrokenPipeError), another_writes(tmp_path, os.getpid()) as other:
        other.kill()
        other.wait()
        assert any(path.name.endswith(".new") for path in tmp_path.iterdir())
        with new_files(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == []
        raise BrokenPipeError


@pytest.mark.skipif(sys.platform == "win32", reason="the program disables POSIX locks")
def test_files_on_a_network_drive_without_locks_are_kept(tmp_path, products):
    without = f"import fcntl\ndef flock(*given): raise OSError(37, 'No locks available')\nfcntl.flock = flock\n{HELD}"
    with another_writes(tmp_path, os.getpid(), without):
        before = {path.name for path in tmp_path.iterdir()}
        write_set(tmp_path, 1)
        assert before <= {path.name for path in tmp_path.iterdir()}
    assert contents(tmp_path) == products[0]


@pytest.mark.parametrize("local", [True, False])
def test_a_lock_of_another_machine_is_ignored_except_on_a_network_drive(tmp_path, monkeypatch, local):
    mark = "0123456789ab-17-0123456789abcdef"
    for left in (f".x_LST.tif.{mark}.new", f".lst-raster.{mark}.lock"):
        (tmp_path / left).write_text("half")
    monkeypatch.setattr(staging_module, "_is_local", lambda folder: local)
    with new_files(tmp_path):
        pass
    assert len(list(tmp_path.iterdir())) == (0 if local else 2)
