"""Processes that a test started, as Linux lists them."""

import time
from pathlib import Path


def children_of(process, count, patience=60.0):
    """Wait until a process has so many children and they have had a moment to begin; returns their numbers."""
    listed, begun, found = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.monotonic(), []
    while len(found) < count and time.monotonic() - begun < patience and process.poll() is None:
        time.sleep(0.2)
        found = listed.read_text().split() if listed.exists() else []
    time.sleep(2.0)
    return found


def left_of(numbers, patience=30.0):
    """Wait until processes have ended; returns those that have not."""
    begun, left = time.monotonic(), list(numbers)
    while left and time.monotonic() - begun < patience:
        time.sleep(0.2)
        left = [number for number in left if Path(f"/proc/{number}").exists()]
    return left
