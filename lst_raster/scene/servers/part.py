"""What a server gives of a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Part of a file on a server."""

    content: bytes
    """The bytes that were asked for, fewer at the end of the file."""
    partial: bool
    """Whether the server gives parts of files at all."""
    size: int | None = None
    """Size of the whole file, None where the server does not tell. [byte]"""
    version: str | None = None
    """What changes when the file does: its ETag, or the time of its last change; None where the server tells none."""


def size_of_range(text: str | None) -> int | None:
    """Size of the whole file that a ``Content-Range`` tells, None where it does not. [byte]

    Examples
    --------
    >>> size_of_range("bytes 0-0/1234")
    1234
    """
    size = (text or "").rpartition("/")[2]
    return int(size) if size.isdecimal() else None
