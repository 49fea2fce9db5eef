"""QGIS for tests: a separate home folder with the plugin, headless, running this checkout."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import lst_raster

PYTHON = "/usr/bin/python3"
"""The Python that QGIS's packages of the system belong to."""
SESSION = Path(__file__).with_name("qgis_session.py")
WAIT = "LST_RASTER_TEST_WAIT"
"""Environment variable: the path of a file that the program makes when it is at work; a tile takes a second then."""
PROGRAM = f"""
import os, time
from lst_raster.cli import main
if {WAIT!r} in os.environ:
    import lst_raster.retrieval.run as engine
    retrieve_tile = engine.retrieve_tile
    def slowly(*arguments, **values):
        with open(os.environ[{WAIT!r}] + ".part", "w") as file:
            file.write(str(os.getpid()))
        os.replace(file.name, os.environ[{WAIT!r}])
        time.sleep(1)
        return retrieve_tile(*arguments, **values)
    engine.retrieve_tile = slowly
if __name__ == "__main__":  # and not in the processes that it starts, which read this file too
    main.main()
"""

RECORDER = """#!{python}
import json, sys
if sys.argv[1:] == ["--version"]:
    print("lst-raster, version {version}")
else:
    with open({record!r}, "a") as file:
        print(json.dumps(sys.argv[1:]), file=file)
"""


def qgis_process():
    """Path of the headless program; the test is skipped where there is none."""
    found = shutil.which("qgis_process.bin") or shutil.which("qgis_process")  # Debian's wrapper fails
    known = found and subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True).returncode == 0
    if not known:
        pytest.skip("needs QGIS with its Python packages: apt-get install qgis python3-qgis")
    return found


@dataclass
class Home:
    """A home folder with a profile that has the plugin."""

    folder: Path
    program: Path

    @classmethod
    def made(cls, folder):
        """Make the folder, a program that runs this checkout, and install the plugin as a user does."""
        for name in ("home", "run"):
            (folder / name).mkdir(parents=True)
        (folder / "run").chmod(0o700)
        (folder / "program.py").write_text(PROGRAM)
        program = folder / "lst-raster"
        paths = os.pathsep.join(path for path in sys.path if path)
        program.write_text(f"#!/bin/sh\nPYTHONPATH='{paths}' exec '{sys.executable}' '{folder}/program.py' \"$@\"\n")
        program.chmod(0o755)
        home = cls(folder, program)
        home.command("qgis", "install", "--profiles-folder", folder / "profiles", "--program", program)
        return home

    def recorder(self):
        """Make a program that only records its arguments, one JSON list per run in recorded.jsonl; returns its path."""
        path = self.folder / "recorder"
        record = str(self.folder / "recorded.jsonl")
        path.write_text(RECORDER.format(python=PYTHON, version=lst_raster.__version__, record=record))
        path.chmod(0o755)
        return path

    def recorded(self, output):
        """Arguments with which the recorder was started for an output, without those before the command."""
        lines = (self.folder / "recorded.jsonl").read_text().splitlines()
        (found,) = (words for words in map(json.loads, lines) if str(output) in words)
        assert found[:3] == ["--messages", "json", "--stop-with-input"]
        return found[3:]

    @property
    def environment(self):
        """Environment of QGIS; what leads to its libraries must not reach our program."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {
            **own, "HOME": str(self.folder / "home"), "XDG_RUNTIME_DIR": str(self.folder / "run"), "TZ": "UTC",
            "QGIS_CUSTOM_CONFIG_PATH": str(self.folder), "QT_QPA_PLATFORM": "offscreen", "LD_LIBRARY_PATH": "/nowhere",
        }  # fmt: skip

    def command(self, *arguments):
        """Run our command line by itself."""
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def start(self, algorithm, values, **variables):
        """Start an algorithm in a headless QGIS; returns the process."""
        given = [f"{name}={value}" for name, value in values.items()]
        return subprocess.Popen(
            [qgis_process(), "run", f"lst_raster:{algorithm}", "--", *given], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**self.environment, **variables},
        )  # fmt: skip

    def session(self, jobs):
        """Run jobs in one session of PyQGIS (tests/support/qgis_session.py); returns what each gave."""
        (self.folder / "jobs.json").write_text(json.dumps(jobs))
        done = subprocess.run(
            [PYTHON, SESSION, self.folder], env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return json.loads((self.folder / "done.json").read_text())

    def run(self, algorithm, **values):
        """Run an algorithm in a headless QGIS; returns exit code, what it said and its errors."""
        with self.start(algorithm, values) as process:
            out, err = process.communicate(timeout=300)
        return process.returncode, out, err
