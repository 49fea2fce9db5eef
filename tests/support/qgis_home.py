"""Headless QGIS for tests, with a separate home that has the plugin and runs this checkout."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
"""Python interpreter with the QGIS packages of the system."""
SESSION = Path(__file__).with_name("qgis_session.py")
WAIT = "LST_RASTER_TEST_WAIT"
"""Environment variable: path of a file that the program writes while it runs; tiles then take a second each."""
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
if __name__ == "__main__":  # not in its child processes, which import this file as well
    main.main()
"""


def qgis_process():
    """Path of the headless program; skips the test if not installed."""
    found = shutil.which("qgis_process.bin") or shutil.which("qgis_process")  # Debian's wrapper fails
    known = found and subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True).returncode == 0
    if not known:
        pytest.skip("needs QGIS with its Python packages: apt-get install qgis python3-qgis")
    return found


@dataclass
class Home:
    """Home folder with a profile that has the plugin."""

    folder: Path
    program: Path

    @classmethod
    def made(cls, folder):
        """Create the folder and a program that runs this checkout, and install the plugin."""
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

    @property
    def environment(self):
        """Environment of QGIS, without library paths that would affect lst-raster."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {
            **own, "HOME": str(self.folder / "home"), "XDG_RUNTIME_DIR": str(self.folder / "run"), "TZ": "UTC",
            "QGIS_CUSTOM_CONFIG_PATH": str(self.folder), "QT_QPA_PLATFORM": "offscreen", "LD_LIBRARY_PATH": "/nowhere",
        }  # fmt: skip

    def command(self, *arguments):
        """Run the command line without QGIS."""
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
        """Run jobs in one session of PyQGIS (tests/support/qgis_session.py); returns the result of each."""
        (self.folder / "jobs.json").write_text(json.dumps(jobs))
        done = subprocess.run(
            [PYTHON, SESSION, self.folder], env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return json.loads((self.folder / "done.json").read_text())

    def run(self, algorithm, **values):
        """Run an algorithm in a headless QGIS; returns exit code, output and errors."""
        with self.start(algorithm, values) as process:
            out, err = process.communicate(timeout=300)
        return process.returncode, out, err
