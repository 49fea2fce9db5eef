"""Where scenes are worked on: what this process, processes of this machine and a cluster have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

from lst_raster.engine.batch.result import SceneResult
from lst_raster.engine.batch.task import Task, work

Ended = tuple[Task, SceneResult]
"""A task, and what became of it."""


class Backend(Protocol):
    """A place where scenes are worked on; a context manager, which leaves no work behind."""

    takes_others_along: bool
    """Whether it may give up other tasks together with one that its workers do not survive."""

    @property
    def can_repeat(self) -> bool:
        """Whether it makes sense to give it a task again."""

    @property
    def free(self) -> int:
        """Number of tasks that it would take now."""

    def begin(self, task: Task) -> None:
        """Take a task."""

    def ended(self, patience: float) -> list[Ended]:
        """Tasks that have ended since the last call; waits for one at most so long. [s]"""

    def __enter__(self) -> Self:
        """Open it."""

    def __exit__(self, *error: object) -> None:
        """Stop what is still being worked on, leaving nothing half written."""


class ThisProcess:
    """Scenes one after the other, here."""

    takes_others_along = False
    can_repeat = True

    def __init__(self, go_on: Callable[[], bool]) -> None:
        self._go_on = go_on
        self._task: Task | None = None

    @property
    def free(self) -> int:
        """One, if there is none."""
        return 0 if self._task else 1

    def begin(self, task: Task) -> None:
        """Take a task."""
        self._task = task

    def ended(self, patience: float) -> list[Ended]:
        """Work on the task.

        Raises
        ------
        CancelledError
            The caller does not want to go on.
        """
        task, self._task = self._task, None
        if task is None:
            return []
        return [(task, work(task, lambda done, total: self._go_on()))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._task = None
