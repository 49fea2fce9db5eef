"""Messages on the terminal: text with colours, or JSON lines."""

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


def coloured(line: str, *, err: bool = False) -> str:
    """Colour the first word of a line, where it tells how good the news is.

    Parameters
    ----------
    line : str
        The line.
    err : bool
        Whether it goes to standard error.

    Returns
    -------
    str
        The line as it is where the stream is no terminal, or where NO_COLOR is set or TERM is ``dumb``.

    References
    ----------
    https://no-color.org
    """
    word = line.partition(" ")[0].rstrip(":")
    if word not in _COLOURS or not _wanted(sys.stderr if err else sys.stdout):
        return line
    return click.style(word, fg=_COLOURS[word]) + line[len(word) :]


def _wanted(stream: object) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and isatty()


_INTERVAL = 0.2  # seconds between two objects on progress: several a second are seen as steady
_STDIN = 0  # a file descriptor: a thread that waits in Python's own stream would keep the process from ending
_form = "text"
_before: Callable[[], None] | None = None


def choose(form: str) -> None:
    """Choose the form of all that is told from now on.

    Parameters
    ----------
    form : str
        ``text`` or ``json``.
    """
    global _form
    _form = form
    logging.captureWarnings(form == "json")


def before_each(action: Callable[[], None] | None) -> None:
    """Do something before each message: a bar that is being drawn goes out of its way."""
    global _before
    _before = action


def as_json() -> bool:
    """Whether a program listens."""
    return _form == "json"


def note(text: str) -> None:
    """Tell what is good to know about the result."""
    _tell(f"Note: {text}", type="message", level="info", text=text)


def say(text: str) -> None:
    """Tell what is being done or waited for."""
    _tell(text, type="message", level="info", text=text)


def error(text: str, shown: Callable[[], None] | None = None) -> None:
    """Tell why there is no result.

    Parameters
    ----------
    text : str
        Why, on one line.
    shown : callable, optional
        How people are told instead.
    """
    if shown is not None and not as_json():
        shown()
    else:
        _tell(f"Error: {text}", type="error", text=text)


def interrupted() -> None:
    """Tell that the user stopped the run."""
    _tell("Interrupted", type="error", text="Interrupted")


def fault() -> None:
    """Tell a program of an exception that nobody foresaw; to be called where it is handled."""
    kind, value = sys.exc_info()[:2]
    text = f"unexpected {kind.__name__ if kind else 'fault'}: {' '.join(str(value).split())}; please report it"
    _tell("", type="error", text=text, traceback=traceback.format_exc())


def end(code: int) -> None:
    """Tell a program that nothing follows, and the exit code."""
    if as_json():
        with suppress(OSError):  # nobody reads any more
            _tell("", type="end", code=code)


def progress(label: str) -> Callable[[int, int], bool]:
    """Tell a program of the progress, some times a second.

    Parameters
    ----------
    label : str
        What is being done.

    Returns
    -------
    callable
        To be called with the steps done and their total.
    """
    last = -_INTERVAL

    def show(done: int, total: int) -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last >= _INTERVAL or done >= total:
            last = now
            _tell("", type="progress", done=done, total=total, label=label)
        return True

    return show


class Handler(logging.Handler):
    """Shows the library's messages, one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        text = " ".join(record.getMessage().split())
        _tell(f"{record.levelname.capitalize()}: {text}", type="message", level=record.levelname.lower(), text=text)


def stop_with_input() -> None:
    """End the run as SIGTERM does when standard input ends: a program that is gone or wants no more closes it.

    It is the one way to ask for that which every system has, Windows among them.
    """
    threading.Thread(target=_wait_for_the_end, name="standard input", daemon=True).start()


def _wait_for_the_end() -> None:
    with suppress(OSError):  # it is closed already
        while os.read(_STDIN, 4096):
            pass
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main(signal.SIGTERM)
    else:  # a real signal wakes the main thread where it waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _tell(line: str, /, **values: Any) -> None:
    if _before is not None:
        _before()
    click.echo(json.dumps(values) if as_json() else coloured(line, err=True), err=True)
