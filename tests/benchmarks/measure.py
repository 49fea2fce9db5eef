"""Run time and peak memory of processes, from the operating system."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A small separate process: the peak memory of a child is at least that of the process that started it.
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
    """Resources used by a process."""

    wall: float
    """Elapsed time. [s]"""
    cpu: float
    """CPU time, user and system. [s]"""
    peak: float
    """Peak memory. [MiB]"""


def measure(command):
    """Run a command and measure it; exits with its output if it fails."""
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "",  # modules are compiled once, as those of an installation
    }  # fmt: skip
    with tempfile.TemporaryFile() as output:
        launcher = [sys.executable, "-I", "-c", _LAUNCHER, *map(str, command)]
        measured = subprocess.run(launcher, stdout=subprocess.PIPE, stderr=output, env=environment, check=True).stdout
        wall, cpu, peak, status = json.loads(measured)
        if status:
            output.seek(0)
            sys.exit(f"{' '.join(map(str, command))} ended with {status}:\n{output.read().decode()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # [byte]
    return Run(wall=wall, cpu=cpu, peak=peak * unit / 2**20)


def in_turns(commands, rounds):
    """Run commands alternately, after a warm-up, so that changes of the load of the machine affect all of them."""
    runs = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            run = measure(command)
            if turn:
                runs[name].append(run)
    return runs


def summary(runs, baseline):
    """Medians, and medians of the ratios to the baseline in the same round."""
    table = {}
    for name, results in runs.items():
        pairs = list(zip(results, runs[baseline], strict=True))
        table[name] = {
            "wall_s": statistics.median(run.wall for run in results),
            "cpu_s": statistics.median(run.cpu for run in results),
            "peak_mib": max(run.peak for run in results),
            "wall_ratio": statistics.median(run.wall / base.wall for run, base in pairs),
            "cpu_ratio": statistics.median(run.cpu / base.cpu for run, base in pairs),
        }
    return table
