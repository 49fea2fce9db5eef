"""Progress: a bar with rate and remaining time on a terminal, lines now and then elsewhere."""

import inspect
import os
import pty
import re
import subprocess
import sys

import pytest

from lst_raster.cli import messages
from lst_raster.cli.messages import ProgressLines, duration, progress_bar
from tests.support.commands import commands

CODE = "from lst_raster.cli.main import main; main()"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def run(show, clock, seconds, total):
    """Report `total` steps, evenly over the seconds."""
    for done in range(1, total + 1):
        clock.now += seconds / total
        assert show(done, total)


@pytest.mark.parametrize(
    ("seconds", "steps", "words"),
    [(7200, 40, "40 of 100, 20/h, 3:00:00 left"), (600, 40, "40 of 100, 4/min, 15:00 left"), (9.9, 40, "")],
)
def test_the_rate_of_slow_work_is_per_minute_or_hour(clock, capsys, seconds, steps, words):
    lines = ProgressLines("Retrieving", clock)
    clock.now = seconds
    assert lines.show(steps, 100)
    assert capsys.readouterr().err == (f"Retrieving: {words}\n" if words else "")


def test_the_remaining_time_follows_a_rate_that_changes(clock, capsys):
    lines = ProgressLines("Retrieving", clock)
    clock.now = 10.0
    lines.show(100, 1100)
    assert capsys.readouterr().err == "Retrieving: 100 of 1100, 10/s, 1:40 left\n"
    for done in range(101, 141):
        clock.now += 1.0
        lines.show(done, 1100)
    assert capsys.readouterr().err == "Retrieving: 130 of 1100, 1/s, 16:10 left\n"


def test_elsewhere_short_work_writes_nothing_and_long_work_a_line_now_and_then(clock, capsys):
    run(ProgressLines("Retrieving", clock).show, clock, 9.0, 90)
    assert capsys.readouterr().err == ""
    run(ProgressLines("Retrieving", clock).show, clock, 180.0, 90)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["5", "20", "50", "80", "90"]
    assert lines[1] == "Retrieving: 20 of 90, 30/min, 2:20 left"
    assert lines[-1] == "Retrieving: 90 of 90 in 3:00"


def test_quiet_shows_nothing_at_all(capsys):
    with progress_bar("Retrieving", quiet=True) as show:
        assert show(1, 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("command", "label"),
    [("retrieve", "Retrieving"), ("batch", "Scenes"), ("composite", "Compositing"), ("compare", "Comparing"),
     ("simulate", "Simulating"), ("train", "Training"), ("build absorption", "Absorption")],
)  # fmt: skip
def test_all_commands_that_take_long_show_it_alike_and_can_be_quiet(command, label):
    found = commands()[command]
    home = inspect.getsource(sys.modules[inspect.unwrap(found.callback).__module__])
    assert f'progress_bar("{label}", quiet=quiet)' in home
    assert "quiet" in [param.name for param in found.params]


def test_durations():
    assert [duration(value) for value in (0.4, 59.6, 3599.6)] == ["0:00", "1:00", "1:00:00"]


def on_a_terminal(*arguments, code=CODE, **environment):
    """What a command writes to a terminal, standard output and standard error together."""
    ours, theirs = pty.openpty()
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "80", **environment}
    subprocess.run([sys.executable, "-c", code, *arguments], env=settings, stdout=theirs, stderr=theirs, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return shown


BAR = """
import time
from lst_raster.cli import messages
from lst_raster.cli.messages import progress_bar, silent_c_libraries
try:
    with silent_c_libraries(), progress_bar("Retrieving") as show:
        for done in range(1, 401):
            time.sleep(0.002)
            show(done, 400)
            if done == 10:
                messages.note("here")
            if done == STOP:
                raise ValueError
except ValueError:
    messages.note("broken")
"""


def plain(shown):
    """Text without control sequences, one line for each picture of the bar."""
    return [line for line in re.split(r"[\r\n]+", re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", shown)) if line.strip()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_the_bar_shows_fraction_rate_and_time_and_messages_are_lines_above_it():
    lines = plain(on_a_terminal(code=BAR.replace("STOP", "0"), NO_COLOR="1"))
    assert lines.count("Note: here") == 1
    assert re.search(r"^Retrieving .*\d+% \d+ of 400", lines[0])
    assert re.search(r"^Retrieving \S+ +100% 400 of 400, [\d.]+/s 0:00:\d\d$", lines[-1])
    assert 4 <= len(lines) <= 200  # drawn some ten times a second, not at every step
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_work_that_fails_ends_the_line_of_the_bar():
    lines = plain(on_a_terminal(code=BAR.replace("STOP", "12"), NO_COLOR="1"))
    assert lines[-1] == "Note: broken"
    assert "12 of 400" in lines[-2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_words_are_coloured_on_a_terminal_unless_no_colour_is_wanted(capsys):
    missing = ("info", "nothing_B10.tif")
    assert on_a_terminal(*missing, NO_COLOR="").startswith("\033[31mError\033[0m: scene nothing_B10.tif")
    assert on_a_terminal(*missing, NO_COLOR="1").startswith("Error: scene nothing_B10.tif")
    assert on_a_terminal(*missing, NO_COLOR="", TERM="dumb").startswith("Error: scene nothing_B10.tif")
    messages.note("here")
    assert capsys.readouterr().err == "Note: here\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_json_has_no_colours_on_a_terminal_either():
    assert "\033" in on_a_terminal("doctor", NO_COLOR="") and "\033" not in on_a_terminal(
        "doctor", "--json", NO_COLOR=""
    )


def test_rich_is_loaded_for_a_bar_only():
    code = "import sys\nfrom lst_raster.cli.messages import progress_bar\n"
    code += "with progress_bar('Retrieving') as show:\n    show(1, 1)\nprint('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
