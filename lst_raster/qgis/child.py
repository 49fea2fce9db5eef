"""The program as a child of QGIS: its messages become feedback, cancelling stops it; needs no QGIS."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows a console would pop up
_LOOK = 0.1  # seconds between two looks at whether the user has cancelled
_TIDY = 15.0  # seconds for the program to remove its temporary files


class ProgramError(Exception):
    """The program could not do its work; the message is for the user."""


class Cancelled(Exception):  # noqa: N818  # no error: the user wanted it
    """The user has stopped the program."""


def run_program(command: Sequence[str], environment: Mapping[str, str], feedback: Any) -> list[str]:
    """Run the program to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments, ``--messages json --stop-with-input`` among them.
    environment : mapping
        Its environment.
    feedback : QgsProcessingFeedback
        Is told progress, warnings and messages, and asked whether the user has cancelled.

    Returns
    -------
    list of str
        Lines of the program's standard output.

    Raises
    ------
    ProgramError
        It failed, or could not be started.
    Cancelled
        The user has stopped it.
    """
    child = _start(command, environment)
    lines: queue.Queue[tuple[str, str]] = queue.Queue()
    streams = (("result", child.stdout), ("message", child.stderr))
    readers = [threading.Thread(target=_pour, args=(*stream, lines), daemon=True) for stream in streams]
    for reader in readers:  # either stream may fill up
        reader.start()
    try:
        return _follow(child, lines, _Told(feedback), feedback)
    finally:
        _stop(child, readers)


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            list(command), env=dict(environment), stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8",
            errors="replace", creationflags=NO_WINDOW, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ProgramError(f"{command[0]} cannot be started: {error.strerror or error}") from error


def _follow(child: subprocess.Popen[str], lines: queue.Queue[tuple[str, str]], told: _Told, feedback: Any) -> list[str]:
    """Take what the program says until it ends."""
    result: list[str] = []
    open_streams = 2
    while open_streams:
        if feedback.isCanceled():
            raise Cancelled
        with suppress(queue.Empty):
            name, line = lines.get(timeout=_LOOK)
            if not line:
                open_streams -= 1
            elif name == "result":
                result.append(line.rstrip("\r\n"))
            else:
                told.hear(line.rstrip("\r\n"))
    code = child.wait()
    if code:
        said = told.error or (result[-1] if result else told.last)
        raise ProgramError(said or f"lst-raster ended with exit code {code} and said nothing")
    return result


def _pour(name: str, stream: IO[str], lines: queue.Queue[tuple[str, str]]) -> None:
    for line in stream:
        lines.put((name, line))
    lines.put((name, ""))


class _Told:
    """Passes on what the program says."""

    def __init__(self, feedback: Any) -> None:
        self._feedback = feedback
        self._label = ""
        self.error = ""
        """Why it failed."""
        self.last = ""
        """The last line that is no message of ours."""

    def hear(self, line: str) -> None:
        """Take a line of standard error."""
        try:
            entry = json.loads(line)
            kind = entry["type"]
        except (ValueError, TypeError, KeyError):
            self._feedback.pushConsoleInfo(line)
            self.last = line.strip() or self.last
            return
        if kind == "progress":
            self._progress(entry)
        elif kind == "message":
            self._message(entry.get("level"), str(entry.get("text")))
        elif kind == "error":
            self.error = str(entry.get("text"))
            if "traceback" in entry:
                self._feedback.pushConsoleInfo(str(entry["traceback"]))

    def _progress(self, entry: Mapping[str, Any]) -> None:
        label = str(entry.get("label"))
        if label != self._label:
            self._label = label
            self._feedback.setProgressText(label)
        self._feedback.setProgress(100.0 * entry.get("done", 0) / max(1, entry.get("total", 1)))

    def _message(self, level: Any, text: str) -> None:
        if level == "warning":
            self._feedback.pushWarning(text)
        elif level in ("error", "critical"):
            self._feedback.reportError(text, False)
        else:
            self._feedback.pushInfo(text)


def _stop(child: subprocess.Popen[str], readers: Sequence[threading.Thread]) -> None:
    """End a program that still runs, tidily if it can: it stops when its standard input ends."""
    with suppress(OSError):
        if child.stdin is not None:
            child.stdin.close()
    try:
        child.wait(_TIDY)
    except subprocess.TimeoutExpired:
        _kill(child)
    for stream, reader in zip((child.stdout, child.stderr), readers):
        reader.join(_LOOK)
        if stream is not None and not reader.is_alive():  # to close what is being read would wait for ever
            stream.close()


def _kill(child: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        child.kill()
    else:  # and the processes that it has started: it leads a session of its own
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()
