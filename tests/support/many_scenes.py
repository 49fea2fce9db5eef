"""Several small scenes, and the files of a batch."""

import multiprocessing
import os
import re
import signal
import struct
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from tests.support.factories import make_scene, ramp

AIR = {"emissivity": 0.97, "water_vapour": 20.0, "air_temperature": 295.0, "surface_pressure": 1000.0}


def stem_of(day):
    """Name of the scene of a day of July 2015."""
    return f"LC08_L1TP_020039_201507{day:02}_20200908_02_T1"


def make_scenes(folder, model, count, shape=(60, 70)):
    """Write scenes of the first days of a month, one folder each; returns their names."""
    for day in range(1, count + 1):
        stem = stem_of(day)
        make_scene(
            Path(folder) / stem, lst=ramp(270 + day, 290 + day, shape), name=f"{stem}_B10.TIF",
            air=model / "atmosphere.onnx",
        )  # fmt: skip
    return [stem_of(day) for day in range(1, count + 1)]


def cut_off(folder, stem):
    """Damage a scene."""
    path = Path(folder) / stem / f"{stem}_B10.TIF"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def products_in(folder):
    """Every file of every product in a folder, byte for byte."""
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if "_LST" in path.name}


def temporary_files(folder):
    """Unfinished files of a run."""
    return [path.name for path in Path(folder).rglob(".*") if path.is_file()]


class Killer(threading.Thread):
    """Calls `kill` with the first process that writes a product into a folder."""

    _NAME = re.compile(r"\.[0-9a-f]{12}-(\d+)-[0-9a-f]{16}\.(?:new|blocks)$")

    def __init__(self, folder, kill, patience=60.0):
        super().__init__(daemon=True)
        self._folder, self._kill, self._until = Path(folder), kill, time.monotonic() + patience
        self.killed = None

    def run(self):
        """Watch until there is one."""
        while self.killed is None and time.monotonic() < self._until:
            for path in self._folder.glob(".*") if self._folder.is_dir() else ():
                found = self._NAME.search(path.name)
                if found and self.killed is None:
                    self._kill(int(found[1]))
                    self.killed = int(found[1])
            time.sleep(0.002)


class Deadly(str):
    """A text that kills the process that unpickles it."""

    __slots__ = ()

    def __reduce__(self):
        return end_this_process, ()


def end_this_process(*arguments):
    """End at once, as when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


class ExitsWithCode0(str):
    """A text that ends the process that unpickles it as if all was well."""

    __slots__ = ()

    def __reduce__(self):
        return os._exit, (0,)


class KillsWhileSending(str):
    """A text that kills the process that unpickles it when it has sent half of its next message."""

    __slots__ = ()

    def __reduce__(self):
        return _kill_while_sending, (multiprocessing.current_process().name,)


def _kill_while_sending(sender):
    def send_half(connection, content):
        os.write(connection.fileno(), struct.pack("!i", len(content)) + bytes(content[: len(content) // 2]))
        end_this_process()

    if multiprocessing.current_process().name != sender:
        Connection._send_bytes = send_half
    return "0"
