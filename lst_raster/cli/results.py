"""What a command found, on standard output: lines for people, or one JSON document for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import click


def show(found: Any, lines: Iterable[object], as_json: bool) -> None:
    """Write a result.

    Parameters
    ----------
    found : mapping or sequence
        What a program is given: mappings, sequences, numbers and texts; anything else is written as its text, so
        that paths need no care, and a number that is none becomes null.
    lines : iterable
        What people are shown, a line each. It is not looked at where JSON is wanted.
    as_json : bool
        Whether JSON is wanted.
    """
    if as_json:
        click.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in lines:
        click.echo(line)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "tolist"):  # a number of numpy's
        return _plain(value.tolist())
    return value if isinstance(value, str | int | float | None) else str(value)
