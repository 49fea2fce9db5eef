"""What a batch leaves beside its products, and says: report, logs, failures, plans."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lst_raster.cli.results import show

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


def show_plan(scenes: Sequence[Planned], as_json: bool) -> int:
    """Write what would be done with each scene; returns the exit code."""
    failing = sum(planned.error is not None for planned in scenes)
    end = f"{len(scenes)} scenes, {failing} would fail; nothing was written"
    found = {"scenes": [_entry(planned) for planned in scenes], "would_fail": failing}
    show(found, [*map(_line, scenes), end], as_json)
    return int(failing > 0)


def _entry(planned: Planned) -> dict[str, Any]:
    plain = {name: getattr(planned, name) for name in ("product", "exists", "sensor", "date", "model")}
    return {"scene": planned.scene.shown, **plain, "error": _said(planned.error)}


def _line(planned: Planned) -> str:
    if planned.error is not None:
        what = f"would fail: {_said(planned.error)}"
    else:
        there = "exists: kept if made of the same inputs" if planned.exists else "new"
        what = ", ".join((planned.sensor or "", planned.date or "no date", planned.model or "its own air", there))
    return f"{planned.scene.shown} -> {planned.product}: {what}"


def _said(error: Exception | None) -> str | None:
    return None if error is None else " ".join(str(error).split())


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
