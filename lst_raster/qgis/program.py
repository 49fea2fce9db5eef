"""The program `lst-raster` in a subprocess: where it is, its environment, its messages as feedback; without QGIS."""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

FOREIGN = (
    "PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "__PYVENV_LAUNCHER__", "PYTHONEXECUTABLE",
)  # fmt: skip
"""Variables that QGIS sets for its libraries, which are not those of the program."""

HERE = Path(__file__).resolve().parent
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows a console would open
_POLL = 0.1  # time between two checks whether the user has cancelled [s]
_CLEAN_UP = 15.0  # time for the program to remove its temporary files [s]
_TIMEOUT = 60  # time for the program to print its version, which is slow after an installation [s]
_INSTALL = "run `lst-raster qgis install` again, or set the program in Settings > Options > Processing > Providers"


class ProgramError(Exception):
    """The program failed; the message is for the user."""


class Cancelled(Exception):  # noqa: N818  # not an error
    """The user has cancelled the run."""


def environment() -> dict[str, str]:
    """Environment of the program: that of QGIS without the variables for its libraries."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def find_program(setting: str = "") -> list[str]:
    """Command that starts the program: from the setting of QGIS, the installation of the plugin, or the search path.

    Raises ProgramError if it is not found.
    """
    if setting:
        if shutil.which(setting) is None:
            raise ProgramError(f"there is no program {setting}, which is set in QGIS; {_INSTALL}")
        return [setting]
    try:
        program = json.loads((HERE / "config.json").read_text(encoding="utf-8"))["program"]
        installed = [str(part) for part in program] if isinstance(program, list) else []
    except (OSError, ValueError, KeyError, TypeError):
        installed = []
    if installed and shutil.which(installed[0]) is not None:
        return installed
    found = shutil.which("lst-raster")
    if found is not None:
        return [found]
    missing = f"{installed[0]}, which installed this plugin, is missing" if installed else "lst-raster was not found"
    raise ProgramError(f"{missing}; install it (pip install lst-raster), then {_INSTALL}")


def plugin_version() -> str:
    """Version of the plugin, which is that of the program that installed it."""
    for line in (HERE / "metadata.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("version="):
            return line.partition("=")[2].strip()
    return ""


def version_warning(program: list[str]) -> str:
    """Warning if program and plugin have different versions, or an empty text; raises ProgramError."""
    try:
        done = subprocess.run(
            [*program, "--version"], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_TIMEOUT, creationflags=_NO_WINDOW, encoding="utf-8", errors="replace",
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"{program[0]} cannot be started: {error}; {_INSTALL}") from error
    lines = done.stdout.strip().splitlines() or ["no output"]
    name, _, version = lines[0].rpartition(", version ")
    if done.returncode or name != "lst-raster":
        raise ProgramError(f"{program[0]} is not lst-raster, or is damaged: {lines[-1]}; {_INSTALL}")
    if version == plugin_version():
        return ""
    return (
        f"the program {program[0]} is lst-raster {version}, this plugin has version {plugin_version()}: their options "
        "may differ; run `lst-raster qgis install` of that program, and restart QGIS"
    )


def shown(command: list[str]) -> str:
    """Text of a command for a log, without passwords and signatures in URLs."""
    return shlex.join(_public(part) for part in command)


def _public(part: str) -> str:
    scheme, sign, rest = part.partition("://")
    if not sign:
        return part
    address, query, _ = rest.partition("?")
    host, slash, path = address.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" + ("?..." if query else "")


def run_program(command: Sequence[str], environment: Mapping[str, str], feedback: Any) -> list[str]:
    """Run the program, which writes its messages as JSON, and pass them on to a QgsProcessingFeedback.

    Returns the lines of its standard output. Raises ProgramError if it fails or cannot be started, and Cancelled if the
    user has stopped it.
    """
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(
            list(command), env=dict(environment), stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8",
            errors="replace", creationflags=_NO_WINDOW, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ProgramError(f"{command[0]} cannot be started: {error.strerror or error}") from error
    lines: queue.Queue[tuple[str, str]] = queue.Queue()
    streams = (("result", child.stdout), ("message", child.stderr))
    readers = [threading.Thread(target=_read, args=(*stream, lines), daemon=True) for stream in streams]
    for reader in readers:  # either pipe may fill up
        reader.start()
    try:
        return _follow(child, lines, feedback)
    finally:
        _stop(child, readers)


def _read(name: str, stream: IO[str], lines: queue.Queue[tuple[str, str]]) -> None:
    for line in stream:
        lines.put((name, line))
    lines.put((name, ""))


def _follow(child: subprocess.Popen[str], lines: queue.Queue[tuple[str, str]], feedback: Any) -> list[str]:
    """Process the output until the program ends."""
    messages = _Messages(feedback)
    result: list[str] = []
    open_streams = 2
    while open_streams:
        if feedback.isCanceled():
            raise Cancelled
        with suppress(queue.Empty):
            name, line = lines.get(timeout=_POLL)
            if not line:
                open_streams -= 1
            elif name == "result":
                result.append(line.rstrip("\r\n"))
            else:
                messages.pass_on(line.rstrip("\r\n"))
    code = child.wait()
    if code:
        text = messages.error or (result[-1] if result else messages.last_other)
        raise ProgramError(text or f"lst-raster ended with exit code {code} and without a message")
    return result


class _Messages:
    """Passes the program's messages on to the feedback."""

    def __init__(self, feedback: Any) -> None:
        self._feedback = feedback
        self._label = ""
        self.error = ""  # why the program failed
        self.last_other = ""  # last line that is not a JSON message

    def pass_on(self, line: str) -> None:
        """Process a line of standard error."""
        feedback = self._feedback
        try:
            entry = json.loads(line)
            kind = entry["type"]
        except (ValueError, TypeError, KeyError):
            feedback.pushConsoleInfo(line)
            self.last_other = line.strip() or self.last_other
            return
        text = str(entry.get("text"))
        if kind == "progress":
            label = str(entry.get("label"))
            if label != self._label:
                self._label = label
                feedback.setProgressText(label)
            feedback.setProgress(100.0 * entry.get("done", 0) / max(1, entry.get("total", 1)))
        elif kind == "error":
            self.error = text
            if "traceback" in entry:
                feedback.pushConsoleInfo(str(entry["traceback"]))
        elif kind == "message" and entry.get("level") == "warning":
            feedback.pushWarning(text)
        elif kind == "message" and entry.get("level") in ("error", "critical"):
            feedback.reportError(text, False)
        elif kind == "message":
            feedback.pushInfo(text)


def _stop(child: subprocess.Popen[str], readers: Sequence[threading.Thread]) -> None:
    """End a running program: it stops and cleans up when its standard input ends, else it is killed."""
    with suppress(OSError):
        if child.stdin is not None:
            child.stdin.close()
    try:
        child.wait(_CLEAN_UP)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            child.kill()
        else:  # with its child processes: it leads a process group
            with suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for stream, reader in zip((child.stdout, child.stderr), readers):
        reader.join(_POLL)
        if stream is not None and not reader.is_alive():  # closing a stream that is being read would block
            stream.close()
