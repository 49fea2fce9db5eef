"""What a command shows while it works: a progress bar, as the callable that the library takes, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lst_raster.cli import messages
from lst_raster.cli.pace import Bar, Lines, Pace

_STDERR = 2  # the file descriptor that C libraries write to


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], bool]]:
    """Show progress on standard error: a bar on a terminal, a line now and then elsewhere; tell a program that listens.

    Parameters
    ----------
    label : str
        What is being done.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        To be called with the steps done and their total. It always returns True: Ctrl-C stops a command.
    """
    if quiet:
        yield lambda done, total: True
    elif messages.as_json():
        yield messages.progress(label)
    elif sys.stderr.isatty():
        bar = Bar(Pace(), label, sys.stderr)
        try:
            yield bar.show
        finally:
            bar.close()
    else:
        yield Lines(Pace(), label).show


@contextmanager
def hushed_libraries() -> Iterator[None]:
    """Keep the C libraries from writing to standard error; Python's own writing goes on.

    On a full disk libtiff prints a line for every block, past all error handlers. The errors themselves arrive as
    exceptions.
    """
    if not _is_standard_error(sys.stderr):
        yield
        return
    terminal, own = os.fdopen(os.dup(_STDERR), "w", buffering=1), sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    sys.stderr = terminal
    try:
        yield
    finally:
        sys.stderr = own
        os.dup2(terminal.fileno(), _STDERR)
        os.close(nowhere)
        terminal.close()


def _is_standard_error(stream: TextIO) -> bool:
    try:
        return stream.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):  # a notebook's, or a test's
        return False
