"""What a batch leaves beside its products, and says: report, logs, failures, plans."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from lst_raster.engine.batch.plan import Planned
    from lst_raster.engine.batch.report import Report
    from lst_raster.engine.batch.result import SceneResult
    from lst_raster.scene.lists.listed import ListedScene

_LOGGER = logging.getLogger(__name__)
_SHOWN = 20  # failures; the report has all


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The report and the logs of a batch."""

    report: Report
    """The report."""
    logs: Path
    """Folder of the logs."""

    @classmethod
    @contextmanager
    def begin(cls, scenes: Sequence[ListedScene], folder: Path | None, report: Path | None) -> Iterator[Self]:
        """Begin the records of a batch; however it ends, the report tells what was done.

        Parameters
        ----------
        scenes : sequence of ListedScene
            All scenes.
        folder : path or None
            Folder of the products; where they go to an object store the records are kept in the current one.
        report : path, optional
            Where the report goes instead.
        """
        from lst_raster.engine.batch.report import Report

        beside = folder if folder is not None else Path()
        records = cls(report=Report(scenes, report or beside / "report"), logs=beside / "logs")
        _make(records.logs)
        records.report.write()
        with _messages_in_logs():
            try:
                yield records
            finally:
                records.report.write()

    def add(self, result: SceneResult) -> None:
        """Keep a result: its log, and its line in the report."""
        from lst_raster._files import written_whole

        with written_whole(self.logs / f"{result.scene.name}.log") as temporary:
            temporary.write_text(result.log, encoding="utf-8")
        self.report.add(result)

    def summary(self, output: str) -> str:
        """Say in one line how it went."""
        counts = self.report.counts
        made = counts.get("ok", 0) + counts.get("kept", 0)
        kept = f" ({counts['kept']} of them kept)" if "kept" in counts else ""
        failed = f", {counts['failed']} failed" if "failed" in counts else ""
        return f"{made} products in {output}{kept}{failed}; report: {self.report.paths[0]}"


def show_failures(results: Iterable[SceneResult]) -> None:
    """Say which scenes failed, and why."""
    failed = [result for result in results if result.error is not None]
    for result in failed[:_SHOWN]:
        _LOGGER.error("%s: %s", result.scene.name, result.error)
    if len(failed) > _SHOWN:
        _LOGGER.error("%d more scenes failed; the report has them", len(failed) - _SHOWN)


def show_plan(scenes: Iterable[Planned]) -> int:
    """Write a line for each scene; returns the exit code."""
    count = failing = 0
    for planned in scenes:
        count += 1
        failing += planned.error is not None
        if planned.error is not None:
            what = f"would fail: {' '.join(str(planned.error).split())}"
        else:
            there = "exists: kept if made of the same inputs" if planned.exists else "new"
            what = ", ".join((planned.sensor or "", planned.date or "no date", planned.model or "its own air", there))
        click.echo(f"{planned.scene.shown} -> {planned.product}: {what}")
    click.echo(f"{count} scenes, {failing} would fail; nothing was written")
    return int(failing > 0)


@contextmanager
def _messages_in_logs() -> Iterator[None]:
    """Let what is said of a scene go into its log alone: on the terminal nobody could tell of which it is."""
    logger = logging.getLogger("lst_raster")
    handlers = list(logger.handlers)
    logger.handlers[:] = [logging.NullHandler()]
    try:
        yield
    finally:
        logger.handlers[:] = handlers


def _make(folder: Path) -> None:
    from lst_raster.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}; choose another") from error
