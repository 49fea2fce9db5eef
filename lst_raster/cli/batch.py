"""The `batch` command."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import hushed_libraries, progress_bar

if TYPE_CHECKING:
    from lst_raster.batch.plan import Planned
    from lst_raster.batch.report import Report
    from lst_raster.batch.scene_lists import ListedScene
    from lst_raster.batch.task import SceneResult


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
        from lst_raster.batch.report import Report

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
        from lst_raster.atomic_write import atomic_write

        with atomic_write(self.logs / f"{result.scene.name}.log") as temporary:
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


_WHERE = (
    click.option(
        "--workers", type=click.IntRange(min=1), metavar="N",
        help="Processes of this machine, a scene each. [default: one scene after the other]",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Scheduler of a dask cluster, or its file (.json); not with --workers."
    ),
    click.option(
        "--retries", type=click.IntRange(min=0), default=2, show_default=True, metavar="N",
        help="How often a scene is tried again whose process was killed or whose server did not answer.",
    ),
    click.option("--dry-run", is_flag=True, help="Tell what would be done with each scene, and write nothing."),
    click.option(
        "--report", type=click.Path(path_type=Path), metavar="PATH",
        help="Report, .csv or .json, or without ending both. [default: DIR/report]",
    ),
)  # fmt: skip
_SEARCH = (
    click.option("--search", metavar="URL", help="STAC catalogue to search scenes in, beside those of LIST."),
    click.option("--collection", multiple=True, metavar="NAME", help="Collection to search, e.g. landsat-c2l1."),
    click.option("--bbox", type=float, nargs=4, metavar="WEST SOUTH EAST NORTH", help="Where, in degrees."),
    click.option("--datetime", metavar="RANGE", help="When: 2015-07, or 2015-06-01/2015-08-31."),
    click.option("--query", multiple=True, metavar="TEXT", help="Condition, e.g. 'eo:cloud_cover<20'. Repeatable."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Largest number of scenes found."),
    click.option(
        "--sign", metavar="MODULE:FUNCTION", help="Function that signs addresses, e.g. planetary_computer:sign."
    ),
    click.option("--alternate", metavar="NAME", help="Alternate address to take of STAC items that have it: s3."),
)


def _with(command: Any) -> Any:
    for option in reversed((*_WHERE, *_SEARCH)):
        command = option(command)
    return command


@click.command(
    "batch",
    cls=Command,
    examples="""
    lst-raster batch scenes -o products --dry-run
    lst-raster batch scenes -o products --workers 2
    # a list, on a cluster
    lst-raster batch scenes.csv -o products --scheduler tcp://head:8786
    # what a catalogue finds
    lst-raster batch --search https://landsatlook.usgs.gov/stac-server \\
      --collection landsat-c2l1 --alternate s3 --bbox -88 30 -86 31 \\
      --datetime 2015-06-01/2015-08-31 --limit 50 -o products
""",
)
@click.argument("lists", metavar="LIST...", nargs=-1, shell_complete=options.files)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    shell_complete=options.files,
    help="Folder of the products; made where it is missing.",
)
@_with
@options.retrieval
@options.as_json
def batch(
    lists: tuple[str, ...], output: str, workers: int | None, scheduler: str | None, retries: int, dry_run: bool,
    report: Path | None, quiet: bool, as_json: bool, **values: Any,
) -> int:  # fmt: skip
    """Land surface temperature of many scenes; one that fails never loses the rest.

    LIST is a folder (every scene in it and below it), a pattern in quotes, a table (.csv) with the column scene, a text
    (.txt) of one scene a line, STAC items (.json), or a scene as retrieve takes it. Products are DIR/NAME_LST.tif, with
    DIR/logs/NAME.log beside them; a product that is there and made of the same inputs is kept, so that a run that was
    stopped goes on where it was. With --workers or --scheduler --threads is 1 by default. The exit code is 1 if a scene
    failed.
    """
    from lst_raster.batch.plan import folder_of, make_tasks, plan
    from lst_raster.batch.retrieve_many import retrieve_many
    from lst_raster.batch.task import Opening

    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers and --scheduler exclude each other; give one of them")
    if values["downwelling"] is not None and not values["level_2"]:
        raise click.UsageError("--downwelling is for Level-2 products; add --level-2")
    if values["quantity"] is not None and values["level_2"]:
        raise click.UsageError("--level-2 and --quantity exclude each other; give one of them")
    scenes = _scenes(lists, values)
    opening = {name: values.pop(name) for name in ("band", "sensor", "date", "level_2", "downwelling", "quantity")}
    tasks = make_tasks(scenes, output, Opening(**opening), values)
    if dry_run:
        return show_plan([plan(task) for task in tasks], as_json)
    with ExitStack() as stack:
        client = stack.enter_context(_client(scheduler)) if scheduler is not None else None
        records = stack.enter_context(Records.begin(scenes, folder_of(output), report))
        stack.enter_context(hushed_libraries())
        progress = stack.enter_context(progress_bar("Scenes", quiet=quiet))
        results = retrieve_many(
            scenes, out=output, client=client, workers=workers, retries=retries, progress=progress,
            on_result=records.add, **opening, **values,
        )  # fmt: skip
    show_failures(results)
    show({**records.report.as_dict(), "report": records.report.paths}, [records.summary(output)], as_json)
    return int(any(result.error is not None for result in results))


def _scenes(lists: tuple[str, ...], values: dict[str, Any]) -> list[ListedScene]:
    """Read the lists, and search."""
    from lst_raster.batch.read_lists import read_scene_list
    from lst_raster.batch.stac_lists import search_scenes

    url, where = values.pop("search"), {name: values.pop(name) for name in ("bbox", "datetime", "query", "limit")}
    collections, sign = values.pop("collection"), _function(values.pop("sign"))
    shared = {"band": values["band"], "level_2": values["level_2"], "alternate": values.pop("alternate"), "sign": sign}
    if url is None and (collections or any(where.values())):
        raise click.UsageError("--collection, --bbox, --datetime, --query and --limit are for --search URL")
    if url is None and not lists:
        raise click.UsageError("give a LIST of scenes, or --search URL")
    if url is not None and not collections:
        raise click.UsageError("--search needs --collection, such as landsat-c2l1")
    scenes = read_scene_list(lists, **shared)
    return scenes + (search_scenes(url, collections=collections, **where, **shared) if url is not None else [])


def _function(text: str | None) -> Callable[[str], str] | None:
    """Import the function that signs addresses."""
    if text is None:
        return None
    module, _, name = text.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"--sign {text}: {error}; give MODULE:FUNCTION that Python can import") from None
    if not callable(found):
        raise click.UsageError(f"--sign {text} is no function; give MODULE:FUNCTION")
    signing: Callable[[str], str] = found
    return signing


def _client(scheduler: str) -> Any:
    """Speak to a scheduler of dask."""
    from lst_raster.errors import RemoteError
    from lst_raster.resources import require

    distributed = require("distributed", "dask")
    is_file = Path(scheduler).is_file()
    try:
        return distributed.Client(**{"scheduler_file" if is_file else "address": scheduler}, set_as_default=False)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise RemoteError(f"the scheduler {scheduler} does not answer ({said}); check its address") from None
