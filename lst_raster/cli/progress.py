"""Progress bars and lines."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lst_raster.cli import messages

_WINDOW = 30.0  # seconds of the past that tell the pace: what comes may be slower than what was
_STEADY = 2.0  # seconds before a time is foretold
_REDRAW = 0.1  # seconds between two pictures of a bar
_LINES = (10.0, 30.0, 60.0)  # seconds to the first line, from there to the second, and between all others
_BAR = 24  # characters


class Pace:
    """The pace of some work, from the steps that are told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now, by a clock that tells seconds."""
        self.clock = clock
        self.began = clock()
        self.done = self.total = 0
        self._marks = deque([(self.began, 0)])

    def tell(self, done: int, total: int) -> float:
        """Take note of the steps done and their total; returns the time since the beginning in seconds."""
        now = self.clock()
        self.done, self.total = done, total
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] < now - _WINDOW:
            self._marks.popleft()
        return now - self.began

    @property
    def rate(self) -> float:
        """Steps a second, lately."""
        (first, before), (last, now) = self._marks[0], self._marks[-1]
        return (now - before) / (last - first) if last > first else 0.0

    @property
    def text(self) -> str:
        """The steps, their rate and the time that remains, or that it took."""
        steps = f"{self.done} of {self.total}"
        elapsed = self._marks[-1][0] - self.began
        if self.done >= self.total:
            return f"{steps} in {duration(elapsed)}"
        if elapsed < _STEADY or self.rate <= 0.0:
            return steps
        return f"{steps}, {_per_time(self.rate)}, {duration((self.total - self.done) / self.rate)} left"


class Bar:
    """A bar on a terminal."""

    def __init__(self, pace: Pace, label: str, stream: TextIO) -> None:
        """Begin a bar that is drawn when steps are told."""
        self._pace, self._label, self._stream = pace, label, stream
        self._drawn, self._width = float("-inf"), 0

    def show(self, done: int, total: int) -> bool:
        """Show the steps done and their total."""
        elapsed, over = self._pace.tell(done, total), done >= total
        if over or elapsed - self._drawn >= _REDRAW:
            self._drawn = elapsed
            self._write(self._picture())
            messages.before_each(self.clear)
            if over:
                self.close()  # what is said next starts on a line of its own
        return True

    def clear(self) -> None:
        """Take the bar away; the next step draws it again."""
        self._write("")
        self._write("\r")
        self._drawn, self._width = float("-inf"), 0
        messages.before_each(None)

    def close(self) -> None:
        """End the line of the bar."""
        if self._width:
            self._stream.write("\n")
            self._width = 0
        messages.before_each(None)

    def _write(self, text: str) -> None:
        self._stream.write(f"\r{text:<{self._width}}")
        self._stream.flush()
        self._width = len(text)

    def _picture(self) -> str:
        share = min(self._pace.done / self._pace.total, 1.0) if self._pace.total else 1.0
        full = int(_BAR * share)
        whole = f"{self._label} [{'#' * full}{'-' * (_BAR - full)}] {share:4.0%}  {self._pace.text}"
        return whole[: shutil.get_terminal_size().columns - 1]


class Lines:
    """A line now and then, for logs."""

    def __init__(self, pace: Pace, label: str) -> None:
        """Begin; work of a few seconds is not worth a line."""
        self._pace, self._label = pace, label
        self._waits = list(_LINES)
        self._next = self._waits.pop(0)

    def show(self, done: int, total: int) -> bool:
        """Show the steps done and their total, where it is time."""
        elapsed = self._pace.tell(done, total)
        told = self._next > _LINES[0]
        if elapsed >= self._next or (told and done >= total):
            self._next = elapsed + (self._waits.pop(0) if len(self._waits) > 1 else self._waits[0])
            messages.say(f"{self._label}: {self._pace.text}")
        return True


def duration(seconds: float) -> str:
    """Write a time as people do.

    Examples
    --------
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


_STDERR = 2  # the file descriptor that C libraries write to


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], bool]]:
    """Show progress on standard error: a bar on a terminal, a line now and then elsewhere; tell a program that listens.

    Parameters
    ----------
    label : str
        What is being done.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        To be called with the steps done and their total. It always returns True: Ctrl-C stops a command.
    """
    if quiet:
        yield lambda done, total: True
    elif messages.as_json():
        yield messages.progress(label)
    elif sys.stderr.isatty():
        bar = Bar(Pace(), label, sys.stderr)
        try:
            yield bar.show
        finally:
            bar.close()
    else:
        yield Lines(Pace(), label).show


@contextmanager
def hushed_libraries() -> Iterator[None]:
    """Keep the C libraries from writing to standard error; Python's own writing goes on.

    On a full disk libtiff prints a line for every block, past all error handlers. The errors themselves arrive as
    exceptions.
    """
    if not _is_standard_error(sys.stderr):
        yield
        return
    terminal, own = os.fdopen(os.dup(_STDERR), "w", buffering=1), sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    sys.stderr = terminal
    try:
        yield
    finally:
        sys.stderr = own
        os.dup2(terminal.fileno(), _STDERR)
        os.close(nowhere)
        terminal.close()


def _is_standard_error(stream: TextIO) -> bool:
    try:
        return stream.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):  # a notebook's, or a test's
        return False
