"""Times and memory of processes, as the system has counted them."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A separate process that holds next to nothing: a child's peak counts from that of the process that started it.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=2)
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - start
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, process.returncode]))
"""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What a process took."""

    wall: float
    """Time from its start to its end. [s]"""
    cpu: float
    """Time of all processors that worked for it, for the user and in the system. [s]"""
    peak: float
    """Most memory that it had at a time. [MiB]"""


def measure(command):
    """Run a command to its end; fails with what it said where it fails."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryFile() as said:
        launcher = [sys.executable, "-I", "-c", _LAUNCHER, *map(str, command)]
        output = subprocess.run(launcher, stdout=subprocess.PIPE, stderr=said, env=environment, check=True).stdout
        wall, cpu, peak, status = json.loads(output)
        if status:
            said.seek(0)
            sys.exit(f"{' '.join(map(str, command))} ended with {status}:\n{said.read().decode()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # [byte]
    return Run(wall=wall, cpu=cpu, peak=peak * unit / 2**20)


def in_turns(commands, rounds):
    """Run commands in turns, after one turn that is not counted: what slows the machine slows all of them alike."""
    runs = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            run = measure(command)
            if turn:
                runs[name].append(run)
    return runs


def summary(runs, baseline):
    """Medians, and the medians of the ratios to the baseline's run of the same turn."""
    table = {}
    for name, own in runs.items():
        pairs = list(zip(own, runs[baseline], strict=True))
        table[name] = {
            "wall_s": statistics.median(run.wall for run in own),
            "cpu_s": statistics.median(run.cpu for run in own),
            "peak_mib": max(run.peak for run in own),
            "wall_ratio": statistics.median(run.wall / base.wall for run, base in pairs),
            "cpu_ratio": statistics.median(run.cpu / base.cpu for run, base in pairs),
        }
    return table
