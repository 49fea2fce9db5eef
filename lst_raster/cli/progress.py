"""A progress bar on the terminal, as the callable that the library takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[int, int], bool]
"""Called with the steps done and their total; returns False to stop the run."""


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a progress bar on standard error, if that is a terminal.

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
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: True
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> bool:
            bar.length = total
            bar.update(done - bar.pos)
            return True

        yield show
