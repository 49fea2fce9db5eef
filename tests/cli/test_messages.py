"""`lst-raster --messages json`: messages for programs, one JSON object per line on standard error."""

import json
import logging
import subprocess
import sys
import time
from itertools import pairwise

import pytest

import lst_raster
from lst_raster.cli import messages
from tests.cli.test_retrieve_command import ENVIRONMENT, GIVEN, MAIN
from tests.support.factories import STEM, make_scene, ramp

JSON = ("--messages", "json")


@pytest.fixture(autouse=True)
def text_again():
    yield
    messages.choose("text")


@pytest.fixture
def scene(tmp_path):
    return make_scene(tmp_path / "in", lst=ramp(280, 310))


def objects(lines):
    return [json.loads(line) for line in lines]


def test_progress_warnings_and_the_end_are_objects_and_the_result_is_unchanged(tmp_path, scene, model_path, command):
    arguments = ("retrieve", scene, "-o", tmp_path, "--model", model_path)
    code, out, err = command(*JSON, *arguments)
    assert (code, out) == (0, [f"{tmp_path}/{STEM}_LST.tif"])
    found = objects(err)
    assert [entry["type"] for entry in found] == ["progress", "message", "message", "end"]
    assert found[0] == {
        "type": "progress",
        "done": found[0]["total"],
        "total": found[0]["total"],
        "label": "Retrieving",
    }
    assert {entry["level"] for entry in found[1:3]} == {"warning"}
    assert found[-1] == {"type": "end", "code": 0}
    in_words = command(*arguments, "--overwrite")[2]
    assert in_words == [f"Warning: {entry['text']}" for entry in found[1:3]]


def test_quiet_writes_no_progress(tmp_path, scene, model_path, command):
    err = command(*JSON, "retrieve", scene, "-o", tmp_path, "--model", model_path, *GIVEN, "--quiet")[2]
    assert objects(err) == [{"type": "end", "code": 0}]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("retrieve", "nothing_B10.tif"), 1, "nothing_B10.tif does not exist; check the path"),
        (("retrieve",), 2, "Missing argument 'SCENE'."),
        (("dream",), 2, "No such command 'dream'"),
        (("retrieve", "a", "--nonsense"), 2, "--nonsense"),
    ],
)
def test_errors_are_objects_with_the_usual_exit_codes(command, arguments, code, words):
    ended, out, err = command(*JSON, *arguments)
    assert (ended, out) == (code, [])
    problem, end = objects(err)
    assert problem["type"] == "error"
    assert words in problem["text"]
    assert end == {"type": "end", "code": code}
    assert "\n" not in problem["text"]


def test_an_unexpected_error_is_an_object_with_its_traceback(monkeypatch, command):
    def broken(*arguments, **values):
        raise KeyError("kelvin")

    monkeypatch.setattr("lst_raster.retrieval.describe.describe", broken)
    code, _, err = command(*JSON, "info", "anything")
    problem, end = objects(err)
    assert (code, end["code"]) == (1, 1)
    assert problem["text"] == "unexpected KeyError: 'kelvin'; please report it"
    assert "broken" in problem["traceback"]


def test_an_unknown_form_is_wrong_usage(command):
    code, _, err = command("--messages", "xml", "info", "x")
    assert code == 2
    assert "'xml' is not one of" in err[-1]


def test_progress_is_written_some_times_a_second_and_at_the_end(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(messages.time, "monotonic", lambda: now[0])
    messages.choose("json")
    with messages.progress_bar("Working") as show:
        for done in range(1, 1001):
            now[0] = done / 1000
            assert show(done, 1000)
    done = [entry["done"] for entry in objects(capsys.readouterr().err.splitlines())]
    assert (done[0], done[-1], len(done)) == (1, 1000, 6)
    assert all(later - earlier >= 200 for earlier, later in pairwise(done[:-1]))


@pytest.mark.slow
def test_notes_and_warnings_of_other_libraries_are_messages(capsys, command):
    code = "import warnings; from lst_raster.cli import main, messages\n"
    code += "import lst_raster.retrieval.describe as d\n"
    code += "d.describe = lambda *a, **v: warnings.warn('an old call', UserWarning) or messages.note('so') or {}\n"
    code += "main.main(['--messages', 'json', 'info', 'x'])"
    ended = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    warning, note, end = objects(ended.stderr.splitlines())
    assert (warning["level"], note, end["code"]) == (
        "warning", {"type": "message", "level": "info", "text": "so"}, 0,
    )  # fmt: skip
    assert "UserWarning: an old call" in warning["text"]


def test_without_the_option_notes_are_lines(capsys):
    messages.note("the files carry no scale")
    messages.say("waiting")
    assert capsys.readouterr().err.splitlines() == ["Note: the files carry no scale", "waiting"]
    messages.end(0)
    assert capsys.readouterr().err == ""


def test_log_records_are_written_once_although_main_runs_often(command):
    command("--version")
    assert command("--version")[1][0] == f"lst-raster, version {lst_raster.__version__}"
    assert sum(isinstance(handler, messages.Handler) for handler in logging.getLogger("lst_raster").handlers) == 1


SLOW = """
import time
from itertools import pairwise
from lst_raster.cli import main
import lst_raster.retrieval.run as engine
def wait(*arguments, **values):
    print("at work", flush=True)
    time.sleep(60)
engine.retrieve_tile = wait
main.main()
"""


@pytest.mark.slow
def test_the_run_ends_tidily_when_standard_input_ends(tmp_path, scene, model_path):
    arguments = [*JSON, "--stop-with-input", "retrieve", str(scene), "-o", str(tmp_path), "--model", str(model_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments, "--threads", "1"], env=ENVIRONMENT, stdin=pipe, stdout=pipe,
        stderr=pipe, text=True,
    ) as child:  # fmt: skip
        assert child.stdout.readline() == "at work\n"
        begun = time.monotonic()
        child.stdin.close()
        assert child.wait(30) == 143
        assert time.monotonic() - begun < 20  # of the sixty that a tile takes here
        assert objects(child.stderr.read().splitlines())[-1] == {"type": "end", "code": 143}
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.slow
def test_open_input_or_input_without_the_option_stops_nothing(tmp_path, scene, model_path):
    for asked, given in (([], subprocess.DEVNULL), (["--stop-with-input"], subprocess.PIPE)):
        command = [
            *MAIN,
            *asked,
            "retrieve",
            str(scene),
            "-o",
            str(tmp_path),
            "--model",
            str(model_path),
            "--overwrite",
        ]
        with subprocess.Popen(command, env=ENVIRONMENT, stdin=given, stdout=subprocess.DEVNULL) as child:
            assert child.wait(60) == 0
