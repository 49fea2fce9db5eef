"""The program as a child of QGIS, without QGIS: a stand-in for its feedback, and programs of a few lines."""

import json
import os
import sys
import threading
import time

import pytest

from lst_raster.qgis import program
from lst_raster.qgis.program import Cancelled, ProgramError, run_program

ENVIRONMENT = dict(os.environ)


class Feedback:
    """The methods of QgsProcessingFeedback that the plugin calls."""

    def __init__(self):
        self.calls, self.cancelled = [], False

    def isCanceled(self):  # noqa: N802
        return self.cancelled

    def __getattr__(self, name):
        return lambda *values: self.calls.append((name, *values))


def script(*lines):
    return [sys.executable, "-c", "import json, sys, time\n" + "\n".join(lines)]


def message(**entry):
    return f"print({json.dumps(json.dumps(entry))}, file=sys.stderr, flush=True)"


def test_messages_become_feedback_and_the_result_is_returned():
    feedback = Feedback()
    lines = run_program(
        script(
            message(type="progress", done=1, total=4, label="Retrieving"),
            message(type="progress", done=4, total=4, label="Retrieving"),
            message(type="message", level="warning", text="no emissivity given"),
            message(type="message", level="info", text="so"),
            message(type="message", level="error", text="oh"),
            "print('a line of a library', file=sys.stderr)",
            "print('out/a_LST.tif')",
            "print('out/ü_LST.tif')",
            message(type="end", code=0),
        ),
        {**ENVIRONMENT, "PYTHONIOENCODING": "utf-8"},
        feedback,
    )
    assert lines == ["out/a_LST.tif", "out/ü_LST.tif"]
    assert feedback.calls == [
        ("setProgressText", "Retrieving"),
        ("setProgress", 25.0),
        ("setProgress", 100.0),
        ("pushWarning", "no emissivity given"),
        ("pushInfo", "so"),
        ("reportError", "oh", False),
        ("pushConsoleInfo", "a line of a library"),
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([message(type="error", text="emissivity is 97, outside (0, 1]"), "sys.exit(1)"], "emissivity is 97"),
        ([message(type="error", text="it"), "print('later', file=sys.stderr)", "sys.exit(1)"], "it"),
        (["raise ValueError('deep down')"], "ValueError: deep down"),
        (["print('1 product, 1 failed; report: r.csv')", "sys.exit(1)"], "1 product, 1 failed"),
        (["sys.exit(3)"], "lst-raster ended with exit code 3 and without a message"),
    ],
)
def test_a_failure_has_the_message_of_the_program(lines, words):
    with pytest.raises(ProgramError, match=words.replace("(", r"\(").split(", outside")[0]):
        run_program(script(*lines), ENVIRONMENT, Feedback())


def test_a_program_that_cannot_be_started_is_an_error(tmp_path):
    with pytest.raises(ProgramError, match="cannot be started: No such file"):
        run_program([str(tmp_path / "nothing")], ENVIRONMENT, Feedback())


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def cancelled(command, feedback):
    """Run a program, cancel when it has said its number; returns that, and the seconds it took to end."""
    begun = []

    def cancel():
        while not feedback.calls:
            time.sleep(0.01)
        begun.append(time.monotonic())
        feedback.cancelled = True

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Cancelled):
        run_program(command, ENVIRONMENT, feedback)
    thread.join()
    return int(feedback.calls[0][1]), time.monotonic() - begun[0]


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes as Linux has them")
def test_cancelling_lets_the_program_end_by_itself(tmp_path):
    own = "import os; print(os.getpid(), file=sys.stderr, flush=True)"
    tidy = f"sys.stdin.read(); open({str(tmp_path / 'tidy')!r}, 'w').close()"
    process, seconds = cancelled(script(own, tidy), Feedback())
    assert (tmp_path / "tidy").exists()
    assert seconds < 10  # then it would be killed
    assert not alive(process)


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes as Linux has them")
def test_a_program_that_does_not_end_is_killed_with_its_children(monkeypatch):
    monkeypatch.setattr("lst_raster.qgis.program._CLEAN_UP", 0.3)
    fork = "import os; child = os.fork(); print(child or 0, file=sys.stderr, flush=True) if child else None"
    process, seconds = cancelled(script(fork, "time.sleep(60)"), Feedback())
    assert seconds < 5
    deadline = time.monotonic() + 5
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)  # it is an orphan now, which the system removes later
    assert not alive(process) or "zombie" in open(f"/proc/{process}/status").read()  # noqa: PTH123, SIM115


