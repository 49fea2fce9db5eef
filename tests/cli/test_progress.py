"""Progress: a bar with rate and remaining time on a terminal, lines now and then elsewhere."""

import inspect
import io
import os
import pty
import subprocess
import sys

import pytest

from lst_raster.cli import messages
from lst_raster.cli.progress import Bar, Lines, Pace, duration, progress_bar
from tests.support.commands import commands

CODE = "from lst_raster.cli.main import main; main()"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


def run(show, clock, seconds, total):
    """Tell `total` steps, evenly over the seconds."""
    for done in range(1, total + 1):
        clock.now += seconds / total
        assert show(done, total)


def pictures(stream):
    return [line.rstrip() for line in stream.getvalue().replace("\n", "\r").split("\r") if line.strip()]


def test_the_bar_tells_share_rate_and_remaining_time(clock, stream):
    run(Bar(Pace(clock), "Retrieving", stream).show, clock, 100.0, 200)
    shown = pictures(stream)
    assert shown[0] == "Retrieving [------------------------]   0%  1 of 200"
    assert "Retrieving [############------------]  50%  100 of 200, 2/s, 0:50 left" in shown
    assert shown[-1] == "Retrieving [########################] 100%  200 of 200 in 1:40"
    assert stream.getvalue().endswith("\n") and stream.getvalue().count("\n") == 1


def test_the_bar_is_drawn_a_few_times_a_second_and_fits_the_terminal(clock, stream, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    run(Bar(Pace(clock), "Retrieving", stream).show, clock, 1.0, 5000)
    shown = pictures(stream)
    assert 8 < len(shown) <= 13
    assert max(map(len, shown)) == 39


def test_a_shorter_picture_leaves_nothing_of_a_longer_one(clock, stream):
    bar = Bar(Pace(clock), "x", stream)
    run(bar.show, clock, 10.0, 10)
    parts = stream.getvalue().rstrip("\n").split("\r")
    assert len(parts[-1]) >= len(parts[-2].rstrip())


def test_the_time_left_follows_a_pace_that_changes(clock):
    pace = Pace(clock)
    run(lambda done, total: pace.tell(done, 1100) >= 0.0, clock, 10.0, 100)
    assert pace.text == "100 of 1100, 10/s, 1:40 left"
    for done in range(101, 141):
        clock.now += 1.0
        pace.tell(done, 1100)
    assert pace.text == "140 of 1100, 1/s, 16:00 left"


@pytest.mark.parametrize(
    ("seconds", "steps", "words"),
    [(7200, 40, "40 of 100, 20/h, 3:00:00 left"), (600, 40, "40 of 100, 4/min, 15:00 left"), (1.0, 40, "40 of 100")],
)
def test_slow_work_is_told_by_the_minute_or_the_hour_and_nothing_is_foretold_too_early(clock, seconds, steps, words):
    pace = Pace(clock)
    clock.now = seconds
    pace.tell(steps, 100)
    assert pace.text == words


def test_elsewhere_short_work_says_nothing_and_long_work_a_line_now_and_then(clock, capsys):
    run(Lines(Pace(clock), "Retrieving").show, clock, 9.0, 90)
    assert capsys.readouterr().err == ""
    run(Lines(Pace(clock), "Retrieving").show, clock, 180.0, 90)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["5", "20", "50", "80", "90"]
    assert lines[1] == "Retrieving: 20 of 90, 30/min, 2:20 left"
    assert lines[-1] == "Retrieving: 90 of 90 in 3:00"


def test_a_message_does_not_end_up_in_the_bar(clock, stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    bar = Bar(Pace(clock), "Retrieving", stream)
    bar.show(1, 10)
    messages.note("here")
    clock.now = 1.0
    bar.show(2, 10)
    bar.close()
    assert stream.getvalue().split("\r")[-2].strip() == "Note: here"
    assert "2 of 10" in stream.getvalue().split("\r")[-1]
    messages.note("there")
    assert stream.getvalue().endswith("2 of 10\nNote: there\n")


def test_quiet_shows_nothing_at_all(capsys):
    with progress_bar("Retrieving", quiet=True) as show:
        assert show(1, 1)
    assert capsys.readouterr().err == ""


def test_work_that_fails_ends_the_bars_line(stream, monkeypatch):
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(ValueError, match="broken"), progress_bar("Retrieving") as show:
        show(1, 10)
        raise ValueError("broken")
    assert stream.getvalue().endswith("1 of 10\n")


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


def on_a_terminal(*arguments, **environment):
    """What a command writes to a terminal, standard output and standard error together."""
    ours, theirs = pty.openpty()
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", **environment}
    subprocess.run([sys.executable, "-c", CODE, *arguments], env=settings, stdout=theirs, stderr=theirs, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return shown


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
