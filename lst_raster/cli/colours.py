"""Colours of words, on a terminal alone."""

from __future__ import annotations

import os
import sys

import click

_COLOURS = {
    "Error": "red", "Warning": "yellow", "Note": "cyan",
    "wrong": "red", "failed": "red", "note": "yellow", "ok": "green",
}  # fmt: skip


def coloured(line: str, *, err: bool = False) -> str:
    """Colour the first word of a line, where it tells how good the news is.

    Parameters
    ----------
    line : str
        The line.
    err : bool
        Whether it goes to standard error.

    Returns
    -------
    str
        The line as it is where the stream is no terminal, or where NO_COLOR is set or TERM is ``dumb``.

    References
    ----------
    https://no-color.org
    """
    word = line.partition(" ")[0].rstrip(":")
    if word not in _COLOURS or not _wanted(sys.stderr if err else sys.stdout):
        return line
    return click.style(word, fg=_COLOURS[word]) + line[len(word) :]


def _wanted(stream: object) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and isatty()
