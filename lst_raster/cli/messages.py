"""Messages on standard error: coloured text for people, or one JSON object per line for programs."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

_COLOURS = {
    "Error": "red", "Warning": "yellow", "Note": "cyan",
    "wrong": "red", "failed": "red", "note": "yellow", "ok": "green",
}  # fmt: skip
_INTERVAL = 0.2  # minimum time between two JSON objects on progress [s]
_STDIN = 0  # file descriptor: a thread blocked in Python's own stream would keep the process from exiting
_format = "text"


def choose(form: str) -> None:
    """Set the format of all following messages: `text` or `json`."""
    global _format
    _format = form
    logging.captureWarnings(form == "json")


def as_json() -> bool:
    """Whether messages are written as JSON."""
    return _format == "json"


def no_colour() -> bool:
    """Whether the environment disables colours and cursor movement (https://no-color.org, TERM=dumb)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def coloured(line: str) -> str:
    """Colour the first word of a line if it is a severity; click.echo strips colours if the stream is no terminal."""
    word = line.partition(" ")[0].rstrip(":")
    if word not in _COLOURS or no_colour():
        return line
    return click.style(word, fg=_COLOURS[word]) + line[len(word) :]


def note(text: str) -> None:
    """Write a remark on the result."""
    _write(f"Note: {text}", type="message", level="info", text=text)


def say(text: str) -> None:
    """Write what is being done or waited for."""
    _write(text, type="message", level="info", text=text)


def error(text: str, show: Callable[[], None] | None = None) -> None:
    """Write why there is no result, on one line; `show` writes the text form instead, if given."""
    if show is not None and not as_json():
        show()
    else:
        _write(f"Error: {text}", type="error", text=text)


def interrupted() -> None:
    """Write that the user stopped the run."""
    _write("Interrupted", type="error", text="Interrupted")


def unexpected_error() -> None:
    """Write the exception that is being handled, with its traceback, as JSON."""
    kind, value = sys.exc_info()[:2]
    text = f"unexpected {kind.__name__ if kind else 'error'}: {' '.join(str(value).split())}; please report it"
    _write("", type="error", text=text, traceback=traceback.format_exc())


def end(code: int) -> None:
    """Write the last JSON object, with the exit code."""
    if as_json():
        with suppress(OSError):  # the reader has closed the pipe
            _write("", type="end", code=code)


def progress(label: str) -> Callable[[int, int], bool]:
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
