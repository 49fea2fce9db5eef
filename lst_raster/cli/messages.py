"""Messages and progress on standard error: text for people, or one JSON object per line for programs."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

_COLOURS = {
    "Error": "red", "Warning": "yellow", "Note": "cyan",
    "wrong": "red", "failed": "red", "note": "yellow", "ok": "green",
}  # fmt: skip
_INTERVAL = 0.2  # minimum time between two JSON objects on progress [s]
_STDIN = 0  # file descriptor: a thread blocked in Python's own stream would keep the process from exiting
_LINES = (10.0, 30.0, 60.0)  # time to the first line, from there to the second, and between all others [s]
_REDRAW = 0.1  # minimum time between two drawings of a bar [s]
_STDERR = 2  # the file descriptor that C libraries write to
_format = "text"


def choose(form: str) -> None:
    """Set the format of all following messages: `text` or `json`."""
    global _format
    _format = form
    logging.captureWarnings(form == "json")


def as_json() -> bool:
    """Whether messages are written as JSON."""
    return _format == "json"


def coloured(line: str) -> str:
    """Colour the first word of a line if it is a severity, unless NO_COLOR (https://no-color.org) or TERM disable it.

    click.echo strips colours if the stream is no terminal.
    """
    word = line.partition(" ")[0].rstrip(":")
    if word not in _COLOURS or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return line
    return click.style(word, fg=_COLOURS[word]) + line[len(word) :]


def note(text: str) -> None:
    """Write a remark on the result."""
    _write(f"Note: {text}", type="message", level="info", text=text)


def say(text: str) -> None:
    """Write what is being done or waited for."""
    _write(text, type="message", level="info", text=text)


def error(text: str, show: Callable[[], None] | None = None, **values: Any) -> None:
    """Write why there is no result, on one line; `show` writes the text form instead, if given."""
    if show is not None and not as_json():
        show()
    else:
        _write(f"Error: {text}", type="error", text=text, **values)


def end(code: int) -> None:
    """Write the last JSON object, with the exit code."""
    if as_json():
        with suppress(OSError):  # the reader has closed the pipe
            _write("", type="end", code=code)


def _json_progress(label: str) -> Callable[[int, int], bool]:
    """Return a progress function that writes JSON objects, at most five per second and one at the end."""
    last = -_INTERVAL

    def show(done: int, total: int) -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last >= _INTERVAL or done >= total:
            last = now
            _write("", type="progress", done=done, total=total, label=label)
        return True

    return show


class Handler(logging.Handler):
    """Log handler that writes each record as one message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        text = " ".join(record.getMessage().split())
        _write(f"{record.levelname.capitalize()}: {text}", type="message", level=record.levelname.lower(), text=text)


def stop_with_input() -> None:
    """End the run, as SIGTERM does, when standard input ends; this works on all systems, including Windows."""
    threading.Thread(target=_wait_for_end_of_input, name="standard input", daemon=True).start()


def _wait_for_end_of_input() -> None:
    with suppress(OSError):  # already closed
        while os.read(_STDIN, 4096):
            pass
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main(signal.SIGTERM)
    else:  # a real signal wakes the main thread if it is waiting
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _write(line: str, /, **values: Any) -> None:
    text = json.dumps(values) if as_json() else coloured(line)
    proxied = hasattr(sys.stderr, "rich_proxied_file")  # a bar is drawn; click sees no terminal
    click.echo(text, file=sys.stderr, err=True, color=proxied or None)


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], bool]]:
    """Yield a progress function `(done, total) -> True` that shows the progress in the form the reader needs.

    It always returns True: a command is stopped by Ctrl-C.
    """
    if quiet:
        yield lambda done, total: True
    elif as_json():
        yield _json_progress(label)
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar(label) as show:
            yield show
    else:
        yield ProgressLines(label).show


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], bool]]:
    """Draw a bar; messages written in the meantime appear above it."""
    from rich.console import Console  # 50 ms, on a terminal only
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
        TextColumn("{task.completed} of {task.total}{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )  # fmt: skip
    # without rich's refresh thread: some commands fork
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, redirect_stdout=False) as bar:
        task = bar.add_task(label, total=None, rate="", visible=False)
        drawn = 0.0

        def show(done: int, total: int) -> bool:
            nonlocal drawn
            speed, now = bar.tasks[task].speed, time.monotonic()
            due = done >= total or now - drawn >= _REDRAW
            drawn = now if due else drawn
            rate = f", {_per_time(speed)}" if speed else ""
            bar.update(task, completed=done, total=total, rate=rate, visible=True, refresh=due)
            return True

        yield show


class ProgressLines:
    """Progress as a line now and then, for logs; nothing for work of a few seconds."""

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label, self._clock, self._waits = label, clock, list(_LINES)
        self._start = self._last = clock()
        self._last_done = 0

    def show(self, done: int, total: int) -> bool:
        """Write a line if the last one is long enough ago, or if the work is complete and there was a line before."""
        now = self._clock()
        elapsed = now - self._last
        if elapsed >= self._waits[0] or (self._last > self._start and done >= total):
            rate = (done - self._last_done) / elapsed if elapsed else 0.0
            if done >= total:
                rest = f" in {duration(now - self._start)}"
            else:
                rest = f", {_per_time(rate)}, {duration((total - done) / rate)} left" if rate > 0.0 else ""
            say(f"{self._label}: {done} of {total}{rest}")
            self._last, self._last_done = now, done
            self._waits = self._waits[1:] or self._waits
        return True


def duration(seconds: float) -> str:
    """Format a time in seconds as minutes and seconds, from an hour on with hours.

    >>> duration(7.4), duration(192), duration(7500)
    ('0:07', '3:12', '2:05:00')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _per_time(rate: float) -> str:
    for unit, seconds in (("s", 1), ("min", 60)):
        if rate * seconds >= 1.0:
            return f"{rate * seconds:.3g}/{unit}" if rate * seconds < 1000 else f"{rate * seconds:.0f}/{unit}"
    return f"{rate * 3600:.2g}/h"


@contextmanager
def silent_c_libraries() -> Iterator[None]:
    """Discard what C libraries write to standard error, but not what Python writes.

    On a full disk libtiff prints a line for every block, past all error handlers; the errors themselves arrive as
    exceptions.
    """
    try:
        standard = sys.stderr.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):  # the stream of a notebook or a test
        standard = False
    if not standard:
        yield
        return
    terminal, original = os.fdopen(os.dup(_STDERR), "w", buffering=1), sys.stderr
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    sys.stderr = terminal
    try:
        yield
    finally:
        sys.stderr = original
        os.dup2(terminal.fileno(), _STDERR)
        os.close(null)
        terminal.close()
