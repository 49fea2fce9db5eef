"""Progress on standard error: a bar on a terminal, lines in a log, JSON objects for a program."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lst_raster.cli import messages

_LINES = (10.0, 30.0, 60.0)  # time to the first line, from there to the second, and between all others [s]
_REDRAW = 0.1  # minimum time between two drawings of a bar [s]
_STDERR = 2  # the file descriptor that C libraries write to


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], bool]]:
    """Yield a progress function `(done, total) -> True` that shows the progress in the form the reader needs.

    It always returns True: a command is stopped by Ctrl-C.
    """
    if quiet:
        yield lambda done, total: True
    elif messages.as_json():
        yield messages.progress(label)
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
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed} of {task.total}{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
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
            messages.say(f"{self._label}: {done} of {total}{rest}")
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
