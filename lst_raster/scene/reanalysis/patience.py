"""Asking a server again that is only busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from lst_raster.errors import RemoteError

T = TypeVar("T")

ATTEMPTS = 4
"""How often a server is asked before it is given up."""
PAUSE = 2.0
"""Time before the second attempt; it doubles with each. [s]"""


class BusyError(RemoteError):
    """A server fails in a way that may be over soon."""


def patiently(ask: Callable[[], T]) -> T:
    """Ask a server, and again after a pause where it is busy.

    Parameters
    ----------
    ask : callable
        What asks it.

    Raises
    ------
    RemoteError
        The server failed every time, or once in a way that does not pass.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return ask()
        except BusyError:
            time.sleep(PAUSE * 2**attempt)
    return ask()
