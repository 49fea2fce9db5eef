"""Child processes of tests, from /proc."""

import time
from pathlib import Path


def children_of(process, count, patience=60.0):
    """Wait until a process has `count` children that have started; returns their process ids."""
    listed, begun, found = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.monotonic(), []
    while len(found) < count and time.monotonic() - begun < patience and process.poll() is None:
        time.sleep(0.2)
        found = listed.read_text().split() if listed.exists() else []
    time.sleep(2.0)
    return found


def still_running(numbers, patience=30.0):
    """Wait until processes have ended; returns those still running."""
    begun, left = time.monotonic(), list(numbers)
    while left and time.monotonic() - begun < patience:
        time.sleep(0.2)
        left = [number for number in left if Path(f"/proc/{number}").exists()]
    return left
