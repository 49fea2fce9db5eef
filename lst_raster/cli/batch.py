"""`lst-raster batch`."""

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
from lst_raster.cli.progress import progress_bar, silent_c_libraries

if TYPE_CHECKING:
    from lst_raster.batch.report import Report
    from lst_raster.batch.scene_lists import ListedScene
    from lst_raster.batch.task import Planned, SceneResult

_LOGGER = logging.getLogger(__name__)
_SHOWN = 20  # failures on standard error; the report has all

_execution = options.combine(
    click.option(
        "--workers", type=click.IntRange(min=1), metavar="N",
        help="Processes on this machine, one scene each. [default: one scene at a time]",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Scheduler of a dask cluster, or its file (.json); not with --workers."
    ),
    click.option(
        "--retries", type=click.IntRange(min=0), default=2, show_default=True, metavar="N",
        help="Further attempts at a scene if its process was killed or its server did not answer.",
    ),
    click.option("--dry-run", is_flag=True, help="List the scenes and what would be done with each; write nothing."),
    click.option(
        "--report", type=click.Path(path_type=Path), metavar="PATH",
        help="Report, .csv or .json, or without extension both. [default: DIR/report]",
    ),
)  # fmt: skip
_search = options.combine(
    click.option("--search", metavar="URL", help="STAC API to search for scenes, in addition to those of LIST."),
    click.option("--collection", multiple=True, metavar="NAME", help="Collection to search, such as landsat-c2l1."),
    click.option("--bbox", type=float, nargs=4, metavar="WEST SOUTH EAST NORTH", help="Search area, in degrees."),
    click.option("--datetime", metavar="RANGE", help="Search dates: 2015-07, or 2015-06-01/2015-08-31."),
    click.option("--query", multiple=True, metavar="TEXT", help="Condition: 'eo:cloud_cover<20'. Repeatable."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Maximum number of scenes found."),
    click.option("--sign", metavar="MODULE:FUNCTION", help="Function that signs URLs: planetary_computer:sign."),
    click.option("--alternate", metavar="NAME", help="Alternate address of STAC items to prefer, such as s3."),
)


@click.command("batch", cls=Command)
@click.argument("lists", metavar="LIST...", nargs=-1, shell_complete=options.files)
@click.option(
    "-o", "--output", required=True, metavar="DIR", shell_complete=options.files,
    help="Folder of the products; created if missing.",
)  # fmt: skip
@_execution
@_search
@options.retrieval
@options.as_json
def batch(
    lists: tuple[str, ...], output: str, workers: int | None, scheduler: str | None, retries: int, dry_run: bool,
    report: Path | None, quiet: bool, as_json: bool, **values: Any,
) -> int:  # fmt: skip
    r"""Retrieve the land surface temperature of many scenes; a scene that fails does not stop the others.

    LIST is a folder (every scene in it and below it), a pattern in quotes, a table (.csv) with the column scene, a text
    file (.txt) with one scene per line, STAC items (.json), or a scene as retrieve takes it. Products are
    DIR/NAME_LST.tif, logs DIR/logs/NAME.log. An existing product of the same inputs is kept, so a run that was stopped
    can be continued. With --workers or --scheduler, --threads is 1 by default. The exit code is 1 if a scene failed.

    Examples
    --------
    lst-raster batch scenes -o products --dry-run
    lst-raster batch scenes -o products --workers 2
    # a list, on a cluster
    lst-raster batch scenes.csv -o products --scheduler tcp://head:8786
    # the results of a search
    lst-raster batch --search https://landsatlook.usgs.gov/stac-server \
      --collection landsat-c2l1 --alternate s3 --bbox -88 30 -86 31 \
      --datetime 2015-06-01/2015-08-31 --limit 50 -o products
    """
    from lst_raster.batch.retrieve_many import retrieve_many
    from lst_raster.batch.task import Opening, folder_of, make_tasks, plan

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
        return _show_plan([plan(task) for task in tasks], as_json)
    with ExitStack() as stack:
        client = stack.enter_context(_client(scheduler)) if scheduler is not None else None
        records = stack.enter_context(Records.begin(scenes, folder_of(output), report))
        stack.enter_context(silent_c_libraries())
        progress = stack.enter_context(progress_bar("Scenes", quiet=quiet))
        results = retrieve_many(
            scenes, out=output, client=client, workers=workers, retries=retries, progress=progress,
            on_result=records.add, **opening, **values,
        )  # fmt: skip
    failed = [result for result in results if result.error is not None]
    for result in failed[:_SHOWN]:
        _LOGGER.error("%s: %s", result.scene.name, result.error)
    if len(failed) > _SHOWN:
        _LOGGER.error("%d more scenes failed; the report lists them", len(failed) - _SHOWN)
    show({**records.report.as_dict(), "report": records.report.paths}, [records.summary(output)], as_json)
    return int(bool(failed))


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The report and the logs of a batch."""

    report: Report
    logs: Path  # folder

    @classmethod
    @contextmanager
    def begin(cls, scenes: Sequence[ListedScene], folder: Path | None, report: Path | None) -> Iterator[Self]:
        """Begin the records in the folder of the products, or in the current one if those go to an object store.

        The report is complete however the batch ends; `report` is another path for it.
        """
        from lst_raster.batch.report import Report
        from lst_raster.errors import OutputError

        parent = folder if folder is not None else Path()
        records = cls(report=Report(scenes, report or parent / "report"), logs=parent / "logs")
        try:
            records.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot make the folder {records.logs}: {reason}; choose another") from error
        records.report.write()
        with _messages_in_logs_only():
            try:
                yield records
            finally:
                records.report.write()

    def add(self, result: SceneResult) -> None:
        """Write the log of a scene, and add its line to the report."""
        from lst_raster.atomic_write import atomic_write

        with atomic_write(self.logs / f"{result.scene.name}.log") as temporary:
            temporary.write_text(result.log, encoding="utf-8")
        self.report.add(result)

    def summary(self, output: str) -> str:
        """Numbers of products made, kept and failed, in one line."""
        counts = self.report.counts
        made = counts.get("ok", 0) + counts.get("kept", 0)
        kept = f" ({counts['kept']} of them kept)" if "kept" in counts else ""
        failed = f", {counts['failed']} failed" if "failed" in counts else ""
        return f"{made} products in {output}{kept}{failed}; report: {self.report.paths[0]}"


@contextmanager
def _messages_in_logs_only() -> Iterator[None]:
    """Keep messages on scenes off the terminal, where they do not show to which scene they belong."""
    logger = logging.getLogger("lst_raster")
    handlers = list(logger.handlers)
    logger.handlers[:] = [logging.NullHandler()]
    try:
        yield
    finally:
        logger.handlers[:] = handlers


def _show_plan(scenes: Iterable[Planned], as_json: bool) -> int:
    """Write what would be done with each scene; returns the exit code."""
    entries, lines = [], []
    for planned in scenes:
        error = None if planned.error is None else " ".join(str(planned.error).split())
        plain = {name: getattr(planned, name) for name in ("product", "exists", "sensor", "date", "model")}
        entries.append({"scene": planned.scene.shown, **plain, "error": error})
        state = "exists: kept if made of the same inputs" if planned.exists else "new"
        model = planned.model or "atmosphere of the product"
        text = (
            f"would fail: {error}"
            if error
            else ", ".join((planned.sensor or "", planned.date or "no date", model, state))
        )
        lines.append(f"{planned.scene.shown} -> {planned.product}: {text}")
    failing = sum(entry["error"] is not None for entry in entries)
    lines.append(f"{len(entries)} scenes, {failing} would fail; nothing was written")
    show({"scenes": entries, "would_fail": failing}, lines, as_json)
    return int(failing > 0)


def _scenes(lists: tuple[str, ...], values: dict[str, Any]) -> list[ListedScene]:
    """Read the lists, and search; removes the options of the search from `values`."""
    from lst_raster.batch.read_lists import read_scene_list, search_scenes

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
    """Import the function that signs URLs."""
    if text is None:
        return None
    module, _, name = text.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"--sign {text}: {error}; give MODULE:FUNCTION that Python can import") from None
    if not callable(found):
        raise click.UsageError(f"--sign {text} is not a function; give MODULE:FUNCTION")
    signing: Callable[[str], str] = found
    return signing


def _client(scheduler: str) -> Any:
    """Connect to a dask scheduler."""
    from lst_raster.errors import RemoteError
    from lst_raster.resources import require

    distributed = require("distributed", "dask")
    is_file = Path(scheduler).is_file()
    try:
        return distributed.Client(**{"scheduler_file" if is_file else "address": scheduler}, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RemoteError(f"the scheduler {scheduler} does not answer ({reason}); check its address") from None