def test_a_flood_on_both_streams_is_read():
    flood = "for i in range(20000): print('x' * 20); print('y' * 20, file=sys.stderr)"
    feedback = Feedback()
    assert len(run_program(script(flood), ENVIRONMENT, feedback)) == 20000
    assert len(feedback.calls) == 20000


def test_libraries_of_qgis_are_kept_from_the_program(monkeypatch):
    for name in program.FOREIGN:
        monkeypatch.setenv(name, "/usr/share/qgis")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    found = program.environment()
    assert not set(program.FOREIGN) & set(found)
    assert {"PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH"} <= set(program.FOREIGN)
    assert found["HTTPS_PROXY"] == "http://proxy"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A folder of an installed plugin, and programs: one noted there, one in the search path."""
    monkeypatch.setattr(program, "HERE", tmp_path)
    (tmp_path / "metadata.txt").write_text("[general]\nversion=0.1.0\n")
    for name in ("noted", "found"):
        (tmp_path / name).mkdir()
        text = "#!/bin/sh\necho 'lst-raster, version 0.1.0'\n"
        (tmp_path / name / "lst-raster").write_text(text)
        (tmp_path / name / "lst-raster").chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"program": [str(tmp_path / "noted" / "lst-raster")]}))
    monkeypatch.setenv("PATH", f"{tmp_path / 'found'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_the_program_is_that_of_the_settings_then_of_the_installation_then_of_the_search_path(plugin, monkeypatch):
    assert program.find_program(sys.executable) == [sys.executable]
    assert program.find_program() == [str(plugin / "noted" / "lst-raster")]
    (plugin / "noted" / "lst-raster").unlink()
    assert program.find_program() == [str(plugin / "found" / "lst-raster")]
    monkeypatch.setenv("PATH", str(plugin))
    with pytest.raises(ProgramError, match=r"noted/lst-raster, which installed this plugin, is missing; install it"):
        program.find_program()
    (plugin / "config.json").write_text("{")
    with pytest.raises(ProgramError, match=r"^lst-raster was not found; install it"):
        program.find_program()
    with pytest.raises(ProgramError, match="there is no program /nowhere/lst-raster, which is set in QGIS"):
        program.find_program("/nowhere/lst-raster")


@pytest.mark.skipif(sys.platform == "win32", reason="scripts of the shell")
def test_another_version_is_a_warning_and_another_program_an_error(plugin):
    path = plugin / "noted" / "lst-raster"
    assert program.version_warning([str(path)]) == ""
    path.write_text("#!/bin/sh\necho 'lst-raster, version 9.0'\n")
    assert "is lst-raster 9.0, this plugin has version 0.1.0" in program.version_warning([str(path)])
    path.write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(ProgramError, match="is not lst-raster, or is damaged: hello"):
        program.version_warning([str(path)])
    path.write_text("#!/bin/sh\necho 'No module named lst_raster' >&2; exit 1\n")
    with pytest.raises(ProgramError, match="No module named lst_raster"):
        program.version_warning([str(path)])
    path.chmod(0o644)
    with pytest.raises(ProgramError, match="cannot be started"):
        program.version_warning([str(path)])


def test_what_is_secret_in_an_address_does_not_reach_the_log():
    text = program.shown(["lst-raster", "retrieve", "--", "https://me:word@example.com/a/B10.TIF?sig=abc", "a b.tif"])
    assert text == "lst-raster retrieve -- 'https://example.com/a/B10.TIF?...' 'a b.tif'"
