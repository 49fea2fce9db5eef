"""What a command shows while it works: a progress bar, as the callable that the library takes, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

import click

from lst_raster.cli import messages

_STDERR = 2  # the file descriptor that C libraries write to


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], bool]]:
    """Show a progress bar on standard error, if that is a terminal; tell a program that listens.

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
    if messages.as_json() and not quiet:
        yield messages.progress(label)
        return
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: True
        return
    with ExitStack() as shown:
        bar = shown.enter_context(click.progressbar(length=1, label=label, file=sys.stderr))

        def show(done: int, total: int) -> bool:
            bar.length = total
            bar.update(done - bar.pos)
            if done >= total:
                shown.close()  # what is said next starts on a line of its own
            return True

        yield show


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
